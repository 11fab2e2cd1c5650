/* Values that are not a handle, freed handles, handles of the wrong kind or role, and handles that another thread frees
 * during a call.
 *
 *     handles             all tests
 *     handles ROUNDS      all tests, with fewer rounds than a million: for Wine, where a call takes far longer
 *     handles unguarded   the rounds without the quarantine, which must exit with status 3: this shows that the test
 *                         can fail */
#include "calls.h"

enum { ALIASED = 3, LIVE = 2 /* the two handles of calls.h are always live */ };

/* ---- values that are not a handle ---- */

/* Every function refuses h and writes nothing. */
static void check_refused(const char *what, void *h)
{
    int i;

    for (i = 0; i < LENGTH(calls); i++)
        if (h != NULL || !accepts_null(i))
            check_call(i, h, OBE_E_HANDLE, what);
    CHECK_STATUS(OBE_E_HANDLE, 0, obe_test_panic(h));
}

static void numbers(void)
{
    static const uintptr_t small[] = {0, 1, 2, 3, 7, 4095, 4096, 61981};
    obe_socket server = new_server(), client = new_client(port_of(server));
    char stack;
    char *heap = malloc(1);
    int i;

    CHECK(heap != NULL);
    for (i = 0; i < LENGTH(small); i++)
        check_refused("a small number", NUMBER_AS_HANDLE(small[i]));
    for (i = 1; i < 16; i++) {
        check_refused("a number a little above a handle", NUMBER_AS_HANDLE((uintptr_t)server + (uintptr_t)i));
        check_refused("a number a little below a handle", NUMBER_AS_HANDLE((uintptr_t)client - (uintptr_t)i));
    }
    check_refused("a handle with its bits inverted", NUMBER_AS_HANDLE(~(uintptr_t)client));
    check_refused("the largest number", NUMBER_AS_HANDLE(UINTPTR_MAX));
    check_refused("the largest number but one", NUMBER_AS_HANDLE(UINTPTR_MAX - 1));
    check_refused("the highest bit", NUMBER_AS_HANDLE(~(UINTPTR_MAX >> 1)));
    check_refused("a stack address", &stack);
    check_refused("a heap address", heap);
    check_refused("an address of the program", (void *)(uintptr_t)calls);
    check_refused("an address where Go keeps its heap", NUMBER_AS_HANDLE(0xC000000000));
    free(heap);
    CHECK_STATUS(OBE_E_HANDLE, 0, obe_free(NUMBER_AS_HANDLE(4095)));
    CHECK_ERROR(0, "free: ");
    CHECK_ERROR(0, " handle: 0xfff");
    CHECK_STATUS(OBE_E_HANDLE, 0, obe_message_free(NUMBER_AS_HANDLE(4095)));
    CHECK_ERROR(0, "message_free: ");
    CHECK_ERROR(0, " handle: 0xfff");
    /* Nothing was sent. */
    CHECK_EQUAL(0, stat_of(calls_client, OBE_STAT_CONNECTIONS_OPENED));

    CHECK_OK(0, obe_free(NULL));
    CHECK_OK(0, obe_message_free(NULL));
    CHECK_EQUAL(LIVE + 2, obe_test_live());
    CHECK_OK(client, obe_free(client));
    CHECK_OK(server, obe_free(server));
    CHECK_EQUAL(LIVE, obe_test_live());
}

static void freed_handles(void)
{
    obe_socket server = new_server(), client = new_client(port_of(server)), others[8];
    obe_message message = 0;
    int i;

    CHECK_OK(0, obe_command_new("ready", &message));
    CHECK_OK(client, obe_free(client));
    check_refused("a freed client", client);
    CHECK_OK(server, obe_free(server));
    check_refused("a freed server", server);
    CHECK_OK(message, obe_message_free(message));
    check_refused("a freed message", message);
    CHECK_STATUS(OBE_E_HANDLE, 0, obe_free(server));
    CHECK_ERROR(0, "was freed");
    CHECK_STATUS(OBE_E_HANDLE, 0, obe_message_free(message));
    CHECK_ERROR(0, "was freed");
    for (i = 0; i < LENGTH(others); i++)
        others[i] = new_client(1);
    check_refused("a freed client, after other handles were created", client);
    check_refused("a freed server, after clients were created", server);
    check_refused("a freed message, after clients were created", message);
    for (i = 0; i < LENGTH(others); i++)
        CHECK_OK(others[i], obe_free(others[i]));
    CHECK_EQUAL(LIVE, obe_test_live());
}

/* A message instead of a socket and the reverse; a client instead of a server and the reverse. */
static void wrong_kind(void)
{
    obe_socket server = new_server(), client = new_client(port_of(server));
    char text[64];
    int64_t length;
    int i;

    for (i = 0; i < LENGTH(calls); i++) {
        switch (calls[i].kind) {
        case MESSAGE:
            check_call(i, client, OBE_E_HANDLE, "a client");
            check_call(i, server, OBE_E_HANDLE, "a server");
            break;
        case CLIENT:
            check_call(i, calls_message, OBE_E_HANDLE, "a message");
            check_call(i, server, OBE_E_STATE, "a server");
            CHECK_ERROR(server, "not for a server");
            break;
        case SERVER:
            check_call(i, calls_message, OBE_E_HANDLE, "a message");
            check_call(i, client, OBE_E_STATE, "a client");
            CHECK_ERROR(client, "not for a client");
            break;
        case ANY_SOCKET: check_call(i, calls_message, OBE_E_HANDLE, "a message"); break;
        case ANY_HANDLE: break;
        }
    }
    /* A message that no server received has no client to reply to. */
    CHECK_STATUS(OBE_E_STATE, calls_message, obe_reply(calls_message, "1", -1, 0));
    CHECK_STATUS(OBE_E_STATE, calls_message, obe_reply_message(calls_message, calls_message, 0));
    CHECK_STATUS(OBE_E_HANDLE, calls_client, obe_newrun(calls_client, (obe_message)server, 0));
    CHECK_EQUAL(0, stat_of(client, OBE_STAT_CONNECTIONS_OPENED) + stat_of(calls_client, OBE_STAT_CONNECTIONS_OPENED));
    CHECK_OK(calls_message, obe_get_json(calls_message, "", text, sizeof text, &length));
    CHECK(strcmp(text, "{\"command\": \"optset\"}") == 0);
    CHECK_OK(client, obe_free(client));
    CHECK_OK(server, obe_free(server));
}

/* The last error of handle, and the last one without a handle, contains both parts. */
static void check_both_errors(const void *handle, const char *function, const char *reason)
{
    CHECK_ERROR(handle, function);
    CHECK_ERROR(handle, reason);
    CHECK_ERROR(NULL, function);
    CHECK_ERROR(NULL, reason);
}

/* The error message for a handle of the wrong kind names its kind. It is recorded on that handle and without a handle. */
static void wrong_kind_is_named(void)
{
    obe_socket server = new_server(), client = new_client(port_of(server));
    obe_message message = 0, reply = 0;
    int64_t number;
    int32_t type;

    CHECK_OK(0, obe_command_new("ready", &message));
    CHECK_STATUS(OBE_E_HANDLE, client, obe_get_type((obe_message)client, "", &type));
    check_both_errors(client, "get_type: ", "this is a client, not a message");
    CHECK_STATUS(OBE_E_HANDLE, server, obe_reply((obe_message)server, "1", -1, 0));
    check_both_errors(server, "reply: ", "this is a server, not a message");
    CHECK_STATUS(OBE_E_HANDLE, message, obe_send((obe_socket)message, "1", -1, 0));
    check_both_errors(message, "send: ", "this is a message, not a ");
    CHECK_STATUS(OBE_E_HANDLE, message, obe_get_stat((obe_socket)message, OBE_STAT_EVICTED, &number));
    check_both_errors(message, "get_stat: ", "this is a message, not a ");
    CHECK_STATUS(OBE_E_HANDLE, client, obe_query(client, "newrun", (obe_message)server, &reply, 0));
    CHECK_ERROR(client, "this is a server, not a message");
    CHECK(reply == NULL);
    CHECK_OK(message, obe_message_free(message));
    CHECK_OK(client, obe_free(client));
    CHECK_OK(server, obe_free(server));
}

/* A handle that is passed to the free function of the other kind stays live. */
static void wrong_free(void)
{
    obe_socket sockets[2];
    obe_message message = 0;
    char text[64];
    int64_t length;
    int i;

    sockets[0] = new_server();
    sockets[1] = new_client(port_of(sockets[0]));
    CHECK_OK(0, obe_command_new("ready", &message));
    CHECK_STATUS(OBE_E_HANDLE, message, obe_free((obe_socket)message));
    CHECK_OK(message, obe_get_json(message, "", text, sizeof text, &length));
    CHECK(strcmp(text, "{\"command\": \"ready\"}") == 0);
    for (i = 0; i < LENGTH(sockets); i++) {
        CHECK_STATUS(OBE_E_HANDLE, sockets[i], obe_message_free((obe_message)sockets[i]));
        CHECK_EQUAL(0, stat_of(sockets[i], OBE_STAT_MESSAGES_SENT));
    }
    CHECK_OK(sockets[1], obe_send_message(sockets[1], message, TEST_TIMEOUT));
    CHECK_OK(sockets[0], obe_receive(sockets[0], text, sizeof text, &length, TEST_TIMEOUT));
    CHECK_EQUAL(LIVE + 3, obe_test_live());
    CHECK_OK(message, obe_message_free(message));
    for (i = 0; i < LENGTH(sockets); i++)
        CHECK_OK(sockets[i], obe_free(sockets[i]));
    CHECK_EQUAL(LIVE, obe_test_live());
}

/* Each of many handles refers to its own object. */
static void many_handles(void)
{
    enum { MANY = 10000 };
    static obe_socket clients[MANY];
    char text[32], got[32];
    int64_t length;
    int i;

    for (i = 0; i < MANY; i++) {
        clients[i] = new_client(1 + i);
        snprintf(text, sizeof text, "%d", i);
        CHECK_OK(clients[i], obe_set_option(clients[i], OBE_OPT_TIMEOUT_MS, text));
    }
    CHECK_EQUAL(LIVE + MANY, obe_test_live());
    for (i = 0; i < MANY; i++) {
        snprintf(text, sizeof text, "%d", i);
        CHECK_OK(clients[i], obe_get_option(clients[i], OBE_OPT_TIMEOUT_MS, got, sizeof got, &length));
        CHECK(strcmp(got, text) == 0);
        CHECK_OK(clients[i], obe_free(clients[i]));
    }
    CHECK_EQUAL(LIVE, obe_test_live());
}

/* ---- many threads free one handle ---- */

enum { FREERS = 8 };

static struct {
    pthread_barrier_t ready;
    obe_socket socket; /* NULL: message is the handle that is freed */
    obe_message message;
    int freed; /* atomic */
} contest;

static void *contend(void *rounds)
{
    int i;

    for (i = 0; i < *(int *)rounds; i++) {
        obe_status status;

        pthread_barrier_wait(&contest.ready);
        status = contest.socket ? obe_free(contest.socket) : obe_message_free(contest.message);
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
        contest.socket = 0;
        if (i % 3 == 2)
            CHECK_OK(0, obe_command_new("done", &contest.message));
        else
            contest.socket = i % 3 ? new_server() : new_client(1);
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

/* ---- a free during a blocked call ---- */

enum { BLOCKED = 16 };

static obe_status receive_forever(void *h)
{
    char buffer[64];
    int64_t length;

    return obe_receive(h, buffer, sizeof buffer, &length, OBE_FOREVER);
}

static obe_status tcmd_forever(void *h)
{
    char buffer[64];
    int64_t length;

    return obe_tcmd(h, "{\"command\": \"optset\"}", -1, buffer, sizeof buffer, &length, OBE_FOREVER);
}

static obe_status wait_ready_forever(void *h) { return obe_wait_ready(h, OBE_FOREVER); }

static obe_status serve_forever(void *h) { return obe_serve(h, calls_handler, NULL, NULL); }

static obe_status receive_message_forever(void *h)
{
    obe_message message;

    return obe_receive_message(h, &message, OBE_FOREVER);
}

static obe_status optset_forever(void *h)
{
    double setting[4];
    int64_t count;

    return obe_optset(h, setting, 4, &count, OBE_FOREVER);
}

/* A message that is larger than the socket buffers. */
static obe_status send_forever(void *h)
{
    static char text[32 << 20];

    memset(text, ' ', sizeof text);
    text[0] = '1';
    return obe_send(h, text, sizeof text, OBE_FOREVER);
}

/* All calls that are blocked on handle return at once when it is freed. */
static void check_free_wakes(obe_status (*call)(void *), obe_socket handle, int calls)
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
    check_refused("a handle that was freed during a call", handle);
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
    CHECK_OK(client, obe_send(client, "1", -1, TEST_TIMEOUT));
    check_free_wakes(receive_forever, client, BLOCKED);
    check_free_wakes(tcmd_forever, new_client(silent_port), BLOCKED);
    check_free_wakes(optset_forever, new_client(silent_port), 4);
    check_free_wakes(wait_ready_forever, new_client(dead_port), BLOCKED);
    check_free_wakes(send_forever, new_client(silent_port), 2);
    socket_close(silent);
    socket_close(dead);
}

/* A freed server waits in the background for its clients to close first. obe_free returns before. */
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

        raw_write_text(waiting, "00000000011");
        CHECK_OK(server, obe_receive(server, text, sizeof text, &length, TEST_TIMEOUT));
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

/* Each round creates a handle and frees it. In between, two freed handles (the last one, and one of the last 4000) must be
 * refused. If the value of one was reused for the live handle, it would be accepted. */
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
        if (i > 0 && obe_get_stat(last, OBE_STAT_EVICTED, &value) != OBE_E_HANDLE)
            exit(ALIASED);
        if (some && obe_get_stat(some, OBE_STAT_EVICTED, &value) != OBE_E_HANDLE)
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
    RUN(numbers);
    RUN(freed_handles);
    RUN(wrong_kind);
    RUN(wrong_kind_is_named);
    RUN(wrong_free);
    RUN(many_handles);
    RUN(double_free);
    RUN(free_wakes);
    RUN(free_does_not_wait);
    RUN(rounds);
    CHECK_OK(calls_client, obe_free(calls_client));
    CHECK_OK(calls_message, obe_message_free(calls_message));
    return 0;
}
