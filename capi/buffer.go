package main

/*
#include <string.h>
#include "capi.h"
*/
import "C"

import (
	"fmt"
	"time"
	"unicode/utf8"
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
func input(op, name string, p inText, length C.int64_t) ([]byte, error) {
	switch {
	case p == 0:
		return nil, invalid(op, name, "is NULL")
	case length < -1:
		return nil, invalid(op, "length", "is negative")
	case length == 0:
		return nil, nil
	}
	if err := place(op, name, p); err != nil {
		return nil, err
	}
	n := uint64(length)
	if length == -1 {
		n = uint64(C.strlen(at[C.char](p)))
	}
	if n > addressable(uintptr(p)) {
		return nil, invalid(op, "length", "is more than this platform can address")
	}
	return unsafe.Slice(at[byte](p), int(n)), nil
}

// maxSlice is more bytes than any memory has: 2^47, or 2^30 where addresses have
// 32 bits.
const maxSlice = uint64(1) << (30 + 17*(^uint(0)>>63))

// addressable is how many bytes there can be at an address, at most: where it has
// 32 bits, memory may end before maxSlice of them.
func addressable(p uintptr) uint64 { return min(maxSlice, uint64(^uintptr(0)-p)) }

// word returns a NUL-terminated text as a Go string; NULL is an error.
func word(op, name string, p inText) (string, error) {
	b, err := input(op, name, p, -1)
	return memory.String(b), err
}

// room returns the caller's buffer as a slice.
func room(op, name string, p outText, capacity C.int64_t) ([]byte, error) {
	switch {
	case capacity < 0:
		return nil, invalid(op, "capacity", "is negative")
	case capacity == 0:
		return nil, nil
	case p == 0:
		return nil, invalid(op, name, "is NULL, and capacity is not 0")
	}
	if err := place(op, name, p); err != nil {
		return nil, err
	}
	return unsafe.Slice(at[byte](p), int(min(uint64(capacity), addressable(uintptr(p))))), nil
}

// terminate puts a NUL behind a text of n bytes where there is room for it.
func terminate(buffer []byte, n int) {
	if n < len(buffer) {
		buffer[n] = 0
	}
}

// output gives a text to the caller: its size, and its bytes if they fit.
func output[T string | []byte](text T, buffer []byte, length outInt64) error {
	if len(text) <= len(buffer) {
		copy(buffer, text)
	}
	return outputSize(len(text), buffer, length)
}

// outputSize gives the size of a text to the caller, which is in buffer if it fits.
func outputSize(size int, buffer []byte, length outInt64) error {
	length.put(int64(size))
	if size > len(buffer) {
		return &socket.BufferError{Need: size}
	}
	terminate(buffer, size)
	return nil
}

// leadingText copies a text for a caller who may print it whatever the status is. A buffer of
// less than need bytes gets what fits, in whole characters and with a NUL at its end.
func leadingText(text string, buffer []byte, need int) error {
	if need <= len(buffer) {
		copy(buffer, text)
		terminate(buffer, len(text))
		return nil
	}
	if len(buffer) > 0 {
		n := beginning(text, len(buffer)-1)
		copy(buffer, text[:n])
		buffer[n] = 0
	}
	return &socket.BufferError{Need: len(text)}
}

// beginning is the number of bytes of the whole characters among the first n bytes of a
// text in UTF-8.
func beginning(text string, n int) int {
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
func host(op string, p inText) (string, error) {
	if p == 0 {
		return "", nil
	}
	return word(op, "address", p)
}

const maxNumbers = maxSlice / 8

// numbers returns the caller's input array as a slice.
func numbers(op, name string, values inDoubles, countName string, count C.int64_t) ([]float64, error) {
	switch {
	case count < 0:
		return nil, invalid(op, countName, "is negative")
	case count == 0:
		return nil, nil
	case values == 0:
		return nil, invalid(op, name, fmt.Sprintf("is NULL, and %s is %d", countName, count))
	case !usable(values):
		return nil, place(op, name, values)
	case uint64(count) > addressable(uintptr(values))/8:
		return nil, invalid(op, countName, "is more than this platform can address")
	}
	return unsafe.Slice(at[float64](values), int(count)), nil
}

// numberRoom returns the caller's output array as a slice.
func numberRoom(op, name string, values outDoubles, capacity C.int64_t) ([]float64, error) {
	switch {
	case capacity < 0:
		return nil, invalid(op, "capacity", "is negative")
	case capacity == 0:
		return nil, nil
	case values == 0:
		return nil, invalid(op, name, "is NULL, and capacity is not 0")
	}
	if err := place(op, name, values); err != nil {
		return nil, err
	}
	return unsafe.Slice(at[float64](values), int(min(uint64(capacity), addressable(uintptr(values))/8))), nil
}
