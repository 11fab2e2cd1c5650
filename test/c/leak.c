/* Calls leak no connection, descriptor, thread, goroutine, live handle or memory.
 *
 *     leak            all tests
 *     leak ROUNDS     this many rounds of each operation, without the tests of memory: for valgrind and sanitizers */
#include "check.h"

static int rounds = 1000;
static int measured = 1;

static struct echo echo;
static char text[256];
static int64_t length;

/* ---- measuring ---- */

static int64_t resident(void) /* bytes of memory, after a garbage collection */
{
    int64_t bytes;

    obe_test_collect();
    obe_test_collect();
    bytes = process_memory();
    CHECK(bytes > 0);
    return bytes;
}

/* ---- operations ---- */

static obe_socket client, kept, unserved; /* no server is listening for unserved */
static int32_t dead_port;

static void exchange(obe_socket socket)
{
    CHECK_OK(socket, obe_tcmd(socket, "{\"command\": \"optset\"}", -1, text, sizeof text, &length, TEST_TIMEOUT));
    CHECK_EQUAL(21, length);
}

static void one_shot(void) { exchange(client); }
static void on_kept(void) { exchange(kept); }

static void small_buffer(void)
{
    CHECK_STATUS(OBE_E_BUFFER, client, obe_tcmd(client, "[1]", -1, text, 1, &length, TEST_TIMEOUT));
    CHECK_OK(client, obe_receive(client, text, sizeof text, &length, OBE_NO_WAIT));
}

static void refused(void)
{
    CHECK_STATUS(OBE_E_REFUSED, unserved, obe_tcmd(unserved, "[1]", -1, text, sizeof text, &length, TEST_TIMEOUT));
    CHECK_STATUS(OBE_E_JSON, client, obe_tcmd(client, "[1", -1, text, sizeof text, &length, TEST_TIMEOUT));
    CHECK_STATUS(OBE_E_ARGUMENT, client, obe_send(client, NOWHERE, -1, TEST_TIMEOUT));
}

static void client_created_and_freed(void)
{
    obe_socket brief = new_client(echo.port);

    exchange(brief);
    CHECK_OK(brief, obe_free(brief));
}

/* Freed with its connection open, and a message in flight. */
static void client_freed_while_connected(void)
{
    obe_socket brief = new_client(echo.port);

    CHECK_OK(brief, obe_send(brief, "[1]", -1, TEST_TIMEOUT));
    CHECK_OK(brief, obe_free(brief));
}

static void server_created_and_freed(void)
{
    obe_socket server = new_server(), guest = new_client(port_of(server));

    CHECK_STATUS(OBE_E_TIMEOUT, server, obe_receive(server, text, sizeof text, &length, OBE_NO_WAIT));
    CHECK_OK(guest, obe_send(guest, "[1]", -1, TEST_TIMEOUT));
    CHECK_OK(server, obe_receive(server, text, sizeof text, &length, TEST_TIMEOUT));
    CHECK_STATUS(OBE_E_BUFFER, server,
                 (obe_send(server, "2", -1, 0), obe_send(guest, "[1]", -1, TEST_TIMEOUT),
                  obe_receive(server, NULL, 0, &length, TEST_TIMEOUT)));
    CHECK_OK(guest, obe_free(guest));
    CHECK_OK(server, obe_free(server));
}

/* A timeout closes the connection. A late reply must not reopen it. */
static void timed_out(void)
{
    obe_status status = obe_tcmd(client, "[1]", -1, text, sizeof text, &length, OBE_NO_WAIT);

    CHECK(status == OBE_OK || status == OBE_E_TIMEOUT);
}

static void messages(void)
{
    static const double x[] = {1, 2, 3};
    obe_message command = 0, reply = 0;
    double got[3];

    CHECK_OK(0, obe_command_new("newdat", &command));
    CHECK_OK(command, obe_set_doubles(command, "x", x, 3));
    CHECK_OK(command, obe_set_string(command, "s", "text", -1));
    CHECK_STATUS(OBE_E_JSON, command, obe_set_json(command, "j", "{", -1));
    CHECK_OK(client, obe_tcmd_message(client, command, &reply, TEST_TIMEOUT));
    CHECK_OK(reply, obe_get_doubles(reply, "/x", got, 3, &length));
    CHECK_STATUS(OBE_E_NOT_FOUND, reply, obe_get_doubles(reply, "/y", got, 3, &length));
    CHECK_OK(reply, obe_message_free(reply));
    CHECK_OK(command, obe_message_free(command));
}

/* Four requests: one is answered by the handler, one is freed unanswered, one is answered late, and one is open when the
 * server is freed. */
static void answer_once(obe_message request, void *stop)
{
    CHECK_OK(request, obe_reply(request, "1", -1, TEST_TIMEOUT));
    *(volatile int *)stop = 1;
}

static void requests(void)
{
    obe_socket server = new_server(), guests[4];
    obe_message taken[3] = {0, 0, 0};
    volatile int stop = 0;
    int i;

    for (i = 0; i < 4; i++) {
        guests[i] = new_client(port_of(server));
        CHECK_OK(guests[i], obe_send(guests[i], "[1]", -1, TEST_TIMEOUT));
    }
    CHECK_OK(server, obe_serve(server, answer_once, (void *)&stop, &stop));
    for (i = 0; i < 3; i++)
        CHECK_OK(server, obe_receive_message(server, &taken[i], TEST_TIMEOUT));
    CHECK_OK(taken[0], obe_message_free(taken[0]));
    CHECK_OK(taken[1], obe_reply(taken[1], "2", -1, TEST_TIMEOUT));
    for (i = 0; i < 4; i++)
        CHECK_OK(guests[i], obe_free(guests[i]));
    CHECK_OK(server, obe_free(server));
    CHECK_OK(taken[1], obe_message_free(taken[1]));
    CHECK_OK(taken[2], obe_message_free(taken[2]));
}

static void options_and_counters(void)
{
    int32_t port;
    int64_t value;

    CHECK_OK(client, obe_set_option(client, OBE_OPT_TIMEOUT_MS, "5000"));
    CHECK_OK(client, obe_get_option(client, OBE_OPT_TIMEOUT_MS, text, sizeof text, &length));
    CHECK_STATUS(OBE_E_ARGUMENT, client, obe_set_option(client, "no such option", "1"));
    CHECK_OK(client, obe_last_error(client, text, sizeof text, &length));
    CHECK_OK(client, obe_get_stat(client, OBE_STAT_BYTES_SENT, &value));
    CHECK_OK(echo.server, obe_port(echo.server, &port));
    CHECK(strlen(obe_strerror(OBE_E_BUSY)) > 0 && strlen(obe_version()) > 0);
}

static void commands(void)
{
    double setting[4];

    CHECK_STATUS(OBE_E_REPLY, client, obe_ready(client, TEST_TIMEOUT)); /* the echoed command is not "OK" */
    CHECK_STATUS(OBE_E_REPLY, kept, obe_optset(kept, setting, 4, &length, TEST_TIMEOUT));
}

static const struct {
    const char *name;
    void (*once)(void);
} operations[] = {
    {"one_shot", one_shot},
    {"on_kept", on_kept},
    {"small_buffer", small_buffer},
    {"refused", refused},
    {"client_created_and_freed", client_created_and_freed},
    {"client_freed_while_connected", client_freed_while_connected},
    {"server_created_and_freed", server_created_and_freed},
    {"timed_out", timed_out},
    {"messages", messages},
    {"requests", requests},
    {"commands", commands},
    {"options_and_counters", options_and_counters},
};

static void settle(int connections)
{
    CHECK_EVENTUALLY(stat_of(echo.server, OBE_STAT_CONNECTIONS_OPEN) == connections);
    CHECK_EQUAL(0, stat_of(client, OBE_STAT_CONNECTIONS_OPEN));
}

/* Repeats each operation and compares the resources before and after. Go's runtime starts a few threads and opens a few
 * descriptors at first use; a leak would be as large as the number of rounds. */
static void nothing_leaks(void)
{
    enum { FEW = 4 };
    int i, k, fds, tasks;
    int64_t live, routines;

    for (i = 0; i < LENGTH(operations); i++) {
        int warm = measured ? 50 : 1;

        printf("%s ", operations[i].name);
        for (k = 0; k < warm; k++)
            operations[i].once();
        settle(1);
        obe_test_collect();
        fds = process_descriptors();
        tasks = process_threads();
        CHECK(fds > 0 && tasks > 0);
        live = obe_test_live();
        routines = obe_test_goroutines();
        for (k = 0; k < rounds; k++)
            operations[i].once();
        settle(1);
        CHECK_EQUAL(live, obe_test_live());
        CHECK_EVENTUALLY(process_descriptors() <= fds + FEW);
        CHECK_EVENTUALLY(obe_test_goroutines() <= routines + FEW);
        CHECK(process_threads() <= tasks + FEW);
    }
    CHECK_EQUAL(1, stat_of(kept, OBE_STAT_CONNECTIONS_OPENED));
}

static void exchange_on_both(void)
{
    exchange(client);
    exchange(kept);
}

static void create_and_free(void) { CHECK_OK(0, obe_free(new_client(1))); }

/* Memory does not grow with the number of calls. With the garbage collector it varies by a megabyte or two, so the lowest
 * of several readings are compared. */
static void check_memory(void (*once)(void), int times)
{
    enum { READINGS = 10, SLACK = 2 << 20 };
    int64_t low[2] = {INT64_MAX, INT64_MAX};
    int i, k;

    for (i = 0; i < READINGS; i++) {
        int64_t *half = &low[i >= READINGS / 2], now;

        for (k = 0; k < times / READINGS; k++)
            once();
        now = resident();
        if (now < *half)
            *half = now;
    }
    if (low[1] > low[0] + SLACK)
        check_failed(__FILE__, __LINE__, "%d more rounds used %" PRId64 " kB more memory", times / 2,
                     (low[1] - low[0]) / 1024);
}

static void memory_of_exchanges(void) { check_memory(exchange_on_both, 10000); }
static void memory_of_handles(void) { check_memory(create_and_free, 400000); }

int main(int argc, char **argv)
{
    int dead = raw_bind(&dead_port);

    if (argc > 1) {
        rounds = atoi(argv[1]);
        CHECK(rounds > 0);
        measured = 0;
    }
    echo_start(&echo);
    client = new_client(echo.port);
    kept = new_client(echo.port);
    CHECK_OK(kept, obe_set_option(kept, OBE_OPT_PERSISTENT, "1"));
    unserved = new_client(dead_port);
    exchange(kept);
    RUN(nothing_leaks);
    if (measured) {
        RUN(memory_of_exchanges);
        RUN(memory_of_handles);
    }
    CHECK_OK(client, obe_free(client));
    CHECK_OK(kept, obe_free(kept));
    CHECK_OK(unserved, obe_free(unserved));
    echo_stop(&echo);
    CHECK_EQUAL(0, obe_test_live());
    /* Without the quarantine, memory that is still allocated at exit is a leak. */
    obe_test_quarantine(0);
    CHECK_OK(0, obe_free(new_client(1)));
    socket_close(dead);
    return 0;
}
