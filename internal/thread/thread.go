// Package thread identifies the threads of this process. It does not create or control
// them.
//
// The one thing to know first: a call from C stays on the caller's thread until it
// returns, so that the current thread is the caller's.
package thread

// ID is the system's number of a thread. The system may reuse the number of a thread that
// has ended.
type ID uint64

// current returns the thread that this code runs on.
var current = system

// Current returns the thread that this code runs on.
func Current() ID { return current() }
