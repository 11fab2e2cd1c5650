package main

/*
#cgo noescape capi_thread
#cgo nocallback capi_thread

#include <sys/syscall.h>
#include <unistd.h>

// The system call takes several times as long as a call from Go to C. The TLS model is that
// of Go's own thread-local variable; any other would need another library.
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
