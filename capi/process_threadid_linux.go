package main

/*
#cgo noescape capi_thread
#cgo nocallback capi_thread

#include <sys/syscall.h>
#include <unistd.h>

// The system call takes several times as long as the way from Go to C and back. The
// model is that of Go's own thread-local variable; another would need one more library.
static long capi_thread(void)
{
	static __thread long id __attribute__((tls_model("initial-exec")));

	if (id == 0)
		id = syscall(SYS_gettid);
	return id;
}
*/
import "C"

import "libobe/internal/thread"

func init() {
	thread.Use(func() thread.ID { return thread.ID(C.capi_thread()) })
}
