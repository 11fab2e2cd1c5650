#include "process_wait_linux.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <time.h>

static int64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000) + (t.tv_nsec + 999999) / 1000000;
}

/* The rest of a timeout; a negative timeout, which is infinite, stays as it is. */
static int remaining(int milliseconds, int64_t end)
{
    int64_t rest;

    if (milliseconds < 0)
        return milliseconds;
    rest = end - now();
    return rest > 0 ? (int)rest : 0;
}

/* A signal does not end the wait. A garbage collector stops threads with a signal, and its
 * next collection, which may follow at once, must not find this thread in Go code. Nor does
 * pthread_cancel end it, which would leave the library in an inconsistent state. */

int capi_poll(int fd, short events, int waker, int other, int milliseconds)
{
    struct pollfd fds[3] = {{fd, events, 0}, {waker, POLLIN, 0}, {other, POLLIN, 0}};
    int64_t end = milliseconds < 0 ? 0 : now() + milliseconds;
    int n, state;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    while ((n = poll(fds, 3, milliseconds)) < 0 && errno == EINTR)
        milliseconds = remaining(milliseconds, end);
    n = n < 0 ? -errno : (fds[0].revents != 0) + 2 * (fds[1].revents != 0) + 4 * (fds[2].revents != 0);
    pthread_setcancelstate(state, &state);
    return n;
}

int capi_epoll_wait(int fd, struct epoll_event *events, int max_events, int milliseconds)
{
    int64_t end = milliseconds < 0 ? 0 : now() + milliseconds;
    int n, state;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    while ((n = epoll_wait(fd, events, max_events, milliseconds)) < 0 && errno == EINTR)
        milliseconds = remaining(milliseconds, end);
    if (n < 0)
        n = -errno;
    pthread_setcancelstate(state, &state);
    return n;
}
