/* The library in a program that is not linked with it: loaded, called, unloaded and loaded again. The program's signal
 * handlers continue to work, and the library prints nothing.
 *
 *     dlopen LIBRARY        all tests
 *     dlopen LIBRARY fork   a child that is forked right after the library was loaded */
#include "load_library.h"
#include "no_output.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/wait.h>

/* ---- the program's own signal handlers ---- */

static const int signals[] = {SIGINT, SIGTERM, SIGUSR1, SIGPIPE, SIGCHLD, SIGALRM};
static int handled[65]; /* atomic */
static sigjmp_buf after_crash;

static void count(int signal)
{
    __atomic_add_fetch(&handled[signal], 1, __ATOMIC_RELAXED);
    if (signal == SIGSEGV)
        siglongjmp(after_crash, 1);
}

static void install(int flags)
{
    struct sigaction action;
    int i;

    memset(&action, 0, sizeof action);
    action.sa_handler = count;
    action.sa_flags = flags;
    for (i = 0; i < LENGTH(signals); i++)
        CHECK(sigaction(signals[i], &action, NULL) == 0);
    CHECK(sigaction(SIGSEGV, &action, NULL) == 0);
}

static volatile char *forbidden; /* an inaccessible page */

/* Each handler runs once for each signal, and the program handles its own segmentation faults. */
static void check_handlers(void)
{
    enum { ROUNDS = 20 };
    int before[65], i, k;

    memcpy(before, handled, sizeof before);
    for (i = 0; i < ROUNDS; i++) {
        exchange();
        for (k = 0; k < LENGTH(signals); k++) {
            if (i % 2)
                CHECK(raise(signals[k]) == 0);
            else
                CHECK(kill(getpid(), signals[k]) == 0);
            CHECK_EVENTUALLY(__atomic_load_n(&handled[signals[k]], __ATOMIC_RELAXED) == before[signals[k]] + i + 1);
        }
        if (sigsetjmp(after_crash, 1) == 0) {
            *forbidden = 1;
            CHECK(!"no SIGSEGV was raised");
        }
        CHECK_EQUAL(before[SIGSEGV] + i + 1, handled[SIGSEGV]);
    }
    exchange();
}

static void handlers_installed_before(void)
{
    forbidden = mmap(NULL, 1, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(forbidden != MAP_FAILED);
    install(0);
    CHECK(load() != NULL);
    check_handlers();
}

/* A handler that was installed after the library was loaded needs SA_ONSTACK: it may run on one of the library's threads,
 * which have small stacks. */
static void handlers_installed_after(void)
{
    install(SA_ONSTACK);
    check_handlers();
}

static obe_status receive_half_a_second(void *h)
{
    char text[16];
    int64_t length;

    return obe.receive(h, text, sizeof text, &length, 500);
}

/* A signal handler without SA_RESTART does not interrupt a call of the library, nor change its timeout. */
static void interrupted_call(void)
{
    int32_t port;
    int silent = raw_listen(&port, 1), i;
    obe_socket sockets[2] = {0, 0};
    struct caller callers[2];
    int64_t start = now_ms();

    install(SA_ONSTACK);
    CHECK_EQUAL(OBE_OK, obe.server_new(NULL, 0, &sockets[0]));
    CHECK_EQUAL(OBE_OK, obe.client_new(NULL, port, &sockets[1]));
    CHECK_EQUAL(OBE_OK, obe.send(sockets[1], "1", -1, TEST_TIMEOUT));
    for (i = 0; i < 2; i++)
        caller_start(&callers[i], receive_half_a_second, sockets[i]);
    while (now_ms() < start + 300) {
        for (i = 0; i < 2; i++)
            CHECK(pthread_kill(callers[i].thread, SIGUSR1) == 0);
        pause_ms(5);
    }
    for (i = 0; i < 2; i++) {
        int64_t took;

        CHECK_EQUAL(OBE_E_TIMEOUT, caller_join(&callers[i]));
        took = callers[i].returned - callers[i].began;
        if (took < 499 || took > 500 + SOON)
            check_failed(__FILE__, __LINE__, "the call took %d ms, wanted 500", (int)took);
        CHECK_EQUAL(OBE_OK, obe.free(sockets[i]));
    }
    socket_close(silent);
}

/* ---- no output ---- */

/* Loading the library and calling it prints nothing. This is the program's first test: the library is not loaded yet. */
static void no_output(void)
{
    struct captured_output output;

    capture_output_begin(&output);
    handlers_installed_before();
    capture_output_end(&output);
}

/* A child that is forked before Go's runtime has started gets OBE_E_FORKED. */
static void fork_after_loading(void)
{
    obe_socket client = 0;
    pid_t child;
    int status = 0;

    CHECK(load() != NULL);
    child = fork();
    if (child == 0) {
        alarm(5);
        _exit(obe.client_new(NULL, 1, &client) == OBE_E_FORKED ? 0 : 1);
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    /* A call enters Go before the library can detect the fork, and may hang there: see forked_child in process.c. */
    CHECK(WIFEXITED(status) ? WEXITSTATUS(status) == 0 : WTERMSIG(status) == SIGALRM);
    exchange();
}

int main(int argc, char **argv)
{
    CHECK(argc == 2 || argc == 3);
    path = argv[1];
    if (argc == 3) {
        RUN(fork_after_loading);
        return 0;
    }
    RUN(no_output);
    RUN(load_and_unload);
    RUN(handlers_installed_after);
    RUN(interrupted_call);
    return 0;
}
