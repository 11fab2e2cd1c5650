package main

// #include <stdlib.h>
import "C"

import (
	"os"
	"strings"
	"unsafe"
)

// underMemcheck reports whether the program runs under valgrind's memcheck.
var underMemcheck = strings.Contains(os.Getenv("LD_PRELOAD"), "vgpreload_memcheck")

// A leakMark makes memcheck report a handle that the program does not free. Go's heap
// refers to the handle's own memory, and the quarantine refers to that of freed handles,
// so memcheck counts both as reachable. The mark of a live handle is memory to which
// nothing refers: only the complement of its address is kept. Without memcheck it is 0.
type leakMark uintptr

func newLeakMark() leakMark {
	if !underMemcheck {
		return 0
	}
	// The runtime and go-pointer call malloc, so packaging/libobe.supp does not match.
	return ^leakMark(uintptr(C.calloc(1, 1)))
}

func (m leakMark) free() {
	if m != 0 {
		C.free(unsafe.Pointer(pointerTo[byte](^m)))
	}
}
