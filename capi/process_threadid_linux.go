package main

/*
#cgo noescape capi_thread
#cgo nocallback capi_thread

#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

// The system call takes several times as long as a call from Go to C. The TLS model is that
// of Go's own thread-local variable; any other would need another library.
static __thread long thread_id __attribute__((tls_model("initial-exec")));

static long capi_thread(void)
{
	if (thread_id == 0)
		thread_id = syscall(SYS_gettid);
	return thread_id;
}

// With that model the variable is at the same place in relation to the thread pointer on
// each thread.
static uintptr_t capi_thread_offset(void)
{
	uintptr_t pointer = 0;
#ifdef __x86_64__
	__asm__("mov %%fs:0, %0" : "=r"(pointer));
#endif
	return (uintptr_t)&thread_id - pointer;
}
*/
import "C"

import "libobe/internal/thread"

func init() {
	thread.UseLocal(uintptr(C.capi_thread_offset()), func() thread.ID { return thread.ID(C.capi_thread()) })
}
