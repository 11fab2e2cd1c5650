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
// become pointers in at alone. The generator spells them as the headers do, and has the
// C compiler compare the rest of each prototype (abi.c).
type (
	inText      uintptr // const char *
	outText     uintptr // char *
	inDoubles   uintptr // const double *
	outDoubles  uintptr // double *
	outInt64    uintptr // int64_t *
	outInt32    uintptr // int32_t *
	outSocket   uintptr // obe_socket *
	outMessage  uintptr // obe_message *
	handlerFunc uintptr // obe_handler
	opaque      uintptr // void *, which is handed back as it came

	// In LabVIEW's headers.
	lvBuffer  uintptr // char[]
	lvArray   uintptr // double[]
	outInt    uintptr // int *
	outDouble uintptr // double *
	lvHandle  uintptr // void *, the address of a handle of LabVIEW
	lvSlot    uintptr // void **, the slot for a node's instance data
)

// firstAddress is the end of the page at 0, in which no system puts anything.
const firstAddress = 4096

// at returns the pointer to what lies at an address. The address must have been
// checked by place, or by a function that refuses the same.
func at[T any, A ~uintptr](address A) *T {
	return *(**T)(unsafe.Pointer(&address))
}

// place reports why nothing can be read or written at an address; name is the
// header's.
func place[A ~uintptr](op, name string, address A) error {
	switch {
	case address == 0:
		return invalid(op, name, "is NULL")
	case address < firstAddress:
		return invalid(op, name, fmt.Sprintf("is the address %#x, where no memory can be", uintptr(address)))
	}
	return nil
}

func (p outInt64) put(n int64)     { *at[int64](p) = n }
func (p outInt32) put(n int32)     { *at[int32](p) = n }
func (p outInt) put(n int32)       { *at[int32](p) = n }
func (p outDouble) put(v float64)  { *at[float64](p) = v }
func (p outSocket) put(h uintptr)  { *at[uintptr](p) = h }
func (p outMessage) put(h uintptr) { *at[uintptr](p) = h }
