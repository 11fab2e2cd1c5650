/* The caller's memory: buffers of every relevant size with guard bytes around them, texts that end before an inaccessible
 * page, buffers that are freed between calls, and results in memory that contains addresses of Go's heap.
 *
 *     buffers             all tests
 *     buffers ROUNDS      all tests, with fewer rounds of the last one: for Wine, where the garbage collector takes far
 *                         longer */
#include "check.h"
#include "commands.h"

enum { GUARD = 64, PATTERN = 0xA5, LARGE = 300000 };

static struct echo echo;
static obe_socket server, client; /* both are used on one thread */
static obe_socket peer;           /* a client of echo */
static obe_message message;

/* ---- every function that stores a text, with buffers of every size ---- */

/* A function that stores a text. prepare provides the text, and read is the call. A text that was read completely may be
 * consumed by that. */
struct source {
    const char *name;
    void (*prepare)(const char *text);
    obe_status (*read)(char *buffer, int64_t capacity, int64_t *length);
};

static void prepare_receive_client(const char *text) { CHECK_OK(peer, obe_send(peer, text, -1, TEST_TIMEOUT)); }

static obe_status read_receive_client(char *buffer, int64_t capacity, int64_t *length)
{
    return obe_receive(peer, buffer, capacity, length, TEST_TIMEOUT);
}

static void prepare_receive_server(const char *text) { CHECK_OK(client, obe_send(client, text, -1, TEST_TIMEOUT)); }

static obe_status read_receive_server(char *buffer, int64_t capacity, int64_t *length)
{
    return obe_receive(server, buffer, capacity, length, TEST_TIMEOUT);
}

static const char *command; /* the command to send; NULL after it was sent */

static void prepare_tcmd(const char *text) { command = text; }

/* The command is sent once. Then its kept reply is read. */
static obe_status read_tcmd(char *buffer, int64_t capacity, int64_t *length)
{
    const char *once = command;

    command = NULL;
    return once ? obe_tcmd(peer, once, -1, buffer, capacity, length, TEST_TIMEOUT)
                : obe_receive(peer, buffer, capacity, length, OBE_NO_WAIT);
}

static void prepare_option(const char *text) { CHECK_OK(client, obe_set_option(client, OBE_OPT_TIMEOUT_MS, text)); }

static obe_status read_option(char *buffer, int64_t capacity, int64_t *length)
{
    return obe_get_option(client, OBE_OPT_TIMEOUT_MS, buffer, capacity, length);
}

static void prepare_error(const char *text)
{
    int64_t value;

    (void)text;
    CHECK_STATUS(OBE_E_ARGUMENT, client, obe_get_stat(client, "7", &value));
}

static obe_status read_error(char *buffer, int64_t capacity, int64_t *length)
{
    return obe_last_error(client, buffer, capacity, length);
}

static void prepare_string(const char *text) { CHECK_OK(message, obe_set_string(message, "s", text, -1)); }

static obe_status read_string(char *buffer, int64_t capacity, int64_t *length)
{
    return obe_get_string(message, "/s", buffer, capacity, length);
}

static void prepare_json(const char *text) { CHECK_OK(message, obe_set_json(message, "j", text, -1)); }

static obe_status read_json(char *buffer, int64_t capacity, int64_t *length)
{
    return obe_get_json(message, "/j", buffer, capacity, length);
}

static void prepare_key(const char *text)
{
    CHECK_OK(message, obe_message_free(message));
    CHECK_OK(0, obe_message_new("{}", -1, &message));
    CHECK_OK(message, obe_set_null(message, text));
}

static obe_status read_key(char *buffer, int64_t capacity, int64_t *length)
{
    return obe_get_key(message, "", 0, buffer, capacity, length);
}

static unsigned char area[LARGE + 4 * GUARD];

static int intact(int64_t from, int64_t to)
{
    for (; from < to; from++)
        if (area[from] != PATTERN)
            return 0;
    return 1;
}

/* Reads with a buffer of that capacity; the text has n bytes. */
static void check_capacity(const struct source *s, const char *text, int64_t n, int64_t capacity)
{
    char *buffer = (char *)area + GUARD;
    int64_t length = -7, written;
    obe_status status;

    memset(area, PATTERN, sizeof area);
    status = s->read(buffer, capacity, &length);
    if (status != (capacity < n ? OBE_E_BUFFER : OBE_OK) || length != n)
        check_failed(__FILE__, __LINE__, "%s of %d bytes into %d: status %d, length %d; %s", s->name, (int)n,
                     (int)capacity, (int)status, (int)length, last_error(0));
    written = status == OBE_OK ? n : 0;
    if (s->read == read_error && 0 < capacity && capacity < n) { /* it stores the part that fits, and a NUL */
        CHECK(memcmp(buffer, text, (size_t)capacity - 1) == 0 && buffer[capacity - 1] == 0);
        written = capacity;
    }
    if (status == OBE_OK && memcmp(buffer, text, (size_t)written) != 0)
        check_failed(__FILE__, __LINE__, "%s into %d stored another text", s->name, (int)capacity);
    if (status == OBE_OK && capacity > n) {
        CHECK(buffer[n] == 0);
        written++;
    }
    if (!intact(0, GUARD) || !intact(GUARD + written, (int64_t)sizeof area))
        check_failed(__FILE__, __LINE__, "%s of %d bytes into %d wrote outside", s->name, (int)n, (int)capacity);
}

static void check_source(const struct source *s, const char *text)
{
    static const int beyond[] = {0, 1, 2, GUARD};
    const char *wanted = text;
    char error[256];
    int64_t n, length;
    size_t i;

    if (s->read == read_error) { /* the text is the error message */
        s->prepare(text);
        CHECK_OK(client, s->read(error, sizeof error, &n));
        wanted = error;
    }
    n = (int64_t)strlen(wanted);
    for (i = 0; i < sizeof beyond / sizeof *beyond; i++) {
        s->prepare(text);
        length = -7;
        CHECK_STATUS(n ? OBE_E_BUFFER : OBE_OK, 0, s->read(NULL, 0, &length));
        CHECK_EQUAL(n, length);
        check_capacity(s, wanted, n, 0);
        if (n > 1)
            check_capacity(s, wanted, n, 1);
        if (n > 2)
            check_capacity(s, wanted, n, n / 2);
        if (n > 1)
            check_capacity(s, wanted, n, n - 1);
        check_capacity(s, wanted, n, n + beyond[i]);
        if (s->read == read_receive_server)
            CHECK_OK(server, obe_send(server, "1", -1, TEST_TIMEOUT));
    }
}

static const struct source sources[] = {
    {"obe_receive of a client", prepare_receive_client, read_receive_client},
    {"obe_receive of a server", prepare_receive_server, read_receive_server},
    {"obe_tcmd", prepare_tcmd, read_tcmd},
    {"obe_get_option", prepare_option, read_option},
    {"obe_last_error", prepare_error, read_error},
    {"obe_get_string", prepare_string, read_string},
    {"obe_get_json", prepare_json, read_json},
    {"obe_get_key", prepare_key, read_key},
};

static void sizes(void)
{
    static char large[LARGE + 1];
    int i;

    memset(large, ' ', LARGE);
    large[0] = '[';
    large[LARGE - 1] = ']';
    for (i = 0; i < LENGTH(sources); i++) {
        check_source(&sources[i], "7");
        check_source(&sources[i], "60000");
        if (sources[i].read == read_option || sources[i].read == read_error)
            continue;
        check_source(&sources[i], "{\"command\": \"optset\"}");
        check_source(&sources[i], large);
    }
}

/* A short buffer gets the part of an error message that fits, in whole characters, and a NUL. length may be NULL. Then the
 * text always ends with a NUL. */
static void truncated_error(void)
{
    const char *whole;
    int64_t n, value, capacity;

    CHECK_STATUS(OBE_E_ARGUMENT, client, obe_get_stat(client, "\u00e4\u20ac\U0001f600 b", &value));
    whole = last_error(client);
    CHECK(strstr(whole, "\u00e4\u20ac\U0001f600 b") != NULL);
    n = (int64_t)strlen(whole);
    CHECK_STATUS(OBE_E_BUFFER, 0, obe_last_error(client, NULL, 0, NULL));
    for (capacity = 1; capacity <= n + 2; capacity++) {
        char *buffer = (char *)area + GUARD;
        int64_t wanted = capacity > n ? n : capacity - 1, length = -7, with;

        while (wanted > 0 && ((unsigned char)whole[wanted] & 0xC0) == 0x80)
            wanted--;
        for (with = 0; with < 2; with++) {
            int fits = capacity >= n + (with ? 0 : 1);
            int64_t end = fits ? n : wanted;

            memset(area, PATTERN, sizeof area);
            CHECK_STATUS(fits ? OBE_OK : OBE_E_BUFFER, 0,
                         obe_last_error(client, buffer, capacity, with ? &length : NULL));
            CHECK(memcmp(buffer, whole, (size_t)end) == 0);
            if (capacity > end)
                CHECK(buffer[end] == 0);
            CHECK(intact(0, GUARD) && intact(GUARD + (capacity > end ? end + 1 : capacity), (int64_t)sizeof area));
        }
        CHECK_EQUAL(n, length);
    }
}

static void empty_text(void)
{
    obe_socket fresh = new_client(1);
    int64_t length = -7;

    CHECK_OK(fresh, obe_last_error(fresh, NULL, 0, &length));
    CHECK_EQUAL(0, length);
    length = -7;
    CHECK_OK(fresh, obe_get_option(fresh, OBE_OPT_PEER, NULL, 0, &length));
    CHECK_EQUAL(0, length);
    CHECK_OK(fresh, obe_free(fresh));
}

/* ---- the same for numbers ---- */

enum { COUNT = 6 }; /* the server and the message have the numbers 1, 2, 3, 4, 5, 6, or these in 3 rows of 2 */

static const char list_text[] = "[1, 2.0, 3e0, 4, 5, 6]", table_text[] = "[[1, 2], [3, 4], [5, 6]]";
static obe_socket asker; /* a client of a server that replies with these */

/* A function that stores numbers. If it stores a table, cols is the length of a row. */
struct numbers {
    const char *name;
    obe_status (*read)(double *values, int64_t capacity, int64_t *count, int64_t *cols);
    int by_command; /* it sends a command to a server */
};

#define LIST(name, call) \
    static obe_status name(double *values, int64_t capacity, int64_t *count, int64_t *cols) \
    { \
        *cols = 1; \
        return call; \
    }
#define TABLE(name, call) \
    static obe_status name(double *values, int64_t capacity, int64_t *rows, int64_t *cols) { return call; }

LIST(read_doubles, obe_get_doubles(message, "/list", values, capacity, count))
TABLE(read_matrix, obe_get_matrix(message, "/table", values, capacity, rows, cols))
LIST(read_goodset, obe_goodset(asker, 19, values, capacity, count, TEST_TIMEOUT))

#define READ_NUMBERS(X, name, array) LIST(read_##name, obe_##name(asker, values, capacity, count, TEST_TIMEOUT))
#define READ_ROWS(X, name, array) TABLE(read_##name, obe_##name(asker, values, capacity, rows, cols, TEST_TIMEOUT))
EACH_NUMBERS_COMMAND(READ_NUMBERS, )
EACH_ROWS_COMMAND(READ_ROWS, )

#define ROW(X, name, array) {"obe_" #name, read_##name, 1},
static const struct numbers numbers[] = {{"obe_get_doubles", read_doubles, 0},
                                         {"obe_get_matrix", read_matrix, 0},
                                         {"obe_goodset", read_goodset, 1},
                                         EACH_NUMBERS_COMMAND(ROW, ) EACH_ROWS_COMMAND(ROW, )};
#undef ROW

static void answer_with_numbers(obe_message request, void *unused)
{
    char command[16];
    int64_t length;
    int table;

    (void)unused;
    CHECK_OK(request, obe_get_string(request, "/command", command, sizeof command, &length));
#define OR_IS(X, name, array) || strcmp(command, #name) == 0
    table = 0 EACH_ROWS_COMMAND(OR_IS, );
#undef OR_IS
    CHECK_OK(request, obe_reply(request, table ? table_text : list_text, -1, TEST_TIMEOUT));
}

static void *serve_numbers(void *server)
{
    CHECK_STATUS(OBE_E_CLOSED, 0, obe_serve(*(obe_socket *)server, answer_with_numbers, NULL, NULL));
    return NULL;
}

static void check_numbers(const struct numbers *n, int64_t capacity, int at_null)
{
    struct {
        double before[2], values[COUNT + 4], after[2];
    } now, then;
    int64_t count = -7, cols = -7;
    obe_status status;
    int i;

    memset(&then, PATTERN, sizeof then);
    now = then;
    status = n->read(at_null ? NULL : now.values, capacity, &count, &cols);
    if (status != (capacity < COUNT ? OBE_E_BUFFER : OBE_OK) || count * cols != COUNT)
        check_failed(__FILE__, __LINE__, "%s into %d: status %d, %d times %d; %s", n->name, (int)capacity, (int)status,
                     (int)count, (int)cols, n->by_command ? last_error(asker) : last_error(message));
    if (status == OBE_OK)
        for (i = 0; i < COUNT; i++)
            then.values[i] = i + 1;
    if (memcmp(&now, &then, sizeof now) != 0)
        check_failed(__FILE__, __LINE__, "%s into %d wrote something else", n->name, (int)capacity);
    if (n->by_command && status == OBE_E_BUFFER) { /* the reply is kept */
        obe_message reply = 0;
        char text[64];

        CHECK_OK(asker, obe_receive_message(asker, &reply, OBE_NO_WAIT));
        CHECK_OK(reply, obe_get_json(reply, "", text, sizeof text, &count));
        CHECK(strcmp(text, list_text) == 0 || strcmp(text, table_text) == 0);
        CHECK_OK(reply, obe_message_free(reply));
    }
}

static void sizes_of_numbers(void)
{
    static const int capacities[] = {0, 1, COUNT - 1, COUNT, COUNT + 1, COUNT + 4};
    obe_socket numbers_server = new_server();
    pthread_t thread = start_thread(serve_numbers, &numbers_server);
    int i, k, asked = 0;

    asker = new_client(port_of(numbers_server));
    CHECK_OK(message, obe_set_json(message, "list", list_text, -1));
    CHECK_OK(message, obe_set_json(message, "table", table_text, -1));
    for (i = 0; i < LENGTH(numbers); i++) {
        check_numbers(&numbers[i], 0, 1);
        for (k = 0; k < LENGTH(capacities); k++)
            check_numbers(&numbers[i], capacities[k], 0);
        asked += numbers[i].by_command * (1 + LENGTH(capacities));
        CHECK_EQUAL(asked, stat_of(numbers_server, OBE_STAT_MESSAGES_RECEIVED)); /* no command was sent twice */
    }
    CHECK_OK(asker, obe_free(asker));
    CHECK_OK(numbers_server, obe_free(numbers_server));
    join_thread(thread);
}

/* ---- a message that does not fit ---- */

/* The server receives each command once, however often its reply is read. */
static void sent_once(void)
{
    int64_t before = stat_of(echo.server, OBE_STAT_MESSAGES_RECEIVED), length;
    char reply[64];

    CHECK_STATUS(OBE_E_BUFFER, peer, obe_tcmd(peer, "[1,2,3]", -1, reply, 3, &length, TEST_TIMEOUT));
    CHECK_EQUAL(7, length);
    CHECK_ERROR(peer, "7 bytes");
    CHECK_STATUS(OBE_E_BUFFER, peer, obe_receive(peer, reply, 6, &length, OBE_NO_WAIT));
    CHECK_STATUS(OBE_E_BUFFER, peer, obe_receive(peer, NULL, 0, &length, OBE_NO_WAIT));
    CHECK_OK(peer, obe_receive(peer, reply, sizeof reply, &length, OBE_NO_WAIT));
    CHECK(strcmp(reply, "[1,2,3]") == 0);
    CHECK_EQUAL(before + 1, stat_of(echo.server, OBE_STAT_MESSAGES_RECEIVED));
    /* It can be received once. */
    CHECK_STATUS(OBE_E_STATE, peer, obe_receive(peer, reply, sizeof reply, &length, OBE_NO_WAIT));

    /* A kept reply never answers a later command. obe_close discards it. */
    CHECK_STATUS(OBE_E_BUFFER, peer, obe_tcmd(peer, "\"old\"", -1, NULL, 0, &length, TEST_TIMEOUT));
    CHECK_OK(peer, obe_tcmd(peer, "\"new\"", -1, reply, sizeof reply, &length, TEST_TIMEOUT));
    CHECK(strcmp(reply, "\"new\"") == 0);
    CHECK_STATUS(OBE_E_BUFFER, peer, obe_tcmd(peer, "\"old\"", -1, NULL, 0, &length, TEST_TIMEOUT));
    CHECK_OK(peer, obe_close(peer));
    CHECK_STATUS(OBE_E_STATE, peer, obe_receive(peer, reply, sizeof reply, &length, OBE_NO_WAIT));
    CHECK_EQUAL(before + 4, stat_of(echo.server, OBE_STAT_MESSAGES_RECEIVED));
}

/* A server returns a kept message before later ones, and obe_send replies to the client that sent it. */
static void kept_in_order(void)
{
    obe_socket second = new_client(port_of(server));
    char text[64];
    int64_t length;

    CHECK_OK(client, obe_send(client, "\"first\"", -1, TEST_TIMEOUT));
    CHECK_STATUS(OBE_E_BUFFER, server, obe_receive(server, text, 2, &length, TEST_TIMEOUT));
    CHECK_OK(second, obe_send(second, "\"second\"", -1, TEST_TIMEOUT));
    CHECK_OK(server, obe_receive(server, text, sizeof text, &length, OBE_NO_WAIT));
    CHECK(strcmp(text, "\"first\"") == 0);
    CHECK_OK(server, obe_send(server, "1", -1, TEST_TIMEOUT));
    CHECK_OK(server, obe_receive(server, text, sizeof text, &length, TEST_TIMEOUT));
    CHECK(strcmp(text, "\"second\"") == 0);
    CHECK_OK(server, obe_send(server, "2", -1, TEST_TIMEOUT));
    CHECK_OK(client, obe_receive(client, text, sizeof text, &length, TEST_TIMEOUT));
    CHECK(strcmp(text, "1") == 0);
    CHECK_OK(second, obe_receive(second, text, sizeof text, &length, TEST_TIMEOUT));
    CHECK(strcmp(text, "2") == 0);
    CHECK_OK(second, obe_free(second));
}

/* ---- texts and buffers that end before an inaccessible page ---- */

static void edges(void)
{
    char *end = memory_edge(), *room = memory_edge();
    int64_t length;

    memcpy(end - 3, "[1]", 3);
    CHECK_OK(peer, obe_tcmd(peer, end - 3, 3, room - 3, 3, &length, TEST_TIMEOUT));
    CHECK(length == 3 && memcmp(room - 3, "[1]", 3) == 0);
    CHECK_STATUS(OBE_E_BUFFER, peer, obe_tcmd(peer, end - 3, 3, room - 2, 2, &length, TEST_TIMEOUT));
    CHECK_STATUS(OBE_E_JSON, peer, obe_send(peer, end - 2, 2, TEST_TIMEOUT));
    CHECK_STATUS(OBE_E_JSON, peer, obe_send(peer, end, 0, TEST_TIMEOUT));
    memcpy(end - 10, "127.0.0.1", 10);
    {
        obe_socket there;

        CHECK_OK(0, obe_client_new(end - 10, echo.port, &there));
        memset(end - 10, 'x', 10); /* the library keeps no pointer to it */
        CHECK_OK(there, obe_tcmd(there, "5", 1, room - 1, 1, &length, TEST_TIMEOUT));
        CHECK(room[-1] == '5');
        CHECK_OK(there, obe_free(there));
    }
}

/* A message is received in two calls with different buffers. Nothing is written to the first one after its call. */
static void buffer_freed_between_calls(void)
{
    enum { HALF = 60000 };
    static char text[2 * HALF + 1], got[2 * HALF + 1];
    int32_t port;
    int listener = raw_listen(&port, 1), fd;
    obe_socket there = new_client(port);
    char *first = memory_new(sizeof got);
    char head[16];
    int64_t length = -7, before;

    CHECK(first != NULL);
    memset(text, '7', 2 * HALF);
    CHECK_OK(there, obe_send(there, "1", -1, TEST_TIMEOUT));
    fd = raw_accept(listener);
    snprintf(head, sizeof head, "%010d", 2 * HALF);
    raw_write_text(fd, head);
    raw_write(fd, text, HALF);
    do { /* until the first half was received */
        before = stat_of(there, OBE_STAT_BYTES_RECEIVED);
        CHECK_STATUS(OBE_E_TIMEOUT, there, obe_receive(there, first, sizeof got, &length, 20));
        CHECK_EQUAL(-7, length);
    } while (stat_of(there, OBE_STAT_BYTES_RECEIVED) != HALF + 10 || before != HALF + 10);
    CHECK(memory_free(first, sizeof got));
    raw_write(fd, text, HALF);
    CHECK_OK(there, obe_receive(there, got, sizeof got, &length, TEST_TIMEOUT));
    CHECK_EQUAL(2 * HALF, length);
    CHECK(strcmp(got, text) == 0);
    CHECK_OK(there, obe_free(there));
    socket_close(fd);
    socket_close(listener);
}

/* ---- the garbage collector ---- */

static int collecting; /* atomic */

static void *collect(void *unused)
{
    (void)unused;
    while (__atomic_load_n(&collecting, __ATOMIC_RELAXED))
        obe_test_collect();
    return NULL;
}

static int garbage_rounds = 1500;
static uint64_t dice = 88172645463325252u;

/* A number that may be an address in Go's heap: in use, free or not mapped. */
static uint64_t address(void) { return 0xC000000000u + random_next(&dice) % (64 << 20); }

/* Results overwrite memory that contains addresses in Go's heap, while the garbage collector runs. */
static void results_over_heap_addresses(void)
{
    enum { WORDS = 512 };
    uint64_t words[WORDS];
    pthread_t collector;
    int i, k;

    __atomic_store_n(&collecting, 1, __ATOMIC_RELAXED);
    collector = start_thread(collect, NULL);
    for (i = 0; i < garbage_rounds; i++) {
        union {
            uint64_t word;
            int64_t number;
            obe_socket socket;
            obe_message message;
            int32_t port;
        } made, length, number, port;

        for (k = 0; k < WORDS; k++)
            words[k] = address();
        made.word = address();
        length.word = address();
        number.word = address();
        port.word = address();
        CHECK_STATUS(OBE_E_ARGUMENT, 0, obe_client_new(NULL, -1, &made.socket));
        CHECK_OK(0, obe_client_new(NULL, echo.port, &made.socket));
        CHECK_OK(0, obe_tcmd(made.socket, "[7]", -1, (char *)words, sizeof words, &length.number, TEST_TIMEOUT));
        CHECK(length.number == 3 && memcmp(words, "[7]", 4) == 0);
        length.word = address();
        CHECK_OK(0, obe_get_option(made.socket, OBE_OPT_TIMEOUT_MS, (char *)(words + 1), 8, &length.number));
        CHECK_OK(0, obe_get_stat(made.socket, OBE_STAT_MESSAGES_SENT, &number.number));
        CHECK_EQUAL(1, number.number);
        CHECK_STATUS(OBE_E_STATE, 0, obe_port(made.socket, &port.port));
        length.word = address();
        CHECK_OK(0, obe_last_error(made.socket, (char *)(words + 8), 64 * 8, &length.number));
        CHECK_STATUS(OBE_E_STATE, 0, obe_receive(made.socket, (char *)words, 8, &length.number, 0));
        CHECK_OK(0, obe_free(made.socket));
        made.word = address();
        CHECK_OK(0, obe_message_new(list_text, -1, &made.message));
        for (k = 0; k < WORDS; k++)
            words[k] = address();
        CHECK_OK(0, obe_get_doubles(made.message, "", (double *)words, WORDS, &length.number));
        CHECK_EQUAL(COUNT, length.number);
        number.word = address();
        CHECK_OK(0, obe_get_int(made.message, "/0", &number.number));
        CHECK_EQUAL(1, number.number);
        CHECK_OK(0, obe_message_free(made.message));
        CHECK_STATUS(OBE_E_HANDLE, 0, obe_free(NUMBER_AS_HANDLE(address())));
    }
    __atomic_store_n(&collecting, 0, __ATOMIC_RELAXED);
    join_thread(collector);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        garbage_rounds = atoi(argv[1]);
    CHECK(garbage_rounds > 0);
    echo_start(&echo);
    server = new_server();
    client = new_client(port_of(server));
    peer = new_client(echo.port);
    CHECK_OK(0, obe_message_new("{}", -1, &message));
    RUN(sizes);
    RUN(sizes_of_numbers);
    RUN(truncated_error);
    RUN(empty_text);
    RUN(sent_once);
    RUN(kept_in_order);
    RUN(edges);
    RUN(buffer_freed_between_calls);
    RUN(results_over_heap_addresses);
    CHECK_OK(message, obe_message_free(message));
    CHECK_OK(peer, obe_free(peer));
    CHECK_OK(client, obe_free(client));
    CHECK_OK(server, obe_free(server));
    echo_stop(&echo);
    CHECK_EQUAL(0, obe_test_live());
    return 0;
}
