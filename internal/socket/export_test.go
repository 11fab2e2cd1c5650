package socket

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
	return c.link != nil && c.link.conn.PeerEnded()
}

// Farewell is how long a freed server waits for its clients to close.
const Farewell = farewell
