package transport

import "libobe/internal/systemtest"

// Descriptor returns the connection's descriptor, for tests that ask the system
// about it.
func (c *Conn) Descriptor() systemtest.Descriptor { return systemtest.Descriptor(c.fd) }

// IgnorePeer is what a connection attempt is given up with.
func (c *Conn) IgnorePeer() { sysIgnorePeer(c.fd) }

// HeedPeer ends IgnorePeer.
func (c *Conn) HeedPeer() { sysHeedPeer(c.fd) }
