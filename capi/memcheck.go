package main

/*
#include <stdlib.h>
#include "memcheck.h"
*/
import "C"

import (
	"strings"
	"unsafe"

	"libobe/internal/environment"
)

// underMemcheck reports whether the program runs under valgrind's memcheck.
var underMemcheck = strings.Contains(environment.Get(environment.Preload), "vgpreload_memcheck")

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

// checkAddressable makes memcheck report an error if size bytes at an address are not
// the program's memory. The accesses themselves are by Go code, about which memcheck is
// silent (packaging/libobe.supp).
func checkAddressable(address uintptr, size uint64) {
	if underMemcheck {
		requestCheck(address, size)
	}
}

func requestCheck(address uintptr, size uint64) {
	const longest = 1 << 20 // a check takes time, and a capacity may be without a limit
	if size <= longest {
		C.capi_check_addressable(unsafe.Pointer(pointerTo[byte](address)), C.size_t(size))
	}
}
