package transport

import (
	"errors"
	"net/netip"
	"time"
)

// Dial begins a connection to one address. It does not wait: the first write does, and
// returns the failure. So a slow caller never shows the server a connection that closes
// without a message. After keepAlive of silence the system probes whether the peer is
// still there; 0 means never.
//
// Where no server is listening on a port from the range that the system uses for
// clients, the system may choose that very port for this connection and connect it to
// itself (TCP self-connect): a client would read its own command as the reply. Such a
// connection counts as refused.
func Dial(to netip.AddrPort, keepAlive time.Duration) (*Conn, error) {
	c, err := dial(to, keepAlive)
	if err == nil {
		sysNoDelay(c.fd)
	}
	return c, err
}

func dial(to netip.AddrPort, keepAlive time.Duration) (*Conn, error) {
	fd, err := sysConnect(to)
	if err != nil {
		return nil, systemError("connect", err)
	}
	local := sysLocal(fd)
	// The address may be unknown until the connection is established; the port is known.
	samePort := local.Port() == to.Port() || !local.IsValid()
	d := &dialled{samePort: samePort, keepAlive: keepAlive}
	d.conn = Conn{fd: fd, remote: to, connecting: true, dialled: d, readWait: &d.waits[0], writeWait: &d.waits[1]}
	return &d.conn, nil
}

// dialled is a connection that this side began, with what only such a one needs.
type dialled struct {
	conn      Conn
	waits     [2]Wait       // of conn
	samePort  bool          // the connection may have been made to itself
	connectBy time.Time     // zero: connecting has no separate deadline
	keepAlive time.Duration // 0: none
}

// SetConnectDeadline sets a deadline for establishing the connection. It applies if it is
// earlier than that of the first write.
func (c *Conn) SetConnectDeadline(t time.Time) {
	if c.dialled != nil { // a Unix-domain socket is connected at once
		c.dialled.connectBy = t
	}
}

// Connecting reports whether the connection is not established yet.
func (c *Conn) Connecting() bool { return c.connecting }

// mayWriteAfter reports whether one more write may follow a wait for the connection that
// ended with err. A connection established at the last moment still carries its message:
// the reference implementation (Python optbayesexpt) ends when a connection closes
// without one.
func mayWriteAfter(err error) bool { return errors.Is(err, ErrTimeout) || errors.Is(err, ErrWoken) }

// awaitConnect waits until the connection is established. If the wait ends early, the
// state of the connection is final: the system ignores a later answer, so that the
// server never accepts a connection that is about to be closed.
func (c *Conn) awaitConnect(fd descriptor, w Wait) error {
	if by := c.dialled.connectBy; !by.IsZero() && (w.Deadline.IsZero() || by.Before(w.Deadline)) {
		w.Deadline = by
	}
	waitErr := waitFor(fd, forWriting, w)
	if waitErr != nil {
		sysIgnorePeer(fd)
	}
	if err := sysConnectError(fd); err != nil {
		return systemError("connect", err)
	}
	if c.dialled.samePort {
		if peer := sysPeer(fd); peer.IsValid() && peer == sysLocal(fd) {
			return systemError("connect", errConnRefused)
		}
	}
	return waitErr
}

// setConnected records that the connection is established; waitErr is what awaitConnect
// returned. The keepalive is set only now: the server is already at work, and does not
// wait for these system calls.
func (c *Conn) setConnected(fd descriptor, waitErr error) {
	c.connecting = false
	if waitErr != nil {
		sysHeedPeer(fd)
	}
	if c.dialled.keepAlive > 0 && !c.brief {
		sysKeepAlive(fd, c.dialled.keepAlive)
	}
}

// connect waits until the connection is established.
func (c *Conn) connect(w Wait) error {
	if !c.connecting {
		return nil
	}
	fd, err := c.acquire()
	if err != nil {
		return err
	}
	defer c.release()
	if err = c.awaitConnect(fd, w); err != nil {
		return c.closedOr(err)
	}
	c.setConnected(fd, nil)
	return nil
}
