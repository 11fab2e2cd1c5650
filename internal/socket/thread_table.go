package socket

import "libobe/internal/thread"

// maxThreads is how many threads a threadTable remembers.
const maxThreads = 1024

// threadTable contains a value for each of some threads. It looks the thread that was used
// last up faster: most programs receive on one.
type threadTable[T any] struct {
	all    map[thread.ID]*T
	recent thread.ID
	value  *T // of recent; nil: there is no recent one
}

// get returns the value of a thread, or nil.
func (t *threadTable[T]) get(id thread.ID) *T {
	if t.value != nil && t.recent == id {
		return t.value
	}
	value := t.all[id]
	if value != nil {
		t.recent, t.value = id, value
	}
	return value
}

// set stores a value for a thread. If that are too many, it forgets another thread.
func (t *threadTable[T]) set(id thread.ID, value T) {
	if known := t.get(id); known != nil {
		*known = value
		return
	}
	if t.all == nil {
		t.all = map[thread.ID]*T{}
	}
	if len(t.all) >= maxThreads {
		for other := range t.all {
			delete(t.all, other)
			break
		}
	}
	kept := value // only this copy is on the heap
	t.all[id], t.recent, t.value = &kept, id, &kept
}
