/* check.h - shared by the C tests: checks that report where and why they failed, threads that block in a call, peers on
 * plain sockets, and an echo server. A test program includes it first.
 *
 * A program prints a line for each of its tests and exits with 0. If a check fails it prints a line that begins with
 * "file:line:", and exits with 1. */
#ifndef CHECK_H
#define CHECK_H

#include "platform.h"

#include "obe.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The hooks of a library built with -tags obetest: capi/testhooks.go. */
int32_t obe_test_panic(const void *handle);
int64_t obe_test_live(void);
void obe_test_quarantine(int64_t depth);
int64_t obe_test_goroutines(void);
void obe_test_collect(void);

/* How many times longer the tests wait. Under valgrind, which runs one thread at a time, a busy machine needs it. */
#ifndef PATIENCE
#define PATIENCE 1
#endif

enum {
    SOON = 10000 * PATIENCE, /* ms: the limit for what happens "at once", also on a busy machine */
    /* ms: a test that waits longer has failed. Less than 30 s, the default of message_timeout_ms, after which a server
     * closes a connection that nothing else has closed. */
    TEST_TIMEOUT = 25000 * PATIENCE
};

#define LENGTH(array) ((int)(sizeof(array) / sizeof(array)[0]))

/* A number as a handle of either type: no live handle has it. */
#define NUMBER_AS_HANDLE(number) ((void *)(uintptr_t)(number))

/* NULL, and a number, that the compiler does not see: for calls that it would warn about. */
static void *volatile nowhere = NULL;
static volatile int64_t unseen_number;
#define NOWHERE nowhere
#define UNSEEN(number) (unseen_number = (number), unseen_number)

/* ---- checks ---- */

static int failure_fd = 2; /* where failed checks are reported */

static inline void check_failed(const char *file, int line, const char *format, ...)
{
    char text[8192];
    int length = snprintf(text, sizeof text, "%s:%d: ", file, line);
    va_list rest;

    fflush(stdout);
    va_start(rest, format);
    length += vsnprintf(text + length, sizeof text - (size_t)length, format, rest);
    va_end(rest);
    length = length < (int)sizeof text ? length : (int)sizeof text - 1;
    text[length] = '\n';
    exit(write(failure_fd, text, (unsigned)length + 1) > 0 ? 1 : 2);
}

#define CHECK(condition) \
    do { \
        if (!(condition)) \
            check_failed(__FILE__, __LINE__, "%s", #condition); \
    } while (0)

/* The last error of handle. The memory is static: only one thread at a time may call it. */
static inline const char *last_error(const void *handle)
{
    static char text[4096];
    int64_t length = 0;
    obe_status status = obe_last_error(handle, text, sizeof text, &length);

    if (status != OBE_OK)
        snprintf(text, sizeof text, "(obe_last_error returned %d, %" PRId64 " bytes)", (int)status, length);
    return text;
}

static inline void check_status(const char *file, int line, const char *call, obe_status wanted, obe_status got,
                                const void *handle)
{
    if (got != wanted)
        check_failed(file, line, "%s: got %d (%s), wanted %d (%s); the last error is \"%s\"", call, (int)got,
                     obe_strerror(got), (int)wanted, obe_strerror(wanted), last_error(handle));
}

/* call returns wanted. If it does not, the last error of handle is printed. */
#define CHECK_STATUS(wanted, handle, call) check_status(__FILE__, __LINE__, #call, (wanted), (call), (handle))
#define CHECK_OK(handle, call) CHECK_STATUS(OBE_OK, handle, call)

/* The last error of handle contains part. */
#define CHECK_ERROR(handle, part) \
    do { \
        if (!strstr(last_error(handle), (part))) \
            check_failed(__FILE__, __LINE__, "the last error is \"%s\", which lacks \"%s\"", last_error(handle), \
                         (part)); \
    } while (0)

static inline void check_equal(const char *file, int line, const char *what, int64_t wanted, int64_t got)
{
    if (got != wanted)
        check_failed(file, line, "%s is %" PRId64 ", wanted %" PRId64, what, got, wanted);
}

#define CHECK_EQUAL(wanted, got) check_equal(__FILE__, __LINE__, #got, (wanted), (got))

/* ---- time ---- */

static inline int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static inline void pause_ms(int ms)
{
    struct timespec t;

    t.tv_sec = ms / 1000;
    t.tv_nsec = ms % 1000 * 1000000L;
    nanosleep(&t, NULL);
}

/* Waits for a condition by polling it. */
#define CHECK_EVENTUALLY(condition) \
    do { \
        int64_t deadline_ = now_ms() + TEST_TIMEOUT; \
        while (!(condition)) { \
            if (now_ms() > deadline_) \
                check_failed(__FILE__, __LINE__, "did not become true: %s", #condition); \
            pause_ms(1); \
        } \
    } while (0)

#define RUN(test) run_test(#test, test)

static inline void run_test(const char *name, void (*test)(void))
{
    int64_t start = now_ms();

    printf("%s ... ", name);
    fflush(stdout);
    test();
    printf("ok, %" PRId64 " ms\n", now_ms() - start);
    fflush(stdout);
}

/* ---- pseudo-random numbers, the same in every run (xorshift) ---- */

static inline uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* ---- threads ---- */

static inline pthread_t start_thread(void *(*body)(void *), void *argument)
{
    pthread_t thread;

    CHECK(pthread_create(&thread, NULL, body, argument) == 0);
    return thread;
}

static inline void join_thread(pthread_t thread) { CHECK(pthread_join(thread, NULL) == 0); }

/* A call that is expected to block, on a separate thread. */
struct caller {
    obe_status (*call)(void *handle);
    void *handle;      /* an obe_socket or an obe_message */
    obe_status status; /* what it returned */
    int64_t began;     /* when, by now_ms */
    int64_t returned;  /* when, 0 before; atomic */
    pthread_t thread;
    long id; /* the system's thread id; atomic */
};

static inline void *caller_body(void *argument)
{
    struct caller *c = argument;

    __atomic_store_n(&c->id, thread_id(), __ATOMIC_RELEASE);
    c->began = now_ms();
    c->status = c->call(c->handle);
    __atomic_store_n(&c->returned, now_ms(), __ATOMIC_RELEASE);
    return NULL;
}

/* Starts the call. */
static inline void caller_begin(struct caller *c, obe_status (*call)(void *), void *handle)
{
    memset(c, 0, sizeof *c);
    c->call = call;
    c->handle = handle;
    c->thread = start_thread(caller_body, c);
}

/* Starts the call and waits until it is blocked: until the thread was asleep for a while without waking up. */
static inline void caller_start(struct caller *c, obe_status (*call)(void *), void *handle)
{
    int still = 0;
    int64_t before = 0;
    int64_t deadline = now_ms() + TEST_TIMEOUT;

    caller_begin(c, call, handle);
    while (still < STILL && !__atomic_load_n(&c->returned, __ATOMIC_ACQUIRE)) {
        long id = __atomic_load_n(&c->id, __ATOMIC_ACQUIRE);
        int64_t now = id ? thread_sleeps(id) : 0;

        still = now && now == before ? still + 1 : 0;
        before = now;
        CHECK(now_ms() < deadline);
        pause_ms(1);
    }
}

static inline obe_status caller_join(struct caller *c)
{
    join_thread(c->thread);
    return c->status;
}

/* ---- peers on plain sockets ---- */

static inline struct sockaddr_in loopback(int32_t port)
{
    struct sockaddr_in address;

    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons((uint16_t)port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static inline int raw_socket(void)
{
    int fd = socket_new();

    CHECK(fd >= 0);
    CHECK(socket_limit(fd, TEST_TIMEOUT));
    return fd;
}

/* A socket that is bound to a free port and does not listen: the port stays taken, and connecting to it is refused. */
static inline int raw_bind(int32_t *port)
{
    struct sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    int fd = raw_socket();

    CHECK(bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&address, &size) == 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static inline int raw_listen(int32_t *port, int backlog)
{
    int fd = raw_bind(port);

    CHECK(listen(fd, backlog) == 0);
    return fd;
}

static inline int raw_accept(int listener)
{
    int fd = accept(listener, NULL, NULL);

    CHECK(fd >= 0);
    return fd;
}

static inline int raw_connect(int32_t port)
{
    struct sockaddr_in address = loopback(port);
    int fd = raw_socket();

    CHECK(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    return fd;
}

/* A socket that begins to connect; whether the connection is established is not checked. */
static inline int raw_connect_begin(int32_t port)
{
    struct sockaddr_in address = loopback(port);
    int fd = raw_socket();

    CHECK(socket_set_nonblocking(fd));
    CHECK(connect(fd, (struct sockaddr *)&address, sizeof address) == -1 && socket_is_connecting());
    return fd;
}

static inline void raw_write(int fd, const void *bytes, size_t size)
{
    while (size > 0) {
        ssize_t n = send(fd, bytes, size, MSG_NOSIGNAL);

        CHECK(n > 0);
        bytes = (const char *)bytes + n;
        size -= (size_t)n;
    }
}

static inline void raw_write_text(int fd, const char *text) { raw_write(fd, text, strlen(text)); }

/* Reads size bytes, or fewer if the stream ends before. */
static inline size_t raw_read(int fd, void *bytes, size_t size)
{
    size_t have = 0;

    while (have < size) {
        ssize_t n = recv(fd, (char *)bytes + have, size - have, 0);

        CHECK(n >= 0);
        if (n == 0)
            break;
        have += (size_t)n;
    }
    return have;
}

/* Reads one whole message and returns its length. */
static inline size_t raw_message(int fd, char *text, size_t room)
{
    char head[11] = "";
    size_t length;

    CHECK(raw_read(fd, head, 10) == 10);
    CHECK(strspn(head, "0123456789") == 10);
    length = strtoul(head, NULL, 10);
    CHECK(length < room);
    CHECK(raw_read(fd, text, length) == length);
    text[length] = 0;
    return length;
}

/* Waits for the next byte of the peer or the end of the connection. Returns whether it is the end. */
static inline int raw_ended(int fd)
{
    char byte;
    ssize_t n = recv(fd, &byte, 1, 0);

    return n == 0 || (n < 0 && socket_was_reset());
}

/* Closes with a reset. */
static inline void raw_reset(int fd)
{
    struct linger none;

    none.l_onoff = 1;
    none.l_linger = 0;
    CHECK(setsockopt(fd, SOL_SOCKET, SO_LINGER, (void *)&none, sizeof none) == 0);
    socket_close(fd);
}

/* ---- memory ---- */

/* Returns the address of an inaccessible page. The page before it can be written to. */
static inline char *memory_edge(void)
{
    size_t page = memory_page();
    char *two = memory_new(2 * page);

    CHECK(two != NULL);
    CHECK(memory_forbid(two + page, page));
    return two + page;
}

/* ---- handles ---- */

static inline obe_socket new_server(void)
{
    obe_socket server = 0;

    CHECK_OK(0, obe_server_new(NULL, 0, &server));
    CHECK(server != 0);
    return server;
}

static inline int32_t port_of(obe_socket server)
{
    int32_t port = 0;

    CHECK_OK(server, obe_port(server, &port));
    return port;
}

static inline obe_socket new_client(int32_t port)
{
    obe_socket client = 0;

    CHECK_OK(0, obe_client_new("127.0.0.1", port, &client));
    CHECK(client != 0);
    return client;
}

static inline int64_t stat_of(obe_socket socket, const char *name)
{
    int64_t value = -1;

    CHECK_OK(socket, obe_get_stat(socket, name, &value));
    return value;
}

/* ---- an echo server ---- */

struct echo {
    obe_socket server;
    int32_t port;
    pthread_t thread;
};

static inline void *echo_body(void *argument)
{
    struct echo *e = argument;
    int64_t room = 1 << 16, length;
    char *buffer = malloc((size_t)room);

    CHECK(buffer != NULL);
    for (;;) {
        obe_status status = obe_receive(e->server, buffer, room, &length, OBE_FOREVER);

        if (status == OBE_E_BUFFER) {
            free(buffer);
            room = length;
            buffer = malloc((size_t)room);
            CHECK(buffer != NULL);
            continue;
        }
        if (status == OBE_E_CLOSED || status == OBE_E_HANDLE)
            break;
        CHECK_OK(e->server, status);
        status = obe_send(e->server, buffer, length, TEST_TIMEOUT);
        /* The client may have disconnected, and this server may have been freed. */
        CHECK(status == OBE_OK || status == OBE_E_RESET || status == OBE_E_PEER_CLOSED || status == OBE_E_CLOSED ||
              status == OBE_E_HANDLE);
    }
    free(buffer);
    return NULL;
}

static inline void echo_start(struct echo *e)
{
    e->server = new_server();
    e->port = port_of(e->server);
    e->thread = start_thread(echo_body, e);
}

static inline void echo_stop(struct echo *e)
{
    CHECK_OK(e->server, obe_free(e->server));
    join_thread(e->thread);
}

#endif
