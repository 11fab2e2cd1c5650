package main

import "C"

import (
	"fmt"
	"unsafe"
)

// The types of parameters that the headers declare as pointers.
//
// A program may pass any number as a pointer that is not dereferenced: an empty slice
// of Rust or Zig has the address 1 or 8. In a Go variable of pointer type such a number
// ends the process, when a stack is copied or when the collector looks at it. So the
// parameters are integers, which the calling conventions pass in the same way, and
// become pointers in at alone. The generator spells them as the headers do. It also
// writes abi.c, for the C compiler to compare each prototype: a pointer in a Go
// signature is an error there.
type (
	inText      uintptr // const char *
	outText     uintptr // char *
	inDoubles   uintptr // const double *
	outDoubles  uintptr // double *
	outDouble   uintptr // double *
	outInt64    uintptr // int64_t *
	outInt32    uintptr // int32_t *
	outSocket   uintptr // obe_socket *
	outMessage  uintptr // obe_message *
	anyHandle   uintptr // const void *, a handle of either kind
	handlerFunc uintptr // obe_handler
	opaque      uintptr // void *, which is handed back as it came

	// In LabVIEW's headers.
	lvBuffer uintptr // char[]
	lvArray  uintptr // double[]
	outInt   uintptr // int *
	lvHandle uintptr // void *, the address of a handle of LabVIEW
	lvSlot   uintptr // void **, the slot for a node's instance data
)

// Between these is all that a program can have: no system puts anything into the first
// and the last page.
const (
	firstAddress = 4096
	lastAddress  = ^uintptr(0) - 4096
)

// usable reports whether there may be memory at an address.
func usable[A ~uintptr](address A) bool {
	return firstAddress <= address && address <= A(lastAddress)
}

// weaker returns the one of two addresses that is not usable, if there is one.
func weaker[A ~uintptr](a, b A) uintptr {
	if usable(a) {
		return uintptr(b)
	}
	return uintptr(a)
}

// at returns the pointer to what lies at a usable address.
func at[T any, A ~uintptr](address A) *T {
	return *(**T)(unsafe.Pointer(&address))
}

// place reports why nothing can be read or written at an address; name is the
// header's.
func place[A ~uintptr](op, name string, address A) error {
	switch {
	case usable(address):
		return nil
	case address == 0:
		return invalid(op, name, "is NULL")
	}
	return invalid(op, name, fmt.Sprintf("is the address %#x, where no memory can be", uintptr(address)))
}

func (p outInt64) put(n int64)     { *at[int64](p) = n }
func (p outInt32) put(n int32)     { *at[int32](p) = n }
func (p outInt) put(n int32)       { *at[int32](p) = n }
func (p outDouble) put(v float64)  { *at[float64](p) = v }
func (p outSocket) put(h uintptr)  { *at[uintptr](p) = h }
func (p outMessage) put(h uintptr) { *at[uintptr](p) = h }
