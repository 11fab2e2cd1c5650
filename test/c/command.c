/* The functions for the protocol's commands, with a server in this program.
 *
 *     command            all tests
 *     command QUERIES    all tests, with this many queries of each thread that shares a client: for valgrind */
#include "check.h"

static char text[1024];
static int64_t length;
static int queries_each = 10;

/* ---- a server that records its requests ---- */

/* Its reply, and its last request; guarded by lock. */
static struct {
    pthread_mutex_t lock;
    const char *reply; /* NULL: that of replies for the command */
    char asked[1024];
    int count;
} script = {PTHREAD_MUTEX_INITIALIZER, NULL, "", 0};

static const struct {
    const char *command, *reply;
} replies[] = {
    {"ready", "\"OK\""},
    {"newrun", "\"OK\""},
    {"optset", "[2.45, 3]"},
    {"goodset", "[-1e-3]"},
    {"newdat", " \"OK\"\n"},
    {"getmean", "[1, 2.5, NaN, -Infinity]"},
    {"getstd", "[0.1, 0.2, 0.3, 0.4]"},
    {"getcov", "[[1, 0.5], [0.5, 2]]"},
    {"getpar", "[[1, 2, 3], [4, 5, 6]]"},
    {"getset", "[[0.0, 0.1, 0.2, 0.3]]"},
    {"getwgt", "[0.25,0.5,0.25]"},
    {"getcon", "[]"},
    {"done", "\"OK\""},
};

static void serve_commands(obe_message request, void *user)
{
    char command[64] = "";
    const char *reply = "\"what?\"";
    int64_t size;
    int i;

    (void)user;
    CHECK_OK(request, obe_get_string(request, "/command", command, sizeof command, &size));
    for (i = 0; i < LENGTH(replies); i++)
        if (strcmp(replies[i].command, command) == 0)
            reply = replies[i].reply;
    CHECK(pthread_mutex_lock(&script.lock) == 0);
    CHECK_OK(request, obe_get_json(request, "", script.asked, sizeof script.asked, &size));
    script.count++;
    if (script.reply)
        reply = script.reply;
    CHECK(pthread_mutex_unlock(&script.lock) == 0);
    CHECK_OK(request, obe_reply(request, reply, -1, TEST_TIMEOUT));
}

static obe_socket server, client;

static void *serve_all(void *ended)
{
    *(obe_status *)ended = obe_serve(server, serve_commands, NULL, NULL);
    return NULL;
}

/* Sets the reply to every command; NULL: that of replies. */
static void set_reply(const char *reply)
{
    CHECK(pthread_mutex_lock(&script.lock) == 0);
    script.reply = reply;
    CHECK(pthread_mutex_unlock(&script.lock) == 0);
}

static int times_asked(void)
{
    int count;

    CHECK(pthread_mutex_lock(&script.lock) == 0);
    count = script.count;
    CHECK(pthread_mutex_unlock(&script.lock) == 0);
    return count;
}

/* The last request is exactly wanted, and came after the last check. */
static void check_asked(const char *file, int line, const char *wanted)
{
    static int before;
    int count = times_asked();

    if (strcmp(script.asked, wanted) != 0)
        check_failed(file, line, "the server was asked %s, wanted %s", script.asked, wanted);
    if (count <= before)
        check_failed(file, line, "the server got no other request");
    before = count;
}

#define CHECK_ASKED(wanted) check_asked(__FILE__, __LINE__, wanted)

/* ---- results ---- */

enum { PATTERN = 0x5A, ROOM = 12 };

static struct out {
    double numbers[ROOM];
    int64_t count, rows, cols;
} out, untouched;

static void fill_results(void)
{
    memset(&untouched, PATTERN, sizeof untouched);
    out = untouched;
}

#define CHECK_FAILS(status, handle, call) \
    do { \
        fill_results(); \
        CHECK_STATUS(status, handle, call); \
        if (memcmp(&out, &untouched, sizeof out) != 0) \
            check_failed(__FILE__, __LINE__, "%s failed and wrote something", #call); \
    } while (0)

/* The same for OBE_E_REPLY. Some numbers may have been written when the error in the reply is found. */
#define CHECK_REPLY_FAILS(call) \
    do { \
        fill_results(); \
        CHECK_STATUS(OBE_E_REPLY, client, call); \
        memcpy(out.numbers, untouched.numbers, sizeof out.numbers); \
        if (memcmp(&out, &untouched, sizeof out) != 0) \
            check_failed(__FILE__, __LINE__, "%s failed and wrote something", #call); \
    } while (0)

/* ---- commands that are answered with "OK" ---- */

static void answered_with_ok(void)
{
    static const double x[] = {2.45, 25}, y[] = {0.98}, s[] = {0.005, 1e-7, -0.0};

    CHECK_OK(client, obe_ready(client, TEST_TIMEOUT));
    CHECK_ASKED("{\"command\": \"ready\"}");
    CHECK_OK(client, obe_newrun(client, 0, TEST_TIMEOUT));
    CHECK_ASKED("{\"command\": \"newrun\"}");
    CHECK_OK(client, obe_newdat(client, x, 1, y, 1, s, 1, TEST_TIMEOUT));
    CHECK_ASKED("{\"command\": \"newdat\", \"x\": [2.45], \"y\": [0.98], \"s\": [0.005]}");
    CHECK_OK(client, obe_newdat(client, x, 2, y, 1, s, 3, TEST_TIMEOUT));
    CHECK_ASKED("{\"command\": \"newdat\", \"x\": [2.45, 25.0], \"y\": [0.98], \"s\": [0.005, 1e-07, -0.0]}");
    CHECK_OK(client, obe_done(client, TEST_TIMEOUT));
    CHECK_ASKED("{\"command\": \"done\"}");
    CHECK_OK(client, obe_ready(client, OBE_DEFAULT_TIMEOUT));
    CHECK_OK(client, obe_ready(client, OBE_FOREVER));
}

static void fields_of_a_run(void)
{
    obe_message fields = 0;

    CHECK_OK(0,
             obe_message_new("{\"n\" : 25.0,\"big\":123456789012345678901234567890 , \"a/b\": [1 ,2] }", -1, &fields));
    CHECK_OK(client, obe_newrun(client, fields, TEST_TIMEOUT));
    CHECK_ASKED("{\"command\": \"newrun\", \"n\": 25.0, \"big\": 123456789012345678901234567890, \"a/b\": [1 ,2]}");
    CHECK_OK(fields, obe_set_bool(fields, "n", 0));
    CHECK_OK(client, obe_newrun(client, fields, TEST_TIMEOUT));
    CHECK_ASKED("{\"command\": \"newrun\", \"n\": false, \"big\": 123456789012345678901234567890, \"a/b\": [1 ,2]}");
    CHECK_OK(fields, obe_get_json(fields, "", text, sizeof text, &length)); /* they are unchanged */
    CHECK(strcmp(text, "{\"n\": false, \"big\": 123456789012345678901234567890, \"a/b\": [1 ,2]}") == 0);
    CHECK_OK(0, obe_message_free(fields));
    CHECK_OK(0, obe_command_new("newrun", &fields));
    CHECK_OK(client, obe_newrun(client, fields, TEST_TIMEOUT));
    CHECK_ASKED("{\"command\": \"newrun\"}");
    CHECK_OK(0, obe_message_free(fields));
    CHECK_OK(0, obe_message_new("[1]", -1, &fields));
    CHECK_STATUS(OBE_E_TYPE, client, obe_newrun(client, fields, TEST_TIMEOUT));
    CHECK_ERROR(client, "newrun");
    CHECK_OK(0, obe_message_free(fields));
    CHECK_STATUS(OBE_E_HANDLE, client, obe_newrun(client, fields, TEST_TIMEOUT));
    CHECK_STATUS(OBE_E_HANDLE, client, obe_newrun(client, (obe_message)client, TEST_TIMEOUT));
}

/* ---- commands that are answered with numbers ---- */

typedef obe_status (*list_call)(obe_socket, double *, int64_t, int64_t *, int64_t);
typedef obe_status (*table_call)(obe_socket, double *, int64_t, int64_t *, int64_t *, int64_t);

static obe_status goodset_4(obe_socket h, double *setting, int64_t capacity, int64_t *count, int64_t timeout_ms)
{
    return obe_goodset(h, 4, setting, capacity, count, timeout_ms);
}

static obe_status goodset_any(obe_socket h, double *setting, int64_t capacity, int64_t *count, int64_t timeout_ms)
{
    return obe_goodset(h, -1, setting, capacity, count, timeout_ms);
}

static const struct {
    const char *name, *array, *request;
    list_call list;
    table_call table;
    int64_t rows, cols; /* of a list: cols is 1 */
    const char *json;   /* the reply, formatted as setters format it */
} queries[] = {
    {"optset", "setting", "{\"command\": \"optset\"}", obe_optset, NULL, 2, 1, "[2.45, 3.0]"},
    {"goodset", "setting", "{\"command\": \"goodset\", \"pickiness\": 4}", goodset_4, NULL, 1, 1, "[-0.001]"},
    {"goodset", "setting", "{\"command\": \"goodset\"}", goodset_any, NULL, 1, 1, "[-0.001]"},
    {"getmean", "mean", "{\"command\": \"getmean\"}", obe_getmean, NULL, 4, 1, "[1.0, 2.5, NaN, -Infinity]"},
    {"getstd", "deviation", "{\"command\": \"getstd\"}", obe_getstd, NULL, 4, 1, "[0.1, 0.2, 0.3, 0.4]"},
    {"getwgt", "weights", "{\"command\": \"getwgt\"}", obe_getwgt, NULL, 3, 1, "[0.25, 0.5, 0.25]"},
    {"getcon", "constants", "{\"command\": \"getcon\"}", obe_getcon, NULL, 0, 1, "[]"},
    {"getcov", "covariance", "{\"command\": \"getcov\"}", NULL, obe_getcov, 2, 2, "[[1.0, 0.5], [0.5, 2.0]]"},
    {"getpar", "parameters", "{\"command\": \"getpar\"}", NULL, obe_getpar, 2, 3, "[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]"},
    {"getset", "settings", "{\"command\": \"getset\"}", NULL, obe_getset, 1, 4, "[[0.0, 0.1, 0.2, 0.3]]"},
};

/* Calls the i-th query. Its sizes are stored in out. */
static obe_status ask(int i, obe_socket socket, double *values, int64_t capacity, int64_t timeout_ms)
{
    return queries[i].list ? queries[i].list(socket, values, capacity, &out.count, timeout_ms)
                           : queries[i].table(socket, values, capacity, &out.rows, &out.cols, timeout_ms);
}

/* The sizes in out are those of the i-th reply. */
static void check_size(int i)
{
    if (queries[i].list) {
        CHECK_EQUAL(queries[i].rows, out.count);
    } else {
        CHECK_EQUAL(queries[i].rows, out.rows);
        CHECK_EQUAL(queries[i].cols, out.cols);
    }
}

static void check_numbers(int i, const double *values)
{
    obe_message m = 0;

    CHECK_OK(0, obe_message_new("{}", -1, &m));
    if (queries[i].list)
        CHECK_OK(m, obe_set_doubles(m, "v", values, queries[i].rows));
    else
        CHECK_OK(m, obe_set_matrix(m, "v", values, queries[i].rows, queries[i].cols));
    CHECK_OK(m, obe_get_json(m, "/v", text, sizeof text, &length));
    if (strcmp(text, queries[i].json) != 0)
        check_failed(__FILE__, __LINE__, "%s returned %s, wanted %s", queries[i].name, text, queries[i].json);
    CHECK_OK(0, obe_message_free(m));
}

static int intact(const double *from, const double *to)
{
    const unsigned char *byte;

    for (byte = (const unsigned char *)from; byte < (const unsigned char *)to; byte++)
        if (*byte != PATTERN)
            return 0;
    return 1;
}

static void numbers(void)
{
    int i;

    for (i = 0; i < LENGTH(queries); i++) {
        int64_t n = queries[i].rows * queries[i].cols, capacity;

        for (capacity = 0; capacity <= n + 3; capacity++) {
            double *values = out.numbers + 2;
            int before = times_asked();

            fill_results();
            if (capacity >= n) {
                CHECK_OK(client, ask(i, client, capacity ? values : NULL, capacity, TEST_TIMEOUT));
                check_size(i);
                check_numbers(i, values);
                CHECK(intact(out.numbers, values) && intact(values + n, out.numbers + ROOM));
                CHECK_ASKED(queries[i].request);
            } else {
                obe_message kept = 0;

                CHECK_STATUS(OBE_E_BUFFER, client, ask(i, client, capacity ? values : NULL, capacity, TEST_TIMEOUT));
                check_size(i);
                CHECK(intact(out.numbers, out.numbers + ROOM));
                CHECK_ERROR(client, queries[i].name);
                CHECK_ASKED(queries[i].request);
                /* The reply is kept for one receive, and the command was not sent twice. */
                CHECK_OK(client, obe_receive_message(client, &kept, OBE_NO_WAIT));
                if (queries[i].list)
                    CHECK_OK(kept, obe_get_doubles(kept, "", values, ROOM - 2, &out.count));
                else
                    CHECK_OK(kept, obe_get_matrix(kept, "", values, ROOM - 2, &out.rows, &out.cols));
                check_size(i);
                check_numbers(i, values);
                CHECK_OK(0, obe_message_free(kept));
                CHECK_STATUS(OBE_E_STATE, client, obe_receive_message(client, &kept, OBE_NO_WAIT));
            }
            CHECK_EQUAL(before + 1, times_asked());
        }
    }
    /* A kept reply does not answer the next command. */
    fill_results();
    CHECK_STATUS(OBE_E_BUFFER, client, obe_getmean(client, NULL, 0, &out.count, TEST_TIMEOUT));
    CHECK_OK(client, obe_ready(client, TEST_TIMEOUT));
    CHECK_STATUS(OBE_E_STATE, client, obe_receive(client, text, sizeof text, &length, OBE_NO_WAIT));
}

static void pickiness(void)
{
    static const struct {
        double value;
        const char *request;
    } forms[] = {
        {0, "{\"command\": \"goodset\", \"pickiness\": 0}"},
        {19, "{\"command\": \"goodset\", \"pickiness\": 19}"},
        {2.5, "{\"command\": \"goodset\", \"pickiness\": 2.5}"},
        {1e-9, "{\"command\": \"goodset\", \"pickiness\": 1e-09}"},
        {-1, "{\"command\": \"goodset\"}"},
        {-0.5, "{\"command\": \"goodset\"}"},
    };
    int i;

    for (i = 0; i < LENGTH(forms); i++) {
        CHECK_OK(client, obe_goodset(client, forms[i].value, out.numbers, ROOM, &out.count, TEST_TIMEOUT));
        CHECK_ASKED(forms[i].request);
    }
}

/* ---- obe_query and obe_check_reply ---- */

static obe_message parse(const char *json)
{
    obe_message m = 0;

    CHECK_OK(0, obe_message_new(json, -1, &m));
    return m;
}

/* A call fails with status, and stores no message in result. */
#define CHECK_NO_MESSAGE(status, handle, result, call) \
    do { \
        (result) = NUMBER_AS_HANDLE(77); \
        CHECK_STATUS(status, handle, call); \
        CHECK((result) == NUMBER_AS_HANDLE(77)); \
    } while (0)

/* Each command returns the server's reply as it came. */
static void query_each_command(void)
{
    char wanted[64];
    int i;

    for (i = 0; i < LENGTH(replies); i++) {
        obe_message reply = 0;

        CHECK_OK(client, obe_query(client, replies[i].command, NULL, &reply, TEST_TIMEOUT));
        snprintf(wanted, sizeof wanted, "{\"command\": \"%s\"}", replies[i].command);
        CHECK_ASKED(wanted);
        CHECK_OK(reply, obe_get_json(reply, "", text, sizeof text, &length));
        if (strcmp(text, replies[i].reply) != 0)
            check_failed(__FILE__, __LINE__, "%s: the reply is %s", replies[i].command, text);
        CHECK_OK(reply, obe_check_reply(reply, replies[i].command));
        CHECK_STATUS(OBE_E_STATE, reply, obe_reply(reply, "1", -1, TEST_TIMEOUT));
        CHECK_OK(reply, obe_message_free(reply));
    }
    CHECK_STATUS(OBE_E_STATE, client, obe_receive(client, text, sizeof text, &length, OBE_NO_WAIT)); /* none is kept */
}

static void query_with_fields(void)
{
    static const struct {
        const char *command, *fields, *request;
    } forms[] = {
        {"newrun", "{\"n\" : 25.0, \"a/b\": [1 ,2] }", "{\"command\": \"newrun\", \"n\": 25.0, \"a/b\": [1 ,2]}"},
        {"newrun", "{\"command\": \"ready\"}", "{\"command\": \"newrun\"}"},
        {"optset", "{}", "{\"command\": \"optset\"}"},
        {"goodset", "{\"pickiness\": 4.0}", "{\"command\": \"goodset\", \"pickiness\": 4}"},
        {"goodset", "{\"pickiness\": 2.5}", "{\"command\": \"goodset\", \"pickiness\": 2.5}"},
    };
    static const char *const not_objects[] = {"[1]", "1", "\"x\"", "null"};
    obe_message fields, reply = 0;
    int64_t sent;
    int i;

    for (i = 0; i < LENGTH(forms); i++) {
        fields = parse(forms[i].fields);
        CHECK_OK(client, obe_query(client, forms[i].command, fields, &reply, TEST_TIMEOUT));
        CHECK_ASKED(forms[i].request);
        CHECK_OK(reply, obe_message_free(reply));
        CHECK_OK(fields, obe_get_json(fields, "", text, sizeof text, &length)); /* unchanged */
        CHECK(strcmp(text, forms[i].fields) == 0);
        CHECK_OK(fields, obe_message_free(fields));
    }
    sent = stat_of(client, OBE_STAT_MESSAGES_SENT);
    for (i = 0; i < LENGTH(not_objects); i++) {
        fields = parse(not_objects[i]);
        CHECK_NO_MESSAGE(OBE_E_TYPE, client, reply, obe_query(client, "newrun", fields, &reply, TEST_TIMEOUT));
        CHECK_ERROR(client, "query");
        CHECK_OK(fields, obe_message_free(fields));
    }
    CHECK_NO_MESSAGE(OBE_E_HANDLE, client, reply, obe_query(client, "newrun", fields, &reply, TEST_TIMEOUT));
    CHECK_NO_MESSAGE(OBE_E_HANDLE, client, reply,
                     obe_query(client, "newrun", (obe_message)client, &reply, TEST_TIMEOUT));
    CHECK_NO_MESSAGE(OBE_E_ARGUMENT, client, reply, obe_query(client, "echo", NULL, &reply, TEST_TIMEOUT));
    CHECK_ERROR(client, "echo");
    CHECK_NO_MESSAGE(OBE_E_ARGUMENT, client, reply, obe_query(client, "optset ", NULL, &reply, TEST_TIMEOUT));
    CHECK_NO_MESSAGE(OBE_E_ARGUMENT, client, reply, obe_query(client, NOWHERE, NULL, &reply, TEST_TIMEOUT));
    CHECK_NO_MESSAGE(OBE_E_ARGUMENT, client, reply, obe_query(client, "optset", NULL, &reply, -3));
    CHECK_STATUS(OBE_E_ARGUMENT, client, obe_query(client, "optset", NULL, NOWHERE, TEST_TIMEOUT));
    CHECK_ERROR(client, "reply is NULL");
    CHECK_NO_MESSAGE(OBE_E_STATE, server, reply, obe_query(server, "optset", NULL, &reply, TEST_TIMEOUT));
    CHECK_EQUAL(sent, stat_of(client, OBE_STAT_MESSAGES_SENT)); /* every error was found before */
}

/* Whether the answer to a command is "OK"; otherwise it is an array. */
static int answer_is_ok(const char *command)
{
    return strcmp(command, "ready") == 0 || strcmp(command, "newrun") == 0 || strcmp(command, "newdat") == 0 ||
           strcmp(command, "done") == 0;
}

/* Replies that are not the answer to any command. obe_query accepts every array where numbers are the answer: their
 * elements are checked by the function that reads them, and by obe_check_reply. */
static void query_wrong_replies(void)
{
    static const char *const wrong[] = {"\"Error: no \\u00e9\"",
                                        "0",
                                        "null",
                                        "{}",
                                        "\"ok\"",
                                        "\"OK \"",
                                        "[\"OK\"]",
                                        "[1, null]",
                                        "[true]",
                                        "[[1, 2], [3]]",
                                        "[[1], 2]",
                                        "[1, [2]]",
                                        "[[1, null]]"};
    int i, k;

    for (k = 0; k < LENGTH(wrong); k++) {
        obe_message checked = parse(wrong[k]);

        set_reply(wrong[k]);
        for (i = 0; i < LENGTH(replies); i++) {
            const char *command = replies[i].command;
            obe_message reply = 0;

            if (answer_is_ok(command) || wrong[k][0] != '[') {
                CHECK_NO_MESSAGE(OBE_E_REPLY, client, reply, obe_query(client, command, NULL, &reply, TEST_TIMEOUT));
                CHECK_ERROR(client, wrong[k]);
                CHECK_ERROR(client, command);
            } else {
                CHECK_OK(client, obe_query(client, command, NULL, &reply, TEST_TIMEOUT));
                CHECK_STATUS(OBE_E_TYPE, reply, obe_get_doubles(reply, "", out.numbers, ROOM, &out.count));
                CHECK_STATUS(OBE_E_TYPE, reply, obe_get_matrix(reply, "", out.numbers, ROOM, &out.rows, &out.cols));
                CHECK_STATUS(OBE_E_REPLY, reply, obe_check_reply(reply, command));
                CHECK_ERROR(reply, wrong[k]);
                CHECK_OK(reply, obe_message_free(reply));
            }
            CHECK_STATUS(OBE_E_REPLY, checked, obe_check_reply(checked, command));
            CHECK_ERROR(checked, command);
            CHECK_ERROR(checked, wrong[k]);
            CHECK_STATUS(OBE_E_STATE, client, obe_receive(client, text, sizeof text, &length, OBE_NO_WAIT));
        }
        CHECK_OK(checked, obe_message_free(checked));
    }
    set_reply(NULL);
}

/* Right for some commands, and wrong for others. */
static void check_reply_by_command(void)
{
    static const struct {
        const char *reply, *command;
        obe_status status;
    } checks[] = {
        {"\"OK\"", "ready", OBE_OK},
        {" \"\\u004fK\" ", "done", OBE_OK},
        {"\"OK\"", "newrun", OBE_OK},
        {"\"OK\"", "newdat", OBE_OK},
        {"\"OK\"", "optset", OBE_E_REPLY},
        {"\"OK\"", "getcov", OBE_E_REPLY},
        {"[]", "optset", OBE_OK},
        {"[]", "getpar", OBE_OK},
        {"[]", "ready", OBE_E_REPLY},
        {"[1, 2.5, NaN]", "getmean", OBE_OK},
        {"[1, 2.5, NaN]", "getstd", OBE_OK},
        {"[1, 2.5]", "goodset", OBE_OK},
        {"[1, 2.5]", "getwgt", OBE_OK},
        {"[1, 2.5]", "getcon", OBE_OK},
        {"[1, 2.5]", "getcov", OBE_E_REPLY},
        {"[[1, 2], [3, 4]]", "getcov", OBE_OK},
        {"[[1, 2], [3, 4]]", "getset", OBE_OK},
        {"[[1, 2], [3, 4]]", "optset", OBE_E_REPLY},
        {"[[1, 2], [3]]", "getpar", OBE_E_REPLY},
        {"[1]", "getwgts", OBE_E_ARGUMENT},
        {"[1]", "", OBE_E_ARGUMENT},
    };
    int i;

    for (i = 0; i < LENGTH(checks); i++) {
        obe_message reply = parse(checks[i].reply);

        CHECK_STATUS(checks[i].status, reply, obe_check_reply(reply, checks[i].command));
        CHECK_OK(reply, obe_message_free(reply));
    }
}

static void query_without_reply(void)
{
    int32_t port, dead_port;
    int silent = raw_listen(&port, 8), dead = raw_bind(&dead_port);
    obe_socket waiting = new_client(port), refused = new_client(dead_port);
    obe_message reply = 0;
    int64_t start = now_ms();

    CHECK_NO_MESSAGE(OBE_E_TIMEOUT, waiting, reply, obe_query(waiting, "optset", NULL, &reply, 50));
    CHECK_ERROR(waiting, "50 ms");
    CHECK(now_ms() - start >= 49 && now_ms() - start < 50 + SOON);
    CHECK_NO_MESSAGE(OBE_E_TIMEOUT, waiting, reply, obe_query(waiting, "optset", NULL, &reply, OBE_NO_WAIT));
    CHECK_OK(waiting, obe_set_option(waiting, OBE_OPT_TIMEOUT_MS, "5"));
    CHECK_NO_MESSAGE(OBE_E_TIMEOUT, waiting, reply, obe_query(waiting, "done", NULL, &reply, OBE_DEFAULT_TIMEOUT));
    CHECK_NO_MESSAGE(OBE_E_REFUSED, refused, reply, obe_query(refused, "optset", NULL, &reply, TEST_TIMEOUT));
    CHECK_EQUAL(0, stat_of(waiting, OBE_STAT_CONNECTIONS_OPEN));
    CHECK_OK(0, obe_free(waiting));
    CHECK_OK(0, obe_free(refused));
    socket_close(silent);
    socket_close(dead);
}

enum { QUERIERS = 6, MANY_NUMBERS = 4000 };

/* Replies with MANY_NUMBERS numbers that begin at the request's member first, as a list or as a table of 4 rows. */
static void reply_with_many(obe_message request, void *user)
{
    double *values = malloc(MANY_NUMBERS * sizeof *values);
    char command[16], *json;
    obe_message reply = parse("{}");
    int64_t first = 0, size;
    int i;

    (void)user;
    CHECK(values != NULL);
    CHECK_OK(request, obe_get_string(request, "/command", command, sizeof command, &size));
    CHECK_OK(request, obe_get_int(request, "/first", &first));
    for (i = 0; i < MANY_NUMBERS; i++)
        values[i] = (double)(first + i);
    if (strcmp(command, "getpar") == 0)
        CHECK_OK(reply, obe_set_matrix(reply, "v", values, 4, MANY_NUMBERS / 4));
    else
        CHECK_OK(reply, obe_set_doubles(reply, "v", values, MANY_NUMBERS));
    CHECK_STATUS(OBE_E_BUFFER, reply, obe_get_json(reply, "/v", NULL, 0, &size));
    json = malloc((size_t)size);
    CHECK(json != NULL);
    CHECK_OK(reply, obe_get_json(reply, "/v", json, size, &size));
    CHECK_OK(request, obe_reply(request, json, size, TEST_TIMEOUT));
    CHECK_OK(reply, obe_message_free(reply));
    free(json);
    free(values);
}

static void *serve_many(void *many_server)
{
    CHECK_EQUAL(OBE_E_CLOSED, obe_serve(many_server, reply_with_many, NULL, NULL));
    return NULL;
}

static struct {
    obe_socket client; /* of all threads */
    int number[QUERIERS];
    int querying; /* atomic: threads that have not finished */
} shared;

/* Each reply has the numbers that this thread asked for. */
static void *query_many(void *argument)
{
    int64_t number = *(int *)argument, i, k;
    double *values = malloc(MANY_NUMBERS * sizeof *values);

    CHECK(values != NULL);
    for (i = 0; i < queries_each; i++) {
        int64_t first = (number * queries_each + i) * MANY_NUMBERS, count = 0, rows = 0;
        obe_message fields = parse("{}"), reply = 0;

        CHECK_OK(fields, obe_set_int(fields, "first", first));
        CHECK_OK(NULL, obe_query(shared.client, i % 2 ? "getpar" : "getwgt", fields, &reply, TEST_TIMEOUT));
        if (i % 2) {
            CHECK_OK(reply, obe_get_matrix(reply, "", values, MANY_NUMBERS, &rows, &count));
            CHECK_EQUAL(4, rows);
            count *= rows;
        } else {
            CHECK_OK(reply, obe_get_doubles(reply, "", values, MANY_NUMBERS, &count));
        }
        CHECK_EQUAL(MANY_NUMBERS, count);
        for (k = 0; k < count; k++)
            if (values[k] != (double)(first + k))
                check_failed(__FILE__, __LINE__, "number %d of the reply to %d is %g", (int)k, (int)first, values[k]);
        CHECK_OK(reply, obe_message_free(reply));
        CHECK_OK(fields, obe_message_free(fields));
    }
    free(values);
    __atomic_sub_fetch(&shared.querying, 1, __ATOMIC_ACQ_REL);
    return NULL;
}

/* Leaves kept replies with the client: those that are too large for this buffer. No query may return one of them. */
static void *query_without_room(void *unused)
{
    char json[8];
    int64_t size;

    (void)unused;
    while (__atomic_load_n(&shared.querying, __ATOMIC_ACQUIRE) > 0)
        CHECK_STATUS(OBE_E_BUFFER, NULL,
                     obe_tcmd(shared.client, "{\"command\": \"getwgt\", \"first\": -9}", -1, json, sizeof json, &size,
                              TEST_TIMEOUT));
    return NULL;
}

/* Several threads query one client, and each gets its own replies. */
static void query_from_many_threads(void)
{
    int persistent, i;

    for (persistent = 0; persistent < 2; persistent++) {
        obe_socket many_server = new_server();
        pthread_t serving = start_thread(serve_many, many_server), threads[QUERIERS], without_room;

        shared.client = new_client(port_of(many_server));
        CHECK_OK(shared.client, obe_set_option(shared.client, OBE_OPT_PERSISTENT, persistent ? "1" : "0"));
        shared.querying = QUERIERS;
        for (i = 0; i < QUERIERS; i++) {
            shared.number[i] = i;
            threads[i] = start_thread(query_many, &shared.number[i]);
        }
        without_room = start_thread(query_without_room, NULL);
        for (i = 0; i < QUERIERS; i++)
            join_thread(threads[i]);
        join_thread(without_room);
        CHECK_EQUAL(stat_of(shared.client, OBE_STAT_MESSAGES_SENT), stat_of(many_server, OBE_STAT_MESSAGES_RECEIVED));
        CHECK_EQUAL(stat_of(shared.client, OBE_STAT_MESSAGES_SENT), stat_of(shared.client, OBE_STAT_MESSAGES_RECEIVED));
        CHECK_OK(0, obe_free(shared.client));
        CHECK_OK(0, obe_free(many_server));
        join_thread(serving);
    }
}

/* ---- errors ---- */

static void other_replies(void)
{
    static const char *const others[] = {
        "\"Error: no \\u00e9\"", "0",        "null",   "{}",     "[\"OK\"]",   "[1, null]", "[[1, 2], [3]]",
        "[[1, 2], [3, true]]",   "[[1], 2]", "\"ok\"", "[true]", "[1, 2, [3]]"};
    static const double one = 1;
    int i, k;

    for (k = 0; k < LENGTH(others); k++) {
        obe_status (*const plain[])(obe_socket, int64_t) = {obe_ready, obe_done};

        set_reply(others[k]);
        for (i = 0; i < 2; i++) {
            CHECK_FAILS(OBE_E_REPLY, client, plain[i](client, TEST_TIMEOUT));
            CHECK_ERROR(client, others[k]);
            CHECK_ERROR(client, i ? "done" : "ready");
        }
        CHECK_FAILS(OBE_E_REPLY, client, obe_newrun(client, 0, TEST_TIMEOUT));
        CHECK_ERROR(client, others[k]);
        CHECK_FAILS(OBE_E_REPLY, client, obe_newdat(client, &one, 1, &one, 1, &one, 1, TEST_TIMEOUT));
        CHECK_ERROR(client, others[k]);
        for (i = 0; i < LENGTH(queries); i++) {
            CHECK_REPLY_FAILS(ask(i, client, out.numbers, ROOM, TEST_TIMEOUT));
            CHECK_ERROR(client, others[k]);
            CHECK_ERROR(client, queries[i].name);
            CHECK_STATUS(OBE_E_STATE, client, obe_receive(client, text, sizeof text, &length, OBE_NO_WAIT));
        }
    }
    set_reply("[[1, 2], [3, 4], [5], [6, 7]]");
    CHECK_REPLY_FAILS(obe_getcov(client, out.numbers, ROOM, &out.rows, &out.cols, TEST_TIMEOUT));
    CHECK_ERROR(client, "row 2");
    set_reply("[[1, 2]]");
    CHECK_REPLY_FAILS(obe_optset(client, out.numbers, ROOM, &out.count, TEST_TIMEOUT));
    set_reply("[1, 2]");
    CHECK_REPLY_FAILS(obe_getpar(client, out.numbers, ROOM, &out.rows, &out.cols, TEST_TIMEOUT));
    set_reply(NULL);
}

/* Invalid arguments are refused before anything is sent. */
static void arguments(void)
{
    static const double one = 1;
    int64_t sent = stat_of(client, OBE_STAT_MESSAGES_SENT), opened = stat_of(client, OBE_STAT_CONNECTIONS_OPENED);
    char wanted[64];
    int i;

    for (i = 0; i < LENGTH(queries); i++) {
        int64_t *none = NULL, spare = 5;

        if (queries[i].list) {
            CHECK_FAILS(OBE_E_ARGUMENT, client, queries[i].list(client, out.numbers, ROOM, none, TEST_TIMEOUT));
            CHECK_ERROR(client, "count is NULL");
        } else {
            CHECK_FAILS(OBE_E_ARGUMENT, client,
                        queries[i].table(client, out.numbers, ROOM, none, &spare, TEST_TIMEOUT));
            CHECK_FAILS(OBE_E_ARGUMENT, client,
                        queries[i].table(client, out.numbers, ROOM, &spare, none, TEST_TIMEOUT));
            CHECK_EQUAL(5, spare);
        }
        CHECK_ERROR(client, queries[i].name);
        CHECK_FAILS(OBE_E_ARGUMENT, client, ask(i, client, NULL, 1, TEST_TIMEOUT));
        snprintf(wanted, sizeof wanted, "%s is NULL", queries[i].array);
        CHECK_ERROR(client, wanted);
        CHECK_FAILS(OBE_E_ARGUMENT, client, ask(i, client, out.numbers, -1, TEST_TIMEOUT));
        CHECK_ERROR(client, "capacity");
        CHECK_FAILS(OBE_E_ARGUMENT, client, ask(i, client, out.numbers, INT64_MIN, TEST_TIMEOUT));
        CHECK_FAILS(OBE_E_ARGUMENT, client, ask(i, client, out.numbers, ROOM, -3));
        CHECK_ERROR(client, "timeout_ms");
    }
    CHECK_STATUS(OBE_E_ARGUMENT, client, obe_ready(client, -3));
    CHECK_STATUS(OBE_E_ARGUMENT, client, obe_done(client, INT64_MIN));
    CHECK_STATUS(OBE_E_ARGUMENT, client, obe_newrun(client, 0, -3));
    CHECK_STATUS(OBE_E_ARGUMENT, client, obe_newdat(client, &one, 1, &one, 1, &one, 1, -3));
    CHECK_STATUS(OBE_E_ARGUMENT, client, obe_newdat(client, NOWHERE, 1, &one, 1, &one, 1, TEST_TIMEOUT));
    CHECK_ERROR(client, "x is NULL");
    CHECK_STATUS(OBE_E_ARGUMENT, client, obe_newdat(client, &one, 1, NOWHERE, 1, &one, 1, TEST_TIMEOUT));
    CHECK_ERROR(client, "y is NULL");
    CHECK_STATUS(OBE_E_ARGUMENT, client, obe_newdat(client, &one, 1, &one, 1, NOWHERE, 1, TEST_TIMEOUT));
    CHECK_ERROR(client, "s is NULL");
    CHECK_STATUS(OBE_E_ARGUMENT, client, obe_newdat(client, &one, 0, &one, 1, &one, 1, TEST_TIMEOUT));
    CHECK_ERROR(client, "x_count");
    CHECK_STATUS(OBE_E_ARGUMENT, client, obe_newdat(client, &one, 1, &one, UNSEEN(-1), &one, 1, TEST_TIMEOUT));
    CHECK_ERROR(client, "y_count");
    CHECK_STATUS(OBE_E_ARGUMENT, client, obe_newdat(client, &one, 1, &one, 1, &one, UNSEEN(INT64_MAX), TEST_TIMEOUT));
    CHECK_ERROR(client, "s_count");
    CHECK_EQUAL(sent, stat_of(client, OBE_STAT_MESSAGES_SENT));
    CHECK_EQUAL(opened, stat_of(client, OBE_STAT_CONNECTIONS_OPENED));
}

static void not_for_servers(void)
{
    static const double one = 1;
    int i;

    CHECK_STATUS(OBE_E_STATE, server, obe_ready(server, TEST_TIMEOUT));
    CHECK_STATUS(OBE_E_STATE, server, obe_newrun(server, 0, TEST_TIMEOUT));
    CHECK_STATUS(OBE_E_STATE, server, obe_newdat(server, &one, 1, &one, 1, &one, 1, TEST_TIMEOUT));
    CHECK_STATUS(OBE_E_STATE, server, obe_done(server, TEST_TIMEOUT));
    for (i = 0; i < LENGTH(queries); i++) {
        CHECK_FAILS(OBE_E_STATE, server, ask(i, server, out.numbers, ROOM, TEST_TIMEOUT));
        CHECK_ERROR(server, queries[i].name);
        CHECK_ERROR(server, "server");
    }
}

/* Without a reply, a command returns the status that obe_tcmd returns. */
static void no_reply(void)
{
    static const double one = 1;
    int32_t port, dead_port;
    int silent = raw_listen(&port, 64), dead = raw_bind(&dead_port), i;
    obe_socket waiting = new_client(port), refused = new_client(dead_port);

    for (i = 0; i < LENGTH(queries); i++) {
        CHECK_FAILS(OBE_E_TIMEOUT, waiting, ask(i, waiting, out.numbers, ROOM, 5));
        CHECK_ERROR(waiting, "5 ms");
        CHECK_FAILS(OBE_E_REFUSED, refused, ask(i, refused, out.numbers, ROOM, TEST_TIMEOUT));
    }
    CHECK_STATUS(OBE_E_TIMEOUT, waiting, obe_ready(waiting, 5));
    CHECK_STATUS(OBE_E_TIMEOUT, waiting, obe_newrun(waiting, 0, 5));
    CHECK_STATUS(OBE_E_TIMEOUT, waiting, obe_done(waiting, 5));
    CHECK_STATUS(OBE_E_REFUSED, refused, obe_newdat(refused, &one, 1, &one, 1, &one, 1, TEST_TIMEOUT));
    CHECK_EQUAL(0, stat_of(waiting, OBE_STAT_CONNECTIONS_OPEN));
    CHECK_OK(0, obe_free(waiting));
    CHECK_OK(0, obe_free(refused));
    socket_close(silent);
    socket_close(dead);
}

/* A measurement over one connection. */
static void on_a_kept_connection(void)
{
    static const double x = 2.45, y = 0.98, s = 0.005;
    obe_socket kept = new_client(port_of(server));
    obe_message reply = 0;
    int i;

    CHECK_OK(kept, obe_set_option(kept, OBE_OPT_PERSISTENT, "1"));
    CHECK_OK(kept, obe_ready(kept, TEST_TIMEOUT));
    for (i = 0; i < 20; i++) {
        CHECK_OK(kept, obe_goodset(kept, 4, out.numbers, ROOM, &out.count, TEST_TIMEOUT));
        CHECK_OK(kept, obe_newdat(kept, &x, 1, &y, 1, &s, 1, TEST_TIMEOUT));
        CHECK_OK(kept, obe_getcov(kept, out.numbers, ROOM, &out.rows, &out.cols, TEST_TIMEOUT));
        CHECK_STATUS(OBE_E_BUFFER, kept, obe_getpar(kept, out.numbers, 5, &out.rows, &out.cols, TEST_TIMEOUT));
        if (i % 2) {
            CHECK_OK(kept, obe_receive_message(kept, &reply, OBE_NO_WAIT));
            CHECK_OK(0, obe_message_free(reply));
        }
    }
    CHECK_EQUAL(1, stat_of(kept, OBE_STAT_CONNECTIONS_OPENED));
    CHECK_EQUAL(81, stat_of(kept, OBE_STAT_MESSAGES_SENT));
    CHECK_OK(0, obe_free(kept));
}

int main(int argc, char **argv)
{
    obe_status ended = OBE_OK;
    pthread_t thread;

    if (argc > 1)
        queries_each = atoi(argv[1]);
    CHECK(queries_each > 0);
    server = new_server();
    client = new_client(port_of(server));
    thread = start_thread(serve_all, &ended);
    RUN(answered_with_ok);
    RUN(fields_of_a_run);
    RUN(numbers);
    RUN(pickiness);
    RUN(query_each_command);
    RUN(query_with_fields);
    RUN(query_wrong_replies);
    RUN(check_reply_by_command);
    RUN(query_without_reply);
    RUN(query_from_many_threads);
    RUN(other_replies);
    RUN(arguments);
    RUN(not_for_servers);
    RUN(no_reply);
    RUN(on_a_kept_connection);
    CHECK_OK(0, obe_free(server));
    join_thread(thread);
    CHECK_EQUAL(OBE_E_CLOSED, ended);
    CHECK_OK(0, obe_free(client));
    /* Without the quarantine, memory that is still allocated at exit is a leak. */
    obe_test_quarantine(0);
    CHECK_OK(0, obe_free(new_client(1)));
    CHECK_EQUAL(0, obe_test_live());
    return 0;
}
