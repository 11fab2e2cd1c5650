// Package thread tells the threads of this process apart. A call from C stays on
// the caller's thread until it returns, so that the thread in which Go code runs
// is the caller's.
package thread

// ID is the system's number of a thread. The system may give that of a thread that
// has ended to a new one.
type ID uint64

// current finds out the thread that this code runs in.
var current = system

// Current returns the thread that this code runs in.
func Current() ID { return current() }

// Use replaces the way in which Current finds out, which is a system call. It comes
// before the first use of Current.
func Use(f func() ID) { current = f }
