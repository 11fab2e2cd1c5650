package socket

import (
	"strings"
	"testing"

	"libobe/internal/wire"
)

// readPart reads a part of a frame into the memory that d lends.
func readPart(t *testing.T, d *directRead, c *serverConn, part string) []byte {
	t.Helper()
	body, err := c.frames.ReadSome(strings.NewReader(part), d.lend(c))
	if err != nil && err != wire.ErrIncomplete {
		t.Fatal(err)
	}
	d.reclaim(c)
	return body
}

func newReadingConn() *serverConn {
	c := &serverConn{frames: newReader()}
	c.frames.Limit = 1000
	return c
}

func TestDirectReadOfOneConnectionAtATime(t *testing.T) {
	var d directRead
	dst := make([]byte, 100)
	d.begin(dst)
	a, b := newReadingConn(), newReadingConn()
	readPart(t, &d, a, "0000000004tr")
	if d.lend(b) != nil {
		t.Fatal("the memory was lent twice")
	}
	if body := readPart(t, &d, b, "00000000015"); string(body) != "5" || &body[0] == &dst[0] {
		t.Errorf("the other connection's message is %q", body)
	}
	if body := readPart(t, &d, a, "ue"); string(body) != "true" || &body[0] != &dst[0] {
		t.Errorf("the message is %q, or not in the caller's memory", body)
	}
	if d.conn != nil {
		t.Error("the memory was not reclaimed")
	}
}

// A connection that has not read a part of a body does not keep the memory.
func TestDirectReadIsReclaimed(t *testing.T) {
	var d directRead
	d.begin(make([]byte, 100))
	a, b := newReadingConn(), newReadingConn()
	readPart(t, &d, a, "00000")
	if d.lend(b) == nil {
		t.Error("the memory was not reclaimed from a connection that has sent a part of a header")
	}
}

// What was read into the memory of a call that ends without a message is not lost, and
// the memory is no longer written to.
func TestDirectReadEndsWithTheCall(t *testing.T) {
	var d directRead
	dst := make([]byte, 100)
	d.begin(dst)
	a := newReadingConn()
	readPart(t, &d, a, "0000000004tr")
	d.end()
	clear(dst)
	if d.lend(a) != nil {
		t.Error("memory was lent that no call has offered")
	}
	if body := readPart(t, &d, a, "ue"); string(body) != "true" {
		t.Errorf("the message is %q", body)
	}
	if dst[2] != 0 {
		t.Error("the caller's memory was written to after its call")
	}
	d.end()
}
