/*
 * The same exchange over ZeroMQ REQ/REP and nng REQ/REP on TCP, if their headers are installed (HAVE_ZMQ, HAVE_NNG).
 * The commands are those of exchange.c. KIND is zmq or nng, and the connection is always persistent.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"

#ifdef HAVE_ZMQ
#include <zmq.h>

static void *zmq_serve(void *socket)
{
    char body[256];
    while (zmq_recv(socket, body, sizeof body, 0) >= 0)
        require(zmq_send(socket, REPLY, sizeof REPLY - 1, 0) >= 0, "zmq_send");
    return NULL;
}

static int zmq_start(void)
{
    char endpoint[128];
    size_t size = sizeof endpoint;
    void *context = zmq_ctx_new(), *socket = zmq_socket(context, ZMQ_REP);
    require(zmq_bind(socket, "tcp://127.0.0.1:*") == 0, "zmq_bind");
    require(zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, endpoint, &size) == 0, "zmq_getsockopt");
    start_thread(zmq_serve, socket);
    return atoi(strrchr(endpoint, ':') + 1);
}

static void zmq_client(const char *url, size_t warm, size_t count, uint64_t *ns)
{
    char reply[256];
    int timeout = TIMEOUT_S * 1000, none = 0;
    void *context = zmq_ctx_new(), *socket = zmq_socket(context, ZMQ_REQ);
    require(zmq_setsockopt(socket, ZMQ_RCVTIMEO, &timeout, sizeof timeout) == 0, "zmq_setsockopt");
    require(zmq_setsockopt(socket, ZMQ_LINGER, &none, sizeof none) == 0, "zmq_setsockopt");
    require(zmq_connect(socket, url) == 0, "zmq_connect");
    for (size_t i = 0; i < warm + count; i++) {
        uint64_t began = now_ns();
        require(zmq_send(socket, COMMAND, sizeof COMMAND - 1, 0) >= 0, "zmq_send");
        require(zmq_recv(socket, reply, sizeof reply, 0) == sizeof REPLY - 1, "zmq_recv");
        if (i >= warm)
            ns[i - warm] = now_ns() - began;
    }
    zmq_close(socket);
    zmq_ctx_term(context);
}
#endif

#ifdef HAVE_NNG
#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>

static void nng_require(int error, const char *what)
{
    if (error != 0) {
        fprintf(stderr, "bench: %s: %s\n", what, nng_strerror(error));
        exit(1);
    }
}

static nng_socket nng_server;

static void *nng_serve(void *argument)
{
    char body[256];
    size_t size = sizeof body;
    for (; nng_recv(nng_server, body, &size, 0) == 0; size = sizeof body)
        nng_require(nng_send(nng_server, (void *)(uintptr_t)REPLY, sizeof REPLY - 1, 0), "nng_send");
    return argument;
}

static int nng_start(void)
{
    nng_listener listener;
    nng_sockaddr address;
    nng_require(nng_rep0_open(&nng_server), "nng_rep0_open");
    nng_require(nng_listen(nng_server, "tcp://127.0.0.1:0", &listener, 0), "nng_listen");
    nng_require(nng_listener_get_addr(listener, NNG_OPT_LOCADDR, &address), "nng_listener_get_addr");
    start_thread(nng_serve, NULL);
    unsigned char *port = (unsigned char *)&address.s_in.sa_port; /* in network byte order */
    return port[0] << 8 | port[1];
}

static void nng_client(const char *url, size_t warm, size_t count, uint64_t *ns)
{
    char reply[256];
    nng_socket socket;
    nng_require(nng_req0_open(&socket), "nng_req0_open");
    nng_require(nng_socket_set_ms(socket, NNG_OPT_RECVTIMEO, TIMEOUT_S * 1000), "nng_socket_set_ms");
    nng_require(nng_dial(socket, url, NULL, 0), "nng_dial");
    for (size_t i = 0; i < warm + count; i++) {
        size_t size = sizeof reply;
        uint64_t began = now_ns();
        nng_require(nng_send(socket, (void *)(uintptr_t)COMMAND, sizeof COMMAND - 1, 0), "nng_send");
        nng_require(nng_recv(socket, reply, &size, 0), "nng_recv");
        if (i >= warm)
            ns[i - warm] = now_ns() - began;
        require(size == sizeof REPLY - 1, "unexpected reply");
    }
    nng_close(socket);
}
#endif

static const struct {
    const char *kind;
    int (*start)(void);
    void (*client)(const char *url, size_t warm, size_t count, uint64_t *ns);
} queues[] = {
#ifdef HAVE_ZMQ
    {"zmq", zmq_start, zmq_client},
#endif
#ifdef HAVE_NNG
    {"nng", nng_start, nng_client},
#endif
};

int main(void)
{
    char *words[WORDS];
    while (next_command(words)) {
        size_t i = 0;
        while (i < sizeof queues / sizeof *queues && strcmp(words[1], queues[i].kind) != 0)
            i++;
        require(i < sizeof queues / sizeof *queues, words[1]);
        if (strcmp(words[0], "serve") == 0) {
            printf("{\"port\": %d}\n", queues[i].start());
        } else {
            char url[64];
            size_t count = strtoul(words[4], NULL, 10);
            uint64_t *ns = allocate(count * sizeof *ns), began = now_ns();
            snprintf(url, sizeof url, "tcp://127.0.0.1:%s", words[3]);
            queues[i].client(url, 20, count, ns);
            report(ns, count, (double)(now_ns() - began) / 1e9);
            free(ns);
        }
    }
    return 0;
}
