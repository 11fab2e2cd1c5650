/* Reports a measurement and prints the mean of each parameter, however many
 * there are. */
#include <obe.h>
#include <stdio.h>

int main(void)
{
    obe_socket client = NULL;
    obe_message reply = NULL;
    double x = 2.87, y = 0.62, s = 0.005, mean[16];
    int64_t count = 0;
    char why[512];
    obe_status status = obe_client_new(NULL, OBE_DEFAULT_PORT, &client);

    if (status == OBE_OK)
        status = obe_newdat(client, &x, 1, &y, 1, &s, 1, 5000);
    if (status == OBE_OK)
        status = obe_query(client, "getmean", NULL, &reply, 5000);
    if (status == OBE_OK)
        status = obe_get_doubles(reply, "", mean, 16, &count);
    for (int64_t i = 0; status == OBE_OK && i < count; i++)
        printf("%g\n", mean[i]);
    if (status != OBE_OK &&
        obe_last_error(client, why, sizeof why, NULL) == OBE_OK)
        fprintf(stderr, "%s\n", why);
    obe_message_free(reply);
    obe_free(client);
    return status == OBE_OK ? 0 : 1;
}
