package socket

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"libobe/internal/transport"
)

// Client is the instrument's side: it opens a connection for each command, or keeps
// one (option persistent). All methods may be called from any goroutine. One call at a
// time sends and one at a time receives; Tcmd does both.
type Client struct {
	core
	address   transport.Address
	sending   lock
	receiving lock
	sendSpin  transport.Spin // used by the holder of sending
	readSpin  transport.Spin // used by the holder of receiving
	resolve   func(transport.Wait, <-chan struct{}) ([]netip.AddrPort, error)

	// Guarded by core.mu.
	conn *clientConn // the open connection, or the one being established; nil: none
	kept []byte      // a received message that the caller's buffer was too small for
	// The command whose reply Fetch returns; nil: none. What it refers to is used by the
	// holder of receiving.
	asked *question
}

// NewClient returns a client of the server at host and port. It does no I/O.
func NewClient(host string, port int) (*Client, error) {
	address, err := transport.ParseAddress(host, port)
	if err == nil && address.Port == 0 && address.Path == "" {
		err = errors.New("port 0 is for servers; a client needs the port of its server")
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrArgument, err)
	}
	c := &Client{address: address, resolve: address.Resolve}
	if fixed := address.Fixed(); fixed != nil {
		c.resolve = func(transport.Wait, <-chan struct{}) ([]netip.AddrPort, error) { return fixed, nil }
	}
	c.settings.Store(defaults(RoleClient))
	c.configure = func(i transport.Credentials) (*tls.Config, error) { return i.Client(address) }
	return c, nil
}

// Send sends one message: over a new connection, or over the open one if the option
// persistent is set. It returns when the system has accepted the whole message. A
// timeout or Cancel before the first byte leaves a kept connection as it was; later
// it closes the connection.
func (c *Client) Send(body []byte, timeout time.Duration) error {
	call, err := c.begin("send", timeout)
	if err != nil {
		return err
	}
	defer c.end(call)
	if err = call.encode(body, c.options().maxMessage); err == nil {
		if err = c.sending.lock(call); err == nil {
			defer c.sending.unlock()
			err = c.sendFrame(call, body, false)
		}
	}
	if err != nil {
		return call.wrap(c.address.String(), err)
	}
	return nil
}

// ReplyFunc receives a message. If it returns an error that is ErrBuffer, the message
// is kept for the next call.
type ReplyFunc func(body []byte) error

// copyTo returns a ReplyFunc that copies a message to dst and its length to n. The
// message may already be in dst.
func copyTo(dst []byte, n *int) ReplyFunc {
	return func(body []byte) error {
		if len(body) > len(dst) {
			return &BufferError{len(body)}
		}
		*n = len(body)
		copyUnlessInPlace(dst, body)
		return nil
	}
}

func copyUnlessInPlace(dst, body []byte) {
	if len(body) > 0 && &body[0] != &dst[0] {
		copy(dst, body)
	}
}

// storeIn returns a ReplyFunc that keeps the message itself.
func storeIn(message *[]byte) ReplyFunc {
	return func(body []byte) error {
		*message = body
		return nil
	}
}

// Receive reads one message from the open connection into dst and returns its
// length. If it does not fit, the error is a *BufferError with the length, and the
// next Receive returns the same message. A timeout or Cancel loses nothing: the next
// Receive continues.
func (c *Client) Receive(dst []byte, timeout time.Duration) (n int, err error) {
	err = c.receive(dst, timeout, copyTo(dst, &n))
	return n, err
}

// ReceiveBody is Receive into newly allocated memory.
func (c *Client) ReceiveBody(timeout time.Duration) (body []byte, err error) {
	err = c.receive(nil, timeout, storeIn(&body))
	return body, err
}

func (c *Client) receive(dst []byte, timeout time.Duration, deliver ReplyFunc) error {
	call, err := c.begin("receive", timeout)
	if err != nil {
		return err
	}
	defer c.end(call)
	if err = c.receiving.lock(call); err == nil {
		defer c.receiving.unlock()
		var body []byte
		if body, err = c.readMessage(call, dst); err == nil {
			err = c.deliver(call, body, deliver)
		}
	}
	if err != nil {
		return call.wrap(c.address.String(), err)
	}
	return nil
}

// deliver passes a message on, or keeps it. The caller holds receiving, so that no
// other call receives before the message is kept.
func (c *Client) deliver(call *call, body []byte, deliver ReplyFunc) error {
	err := deliver(body)
	if err != nil && errors.Is(err, ErrBuffer) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if call.cause != ErrClosed {
			c.kept = body
		}
	}
	return err
}

// Tcmd sends a command, receives the reply into dst and closes the connection
// (unless persistent), all within one timeout. A reply that does not fit is kept for
// Receive, with a *BufferError. After any other error the connection is closed, so
// that a late reply is never mistaken for the reply to a later command. With the option
// late_reply, Receive can continue to wait after a timeout.
func (c *Client) Tcmd(body, dst []byte, timeout time.Duration) (n int, err error) {
	err = c.tcmd(body, dst, timeout, copyTo(dst, &n))
	return n, err
}

// TcmdFunc is Tcmd with the reply in newly allocated memory, passed to deliver.
func (c *Client) TcmdFunc(body []byte, timeout time.Duration, deliver ReplyFunc) error {
	return c.tcmd(body, nil, timeout, deliver)
}

// TcmdBody is Tcmd with the reply in newly allocated memory.
func (c *Client) TcmdBody(body []byte, timeout time.Duration) (reply []byte, err error) {
	err = c.tcmd(body, nil, timeout, storeIn(&reply))
	return reply, err
}

func (c *Client) tcmd(body, dst []byte, timeout time.Duration, deliver ReplyFunc) error {
	call, err := c.begin("tcmd", timeout)
	if err != nil {
		return err
	}
	defer c.end(call)
	if err = c.exchange(call, body, dst, deliver); err != nil {
		return call.wrap(c.address.String(), err)
	}
	return nil
}

// lockBoth locks sending and receiving.
func (c *Client) lockBoth(call *call) error {
	err := c.sending.lock(call)
	if err == nil {
		if err = c.receiving.lock(call); err != nil {
			c.sending.unlock()
		}
	}
	return err
}

func (c *Client) unlockBoth() {
	c.receiving.unlock()
	c.sending.unlock()
}

// exchange sends a command and receives its reply.
func (c *Client) exchange(call *call, body, dst []byte, deliver ReplyFunc) error {
	options := c.options()
	err := call.encode(body, options.maxMessage)
	if err == nil {
		err = c.lockBoth(call)
	}
	if err != nil {
		return err
	}
	defer c.unlockBoth()
	return c.exchangeLocked(call, options, body, dst, deliver)
}

// exchangeLocked is exchange for a caller that holds sending and receiving. It has no defer:
// in a function with this many returns a defer takes 100 instructions.
func (c *Client) exchangeLocked(call *call, options *settings, body, dst []byte, deliver ReplyFunc) error {
	if options.persistent {
		// If the question failed, Fetch returns its error, and this command opens a connection.
		if err := c.readReplyOnOpen(call); isUnfinished(err) {
			return fmt.Errorf("%w, and this command was not sent", err)
		}
	}
	c.forgetReplies()
	call.brief = !options.persistent
	if err := c.sendFrame(call, body, true); err != nil {
		return err
	}
	reply, err := c.readMessage(call, dst)
	if err == nil {
		if !options.persistent {
			c.dropOpen()
		}
		return c.deliver(call, reply, deliver)
	}
	timedOut := errors.Is(err, ErrTimeout)
	if timedOut && options.lateReply {
		c.mu.Lock()
		if c.conn != nil {
			c.conn.late = true
			c.conn.conn.Keep()
		}
		c.mu.Unlock()
	} else {
		c.dropOpen()
	}
	if errors.Is(err, errReused) && timedOut {
		return fmt.Errorf("%w: no reply within %d ms; the server may still execute the command, but %w", ErrTimeout, call.timeout.Milliseconds(), errReused)
	}
	if timedOut {
		return fmt.Errorf("%w: no reply within %d ms; the server may still execute the command, and a Python optbayesexpt server never replies to an unknown one",
			ErrTimeout, call.timeout.Milliseconds())
	}
	return err
}

// forgetReplies discards what a new command must not take for its reply: a kept message,
// and the open connection if replies are pending there. The caller holds sending and
// receiving.
func (c *Client) forgetReplies() {
	c.mu.Lock()
	c.kept = nil
	replyPending := c.conn != nil && c.conn.pendingReplies > 0
	c.mu.Unlock()
	if replyPending {
		c.dropOpen()
	}
}

// Close closes the connection, not the client, and wakes every call in flight with
// ErrClosed. A kept message and the question of Ask are discarded.
func (c *Client) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return ErrClosed
	}
	c.interrupt(ErrClosed)
	c.kept = nil
	c.mu.Unlock()
	c.disconnect()
	return nil
}

// Cancel wakes every call in flight with ErrCancelled. Calls that start later are not
// affected.
func (c *Client) Cancel() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.interrupt(ErrCancelled)
}

// Free closes the client permanently and wakes every call in flight.
func (c *Client) Free() {
	if c.markClosed() {
		c.disconnect()
	}
}

// SetOption sets an option by its name; see Options.
func (c *Client) SetOption(name, value string) error { return c.setOption(name, value) }

// Option returns the value of an option.
func (c *Client) Option(name string) (string, error) {
	return c.getOption(name, map[string]func() string{
		"local": func() string { return c.connName((*transport.Conn).LocalName) },
		"peer":  func() string { return c.connName((*transport.Conn).RemoteName) },
	})
}

// connName returns an address of the open connection, or "".
func (c *Client) connName(name func(*transport.Conn) string) string {
	if conn := c.openConn(); conn != nil {
		return name(conn.conn)
	}
	return ""
}

// Address returns the server's address as text.
func (c *Client) Address() string { return c.address.String() }
