package session

import (
	"errors"
	"math"
	"sync"
)

// Handle is a number that refers to an item of a Table; 0 refers to nothing.
type Handle int32

// First is the first handle that a table assigns. No counter, port or descriptor reaches
// this number by accident.
const First Handle = 0x0BE00001

// ErrExhausted reports a table that has assigned its last handle.
var ErrExhausted = errors.New("out of handle numbers; restart the program")

// Table assigns handles to items. A handle is never assigned again: one from an earlier
// run of a diagram is invalid, or still refers to the same item. All methods may be
// called from any goroutine.
type Table[T any] struct {
	mu   sync.RWMutex
	next Handle // 0: First; negative: all are assigned
	live map[Handle]T
}

// Add assigns a handle to an item.
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
		return 0, ErrExhausted
	default:
		t.next++
	}
	t.live[h] = item
	return h, nil
}

// Find returns the item of a handle.
func (t *Table[T]) Find(h Handle) (item T, ok bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	item, ok = t.live[h]
	return item, ok
}

// Remove invalidates a handle and returns its item. If several goroutines remove the same
// handle, one of them succeeds.
func (t *Table[T]) Remove(h Handle) (item T, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	item, ok = t.live[h]
	delete(t.live, h)
	return item, ok
}

// RemoveAll invalidates the handles of all items that match accepts, and returns these
// items.
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
