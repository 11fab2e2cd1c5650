package transport

import (
	"cmp"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"time"
)

// Conn is a connection. One goroutine may read while another writes. Any goroutine may
// call Close at any time, which ends both.
type Conn struct {
	remote netip.AddrPort
	path   string // of a Unix-domain socket

	fd    descriptor
	users atomic.Int32 // operations in progress on fd, plus closing once Close was called

	connecting   bool // until the first byte is written; see Dial
	brief        bool // see DialBrief
	tryReadFirst bool // the last read filled its buffer, so that more is likely available

	// A server has many idle connections, which do not need the memory of these.
	dialled             *dialled // nil: the connection was accepted, or is to a Unix-domain socket
	readWait, writeWait *Wait    // nil: the zero Wait
	tls                 *tlsConn // nil: plain

	number atomic.Int64 // 0: none yet; see Number
}

// lastNumber is the number of the connection that was numbered last.
var lastNumber atomic.Int64

// Number returns a number that no other connection of this process has, from 1. The
// connections of a Unix-domain socket all have the same addresses. A connection gets its
// number at the first call, so that one that is not traced does not pay for it.
func (c *Conn) Number() int64 {
	if c.number.Load() == 0 {
		c.number.CompareAndSwap(0, lastNumber.Add(1))
	}
	return c.number.Load()
}

// SetReadWait sets the Wait of later reads.
func (c *Conn) SetReadWait(w Wait) { *waitOf(&c.readWait) = w }

// SetWriteWait sets the Wait of later writes.
func (c *Conn) SetWriteWait(w Wait) { *waitOf(&c.writeWait) = w }

// waitOf returns the Wait of a connection, with its memory.
func waitOf(w **Wait) *Wait {
	if *w == nil {
		*w = new(Wait)
	}
	return *w
}

// forever is the zero Wait.
var forever Wait

// closing is added to users by Close.
const closing = 1 << 30

// acquire keeps the descriptor open until release.
func (c *Conn) acquire() (descriptor, error) {
	for {
		n := c.users.Load()
		if n >= closing {
			return 0, ErrClosed
		}
		if c.users.CompareAndSwap(n, n+1) {
			return c.fd, nil
		}
	}
}

func (c *Conn) release() {
	if c.users.Add(-1) == closing {
		sysCloseSocket(c.fd)
	}
}

// Close closes the connection and ends the operations in progress. The last of them
// closes the descriptor.
func (c *Conn) Close() error {
	if c.tls != nil {
		c.tls.close()
	}
	for {
		n := c.users.Load()
		if n >= closing {
			return ErrClosed
		}
		// Close counts as a user, so that the descriptor stays open until the shutdown.
		if c.users.CompareAndSwap(n, n+1+closing) {
			if n > 0 {
				sysShutdown(c.fd)
			}
			c.release()
			return nil
		}
	}
}

// closedOr returns err, or ErrClosed once Close was called: that is then the cause,
// whatever the system reported.
func (c *Conn) closedOr(err error) error {
	if c.users.Load() >= closing {
		return ErrClosed
	}
	return err
}

// Read reads the available bytes, and waits for the first one as SetReadWait specifies.
// io.EOF is the end of the peer's stream.
func (c *Conn) Read(p []byte) (int, error) { return c.read(p, cmp.Or(c.readWait, &forever)) }

// TryRead is Read without waiting.
func (c *Conn) TryRead(p []byte) (int, error) { return c.read(p, &NoWait) }

func (c *Conn) read(p []byte, w *Wait) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if c.tls != nil {
		return c.tls.read(p, *w)
	}
	return c.readRaw(p, w)
}

func (c *Conn) readRaw(p []byte, w *Wait) (int, error) {
	fd, err := c.acquire()
	if err != nil {
		return 0, err
	}
	defer c.release()
	// Usually the peer has yet to reply, and a first read would only return EAGAIN.
	if c.tryReadFirst || w == &NoWait || w.nonblocking() {
		if n, err := c.tryRead(fd, p); !isAgain(err) {
			return n, err
		}
		if w == &NoWait {
			return 0, c.closedOr(ErrTimeout)
		}
	}
	spin, blocking := w.Spin.begin(), *w
	blocking.Spin = nil
	for {
		// A read that finds nothing costs less than a poll.
		if !spin.spinAgain() {
			if err := c.waitKeeping(fd, forReading, blocking); err != nil {
				return 0, c.closedOr(err)
			}
		}
		if n, err := c.tryRead(fd, p); !isAgain(err) {
			spin.hit()
			return n, err
		}
	}
}

// tryRead reads what is available. It returns an error that is isAgain if that is nothing.
func (c *Conn) tryRead(fd descriptor, p []byte) (int, error) {
	n, err := sysRead(fd, p)
	switch {
	case err == nil && n == 0:
		return 0, c.closedOr(io.EOF)
	case err == nil:
		c.tryReadFirst = n == len(p)
		return n, nil
	case isAgain(err):
		return 0, err
	}
	return 0, c.closedOr(connError("receive", err))
}

// Write writes all of p.
func (c *Conn) Write(p []byte) (int, error) { return c.WriteFrame(nil, p) }

// WriteFrame writes head and body, in one system call if the system accepts them at
// once, and returns the number of bytes written. If the connection is not established
// yet, WriteFrame waits for that first. An error of that wait names the call "connect".
func (c *Conn) WriteFrame(head, body []byte) (int, error) {
	return c.writeFrame(head, body, cmp.Or(c.writeWait, &forever))
}

// TryWriteFrame is WriteFrame without waiting.
func (c *Conn) TryWriteFrame(head, body []byte) (int, error) {
	return c.writeFrame(head, body, &NoWait)
}

func (c *Conn) writeFrame(head, body []byte, w *Wait) (int, error) {
	if c.tls != nil {
		return c.tls.writeFrame(head, body, *w)
	}
	return c.writeRaw(head, body, w)
}

// maxWriteSize is the largest part of a body that is passed to one system call. A write
// checks its deadline between two calls: a peer that reads fast enough could keep a
// single call busy for the whole message.
const maxWriteSize = 4 << 20

func (c *Conn) writeRaw(head, body []byte, w *Wait) (int, error) {
	fd, err := c.acquire()
	if err != nil {
		return 0, err
	}
	defer c.release()
	total := 0
	var waitErr error // how the wait for the connection ended
	if c.connecting && c.dialled.samePort {
		// The two ends are compared before the first byte is written.
		if waitErr = c.awaitConnect(fd, *w); waitErr != nil && !mayWriteAfter(waitErr) {
			return 0, c.closedOr(waitErr)
		}
	}
	for len(head)+len(body) > 0 {
		if total > 0 {
			if err := w.err(); err != nil {
				return total, c.closedOr(err)
			}
		}
		n, err := sysWrite(fd, head, body[:min(len(body), maxWriteSize)])
		switch {
		case err == nil:
			if c.connecting {
				c.setConnected(fd, waitErr)
			}
			total += n
			skip := min(n, len(head))
			head, body = head[skip:], body[n-skip:]
		case c.connecting && (isAgain(err) || isNotConnected(err)):
			if waitErr != nil {
				return total, c.closedOr(waitErr)
			}
			if waitErr = c.awaitConnect(fd, *w); waitErr != nil && !mayWriteAfter(waitErr) {
				return total, c.closedOr(waitErr)
			}
		case c.connecting:
			return total, c.closedOr(systemError("connect", err))
		case isAgain(err) && w == &NoWait:
			return total, c.closedOr(ErrTimeout)
		case isAgain(err):
			if err = c.waitKeeping(fd, forWriting, *w); err != nil {
				return total, c.closedOr(err)
			}
		default:
			return total, c.closedOr(connError("send", err))
		}
	}
	return total, nil
}

// Pending reports, without waiting, whether data is available to read, and whether the
// stream has ended: the peer closed its side with nothing left to read, or the
// connection is broken.
func (c *Conn) Pending() (data, ended bool) {
	if c.tls != nil {
		return c.tls.pending()
	}
	return c.pendingRaw()
}

func (c *Conn) pendingRaw() (data, ended bool) {
	fd, err := c.acquire()
	if err != nil {
		return false, true
	}
	defer c.release()
	return sysPending(fd)
}

// Writable reports whether the system accepts a whole small frame: it calls a
// connection writable when a good part of its buffer is free.
func (c *Conn) Writable() bool { return c.WaitWritable(NoWait) == nil }

// WaitWritable waits until Writable would report true.
func (c *Conn) WaitWritable(w Wait) error {
	fd, err := c.acquire()
	if err != nil {
		return err
	}
	defer c.release()
	return c.closedOr(waitFor(fd, forWriting, w))
}

// Unsent reports whether TLS holds output that the system has not accepted yet. Reads
// and writes send it.
func (c *Conn) Unsent() bool { return c.tls != nil && c.tls.unsent() }

// closeWrite ends this side's direction of the connection.
func (c *Conn) closeWrite() {
	if fd, err := c.acquire(); err == nil {
		sysShutdownWrite(fd)
		c.release()
	}
}

// LocalAddr returns this side's address, for net.Conn.
func (c *Conn) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(c.Local()) }

// RemoteAddr returns the peer's address, for net.Conn.
func (c *Conn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }

// RemoteName returns the peer's address as text. The peer of a Unix-domain socket has
// no address; the path of the socket stands for it.
func (c *Conn) RemoteName() string { return addressText(c.remote, c.path) }

// LocalName returns this side's address as text.
func (c *Conn) LocalName() string { return addressText(c.Local(), c.path) }

// Remote returns the peer's address.
func (c *Conn) Remote() netip.AddrPort { return c.remote }

// Local returns this side's address. The system assigns it to a client's connection
// while connecting.
func (c *Conn) Local() netip.AddrPort {
	fd, err := c.acquire()
	if err != nil {
		return netip.AddrPort{}
	}
	defer c.release()
	return sysLocal(fd)
}

// SetDeadline sets the deadline of reads and writes, for net.Conn.
func (c *Conn) SetDeadline(t time.Time) error {
	waitOf(&c.readWait).Deadline, waitOf(&c.writeWait).Deadline = t, t
	return nil
}

// SetReadDeadline sets the deadline of reads, for net.Conn.
func (c *Conn) SetReadDeadline(t time.Time) error {
	waitOf(&c.readWait).Deadline = t
	return nil
}

// SetWriteDeadline sets the deadline of writes, for net.Conn.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	waitOf(&c.writeWait).Deadline = t
	return nil
}
