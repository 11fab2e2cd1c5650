package main

import (
	"sync"
	"unsafe"

	"github.com/mattn/go-pointer"

	"libobe/internal/socket"
)

// handleKind is the kind of object that a handle refers to. The compiler tells them apart
// in C and C++. For other languages both are plain integers, so they are checked here.
type handleKind uint8

const (
	kindSocket handleKind = iota + 1
	kindMessage
)

func (k handleKind) String() string {
	if k == kindMessage {
		return "a message"
	}
	return "a socket"
}

// handleEntry is what a handle refers to. A handle value that is reused gets a new entry:
// a call that is still running when its handle is freed keeps the old one.
type handleEntry struct {
	value  unsafe.Pointer // the handle, as go-pointer returned it
	object any            // nil once freed
	mu     sync.Mutex
	last   string // the last error message
	kind   handleKind
	freed  bool
	mark   leakMark
}

// retire marks the handle as freed.
func (e *handleEntry) retire() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.freed, e.object = true, nil
}

// current returns the object, nil if the handle was freed.
func (e *handleEntry) current() any {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.object
}

// handleTable is the library's own record of its live handles. A value from C is looked
// up here, as an integer, before go-pointer sees it, since go-pointer trusts its
// argument.
//
// A handle's value is the address of a byte that go-pointer allocated. A freed handle
// stays in the quarantine: until its byte is freed, the system cannot allocate the
// address again, so the stale handle is found to be invalid. A handle that is used after
// depth others were freed since may refer to another object.
type handleTable struct {
	mu      sync.RWMutex
	live    map[uintptr]*handleEntry
	count   [kindMessage + 1]int64 // how many of each kind are live
	freed   int                    // how many handles were freed; the last ones are in the quarantine
	evicted int                    // how many of those have left the quarantine
	depth   int
}

var handles = handleTable{live: map[uintptr]*handleEntry{}, depth: quarantineDepth}

// add creates a handle for an object. If the quarantine is full, as in a program that
// creates and frees handles all the time, it reuses the one that was freed longest ago,
// which costs half as much as a new one.
func (t *handleTable) add(k handleKind, object any) uintptr {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := &handleEntry{kind: k, object: object, mark: newLeakMark()}
	if t.depth > 0 && t.freed-t.evicted >= t.depth {
		e.value = *quarantineSlot(t.evicted)
		t.evicted++
	} else {
		e.value = pointer.Save(t)
	}
	t.live[uintptr(e.value)] = e
	t.count[k]++
	return uintptr(e.value)
}

// find returns the entry and the object of a live handle of a kind.
func (t *handleTable) find(h uintptr, k handleKind) (*handleEntry, any) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if e := t.live[h]; e != nil && e.kind == k {
		return e, e.object
	}
	return nil, nil
}

// findAny returns the entry of a live handle of any kind, nil if there is no such handle.
func (t *handleTable) findAny(h uintptr) *handleEntry {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.live[h]
}

// counted are the kinds of handles that the counters of the process count.
var counted = map[string]handleKind{socket.LiveSockets: kindSocket, socket.LiveMessages: kindMessage}

// stat returns a counter of the process by its name.
func (t *handleTable) stat(name string) (value int64, ok bool) {
	k, ok := counted[name]
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.count[k], ok
}

// remove retires a handle and returns its object, nil if it was not a live handle of that
// kind. If several threads try at the same time, one of them succeeds.
func (t *handleTable) remove(h uintptr, k handleKind) any {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.live[h]
	if e == nil || e.kind != k {
		return nil
	}
	return t.retire(e)
}

// removeObject retires a handle if it still stands for object. The program may have freed
// the handle, whose value may stand for another object since.
func (t *handleTable) removeObject(h uintptr, object any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.live[h]; e != nil && e.object == object {
		t.retire(e)
	}
}

// retire puts the handle of a live entry into the quarantine and returns its object.
// t.mu is held.
func (t *handleTable) retire(e *handleEntry) any {
	object := e.object
	e.retire()
	e.mark.free()
	for t.freed-t.evicted >= max(t.depth, 1) {
		t.evict()
	}
	*quarantineSlot(t.freed) = e.value
	delete(t.live, uintptr(e.value))
	t.count[e.kind]--
	t.freed++
	if t.depth == 0 {
		t.evict()
	}
	return object
}

// evict returns the handle that was freed longest ago to the system. t.mu is held.
func (t *handleTable) evict() {
	pointer.Unref(*quarantineSlot(t.evicted))
	t.evicted++
}
