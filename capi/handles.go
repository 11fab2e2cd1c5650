package main

// #include "kept.h"
import "C"

import (
	"sync"
	"unsafe"

	"github.com/mattn/go-pointer"
)

// kind keeps the kinds of handles apart. C sees one integer type for all, so a
// mix-up can only be found here.
type kind uint8

const (
	kindSocket kind = iota + 1
	kindMessage
)

// entry is what go-pointer keeps for a handle. It outlives the object, so that
// a freed handle is still known, and known to be free.
type entry struct {
	kind   kind
	object any // nil once freed
	mu     sync.Mutex
	last   string // the last failure on this handle
}

// quarantineDepth is how many freed handles are kept as tombstones. A handle's
// value is the address of a byte that go-pointer allocated; as long as the byte
// is not freed, the system cannot hand the address out again, and a stale handle
// meets its own tombstone. A handle used after this many others were freed
// since may meet another object.
//
// The queue lies in C memory, where leak checkers look: the bytes in it are not
// lost.
const quarantineDepth = C.CAPI_QUARANTINE

// table is the library's own record of its handles. A value from C is looked up
// here, as an integer, before go-pointer sees it: go-pointer trusts what it is
// given.
type table struct {
	mu      sync.RWMutex
	known   map[uintptr]unsafe.Pointer
	freed   int // how many handles were freed; the last ones are in the quarantine
	evicted int // and how many of them have left it
	depth   int
	live    int
}

var handles = table{known: map[uintptr]unsafe.Pointer{}, depth: quarantineDepth}

// tombstone is the place of the n-th freed handle in the quarantine.
func tombstone(n int) *C.uintptr_t { return &C.capi_quarantine[n%quarantineDepth] }

// add makes a handle for an object.
func (t *table) add(k kind, object any) uintptr {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := pointer.Save(&entry{kind: k, object: object})
	t.known[uintptr(p)] = p
	t.live++
	return uintptr(p)
}

// find returns the entry and the object of a live handle.
func (t *table) find(h uintptr, k kind) (*entry, any) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if e := t.entry(h); e != nil && e.kind == k && e.object != nil {
		return e, e.object
	}
	return nil, nil
}

// any returns the entry of a live handle of any kind, nil if there is none.
func (t *table) any(h uintptr) *entry {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if e := t.entry(h); e != nil && e.object != nil {
		return e
	}
	return nil
}

// entry returns what is known of a value, nil if nothing is. t.mu is held.
func (t *table) entry(h uintptr) *entry {
	p, ok := t.known[h]
	if !ok {
		return nil
	}
	return pointer.Restore(p).(*entry)
}

// remove makes a handle stale and returns its object, nil if it was not live.
// Each handle is removed once, whoever else tries at the same time.
func (t *table) remove(h uintptr) any {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.entry(h)
	if e == nil || e.object == nil {
		return nil
	}
	object := e.object
	e.object = nil
	t.live--
	for t.freed-t.evicted >= max(t.depth, 1) {
		t.evict()
	}
	*tombstone(t.freed) = C.uintptr_t(h)
	t.freed++
	if t.depth == 0 {
		t.evict()
	}
	return object
}

// evict forgets the handle that was freed longest ago. t.mu is held.
func (t *table) evict() {
	oldest := uintptr(*tombstone(t.evicted))
	t.evicted++
	p := t.known[oldest]
	delete(t.known, oldest)
	pointer.Unref(p)
}
