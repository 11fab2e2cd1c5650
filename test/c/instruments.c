/* Several instruments at one server: the sender of a request, what an instrument adds to its commands, and what it learns if
 * the server reports an error. */
#include "check.h"

static char text[1024];
static int64_t length;

/* ---- obe_message_peer and the property peer ---- */

static obe_message receive(obe_socket server)
{
    obe_message m = 0;

    CHECK_OK(server, obe_receive_message(server, &m, TEST_TIMEOUT));
    return m;
}

static void check_peer(obe_message request, const char *wanted)
{
    memset(text, 'x', sizeof text);
    CHECK_OK(request, obe_message_peer(request, text, sizeof text, &length));
    if (strcmp(text, wanted) != 0)
        check_failed(__FILE__, __LINE__, "the peer is %s, wanted %s", text, wanted);
    CHECK_EQUAL((int64_t)strlen(wanted), length);
}

static void check_property(obe_socket socket, const char *wanted)
{
    CHECK_OK(socket, obe_get_option(socket, OBE_OPT_PEER, text, sizeof text, &length));
    if (strcmp(text, wanted) != 0)
        check_failed(__FILE__, __LINE__, "the property peer is %s, wanted %s", text, wanted);
}

/* Sends a message and stores the client's own address. */
static void send_from(obe_socket client, char *own, int64_t room)
{
    CHECK_OK(client, obe_send(client, "[1]", -1, TEST_TIMEOUT));
    CHECK_OK(client, obe_get_option(client, OBE_OPT_LOCAL, own, room, &length));
}

static void peers(void)
{
    obe_socket server = new_server(), clients[2] = {new_client(port_of(server)), new_client(port_of(server))};
    char own[2][64];
    obe_message requests[2], copy = 0;
    int i;

    check_property(server, "");
    for (i = 0; i < 2; i++) {
        send_from(clients[i], own[i], sizeof own[i]);
        requests[i] = receive(server);
        check_peer(requests[i], own[i]);
        check_property(server, own[i]);
    }
    CHECK(strcmp(own[0], own[1]) != 0);
    check_peer(requests[0], own[0]);
    CHECK_OK(requests[0], obe_reply(requests[0], "1", -1, TEST_TIMEOUT));
    check_peer(requests[0], own[0]);
    /* A client that has left. */
    CHECK_OK(clients[1], obe_free(clients[1]));
    check_peer(requests[1], own[1]);
    CHECK_STATUS(OBE_E_TIMEOUT, server, obe_receive_message(server, &copy, 20));
    check_peer(requests[1], own[1]);
    CHECK_OK(server, obe_free(server));
    check_peer(requests[0], own[0]);
    check_peer(requests[1], own[1]);
    for (i = 0; i < 2; i++)
        CHECK_OK(0, obe_message_free(requests[i]));
    CHECK_OK(clients[0], obe_free(clients[0]));
}

/* A message without a peer, and buffers of each size. */
static void peer_arguments(void)
{
    obe_socket server = new_server(), client = new_client(port_of(server));
    obe_message request, parsed = 0;
    char own[64];
    int64_t size, i;
    volatile int64_t huge = INT64_MAX; /* the compiler may check the sizes that it knows */

    send_from(client, own, sizeof own);
    request = receive(server);
    size = (int64_t)strlen(own);
    CHECK_STATUS(OBE_E_BUFFER, request, obe_message_peer(request, NULL, 0, &length));
    CHECK_EQUAL(size, length);
    for (i = 0; i <= size + 1; i++) {
        memset(text, 'x', sizeof text);
        CHECK_STATUS(i < size ? OBE_E_BUFFER : OBE_OK, request, obe_message_peer(request, text, i, &length));
        CHECK_EQUAL(size, length);
        CHECK(i < size ? text[0] == 'x' : strncmp(text, own, (size_t)size) == 0);
        CHECK(text[size] == (i > size ? 0 : 'x') && text[size + 1] == 'x');
    }
    CHECK_OK(request, obe_message_peer(request, text, huge, &length));

    CHECK_OK(0, obe_message_new("{}", -1, &parsed));
    length = 77;
    CHECK_STATUS(OBE_E_STATE, parsed, obe_message_peer(parsed, text, sizeof text, &length));
    CHECK_ERROR(parsed, "message_peer: ");
    CHECK_ERROR(parsed, "not received by a server");
    CHECK_STATUS(OBE_E_HANDLE, NULL, obe_message_peer(NULL, text, sizeof text, &length));
    CHECK_STATUS(OBE_E_HANDLE, server, obe_message_peer((obe_message)server, text, sizeof text, &length));
    CHECK_EQUAL(77, length);
    CHECK_OK(request, obe_reply(request, "[2]", -1, TEST_TIMEOUT));
    CHECK_OK(parsed, obe_message_free(parsed));
    CHECK_OK(client, obe_receive_message(client, &parsed, TEST_TIMEOUT)); /* a client's message is a reply */
    CHECK_STATUS(OBE_E_STATE, parsed, obe_message_peer(parsed, text, sizeof text, &length));
    CHECK_OK(parsed, obe_message_free(parsed));
    CHECK_OK(request, obe_message_free(request));
    CHECK_STATUS(OBE_E_HANDLE, NULL, obe_message_peer(request, text, sizeof text, &length));
    CHECK_OK(client, obe_free(client));
    CHECK_OK(server, obe_free(server));
}

static void unix_peer(void)
{
#ifndef _WIN32
    obe_socket server = 0, client = 0;
    obe_message request;
    char address[128];

    snprintf(address, sizeof address, "unix:/tmp/obe-instruments-%ld.sock", (long)getpid());
    CHECK_OK(0, obe_server_new(address, 0, &server));
    CHECK_OK(0, obe_client_new(address, 0, &client));
    CHECK_OK(client, obe_send(client, "1", -1, TEST_TIMEOUT));
    request = receive(server);
    check_peer(request, address);
    check_property(server, address);
    CHECK_OK(request, obe_message_free(request));
    CHECK_OK(client, obe_free(client));
    CHECK_OK(server, obe_free(server));
#endif
}

/* ---- a server that replies with the same text to every command, and keeps the last one ---- */

static struct {
    pthread_mutex_t lock;
    char asked[256];
    const char *reply;
} script = {PTHREAD_MUTEX_INITIALIZER, "", NULL};

static void *answer_all(void *server)
{
    obe_message m;
    obe_status status;

    while ((status = obe_receive_message(server, &m, OBE_FOREVER)) == OBE_OK) {
        int64_t size;

        CHECK(pthread_mutex_lock(&script.lock) == 0);
        CHECK_OK(m, obe_get_json(m, "", script.asked, sizeof script.asked, &size));
        CHECK_OK(m, obe_reply(m, script.reply, -1, TEST_TIMEOUT));
        CHECK(pthread_mutex_unlock(&script.lock) == 0);
        CHECK_OK(m, obe_message_free(m));
    }
    CHECK(status == OBE_E_CLOSED || status == OBE_E_HANDLE); /* obe_free came during a call, or between two */
    return NULL;
}

static void set_reply(const char *reply)
{
    CHECK(pthread_mutex_lock(&script.lock) == 0);
    script.reply = reply;
    CHECK(pthread_mutex_unlock(&script.lock) == 0);
}

#define CHECK_ASKED(wanted) \
    do { \
        CHECK(pthread_mutex_lock(&script.lock) == 0); \
        if (strcmp(script.asked, (wanted)) != 0) \
            check_failed(__FILE__, __LINE__, "the server was asked %s, wanted %s", script.asked, wanted); \
        CHECK(pthread_mutex_unlock(&script.lock) == 0); \
    } while (0)

static obe_socket server, client;
static pthread_t answering;

static void begin(void)
{
    server = new_server();
    client = new_client(port_of(server));
    answering = start_thread(answer_all, server);
}

static void end(void)
{
    CHECK_OK(client, obe_free(client));
    CHECK_OK(server, obe_free(server));
    join_thread(answering);
}

#define MEMBERS ", \"instrument\": \"left\", \"n\": 2}"

static void fields(void)
{
    double numbers[4] = {1, 2, 3, 4};
    obe_message own = 0, reply = 0;
    int64_t count, cols;

    begin();
    CHECK_OK(client, obe_set_option(client, OBE_OPT_FIELDS, "{\"instrument\":\"left\", \"n\": 2}"));
    set_reply("\"OK\"");
    CHECK_OK(client, obe_wait_ready(client, TEST_TIMEOUT));
    CHECK_ASKED("{\"command\": \"ready\"" MEMBERS);
    CHECK_OK(client, obe_ready(client, TEST_TIMEOUT));
    CHECK_ASKED("{\"command\": \"ready\"" MEMBERS);
    CHECK_OK(client, obe_newrun(client, NULL, TEST_TIMEOUT));
    CHECK_ASKED("{\"command\": \"newrun\"" MEMBERS);
    CHECK_OK(0, obe_message_new("{\"n\": 3, \"lolim\": 1}", -1, &own));
    CHECK_OK(client, obe_newrun(client, own, TEST_TIMEOUT));
    CHECK_ASKED("{\"command\": \"newrun\", \"n\": 3, \"lolim\": 1, \"instrument\": \"left\"}");
    CHECK_OK(client, obe_query(client, "newrun", own, &reply, TEST_TIMEOUT));
    CHECK_ASKED("{\"command\": \"newrun\", \"n\": 3, \"lolim\": 1, \"instrument\": \"left\"}");
    CHECK_OK(reply, obe_message_free(reply));
    CHECK_OK(client, obe_newdat(client, numbers, 1, numbers, 1, numbers, 1, TEST_TIMEOUT));
    CHECK_ASKED("{\"command\": \"newdat\", \"x\": [1.0], \"y\": [1.0], \"s\": [1.0]" MEMBERS);
    CHECK_OK(client, obe_done(client, TEST_TIMEOUT));
    CHECK_ASKED("{\"command\": \"done\"" MEMBERS);

    set_reply("[[1, 2], [3, 4]]");
    CHECK_OK(client, obe_getcov(client, numbers, 4, &count, &cols, TEST_TIMEOUT));
    CHECK_ASKED("{\"command\": \"getcov\"" MEMBERS);
    set_reply("[1]");
    CHECK_OK(client, obe_goodset(client, 4, numbers, 4, &count, TEST_TIMEOUT));
    CHECK_ASKED("{\"command\": \"goodset\", \"pickiness\": 4" MEMBERS);
    CHECK_OK(client, obe_query(client, "optset", NULL, &reply, TEST_TIMEOUT));
    CHECK_ASKED("{\"command\": \"optset\"" MEMBERS);
    CHECK_OK(reply, obe_message_free(reply));

    /* The program's own bytes. */
    CHECK_OK(client, obe_tcmd(client, "{\"command\":\"mine\"}", -1, text, sizeof text, &length, TEST_TIMEOUT));
    CHECK_ASKED("{\"command\":\"mine\"}");
    CHECK_OK(client, obe_tcmd_message(client, own, &reply, TEST_TIMEOUT));
    CHECK_ASKED("{\"n\": 3, \"lolim\": 1}");
    CHECK_OK(reply, obe_message_free(reply));
    CHECK_OK(own, obe_message_free(own));

    /* What is refused changes nothing. */
    CHECK_STATUS(OBE_E_ARGUMENT, client, obe_set_option(client, OBE_OPT_FIELDS, "instrument"));
    CHECK_ERROR(client, "set_option: option fields: ");
    CHECK_STATUS(OBE_E_ARGUMENT, client, obe_set_option(client, OBE_OPT_FIELDS, "[1]"));
    CHECK_ERROR(client, "not an object");
    CHECK_STATUS(OBE_E_ARGUMENT, client, obe_set_option(client, OBE_OPT_FIELDS, "{\"command\": \"done\"}"));
    CHECK_ERROR(client, "a member command");
    CHECK_OK(client, obe_query(client, "optset", NULL, &reply, TEST_TIMEOUT));
    CHECK_ASKED("{\"command\": \"optset\"" MEMBERS);
    CHECK_OK(reply, obe_message_free(reply));
    CHECK_OK(client, obe_set_option(client, OBE_OPT_FIELDS, ""));
    CHECK_OK(client, obe_query(client, "optset", NULL, &reply, TEST_TIMEOUT));
    CHECK_ASKED("{\"command\": \"optset\"}");
    CHECK_OK(reply, obe_message_free(reply));
    end();
}

/* ---- replies that are errors ---- */

#define REPLY "{\"error\": \"the laser is off\"}"
#define CHECK_QUOTED(status, handle, call, part, quoted) \
    do { \
        CHECK_STATUS(status, handle, call); \
        CHECK_ERROR(handle, part); \
        CHECK_ERROR(handle, quoted); \
    } while (0)

static void error_reply_is_quoted(void)
{
    obe_message command = 0, reply = 0;
    double numbers[4];
    int64_t count, cols;
    int32_t number;

    begin();
    set_reply(REPLY);
    CHECK_OK(0, obe_message_new("{\"command\": \"spectrum\"}", -1, &command));
    CHECK_OK(client, obe_tcmd_message(client, command, &reply, TEST_TIMEOUT));
    CHECK_OK(command, obe_message_free(command));
#define CHECK_MISSING(function, call) \
    CHECK_QUOTED(OBE_E_NOT_FOUND, reply, call, function ": not found: the object has no member \"spectrum\"", \
                 "; the message is " REPLY)
    CHECK_MISSING("get_double", obe_get_double(reply, "/spectrum", numbers));
    CHECK_MISSING("get_int", obe_get_int(reply, "/spectrum", &count));
    CHECK_MISSING("get_bool", obe_get_bool(reply, "/spectrum", &number));
    CHECK_MISSING("get_string", obe_get_string(reply, "/spectrum", text, sizeof text, &length));
    CHECK_MISSING("get_json", obe_get_json(reply, "/spectrum", text, sizeof text, &length));
    CHECK_MISSING("get_key", obe_get_key(reply, "/spectrum", 0, text, sizeof text, &length));
    CHECK_MISSING("get_doubles", obe_get_doubles(reply, "/spectrum", numbers, 4, &count));
    CHECK_MISSING("get_matrix", obe_get_matrix(reply, "/spectrum", numbers, 4, &count, &cols));
    CHECK_MISSING("get_type", obe_get_type(reply, "/spectrum", &number));
    CHECK_MISSING("get_count", obe_get_count(reply, "/spectrum", &count));
    CHECK_QUOTED(OBE_E_TYPE, reply, obe_get_doubles(reply, "", numbers, 4, &count), "wrong type",
                 "; the message is " REPLY);
    CHECK_QUOTED(OBE_E_NOT_FOUND, reply, obe_get_key(reply, "", 9, text, sizeof text, &length), "which has 1 members",
                 "; the message is " REPLY);
    CHECK_STATUS(OBE_E_ARGUMENT, reply, obe_get_double(reply, "spectrum", numbers));
    CHECK(strstr(last_error(reply), "the message is") == NULL);
    CHECK_STATUS(OBE_E_BUFFER, reply, obe_get_string(reply, "/error", text, 1, &length));
    CHECK(strstr(last_error(reply), "the message is") == NULL);
    CHECK_OK(reply, obe_message_free(reply));

    /* The commands of the protocol. */
    CHECK_QUOTED(OBE_E_REPLY, client, obe_goodset(client, 4, numbers, 4, &count, TEST_TIMEOUT), "goodset: ", REPLY);
    CHECK_QUOTED(OBE_E_REPLY, client, obe_ready(client, TEST_TIMEOUT), "ready: ", REPLY);
    CHECK_QUOTED(OBE_E_REPLY, client, obe_getpar(client, numbers, 4, &count, &cols, TEST_TIMEOUT), "getpar: ", REPLY);
    CHECK_QUOTED(OBE_E_REPLY, client, obe_query(client, "optset", NULL, &reply, TEST_TIMEOUT), "optset: ", REPLY);
    CHECK(strstr(last_error(client), "the message is") == NULL); /* it is quoted once */
    end();
}

/* Of a long reply, 200 bytes are quoted. */
static void long_error_reply(void)
{
    char reply[500], quoted[201] = "";
    obe_message m = 0;
    double number;
    int64_t count;

    snprintf(reply, sizeof reply, "{\"error\": \"%0300d\"}", 7);
    memcpy(quoted, reply, sizeof quoted - 1);
    CHECK_OK(0, obe_message_new(reply, -1, &m));
    CHECK_QUOTED(OBE_E_NOT_FOUND, m, obe_get_double(m, "/x", &number), "the message is ", quoted);
    CHECK_ERROR(m, "\xe2\x80\xa6 (313 bytes)");
    CHECK(strstr(last_error(m), "07\"}") == NULL);
    CHECK_OK(m, obe_message_free(m));
    begin();
    set_reply(reply);
    CHECK_QUOTED(OBE_E_REPLY, client, obe_goodset(client, 4, &number, 1, &count, TEST_TIMEOUT), "goodset: ", quoted);
    end();
}

int main(void)
{
    RUN(peers);
    RUN(peer_arguments);
    RUN(unix_peer);
    RUN(fields);
    RUN(error_reply_is_quoted);
    RUN(long_error_reply);
    CHECK_EQUAL(0, obe_test_live());
    return 0;
}
