/* Sends a command and prints the reply. */
#include <obe.h>
#include <stdio.h>

int main(void)
{
    obe_socket client = NULL;
    char reply[1024], why[512];
    int64_t length = 0;
    obe_status status = obe_client_new(NULL, OBE_DEFAULT_PORT, &client);

    if (status == OBE_OK)
        status = obe_tcmd(client, "{\"command\": \"optset\"}", -1, reply,
                          sizeof reply, &length, 5000);
    if (status == OBE_OK)
        printf("%.*s\n", (int)length, reply);
    else if (status == OBE_E_BUFFER)
        fprintf(stderr, "the reply has %lld bytes\n", (long long)length);
    else if (obe_last_error(client, why, sizeof why, NULL) == OBE_OK)
        fprintf(stderr, "%s\n", why);
    obe_free(client);
    return status == OBE_OK ? 0 : 1;
}
