/* The library does not affect its host process: the signal dispositions, masks and alternate stacks stay as they were,
 * and nothing is printed, whatever happens. c/dlopen.c and c/process.c test single signals.
 *
 *     host_process LIBRARY */
#include "load_library.h"
#include "no_output.h"

#include <setjmp.h>
#include <signal.h>

static obe_status (*set_option)(obe_socket, const char *, const char *);
static obe_status (*get_stat)(obe_socket, const char *, int64_t *);
static obe_status (*tcmd)(obe_socket, const char *, int64_t, char *, int64_t, int64_t *, int64_t);
static int32_t (*test_panic)(const void *);

static char text[256];
static int64_t length;

/* ---- signal dispositions ---- */

enum { SIGNALS = 65 };

/* The signals that Go's runtime handles and forwards; docs/limits.md lists them. */
static int is_handled_by_go(int signal)
{
    return signal == SIGSEGV || signal == SIGBUS || signal == SIGFPE || signal == SIGPIPE || signal == SIGURG;
}

static void ignore_signal(int signal)
{
    struct sigaction action;

    memset(&action, 0, sizeof action);
    action.sa_handler = SIG_IGN;
    CHECK(sigaction(signal, &action, NULL) == 0);
}

/* This is the first test: the library is not loaded yet. Ignored signals stay ignored, and all other dispositions stay as
 * they were. */
static void dispositions(void)
{
    static struct sigaction before[SIGNALS];
    static const int ignore[] = {SIGPIPE, SIGHUP, SIGINT, SIGTERM, SIGUSR2};
    int ends[2], i;

    for (i = 0; i < LENGTH(ignore); i++)
        ignore_signal(ignore[i]);
    for (i = 1; i < SIGNALS; i++)
        before[i].sa_flags = sigaction(i, NULL, &before[i]) == 0 ? before[i].sa_flags : -1;
    CHECK(load() != NULL);
    exchange();
    for (i = 1; i < SIGNALS; i++) {
        struct sigaction now;

        if (before[i].sa_flags == -1 || is_handled_by_go(i))
            continue;
        CHECK(sigaction(i, NULL, &now) == 0);
        if (now.sa_handler != before[i].sa_handler || now.sa_flags != before[i].sa_flags)
            check_failed(__FILE__, __LINE__, "the library has changed the disposition of signal %d", i);
    }
    for (i = 0; i < LENGTH(ignore); i++)
        CHECK(raise(ignore[i]) == 0);
    CHECK(pipe(ends) == 0);
    close(ends[0]);
    CHECK(write(ends[1], "x", 1) == -1 && errno == EPIPE);
    close(ends[1]);
    exchange();
}

/* ---- segmentation faults of the program, handled on an alternate stack ---- */

enum { STACK = 256 << 10 };

static __thread char *own_stack;
static __thread sigjmp_buf after_crash;
static __thread void *crashed_at;
static __thread int on_own_stack;

static void handle_crash(int signal, siginfo_t *info, void *context)
{
    char here;

    (void)signal;
    (void)context;
    crashed_at = info->si_addr;
    on_own_stack = &here >= own_stack && &here < own_stack + STACK;
    siglongjmp(after_crash, 1);
}

static volatile int bottom;

static int overflow(int depth)
{
    volatile char room[4096];

    room[0] = (char)depth;
    if (bottom)
        return room[0];
    return overflow(depth + 1) + room[0];
}

/* After every call, a thread has its alternate stack and its mask, and its segmentation faults are handled there. */
static void *crash(void *forbidden)
{
    stack_t mine, now;
    sigset_t mask, masked;
    int i;

    own_stack = malloc(STACK);
    memset(&mine, 0, sizeof mine);
    mine.ss_sp = own_stack;
    mine.ss_size = STACK;
    CHECK(own_stack != NULL && sigaltstack(&mine, NULL) == 0);
    sigemptyset(&mask);
    sigaddset(&mask, SIGALRM);
    sigaddset(&mask, SIGUSR1);
    CHECK(pthread_sigmask(SIG_SETMASK, &mask, NULL) == 0);
    for (i = 0; i < 5; i++) {
        exchange();
        CHECK(sigaltstack(NULL, &now) == 0);
        CHECK(now.ss_sp == own_stack && now.ss_size == STACK && now.ss_flags == 0);
        CHECK(pthread_sigmask(SIG_SETMASK, NULL, &masked) == 0);
        CHECK(memcmp(&mask, &masked, SIGNALS / 8) == 0);
        if (sigsetjmp(after_crash, 1) == 0) {
            *(volatile char *)forbidden = 1;
            CHECK(!"no SIGSEGV was raised");
        }
        CHECK(crashed_at == forbidden && on_own_stack);
        if (sigsetjmp(after_crash, 1) == 0) {
            overflow(0);
            CHECK(!"no SIGSEGV was raised for the stack overflow");
        }
        CHECK(on_own_stack);
    }
    memset(&mine, 0, sizeof mine);
    mine.ss_flags = SS_DISABLE;
    CHECK(sigaltstack(&mine, NULL) == 0);
    free(own_stack);
    return NULL;
}

static void crashes_on_alternate_stacks(void)
{
    struct sigaction action, before;
    pthread_t threads[2];
    void *forbidden = mmap(NULL, 1, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int i;

    CHECK(forbidden != MAP_FAILED);
    memset(&action, 0, sizeof action);
    action.sa_sigaction = handle_crash;
    action.sa_flags = SA_ONSTACK | SA_SIGINFO;
    CHECK(sigaction(SIGSEGV, &action, &before) == 0);
    for (i = 0; i < 2; i++)
        CHECK(pthread_create(&threads[i], NULL, crash, forbidden) == 0);
    for (i = 0; i < 2; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(sigaction(SIGSEGV, &before, NULL) == 0);
    exchange();
}

/* ---- no output ---- */

/* Peers that send malformed messages, and one that disconnects in the middle of a reply. */
static void bad_peers(void)
{
    static const char *const sent[] = {"GET / HTTP/1.1\r\n\r\n", "0000000003{}}", "9999999999", "0000000100[1", ""};
    obe_socket server = 0, client = 0;
    int32_t port = 0, silent;
    int listener = raw_listen(&silent, 1), fd, i;

    CHECK_EQUAL(OBE_OK, obe.server_new(NULL, 0, &server));
    CHECK_EQUAL(OBE_OK, obe.port(server, &port));
    for (i = 0; i < LENGTH(sent); i++) {
        fd = raw_connect(port);
        raw_write_text(fd, sent[i]);
        CHECK_EQUAL(OBE_E_TIMEOUT, obe.receive(server, text, sizeof text, &length, 50));
        if (i % 2)
            raw_reset(fd);
        else
            socket_close(fd);
        CHECK_EQUAL(OBE_E_TIMEOUT, obe.receive(server, text, sizeof text, &length, 50));
    }
    CHECK_EQUAL(OBE_OK, obe.client_new(NULL, silent, &client));
    for (i = 0; i < LENGTH(sent); i++) {
        CHECK_EQUAL(OBE_OK, obe.send(client, "1", -1, TEST_TIMEOUT));
        fd = raw_accept(listener);
        raw_message(fd, text, sizeof text);
        raw_write_text(fd, sent[i]);
        socket_close(fd);
        CHECK(obe.receive(client, text, sizeof text, &length, TEST_TIMEOUT) != OBE_OK);
    }
    socket_close(listener);
    CHECK_EQUAL(OBE_E_REFUSED, tcmd(client, "1", -1, text, sizeof text, &length, TEST_TIMEOUT));
    CHECK_EQUAL(OBE_E_JSON, obe.send(client, "{", -1, TEST_TIMEOUT));
    CHECK_EQUAL(OBE_E_ARGUMENT, set_option(client, "no such", "1"));
    CHECK_EQUAL(OBE_E_ARGUMENT, obe.client_new("me:secret@host", 1, &client));
    CHECK_EQUAL(OBE_E_IN_USE, obe.server_new(NULL, port, &client));
    CHECK_EQUAL(OBE_OK, obe.free(client));
    CHECK_EQUAL(OBE_OK, obe.free(server));
}

static void *answer(void *server)
{
    CHECK_EQUAL(OBE_OK, obe.receive(*(obe_socket *)server, text, sizeof text, &length, TEST_TIMEOUT));
    CHECK_EQUAL(OBE_OK, obe.send(*(obe_socket *)server, "[2]", -1, TEST_TIMEOUT));
    return NULL;
}

/* No call fails when the disk is full and the trace cannot be written. */
static void trace_on_full_disk(void)
{
    obe_socket sockets[2] = {0, 0};
    pthread_t thread;
    char reply[16];
    int64_t value;
    int32_t port = 0;
    int i;

    CHECK_EQUAL(OBE_OK, obe.server_new(NULL, 0, &sockets[0]));
    CHECK_EQUAL(OBE_OK, obe.port(sockets[0], &port));
    CHECK_EQUAL(OBE_OK, obe.client_new(NULL, port, &sockets[1]));
    for (i = 0; i < 2; i++)
        CHECK_EQUAL(OBE_OK, set_option(sockets[i], "trace", "/dev/full"));
    CHECK(pthread_create(&thread, NULL, answer, &sockets[0]) == 0);
    CHECK_EQUAL(OBE_OK, tcmd(sockets[1], "1", -1, reply, sizeof reply, &value, TEST_TIMEOUT));
    CHECK(strcmp(reply, "[2]") == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    for (i = 0; i < 2; i++) {
        CHECK_EQUAL(OBE_OK, get_stat(sockets[i], "trace_failed", &value));
        CHECK_EQUAL(2, value);
        CHECK_EQUAL(OBE_E_INTERNAL, test_panic(sockets[i]));
        CHECK_EQUAL(OBE_OK, obe.free(sockets[i]));
    }
}

static void no_output(void)
{
    struct captured_output output;

    capture_output_begin(&output);
    bad_peers();
    trace_on_full_disk();
    capture_output_end(&output);
}

int main(int argc, char **argv)
{
    void *library;

    CHECK(argc == 2);
    path = argv[1];
    RUN(dispositions);
    library = load();
    find(library, "obe_set_option", &set_option);
    find(library, "obe_get_stat", &get_stat);
    find(library, "obe_tcmd", &tcmd);
    find(library, "obe_test_panic", &test_panic);
    RUN(crashes_on_alternate_stacks);
    RUN(no_output);
    return 0;
}
