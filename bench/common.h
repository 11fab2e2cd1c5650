/*
 * Shared by the benchmark's programs: the clock, percentiles, the commands of run.py, and the baseline. The baseline is
 * the OBE protocol as a careful C programmer writes it by hand: blocking sockets, TCP_NODELAY, one write per frame, and
 * one read for header and body if they arrive together.
 */
#ifndef COMMON_H
#define COMMON_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The command and the reply of every timed exchange. */
#define COMMAND "{\"command\": \"goodset\", \"pickiness\": 4}"
#define REPLY "[2.8714285714285714]"

#define TIMEOUT_S 20 /* seconds that a program waits for its peer */
#define HEADER 10

uint64_t now_ns(void);
void *allocate(size_t size);                             /* zeroed memory; exits if there is not enough */
void fail(const char *what);                             /* prints what and errno, and exits */
void require(int condition, const char *what);           /* calls fail unless the condition holds */
long resident_kb(const char *field);                     /* VmRSS or VmHWM of this process */
void report(uint64_t *ns, size_t count, double seconds); /* a line of JSON: p50, p99, max in µs, rate, stalls */

/*
 * Reads a line of words from standard input, which run.py writes. Returns 0 at its end. Each command starts an alarm,
 * which ends the program if it has not answered in time.
 */
enum { WORDS = 8 };
int next_command(char *words[WORDS]);

/* Starts a detached thread. */
void start_thread(void *(*body)(void *), void *argument);

/* ---- The baseline ---- */

struct reader {
    int fd;
    int spins;         /* how often a read polls before it blocks */
    size_t start, end; /* of the buffered bytes */
    char buffer[1 << 16];
};

int baseline_listen(int *port); /* at a port of 127.0.0.1 that the system chooses */
int baseline_connect(int port);
void baseline_tune(int fd);                                  /* sets TCP_NODELAY */
int baseline_write(int fd, const char *body, size_t length); /* one frame; returns 0 if the peer has disconnected */

/*
 * Reads a frame's body into body and returns its length, or -1 at the end of the connection. The part of the body that
 * is not buffered yet is read into body directly.
 */
long baseline_read(struct reader *reader, char *body, size_t capacity);

/*
 * Starts a server thread, which answers every message with REPLY, one client at a time, and returns its port. With kept
 * it reads from a connection until the client closes it. Without, it reads one message from each connection and closes
 * it when the next one is accepted, as a Python server does: so the client closes first, and the server never waits for
 * that. Its reads poll spins times before they block.
 */
int baseline_serve(int kept, int spins);

/* Stores the times of count exchanges in ns; each has its own connection, or all share one if kept. */
void baseline_client(int port, int kept, int spins, size_t count, uint64_t *ns);

#ifdef __cplusplus
}
#endif

#endif
