/*
 * Messages of a size, one after the other on a kept connection: bytes per second, between two threads. The commands:
 *
 *     message SIZE KIND                the message from now on: string (one long text) or numbers (an array)
 *     serve KIND                       starts a server thread, c or obe; answers its port
 *     in KIND PORT COUNT               a client, c or obe, sends count messages, and the server one short reply
 *     out KIND PORT COUNT              a client sends one short command, and the server count messages
 *     check COUNT                      the time that libobe takes to check the message, without sending it
 *
 * A client tells a server what comes with a message such as "in 5"; that and one message are sent before the clock
 * starts. The buffers are the same on both sides, and as large as the message.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"
#include "library.h"

enum { LARGEST = 64000000 };
static const int PATIENCE_MS = PATIENCE * 1000;

static char *message;
static size_t length;

static void make_message(size_t size, const char *kind)
{
    free(message);
    message = allocate(size + 32);
    length = size;
    if (strcmp(kind, "string") == 0) {
        memset(message, 'a', size);
        message[0] = message[size - 1] = '"';
        return;
    }
    size_t at = 1;
    message[0] = '[';
    for (unsigned i = 1; at + 24 < size; i++) /* the usual width of a double that is written in full */
        at += (size_t)sprintf(message + at, "%.16f, ", (double)(i * 2654435761u) / 4294967296.0);
    at += (size_t)sprintf(message + at, "0.5");
    memset(message + at, ' ', size - at);
    message[size - 1] = ']';
}

/* ---- One end of a connection, written in C or with libobe ---- */

struct end {
    obe_socket socket; /* 0: it is written in C */
    struct reader *reader;
    char *buffer; /* of the size of the largest message, all its pages there */
};

static struct end new_end(void)
{
    struct end end = {0, allocate(sizeof *end.reader), allocate(LARGEST + 64)};
    memset(end.buffer, 1, LARGEST + 64);
    return end;
}

static void put(struct end *end, const char *body, size_t size)
{
    if (end->socket)
        done(obe_send(end->socket, body, (int64_t)size, PATIENCE_MS), "obe_send");
    else
        need(floor_write(end->reader->fd, body, size), "a peer that stays");
}

static int get(struct end *end) /* the message is then in buffer, and ends with a NUL; 0 if the peer has left */
{
    int64_t size;
    if (end->socket)
        done(obe_receive(end->socket, end->buffer, LARGEST + 64, &size, OBE_FOREVER), "obe_receive");
    else if ((size = floor_read(end->reader, end->buffer, LARGEST)) >= 0)
        end->buffer[size] = 0;
    return size >= 0;
}

static void *serve(void *argument)
{
    struct end *end = argument;
    int listener = end->reader->fd, count;

    for (;;) {
        if (!end->socket) {
            end->reader->fd = accept(listener, NULL, NULL);
            need(end->reader->fd >= 0, "accept");
            floor_tune(end->reader->fd);
            end->reader->start = end->reader->end = 0;
        }
        while (get(end)) {
            if (sscanf(end->buffer, "\"in %d\"", &count) == 1) {
                while (count-- > 0)
                    need(get(end), "a client that stays");
                put(end, REPLY, sizeof REPLY - 1);
            } else {
                need(sscanf(end->buffer, "\"out %d\"", &count) == 1, "a command");
                while (count-- > 0)
                    put(end, message, length);
            }
        }
        close(end->reader->fd); /* of a client of the server in C */
    }
    return NULL;
}

static int start_server(int with_obe)
{
    struct end *end = allocate(sizeof *end);
    int port;
    *end = new_end();
    if (with_obe)
        end->socket = server_at(&port);
    else
        end->reader->fd = floor_listen(&port);
    start_thread(serve, end);
    return port;
}

static void transfer(struct end *end, int in, int count)
{
    char command[32];
    snprintf(command, sizeof command, "\"%s %d\"", in ? "in" : "out", count);
    put(end, command, strlen(command));
    for (int i = 0; in && i < count; i++)
        put(end, message, length);
    for (int i = 0; i < (in ? 1 : count); i++)
        need(get(end), "a server that stays");
    need(in || (strlen(end->buffer) == length && end->buffer[length - 1] == message[length - 1]), "the message");
}

static void run(int with_obe, int in, int port, int count)
{
    static struct end end;
    if (end.buffer == NULL)
        end = new_end();
    if (with_obe)
        end.socket = client_of(port);
    else
        end.reader->fd = floor_connect(port);
    end.reader->start = end.reader->end = 0;
    transfer(&end, in, 1);
    uint64_t began = now_ns();
    transfer(&end, in, count);
    double seconds = (double)(now_ns() - began) / 1e9;
    printf("{\"rate\": %.1f, \"ms\": %.4f}\n", (double)length * count / seconds / 1e6, seconds * 1e3 / count);
    if (with_obe)
        done(obe_free(end.socket), "obe_free");
    else
        close(end.reader->fd);
    end.socket = 0;
}

/*
 * What is not JSON is found out before anything is connected. So a message without its last byte, which is looked at
 * to its end, takes the time of the check and nothing else.
 */
static void check(int count)
{
    obe_socket client = client_of(OBE_DEFAULT_PORT);
    uint64_t began = now_ns();
    for (int i = 0; i < count; i++)
        need(obe_send(client, message, (int64_t)length - 1, 0) == OBE_E_JSON, "a check that fails");
    double seconds = (double)(now_ns() - began) / 1e9;
    printf("{\"rate\": %.1f, \"ms\": %.4f}\n", (double)length * count / seconds / 1e6, seconds * 1e3 / count);
    done(obe_free(client), "obe_free");
}

int main(void)
{
    char *words[WORDS];
    while (next_command(words)) {
        int with_obe = words[1] != NULL && strcmp(words[1], "obe") == 0;
        if (strcmp(words[0], "message") == 0) {
            make_message(strtoul(words[1], NULL, 10), words[2]);
            printf("{\"length\": %zu}\n", length);
        } else if (strcmp(words[0], "serve") == 0) {
            printf("{\"port\": %d}\n", start_server(with_obe));
        } else if (strcmp(words[0], "check") == 0) {
            check(atoi(words[1]));
        } else {
            run(with_obe, strcmp(words[0], "in") == 0, atoi(words[2]), atoi(words[3]));
        }
    }
    return 0;
}
