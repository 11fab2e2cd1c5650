package main

/*
#include <string.h>
#include "capi.h"
*/
import "C"

import (
	"fmt"
	"math"
	"sync/atomic"
	"time"
	"unicode/utf8"
	"unsafe"

	"libobe/internal/memory"
	"libobe/internal/socket"
	"libobe/internal/wire"
)

// The types of parameters that the headers declare as pointers.
//
// A program may pass any number as a pointer that is not dereferenced: an empty slice
// of Rust or Zig has the address 1 or 8. In a Go variable of pointer type such a number
// crashes the process when a stack is copied or when the collector sees it. So the
// parameters are integers, which the calling conventions pass in the same way, and only
// pointerTo converts them to pointers. The generator spells them as the headers do. It
// also writes abi.c, where the C compiler compares each prototype: a pointer in a Go
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
	stopFlag    uintptr // const volatile int *
	opaque      uintptr // void *, passed back to the program unchanged

	// In LabVIEW's headers.
	lvBuffer uintptr // char[]
	lvArray  uintptr // double[]
	outInt   uintptr // int *
	lvHandle uintptr // void *, the address of a LabVIEW handle
	lvSlot   uintptr // void **, the slot for a node's instance data
)

func (p outInt64) put(n int64)     { *pointerTo[int64](p) = n }
func (p outInt32) put(n int32)     { *pointerTo[int32](p) = n }
func (p outInt) put(n int32)       { *pointerTo[int32](p) = n }
func (p outDouble) put(v float64)  { *pointerTo[float64](p) = v }
func (p outSocket) put(h uintptr)  { *pointerTo[uintptr](p) = h }
func (p outMessage) put(h uintptr) { *pointerTo[uintptr](p) = h }

// The addresses that a program's memory can have: no system maps the first or the last
// page.
const (
	firstAddress = 4096
	lastAddress  = ^uintptr(0) - 4096
)

// usable reports whether there may be memory at an address.
func usable[A ~uintptr](address A) bool {
	return firstAddress <= address && address <= A(lastAddress)
}

// unusableOf returns the first of two addresses that is not usable, or the second one.
func unusableOf[A ~uintptr](a, b A) A {
	if usable(a) {
		return b
	}
	return a
}

// pointerTo converts a usable address to a pointer.
func pointerTo[T any, A ~uintptr](address A) *T {
	return *(**T)(unsafe.Pointer(&address))
}

// argError is the error of an invalid argument. The name is the header's.
func argError(op, name, problem string) error {
	return fmt.Errorf("%s: %w: %s %s", op, socket.ErrArgument, name, problem)
}

// checkPointer returns an error if there cannot be memory at an address.
func checkPointer[A ~uintptr](op, name string, address A) error {
	switch {
	case usable(address):
		return nil
	case address == 0:
		return argError(op, name, "is NULL")
	}
	return argError(op, name, fmt.Sprintf("is the address %#x, which is not valid", uintptr(address)))
}

// maxSlice is more bytes than any machine has: 2^47, or 2^30 with 32-bit addresses.
const maxSlice = uint64(1) << (30 + 17*(^uint(0)>>63))

// maxBytesAt is how many bytes there can be at an address. With 32-bit addresses, the
// address space may end before maxSlice of them.
func maxBytesAt(p uintptr) uint64 { return min(maxSlice, uint64(^uintptr(0)-p)) }

// maxDoubles is more doubles than any machine has.
const maxDoubles = maxSlice / 8

// flagArg returns the flag that ends a call, or nil for NULL. The program writes it with
// other means than Go's, so it is read atomically, which needs its natural alignment.
func flagArg(op, name string, p stopFlag) (*atomic.Int32, error) {
	if p == 0 {
		return nil, nil
	}
	if err := checkPointer(op, name, p); err != nil {
		return nil, err
	}
	if uintptr(p)%unsafe.Alignof(atomic.Int32{}) != 0 {
		return nil, argError(op, name, fmt.Sprintf("is the address %#x, which is not that of an int", uintptr(p)))
	}
	return pointerTo[atomic.Int32](p), nil
}

// bytesArg returns the bytes of an input text; its length is -1 if it is NUL-terminated.
// They are the caller's memory, valid during the call only.
func bytesArg(op, name string, p inText, length C.int64_t) ([]byte, error) {
	switch {
	case p == 0:
		return nil, argError(op, name, "is NULL")
	case length < -1:
		return nil, argError(op, "length", "is negative")
	case length == 0:
		return nil, nil
	}
	if err := checkPointer(op, name, p); err != nil {
		return nil, err
	}
	n := uint64(length)
	if length == -1 {
		n = uint64(C.strlen(pointerTo[C.char](p)))
	}
	if n > maxBytesAt(uintptr(p)) {
		return nil, argError(op, "length", "is more than this platform can address")
	}
	checkAddressable(uintptr(p), n)
	return unsafe.Slice(pointerTo[byte](p), int(n)), nil
}

// stringArg returns a NUL-terminated text as a Go string. NULL is an error.
func stringArg(op, name string, p inText) (string, error) {
	b, err := bytesArg(op, name, p, -1)
	return memory.String(b), err
}

// addressArg returns the address argument of the constructors. NULL is the loopback
// address, as "" is.
func addressArg(op string, p inText) (string, error) {
	if p == 0 {
		return "", nil
	}
	return stringArg(op, "address", p)
}

// timeoutArg converts a timeout in milliseconds to a duration.
func timeoutArg(op string, ms C.int64_t) (time.Duration, error) {
	switch {
	case ms == -1:
		return socket.Forever, nil
	case ms == -2:
		return socket.Default, nil
	case ms < 0:
		return 0, argError(op, "timeout_ms", fmt.Sprintf("is %d; the only negative values are -1 (forever) and -2 (the handle's default)", ms))
	}
	const longest = 1 << 40 // about 35 years
	return time.Duration(min(ms, longest)) * time.Millisecond, nil
}

// outBuffer returns the caller's buffer as a slice.
func outBuffer(op, name string, p outText, capacity C.int64_t) ([]byte, error) {
	return outSlice[byte](op, name, uintptr(p), capacity)
}

// outArray returns the caller's output array as a slice.
func outArray(op, name string, values outDoubles, capacity C.int64_t) ([]float64, error) {
	return outSlice[float64](op, name, uintptr(values), capacity)
}

// outSlice returns the memory for at most capacity elements as a slice. A capacity of
// more than can be addressed is not an error.
func outSlice[T any](op, name string, p uintptr, capacity C.int64_t) ([]T, error) {
	switch {
	case capacity < 0:
		return nil, argError(op, "capacity", "is negative")
	case capacity == 0:
		return nil, nil
	case p == 0:
		return nil, argError(op, name, "is NULL, and capacity is not 0")
	}
	if err := checkPointer(op, name, p); err != nil {
		return nil, err
	}
	var element T
	size := uint64(unsafe.Sizeof(element))
	n := min(uint64(capacity), maxBytesAt(p)/size)
	checkAddressable(p, n*size)
	return unsafe.Slice(pointerTo[T](p), int(n)), nil
}

// doublesArg returns the caller's input array as a slice.
func doublesArg(op, name string, values inDoubles, countName string, count C.int64_t) ([]float64, error) {
	switch {
	case count < 0:
		return nil, argError(op, countName, "is negative")
	case count == 0:
		return nil, nil
	case values == 0:
		return nil, argError(op, name, fmt.Sprintf("is NULL, and %s is %d", countName, count))
	case !usable(values):
		return nil, checkPointer(op, name, values)
	case uint64(count) > maxBytesAt(uintptr(values))/8:
		return nil, argError(op, countName, "is more than this platform can address")
	}
	checkAddressable(uintptr(values), uint64(count)*8)
	return unsafe.Slice(pointerTo[float64](values), int(count)), nil
}

// matrixArg returns the caller's input array of rows times cols numbers as a slice.
func matrixArg(op string, values inDoubles, rows, cols C.int64_t) ([]float64, error) {
	switch {
	case rows < 0:
		return nil, argError(op, "rows", "is negative")
	case cols < 0:
		return nil, argError(op, "cols", "is negative")
	case cols > 0 && uint64(rows) > maxDoubles/uint64(cols):
		return nil, argError(op, "rows", "times cols is more than this platform can address")
	case int64(rows) > min(wire.MaxLength, math.MaxInt)/int64(len("[], ")):
		return nil, argError(op, "rows", "is more than a message can contain")
	}
	return doublesArg(op, "values", values, "rows times cols", rows*cols)
}

// putNUL terminates a text of n bytes if the buffer has room for a NUL.
func putNUL(buffer []byte, n int) {
	if n < len(buffer) {
		buffer[n] = 0
	}
}

// putString stores the size of a text in *length, and copies the text if it fits.
func putString[T string | []byte](text T, buffer []byte, length outInt64) error {
	if len(text) <= len(buffer) {
		copy(buffer, text)
	}
	return putSize(len(text), buffer, length)
}

// putSize stores the size of a text in *length. A text that fits is in the buffer
// already.
func putSize(size int, buffer []byte, length outInt64) error {
	length.put(int64(size))
	if size > len(buffer) {
		return textSizeError(size)
	}
	putNUL(buffer, size)
	return nil
}

// putTruncated copies a text for a caller that may print it whatever the status is. A
// buffer of less than need bytes gets the characters that fit completely, and a NUL.
func putTruncated(text string, buffer []byte, need int) error {
	if need <= len(buffer) {
		copy(buffer, text)
		putNUL(buffer, len(text))
		return nil
	}
	if len(buffer) > 0 {
		n := truncatedLength(text, len(buffer)-1)
		copy(buffer, text[:n])
		buffer[n] = 0
	}
	return textSizeError(len(text))
}

// truncatedLength is the length in bytes of the characters that lie completely within
// the first n bytes of a UTF-8 text.
func truncatedLength(text string, n int) int {
	if n >= len(text) {
		return len(text)
	}
	for i := n; i > max(n-utf8.UTFMax, 0); i-- {
		if utf8.RuneStart(text[i]) {
			return i
		}
	}
	return max(n-utf8.UTFMax, 0)
}

// textSizeError is the error of a buffer that is too small for a text of size bytes.
func textSizeError(size int) error {
	return fmt.Errorf("%w: the text is %d bytes long; pass a larger buffer", socket.ErrBuffer, size)
}
