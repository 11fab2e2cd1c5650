package main

// #cgo noescape capi_poll
// #cgo nocallback capi_poll
// #cgo noescape capi_epoll_wait
// #cgo nocallback capi_epoll_wait
// #include "process_wait_linux.h"
import "C"

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"libobe/internal/transport"
)

// On Linux, calls block in C, on the stacks of their own threads; see transport.SetWaitFunctions.
// On Windows, Go makes all system calls in this way.
func init() { transport.SetWaitFunctions(pollInC, epollWaitInC) }

func pollInC(fd int, events int16, waker, other, milliseconds int) (ready int, err syscall.Errno) {
	n := C.capi_poll(C.int(fd), C.short(events), C.int(waker), C.int(other), C.int(milliseconds))
	if n < 0 {
		return 0, syscall.Errno(-n)
	}
	return int(n), 0
}

func epollWaitInC(fd int, events []unix.EpollEvent, milliseconds int) (int, syscall.Errno) {
	n := C.capi_epoll_wait(C.int(fd), (*C.struct_epoll_event)(unsafe.Pointer(unsafe.SliceData(events))), C.int(len(events)), C.int(milliseconds))
	if n < 0 {
		return 0, syscall.Errno(-n)
	}
	return int(n), 0
}
