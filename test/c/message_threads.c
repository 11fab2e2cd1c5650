/* Eight threads read a message while other threads set its members, send it and finally free it. Each value that is read is
 * one that was set, never a mixture of two. The program also runs with the race detector.
 *
 *     message_threads ROUNDS     how often all members are set; every hundredth time also an array of SPLIT numbers */
#include "check.h"

enum { READERS = 8, LIST = 50, SPLIT = 40000, MEMBERS = 9 };

static int rounds;
static obe_message message;
static obe_socket server;
static struct echo echo;
static int over;              /* atomic: the setters have finished */
static int reads[READERS];    /* of each reader; atomic */
static int freed[READERS];    /* how often each reader found the message freed; atomic */
static int64_t split = SPLIT; /* the length of the long array */

static int done(void) { return __atomic_load_n(&over, __ATOMIC_ACQUIRE); }

/* ---- threads that set members ---- */

/* Sets all members to values that depend on n. */
static void set_all(int n, double *values)
{
    char word[33];
    int i;

    memset(word, 'a' + n % 26, sizeof word - 1);
    word[sizeof word - 1] = 0;
    for (i = 0; i < LIST; i++)
        values[i] = n + 0.5;
    CHECK_OK(message, obe_set_int(message, "n", n));
    CHECK_OK(message, obe_set_double(message, "d", n + 0.5));
    CHECK_OK(message, obe_set_string(message, "s", word, n % (int)sizeof word));
    CHECK_OK(message, obe_set_doubles(message, "v", values, LIST));
    CHECK_OK(message, obe_set_matrix(message, "m", values, 2 + n % 3, 3 + n % 2));
    CHECK_OK(message, n % 2 ? obe_set_bool(message, "b", 1) : obe_set_null(message, "b"));
    CHECK_OK(message, n % 3 ? obe_set_json(message, "j", " {\"a/b\": [1, {\"~\": \"\\u0041\"}]} ", -1)
                            : obe_set_json(message, "j", "{\"a/b\" : [1,{\"~\":\"\\u0041\"}]}", -1));
    if (n % 100 == 0) {
        for (i = 0; i < split; i++)
            values[i] = n;
        CHECK_OK(message, obe_set_doubles(message, "long", values, split));
    }
}

static void *set_members(void *unused)
{
    double *values = malloc((size_t)split * sizeof *values);
    int n;

    (void)unused;
    CHECK(values != NULL);
    for (n = 1; n <= rounds; n++)
        set_all(n, values);
    free(values);
    return NULL;
}

/* Sets a member that no other thread sets. Its values increase. */
static void *set_own(void *unused)
{
    int n;

    (void)unused;
    for (n = 1; n <= rounds; n++)
        CHECK_OK(message, obe_set_int(message, "own", n));
    return NULL;
}

/* ---- threads that read ---- */

static int equal(const double *values, int64_t count)
{
    int64_t i;

    for (i = 1; i < count; i++)
        if (values[i] != values[0])
            return 0;
    return 1;
}

struct reader {
    int index;
    double *values;
    char *text;
    int64_t room, own;
};

/* Whether the message was freed. Any other status than OBE_OK fails the test. */
static int was_freed(obe_status status, const char *what)
{
    if (status == OBE_OK)
        return 0;
    if (status == OBE_E_HANDLE && done())
        return 1;
    check_failed(__FILE__, __LINE__, "%s: %d (%s)", what, (int)status, obe_strerror(status));
    return 1;
}

/* The text of the message is JSON, with all members in their order. */
static int read_text(struct reader *r)
{
    static const char *const keys[MEMBERS] = {"command", "n", "d", "s", "v", "m", "b", "j", "own"};
    obe_message copy = 0;
    char key[16];
    double value;
    int64_t size = 0, count, n;
    obe_status status;
    int i;

    while ((status = obe_get_json(message, "", r->text, r->room, &size)) == OBE_E_BUFFER) {
        free(r->text);
        r->room = size + 4096;
        r->text = malloc((size_t)r->room);
        CHECK(r->text != NULL);
    }
    if (was_freed(status, "the text"))
        return 0;
    CHECK_OK(0, obe_message_new(r->text, size, &copy));
    CHECK_OK(copy, obe_get_count(copy, "", &count));
    CHECK_EQUAL(MEMBERS + 1, count);
    for (i = 0; i < MEMBERS; i++) {
        CHECK_OK(copy, obe_get_key(copy, "", i, key, sizeof key, &size));
        CHECK(strcmp(key, keys[i]) == 0);
    }
    CHECK_OK(copy, obe_get_int(copy, "/n", &n));
    CHECK_OK(copy, obe_get_double(copy, "/d", &value));
    /* One thread sets n and then d. */
    CHECK(value == (double)n + 0.5 || value == (double)n - 0.5);
    CHECK_OK(copy, obe_get_doubles(copy, "/v", r->values, split, &size));
    CHECK(size == LIST && equal(r->values, size));
    CHECK_OK(0, obe_message_free(copy));
    return 1;
}

/* Reads one member. Returns 0 if the message was freed. */
static int read_member(struct reader *r, int what)
{
    int64_t rows = 0, cols = 0, size = 0, i;
    int32_t type = 0;
    char word[64];
    double value = 0;

    switch (what) {
    case 0:
        if (was_freed(obe_get_doubles(message, "/v", r->values, split, &size), "a list"))
            return 0;
        CHECK_EQUAL(LIST, size);
        CHECK(equal(r->values, size));
        break;
    case 1:
        if (was_freed(obe_get_matrix(message, "/m", r->values, split, &rows, &cols), "a matrix"))
            return 0;
        CHECK(rows >= 2 && rows <= 4 && (cols == 3 || cols == 4));
        CHECK(equal(r->values, rows * cols));
        break;
    case 2:
        if (was_freed(obe_get_string(message, "/s", word, sizeof word, &size), "a string"))
            return 0;
        CHECK_EQUAL(size, (int64_t)strlen(word));
        for (i = 1; i < size; i++)
            CHECK(word[i] == word[0]);
        break;
    case 3:
        if (was_freed(obe_get_string(message, "/j/a~1b/1/~0", word, sizeof word, &size), "a deep string"))
            return 0;
        CHECK(strcmp(word, "A") == 0);
        break;
    case 4:
        if (was_freed(obe_get_int(message, "/own", &size), "an integer"))
            return 0;
        CHECK(size >= r->own); /* it only grows */
        r->own = size;
        break;
    case 5:
        if (was_freed(obe_get_type(message, "/b", &type), "a type"))
            return 0;
        CHECK(type == OBE_BOOL || type == OBE_NULL);
        break;
    case 6:
        if (was_freed(obe_get_count(message, "", &size), "a count"))
            return 0;
        CHECK_EQUAL(MEMBERS + 1, size);
        break;
    case 7:
        if (was_freed(obe_get_double(message, "/v/49", &value), "an element"))
            return 0;
        CHECK(value - (double)(int)value == 0.5);
        break;
    case 8: return read_text(r);
    default:
        if (was_freed(obe_get_doubles(message, "/long", r->values, split, &size), "a long list"))
            return 0;
        CHECK_EQUAL(split, size);
        CHECK(equal(r->values, size));
    }
    return 1;
}

static void *read_all(void *argument)
{
    struct reader r;
    uint64_t dice;
    int live = 1;

    memset(&r, 0, sizeof r);
    r.index = *(int *)argument;
    dice = 88172645463325252u + 1000003u * (unsigned)r.index;
    r.values = malloc((size_t)split * sizeof *r.values);
    CHECK(r.values != NULL);
    while (live) { /* until the message is freed */
        int what = (int)(random_next(&dice) % 100);

        live = read_member(&r, what < 90 ? what % 8 : what < 98 ? 8 : 9);
        __atomic_add_fetch(&reads[r.index], live, __ATOMIC_RELAXED);
    }
    __atomic_add_fetch(&freed[r.index], 1, __ATOMIC_RELAXED);
    free(r.values);
    free(r.text);
    return NULL;
}

/* Sends the message in the meantime. The echo is complete. */
static void *send_message(void *unused)
{
    obe_socket client = new_client(echo.port);
    double *values = malloc((size_t)split * sizeof *values);
    int i;

    (void)unused;
    CHECK(values != NULL);
    for (i = 0; i < rounds / 100 + 1; i++) {
        obe_message reply = 0;
        int64_t size;

        CHECK_OK(client, obe_tcmd_message(client, message, &reply, TEST_TIMEOUT));
        CHECK_OK(reply, obe_get_doubles(reply, "/v", values, split, &size));
        CHECK(size == LIST && equal(values, size));
        CHECK_OK(reply, obe_get_doubles(reply, "/long", values, split, &size));
        CHECK(size == split && equal(values, size));
        CHECK_OK(0, obe_message_free(reply));
    }
    free(values);
    CHECK_OK(0, obe_free(client));
    return NULL;
}

static void read_while_set(void)
{
    static int indices[READERS];
    pthread_t readers[READERS], setter, own, sender;
    double *values = malloc((size_t)split * sizeof *values);
    int i;

    CHECK(values != NULL);
    echo_start(&echo);
    CHECK_OK(0, obe_command_new("shared", &message));
    set_all(0, values);
    CHECK_OK(message, obe_set_int(message, "own", 0));
    /* The long array is the last member, so that reading the others does not scan it. */
    CHECK_OK(0, obe_message_free(message));
    CHECK_OK(0, obe_command_new("shared", &message));
    set_all(1, values);
    CHECK_OK(message, obe_set_int(message, "own", 0));
    for (i = 0; i < split; i++)
        values[i] = 0;
    CHECK_OK(message, obe_set_doubles(message, "long", values, split));
    free(values);

    for (i = 0; i < READERS; i++) {
        indices[i] = i;
        readers[i] = start_thread(read_all, &indices[i]);
    }
    sender = start_thread(send_message, NULL);
    setter = start_thread(set_members, NULL);
    own = start_thread(set_own, NULL);
    join_thread(setter);
    join_thread(own);
    join_thread(sender);
    /* Each reader has read, and finds the message freed. */
    for (i = 0; i < READERS; i++)
        CHECK_EVENTUALLY(__atomic_load_n(&reads[i], __ATOMIC_RELAXED) > 10);
    __atomic_store_n(&over, 1, __ATOMIC_RELEASE);
    CHECK_OK(0, obe_message_free(message));
    for (i = 0; i < READERS; i++) {
        join_thread(readers[i]);
        CHECK_EQUAL(1, freed[i]);
    }
    echo_stop(&echo);
    CHECK_EQUAL(0, obe_test_live());
}

/* ---- a received message ---- */

static void *read_received(void *argument)
{
    obe_message m = *(obe_message *)argument;
    char word[16];
    int64_t n, size;
    int i;

    for (i = 0; i < rounds / 4 + 1; i++) {
        CHECK_OK(m, obe_get_int(m, "/list/1", &n));
        CHECK_EQUAL(2, n);
        CHECK_OK(m, obe_get_string(m, "/word", word, sizeof word, &size));
        CHECK(strcmp(word, "w") == 0);
    }
    return NULL;
}

static int answers[3]; /* atomic: how many replies succeeded, came too late, failed otherwise */

static void *answer_received(void *argument)
{
    obe_status status = obe_reply(*(obe_message *)argument, "\"OK\"", -1, TEST_TIMEOUT);

    __atomic_add_fetch(&answers[status == OBE_OK ? 0 : status == OBE_E_STATE ? 1 : 2], 1, __ATOMIC_RELAXED);
    return NULL;
}

/* Eight threads read one request, small or large, and eight others try to answer it. One of them succeeds. */
static void one_request_on_many_threads(void)
{
    static char json[6000];
    obe_socket client;
    obe_message request = 0;
    pthread_t readers[READERS], repliers[READERS];
    char text[16];
    int64_t length;
    int i, large;

    server = new_server();
    client = new_client(port_of(server));
    for (large = 0; large < 2; large++) {
        memset(json, ' ', sizeof json);
        memcpy(json, "{\"word\": \"w\", \"list\": [1, 2, 3]", 31);
        json[large ? sizeof json - 1 : 31] = '}';
        CHECK_OK(client, obe_send(client, json, large ? (int64_t)sizeof json : 32, TEST_TIMEOUT));
        CHECK_OK(server, obe_receive_message(server, &request, TEST_TIMEOUT));
        memset(answers, 0, sizeof answers);
        for (i = 0; i < READERS; i++)
            readers[i] = start_thread(read_received, &request);
        for (i = 0; i < READERS; i++)
            repliers[i] = start_thread(answer_received, &request);
        for (i = 0; i < READERS; i++)
            join_thread(repliers[i]);
        for (i = 0; i < READERS; i++)
            join_thread(readers[i]);
        CHECK_EQUAL(1, answers[0]);
        CHECK_EQUAL(READERS - 1, answers[1]);
        CHECK_OK(client, obe_receive(client, text, sizeof text, &length, TEST_TIMEOUT));
        CHECK(strcmp(text, "\"OK\"") == 0);
        CHECK_EQUAL(large + 1, stat_of(server, OBE_STAT_MESSAGES_SENT));
        CHECK_OK(0, obe_message_free(request));
    }
    CHECK_OK(0, obe_free(client));
    CHECK_OK(0, obe_free(server));
    CHECK_EQUAL(0, obe_test_live());
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    rounds = atoi(argv[1]);
    CHECK(rounds > 0);
    if (rounds < 500)
        split = 1000;
    RUN(read_while_set);
    RUN(one_request_on_many_threads);
    /* Without the quarantine, memory that is still allocated at exit is a leak. */
    obe_test_quarantine(0);
    CHECK_OK(0, obe_free(new_client(1)));
    CHECK_EQUAL(0, obe_test_live());
    return 0;
}
