/* memory.c - a host program with a limited address space: memory PORT LEFT
 *
 * The program prints the status of each call that needs much memory. The limit leaves LEFT MiB of address space; -1 is no
 * limit. At PORT is a server whose replies are as long as the commands. Then the program prints the port of its own server,
 * and serves until it receives a message of three bytes. */
#include "limited.h"

#include <string.h>
#include <sys/mman.h>

enum { MIB = 1 << 20, TIMEOUT = 20000, ROUNDS = 3 };

/* Memory that the program allocates before the limit is set. */
static void *map_memory(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
    return memory;
}

static void answer(obe_message request, void *user)
{
    int64_t length;
    char text[3];

    if (obe_get_json(request, "", text, sizeof text, &length) == OBE_OK && length == 3) {
        obe_reply(request, "\"!\"", -1, TIMEOUT);
        *(volatile int *)user = 1;
        return;
    }
    obe_reply(request, "\"OK\"", -1, TIMEOUT);
}

int main(int count, char **arguments)
{
    const int64_t length = 40 * MIB, room = 41 * MIB, numbers = 3 * MIB;
    char *text = map_memory((size_t)length), *reply = map_memory((size_t)room);
    double *values = map_memory((size_t)numbers * sizeof *values);
    obe_socket client = 0, server = 0;
    int32_t port = 0;
    int64_t dropped = 0;
    int round;
    volatile int stop = 0;

    if (count != 3 || obe_client_new(NULL, (int32_t)atoi(arguments[1]), &client) != OBE_OK ||
        obe_server_new(NULL, 0, &server) != OBE_OK || obe_port(server, &port) != OBE_OK)
        return 1;
    memset(text, 'x', (size_t)length);
    text[0] = text[length - 1] = '"';
    if (atol(arguments[2]) >= 0)
        limit(atol(arguments[2]));
    for (round = 0; round < ROUNDS; round++) {
        obe_message message = 0, answered = 0;
        int64_t got = 0;

        report("message_new", obe_message_new(text, length, &message));
        obe_message_free(message);
        message = 0;
        report("message_new small", obe_message_new("{}", -1, &message));
        report("set_json", obe_set_json(message, "text", text, length));
        report("set_doubles", obe_set_doubles(message, "values", values, numbers));
        obe_message_free(message);
        message = 0;
        report("message_new small", obe_message_new("\"long\"", -1, &message));
        report("tcmd_message", obe_tcmd_message(client, message, &answered, TIMEOUT));
        obe_message_free(answered);
        obe_message_free(message);
        report("tcmd", obe_tcmd(client, "\"long\"", -1, reply, room, &got, TIMEOUT));
        report("tcmd small", obe_tcmd(client, "\"short\"", -1, reply, room, &got, TIMEOUT));
    }
    printf("port %" PRId32 "\n", port);
    fflush(stdout);
    report("serve", obe_serve(server, answer, (void *)&stop, &stop));
    if (obe_get_stat(server, OBE_STAT_DROPPED_MEMORY, &dropped) != OBE_OK)
        return 1;
    printf("dropped_memory %" PRId64 "\n", dropped);
    obe_free(server);
    obe_free(client);
    return 0;
}
