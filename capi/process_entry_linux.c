//go:build linux

/* How Go is entered, and left for a function of the program's.
 *
 * Boehm's garbage collector (libgc, as Guile has it) stops the threads that it knows by
 * a signal, and looks through their stacks from the stack pointer that it finds. In Go
 * that points into another stack. So a thread is reported as blocked for the time of a
 * call, which is what libgc has for foreign code: it is left alone then, and its stack is
 * looked through as it was before the call. Where there is no libgc, the weak symbols are
 * NULL. */
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

/* Go has all handlers run on its stack for signal handlers, which would be looked through
 * for that of the thread. This one never meets a thread in Go. */
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

/* Whether libgc knows this thread. (Before a fork it may hold its lock.) */
static int collected(void)
{
    return GC_thread_is_registered && GC_do_blocking && GC_call_with_gc_active && !capi_forking &&
           GC_thread_is_registered();
}

struct entry {
    void (*function)(void *);
    void *arguments;
    int size;
    size_t context;
};

static void *enter(void *data)
{
    struct entry *e = data;

    crosscall2(e->function, e->arguments, e->size, e->context);
    return NULL;
}

/* Go is not entered in a forked child: another thread may have held a lock of Go's
 * runtime at the moment of the fork, and the call would never return. Its result, the
 * last of the arguments, is a status, except in the functions that return a constant text. */
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
    struct entry e = {function, arguments, size, context};

    if (capi_in_child && refuse(__builtin_return_address(0), arguments, size))
        return;
    if (collected())
        GC_do_blocking(enter, &e);
    else
        enter(&e);
}

struct call {
    obe_handler handler;
    obe_message request;
    void *user;
    obe_status status;
};

static void *call(void *data)
{
    struct call *c = data;

    c->status = c->handler(c->request, c->user);
    return NULL;
}

obe_status capi_call(uintptr_t handler, obe_message request, uintptr_t user)
{
    struct call c = {(obe_handler)handler, request, (void *)user, 0};

    if (collected())
        GC_call_with_gc_active(call, &c);
    else
        call(&c);
    return c.status;
}
