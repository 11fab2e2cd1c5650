/* The baseline over TLS 1.3, by OpenSSL: blocking sockets, one SSL_write for a frame, and one SSL_read if it arrives whole. */
#ifndef TLS_H
#define TLS_H

#include <stddef.h>
#include <stdint.h>

/* A server thread as of baseline_serve, which reads to the client's end. The file has a certificate and its key. */
int tls_serve(const char *pem);

/* Stores the times of count exchanges on one connection, to a server with the certificate in that file. */
void tls_client(int port, const char *pem, size_t count, uint64_t *ns);

#endif
