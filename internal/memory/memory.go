// Package memory makes the large blocks. Where the system refuses memory, Go ends the
// whole process, and nothing can catch that; so the system is asked before, from those
// places that make blocks as large as a peer or a caller says.
//
// What the system refuses may be there all the same, in Go's own heap: that is never
// given back to the system as addresses, so after some large messages it may have all
// that a limit allows. See inHeap.
//
// What the system promises and then does not have (overcommitment, the limit of a
// control group) cannot be asked for.
package memory

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"
)

// ErrMemory is a block that there is no room for; use errors.Is.
var ErrMemory = errors.New("out of memory")

const (
	// large is how much may be taken before the system is asked, which takes some
	// microseconds: by one block, or by several since the last time.
	large = 1 << 20
	// small blocks do not count. What they take is bounded by the number of
	// connections, and found in the arena that is asked for besides, as long as Go
	// begins it at its start (GOEXPERIMENT in the Makefile).
	small = 64 << 10
	// veryLarge blocks may become larger by rowSpare, a sixteenth.
	veryLarge = 16 * rowSpare
	// collection is what a collection of garbage takes of the system itself. Where that is
	// refused, none is begun, as Go would end the process.
	collection = 4 << 20
)

var (
	unasked atomic.Int64
	// granted is what is being asked for or made at this moment, in bytes.
	granted atomic.Int64
	// taking is held for reading from the question to the system until the block is
	// made, and for writing while a block is made that only Go's heap has room for: no
	// other large block may get in there before it.
	taking sync.RWMutex
	// refused is the size of the block that the system refused last, 0 if it has granted
	// one as large since.
	refused atomic.Int64
)

// Make returns a slice of that length and capacity, or an ErrMemory.
func Make[T any](length, capacity int) ([]T, error) {
	var item T
	size := capacity * int(unsafe.Sizeof(item))
	if capacity < 0 || capacity > (math.MaxInt-arena)/max(int(unsafe.Sizeof(item)), 1) {
		return nil, tooLarge(capacity)
	}
	if size < small {
		return make([]T, length, capacity), nil
	}
	if large <= size && size < int(refused.Load()) && ask(collection) == nil {
		// While memory is short, this block goes to the lowest free place. Behind garbage it
		// would divide the row that the next very large one needs.
		runtime.GC()
	}
	block, err := ifGranted[T](length, capacity, size)
	if err != nil {
		refused.Store(int64(size))
		block = ifInHeap[T](length, capacity, size)
		if block != nil {
			err = nil
		}
	}
	return block, err
}

// ifGranted makes a very large block a little larger than asked for: when it is garbage, the
// row that it leaves has room for a block of the same size and for small ones, as inHeap
// wants it.
func ifGranted[T any](length, capacity, size int) ([]T, error) {
	whole := capacity
	if size >= veryLarge {
		whole += rowSpare / (size / capacity)
		size += rowSpare
	}
	taking.RLock()
	defer taking.RUnlock()
	defer granted.Add(-int64(size))
	if err := room(size); err != nil {
		return nil, err
	}
	if size > int(refused.Load()) {
		refused.Store(0)
	}
	return make([]T, length, whole)[:length:capacity], nil
}

// ifInHeap comes after a refusal, and returns nil if that holds. No other large block is
// being made at the same time.
func ifInHeap[T any](length, capacity, size int) []T {
	taking.Lock()
	defer taking.Unlock()
	if ask(size+arena) != nil {
		// The search describes each page, in less than a thirtieth of it.
		if ask(collection+size/30) != nil {
			return nil
		}
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
		if !inHeap(size) {
			return nil
		}
	}
	unasked.Store(0)
	return make([]T, length, capacity)
}

// MustMake is Make for code that has no error to return: it panics with the error,
// which is an ErrMemory.
func MustMake[T any](length, capacity int) []T {
	block, err := Make[T](length, capacity)
	if err != nil {
		panic(err)
	}
	return block
}

// String is a copy of a text; it panics as MustMake does.
func String(text []byte) string {
	copied := append(MustMake[byte](0, len(text)), text...)
	return unsafe.String(unsafe.SliceData(copied), len(copied))
}

// Reserve returns an ErrMemory if the system has no room for n more bytes, which the caller
// is taken to use at once. It is for blocks that Make does not make, and does not count
// what is free in Go's heap.
func Reserve(n int) error {
	if n < 0 || n > math.MaxInt-arena { // a sum that has overflowed, perhaps
		return tooLarge(n)
	}
	taking.RLock()
	defer taking.RUnlock()
	defer granted.Add(-int64(n))
	return room(n)
}

// room returns an error if the system has no room for n bytes and for what is being made.
// It adds n to that.
func room(n int) error {
	sum := granted.Add(int64(n))
	if n < small || unasked.Add(int64(n)) < large {
		return nil
	}
	if err := ask(int(min(sum, math.MaxInt-arena)) + arena); err != nil {
		return fmt.Errorf("%w: the system refuses %d more bytes: %w", ErrMemory, n, err)
	}
	unasked.Store(0) // and not after a refusal: then each block is asked for
	return nil
}

func tooLarge(n int) error {
	return fmt.Errorf("%w: a block of %d items is larger than any memory", ErrMemory, uint(n))
}
