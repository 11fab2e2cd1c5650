//go:build obetest

// The hooks of a library that is built only for tests (-tags obetest).

package main

// #include <stdint.h>
import "C"

import "runtime"

// obe_test_panic provokes an internal error on a live handle.
//
//export obe_test_panic
func obe_test_panic(handle C.uintptr_t) C.int32_t {
	return C.int32_t(withHandle("test_panic", uintptr(handle), kindSocket, func(any) error {
		panic("provoked")
	}))
}

// obe_test_live returns how many handles are live.
//
//export obe_test_live
func obe_test_live() C.int64_t {
	handles.mu.Lock()
	defer handles.mu.Unlock()
	return C.int64_t(handles.count[kindSocket] + handles.count[kindMessage])
}

// obe_test_quarantine sets how many freed handles are kept in quarantine.
//
//export obe_test_quarantine
func obe_test_quarantine(depth C.int64_t) {
	handles.mu.Lock()
	defer handles.mu.Unlock()
	handles.depth = int(depth)
}

// obe_test_goroutines returns how many goroutines there are.
//
//export obe_test_goroutines
func obe_test_goroutines() C.int64_t { return C.int64_t(runtime.NumGoroutine()) }

// obe_test_collect runs the garbage collector.
//
//export obe_test_collect
func obe_test_collect() { runtime.GC() }
