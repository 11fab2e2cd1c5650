/* What the programs that are linked with libobe share. */
#ifndef LIBRARY_H
#define LIBRARY_H

#include <stdio.h>
#include <stdlib.h>

#include "obe.h"

/* Ends the program unless status is OBE_OK. */
static inline void done(obe_status status, const char *what)
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
    done(obe_server_new(NULL, 0, &server), "obe_server_new");
    done(obe_set_option(server, "max_connections", "12000"), "obe_set_option");
    done(obe_port(server, &chosen), "obe_port");
    *port = chosen;
    return server;
}

/* A client that keeps its connection. */
static inline obe_socket client_of(int port)
{
    obe_socket client;
    done(obe_client_new(NULL, port, &client), "obe_client_new");
    done(obe_set_option(client, "persistent", "1"), "obe_set_option");
    return client;
}

#endif
