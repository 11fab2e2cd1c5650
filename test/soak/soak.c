/* The soak test: seven servers and 64 clients in one process, text and documents, one-shot and kept, for as long as
 * asked. Half of the clients and four of the servers are left in peace, and of them not one call may fail; the others
 * are cancelled, closed, freed and restarted all the time. Strangers break off in the middle of messages everywhere.
 *
 * Now and then everybody rests. Then every connection must have gone, the servers in peace must have counted each
 * command once, and what the process has is sampled; at the end none of it may have grown.
 *
 *     soak SECONDS [SEED] */
#include "gauges.h"
#include "message.h"

enum {
    CLIENTS = 64,
    PEACEFUL = 28,        /* clients 0 to 27 are left in peace, */
    REPORTERS = 32,       /* 28 to 31 too, and only report; the others are meddled with */
    SERVERS = 7,
    PEACEFUL_SERVERS = 4, /* the first ones */
    HANDS = 2 * SERVERS,  /* threads of servers: two each, but one where a loop is for one thread */
    HELD = 4,             /* requests that a server may hold back */
    MEDDLERS = 2,
    STRANGERS = 2,
    WINDOW = 4096,        /* how many commands of a client are remembered */
    LONG = 60000,         /* ms: no call in peace takes so long */
    BRIEF = 10,           /* ms */
    REST = 1500,          /* ms from rest to rest */
    WARM_UP = 10000,      /* ms, at least, before the first sample */
    SHORTEST = 30         /* s: a shorter run has too few samples */
};

enum manner { TEXT, SERVED, HOLDING, REPORTS };

static struct server {
    enum manner manner;
    int peaceful;
    obe_socket handle;        /* atomic; 0 while it is being restarted */
    int32_t port;             /* atomic */
    int64_t expected;         /* atomic: commands that it must have taken */
    obe_message held[HELD];   /* atomic; 0 is none */
} servers[SERVERS] = {
    {TEXT, 1, 0, 0, 0, {0}},  {SERVED, 1, 0, 0, 0, {0}}, {HOLDING, 1, 0, 0, 0, {0}}, {REPORTS, 1, 0, 0, 0, {0}},
    {TEXT, 0, 0, 0, 0, {0}},  {SERVED, 0, 0, 0, 0, {0}}, {HOLDING, 0, 0, 0, 0, {0}},
};

static struct client {
    obe_socket handle; /* atomic; who takes it out frees it */
    int64_t taken[WINDOW]; /* atomic: the numbers of its commands that a server took */
} clients[CLIENTS];

/* A thread's own. */
struct hand {
    int index;
    uint64_t dice;
    struct server *server;
    struct client *client;
    int64_t number; /* of the client's last command */
    int unread;     /* the reply to it may still come */
    struct note *in, *out;
};

static int roll(struct hand *h, int sides) { return (int)(random_next(&h->dice) % (uint64_t)sides); }
#define look(slot) __atomic_load_n((slot), __ATOMIC_ACQUIRE)
#define swap(slot, handle) __atomic_exchange_n((slot), (handle), __ATOMIC_ACQ_REL)

/* ---- statuses, and who may get which ---- */

enum { STATUSES = 28 };

#define BIT(status) (1u << (-8000 - (status)))
#define FINE 1u /* OBE_OK */

enum who { CLIENT_IN_PEACE, SERVER_IN_PEACE, CLIENT, SERVER, MEDDLER, WHOS };

static struct {
    const char *name;
    unsigned expected;
    int64_t counts[STATUSES]; /* atomic */
} rolls[WHOS] = {
    {"client in peace", FINE | BIT(OBE_E_BUFFER), {0}},
    {"server in peace", FINE | BIT(OBE_E_TIMEOUT), {0}}, /* of a receive that polls */
    {"client",
     FINE | BIT(OBE_E_BUFFER) | BIT(OBE_E_TIMEOUT) | BIT(OBE_E_CANCELLED) | BIT(OBE_E_CLOSED) |
         BIT(OBE_E_PEER_CLOSED) | BIT(OBE_E_RESET) | BIT(OBE_E_REFUSED) | BIT(OBE_E_HANDLE) | BIT(OBE_E_STATE),
     {0}},
    {"server",
     FINE | BIT(OBE_E_TIMEOUT) | BIT(OBE_E_CANCELLED) | BIT(OBE_E_CLOSED) | BIT(OBE_E_PEER_CLOSED) |
         BIT(OBE_E_RESET) | BIT(OBE_E_HANDLE) | BIT(OBE_E_STATE),
     {0}},
    {"meddler", FINE | BIT(OBE_E_HANDLE) | BIT(OBE_E_IN_USE), {0}},
};

static void note_status(int line, enum who who, const char *call, const void *handle, obe_status status)
{
    int i = status == OBE_OK ? 0 : -8000 - status;

    if (i < 0 || i >= STATUSES || !(rolls[who].expected >> i & 1))
        check_failed(__FILE__, line, "%s, %s: %d (%s) is not expected; the last error is \"%s\"", rolls[who].name, call,
                     (int)status, obe_strerror(status), last_error(handle));
    __atomic_add_fetch(&rolls[who].counts[i], 1, __ATOMIC_RELAXED);
}

#define STATUS(who, call, handle, status) note_status(__LINE__, who, call, handle, status)

static void print_statuses(void)
{
    int who, i;

    for (who = 0; who < WHOS; who++) {
        printf("%s:", rolls[who].name);
        for (i = 0; i < STATUSES; i++)
            if (rolls[who].counts[i])
                printf(" %d: %" PRId64, i ? -8000 - i : 0, rolls[who].counts[i]);
        printf("\n");
    }
}

/* ---- rest ---- */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int asked, resting, over;
} rest = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, 0};

static int resters; /* threads that rest */

static int rest_asked(void) { return __atomic_load_n(&rest.asked, __ATOMIC_ACQUIRE); }
static int over(void) { return __atomic_load_n(&rest.over, __ATOMIC_ACQUIRE); }

static void rest_here(void)
{
    CHECK(pthread_mutex_lock(&rest.lock) == 0);
    rest.resting++;
    while (rest.asked)
        CHECK(pthread_cond_wait(&rest.changed, &rest.lock) == 0);
    rest.resting--;
    CHECK(pthread_mutex_unlock(&rest.lock) == 0);
}

static int resting(void)
{
    int n;

    CHECK(pthread_mutex_lock(&rest.lock) == 0);
    n = rest.resting;
    CHECK(pthread_mutex_unlock(&rest.lock) == 0);
    return n;
}

static void rest_begin(void)
{
    int64_t deadline = now_ms() + 2 * LONG;

    __atomic_store_n(&rest.asked, 1, __ATOMIC_RELEASE);
    while (resting() < resters) {
        if (now_ms() > deadline)
            check_failed(__FILE__, __LINE__, "only %d threads of %d came to rest", resting(), resters);
        pause_ms(1);
    }
}

static void rest_end(int for_good)
{
    CHECK(pthread_mutex_lock(&rest.lock) == 0);
    __atomic_store_n(&rest.over, for_good, __ATOMIC_RELEASE);
    __atomic_store_n(&rest.asked, 0, __ATOMIC_RELEASE);
    CHECK(pthread_cond_broadcast(&rest.changed) == 0);
    CHECK(pthread_mutex_unlock(&rest.lock) == 0);
    while (!for_good && resting() > 0)
        pause_ms(1);
}

/* ---- servers ---- */

static void free_expected(enum who who, obe_socket handle) { STATUS(who, "free", 0, obe_free(handle)); }

/* A command was taken by a server: not twice. */
static void take(const struct note *command)
{
    int64_t *slot, before;

    CHECK(command->client >= 0 && command->client < CLIENTS && command->number > 0);
    slot = &clients[command->client].taken[command->number % WINDOW];
    before = __atomic_load_n(slot, __ATOMIC_ACQUIRE);
    do {
        if (before == command->number)
            check_failed(__FILE__, __LINE__, "command %" PRId64 " of client %" PRId64 " came twice", command->number,
                         command->client);
    } while (before < command->number && !__atomic_compare_exchange_n(slot, &before, command->number, 0,
                                                                      __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
}

static enum who server_who(const struct hand *h) { return h->server->peaceful ? SERVER_IN_PEACE : SERVER; }

static void answer_text(struct hand *h, obe_socket server)
{
    note_read_text(h->in);
    take(h->in);
    if (h->server->manner == REPORTS)
        return;
    note_reply(h->out, h->in, &h->dice);
    note_write_text(h->out);
    STATUS(server_who(h), "send", server, obe_send(server, h->out->text, h->out->length, LONG));
}

static void answer_document(struct hand *h, obe_message request)
{
    obe_message reply;

    note_read_document(h->in, request);
    take(h->in);
    note_reply(h->out, h->in, &h->dice);
    if (roll(h, 2)) {
        note_write_text(h->out);
        STATUS(server_who(h), "reply", request, obe_reply(request, h->out->text, h->out->length, LONG));
        return;
    }
    reply = note_write_document(h->out);
    STATUS(server_who(h), "reply_message", request, obe_reply_message(request, reply, LONG));
    CHECK_OK(reply, obe_message_free(reply));
}

static obe_status handler(obe_message request, void *user)
{
    answer_document(user, request);
    return OBE_OK;
}

static void answer_and_free(struct hand *h, obe_message request)
{
    if (!request)
        return;
    if (h->server->peaceful || roll(h, 50))
        answer_document(h, request);
    CHECK_OK(request, obe_message_free(request));
}

static obe_status serve_text(struct hand *h, obe_socket server)
{
    obe_status status = obe_receive(server, h->in->text, ROOM, &h->in->length, h->server->peaceful ? OBE_FOREVER : BRIEF);

    if (status == OBE_OK)
        answer_text(h, server);
    return status;
}

static obe_status serve_served(struct hand *h, obe_socket server) { return obe_serve(server, handler, h); }

/* Holds requests back, so that they are answered in another order, and by the server's other thread too. */
static obe_status serve_holding(struct hand *h, obe_socket server)
{
    obe_message request = 0;
    obe_status status = obe_receive_message(server, &request, 1);
    int i;

    if (status == OBE_OK)
        answer_and_free(h, swap(&h->server->held[roll(h, HELD)], request));
    else
        for (i = 0; i < HELD; i++)
            answer_and_free(h, swap(&h->server->held[i], NULL));
    return status;
}

static void *server_body(void *argument)
{
    static obe_status (*const manners[])(struct hand *, obe_socket) = {serve_text, serve_served, serve_holding, serve_text};
    struct hand *h = argument;

    for (;;) {
        obe_socket server = look(&h->server->handle);
        obe_status status;

        if (!server && over())
            break;
        if (!server) { /* it is being restarted */
            pause_ms(1);
            continue;
        }
        status = manners[h->server->manner](h, server);
        if (over() && (status == OBE_E_CLOSED || status == OBE_E_HANDLE))
            break;
        STATUS(server_who(h), "receive or serve", server, status);
    }
    return NULL;
}

static void server_start(struct server *s)
{
    obe_socket server = 0;
    int32_t port = __atomic_load_n(&s->port, __ATOMIC_ACQUIRE);
    obe_status status = obe_server_new(NULL, port, &server);

    STATUS(MEDDLER, "server_new", 0, status);
    if (status == OBE_E_IN_USE) /* some connection was given the port meanwhile */
        CHECK_OK(0, obe_server_new(NULL, 0, &server));
    __atomic_store_n(&s->port, port_of(server), __ATOMIC_RELEASE);
    if (s->manner == REPORTS)
        CHECK_OK(server, obe_set_option(server, OBE_OPT_ONE_WAY, "1"));
    (void)swap(&s->handle, server);
}

/* ---- clients ---- */

static int in_peace(const struct hand *h) { return h->index < REPORTERS; }
static enum who client_who(const struct hand *h) { return in_peace(h) ? CLIENT_IN_PEACE : CLIENT; }

static int64_t client_timeout(struct hand *h) { return in_peace(h) ? LONG : roll(h, 4) ? LONG / 10 : roll(h, BRIEF); }

static void client_renew(struct hand *h)
{
    obe_socket old = swap(&h->client->handle, NULL), client = 0;

    if (old)
        free_expected(client_who(h), old);
    h->server = h->index >= REPORTERS  ? &servers[PEACEFUL_SERVERS + roll(h, SERVERS - PEACEFUL_SERVERS)]
                : h->index >= PEACEFUL ? &servers[PEACEFUL_SERVERS - 1]
                                       : &servers[roll(h, PEACEFUL_SERVERS - 1)];
    CHECK_OK(0, obe_client_new(NULL, __atomic_load_n(&h->server->port, __ATOMIC_ACQUIRE), &client));
    CHECK_OK(client, obe_set_option(client, OBE_OPT_PERSISTENT, roll(h, 2) ? "1" : "0"));
    if (!in_peace(h))
        CHECK_OK(client, obe_set_option(client, "late_reply", roll(h, 2) ? "1" : "0"));
    h->unread = 0;
    (void)swap(&h->client->handle, client);
}

/* The reply in h->in is the right one, and its command was taken. */
static void check_reply(struct hand *h)
{
    note_match(h->in, h->out);
    CHECK_EQUAL(h->number, __atomic_load_n(&h->client->taken[h->number % WINDOW], __ATOMIC_ACQUIRE));
}

/* Receives the reply to the last command, as text or as a document. */
static obe_status take_reply(struct hand *h, obe_socket client, int64_t timeout)
{
    obe_message reply = 0;
    obe_status status;

    if (roll(h, 2)) {
        status = obe_receive(client, h->in->text, ROOM, &h->in->length, timeout);
        STATUS(client_who(h), "receive", client, status);
        if (status == OBE_OK) {
            note_read_text(h->in);
            check_reply(h);
        }
        return status;
    }
    status = obe_receive_message(client, &reply, timeout);
    STATUS(client_who(h), "receive_message", client, status);
    if (status == OBE_OK) {
        note_read_document(h->in, reply);
        check_reply(h);
        CHECK_OK(reply, obe_message_free(reply));
    }
    return status;
}

/* A command that was cancelled before it was sent leaves the connection, and what comes over it, as they were. */
static int still_unread(const struct hand *h, obe_status status) { return h->unread && status == OBE_E_CANCELLED; }

static void exchange_text(struct hand *h, obe_socket client)
{
    int64_t capacity = roll(h, 16) ? ROOM : roll(h, 50);
    obe_status status;

    note_write_text(h->out);
    status = obe_tcmd(client, h->out->text, h->out->length, h->in->text, capacity, &h->in->length, client_timeout(h));
    STATUS(client_who(h), "tcmd", client, status);
    h->unread = still_unread(h, status);
    if (status == OBE_OK) {
        note_read_text(h->in);
        check_reply(h);
    } else if (status == OBE_E_BUFFER) { /* nothing was lost */
        h->unread = take_reply(h, client, OBE_NO_WAIT) != OBE_OK;
    } else if (status == OBE_E_TIMEOUT) { /* option late_reply */
        take_reply(h, client, LONG / 10);
    }
}

static void exchange_document(struct hand *h, obe_socket client)
{
    obe_message command = note_write_document(h->out), reply = 0;
    obe_status status = obe_tcmd_message(client, command, &reply, client_timeout(h));

    STATUS(client_who(h), "tcmd_message", client, status);
    h->unread = still_unread(h, status);
    CHECK_OK(command, obe_message_free(command));
    if (status == OBE_OK) {
        note_read_document(h->in, reply);
        check_reply(h);
        CHECK_OK(reply, obe_message_free(reply));
    }
}

static obe_status send_alone(struct hand *h, obe_socket client)
{
    obe_message command;
    obe_status status;

    if (roll(h, 2)) {
        note_write_text(h->out);
        status = obe_send(client, h->out->text, h->out->length, client_timeout(h));
    } else {
        command = note_write_document(h->out);
        status = obe_send_message(client, command, client_timeout(h));
        CHECK_OK(command, obe_message_free(command));
    }
    STATUS(client_who(h), "send", client, status);
    return status;
}

/* A send, and a receive of its own. What was not received may come later, and must not answer the next command. */
static void exchange_apart(struct hand *h, obe_socket client)
{
    if (send_alone(h, client) != OBE_OK)
        return;
    if (roll(h, 2) && !in_peace(h))
        h->unread = 1;
    else
        h->unread = take_reply(h, client, client_timeout(h)) != OBE_OK;
}

static void client_round(struct hand *h)
{
    obe_socket client = look(&h->client->handle);

    if (!client || !roll(h, 200)) {
        client_renew(h);
        client = look(&h->client->handle);
    }
    note_command(h->out, h->index, ++h->number, &h->dice);
    if (h->server->peaceful)
        __atomic_add_fetch(&h->server->expected, 1, __ATOMIC_RELAXED);
    if (h->server->manner == REPORTS) {
        send_alone(h, client);
        return;
    }
    switch (roll(h, h->unread ? 2 : 3)) {
    case 0:
        exchange_text(h, client);
        break;
    case 1:
        exchange_document(h, client);
        break;
    default:
        exchange_apart(h, client);
    }
}

static void *client_body(void *argument)
{
    struct hand *h = argument;
    obe_socket last;

    while (!over()) {
        client_round(h);
        if (!rest_asked())
            continue;
        last = look(&h->client->handle);
        if (last)
            STATUS(client_who(h), "close", last, obe_close(last));
        h->unread = 0;
        rest_here();
    }
    last = swap(&h->client->handle, NULL);
    if (last)
        free_expected(client_who(h), last);
    return NULL;
}

/* ---- who disturbs ---- */

/* All that may be done to a socket at any time, to one that is not left in peace. */
static void meddle(struct hand *h)
{
    struct server *s = &servers[PEACEFUL_SERVERS + roll(h, SERVERS - PEACEFUL_SERVERS)];
    struct client *c = &clients[REPORTERS + roll(h, CLIENTS - REPORTERS)];
    obe_socket handle = roll(h, 4) ? look(&c->handle) : look(&s->handle);

    if (!handle)
        return;
    switch (roll(h, 40)) {
    case 0:
        handle = swap(&s->handle, NULL);
        if (handle) {
            free_expected(MEDDLER, handle);
            server_start(s);
        }
        break;
    case 1:
    case 2:
    case 3:
        handle = swap(&c->handle, NULL);
        if (handle)
            free_expected(MEDDLER, handle);
        break;
    case 4:
    case 5:
    case 6:
    case 7:
    case 8:
        STATUS(MEDDLER, "close", handle, obe_close(handle));
        break;
    default:
        STATUS(MEDDLER, "cancel", handle, obe_cancel(handle));
    }
}

static void *meddler_body(void *argument)
{
    struct hand *h = argument;

    while (!over()) {
        meddle(h);
        pause_ms(roll(h, BRIEF));
        if (rest_asked())
            rest_here();
    }
    return NULL;
}

/* A connection on a bare socket that breaks off. */
static void stranger_round(struct hand *h)
{
    static const char *const begins[] = {"",
                                         "00000",
                                         "0000000100{\"command\": \"so",
                                         "0000000100",
                                         "GET / HTTP/1.1\r\n\r\n",
                                         "9999999999[1, 2, 3",
                                         "0000000005[1, 2",
                                         "0000000003]]]",
                                         "          ",
                                         "0000000000"};
    struct server *s = &servers[roll(h, SERVERS)];
    struct sockaddr_in address = loopback(__atomic_load_n(&s->port, __ATOMIC_ACQUIRE));
    const char *begin = begins[roll(h, LENGTH(begins))];
    int fd = raw_socket();

    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) {
        send(fd, begin, strlen(begin), MSG_NOSIGNAL); /* the server may have gone */
        pause_ms(roll(h, BRIEF));
    }
    if (roll(h, 2))
        raw_reset(fd);
    else
        socket_close(fd);
}

static void *stranger_body(void *argument)
{
    struct hand *h = argument;

    while (!over()) {
        stranger_round(h);
        if (rest_asked())
            rest_here();
    }
    return NULL;
}

/* ---- the whole ---- */

static uint64_t seed;
static struct hand everybody[CLIENTS + HANDS + MEDDLERS + STRANGERS];
static pthread_t threads[LENGTH(everybody)];
static int hands;

static void hand_start(void *(*body)(void *), int index, struct server *s, struct client *c)
{
    struct hand *h = &everybody[hands];

    h->index = index;
    h->server = s;
    h->client = c;
    h->dice = (seed + 1) * 0x9E3779B97F4A7C15u + (uint64_t)hands * 0xD1B54A32D192ED03u;
    h->dice |= !h->dice;
    if (s || c) {
        h->in = note_new();
        h->out = note_new();
    }
    resters += !s;
    threads[hands++] = start_thread(body, h);
}

/* The handles that are in use while everybody rests. */
static int64_t handles_in_use(void)
{
    int64_t n = SERVERS;
    int i;

    for (i = 0; i < CLIENTS; i++)
        n += look(&clients[i].handle) != 0;
    return n;
}

/* Everybody rests: what must hold then. */
static void check_rest(void)
{
    int i;

    CHECK_EVENTUALLY(obe_test_live() == handles_in_use()); /* what was held back is answered soon */

    for (i = 0; i < SERVERS; i++) {
        struct server *s = &servers[i];

        if (s->peaceful)
            CHECK_EVENTUALLY(stat_of(s->handle, OBE_STAT_MESSAGES_RECEIVED) >= s->expected);
        CHECK_EVENTUALLY(stat_of(s->handle, OBE_STAT_CONNECTIONS_OPEN) == 0);
        if (!s->peaceful)
            continue;
        CHECK_EQUAL(s->expected, stat_of(s->handle, OBE_STAT_MESSAGES_RECEIVED));
        CHECK_EQUAL(s->manner == REPORTS ? 0 : s->expected, stat_of(s->handle, OBE_STAT_MESSAGES_SENT));
        CHECK_EQUAL(0, stat_of(s->handle, OBE_STAT_EVICTED));
        CHECK_EQUAL(0, stat_of(s->handle, OBE_STAT_DROPPED_UNANSWERED));
    }
}

static int64_t commands(void)
{
    int64_t n = 0;
    int i;

    for (i = 0; i < hands; i++)
        n += everybody[i].number;
    return n;
}

int main(int argc, char **argv)
{
    int64_t began = now_ms(), last, warm;
    int i, descriptors, seconds = argc > 1 ? atoi(argv[1]) : 0;

    if (seconds < SHORTEST)
        check_failed(__FILE__, __LINE__, "how many seconds, %d or more? soak SECONDS [SEED]", SHORTEST);
    seed = argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t)time(NULL);
    printf("soak of %d seconds, seed %" PRIu64 "\n", seconds, seed);
    fflush(stdout);
    descriptors = process_descriptors();

    for (i = 0; i < SERVERS; i++) {
        server_start(&servers[i]);
        hand_start(server_body, i, &servers[i], NULL);
        if (servers[i].manner == SERVED || servers[i].manner == HOLDING)
            hand_start(server_body, i, &servers[i], NULL);
    }
    for (i = 0; i < CLIENTS; i++)
        hand_start(client_body, i, NULL, &clients[i]);
    for (i = 0; i < MEDDLERS; i++)
        hand_start(meddler_body, i, NULL, NULL);
    for (i = 0; i < STRANGERS; i++)
        hand_start(stranger_body, i, NULL, NULL);

    last = began + (int64_t)seconds * 1000;
    warm = began + (seconds > 4 * WARM_UP / 1000 ? (int64_t)seconds * 250 : WARM_UP);
    while (now_ms() < last) {
        pause_ms(REST);
        rest_begin();
        check_rest();
        if (now_ms() >= warm)
            flat_sample();
        rest_end(now_ms() >= last);
    }

    for (i = 0; i < SERVERS; i++)
        free_expected(MEDDLER, swap(&servers[i].handle, NULL));
    for (i = 0; i < hands; i++)
        join_thread(threads[i]);
    print_statuses();
    flat_check();
    CHECK_EQUAL(0, obe_test_live());
    CHECK_EVENTUALLY(process_descriptors() <= descriptors + 8); /* what Go's runtime keeps */
    printf("\n%" PRId64 " commands in %" PRId64 " s; no reply lost or mistaken, no command taken twice\n", commands(),
           (now_ms() - began) / 1000);
    return 0;
}
