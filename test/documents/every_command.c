/* A client that sends each command of the protocol to the server at the port argv[1]. */
#include <stdio.h>
#include <stdlib.h>

#include "obe.h"

int main(int argc, char **argv)
{
    const double x[] = {2.5, 1.0}, y[] = {0.5}, s[] = {0.1};
    double numbers[4];
    char why[512];
    int64_t count, rows, cols;
    obe_socket client = NULL;
    obe_message fields = NULL, reply = NULL;
    obe_status status = obe_client_new(NULL, argc > 1 ? atoi(argv[1]) : 0, &client);

#define CALL(call) status = status == OBE_OK ? (call) : status
    CALL(obe_set_option(client, "timeout_ms", "20000"));
    CALL(obe_message_new("{\"lolim\": 2.8, \"steps\": 200}", -1, &fields));
    CALL(obe_wait_ready(client, OBE_DEFAULT_TIMEOUT));
    CALL(obe_ready(client, OBE_DEFAULT_TIMEOUT));
    CALL(obe_newrun(client, fields, OBE_DEFAULT_TIMEOUT));
    CALL(obe_newrun(client, NULL, OBE_DEFAULT_TIMEOUT));
    CALL(obe_optset(client, numbers, 4, &count, OBE_DEFAULT_TIMEOUT));
    CALL(obe_goodset(client, 4, numbers, 4, &count, OBE_DEFAULT_TIMEOUT));
    CALL(obe_goodset(client, 2.5, numbers, 4, &count, OBE_DEFAULT_TIMEOUT));
    CALL(obe_goodset(client, -1, numbers, 4, &count, OBE_DEFAULT_TIMEOUT)); /* the server's own pickiness */
    CALL(obe_newdat(client, x, 2, y, 1, s, 1, OBE_DEFAULT_TIMEOUT));
    CALL(obe_getmean(client, numbers, 4, &count, OBE_DEFAULT_TIMEOUT));
    CALL(obe_getstd(client, numbers, 4, &count, OBE_DEFAULT_TIMEOUT));
    CALL(obe_getwgt(client, numbers, 4, &count, OBE_DEFAULT_TIMEOUT));
    CALL(obe_getcon(client, numbers, 4, &count, OBE_DEFAULT_TIMEOUT));
    CALL(obe_getcov(client, numbers, 4, &rows, &cols, OBE_DEFAULT_TIMEOUT));
    CALL(obe_getpar(client, numbers, 4, &rows, &cols, OBE_DEFAULT_TIMEOUT));
    CALL(obe_getset(client, numbers, 4, &rows, &cols, OBE_DEFAULT_TIMEOUT));
    CALL(obe_query(client, "getmean", NULL, &reply, OBE_DEFAULT_TIMEOUT));
    CALL(obe_done(client, OBE_DEFAULT_TIMEOUT));
    if (status != OBE_OK) {
        obe_last_error(client, why, sizeof why, NULL);
        fprintf(stderr, "%s\n", why);
    }
    obe_message_free(reply);
    obe_message_free(fields);
    obe_free(client);
    return status == OBE_OK ? 0 : 1;
}
