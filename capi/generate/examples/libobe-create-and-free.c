/* A server at a port that the system chooses. */
#include <obe.h>
#include <stdio.h>

int main(void)
{
    obe_socket server = NULL;
    int32_t port = 0;
    char why[512];

    if (obe_server_new(NULL, 0, &server) != OBE_OK) {
        if (obe_last_error(NULL, why, sizeof why, NULL) == OBE_OK)
            fprintf(stderr, "%s\n", why);
        return 1;
    }
    if (obe_port(server, &port) == OBE_OK)
        printf("clients connect to port %d\n", (int)port);
    return obe_free(server) == OBE_OK ? 0 : 1;
}
