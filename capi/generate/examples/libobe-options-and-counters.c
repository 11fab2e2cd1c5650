/* A server for one network, and what it has counted. */
#include <obe.h>
#include <stdio.h>

int main(void)
{
    obe_socket server = NULL;
    int64_t refused = -1;
    char why[512];
    obe_status status = obe_server_new(NULL, 0, &server);

    if (status == OBE_OK)
        status = obe_set_option(server, OBE_OPT_ALLOW, "192.168.7.0/24");
    if (status == OBE_OK)
        status = obe_set_option(server, OBE_OPT_MESSAGE_TIMEOUT_MS, "5000");
    if (status == OBE_OK)
        status = obe_get_stat(server, OBE_STAT_DROPPED_NOT_ALLOWED, &refused);
    if (status == OBE_OK)
        printf("%lld clients were refused\n", (long long)refused);
    else if (obe_last_error(server, why, sizeof why, NULL) == OBE_OK)
        fprintf(stderr, "%s\n", why);
    obe_free(server);
    return status == OBE_OK ? 0 : 1;
}
