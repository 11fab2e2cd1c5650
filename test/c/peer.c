/* Client and server for exchanges between two systems: the other one is the same program, built for the other system.
 *
 *     peer server [NAME VALUE]...         prints its port and echoes every message, until the command "done"
 *     peer client PORT [NAME VALUE]...    makes every kind of exchange with that server, and ends it
 *
 * NAME and VALUE are options of the sockets. */
#include "check.h"

static int32_t port;
static char **options; /* ends with NULL */
static char text[256];
static int64_t length;

static obe_socket with_options(obe_socket socket)
{
    char **o;

    for (o = options; o[0] && o[1]; o += 2)
        CHECK_OK(socket, obe_set_option(socket, o[0], o[1]));
    return socket;
}

/* ---- the server ---- */

static volatile int over;

static void serve_one(obe_message request, void *server)
{
    char command[16] = "", *body;
    int64_t size = 0;

    if (obe_get_string(request, "/command", command, sizeof command, &size) == OBE_OK && strcmp(command, "hold") == 0)
        return; /* never answered */
    CHECK_STATUS(OBE_E_BUFFER, request, obe_get_json(request, "", NULL, 0, &size));
    body = malloc((size_t)size);
    CHECK(body != NULL);
    CHECK_OK(request, obe_get_json(request, "", body, size, &size));
    CHECK_OK(request, obe_reply(request, body, size, TEST_TIMEOUT));
    free(body);
    CHECK_EQUAL(0, stat_of(*(obe_socket *)server, OBE_STAT_DROPPED_MALFORMED) +
                       stat_of(*(obe_socket *)server, OBE_STAT_DROPPED_JSON));
    if (strcmp(command, "done") == 0)
        over = 1;
}

static int serve(void)
{
    obe_socket server = with_options(new_server());

    printf("%d\n", (int)port_of(server));
    fflush(stdout);
    CHECK_OK(server, obe_serve(server, serve_one, &server, &over));
    CHECK_OK(server, obe_free(server));
    CHECK_EQUAL(0, obe_test_live());
    return 0;
}

/* ---- the client ---- */

static void exchange(obe_socket client, int number)
{
    char request[64], reply[64];
    int64_t size;

    snprintf(request, sizeof request, "{\"command\": \"echo\", \"number\": %d}", number);
    CHECK_OK(client, obe_tcmd(client, request, -1, reply, sizeof reply, &size, TEST_TIMEOUT));
    CHECK(strcmp(request, reply) == 0);
}

static void one_by_one(void)
{
    enum { ROUNDS = 300 };
    obe_socket client = with_options(new_client(port));
    int i;

    for (i = 0; i < ROUNDS; i++)
        exchange(client, i);
    CHECK_EQUAL(ROUNDS, stat_of(client, OBE_STAT_CONNECTIONS_OPENED));
    CHECK_OK(client, obe_set_option(client, OBE_OPT_PERSISTENT, "1"));
    for (i = 0; i < ROUNDS; i++)
        exchange(client, i);
    CHECK_EQUAL(ROUNDS + 1, stat_of(client, OBE_STAT_CONNECTIONS_OPENED));
    CHECK_OK(client, obe_free(client));
}

static void *exchanges(void *unused)
{
    enum { ROUNDS = 50 };
    obe_socket client = with_options(new_client(port));
    int i;

    (void)unused;
    for (i = 0; i < ROUNDS; i++)
        exchange(client, i);
    CHECK_OK(client, obe_free(client));
    return NULL;
}

static void from_many_threads(void)
{
    enum { THREADS = 8 };
    pthread_t threads[THREADS];
    int i;

    for (i = 0; i < THREADS; i++)
        threads[i] = start_thread(exchanges, NULL);
    for (i = 0; i < THREADS; i++)
        join_thread(threads[i]);
}

/* The largest message with the default of max_message: 64 MiB in each direction. */
static void large(void)
{
    enum { LARGEST = 64 << 20 };
    char *request = malloc(LARGEST), *reply = malloc(LARGEST);
    obe_socket client = with_options(new_client(port));
    int64_t size;
    int i;

    CHECK(request && reply);
    for (i = 0; i < LARGEST; i++)
        request[i] = (char)('a' + i % 23);
    request[0] = request[LARGEST - 1] = '"';
    CHECK_OK(client, obe_tcmd(client, request, LARGEST, reply, LARGEST, &size, TEST_TIMEOUT));
    CHECK_EQUAL(LARGEST, size);
    CHECK(memcmp(request, reply, LARGEST) == 0);
    CHECK_OK(client, obe_free(client));
    free(request);
    free(reply);
}

static void numbers(void)
{
    enum { COUNT = 100000 };
    static double sent[COUNT], got[COUNT];
    obe_socket client = with_options(new_client(port));
    obe_message command = 0, reply = 0;
    uint64_t dice = 88172645463325252u;
    int64_t count;
    int i;

    for (i = 0; i < COUNT; i++)
        sent[i] = (double)(int64_t)random_next(&dice) / 3e5;
    CHECK_OK(0, obe_command_new("echo", &command));
    CHECK_OK(command, obe_set_doubles(command, "x", sent, COUNT));
    CHECK_OK(client, obe_tcmd_message(client, command, &reply, TEST_TIMEOUT));
    CHECK_OK(reply, obe_get_doubles(reply, "/x", got, COUNT, &count));
    CHECK_EQUAL(COUNT, count);
    CHECK(memcmp(sent, got, sizeof sent) == 0);
    CHECK_OK(reply, obe_message_free(reply));
    CHECK_OK(command, obe_message_free(command));
    CHECK_OK(client, obe_free(client));
}

#define HOLD "{\"command\": \"hold\"}"

static obe_status hold(void *client)
{
    char reply[8];
    int64_t size;

    return obe_tcmd(client, HOLD, -1, reply, sizeof reply, &size, OBE_FOREVER);
}

static void check_ends(obe_status (*end)(obe_socket), obe_status wanted)
{
    obe_socket client = with_options(new_client(port));
    struct caller caller;
    int64_t start;

    caller_start(&caller, hold, client);
    start = now_ms();
    CHECK_OK(client, end(client));
    CHECK_EQUAL(wanted, caller_join(&caller));
    CHECK(caller.returned - start < SOON);
    if (end != obe_free)
        CHECK_OK(client, obe_free(client));
}

static void never_answered(void)
{
    obe_socket client = with_options(new_client(port));

    CHECK_STATUS(OBE_E_TIMEOUT, client, obe_tcmd(client, HOLD, -1, text, sizeof text, &length, 50));
    exchange(client, 1);
    CHECK_OK(client, obe_free(client));
    check_ends(obe_cancel, OBE_E_CANCELLED);
    check_ends(obe_close, OBE_E_CLOSED);
    check_ends(obe_free, OBE_E_CLOSED);
}

static void done(void)
{
    obe_socket client = with_options(new_client(port));

    CHECK_OK(client, obe_tcmd(client, "{\"command\": \"done\"}", -1, text, sizeof text, &length, TEST_TIMEOUT));
    CHECK_OK(client, obe_free(client));
    CHECK_EQUAL(0, obe_test_live());
}

int main(int argc, char **argv)
{
    if (argc >= 2 && strcmp(argv[1], "server") == 0) {
        options = argv + 2;
        return serve();
    }
    CHECK(argc >= 3 && strcmp(argv[1], "client") == 0);
    port = atoi(argv[2]);
    options = argv + 3;
    RUN(one_by_one);
    RUN(from_many_threads);
    RUN(large);
    RUN(numbers);
    RUN(never_answered);
    RUN(done);
    return 0;
}
