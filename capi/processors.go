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
const processors = 4

func init() {
	if os.Getenv("GOMAXPROCS") == "" && runtime.GOMAXPROCS(0) < processors {
		runtime.GOMAXPROCS(processors)
	}
}
