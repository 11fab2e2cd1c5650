//go:build !windows

#include "process_fork.h"

#include <pthread.h>

int capi_in_child, capi_entered;
__thread int capi_forking __attribute__((tls_model("initial-exec")));

void capi_note_entry(void) { __atomic_store_n(&capi_entered, 1, __ATOMIC_RELEASE); }

/* Until Go's runtime has started, a child could not enter it, and its calls would wait
 * for that. So the first fork waits, if no call has been made yet. (A pause after that
 * makes it worse: Go's scheduler takes the P of this thread back after 10 ms, and a child
 * that is forked in that moment finds it locked.) */
static void before_fork(void)
{
    if (__atomic_load_n(&capi_entered, __ATOMIC_ACQUIRE))
        return;
    capi_forking = 1;
    capi_enter();
    capi_forking = 0;
}

static void in_child(void) { capi_in_child = 1; }

/* Without the help of Go, which may still be starting when the program forks. */
__attribute__((constructor)) static void watch(void) { pthread_atfork(before_fork, 0, in_child); }
