/* The counters of the process, live_sockets and live_messages, count every handle from its creation until it is freed.
 *
 *     live            all tests
 *     live ROUNDS     this many rounds in each thread */
#include "check.h"

enum { THREADS = 8, KEPT = 16 };

static int rounds = 2000;

static int64_t sockets(void) { return stat_of(NULL, OBE_STAT_LIVE_SOCKETS); }
static int64_t messages(void) { return stat_of(NULL, OBE_STAT_LIVE_MESSAGES); }

/* The numbers of live handles are those, and the library's table has as many. */
#define CHECK_LIVE(wanted_sockets, wanted_messages) \
    do { \
        CHECK_EQUAL((wanted_sockets), sockets()); \
        CHECK_EQUAL((wanted_messages), messages()); \
        CHECK_EQUAL((wanted_sockets) + (wanted_messages), obe_test_live()); \
    } while (0)

static void each_kind(void)
{
    obe_socket client, server;
    obe_message made, command, request, reply;
    int64_t value;

    CHECK_LIVE(0, 0);
    client = new_client(1);
    CHECK_LIVE(1, 0);
    CHECK_OK(client, obe_free(client));
    CHECK_LIVE(0, 0);
    CHECK_STATUS(OBE_E_HANDLE, 0, obe_free(client));
    server = new_server();
    client = new_client(port_of(server));
    CHECK_LIVE(2, 0);
    CHECK_OK(0, obe_message_new("[1]", -1, &made));
    CHECK_STATUS(OBE_E_JSON, 0, obe_message_new("[1", -1, &command));
    CHECK_OK(0, obe_command_new("optset", &command));
    CHECK_LIVE(2, 2);
    CHECK_STATUS(OBE_E_HANDLE, 0, obe_free((obe_socket)(void *)made)); /* the wrong kind */
    CHECK_STATUS(OBE_E_HANDLE, 0, obe_message_free((obe_message)(void *)client));
    CHECK_LIVE(2, 2);
    CHECK_OK(client, obe_send_message(client, command, TEST_TIMEOUT));
    CHECK_LIVE(2, 2);
    CHECK_OK(server, obe_receive_message(server, &request, TEST_TIMEOUT));
    CHECK_LIVE(2, 3);
    CHECK_OK(request, obe_reply(request, "[2]", -1, TEST_TIMEOUT));
    CHECK_OK(client, obe_receive_message(client, &reply, TEST_TIMEOUT));
    CHECK_LIVE(2, 4);
    CHECK_STATUS(OBE_E_TIMEOUT, server, obe_receive_message(server, &request, OBE_NO_WAIT));
    CHECK_LIVE(2, 4);

    /* Messages outlive their socket. A socket's handle answers too. */
    CHECK_OK(server, obe_free(server));
    CHECK_OK(client, obe_get_stat(client, OBE_STAT_LIVE_MESSAGES, &value));
    CHECK_EQUAL(4, value);
    CHECK_OK(client, obe_free(client));
    CHECK_LIVE(0, 4);
    CHECK_OK(request, obe_message_free(request));
    CHECK_OK(reply, obe_message_free(reply));
    CHECK_OK(made, obe_message_free(made));
    CHECK_LIVE(0, 1);
    CHECK_OK(command, obe_message_free(command));
    CHECK_STATUS(OBE_E_HANDLE, 0, obe_message_free(command));
    CHECK_OK(0, obe_message_free(NULL));
    CHECK_LIVE(0, 0);
}

static void refused(void)
{
    obe_socket client = new_client(1);
    obe_message message;
    int64_t value = 7;

    CHECK_OK(0, obe_message_new("1", -1, &message));
    CHECK_STATUS(OBE_E_HANDLE, 0, obe_get_stat(NULL, OBE_STAT_EVICTED, &value));
    CHECK_ERROR(0, "the process has no counter \"evicted\"");
    CHECK_STATUS(OBE_E_HANDLE, 0, obe_get_stat(NULL, "no_such_counter", &value));
    CHECK_STATUS(OBE_E_ARGUMENT, 0, obe_get_stat(NULL, NOWHERE, &value));
    CHECK_STATUS(OBE_E_ARGUMENT, 0, obe_get_stat(NULL, OBE_STAT_LIVE_SOCKETS, NOWHERE));
    CHECK_ERROR(0, "value is NULL");
    CHECK_STATUS(OBE_E_ARGUMENT, 0, obe_get_stat(NULL, NUMBER_AS_HANDLE(1), &value));
    CHECK_STATUS(OBE_E_HANDLE, 0, obe_get_stat((obe_socket)(void *)message, OBE_STAT_LIVE_SOCKETS, &value));
    CHECK_OK(message, obe_message_free(message));
    CHECK_OK(client, obe_free(client));
    CHECK_STATUS(OBE_E_HANDLE, 0, obe_get_stat(client, OBE_STAT_LIVE_SOCKETS, &value));
    CHECK_EQUAL(7, value);
    CHECK_LIVE(0, 0);
}

/* The request that obe_serve passes to a handler counts while the handler runs, also if the handler frees it. */
static volatile int stop;

static void count_request(obe_message request, void *seen)
{
    int64_t *count = seen;

    CHECK_EQUAL(1, messages());
    if (count[0] == 1) {
        CHECK_OK(request, obe_message_free(request));
        CHECK_EQUAL(0, messages());
    } else if (count[0] == 0) {
        CHECK_OK(request, obe_reply(request, "1", -1, TEST_TIMEOUT));
    }
    stop = ++count[0] == 3;
}

static void requests_of_serve(void)
{
    obe_socket server = new_server(), clients[3];
    int64_t count = 0;
    int i;

    for (i = 0; i < 3; i++) {
        clients[i] = new_client(port_of(server));
        CHECK_OK(clients[i], obe_send(clients[i], "[1]", -1, TEST_TIMEOUT));
    }
    stop = 0;
    CHECK_OK(server, obe_serve(server, count_request, &count, &stop));
    CHECK_EQUAL(3, count);
    CHECK_LIVE(4, 0);
    for (i = 0; i < 3; i++)
        CHECK_OK(clients[i], obe_free(clients[i]));
    CHECK_OK(server, obe_free(server));
    CHECK_LIVE(0, 0);
}

/* Threads create and free handles, and keep some. */
static obe_message kept[THREADS][KEPT];

static void *create_and_free(void *place)
{
    obe_message *mine = place;
    int i;

    for (i = 0; i < rounds; i++) {
        obe_message *slot = &mine[i % KEPT], brief;
        obe_socket client = new_client(1);

        CHECK_OK(*slot, obe_message_free(*slot));
        CHECK_OK(0, obe_command_new("kept", slot));
        CHECK_OK(0, obe_message_new("1", -1, &brief));
        CHECK(sockets() >= 1 && sockets() <= THREADS);
        CHECK(messages() >= 2 && messages() <= THREADS * (KEPT + 1));
        CHECK_OK(brief, obe_message_free(brief));
        CHECK_OK(client, obe_free(client));
    }
    return NULL;
}

static void from_threads(void)
{
    pthread_t threads[THREADS];
    int i, k, expected = rounds < KEPT ? rounds : KEPT;

    for (i = 0; i < THREADS; i++)
        threads[i] = start_thread(create_and_free, kept[i]);
    for (i = 0; i < THREADS; i++)
        join_thread(threads[i]);
    CHECK_LIVE(0, THREADS * expected);
    for (i = 0; i < THREADS; i++)
        for (k = 0; k < expected; k++)
            CHECK_OK(kept[i][k], obe_message_free(kept[i][k]));
    CHECK_LIVE(0, 0);
}

/* Two threads free the same handle: it leaves the count once. */
static void *free_it(void *message)
{
    obe_status status = obe_message_free(message);

    CHECK(status == OBE_OK || status == OBE_E_HANDLE);
    return NULL;
}

static void freed_twice_at_once(void)
{
    int i;

    for (i = 0; i < rounds / 10; i++) {
        obe_message message;
        pthread_t other;

        CHECK_OK(0, obe_message_new("1", -1, &message));
        other = start_thread(free_it, message);
        free_it(message);
        join_thread(other);
        CHECK_LIVE(0, 0);
    }
}

int main(int argc, char **argv)
{
    if (argc > 1)
        rounds = atoi(argv[1]);
    CHECK(rounds > 0);
    RUN(each_kind);
    RUN(refused);
    RUN(requests_of_serve);
    RUN(from_threads);
    RUN(freed_twice_at_once);
    obe_test_quarantine(0); /* memory that is still allocated at exit is a leak */
    CHECK_OK(0, obe_free(new_client(1)));
    return 0;
}
