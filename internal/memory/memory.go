// Package memory allocates large blocks, and returns an error if there is no memory for
// one. Go itself ends the whole process if the system refuses memory, which no code can
// prevent or recover from. So every block whose size depends on a peer or a caller is
// allocated here, and this package probes the system first: it maps as many bytes and
// unmaps them again.
//
// A refusal is not final, because Go's heap may have a free run of that size. Go returns
// free memory to the system but keeps the addresses, so after a few large messages the heap
// may own all addresses that a limit allows. See findFreeRun.
//
// This package cannot detect memory that the system promises and then does not have
// (overcommitment, the limit of a control group).
package memory

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"
)

// ErrMemory is the error if there is no memory for a block; use errors.Is.
var ErrMemory = errors.New("out of memory")

const (
	// probeThreshold is how many bytes are allocated between two probes, because a probe
	// takes some microseconds.
	probeThreshold = 1 << 20
	// smallBlock is the size below which blocks are not counted. The number of
	// connections limits their total. They fit the additional arena of every probe, as long
	// as Go fills arenas from their start (GOEXPERIMENT in the Makefile).
	smallBlock = 64 << 10
	// paddedBlock is the size from which blocks are allocated with runSpare more bytes,
	// a sixteenth or less.
	paddedBlock = 16 * runSpare
	// collectorReserve is how much memory a garbage collection itself may need. If the
	// system refuses that, none is started, because Go would end the process.
	collectorReserve = 4 << 20
	// hugeBlock is the size from which the system is asked for pages of hugePage bytes. It clears 20 MB of them in 0.7 ms,
	// and of small pages, in a virtual machine, in 11 ms.
	hugeBlock = 2 * hugePage
	hugePage  = 2 << 20
)

var (
	// unprobed is how many bytes were allocated since the last successful probe.
	unprobed atomic.Int64
	// pending is the total size of the blocks that are being probed or allocated now.
	pending atomic.Int64
	// allocating is held for reading from the probe of a block until it is allocated, and
	// for writing while a block is allocated in a free run of the heap, which no other
	// large block may occupy first.
	allocating sync.RWMutex
	// lastRefusal is the size of the block that the system refused last, or 0 after it
	// allowed a larger one.
	lastRefusal atomic.Int64
)

// Make returns a slice with a length and a capacity, or an ErrMemory.
func Make[T any](length, capacity int) ([]T, error) {
	var item T
	size := capacity * int(unsafe.Sizeof(item))
	if capacity < 0 || capacity > (math.MaxInt-arena)/max(int(unsafe.Sizeof(item)), 1) {
		return nil, tooLarge(capacity)
	}
	if size < smallBlock {
		return make([]T, length, capacity), nil
	}
	if probeThreshold <= size && size < int(lastRefusal.Load()) && probe(collectorReserve) == nil {
		// While memory is scarce, collect garbage first, so that this block goes to the lowest
		// free address. Above garbage, it would split the run that the next large block needs.
		runtime.GC()
	}
	block, err := makeProbed[T](length, capacity, size)
	if err != nil {
		lastRefusal.Store(int64(size))
		block = makeFromHeap[T](length, capacity, size)
		if block != nil {
			err = nil
		}
	}
	return block, err
}

// makeProbed allocates a block if a probe succeeds. It pads a very large one: when that is
// garbage, it leaves a free run for a block of the same size and for small blocks, which
// findFreeRun requires.
func makeProbed[T any](length, capacity, size int) ([]T, error) {
	whole := capacity
	if size >= paddedBlock {
		whole += runSpare / (size / capacity)
		size += runSpare
	}
	allocating.RLock()
	defer allocating.RUnlock()
	defer pending.Add(-int64(size))
	if err := reserve(size); err != nil {
		return nil, err
	}
	if size > int(lastRefusal.Load()) {
		lastRefusal.Store(0)
	}
	block := allocate[T](length, whole)[:length:capacity]
	if size >= hugeBlock {
		useHugePages(uintptr(unsafe.Pointer(unsafe.SliceData(block))), uintptr(size))
	}
	return block, nil
}

// allocate is make, but it does not clear the bytes that are to be written. For 20 MB that takes 1 ms, and more if they have
// no pages yet.
func allocate[T any](length, capacity int) []T {
	if _, bytes := any((*T)(nil)).(*byte); !bytes || length > 0 {
		return make([]T, length, capacity)
	}
	var b strings.Builder // it never clears
	b.Grow(capacity)
	b.WriteByte(0)
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.StringData(b.String()))), capacity)[:0]
}

// makeFromHeap allocates a block that the system refused, if it now allows the block or if
// the heap has a free run for it. Otherwise it returns nil. No other large block is allocated
// at the same time.
func makeFromHeap[T any](length, capacity, size int) []T {
	allocating.Lock()
	defer allocating.Unlock()
	if probe(size+arena) != nil {
		// The list of the pages takes less than a thirtieth of their size.
		if probe(collectorReserve+size/30) != nil {
			return nil
		}
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
		if !findFreeRun(size) {
			return nil
		}
	}
	unprobed.Store(0)
	return make([]T, length, capacity)
}

// MustMake is Make for code that cannot return an error: it panics with the ErrMemory.
func MustMake[T any](length, capacity int) []T {
	block, err := Make[T](length, capacity)
	if err != nil {
		panic(err)
	}
	return block
}

// String returns a copy of a text. It panics like MustMake.
func String(text []byte) string {
	copied := append(MustMake[byte](0, len(text)), text...)
	return unsafe.String(unsafe.SliceData(copied), len(copied))
}

// Bytes returns the bytes of a text, which must not be changed: they are not a copy.
func Bytes(text string) []byte { return unsafe.Slice(unsafe.StringData(text), len(text)) }

// Reserve returns an ErrMemory if the system has no memory for n more bytes. It is for
// blocks that are not allocated by Make; the caller must allocate them immediately, because
// nothing is held for it. It does not consider free memory of Go's heap.
func Reserve(n int) error {
	if n < 0 || n > math.MaxInt-arena { // n may be a sum that overflowed
		return tooLarge(n)
	}
	allocating.RLock()
	defer allocating.RUnlock()
	defer pending.Add(-int64(n))
	return reserve(n)
}

// reserve adds n to the pending bytes, and returns an error if the system has no memory
// for all of them.
func reserve(n int) error {
	sum := pending.Add(int64(n))
	if n < smallBlock || unprobed.Add(int64(n)) < probeThreshold {
		return nil
	}
	if err := probe(int(min(sum, math.MaxInt-arena)) + arena); err != nil {
		return fmt.Errorf("%w: the system refused %d more bytes: %w", ErrMemory, n, err)
	}
	unprobed.Store(0) // not after a refusal, so that the next block is probed too
	return nil
}

func tooLarge(n int) error {
	return fmt.Errorf("%w: a block of %d items is larger than the address space", ErrMemory, uint(n))
}
