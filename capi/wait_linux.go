package main

// #cgo noescape capi_poll
// #cgo nocallback capi_poll
// #cgo noescape capi_epoll_wait
// #cgo nocallback capi_epoll_wait
// #include "wait_linux.h"
import "C"

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"libobe/internal/transport"
)

// Calls wait in C, on the stacks of their own threads; transport.SetWaitFunctions says why. On
// Windows all system calls are made there.
func init() { transport.SetWaitFunctions(poll, epollWait) }

func poll(fd int, events int16, waker, other, milliseconds int) (found int, err syscall.Errno) {
	n := C.capi_poll(C.int(fd), C.short(events), C.int(waker), C.int(other), C.int(milliseconds))
	if n < 0 {
		return 0, syscall.Errno(-n)
	}
	return int(n), 0
}

func epollWait(fd int, events []unix.EpollEvent, milliseconds int) (int, syscall.Errno) {
	n := C.capi_epoll_wait(C.int(fd), (*C.struct_epoll_event)(unsafe.Pointer(unsafe.SliceData(events))), C.int(len(events)), C.int(milliseconds))
	if n < 0 {
		return 0, syscall.Errno(-n)
	}
	return int(n), 0
}
