package transport

import "libobe/internal/systemtest"

// Descriptor returns the connection's descriptor, for tests that ask the system
// about it.
func (c *Conn) Descriptor() systemtest.Descriptor { return systemtest.Descriptor(c.fd) }
