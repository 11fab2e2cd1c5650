// Package transport is how bytes travel: connections, listeners and the
// addresses of both, over TCP and Unix-domain sockets, plain or with TLS.
//
// A call into the library runs on a thread of the host program. Were its
// socket work done by Go's net package, that thread would hand over to the
// runtime's network poller and be woken by it again, which costs more than the
// whole exchange on the loopback interface. So every descriptor here is
// non-blocking, and the calling thread itself makes the system calls and, where
// there is nothing to do yet, waits in poll. What can end such a wait besides
// the descriptor is in a [Wait]: a deadline, and a [Waker], through which
// another thread ends it (cancel, close). A server waits for many descriptors
// at once with a [Poller].
//
// [Conn] is a net.Conn as well, for what is written over one: TLS, which is a
// layer between a Conn's methods and its descriptor (tls.go).
//
// The parts that differ between systems are in the files sys_*.go.
package transport

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

var (
	// ErrClosed is the use of something that this side closed.
	ErrClosed = errors.New("closed by this side")
	// ErrWoken is a wait that a Waker ended.
	ErrWoken = errors.New("woken")
	// ErrYield is a wait that ended because Wait.Yield has something to report.
	ErrYield = errors.New("others have something to say")
	// ErrTimeout is a wait that its deadline ended. It is a temporary net.Error.
	ErrTimeout error = timeoutError{}

	// The kinds of system errors that callers tell apart; use errors.Is.
	ErrRefused     = errors.New("connection refused")
	ErrQueueFull   = errors.New("the server's queue is full") // of a Unix-domain socket
	ErrReset       = errors.New("connection reset by the peer")
	ErrUnreachable = errors.New("unreachable")
	ErrInUse       = errors.New("address already in use")
	ErrPermission  = errors.New("permission denied")
	ErrExhausted   = errors.New("out of descriptors or memory")

	// ErrTLS is a peer whose identity or encryption is not as required.
	ErrTLS = errors.New("TLS")
	// ErrUnsupported is what this system does not have.
	ErrUnsupported = errors.New("not supported on this system")
)

type timeoutError struct{}

func (timeoutError) Error() string   { return "timed out" }
func (timeoutError) Timeout() bool   { return true }
func (timeoutError) Temporary() bool { return true }
func (timeoutError) Is(target error) bool {
	return target == os.ErrDeadlineExceeded
}

// SystemError is a system call that failed.
type SystemError struct {
	Call string
	Err  error // the system's own
	kind error
}

func (e *SystemError) Error() string        { return e.Call + ": " + e.Err.Error() }
func (e *SystemError) Unwrap() error        { return e.Err }
func (e *SystemError) Is(target error) bool { return target == e.kind }

func systemError(call string, err error) error {
	return &SystemError{Call: call, Err: err, kind: kindOf(err)}
}

// lost is systemError on a connection that had come about. Of a peer that is gone the
// system may say that it timed out, or cannot be reached any more; whoever asks for the
// kind wants to know that the connection broke.
func lost(call string, err error) error {
	kind := kindOf(err)
	if kind == ErrUnreachable {
		kind = ErrReset
	}
	return &SystemError{Call: call, Err: err, kind: kind}
}

// Wait is how long a blocking operation may wait, and who may end it early. The
// zero value waits for ever.
type Wait struct {
	Deadline time.Time // zero: none
	Waker    *Waker    // nil: nobody
	Spin     *Spin     // nil: sleep at once
	Yield    *Poller   // ends the wait when it has something to report; nil: none

	// Woken, if not nil, is true once Waker is woken. It is cheaper to look at, for
	// an operation that proceeds without waiting.
	Woken *atomic.Bool
}

// grace is how much longer than its deadline a write may last that never had to
// wait, so that one with no time to wait still sends what the system takes at once.
const grace = 5 * time.Millisecond

// over returns why an operation must end that could proceed without waiting.
func (w *Wait) over() error {
	switch {
	case w.Woken != nil && w.Woken.Load():
		return ErrWoken
	case w.Deadline.IsZero(), w.Deadline.Equal(past), time.Now().Before(w.Deadline.Add(grace)):
		return nil
	}
	return ErrTimeout
}

// past is a deadline for operations that must not wait.
var past = time.Unix(1, 0)

// NoWait is the Wait of an operation that takes what is there.
var NoWait = Wait{Deadline: past}

// milliseconds returns what is left of the wait as poll has it: rounded up, so
// that a wait never ends before its deadline; -1 is for ever.
func (w Wait) milliseconds() int {
	if w.Deadline.IsZero() {
		return -1
	}
	if w.Deadline.Equal(past) {
		return 0
	}
	left := time.Until(w.Deadline)
	if left <= 0 {
		return 0
	}
	const most = 1 << 30
	return int(min((left+time.Millisecond-1)/time.Millisecond, most))
}

// Conn is a connection. One goroutine may read while another writes; Close may
// come at any time from anywhere and ends both.
type Conn struct {
	remote netip.AddrPort

	fd         descriptor
	users      atomic.Int64 // operations under way on fd, plus closing once Close was called
	connecting bool         // no byte has been written yet
	samePort   bool         // both ends may be one: see Dial
	connectBy  time.Time    // zero: connecting has no separate deadline
	keepAlive  time.Duration

	readWait, writeWait Wait
	expectMore          bool // the last read filled its buffer: try before waiting

	path string  // of a Unix-domain socket
	tls  *secure // nil: none
}

// SetReadWait says how long later reads wait.
func (c *Conn) SetReadWait(w Wait) { c.readWait = w }

// SetWriteWait says how long later writes wait.
func (c *Conn) SetWriteWait(w Wait) { c.writeWait = w }

// closing marks a connection that Close was called on, in users.
const closing = 1 << 62

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

// Close closes the connection. The descriptor itself goes when no operation
// uses it any more; those under way end now.
func (c *Conn) Close() error {
	if c.tls != nil {
		c.tls.shut()
	}
	for {
		n := c.users.Load()
		if n >= closing {
			return ErrClosed
		}
		// As one of its users, so that nobody closes it before the shutdown.
		if c.users.CompareAndSwap(n, n+1+closing) {
			if n > 0 {
				sysShutdown(c.fd)
			}
			c.release()
			return nil
		}
	}
}

// failed gives an error of an operation its final form: one that Close caused
// is ErrClosed, whatever the system says of it.
func (c *Conn) failed(err error) error {
	if c.users.Load() >= closing {
		return ErrClosed
	}
	return err
}

// Read reads what is there, at least one byte, and waits for it as SetReadWait
// says. io.EOF is the peer's end of the stream.
func (c *Conn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if c.tls != nil {
		return c.tls.read(p)
	}
	return c.readRaw(p, &c.readWait)
}

func (c *Conn) readRaw(p []byte, w *Wait) (int, error) {
	fd, err := c.acquire()
	if err != nil {
		return 0, err
	}
	defer c.release()
	// Most often the peer has yet to answer, and a first read would be in vain.
	try := c.expectMore || w.Deadline.Equal(past)
	for {
		if try {
			n, err := sysRead(fd, p)
			switch {
			case err == nil && n == 0:
				return 0, c.failed(io.EOF)
			case err == nil:
				c.expectMore = n == len(p)
				return n, nil
			case !isAgain(err):
				return 0, c.failed(lost("receive", err))
			}
		}
		if err := waitFor(fd, forReading, *w); err != nil {
			return 0, c.failed(err)
		}
		try = true
	}
}

// Write writes all of p.
func (c *Conn) Write(p []byte) (int, error) { return c.WriteFrame(nil, p) }

// WriteFrame writes head and body, in one system call where the system takes
// them at once, and returns how many bytes it took. On a connection that is
// still being made it waits for that first; an error of that is one of the call
// "connect".
func (c *Conn) WriteFrame(head, body []byte) (int, error) {
	if c.tls != nil {
		return c.tls.writeFrame(head, body, c.writeWait)
	}
	return c.writeRaw(head, body, &c.writeWait)
}

// writeAtOnce is how much one system call is given: between two of them a write
// looks at its deadline. A peer that reads fast enough could keep one call of the
// system busy for the whole of a message.
const writeAtOnce = 4 << 20

func (c *Conn) writeRaw(head, body []byte, w *Wait) (int, error) {
	fd, err := c.acquire()
	if err != nil {
		return 0, err
	}
	defer c.release()
	total := 0
	var ended error // how the wait for the connection ended, if not well
	if c.connecting && c.samePort {
		// Its ends are compared before the first byte is written.
		if ended = c.establish(fd, *w); ended != nil && !mayFollow(ended) {
			return 0, c.failed(ended)
		}
	}
	for len(head)+len(body) > 0 {
		if total > 0 {
			if err := w.over(); err != nil {
				return total, c.failed(err)
			}
		}
		n, err := sysWrite(fd, head, body[:min(len(body), writeAtOnce)])
		switch {
		case err == nil:
			if c.connecting {
				c.established(fd, ended)
			}
			total += n
			skip := min(n, len(head))
			head, body = head[skip:], body[n-skip:]
		case c.connecting && (isAgain(err) || isNotConnected(err)):
			if ended != nil {
				return total, c.failed(ended)
			}
			if ended = c.establish(fd, *w); ended != nil && !mayFollow(ended) {
				return total, c.failed(ended)
			}
		case c.connecting:
			return total, c.failed(systemError("connect", err))
		case isAgain(err):
			if err = waitFor(fd, forWriting, *w); err != nil {
				return total, c.failed(err)
			}
		default:
			return total, c.failed(lost("send", err))
		}
	}
	return total, nil
}

// mayFollow reports whether one more write may follow a wait for a connection that
// ended like this. A connection that was established in the very moment gets its
// message all the same: a Python optbayesexpt server ends when a connection closes
// without one.
func mayFollow(ended error) bool { return ended == ErrTimeout || ended == ErrWoken }

// establish waits until the connection is established. When the wait ends early, the
// state of the connection is final: the system ignores an answer that comes later, so
// that the server never accepts what is about to be closed.
func (c *Conn) establish(fd descriptor, w Wait) error {
	if !c.connectBy.IsZero() && (w.Deadline.IsZero() || c.connectBy.Before(w.Deadline)) {
		w.Deadline = c.connectBy
	}
	ended := waitFor(fd, forWriting, w)
	if ended != nil {
		sysIgnorePeer(fd)
	}
	if err := sysConnectError(fd); err != nil {
		return systemError("connect", err)
	}
	if c.samePort {
		if peer := sysPeer(fd); peer.IsValid() && peer == sysLocal(fd) {
			return systemError("connect", errNobody)
		}
	}
	return ended
}

// established notes that the connection is established, although the wait for it ended
// early if ended is not nil. The system begins to ask for the peer only now: the server
// is at work already, and does not wait for it.
func (c *Conn) established(fd descriptor, ended error) {
	c.connecting = false
	if ended != nil {
		sysHeedPeer(fd)
	}
	if c.keepAlive > 0 {
		sysKeepAlive(fd, c.keepAlive)
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
	if err = c.establish(fd, w); err != nil {
		return c.failed(err)
	}
	c.established(fd, nil)
	return nil
}

// Connecting reports whether the connection is still being made.
func (c *Conn) Connecting() bool { return c.connecting }

// Pending reports, without waiting, whether there is something to read, and
// whether the peer has closed its side with nothing left to read, or the connection
// is broken.
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

// Writable reports whether the system has room for a small frame as a whole: it
// calls a connection writable when a good part of its buffer is free.
func (c *Conn) Writable() bool { return c.WaitWritable(NoWait) == nil }

// WaitWritable waits until Writable would report true.
func (c *Conn) WaitWritable(w Wait) error {
	fd, err := c.acquire()
	if err != nil {
		return err
	}
	defer c.release()
	return c.failed(waitFor(fd, forWriting, w))
}

// Unsent reports whether TLS itself has something to send that the system has not
// taken yet. Reads and writes send it on.
func (c *Conn) Unsent() bool { return c.tls != nil && c.tls.unsent() }

// finish ends this side's direction of the connection.
func (c *Conn) finish() {
	if fd, err := c.acquire(); err == nil {
		sysFinish(fd)
		c.release()
	}
}

// LocalAddr returns this side's address, as net.Conn has it.
func (c *Conn) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(c.Local()) }

// RemoteAddr returns the peer's address, as net.Conn has it.
func (c *Conn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }

// RemoteName returns the peer's address as text; a Unix-domain socket's peer has
// none of its own, and is known by the path.
func (c *Conn) RemoteName() string { return name(c.remote, c.path) }

// LocalName returns this side's address as text.
func (c *Conn) LocalName() string { return name(c.Local(), c.path) }

func name(at netip.AddrPort, path string) string {
	if path != "" {
		return unixPrefix + path
	}
	return at.String()
}

// Remote returns the peer's address.
func (c *Conn) Remote() netip.AddrPort { return c.remote }

// Local returns this side's address, which a client's connection gets while
// connecting.
func (c *Conn) Local() netip.AddrPort {
	fd, err := c.acquire()
	if err != nil {
		return netip.AddrPort{}
	}
	defer c.release()
	return sysLocal(fd)
}

// SetDeadline sets the deadline of reads and writes, as net.Conn has it.
func (c *Conn) SetDeadline(t time.Time) error {
	c.readWait.Deadline, c.writeWait.Deadline = t, t
	return nil
}

// SetReadDeadline sets the deadline of reads.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.readWait.Deadline = t
	return nil
}

// SetWriteDeadline sets the deadline of writes.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.writeWait.Deadline = t
	return nil
}

// SocketOptions is what is set on a connection.
type SocketOptions struct {
	KeepAlive time.Duration // silence before the system asks whether the peer is there; 0: never
}

// SetConnectDeadline sets a deadline for the connection to be established, where it
// is earlier than that of the first write.
func (c *Conn) SetConnectDeadline(t time.Time) { c.connectBy = t }

// Dial begins a connection to one address. It does not wait: the first write
// does, and returns the failure, so that no peer ever sees a connection that
// closes without a message because of a slow caller.
//
// Where no server is listening on a port that the system also uses for clients, it
// can choose that very port for this connection, which is then connected to itself: a
// client would read its own command as the reply. Such a connection counts as refused.
func Dial(to netip.AddrPort, tuning SocketOptions) (*Conn, error) {
	fd, err := sysConnect(to, tuning)
	if err != nil {
		return nil, systemError("connect", err)
	}
	local := sysLocal(fd)
	// The address may not be known before the connection is established; the port is.
	samePort := local.Port() == to.Port() || !local.IsValid()
	return &Conn{fd: fd, remote: to, connecting: true, samePort: samePort, keepAlive: tuning.KeepAlive}, nil
}

// Listener takes connections. Its Accept does not wait; a Poller does.
type Listener struct {
	fd   descriptor
	addr netip.AddrPort
	file socketFile // of a Unix-domain socket
}

// Listen binds and listens. Port 0 lets the system choose.
func Listen(at netip.AddrPort, tuning SocketOptions) (*Listener, error) {
	fd, err := sysListen(at)
	if err != nil {
		return nil, err
	}
	l := &Listener{fd: fd, addr: sysLocal(fd)}
	l.Tune(tuning)
	listeners.Store(l, nil)
	return l, nil
}

// listeners has the open listeners of this process.
var listeners sync.Map

// Occupied reports whether a listener of this process is in the way of one at an
// address, which is one of those that Resolve returned.
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

// Tune sets what later accepted connections begin with.
func (l *Listener) Tune(tuning SocketOptions) { sysTune(l.fd, tuning) }

// Name returns the address that the listener is bound to as text.
func (l *Listener) Name() string { return name(l.addr, l.file.path) }

// Addr returns the address that the listener is bound to; a Unix-domain socket
// has the zero one.
func (l *Listener) Addr() netip.AddrPort { return l.addr }

// Accept returns a connection that is there, or ErrTimeout if none is.
func (l *Listener) Accept() (*Conn, error) {
	fd, remote, err := sysAccept(l.fd)
	if err != nil {
		if isAgain(err) {
			return nil, ErrTimeout
		}
		return nil, systemError("accept", err)
	}
	return &Conn{fd: fd, remote: remote, path: l.file.path}, nil
}

// Close closes the listener. Nobody may be using it any more.
func (l *Listener) Close() {
	listeners.Delete(l)
	l.file.remove()
	if l.file.path != "" {
		// Shutting down a TCP listener resets the connections that wait to be accepted;
		// those of a Unix-domain socket stay, if a forked child has it open.
		sysShutdown(l.fd)
		for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
			_ = conn.Close()
		}
	}
	sysCloseSocket(l.fd)
}
