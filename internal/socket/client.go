package socket

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"

	"libobe/internal/trace"
	"libobe/internal/transport"
	"libobe/internal/wire"
)

// Client is the instrument's side: it opens a connection for each command, or
// keeps one (option persistent). All methods may be called from any goroutine;
// sends wait for each other, receives too, and Tcmd for both.
type Client struct {
	base
	address       transport.Address
	sending       lock
	receiving     lock
	spinSending   transport.Spin // of who holds sending
	spinReceiving transport.Spin // of who holds receiving
	resolve       func(transport.Wait, <-chan struct{}) ([]netip.AddrPort, error)

	// Guarded by base.mu.
	link *link
	kept []byte // a message received whole that has not been delivered yet
}

// link is one connection of a client.
type link struct {
	client *Client
	conn   *transport.Conn
	frames *wire.Reader
	unread int  // messages sent less messages received; guarded by base.mu
	made   bool // the connection came about, and counts; guarded by base.mu
	gone   bool // it was closed; guarded by base.mu
	late   bool // the reply to a tcmd may still come (option late_reply); guarded by base.mu
	orphan bool // it is to be closed once it is made, or has failed; guarded by base.mu

	// Of the call that reads.
	reader *call
	moved  bool // it has read something
}

// Read is conn's, counted. A server that never stops sending does not keep the call
// from its deadline.
func (l *link) Read(p []byte) (int, error) {
	if l.moved {
		if err := l.reader.due(); err != nil {
			return 0, err
		}
	}
	n, err := l.conn.Read(p[:min(len(p), readAtOnce)])
	l.moved = l.moved || n > 0
	l.client.counters.bytesReceived.Add(int64(n))
	return n, err
}

// NewClient makes a client of the server at host and port, without any I/O.
func NewClient(host string, port int) (*Client, error) {
	address, err := transport.ParseAddress(host, port)
	if err == nil && address.Port == 0 && address.Path == "" {
		err = errors.New("port 0 is for servers; a client needs the port of its server")
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrArgument, err)
	}
	c := &Client{address: address, resolve: address.Resolve}
	c.settings.Store(defaults(RoleClient))
	c.configure = func(i transport.Credentials) (*tls.Config, error) { return i.Client(address) }
	return c, nil
}

// Send sends one message: over a connection of its own, or over the one that is
// open if the option persistent is set. It returns when the system has taken
// the whole message. A timeout or Cancel before the first byte leaves a kept
// connection as it was; one inside the message closes it.
func (c *Client) Send(body []byte, timeout time.Duration) error {
	call, err := c.begin("send", timeout)
	if err != nil {
		return err
	}
	defer c.end(call)
	head, err := call.encode(body, c.options().maxMessage)
	if err == nil {
		if err = c.sending.lock(call); err == nil {
			defer c.sending.unlock()
			err = c.transmit(call, head, body, false)
		}
	}
	if err != nil {
		return call.explain(c.address.String(), err)
	}
	return nil
}

// Receive reads one message from the open connection into dst and returns its
// length. If it does not fit, the error is a *BufferError with the length, and
// the next Receive gives the same message. A timeout or Cancel loses nothing:
// the next Receive goes on.
func (c *Client) Receive(dst []byte, timeout time.Duration) (n int, err error) {
	err = c.receive(dst, timeout, into(dst, &n))
	return n, err
}

// ReceiveBody is Receive into memory of its own.
func (c *Client) ReceiveBody(timeout time.Duration) (body []byte, err error) {
	err = c.receive(nil, timeout, func(b []byte) error {
		body = b
		return nil
	})
	return body, err
}

// ReplyFunc is what becomes of a message; it may fail because it has no room for it,
// with an error that is ErrBuffer, and then the message is kept.
type ReplyFunc func(body []byte) error

// into copies a message to dst, where it may lie already.
func into(dst []byte, n *int) ReplyFunc {
	return func(body []byte) error {
		if len(body) > len(dst) {
			return &BufferError{len(body)}
		}
		*n = len(body)
		place(dst, body)
		return nil
	}
}

// place copies body to dst unless it lies there already.
func place(dst, body []byte) {
	if len(body) > 0 && &body[0] != &dst[0] {
		copy(dst, body)
	}
}

func (c *Client) receive(dst []byte, timeout time.Duration, use ReplyFunc) error {
	call, err := c.begin("receive", timeout)
	if err != nil {
		return err
	}
	defer c.end(call)
	if err = c.receiving.lock(call); err == nil {
		defer c.receiving.unlock()
		var body []byte
		if body, err = c.take(call, dst); err == nil {
			err = c.use(call, body, use)
		}
	}
	if err != nil {
		return call.explain(c.address.String(), err)
	}
	return nil
}

// use hands a message over, or keeps it. The caller holds receiving, so that
// nobody comes between the message and its being kept.
func (c *Client) use(call *call, body []byte, use ReplyFunc) error {
	err := use(body)
	if errors.Is(err, ErrBuffer) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if call.cause != ErrClosed {
			c.kept = body
		}
	}
	return err
}

// Tcmd sends a command, receives the reply into dst and closes the connection
// (unless persistent), all within one timeout. A reply that does not fit is
// kept for Receive, with a *BufferError. After any other failure the connection
// is closed, so that a late reply never answers a later command; with the option
// late_reply, Receive can go on waiting after a timeout.
func (c *Client) Tcmd(body, dst []byte, timeout time.Duration) (n int, err error) {
	err = c.tcmd(body, dst, timeout, into(dst, &n))
	return n, err
}

// TcmdFunc is Tcmd with a reply in memory of its own, for use.
func (c *Client) TcmdFunc(body []byte, timeout time.Duration, use ReplyFunc) error {
	return c.tcmd(body, nil, timeout, use)
}

// TcmdBody is Tcmd with the reply in memory of its own.
func (c *Client) TcmdBody(body []byte, timeout time.Duration) (reply []byte, err error) {
	err = c.tcmd(body, nil, timeout, func(b []byte) error {
		reply = b
		return nil
	})
	return reply, err
}

func (c *Client) tcmd(body, dst []byte, timeout time.Duration, use ReplyFunc) error {
	call, err := c.begin("tcmd", timeout)
	if err != nil {
		return err
	}
	defer c.end(call)
	if err = c.exchange(call, body, dst, use); err != nil {
		return call.explain(c.address.String(), err)
	}
	return nil
}

// exchange is the whole of a command under one call.
func (c *Client) exchange(call *call, body, dst []byte, use ReplyFunc) error {
	options := c.options()
	head, err := call.encode(body, options.maxMessage)
	if err != nil {
		return err
	}
	if err = c.sending.lock(call); err != nil {
		return err
	}
	defer c.sending.unlock()
	if err = c.receiving.lock(call); err != nil {
		return err
	}
	defer c.receiving.unlock()

	c.mu.Lock()
	c.kept = nil
	stale := c.link != nil && c.link.unread > 0
	c.mu.Unlock()
	if stale {
		c.drop()
	}
	if err = c.transmit(call, head, body, true); err != nil {
		return err
	}
	reply, err := c.take(call, dst)
	late := options.lateReply && errors.Is(err, transport.ErrTimeout)
	if late {
		c.mu.Lock()
		if c.link != nil {
			c.link.late = true
		}
		c.mu.Unlock()
	} else if err != nil || !options.persistent {
		c.drop()
	}
	if errors.Is(err, transport.ErrTimeout) {
		return fmt.Errorf("%w: no reply within %d ms; the server may still carry out the command, and a Python optbayesexpt server never answers one that it does not know",
			ErrTimeout, call.timeout.Milliseconds())
	}
	if err != nil {
		return err
	}
	return c.use(call, reply, use)
}

// WaitReady asks {"command": "ready"} until the server answers anything, and
// tries again while nobody listens. It never connects without a whole message.
func (c *Client) WaitReady(timeout time.Duration) error {
	call, err := c.begin("wait_ready", timeout)
	if err != nil {
		return err
	}
	defer c.end(call)
	pause := 5 * time.Millisecond
	for {
		err = c.exchange(call, []byte(`{"command": "ready"}`), nil, func([]byte) error { return nil })
		if err == nil {
			return nil
		}
		if !notThere(err) {
			return call.explain(c.address.String(), err)
		}
		over := call.rest(pause)
		pause = min(2*pause, 100*time.Millisecond)
		if over == ErrTimeout {
			over = fmt.Errorf("%w: no server within %d ms; the last attempt: %w", ErrTimeout, call.timeout.Milliseconds(), err)
		}
		if over != nil {
			return call.explain(c.address.String(), over)
		}
	}
}

// notThere reports whether an error means that the server is not up yet.
func notThere(err error) bool {
	var name *net.DNSError
	if errors.As(err, &name) && name.IsNotFound {
		return false // a name that nobody knows is a slip of the pen
	}
	for _, kind := range []error{transport.ErrRefused, transport.ErrReset, transport.ErrUnreachable, ErrPeerClosed, wire.ErrIncomplete} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// transmit sends a frame that was checked before. The caller holds sending, and
// receiving too if it says that nothing is awaited: then a kept connection that has
// something to say, a reply too many, is not used, since that would be taken for
// the reply to come.
func (c *Client) transmit(call *call, head, body []byte, nothingAwaited bool) error {
	options := c.options()
	wait, err := c.wait(call)
	if err != nil {
		return err
	}
	c.mu.Lock()
	l := c.link
	usable := l != nil && options.persistent && !l.late
	c.mu.Unlock()
	if usable {
		data, ended := l.conn.Pending()
		if !ended && !(nothingAwaited && (data || l.frames.InFrame())) {
			return c.write(call, l, wait, head, body)
		}
	}
	// What the old connection brought is no answer to what the new one sends.
	c.mu.Lock()
	c.kept = nil
	c.mu.Unlock()
	c.drop()
	addresses, err := c.resolve(wait, call.done)
	if err != nil {
		return err
	}
	return c.open(call, wait, addresses, head, body)
}

// firstShare is how long the first attempt to connect to one of several addresses may
// take: the Connection Attempt Delay of RFC 8305.
const firstShare = 250 * time.Millisecond

// mostReadyShare bounds the shares of wait_ready, which must soon be back at an address
// where the server has yet to start.
const mostReadyShare = 2 * time.Second

// attempt is what came of an address.
type attempt struct {
	at  netip.AddrPort
	err error // why it failed; errSilent: it did not answer; nil: not tried yet
}

var errSilent = errors.New("no answer")

// open connects to one of the addresses and sends the first frame. Each address has its
// share of the time. After that it is the turn of the next one, and those that did not
// answer are tried again, for twice as long. There is one attempt at a time, unlike in RFC
// 8305: of two that succeed at once, one would have to be closed without a message, and
// that ends a Python optbayesexpt server.
func (c *Client) open(call *call, wait transport.Wait, addresses []netip.AddrPort, head, body []byte) error {
	tried := make([]attempt, len(addresses))
	for i, at := range addresses {
		tried[i].at = at
	}
	if call.share == 0 {
		call.share = firstShare
	}
	// wait_ready also tries those again that have failed, and does not stay with one.
	retries := call.op == "wait_ready" && len(addresses) > 1
	for left := len(tried); left > 0; {
		turns, silent := left, false
		for i := range tried {
			a := &tried[i]
			if a.err != nil && a.err != errSilent {
				continue
			}
			var by time.Time // zero: the last address that is left has all the time
			if left > 1 || retries {
				by = shareEnd(call.share, wait.Deadline, turns)
			}
			turns--
			err := c.connect(call, wait, by, a.at, head, body)
			if err == nil || !errors.Is(err, errUnconnected) {
				return err
			}
			if ended := call.ended(); ended != nil {
				return ended
			}
			if !errors.Is(err, transport.ErrTimeout) {
				a.err = err
				left--
				continue
			}
			a.err, silent = errSilent, true
			if !wait.Deadline.IsZero() && !time.Now().Before(wait.Deadline) {
				return c.silence(tried)
			}
		}
		if silent && !(retries && call.share >= mostReadyShare) {
			call.share *= 2
		}
		if retries && left < len(tried) {
			break
		}
	}
	err := mostTelling(tried)
	if list := c.outcomes(tried); list != "" {
		err = &reworded{err, list}
	}
	return unconnected{call.remedy(err)}
}

// silence is the error of a call whose deadline came before a connection.
func (c *Client) silence(tried []attempt) error {
	list := c.outcomes(tried)
	if list != "" {
		list = " (" + list + ")"
	}
	return fmt.Errorf("%w: no connection within the timeout%s; is the address right, and the server's queue not full?", ErrTimeout, list)
}

// shareEnd returns the end of an attempt to connect that is the first of several.
func shareEnd(share time.Duration, deadline time.Time, attempts int) time.Time {
	now := time.Now()
	if !deadline.IsZero() {
		share = min(share, max(0, deadline.Sub(now))/time.Duration(attempts))
	}
	return now.Add(share)
}

// outcomes is what came of the addresses, in words, unless there is just the one that
// the client was made with.
func (c *Client) outcomes(tried []attempt) string {
	if len(tried) == 1 && (!tried[0].at.IsValid() || tried[0].at.String() == c.address.String()) {
		return ""
	}
	const most = 4
	var texts []string
	more := 0
	for _, a := range tried {
		switch {
		case a.err == nil:
		case len(texts) == most:
			more++
		default:
			texts = append(texts, a.at.String()+": "+a.err.Error())
		}
	}
	if more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(texts, "; ")
}

// mostTelling returns the error that decides the status. That of an address where a
// machine answered comes before that of one which cannot be reached.
func mostTelling(tried []attempt) error {
	err, best := fmt.Errorf("%w: the name has no address", transport.ErrUnreachable), -1
	for _, a := range tried {
		rank := 2
		switch {
		case a.err == nil || a.err == errSilent:
			continue
		case errors.Is(a.err, transport.ErrUnreachable):
			rank = 0
		case errors.Is(a.err, transport.ErrRefused):
			rank = 1
		}
		if rank > best {
			best, err = rank, a.err
		}
	}
	return err
}

// reworded is an error with another text.
type reworded struct {
	error
	text string
}

func (r *reworded) Error() string { return r.text }
func (r *reworded) Unwrap() error { return r.error }

// errUnconnected marks the failure of a connection attempt, after which another
// address may be tried.
var errUnconnected = errors.New("no connection")

type unconnected struct{ error }

func (u unconnected) Unwrap() error        { return u.error }
func (u unconnected) Is(target error) bool { return target == errUnconnected }

// queuePause is how long a client waits before it looks again for room in the queue of a
// Unix-domain socket.
const queuePause = 5 * time.Millisecond

// connect opens a connection, which must be established by a time unless that is zero,
// and sends its first frame.
func (c *Client) connect(call *call, wait transport.Wait, by time.Time, at netip.AddrPort, head, body []byte) error {
	options := c.options()
	conn, err := c.address.Dial(at, options.keepAlive)
	// The system waits for room in the queue of a TCP server, and leaves that of a
	// Unix-domain socket to its clients.
	for errors.Is(err, transport.ErrQueueFull) {
		if call.rest(queuePause) != nil {
			return unconnected{transport.ErrTimeout}
		}
		conn, err = c.address.Dial(at, options.keepAlive)
	}
	if err != nil {
		return unconnected{err}
	}
	conn.SetConnectDeadline(by)
	if options.tls != nil {
		if err := conn.StartTLS(options.tls, wait); err != nil {
			connecting := conn.Connecting()
			conn.Close()
			if !connecting && errors.Is(err, transport.ErrTimeout) {
				return fmt.Errorf("%w: no TLS connection within the timeout; does the server speak TLS 1.3?", ErrTimeout)
			}
			return unconnected{err}
		}
	}
	l := &link{client: c, conn: conn, frames: frames()}
	c.mu.Lock()
	// After a handshake, which takes time, the call may be over. A plain connection gets
	// its message all the same: one that closes without a word ends an original server.
	if options.tls != nil && call.cause != nil {
		c.mu.Unlock()
		conn.Close()
		return transport.ErrClosed
	}
	if l.orphan = call.cause == ErrClosed; !l.orphan {
		c.link = l
	}
	c.mu.Unlock()
	err = c.write(call, l, wait, head, body)
	if err != nil && conn.Connecting() {
		c.dropLink(l)
		return unconnected{err}
	}
	return err
}

func (c *call) remedy(err error) error {
	switch {
	case !errors.Is(err, transport.ErrRefused):
		return err
	case c.op == "wait_ready":
		return fmt.Errorf("%w (nobody listens there)", err)
	}
	return fmt.Errorf("%w (nobody listens there; wait_ready waits for a server that is starting)", err)
}

// write sends a frame over a connection and closes it unless all or nothing of
// the frame was taken.
func (c *Client) write(call *call, l *link, wait transport.Wait, head, body []byte) error {
	l.conn.SetWriteWait(call.looking(wait, &c.spinSending))
	// It counts before it is out: the reply may be read before this goes on.
	c.mu.Lock()
	l.unread++
	c.mu.Unlock()
	n, err := l.conn.WriteFrame(head, body)
	c.counters.bytesSent.Add(int64(n))
	c.mu.Lock()
	if err != nil {
		l.unread--
	}
	if !l.made && !l.conn.Connecting() {
		l.made = true
		c.counters.connectionsOpened.Add(1)
		if !l.gone {
			c.counters.connectionsOpen.Add(1)
		}
	}
	orphan := l.orphan
	c.mu.Unlock()
	if orphan {
		c.dropLink(l)
	}
	if err != nil {
		if n > 0 || !errors.Is(err, transport.ErrTimeout) && !errors.Is(err, transport.ErrWoken) {
			c.dropLink(l)
		}
		return err
	}
	c.counters.messagesSent.Add(1)
	if c.options().trace != "" {
		c.note(call, "client", trace.Sent, l.conn.RemoteName(), body)
	}
	return nil
}

// take returns the next message. The caller holds receiving.
func (c *Client) take(call *call, dst []byte) ([]byte, error) {
	c.mu.Lock()
	l, kept := c.link, c.kept
	c.kept = nil
	c.mu.Unlock()
	if kept != nil {
		return kept, nil
	}
	if l == nil {
		if err := call.ended(); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("%w: no connection is open; send something first", ErrState)
	}
	wait, err := c.wait(call)
	if err != nil {
		return nil, err
	}
	l.conn.SetReadWait(call.looking(wait, &c.spinReceiving))
	l.frames.Limit = c.options().maxMessage
	l.reader, l.moved = call, false
	body, err := l.frames.Next(l, dst)
	switch {
	case err == nil:
		c.counters.messagesReceived.Add(1)
		c.mu.Lock()
		l.unread, l.late = max(l.unread-1, 0), false
		c.mu.Unlock()
		if c.options().trace != "" {
			c.note(call, "client", trace.Received, l.conn.RemoteName(), body)
		}
		return body, nil
	case errors.Is(err, transport.ErrTimeout), errors.Is(err, transport.ErrWoken):
		return nil, err
	case err == io.EOF:
		err = fmt.Errorf("%w before a reply; the server may have ended, refused the message, or want TLS", ErrPeerClosed)
	}
	c.dropLink(l)
	return nil, err
}

// BufferError says how much room a message needs that was kept.
type BufferError struct{ Need int }

func (e *BufferError) Error() string {
	return fmt.Sprintf("%v: the message has %d bytes and is kept; receive it into a larger one", ErrBuffer, e.Need)
}

// Is makes it an ErrBuffer.
func (e *BufferError) Is(target error) bool { return target == ErrBuffer }

// drop closes the connection, if one is open.
func (c *Client) drop() {
	c.mu.Lock()
	l := c.link
	c.mu.Unlock()
	if l != nil {
		c.dropLink(l)
	}
}

func (c *Client) dropLink(l *link) {
	c.mu.Lock()
	if c.link == l {
		c.link = nil
	}
	if l.made && !l.gone {
		c.counters.connectionsOpen.Add(-1)
	}
	l.gone = true
	c.mu.Unlock()
	l.conn.Close()
}

// Close closes the connection, not the client, and wakes every call in flight
// with ErrClosed. A message that was kept is gone.
func (c *Client) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return ErrClosed
	}
	c.interrupt(ErrClosed)
	c.kept = nil
	c.mu.Unlock()
	c.abandon()
	return nil
}

// abandon closes the connection, after the calls in flight have been interrupted. One that
// is still being made is left to the call that makes it: if it is established in this very
// moment, it gets its message before it is closed. Closed here, one in ten of those did
// not (TestFreeWhileConnecting).
func (c *Client) abandon() {
	c.mu.Lock()
	l := c.link
	connecting := l != nil && !l.made
	if connecting {
		c.link = nil
		l.orphan = true
	}
	c.mu.Unlock()
	if l != nil && !connecting {
		c.dropLink(l)
	}
}

// Cancel wakes every call in flight with ErrCancelled; later calls are spared.
func (c *Client) Cancel() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.interrupt(ErrCancelled)
}

// Free closes the client for good and wakes every call in flight.
func (c *Client) Free() {
	if c.shut() {
		c.abandon()
	}
}

// SetOption sets an option by its name; see Options.
func (c *Client) SetOption(name, value string) error { return c.setOption(name, value) }

// Option returns the value of an option.
func (c *Client) Option(name string) (string, error) {
	return c.getOption(name, map[string]func() string{
		"local": func() string { return c.ofLink(func(l *link) string { return l.conn.LocalName() }) },
		"peer":  func() string { return c.ofLink(func(l *link) string { return l.conn.RemoteName() }) },
	})
}

func (c *Client) ofLink(fact func(*link) string) string {
	c.mu.Lock()
	l := c.link
	c.mu.Unlock()
	if l == nil {
		return ""
	}
	return fact(l)
}

// Address returns the server's address as text.
func (c *Client) Address() string { return c.address.String() }
