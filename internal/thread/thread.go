// Package thread tells the threads of this process apart. A call from C stays on
// the caller's thread until it returns, so that the thread in which Go code runs
// is the caller's.
package thread

// ID is the system's number of a thread. The system may give that of a thread that
// has ended to a new one.
type ID uint64
