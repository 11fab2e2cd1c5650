/* How C enters Go, and how Go calls a handler of the program.
 *
 * Boehm's garbage collector (libgc, used by Guile for example) stops its registered
 * threads with a signal and scans each stack from the current stack pointer, which in Go
 * code points into another stack. So the thread is marked as blocked during a call, which
 * is libgc's own mechanism for foreign code: libgc then does not stop the thread, and
 * scans its stack as it was before the call. In a process without libgc the weak symbols
 * are NULL. */
#define _GNU_SOURCE /* for dladdr */

#include "process_entry_linux.h"

#include "capi.h"
#include "obe.h"
#include "process_fork.h"

#include <dlfcn.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>

#undef crosscall2
void crosscall2(void (*function)(void *), void *arguments, int size, size_t context);

int GC_thread_is_registered(void) __attribute__((weak));
void *GC_do_blocking(void *(*function)(void *), void *data) __attribute__((weak));
void *GC_call_with_gc_active(void *(*function)(void *), void *data) __attribute__((weak));
int GC_get_suspend_signal(void) __attribute__((weak));

/* Go makes all signal handlers run on its signal stack (SA_ONSTACK), and libgc would scan
 * that instead of the thread's stack. Its signal never interrupts a thread in Go code, so
 * the handler can run on the thread's stack, as libgc intended. */
void capi_restore_collector(void)
{
    struct sigaction action;
    int signal;

    if (!GC_get_suspend_signal)
        return;
    signal = GC_get_suspend_signal();
    if (sigaction(signal, NULL, &action) == 0) {
        action.sa_flags &= ~SA_ONSTACK;
        sigaction(signal, &action, NULL);
    }
}

/* Whether this thread is registered with libgc. Just before a fork libgc may hold its
 * lock, and must not be asked. */
static int is_registered(void)
{
    return GC_thread_is_registered && GC_do_blocking && GC_call_with_gc_active && !capi_forking &&
           GC_thread_is_registered();
}

struct go_call {
    void (*function)(void *);
    void *arguments;
    int size;
    size_t context;
};

static void *enter(void *data)
{
    struct go_call *e = data;

    crosscall2(e->function, e->arguments, e->size, e->context);
    return NULL;
}

/* A forked child must not enter Go: another thread may have held a lock of Go's runtime at
 * the moment of the fork, and the call would never return. This stores OBE_E_FORKED as the
 * call's result, which is at the end of its arguments. The functions that return a constant
 * text have no status and are not refused. */
static int refuse(const void *caller, void *arguments, int size)
{
    static const obe_status forked = OBE_E_FORKED;
    Dl_info exported;

    if (!dladdr(caller, &exported) || !exported.dli_sname || strncmp(exported.dli_sname, "obe_", 4) != 0 ||
        strcmp(exported.dli_sname, "obe_version") == 0 || strcmp(exported.dli_sname, "obe_strerror") == 0)
        return 0;
    memcpy((char *)arguments + size - sizeof forked, &forked, sizeof forked);
    return 1;
}

void capi_enter_go(void (*function)(void *), void *arguments, int size, size_t context)
{
    struct go_call e = {function, arguments, size, context};

    if (capi_in_child && refuse(__builtin_return_address(0), arguments, size))
        return;
    if (is_registered())
        GC_do_blocking(enter, &e);
    else
        enter(&e);
}

struct handler_call {
    obe_handler handler;
    obe_message request;
    void *user;
};

static void *call_handler(void *data)
{
    struct handler_call *c = data;

    c->handler(c->request, c->user);
    return NULL;
}

void capi_call(uintptr_t handler, obe_message request, uintptr_t user)
{
    struct handler_call c = {(obe_handler)handler, request, (void *)user};

    if (is_registered())
        GC_call_with_gc_active(call_handler, &c);
    else
        call_handler(&c);
}
