package socket

import "container/list"

// connTable contains the open connections of a server by id, and in the order in which
// they were last used. core.mu guards it.
type connTable struct {
	byID   map[uint64]*serverConn
	lastID uint64
	recent list.List // of *serverConn, the least recently used first
}

// newConnTable returns an empty table, whose ids are larger than lastID.
func newConnTable(lastID uint64) connTable {
	return connTable{byID: map[uint64]*serverConn{}, lastID: lastID}
}

// newID returns an id that was never used before.
func (t *connTable) newID() uint64 {
	t.lastID++
	return t.lastID
}

// add adds a connection under its id, as the most recently used one.
func (t *connTable) add(c *serverConn) {
	t.byID[c.id] = c
	c.recent = t.recent.PushBack(c)
}

func (t *connTable) remove(c *serverConn) {
	delete(t.byID, c.id)
	t.recent.Remove(c.recent)
}

// get returns the connection with an id, or nil.
func (t *connTable) get(id uint64) *serverConn { return t.byID[id] }

func (t *connTable) len() int { return len(t.byID) }

// all returns the connections by their ids. A loop over them may remove them.
func (t *connTable) all() map[uint64]*serverConn { return t.byID }

// touch records that an open connection was used.
func (t *connTable) touch(c *serverConn) { t.recent.MoveToBack(c.recent) }

// leastRecent returns the least recently used connection that is evictable, or nil.
func (t *connTable) leastRecent(evictable func(*serverConn) bool) *serverConn {
	for e := t.recent.Front(); e != nil; e = e.Next() {
		if c := e.Value.(*serverConn); evictable(c) {
			return c
		}
	}
	return nil
}
