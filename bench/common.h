/*
 * What the benchmark's programs share: the clock, percentiles, the commands that run.py gives them, and the floor,
 * which is the OBE protocol as a careful C programmer writes it by hand: blocking sockets, TCP_NODELAY, one write for
 * a frame, and header and body taken together by one read where they arrive together.
 */
#ifndef COMMON_H
#define COMMON_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The command and the reply of every exchange that is timed. */
#define COMMAND "{\"command\": \"goodset\", \"pickiness\": 4}"
#define REPLY   "[2.8714285714285714]"

#define PATIENCE 20 /* seconds after which a program that waits gives up */
#define HEADER   10

uint64_t now_ns(void);
void *allocate(size_t size);                   /* zeroed; ends the program where there is none */
void fail(const char *what);                   /* prints what and errno, ends the program */
void need(int holds, const char *what);        /* fail unless it holds */
long resident_kb(const char *field);           /* VmRSS, VmHWM of this process */
void report(uint64_t *ns, size_t count, double seconds); /* a line of JSON: p50, p99, max in µs, rate, stalls */

/*
 * Reads a line of words from standard input, as run.py writes them; 0 at its end. With it the program has a limit of
 * seconds to answer, after which it is ended.
 */
enum { WORDS = 8 };
int next_command(char *words[WORDS]);

/* A thread that nobody joins. */
void start_thread(void *(*body)(void *), void *argument);

/* ---- The floor ---- */

struct reader {
    int fd;
    size_t start, end; /* what is buffered */
    char buffer[1 << 16];
};

int floor_listen(int *port);      /* at a port of 127.0.0.1 that the system chooses */
int floor_connect(int port);
void floor_tune(int fd);          /* TCP_NODELAY */
int floor_write(int fd, const char *body, size_t length); /* one frame; 0 if the peer has gone */

/*
 * Reads a frame's body into body and returns its length, or -1 at the end of the connection. A body that is longer
 * than what is buffered is read straight to where it belongs.
 */
long floor_read(struct reader *reader, char *body, size_t capacity);

/*
 * Starts a server thread, which answers whatever comes with REPLY, one client at a time, and returns its port. With
 * kept it reads on from a connection till the client closes; without, it takes one message from each and closes it
 * when the next one is there, as a Python server does: the client closes first, and nobody waits for it.
 */
int floor_serve(int kept);

/* Times count exchanges into ns: each on its own connection, or all on one. */
void floor_client(int port, int kept, size_t count, uint64_t *ns);

#ifdef __cplusplus
}
#endif

#endif
