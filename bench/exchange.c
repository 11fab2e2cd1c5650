/*
 * Consecutive exchanges between any of the clients and any of the servers, and the time of each. run.py sends the
 * commands, so that short rounds of all pairings alternate:
 *
 *     serve KIND MODE                  starts a server thread and answers with its port
 *     client KIND MODE PORT COUNT      times count exchanges on the main thread; MODE is oneshot, kept, or spin: kept, and
 *                                      the waits of a kind c poll before they block, as those of libobe may
 *
 * Client and server are two threads if one process receives both commands, and otherwise two processes. If BENCH_TLS is
 * the path of a file with a certificate and its key, all of them use TLS.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "library.h"
#ifdef HAVE_OPENSSL
#include "tls.h"
#endif

static const char *pem; /* BENCH_TLS */

static obe_socket tls_server_at(int *port)
{
    obe_socket server = server_at(port);
    if (pem != NULL) {
        check_ok(obe_set_option(server, OBE_OPT_TLS_CERT, pem), "obe_set_option");
        check_ok(obe_set_option(server, OBE_OPT_TLS_KEY, pem), "obe_set_option");
    }
    return server;
}

static void *receive_and_send(void *argument)
{
    obe_socket server = argument;
    char body[256];
    int64_t length;
    for (;;) {
        check_ok(obe_receive(server, body, sizeof body, &length, OBE_FOREVER), "obe_receive");
        obe_send(server, REPLY, sizeof REPLY - 1, OBE_DEFAULT_TIMEOUT);
    }
    return NULL;
}

static void answer(obe_message request, void *user)
{
    (void)user;
    obe_reply(request, REPLY, sizeof REPLY - 1, OBE_DEFAULT_TIMEOUT);
}

static void *serve(void *argument)
{
    check_ok(obe_serve(argument, answer, NULL, NULL), "obe_serve");
    return NULL;
}

static void obe_client(int port, int kept, size_t count, uint64_t *ns)
{
    obe_socket client;
    char reply[256];
    int64_t length;
    check_ok(obe_client_new(NULL, port, &client), "obe_client_new");
    if (pem != NULL)
        check_ok(obe_set_option(client, OBE_OPT_TLS_CA, pem), "obe_set_option");
    if (kept) {
        check_ok(obe_set_option(client, OBE_OPT_PERSISTENT, "1"), "obe_set_option");
        check_ok(obe_send(client, COMMAND, sizeof COMMAND - 1, 5000), "obe_send");
        check_ok(obe_receive(client, reply, sizeof reply, &length, 5000), "obe_receive");
    }
    for (size_t i = 0; i < count; i++) {
        uint64_t began = now_ns();
        check_ok(obe_tcmd(client, COMMAND, sizeof COMMAND - 1, reply, sizeof reply, &length, 5000), "obe_tcmd");
        ns[i] = now_ns() - began;
        require(length == sizeof REPLY - 1, "unexpected reply");
    }
    check_ok(obe_free(client), "obe_free");
}

static const int SPINS = 128; /* as in internal/transport/spin.go */

static int c_server(int kept, int spins)
{
#ifdef HAVE_OPENSSL
    if (pem != NULL)
        return tls_serve(pem);
#endif
    return baseline_serve(kept, spins);
}

static void c_client(int port, int kept, int spins, size_t count, uint64_t *ns)
{
#ifdef HAVE_OPENSSL
    if (pem != NULL) {
        tls_client(port, pem, count, ns);
        return;
    }
#endif
    baseline_client(port, kept, spins, count, ns);
}

static int start_server(const char *kind, int kept, int spins)
{
    int port = 0;
    if (strcmp(kind, "c") == 0)
        port = c_server(kept, spins);
    else if (strcmp(kind, "obe") == 0)
        start_thread(receive_and_send, tls_server_at(&port));
    else if (strcmp(kind, "serve") == 0)
        start_thread(serve, tls_server_at(&port));
    else
        fail(kind);
    return port;
}

int main(void)
{
    char *words[WORDS];
    pem = getenv("BENCH_TLS");
    while (next_command(words)) {
        int spins = strcmp(words[2], "spin") == 0 ? SPINS : 0;
        int kept = spins || strcmp(words[2], "kept") == 0;
        if (strcmp(words[0], "serve") == 0) {
            printf("{\"port\": %d}\n", start_server(words[1], kept, spins));
        } else {
            int port = atoi(words[3]);
            size_t count = strtoul(words[4], NULL, 10);
            uint64_t *ns = allocate(count * sizeof *ns), began = now_ns();
            if (strcmp(words[1], "c") == 0)
                c_client(port, kept, spins, count, ns);
            else
                obe_client(port, kept, count, ns);
            report(ns, count, (double)(now_ns() - began) / 1e9);
            free(ns);
        }
    }
    return 0;
}
