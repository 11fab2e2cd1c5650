// Package netpoll starts the network poller of Go's runtime, so that a failure is an error
// and not the end of the process. It does not use the poller: sockets are in package
// transport, without it.
//
// The one thing to know first: the runtime starts its poller with the first timer, the
// first file of package os, or after the first garbage collection, and ends the process if
// it cannot open two descriptors for that. So the library starts the poller before its
// first call does anything else. It does not start it earlier: a program that closes all
// descriptors at its start, such as a daemon, would close those of the poller, which ends
// the process.
package netpoll

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

var (
	started atomic.Bool
	mu      sync.Mutex
)

// ErrDescriptors reports that the process has too few free descriptors for the poller.
var ErrDescriptors = errors.New("the library's first call needs two free file descriptors, and this process has fewer; close some, or raise the limit (ulimit -n)")

// Start starts the poller unless it is running. Its only error is ErrDescriptors; the next
// Start tries again. Until one succeeds, no code may set a timer or open a file.
func Start() error {
	if started.Load() {
		return nil
	}
	mu.Lock()
	defer mu.Unlock()
	if !started.Load() {
		if !start() {
			return ErrDescriptors
		}
		started.Store(true)
	}
	return nil
}

// startPoller sets a timer, which makes the runtime start its poller.
func startPoller() { time.AfterFunc(time.Hour, func() {}).Stop() }
