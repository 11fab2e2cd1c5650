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

// entry is what go-pointer keeps for a handle.
type entry struct {
	value  unsafe.Pointer // the handle, as go-pointer hands it out
	kind   kind
	object any // nil once freed
	mu     sync.Mutex
	last   string // the last failure on this handle
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
	retired [quarantineDepth]*entry // what the handles in the quarantine were
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
	var e *entry
	if t.depth > 0 && t.freed-t.evicted >= t.depth {
		e = t.retired[t.evicted%quarantineDepth]
		t.evicted++
		e.become(k, object)
	} else {
		e = &entry{kind: k, object: object}
		e.value = pointer.Save(e)
	}
	t.live[uintptr(e.value)] = e
	return uintptr(e.value)
}

// become makes the entry of a freed handle that of another object.
func (e *entry) become(k kind, object any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.kind, e.object, e.last = k, object, ""
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

// remove makes a handle stale and returns its object, nil if it was not live.
// Each handle is removed once, whoever else tries at the same time.
func (t *table) remove(h uintptr) any {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.live[h]
	if e == nil {
		return nil
	}
	object := e.object
	e.object = nil
	for t.freed-t.evicted >= max(t.depth, 1) {
		t.evict()
	}
	*quarantined(t.freed), t.retired[t.freed%quarantineDepth] = e.value, e
	delete(t.live, h)
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
	t.retired[t.evicted%quarantineDepth] = nil
	t.evicted++
}
