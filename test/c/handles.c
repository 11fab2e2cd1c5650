/* Values that are no handle, were one, or are one of another role; and handles that are freed under a call.
 *
 *     handles             everything
 *     handles ROUNDS      everything, with fewer rounds than a million: for Wine, where a call takes far longer
 *     handles unguarded   the rounds without the quarantine, which must end with status 3: the test can fail */
#include "calls.h"

enum { ALIASED = 3, LIVE = 2 /* handles that live throughout: the two of calls.h */ };

/* ---- what is no handle ---- */

/* No function takes h for a handle, and none writes anything. */
static void check_refused(const char *what, uintptr_t h)
{
    int i;

    for (i = 0; i < LENGTH(calls); i++)
        if (h != 0 || calls[i].takes != ANY)
            check_call(i, h, OBE_E_HANDLE, what);
    CHECK_STATUS(OBE_E_HANDLE, 0, obe_test_panic(h));
}

static void junk(void)
{
    static const uintptr_t small[] = {0, 1, 2, 3, 7, 4095, 4096, 61981};
    obe_socket server = new_server(), client = new_client(port_of(server));
    char stack;
    char *heap = malloc(1);
    int i;

    CHECK(heap != NULL);
    for (i = 0; i < LENGTH(small); i++)
        check_refused("a small number", small[i]);
    for (i = 1; i < 16; i++) {
        check_refused("a handle and something", server + (uintptr_t)i);
        check_refused("a handle less something", client - (uintptr_t)i);
    }
    check_refused("a handle with its bits turned", ~client);
    check_refused("the largest number", UINTPTR_MAX);
    check_refused("the largest number but one", UINTPTR_MAX - 1);
    check_refused("the highest bit", ~(UINTPTR_MAX >> 1));
    check_refused("a stack address", (uintptr_t)&stack);
    check_refused("a heap address", (uintptr_t)heap);
    check_refused("an address of the program", (uintptr_t)calls);
    check_refused("an address where Go keeps its heap", (uintptr_t)0xC000000000);
    free(heap);
    CHECK_STATUS(OBE_E_HANDLE, 0, obe_free(4095));
    CHECK_SAYS(0, "free: not a live handle: 0xfff");
    /* Not a byte was sent on the way. */
    CHECK_EQUAL(0, stat_of(calls_client, "connections_opened"));

    CHECK_OK(0, obe_free(0));
    CHECK_EQUAL(LIVE + 2, obe_test_live());
    CHECK_OK(client, obe_free(client));
    CHECK_OK(server, obe_free(server));
    CHECK_EQUAL(LIVE, obe_test_live());
}

static void stale(void)
{
    obe_socket server = new_server(), client = new_client(port_of(server)), others[8];
    obe_message message = 0;
    int i;

    CHECK_OK(0, obe_command_new("ready", &message));
    CHECK_OK(client, obe_free(client));
    check_refused("a freed client", client);
    CHECK_OK(server, obe_free(server));
    check_refused("a freed server", server);
    CHECK_OK(message, obe_free(message));
    check_refused("a freed message", message);
    CHECK_STATUS(OBE_E_HANDLE, 0, obe_free(server));
    CHECK_SAYS(0, "was freed");
    for (i = 0; i < LENGTH(others); i++)
        others[i] = new_client(1);
    check_refused("a freed client, with others about", client);
    check_refused("a freed server, with clients about", server);
    check_refused("a freed message, with clients about", message);
    for (i = 0; i < LENGTH(others); i++)
        CHECK_OK(others[i], obe_free(others[i]));
    CHECK_EQUAL(LIVE, obe_test_live());
}

/* A message is no socket and a socket no message; a client is no server and a server no client. */
static void wrong_kind(void)
{
    obe_socket server = new_server(), client = new_client(port_of(server));
    char text[64];
    int64_t length;
    int i;

    for (i = 0; i < LENGTH(calls); i++) {
        switch (calls[i].takes) {
        case MESSAGE:
            check_call(i, client, OBE_E_HANDLE, "a client");
            check_call(i, server, OBE_E_HANDLE, "a server");
            break;
        case CLIENT:
            check_call(i, calls_message, OBE_E_HANDLE, "a message");
            check_call(i, server, OBE_E_STATE, "a server");
            CHECK_SAYS(server, "not for a server");
            break;
        case SERVER:
            check_call(i, calls_message, OBE_E_HANDLE, "a message");
            check_call(i, client, OBE_E_STATE, "a client");
            CHECK_SAYS(client, "not for a client");
            break;
        case EITHER:
            check_call(i, calls_message, OBE_E_HANDLE, "a message");
            break;
        case ANY:
            break;
        }
    }
    /* A document that no server received has nobody to be sent to. */
    CHECK_STATUS(OBE_E_STATE, calls_message, obe_reply(calls_message, "1", -1, 0));
    CHECK_STATUS(OBE_E_STATE, calls_message, obe_reply_message(calls_message, calls_message, 0));
    CHECK_STATUS(OBE_E_HANDLE, calls_client, obe_newrun(calls_client, server, 0));
    CHECK_EQUAL(0, stat_of(client, "connections_opened") + stat_of(calls_client, "connections_opened"));
    CHECK_OK(calls_message, obe_get_json(calls_message, "", text, sizeof text, &length));
    CHECK(strcmp(text, "{\"command\": \"optset\"}") == 0);
    CHECK_OK(client, obe_free(client));
    CHECK_OK(server, obe_free(server));
}

/* Every handle is its own object, however many there are. */
static void many(void)
{
    enum { MANY = 10000 };
    static obe_socket clients[MANY];
    char text[32], got[32];
    int64_t length;
    int i;

    for (i = 0; i < MANY; i++) {
        clients[i] = new_client(1 + i);
        snprintf(text, sizeof text, "%d", i);
        CHECK_OK(clients[i], obe_set_option(clients[i], "timeout_ms", text));
    }
    CHECK_EQUAL(LIVE + MANY, obe_test_live());
    for (i = 0; i < MANY; i++) {
        snprintf(text, sizeof text, "%d", i);
        CHECK_OK(clients[i], obe_get_option(clients[i], "timeout_ms", got, sizeof got, &length));
        CHECK(strcmp(got, text) == 0);
        CHECK_OK(clients[i], obe_free(clients[i]));
    }
    CHECK_EQUAL(LIVE, obe_test_live());
}

/* ---- many threads free one handle ---- */

enum { FREERS = 8 };

static struct {
    pthread_barrier_t ready;
    uintptr_t handle;
    int freed; /* atomic */
} contest;

static void *contend(void *rounds)
{
    int i;

    for (i = 0; i < *(int *)rounds; i++) {
        obe_status status;

        pthread_barrier_wait(&contest.ready);
        status = obe_free(contest.handle);
        CHECK(status == OBE_OK || status == OBE_E_HANDLE);
        if (status == OBE_OK)
            __atomic_add_fetch(&contest.freed, 1, __ATOMIC_RELAXED);
        pthread_barrier_wait(&contest.ready);
    }
    return NULL;
}

static void double_free(void)
{
    int rounds = 500, i;
    pthread_t threads[FREERS];

    CHECK(pthread_barrier_init(&contest.ready, NULL, FREERS + 1) == 0);
    for (i = 0; i < FREERS; i++)
        threads[i] = start_thread(contend, &rounds);
    for (i = 0; i < rounds; i++) {
        if (i % 3 == 2)
            CHECK_OK(0, obe_command_new("done", &contest.handle));
        else
            contest.handle = i % 3 ? new_server() : new_client(1);
        contest.freed = 0;
        pthread_barrier_wait(&contest.ready);
        pthread_barrier_wait(&contest.ready);
        CHECK_EQUAL(1, contest.freed);
        CHECK_EQUAL(LIVE, obe_test_live());
    }
    for (i = 0; i < FREERS; i++)
        join_thread(threads[i]);
    CHECK(pthread_barrier_destroy(&contest.ready) == 0);
}

/* ---- a free under a blocked call ---- */

enum { BLOCKED = 16 };

static obe_status receive_forever(uintptr_t h)
{
    char buffer[64];
    int64_t length;

    return obe_receive(h, buffer, sizeof buffer, &length, OBE_FOREVER);
}

static obe_status tcmd_forever(uintptr_t h)
{
    char buffer[64];
    int64_t length;

    return obe_tcmd(h, "{\"command\": \"optset\"}", -1, buffer, sizeof buffer, &length, OBE_FOREVER);
}

static obe_status wait_ready_forever(uintptr_t h) { return obe_wait_ready(h, OBE_FOREVER); }

static obe_status serve_forever(uintptr_t h) { return obe_serve(h, calls_handler, NULL); }

static obe_status receive_message_forever(uintptr_t h)
{
    obe_message message;

    return obe_receive_message(h, &message, OBE_FOREVER);
}

static obe_status optset_forever(uintptr_t h)
{
    double setting[4];
    int64_t count;

    return obe_optset(h, setting, 4, &count, OBE_FOREVER);
}

/* A message that no socket buffer holds. */
static obe_status send_forever(uintptr_t h)
{
    static char text[32 << 20];

    memset(text, ' ', sizeof text);
    text[0] = '1';
    return obe_send(h, text, sizeof text, OBE_FOREVER);
}

/* All calls that are blocked on handle end at once when it is freed. */
static void check_free_wakes(obe_status (*call)(uintptr_t), uintptr_t handle, int calls)
{
    static struct caller callers[BLOCKED];
    int64_t freed;
    int i;

    for (i = 0; i < calls; i++)
        caller_start(&callers[i], call, handle);
    freed = now_ms();
    CHECK_OK(handle, obe_free(handle));
    CHECK(now_ms() - freed < SOON);
    for (i = 0; i < calls; i++) {
        CHECK_STATUS(OBE_E_CLOSED, 0, caller_join(&callers[i]));
        CHECK(callers[i].returned - freed < SOON);
    }
    check_refused("a handle freed under a call", handle);
    CHECK_EQUAL(LIVE, obe_test_live());
}

static void free_wakes(void)
{
    int32_t silent_port, dead_port;
    int silent = raw_listen(&silent_port, 8), dead = raw_bind(&dead_port);
    obe_socket client;

    check_free_wakes(receive_forever, new_server(), BLOCKED);
    check_free_wakes(receive_message_forever, new_server(), 4);
    check_free_wakes(serve_forever, new_server(), 4);
    client = new_client(silent_port);
    CHECK_OK(client, obe_send(client, "1", -1, PATIENCE));
    check_free_wakes(receive_forever, client, BLOCKED);
    check_free_wakes(tcmd_forever, new_client(silent_port), BLOCKED);
    check_free_wakes(optset_forever, new_client(silent_port), 4);
    check_free_wakes(wait_ready_forever, new_client(dead_port), BLOCKED);
    check_free_wakes(send_forever, new_client(silent_port), 2);
    socket_close(silent);
    socket_close(dead);
}

/* A freed server gives its clients time to close first, and its caller does not wait for that. */
static void free_does_not_wait(void)
{
    enum { TRIES = 5, AT_ONCE = 300 };
    int64_t best = INT64_MAX, length;
    int i;

    for (i = 0; i < TRIES && best >= AT_ONCE; i++) {
        obe_socket server = new_server();
        int32_t port = port_of(server);
        int idle = raw_connect(port), waiting = raw_connect(port);
        char text[8];
        int64_t start;

        raw_say(waiting, "00000000011");
        CHECK_OK(server, obe_receive(server, text, sizeof text, &length, PATIENCE));
        start = now_ms();
        CHECK_OK(server, obe_free(server));
        if (now_ms() - start < best)
            best = now_ms() - start;
        CHECK(raw_ended(waiting));
        CHECK(raw_ended(idle));
        socket_close(idle);
        socket_close(waiting);
    }
    CHECK(best < AT_ONCE);
}

/* ---- many rounds ---- */

static int many_rounds = 1000000;

/* Each round makes a handle and frees it, and asks in between whether a freed one, the last and any of the last 4000,
 * is taken for the live one. */
static void rounds(void)
{
    enum { REMEMBERED = 4000 };
    static obe_socket freed[REMEMBERED];
    uint64_t dice = 88172645463325252u;
    int i;

    for (i = 0; i < many_rounds; i++) {
        obe_socket client = 0, last = freed[(i + REMEMBERED - 1) % REMEMBERED];
        obe_socket some = freed[random_next(&dice) % REMEMBERED];
        int64_t value;

        CHECK_OK(0, obe_client_new(NULL, 1, &client));
        if (i > 0 && obe_get_stat(last, "evicted", &value) != OBE_E_HANDLE)
            exit(ALIASED);
        if (some && obe_get_stat(some, "evicted", &value) != OBE_E_HANDLE)
            exit(ALIASED);
        CHECK_OK(client, obe_free(client));
        freed[i % REMEMBERED] = client;
    }
    CHECK_EQUAL(LIVE, obe_test_live());
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "unguarded") == 0) {
        obe_test_quarantine(0);
        RUN(rounds);
        return 0;
    }
    if (argc > 1)
        many_rounds = atoi(argv[1]);
    CHECK(many_rounds > 0);
    calls_client = new_client(1);
    CHECK_OK(0, obe_command_new("optset", &calls_message));
    RUN(junk);
    RUN(stale);
    RUN(wrong_kind);
    RUN(many);
    RUN(double_free);
    RUN(free_wakes);
    RUN(free_does_not_wait);
    RUN(rounds);
    return 0;
}
