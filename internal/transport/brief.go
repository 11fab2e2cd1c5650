package transport

import (
	"net/netip"
	"time"
)

// A connection on which one small message is sent and one is received lives for a few
// system calls. Those that set its options would be a third of them, and it does not need
// them: a single small write is not delayed, and the keepalive is for a peer that is silent
// for longer.

// MaxBrief is the size of the largest frame for which a connection may be brief: a segment
// of TCP has room for it, so that Nagle's algorithm does not delay a part of it.
const MaxBrief = 512

// briefTime is how long a wait on a brief connection may last.
const briefTime = 100 * time.Millisecond

// DialBrief is Dial for a connection that carries one frame of at most MaxBrief bytes, and is
// closed after the reply. Until Keep, only one goroutine may use it, except for Close.
func DialBrief(to netip.AddrPort, keepAlive time.Duration) (*Conn, error) {
	c, err := dial(to, keepAlive)
	if err == nil {
		c.brief = true
	}
	return c, err
}

// Keep makes a brief connection one that is used longer.
func (c *Conn) Keep() {
	if !c.brief {
		return
	}
	if fd, err := c.acquire(); err == nil {
		c.keep(fd)
		c.release()
	}
}

func (c *Conn) keep(fd descriptor) {
	c.brief = false
	sysNoDelay(fd)
	if c.dialled.keepAlive > 0 && !c.connecting { // setConnected does it otherwise
		sysKeepAlive(fd, c.dialled.keepAlive)
	}
}

// waitKeeping is waitFor, and Keep if the wait lasts.
func (c *Conn) waitKeeping(fd descriptor, what direction, w Wait) error {
	if !c.brief {
		return waitFor(fd, what, w)
	}
	if end := time.Now().Add(briefTime); w.Deadline.IsZero() || end.Before(w.Deadline) {
		first := w
		first.Deadline = end
		if err := waitFor(fd, what, first); err != ErrTimeout {
			return err
		}
		c.keep(fd)
	}
	return waitFor(fd, what, w)
}
