package main

/*
#include <string.h>
#include "capi.h"
*/
import "C"

import (
	"fmt"
	"time"
	"unsafe"

	"libobe/internal/memory"
	"libobe/internal/socket"
)

// invalid is an argument that a function cannot take; name is the header's.
func invalid(op, name, problem string) error {
	return fmt.Errorf("%s: %w: %s %s", op, socket.ErrArgument, name, problem)
}

// input returns the bytes of a text that C passes as pointer and length, -1 for
// NUL-terminated. They are the caller's own memory, for the time of the call.
func input(op, name string, p *C.obe_cchar, length C.int64_t) ([]byte, error) {
	if p == nil {
		return nil, invalid(op, name, "is NULL")
	}
	if length < -1 {
		return nil, invalid(op, "length", "is negative")
	}
	n := uint64(length)
	if length == -1 {
		n = uint64(C.strlen((*C.char)(unsafe.Pointer(p))))
	}
	if n > addressable(unsafe.Pointer(p)) {
		return nil, invalid(op, "length", "is more than this platform can address")
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(p)), int(n)), nil
}

// maxSlice is more bytes than any memory has: 2^47, or 2^30 where addresses have
// 32 bits.
const maxSlice = uint64(1) << (30 + 17*(^uint(0)>>63))

// addressable is how many bytes there can be at an address, at most: where it has
// 32 bits, memory may end before maxSlice of them.
func addressable(p unsafe.Pointer) uint64 { return min(maxSlice, uint64(^uintptr(0)-uintptr(p))) }

// word returns a NUL-terminated text as a Go string; NULL is an error.
func word(op, name string, p *C.obe_cchar) (string, error) {
	b, err := input(op, name, p, -1)
	return goString(b), err
}

// goString copies a text of the caller's.
func goString(b []byte) string {
	memory.Need(len(b))
	return string(b)
}

// room returns the caller's buffer as a slice.
func room(op, name string, p *C.char, capacity C.int64_t) ([]byte, error) {
	if capacity < 0 {
		return nil, invalid(op, "capacity", "is negative")
	}
	if p == nil && capacity > 0 {
		return nil, invalid(op, name, "is NULL, and capacity is not 0")
	}
	if p == nil {
		return nil, nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(p)), int(min(uint64(capacity), addressable(unsafe.Pointer(p))))), nil
}

// terminate puts a NUL behind a text of n bytes where there is room for it.
func terminate(buffer []byte, n int) {
	if n < len(buffer) {
		buffer[n] = 0
	}
}

// output gives a text to the caller: its size, and its bytes if they fit.
func output[T string | []byte](text T, buffer []byte, length *C.int64_t) error {
	if len(text) <= len(buffer) {
		copy(buffer, text)
	}
	return outputSize(len(text), buffer, length)
}

// outputSize gives the size of a text to the caller, which is in buffer if it fits.
func outputSize(size int, buffer []byte, length *C.int64_t) error {
	*length = C.int64_t(size)
	if size > len(buffer) {
		return &socket.BufferError{Need: size}
	}
	terminate(buffer, size)
	return nil
}

// timeout turns milliseconds of the C ABI into a duration.
func timeout(op string, ms C.int64_t) (time.Duration, error) {
	switch {
	case ms == -1:
		return socket.Forever, nil
	case ms == -2:
		return socket.Default, nil
	case ms < 0:
		return 0, invalid(op, "timeout_ms", fmt.Sprintf("is %d; negative values are -1 (for ever) and -2 (the handle's default)", ms))
	}
	const most = 1 << 40 // about 35 years
	return time.Duration(min(ms, most)) * time.Millisecond, nil
}

// host returns the address argument of the constructors; NULL is the loopback
// address, as "" is.
func host(op string, p *C.obe_cchar) (string, error) {
	if p == nil {
		return "", nil
	}
	return word(op, "address", p)
}

const maxNumbers = maxSlice / 8

// numbers returns the caller's input array as a slice.
func numbers(op, name string, values *C.obe_cdouble, countName string, count C.int64_t) ([]float64, error) {
	switch {
	case count < 0:
		return nil, invalid(op, countName, "is negative")
	case uint64(count) > addressable(unsafe.Pointer(values))/8:
		return nil, invalid(op, countName, "is more than this platform can address")
	case values == nil && count > 0:
		return nil, invalid(op, name, fmt.Sprintf("is NULL, and %s is %d", countName, count))
	}
	return doubles((*C.double)(values), int(count)), nil
}

// numberRoom returns the caller's output array as a slice.
func numberRoom(op, name string, values *C.double, capacity C.int64_t) ([]float64, error) {
	switch {
	case capacity < 0:
		return nil, invalid(op, "capacity", "is negative")
	case values == nil && capacity > 0:
		return nil, invalid(op, name, "is NULL, and capacity is not 0")
	}
	return doubles(values, int(min(uint64(capacity), addressable(unsafe.Pointer(values))/8))), nil
}

func doubles(values *C.double, n int) []float64 {
	if values == nil {
		return nil
	}
	return unsafe.Slice((*float64)(unsafe.Pointer(values)), n)
}
