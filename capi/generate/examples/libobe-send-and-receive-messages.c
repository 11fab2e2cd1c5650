/* A server with one setting. Ctrl-C ends it. */
#include <obe.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

static void answer(obe_message request, void *user)
{
    char command[32] = "";
    int64_t length;
    const char *reply = "\"OK\"";

    (void)user;
    if (obe_get_string(request, "/command", command, sizeof command,
                       &length) != OBE_OK)
        reply = "{\"error\": \"no command\"}";
    else if (strcmp(command, "goodset") == 0 ||
             strcmp(command, "optset") == 0)
        reply = "[2.87]";
    else if (strcmp(command, "getmean") == 0)
        reply = "[2.87, 0.5, 1]";
    else if (strcmp(command, "done") == 0)
        stop = 1;
    obe_reply(request, reply, -1, 5000); /* fails if the client has left */
}

int main(void)
{
    obe_socket server = NULL;
    char why[512];
    obe_status status = obe_server_new(NULL, OBE_DEFAULT_PORT, &server);

    if (status == OBE_OK) {
        signal(SIGINT, on_signal);
        status = obe_serve(server, answer, NULL, &stop);
    }
    if (status != OBE_OK &&
        obe_last_error(server, why, sizeof why, NULL) == OBE_OK)
        fprintf(stderr, "%s\n", why);
    obe_free(server);
    return status == OBE_OK ? 0 : 1;
}
