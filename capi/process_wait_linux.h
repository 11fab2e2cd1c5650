/* The system calls in which the library blocks. A negative result is a negated errno. */
#include <sys/epoll.h>

/* Waits until fd is ready for events, waker is readable, or other is readable. The result is
 * the sum of 1, 2 and 4 for each of these. Negative descriptors are ignored. */
int capi_poll(int fd, short events, int waker, int other, int milliseconds);

/* epoll_wait. */
int capi_epoll_wait(int fd, struct epoll_event *events, int max_events, int milliseconds);
