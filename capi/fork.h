/* A child of fork has one thread, and none of the Go runtime's. It is told apart
 * by a flag that the C library sets in it: to ask for the process id would be a
 * system call in every function. */
#include <pthread.h>

extern volatile int capi_in_child;
int capi_watch_forks(void);
