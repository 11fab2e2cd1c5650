/* Shared by the programs that are linked with libobe. */
#ifndef LIBRARY_H
#define LIBRARY_H

#include <stdio.h>
#include <stdlib.h>

#include "obe.h"

/* Exits unless status is OBE_OK. */
static inline void check_ok(obe_status status, const char *what)
{
    if (status != OBE_OK) {
        fprintf(stderr, "bench: %s: %s\n", what, obe_strerror(status));
        exit(1);
    }
}

/* A server at a port of 127.0.0.1 that the system chooses, with room for the idle connections of load.c. */
static inline obe_socket server_at(int *port)
{
    obe_socket server;
    int32_t chosen;
    check_ok(obe_server_new(NULL, 0, &server), "obe_server_new");
    check_ok(obe_set_option(server, OBE_OPT_MAX_CONNECTIONS, "12000"), "obe_set_option");
    check_ok(obe_port(server, &chosen), "obe_port");
    *port = chosen;
    return server;
}

/* A client with a persistent connection. */
static inline obe_socket client_of(int port)
{
    obe_socket client;
    check_ok(obe_client_new(NULL, port, &client), "obe_client_new");
    check_ok(obe_set_option(client, OBE_OPT_PERSISTENT, "1"), "obe_set_option");
    return client;
}

#endif
