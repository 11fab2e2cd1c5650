package transport

// Descriptor returns the connection's descriptor, for tests that ask the system
// about it.
func (c *Conn) Descriptor() int { return int(c.fd) }
