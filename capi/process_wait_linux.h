/* The system calls in which the library waits; a negative result is an error. */
#include <sys/epoll.h>

/* Waits until fd is ready for events, which adds 1 to the result, or waker can be read,
 * which adds 2, or other, which adds 4. A negative descriptor is ignored. */
int capi_poll(int fd, short events, int waker, int other, int milliseconds);

int capi_epoll_wait(int fd, struct epoll_event *events, int most, int milliseconds);
