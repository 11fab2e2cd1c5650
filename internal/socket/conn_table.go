package socket

import "iter"

// connTable contains the open connections of a server by id, and in the order in which
// they were last used. core.mu guards it.
type connTable struct {
	slots          []*serverConn // nil: the slot is free
	free           []uint32      // the free slots, except those that were never used
	lastSerial     uint64
	open           int         // connections
	oldest, newest *serverConn // by use
}

// An id is the place of its connection in slots, with a number above it that was never
// used before. The number is not 0, so that small ids are free for other uses.
const (
	slotBits = 24
	slotMask = 1<<slotBits - 1
)

// newID returns the id of a connection to be added, which was never used before.
func (t *connTable) newID() uint64 {
	t.lastSerial++
	slot := len(t.slots)
	if last := len(t.free) - 1; last >= 0 {
		slot, t.free = int(t.free[last]), t.free[:last]
	} else {
		t.slots = append(t.slots, nil)
	}
	return t.lastSerial<<slotBits | uint64(slot)
}

// discard takes an id back whose connection was not added.
func (t *connTable) discard(id uint64) { t.free = append(t.free, uint32(id&slotMask)) }

// add adds a connection under its id, as the most recently used one.
func (t *connTable) add(c *serverConn) {
	t.slots[c.id&slotMask] = c
	t.open++
	t.link(c)
}

func (t *connTable) remove(c *serverConn) {
	t.slots[c.id&slotMask] = nil
	t.discard(c.id)
	t.open--
	t.unlink(c)
}

// get returns the connection with an id, or nil.
func (t *connTable) get(id uint64) *serverConn {
	if slot := id & slotMask; slot < uint64(len(t.slots)) {
		if c := t.slots[slot]; c != nil && c.id == id {
			return c
		}
	}
	return nil
}

func (t *connTable) len() int { return t.open }

// all returns the connections. A loop over them may remove them.
func (t *connTable) all() iter.Seq[*serverConn] {
	return func(yield func(*serverConn) bool) {
		for _, c := range t.slots {
			if c != nil && !yield(c) {
				return
			}
		}
	}
}

// touch records that an open connection was used.
func (t *connTable) touch(c *serverConn) {
	if t.newest != c {
		t.unlink(c)
		t.link(c)
	}
}

// leastRecent returns the least recently used connection that is evictable, or nil.
func (t *connTable) leastRecent(evictable func(*serverConn) bool) *serverConn {
	for c := t.oldest; c != nil; c = c.newer {
		if evictable(c) {
			return c
		}
	}
	return nil
}

func (t *connTable) link(c *serverConn) {
	c.older, c.newer = t.newest, nil
	if t.newest == nil {
		t.oldest = c
	} else {
		t.newest.newer = c
	}
	t.newest = c
}

func (t *connTable) unlink(c *serverConn) {
	if c.older == nil {
		t.oldest = c.newer
	} else {
		c.older.newer = c.newer
	}
	if c.newer == nil {
		t.newest = c.older
	} else {
		c.newer.older = c.older
	}
	c.older, c.newer = nil, nil
}
