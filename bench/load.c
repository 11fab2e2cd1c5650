/*
 * Many concurrent clients. The commands:
 *
 *     serve                            starts an epoll server thread, the baseline, and answers with its port
 *     client CLIENTS MODE PORT COUNT   times count exchanges of that many concurrent clients; MODE is oneshot or kept
 *     open PORT COUNT                  opens count connections, with one exchange on each, and leaves them open
 *     close                            closes these connections
 *
 * The clients also share one thread with epoll, so that the server can use the second core alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"

enum { EVENTS = 256, ROOM = 256 };

static void watch(int poller, int operation, int fd, uint32_t events, void *data)
{
    struct epoll_event event = {.events = events, .data.ptr = data};
    require(epoll_ctl(poller, operation, fd, &event) == 0, "epoll_ctl");
}

/* ---- The server ---- */

struct peer {
    int fd;
    size_t got;
    char buffer[ROOM];
};

static size_t frame_size(const char *buffer, size_t got) /* of the first frame; 0 before its header is complete */
{
    size_t length = 0;
    if (got < HEADER)
        return 0;
    for (int i = 0; i < HEADER; i++)
        length = length * 10 + (size_t)(buffer[i] - '0');
    require(HEADER + length <= ROOM, "the frame is too large");
    return HEADER + length;
}

static int serve_peer(struct peer *peer) /* returns 0 if the peer has disconnected */
{
    ssize_t got = recv(peer->fd, peer->buffer + peer->got, ROOM - peer->got, 0);
    size_t size;
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return 1;
    if (got <= 0)
        return 0;
    peer->got += (size_t)got;
    while ((size = frame_size(peer->buffer, peer->got)) > 0 && size <= peer->got) {
        peer->got -= size;
        memmove(peer->buffer, peer->buffer + size, peer->got);
        if (!baseline_write(peer->fd, REPLY, sizeof REPLY - 1)) /* so small that it never blocks */
            return 0;
    }
    return 1;
}

static void *serve(void *argument)
{
    int listener = (int)(intptr_t)argument, poller = epoll_create1(0);
    struct epoll_event events[EVENTS];
    fcntl(listener, F_SETFL, O_NONBLOCK);
    watch(poller, EPOLL_CTL_ADD, listener, EPOLLIN, NULL);
    for (;;) {
        int count = epoll_wait(poller, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            struct peer *peer = events[i].data.ptr;
            if (peer == NULL) {
                int fd;
                while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                    peer = allocate(sizeof *peer);
                    peer->fd = fd;
                    baseline_tune(fd);
                    watch(poller, EPOLL_CTL_ADD, fd, EPOLLIN, peer);
                }
            } else if (!serve_peer(peer)) {
                close(peer->fd);
                free(peer);
            }
        }
    }
    return NULL;
}

/* ---- The clients ---- */

struct client {
    int fd, connecting;
    uint64_t began;
    size_t got;
    char buffer[ROOM];
};

static char command[HEADER + sizeof COMMAND];

static void ask(struct client *client)
{
    client->got = 0;
    const ssize_t size = HEADER + sizeof COMMAND - 1;
    require(send(client->fd, command, (size_t)size, MSG_NOSIGNAL) == size, "send");
}

static void begin(struct client *client, int poller, int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    address.sin_port = htons((uint16_t)port);
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    require(client->fd >= 0, "socket");
    baseline_tune(client->fd);
    require(connect(client->fd, (struct sockaddr *)&address, sizeof address) == 0 || errno == EINPROGRESS, "connect");
    client->connecting = 1;
    watch(poller, EPOLL_CTL_ADD, client->fd, EPOLLOUT, client);
}

static int replied(struct client *client) /* whether the reply is complete */
{
    ssize_t got = recv(client->fd, client->buffer + client->got, ROOM - client->got, 0);
    if (got < 0 && errno == EAGAIN)
        return 0;
    require(got > 0, "the server has disconnected");
    client->got += (size_t)got;
    return client->got == frame_size(client->buffer, client->got);
}

static void run(size_t clients, int kept, int port, size_t count)
{
    int poller = epoll_create1(0);
    struct client *all = allocate(clients * sizeof *all);
    struct epoll_event events[EVENTS];
    uint64_t *ns = allocate(count * sizeof *ns), start = 0;
    size_t started = 0, ended = 0, ready = 0;

    require(count >= clients, "fewer exchanges than clients");
    for (size_t i = 0; i < clients; i++) {
        if (!kept)
            all[i].began = now_ns();
        begin(&all[i], poller, port);
        start = start ? start : all[i].began;
        started += !kept;
    }
    while (ended < count) {
        int n = epoll_wait(poller, events, EVENTS, TIMEOUT_S * 1000);
        require(n > 0, "epoll_wait");
        for (int i = 0; i < n && ended < count; i++) {
            struct client *client = events[i].data.ptr;
            if (client->connecting) {
                client->connecting = 0;
                watch(poller, EPOLL_CTL_MOD, client->fd, EPOLLIN, client);
                if (!kept) {
                    ask(client);
                } else if (++ready == clients) { /* all are connected, so the exchanges begin */
                    start = now_ns();
                    for (; started < clients; started++) {
                        all[started].began = now_ns();
                        ask(&all[started]);
                    }
                }
            } else if (replied(client)) {
                if (!kept)
                    close(client->fd);
                ns[ended++] = now_ns() - client->began;
                client->began = now_ns();
                if (started < count) {
                    started++;
                    if (kept)
                        ask(client);
                    else
                        begin(client, poller, port);
                } else if (!kept) {
                    client->fd = -1;
                }
            }
        }
    }
    double seconds = (double)(now_ns() - start) / 1e9;
    for (size_t i = 0; i < clients; i++)
        if (all[i].fd >= 0)
            close(all[i].fd);
    close(poller);
    report(ns, count, seconds);
    free(ns);
    free(all);
}

/* ---- Idle connections ---- */

static int *idle;
static size_t idle_count;

static void open_idle(int port, size_t count)
{
    struct reader *reader = allocate(sizeof *reader);
    char reply[ROOM];
    idle = allocate(count * sizeof *idle);
    for (; idle_count < count; idle_count++) {
        reader->fd = idle[idle_count] = baseline_connect(port);
        reader->start = reader->end = 0;
        require(baseline_write(reader->fd, COMMAND, sizeof COMMAND - 1), "the server has disconnected");
        require(baseline_read(reader, reply, sizeof reply) == sizeof REPLY - 1, "unexpected reply");
    }
    free(reader);
}

static void close_idle(void)
{
    while (idle_count > 0)
        close(idle[--idle_count]);
    free(idle);
}

int main(void)
{
    char *words[WORDS];

    snprintf(command, sizeof command, "%010zu%s", sizeof COMMAND - 1, COMMAND);
    while (next_command(words)) {
        if (strcmp(words[0], "serve") == 0) {
            int port, listener = baseline_listen(&port);
            start_thread(serve, (void *)(intptr_t)listener);
            printf("{\"port\": %d}\n", port);
        } else if (strcmp(words[0], "client") == 0) {
            int kept = strcmp(words[2], "kept") == 0;
            run(strtoul(words[1], NULL, 10), kept, atoi(words[3]), strtoul(words[4], NULL, 10));
        } else if (strcmp(words[0], "open") == 0) {
            open_idle(atoi(words[1]), strtoul(words[2], NULL, 10));
            printf("{\"open\": %zu}\n", idle_count);
        } else {
            close_idle();
            printf("{\"open\": 0}\n");
        }
    }
    return 0;
}
