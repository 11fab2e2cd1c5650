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

func (k kind) String() string {
	if k == kindMessage {
		return "a message"
	}
	return "a socket"
}

// entry is what a handle stands for. A handle that is handed out again gets a new one:
// a call that is still running when its handle is freed keeps the entry that it found.
type entry struct {
	value  unsafe.Pointer // the handle, as go-pointer hands it out
	kind   kind
	object any // nil once freed
	mu     sync.Mutex
	last   string // the last failure on this handle
	freed  bool
}

// quarantineDepth is how many freed handles are kept from being handed out
// again. A handle's value is the address of a byte that go-pointer allocated; as
// long as the byte is not freed, the system cannot hand the address out again,
// and a stale handle is no handle at all. A handle used after this many others
// were freed since may meet another object.
//
// The queue lies in C memory, where leak checkers look: the bytes in it are not
// lost.
const quarantineDepth = C.CAPI_QUARANTINE

// table is the library's own record of its live handles. A value from C is looked
// up here, as an integer, before go-pointer sees it: go-pointer trusts what it is
// given.
type table struct {
	mu      sync.RWMutex
	live    map[uintptr]*entry
	freed   int // how many handles were freed; the last ones are in the quarantine
	evicted int // and how many of them have left it
	depth   int
}

var handles = table{live: map[uintptr]*entry{}, depth: quarantineDepth}

// quarantined is the place of the n-th freed handle in the quarantine.
func quarantined(n int) *unsafe.Pointer { return &C.capi_quarantine[n%quarantineDepth] }

// add makes a handle for an object. Where the quarantine is full, as in a program that
// makes and frees one after the other, it is the one that was freed longest ago: that
// is half the cost of a new one.
func (t *table) add(k kind, object any) uintptr {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := &entry{kind: k, object: object}
	if t.depth > 0 && t.freed-t.evicted >= t.depth {
		e.value = *quarantined(t.evicted)
		t.evicted++
	} else {
		e.value = pointer.Save(t)
	}
	t.live[uintptr(e.value)] = e
	return uintptr(e.value)
}

// find returns the entry and the object of a live handle of a kind.
func (t *table) find(h uintptr, k kind) (*entry, any) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if e := t.live[h]; e != nil && e.kind == k {
		return e, e.object
	}
	return nil, nil
}

// any returns the entry of a live handle of any kind, nil if there is none.
func (t *table) any(h uintptr) *entry {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.live[h]
}

// remove makes a handle stale and returns its object, nil if it was not a live one of
// that kind. Each handle is removed once, also if several threads try at the same time.
func (t *table) remove(h uintptr, k kind) any {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.live[h]
	if e == nil || e.kind != k {
		return nil
	}
	return t.retire(e)
}

// removeObject makes a handle stale if it still stands for object. The program may have
// freed the handle, whose number then may stand for another object.
func (t *table) removeObject(h uintptr, object any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.live[h]; e != nil && e.object == object {
		t.retire(e)
	}
}

// retire puts the handle of a live entry into the quarantine and returns its object.
// t.mu is held.
func (t *table) retire(e *entry) any {
	object := e.object
	e.retire()
	for t.freed-t.evicted >= max(t.depth, 1) {
		t.evict()
	}
	*quarantined(t.freed) = e.value
	delete(t.live, uintptr(e.value))
	t.freed++
	if t.depth == 0 {
		t.evict()
	}
	return object
}

// evict gives the handle that was freed longest ago back to the system. t.mu is
// held.
func (t *table) evict() {
	pointer.Unref(*quarantined(t.evicted))
	t.evicted++
}
