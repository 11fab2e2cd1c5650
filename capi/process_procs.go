package main

import (
	"runtime"

	"libobe/internal/environment"
)

// minProcs is the minimum of GOMAXPROCS. A call that blocks in a system call keeps its P
// until the runtime's monitor retakes it, after 20 µs to 10 ms. With no more Ps than cores,
// a client and a server in one process on one core needed 370 µs for an exchange instead of
// 20 µs: each had to wait until the other's P was retaken.
const minProcs = 4

// GOMAXPROCS is set even if it does not change. Otherwise Go reads the limits of the control
// group every second, through descriptors that it opened at load. In a program that
// closes descriptors which it did not open, these may have become other files since.
func init() {
	n := runtime.GOMAXPROCS(0)
	if environment.Get(environment.Procs) == "" {
		n = max(n, minProcs)
	}
	runtime.GOMAXPROCS(n)
}
