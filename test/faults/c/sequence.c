/* sequence.c - a host program whose address space is limited: sequence PORT. It has 300 MiB left, and prints the status
 * of each of many calls that need 60 MB, one after another. At PORT is a server whose replies are as long as that. Then
 * it prints its own port and receives until a message of three bytes comes. */
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
    /* Otherwise a thread that Go starts meanwhile takes 64 MiB of addresses for malloc. */
    mallopt(M_ARENA_MAX, 1);
    limit(300);
    for (round = 0; round < ROUNDS; round++) {
        obe_message message = 0;

        tell("tcmd_message", obe_tcmd_message(client, question, &message, TIMEOUT));
        obe_message_free(message);
        message = 0;
        tell("message_new", obe_message_new(text, sizeof text, &message));
        obe_message_free(message);
    }
    printf("port %" PRId32 "\n", port);
    fflush(stdout);
    while (length != 3) {
        obe_message message = 0;

        tell("receive_message", obe_receive_message(server, &message, TIMEOUT));
        if (obe_get_json(message, "", NULL, 0, &length) != OBE_E_BUFFER)
            break;
        tell("reply", obe_reply(message, "\"OK\"", -1, TIMEOUT));
        obe_message_free(message);
    }
    obe_message_free(question);
    obe_free(server);
    obe_free(client);
    return 0;
}
