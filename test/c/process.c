/* The library and its process: fork, exec, exit, signals with their default action, no output, and calls after an internal
 * error.
 *
 * With an argument, the program is one of the processes that the tests start. */
#include "calls.h"
#include "no_output.h"

#include <dirent.h>
#include <malloc.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <sys/wait.h>

enum { WATCHDOG = 15 /* s */ };

static char text[256];
static int64_t length;

/* Waits for a child to end and returns its exit status, or 1000 + n if signal n ended it. */
static int wait_for(pid_t child)
{
    int status;

    CHECK(child > 0);
    CHECK(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* wait_for with a timeout, for a child that may hang. A thread that enters Go blocks all signals, so alarm cannot end
 * it. */
static int wait_for_or_kill(pid_t child)
{
    int64_t end = now_ms() + TEST_TIMEOUT;
    int status;
    pid_t ended;

    CHECK(child > 0);
    while ((ended = waitpid(child, &status, WNOHANG)) == 0 && now_ms() < end)
        pause_ms(1);
    if (ended == child)
        return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
    kill(child, SIGKILL);
    return wait_for(child);
}

/* Starts this program with in as its standard input and out as its standard output, unless they are -1. */
static pid_t start_self(const char *argument, int in, int out)
{
    pid_t child = fork();

    if (child == 0) {
        if (in >= 0)
            dup2(in, 0);
        if (out >= 0)
            dup2(out, 1);
        execl("/proc/self/exe", "process", argument, (char *)NULL);
        _exit(99);
    }
    return child;
}

static int run_self(const char *argument) { return wait_for(start_self(argument, -1, -1)); }

/* An exchange, so that all parts of the library were used. */
static void exchange(obe_socket client)
{
    CHECK_OK(client, obe_tcmd(client, "[1]", -1, text, sizeof text, &length, TEST_TIMEOUT));
    CHECK(strcmp(text, "[1]") == 0);
}

/* ---- fork ---- */

/* Calls every function. Returns 0 if each call returns OBE_E_FORKED and writes nothing, otherwise the number of the call. */
static int calls_in_child(obe_socket client)
{
    int i;

    calls_begin();
    if (obe_client_new(NULL, 1, &out.socket) != OBE_E_FORKED || obe_server_new(NULL, 0, &out.socket) != OBE_E_FORKED ||
        obe_message_new("1", -1, &out.message) != OBE_E_FORKED || obe_command_new("done", &out.message) != OBE_E_FORKED)
        return 99;
    for (i = 0; i < LENGTH(calls); i++)
        if (calls[i].call(client) != OBE_E_FORKED)
            return 1 + i;
    if (obe_last_error(0, out.text, sizeof out.text, &out.length) != OBE_E_FORKED || obe_free(0) != OBE_E_FORKED ||
        obe_message_free(0) != OBE_E_FORKED)
        return 98;
    if (memcmp(&out, &untouched, sizeof out) != 0)
        return 97;
    return 0;
}

struct busy {
    obe_socket client;
    int stop;
};

static void *busy_body(void *argument)
{
    struct busy *b = argument;
    char reply[16];
    int64_t size;

    while (!__atomic_load_n(&b->stop, __ATOMIC_ACQUIRE))
        CHECK_OK(b->client, obe_tcmd(b->client, "[1]", -1, reply, sizeof reply, &size, TEST_TIMEOUT));
    return NULL;
}

/* Forks on a thread that has made no call. In the child, Go's runtime would have to create its state for this thread, and
 * would wait for a thread that does not exist there. */
static void *fork_body(void *argument)
{
    pid_t child = fork();

    if (child == 0)
        _exit(calls_in_child(*(obe_socket *)argument));
    return (void *)(intptr_t)child;
}

/* A child gets OBE_E_FORKED, and the parent is not affected, although other threads are in calls at the moment of the fork.
 * This holds for each child on Linux. On macOS a call enters Go before the library can detect the fork, and may hang:
 * there, children that hang are killed and reported. */
static void forked_child(void)
{
    enum { CHILDREN = 50 };
    struct echo echo;
    struct busy busy = {0, 0};
    pthread_t thread;
    obe_socket client;
    int hung = 0, i;

    echo_start(&echo);
    client = new_client(echo.port);
    busy.client = new_client(echo.port);
    thread = start_thread(busy_body, &busy);
    for (i = 0; i < CHILDREN; i++) {
        void *child;
        int status;

        exchange(client);
        CHECK(pthread_join(start_thread(fork_body, &client), &child) == 0);
        status = wait_for_or_kill((pid_t)(intptr_t)child);
        if (status == 1000 + SIGKILL)
            hung++;
        else
            CHECK_EQUAL(0, status);
        exchange(client);
    }
#ifdef __linux__
    CHECK_EQUAL(0, hung);
#endif
    if (hung)
        printf("(%d of %d children hung) ", hung, CHILDREN);
    __atomic_store_n(&busy.stop, 1, __ATOMIC_RELEASE);
    join_thread(thread);
    CHECK_OK(busy.client, obe_free(busy.client));
    CHECK_OK(client, obe_free(client));
    echo_stop(&echo);
}

/* A started process forks before it does anything else: a child that is forked before Go's runtime has started gets
 * OBE_E_FORKED too, also through daemon(3). The parent continues. */
static int fork_first(int by_daemon)
{
    struct echo echo;
    obe_socket client = 0;
    obe_status status = OBE_OK;
    int ends[2], hung;
    pid_t child;

    CHECK(pipe(ends) == 0);
    child = fork();
    if (child == 0) {
        if (by_daemon && daemon(1, 1))
            _exit(1);
        alarm(2);
        status = obe_client_new(NULL, 1, &client);
        _exit(write(ends[1], &status, sizeof status) != (ssize_t)sizeof status);
    }
    alarm(WATCHDOG);
    close(ends[1]);
    hung = read(ends[0], &status, sizeof status) != (ssize_t)sizeof status;
    CHECK(waitpid(child, NULL, 0) == child);
    CHECK(hung || status == OBE_E_FORKED);
    CHECK_EQUAL(3, system("exit 3") >> 8);
    echo_start(&echo);
    client = new_client(echo.port);
    exchange(client);
    CHECK_OK(client, obe_free(client));
    echo_stop(&echo);
    return hung;
}

static void early_fork(void)
{
    enum { CHILDREN = 20 };
    int hung = 0, i;

    for (i = 0; i < CHILDREN; i++) {
        int status = run_self(i % 2 ? "fork" : "daemon");

        CHECK(status == 0 || status == 1);
        hung += status;
    }
    CHECK(hung < CHILDREN / 2);
    if (hung)
        printf("(%d of %d children hung) ", hung, CHILDREN);
}

/* CPU time of this process, in ms. */
static int64_t used_ms(void)
{
    struct rusage usage;

    CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
    return (int64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
           (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
}

/* A connection to the server at port, or at the Unix-domain socket at path; -1 if it is refused. */
static int try_connect(int32_t port, const char *path)
{
    struct sockaddr_un local;
    struct sockaddr_in address = loopback(port);
    int fd = socket(path ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), failed;

    CHECK(fd >= 0 && socket_limit(fd, TEST_TIMEOUT));
    memset(&local, 0, sizeof local);
    local.sun_family = AF_UNIX;
    if (path)
        strcpy(local.sun_path, path);
    failed = path ? connect(fd, (struct sockaddr *)&local, sizeof local)
                  : connect(fd, (struct sockaddr *)&address, sizeof address);
    if (!failed)
        return fd;
    CHECK(errno == ECONNREFUSED);
    close(fd);
    return -1;
}

static int connect_to(obe_socket server, const char *path)
{
    int fd = try_connect(port_of(server), path);

    CHECK(fd >= 0);
    return fd;
}

/* Waits for a message that does not come. Waiting uses no CPU time. */
static void wait_idle(obe_socket server, int ms)
{
    int64_t used = used_ms();

    CHECK_STATUS(OBE_E_TIMEOUT, server, obe_receive(server, text, sizeof text, &length, ms));
    used = used_ms() - used;
    if (used > ms / 2)
        check_failed(__FILE__, __LINE__, "waiting for %d ms used %d ms of CPU time", ms, (int)used);
}

/* Connections that the library closes are closed for their peers, although a forked child still has the same sockets
 * open. */
static void sockets_in_child(const char *path)
{
    enum { QUIET = 200 /* ms */ };
    char place[128] = "", other[128] = "", byte;
    obe_socket server = 0, client;
    int malformed, unanswered, answered, idle, dropped, late, listener, accepted, pipes[2], i;
    int *const opened[] = {&malformed, &unanswered, &answered, &idle, &dropped, &late, &listener, &accepted};
    int32_t port;
    pid_t child;

    if (path) {
        snprintf(place, sizeof place, "unix:%s", path);
        snprintf(other, sizeof other, "%s-other", path);
    }
    CHECK_OK(0, obe_server_new(place, 0, &server));
    malformed = connect_to(server, path);
    unanswered = connect_to(server, path);
    raw_write_text(unanswered, "00000000011");
    CHECK_OK(server, obe_receive(server, text, sizeof text, &length, TEST_TIMEOUT));
    answered = connect_to(server, path);
    idle = connect_to(server, path);
    listener = raw_listen(&port, 1);
    client = new_client(port);
    CHECK_OK(client, obe_send(client, "1", -1, TEST_TIMEOUT));
    accepted = raw_accept(listener);
    /* This call accepts all of them. */
    CHECK_STATUS(OBE_E_TIMEOUT, server, obe_receive(server, text, sizeof text, &length, QUIET));

    CHECK(pipe(pipes) == 0);
    child = fork();
    if (child == 0) {
        close(pipes[1]);
        _exit(read(pipes[0], &byte, 1) == 0 ? 0 : 98); /* until the parent closes its end */
    }
    close(pipes[0]);

    raw_write_text(malformed, "this is not a frame header");
    raw_write_text(answered, "00000000012");
    CHECK_OK(server, obe_receive(server, text, sizeof text, &length, TEST_TIMEOUT));
    CHECK_OK(server, obe_send(server, "3", -1, TEST_TIMEOUT));
    CHECK(raw_message(answered, text, sizeof text) == 1);
    wait_idle(server, QUIET);
    CHECK(raw_ended(malformed));
    CHECK(raw_ended(unanswered));
    CHECK_OK(client, obe_free(client));
    CHECK(raw_message(accepted, text, sizeof text) == 1 && raw_ended(accepted));

    CHECK_OK(server, obe_set_option(server, OBE_OPT_MAX_CONNECTIONS, "1"));
    dropped = connect_to(server, path);
    wait_idle(server, QUIET);
    CHECK(raw_ended(idle) && raw_ended(answered));
    raw_write_text(dropped, "00000000011");
    CHECK_OK(server, obe_receive(server, text, sizeof text, &length, TEST_TIMEOUT));
    CHECK_OK(server, obe_close(server));
    CHECK(raw_ended(dropped));
    wait_idle(server, QUIET);

    /* No server is listening any longer, not even under another name of the socket file. */
    late = connect_to(server, path);
    port = port_of(server);
    if (path)
        CHECK(link(path, other) == 0);
    CHECK_OK(server, obe_free(server));
    CHECK(raw_ended(late));
    CHECK_EQUAL(-1, try_connect(port, path ? other : NULL));
    if (path)
        unlink(other);
    CHECK_OK(0, obe_server_new(place, port, &server));
    CHECK_OK(server, obe_free(server));
    close(pipes[1]);
    CHECK_EQUAL(0, wait_for(child));
    for (i = 0; i < LENGTH(opened); i++)
        socket_close(*opened[i]);
}

static void closed_despite_child(void)
{
    char path[64];

    sockets_in_child(NULL);
    snprintf(path, sizeof path, "/tmp/obe-process-%d", (int)getpid());
    sockets_in_child(path);
}

/* Whether this process has a descriptor of a kind that the library opens. */
static int has_sockets(void)
{
    DIR *all = opendir("/proc/self/fd");
    struct dirent *entry;
    int found = 0;

    CHECK(all != NULL);
    while ((entry = readdir(all)) != NULL) {
        char target[64] = "";

        if (readlinkat(dirfd(all), entry->d_name, target, sizeof target - 1) > 0 &&
            (strncmp(target, "socket:", 7) == 0 || strncmp(target, "anon_inode:", 11) == 0))
            found = 1;
    }
    closedir(all);
    return found;
}

/* A started process: exchanges work, and it inherited no sockets. */
static int started(void)
{
    struct echo echo;
    obe_socket client;
    char byte;

    alarm(WATCHDOG);
    CHECK(!has_sockets());
    echo_start(&echo);
    client = new_client(echo.port);
    exchange(client);
    CHECK_OK(client, obe_free(client));
    echo_stop(&echo);
    CHECK(write(1, "r", 1) == 1);
    CHECK(read(0, &byte, 1) == 0); /* until the parent closes its end */
    return 0;
}

static void fork_and_exec(void)
{
    struct echo echo;
    obe_socket client, again = 0;
    int in[2], out[2];
    int32_t port;
    pid_t child;
    char byte;

    echo_start(&echo);
    client = new_client(echo.port);
    CHECK_OK(client, obe_set_option(client, OBE_OPT_PERSISTENT, "1"));
    exchange(client);
    CHECK(has_sockets());
    CHECK(pipe(in) == 0 && pipe(out) == 0);
    CHECK(fcntl(in[0], F_SETFD, FD_CLOEXEC) == 0 && fcntl(in[1], F_SETFD, FD_CLOEXEC) == 0);
    CHECK(fcntl(out[0], F_SETFD, FD_CLOEXEC) == 0 && fcntl(out[1], F_SETFD, FD_CLOEXEC) == 0);
    child = start_self("started", in[0], out[1]);
    close(in[0]);
    close(out[1]);
    CHECK(read(out[0], &byte, 1) == 1);
    /* The child is running, and has inherited neither the connection nor the port. */
    exchange(client);
    CHECK_OK(client, obe_free(client));
    port = echo.port;
    echo_stop(&echo);
    CHECK_OK(0, obe_server_new(NULL, port, &again));
    CHECK_OK(again, obe_free(again));
    close(in[1]);
    CHECK_EQUAL(0, wait_for(child));
    close(out[0]);
}

/* ---- the end of the process ---- */

static obe_status receive_forever(void *h)
{
    char buffer[64];
    int64_t size;

    return obe_receive(h, buffer, sizeof buffer, &size, OBE_FOREVER);
}

static struct caller blocked;

/* Exits during a blocked call, by exit or by returning from main. */
static int exit_during_call(int by_exit)
{
    alarm(WATCHDOG);
    caller_start(&blocked, receive_forever, new_server());
    if (by_exit)
        exit(7);
    return 7;
}

static void exit_while_blocked(void)
{
    int64_t start = now_ms();

    CHECK_EQUAL(7, run_self("exit"));
    CHECK_EQUAL(7, run_self("return"));
    CHECK(now_ms() - start < 2 * SOON);
}

/* ---- signals with their default action ---- */

/* A signal ends the process, as without the library. */
static int die(int signal)
{
    struct echo echo;
    obe_socket client;
    int ends[2];

    alarm(WATCHDOG);
    echo_start(&echo);
    client = new_client(echo.port);
    exchange(client);
    switch (signal) {
    case SIGPIPE:
        CHECK(pipe(ends) == 0);
        close(ends[0]);
        if (write(ends[1], "x", 1) == 1)
            return 98;
        break;
    case SIGSEGV: *(volatile char *)mmap(NULL, 1, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) = 1; break;
    default: kill(getpid(), signal);
    }
    pause_ms(1000 * WATCHDOG);
    return 97;
}

static const struct {
    const char *name;
    int signal;
} deadly[] = {
    {"SIGINT", SIGINT}, {"SIGTERM", SIGTERM}, {"SIGUSR1", SIGUSR1}, {"SIGPIPE", SIGPIPE}, {"SIGSEGV", SIGSEGV},
};

static void default_signals(void)
{
    int i;

    for (i = 0; i < LENGTH(deadly); i++)
        CHECK_EQUAL(1000 + deadly[i].signal, run_self(deadly[i].name));
}

/* Writing to a peer that has disconnected fails, and raises no SIGPIPE. */
static int write_to_disconnected(void)
{
    enum { BIG = 8 << 20 };
    static char big[BIG];
    int32_t port;
    int listener = raw_listen(&port, 4), i;
    obe_socket client = new_client(port), server = new_server();

    alarm(WATCHDOG);
    memset(big, ' ', sizeof big);
    big[0] = '1';
    CHECK_OK(client, obe_set_option(client, OBE_OPT_PERSISTENT, "1"));
    for (i = 0; i < 10; i++) {
        obe_status status;
        int fd;

        CHECK_OK(client, obe_send(client, "1", -1, TEST_TIMEOUT));
        fd = raw_accept(listener);
        raw_message(fd, text, sizeof text);
        if (i % 2)
            raw_reset(fd);
        else
            socket_close(fd);
        /* The client does not write to a persistent connection that has ended, but opens a new one. That one is reset
         * before the reply. */
        CHECK_OK(client, obe_send(client, "2", -1, TEST_TIMEOUT));
        raw_reset(raw_accept(listener));
        CHECK_STATUS(OBE_E_RESET, client, obe_receive(client, text, sizeof text, &length, TEST_TIMEOUT));

        fd = raw_connect(port_of(server));
        raw_write_text(fd, "00000000011");
        CHECK_OK(server, obe_receive(server, text, sizeof text, &length, TEST_TIMEOUT));
        if (i % 2)
            raw_reset(fd);
        else
            socket_close(fd);
        /* The system accepts the first part, the peer answers with a reset, and the system refuses the rest. This would
         * raise SIGPIPE. */
        status = obe_send(server, big, BIG, TEST_TIMEOUT);
        CHECK(status == OBE_E_RESET || status == OBE_E_PEER_CLOSED);
    }
    CHECK_OK(client, obe_free(client));
    CHECK_OK(server, obe_free(server));
    socket_close(listener);
    return 0;
}

static int pipe_signals; /* atomic */

static void count_pipe(int signal)
{
    (void)signal;
    __atomic_add_fetch(&pipe_signals, 1, __ATOMIC_RELAXED);
}

static void disconnected_peers(void)
{
    struct sigaction action, before;

    CHECK_EQUAL(0, run_self("disconnected"));
    memset(&action, 0, sizeof action);
    action.sa_handler = count_pipe;
    action.sa_flags = SA_ONSTACK;
    CHECK(sigaction(SIGPIPE, &action, &before) == 0);
    write_to_disconnected();
    alarm(0);
    CHECK_EQUAL(0, pipe_signals);
    CHECK(sigaction(SIGPIPE, &before, NULL) == 0);
}

/* ---- the C library's heaps ---- */

static int lines_with(const char *text, const char *mark)
{
    int n = 0;

    for (; (text = strstr(text, mark)) != NULL; text += strlen(mark))
        n++;
    return n;
}

static int threads(void)
{
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *entry;
    int n = 0;

    CHECK(tasks != NULL);
    while ((entry = readdir(tasks)) != NULL)
        n += entry->d_name[0] != '.';
    closedir(tasks);
    return n;
}

/* Only threads that start other threads have a heap (arena) in the C library. Each reserves 64 MB of address space. */
static void few_heaps(void)
{
    obe_socket server = new_server(), client = new_client(port_of(server));
    char *report = NULL, text[16];
    size_t size = 0;
    int64_t length;
    FILE *stream = open_memstream(&report, &size);

    CHECK_STATUS(OBE_E_TIMEOUT, server, obe_receive(server, text, sizeof text, &length, 100));
    CHECK_OK(client, obe_send(client, "1", -1, TEST_TIMEOUT));
    CHECK_OK(server, obe_receive(server, text, sizeof text, &length, TEST_TIMEOUT));
    CHECK_OK(client, obe_free(client));
    CHECK_OK(server, obe_free(server));
    CHECK(stream && malloc_info(0, stream) == 0 && fclose(stream) == 0);
    CHECK(lines_with(report, "<heap ") <= 1 + threads() / 2);
    free(report);
}

/* ---- cancelled threads ---- */

struct cancelled {
    obe_socket server;
    obe_status status; /* what the call returned */
    sem_t called;
};

static void *receive_and_end(void *argument)
{
    struct cancelled *c = argument;
    int64_t size;
    char buffer[64];

    CHECK(sem_post(&c->called) == 0);
    c->status = obe_receive(c->server, buffer, sizeof buffer, &size, OBE_FOREVER);
    pthread_testcancel();
    return c;
}

/* A thread that is cancelled by pthread_cancel ends after its call has returned, not within it. */
static void cancelled_thread(void)
{
    struct cancelled c;
    struct caller follower;
    pthread_t thread;
    void *result;
    int fds[2], i;

    memset(&c, 0, sizeof c);
    c.server = new_server();
    c.status = OBE_E_INTERNAL;
    CHECK(sem_init(&c.called, 0, 0) == 0);
    thread = start_thread(receive_and_end, &c);
    CHECK(sem_wait(&c.called) == 0);
    caller_start(&follower, receive_forever, c.server); /* the other thread is in its call before this returns */
    CHECK(pthread_cancel(thread) == 0);
    /* Two connections, because the second message of one would wait for the reply to the first. */
    for (i = 0; i < LENGTH(fds); i++) {
        fds[i] = raw_connect(port_of(c.server));
        raw_write_text(fds[i], "00000000011");
    }
    CHECK(pthread_join(thread, &result) == 0);
    CHECK_EQUAL(OBE_OK, c.status);
    CHECK(result == PTHREAD_CANCELED);
    CHECK_OK(c.server, caller_join(&follower));
    for (i = 0; i < LENGTH(fds); i++)
        socket_close(fds[i]);
    CHECK_OK(c.server, obe_free(c.server));
}

/* ---- internal errors, and no output ---- */

static void after_an_internal_error(void)
{
    struct echo echo;
    obe_socket client;
    int i;

    echo_start(&echo);
    client = new_client(echo.port);
    for (i = 0; i < 10; i++) {
        CHECK_STATUS(OBE_E_INTERNAL, client, obe_test_panic(client));
        CHECK_ERROR(client, "test_panic: ");
        CHECK_ERROR(client, ": provoked");
        CHECK_STATUS(OBE_E_INTERNAL, echo.server, obe_test_panic(echo.server));
        exchange(client);
    }
    CHECK_OK(client, obe_free(client));
    echo_stop(&echo);
}

/* None of this prints anything. */
static void no_output(void)
{
    struct captured_output output;

    capture_output_begin(&output);
    after_an_internal_error();
    write_to_disconnected();
    alarm(0);
    CHECK_STATUS(OBE_E_HANDLE, 0, obe_free(NUMBER_AS_HANDLE(4095)));
    obe_test_collect();
    capture_output_end(&output);
}

int main(int argc, char **argv)
{
    const char *role = argc > 1 ? argv[1] : "";
    int fd, i;

    if (strcmp(role, "fork") == 0 || strcmp(role, "daemon") == 0)
        return fork_first(role[0] == 'd');
    if (strcmp(role, "started") == 0)
        return started();
    if (strcmp(role, "exit") == 0 || strcmp(role, "return") == 0)
        return exit_during_call(role[0] == 'e');
    if (strcmp(role, "disconnected") == 0)
        return write_to_disconnected();
    for (i = 0; i < LENGTH(deadly); i++)
        if (strcmp(role, deadly[i].name) == 0)
            return die(deadly[i].signal);
    for (fd = 3; fd < 256; fd++) /* descriptors that the tests inherited are not passed on */
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    RUN(few_heaps);
    RUN(forked_child);
    RUN(early_fork);
    RUN(closed_despite_child);
    RUN(fork_and_exec);
    RUN(exit_while_blocked);
    RUN(disconnected_peers);
    RUN(cancelled_thread);
    RUN(after_an_internal_error);
    RUN(no_output);
    CHECK_EQUAL(0, obe_test_live());
    RUN(default_signals);
    return 0;
}
