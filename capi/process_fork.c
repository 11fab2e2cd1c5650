//go:build !windows

#include "process_fork.h"

#include <pthread.h>

int capi_in_child, capi_entered;
__thread int capi_forking __attribute__((tls_model("initial-exec")));

void capi_note_entry(void) { __atomic_store_n(&capi_entered, 1, __ATOMIC_RELEASE); }

/* Waits until Go's runtime has started. Otherwise calls in the child would wait forever for
 * a start that cannot happen there. Once a call was made, the runtime has started. A pause
 * after the wait would do harm: Go's scheduler retakes the P of this thread after 10 ms,
 * and a child that is forked in that moment finds it locked. */
static void before_fork(void)
{
    if (__atomic_load_n(&capi_entered, __ATOMIC_ACQUIRE))
        return;
    capi_forking = 1;
    capi_enter();
    capi_forking = 0;
}

static void in_child(void) { capi_in_child = 1; }

/* A constructor, since the program may fork while Go is still starting. */
__attribute__((constructor)) static void watch_forks(void) { pthread_atfork(before_fork, 0, in_child); }
