/* A client and a server that free everything, for the tools that docs/debugging.md describes. The shipped library has no
 * hooks, so this program does not include check.h.
 *
 *     debugging            a correct program
 *     debugging MISTAKE    one mistake: see mistakes
 *
 * It exits with 0 if the calls had the results that they should have. */
#define _POSIX_C_SOURCE 200809L
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "obe.h"

enum { ROUNDS = 20, TIMEOUT = 20000 };

#define MUST(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            exit(2); \
        } \
    } while (0)

static obe_socket server, client;
static volatile int stop;

static void answer(obe_message request, void *unused)
{
    char command[16];
    int64_t length;

    (void)unused;
    MUST(obe_get_string(request, "/command", command, sizeof command, &length) == OBE_OK);
    MUST(obe_reply(request, strcmp(command, "optset") == 0 ? "[1.5, 2]" : "\"OK\"", -1, TIMEOUT) == OBE_OK);
    stop = strcmp(command, "done") == 0;
}

static void *serve(void *unused)
{
    MUST(obe_serve(server, answer, NULL, &stop) == OBE_OK);
    return unused;
}

static int64_t live(const char *counter)
{
    int64_t count;

    MUST(obe_get_stat(NULL, counter, &count) == OBE_OK);
    return count;
}

static void exchange(void)
{
    double setting[2], y = 1, s = 0.5, first;
    int64_t count;
    obe_message command, reply;

    MUST(obe_optset(client, setting, 2, &count, TIMEOUT) == OBE_OK && count == 2 && setting[0] == 1.5);
    MUST(obe_newdat(client, setting, 2, &y, 1, &s, 1, TIMEOUT) == OBE_OK);
    MUST(obe_command_new("optset", &command) == OBE_OK);
    MUST(obe_set_double(command, "x", y) == OBE_OK);
    MUST(obe_tcmd_message(client, command, &reply, TIMEOUT) == OBE_OK);
    MUST(obe_get_double(reply, "/0", &first) == OBE_OK && first == 1.5);
    MUST(obe_message_free(reply) == OBE_OK && obe_message_free(command) == OBE_OK);
}

/* ---- mistakes ---- */

static obe_message numbers(const double *values)
{
    obe_message message;

    MUST(obe_command_new("x", &message) == OBE_OK);
    MUST(obe_set_doubles(message, "x", values, 2) == OBE_OK);
    return message;
}

static double *allocated(void)
{
    double *values = malloc(2 * sizeof *values);

    MUST(values);
    return values;
}

static void message_not_freed(void)
{
    static const double zeros[2];

    numbers(zeros);
}

static void socket_not_freed(void)
{
    obe_socket other;

    MUST(obe_client_new(NULL, 1, &other) == OBE_OK);
}

static void memory_not_freed(void)
{
    void *volatile lost = malloc(100);

    lost = NULL;
    (void)lost;
}

static void undefined_condition(void)
{
    double *values = allocated();

    if (((volatile double *)values)[0] > 1)
        stop = 1;
    free(values);
}

static void undefined_input(void)
{
    double *values = allocated();

    MUST(obe_message_free(numbers(values)) == OBE_OK);
    free(values);
}

static void freed_input(void)
{
    double *volatile values = allocated();

    values[0] = values[1] = 1;
    free(values);
    MUST(obe_message_free(numbers(values)) == OBE_OK);
}

static void small_buffer(void)
{
    volatile int64_t room = 16;
    int64_t length;
    char *buffer = malloc(4);

    MUST(obe_get_option(client, OBE_OPT_TIMEOUT_MS, buffer, room, &length) == OBE_OK);
    free(buffer);
}

static const struct {
    const char *name;
    void (*make)(void);
} mistakes[] = {
    {"message_not_freed", message_not_freed}, {"socket_not_freed", socket_not_freed},
    {"memory_not_freed", memory_not_freed},   {"undefined_condition", undefined_condition},
    {"undefined_input", undefined_input},     {"freed_input", freed_input},
    {"small_buffer", small_buffer},
};

int main(int argc, char **argv)
{
    pthread_t thread;
    int32_t port;
    size_t i;

    MUST(obe_server_new(NULL, 0, &server) == OBE_OK && obe_port(server, &port) == OBE_OK);
    MUST(obe_client_new(NULL, port, &client) == OBE_OK);
    MUST(pthread_create(&thread, NULL, serve, NULL) == 0);
    for (i = 0; i < ROUNDS; i++)
        exchange();
    for (i = 0; i < sizeof mistakes / sizeof *mistakes; i++)
        if (argc > 1 && strcmp(argv[1], mistakes[i].name) == 0)
            mistakes[i].make();
    MUST(obe_done(client, TIMEOUT) == OBE_OK && pthread_join(thread, NULL) == 0);
    MUST(obe_free(client) == OBE_OK && obe_free(server) == OBE_OK);
    printf("%" PRId64 " sockets and %" PRId64 " messages not freed\n", live(OBE_STAT_LIVE_SOCKETS),
           live(OBE_STAT_LIVE_MESSAGES));
    return 0;
}
