package main

import (
	"runtime"

	"libobe/internal/environment"
)

// minProcs is the minimum of GOMAXPROCS. A thread in a system call, or back in C, keeps its P
// until the runtime's monitor retakes it, after 20 µs to 10 ms, and others wait for that. With no
// more Ps than cores, a client and a server in one process on one core needed 370 µs for an
// exchange instead of 20 µs. With 4 the slowest of 32,000 exchanges of 16 clients took 36 to
// 76 ms, with 8 it took 3 to 10 ms; more do not help (docs/performance.md).
const minProcs = 8

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
