package transport

import "sync"

// numbers remembers the caller's number of each descriptor, for systems whose
// own calls do not carry one. A closed descriptor's number is stale until its
// successor is added; the caller knows its numbers and ignores that one.
type numbers struct {
	mu sync.Mutex
	of map[descriptor]uint64
}

func (n *numbers) set(fd descriptor, id uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.of == nil {
		n.of = map[descriptor]uint64{}
	}
	n.of[fd] = id
}

func (n *numbers) get(fd descriptor) (uint64, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	id, ok := n.of[fd]
	return id, ok
}
