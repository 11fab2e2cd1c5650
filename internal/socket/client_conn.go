package socket

import (
	"errors"
	"fmt"
	"io"

	"libobe/internal/trace"
	"libobe/internal/transport"
)

// clientConn is one connection of a client.
type clientConn struct {
	client *Client
	conn   *transport.Conn
	frames frameReader

	// Guarded by core.mu.
	sent, received int  // messages, for withReuseHint
	pendingReplies int  // messages sent less messages received
	established    bool // it is connected, and counted; written by the holder of sending
	closed         bool
	late           bool // the reply to a command that timed out may still come (option late_reply)
	orphan         bool // to be closed by the call that establishes it

	// Used by the call that reads.
	reader     *call
	progressed bool // it has read something
}

// Read reads and counts. It ends at the reader's deadline even if the server sends
// without a pause.
func (c *clientConn) Read(p []byte) (int, error) {
	if c.progressed {
		if err := c.reader.due(); err != nil {
			return 0, err
		}
	}
	n, err := c.conn.Read(p[:min(len(p), maxRead)])
	c.progressed = c.progressed || n > 0
	c.client.counters.bytesReceived.Add(int64(n))
	return n, err
}

// openConn returns the open connection, or nil.
func (c *Client) openConn() *clientConn {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.conn
}

// sendFrame sends the frame of a body that encode made, over a new connection unless the open one can be
// used. The caller holds sending. If it also holds receiving, it sets expectQuiet: then
// an open connection with unread data, which would be mistaken for the reply, is not
// used.
func (c *Client) sendFrame(call *call, body []byte, expectQuiet bool) error {
	options := c.options()
	wait, err := c.wait(call)
	if err != nil {
		return err
	}
	c.mu.Lock()
	conn := c.conn
	usable := conn != nil && options.persistent && !conn.late
	c.mu.Unlock()
	if usable {
		data, ended := conn.conn.Pending()
		if !ended && !(expectQuiet && (data || conn.frames.InFrame())) {
			return c.withReuseHint(call, conn, c.write(call, conn, wait, body))
		}
	}
	// A message of the old connection is not a reply to this one.
	c.mu.Lock()
	c.kept = nil
	c.mu.Unlock()
	c.dropOpen()
	addresses, err := c.resolve(wait, call.done)
	if err != nil {
		return err
	}
	return c.open(call, wait, addresses, body)
}

// write sends the frame of a body over a connection. It closes the connection if only a part of
// the frame was sent.
func (c *Client) write(call *call, conn *clientConn, wait transport.Wait, body []byte) error {
	conn.conn.SetWriteWait(call.withSpin(wait, &c.sendSpin))
	// Counted before it is sent: the reply may be read before WriteFrame returns.
	c.mu.Lock()
	conn.sent++
	conn.pendingReplies++
	c.mu.Unlock()
	n, err := conn.conn.WriteFrame(call.head, call.rest)
	c.counters.bytesSent.Add(int64(n))
	if err != nil || !conn.established {
		c.written(conn, err)
	}
	if err != nil {
		if n > 0 || !errors.Is(err, ErrTimeout) && !errors.Is(err, transport.ErrWoken) {
			c.drop(conn)
		}
		return err
	}
	c.counters.messagesSent.Add(1)
	if c.options().trace != "" {
		c.traceMessage(call, "client", trace.Sent, conn.conn, body)
	}
	return nil
}

// written records how the first write on a connection ended, or one that failed.
func (c *Client) written(conn *clientConn, err error) {
	c.mu.Lock()
	if err != nil {
		conn.pendingReplies--
	}
	if !conn.established && !conn.conn.Connecting() {
		conn.established = true
		c.counters.connectionsOpened.Add(1)
		if !conn.closed {
			c.counters.connectionsOpen.Add(1)
		}
	}
	orphan := conn.orphan
	c.mu.Unlock()
	if orphan {
		c.drop(conn)
	}
}

// readMessage returns the next message. The caller holds receiving.
func (c *Client) readMessage(call *call, dst []byte) ([]byte, error) {
	c.mu.Lock()
	conn, kept := c.conn, c.kept
	c.kept = nil
	asked := c.asked != nil && c.asked.conn == conn
	c.mu.Unlock()
	if kept != nil {
		return kept, nil
	}
	if conn == nil {
		if err := call.ended(); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("%w: no connection is open; send something first", ErrState)
	}
	if asked {
		if err := c.readReplyOnOpen(call); err != nil {
			return nil, err
		}
	}
	return c.readFrom(call, conn, dst)
}

// readFrom returns the next message on a connection. The caller holds receiving.
func (c *Client) readFrom(call *call, conn *clientConn, dst []byte) ([]byte, error) {
	wait, err := c.wait(call)
	if err != nil {
		return nil, err
	}
	conn.conn.SetReadWait(call.withSpin(wait, &c.readSpin))
	conn.frames.Limit = c.options().maxMessage
	conn.reader, conn.progressed = call, false
	body, err := conn.frames.Next(conn, dst)
	switch {
	case err == nil:
		c.counters.messagesReceived.Add(1)
		c.mu.Lock()
		conn.received++
		conn.pendingReplies, conn.late = max(conn.pendingReplies-1, 0), false
		c.mu.Unlock()
		if c.options().trace != "" {
			c.traceMessage(call, "client", trace.Received, conn.conn, body)
		}
		return body, nil
	case errors.Is(err, ErrTimeout), errors.Is(err, transport.ErrWoken):
		return nil, c.withReuseHint(call, conn, err)
	case err == io.EOF:
		err = fmt.Errorf("%w before a reply; the server may have exited, rejected the message, or require TLS", ErrPeerClosed)
	}
	c.drop(conn)
	return nil, c.withReuseHint(call, conn, err)
}

var errReused = errors.New("this connection was used before, and a Python optbayesexpt server reads one message from each connection: for such a server, set the option persistent to 0")

// withReuseHint adds errReused to an error that a server which reads one message from each
// connection may have caused: its client has sent another one.
func (c *Client) withReuseHint(call *call, conn *clientConn, err error) error {
	if err == nil || call.timeout == 0 || !errors.Is(err, ErrTimeout) && !errors.Is(err, ErrPeerClosed) && !errors.Is(err, transport.ErrReset) {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if conn.sent < 2 || conn.received >= 2 {
		return err
	}
	return fmt.Errorf("%w; %w", err, errReused)
}

// dropOpen closes the connection, if one is open. One on which the reply to a question is
// awaited is left to Fetch.
func (c *Client) dropOpen() {
	c.mu.Lock()
	conn := c.conn
	if conn != nil && c.asked.awaitedOn(conn) {
		c.conn, conn = nil, nil
	}
	c.mu.Unlock()
	if conn != nil {
		c.drop(conn)
	}
}

func (c *Client) drop(conn *clientConn) {
	c.mu.Lock()
	if c.conn == conn {
		c.conn = nil
	}
	if conn.established && !conn.closed {
		c.counters.connectionsOpen.Add(-1)
	}
	conn.closed = true
	c.mu.Unlock()
	conn.conn.Close()
}

// disconnect closes the connection after the calls in flight have been interrupted. A
// connection that is being established is left to its call: if it is established at
// this moment, its message is sent before it is closed. If disconnect closed it, one in
// ten of those would be closed without a message (TestFreeWhileConnecting), which ends a
// Python optbayesexpt server.
func (c *Client) disconnect() {
	c.discardQuestion()
	c.mu.Lock()
	conn := c.conn
	connecting := conn != nil && !conn.established
	if connecting {
		c.conn = nil
		conn.orphan = true
	}
	c.mu.Unlock()
	if conn != nil && !connecting {
		c.drop(conn)
	}
}
