/* An instrument: the server chooses where to measure, and the instrument
 * reports what it measured. */
#include <obe.h>
#include <stdio.h>

static double measure(double setting) { return 1 - 0.5 * setting; }

int main(void)
{
    obe_socket client = NULL;
    double setting[1], mean[3], y, s = 0.005;
    int64_t count = 0;
    char why[512];
    obe_status status = obe_client_new(NULL, OBE_DEFAULT_PORT, &client);

    if (status == OBE_OK)
        status = obe_wait_ready(client, 10000); /* it may be starting */
    if (status == OBE_OK)
        status = obe_newrun(client, NULL, 5000);
    for (int i = 0; status == OBE_OK && i < 200; i++) {
        status = obe_goodset(client, 4, setting, 1, &count, 5000);
        if (status != OBE_OK)
            break;
        y = measure(setting[0]);
        status = obe_newdat(client, setting, 1, &y, 1, &s, 1, 5000);
    }
    if (status == OBE_OK)
        status = obe_getmean(client, mean, 3, &count, 5000);
    if (status == OBE_OK)
        printf("first parameter: %g\n", mean[0]);
    else if (obe_last_error(client, why, sizeof why, NULL) == OBE_OK)
        fprintf(stderr, "%s\n", why);
    obe_free(client);
    return status == OBE_OK ? 0 : 1;
}
