/*
 * Consecutive messages of one size on a persistent connection between two threads, in bytes per second. The commands:
 *
 *     message SIZE KIND                sets the message: string (one long text) or numbers (an array)
 *     serve KIND                       starts a server thread, c or obe, and answers with its port
 *     in KIND PORT COUNT               a client, c or obe, sends count messages, and the server one short reply
 *     out KIND PORT COUNT              a client sends one short command, and the server count messages
 *     check COUNT                      times the validation of the message by libobe, without sending it
 *
 * A client announces a transfer to the server by a message such as "in 5". One transfer of one message runs before the
 * timed one. Both sides use buffers of the same size.
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
static const int TIMEOUT_MS = TIMEOUT_S * 1000;

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
    for (unsigned i = 1; at + 24 < size; i++) /* about the length of a double at full precision */
        at += (size_t)sprintf(message + at, "%.16f, ", (double)(i * 2654435761u) / 4294967296.0);
    at += (size_t)sprintf(message + at, "0.5");
    memset(message + at, ' ', size - at);
    message[size - 1] = ']';
}

/* ---- One end of a connection, written in C or with libobe ---- */

struct end {
    obe_socket socket; /* NULL if this end is written in C */
    struct reader *reader;
    char *buffer; /* for the largest message, with all pages resident */
};

static struct end new_end(void)
{
    struct end end = {NULL, allocate(sizeof *end.reader), allocate(LARGEST + 64)};
    memset(end.buffer, 1, LARGEST + 64);
    return end;
}

static void put(struct end *end, const char *body, size_t size)
{
    if (end->socket)
        check_ok(obe_send(end->socket, body, (int64_t)size, TIMEOUT_MS), "obe_send");
    else
        require(baseline_write(end->reader->fd, body, size), "the peer has disconnected");
}

static int get(struct end *end) /* receives a message into buffer, with a NUL; returns 0 if the peer has disconnected */
{
    int64_t size;
    if (end->socket)
        check_ok(obe_receive(end->socket, end->buffer, LARGEST + 64, &size, OBE_FOREVER), "obe_receive");
    else if ((size = baseline_read(end->reader, end->buffer, LARGEST)) >= 0)
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
            require(end->reader->fd >= 0, "accept");
            baseline_tune(end->reader->fd);
            end->reader->start = end->reader->end = 0;
        }
        while (get(end)) {
            if (sscanf(end->buffer, "\"in %d\"", &count) == 1) {
                while (count-- > 0)
                    require(get(end), "the client has disconnected");
                put(end, REPLY, sizeof REPLY - 1);
            } else {
                require(sscanf(end->buffer, "\"out %d\"", &count) == 1, "unknown command");
                while (count-- > 0)
                    put(end, message, length);
            }
        }
        close(end->reader->fd); /* only the server in C gets here */
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
        end->reader->fd = baseline_listen(&port);
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
        require(get(end), "the server has disconnected");
    require(in || (strlen(end->buffer) == length && end->buffer[length - 1] == message[length - 1]),
            "unexpected message");
}

static void run(int with_obe, int in, int port, int count)
{
    static struct end end;
    if (end.buffer == NULL)
        end = new_end();
    if (with_obe)
        end.socket = client_of(port);
    else
        end.reader->fd = baseline_connect(port);
    end.reader->start = end.reader->end = 0;
    transfer(&end, in, 1);
    uint64_t began = now_ns();
    transfer(&end, in, count);
    double seconds = (double)(now_ns() - began) / 1e9;
    printf("{\"rate\": %.1f, \"ms\": %.4f}\n", (double)length * count / seconds / 1e6, seconds * 1e3 / count);
    if (with_obe)
        check_ok(obe_free(end.socket), "obe_free");
    else
        close(end.reader->fd);
    end.socket = NULL;
}

/*
 * obe_send validates a message before it connects. To send one without its last byte, which it reads to the end, costs
 * only the time of the validation.
 */
static void check(int count)
{
    obe_socket client = client_of(OBE_DEFAULT_PORT);
    uint64_t began = now_ns();
    for (int i = 0; i < count; i++)
        require(obe_send(client, message, (int64_t)length - 1, 0) == OBE_E_JSON, "the message is valid");
    double seconds = (double)(now_ns() - began) / 1e9;
    printf("{\"rate\": %.1f, \"ms\": %.4f}\n", (double)length * count / seconds / 1e6, seconds * 1e3 / count);
    check_ok(obe_free(client), "obe_free");
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
