package socket

import "testing"

func addConn(t *connTable) *serverConn {
	c := &serverConn{id: t.newID()}
	t.add(c)
	return c
}

func TestConnTableKeepsOrderOfUse(t *testing.T) {
	var table connTable
	any := func(*serverConn) bool { return true }
	if table.leastRecent(any) != nil {
		t.Fatal("an empty table contains a connection")
	}
	a, b, c := addConn(&table), addConn(&table), addConn(&table)
	table.touch(a)
	if table.leastRecent(any) != b {
		t.Error("the least recently used connection is not b")
	}
	if table.leastRecent(func(x *serverConn) bool { return x != b }) != c {
		t.Error("the next one is not c")
	}
	if table.leastRecent(func(*serverConn) bool { return false }) != nil {
		t.Error("a connection that is not evictable was returned")
	}
	table.remove(b)
	if table.leastRecent(any) != c || table.len() != 2 {
		t.Error("a removed connection is still in the table")
	}
}

func TestConnTableByID(t *testing.T) {
	var table connTable
	a, b := addConn(&table), addConn(&table)
	if a.id <= listenerID || b.id <= a.id {
		t.Errorf("the ids are %d and %d", a.id, b.id)
	}
	if table.get(a.id) != a || table.get(b.id) != b || table.get(listenerID) != nil {
		t.Error("an id leads to the wrong connection")
	}
	for c := range table.all() {
		table.remove(c)
	}
	if table.len() != 0 || table.get(a.id) != nil {
		t.Error("the table is not empty")
	}
	table.discard(table.newID()) // of a connection that was not added
	c, d := addConn(&table), addConn(&table)
	if c.id <= b.id || d.id <= c.id {
		t.Errorf("after %d the ids are %d and %d", b.id, c.id, d.id)
	}
	if table.get(a.id) != nil || table.get(b.id) != nil || table.get(c.id) != c || table.get(d.id) != d {
		t.Error("an id that was used before leads to a connection, or a new one does not")
	}
	if len(table.slots) != 2 {
		t.Errorf("two connections have %d slots", len(table.slots))
	}
}
