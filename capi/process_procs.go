package main

import (
	"os"
	"runtime"
)

// processors is the least number of Go's processors. A call that waits in a system
// call keeps one until the runtime's monitor takes it away, which lasts 20 µs to
// 10 ms. With no more of them than the machine has cores, a client and a server in
// one process on one core took 370 µs for an exchange instead of 20: each had to
// wait until the other's was taken away.
const minProcs = 4

// The number is set in any case. Otherwise Go reads the limits of the control group
// again every second, through descriptors that it opened at load; a program that closes
// what it did not open would have other files there.
func init() {
	n := runtime.GOMAXPROCS(0)
	if os.Getenv("GOMAXPROCS") == "" {
		n = max(n, minProcs)
	}
	runtime.GOMAXPROCS(n)
}
