package transport

import (
	"net/netip"
	"sync"
	"time"
)

// Listener accepts connections. Its Accept does not wait; a Poller does.
type Listener struct {
	fd   descriptor
	addr netip.AddrPort
	file socketFile // of a Unix-domain socket
}

// Listen binds and listens. With port 0 the system chooses the port. keepAlive is for
// the accepted connections; see SetKeepAlive.
func Listen(at netip.AddrPort, keepAlive time.Duration) (*Listener, error) {
	fd, err := sysListen(at)
	if err != nil {
		return nil, err
	}
	l := &Listener{fd: fd, addr: sysLocal(fd)}
	l.SetKeepAlive(keepAlive)
	listeners.Store(l, nil)
	return l, nil
}

// listeners is the set of the open listeners of this process.
var listeners sync.Map

// Occupied reports whether a listener of this process uses an address, which is one of
// those that Resolve returned.
func (a Address) Occupied(at netip.AddrPort) bool {
	for l := range listeners.Range {
		if l.(*Listener).occupies(at, a.Path) {
			return true
		}
	}
	return false
}

func (l *Listener) occupies(at netip.AddrPort, path string) bool {
	if path != "" || l.file.path != "" {
		return l.file.path == path
	}
	mine, other := l.addr.Addr(), at.Addr()
	return l.addr.Port() == at.Port() && (mine == other.WithZone("") || mine.IsUnspecified() || other.IsUnspecified())
}

// SetKeepAlive sets, for connections accepted later, after how much silence the system
// probes whether the peer is still there; 0 means never.
func (l *Listener) SetKeepAlive(d time.Duration) { sysKeepAlive(l.fd, d) }

// Name returns the address that the listener is bound to as text.
func (l *Listener) Name() string { return addressText(l.addr, l.file.path) }

// Addr returns the address that the listener is bound to, the zero one for a Unix-domain
// socket.
func (l *Listener) Addr() netip.AddrPort { return l.addr }

// Accept makes c, which must be zero, a waiting connection, or returns ErrTimeout if there
// is none.
func (l *Listener) Accept(c *Conn) error {
	fd, remote, err := sysAccept(l.fd)
	if err != nil {
		if isAgain(err) {
			return ErrTimeout
		}
		return systemError("accept", err)
	}
	c.fd, c.remote, c.path = fd, remote, l.file.path
	return nil
}

// Close closes the listener, which no other goroutine may be using.
func (l *Listener) Close() {
	listeners.Delete(l)
	l.file.remove()
	if l.file.path != "" {
		// Shutting down a TCP listener resets the connections that wait to be accepted.
		// Those of a Unix-domain socket stay if a forked child has it open.
		sysShutdown(l.fd)
		for waiting := new(Conn); l.Accept(waiting) == nil; waiting = new(Conn) {
			_ = waiting.Close()
		}
	}
	sysCloseSocket(l.fd)
}
