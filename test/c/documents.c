/* Documents, serving with documents, and the protocol's commands. */
#include "check.h"

#include <math.h>

static char text[256]; /* of the test that runs */
static int64_t length;

static obe_message new_message(const char *json)
{
    obe_message message = 0;

    CHECK_OK(0, obe_message_new(json, -1, &message));
    return message;
}

static void check_json(const char *file, int line, obe_message message, const char *pointer, const char *wanted)
{
    check_status(file, line, pointer, OBE_OK, obe_get_json(message, pointer, text, sizeof text, &length), message);
    if (strcmp(text, wanted) != 0 || length != (int64_t)strlen(wanted))
        check_failed(file, line, "the value at \"%s\" is %s, wanted %s", pointer, text, wanted);
}

#define CHECK_JSON(message, pointer, wanted) check_json(__FILE__, __LINE__, message, pointer, wanted)

/* ---- documents ---- */

static void built(void)
{
    static const double numbers[] = {25, 0.1, -1e300, 5e-324};
    obe_message message = 0;

    CHECK_OK(0, obe_command_new("newdat", &message));
    CHECK_JSON(message, "", "{\"command\": \"newdat\"}");
    CHECK_OK(message, obe_set_double(message, "d", 25));
    CHECK_OK(message, obe_set_int(message, "i", INT64_MIN));
    CHECK_OK(message, obe_set_bool(message, "yes", 7));
    CHECK_OK(message, obe_set_bool(message, "no", 0));
    CHECK_OK(message, obe_set_null(message, "none"));
    CHECK_JSON(message, "/d", "25.0");
    CHECK_JSON(message, "/i", "-9223372036854775808");
    CHECK_JSON(message, "/yes", "true");
    CHECK_JSON(message, "/no", "false");
    CHECK_JSON(message, "/none", "null");
    CHECK_OK(message, obe_set_double(message, "d", -HUGE_VAL));
    CHECK_JSON(message, "/d", "-Infinity");
    CHECK_OK(message, obe_set_doubles(message, "list", numbers, 4));
    CHECK_JSON(message, "/list/1", "0.1");
    CHECK_JSON(message, "/list/3", "5e-324");
    CHECK_OK(message, obe_set_doubles(message, "list", NULL, 0));
    CHECK_JSON(message, "/list", "[]");
    CHECK_OK(message, obe_set_matrix(message, "table", numbers, 2, 2));
    CHECK_JSON(message, "/table/0/0", "25.0");
    CHECK_JSON(message, "/table/1/1", "5e-324");
    CHECK_OK(message, obe_set_json(message, "j", "{\"a\": [1, NaN]}", -1));
    CHECK_JSON(message, "/j", "{\"a\": [1, NaN]}");
    CHECK_OK(message, obe_set_json(message, "j", "[1]trailing", 3));
    CHECK_JSON(message, "/j", "[1]");
    CHECK_OK(message, obe_set_string(message, "a/b~c\"", "q\"\\\n\0z", 6));
    CHECK_OK(message, obe_get_string(message, "/a~1b~0c\"", text, sizeof text, &length));
    CHECK(length == 6 && memcmp(text, "q\"\\\n\0z", 7) == 0);

    /* What is refused changes nothing. */
    CHECK_STATUS(OBE_E_JSON, message, obe_set_json(message, "j", "[1,]", -1));
    CHECK_SAYS(message, "at byte 3");
    CHECK_STATUS(OBE_E_JSON, message, obe_set_string(message, "j", "\xff", -1));
    CHECK_STATUS(OBE_E_JSON, message, obe_set_int(message, "\xc3\x28", 1));
    CHECK_JSON(message, "/j", "[1]");
    CHECK_OK(message, obe_free(message));

    message = new_message("[1]");
    CHECK_STATUS(OBE_E_TYPE, message, obe_set_int(message, "k", 1));
    CHECK_JSON(message, "", "[1]");
    CHECK_OK(message, obe_free(message));
    CHECK_STATUS(OBE_E_JSON, 0, obe_message_new("{\"a\": 01}", -1, &message));
    CHECK_SAYS(0, "at byte 7");
    CHECK_STATUS(OBE_E_JSON, 0, obe_command_new("\xff", &message));
}

static void read_back(void)
{
    obe_message message = new_message("{\"int\": 9007199254740993, \"huge\": 123456789012345678901, \"real\": 2.50, "
                                      "\"nan\": NaN, \"yes\": true, \"s\": \"\\u00b5\\u0000\\ud800\", "
                                      "\"list\": [1, 2.5, -Infinity], \"table\": [[1, 2], [3, 4], [5, 6]], "
                                      "\"ragged\": [[1], [2, 3]], \"null\": null, \"\": 1, \"yes\": false}");
    int64_t i, rows, cols;
    double d, values[8];
    int32_t b, type, k;
    static const struct {
        const char *pointer;
        int32_t type;
    } types[] = {{"", OBE_OBJECT}, {"/list", OBE_ARRAY}, {"/s", OBE_STRING}, {"/int", OBE_INTEGER}, {"/real", OBE_REAL},
                 {"/nan", OBE_REAL}, {"/yes", OBE_BOOL}, {"/null", OBE_NULL}, {"/", OBE_INTEGER}};

    CHECK_OK(message, obe_get_int(message, "/int", &i));
    CHECK_EQUAL(INT64_C(9007199254740993), i);
    CHECK_STATUS(OBE_E_RANGE, message, obe_get_int(message, "/huge", &i));
    CHECK_STATUS(OBE_E_TYPE, message, obe_get_int(message, "/real", &i));
    CHECK_EQUAL(INT64_C(9007199254740993), i);
    CHECK_OK(message, obe_get_double(message, "/int", &d));
    CHECK(d == 9007199254740992.0);
    CHECK_OK(message, obe_get_double(message, "/huge", &d));
    CHECK(d == 123456789012345678901.0);
    CHECK_OK(message, obe_get_double(message, "/nan", &d));
    CHECK(d != d);
    CHECK_JSON(message, "/real", "2.50");
    CHECK_OK(message, obe_get_bool(message, "/yes", &b));
    CHECK_EQUAL(0, b); /* the last of equal keys */
    CHECK_STATUS(OBE_E_TYPE, message, obe_get_bool(message, "/int", &b));
    CHECK_OK(message, obe_get_string(message, "/s", text, sizeof text, &length));
    CHECK(length == 6 && memcmp(text, "\xc2\xb5\0\xef\xbf\xbd", 7) == 0);
    CHECK_STATUS(OBE_E_TYPE, message, obe_get_string(message, "/int", text, sizeof text, &length));
    CHECK_OK(message, obe_get_doubles(message, "/list", values, 8, &i));
    CHECK(i == 3 && values[1] == 2.5 && values[2] == -HUGE_VAL);
    CHECK_STATUS(OBE_E_TYPE, message, obe_get_doubles(message, "/table", values, 8, &i));
    CHECK_OK(message, obe_get_matrix(message, "/table", values, 8, &rows, &cols));
    CHECK(rows == 3 && cols == 2 && values[5] == 6);
    CHECK_STATUS(OBE_E_TYPE, message, obe_get_matrix(message, "/ragged", values, 8, &rows, &cols));
    CHECK_OK(message, obe_count(message, "/table", &i));
    CHECK_EQUAL(3, i);
    CHECK_OK(message, obe_get_key(message, "", 2, text, sizeof text, &length));
    CHECK(strcmp(text, "real") == 0);
    CHECK_STATUS(OBE_E_NOT_FOUND, message, obe_get_key(message, "", 100, text, sizeof text, &length));
    CHECK_STATUS(OBE_E_NOT_FOUND, message, obe_get_int(message, "/nowhere", &i));
    CHECK_SAYS(message, "/nowhere");
    CHECK_STATUS(OBE_E_NOT_FOUND, message, obe_get_int(message, "/list/3", &i));
    for (k = 0; k < LENGTH(types); k++) {
        CHECK_OK(message, obe_type(message, types[k].pointer, &type));
        CHECK_EQUAL(types[k].type, type);
    }
    CHECK_OK(message, obe_free(message));
}

/* ---- talking in documents ---- */

static void there_and_back(void)
{
    obe_socket server = new_server(), client = new_client(port_of(server));
    obe_message command = 0, request = 0, reply = 0;

    CHECK_OK(0, obe_command_new("getset", &command));
    CHECK_OK(client, obe_send_message(client, command, PATIENCE));
    CHECK_OK(server, obe_receive_message(server, &request, PATIENCE));
    CHECK_JSON(request, "/command", "\"getset\"");
    CHECK_STATUS(OBE_E_STATE, server, obe_send(server, "1", -1, 0)); /* it is obe_reply that answers a document */
    CHECK_STATUS(OBE_E_JSON, request, obe_reply(request, "{", -1, PATIENCE));
    CHECK_OK(request, obe_reply_message(request, request, PATIENCE));
    CHECK_STATUS(OBE_E_STATE, request, obe_reply(request, "1", -1, PATIENCE));
    CHECK_SAYS(request, "answered");
    CHECK_OK(request, obe_free(request));
    CHECK_OK(client, obe_receive_message(client, &reply, PATIENCE));
    CHECK_JSON(reply, "", "{\"command\": \"getset\"}");
    CHECK_OK(reply, obe_free(reply));
    CHECK_OK(command, obe_free(command));
    CHECK_OK(client, obe_free(client));
    CHECK_OK(server, obe_free(server));
}

/* Requests may be answered in any order, and one that is freed unanswered tells its client so when the next one comes. */
static void several_at_once(void)
{
    enum { GUESTS = 4 };
    obe_socket server = new_server(), guests[GUESTS];
    obe_message requests[GUESTS], last = 0;
    int i;

    for (i = 0; i < GUESTS; i++) {
        guests[i] = new_client(port_of(server));
        snprintf(text, sizeof text, "%d", i);
        CHECK_OK(guests[i], obe_send(guests[i], text, -1, PATIENCE));
        CHECK_OK(server, obe_receive_message(server, &requests[i], PATIENCE));
    }
    CHECK_OK(requests[0], obe_free(requests[0]));
    for (i = GUESTS - 1; i > 0; i--) {
        CHECK_OK(requests[i], obe_reply_message(requests[i], requests[i], PATIENCE));
        CHECK_OK(requests[i], obe_free(requests[i]));
    }
    for (i = 1; i < GUESTS; i++) {
        CHECK_OK(guests[i], obe_receive(guests[i], text, sizeof text, &length, PATIENCE));
        CHECK_EQUAL(i, atoi(text));
    }
    CHECK_OK(guests[1], obe_send(guests[1], "1", -1, PATIENCE));
    CHECK_OK(server, obe_receive_message(server, &last, PATIENCE));
    CHECK_STATUS(OBE_E_PEER_CLOSED, guests[0], obe_receive(guests[0], text, sizeof text, &length, PATIENCE));
    CHECK_EQUAL(1, stat_of(server, "dropped_unanswered"));

    /* A request outlives its server, and its client's connection does not. */
    CHECK_OK(server, obe_free(server));
    CHECK_STATUS(OBE_E_CLOSED, last, obe_reply(last, "1", -1, PATIENCE));
    CHECK_JSON(last, "", "1");
    CHECK_OK(last, obe_free(last));
    for (i = 0; i < GUESTS; i++)
        CHECK_OK(guests[i], obe_free(guests[i]));
}

/* ---- serving ---- */

enum { ENOUGH = -77 };

/* A server with one answer to each command, and a count of its calls. */
struct service {
    obe_socket server;
    int called; /* atomic */
    obe_message last;
    obe_status returned;
};

static obe_status answer(obe_message request, void *user)
{
    static const char *const answers[][2] = {
        {"ready", "\"OK\""},     {"newrun", "\"OK\""},  {"newdat", "\"OK\""},        {"done", "\"OK\""},
        {"optset", "[1, 2.5]"},  {"goodset", "[3]"},    {"getmean", "[4, 5]"},       {"getstd", "[0.5, NaN]"},
        {"getwgt", "[1]"},       {"getcon", "[7, 8]"},  {"getcov", "[[1, 2], [2, 1]]"}, {"getpar", "[[1, 2, 3]]"},
        {"getset", "[[1], [2]]"},
    };
    struct service *s = user;
    char command[16];
    int64_t size;
    int i;

    s->last = request;
    __atomic_add_fetch(&s->called, 1, __ATOMIC_RELAXED);
    if (obe_get_string(request, "/command", command, sizeof command, &size) != OBE_OK)
        return OBE_OK; /* left unanswered */
    if (strcmp(command, "enough") == 0) {
        CHECK_OK(request, obe_reply(request, "\"OK\"", -1, PATIENCE));
        return ENOUGH;
    }
    for (i = 0; i < LENGTH(answers); i++)
        if (strcmp(command, answers[i][0]) == 0)
            CHECK_OK(request, obe_reply(request, answers[i][1], -1, PATIENCE));
    return OBE_OK;
}

static void *serve(void *argument)
{
    struct service *s = argument;

    s->returned = obe_serve(s->server, answer, s);
    return NULL;
}

static obe_status serve_forever(uintptr_t server)
{
    struct service s;

    memset(&s, 0, sizeof s);
    return obe_serve(server, answer, &s);
}

static void serving_ends(void)
{
    obe_socket server = new_server(), client = new_client(port_of(server));
    struct service s;
    struct caller caller, others[3];
    pthread_t thread;
    int i;

    memset(&s, 0, sizeof s);
    s.server = server;
    thread = start_thread(serve, &s);
    CHECK_OK(client, obe_tcmd(client, "{\"command\": \"enough\"}", -1, text, sizeof text, &length, PATIENCE));
    join_thread(thread);
    CHECK_EQUAL(ENOUGH, s.returned);
    CHECK_STATUS(OBE_E_HANDLE, 0, obe_free(s.last)); /* the library's to free, and freed */

    caller_start(&caller, serve_forever, server);
    CHECK_OK(server, obe_cancel(server));
    CHECK_STATUS(OBE_E_CANCELLED, server, caller_join(&caller));
    caller_start(&caller, serve_forever, server);
    CHECK_OK(server, obe_close(server));
    CHECK_STATUS(OBE_E_CLOSED, server, caller_join(&caller));
    for (i = 0; i < LENGTH(others); i++)
        caller_start(&others[i], serve_forever, server);
    for (i = 0; i < 50; i++)
        CHECK_OK(client, obe_ready(client, PATIENCE));
    CHECK_OK(server, obe_free(server));
    for (i = 0; i < LENGTH(others); i++)
        CHECK_STATUS(OBE_E_CLOSED, 0, caller_join(&others[i]));
    CHECK_OK(client, obe_free(client));
}

/* The handler may use the server that calls it, and even end it. */
static obe_status free_server(obe_message request, void *user)
{
    obe_socket server = *(obe_socket *)user;

    CHECK_EQUAL(1, stat_of(server, "connections_open"));
    CHECK_OK(server, obe_cancel(server));
    CHECK_OK(request, obe_reply(request, "1", -1, PATIENCE));
    CHECK_OK(server, obe_free(server));
    return OBE_OK;
}

static void handler_frees_server(void)
{
    obe_socket server = new_server(), client = new_client(port_of(server));
    obe_status status;

    CHECK_OK(client, obe_send(client, "1", -1, PATIENCE));
    status = obe_serve(server, free_server, &server);
    CHECK(status == OBE_E_CLOSED || status == OBE_E_CANCELLED);
    CHECK_OK(client, obe_receive(client, text, sizeof text, &length, PATIENCE));
    CHECK_OK(client, obe_free(client));
}

/* ---- commands ---- */

static void commands(void)
{
    static const double x[] = {1}, y[] = {2, 3};
    obe_socket client;
    obe_message fields = new_message("{\"scale\": 2}");
    struct service s;
    double v[8];
    int64_t count, rows, cols;
    pthread_t thread;

    memset(&s, 0, sizeof s);
    s.server = new_server();
    client = new_client(port_of(s.server));
    thread = start_thread(serve, &s);
    CHECK_OK(client, obe_ready(client, PATIENCE));
    CHECK_OK(client, obe_newrun(client, 0, PATIENCE));
    CHECK_OK(client, obe_newrun(client, fields, PATIENCE));
    CHECK_OK(client, obe_optset(client, v, 8, &count, PATIENCE));
    CHECK(count == 2 && v[0] == 1 && v[1] == 2.5);
    CHECK_OK(client, obe_goodset(client, 19, v, 8, &count, PATIENCE));
    CHECK(count == 1 && v[0] == 3);
    CHECK_OK(client, obe_goodset(client, -1, v, 8, &count, PATIENCE));
    CHECK_OK(client, obe_newdat(client, x, 1, y, 2, y, 2, PATIENCE));
    CHECK_OK(client, obe_getmean(client, v, 8, &count, PATIENCE));
    CHECK(count == 2 && v[0] == 4 && v[1] == 5);
    CHECK_OK(client, obe_getstd(client, v, 8, &count, PATIENCE));
    CHECK(count == 2 && v[0] == 0.5 && v[1] != v[1]);
    CHECK_OK(client, obe_getwgt(client, v, 8, &count, PATIENCE));
    CHECK(count == 1 && v[0] == 1);
    CHECK_OK(client, obe_getcon(client, v, 8, &count, PATIENCE));
    CHECK(count == 2 && v[0] == 7 && v[1] == 8);
    CHECK_OK(client, obe_getcov(client, v, 8, &rows, &cols, PATIENCE));
    CHECK(rows == 2 && cols == 2 && v[1] == 2 && v[3] == 1);
    CHECK_OK(client, obe_getpar(client, v, 8, &rows, &cols, PATIENCE));
    CHECK(rows == 1 && cols == 3 && v[2] == 3);
    CHECK_OK(client, obe_getset(client, v, 8, &rows, &cols, PATIENCE));
    CHECK(rows == 2 && cols == 1 && v[1] == 2);
    CHECK_OK(client, obe_done(client, PATIENCE));
    CHECK_EQUAL(15, __atomic_load_n(&s.called, __ATOMIC_RELAXED));
    CHECK_OK(s.server, obe_free(s.server));
    join_thread(thread);
    CHECK_STATUS(OBE_E_CLOSED, 0, s.returned);
    CHECK_OK(fields, obe_free(fields));
    CHECK_OK(client, obe_free(client));
}

/* What goes over the wire is what servers in Python take: lists, and whole numbers as integers. */
static void as_python_wants(void)
{
    enum { BRIEFLY = 10 };
    static const double x[] = {25}, y[] = {0.5};
    obe_socket server = new_server(), client = new_client(port_of(server));
    obe_message fields = new_message("{\"command\": \"other\", \"n\": 2}");
    double v[2];
    int64_t count;

#define CHECK_SENDS(wanted, call) \
    do { \
        CHECK_STATUS(OBE_E_TIMEOUT, client, call); \
        CHECK_OK(server, obe_receive(server, text, sizeof text, &length, PATIENCE)); \
        CHECK(strcmp(text, (wanted)) == 0); \
    } while (0)

    CHECK_SENDS("{\"command\": \"ready\"}", obe_ready(client, BRIEFLY));
    CHECK_SENDS("{\"command\": \"optset\"}", obe_optset(client, v, 2, &count, BRIEFLY));
    CHECK_SENDS("{\"command\": \"goodset\", \"pickiness\": 19}", obe_goodset(client, 19, v, 2, &count, BRIEFLY));
    CHECK_SENDS("{\"command\": \"goodset\"}", obe_goodset(client, -1, v, 2, &count, BRIEFLY));
    CHECK_SENDS("{\"command\": \"newdat\", \"x\": [25.0], \"y\": [0.5], \"s\": [0.5]}",
                obe_newdat(client, x, 1, y, 1, y, 1, BRIEFLY));
    CHECK_SENDS("{\"command\": \"newrun\", \"n\": 2}", obe_newrun(client, fields, BRIEFLY));
    CHECK_OK(fields, obe_free(fields));
    CHECK_OK(client, obe_free(client));
    CHECK_OK(server, obe_free(server));
}

/* A reply that is not the command's answer is told as such, with what it was. */
static void wrong_replies(void)
{
    struct echo echo;
    obe_socket client;
    double v[4];
    int64_t count = -7;

    echo_start(&echo);
    client = new_client(echo.port);
    CHECK_STATUS(OBE_E_REPLY, client, obe_ready(client, PATIENCE));
    CHECK_SAYS(client, "{\"command\": \"ready\"}");
    CHECK_STATUS(OBE_E_REPLY, client, obe_optset(client, v, 4, &count, PATIENCE));
    CHECK_SAYS(client, "optset");
    CHECK_STATUS(OBE_E_REPLY, client, obe_getcov(client, v, 4, &count, &count, PATIENCE));
    CHECK_EQUAL(-7, count);
    CHECK_EQUAL(0, stat_of(client, "connections_open"));
    CHECK_OK(client, obe_free(client));
    echo_stop(&echo);
}

int main(void)
{
    RUN(built);
    RUN(read_back);
    RUN(there_and_back);
    RUN(several_at_once);
    RUN(serving_ends);
    RUN(handler_frees_server);
    RUN(commands);
    RUN(as_python_wants);
    RUN(wrong_replies);
    CHECK_EQUAL(0, obe_test_live());
    return 0;
}
