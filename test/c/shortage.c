/* The library in a process that has few descriptors, closes those that it did not open, or is denied random numbers. This
 * state belongs to the process, so each case runs in a separate one: this program with arguments. */
#include "check.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum { WATCHDOG = 20 /* s */, LIMIT = 64, LOW = 6 };

static char text[256];
static int64_t length;

/* ---- cases: the first calls of a process ---- */

static obe_status client(void)
{
    obe_socket h = 0;
    obe_status status = obe_client_new(NULL, 1, &h);

    if (status == OBE_OK)
        obe_free(h);
    return status;
}

static obe_status name(void)
{
    obe_socket h = 0;
    obe_status status = obe_client_new("localhost", 1, &h);

    if (status == OBE_OK) {
        status = obe_tcmd(h, "1", -1, text, sizeof text, &length, 10);
        obe_free(h);
    }
    return status;
}

static obe_status wait_ready(void)
{
    obe_socket h = 0;
    obe_status status = obe_client_new(NULL, 1, &h);

    if (status == OBE_OK) {
        status = obe_wait_ready(h, 5);
        obe_free(h);
    }
    return status;
}

static obe_status options(void)
{
    obe_socket h = 0;
    obe_status status = obe_client_new(NULL, 1, &h);

    if (status == OBE_OK) {
        obe_set_option(h, OBE_OPT_TLS_CA, "/proc/self/exe");
        obe_set_option(h, OBE_OPT_TRACE, "/dev/null");
        status = obe_set_option(h, OBE_OPT_TLS, "1");
        obe_send(h, "1", -1, 10);
        obe_free(h);
    }
    return status;
}

static obe_status server_at(const char *address)
{
    obe_socket h = 0;
    obe_status status = obe_server_new(address, 0, &h);

    if (status == OBE_OK) {
        if (obe_receive(h, text, sizeof text, &length, 5) == OBE_OK)
            obe_close(h);
        obe_set_option(h, OBE_OPT_ALLOW, "127.0.0.1");
        obe_free(h);
    }
    return status;
}

static obe_status server(void) { return server_at(NULL); }
static obe_status server_name(void) { return server_at("localhost"); }
static obe_status server_path(void)
{
    char path[64];

    snprintf(path, sizeof path, "unix:/tmp/obe-shortage-%d", (int)getpid());
    return server_at(path);
}

static obe_status message(void)
{
    obe_message m = 0;
    obe_status status = obe_command_new("x", &m);

    if (status == OBE_OK) {
        status = obe_set_double(m, "k", 1);
        obe_message_free(m);
    }
    return status;
}

/* obe_version, obe_strerror and obe_last_error need no descriptors, however often they are called. */
static obe_status texts(void)
{
    int i;

    for (i = 0; i < 400000; i++) { /* so often that Go's garbage collector runs several times */
        obe_status status = client();

        CHECK(status == OBE_OK || status == OBE_E_IO);
        CHECK(strcmp(obe_version(), OBE_VERSION) == 0 && strlen(obe_strerror(status)) > 0);
        CHECK_EQUAL(OBE_OK, obe_last_error(0, text, sizeof text, &length));
        CHECK(status == OBE_OK || strstr(text, "two free file descriptors"));
    }
    return OBE_OK;
}

/* The last case takes long, and runs only without descriptors. */
static const struct {
    const char *name;
    obe_status (*call)(void);
} cases[] = {
    {"client", client}, {"name", name},       {"wait_ready", wait_ready},   {"options", options},
    {"server", server}, {"message", message}, {"server_name", server_name}, {"server_path", server_path},
    {"texts", texts},
};

/* Whether a call may return status for lack of descriptors, or because no server is listening. */
static int expected(obe_status status)
{
    return status == OBE_OK || status == OBE_E_IO || status == OBE_E_REFUSED || status == OBE_E_UNREACHABLE ||
           status == OBE_E_TIMEOUT;
}

static obe_status call(const char *wanted)
{
    int i;

    for (i = 0; i < LENGTH(cases); i++)
        if (strcmp(wanted, cases[i].name) == 0)
            return cases[i].call();
    return OBE_E_INTERNAL;
}

/* An exchange, which shows that the library still works. */
static void exchange(void)
{
    struct echo echo;
    obe_socket h;

    echo_start(&echo);
    h = new_client(echo.port);
    CHECK_OK(h, obe_tcmd(h, "[1]", -1, text, sizeof text, &length, TEST_TIMEOUT));
    CHECK_OK(h, obe_free(h));
    echo_stop(&echo);
}

static void limit(rlim_t soft, rlim_t hard)
{
    struct rlimit limit;

    limit.rlim_cur = soft;
    limit.rlim_max = hard;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

/* Makes the call with this many free descriptors. The hard limit equals the soft one if hard is set. Then the call is made
 * again with enough descriptors. */
static int short_of(int free, int hard, const char *wanted)
{
    int taken[LIMIT], n = 0, i;
    obe_status status;

    alarm(WATCHDOG);
    CHECK(obe_version() != NULL); /* Go's runtime has started, and opens no more files */
    limit(LIMIT, hard ? LIMIT : 2 * LIMIT);
    while (n < LIMIT && (taken[n] = dup(1)) >= 0)
        n++;
    for (i = 0; i < free; i++)
        close(taken[--n]);
    for (i = 0; i < 2; i++) {
        status = call(wanted);
        if (!expected(status))
            check_failed(__FILE__, __LINE__, "%s returned %d: %s", wanted, (int)status, last_error(0));
    }
    /* Calls without I/O need two descriptors, once. The library raises a soft limit. */
    if ((free >= 2 || !hard) && (strcmp(wanted, "client") == 0 || strcmp(wanted, "message") == 0))
        CHECK_EQUAL(OBE_OK, status);
    while (n > 0)
        close(taken[--n]);
    CHECK(expected(call(wanted)));
    exchange();
    return 0;
}

/* This process was started with few descriptors. */
static int started_short(const char *wanted)
{
    alarm(WATCHDOG);
    CHECK(expected(call(wanted)));
    CHECK(expected(call(wanted)));
    return 0;
}

/* A program that begins by closing all descriptors that it did not open. */
static int closes_all(void)
{
    int fd;

    alarm(WATCHDOG);
    CHECK(obe_version() != NULL);
    for (fd = 3; fd < 1024; fd++)
        close(fd);
    exchange();
    return 0;
}

/* In a sandbox that forbids random numbers, TLS is refused, and everything else works. */
static int without_random(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getrandom, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {LENGTH(filter), filter};
    obe_socket h;

    alarm(WATCHDOG);
    CHECK(obe_version() != NULL);
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
    exchange();
    h = new_client(1);
    CHECK_OK(h, obe_set_option(h, OBE_OPT_TLS, "1"));
    CHECK_STATUS(OBE_E_STATE, h, obe_send(h, "1", -1, TEST_TIMEOUT));
    CHECK_ERROR(h, "getrandom: operation not permitted");
    CHECK_OK(h, obe_free(h));
    return 0;
}

/* ---- the tests ---- */

/* Runs this program with arguments, and with at most this many descriptors if most is not 0. Returns its exit status, or
 * 1000 + n if signal n ended it. */
static int run_self(int most, const char *a, const char *b, const char *c, const char *d)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        if (most)
            limit((rlim_t)most, (rlim_t)most);
        execl("/proc/self/exe", "shortage", a, b, c, d, (char *)NULL);
        _exit(99);
    }
    CHECK(child > 0);
    CHECK(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void each_case(void (*run)(const char *name))
{
    int i;

    for (i = 0; i < LENGTH(cases) - 1; i++)
        run(cases[i].name);
}

static void with_few(const char *name)
{
    int free, hard;

    for (hard = 0; hard < 2; hard++)
        for (free = 0; free < LOW; free++) {
            char digit[2] = {(char)('0' + free), 0};
            int status = run_self(0, "short", digit, hard ? "hard" : "soft", name);

            if (status)
                check_failed(__FILE__, __LINE__, "%s with %d descriptors free, %s limit: %d", name, free,
                             hard ? "hard" : "soft", status);
        }
}

static void few_descriptors(void) { each_case(with_few); }
static void texts_without_descriptors(void) { CHECK_EQUAL(0, run_self(0, "short", "0", "hard", "texts")); }

static void loaded_with_few(const char *name)
{
    int most;

    for (most = 4; most < 4 + LOW; most++) {
        int status = run_self(most, "started", name, NULL, NULL);

        if (status)
            check_failed(__FILE__, __LINE__, "%s in a program started with %d descriptors: %d", name, most, status);
    }
}

static void few_descriptors_at_load(void) { each_case(loaded_with_few); }
static void descriptors_closed_first(void) { CHECK_EQUAL(0, run_self(0, "closes", NULL, NULL, NULL)); }

static void no_random_numbers(void) { CHECK_EQUAL(0, run_self(0, "random", NULL, NULL, NULL)); }

int main(int argc, char **argv)
{
    const char *role = argc > 1 ? argv[1] : "";
    int fd;

    if (strcmp(role, "short") == 0)
        return short_of(argv[2][0] - '0', argv[3][0] == 'h', argv[4]);
    if (strcmp(role, "started") == 0)
        return started_short(argv[2]);
    if (strcmp(role, "closes") == 0)
        return closes_all();
    if (strcmp(role, "random") == 0)
        return without_random();
    for (fd = 3; fd < 256; fd++) /* inherited descriptors are not passed on */
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    RUN(few_descriptors);
    RUN(texts_without_descriptors);
    RUN(few_descriptors_at_load);
    RUN(descriptors_closed_first);
    RUN(no_random_numbers);
    return 0;
}
