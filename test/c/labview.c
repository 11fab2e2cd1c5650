/* Every function of obe_labview.h and obe_labview_extra.h, from C: all types of arguments, with the bitness of this
 * program. Invalid arguments are tested in bindings/labview/tests. */
#include "check.h"
#include "commands.h"

#include "labview_manager.h"
#include "obe_labview.h"
#include "obe_labview_extra.h"

static struct echo echo;
static int client, command_client; /* clients of the echo server and of the command server */

/* Checks that call returns wanted; otherwise prints the error message of handle. */
#define LV_STATUS(wanted, handle, call) lv_status(__FILE__, __LINE__, #call, (wanted), (call), (handle))
#define LV_OK(handle, call) LV_STATUS(OBE_OK, handle, call)

static void lv_status(const char *file, int line, const char *call, int wanted, int got, int handle)
{
    char text[1024] = "";

    if (got == wanted)
        return;
    obe_lv_last_error(handle, text, sizeof text, NULL);
    check_failed(file, line, "%s: got %d, wanted %d; the last error is \"%s\"", call, got, wanted, text);
}

/* ---- a server with a reply to every command ---- */

static struct {
    int handle, port;
    pthread_t thread;
} command_server;

static const char *reply_to(const char *command)
{
    static const char *const replies[][2] = {
        {"optset", "[1.5, -2.5]"},      {"goodset", "[3]"},        {"getmean", "[0.5, 1e-300, NaN]"},
        {"getstd", "[4, 5]"},           {"getwgt", "[]"},          {"getcon", "[6]"},
        {"getcov", "[[1, 2], [2, 4]]"}, {"getpar", "[[1, 2, 3]]"}, {"getset", "[[1], [2], [3]]"},
    };
    int i;

    for (i = 0; i < LENGTH(replies); i++)
        if (strcmp(replies[i][0], command) == 0)
            return replies[i][1];
#define REPLY(json, name, array) \
    if (strcmp(#name, command) == 0) \
        return json;
    EACH_NUMBERS_COMMAND(REPLY, "[6]")
    EACH_ROWS_COMMAND(REPLY, "[[6]]")
#undef REPLY
    return "\"OK\"";
}

static void *serve_commands(void *argument)
{
    (void)argument;
    for (;;) {
        char command[64] = "";
        int status = obe_lv_receive(command_server.handle, NULL, -1);

        if (status == OBE_E_CLOSED || status == OBE_E_HANDLE)
            return NULL;
        LV_OK(command_server.handle, status);
        LV_OK(command_server.handle,
              obe_lv_get_string(command_server.handle, "/command", command, sizeof command, NULL));
        LV_OK(command_server.handle, obe_lv_send(command_server.handle, reply_to(command), TEST_TIMEOUT));
    }
}

/* ---- the tests ---- */

static void facts(void)
{
    int major = -1, minor = -1, patch = -1, size = 0;
    char version[32], text[128];

    LV_OK(0, obe_lv_version(&major, &minor, &patch));
    snprintf(version, sizeof version, "%d.%d.%d", major, minor, patch);
    CHECK(strcmp(version, obe_version()) == 0);
    LV_OK(0, obe_lv_version(NULL, NULL, NULL));
    LV_OK(0, obe_lv_pointer_size(&size));
    CHECK_EQUAL((int64_t)sizeof(void *), size);
    LV_OK(0, obe_lv_strerror(OBE_E_BUFFER, text, sizeof text, &size));
    CHECK(strstr(text, "OBE_E_BUFFER: ") == text && strstr(text, obe_strerror(OBE_E_BUFFER)) != NULL);
    CHECK_EQUAL((int64_t)strlen(text) + 1, size);
    LV_STATUS(OBE_E_HANDLE, 0, obe_lv_cancel(12345));
    LV_OK(0, obe_lv_last_error(0, text, sizeof text, &size));
    CHECK(strstr(text, "12345 was freed, or is not a handle") != NULL);
    /* One program may use both headers; they share the last error without a handle. */
    CHECK_ERROR(0, "12345 was freed, or is not a handle");
}

static void send_and_receive(void)
{
    char text[64];
    int size = -1;

    LV_OK(client, obe_lv_tcmd(client, "{\"n\": [1, 2]}", &size, TEST_TIMEOUT));
    CHECK_EQUAL(14, size);
    memset(text, 'x', sizeof text);
    LV_STATUS(OBE_E_BUFFER, client, obe_lv_get_text(client, text, 13, &size));
    CHECK(text[0] == 'x');
    LV_OK(client, obe_lv_get_text(client, text, 14, &size));
    CHECK(strcmp(text, "{\"n\": [1, 2]}") == 0 && text[14] == 'x');
    LV_OK(client, obe_lv_wait_ready(client, TEST_TIMEOUT));
    LV_OK(client, obe_lv_send(client, "\"sent\"", TEST_TIMEOUT));
    LV_OK(client, obe_lv_receive(client, &size, TEST_TIMEOUT));
    CHECK_EQUAL(7, size);
    LV_STATUS(OBE_E_ARGUMENT, client, obe_lv_tcmd(client, "1", &size, -3));
    LV_OK(client, obe_lv_cancel(client));
    LV_OK(client, obe_lv_set_option(client, "timeout_ms", "20000"));
    LV_STATUS(OBE_E_ARGUMENT, client, obe_lv_set_option(client, "timeout_ms", "-7"));
    LV_OK(client, obe_lv_get_option(client, "timeout_ms", NULL, 0, &size));
    CHECK_EQUAL(6, size);
    memset(text, 'x', sizeof text);
    LV_STATUS(OBE_E_BUFFER, client, obe_lv_get_option(client, "timeout_ms", text, 5, &size));
    CHECK(size == 6 && text[0] == 'x');
    LV_OK(client, obe_lv_get_option(client, "timeout_ms", text, 6, NULL));
    CHECK(strcmp(text, "20000") == 0 && text[6] == 'x');
    LV_STATUS(OBE_E_ARGUMENT, client, obe_lv_get_option(client, NULL, text, 6, &size));
    CHECK_EQUAL(0, size);
    LV_STATUS(OBE_E_ARGUMENT, client, obe_lv_get_option(client, "timeout_ms", NULL, 6, &size));
    LV_STATUS(OBE_E_ARGUMENT, client, obe_lv_get_option(client, "timeout_ms", text, -1, &size));
    LV_STATUS(OBE_E_HANDLE, 0, obe_lv_get_option(0, "timeout_ms", text, 6, &size));
}

static void build_and_read(void)
{
    double x[2] = {0.25, 1e300}, m[6] = {1, 2, 3, 4, 5, 6}, d = -1, out[7];
    char text[128];
    int i = -1, rows = -1, cols = -1;

    LV_OK(client, obe_lv_command_new(client, "built"));
    LV_OK(client, obe_lv_set_double(client, "d", -0.5));
    LV_OK(client, obe_lv_set_int(client, "i", -2147483647 - 1));
    LV_OK(client, obe_lv_set_bool(client, "b", 1));
    LV_OK(client, obe_lv_set_string(client, "s", "a \"text\""));
    LV_OK(client, obe_lv_set_doubles(client, "x", x, 2));
    LV_OK(client, obe_lv_set_matrix(client, "m", m, 2, 3));
    LV_OK(client, obe_lv_set_json(client, "j", "[true, null]"));
    LV_OK(client, obe_lv_set_null(client, "n"));
    LV_OK(client, obe_lv_tcmd_message(client, &i, TEST_TIMEOUT));
    CHECK(i > 100);
    LV_OK(client, obe_lv_get_double(client, "/d", &d));
    CHECK(d == -0.5);
    LV_OK(client, obe_lv_get_int(client, "/i", &i));
    CHECK_EQUAL(INT32_MIN, i);
    LV_OK(client, obe_lv_get_bool(client, "/b", &i));
    CHECK_EQUAL(1, i);
    LV_OK(client, obe_lv_get_string(client, "/s", text, sizeof text, &i));
    CHECK(strcmp(text, "a \"text\"") == 0);
    CHECK_EQUAL(9, i);
    out[2] = 77;
    LV_OK(client, obe_lv_get_doubles(client, "/x", out, 2, &i));
    CHECK(memcmp(out, x, sizeof x) == 0 && out[2] == 77);
    CHECK_EQUAL(2, i);
    out[6] = 77;
    LV_OK(client, obe_lv_get_matrix(client, "/m", out, 6, &rows, &cols));
    CHECK(memcmp(out, m, sizeof m) == 0 && out[6] == 77);
    CHECK_EQUAL(2, rows);
    CHECK_EQUAL(3, cols);
    LV_OK(client, obe_lv_get_count(client, "/j", &i));
    CHECK_EQUAL(2, i);
    LV_OK(client, obe_lv_get_type(client, "/j/1", &i));
    CHECK_EQUAL(OBE_NULL, i);
    LV_OK(client, obe_lv_get_type(client, "/n", &i));
    CHECK_EQUAL(OBE_NULL, i);
    LV_OK(client, obe_lv_get_json(client, "/j", text, sizeof text, &i));
    CHECK(strcmp(text, "[true, null]") == 0);
    CHECK_EQUAL(13, i);
    LV_OK(client, obe_lv_get_key(client, "", 1, text, sizeof text, &i));
    CHECK(strcmp(text, "d") == 0);
    CHECK_EQUAL(2, i);
    LV_OK(client, obe_lv_send_message(client, TEST_TIMEOUT));
    LV_OK(client, obe_lv_receive(client, NULL, TEST_TIMEOUT));
}

/* Every command, with a node's slot or without one. */
static void commands_through(void **slot)
{
    static const double tiny = 1e-300; /* in memory: a register may hold more digits */
    double a[4], x[2] = {1, 2}, y[1] = {3}, s[1] = {4};
    int h = command_client, n = -1, rows = -1, cols = -1;

/* The call with or without the instance data. */
#define EITHER(name, ...) LV_OK(h, slot ? name##_i(__VA_ARGS__, slot) : name(__VA_ARGS__))
    EITHER(obe_lv_ready, h, TEST_TIMEOUT);
    EITHER(obe_lv_newrun, h, "{\"steps\": 9}", TEST_TIMEOUT);
    EITHER(obe_lv_newdat, h, x, 2, y, 1, s, 1, TEST_TIMEOUT);
    EITHER(obe_lv_optset, h, a, 4, &n, TEST_TIMEOUT);
    CHECK(n == 2 && a[0] == 1.5 && a[1] == -2.5);
    EITHER(obe_lv_goodset, h, 4.0, a, 4, &n, TEST_TIMEOUT);
    CHECK(n == 1 && a[0] == 3);
    a[0] = -1;
    EITHER(obe_lv_goodset1, h, 4.0, a, TEST_TIMEOUT);
    CHECK(a[0] == 3);
    EITHER(obe_lv_newdat1, h, 1.5, 2.5, 0.5, TEST_TIMEOUT);
    LV_STATUS(OBE_E_REPLY, h, slot ? obe_lv_optset1_i(h, a, TEST_TIMEOUT, slot) : obe_lv_optset1(h, a, TEST_TIMEOUT));
    CHECK(a[0] == 0);
    n = -1;
    EITHER(obe_lv_goodset_ask, h, 4.0, TEST_TIMEOUT);
    EITHER(obe_lv_newdat1, h, 1.5, 2.5, 0.5, TEST_TIMEOUT);
    EITHER(obe_lv_goodset_fetch, h, a, 4, &n, TEST_TIMEOUT);
    CHECK(n == 1 && a[0] == 3);
    EITHER(obe_lv_getmean, h, a, 4, &n, TEST_TIMEOUT);
    CHECK(n == 3 && a[0] == 0.5 && memcmp(&a[1], &tiny, sizeof tiny) == 0 && a[2] != a[2]);
    EITHER(obe_lv_getstd, h, a, 4, &n, TEST_TIMEOUT);
    CHECK(n == 2 && a[0] == 4 && a[1] == 5);
    EITHER(obe_lv_getwgt, h, a, 4, &n, TEST_TIMEOUT);
    CHECK(n == 0);
    EITHER(obe_lv_getcon, h, a, 4, &n, TEST_TIMEOUT);
    CHECK(n == 1 && a[0] == 6);
    EITHER(obe_lv_getcov, h, a, 4, &rows, &cols, TEST_TIMEOUT);
    CHECK(rows == 2 && cols == 2 && a[3] == 4);
    EITHER(obe_lv_getpar, h, a, 4, &rows, &cols, TEST_TIMEOUT);
    CHECK(rows == 1 && cols == 3 && a[2] == 3);
    EITHER(obe_lv_getset, h, a, 4, &rows, &cols, TEST_TIMEOUT);
    CHECK(rows == 3 && cols == 1 && a[2] == 3);
/* And every command that takes no more than that. */
#define OK_CALL(X, name) EITHER(obe_lv_##name, h, TEST_TIMEOUT);
#define NUMBERS_CALL(X, name, array) \
    n = -1; \
    EITHER(obe_lv_##name, h, a, 4, &n, TEST_TIMEOUT); \
    CHECK(n >= 0);
#define ROWS_CALL(X, name, array) \
    rows = cols = -1; \
    EITHER(obe_lv_##name, h, a, 4, &rows, &cols, TEST_TIMEOUT); \
    CHECK(rows > 0 && cols > 0);
    EACH_NUMBERS_COMMAND(NUMBERS_CALL, )
    EACH_ROWS_COMMAND(ROWS_CALL, )
    EACH_OK_COMMAND(OK_CALL, )
#undef EITHER
}

static void commands(void) { commands_through(NULL); }

static void calls_of_a_node(void)
{
    void *slot = (void *)(uintptr_t)0xDEADBEEF; /* its initial content is undefined */
    int mine = 0, server = 0, size = -1, port = 0;

    LV_OK(0, obe_lv_reserve(&slot));
    CHECK(slot != NULL && slot != (void *)(uintptr_t)0xDEADBEEF);
    commands_through(&slot);
    LV_OK(0, obe_lv_client_new_i(NULL, echo.port, &mine, &slot));
    LV_OK(0, obe_lv_server_new_i("127.0.0.1", 0, &server, &slot));
    LV_OK(server, obe_lv_port(server, &port));
    CHECK(port > 0);
    LV_OK(mine, obe_lv_wait_ready_i(mine, TEST_TIMEOUT, &slot));
    LV_OK(mine, obe_lv_tcmd_i(mine, "[1]", &size, TEST_TIMEOUT, &slot));
    CHECK_EQUAL(4, size);
    LV_OK(mine, obe_lv_send_i(mine, "[12]", TEST_TIMEOUT, &slot));
    LV_OK(mine, obe_lv_receive_i(mine, &size, TEST_TIMEOUT, &slot));
    CHECK_EQUAL(5, size);
    LV_OK(mine, obe_lv_command_new(mine, ""));
    LV_OK(mine, obe_lv_tcmd_message_i(mine, &size, TEST_TIMEOUT, &slot));
    CHECK_EQUAL(3, size);
    LV_OK(mine, obe_lv_send_message_i(mine, TEST_TIMEOUT, &slot));
    LV_OK(0, obe_lv_abort(&slot));
    LV_OK(0, obe_lv_unreserve(&slot));
    CHECK(slot == NULL);
    LV_STATUS(OBE_E_HANDLE, 0, obe_lv_free(mine));
    LV_STATUS(OBE_E_HANDLE, 0, obe_lv_free(server));
}

/* A capacity larger than the buffer: only the bytes that are needed are written. */
static void huge_capacity(void)
{
    char text[128];
    double a[4];
    int n = -1, rows = -1, cols = -1;

    LV_OK(client, obe_lv_tcmd(client, "{\"s\": \"x\", \"m\": [[1, 2]], \"x\": [3]}", NULL, TEST_TIMEOUT));
    LV_OK(client, obe_lv_get_text(client, text, INT32_MAX, &n));
    LV_OK(client, obe_lv_get_string(client, "/s", text, INT32_MAX, &n));
    CHECK(strcmp(text, "x") == 0);
    LV_OK(client, obe_lv_last_error(client, text, INT32_MAX, &n));
    LV_OK(client, obe_lv_strerror(0, text, INT32_MAX, &n));
    LV_OK(client, obe_lv_get_doubles(client, "/x", a, INT32_MAX, &n));
    CHECK(n == 1 && a[0] == 3);
    LV_OK(client, obe_lv_get_matrix(client, "/m", a, INT32_MAX, &rows, &cols));
    CHECK(rows == 1 && cols == 2 && a[1] == 2);
    LV_OK(command_client, obe_lv_getcon(command_client, a, INT32_MAX, &n, TEST_TIMEOUT));
    CHECK(n == 1 && a[0] == 6);
    LV_OK(command_client, obe_lv_getcov(command_client, a, INT32_MAX, &rows, &cols, TEST_TIMEOUT));
    CHECK(rows == 2 && cols == 2 && a[3] == 4);
}

/* ---- a blocked call ---- */

static void *blocked_slot;
static int blocked_handle;

static obe_status receive_through_node(void *unused)
{
    (void)unused;
    return obe_lv_receive_i(blocked_handle, NULL, -1, &blocked_slot);
}

static void abort_ends_a_call(void)
{
    struct caller caller;

    LV_OK(0, obe_lv_server_new("", 0, &blocked_handle));
    LV_OK(0, obe_lv_reserve(&blocked_slot));
    caller_start(&caller, receive_through_node, NULL);
    LV_OK(0, obe_lv_abort(&blocked_slot));
    CHECK_EQUAL(OBE_E_CANCELLED, caller_join(&caller));
    LV_OK(0, obe_lv_unreserve(&blocked_slot));
    LV_OK(0, obe_lv_free(blocked_handle));
}

/* The error of a call whose handle was freed is one without a handle. */
static void free_ends_a_call(void)
{
    struct caller caller;
    char text[256] = "";

    LV_OK(0, obe_lv_server_new("", 0, &blocked_handle));
    caller_start(&caller, receive_through_node, NULL);
    LV_OK(0, obe_lv_free(blocked_handle));
    CHECK_EQUAL(OBE_E_CLOSED, caller_join(&caller));
    LV_OK(0, obe_lv_last_error(0, text, sizeof text, NULL));
    CHECK(strncmp(text, "receive ", 8) == 0);
}

/* This program contains the replacement for LabVIEW's memory manager. */
static void labview_memory(void)
{
    static const char message[] = "{\"s\": \"abc\", \"x\": [0.25, 5], \"m\": [[1, 2], [3, 4]]}";
    static const double x[2] = {0.25, 5}, m[4] = {1, 2, 3, 4};
    void *text = NULL, *array = NULL, *matrix = NULL;
    int32_t n;

    LV_OK(client, obe_lv_tcmd(client, message, NULL, TEST_TIMEOUT));
    LV_OK(client, obe_lv_get_string_h(client, "/s", &text));
    CHECK_EQUAL(7, manager_check(text));
    memcpy(&n, *(unsigned char **)text, sizeof n);
    CHECK_EQUAL(3, n);
    CHECK(memcmp(*(unsigned char **)text + 4, "abc", 3) == 0);
    LV_OK(client, obe_lv_get_doubles_h(client, "/x", &array));
    CHECK_EQUAL(24, manager_check(array));
    CHECK(memcmp(*(unsigned char **)array + 8, x, sizeof x) == 0);
    LV_OK(client, obe_lv_get_matrix_h(client, "/m", &matrix));
    CHECK_EQUAL(40, manager_check(matrix));
    CHECK(memcmp(*(unsigned char **)matrix + 8, m, sizeof m) == 0);
    LV_OK(client, obe_lv_get_text_h(client, &text));
    CHECK_EQUAL((int64_t)sizeof message - 1 + 4, manager_check(text));
    LV_OK(client, obe_lv_get_json_h(client, "/x", &text));
    CHECK_EQUAL(4 + 9, manager_check(text));
    LV_OK(client, obe_lv_get_key_h(client, "", 2, &text));
    CHECK_EQUAL(4 + 1, manager_check(text));
    LV_STATUS(OBE_E_NOT_FOUND, client, obe_lv_get_double(client, "/none", NULL));
    LV_OK(client, obe_lv_last_error_h(client, &text));
    CHECK(memcmp(*(unsigned char **)text + 4, "get_double: ", 12) == 0);
    manager_free(text);
    manager_free(array);
    manager_free(matrix);
}

/* Waits until so many events were posted in total. */
static void wait_for_events(int32_t count)
{
    while (__atomic_load_n(&manager_posts, __ATOMIC_SEQ_CST) < count)
        pause_ms(1);
    CHECK_EQUAL(count, __atomic_load_n(&manager_posts, __ATOMIC_SEQ_CST));
}

/* A user event says that a message is there, once for each message. */
static void user_events(void)
{
    int server = 0, sender = 0, port = 0, i;
    char text[256] = "";

    LV_OK(0, obe_lv_server_new("", 0, &server));
    LV_OK(server, obe_lv_port(server, &port));
    LV_OK(0, obe_lv_client_new("", port, &sender));
    LV_STATUS(OBE_E_STATE, sender, obe_lv_notify(sender, 77));
    LV_OK(server, obe_lv_notify(server, 0));
    LV_OK(server, obe_lv_notify(server, 77));
    for (i = 1; i <= 3; i++) {
        LV_OK(sender, obe_lv_send(sender, "1", TEST_TIMEOUT));
        wait_for_events(i);
        CHECK_EQUAL(77, manager_event);
        CHECK_EQUAL(server, manager_event_data);
        LV_OK(server, obe_lv_receive(server, NULL, 0));
        LV_OK(server, obe_lv_send(server, "2", TEST_TIMEOUT));
    }
    /* Two messages, and two events. */
    LV_OK(sender, obe_lv_set_option(sender, "persistent", "0"));
    LV_OK(sender, obe_lv_send(sender, "1", TEST_TIMEOUT));
    LV_OK(client, obe_lv_wait_ready(client, TEST_TIMEOUT));
    wait_for_events(4);
    LV_OK(server, obe_lv_notify(server, -78));
    wait_for_events(5); /* the message is still there for another event */
    CHECK(manager_event == (uint32_t)-78);
    LV_OK(server, obe_lv_receive(server, NULL, 0));
    LV_OK(server, obe_lv_send(server, "2", TEST_TIMEOUT));
    /* LabVIEW refuses an event that was destroyed. */
    manager_post_error = 1;
    LV_OK(sender, obe_lv_send(sender, "1", TEST_TIMEOUT));
    wait_for_events(6);
    while (strstr(text, "refused the user event (its error 1)") == NULL) {
        pause_ms(1);
        LV_OK(server, obe_lv_last_error(server, text, sizeof text, NULL));
    }
    manager_post_error = 0;
    LV_OK(server, obe_lv_receive(server, NULL, 0));
    LV_OK(server, obe_lv_send(server, "2", TEST_TIMEOUT));
    LV_OK(sender, obe_lv_send(sender, "1", TEST_TIMEOUT));
    LV_OK(server, obe_lv_receive(server, NULL, TEST_TIMEOUT));
    LV_OK(server, obe_lv_notify(server, 79));
    LV_OK(0, obe_lv_free(server));
    LV_STATUS(OBE_E_HANDLE, 0, obe_lv_notify(server, 79));
    LV_OK(0, obe_lv_free(sender));
    CHECK_EQUAL(6, __atomic_load_n(&manager_posts, __ATOMIC_SEQ_CST));
}

int main(void)
{
    echo_start(&echo);
    LV_OK(0, obe_lv_server_new(NULL, 0, &command_server.handle));
    LV_OK(command_server.handle, obe_lv_port(command_server.handle, &command_server.port));
    command_server.thread = start_thread(serve_commands, NULL);
    LV_OK(0, obe_lv_client_new("127.0.0.1", echo.port, &client));
    LV_OK(0, obe_lv_client_new("", command_server.port, &command_client));
    RUN(facts);
    RUN(send_and_receive);
    RUN(build_and_read);
    RUN(commands);
    RUN(calls_of_a_node);
    RUN(huge_capacity);
    RUN(abort_ends_a_call);
    RUN(free_ends_a_call);
    RUN(labview_memory);
    RUN(user_events);
    LV_OK(0, obe_lv_free(client));
    LV_OK(0, obe_lv_free_all());
    LV_STATUS(OBE_E_HANDLE, 0, obe_lv_free(command_client));
    join_thread(command_server.thread);
    echo_stop(&echo);
    return 0;
}
