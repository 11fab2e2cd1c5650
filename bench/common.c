#include "common.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void fail(const char *what)
{
    fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
    exit(1);
}

void require(int condition, const char *what)
{
    if (!condition)
        fail(what);
}

void *allocate(size_t size)
{
    void *memory = calloc(1, size);
    require(memory != NULL, "calloc");
    return memory;
}

long resident_kb(const char *field)
{
    char line[128];
    long kb = -1;
    FILE *status = fopen("/proc/self/status", "r");
    require(status != NULL, "/proc/self/status");
    while (kb < 0 && fgets(line, sizeof line, status) != NULL)
        if (strncmp(line, field, strlen(field)) == 0)
            kb = strtol(line + strlen(field) + 1, NULL, 10);
    fclose(status);
    return kb;
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

void report(uint64_t *ns, size_t count, double seconds)
{
    size_t stalls = 0;
    qsort(ns, count, sizeof *ns, by_size);
    while (stalls < count && ns[count - 1 - stalls] >= 35000000u) /* the delay of a delayed ACK is 40 ms */
        stalls++;
    printf("{\"p50\": %.3f, \"p99\": %.3f, \"max\": %.3f, \"rate\": %.1f, \"count\": %zu, \"stalls\": %zu}\n",
           (double)ns[count / 2] / 1e3, (double)ns[count * 99 / 100] / 1e3, (double)ns[count - 1] / 1e3,
           (double)count / seconds, count, stalls);
}

int next_command(char *words[WORDS])
{
    static char line[256];
    int count = 0;
    fflush(stdout);
    alarm(0);
    if (fgets(line, sizeof line, stdin) == NULL)
        return 0;
    alarm(3 * TIMEOUT_S);
    memset(words, 0, WORDS * sizeof *words);
    for (char *word = strtok(line, " \n"); word != NULL && count < WORDS; word = strtok(NULL, " \n"))
        words[count++] = word;
    return count;
}

void start_thread(void *(*body)(void *), void *argument)
{
    pthread_t thread;
    errno = pthread_create(&thread, NULL, body, argument);
    require(errno == 0, "pthread_create");
    pthread_detach(thread);
}

int baseline_listen(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    require(fd >= 0, "socket");
    require(bind(fd, (struct sockaddr *)&address, size) == 0, "bind");
    require(listen(fd, SOMAXCONN) == 0, "listen");
    require(getsockname(fd, (struct sockaddr *)&address, &size) == 0, "getsockname");
    *port = ntohs(address.sin_port);
    return fd;
}

void baseline_tune(int fd)
{
    int on = 1;
    require(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0, "setsockopt");
}

int baseline_connect(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    require(fd >= 0, "socket");
    baseline_tune(fd);
    address.sin_port = htons((uint16_t)port);
    require(connect(fd, (struct sockaddr *)&address, sizeof address) == 0, "connect");
    return fd;
}

int baseline_write(int fd, const char *body, size_t length)
{
    char head[4096];
    struct iovec parts[2] = {{head, HEADER}, {(char *)(uintptr_t)body, length}};
    struct iovec *part = parts;
    int count = 2;

    snprintf(head, sizeof head, "%010zu", length);
    if (length <= sizeof head - HEADER) { /* small enough to copy */
        memcpy(head + HEADER, body, length);
        parts[0].iov_len = HEADER + length;
        count = 1;
    }
    while (count > 0) {
        struct msghdr message = {.msg_iov = part, .msg_iovlen = (size_t)count};
        ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL);
        if (sent < 0 && (errno == EPIPE || errno == ECONNRESET))
            return 0;
        require(sent >= 0, "sendmsg");
        while (count > 0 && (size_t)sent >= part->iov_len) {
            sent -= (ssize_t)part->iov_len;
            part++;
            count--;
        }
        if (count > 0) {
            part->iov_base = (char *)part->iov_base + sent;
            part->iov_len -= (size_t)sent;
        }
    }
    return 1;
}

/* Returns 0 at the end of the connection. */
static size_t receive_some(struct reader *reader, char *into, size_t size)
{
    ssize_t got = -1;
    errno = EAGAIN;
    for (int i = 0; i < reader->spins && got < 0 && errno == EAGAIN; i++)
        got = recv(reader->fd, into, size, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN)
        got = recv(reader->fd, into, size, 0);
    if (got < 0 && errno == ECONNRESET)
        return 0;
    require(got >= 0, "recv");
    return (size_t)got;
}

long baseline_read(struct reader *reader, char *body, size_t capacity)
{
    size_t got, length = 0, taken;
    if (reader->end - reader->start < HEADER) {
        memmove(reader->buffer, reader->buffer + reader->start, reader->end - reader->start);
        reader->end -= reader->start;
        reader->start = 0;
        while (reader->end < HEADER) {
            got = receive_some(reader, reader->buffer + reader->end, sizeof reader->buffer - reader->end);
            if (got == 0)
                return -1;
            reader->end += got;
        }
    }
    for (int i = 0; i < HEADER; i++)
        length = length * 10 + (size_t)(reader->buffer[reader->start++] - '0');
    require(length <= capacity, "the frame does not fit");
    taken = reader->end - reader->start;
    if (taken > length)
        taken = length;
    memcpy(body, reader->buffer + reader->start, taken);
    reader->start += taken;
    for (; taken < length; taken += got)
        if ((got = receive_some(reader, body + taken, length - taken)) == 0)
            return -1;
    return (long)length;
}

struct baseline_server {
    int listener, kept;
    struct reader reader;
};

static void *serve(void *argument)
{
    struct baseline_server *server = argument;
    struct reader *reader = &server->reader;
    char body[256];
    int last = -1;

    for (;;) {
        reader->fd = accept(server->listener, NULL, NULL);
        require(reader->fd >= 0, "accept");
        if (last >= 0)
            close(last);
        last = reader->fd;
        baseline_tune(reader->fd);
        reader->start = reader->end = 0;
        while (baseline_read(reader, body, sizeof body) >= 0 && baseline_write(reader->fd, REPLY, sizeof REPLY - 1) &&
               server->kept)
            ;
    }
    return NULL;
}

int baseline_serve(int kept, int spins)
{
    int port;
    struct baseline_server *server = allocate(sizeof *server);
    server->kept = kept;
    server->reader.spins = spins;
    server->listener = baseline_listen(&port);
    start_thread(serve, server);
    return port;
}

static void exchange(struct reader *reader)
{
    char reply[256];
    require(baseline_write(reader->fd, COMMAND, sizeof COMMAND - 1), "the server has disconnected");
    require(baseline_read(reader, reply, sizeof reply) == sizeof REPLY - 1, "unexpected reply");
}

void baseline_client(int port, int kept, int spins, size_t count, uint64_t *ns)
{
    static struct reader reader;
    reader.spins = spins;
    if (kept) {
        reader.fd = baseline_connect(port);
        reader.start = reader.end = 0;
    }
    for (size_t i = 0; i < count; i++) {
        uint64_t began = now_ns();
        if (!kept) {
            reader.fd = baseline_connect(port);
            reader.start = reader.end = 0;
        }
        exchange(&reader);
        if (!kept)
            close(reader.fd);
        ns[i] = now_ns() - began;
    }
    if (kept)
        close(reader.fd);
}
