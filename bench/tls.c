#include "tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"

static void tls_require(int condition, const char *what)
{
    if (!condition) {
        ERR_print_errors_fp(stderr);
        fail(what);
    }
}

/* Only the cipher that Go chooses where the processor has instructions for AES, so that all pairings use the same. */
static SSL_CTX *context_of(const SSL_METHOD *method)
{
    SSL_CTX *context = SSL_CTX_new(method);
    tls_require(context != NULL, "SSL_CTX_new");
    tls_require(SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION), "SSL_CTX_set_min_proto_version");
    tls_require(SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256"), "SSL_CTX_set_ciphersuites");
    signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
    return context;
}

static SSL *session_of(SSL_CTX *context, int fd)
{
    SSL *session = SSL_new(context);
    tls_require(session != NULL, "SSL_new");
    tls_require(SSL_set_fd(session, fd), "SSL_set_fd");
    return session;
}

static int write_frame(SSL *session, const char *body, size_t length)
{
    char frame[256];
    require(HEADER + length < sizeof frame, "the frame does not fit");
    snprintf(frame, sizeof frame, "%010zu%s", length, body);
    return SSL_write(session, frame, (int)(HEADER + length)) > 0;
}

/* Returns the length of the body, or -1 at the end of the connection. No frame follows before this one is answered. */
static long read_frame(SSL *session, char *body, size_t capacity)
{
    char frame[512];
    size_t length = 0, end = 0;
    while (end < HEADER + length) {
        int got = SSL_read(session, frame + end, (int)(sizeof frame - end));
        if (got <= 0)
            return -1;
        if (end < HEADER && end + (size_t)got >= HEADER)
            for (int i = 0; i < HEADER; i++)
                length = length * 10 + (size_t)(frame[i] - '0');
        end += (size_t)got;
        require(length <= capacity && HEADER + length <= sizeof frame, "the frame does not fit");
    }
    memcpy(body, frame + HEADER, length);
    return (long)length;
}

struct tls_server {
    int listener;
    SSL_CTX *context;
};

static void *serve(void *argument)
{
    struct tls_server *server = argument;
    char body[256];

    for (;;) {
        int fd = accept(server->listener, NULL, NULL);
        require(fd >= 0, "accept");
        baseline_tune(fd);
        SSL *session = session_of(server->context, fd);
        tls_require(SSL_accept(session) == 1, "SSL_accept");
        while (read_frame(session, body, sizeof body) >= 0 && write_frame(session, REPLY, sizeof REPLY - 1))
            ;
        SSL_free(session);
        close(fd);
    }
    return NULL;
}

int tls_serve(const char *pem)
{
    int port;
    struct tls_server *server = allocate(sizeof *server);
    server->context = context_of(TLS_server_method());
    tls_require(SSL_CTX_use_certificate_chain_file(server->context, pem) == 1, pem);
    tls_require(SSL_CTX_use_PrivateKey_file(server->context, pem, SSL_FILETYPE_PEM) == 1, pem);
    server->listener = baseline_listen(&port);
    start_thread(serve, server);
    return port;
}

static void exchange(SSL *session)
{
    char reply[256];
    tls_require(write_frame(session, COMMAND, sizeof COMMAND - 1), "SSL_write");
    tls_require(read_frame(session, reply, sizeof reply) == sizeof REPLY - 1, "unexpected reply");
}

void tls_client(int port, const char *pem, size_t count, uint64_t *ns)
{
    SSL_CTX *context = context_of(TLS_client_method());
    int fd = baseline_connect(port);
    SSL *session = session_of(context, fd);
    tls_require(SSL_CTX_load_verify_locations(context, pem, NULL), pem);
    SSL_set_verify(session, SSL_VERIFY_PEER, NULL);
    tls_require(X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), "127.0.0.1"), "set1_ip_asc");
    tls_require(SSL_connect(session) == 1, "SSL_connect");
    exchange(session); /* it also reads what the server sends after the handshake */
    for (size_t i = 0; i < count; i++) {
        uint64_t began = now_ns();
        exchange(session);
        ns[i] = now_ns() - began;
    }
    SSL_shutdown(session);
    SSL_free(session);
    SSL_CTX_free(context);
    close(fd);
}
