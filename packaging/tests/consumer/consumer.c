/* A program of a user of the package: a server and its client, one exchange, and
 * the version of the library. */
#include <obe.h>
#include <stdio.h>
#include <string.h>

static int failed(const char *what, obe_status status)
{
    printf("%s: %s\n", what, obe_strerror(status));
    return 1;
}

int main(void)
{
    obe_socket server, client;
    int32_t port;
    char text[100];
    int64_t length;
    obe_status status;

    if ((status = obe_server_new(NULL, 0, &server)) != OBE_OK)
        return failed("server_new", status);
    if ((status = obe_port(server, &port)) != OBE_OK)
        return failed("port", status);
    if ((status = obe_client_new(NULL, port, &client)) != OBE_OK)
        return failed("client_new", status);
    if ((status = obe_send(client, "{\"command\": \"optset\"}", -1, 30000)) != OBE_OK)
        return failed("send", status);
    if ((status = obe_receive(server, text, sizeof text, &length, 30000)) != OBE_OK)
        return failed("receive", status);
    if ((status = obe_send(server, "[2.87]", -1, 30000)) != OBE_OK)
        return failed("answer", status);
    if ((status = obe_receive(client, text, sizeof text, &length, 30000)) != OBE_OK)
        return failed("reply", status);
    obe_free(client);
    obe_free(server);
    if (strcmp(obe_version(), OBE_VERSION) != 0) {
        printf("the header is of version %s, the library of %s\n", OBE_VERSION, obe_version());
        return 1;
    }
    printf("%s %s\n", text, obe_version());
    return 0;
}
