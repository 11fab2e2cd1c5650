/* sequence.c - a host program with a limited address space: sequence PORT
 *
 * The limit leaves 300 MiB of address space. The program makes many calls that need 60 MB each, one after another, and prints
 * the status of each. At PORT is a server whose replies have that size. Then the program prints the port of its own server,
 * and receives messages until one has three bytes. */
#include "limited.h"

#include <malloc.h>
#include <string.h>

enum { TIMEOUT = 60000, ROUNDS = 6, SIZE = 60 * 1000 * 1000 };

int main(int count, char **arguments)
{
    static char text[SIZE];
    obe_socket client = 0, server = 0;
    obe_message question = 0;
    int32_t port = 0;
    int64_t length = 0;
    int round;

    if (count != 2 || obe_client_new(NULL, (int32_t)atoi(arguments[1]), &client) != OBE_OK ||
        obe_server_new(NULL, 0, &server) != OBE_OK || obe_port(server, &port) != OBE_OK ||
        obe_message_new("\"long\"", -1, &question) != OBE_OK)
        return 1;
    memset(text, 'x', sizeof text);
    text[0] = text[sizeof text - 1] = '"';
    /* Otherwise malloc reserves 64 MiB of address space for a thread that Go starts in the meantime. */
    mallopt(M_ARENA_MAX, 1);
    limit(300);
    for (round = 0; round < ROUNDS; round++) {
        obe_message message = 0;

        report("tcmd_message", obe_tcmd_message(client, question, &message, TIMEOUT));
        obe_message_free(message);
        message = 0;
        report("message_new", obe_message_new(text, sizeof text, &message));
        obe_message_free(message);
    }
    printf("port %" PRId32 "\n", port);
    fflush(stdout);
    while (length != 3) {
        obe_message message = 0;

        report("receive_message", obe_receive_message(server, &message, TIMEOUT));
        if (obe_get_json(message, "", NULL, 0, &length) != OBE_E_BUFFER)
            break;
        report("reply", obe_reply(message, "\"OK\"", -1, TIMEOUT));
        obe_message_free(message);
    }
    obe_message_free(question);
    obe_free(server);
    obe_free(client);
    return 0;
}
