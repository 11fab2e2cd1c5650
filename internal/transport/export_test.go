package transport

import "libobe/internal/systemtest"

// Descriptor returns the connection's descriptor, for tests that query the system about
// it.
func (c *Conn) Descriptor() systemtest.Descriptor { return systemtest.Descriptor(c.fd) }

// IgnorePeer does what an abandoned connection attempt does.
func (c *Conn) IgnorePeer() { sysIgnorePeer(c.fd) }

// HeedPeer ends IgnorePeer.
func (c *Conn) HeedPeer() { sysHeedPeer(c.fd) }
