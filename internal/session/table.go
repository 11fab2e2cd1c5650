package session

import (
	"errors"
	"math"
	"sync"
)

// Handle is a number that stands for something in a Table; 0 is none.
type Handle int32

// First is the first handle that a table gives out: a number that no counter, no
// port and no descriptor comes to by accident.
const First Handle = 0x0BE00001

// ErrSpent is a table that has given out its last handle.
var ErrSpent = errors.New("every handle has been given out once; a new start of the program begins anew")

// Table gives out handles, which are never used again: a handle from an earlier
// run of a diagram meets nothing, or what it always stood for. All methods may be
// called from any goroutine.
type Table[T any] struct {
	mu   sync.RWMutex
	next Handle // 0: First; negative: all are given out
	live map[Handle]T
}

// Add gives out a handle for an item.
func (t *Table[T]) Add(item T) (Handle, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.live == nil {
		t.live, t.next = map[Handle]T{}, First
	}
	h := t.next
	switch h {
	case math.MaxInt32:
		t.next = -1
	case -1:
		return 0, ErrSpent
	default:
		t.next++
	}
	t.live[h] = item
	return h, nil
}

// Find returns what a handle stands for.
func (t *Table[T]) Find(h Handle) (item T, ok bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	item, ok = t.live[h]
	return item, ok
}

// Remove ends a handle. Each is removed once, whoever else tries at the same
// time.
func (t *Table[T]) Remove(h Handle) (item T, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	item, ok = t.live[h]
	delete(t.live, h)
	return item, ok
}

// RemoveAll ends the handles of all items that match says so of, and returns
// those.
func (t *Table[T]) RemoveAll(match func(T) bool) (removed []T) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for h, item := range t.live {
		if match(item) {
			delete(t.live, h)
			removed = append(removed, item)
		}
	}
	return removed
}

// Len returns how many handles are live.
func (t *Table[T]) Len() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.live)
}
