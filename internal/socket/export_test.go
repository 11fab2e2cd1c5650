package socket

import (
	"net/netip"
	"time"

	"libobe/internal/transport"
)

// InFlight returns how many calls are under way, so that a test can wait until
// the calls that it started have begun.
func (b *base) InFlight() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.flight)
}

// PeerEnded reports whether the end of the client's open connection has arrived.
func (c *Client) PeerEnded() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link == nil {
		return false
	}
	_, ended := c.link.conn.Pending()
	return ended
}

// Farewell is how long a freed server waits for its clients to close.
const Farewell = farewell

// HasMore reports whether the client's open connection has something to read.
func (c *Client) HasMore() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link == nil {
		return false
	}
	data, _ := c.link.conn.Pending()
	return data || c.link.frames.Midway()
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
	s.rested = time.Now()
	return func() { s.poller.RemoveListener(s.listener) }
}
