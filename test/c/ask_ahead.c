/* obe_goodset_ask and obe_goodset_fetch. The server is this program: like the Python original, it reads one message from
 * each connection, unless the client keeps its connection. */
#include "check.h"

enum { MANY = 100000 };

static int listener;
static obe_socket client;
static double numbers[MANY];
static const double x[] = {1}, y[] = {2}, s[] = {3};

static void begin(const char *persistent)
{
    int32_t port;

    listener = raw_listen(&port, 8);
    client = new_client(port);
    CHECK_OK(client, obe_set_option(client, OBE_OPT_PERSISTENT, persistent));
}

static void end(void)
{
    CHECK_OK(client, obe_free(client));
    socket_close(listener);
}

static void ask(void) { CHECK_OK(client, obe_goodset_ask(client, 4, TEST_TIMEOUT)); }

static obe_status fetch(void *unused)
{
    int64_t count = -1;

    (void)unused;
    return obe_goodset_fetch(client, numbers, 4, &count, TEST_TIMEOUT);
}

static obe_status newdat(void *unused)
{
    (void)unused;
    return obe_newdat(client, x, 1, y, 1, s, 1, TEST_TIMEOUT);
}

static void check_fetched(double wanted)
{
    int64_t count = -1;

    CHECK_OK(client, obe_goodset_fetch(client, numbers, 4, &count, TEST_TIMEOUT));
    CHECK(count == 1 && numbers[0] == wanted);
}

static void check_message(int fd, const char *command)
{
    char text[256], wanted[64];

    raw_message(fd, text, sizeof text);
    snprintf(wanted, sizeof wanted, "{\"command\": \"%s\"", command);
    CHECK(strncmp(text, wanted, strlen(wanted)) == 0);
}

/* The reply to the question arrives before, or after, the other command. */
static void over_new_connections(void)
{
    struct caller caller;
    int late, asked, other;

    begin("0");
    for (late = 0; late < 2; late++) {
        ask();
        CHECK_STATUS(OBE_E_STATE, client, obe_goodset_ask(client, 4, TEST_TIMEOUT));
        asked = raw_accept(listener);
        check_message(asked, "goodset");
        if (!late)
            raw_write_text(asked, "0000000005[2.5]");
        caller_begin(&caller, newdat, NULL);
        other = raw_accept(listener);
        check_message(other, "newdat");
        raw_write_text(other, "0000000004\"OK\"");
        CHECK_EQUAL(OBE_OK, caller_join(&caller));
        CHECK(raw_ended(other));
        socket_close(other);
        if (late)
            raw_write_text(asked, "0000000005[2.5]");
        check_fetched(2.5);
        CHECK(raw_ended(asked));
        socket_close(asked);
        CHECK_STATUS(OBE_E_STATE, client, fetch(NULL));
    }
    end();
}

/* The next command waits for the reply to the question, and does not take it. */
static void over_a_kept_connection(void)
{
    struct caller caller;
    int fd;

    begin("1");
    ask();
    fd = raw_accept(listener);
    check_message(fd, "goodset");
    CHECK_STATUS(OBE_E_TIMEOUT, client, obe_newdat(client, x, 1, y, 1, s, 1, 1));
    CHECK_ERROR(client, "this command was not sent");
    caller_begin(&caller, newdat, NULL);
    raw_write_text(fd, "0000000005[2.5]");
    check_message(fd, "newdat");
    raw_write_text(fd, "0000000004\"OK\"");
    CHECK_EQUAL(OBE_OK, caller_join(&caller));
    check_fetched(2.5);
    socket_close(fd);
    end();
}

/* Nothing is lost by a timeout, a cancel, or an array that is too small. */
static void fetch_continues(void)
{
    static char text[MANY * 2 + 16];
    struct caller caller;
    int64_t count = -1;
    int fd, i;

    begin("0");
    ask();
    fd = raw_accept(listener);
    check_message(fd, "goodset");
    CHECK_STATUS(OBE_E_TIMEOUT, client, obe_goodset_fetch(client, numbers, 4, &count, OBE_NO_WAIT));
    caller_start(&caller, fetch, NULL);
    CHECK_OK(client, obe_cancel(client));
    CHECK_EQUAL(OBE_E_CANCELLED, caller_join(&caller));
    CHECK_EQUAL(-1, count);
    snprintf(text, sizeof text, "%010d[1", MANY * 2 + 1);
    for (i = 1; i < MANY; i++)
        memcpy(text + 12 + 2 * (i - 1), ",1", 2);
    text[12 + 2 * (MANY - 1)] = ']';
    raw_write(fd, text, (size_t)(10 + MANY * 2 + 1));
    CHECK_STATUS(OBE_E_BUFFER, client, obe_goodset_fetch(client, NULL, 0, &count, TEST_TIMEOUT));
    CHECK_EQUAL(MANY, count);
    CHECK_STATUS(OBE_E_BUFFER, client, obe_goodset_fetch(client, numbers, MANY - 1, &count, TEST_TIMEOUT));
    CHECK_OK(client, obe_goodset_fetch(client, numbers, UNSEEN(INT64_MAX), &count, TEST_TIMEOUT));
    CHECK(count == MANY && numbers[MANY - 1] == 1);
    CHECK_STATUS(OBE_E_STATE, client, fetch(NULL));
    socket_close(fd);
    end();
}

/* What ends the question: a server that closes, resets, or replies something else. The next one is not affected. */
static void failures(void)
{
    static const obe_status wanted[] = {OBE_E_PEER_CLOSED, OBE_E_RESET, OBE_E_REPLY, OBE_E_JSON, OBE_E_FRAME};
    int i, fd;

    begin("0");
    for (i = 0; i < LENGTH(wanted); i++) {
        ask();
        fd = raw_accept(listener);
        check_message(fd, "goodset");
        if (wanted[i] == OBE_E_RESET)
            raw_reset(fd);
        else if (wanted[i] == OBE_E_REPLY)
            raw_write_text(fd, "0000000015{\"error\": \"no\"}");
        else if (wanted[i] == OBE_E_JSON)
            raw_write_text(fd, "0000000002[}");
        else if (wanted[i] == OBE_E_FRAME)
            raw_write_text(fd, "HTTP/1.1 400");
        if (wanted[i] == OBE_E_PEER_CLOSED)
            socket_close(fd);
        CHECK_STATUS(wanted[i], client, fetch(NULL));
        CHECK_STATUS(OBE_E_STATE, client, fetch(NULL));
        if (wanted[i] != OBE_E_PEER_CLOSED && wanted[i] != OBE_E_RESET)
            socket_close(fd);
    }
    end();
}

static void close_and_free(void)
{
    struct caller caller;
    int fd;

    begin("0");
    ask();
    fd = raw_accept(listener);
    caller_start(&caller, fetch, NULL);
    CHECK_OK(client, obe_close(client));
    CHECK_EQUAL(OBE_E_CLOSED, caller_join(&caller));
    check_message(fd, "goodset");
    CHECK(raw_ended(fd));
    socket_close(fd);
    CHECK_STATUS(OBE_E_STATE, client, fetch(NULL));
    ask();
    fd = raw_accept(listener);
    check_message(fd, "goodset");
    caller_start(&caller, fetch, NULL);
    end();
    CHECK_EQUAL(OBE_E_CLOSED, caller_join(&caller));
    CHECK(raw_ended(fd));
    socket_close(fd);
}

int main(void)
{
    RUN(over_new_connections);
    RUN(over_a_kept_connection);
    RUN(fetch_continues);
    RUN(failures);
    RUN(close_and_free);
    return 0;
}
