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
)

// ErrMemory is a block that the system has no room for; use errors.Is.
var ErrMemory = errors.New("out of memory")

// large is the size from which the system is asked, which takes some
// microseconds. Go takes memory from the system in blocks of this size or more.
const large = 1 << 20

// Room returns an error if the system has no room for n more bytes.
func Room(n int) error {
	if n < large {
		return nil
	}
	if err := ask(n + arena); err != nil {
		return fmt.Errorf("%w: the system refuses %d more bytes: %w", ErrMemory, n, err)
	}
	return nil
}

// Need is Room for code that has no error to return: it panics with the error,
// which is an ErrMemory.
func Need(n int) {
	if err := Room(n); err != nil {
		panic(err)
	}
}
