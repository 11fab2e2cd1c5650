/* The soak test: seven servers and 64 clients in one process, with texts and messages, over one-shot and persistent
 * connections. Half of the clients and four of the servers are undisturbed, and none of their calls may fail. The others are
 * cancelled, closed, freed and restarted all the time. Other connections to all servers break off within a message.
 *
 * Regularly all threads pause. Then all connections must be closed, the undisturbed servers must have counted each command
 * once, and the resources of the process are sampled. At the end none of them may have grown.
 *
 *     soak SECONDS [SEED] */
#include "gauges.h"
#include "message.h"

enum {
    CLIENTS = 64,
    UNDISTURBED = 28, /* clients 0 to 27 are undisturbed, */
    REPORTERS = 32,   /* 28 to 31 too, but only send; the others are disturbed */
    SERVERS = 7,
    UNDISTURBED_SERVERS = 4, /* the first ones */
    WORKERS = 2 * SERVERS,   /* threads of servers: two each, or one for a loop that is limited to one thread */
    HELD = 4,                /* requests that a server may hold back */
    DISTURBERS = 2,
    STRANGERS = 2,
    WINDOW = 4096,       /* how many commands of each client are remembered */
    LONG = 60000,        /* ms: no undisturbed call lasts this long */
    BRIEF = 10,          /* ms */
    PAUSE_PERIOD = 1500, /* ms from pause to pause */
    WARM_UP = 10000,     /* ms, at least, before the first sample */
    SHORTEST = 30        /* s: a shorter run has too few samples */
};

enum mode { TEXT, SERVED, HOLDING, REPORTS };

static struct server {
    enum mode mode;
    int undisturbed;
    obe_socket handle;      /* atomic; 0 while it is being restarted */
    int32_t port;           /* atomic */
    int64_t expected;       /* atomic: commands that it must have received */
    obe_message held[HELD]; /* atomic; NULL: empty */
} servers[SERVERS] = {
    {TEXT, 1, 0, 0, 0, {0}}, {SERVED, 1, 0, 0, 0, {0}}, {HOLDING, 1, 0, 0, 0, {0}}, {REPORTS, 1, 0, 0, 0, {0}},
    {TEXT, 0, 0, 0, 0, {0}}, {SERVED, 0, 0, 0, 0, {0}}, {HOLDING, 0, 0, 0, 0, {0}},
};

static struct client {
    obe_socket handle;        /* atomic; the thread that takes it out frees it */
    int64_t received[WINDOW]; /* atomic: the numbers of its commands that a server received */
} clients[CLIENTS];

/* The state of one thread. */
struct worker {
    int index;
    uint64_t dice;
    struct server *server;
    struct client *client;
    int64_t number; /* of the client's last command */
    int unread;     /* the reply to it may still come */
    struct note *in, *out;
};

static int roll(struct worker *h, int sides) { return (int)(random_next(&h->dice) % (uint64_t)sides); }
#define look(slot) __atomic_load_n((slot), __ATOMIC_ACQUIRE)
#define swap(slot, handle) __atomic_exchange_n((slot), (handle), __ATOMIC_ACQ_REL)

/* ---- the statuses that each kind of caller may get ---- */

enum { STATUSES = 28 };

#define BIT(status) (1u << (-8000 - (status)))
#define FINE 1u /* OBE_OK */

enum role { UNDISTURBED_CLIENT, UNDISTURBED_SERVER, CLIENT, SERVER, DISTURBER, ROLES };

static struct {
    const char *name;
    unsigned expected;
    int64_t counts[STATUSES]; /* atomic */
} status_counts[ROLES] = {
    {"undisturbed client", FINE | BIT(OBE_E_BUFFER), {0}},
    {"undisturbed server", FINE | BIT(OBE_E_TIMEOUT), {0}}, /* of a receive with a short timeout */
    {"client",
     FINE | BIT(OBE_E_BUFFER) | BIT(OBE_E_TIMEOUT) | BIT(OBE_E_CANCELLED) | BIT(OBE_E_CLOSED) | BIT(OBE_E_PEER_CLOSED) |
         BIT(OBE_E_RESET) | BIT(OBE_E_REFUSED) | BIT(OBE_E_HANDLE) | BIT(OBE_E_STATE),
     {0}},
    {"server",
     FINE | BIT(OBE_E_TIMEOUT) | BIT(OBE_E_CANCELLED) | BIT(OBE_E_CLOSED) | BIT(OBE_E_PEER_CLOSED) | BIT(OBE_E_RESET) |
         BIT(OBE_E_HANDLE) | BIT(OBE_E_STATE),
     {0}},
    {"disturber", FINE | BIT(OBE_E_HANDLE) | BIT(OBE_E_IN_USE), {0}},
};

static void note_status(int line, enum role role, const char *call, const void *handle, obe_status status)
{
    int i = status == OBE_OK ? 0 : -8000 - status;

    if (i < 0 || i >= STATUSES || !(status_counts[role].expected >> i & 1))
        check_failed(__FILE__, line, "%s, %s: %d (%s) is not expected; the last error is \"%s\"",
                     status_counts[role].name, call, (int)status, obe_strerror(status), last_error(handle));
    __atomic_add_fetch(&status_counts[role].counts[i], 1, __ATOMIC_RELAXED);
}

#define STATUS(role, call, handle, status) note_status(__LINE__, role, call, handle, status)

static void print_statuses(void)
{
    int role, i;

    for (role = 0; role < ROLES; role++) {
        printf("%s:", status_counts[role].name);
        for (i = 0; i < STATUSES; i++)
            if (status_counts[role].counts[i])
                printf(" %d: %" PRId64, i ? -8000 - i : 0, status_counts[role].counts[i]);
        printf("\n");
    }
}

/* ---- pauses ---- */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int requested, paused, over;
} pauses = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, 0};

static int pausing_threads; /* threads that take part */

static int pause_requested(void) { return __atomic_load_n(&pauses.requested, __ATOMIC_ACQUIRE); }
static int over(void) { return __atomic_load_n(&pauses.over, __ATOMIC_ACQUIRE); }

static void pause_here(void)
{
    CHECK(pthread_mutex_lock(&pauses.lock) == 0);
    pauses.paused++;
    while (pauses.requested)
        CHECK(pthread_cond_wait(&pauses.changed, &pauses.lock) == 0);
    pauses.paused--;
    CHECK(pthread_mutex_unlock(&pauses.lock) == 0);
}

static int paused(void)
{
    int n;

    CHECK(pthread_mutex_lock(&pauses.lock) == 0);
    n = pauses.paused;
    CHECK(pthread_mutex_unlock(&pauses.lock) == 0);
    return n;
}

static void pause_begin(void)
{
    int64_t deadline = now_ms() + 2 * LONG;

    __atomic_store_n(&pauses.requested, 1, __ATOMIC_RELEASE);
    while (paused() < pausing_threads) {
        if (now_ms() > deadline)
            check_failed(__FILE__, __LINE__, "only %d threads of %d have paused", paused(), pausing_threads);
        pause_ms(1);
    }
}

static void pause_end(int for_good)
{
    CHECK(pthread_mutex_lock(&pauses.lock) == 0);
    __atomic_store_n(&pauses.over, for_good, __ATOMIC_RELEASE);
    __atomic_store_n(&pauses.requested, 0, __ATOMIC_RELEASE);
    CHECK(pthread_cond_broadcast(&pauses.changed) == 0);
    CHECK(pthread_mutex_unlock(&pauses.lock) == 0);
    while (!for_good && paused() > 0)
        pause_ms(1);
}

/* ---- servers ---- */

static void free_expected(enum role role, obe_socket handle) { STATUS(role, "free", 0, obe_free(handle)); }

/* Records that a server received a command, and that it did not before. */
static void record_received(const struct note *command)
{
    int64_t *slot, before;

    CHECK(command->client >= 0 && command->client < CLIENTS && command->number > 0);
    slot = &clients[command->client].received[command->number % WINDOW];
    before = __atomic_load_n(slot, __ATOMIC_ACQUIRE);
    do {
        if (before == command->number)
            check_failed(__FILE__, __LINE__, "command %" PRId64 " of client %" PRId64 " was received twice",
                         command->number, command->client);
    } while (before < command->number &&
             !__atomic_compare_exchange_n(slot, &before, command->number, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
}

static enum role server_role(const struct worker *h) { return h->server->undisturbed ? UNDISTURBED_SERVER : SERVER; }

static void answer_text(struct worker *h, obe_socket server)
{
    note_read_text(h->in);
    record_received(h->in);
    if (h->server->mode == REPORTS)
        return;
    note_reply(h->out, h->in, &h->dice);
    note_write_text(h->out);
    STATUS(server_role(h), "send", server, obe_send(server, h->out->text, h->out->length, LONG));
}

static void answer_message(struct worker *h, obe_message request)
{
    obe_message reply;

    note_read_message(h->in, request);
    record_received(h->in);
    note_reply(h->out, h->in, &h->dice);
    if (roll(h, 2)) {
        note_write_text(h->out);
        STATUS(server_role(h), "reply", request, obe_reply(request, h->out->text, h->out->length, LONG));
        return;
    }
    reply = note_write_message(h->out);
    STATUS(server_role(h), "reply_message", request, obe_reply_message(request, reply, LONG));
    CHECK_OK(reply, obe_message_free(reply));
}

static void handler(obe_message request, void *user) { answer_message(user, request); }

static void answer_and_free(struct worker *h, obe_message request)
{
    if (!request)
        return;
    if (h->server->undisturbed || roll(h, 50))
        answer_message(h, request);
    CHECK_OK(request, obe_message_free(request));
}

static obe_status serve_text(struct worker *h, obe_socket server)
{
    obe_status status =
        obe_receive(server, h->in->text, ROOM, &h->in->length, h->server->undisturbed ? OBE_FOREVER : BRIEF);

    if (status == OBE_OK)
        answer_text(h, server);
    return status;
}

static obe_status serve_served(struct worker *h, obe_socket server) { return obe_serve(server, handler, h, NULL); }

/* Holds requests back, so that they are answered in another order, and also by the server's other thread. */
static obe_status serve_holding(struct worker *h, obe_socket server)
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
    static obe_status (*const serve_modes[])(struct worker *, obe_socket) = {serve_text, serve_served, serve_holding,
                                                                             serve_text};
    struct worker *h = argument;

    for (;;) {
        obe_socket server = look(&h->server->handle);
        obe_status status;

        if (!server && over())
            break;
        if (!server) { /* it is being restarted */
            pause_ms(1);
            continue;
        }
        status = serve_modes[h->server->mode](h, server);
        if (over() && (status == OBE_E_CLOSED || status == OBE_E_HANDLE))
            break;
        STATUS(server_role(h), "receive or serve", server, status);
    }
    return NULL;
}

static void server_start(struct server *s)
{
    obe_socket server = 0;
    int32_t port = __atomic_load_n(&s->port, __ATOMIC_ACQUIRE);
    obe_status status = obe_server_new(NULL, port, &server);

    STATUS(DISTURBER, "server_new", 0, status);
    if (status == OBE_E_IN_USE) /* the system has given the port to a connection */
        CHECK_OK(0, obe_server_new(NULL, 0, &server));
    __atomic_store_n(&s->port, port_of(server), __ATOMIC_RELEASE);
    if (s->mode == REPORTS)
        CHECK_OK(server, obe_set_option(server, OBE_OPT_ONE_WAY, "1"));
    (void)swap(&s->handle, server);
}

/* ---- clients ---- */

static int is_undisturbed(const struct worker *h) { return h->index < REPORTERS; }
static enum role client_role(const struct worker *h) { return is_undisturbed(h) ? UNDISTURBED_CLIENT : CLIENT; }

static int64_t client_timeout(struct worker *h)
{
    return is_undisturbed(h) ? LONG : roll(h, 4) ? LONG / 10 : roll(h, BRIEF);
}

static void client_renew(struct worker *h)
{
    obe_socket old = swap(&h->client->handle, NULL), client = 0;

    if (old)
        free_expected(client_role(h), old);
    h->server = h->index >= REPORTERS     ? &servers[UNDISTURBED_SERVERS + roll(h, SERVERS - UNDISTURBED_SERVERS)]
                : h->index >= UNDISTURBED ? &servers[UNDISTURBED_SERVERS - 1]
                                          : &servers[roll(h, UNDISTURBED_SERVERS - 1)];
    CHECK_OK(0, obe_client_new(NULL, __atomic_load_n(&h->server->port, __ATOMIC_ACQUIRE), &client));
    CHECK_OK(client, obe_set_option(client, OBE_OPT_PERSISTENT, roll(h, 2) ? "1" : "0"));
    if (!is_undisturbed(h))
        CHECK_OK(client, obe_set_option(client, "late_reply", roll(h, 2) ? "1" : "0"));
    h->unread = 0;
    (void)swap(&h->client->handle, client);
}

/* The reply in h->in is the right one, and a server has received its command. */
static void check_reply(struct worker *h)
{
    note_match(h->in, h->out);
    CHECK_EQUAL(h->number, __atomic_load_n(&h->client->received[h->number % WINDOW], __ATOMIC_ACQUIRE));
}

/* Receives the reply to the last command, as text or as a message. */
static obe_status receive_reply(struct worker *h, obe_socket client, int64_t timeout)
{
    obe_message reply = 0;
    obe_status status;

    if (roll(h, 2)) {
        status = obe_receive(client, h->in->text, ROOM, &h->in->length, timeout);
        STATUS(client_role(h), "receive", client, status);
        if (status == OBE_OK) {
            note_read_text(h->in);
            check_reply(h);
        }
        return status;
    }
    status = obe_receive_message(client, &reply, timeout);
    STATUS(client_role(h), "receive_message", client, status);
    if (status == OBE_OK) {
        note_read_message(h->in, reply);
        check_reply(h);
        CHECK_OK(reply, obe_message_free(reply));
    }
    return status;
}

/* A command that was cancelled before it was sent leaves the connection open. The earlier reply may still arrive. */
static int still_unread(const struct worker *h, obe_status status) { return h->unread && status == OBE_E_CANCELLED; }

static void exchange_text(struct worker *h, obe_socket client)
{
    int64_t capacity = roll(h, 16) ? ROOM : roll(h, 50);
    obe_status status;

    note_write_text(h->out);
    status = obe_tcmd(client, h->out->text, h->out->length, h->in->text, capacity, &h->in->length, client_timeout(h));
    STATUS(client_role(h), "tcmd", client, status);
    h->unread = still_unread(h, status);
    if (status == OBE_OK) {
        note_read_text(h->in);
        check_reply(h);
    } else if (status == OBE_E_BUFFER) { /* nothing was lost */
        h->unread = receive_reply(h, client, OBE_NO_WAIT) != OBE_OK;
    } else if (status == OBE_E_TIMEOUT) { /* option late_reply */
        receive_reply(h, client, LONG / 10);
    }
}

static void exchange_message(struct worker *h, obe_socket client)
{
    obe_message command = note_write_message(h->out), reply = 0;
    obe_status status = obe_tcmd_message(client, command, &reply, client_timeout(h));

    STATUS(client_role(h), "tcmd_message", client, status);
    h->unread = still_unread(h, status);
    CHECK_OK(command, obe_message_free(command));
    if (status == OBE_OK) {
        note_read_message(h->in, reply);
        check_reply(h);
        CHECK_OK(reply, obe_message_free(reply));
    }
}

static obe_status send_alone(struct worker *h, obe_socket client)
{
    obe_message command;
    obe_status status;

    if (roll(h, 2)) {
        note_write_text(h->out);
        status = obe_send(client, h->out->text, h->out->length, client_timeout(h));
    } else {
        command = note_write_message(h->out);
        status = obe_send_message(client, command, client_timeout(h));
        CHECK_OK(command, obe_message_free(command));
    }
    STATUS(client_role(h), "send", client, status);
    return status;
}

/* A send and a separate receive. A reply that was not received may arrive later, and must not answer the next command. */
static void exchange_apart(struct worker *h, obe_socket client)
{
    if (send_alone(h, client) != OBE_OK)
        return;
    if (roll(h, 2) && !is_undisturbed(h))
        h->unread = 1;
    else
        h->unread = receive_reply(h, client, client_timeout(h)) != OBE_OK;
}

static void client_round(struct worker *h)
{
    obe_socket client = look(&h->client->handle);

    if (!client || !roll(h, 200)) {
        client_renew(h);
        client = look(&h->client->handle);
    }
    note_command(h->out, h->index, ++h->number, &h->dice);
    if (h->server->undisturbed)
        __atomic_add_fetch(&h->server->expected, 1, __ATOMIC_RELAXED);
    if (h->server->mode == REPORTS) {
        send_alone(h, client);
        return;
    }
    switch (roll(h, h->unread ? 2 : 3)) {
    case 0: exchange_text(h, client); break;
    case 1: exchange_message(h, client); break;
    default: exchange_apart(h, client);
    }
}

static void *client_body(void *argument)
{
    struct worker *h = argument;
    obe_socket last;

    while (!over()) {
        client_round(h);
        if (!pause_requested())
            continue;
        last = look(&h->client->handle);
        if (last)
            STATUS(client_role(h), "close", last, obe_close(last));
        h->unread = 0;
        pause_here();
    }
    last = swap(&h->client->handle, NULL);
    if (last)
        free_expected(client_role(h), last);
    return NULL;
}

/* ---- disturbances ---- */

/* Calls obe_cancel, obe_close or obe_free, or restarts a server. */
static void disturb(struct worker *h)
{
    struct server *s = &servers[UNDISTURBED_SERVERS + roll(h, SERVERS - UNDISTURBED_SERVERS)];
    struct client *c = &clients[REPORTERS + roll(h, CLIENTS - REPORTERS)];
    obe_socket handle = roll(h, 4) ? look(&c->handle) : look(&s->handle);

    if (!handle)
        return;
    switch (roll(h, 40)) {
    case 0:
        handle = swap(&s->handle, NULL);
        if (handle) {
            free_expected(DISTURBER, handle);
            server_start(s);
        }
        break;
    case 1:
    case 2:
    case 3:
        handle = swap(&c->handle, NULL);
        if (handle)
            free_expected(DISTURBER, handle);
        break;
    case 4:
    case 5:
    case 6:
    case 7:
    case 8: STATUS(DISTURBER, "close", handle, obe_close(handle)); break;
    default: STATUS(DISTURBER, "cancel", handle, obe_cancel(handle));
    }
}

static void *disturber_body(void *argument)
{
    struct worker *h = argument;

    while (!over()) {
        disturb(h);
        pause_ms(roll(h, BRIEF));
        if (pause_requested())
            pause_here();
    }
    return NULL;
}

/* A connection on a plain socket that breaks off. */
static void stranger_round(struct worker *h)
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
        send(fd, begin, strlen(begin), MSG_NOSIGNAL); /* the server may have been freed */
        pause_ms(roll(h, BRIEF));
    }
    if (roll(h, 2))
        raw_reset(fd);
    else
        socket_close(fd);
}

static void *stranger_body(void *argument)
{
    struct worker *h = argument;

    while (!over()) {
        stranger_round(h);
        if (pause_requested())
            pause_here();
    }
    return NULL;
}

/* ---- the test ---- */

static uint64_t seed;
static struct worker workers[CLIENTS + WORKERS + DISTURBERS + STRANGERS];
static pthread_t threads[LENGTH(workers)];
static int worker_count;

static void worker_start(void *(*body)(void *), int index, struct server *s, struct client *c)
{
    struct worker *h = &workers[worker_count];

    h->index = index;
    h->server = s;
    h->client = c;
    h->dice = (seed + 1) * 0x9E3779B97F4A7C15u + (uint64_t)worker_count * 0xD1B54A32D192ED03u;
    h->dice |= !h->dice;
    if (s || c) {
        h->in = note_new();
        h->out = note_new();
    }
    pausing_threads += !s;
    threads[worker_count++] = start_thread(body, h);
}

/* The handles that are live during a pause. */
static int64_t handles_in_use(void)
{
    int64_t n = SERVERS;
    int i;

    for (i = 0; i < CLIENTS; i++)
        n += look(&clients[i].handle) != 0;
    return n;
}

/* The checks during a pause. */
static void check_paused(void)
{
    int i;

    CHECK_EVENTUALLY(obe_test_live() == handles_in_use()); /* requests that were held back are answered soon */

    for (i = 0; i < SERVERS; i++) {
        struct server *s = &servers[i];

        if (s->undisturbed)
            CHECK_EVENTUALLY(stat_of(s->handle, OBE_STAT_MESSAGES_RECEIVED) >= s->expected);
        CHECK_EVENTUALLY(stat_of(s->handle, OBE_STAT_CONNECTIONS_OPEN) == 0);
        if (!s->undisturbed)
            continue;
        CHECK_EQUAL(s->expected, stat_of(s->handle, OBE_STAT_MESSAGES_RECEIVED));
        CHECK_EQUAL(s->mode == REPORTS ? 0 : s->expected, stat_of(s->handle, OBE_STAT_MESSAGES_SENT));
        CHECK_EQUAL(0, stat_of(s->handle, OBE_STAT_EVICTED));
        CHECK_EQUAL(0, stat_of(s->handle, OBE_STAT_DROPPED_UNANSWERED));
    }
}

static int64_t commands(void)
{
    int64_t n = 0;
    int i;

    for (i = 0; i < worker_count; i++)
        n += workers[i].number;
    return n;
}

int main(int argc, char **argv)
{
    int64_t began = now_ms(), last, warm;
    int i, descriptors, seconds = argc > 1 ? atoi(argv[1]) : 0;

    if (seconds < SHORTEST)
        check_failed(__FILE__, __LINE__, "usage: soak SECONDS [SEED], with %d seconds or more", SHORTEST);
    seed = argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t)time(NULL);
    printf("soak of %d seconds, seed %" PRIu64 "\n", seconds, seed);
    fflush(stdout);
    descriptors = process_descriptors();

    for (i = 0; i < SERVERS; i++) {
        server_start(&servers[i]);
        worker_start(server_body, i, &servers[i], NULL);
        if (servers[i].mode == SERVED || servers[i].mode == HOLDING)
            worker_start(server_body, i, &servers[i], NULL);
    }
    for (i = 0; i < CLIENTS; i++)
        worker_start(client_body, i, NULL, &clients[i]);
    for (i = 0; i < DISTURBERS; i++)
        worker_start(disturber_body, i, NULL, NULL);
    for (i = 0; i < STRANGERS; i++)
        worker_start(stranger_body, i, NULL, NULL);

    last = began + (int64_t)seconds * 1000;
    warm = began + (seconds > 4 * WARM_UP / 1000 ? (int64_t)seconds * 250 : WARM_UP);
    while (now_ms() < last) {
        pause_ms(PAUSE_PERIOD);
        pause_begin();
        check_paused();
        if (now_ms() >= warm)
            gauges_sample();
        pause_end(now_ms() >= last);
    }

    for (i = 0; i < SERVERS; i++)
        free_expected(DISTURBER, swap(&servers[i].handle, NULL));
    for (i = 0; i < worker_count; i++)
        join_thread(threads[i]);
    print_statuses();
    gauges_check();
    CHECK_EQUAL(0, obe_test_live());
    CHECK_EVENTUALLY(process_descriptors() <= descriptors + 8); /* Go's runtime keeps some */
    printf("\n%" PRId64 " commands in %" PRId64 " s; no reply lost or mistaken, no command received twice\n",
           commands(), (now_ms() - began) / 1000);
    return 0;
}
