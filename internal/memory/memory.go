// Package memory asks the system for room before a large block is made. Where
// the system refuses memory, Go ends the whole process, and nothing can catch
// that; so the question comes first, from those places that make blocks as large
// as a peer or a caller says.
//
// What the system promises and then does not have (overcommitment, the limit of a
// control group) cannot be asked for.
package memory

import (
	"errors"
	"fmt"
	"sync/atomic"
)

// ErrMemory is a block that the system has no room for; use errors.Is.
var ErrMemory = errors.New("out of memory")

const (
	// large is how much may be taken before the system is asked, which takes some
	// microseconds: by one block, or by several since the last time.
	large = 1 << 20
	// small blocks do not count. What they take is bounded by the number of
	// connections, and found in the arena that is asked for besides, as long as Go
	// begins it at its start (GOEXPERIMENT in the Makefile).
	small = 64 << 10
)

var unasked atomic.Int64

// Room returns an error if the system has no room for n more bytes. Its callers
// are taken to use what they ask for.
func Room(n int) error {
	if n < small || unasked.Add(int64(n)) < large {
		return nil
	}
	if err := ask(n + arena); err != nil {
		return fmt.Errorf("%w: the system refuses %d more bytes: %w", ErrMemory, n, err)
	}
	unasked.Store(0) // and not after a refusal: then each block is asked for
	return nil
}

// Need is Room for code that has no error to return: it panics with the error,
// which is an ErrMemory.
func Need(n int) {
	if err := Room(n); err != nil {
		panic(err)
	}
}
