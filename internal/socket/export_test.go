package socket

import (
	"net/netip"
	"time"

	"libobe/internal/thread"
	"libobe/internal/transport"
)

// InFlight returns how many calls are in flight, so that a test can wait until
// the calls that it started have begun.
func (c *core) InFlight() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.calls)
}

// PeerEnded reports whether the end of the client's open connection has arrived.
func (c *Client) PeerEnded() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn == nil {
		return false
	}
	_, ended := c.conn.conn.Pending()
	return ended
}

// Farewell is how long a freed server waits for its clients to close.
const Farewell = drainTimeout

// HasMore reports whether the client's open connection has something to read.
func (c *Client) HasMore() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn == nil {
		return false
	}
	data, _ := c.conn.conn.Pending()
	return data || c.conn.frames.InFrame()
}

// ResolveTo makes the client's name stand for these addresses.
func (c *Client) ResolveTo(addresses ...netip.AddrPort) {
	c.resolve = func(transport.Wait, <-chan struct{}) ([]netip.AddrPort, error) { return addresses, nil }
}

// FirstShare is how long the first attempt to connect to one of several addresses takes.
const FirstShare = firstShare

// RestListener lets the listener rest while the poller keeps it, so that it cannot be
// added again until it is removed.
func (s *Server) RestListener() (remove func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.acceptPausedUntil = time.Now()
	return func() { s.poller.RemoveListener(s.listener) }
}

// ThreadID and the functions behind it are package thread's.
type ThreadID = thread.ID

var (
	CurrentThread = thread.Current
	ThreadEnded   = thread.Ended
)

// Remembered returns how many unanswered messages, and threads without one, the
// server remembers.
func (s *Server) Remembered() (open, past int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.pairs.open), len(s.pairs.past)
}

// Held returns how many connections the server does not wait for, because their
// next message has to wait.
func (s *Server) Held() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns.all() {
		if c.held {
			n++
		}
	}
	return n
}

// Alive reports whether the server was not freed.
func (s *Server) Alive() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.closed
}

// WithoutSettings calls f while every look at a setting is a fault inside, and returns
// the panic that this ends with.
func (s *Server) WithoutSettings(f func()) (caught any) {
	kept := s.settings.Swap(nil)
	defer func() {
		caught = recover()
		s.settings.Store(kept)
	}()
	f()
	return nil
}

// WhileReading makes the leader call f, with no lock held, when a part of a message of
// one of the present connections was read.
func (s *Server) WhileReading(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns.all() {
		check := c.frames.Check
		c.frames.Check = func(part []byte, last bool) error {
			f()
			return check(part, last)
		}
	}
}
