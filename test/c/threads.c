/* Eight threads call every kind of function on shared handles, and free them while other threads use them. There must be
 * no crash and no data race (the program also runs with the race detector), and each call returns a plausible status.
 *
 *     threads MILLISECONDS */
#include "check.h"

enum {
    THREADS = 8,
    SERVERS = 2,
    CLIENTS = 4,
    MESSAGES = 4,
    BRIEF = 5 * SLOWNESS * PATIENCE /* ms, the longest timeout */
};

/* Shared by the threads, and accessed atomically. The thread that takes a handle out of its slot frees it. */
static obe_socket servers[SERVERS], clients[CLIENTS];
static obe_message messages[MESSAGES], requests[MESSAGES];
static int32_t ports[SERVERS];
static int over;

/* The state of one thread. */
struct worker {
    uint64_t dice;
    char text[256];
    double numbers[16];
    int64_t length;
    volatile int stop; /* of obe_serve */
};

static int roll(struct worker *h, int sides) { return (int)(random_next(&h->dice) % (uint64_t)sides); }
static int64_t timeout(struct worker *h) { return roll(h, 2) ? roll(h, BRIEF) : 0; }

#define look(slot) __atomic_load_n((slot), __ATOMIC_ACQUIRE)
#define swap(slot, handle) __atomic_exchange_n((slot), (handle), __ATOMIC_ACQ_REL)

static obe_socket a_server(struct worker *h) { return look(&servers[roll(h, SERVERS)]); }
static obe_socket a_client(struct worker *h) { return look(&clients[roll(h, CLIENTS)]); }
static obe_message a_message(struct worker *h) { return look(&messages[roll(h, MESSAGES)]); }
static obe_message a_request(struct worker *h) { return look(&requests[roll(h, MESSAGES)]); }

static obe_socket a_socket(struct worker *h) { return roll(h, 2) ? a_server(h) : a_client(h); }
static const void *anything(struct worker *h)
{
    switch (roll(h, 4)) {
    case 0: return a_server(h);
    case 1: return a_client(h);
    case 2: return a_message(h);
    }
    return a_request(h);
}

/* ---- operations ---- */

static obe_status free_socket(obe_socket old)
{
    obe_status status = obe_free(old);

    CHECK(status == OBE_OK || status == OBE_E_HANDLE);
    return status;
}

static obe_status free_message(obe_message old)
{
    obe_status status = obe_message_free(old);

    CHECK(status == OBE_OK || status == OBE_E_HANDLE);
    return status;
}

static obe_status replace_server(struct worker *h)
{
    int i = roll(h, SERVERS);
    obe_socket server = 0;
    int32_t port = 0;

    CHECK_OK(0, obe_server_new(NULL, 0, &server));
    CHECK_OK(0, obe_port(server, &port));
    __atomic_store_n(&ports[i], port, __ATOMIC_RELEASE);
    return free_socket(swap(&servers[i], server));
}

static obe_status replace_client(struct worker *h)
{
    int i = roll(h, CLIENTS);
    obe_socket client = 0;

    CHECK_OK(0, obe_client_new(NULL, __atomic_load_n(&ports[i % SERVERS], __ATOMIC_ACQUIRE), &client));
    if (i % 2)
        CHECK_OK(0, obe_set_option(client, OBE_OPT_PERSISTENT, "1"));
    return free_socket(swap(&clients[i], client));
}

static obe_status replace_message(struct worker *h)
{
    obe_message message = 0;

    CHECK_OK(0, roll(h, 2) ? obe_command_new("optset", &message)
                           : obe_message_new("{\"command\": \"optset\", \"x\": [1, 2.5]}", -1, &message));
    return free_message(swap(&messages[roll(h, MESSAGES)], message));
}

/* A free of a handle that stays in its slot: other threads continue to use it, and free it again. */
static obe_status do_message_free(struct worker *h)
{
    return obe_message_free(roll(h, 50) ? a_request(h) : a_message(h));
}

/* One in 50 frees a socket, the others pass a handle of the other kind, which frees nothing. An empty slot is NULL. */
static obe_status do_free(struct worker *h)
{
    obe_message message = a_message(h);
    obe_socket socket = a_socket(h);

    if (!roll(h, 50))
        return obe_free(socket);
    CHECK(obe_free((obe_socket)message) == OBE_E_HANDLE || !message);
    CHECK(obe_message_free((obe_message)socket) == OBE_E_HANDLE || !socket);
    return OBE_E_HANDLE;
}

static obe_status do_close(struct worker *h) { return roll(h, 5) ? OBE_OK : obe_close(a_socket(h)); }
static obe_status do_cancel(struct worker *h) { return roll(h, 5) ? OBE_OK : obe_cancel(a_socket(h)); }

static obe_status do_send(struct worker *h) { return obe_send(a_socket(h), "[1, 2.5]", -1, timeout(h)); }

static obe_status do_receive(struct worker *h)
{
    return obe_receive(a_socket(h), h->text, roll(h, 4) ? (int)sizeof h->text : 2, &h->length, timeout(h));
}

static obe_status do_tcmd(struct worker *h)
{
    return obe_tcmd(a_client(h), "{\"command\": \"optset\"}", -1, h->text, roll(h, 4) ? (int)sizeof h->text : 2,
                    &h->length, timeout(h));
}

static obe_status do_wait_ready(struct worker *h) { return obe_wait_ready(a_client(h), timeout(h)); }
static obe_status do_ready(struct worker *h) { return obe_ready(a_client(h), timeout(h)); }

static obe_status do_optset(struct worker *h)
{
    return obe_optset(a_client(h), h->numbers, LENGTH(h->numbers), &h->length, timeout(h));
}

static obe_status do_newdat(struct worker *h)
{
    double x[] = {1, 2};

    return obe_newdat(a_client(h), x, 2, x, 2, x, 2, timeout(h));
}

static obe_status do_port(struct worker *h)
{
    int32_t port;

    return obe_port(a_socket(h), &port);
}

static obe_status do_set_option(struct worker *h)
{
    static const char *const options[][2] = {
        {OBE_OPT_TIMEOUT_MS, "5"},
        {OBE_OPT_PERSISTENT, "0"},
        {OBE_OPT_PERSISTENT, "1"},
        {OBE_OPT_MAX_CONNECTIONS, "3"},
        {OBE_OPT_ONE_WAY, "1"},
        {OBE_OPT_ONE_WAY, "0"},
        {OBE_OPT_KEEPALIVE, "5"},
        {OBE_OPT_MESSAGE_TIMEOUT_MS, "20"},
        {OBE_OPT_FIELDS, "{\"instrument\": [1, 2]}"},
        {OBE_OPT_FIELDS, ""},
    };
    int i = roll(h, LENGTH(options));

    return obe_set_option(a_socket(h), options[i][0], options[i][1]);
}

static obe_status do_get_option(struct worker *h)
{
    static const char *const names[] = {OBE_OPT_LOCAL, "peer", "timeout_ms"};

    return obe_get_option(a_socket(h), names[roll(h, 3)], h->text, sizeof h->text, &h->length);
}

static obe_status do_stats(struct worker *h) { return obe_get_stat(a_socket(h), OBE_STAT_MESSAGES_SENT, &h->length); }

static obe_status do_last_error(struct worker *h)
{
    return obe_last_error(roll(h, 3) ? anything(h) : NULL, h->text, sizeof h->text, &h->length);
}

static obe_status do_set(struct worker *h)
{
    obe_message message = a_message(h);

    switch (roll(h, 4)) {
    case 0: return obe_set_int(message, "n", roll(h, 100));
    case 1: return obe_set_string(message, "s", "text", -1);
    case 2: return obe_set_doubles(message, "x", h->numbers, 3);
    }
    return obe_set_json(message, "j", "{\"deep\": [1]}", -1);
}

static obe_status do_get(struct worker *h)
{
    obe_message message = roll(h, 2) ? a_message(h) : a_request(h);
    int32_t type;
    double value;

    switch (roll(h, 6)) {
    case 0: return obe_get_double(message, "/x/1", &value);
    case 1: return obe_get_string(message, "/command", h->text, sizeof h->text, &h->length);
    case 2: return obe_get_doubles(message, "/x", h->numbers, LENGTH(h->numbers), &h->length);
    case 3: return obe_get_json(message, "", h->text, sizeof h->text, &h->length);
    case 4: return obe_get_count(message, "", &h->length);
    }
    return obe_get_type(message, "/x", &type);
}

static obe_status do_send_message(struct worker *h) { return obe_send_message(a_socket(h), a_message(h), timeout(h)); }

static obe_status do_receive_message(struct worker *h)
{
    obe_message request = 0;
    obe_status status = obe_receive_message(a_socket(h), &request, timeout(h));

    if (status == OBE_OK)
        free_message(swap(&requests[roll(h, MESSAGES)], request));
    return status;
}

static obe_status do_tcmd_message(struct worker *h)
{
    obe_message reply = 0;
    obe_status status = obe_tcmd_message(a_client(h), a_message(h), &reply, timeout(h));

    if (status == OBE_OK)
        free_message(swap(&messages[roll(h, MESSAGES)], reply));
    return status;
}

static obe_status do_query(struct worker *h)
{
    obe_message reply = 0;
    obe_status status = obe_query(a_client(h), "optset", roll(h, 2) ? NULL : a_message(h), &reply, timeout(h));

    if (status == OBE_OK)
        free_message(swap(&messages[roll(h, MESSAGES)], reply));
    return status;
}

static obe_status do_check_reply(struct worker *h) { return obe_check_reply(a_message(h), "optset"); }

static obe_status do_reply(struct worker *h) { return obe_reply(a_request(h), "[1, 2.5]", -1, timeout(h)); }
static obe_status do_reply_message(struct worker *h)
{
    return obe_reply_message(a_request(h), a_message(h), timeout(h));
}

static obe_status do_message_peer(struct worker *h)
{
    return obe_message_peer(a_request(h), h->text, sizeof h->text, &h->length);
}

/* A reply that is valid for one command or another. */
static const char *answer(struct worker *h) { return roll(h, 2) ? "[1, 2.5]" : "\"OK\""; }

/* The most frequent operation, so that clients get replies. */
static obe_status do_answer(struct worker *h)
{
    obe_socket server = a_server(h);
    obe_status status = obe_receive(server, h->text, sizeof h->text, &h->length, BRIEF);

    return status == OBE_OK ? obe_send(server, answer(h), -1, BRIEF) : status;
}

static void handle(obe_message request, void *user)
{
    struct worker *h = user;
    obe_status status = obe_reply(request, answer(h), -1, BRIEF);

    CHECK(status != OBE_E_HANDLE && status != OBE_E_ARGUMENT && status != OBE_E_INTERNAL);
    if (!roll(h, 10))
        h->stop = 1;
}

/* obe_serve has no timeout: a free, close or cancel on another thread ends it, or the handler. At most two threads serve at
 * the same time, so that not all of them wait. */
static obe_status do_serve(struct worker *h)
{
    static int serving; /* atomic */
    obe_status status = OBE_E_BUSY;

    h->stop = 0;
    if (__atomic_add_fetch(&serving, 1, __ATOMIC_RELAXED) <= 2)
        status = obe_serve(a_server(h), handle, h, &h->stop);
    __atomic_sub_fetch(&serving, 1, __ATOMIC_RELAXED);
    return status;
}

/* ---- plausible statuses ---- */

/* Of calls that only read or set something. */
#define PLAIN OBE_OK, OBE_E_HANDLE, OBE_E_CLOSED
/* Of calls that send or receive. */
#define TRANSFER \
    PLAIN, OBE_E_TIMEOUT, OBE_E_CANCELLED, OBE_E_PEER_CLOSED, OBE_E_RESET, OBE_E_REFUSED, OBE_E_BUSY, OBE_E_STATE
/* Of calls that read messages: their contents depend on which thread was faster. */
#define READ PLAIN, OBE_E_NOT_FOUND, OBE_E_TYPE, OBE_E_BUFFER

static const struct operation {
    const char *name;
    obe_status (*run)(struct worker *);
    int weight;
    obe_status plausible[16]; /* ends with 1 */
} operations[] = {
    {"obe_server_new", replace_server, 1, {PLAIN, 1}},
    {"obe_client_new", replace_client, 3, {PLAIN, 1}},
    {"obe_message_new", replace_message, 3, {PLAIN, 1}},
    {"obe_free", do_free, 4, {OBE_OK, OBE_E_HANDLE, 1}},
    {"obe_message_free", do_message_free, 2, {OBE_OK, OBE_E_HANDLE, 1}},
    {"obe_close", do_close, 2, {PLAIN, 1}},
    {"obe_cancel", do_cancel, 2, {PLAIN, 1}},
    {"obe_send", do_send, 4, {TRANSFER, 1}},
    {"obe_receive", do_receive, 4, {TRANSFER, OBE_E_BUFFER, 1}},
    {"obe_tcmd", do_tcmd, 6, {TRANSFER, OBE_E_BUFFER, 1}},
    {"obe_wait_ready", do_wait_ready, 2, {TRANSFER, 1}},
    {"obe_ready", do_ready, 2, {TRANSFER, OBE_E_REPLY, 1}},
    {"obe_optset", do_optset, 4, {TRANSFER, OBE_E_BUFFER, OBE_E_REPLY, 1}},
    {"obe_newdat", do_newdat, 2, {TRANSFER, OBE_E_REPLY, 1}},
    {"obe_port", do_port, 1, {PLAIN, OBE_E_STATE, 1}},
    {"obe_set_option", do_set_option, 2, {PLAIN, 1}},
    {"obe_get_option", do_get_option, 2, {PLAIN, 1}},
    {"obe_get_stat", do_stats, 2, {PLAIN, 1}},
    {"obe_last_error", do_last_error, 2, {PLAIN, OBE_E_BUFFER, 1}},
    {"obe_set_int and others", do_set, 3, {PLAIN, OBE_E_STATE, OBE_E_TYPE, 1}},
    {"obe_get_double and others", do_get, 4, {READ, 1}},
    {"obe_send_message", do_send_message, 3, {TRANSFER, 1}},
    {"obe_receive_message", do_receive_message, 4, {TRANSFER, 1}},
    {"obe_tcmd_message", do_tcmd_message, 4, {TRANSFER, 1}},
    {"obe_query", do_query, 4, {TRANSFER, OBE_E_REPLY, OBE_E_TYPE, 1}},
    {"obe_check_reply", do_check_reply, 2, {PLAIN, OBE_E_REPLY, 1}},
    {"obe_reply", do_reply, 4, {TRANSFER, 1}},
    {"obe_reply_message", do_reply_message, 2, {TRANSFER, 1}},
    {"obe_message_peer", do_message_peer, 2, {PLAIN, OBE_E_STATE, 1}},
    {"obe_receive and obe_send", do_answer, 16, {TRANSFER, OBE_E_BUFFER, 1}},
    {"obe_serve", do_serve, 4, {TRANSFER, 1}},
};

static int succeeded[LENGTH(operations)]; /* how often each returned OBE_OK; atomic */

static void *work(void *seed)
{
    struct worker h;
    int total = 0, i;

    memset(&h, 0, sizeof h);
    h.dice = 88172645463325252u + 1000003u * *(unsigned *)seed;
    for (i = 0; i < LENGTH(operations); i++)
        total += operations[i].weight;
    while (!__atomic_load_n(&over, __ATOMIC_RELAXED)) {
        int at = roll(&h, total), k = 0;
        obe_status status;

        for (i = 0; at >= operations[i].weight; i++)
            at -= operations[i].weight;
        status = operations[i].run(&h);
        if (status == OBE_OK)
            __atomic_add_fetch(&succeeded[i], 1, __ATOMIC_RELAXED);
        while (operations[i].plausible[k] != 1 && operations[i].plausible[k] != status)
            k++;
        if (operations[i].plausible[k] == 1)
            check_failed(__FILE__, __LINE__, "%s returned %d (%s)", operations[i].name, (int)status,
                         obe_strerror(status));
    }
    return NULL;
}

static int milliseconds;

static int all_succeeded(void)
{
    int i;

    for (i = 0; i < LENGTH(operations); i++)
        if (__atomic_load_n(&succeeded[i], __ATOMIC_RELAXED) == 0)
            return 0;
    return 1;
}

static void all_operations(void)
{
    static unsigned seeds[THREADS];
    pthread_t threads[THREADS];
    struct worker h;
    int i;

    memset(&h, 0, sizeof h);
    h.dice = 1;
    for (i = 0; i < SERVERS; i++) {
        servers[i] = new_server();
        ports[i] = port_of(servers[i]);
    }
    for (i = 0; i < CLIENTS; i++)
        clients[i] = new_client(ports[i % SERVERS]);
    for (i = 0; i < MESSAGES; i++)
        CHECK_OK(0, obe_command_new("optset", &messages[i]));
    for (i = 0; i < THREADS; i++) {
        seeds[i] = (unsigned)i;
        threads[i] = start_thread(work, &seeds[i]);
    }
    pause_ms(milliseconds);
    CHECK_EVENTUALLY(all_succeeded());
    __atomic_store_n(&over, 1, __ATOMIC_RELAXED);
    for (i = 0; i < SERVERS; i++)
        free_socket(swap(&servers[i], NULL));
    for (i = 0; i < CLIENTS; i++)
        free_socket(swap(&clients[i], NULL));
    for (i = 0; i < THREADS; i++)
        join_thread(threads[i]);
    /* A thread may have put another handle into a slot. */
    for (i = 0; i < SERVERS; i++)
        free_socket(swap(&servers[i], NULL));
    for (i = 0; i < CLIENTS; i++)
        free_socket(swap(&clients[i], NULL));
    for (i = 0; i < MESSAGES; i++) {
        free_message(swap(&messages[i], NULL));
        free_message(swap(&requests[i], NULL));
    }
    CHECK_EQUAL(0, obe_test_live());
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    milliseconds = atoi(argv[1]);
    RUN(all_operations);
    return 0;
}
