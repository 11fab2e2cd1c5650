package socket

import (
	"errors"
	"fmt"
	"time"

	"libobe/internal/transport"
)

// question is a command that Ask sent, until Fetch has returned its reply. If the
// connection is not kept (option persistent), it belongs to the question alone, and other
// commands open their own. On a kept connection, the next command first reads the reply
// and stores it here, so that it is never mistaken for its own.
type question struct {
	conn  *clientConn
	reply []byte
	err   error // why there will be no reply
}

// Ask sends a command and returns without its reply, which Fetch returns. Commands may be
// exchanged in between. There is at most one question at a time.
func (c *Client) Ask(body []byte, timeout time.Duration) error {
	call, err := c.begin("ask", timeout)
	if err != nil {
		return err
	}
	defer c.end(call)
	if err = c.ask(call, body); err != nil {
		return call.wrap(c.address.String(), err)
	}
	return nil
}

func (c *Client) ask(call *call, body []byte) error {
	options := c.options()
	err := call.encode(body, options.maxMessage)
	if err == nil {
		err = c.lockBoth(call)
	}
	if err != nil {
		return err
	}
	defer c.unlockBoth()
	if c.question() != nil {
		return fmt.Errorf("%w: the reply to the last question was not fetched; fetch it first, or close the connection to discard it", ErrState)
	}
	c.forgetReplies()
	if err = c.sendFrame(call, body, true); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn == nil || call.cause == ErrClosed {
		return ErrClosed
	}
	c.asked = &question{conn: c.conn}
	if !options.persistent {
		c.conn = nil
	}
	return nil
}

// Fetch waits for the reply to the command that Ask sent, and passes it to deliver. A
// timeout or Cancel loses nothing, nor does an error of deliver that is ErrBuffer: the
// next Fetch continues. After any other error there is no question any more.
func (c *Client) Fetch(timeout time.Duration, deliver ReplyFunc) error {
	call, err := c.begin("fetch", timeout)
	if err != nil {
		return err
	}
	defer c.end(call)
	if err = c.fetch(call, deliver); err != nil {
		return call.wrap(c.address.String(), err)
	}
	return nil
}

func (c *Client) fetch(call *call, deliver ReplyFunc) error {
	if err := c.receiving.lock(call); err != nil {
		return err
	}
	defer c.receiving.unlock()
	q := c.question()
	if q == nil {
		if err := call.ended(); err != nil {
			return err
		}
		return fmt.Errorf("%w: no question was asked whose reply could be fetched; ask first", ErrState)
	}
	err := c.readReply(call, q)
	if errors.Is(err, ErrTimeout) {
		return fmt.Errorf("%w: there is no reply yet; it can still be fetched, but a Python optbayesexpt server never replies to an unknown command", ErrTimeout)
	}
	if isUnfinished(err) {
		return err
	}
	if err == nil {
		err = deliver(q.reply)
		if errors.Is(err, ErrBuffer) {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.asked == q {
		c.asked = nil
	}
	return err
}

// question returns the question whose reply was not fetched, or nil.
func (c *Client) question() *question {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked
}

// awaitedOn reports whether the reply to the question is still awaited on a connection.
// core.mu is held.
func (q *question) awaitedOn(conn *clientConn) bool {
	return q != nil && q.conn == conn && q.reply == nil && q.err == nil
}

// readReply reads the reply to a question, unless it was read before. The caller holds
// receiving.
func (c *Client) readReply(call *call, q *question) error {
	if q.reply == nil && q.err == nil {
		body, err := c.readFrom(call, q.conn, nil)
		if isUnfinished(err) {
			return err
		}
		c.mu.Lock()
		q.reply, q.err = body, err
		isKept := c.conn == q.conn
		c.mu.Unlock()
		if !isKept {
			c.drop(q.conn)
		}
	}
	return q.err
}

// isUnfinished reports whether a failed read can continue.
func isUnfinished(err error) bool {
	return err != nil && (errors.Is(err, ErrTimeout) || errors.Is(err, transport.ErrWoken))
}

// readReplyOnOpen reads the reply to a question that was asked over the open connection,
// so that the next message there is another one. The caller holds receiving.
func (c *Client) readReplyOnOpen(call *call) error {
	q := c.question()
	if q == nil || q.conn != c.openConn() {
		return nil
	}
	err := c.readReply(call, q)
	if isUnfinished(err) {
		return fmt.Errorf("%w; the connection is kept (option persistent), and the reply to the question that was asked before has not arrived", err)
	}
	return err
}

// discardQuestion forgets the question and closes its connection.
func (c *Client) discardQuestion() {
	c.mu.Lock()
	q := c.asked
	c.asked = nil
	c.mu.Unlock()
	if q != nil {
		c.drop(q.conn)
	}
}
