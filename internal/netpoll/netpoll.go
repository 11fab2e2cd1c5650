// Package netpoll starts the network poller of Go's runtime where a failure is an
// error.
//
// The runtime starts its poller with the first timer, the first file of package os,
// or after the first collection of garbage, and ends the process if it lacks the two
// descriptors for that. So the library starts it, before its first call does anything
// else. It does so no earlier: a program that closes all descriptors as it begins, as
// daemons do, would close the poller's too, and end by that.
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

// ErrDescriptors says that the process lacks descriptors for the poller.
var ErrDescriptors = errors.New("the library's first call needs two free file descriptors, and this process has fewer; close some, or raise the limit (ulimit -n)")

// Start starts the poller unless it runs. An error is ErrDescriptors; the next Start
// tries again. Until one succeeds, nothing may set a timer or open a file.
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

// startPoller sets a timer, for which the runtime starts its poller.
func startPoller() { time.AfterFunc(time.Hour, func() {}).Stop() }
