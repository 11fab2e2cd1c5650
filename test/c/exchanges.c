/* Clients and servers: exchanges, persistent connections, timeouts, obe_cancel, obe_close, misbehaving peers, options,
 * counters, texts. */
#include "check.h"
#include "commands.h"

static char text[256]; /* results of the current test */
static int64_t length;

static obe_status receive_in(obe_socket socket, int64_t timeout_ms)
{
    return obe_receive(socket, text, sizeof text, &length, timeout_ms);
}

static obe_status tcmd_in(obe_socket client, const char *command, int64_t timeout_ms)
{
    return obe_tcmd(client, command, -1, text, sizeof text, &length, timeout_ms);
}

#define CHECK_TEXT(wanted) \
    do { \
        if (strcmp(text, (wanted)) != 0) \
            check_failed(__FILE__, __LINE__, "the text is %s, wanted %s", text, (wanted)); \
        CHECK_EQUAL((int64_t)strlen(wanted), length); \
    } while (0)

/* call returns status after ms milliseconds, not before. */
#define CHECK_LASTS(ms, status, handle, call) \
    do { \
        int64_t start_ = now_ms(), took_; \
        CHECK_STATUS(status, handle, call); \
        took_ = now_ms() - start_; \
        if (took_ < (ms)-1 || took_ > (ms) + SOON) \
            check_failed(__FILE__, __LINE__, "%s took %d ms, wanted %d", #call, (int)took_, (int)(ms)); \
    } while (0)

/* Calls that block. */
static obe_status receive_forever(void *h)
{
    char buffer[64];
    int64_t size;

    return obe_receive(h, buffer, sizeof buffer, &size, OBE_FOREVER);
}

static obe_status tcmd_forever(void *h)
{
    char buffer[64];
    int64_t size;

    return obe_tcmd(h, "[1]", -1, buffer, sizeof buffer, &size, OBE_FOREVER);
}

static obe_status wait_ready_forever(void *h) { return obe_wait_ready(h, OBE_FOREVER); }

/* ---- exchanges ---- */

static void both_roles(void)
{
    obe_socket server = new_server(), client = new_client(port_of(server));

    CHECK_STATUS(OBE_E_STATE, server, obe_send(server, "1", -1, TEST_TIMEOUT));
    CHECK_ERROR(server, "receive one first");
    CHECK_STATUS(OBE_E_STATE, client, receive_in(client, TEST_TIMEOUT));
    CHECK_ERROR(client, "send something first");

    CHECK_OK(client, obe_send(client, "{\"command\": \"optset\"}trailing", 21, TEST_TIMEOUT));
    CHECK_OK(server, receive_in(server, TEST_TIMEOUT));
    CHECK_TEXT("{\"command\": \"optset\"}");
    CHECK_OK(server, obe_send(server, "[NaN, -Infinity, 12345678901234567890, 25.0]", -1, TEST_TIMEOUT));
    CHECK_OK(client, receive_in(client, TEST_TIMEOUT));
    CHECK_TEXT("[NaN, -Infinity, 12345678901234567890, 25.0]");
    CHECK_OK(client, obe_close(client));
    CHECK_OK(client, obe_close(client));
    CHECK_STATUS(OBE_E_STATE, client, receive_in(client, TEST_TIMEOUT));
    CHECK_OK(client, obe_free(client));
    CHECK_OK(server, obe_free(server));
}

static void one_connection_each(void)
{
    struct echo echo;
    obe_socket client;
    int i;

    echo_start(&echo);
    client = new_client(echo.port);
    CHECK_OK(client, obe_wait_ready(client, TEST_TIMEOUT));
    for (i = 1; i < 50; i++) {
        CHECK_OK(client, tcmd_in(client, "[1]", TEST_TIMEOUT));
        CHECK_TEXT("[1]");
        CHECK_EQUAL(0, stat_of(client, OBE_STAT_CONNECTIONS_OPEN));
    }
    CHECK_EQUAL(50, stat_of(client, OBE_STAT_CONNECTIONS_OPENED));
    CHECK_EQUAL(50, stat_of(echo.server, OBE_STAT_CONNECTIONS_OPENED));
    CHECK_EQUAL(50, stat_of(echo.server, OBE_STAT_MESSAGES_RECEIVED));
    CHECK_EQUAL(49 * 13 + 10 + 20, stat_of(client, OBE_STAT_BYTES_SENT));
    CHECK_EQUAL(stat_of(client, OBE_STAT_BYTES_SENT), stat_of(client, OBE_STAT_BYTES_RECEIVED));
    CHECK_OK(client, obe_free(client));
    echo_stop(&echo);
}

static void one_connection_for_all(void)
{
    struct echo echo;
    obe_socket client;
    int i;

    echo_start(&echo);
    client = new_client(echo.port);
    CHECK_OK(client, obe_set_option(client, OBE_OPT_PERSISTENT, "1"));
    for (i = 0; i < 50; i++) {
        CHECK_OK(client, tcmd_in(client, "[1]", TEST_TIMEOUT));
        CHECK_TEXT("[1]");
        CHECK_OK(client, obe_send(client, "[2]", -1, TEST_TIMEOUT));
        CHECK_OK(client, receive_in(client, TEST_TIMEOUT));
        CHECK_TEXT("[2]");
    }
    CHECK_EQUAL(1, stat_of(client, OBE_STAT_CONNECTIONS_OPENED));
    CHECK_EQUAL(1, stat_of(client, OBE_STAT_CONNECTIONS_OPEN));
    CHECK_EQUAL(1, stat_of(echo.server, OBE_STAT_CONNECTIONS_OPENED));
    CHECK_EQUAL(100, stat_of(echo.server, OBE_STAT_MESSAGES_RECEIVED));
    CHECK_OK(client, obe_close(client));
    CHECK_OK(client, tcmd_in(client, "[3]", TEST_TIMEOUT));
    CHECK_EQUAL(2, stat_of(client, OBE_STAT_CONNECTIONS_OPENED));
    CHECK_OK(client, obe_free(client));
    echo_stop(&echo);
}

static void twenty_megabytes(void)
{
    enum { BIG = 20 << 20 };
    char *sent = malloc(BIG), *got = malloc(BIG);
    struct echo echo;
    obe_socket client;
    uint64_t dice = 7;
    int i;

    CHECK(sent && got);
    for (i = 0; i < BIG; i++)
        sent[i] = (char)('0' + random_next(&dice) % 10);
    sent[0] = sent[BIG - 1] = '"';
    echo_start(&echo);
    client = new_client(echo.port);
    CHECK_OK(client, obe_tcmd(client, sent, BIG, got, BIG, &length, TEST_TIMEOUT));
    CHECK_EQUAL(BIG, length);
    CHECK(memcmp(sent, got, BIG) == 0);
    CHECK_OK(client, obe_free(client));
    echo_stop(&echo);
    free(sent);
    free(got);
}

static void over_ipv6(void)
{
    obe_socket server = 0, client = 0;
    obe_status status = obe_server_new("::1", 0, &server);

    if (status == OBE_E_UNREACHABLE) {
        printf("(no IPv6 here) ");
        return;
    }
    CHECK_OK(0, status);
    CHECK_OK(0, obe_client_new("::1", port_of(server), &client));
    CHECK_OK(client, obe_send(client, "6", -1, TEST_TIMEOUT));
    CHECK_OK(server, receive_in(server, TEST_TIMEOUT));
    CHECK_TEXT("6");
    CHECK_OK(client, obe_get_option(client, OBE_OPT_PEER, text, sizeof text, &length));
    CHECK(strncmp(text, "[::1]:", 6) == 0);
    CHECK_OK(client, obe_free(client));
    CHECK_OK(server, obe_free(server));
}

/* ---- texts that are not JSON ---- */

static void not_json(void)
{
    static const struct {
        const char *text;
        int64_t length;
        const char *error;
    } refused[] = {
        {"", -1, "at byte 0"},
        {"", 0, "at byte 0"},
        {"{\"a\": 1,}", -1, "at byte 8"},
        {"[1] [2]", -1, "at byte 4"},
        {"\"\xff\"", -1, "at byte 1"},
        {"\xef\xbb\xbf"
         "1",
         -1, "at byte 0"},
        {"\"a\0b\"", 5, "at byte 2"},
        {"{}\0", 3, "at byte 2"},
        {"[\0]", 3, "at byte 1"},
        {"01", -1, "at byte 1"},
        {".5", -1, "at byte 0"},
        {"+1", -1, "at byte 0"},
        {"\"a\nb\"", -1, "at byte 2"},
        {"nul", -1, "at byte 3"},
        {"[1,2", -1, "at byte 4"},
        {"\"\xc3\x28\"", -1, "at byte 2"},
    };
    obe_socket server = new_server(), client = new_client(port_of(server));
    int i;

    for (i = 0; i < LENGTH(refused); i++) {
        CHECK_STATUS(OBE_E_JSON, client, obe_send(client, refused[i].text, refused[i].length, TEST_TIMEOUT));
        CHECK_ERROR(client, refused[i].error);
        length = -7;
        CHECK_STATUS(OBE_E_JSON, client,
                     obe_tcmd(client, refused[i].text, refused[i].length, text, sizeof text, &length, TEST_TIMEOUT));
        CHECK_ERROR(client, "tcmd");
        CHECK_ERROR(client, refused[i].error);
        CHECK_EQUAL(-7, length);
    }
    CHECK_OK(client, obe_set_option(client, OBE_OPT_MAX_MESSAGE, "5"));
    CHECK_STATUS(OBE_E_TOO_LARGE, client, obe_send(client, "[1,2,3]", -1, TEST_TIMEOUT));
    CHECK_EQUAL(0, stat_of(client, OBE_STAT_CONNECTIONS_OPENED));
    /* No connection was opened before: this message would come after it. */
    CHECK_OK(client, obe_send(client, "12345", -1, TEST_TIMEOUT));
    CHECK_OK(server, receive_in(server, TEST_TIMEOUT));
    CHECK_EQUAL(1, stat_of(server, OBE_STAT_CONNECTIONS_OPENED));
    /* After a refused reply, the server can send another. */
    CHECK_STATUS(OBE_E_JSON, server, obe_send(server, "{", -1, TEST_TIMEOUT));
    CHECK_OK(server, obe_send(server, "{}", -1, TEST_TIMEOUT));
    CHECK_OK(client, receive_in(client, TEST_TIMEOUT));
    CHECK_TEXT("{}");
    CHECK_OK(client, obe_free(client));
    CHECK_OK(server, obe_free(server));
}

/* ---- no server, or another one ---- */

static void refused_and_in_use(void)
{
    int32_t port;
    int dead = raw_bind(&port);
    obe_socket client = new_client(port), server = new_server(), other = NUMBER_AS_HANDLE(77);
    int64_t start = now_ms();
    char address[32];

    snprintf(address, sizeof address, "127.0.0.1:%d", (int)port);
    CHECK_STATUS(OBE_E_REFUSED, client, obe_send(client, "1", -1, TEST_TIMEOUT));
    CHECK_ERROR(client, "send");
    CHECK_ERROR(client, address);
    CHECK_STATUS(OBE_E_REFUSED, client, tcmd_in(client, "1", TEST_TIMEOUT));
    CHECK_ERROR(client, "connection refused");
    CHECK(now_ms() - start < SOON);
    CHECK_LASTS(120, OBE_E_TIMEOUT, client, obe_wait_ready(client, 120));
    CHECK_ERROR(client, "refused");
    CHECK_EQUAL(0, stat_of(client, OBE_STAT_CONNECTIONS_OPENED));

    CHECK_STATUS(OBE_E_IN_USE, 0, obe_server_new(NULL, port, &other));
    CHECK_STATUS(OBE_E_IN_USE, 0, obe_server_new(NULL, port_of(server), &other));
    snprintf(address, sizeof address, "127.0.0.1:%d", (int)port_of(server));
    CHECK_ERROR(0, address);
    CHECK_STATUS(OBE_E_UNREACHABLE, 0, obe_server_new("192.0.2.1", 0, &other));
    CHECK_ERROR(0, "192.0.2.1");
    CHECK(other == NUMBER_AS_HANDLE(77));
    CHECK_OK(client, obe_free(client));

    /* A port is free again as soon as its server was freed. */
    port = port_of(server);
    CHECK_OK(server, obe_free(server));
    CHECK_OK(0, obe_server_new(NULL, port, &server));
    CHECK_OK(server, obe_free(server));
    socket_close(dead);
}

/* A client may start before its server. */
static void wait_for_server(void)
{
    int32_t port;
    int dead = raw_bind(&port);
    obe_socket client = new_client(port), server = 0;
    struct caller caller;

    caller_start(&caller, wait_ready_forever, client);
    socket_close(dead);
    CHECK_OK(0, obe_server_new(NULL, port, &server));
    CHECK_OK(server, receive_in(server, TEST_TIMEOUT));
    CHECK_TEXT("{\"command\": \"ready\"}");
    CHECK_OK(server, obe_send(server, "\"OK\"", -1, TEST_TIMEOUT));
    CHECK_OK(client, caller_join(&caller));
    CHECK_EQUAL(1, stat_of(client, OBE_STAT_CONNECTIONS_OPENED));
    CHECK_OK(client, obe_free(client));
    CHECK_OK(server, obe_free(server));
}

/* ---- timeouts ---- */

static void timeouts(void)
{
    int32_t port;
    int silent = raw_listen(&port, 16);
    obe_socket server = new_server(), client = new_client(port);

    length = -7;
    CHECK_LASTS(0, OBE_E_TIMEOUT, server, receive_in(server, OBE_NO_WAIT));
    CHECK_LASTS(70, OBE_E_TIMEOUT, server, receive_in(server, 70));
    CHECK_OK(server, obe_set_option(server, OBE_OPT_TIMEOUT_MS, "30"));
    CHECK_LASTS(30, OBE_E_TIMEOUT, server, receive_in(server, OBE_DEFAULT_TIMEOUT));
    CHECK_ERROR(server, "receive");

    CHECK_OK(client, obe_send(client, "1", -1, TEST_TIMEOUT));
    CHECK_LASTS(0, OBE_E_TIMEOUT, client, receive_in(client, OBE_NO_WAIT));
    CHECK_LASTS(70, OBE_E_TIMEOUT, client, receive_in(client, 70));
    CHECK_EQUAL(1, stat_of(client, OBE_STAT_CONNECTIONS_OPEN));
    CHECK_LASTS(70, OBE_E_TIMEOUT, client, tcmd_in(client, "{\"command\": \"optst\"}", 70));
    CHECK_ERROR(client, "Python");
    CHECK_EQUAL(0, stat_of(client, OBE_STAT_CONNECTIONS_OPEN));
    CHECK_OK(client, obe_set_option(client, OBE_OPT_TIMEOUT_MS, "30"));
    CHECK_LASTS(30, OBE_E_TIMEOUT, client, tcmd_in(client, "1", OBE_DEFAULT_TIMEOUT));
    CHECK_LASTS(40, OBE_E_TIMEOUT, client, obe_wait_ready(client, 40));
    CHECK_EQUAL(-7, length);
    CHECK_OK(client, obe_free(client));
    CHECK_OK(server, obe_free(server));
    socket_close(silent);
}

/* The peer does not accept the connection, or does not read. */
static void timeouts_of_sending(void)
{
    enum { BIG = 32 << 20 };
    char *big = malloc(BIG);
    int32_t port;
    int full = raw_listen(&port, 0), fillers[8], i;
    obe_socket client;

    CHECK(big != NULL);
    memset(big, ' ', BIG);
    big[0] = '1';
    client = new_client(port);
    CHECK_LASTS(70, OBE_E_TIMEOUT, client, obe_send(client, big, BIG, 70));
    CHECK_EQUAL(0, stat_of(client, OBE_STAT_CONNECTIONS_OPEN)); /* half a frame was sent, which cannot be continued */
    CHECK_EQUAL(0, stat_of(client, OBE_STAT_MESSAGES_SENT));
    for (i = 0; i < LENGTH(fillers); i++) /* these fill the backlog */
        fillers[i] = raw_connect_begin(port);
    CHECK_LASTS(70, OBE_E_TIMEOUT, client, obe_send(client, "1", -1, 70));
    CHECK_ERROR(client, "no connection");
    CHECK_LASTS(70, OBE_E_TIMEOUT, client, tcmd_in(client, "1", 70));
    CHECK_LASTS(70, OBE_E_TIMEOUT, client, obe_wait_ready(client, 70));
    CHECK_EQUAL(1, stat_of(client, OBE_STAT_CONNECTIONS_OPENED));
    CHECK_EQUAL(0, stat_of(client, OBE_STAT_CONNECTIONS_OPEN));
    for (i = 0; i < LENGTH(fillers); i++)
        socket_close(fillers[i]);
    CHECK_OK(client, obe_free(client));
    socket_close(full);
    free(big);
}

/* ---- obe_cancel and obe_close ---- */

/* end, called while call blocks, makes it return status at once. */
static void check_ends(obe_status (*call)(void *), obe_socket socket, obe_status (*end)(obe_socket), obe_status status)
{
    struct caller caller;
    int64_t start;

    caller_start(&caller, call, socket);
    start = now_ms();
    CHECK_OK(socket, end(socket));
    CHECK_STATUS(status, socket, caller_join(&caller));
    CHECK(caller.returned - start < SOON);
}

static void cancel(void)
{
    int32_t port, dead_port;
    int silent = raw_listen(&port, 16), dead = raw_bind(&dead_port), fd;
    obe_socket server = new_server(), client = new_client(port), other = new_client(dead_port);

    /* Without a call in flight it has no effect, also not on later calls. */
    CHECK_OK(server, obe_cancel(server));
    CHECK_OK(client, obe_cancel(client));
    CHECK_LASTS(30, OBE_E_TIMEOUT, server, receive_in(server, 30));

    check_ends(receive_forever, server, obe_cancel, OBE_E_CANCELLED);
    CHECK_ERROR(server, "receive");
    CHECK_ERROR(server, "cancelled");
    CHECK_LASTS(30, OBE_E_TIMEOUT, server, receive_in(server, 30));

    /* The client's connection stays open, and a message that has begun is continued. */
    CHECK_OK(client, obe_send(client, "1", -1, TEST_TIMEOUT));
    fd = raw_accept(silent);
    raw_write_text(fd, "0000000007[1,");
    check_ends(receive_forever, client, obe_cancel, OBE_E_CANCELLED);
    raw_write_text(fd, "2,3]");
    CHECK_OK(client, receive_in(client, TEST_TIMEOUT));
    CHECK_TEXT("[1,2,3]");
    socket_close(fd);

    /* The connection of a command is closed, because a late reply must not answer the next command. */
    check_ends(tcmd_forever, client, obe_cancel, OBE_E_CANCELLED);
    CHECK_EQUAL(0, stat_of(client, OBE_STAT_CONNECTIONS_OPEN));
    check_ends(wait_ready_forever, client, obe_cancel, OBE_E_CANCELLED);
    check_ends(wait_ready_forever, other, obe_cancel, OBE_E_CANCELLED);
    CHECK_OK(client, obe_free(client));
    CHECK_OK(other, obe_free(other));
    CHECK_OK(server, obe_free(server));
    socket_close(silent);
    socket_close(dead);
}

static void close_wakes(void)
{
    int32_t port, dead_port;
    int silent = raw_listen(&port, 16), dead = raw_bind(&dead_port), fd;
    obe_socket server = new_server(), client = new_client(port), other = new_client(dead_port);
    obe_socket guest = new_client(port_of(server));

    CHECK_OK(client, obe_send(client, "1", -1, TEST_TIMEOUT));
    fd = raw_accept(silent);
    check_ends(receive_forever, client, obe_close, OBE_E_CLOSED);
    CHECK_ERROR(client, "closed by this side");
    CHECK(raw_read(fd, text, 11) == 11);
    CHECK(raw_ended(fd));
    socket_close(fd);
    check_ends(tcmd_forever, client, obe_close, OBE_E_CLOSED);
    check_ends(wait_ready_forever, other, obe_close, OBE_E_CLOSED);
    CHECK_OK(client, obe_free(client));
    CHECK_OK(other, obe_free(other));

    /* A server closes the connection of its last message and continues to listen. */
    CHECK_OK(guest, obe_send(guest, "1", -1, TEST_TIMEOUT));
    CHECK_OK(server, receive_in(server, TEST_TIMEOUT));
    check_ends(receive_forever, server, obe_close, OBE_E_CLOSED);
    CHECK_STATUS(OBE_E_PEER_CLOSED, guest, receive_in(guest, TEST_TIMEOUT));
    CHECK_STATUS(OBE_E_STATE, server, obe_send(server, "1", -1, TEST_TIMEOUT));
    CHECK_OK(guest, obe_send(guest, "2", -1, TEST_TIMEOUT));
    CHECK_OK(server, receive_in(server, TEST_TIMEOUT));
    CHECK_TEXT("2");
    CHECK_OK(guest, obe_free(guest));
    CHECK_OK(server, obe_free(server));
    socket_close(silent);
    socket_close(dead);
}

/* A call that cannot run at the same time as the call in flight waits within its own timeout. */
static void busy(void)
{
    int32_t port;
    int silent = raw_listen(&port, 16);
    obe_socket client = new_client(port), server = new_server(), guest = new_client(port_of(server));
    struct caller caller, second;

    CHECK_OK(client, obe_send(client, "1", -1, TEST_TIMEOUT));
    caller_start(&caller, receive_forever, client);
    CHECK_LASTS(0, OBE_E_BUSY, client, receive_in(client, OBE_NO_WAIT));
    CHECK_LASTS(40, OBE_E_BUSY, client, receive_in(client, 40));
    CHECK_ERROR(client, "another call");
    CHECK_LASTS(40, OBE_E_BUSY, client, tcmd_in(client, "1", 40));
    CHECK_LASTS(40, OBE_E_BUSY, client, obe_wait_ready(client, 40));
    CHECK_OK(client, obe_cancel(client));
    CHECK_STATUS(OBE_E_CANCELLED, client, caller_join(&caller));
    CHECK_OK(client, obe_close(client));
    caller_start(&caller, tcmd_forever, client);
    CHECK_LASTS(40, OBE_E_BUSY, client, obe_send(client, "1", -1, 40));
    CHECK_OK(client, obe_cancel(client));
    CHECK_STATUS(OBE_E_CANCELLED, client, caller_join(&caller));

    /* Two threads may wait for a server's messages; each gets one. */
    caller_start(&caller, receive_forever, server);
    caller_start(&second, receive_forever, server);
    CHECK_LASTS(40, OBE_E_TIMEOUT, server, receive_in(server, 40));
    CHECK_OK(server, obe_set_option(server, OBE_OPT_ONE_WAY, "1"));
    CHECK_OK(guest, obe_send(guest, "1", -1, TEST_TIMEOUT));
    CHECK_OK(guest, obe_send(guest, "2", -1, TEST_TIMEOUT));
    CHECK_OK(server, caller_join(&caller));
    CHECK_OK(server, caller_join(&second));
    CHECK_OK(client, obe_free(client));
    CHECK_OK(guest, obe_free(guest));
    CHECK_OK(server, obe_free(server));
    socket_close(silent);
}

/* ---- misbehaving peers ---- */

/* Malformed replies, and the status that the client gets. */
static void bad_servers(void)
{
    static const struct {
        const char *answer;
        int reset;
        obe_status status;
    } bad[] = {
        {"", 0, OBE_E_PEER_CLOSED},
        {"00000", 0, OBE_E_PEER_CLOSED},
        {"0000000005[1", 0, OBE_E_PEER_CLOSED},
        {"", 1, OBE_E_RESET},
        {"0000000005[1", 1, OBE_E_RESET},
        {"HTTP/1.1 400 Bad Request\r\n", 0, OBE_E_FRAME},
        {"+000000005[1,2]", 0, OBE_E_FRAME},
        {"0_00000005[1,2]", 0, OBE_E_FRAME},
        {"          ", 0, OBE_E_FRAME},
        {"9999999999", 0, OBE_E_TOO_LARGE},
        {"0067108865", 0, OBE_E_TOO_LARGE},
        {"0000000005[1,2,", 0, OBE_E_JSON},
        {"0000000000", 0, OBE_E_JSON},
        {"0000000003\"\xff\"", 0, OBE_E_JSON},
    };
    int32_t port;
    int listener = raw_listen(&port, 4), i;
    obe_socket client = new_client(port);

    for (i = 0; i < LENGTH(bad); i++) {
        char got[32];
        int fd;

        CHECK_OK(client, obe_send(client, "1", -1, TEST_TIMEOUT));
        fd = raw_accept(listener);
        raw_message(fd, got, sizeof got);
        raw_write_text(fd, bad[i].answer);
        if (bad[i].reset) {
            raw_reset(fd);
        } else if (bad[i].status == OBE_E_PEER_CLOSED) {
            socket_close(fd);
        }
        length = -7;
        CHECK_STATUS(bad[i].status, client, receive_in(client, TEST_TIMEOUT));
        CHECK_EQUAL(-7, length);
        CHECK_ERROR(client, "receive 127.0.0.1:");
        CHECK_EQUAL(0, stat_of(client, OBE_STAT_CONNECTIONS_OPEN));
        if (!bad[i].reset && bad[i].status != OBE_E_PEER_CLOSED) {
            CHECK(raw_ended(fd));
            socket_close(fd);
        }
        CHECK_STATUS(OBE_E_STATE, client, receive_in(client, TEST_TIMEOUT));
    }
    /* A length that is padded with spaces is valid. */
    CHECK_OK(client, obe_send(client, "1", -1, TEST_TIMEOUT));
    i = raw_accept(listener);
    raw_write_text(i, "         5[1,2]");
    CHECK_OK(client, receive_in(client, TEST_TIMEOUT));
    CHECK_TEXT("[1,2]");
    socket_close(i);
    CHECK_OK(client, obe_free(client));
    socket_close(listener);
}

/* Clients that misbehave: they make no call of the server fail, and are counted. */
static void bad_clients(void)
{
    static const struct {
        const char *sent, *counter;
        int ends; /* whether the client closes the connection; otherwise the server does */
    } bad[] = {
        {"GET / HTTP/1.1\r\n\r\n", OBE_STAT_DROPPED_MALFORMED, 0},
        {"9999999999", OBE_STAT_DROPPED_TOO_LARGE, 0},
        {"0000000003{,}", OBE_STAT_DROPPED_JSON, 0},
        {"0000000000", OBE_STAT_DROPPED_JSON, 0},
        {"00000", OBE_STAT_DROPPED_INCOMPLETE, 1},
        {"0000000009[1", OBE_STAT_DROPPED_INCOMPLETE, 1},
        {"", "", 1},
    };
    obe_socket server = new_server(), client = new_client(port_of(server));
    int fds[LENGTH(bad)], silent = raw_connect(port_of(server)), i;

    for (i = 0; i < LENGTH(bad); i++) {
        fds[i] = raw_connect(port_of(server));
        raw_write_text(fds[i], bad[i].sent);
        if (bad[i].ends)
            socket_close(fds[i]);
    }
    CHECK_OK(client, obe_send(client, "1", -1, TEST_TIMEOUT));
    CHECK_OK(server, receive_in(server, TEST_TIMEOUT));
    CHECK_TEXT("1");
    CHECK_OK(server, obe_send(server, "2", -1, TEST_TIMEOUT));
    CHECK_OK(client, receive_in(client, TEST_TIMEOUT));
    CHECK_TEXT("2");
    for (i = 0; i < LENGTH(bad); i++)
        if (*bad[i].counter)
            CHECK_EVENTUALLY((receive_in(server, 1), stat_of(server, bad[i].counter) > 0));
    for (i = 0; i < LENGTH(bad); i++) {
        if (bad[i].ends)
            continue;
        CHECK(raw_ended(fds[i]));
        socket_close(fds[i]);
    }
    CHECK_EQUAL(1, stat_of(server, OBE_STAT_DROPPED_MALFORMED));
    CHECK_EQUAL(1, stat_of(server, OBE_STAT_DROPPED_TOO_LARGE));
    CHECK_EQUAL(2, stat_of(server, OBE_STAT_DROPPED_JSON));
    CHECK_EQUAL(2, stat_of(server, OBE_STAT_DROPPED_INCOMPLETE));
    CHECK_EQUAL(1, stat_of(server, OBE_STAT_MESSAGES_RECEIVED));

    /* A client that disconnects before its reply. */
    i = raw_connect(port_of(server));
    raw_write_text(i, "00000000013");
    CHECK_OK(server, receive_in(server, TEST_TIMEOUT));
    raw_reset(i);
    CHECK_STATUS(OBE_E_RESET, server, obe_send(server, "4", -1, TEST_TIMEOUT));
    CHECK_OK(client, obe_send(client, "5", -1, TEST_TIMEOUT));
    CHECK_OK(server, receive_in(server, TEST_TIMEOUT));
    CHECK_TEXT("5");
    socket_close(silent);
    CHECK_OK(client, obe_free(client));
    CHECK_OK(server, obe_free(server));
}

/* The connection of an unanswered message is closed, so that its client does not wait for a reply. */
static void unanswered(void)
{
    obe_socket server = new_server(), first = new_client(port_of(server)), second = new_client(port_of(server));

    CHECK_OK(first, obe_send(first, "1", -1, TEST_TIMEOUT));
    CHECK_OK(server, receive_in(server, TEST_TIMEOUT));
    CHECK_OK(second, obe_send(second, "2", -1, TEST_TIMEOUT));
    CHECK_OK(server, receive_in(server, TEST_TIMEOUT));
    CHECK_STATUS(OBE_E_PEER_CLOSED, first, receive_in(first, TEST_TIMEOUT));
    CHECK_EQUAL(1, stat_of(server, OBE_STAT_DROPPED_UNANSWERED));
    CHECK_OK(server, obe_set_option(server, OBE_OPT_ONE_WAY, "1"));
    CHECK_OK(first, obe_send(first, "3", -1, TEST_TIMEOUT));
    CHECK_OK(server, receive_in(server, TEST_TIMEOUT));
    CHECK_STATUS(OBE_E_TIMEOUT, second, receive_in(second, 30));
    CHECK_EQUAL(1, stat_of(server, OBE_STAT_DROPPED_UNANSWERED));
    CHECK_OK(first, obe_free(first));
    CHECK_OK(second, obe_free(second));
    CHECK_OK(server, obe_free(server));
}

/* ---- options and counters ---- */

static const struct {
    const char *name, *client, *server; /* the defaults */
    const char *values[4];              /* values to set; none: it is a read-only property */
} options[] = {
    {OBE_OPT_TIMEOUT_MS, "60000", "-1", {"-1", "0", "1", "9223372036854"}},
    {OBE_OPT_PERSISTENT, "0", "0", {"1", "0"}},
    {"late_reply", "0", "0", {"1", "0"}},
    {OBE_OPT_FIELDS, "", "", {"{\"instrument\": 1}", " {} ", ""}},
    {OBE_OPT_MAX_MESSAGE, "67108864", "67108864", {"1", "9999999999", "100000"}},
    {OBE_OPT_MAX_CONNECTIONS, "1024", "1024", {"1", "1000000", "5"}},
    {OBE_OPT_MESSAGE_TIMEOUT_MS, "30000", "30000", {"-1", "0", "500"}},
    {OBE_OPT_OUTGOING_LIMIT, "67108864", "67108864", {"0", "1000000000000", "100"}},
    {OBE_OPT_ONE_WAY, "0", "0", {"1", "0"}},
    {OBE_OPT_KEEPALIVE, "60", "60", {"0", "1", "32767"}},
    {OBE_OPT_TLS, "0", "0", {"1", "0"}},
    {OBE_OPT_TLS_CERT, "", "", {""}},
    {OBE_OPT_TLS_KEY, "", "", {""}},
    {OBE_OPT_TLS_CA, "", "", {""}},
    {OBE_OPT_TLS_SERVER_NAME, "", "", {"designer.lab", ""}},
    {OBE_OPT_ALLOW, "", "", {"127.0.0.1, 192.168.1.0/24, ::1", ""}},
    {OBE_OPT_TRACE, "", "", {NULL_DEVICE, ""}},
    {OBE_OPT_TRACE_LIMIT, "104857600", "104857600", {"4194304", "9223372036854775807"}},
    {OBE_OPT_TRACE_ERROR, "", "", {NULL}},
    {OBE_OPT_LOCAL, "", NULL, {NULL}},
    {OBE_OPT_PEER, "", "", {NULL}},
};

static void check_option(obe_socket socket, const char *name, const char *wanted)
{
    CHECK_OK(socket, obe_get_option(socket, name, text, sizeof text, &length));
    if (strcmp(text, wanted) != 0)
        check_failed(__FILE__, __LINE__, "option %s is %s, wanted %s", name, text, wanted);
    CHECK_EQUAL((int64_t)strlen(wanted), length);
}

static void all_options(void)
{
    obe_socket server = new_server(), client = new_client(port_of(server));
    int i, k;

    for (i = 0; i < LENGTH(options); i++) {
        const char *name = options[i].name;

        check_option(client, name, options[i].client);
        if (options[i].server)
            check_option(server, name, options[i].server);
        for (k = 0; k < LENGTH(options[i].values) && options[i].values[k]; k++) {
            CHECK_OK(client, obe_set_option(client, name, options[i].values[k]));
            check_option(client, name, options[i].values[k]);
            CHECK_OK(server, obe_set_option(server, name, options[i].values[k]));
            check_option(server, name, options[i].values[k]);
        }
        if (!options[i].values[0])
            CHECK_STATUS(OBE_E_ARGUMENT, client, obe_set_option(client, name, "1"));
    }
    CHECK_OK(client, obe_free(client));
    CHECK_OK(server, obe_free(server));
}

static void properties(void)
{
    obe_socket server = new_server(), client = new_client(port_of(server));
    char listener[64], own[64];

    snprintf(listener, sizeof listener, "127.0.0.1:%d", (int)port_of(server));
    check_option(server, OBE_OPT_LOCAL, listener);
    CHECK_OK(client, obe_send(client, "1", -1, TEST_TIMEOUT));
    check_option(client, OBE_OPT_PEER, listener);
    CHECK_OK(client, obe_get_option(client, OBE_OPT_LOCAL, own, sizeof own, &length));
    CHECK(strncmp(own, "127.0.0.1:", 10) == 0);
    check_option(server, OBE_OPT_PEER, "");
    CHECK_OK(server, receive_in(server, TEST_TIMEOUT));
    check_option(server, OBE_OPT_PEER, own);
    CHECK_OK(client, obe_close(client));
    check_option(client, OBE_OPT_PEER, "");
    check_option(client, OBE_OPT_LOCAL, "");
    CHECK_OK(server, obe_close(server));
    check_option(server, OBE_OPT_PEER, "");
    CHECK_OK(client, obe_free(client));
    CHECK_OK(server, obe_free(server));
}

#define ITEM(name) name,
static const char *const counters[] = {EACH_COUNTER(ITEM)};
static const char *const process_counters[] = {EACH_PROCESS_COUNTER(ITEM)}; /* live.c tests them */
#undef ITEM

static void all_counters(void)
{
    obe_socket server = new_server(), client = new_client(port_of(server)), second;
    int slow, i;

    for (i = 0; i < LENGTH(counters); i++) {
        CHECK_EQUAL(0, stat_of(client, counters[i]));
        CHECK_EQUAL(0, stat_of(server, counters[i]));
    }
    for (i = 0; i < LENGTH(process_counters); i++)
        CHECK_EQUAL(stat_of(NULL, process_counters[i]), stat_of(client, process_counters[i]));
    CHECK_OK(client, obe_send(client, "[1]", -1, TEST_TIMEOUT));
    CHECK_OK(server, receive_in(server, TEST_TIMEOUT));
    CHECK_OK(server, obe_send(server, "[1,2]", -1, TEST_TIMEOUT));
    CHECK_OK(client, receive_in(client, TEST_TIMEOUT));
    CHECK_EQUAL(1, stat_of(client, OBE_STAT_CONNECTIONS_OPENED));
    CHECK_EQUAL(1, stat_of(client, OBE_STAT_CONNECTIONS_OPEN));
    CHECK_EQUAL(1, stat_of(client, OBE_STAT_MESSAGES_SENT));
    CHECK_EQUAL(1, stat_of(client, OBE_STAT_MESSAGES_RECEIVED));
    CHECK_EQUAL(13, stat_of(client, OBE_STAT_BYTES_SENT));
    CHECK_EQUAL(15, stat_of(client, OBE_STAT_BYTES_RECEIVED));
    CHECK_EQUAL(1, stat_of(server, OBE_STAT_CONNECTIONS_OPEN));
    CHECK_EQUAL(15, stat_of(server, OBE_STAT_BYTES_SENT));
    CHECK_EQUAL(13, stat_of(server, OBE_STAT_BYTES_RECEIVED));

    /* The connection that has been idle longest is evicted. */
    CHECK_OK(server, obe_set_option(server, OBE_OPT_MAX_CONNECTIONS, "1"));
    second = new_client(port_of(server));
    CHECK_OK(second, obe_send(second, "1", -1, TEST_TIMEOUT));
    CHECK_OK(server, receive_in(server, TEST_TIMEOUT));
    CHECK_EQUAL(1, stat_of(server, OBE_STAT_EVICTED));
    CHECK_EQUAL(1, stat_of(server, OBE_STAT_CONNECTIONS_OPEN));
    CHECK_STATUS(OBE_E_PEER_CLOSED, client, receive_in(client, TEST_TIMEOUT));
    CHECK_OK(second, obe_free(second));

    /* A message that is not complete in time. */
    CHECK_OK(server, obe_set_option(server, OBE_OPT_MAX_CONNECTIONS, "10"));
    CHECK_OK(server, obe_set_option(server, OBE_OPT_MESSAGE_TIMEOUT_MS, "40"));
    slow = raw_connect(port_of(server));
    raw_write_text(slow, "0000000005[");
    CHECK_EVENTUALLY((receive_in(server, 120), stat_of(server, OBE_STAT_DROPPED_TIMEOUT) == 1));
    CHECK(raw_ended(slow));
    socket_close(slow);

    /* A connection that breaks between messages. */
    slow = raw_connect(port_of(server));
    raw_write_text(slow, "00000000011");
    CHECK_OK(server, receive_in(server, TEST_TIMEOUT));
    raw_reset(slow);
    CHECK_EVENTUALLY((receive_in(server, 1), stat_of(server, OBE_STAT_DROPPED_RESET) == 1));
    CHECK_EQUAL(0, stat_of(server, OBE_STAT_CONNECTIONS_OPEN));
    CHECK_OK(client, obe_free(client));
    CHECK_OK(server, obe_free(server));
}

/* ---- texts ---- */

static const obe_status statuses[] = {
    OBE_OK,           OBE_E_ARGUMENT,    OBE_E_HANDLE,    OBE_E_STATE,   OBE_E_TIMEOUT,     OBE_E_CANCELLED,
    OBE_E_CLOSED,     OBE_E_PEER_CLOSED, OBE_E_RESET,     OBE_E_REFUSED, OBE_E_UNREACHABLE, OBE_E_IN_USE,
    OBE_E_PERMISSION, OBE_E_FRAME,       OBE_E_TOO_LARGE, OBE_E_JSON,    OBE_E_BUFFER,      OBE_E_NOT_FOUND,
    OBE_E_TYPE,       OBE_E_RANGE,       OBE_E_BUSY,      OBE_E_TLS,     OBE_E_FORKED,      OBE_E_UNSUPPORTED,
    OBE_E_IO,         OBE_E_MEMORY,      OBE_E_INTERNAL,  OBE_E_REPLY,
};

static void texts(void)
{
    static const obe_status unknown[] = {1, -1, -8000, -8999, INT32_MIN, INT32_MAX};
    int i, k;

    for (i = 0; i < LENGTH(statuses); i++) {
        const char *description = obe_strerror(statuses[i]);

        CHECK(statuses[i] == OBE_OK || (statuses[i] >= -8999 && statuses[i] <= -8000));
        CHECK(strlen(description) > 5);
        CHECK(obe_strerror(statuses[i]) == description);
        CHECK(strcmp(description, obe_strerror(1)) != 0);
        for (k = 0; k < i; k++)
            CHECK(statuses[i] != statuses[k] && strcmp(description, obe_strerror(statuses[k])) != 0);
    }
    for (i = 0; i < LENGTH(unknown); i++)
        CHECK(strcmp(obe_strerror(unknown[i]), obe_strerror(1)) == 0);
    CHECK(strlen(obe_strerror(1)) > 5);
    CHECK(strcmp(obe_version(), OBE_VERSION) == 0);
    CHECK(OBE_VERSION_AT_LEAST(OBE_VERSION_MAJOR, OBE_VERSION_MINOR, OBE_VERSION_PATCH));
    CHECK(!OBE_VERSION_AT_LEAST(OBE_VERSION_MAJOR, OBE_VERSION_MINOR, OBE_VERSION_PATCH + 1));
    CHECK(!OBE_VERSION_AT_LEAST(OBE_VERSION_MAJOR + 1, 0, 0));
}

/* The last error stays with its handle, whatever other handles and threads do. */
static void last_errors(void)
{
    obe_socket one = new_client(1), two = new_client(2);
    int64_t value;

    CHECK_STATUS(OBE_E_ARGUMENT, one, obe_get_stat(one, "alpha", &value));
    CHECK_STATUS(OBE_E_ARGUMENT, two, obe_get_stat(two, "beta", &value));
    CHECK_STATUS(OBE_E_ARGUMENT, 0, obe_client_new("gamma delta", 1, &two));
    CHECK_ERROR(one, "alpha");
    CHECK_ERROR(two, "beta");
    CHECK_ERROR(0, "gamma");
    CHECK_OK(one, obe_get_stat(one, OBE_STAT_EVICTED, &value));
    CHECK_ERROR(one, "alpha");
    CHECK_OK(one, obe_free(one));
    CHECK_OK(two, obe_free(two));
}

int main(void)
{
    RUN(both_roles);
    RUN(one_connection_each);
    RUN(one_connection_for_all);
    RUN(twenty_megabytes);
    RUN(over_ipv6);
    RUN(not_json);
    RUN(refused_and_in_use);
    RUN(wait_for_server);
    RUN(timeouts);
    RUN(timeouts_of_sending);
    RUN(cancel);
    RUN(close_wakes);
    RUN(busy);
    RUN(bad_servers);
    RUN(bad_clients);
    RUN(unanswered);
    RUN(all_options);
    RUN(properties);
    RUN(all_counters);
    RUN(texts);
    RUN(last_errors);
    CHECK_EQUAL(0, obe_test_live());
    return 0;
}
