/* Sending and receiving messages, replying to several at the same time from any thread, and obe_serve.
 *
 *     serve            all tests
 *     serve ROUNDS     all tests, with this many rounds in the long ones: for valgrind */
#include "check.h"

#include <semaphore.h>
#include <signal.h>

static int rounds = 200;
static char text[256];
static int64_t length;

static obe_message parse(const char *json)
{
    obe_message m = 0;

    CHECK_OK(0, obe_message_new(json, -1, &m));
    return m;
}

/* Receives the next message of a server or client. */
static obe_message receive(obe_socket socket)
{
    obe_message m = 0;

    CHECK_OK(socket, obe_receive_message(socket, &m, TEST_TIMEOUT));
    CHECK(m != 0);
    return m;
}

static void send_text(obe_socket client, const char *json)
{
    CHECK_OK(client, obe_send(client, json, -1, TEST_TIMEOUT));
}
static void answer(obe_message request, const char *json)
{
    CHECK_OK(request, obe_reply(request, json, -1, TEST_TIMEOUT));
}
static void free_socket(obe_socket handle) { CHECK_OK(handle, obe_free(handle)); }
static void free_message(obe_message handle) { CHECK_OK(handle, obe_message_free(handle)); }

static void check_json(const char *file, int line, obe_message m, const char *wanted)
{
    check_status(file, line, "obe_get_json", OBE_OK, obe_get_json(m, "", text, sizeof text, &length), m);
    if (strcmp(text, wanted) != 0 || length != (int64_t)strlen(wanted))
        check_failed(file, line, "the message is %s, wanted %s", text, wanted);
}

#define CHECK_JSON(m, wanted) check_json(__FILE__, __LINE__, m, wanted)

#define CHECK_REPLY(client, wanted) \
    do { \
        CHECK_OK(client, obe_receive(client, text, sizeof text, &length, TEST_TIMEOUT)); \
        if (strcmp(text, (wanted)) != 0) \
            check_failed(__FILE__, __LINE__, "the reply is %s, wanted %s", text, wanted); \
    } while (0)

/* The client has received neither a reply nor the end of its connection. */
#define CHECK_WAITS(client) \
    do { \
        int64_t unused_ = -7; \
        CHECK_STATUS(OBE_E_TIMEOUT, client, obe_receive(client, NULL, 0, &unused_, 20)); \
    } while (0)

/* A call fails with status, and stores no handle in result. */
#define CHECK_NONE(status, handle, result, call) \
    do { \
        (result) = NUMBER_AS_HANDLE(77); \
        CHECK_STATUS(status, handle, call); \
        CHECK((result) == NUMBER_AS_HANDLE(77)); \
    } while (0)

/* ---- exchanges ---- */

static void exchange(void)
{
    obe_socket server = new_server(), client = new_client(port_of(server));
    obe_message command = 0, request, reply, nothing;

    CHECK_OK(0, obe_command_new("optset", &command));
    CHECK_OK(client, obe_send_message(client, command, TEST_TIMEOUT));
    request = receive(server);
    CHECK_JSON(request, "{\"command\": \"optset\"}");
    /* A request can be changed like other messages. */
    CHECK_OK(request, obe_set_doubles(request, "setting", (const double[]){2.5, 3}, 2));
    CHECK_OK(request, obe_reply_message(request, request, TEST_TIMEOUT));
    reply = receive(client);
    CHECK_JSON(reply, "{\"command\": \"optset\", \"setting\": [2.5, 3.0]}");
    free_message(reply);
    free_message(request);

    /* The message still belongs to the caller, who can change it and send it again. */
    CHECK_OK(command, obe_set_int(command, "n", 1));
    CHECK_OK(client, obe_send_message(client, command, TEST_TIMEOUT));
    request = receive(server);
    CHECK_JSON(request, "{\"command\": \"optset\", \"n\": 1}");
    answer(request, " [ 1e5 ,25.0 ]");
    free_message(request);
    reply = receive(client);
    CHECK_JSON(reply, " [ 1e5 ,25.0 ]");
    free_message(reply);

    CHECK_NONE(OBE_E_STATE, client, nothing, (obe_close(client), obe_receive_message(client, &nothing, TEST_TIMEOUT)));
    CHECK_NONE(OBE_E_TIMEOUT, server, nothing, obe_receive_message(server, &nothing, OBE_NO_WAIT));
    CHECK_NONE(OBE_E_TIMEOUT, server, nothing, obe_receive_message(server, &nothing, 20));
    CHECK_NONE(OBE_E_ARGUMENT, server, nothing, obe_receive_message(server, &nothing, -3));
    CHECK_ERROR(server, "timeout_ms");
    CHECK_STATUS(OBE_E_ARGUMENT, server, obe_receive_message(server, NOWHERE, 0));
    CHECK_ERROR(server, "message is NULL");
    CHECK_STATUS(OBE_E_ARGUMENT, client, obe_send_message(client, command, -3));
    CHECK_STATUS(OBE_E_ARGUMENT, client, obe_tcmd_message(client, command, NOWHERE, 0));
    CHECK_ERROR(client, "reply is NULL");
    CHECK_NONE(OBE_E_ARGUMENT, client, nothing, obe_tcmd_message(client, command, &nothing, -3));
    CHECK_NONE(OBE_E_STATE, server, nothing, obe_tcmd_message(server, command, &nothing, 0));
    CHECK_STATUS(OBE_E_STATE, server, obe_send_message(server, command, 0));
    free_message(command);
    free_socket(client);
    free_socket(server);
}

static void *answer_one(void *server)
{
    obe_message request = receive(*(obe_socket *)server);

    answer(request, "{\"a\":[1 ,2]}");
    free_message(request);
    return NULL;
}

static void commands(void)
{
    obe_socket server = new_server(), client = new_client(port_of(server)), other;
    obe_message command = parse("{\"command\" :\"ready\"}"), reply = 0, kept;
    pthread_t thread = start_thread(answer_one, &server);
    int32_t port, dead_port;
    int silent = raw_listen(&port, 4), dead = raw_bind(&dead_port);

    CHECK_OK(client, obe_tcmd_message(client, command, &reply, TEST_TIMEOUT));
    join_thread(thread);
    CHECK_JSON(reply, "{\"a\":[1 ,2]}");
    CHECK_STATUS(OBE_E_STATE, reply, obe_reply(reply, "1", -1, TEST_TIMEOUT)); /* it is not a request */
    CHECK_ERROR(reply, "not received by a server");
    free_message(reply);

    /* A reply that was too large for a buffer can be received as a message. */
    thread = start_thread(answer_one, &server);
    CHECK_STATUS(OBE_E_BUFFER, client, obe_tcmd(client, "1", -1, text, 3, &length, TEST_TIMEOUT));
    join_thread(thread);
    CHECK_OK(client, obe_receive_message(client, &kept, OBE_NO_WAIT));
    CHECK_JSON(kept, "{\"a\":[1 ,2]}");
    free_message(kept);

    other = new_client(port);
    CHECK_NONE(OBE_E_TIMEOUT, other, reply, obe_tcmd_message(other, command, &reply, 30));
    CHECK_ERROR(other, "tcmd");
    socket_close(silent);
    free_socket(other);
    other = new_client(dead_port);
    CHECK_NONE(OBE_E_REFUSED, other, reply, obe_tcmd_message(other, command, &reply, TEST_TIMEOUT));
    socket_close(dead);
    free_socket(other);
    free_message(command);
    free_socket(client);
    free_socket(server);
}

static void *echo_one(void *server)
{
    obe_message request = receive(*(obe_socket *)server);

    CHECK_OK(request, obe_reply_message(request, request, TEST_TIMEOUT));
    free_message(request);
    return NULL;
}

/* 2 MB each way. */
static void large(void)
{
    enum { COUNT = 100000 };
    double *numbers = malloc(COUNT * sizeof *numbers), *got = malloc(COUNT * sizeof *got);
    obe_socket server = new_server(), client = new_client(port_of(server));
    obe_message command = 0, reply = 0;
    pthread_t thread = start_thread(echo_one, &server);
    int64_t count;
    int i;

    CHECK(numbers && got);
    for (i = 0; i < COUNT; i++)
        numbers[i] = 1.0 / (i + 1);
    CHECK_OK(0, obe_command_new("data", &command));
    CHECK_OK(command, obe_set_doubles(command, "x", numbers, COUNT));
    CHECK_OK(client, obe_tcmd_message(client, command, &reply, TEST_TIMEOUT));
    join_thread(thread);
    CHECK_OK(reply, obe_get_doubles(reply, "/x", got, COUNT, &count));
    CHECK_EQUAL(COUNT, count);
    CHECK(memcmp(numbers, got, COUNT * sizeof *got) == 0);
    CHECK(stat_of(server, OBE_STAT_BYTES_RECEIVED) > 2000000);
    free_message(reply);
    free_message(command);
    free_socket(client);
    free_socket(server);
    free(numbers);
    free(got);
}

/* ---- several requests at the same time ---- */

enum { SEVERAL = 6 };

static void *answer_number(void *request)
{
    obe_message m = *(obe_message *)request, reply = 0;
    int64_t n = -1;

    CHECK_OK(m, obe_get_int(m, "/n", &n));
    CHECK_OK(0, obe_command_new("answer", &reply));
    CHECK_OK(reply, obe_set_int(reply, "to", n));
    CHECK_OK(m, obe_reply_message(m, reply, TEST_TIMEOUT));
    free_message(reply);
    return NULL;
}

/* Requests are answered in any order, by threads that did not receive them, and freed in any order. */
static void out_of_order(void)
{
    static const int order[SEVERAL] = {3, 0, 5, 1, 4, 2};
    obe_socket server = new_server(), clients[SEVERAL];
    obe_message requests[SEVERAL];
    char json[32];
    int i;

    for (i = 0; i < SEVERAL; i++) {
        clients[i] = new_client(port_of(server));
        snprintf(json, sizeof json, "{\"n\": %d}", i);
        send_text(clients[i], json);
        requests[i] = receive(server); /* each client waits: none is dropped for the next */
    }
    for (i = 0; i < SEVERAL; i++) {
        int k = order[i];

        CHECK_JSON(requests[k], (snprintf(json, sizeof json, "{\"n\": %d}", k), json));
        join_thread(start_thread(answer_number, &requests[k]));
        snprintf(json, sizeof json, "{\"command\": \"answer\", \"to\": %d}", k);
        CHECK_REPLY(clients[k], json);
        CHECK_EQUAL(0, stat_of(server, OBE_STAT_DROPPED_UNANSWERED));
    }
    for (i = 0; i < SEVERAL; i++) {
        CHECK_STATUS(OBE_E_STATE, requests[order[i]], obe_reply(requests[order[i]], "1", -1, TEST_TIMEOUT));
        free_message(requests[order[i]]);
        free_socket(clients[i]);
    }
    free_socket(server);
}

/* Several threads answer at the same time. */
static void answered_at_the_same_time(void)
{
    obe_socket server = new_server(), clients[SEVERAL];
    obe_message requests[SEVERAL];
    pthread_t threads[SEVERAL];
    char json[48];
    int i, round;

    for (i = 0; i < SEVERAL; i++) {
        clients[i] = new_client(port_of(server));
        CHECK_OK(clients[i], obe_set_option(clients[i], OBE_OPT_PERSISTENT, i % 2 ? "1" : "0"));
    }
    for (round = 0; round < rounds / 4 + 1; round++) {
        for (i = 0; i < SEVERAL; i++) {
            snprintf(json, sizeof json, "{\"n\": %d}", 100 * round + i);
            send_text(clients[i], json);
        }
        for (i = 0; i < SEVERAL; i++)
            requests[i] = receive(server);
        for (i = 0; i < SEVERAL; i++)
            threads[i] = start_thread(answer_number, &requests[i]);
        for (i = 0; i < SEVERAL; i++) {
            snprintf(json, sizeof json, "{\"command\": \"answer\", \"to\": %d}", 100 * round + i);
            CHECK_REPLY(clients[i], json);
        }
        for (i = 0; i < SEVERAL; i++) {
            join_thread(threads[i]);
            free_message(requests[i]);
        }
    }
    CHECK_EQUAL((rounds / 4 + 1) * SEVERAL, stat_of(server, OBE_STAT_MESSAGES_SENT));
    for (i = 0; i < SEVERAL; i++)
        free_socket(clients[i]);
    free_socket(server);
}

/* ---- loops on several threads ---- */

/* The three ways to serve. Each echoes every message until the server is freed. */

static void *pair_loop(void *server)
{
    char body[64];
    int64_t n = 0;
    obe_status status;

    while ((status = obe_receive((obe_socket)server, body, sizeof body, &n, OBE_FOREVER)) == OBE_OK)
        CHECK_OK((obe_socket)server, obe_send((obe_socket)server, body, n, TEST_TIMEOUT));
    CHECK(status == OBE_E_CLOSED || status == OBE_E_HANDLE);
    return NULL;
}

static void *message_loop(void *server)
{
    obe_message request = 0;
    obe_status status;

    while ((status = obe_receive_message((obe_socket)server, &request, OBE_FOREVER)) == OBE_OK) {
        CHECK_OK(request, obe_reply_message(request, request, TEST_TIMEOUT));
        free_message(request);
    }
    CHECK(status == OBE_E_CLOSED || status == OBE_E_HANDLE);
    return NULL;
}

static void reply_itself(obe_message request, void *user)
{
    (void)user;
    CHECK_OK(request, obe_reply_message(request, request, TEST_TIMEOUT));
}

static void *serve_loop(void *server)
{
    CHECK_EQUAL(OBE_E_CLOSED, obe_serve((obe_socket)server, reply_itself, NULL, NULL));
    return NULL;
}

enum { LOOPS = 4, ASKING = 6 };

static void loops_start(pthread_t *threads, void *(*loop)(void *), obe_socket server)
{
    int i;

    for (i = 0; i < LOOPS; i++)
        threads[i] = start_thread(loop, (void *)server);
    pause_ms(20); /* so that usually all of them wait; obe_serve must not begin after obe_free */
}

static void loops_join(pthread_t *threads, obe_socket server)
{
    int i;

    free_socket(server);
    for (i = 0; i < LOOPS; i++)
        join_thread(threads[i]);
}

static void *ask_numbers(void *client)
{
    char json[32], reply[64];
    int64_t n;
    int i;

    for (i = 0; i < 5 * rounds; i++) {
        snprintf(json, sizeof json, "[%d, %d]", (int)((uintptr_t)client & 0xffff), i);
        CHECK_OK((obe_socket)client, obe_tcmd((obe_socket)client, json, -1, reply, sizeof reply, &n, TEST_TIMEOUT));
        if (strcmp(json, reply) != 0)
            check_failed(__FILE__, __LINE__, "%s was answered %s", json, reply);
    }
    return NULL;
}

/* Several threads loop over obe_receive and obe_send. Each one's obe_send replies to the message that it received. */
static void paired_by_thread(void)
{
    obe_socket server = new_server(), clients[ASKING];
    pthread_t threads[LOOPS], asking[ASKING];
    int i;

    for (i = 0; i < ASKING; i++) {
        clients[i] = new_client(port_of(server));
        CHECK_OK(clients[i], obe_set_option(clients[i], OBE_OPT_PERSISTENT, i % 2 ? "1" : "0"));
    }
    loops_start(threads, pair_loop, server);
    for (i = 0; i < ASKING; i++)
        asking[i] = start_thread(ask_numbers, (void *)clients[i]);
    for (i = 0; i < ASKING; i++) {
        join_thread(asking[i]);
        free_socket(clients[i]);
    }
    CHECK_EVENTUALLY(stat_of(server, OBE_STAT_MESSAGES_SENT) == 5 * rounds * ASKING);
    CHECK_EQUAL(0, stat_of(server, OBE_STAT_DROPPED_UNANSWERED));
    loops_join(threads, server);
}

static long receiver;

static void *receive_one(void *server)
{
    receiver = thread_id();
    CHECK_OK((obe_socket)server, obe_receive((obe_socket)server, text, sizeof text, &length, TEST_TIMEOUT));
    return NULL;
}

static void *send_one(void *server)
{
    CHECK_OK((obe_socket)server, obe_send((obe_socket)server, text, length, TEST_TIMEOUT));
    return NULL;
}

/* One loop may make each of its calls on another thread, and may leave messages unanswered. */
static void one_loop_on_many_threads(void)
{
    obe_socket server = new_server(), client = new_client(port_of(server)), other = new_client(port_of(server));
    char copy[64];
    int i;

    CHECK_OK(client, obe_set_option(client, OBE_OPT_PERSISTENT, "1"));
    for (i = 0; i < rounds / 10 + 2; i++) {
        snprintf(copy, sizeof copy, "[%d]", i);
        send_text(other, "\"unknown\"");
        join_thread(start_thread(receive_one, (void *)server));
        CHECK_EVENTUALLY(!thread_exists(receiver));
        send_text(client, copy);
        join_thread(start_thread(receive_one, (void *)server));
        CHECK_STATUS(OBE_E_PEER_CLOSED, other, obe_receive(other, text, sizeof text, &length, TEST_TIMEOUT));
        strcpy(text, copy);
        length = (int64_t)strlen(copy);
        join_thread(start_thread(send_one, (void *)server));
        CHECK_REPLY(client, copy);
    }
    free_socket(other);
    free_socket(client);
    free_socket(server);
}

/* Two messages are unanswered. obe_send replies to the one that its thread received. */
static void ambiguous_answer(void)
{
    obe_socket server = new_server(), clients[2];
    pthread_t thread;
    int i;

    for (i = 0; i < 2; i++) {
        clients[i] = new_client(port_of(server));
        send_text(clients[i], "1");
    }
    CHECK_OK(server, obe_receive(server, text, sizeof text, &length, TEST_TIMEOUT));
    thread = start_thread(pair_loop, (void *)server);
    CHECK_EVENTUALLY(stat_of(server, OBE_STAT_MESSAGES_SENT) == 1);
    /* It replies to its own message, although the other thread received later. */
    CHECK_OK(server, obe_send(server, "[2]", -1, TEST_TIMEOUT));
    for (i = 0; i < 2; i++) {
        CHECK_OK(clients[i], obe_receive(clients[i], text, sizeof text, &length, TEST_TIMEOUT));
        CHECK(strcmp(text, "1") == 0 || strcmp(text, "[2]") == 0);
        CHECK_WAITS(clients[i]);
        free_socket(clients[i]);
    }
    free_socket(server);
    join_thread(thread);
}

/* Commands that a client pipelines are answered in order, on any number of threads. */
static void pipelined(void)
{
    static void *(*const ways[])(void *) = {pair_loop, message_loop, serve_loop};
    enum { COMMANDS = 500 };
    char *all = malloc(COMMANDS * 32), json[32], reply[64];
    size_t way;
    int i;

    CHECK(all != NULL);
    for (way = 0; way < sizeof ways / sizeof *ways; way++) {
        obe_socket server = new_server();
        pthread_t threads[LOOPS];
        size_t size = 0;
        int fd = raw_connect(port_of(server));

        for (i = 0; i < COMMANDS; i++) {
            snprintf(json, sizeof json, "[%d]", i);
            size += (size_t)snprintf(all + size, 32, "%010d%s", (int)strlen(json), json);
        }
        loops_start(threads, ways[way], server);
        raw_write(fd, all, size);
        for (i = 0; i < COMMANDS; i++) {
            snprintf(json, sizeof json, "[%d]", i);
            CHECK(raw_message(fd, reply, sizeof reply) == strlen(json));
            if (strcmp(json, reply) != 0)
                check_failed(__FILE__, __LINE__, "reply %d is %s", i, reply);
        }
        socket_close(fd);
        loops_join(threads, server);
    }
    free(all);
}

/* ---- invalid replies ---- */

static void answered_once(void)
{
    obe_socket server = new_server(), client = new_client(port_of(server));
    obe_message request, other = parse("2");

    send_text(client, "1");
    request = receive(server);
    CHECK_STATUS(OBE_E_STATE, server, obe_send(server, "3", -1, TEST_TIMEOUT)); /* obe_send does not reply to it */
    answer(request, "[1]");
    CHECK_STATUS(OBE_E_STATE, request, obe_reply(request, "[2]", -1, TEST_TIMEOUT));
    CHECK_ERROR(request, "answered already");
    CHECK_STATUS(OBE_E_STATE, request, obe_reply_message(request, other, TEST_TIMEOUT));
    CHECK_REPLY(client, "[1]");
    CHECK_WAITS(client);
    CHECK_EQUAL(1, stat_of(server, OBE_STAT_MESSAGES_SENT));
    CHECK_STATUS(OBE_E_STATE, other, obe_reply(other, "1", -1, TEST_TIMEOUT));
    CHECK_STATUS(OBE_E_STATE, other, obe_reply_message(other, request, TEST_TIMEOUT));
    free_message(other);
    free_message(request);
    free_socket(client);
    free_socket(server);
}

/* A refused reply is not sent, and another one can be sent. */
static void refused_replies(void)
{
    obe_socket server = new_server(), client = new_client(port_of(server));
    obe_message request, stale = parse("1");

    free_message(stale);
    CHECK_OK(server, obe_set_option(server, OBE_OPT_MAX_MESSAGE, "20"));
    send_text(client, "1");
    request = receive(server);
    CHECK_STATUS(OBE_E_JSON, request, obe_reply(request, "[1,]", -1, TEST_TIMEOUT));
    CHECK_ERROR(request, "reply");
    CHECK_ERROR(request, "at byte 3");
    CHECK_STATUS(OBE_E_JSON, request, obe_reply(request, "", 0, TEST_TIMEOUT));
    CHECK_STATUS(OBE_E_ARGUMENT, request, obe_reply(request, NOWHERE, -1, TEST_TIMEOUT));
    CHECK_ERROR(request, "json is NULL");
    CHECK_STATUS(OBE_E_ARGUMENT, request, obe_reply(request, "1", -2, TEST_TIMEOUT));
    CHECK_STATUS(OBE_E_ARGUMENT, request, obe_reply(request, "1", -1, -3));
    CHECK_STATUS(OBE_E_TOO_LARGE, request, obe_reply(request, "[1, 2, 3, 4, 5, 6, 7]", -1, TEST_TIMEOUT));
    CHECK_STATUS(OBE_E_HANDLE, request, obe_reply_message(request, stale, TEST_TIMEOUT));
    CHECK_STATUS(OBE_E_HANDLE, request, obe_reply_message(request, 0, TEST_TIMEOUT));
    CHECK_STATUS(OBE_E_HANDLE, request, obe_reply_message(request, (obe_message)server, TEST_TIMEOUT));
    CHECK_EQUAL(0, stat_of(server, OBE_STAT_MESSAGES_SENT));
    answer(request, "\"at last\"");
    CHECK_REPLY(client, "\"at last\"");
    free_message(request);
    free_socket(client);
    free_socket(server);
}

/* ---- peers that disconnect ---- */

static obe_message request_of(obe_socket server, int fd)
{
    raw_write_text(fd, "0000000003[1]");
    return receive(server);
}

static void client_disconnects(void)
{
    obe_socket server = new_server(), other = new_client(port_of(server));
    obe_message request, second;
    obe_status status;
    int fd = raw_connect(port_of(server));

    /* The client resets the connection: every reply fails. */
    request = request_of(server, fd);
    raw_reset(fd);
    CHECK_STATUS(OBE_E_RESET, request, obe_reply(request, "[2]", -1, TEST_TIMEOUT));
    CHECK_ERROR(request, "reply 127.0.0.1:");
    status = obe_reply(request, "[2]", -1, TEST_TIMEOUT);
    CHECK(status == OBE_E_RESET || status == OBE_E_PEER_CLOSED);
    free_message(request);

    /* The client resets the connection while the server receives, which notices it then. */
    fd = raw_connect(port_of(server));
    request = request_of(server, fd);
    raw_reset(fd);
    send_text(other, "1");
    second = receive(server);
    CHECK_EVENTUALLY(obe_receive(server, text, sizeof text, &length, 1) == OBE_E_TIMEOUT &&
                     stat_of(server, OBE_STAT_CONNECTIONS_OPEN) == 1);
    status = obe_reply(request, "[2]", -1, TEST_TIMEOUT);
    CHECK(status == OBE_E_RESET || status == OBE_E_PEER_CLOSED);
    CHECK_ERROR(request, "reply 127.0.0.1:");
    free_message(request);
    answer(second, "2"); /* other clients are not affected */
    CHECK_REPLY(other, "2");
    free_message(second);

    /* The client closes the connection: the system may or may not accept the reply. */
    fd = raw_connect(port_of(server));
    request = request_of(server, fd);
    socket_close(fd);
    CHECK_STATUS(OBE_E_TIMEOUT, server, obe_receive(server, text, sizeof text, &length, 20));
    status = obe_reply(request, "[2]", -1, TEST_TIMEOUT);
    CHECK(status == OBE_OK || status == OBE_E_RESET || status == OBE_E_PEER_CLOSED);
    free_message(request);

    /* The client shuts down only its sending side, and still waits for the reply. */
    fd = raw_connect(port_of(server));
    request = request_of(server, fd);
    CHECK(shutdown(fd, SHUT_WR) == 0);
    CHECK_STATUS(OBE_E_TIMEOUT, server, obe_receive(server, text, sizeof text, &length, 20));
    answer(request, "[3]");
    CHECK_EQUAL(3, (int64_t)raw_message(fd, text, sizeof text));
    CHECK(strcmp(text, "[3]") == 0);
    CHECK(raw_ended(fd));
    socket_close(fd);
    free_message(request);

    send_text(other, "4");
    request = receive(server);
    answer(request, "5");
    CHECK_REPLY(other, "5");
    free_message(request);
    free_socket(other);
    free_socket(server);
}

/* A client that does not read its reply is dropped at the end of the caller's timeout. */
static void client_does_not_read(void)
{
    enum { BIG = 16 << 20 };
    obe_socket server = new_server(), other = new_client(port_of(server));
    obe_message request;
    obe_status status;
    char *big = malloc(BIG);
    int fd = raw_connect(port_of(server));
    int64_t start;

    CHECK(big != NULL);
    memset(big, ' ', BIG);
    big[0] = '1';
    request = request_of(server, fd);
    start = now_ms();
    CHECK_STATUS(OBE_E_TIMEOUT, request, obe_reply(request, big, BIG, 60));
    CHECK(now_ms() - start >= 59 && now_ms() - start < 60 + SOON);
    status = obe_reply(request, "1", -1, TEST_TIMEOUT); /* half a frame was sent, so nothing else can be */
    CHECK(status == OBE_E_PEER_CLOSED || status == OBE_E_RESET || status == OBE_E_CLOSED || status == OBE_E_TIMEOUT);
    CHECK_EVENTUALLY(stat_of(server, OBE_STAT_CONNECTIONS_OPEN) == 0);
    free_message(request);
    socket_close(fd);
    send_text(other, "1");
    request = receive(server);
    answer(request, "2");
    CHECK_REPLY(other, "2");
    free_message(request);
    free_socket(other);
    free_socket(server);
    free(big);
}

static void server_is_freed(void)
{
    obe_socket server = new_server(), client = new_client(port_of(server));
    obe_message answered, open;

    send_text(client, "1");
    answered = receive(server);
    answer(answered, "2");
    CHECK_REPLY(client, "2");
    send_text(client, "3");
    open = receive(server);
    free_socket(server);
    CHECK_STATUS(OBE_E_CLOSED, open, obe_reply(open, "4", -1, TEST_TIMEOUT));
    CHECK_ERROR(open, "closed by this side");
    CHECK_STATUS(OBE_E_PEER_CLOSED, client, obe_receive(client, text, sizeof text, &length, TEST_TIMEOUT));
    CHECK_JSON(open, "3"); /* the received message is still valid */
    free_message(open);
    free_message(answered);
    free_socket(client);
}

/* A request is freed without a reply: its connection is closed when a message of another client is received. */
static void freed_unanswered(void)
{
    obe_socket server = new_server(), first = new_client(port_of(server)), second = new_client(port_of(server));
    obe_message request, held;

    send_text(first, "1");
    free_message(receive(server));
    CHECK_WAITS(first);
    send_text(second, "2");
    held = receive(server);
    CHECK_STATUS(OBE_E_PEER_CLOSED, first, obe_receive(first, text, sizeof text, &length, TEST_TIMEOUT));
    CHECK_EQUAL(1, stat_of(server, OBE_STAT_DROPPED_UNANSWERED));

    /* A request counts as unanswered only when it is freed. */
    send_text(first, "3");
    request = receive(server);
    CHECK_WAITS(second);
    free_message(held);
    CHECK_WAITS(second);
    answer(request, "4");
    CHECK_REPLY(first, "4");
    free_message(request);
    send_text(first, "5");
    request = receive(server);
    CHECK_STATUS(OBE_E_PEER_CLOSED, second, obe_receive(second, text, sizeof text, &length, TEST_TIMEOUT));
    CHECK_EQUAL(2, stat_of(server, OBE_STAT_DROPPED_UNANSWERED));
    free_message(request);

    CHECK_OK(server, obe_set_option(server, OBE_OPT_ONE_WAY, "1"));
    send_text(second, "6");
    free_message(receive(server));
    CHECK_WAITS(first);
    send_text(first, "7");
    free_message(receive(server));
    CHECK_WAITS(second);
    CHECK_EQUAL(2, stat_of(server, OBE_STAT_DROPPED_UNANSWERED));
    free_socket(first);
    free_socket(second);
    free_socket(server);
}

/* A request is freed while another thread replies to it: the whole reply is sent, and the connection is closed as usual. */

enum { LENGTHY = 12 << 20 };

static char *long_text;

static obe_status answer_at_length(void *request) { return obe_reply(request, long_text, LENGTHY, TEST_TIMEOUT); }

static obe_status receive_until_cancelled(void *server)
{
    char buffer[8];
    int64_t size;

    return obe_receive(server, buffer, sizeof buffer, &size, OBE_FOREVER);
}

static void freed_while_answering(void)
{
    obe_socket server = new_server(), other = new_client(port_of(server));
    char *got = malloc(LENGTHY + 10);
    struct caller caller, receiver;
    int fd = raw_connect(port_of(server));
    obe_message request = request_of(server, fd);

    long_text = malloc(LENGTHY);
    CHECK(long_text && got);
    memset(long_text, ' ', LENGTHY);
    long_text[0] = long_text[LENGTHY - 1] = '"';
    caller_start(&caller, answer_at_length, request); /* the reply is larger than the system's buffers */
    free_message(request);
    send_text(other, "1"); /* this would close the connection of an unanswered request */
    request = receive(server);
    answer(request, "2");
    free_message(request);
    CHECK_REPLY(other, "2");
    CHECK_EQUAL(0, stat_of(server, OBE_STAT_DROPPED_UNANSWERED));
    /* The calls that receive may have to send the rest of the reply. */
    caller_start(&receiver, receive_until_cancelled, server);
    CHECK_EQUAL(LENGTHY + 10, (int64_t)raw_read(fd, got, LENGTHY + 10));
    CHECK_OK(0, caller_join(&caller));
    CHECK_OK(server, obe_cancel(server));
    CHECK_EQUAL(OBE_E_CANCELLED, caller_join(&receiver));
    CHECK(memcmp(got, "0012582912", 10) == 0 && memcmp(got + 10, long_text, LENGTHY) == 0);
    free_socket(other);
    socket_close(fd);
    CHECK_EVENTUALLY(obe_receive(server, text, sizeof text, &length, 1) == OBE_E_TIMEOUT &&
                     stat_of(server, OBE_STAT_CONNECTIONS_OPEN) == 0);
    free_socket(server);
    free(got);
    free(long_text);
}

/* ---- obe_serve ---- */

/* The flag that ends the obe_serve of this thread. */
static __thread volatile int *serving_stop;

static void stop_serving(void) { *serving_stop = 1; }

/* A call of obe_serve on a separate thread. */
struct server_thread {
    obe_socket server;
    obe_handler handler;
    void *user;
    volatile int stop;
    obe_status status; /* what obe_serve returned */
    int64_t returned;
    pthread_t thread;
};

static void *serve_body(void *argument)
{
    struct server_thread *s = argument;

    serving_stop = &s->stop;
    s->status = obe_serve(s->server, s->handler, s->user, &s->stop);
    s->returned = now_ms();
    return NULL;
}

static void serve_start(struct server_thread *s, obe_socket server, obe_handler handler, void *user)
{
    memset(s, 0, sizeof *s);
    s->server = server;
    s->handler = handler;
    s->user = user;
    s->thread = start_thread(serve_body, s);
}

static obe_status serve_join(struct server_thread *s)
{
    join_thread(s->thread);
    return s->status;
}

static int is(obe_message request, const char *command)
{
    char name[64];
    int64_t size;

    return obe_get_string(request, "/command", name, sizeof name, &size) == OBE_OK && strcmp(name, command) == 0;
}

static const char *const stop = "{\"command\": \"stop\"}";

static void check_tcmd(const char *file, int line, obe_socket client, const char *json, const char *wanted)
{
    char reply[256];
    int64_t size;

    check_status(file, line, json, OBE_OK, obe_tcmd(client, json, -1, reply, sizeof reply, &size, TEST_TIMEOUT),
                 client);
    if (strcmp(reply, wanted) != 0)
        check_failed(file, line, "%s was answered %s, wanted %s", json, reply, wanted);
}

#define CHECK_TCMD(client, json, wanted) check_tcmd(__FILE__, __LINE__, client, json, wanted)

static obe_message last_request; /* the handler's */

static void count_messages(obe_message request, void *user)
{
    char reply[16];

    last_request = request;
    if (is(request, "stop")) {
        answer(request, "\"bye\"");
        stop_serving();
        return;
    }
    snprintf(reply, sizeof reply, "%d", __atomic_add_fetch((int *)user, 1, __ATOMIC_RELAXED));
    answer(request, reply);
}

/* A handler that sets the flag ends obe_serve after it has returned. The same flag can be used again. */
static void ended_by_a_flag_of_its_handler(void)
{
    obe_socket server = new_server(), client = new_client(port_of(server));
    int i;

    for (i = 0; i < 3; i++) {
        int count = 0;
        struct server_thread running;

        serve_start(&running, server, count_messages, &count);
        CHECK_TCMD(client, "{\"command\": \"ready\"}", "1");
        CHECK_TCMD(client, "[]", "2");
        CHECK_TCMD(client, "NaN", "3");
        CHECK_TCMD(client, stop, "\"bye\"");
        CHECK_OK(server, serve_join(&running));
        CHECK_EQUAL(3, count);
        /* The request was freed. */
        CHECK_STATUS(OBE_E_HANDLE, 0, obe_reply(last_request, "1", -1, 0));
        CHECK_STATUS(OBE_E_HANDLE, 0, obe_message_free(last_request));
    }
    CHECK_EQUAL(2, obe_test_live());
    free_socket(client);
    free_socket(server);
}

static void invalid_arguments_of_serve(void)
{
    static volatile int flags[2];
    obe_socket server = new_server(), client = new_client(port_of(server));
    obe_handler volatile no_handler = NULL;
    const uintptr_t no_flags[] = {1, 4095, UINTPTR_MAX, UINTPTR_MAX - 3, (uintptr_t)flags + 1, (uintptr_t)flags + 2};
    int count = 0, i;

    for (i = 0; i < LENGTH(no_flags); i++) {
        CHECK_STATUS(OBE_E_ARGUMENT, server, obe_serve(server, count_messages, &count, (volatile int *)no_flags[i]));
        CHECK_ERROR(server, "serve: ");
        CHECK_ERROR(server, "stop is the address 0x");
    }

    CHECK_STATUS(OBE_E_ARGUMENT, server, obe_serve(server, no_handler, &count, NULL));
    CHECK_ERROR(server, "handler is NULL");
    CHECK_STATUS(OBE_E_STATE, client, obe_serve(client, count_messages, &count, NULL));
    CHECK_ERROR(client, "client");
    CHECK_STATUS(OBE_E_HANDLE, 0, obe_serve(0, count_messages, &count, NULL));
    CHECK_ERROR(0, "serve");
    free_socket(client);
    free_socket(server);
    CHECK_STATUS(OBE_E_HANDLE, 0, obe_serve(server, count_messages, &count, NULL));
}

/* ---- the flag that ends obe_serve ---- */

/* The flag is set by another thread while no message arrives. It ends all calls that have it, and only those. */
static void ended_by_a_flag(void)
{
    static volatile int flag;
    obe_socket server = new_server(), client = new_client(port_of(server));
    struct server_thread with_flag[3], without;
    int count = 0, i;
    int64_t start;

    flag = 0;
    serve_start(&without, server, count_messages, &count);
    for (i = 0; i < LENGTH(with_flag); i++)
        serve_start(&with_flag[i], server, count_messages, &count);
    CHECK_TCMD(client, "[]", "1");
    start = now_ms();
    for (i = 0; i < LENGTH(with_flag); i++)
        with_flag[i].stop = i + 1; /* any value but 0 */
    for (i = 0; i < LENGTH(with_flag); i++) {
        CHECK_OK(server, serve_join(&with_flag[i]));
        CHECK(with_flag[i].returned - start < SOON);
    }
    CHECK_TCMD(client, "[]", "2");
    without.stop = -1;
    CHECK_OK(server, serve_join(&without));

    /* A flag that was set before: the message stays for the next call. */
    send_text(client, "[]");
    flag = 1;
    CHECK_OK(server, obe_serve(server, count_messages, &count, &flag));
    CHECK_EQUAL(2, count);
    serve_start(&without, server, count_messages, &count);
    CHECK_REPLY(client, "3");
    without.stop = 1;
    CHECK_OK(server, serve_join(&without));
    free_socket(client);
    free_socket(server);
}

/* A signal handler sets the flag, as in examples/c/server.c. */
static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

static obe_status serve_until_interrupted(void *server)
{
    static int count;

    return obe_serve(server, count_messages, &count, &interrupted);
}

static void ended_by_a_signal(void)
{
    obe_socket server = new_server(), client = new_client(port_of(server));
    struct caller callers[2];
    void (*before)(int) = signal(SIGINT, interrupt);
    int64_t start;
    int i;

    CHECK(before != SIG_ERR);
    interrupted = 0;
    for (i = 0; i < LENGTH(callers); i++)
        /* It wakes up every 100 ms, so caller_start could wait long. */
        caller_begin(&callers[i], serve_until_interrupted, server);
    CHECK_OK(client, obe_tcmd(client, "[]", -1, text, sizeof text, &length, TEST_TIMEOUT));
    start = now_ms();
    CHECK(raise(SIGINT) == 0);
    for (i = 0; i < LENGTH(callers); i++) {
        CHECK_OK(server, caller_join(&callers[i]));
        CHECK(callers[i].returned - start < SOON);
    }
    CHECK(signal(SIGINT, before) != SIG_ERR);
    free_socket(client);
    free_socket(server);
}

/* user is passed to the handler unchanged, whatever its value. */

static void *seen; /* atomic */

static void record_user(obe_message request, void *user)
{
    obe_test_collect();
    __atomic_store_n(&seen, user, __ATOMIC_RELEASE);
    answer(request, "1");
    obe_test_collect();
    stop_serving();
}

static void odd_users(void)
{
    obe_socket server = new_server(), client = new_client(port_of(server));
    int here, i;
    uintptr_t odd[] = {0,
                       1,
                       2,
                       7,
                       UINTPTR_MAX,
                       UINTPTR_MAX - 1,
                       (uintptr_t)0xC000000000,
                       (uintptr_t)0xC000000001,
                       (uintptr_t)&here,
                       4095,
                       4096,
                       (uintptr_t)-4096,
                       ~(UINTPTR_MAX >> 1),
                       (uintptr_t)0x5A5A5A5A5A5A5A5A,
                       (uintptr_t)client,
                       (uintptr_t)server};

    for (i = 0; i < LENGTH(odd); i++) {
        struct server_thread running;

        __atomic_store_n(&seen, &seen, __ATOMIC_RELEASE);
        serve_start(&running, server, record_user, (void *)odd[i]);
        CHECK_TCMD(client, "1", "1");
        CHECK_OK(server, serve_join(&running));
        if ((uintptr_t)__atomic_load_n(&seen, __ATOMIC_ACQUIRE) != odd[i])
            check_failed(__FILE__, __LINE__, "user %#" PRIxPTR " arrived as %p", odd[i], seen);
    }
    free_socket(client);
    free_socket(server);
}

/* ---- several threads serve ---- */

enum { SERVER_THREADS = 4 };

static struct {
    pthread_barrier_t together;
    int served; /* atomic */
} crowd;

static void meet(obe_message request, void *user)
{
    (void)user;
    if (is(request, "stop")) {
        stop_serving(); /* before the reply, after which the test reads the flags */
        answer(request, "\"bye\"");
        return;
    }
    if (is(request, "meet"))
        pthread_barrier_wait(&crowd.together); /* until all handlers run at the same time */
    __atomic_add_fetch(&crowd.served, 1, __ATOMIC_RELAXED);
    answer(request, "1");
}

static void *ask_to_meet(void *client)
{
    CHECK_TCMD(*(obe_socket *)client, "{\"command\": \"meet\"}", "1");
    return NULL;
}

static void *ask_much(void *client)
{
    int i;

    for (i = 0; i < rounds; i++)
        CHECK_TCMD(*(obe_socket *)client, "{\"command\": \"hello\"}", "1");
    return NULL;
}

static void many_server_threads(void)
{
    obe_socket server = new_server(), clients[SERVER_THREADS];
    struct server_thread running[SERVER_THREADS];
    pthread_t threads[SERVER_THREADS];
    int i, stopped = 0;

    CHECK(pthread_barrier_init(&crowd.together, NULL, SERVER_THREADS) == 0);
    crowd.served = 0;
    for (i = 0; i < SERVER_THREADS; i++) {
        serve_start(&running[i], server, meet, NULL);
        clients[i] = new_client(port_of(server));
        CHECK_OK(clients[i], obe_set_option(clients[i], OBE_OPT_PERSISTENT, i % 2 ? "1" : "0"));
    }
    for (i = 0; i < SERVER_THREADS; i++)
        threads[i] = start_thread(ask_to_meet, &clients[i]);
    for (i = 0; i < SERVER_THREADS; i++)
        join_thread(threads[i]);
    for (i = 0; i < SERVER_THREADS; i++)
        threads[i] = start_thread(ask_much, &clients[i]);
    for (i = 0; i < SERVER_THREADS; i++)
        join_thread(threads[i]);
    CHECK_EQUAL(SERVER_THREADS * (rounds + 1), crowd.served);

    /* A handler that sets the flag of its own thread ends that obe_serve. The others continue. */
    CHECK_TCMD(clients[0], stop, "\"bye\"");
    for (i = 0; i < 20; i++)
        CHECK_TCMD(clients[1], "{\"command\": \"hello\"}", "1");
    for (i = 0; i < SERVER_THREADS; i++) {
        if (running[i].stop) {
            CHECK_OK(server, serve_join(&running[i]));
            stopped++;
        }
    }
    CHECK_EQUAL(1, stopped);
    CHECK_OK(server, obe_cancel(server));
    for (i = 0; i < SERVER_THREADS; i++) {
        if (!running[i].stop)
            CHECK_EQUAL(OBE_E_CANCELLED, serve_join(&running[i]));
        free_socket(clients[i]);
    }
    CHECK_EQUAL(0, stat_of(server, OBE_STAT_DROPPED_UNANSWERED));
    free_socket(server);
    CHECK(pthread_barrier_destroy(&crowd.together) == 0);
}

/* Other threads use the handles of requests whose handlers return at the same time. A handle stands for its own request or
 * for none, although obe_serve uses the memory of a request again, and a reply goes to the client of that request. */

static struct {
    pthread_mutex_t mutex;
    obe_message request; /* of a handler that ran last */
    int64_t number;      /* in it */
    int over;
} shared_request = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static obe_status answer_with(obe_message request, int64_t number)
{
    char reply[32];

    snprintf(reply, sizeof reply, "%" PRId64, number);
    return obe_reply(request, reply, -1, TEST_TIMEOUT);
}

static void share_request(obe_message request, void *user)
{
    int64_t number = -1;
    obe_status status;

    (void)user;
    CHECK_OK(request, obe_get_int(request, "/n", &number));
    CHECK(pthread_mutex_lock(&shared_request.mutex) == 0);
    shared_request.request = request;
    shared_request.number = number;
    CHECK(pthread_mutex_unlock(&shared_request.mutex) == 0);
    status = answer_with(request, number);
    CHECK(status == OBE_OK || status == OBE_E_STATE); /* the other thread was first */
}

static void *use_shared_request(void *unused)
{
    int over = 0;

    while (!over) {
        obe_message request;
        int64_t number, read = -1;
        obe_status status;

        CHECK(pthread_mutex_lock(&shared_request.mutex) == 0);
        request = shared_request.request;
        number = shared_request.number;
        over = shared_request.over;
        CHECK(pthread_mutex_unlock(&shared_request.mutex) == 0);
        if (!request)
            continue;
        status = obe_get_int(request, "/n", &read);
        if (status == OBE_OK && read != number)
            check_failed(__FILE__, __LINE__, "the handle of request %d stands for request %d", (int)number, (int)read);
        CHECK(status == OBE_OK || status == OBE_E_HANDLE);
        status = answer_with(request, number);
        CHECK(status == OBE_OK || status == OBE_E_STATE || status == OBE_E_HANDLE);
    }
    return unused;
}

static void *ask_for_own_number(void *client)
{
    static int clients; /* atomic */
    int i, first = __atomic_add_fetch(&clients, 1, __ATOMIC_RELAXED) * 1000000;
    char json[4000], reply[32];

    for (i = 0; i < 5 * rounds; i++) {
        /* So long that it takes a while to find the number. */
        snprintf(json, sizeof json, "{\"fill\": \"%03000d\", \"n\": %d}", first + i, first + i);
        snprintf(reply, sizeof reply, "%d", first + i);
        CHECK_TCMD(*(obe_socket *)client, json, reply);
    }
    return NULL;
}

static void handles_used_after_their_handlers(void)
{
    obe_socket server = new_server(), clients[SERVER_THREADS];
    struct server_thread running[2];
    pthread_t threads[SERVER_THREADS], others[3];
    int i;

    for (i = 0; i < LENGTH(others); i++)
        others[i] = start_thread(use_shared_request, NULL);
    for (i = 0; i < LENGTH(running); i++)
        serve_start(&running[i], server, share_request, NULL);
    for (i = 0; i < SERVER_THREADS; i++) {
        clients[i] = new_client(port_of(server));
        CHECK_OK(clients[i], obe_set_option(clients[i], OBE_OPT_PERSISTENT, "1"));
        threads[i] = start_thread(ask_for_own_number, &clients[i]);
    }
    for (i = 0; i < SERVER_THREADS; i++)
        join_thread(threads[i]);
    CHECK(pthread_mutex_lock(&shared_request.mutex) == 0);
    shared_request.over = 1;
    CHECK(pthread_mutex_unlock(&shared_request.mutex) == 0);
    for (i = 0; i < LENGTH(others); i++)
        join_thread(others[i]);
    for (i = 0; i < LENGTH(running); i++)
        running[i].stop = 1;
    for (i = 0; i < LENGTH(running); i++)
        CHECK_OK(server, serve_join(&running[i]));
    CHECK_EQUAL(5 * rounds * SERVER_THREADS, stat_of(server, OBE_STAT_MESSAGES_SENT));
    for (i = 0; i < SERVER_THREADS; i++)
        free_socket(clients[i]);
    free_socket(server);
    CHECK_EQUAL(0, obe_test_live());
}

/* ---- obe_serve is ended by another thread ---- */

static obe_status serve_forever(void *server)
{
    static int count;

    return obe_serve(server, count_messages, &count, NULL);
}

static void ended_while_it_waits(void)
{
    static const struct {
        obe_status (*end)(obe_socket);
        obe_status status;
        const char *error;
    } ends[] = {{obe_cancel, OBE_E_CANCELLED, "cancelled"},
                {obe_close, OBE_E_CLOSED, "closed by this side"},
                {obe_free, OBE_E_CLOSED, NULL}};
    int i, k;

    for (i = 0; i < LENGTH(ends); i++) {
        obe_socket server = new_server();
        struct caller callers[3];
        int64_t start;

        CHECK_OK(server, obe_cancel(server)); /* has no effect on later calls */
        for (k = 0; k < LENGTH(callers); k++)
            caller_start(&callers[k], serve_forever, server);
        start = now_ms();
        CHECK_OK(server, ends[i].end(server));
        for (k = 0; k < LENGTH(callers); k++) {
            CHECK_STATUS(ends[i].status, server, caller_join(&callers[k]));
            CHECK(callers[k].returned - start < SOON);
        }
        if (ends[i].error) {
            struct server_thread running;
            obe_socket client = new_client(port_of(server));
            int count = 0;

            CHECK_ERROR(server, "serve");
            CHECK_ERROR(server, ends[i].error);
            serve_start(&running, server, count_messages, &count); /* it can serve again */
            CHECK_TCMD(client, stop, "\"bye\"");
            CHECK_OK(server, serve_join(&running));
            free_socket(client);
            free_socket(server);
        } else {
            CHECK_STATUS(OBE_E_HANDLE, 0, obe_serve(server, count_messages, NULL, NULL));
        }
    }
    CHECK_EQUAL(0, obe_test_live());
}

/* A handler that signals that it runs, and waits until it may continue. */
static struct {
    sem_t runs, resume;
    obe_status replied;
} pause_;

static void wait_inside(obe_message request, void *user)
{
    (void)user;
    CHECK(sem_post(&pause_.runs) == 0);
    CHECK(sem_wait(&pause_.resume) == 0);
    pause_.replied = obe_reply(request, "\"late\"", -1, TEST_TIMEOUT);
}

static void ended_while_its_handler_runs(void)
{
    static const struct {
        obe_status (*end)(obe_socket);
        obe_status status, replied;
    } ends[] = {{obe_cancel, OBE_E_CANCELLED, OBE_OK},
                {obe_close, OBE_E_CLOSED, OBE_OK},
                {obe_free, OBE_E_CLOSED, OBE_E_CLOSED}};
    int i;

    CHECK(sem_init(&pause_.runs, 0, 0) == 0 && sem_init(&pause_.resume, 0, 0) == 0);
    for (i = 0; i < LENGTH(ends); i++) {
        obe_socket server = new_server(), client = new_client(port_of(server));
        struct server_thread running;
        int64_t start;

        serve_start(&running, server, wait_inside, NULL);
        send_text(client, "1");
        CHECK(sem_wait(&pause_.runs) == 0);
        start = now_ms();
        CHECK_OK(server, ends[i].end(server)); /* it does not wait for the handler */
        CHECK(now_ms() - start < SOON);
        CHECK(sem_post(&pause_.resume) == 0);
        CHECK_STATUS(ends[i].status, 0, serve_join(&running));
        CHECK_EQUAL(ends[i].replied, pause_.replied);
        if (ends[i].replied == OBE_OK)
            CHECK_REPLY(client, "\"late\"");
        else
            CHECK_STATUS(OBE_E_PEER_CLOSED, client, obe_receive(client, text, sizeof text, &length, TEST_TIMEOUT));
        free_socket(client);
        if (ends[i].end != obe_free)
            free_socket(server);
    }
    CHECK(sem_destroy(&pause_.runs) == 0 && sem_destroy(&pause_.resume) == 0);
    CHECK_EQUAL(0, obe_test_live());
}

/* A handler may call the same functions. */
static struct {
    obe_socket server;
    obe_status (*end)(obe_socket);
} ending;

static void end_it(obe_message request, void *user)
{
    (void)user;
    answer(request, "1");
    CHECK_OK(ending.server, ending.end(ending.server));
}

static void ended_by_its_handler(void)
{
    static obe_status (*const ends[])(obe_socket) = {obe_cancel, obe_close, obe_free};
    int i;

    for (i = 0; i < LENGTH(ends); i++) {
        obe_socket client;
        struct server_thread running;

        ending.server = new_server();
        ending.end = ends[i];
        client = new_client(port_of(ending.server));
        serve_start(&running, ending.server, end_it, NULL);
        send_text(client, "1");
        CHECK_STATUS(ends[i] == obe_cancel ? OBE_E_CANCELLED : OBE_E_CLOSED, 0, serve_join(&running));
        CHECK_REPLY(client, "1");
        free_socket(client);
        if (ends[i] != obe_free)
            free_socket(ending.server);
    }
    CHECK_EQUAL(0, obe_test_live());
}

/* Creates a message whose handle has the value of a freed one: a full quarantine reuses the oldest values. */
static obe_message successor_of(const void *freed)
{
    enum { ENOUGH = 3 * 4096 };
    int i;

    for (i = 0; i < ENOUGH; i++) {
        obe_message made = 0;

        CHECK_OK(0, obe_command_new("another", &made));
        if (made == freed)
            return made;
        free_message(made);
    }
    check_failed(__FILE__, __LINE__, "the value of the freed handle was not reused");
    return 0;
}

static void free_and_replace(obe_message request, void *successor)
{
    answer(request, "1");
    free_message(request);
    *(obe_message *)successor = successor_of(request);
    stop_serving();
}

/* The handler has freed its request, and the value of its handle was reused: that message stays live. */
static void freed_by_its_handler(void)
{
    obe_socket server = new_server(), client = new_client(port_of(server));
    struct server_thread running;
    obe_message successor = 0;

    serve_start(&running, server, free_and_replace, &successor);
    CHECK_TCMD(client, "[]", "1");
    CHECK_OK(server, serve_join(&running));
    CHECK_JSON(successor, "{\"command\": \"another\"}");
    CHECK_EQUAL(3, obe_test_live());
    free_message(successor);
    free_socket(client);
    free_socket(server);
}

static struct {
    obe_socket server;
    obe_message successor;
} replaced;

static void replace_server(obe_message request, void *user)
{
    (void)user;
    answer(request, "1");
    free_socket(replaced.server);
    replaced.successor = successor_of(replaced.server);
}

/* The server is freed during obe_serve, and the value of its handle is reused for a message. The error of obe_serve is not
 * recorded on that message. */
static void error_after_its_handle(void)
{
    obe_socket client;
    struct server_thread running;

    replaced.server = new_server();
    client = new_client(port_of(replaced.server));
    serve_start(&running, replaced.server, replace_server, NULL);
    CHECK_TCMD(client, "[]", "1");
    CHECK_EQUAL(OBE_E_CLOSED, serve_join(&running));
    if (*last_error(replaced.successor))
        check_failed(__FILE__, __LINE__, "the last error of the message is \"%s\"", last_error(replaced.successor));
    CHECK_ERROR(0, "serve");
    free_message(replaced.successor);
    free_socket(client);
    CHECK_EQUAL(0, obe_test_live());
}

/* ---- handlers that do not reply, and calls that a handler may make ---- */

static void leave_some(obe_message request, void *handled)
{
    int forget = is(request, "forget"), freed = is(request, "free"), end = is(request, "stop");

    if (freed) /* otherwise obe_serve frees it */
        free_message(request);
    if (forget || freed) {
        CHECK(sem_post(handled) == 0);
        return;
    }
    answer(request, "1");
    if (end)
        stop_serving();
}

/* The connection of an unanswered request is closed when a message of another client is received. */
static void left_unanswered(void)
{
    static const char *const ways[] = {"{\"command\": \"forget\"}", "{\"command\": \"free\"}"};
    obe_socket server = new_server(), first = new_client(port_of(server)), second = new_client(port_of(server));
    struct server_thread running;
    sem_t handled;
    int i;

    CHECK(sem_init(&handled, 0, 0) == 0);
    serve_start(&running, server, leave_some, &handled);
    for (i = 0; i < LENGTH(ways); i++) {
        send_text(first, ways[i]);
        CHECK(sem_wait(&handled) == 0);
        CHECK_WAITS(first);
        CHECK_EQUAL(i, stat_of(server, OBE_STAT_DROPPED_UNANSWERED));
        CHECK_TCMD(second, "[1]", "1");
        CHECK_STATUS(OBE_E_PEER_CLOSED, first, obe_receive(first, text, sizeof text, &length, TEST_TIMEOUT));
        CHECK_EQUAL(i + 1, stat_of(server, OBE_STAT_DROPPED_UNANSWERED));
    }
    /* A message on the same connection does not close it. */
    CHECK_OK(first, obe_set_option(first, OBE_OPT_PERSISTENT, "1"));
    send_text(first, ways[0]);
    CHECK(sem_wait(&handled) == 0);
    send_text(first, "[2]");
    CHECK_REPLY(first, "1");
    CHECK_EQUAL(2, stat_of(server, OBE_STAT_DROPPED_UNANSWERED));
    CHECK_TCMD(second, stop, "1");
    CHECK_OK(server, serve_join(&running));
    free_socket(first);
    free_socket(second);
    free_socket(server);
    CHECK(sem_destroy(&handled) == 0);
}

/* A handler that makes all calls that could wait for a lock of its server, or be received by itself. */
static struct {
    obe_socket server, elsewhere, here;
    int32_t port;
} helper;

static void call_everything(obe_message request, void *user)
{
    char reply[64], option[32];
    int64_t size;
    int32_t port = 0;
    obe_message nothing = NUMBER_AS_HANDLE(77);

    (void)user;
    if (!is(request, "everything")) {
        answer(request, "\"inner\"");
        if (is(request, "stop"))
            stop_serving();
        return;
    }
    /* A client of another server, and a client of this server, which another thread serves. */
    CHECK_OK(helper.elsewhere, obe_tcmd(helper.elsewhere, "[\"far\"]", -1, reply, sizeof reply, &size, TEST_TIMEOUT));
    CHECK(strcmp(reply, "[\"far\"]") == 0);
    CHECK_OK(helper.here, obe_tcmd(helper.here, "[1]", -1, reply, sizeof reply, &size, TEST_TIMEOUT));
    CHECK(strcmp(reply, "\"inner\"") == 0);
    /* The server itself. */
    CHECK(stat_of(helper.server, OBE_STAT_MESSAGES_RECEIVED) > 0);
    CHECK_OK(helper.server, obe_port(helper.server, &port));
    CHECK_EQUAL(helper.port, port);
    CHECK_OK(helper.server, obe_get_option(helper.server, OBE_OPT_LOCAL, option, sizeof option, &size));
    CHECK_OK(helper.server, obe_set_option(helper.server, OBE_OPT_MAX_CONNECTIONS, "100"));
    CHECK_STATUS(OBE_E_TIMEOUT, helper.server, obe_receive_message(helper.server, &nothing, OBE_NO_WAIT));
    CHECK(nothing == NUMBER_AS_HANDLE(77));
    CHECK_STATUS(OBE_E_STATE, helper.server, obe_send(helper.server, "1", -1, TEST_TIMEOUT));
    /* Handles of every kind. */
    free_socket(new_server());
    free_socket(new_client(1));
    free_message(parse("[1]"));
    CHECK_OK(request, obe_set_int(request, "seen", 1));
    CHECK_OK(request, obe_reply_message(request, request, TEST_TIMEOUT));
}

static void handler_makes_calls(void)
{
    struct echo echo;
    struct server_thread running[2];
    obe_socket client;
    int i;

    echo_start(&echo);
    helper.server = new_server();
    helper.port = port_of(helper.server);
    helper.elsewhere = new_client(echo.port);
    helper.here = new_client(helper.port);
    client = new_client(helper.port);
    for (i = 0; i < 2; i++)
        serve_start(&running[i], helper.server, call_everything, NULL);
    for (i = 0; i < rounds / 10 + 1; i++)
        CHECK_TCMD(client, "{\"command\": \"everything\"}", "{\"command\": \"everything\", \"seen\": 1}");
    for (i = 0; i < 2; i++)
        CHECK_TCMD(client, stop, "\"inner\"");
    for (i = 0; i < 2; i++)
        CHECK_OK(helper.server, serve_join(&running[i]));
    free_socket(client);
    free_socket(helper.here);
    free_socket(helper.elsewhere);
    free_socket(helper.server);
    echo_stop(&echo);
}

/* A handler that calls obe_serve. */
static void serve_inside(obe_message request, void *user)
{
    volatile int *outer = serving_stop, inner = 0;
    int count = 0;

    (void)user;
    serving_stop = &inner;
    CHECK_OK(ending.server, obe_serve(ending.server, count_messages, &count, &inner));
    CHECK_EQUAL(1, inner);
    serving_stop = outer;
    answer(request, "\"outer\"");
    stop_serving();
}

static void nested_serve(void)
{
    obe_socket first, second;
    struct server_thread running;

    ending.server = new_server();
    first = new_client(port_of(ending.server));
    second = new_client(port_of(ending.server));
    serve_start(&running, ending.server, serve_inside, NULL);
    send_text(first, "1");
    CHECK_TCMD(second, "[]", "1");
    CHECK_TCMD(second, stop, "\"bye\"");
    CHECK_OK(ending.server, serve_join(&running));
    CHECK_REPLY(first, "\"outer\"");
    free_socket(first);
    free_socket(second);
    free_socket(ending.server);
}

/* obe_receive_message and obe_serve at the same time: each message is received once. */
static void serve_and_receive(void)
{
    obe_socket server = new_server(), client = new_client(port_of(server));
    struct server_thread running;
    int count = 0, i, taken = 0;

    serve_start(&running, server, count_messages, &count);
    for (i = 0; i < 30; i++) {
        obe_message request = 0;

        send_text(client, "[1]");
        if (obe_receive_message(server, &request, OBE_NO_WAIT) == OBE_OK) {
            answer(request, "0");
            free_message(request);
            taken++;
        }
        CHECK_OK(client, obe_receive(client, text, sizeof text, &length, TEST_TIMEOUT));
    }
    CHECK_TCMD(client, stop, "\"bye\"");
    CHECK_OK(server, serve_join(&running));
    CHECK_EQUAL(30, count + taken);
    free_socket(client);
    free_socket(server);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        rounds = atoi(argv[1]);
        CHECK(rounds > 0);
    }
    RUN(exchange);
    RUN(commands);
    RUN(large);
    RUN(out_of_order);
    RUN(answered_at_the_same_time);
    RUN(paired_by_thread);
    RUN(one_loop_on_many_threads);
    RUN(ambiguous_answer);
    RUN(pipelined);
    RUN(answered_once);
    RUN(refused_replies);
    RUN(client_disconnects);
    RUN(client_does_not_read);
    RUN(server_is_freed);
    RUN(freed_unanswered);
    RUN(freed_while_answering);
    RUN(ended_by_a_flag_of_its_handler);
    RUN(invalid_arguments_of_serve);
    RUN(ended_by_a_flag);
    RUN(ended_by_a_signal);
    RUN(odd_users);
    RUN(many_server_threads);
    RUN(handles_used_after_their_handlers);
    RUN(ended_while_it_waits);
    RUN(ended_while_its_handler_runs);
    RUN(ended_by_its_handler);
    RUN(freed_by_its_handler);
    RUN(error_after_its_handle);
    RUN(left_unanswered);
    RUN(handler_makes_calls);
    RUN(nested_serve);
    RUN(serve_and_receive);
    /* Without the quarantine, memory that is still allocated at exit is a leak. */
    obe_test_quarantine(0);
    CHECK_OK(0, obe_free(new_client(1)));
    CHECK_EQUAL(0, obe_test_live());
    return 0;
}
