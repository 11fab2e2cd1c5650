package socket

import "testing"

func TestUnsentKeepsOrder(t *testing.T) {
	var u unsent
	if !u.isEmpty() || len(u.front(10)) != 0 || u.advance(0) {
		t.Fatal("a new one is not empty")
	}
	u.add([]byte("abc"))
	u.add(nil)
	u.add([]byte("de"))
	sent := ""
	for !u.isEmpty() {
		part := u.front(2)
		sent += string(part)
		u.advance(len(part))
	}
	if sent != "abcde" {
		t.Errorf("%q was sent", sent)
	}
}

// The memory of a part is held until its last byte is sent.
func TestUnsentMemory(t *testing.T) {
	var u unsent
	u.add(make([]byte, 300))
	u.add(make([]byte, 20))
	if u.memory() != 320 {
		t.Errorf("%d bytes are held", u.memory())
	}
	if u.advance(299) {
		t.Error("the first part was freed before its last byte")
	}
	if !u.advance(1) || u.memory() != 20 {
		t.Errorf("%d bytes are held after the first part", u.memory())
	}
	u.clear()
	if !u.isEmpty() || u.memory() != 0 {
		t.Error("it is not empty")
	}
}
