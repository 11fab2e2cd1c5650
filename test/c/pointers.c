/* Numbers that are not addresses, as each pointer of every function. With a size of 0 they are accepted: empty slices of
 * other languages have such pointers. Where they would be dereferenced, a number in the first or the last page of the
 * address space is OBE_E_ARGUMENT, and the error message names the parameter.
 *
 *     pointers               over TCP
 *     pointers CERT KEY      over TLS
 *
 * pointers_test.go generates pointers_calls.h from the headers. */
#include "check.h"

#include <semaphore.h>

#include "labview_manager.h"
#include "obe_labview.h"
#include "obe_labview_extra.h"

enum { ROOM = 64, FOLLOWERS = 6, TURNS = 15 };

/* How the library uses a pointer. */
enum kind {
    SIZED, /* the next parameter is its size: it is dereferenced unless that is 0 */
    PLACE, /* it is always dereferenced */
    OPAQUE /* it is never dereferenced */
};

struct call {
    const char *function, *parameter;
    enum kind kind;
    int labview;
    int early; /* a stale handle is noticed before the pointer is dereferenced */
    int (*call)(uintptr_t odd, int64_t size, int stale);
    uintptr_t (*owner)(void); /* the handle that keeps the error message */
};

/* The valid arguments. */
static obe_socket client, server;
static obe_message message, request;
static int lv_client, lv_server;
static char text[ROOM];
static double numbers[ROOM];
static int ints[8];
static int64_t longs[8];
static obe_socket sockets[8];
static obe_message messages[8];
static void *slot;
static void *lv_memory;

static const char sample[] =
    "{\"command\": \"sample\", \"n\": 1.5, \"i\": 3, \"b\": true, \"s\": \"text\", \"x\": [1, 2], "
    "\"m\": [[1, 2], [3, 4]]}";

/* ---- the server ---- */

static const char *const answers[][2] = {
    {"optset", "[1.5, -2.5]"}, {"goodset", "[3, 4]"}, {"getmean", "[0.5, 1]"},        {"getstd", "[4, 5]"},
    {"getwgt", "[1, 1]"},      {"getcon", "[6, 7]"},  {"getcov", "[[1, 2], [2, 4]]"}, {"getpar", "[[1, 2], [3, 4]]"},
    {"getset", "[[1], [2]]"},  {"sample", sample},
};

static void handle_one(obe_message asked, void *user)
{
    char name[ROOM] = "";
    int64_t length;
    const char *answer = "\"OK\"";
    int i;

    (void)user;
    if (obe_get_string(asked, "/command", name, sizeof name, &length) != OBE_OK)
        name[0] = '\0';
    for (i = 0; i < LENGTH(answers); i++)
        if (strcmp(answers[i][0], name) == 0)
            answer = answers[i][1];
    obe_reply(asked, answer, -1, TEST_TIMEOUT); /* the client may have disconnected */
}

static void *serve(void *argument)
{
    (void)argument;
    CHECK_STATUS(OBE_E_CLOSED, server, obe_serve(server, handle_one, NULL, NULL));
    return NULL;
}

/* ---- the garbage collector, which shrinks stacks ---- */

static int over; /* atomic */

static int is_over(void) { return __atomic_load_n(&over, __ATOMIC_ACQUIRE); }

static void *collect(void *argument)
{
    (void)argument;
    while (!is_over()) {
        int64_t began = now_ms();

        obe_test_collect();
        pause_ms(1 + 2 * (int)(now_ms() - began)); /* two thirds of the time are left to the calls */
    }
    return NULL;
}

/* ---- every pointer ---- */

#include "pointers_calls.h"

static const uint64_t odd_values[] = {1, 8, 4095, UINT64_MAX, UINT64_C(0xc000000000)};
enum { UNMAPPED = 4 }; /* the first ones, this many, are in the first or the last page */

/* A thread that makes the calls for one parameter. Its stack in Go is new, so that the first deep call copies it. The
 * thread runs until the end, so that the next thread does not inherit that stack. */
struct worker {
    const struct call *call;
    uintptr_t odd;
    int64_t size;
    int stale, status;
    sem_t begin, end;
    pthread_t thread;
};

static struct worker workers[LENGTH(calls)];

static void *work(void *argument)
{
    struct worker *h = argument;

    for (;;) {
        while (sem_wait(&h->begin) != 0)
            ;
        if (is_over())
            return NULL;
        h->status = h->call->call(h->odd, h->size, h->stale);
        sem_post(&h->end);
    }
}

/* Prepares what the function needs to reach the pointer. */
static void prepare(const struct call *call)
{
    if (call->labview) {
        CHECK_EQUAL(0, obe_lv_tcmd(lv_client, sample, NULL, TEST_TIMEOUT));
        CHECK_EQUAL(0, obe_lv_command_new(lv_client, "ready"));
    } else if (strncmp(call->function, "obe_receive", 11) == 0) {
        CHECK_OK(client, obe_send(client, sample, -1, TEST_TIMEOUT));
    }
    if (strstr(call->function, "goodset_fetch")) {
        obe_status status =
            call->labview ? obe_lv_goodset_ask(lv_client, 1, TEST_TIMEOUT) : obe_goodset_ask(client, 1, TEST_TIMEOUT);

        CHECK(status == OBE_OK || status == OBE_E_STATE); /* the question of the call before may be pending */
    }
}

static int make_call(struct worker *h, uintptr_t odd, int64_t size, int stale)
{
    h->odd = odd;
    h->size = size;
    h->stale = stale;
    if (!stale)
        prepare(h->call);
    sem_post(&h->begin);
    while (sem_wait(&h->end) != 0)
        ;
    if (h->status == OBE_E_INTERNAL)
        check_failed(__FILE__, __LINE__, "%s, %s 0x%" PRIxPTR ", size %" PRId64 ": an internal error",
                     h->call->function, h->call->parameter, odd, size);
    return h->status;
}

/* The error message of the call names the parameter. */
static void check_named(const struct call *call, uintptr_t owner)
{
    const char *message;
    char labview_message[1024] = "";

    if (strncmp(call->function, "obe_lv_last_error", 17) == 0)
        return; /* its own failures are not recorded */
    if (call->labview) {
        obe_lv_last_error((int)owner, labview_message, sizeof labview_message, NULL);
        message = labview_message;
    } else {
        message = last_error(strcmp(call->function, "obe_last_error") == 0 ? NULL : (const void *)owner);
    }
    if (!strstr(message, call->parameter))
        check_failed(__FILE__, __LINE__, "%s, %s: the error message is \"%s\"", call->function, call->parameter,
                     message);
}

static void refused(struct worker *h, uintptr_t odd, int64_t size, uintptr_t owner)
{
    int status = make_call(h, odd, size, 0);

    if (status != OBE_E_ARGUMENT)
        check_failed(__FILE__, __LINE__, "%s, %s 0x%" PRIxPTR ", size %" PRId64 ": got %d, wanted OBE_E_ARGUMENT",
                     h->call->function, h->call->parameter, odd, size, status);
    check_named(h->call, owner);
}

static void every_pointer(void)
{
    int i, k;

    for (i = 0; i < LENGTH(calls); i++) {
        struct worker *h = &workers[i];

        h->call = &calls[i];
        CHECK(sem_init(&h->begin, 0, 0) == 0 && sem_init(&h->end, 0, 0) == 0);
        h->thread = start_thread(work, h);
        for (k = 0; k < LENGTH(odd_values); k++) {
            int n = (i + k) % LENGTH(odd_values);
            uintptr_t odd = (uintptr_t)odd_values[n];

            if (h->call->kind == OPAQUE) {
                make_call(h, odd, 0, 0);
                continue;
            }
            if (h->call->early && make_call(h, odd, 0, 1) != OBE_E_HANDLE)
                check_failed(__FILE__, __LINE__, "%s: a stale handle was not refused", h->call->function);
            if (h->call->kind == SIZED) {
                int status = make_call(h, odd, 0, 0);

                if (status == OBE_E_HANDLE || status == OBE_E_STATE)
                    check_failed(__FILE__, __LINE__, "%s, %s: got %d before the pointer was used", h->call->function,
                                 h->call->parameter, status);
            }
            if (n < UNMAPPED)
                refused(h, odd, 2, calls[i].owner());
        }
    }
}

/* A text with length -1: the library would search for its NUL. */
static void unterminated(void)
{
    int k;

    for (k = 0; k < UNMAPPED; k++) {
        CHECK_STATUS(OBE_E_ARGUMENT, client,
                     obe_send(client, (const char *)(uintptr_t)odd_values[k], -1, TEST_TIMEOUT));
        CHECK_ERROR(client, "json is the address");
    }
}

/* ---- calls that wait with such a buffer, while another thread polls and the garbage collector runs ---- */

static obe_socket crowded;
static int turns[FOLLOWERS]; /* atomic */

static void *follow(void *argument)
{
    int *turn = argument;

    for (;;) {
        char room[ROOM];
        int64_t length;
        obe_status status = obe_receive(crowded, (char *)(uintptr_t)odd_values[(turn - turns) % LENGTH(odd_values)], 0,
                                        &length, OBE_FOREVER);

        if (is_over() && (status == OBE_E_CLOSED || status == OBE_E_HANDLE))
            return NULL;
        CHECK_STATUS(OBE_E_BUFFER, crowded, status);
        __atomic_fetch_add(turn, 1, __ATOMIC_ACQ_REL);
        /* Another thread may have received it. */
        status = obe_receive(crowded, room, sizeof room, &length, OBE_NO_WAIT);
        CHECK(status == OBE_OK || status == OBE_E_TIMEOUT || status == OBE_E_BUSY || is_over());
    }
}

static const char *cert, *key;

static obe_socket secured(obe_socket socket, int is_server)
{
    if (cert && is_server) {
        CHECK_OK(socket, obe_set_option(socket, OBE_OPT_TLS_CERT, cert));
        CHECK_OK(socket, obe_set_option(socket, OBE_OPT_TLS_KEY, key));
    } else if (cert) {
        CHECK_OK(socket, obe_set_option(socket, OBE_OPT_TLS_CA, cert));
    }
    return socket;
}

static int all_had_turns(void)
{
    int i;

    for (i = 0; i < FOLLOWERS; i++)
        if (__atomic_load_n(&turns[i], __ATOMIC_ACQUIRE) < TURNS)
            return 0;
    return 1;
}

static void followers(void)
{
    pthread_t threads[FOLLOWERS];
    obe_socket peer;
    int i;

    crowded = secured(new_server(), 1);
    peer = secured(new_client(port_of(crowded)), 0);
    for (i = 0; i < FOLLOWERS; i++)
        threads[i] = start_thread(follow, &turns[i]);
    while (!all_had_turns())
        CHECK_OK(peer, obe_send(peer, "[1]", -1, TEST_TIMEOUT));
    __atomic_store_n(&over, 1, __ATOMIC_RELEASE);
    CHECK_OK(crowded, obe_free(crowded));
    for (i = 0; i < FOLLOWERS; i++)
        join_thread(threads[i]);
    CHECK_OK(peer, obe_free(peer));
}

int main(int argc, char **argv)
{
    pthread_t serving, collecting;
    obe_socket asked, asking;
    int i;

    if (argc == 3) {
        cert = argv[1];
        key = argv[2];
    }
    server = secured(new_server(), 1);
    client = secured(new_client(port_of(server)), 0);
    CHECK_EQUAL(0, obe_lv_client_new("", port_of(server), &lv_client));
    if (cert)
        CHECK_EQUAL(0, obe_lv_set_option(lv_client, "tls_ca", cert));
    CHECK_EQUAL(0, obe_lv_server_new("", 0, &lv_server));
    CHECK_OK(0, obe_message_new(sample, -1, &message));
    asked = new_server();
    asking = new_client(port_of(asked));
    CHECK_OK(asking, obe_send(asking, sample, -1, TEST_TIMEOUT));
    CHECK_OK(asked, obe_receive_message(asked, &request, TEST_TIMEOUT));

    serving = start_thread(serve, NULL);
    collecting = start_thread(collect, NULL);
    RUN(every_pointer);
    RUN(unterminated);
    RUN(followers);
    for (i = 0; i < LENGTH(workers); i++) {
        sem_post(&workers[i].begin);
        join_thread(workers[i].thread);
    }
    join_thread(collecting);
    CHECK_OK(server, obe_free(server));
    join_thread(serving);
    CHECK_EQUAL(0, obe_lv_free_all());
    CHECK_OK(client, obe_free(client));
    CHECK_OK(message, obe_message_free(message));
    CHECK_OK(request, obe_message_free(request));
    CHECK_OK(asked, obe_free(asked));
    CHECK_OK(asking, obe_free(asking));
    CHECK_EQUAL(0, obe_test_live());
    return 0;
}
