/* Arguments that every function refuses: NULL, negative sizes, ports and timeouts out of range, unknown names and invalid
 * values. Each is OBE_E_ARGUMENT, and the error message names the argument as the header does. Nothing is written to the
 * results, and no connection is opened. */
#include "check.h"
#include "commands.h"

/* The compiler sees that these arguments are refused. */
#ifdef __clang__
#pragma clang diagnostic ignored "-Wuser-defined-warnings"
#elif defined __GNUC__
#pragma GCC diagnostic ignored "-Wnonnull"
#pragma GCC diagnostic ignored "-Wstringop-overflow"
#pragma GCC diagnostic ignored "-Wstringop-overread"
#endif

enum { PATTERN = 0x5A, ROOM = 32 };

#define HUGE_SIZE ((int64_t)1 << 60) /* larger than any memory */

static struct outputs {
    char buffer[ROOM];
    double values[4];
    int64_t number, other;
    obe_socket socket;
    obe_message message;
    double real;
    int32_t port;
    int32_t padding;
} out, untouched;

static obe_socket server, client;
static obe_message message;     /* {"command": "newdat", "x": [1, 2], "m": [[1, 2]], "s": "text"} */
static char long_text[1 << 20]; /* an error message must not repeat it */

/* call is refused, and the last error of handle contains why. */
#define REFUSED(handle, why, call) \
    do { \
        fill(); \
        CHECK_STATUS(OBE_E_ARGUMENT, handle, call); \
        CHECK_ERROR(handle, why); \
        CHECK(memcmp(&out, &untouched, sizeof out) == 0); \
    } while (0)

static void fill(void)
{
    memset(&untouched, PATTERN, sizeof untouched);
    out = untouched;
}

static void of_new(void)
{
    static const char *const addresses[] = {" 127.0.0.1", "127.0.0.1 ", "127.0.0.1\n", "a b", "a/b"};
    static const int32_t ports[] = {-1, -61981, 65536, 100000, INT32_MIN, INT32_MAX};
    int i;

    REFUSED(0, "client is NULL", obe_client_new("127.0.0.1", 1, NULL));
    REFUSED(0, "server is NULL", obe_server_new("127.0.0.1", 0, NULL));
    for (i = 0; i < LENGTH(ports); i++) {
        REFUSED(0, "port ", obe_client_new(NULL, ports[i], &out.socket));
        REFUSED(0, "port ", obe_server_new(NULL, ports[i], &out.socket));
    }
    REFUSED(0, "port ", obe_client_new(NULL, 0, &out.socket));
    for (i = 0; i < LENGTH(addresses); i++) {
        REFUSED(0, "address", obe_client_new(addresses[i], 1, &out.socket));
        REFUSED(0, "address", obe_server_new(addresses[i], 0, &out.socket));
    }
    REFUSED(0, "address", obe_client_new(long_text, 1, &out.socket));
    REFUSED(0, "address", obe_server_new(long_text, 0, &out.socket));
    CHECK_EQUAL(3, obe_test_live());
}

static void of_send(void)
{
    REFUSED(client, "json is NULL", obe_send(client, NULL, -1, 0));
    REFUSED(client, "json is NULL", obe_send(client, NULL, 0, 0));
    REFUSED(client, "json is NULL", obe_send(client, NULL, 5, 0));
    REFUSED(client, "length is negative", obe_send(client, "1", -2, 0));
    REFUSED(client, "length is negative", obe_send(client, "1", INT64_MIN, 0));
    REFUSED(client, "timeout_ms is -", obe_send(client, "1", 1, -3));
    REFUSED(client, "timeout_ms is -", obe_send(client, "1", 1, INT64_MIN));
    REFUSED(server, "json is NULL", obe_send(server, NULL, -1, 0));
    REFUSED(server, "length is negative", obe_send(server, "1", -2, 0));
    REFUSED(server, "timeout_ms is -", obe_send(server, "1", 1, -3));
    /* A length beyond max_message is refused before the text is read. In a 32-bit process no text can be that long. */
    CHECK_STATUS(sizeof(void *) == 8 ? OBE_E_TOO_LARGE : OBE_E_ARGUMENT, client,
                 obe_send(client, "1", (int64_t)1 << 40, 0));
    CHECK(obe_send(client, "1", INT64_MAX, 0) != OBE_E_INTERNAL);
}

static void receive_on(obe_socket socket)
{
    REFUSED(socket, "length is NULL", obe_receive(socket, out.buffer, ROOM, NULL, 0));
    REFUSED(socket, "buffer is NULL", obe_receive(socket, NULL, ROOM, &out.number, 0));
    REFUSED(socket, "capacity is negative", obe_receive(socket, out.buffer, -1, &out.number, 0));
    REFUSED(socket, "capacity is negative", obe_receive(socket, NULL, -1, &out.number, 0));
    REFUSED(socket, "capacity is negative", obe_receive(socket, out.buffer, INT64_MIN, &out.number, 0));
    REFUSED(socket, "timeout_ms is -", obe_receive(socket, out.buffer, ROOM, &out.number, -3));
    REFUSED(socket, "timeout_ms is -", obe_receive(socket, out.buffer, ROOM, &out.number, INT64_MIN));
}

static void of_receive(void)
{
    receive_on(client);
    receive_on(server);
}

static void of_tcmd(void)
{
    REFUSED(client, "json is NULL", obe_tcmd(client, NULL, -1, out.buffer, ROOM, &out.number, 0));
    REFUSED(client, "json is NULL", obe_tcmd(client, NULL, 3, out.buffer, ROOM, &out.number, 0));
    REFUSED(client, "length is negative", obe_tcmd(client, "1", -2, out.buffer, ROOM, &out.number, 0));
    REFUSED(client, "reply is NULL", obe_tcmd(client, "1", -1, NULL, ROOM, &out.number, 0));
    REFUSED(client, "capacity is negative", obe_tcmd(client, "1", -1, out.buffer, -1, &out.number, 0));
    REFUSED(client, "capacity is negative", obe_tcmd(client, "1", -1, NULL, -1, &out.number, 0));
    REFUSED(client, "reply_length is NULL", obe_tcmd(client, "1", -1, out.buffer, ROOM, NULL, 0));
    REFUSED(client, "timeout_ms is -", obe_tcmd(client, "1", -1, out.buffer, ROOM, &out.number, -3));
    CHECK_EQUAL(0, stat_of(client, OBE_STAT_CONNECTIONS_OPENED));
}

static void of_wait_ready(void)
{
    REFUSED(client, "timeout_ms is -", obe_wait_ready(client, -3));
    REFUSED(client, "timeout_ms is -", obe_wait_ready(client, INT64_MIN));
    CHECK_EQUAL(0, stat_of(client, OBE_STAT_CONNECTIONS_OPENED));
}

static void of_port(void) { REFUSED(server, "port is NULL", obe_port(server, NULL)); }

static void of_message_new(void)
{
    REFUSED(0, "json is NULL", obe_message_new(NULL, -1, &out.message));
    REFUSED(0, "json is NULL", obe_message_new(NULL, 0, &out.message));
    REFUSED(0, "length is negative", obe_message_new("1", -2, &out.message));
    REFUSED(0, "message is NULL", obe_message_new("1", -1, NULL));
    REFUSED(0, "length ", obe_message_new("1", INT64_MAX, &out.message));
    REFUSED(0, "length ", obe_message_new("1", HUGE_SIZE, &out.message));
    REFUSED(0, "command is NULL", obe_command_new(NULL, &out.message));
    REFUSED(0, "message is NULL", obe_command_new("ready", NULL));
}

static void of_set(void)
{
    static const double values[] = {1, 2, 3, 4};
    static char json[256], after[256];
    int64_t length;

    CHECK_OK(message, obe_get_json(message, "", json, sizeof json, &length));
    REFUSED(message, "key is NULL", obe_set_double(message, NULL, 1));
    REFUSED(message, "key is NULL", obe_set_int(message, NULL, 1));
    REFUSED(message, "key is NULL", obe_set_bool(message, NULL, 1));
    REFUSED(message, "key is NULL", obe_set_null(message, NULL));
    REFUSED(message, "key is NULL", obe_set_string(message, NULL, "v", -1));
    REFUSED(message, "text is NULL", obe_set_string(message, "k", NULL, -1));
    REFUSED(message, "text is NULL", obe_set_string(message, "k", NULL, 0));
    REFUSED(message, "length is negative", obe_set_string(message, "k", "v", -2));
    REFUSED(message, "length ", obe_set_string(message, "k", "v", HUGE_SIZE));
    REFUSED(message, "key is NULL", obe_set_doubles(message, NULL, values, 4));
    REFUSED(message, "values is NULL", obe_set_doubles(message, "k", NULL, 1));
    REFUSED(message, "count is negative", obe_set_doubles(message, "k", values, -1));
    REFUSED(message, "count ", obe_set_doubles(message, "k", values, INT64_MAX));
    REFUSED(message, "count ", obe_set_doubles(message, "k", values, HUGE_SIZE / 8));
    REFUSED(message, "key is NULL", obe_set_matrix(message, NULL, values, 2, 2));
    REFUSED(message, "values is NULL", obe_set_matrix(message, "k", NULL, 2, 2));
    REFUSED(message, "rows is negative", obe_set_matrix(message, "k", values, -1, 2));
    REFUSED(message, "cols is negative", obe_set_matrix(message, "k", values, 2, -1));
    REFUSED(message, "rows ", obe_set_matrix(message, "k", values, INT64_MAX, INT64_MAX));
    REFUSED(message, "rows ", obe_set_matrix(message, "k", values, (int64_t)1 << 32, (int64_t)1 << 32));
    REFUSED(message, "rows ", obe_set_matrix(message, "k", NULL, (int64_t)1 << 50, 0));
    REFUSED(message, "key is NULL", obe_set_json(message, NULL, "1", -1));
    REFUSED(message, "json is NULL", obe_set_json(message, "k", NULL, -1));
    REFUSED(message, "length is negative", obe_set_json(message, "k", "1", -2));
    REFUSED(message, "length ", obe_set_json(message, "k", "1", HUGE_SIZE));
    CHECK_OK(message, obe_get_json(message, "", after, sizeof after, &length));
    CHECK(strcmp(json, after) == 0);
}

static void of_get(void)
{
    REFUSED(message, "pointer is NULL", obe_get_double(message, NULL, &out.real));
    REFUSED(message, "value is NULL", obe_get_double(message, "/x/0", NULL));
    REFUSED(message, "pointer", obe_get_double(message, "x", &out.real));
    REFUSED(message, "pointer is NULL", obe_get_int(message, NULL, &out.number));
    REFUSED(message, "value is NULL", obe_get_int(message, "/x/0", NULL));
    REFUSED(message, "pointer is NULL", obe_get_bool(message, NULL, &out.port));
    REFUSED(message, "value is NULL", obe_get_bool(message, "/x/0", NULL));

    REFUSED(message, "pointer is NULL", obe_get_string(message, NULL, out.buffer, ROOM, &out.number));
    REFUSED(message, "buffer is NULL", obe_get_string(message, "/s", NULL, ROOM, &out.number));
    REFUSED(message, "capacity is negative", obe_get_string(message, "/s", out.buffer, -1, &out.number));
    REFUSED(message, "length is NULL", obe_get_string(message, "/s", out.buffer, ROOM, NULL));
    REFUSED(message, "pointer is NULL", obe_get_json(message, NULL, out.buffer, ROOM, &out.number));
    REFUSED(message, "buffer is NULL", obe_get_json(message, "", NULL, ROOM, &out.number));
    REFUSED(message, "capacity is negative", obe_get_json(message, "", out.buffer, -1, &out.number));
    REFUSED(message, "length is NULL", obe_get_json(message, "", out.buffer, ROOM, NULL));
    REFUSED(message, "pointer is NULL", obe_get_key(message, NULL, 0, out.buffer, ROOM, &out.number));
    REFUSED(message, "index is negative", obe_get_key(message, "", -1, out.buffer, ROOM, &out.number));
    REFUSED(message, "buffer is NULL", obe_get_key(message, "", 0, NULL, ROOM, &out.number));
    REFUSED(message, "capacity is negative", obe_get_key(message, "", 0, out.buffer, -1, &out.number));
    REFUSED(message, "length is NULL", obe_get_key(message, "", 0, out.buffer, ROOM, NULL));

    REFUSED(message, "pointer is NULL", obe_get_doubles(message, NULL, out.values, 4, &out.number));
    REFUSED(message, "values is NULL", obe_get_doubles(message, "/x", NULL, 4, &out.number));
    REFUSED(message, "capacity is negative", obe_get_doubles(message, "/x", out.values, -1, &out.number));
    REFUSED(message, "count is NULL", obe_get_doubles(message, "/x", out.values, 4, NULL));
    REFUSED(message, "pointer is NULL", obe_get_matrix(message, NULL, out.values, 4, &out.number, &out.other));
    REFUSED(message, "values is NULL", obe_get_matrix(message, "/m", NULL, 4, &out.number, &out.other));
    REFUSED(message, "capacity is negative", obe_get_matrix(message, "/m", out.values, -1, &out.number, &out.other));
    REFUSED(message, "rows", obe_get_matrix(message, "/m", out.values, 4, NULL, &out.other));
    REFUSED(message, "cols", obe_get_matrix(message, "/m", out.values, 4, &out.number, NULL));
    REFUSED(message, "pointer is NULL", obe_get_type(message, NULL, &out.port));
    REFUSED(message, "type is NULL", obe_get_type(message, "", NULL));
    REFUSED(message, "pointer is NULL", obe_get_count(message, NULL, &out.number));
    REFUSED(message, "count is NULL", obe_get_count(message, "", NULL));
}

static void of_message_exchange(void)
{
    obe_message request = 0;

    REFUSED(client, "timeout_ms is -", obe_send_message(client, message, -3));
    REFUSED(client, "message is NULL", obe_receive_message(client, NULL, 0));
    REFUSED(client, "timeout_ms is -", obe_receive_message(client, &out.message, -3));
    REFUSED(server, "message is NULL", obe_receive_message(server, NULL, 0));
    REFUSED(client, "reply is NULL", obe_tcmd_message(client, message, NULL, 0));
    REFUSED(client, "timeout_ms is -", obe_tcmd_message(client, message, &out.message, -3));
    REFUSED(server, "handler is NULL", obe_serve(server, NULL, NULL, NULL));

    /* The functions that reply. The request can still be answered after them. */
    CHECK_OK(client, obe_send(client, "1", -1, TEST_TIMEOUT));
    CHECK_OK(server, obe_receive_message(server, &request, TEST_TIMEOUT));
    REFUSED(request, "json is NULL", obe_reply(request, NULL, -1, 0));
    REFUSED(request, "length is negative", obe_reply(request, "1", -2, 0));
    REFUSED(request, "timeout_ms is -", obe_reply(request, "1", -1, -3));
    REFUSED(request, "timeout_ms is -", obe_reply_message(request, message, -3));
    REFUSED(request, "length is NULL", obe_message_peer(request, out.buffer, ROOM, NULL));
    REFUSED(request, "buffer is NULL", obe_message_peer(request, NULL, ROOM, &out.number));
    REFUSED(request, "capacity is negative", obe_message_peer(request, out.buffer, -1, &out.number));
    CHECK_OK(request, obe_reply(request, "1", -1, TEST_TIMEOUT));
    CHECK_OK(request, obe_message_free(request));
}

/* A function for a command that is answered with a list, or with a table. */
static void list_refused(const char *values, obe_status (*call)(obe_socket, double *, int64_t, int64_t *, int64_t))
{
    REFUSED(client, values, call(client, NULL, 4, &out.number, 0));
    CHECK_ERROR(client, " is NULL");
    REFUSED(client, "capacity is negative", call(client, out.values, -1, &out.number, 0));
    REFUSED(client, "count is NULL", call(client, out.values, 4, NULL, 0));
    REFUSED(client, "timeout_ms is -", call(client, out.values, 4, &out.number, -3));
}

static void table_refused(const char *values,
                          obe_status (*call)(obe_socket, double *, int64_t, int64_t *, int64_t *, int64_t))
{
    REFUSED(client, values, call(client, NULL, 4, &out.number, &out.other, 0));
    CHECK_ERROR(client, " is NULL");
    REFUSED(client, "capacity is negative", call(client, out.values, -1, &out.number, &out.other, 0));
    REFUSED(client, "rows", call(client, out.values, 4, NULL, &out.other, 0));
    REFUSED(client, "cols", call(client, out.values, 4, &out.number, NULL, 0));
    REFUSED(client, "timeout_ms is -", call(client, out.values, 4, &out.number, &out.other, -3));
}

static obe_status goodset(obe_socket socket, double *setting, int64_t capacity, int64_t *count, int64_t timeout_ms)
{
    return obe_goodset(socket, 19, setting, capacity, count, timeout_ms);
}

static void of_commands(void)
{
    static const double v[] = {1, 2};

    REFUSED(client, "command is NULL", obe_query(client, NULL, NULL, &out.message, 0));
    REFUSED(client, "no_such_command", obe_query(client, "no_such_command", NULL, &out.message, 0));
    REFUSED(client, "not a command", obe_query(client, "", NULL, &out.message, 0));
    REFUSED(client, "not a command", obe_query(client, "OPTSET", NULL, &out.message, 0));
    REFUSED(client, "not a command", obe_query(client, long_text, NULL, &out.message, 0));
    REFUSED(client, "reply is NULL", obe_query(client, "optset", NULL, NULL, 0));
    REFUSED(client, "timeout_ms is -", obe_query(client, "optset", NULL, &out.message, -3));
    REFUSED(client, "timeout_ms is -", obe_query(client, "optset", NULL, &out.message, INT64_MIN));
    REFUSED(message, "command is NULL", obe_check_reply(message, NULL));
    REFUSED(message, "no_such_command", obe_check_reply(message, "no_such_command"));
    REFUSED(message, "not a command", obe_check_reply(message, ""));
    REFUSED(message, "not a command", obe_check_reply(message, long_text));
    REFUSED(client, "timeout_ms is -", obe_newrun(client, 0, -3));
#define REFUSE_OK(X, name) REFUSED(client, "timeout_ms is -", obe_##name(client, -3));
#define REFUSE_NUMBERS(X, name, array) list_refused(#array, obe_##name);
#define REFUSE_ROWS(X, name, array) table_refused(#array, obe_##name);
    EACH_OK_COMMAND(REFUSE_OK, )
    EACH_NUMBERS_COMMAND(REFUSE_NUMBERS, )
    EACH_ROWS_COMMAND(REFUSE_ROWS, )
    list_refused("setting", goodset);
    list_refused("setting", obe_goodset_fetch);
    REFUSED(client, "timeout_ms is -", obe_goodset_ask(client, 19, -3));
    REFUSED(client, "x is NULL", obe_newdat(client, NULL, 2, v, 2, v, 2, 0));
    REFUSED(client, "y is NULL", obe_newdat(client, v, 2, NULL, 2, v, 2, 0));
    REFUSED(client, "s is NULL", obe_newdat(client, v, 2, v, 2, NULL, 2, 0));
    REFUSED(client, "x_count is negative", obe_newdat(client, v, -1, v, 2, v, 2, 0));
    REFUSED(client, "y_count is negative", obe_newdat(client, v, 2, v, -1, v, 2, 0));
    REFUSED(client, "s_count is negative", obe_newdat(client, v, 2, v, 2, v, INT64_MIN, 0));
    REFUSED(client, "x_count ", obe_newdat(client, v, HUGE_SIZE / 8, v, 2, v, 2, 0));
    REFUSED(client, "x_count is 0", obe_newdat(client, v, 0, v, 2, v, 2, 0));
    REFUSED(client, "timeout_ms is -", obe_newdat(client, v, 2, v, 2, v, 2, -3));
}

static void of_options(void)
{
    static const struct {
        const char *name, *value;
    } refused[] = {
        {OBE_OPT_TIMEOUT_MS, "-2"},
        {OBE_OPT_TIMEOUT_MS, ""},
        {OBE_OPT_TIMEOUT_MS, "1.5"},
        {OBE_OPT_TIMEOUT_MS, " 1"},
        {OBE_OPT_TIMEOUT_MS, "1 "},
        {OBE_OPT_TIMEOUT_MS, "0x10"},
        {OBE_OPT_TIMEOUT_MS, "99999999999999999999"},
        {OBE_OPT_PERSISTENT, "2"},
        {OBE_OPT_PERSISTENT, "true"},
        {OBE_OPT_PERSISTENT, ""},
        {OBE_OPT_MAX_MESSAGE, "0"},
        {OBE_OPT_MAX_MESSAGE, "-1"},
        {OBE_OPT_MAX_MESSAGE, "10000000000"},
        {OBE_OPT_MAX_CONNECTIONS, "0"},
        {OBE_OPT_MESSAGE_TIMEOUT_MS, "-2"},
        {OBE_OPT_ONE_WAY, "-1"},
        {OBE_OPT_PERSISTENT, "yes"},
        {OBE_OPT_KEEPALIVE, "-1"},
        {OBE_OPT_LOCAL, "127.0.0.1"},
        {OBE_OPT_PEER, ""},
        {"", "1"},
        {"TIMEOUT_MS", "1"},
        {"timeout_ms ", "1"},
        {"no_such_option", "1"},
        {"nodelay", "1"},
        {OBE_OPT_FIELDS, "[]"},
        {OBE_OPT_FIELDS, " "},
        {OBE_OPT_FIELDS, "{\"command\": 1}"},
    };
    obe_socket both[2];
    char before[ROOM], after[ROOM];
    int64_t length;
    int i, k;

    both[0] = client;
    both[1] = server;
    for (k = 0; k < 2; k++) {
        obe_socket socket = both[k];

        REFUSED(socket, "name is NULL", obe_set_option(socket, NULL, "1"));
        REFUSED(socket, "value is NULL", obe_set_option(socket, OBE_OPT_TIMEOUT_MS, NULL));
        for (i = 0; i < LENGTH(refused); i++) {
            int known = obe_get_option(socket, refused[i].name, before, sizeof before, &length) == OBE_OK;

            CHECK_STATUS(OBE_E_ARGUMENT, socket, obe_set_option(socket, refused[i].name, refused[i].value));
            CHECK_ERROR(socket, "set_option: ");
            CHECK_ERROR(socket, refused[i].name);
            if (known) {
                CHECK_OK(socket, obe_get_option(socket, refused[i].name, after, sizeof after, &length));
                CHECK(strcmp(before, after) == 0);
            }
        }
        REFUSED(socket, "there is no option", obe_set_option(socket, long_text, "1"));
        REFUSED(socket, "timeout_ms", obe_set_option(socket, OBE_OPT_TIMEOUT_MS, long_text));
        REFUSED(socket, "name is NULL", obe_get_option(socket, NULL, out.buffer, ROOM, &out.number));
        REFUSED(socket, "length is NULL", obe_get_option(socket, OBE_OPT_KEEPALIVE, out.buffer, ROOM, NULL));
        REFUSED(socket, "buffer is NULL", obe_get_option(socket, OBE_OPT_KEEPALIVE, NULL, ROOM, &out.number));
        REFUSED(socket, "capacity is negative", obe_get_option(socket, OBE_OPT_KEEPALIVE, out.buffer, -1, &out.number));
        REFUSED(socket, "there is no option", obe_get_option(socket, "no_such_option", out.buffer, ROOM, &out.number));
        CHECK_ERROR(socket, "no_such_option");
    }
}

static void of_stats(void)
{
    REFUSED(client, "name is NULL", obe_get_stat(client, NULL, &out.number));
    REFUSED(client, "value is NULL", obe_get_stat(client, OBE_STAT_EVICTED, NULL));
    REFUSED(client, "there is no counter", obe_get_stat(client, "no_such_counter", &out.number));
    CHECK_ERROR(client, "no_such_counter");
    REFUSED(client, "there is no counter", obe_get_stat(client, long_text, &out.number));
    REFUSED(server, "there is no counter", obe_get_stat(server, "", &out.number));
}

/* Its own failures are recorded without a handle, and the last error of the handle stays as it is. */
static void of_last_error(void)
{
    char kept[256];

    CHECK_STATUS(OBE_E_ARGUMENT, client, obe_get_stat(client, "this one stays", &out.number));
    snprintf(kept, sizeof kept, "%s", last_error(client));
    REFUSED(0, "buffer is NULL", obe_last_error(client, NULL, ROOM, &out.number));
    REFUSED(0, "capacity is negative", obe_last_error(client, out.buffer, -1, &out.number));
    REFUSED(0, "capacity is negative", obe_last_error(0, out.buffer, INT64_MIN, &out.number));
    CHECK(strcmp(kept, last_error(client)) == 0);
    CHECK(strstr(kept, "this one stays") != NULL);
}

/* A capacity larger than any memory is accepted: a caller may mean "large enough". */
static void huge_capacity(void)
{
    char text[64];
    int64_t length;

    CHECK_OK(client, obe_get_option(client, OBE_OPT_TIMEOUT_MS, text, INT64_MAX, &length));
    CHECK(length == 5 && strcmp(text, "60000") == 0);
    CHECK_OK(client, obe_send(client, "[1]", -1, TEST_TIMEOUT));
    CHECK_OK(server, obe_receive(server, text, INT64_MAX, &length, TEST_TIMEOUT));
    CHECK(length == 3 && strcmp(text, "[1]") == 0);
    CHECK_OK(server, obe_send(server, "[2]", -1, TEST_TIMEOUT));
    CHECK_OK(client, obe_receive(client, text, INT64_MAX, &length, INT64_MAX));
    CHECK(length == 3 && strcmp(text, "[2]") == 0);
}

int main(void)
{
    memset(long_text, 'a', sizeof long_text - 1);
    server = new_server();
    client = new_client(port_of(server));
    CHECK_OK(
        0, obe_message_new("{\"command\": \"newdat\", \"x\": [1, 2], \"m\": [[1, 2]], \"s\": \"text\"}", -1, &message));
    RUN(of_new);
    RUN(of_send);
    RUN(of_receive);
    RUN(of_tcmd);
    RUN(of_wait_ready);
    RUN(of_port);
    RUN(of_options);
    RUN(of_stats);
    RUN(of_last_error);
    RUN(of_message_new);
    RUN(of_set);
    RUN(of_get);
    RUN(of_commands);
    CHECK_EQUAL(0, stat_of(client, OBE_STAT_CONNECTIONS_OPENED));
    CHECK_EQUAL(0, stat_of(server, OBE_STAT_CONNECTIONS_OPENED));
    RUN(of_message_exchange);
    RUN(huge_capacity);
    CHECK_OK(message, obe_message_free(message));
    CHECK_OK(client, obe_free(client));
    CHECK_OK(server, obe_free(server));
    return 0;
}
