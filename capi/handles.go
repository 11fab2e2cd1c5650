package main

import (
	"sync"
	"sync/atomic"
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
	slot   *handleSlot // nil before the entry has a handle
	object any         // nil once freed
	mu     sync.Mutex
	last   string // the last error message
	kind   handleKind
	freed  bool
	mark   leakMark

	// counted is whether users counts the calls that found this entry and may still use it or
	// its object. One that does not call release is counted forever.
	counted bool
	users   atomic.Int32
}

// acquire counts a call that uses the entry, until release. handleTable.mu is held.
func (e *handleEntry) acquire() {
	if e.counted {
		e.users.Add(1)
	}
}

func (e *handleEntry) release() {
	if e.counted {
		e.users.Add(-1)
	}
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

// handleSlot is the place of a handle in the table, as long as the value is the library's.
type handleSlot struct {
	value unsafe.Pointer // the handle, as go-pointer returned it
	live  *handleEntry   // nil: the handle was freed, and is in the quarantine
}

// handleTable is the library's own record of its handles. A value from C is looked
// up here, as an integer, before go-pointer sees it, since go-pointer trusts its
// argument.
//
// A handle's value is the address of a byte that go-pointer allocated. A freed handle
// stays in the quarantine: until its byte is freed, the system cannot allocate the
// address again, so the stale handle is found to be invalid. A handle that is used after
// depth others were freed since may refer to another object.
type handleTable struct {
	// Not a sync.RWMutex: a reader that finds it locked parks its goroutine at once, and continues
	// 50 to 90 µs later on another thread's processor. A sync.Mutex spins before that.
	mu      sync.Mutex
	slots   map[uintptr]*handleSlot // of the live handles and of those in the quarantine
	newest  *handleSlot             // of the handle that was created last; nil: none
	count   [kindMessage + 1]int64  // how many of each kind are live
	freed   int                     // how many handles were freed; the last ones are in the quarantine
	evicted int                     // how many of those have left the quarantine
	depth   int

	// As capi_quarantine: a look-up of a handle that was not used for long misses the cache.
	quarantine [quarantineDepth]*handleSlot
}

var handles = handleTable{slots: map[uintptr]*handleSlot{}, depth: quarantineDepth}

// add creates a handle for an object.
func (t *handleTable) add(k handleKind, object any) uintptr {
	return t.addEntry(&handleEntry{kind: k, object: object})
}

// addEntry creates a handle for an entry, which has none. If the quarantine is full, as in
// a program that creates and frees handles all the time, it reuses the one that was freed
// longest ago, which costs a fraction of a new one.
func (t *handleTable) addEntry(e *handleEntry) uintptr {
	e.mark = newLeakMark()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.depth > 0 && t.freed-t.evicted >= t.depth {
		e.slot = t.quarantine[t.evicted%quarantineDepth]
		t.evicted++
	} else {
		e.slot = &handleSlot{value: pointer.Save(t)}
		t.slots[uintptr(e.slot.value)] = e.slot
	}
	e.slot.live = e
	t.newest = e.slot
	t.count[e.kind]++
	return uintptr(e.slot.value)
}

// live returns the entry of a live handle of any kind, nil if there is no such handle.
// t.mu is held.
func (t *handleTable) live(h uintptr) *handleEntry {
	// It is often the newest one, in a handler that answers its request.
	if t.newest != nil && uintptr(t.newest.value) == h {
		return t.newest.live
	}
	if slot := t.slots[h]; slot != nil {
		return slot.live
	}
	return nil
}

// find returns the entry and the object of a live handle of a kind. The caller may call
// release when it uses neither any longer.
func (t *handleTable) find(h uintptr, k handleKind) (*handleEntry, any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.live(h); e != nil && e.kind == k {
		e.acquire()
		return e, e.object
	}
	return nil, nil
}

// findAny is live for a caller that does not hold t.mu.
func (t *handleTable) findAny(h uintptr) *handleEntry {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.live(h)
	if e != nil {
		e.acquire()
	}
	return e
}

// counted are the kinds of handles that the counters of the process count.
var counted = map[string]handleKind{socket.LiveSockets: kindSocket, socket.LiveMessages: kindMessage}

// stat returns a counter of the process by its name.
func (t *handleTable) stat(name string) (value int64, ok bool) {
	k, ok := counted[name]
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.count[k], ok
}

// remove retires a handle and returns its object, nil if it was not a live handle of that
// kind. If several threads try at the same time, one of them succeeds.
func (t *handleTable) remove(h uintptr, k handleKind) any {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.live(h)
	if e == nil || e.kind != k {
		return nil
	}
	e.acquire()
	return t.retire(e)
}

// removeEntry retires the handle of an entry, unless the program has freed it: its value may
// be another entry's since. It reports whether no call uses the entry and its object, which
// must be counted, so that both may be used again.
func (t *handleTable) removeEntry(e *handleEntry) (unused bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.slot.live != e {
		return false
	}
	t.retire(e)
	return e.counted && e.users.Load() == 0
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
	*quarantineSlot(t.freed) = e.slot.value
	t.quarantine[t.freed%quarantineDepth] = e.slot
	e.slot.live = nil
	t.count[e.kind]--
	t.freed++
	if t.depth == 0 {
		t.evict()
	}
	return object
}

// evict returns the handle that was freed longest ago to the system. t.mu is held.
func (t *handleTable) evict() {
	value := *quarantineSlot(t.evicted)
	delete(t.slots, uintptr(value))
	pointer.Unref(value)
	t.evicted++
}
