/* A libFuzzer target: an input is a list of calls of the C ABI, on live handles, freed handles and arbitrary values, which
 * three threads make at the same time. No call may crash, hang, or write outside its results. A call that fails does not
 * write to its results. After all handles are freed, no handle is live.
 *
 * Each call is encoded in six bytes of the input: the call, its handle, another handle or the slot for a new one, the text,
 * the name, and the numbers. Thread i makes every third call, beginning with the i-th. */
#include "platform.h"

#include <stdlib.h>

/* A failed check raises a signal, so that libFuzzer saves the input. Only one thread may do that: a second signal would end
 * the process before the input is saved. */
static inline void abort_once(int status)
{
    static int aborting; /* atomic */

    if (status && __atomic_exchange_n(&aborting, 1, __ATOMIC_ACQ_REL))
        for (;;)
            pause();
    abort();
}

#define exit(status) abort_once(status)

#include "check.h"
#include "commands.h"

enum {
    THREADS = 3,
    SLOTS = 8, /* handles that the threads share */
    CALL = 6,  /* bytes of the input for each call */
    MOST = 64, /* calls in an input */
    BRIEF = 3, /* ms */
    GUARD = 0x5A
};

static void *slots[SLOTS], *stale[SLOTS]; /* atomic; live handles, and freed ones */
static int32_t port = 1;                  /* atomic: of the last server */

static const char *const texts[] = {"1",
                                    "\"OK\"",
                                    "{\"command\": \"optset\"}",
                                    "[1.5, 2, NaN]",
                                    "[[1, 2], [3, 4]]",
                                    "{\"a\": {\"b/c\": [1, {\"~\": \"\\ud800\"}]}, \"a\": [2.5, 3]}",
                                    "[1, 2",
                                    "\xff\xfe",
                                    "",
                                    "[[[[[[[[]]]]]]]]",
                                    "-0e999",
                                    "{\"a\": 123456789012345678901234567890}",
                                    NULL};
static const char *const names[] = {"",
                                    "/",
                                    "/a",
                                    "/a/b~1c/0",
                                    "/0",
                                    "/1/1",
                                    "a",
                                    "~",
                                    "/~2",
                                    "/command",
                                    "/x/99999999999999999999",
                                    "\xc3\x28",
                                    "timeout_ms",
                                    "persistent",
                                    "late_reply",
                                    "one_way",
                                    "max_connections",
                                    "max_message",
                                    "message_timeout_ms",
                                    "keepalive",
                                    "local",
                                    "tls",
                                    "allow",
                                    "messages_sent",
                                    NULL};
static const char *const values[] = {"0", "1", "2", "-1", "5", "64", "9999999999", "", "x", "127.0.0.0/8", NULL};
static const int64_t lengths[] = {-1, -1, -1, 0, 1, 2, -2, INT64_MIN};
static const int64_t timeouts[] = {0, 0, 1, BRIEF, BRIEF, OBE_DEFAULT_TIMEOUT, OBE_FOREVER, -3, INT64_MAX};
static const int64_t rooms[] = {24, 24, 8, 1, 0, -1, INT64_MIN};
static const int64_t counts[] = {2, 1, 0, 3, -1, INT64_MIN};

#define PICK(array, byte) ((array)[(byte) % LENGTH(array)])

/* One call. */
struct step {
    const uint8_t *bytes;
    void *h, *other; /* handles */
    const char *json, *name, *value;
    int64_t length, timeout, room, count;
    double number;
    volatile int stop; /* of obe_serve */
    /* The results. */
    obe_socket socket;
    obe_message message;
    struct outputs {
        char text[32];
        double numbers[4];
        int64_t length, cols;
        double number;
        int64_t integer;
        int32_t small;
        int32_t padding;
    } out;
};

static const double input[4] = {1.5, -0.0, 1e300, 25};

#define look(slot) __atomic_load_n((slot), __ATOMIC_ACQUIRE)

/* A handle, or another value. */
static void *handle_of(uint8_t byte)
{
    void *h = look(&slots[byte % SLOTS]);

    switch (byte / SLOTS % 8) {
    case 5: return look(&stale[byte % SLOTS]);
    case 6: return NUMBER_AS_HANDLE((uintptr_t)h + byte / 64 + 1);
    case 7: return NUMBER_AS_HANDLE((uintptr_t)(byte / 64) * 0x7fffffff);
    }
    return h;
}

/* Stores a handle in a slot and frees the previous one, which another call may have freed before. */
static void put(uint8_t byte, void *h)
{
    void *old = __atomic_exchange_n(&slots[byte % SLOTS], h, __ATOMIC_ACQ_REL);

    if (!old)
        return;
    __atomic_store_n(&stale[byte % SLOTS], old, __ATOMIC_RELEASE);
    if (obe_free(old) == OBE_E_HANDLE)
        obe_message_free(old);
}

static obe_handler volatile no_handler;

static void handler(obe_message request, void *user)
{
    struct step *s = user;

    if (s->bytes[5] & 1)
        obe_reply(request, s->json, s->length, BRIEF);
    if (s->bytes[5] & 2)
        obe_message_free(request);
    if (!(s->bytes[5] & 4))
        s->stop = 1;
}

static obe_status create_server(struct step *s)
{
    int32_t chosen;

    CHECK_OK(0, obe_server_new(s->bytes[4] % 2 ? "" : NULL, 0, &s->socket));
    CHECK_OK(s->socket, obe_port(s->socket, &chosen));
    __atomic_store_n(&port, chosen, __ATOMIC_RELEASE);
    return OBE_OK;
}

static obe_status create_client(struct step *s)
{
    return obe_client_new(s->bytes[4] % 2 ? "" : NULL, __atomic_load_n(&port, __ATOMIC_ACQUIRE), &s->socket);
}

#define OK_CALL(X, name) X(obe_##name(s->h, s->timeout))
#define NUMBERS_CALL(X, name, array) X(obe_##name(s->h, s->out.numbers, s->count, &s->out.length, s->timeout))
#define ROWS_CALL(X, name, array) \
    X(obe_##name(s->h, s->out.numbers, s->count, &s->out.length, &s->out.cols, s->timeout))

/* Calls that create a handle store it in socket or message. Some calls are listed twice, so that more inputs exchange
 * messages. New calls are added at the end: inputs that were found before keep their meaning. */
#define EACH_CALL(X) \
    X(create_server(s)) \
    X(create_client(s)) \
    X(obe_client_new(s->json, s->bytes[5] - 300, &s->socket)) \
    X(obe_server_new(s->json, s->bytes[5] - 300, &s->socket)) \
    X(obe_free(s->h)) \
    X(obe_free(look(&stale[s->bytes[1] % SLOTS]))) \
    X(obe_send(s->h, s->json, s->length, s->timeout)) \
    X(obe_receive(s->h, s->out.text, s->room, &s->out.length, s->timeout)) \
    X(obe_tcmd(s->h, s->json, s->length, s->out.text, s->room, &s->out.length, s->timeout)) \
    X(obe_close(s->h)) \
    X(obe_cancel(s->h)) \
    X(obe_wait_ready(s->h, s->timeout)) \
    X(obe_port(s->h, &s->out.small)) \
    X(obe_message_new(s->json, s->length, &s->message)) \
    X(obe_message_new(s->json, -1, &s->message)) \
    X(obe_command_new(s->name, &s->message)) \
    X(obe_set_double(s->h, s->name, s->number)) \
    X(obe_set_int(s->h, s->name, s->length)) \
    X(obe_set_bool(s->h, s->name, s->bytes[5])) \
    X(obe_set_null(s->h, s->name)) \
    X(obe_set_string(s->h, s->name, s->json, s->length)) \
    X(obe_set_doubles(s->h, s->name, input, s->count)) \
    X(obe_set_matrix(s->h, s->name, input, s->count, 1)) \
    X(obe_set_matrix(s->h, s->name, input, 0, s->length)) \
    X(obe_set_json(s->h, s->name, s->json, s->length)) \
    X(obe_get_double(s->h, s->name, &s->out.number)) \
    X(obe_get_int(s->h, s->name, &s->out.integer)) \
    X(obe_get_bool(s->h, s->name, &s->out.small)) \
    X(obe_get_string(s->h, s->name, s->out.text, s->room, &s->out.length)) \
    X(obe_get_json(s->h, s->name, s->out.text, s->room, &s->out.length)) \
    X(obe_get_key(s->h, s->name, s->count, s->out.text, s->room, &s->out.length)) \
    X(obe_get_doubles(s->h, s->name, s->out.numbers, s->count, &s->out.length)) \
    X(obe_get_matrix(s->h, s->name, s->out.numbers, s->count, &s->out.length, &s->out.cols)) \
    X(obe_get_type(s->h, s->name, &s->out.small)) \
    X(obe_get_count(s->h, s->name, &s->out.length)) \
    X(obe_send_message(s->h, s->other, s->timeout)) \
    X(obe_receive_message(s->h, &s->message, s->timeout)) \
    X(obe_tcmd_message(s->h, s->other, &s->message, s->timeout)) \
    X(obe_reply(s->h, s->json, s->length, s->timeout)) \
    X(obe_reply_message(s->h, s->other, s->timeout)) \
    X(obe_message_peer(s->h, s->out.text, s->room, &s->out.length)) \
    X(obe_serve(s->h, handler, s, &s->stop)) \
    X(obe_serve(s->h, no_handler, NULL, NULL)) \
    X(obe_ready(s->h, s->timeout)) \
    X(obe_newrun(s->h, s->other, s->timeout)) \
    X(obe_optset(s->h, s->out.numbers, s->count, &s->out.length, s->timeout)) \
    X(obe_goodset(s->h, s->number, s->out.numbers, s->count, &s->out.length, s->timeout)) \
    X(obe_goodset_ask(s->h, s->number, s->timeout)) \
    X(obe_goodset_fetch(s->h, s->out.numbers, s->count, &s->out.length, s->timeout)) \
    X(obe_newdat(s->h, input, s->count, input, 1, input, s->count, s->timeout)) \
    X(obe_getmean(s->h, s->out.numbers, s->count, &s->out.length, s->timeout)) \
    X(obe_getstd(s->h, s->out.numbers, s->count, &s->out.length, s->timeout)) \
    X(obe_getcov(s->h, s->out.numbers, s->count, &s->out.length, &s->out.cols, s->timeout)) \
    X(obe_getpar(s->h, s->out.numbers, s->count, &s->out.length, &s->out.cols, s->timeout)) \
    X(obe_getset(s->h, s->out.numbers, s->count, &s->out.length, &s->out.cols, s->timeout)) \
    X(obe_getwgt(s->h, s->out.numbers, s->count, &s->out.length, s->timeout)) \
    X(obe_getcon(s->h, s->out.numbers, s->count, &s->out.length, s->timeout)) \
    X(obe_done(s->h, s->timeout)) \
    X(obe_set_option(s->h, s->name, s->value)) \
    X(obe_get_option(s->h, s->name, s->out.text, s->room, &s->out.length)) \
    X(obe_get_stat(s->h, s->name, &s->out.integer)) \
    X(obe_last_error(s->h, s->out.text, s->room, &s->out.length)) \
    X((obe_strerror(-(int32_t)s->bytes[5] - 7990) && obe_version()) - 1) \
    X(obe_message_free(s->h)) \
    X(obe_message_free(look(&stale[s->bytes[1] % SLOTS]))) \
    X(obe_query(s->h, s->name, s->other, &s->message, s->timeout)) \
    X(obe_query(s->h, "optset", NULL, &s->message, s->timeout)) \
    X(obe_check_reply(s->h, s->name)) \
    X(obe_check_reply(s->h, "getcov")) \
    EACH_OK_COMMAND(OK_CALL, X) \
    EACH_NUMBERS_COMMAND(NUMBERS_CALL, X) \
    EACH_ROWS_COMMAND(ROWS_CALL, X)

#define CALL_ROW(call) #call,
static const char *const calls[] = {EACH_CALL(CALL_ROW)};

#define CALL_CASE(call) \
    if (i-- == 0) \
        return call;

static obe_status make_call(struct step *s, int i)
{
    EACH_CALL(CALL_CASE)
    return OBE_E_INTERNAL;
}

static void check_outputs(const struct step *s, int i, obe_status status)
{
    struct outputs untouched;
    int64_t room = s->room > 0 ? s->room : 0, count = s->count > 0 ? s->count : 0, k;

    if (status > 0 || status < OBE_E_REPLY - 100 || status == OBE_E_INTERNAL || status == OBE_E_MEMORY)
        check_failed(__FILE__, __LINE__, "%s returned %d: %s", calls[i], (int)status, last_error(s->h));
    memset(&untouched, GUARD, sizeof untouched);
    for (k = room; k < (int64_t)sizeof s->out.text; k++)
        if (s->out.text[k] != GUARD)
            check_failed(__FILE__, __LINE__, "%s wrote byte %" PRId64 " of %" PRId64, calls[i], k, room);
    for (k = count; k < LENGTH(s->out.numbers); k++)
        if (memcmp(&s->out.numbers[k], untouched.numbers, sizeof untouched.numbers[0]) != 0)
            check_failed(__FILE__, __LINE__, "%s wrote number %" PRId64 " of %" PRId64, calls[i], k, count);
    if (status == OBE_OK)
        return;
    if (s->socket || s->message || s->out.small != untouched.small || s->out.integer != untouched.integer ||
        memcmp(&s->out.number, &untouched.number, sizeof s->out.number) != 0 ||
        (status != OBE_E_BUFFER && (s->out.length != untouched.length || s->out.cols != untouched.cols)))
        check_failed(__FILE__, __LINE__, "%s failed with %d and wrote something", calls[i], (int)status);
}

static void step(const uint8_t *bytes)
{
    int i = bytes[0] % LENGTH(calls);
    struct step s;
    obe_status status;

    memset(&s.out, GUARD, sizeof s.out);
    s.bytes = bytes;
    s.h = handle_of(bytes[1]);
    s.other = handle_of(bytes[2]);
    s.json = PICK(texts, bytes[3]);
    s.name = PICK(names, bytes[4]);
    s.value = PICK(values, bytes[5]);
    s.length = PICK(lengths, bytes[5]);
    if (s.json && s.length > (int64_t)strlen(s.json))
        s.length = (int64_t)strlen(s.json);
    s.timeout = PICK(timeouts, bytes[5]);
    s.room = PICK(rooms, bytes[5] / 4);
    s.count = PICK(counts, bytes[5] / 4);
    s.number = PICK(input, bytes[5]);
    s.socket = 0;
    s.message = 0;
    status = make_call(&s, i);
    check_outputs(&s, i, status);
    if (s.socket)
        put(bytes[2], s.socket);
    if (s.message)
        put(bytes[2], s.message);
}

struct program {
    const uint8_t *bytes;
    int calls, first;
    int *running; /* atomic */
};

static void *program_body(void *argument)
{
    struct program *p = argument;
    int i;

    for (i = p->first; i < p->calls; i += THREADS)
        step(p->bytes + i * CALL);
    __atomic_sub_fetch(p->running, 1, __ATOMIC_ACQ_REL);
    return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct program programs[THREADS];
    pthread_t threads[THREADS];
    int64_t deadline = now_ms() + TEST_TIMEOUT;
    int i, n = (int)(size / CALL), running = THREADS;

    n = n < MOST ? n : MOST;
    for (i = 0; i < THREADS; i++) {
        programs[i].bytes = bytes;
        programs[i].calls = n;
        programs[i].first = i;
        programs[i].running = &running;
        threads[i] = start_thread(program_body, &programs[i]);
    }
    /* Some calls have no timeout; they are cancelled here. */
    while (__atomic_load_n(&running, __ATOMIC_ACQUIRE) > 0) {
        pause_ms(1);
        if (now_ms() > deadline)
            check_failed(__FILE__, __LINE__, "%d threads hang", running);
        for (i = 0; i < SLOTS; i++)
            obe_cancel(look(&slots[i]));
    }
    for (i = 0; i < THREADS; i++)
        join_thread(threads[i]);
    for (i = 0; i < SLOTS; i++)
        put((uint8_t)i, NULL);
    CHECK_EQUAL(0, obe_test_live());
    return 0;
}
