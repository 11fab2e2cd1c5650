package socket

import (
	"container/list"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"libobe/internal/jsondoc"
	"libobe/internal/memory"
	"libobe/internal/trace"
	"libobe/internal/transport"
	"libobe/internal/wire"
)

// serverConn is one connection of a server. core.mu guards its fields unless they say
// otherwise.
type serverConn struct {
	server   *Server
	id       uint64
	conn     *transport.Conn
	recent   *list.Element      // in connTable
	watched  transport.Interest // what the poller waits for
	closeErr error              // why the connection was closed; nil: it is open

	// Reading.
	frames     *wire.Reader // used by the leader alone
	partial    timer        // of a partially received message
	queued     bool         // it is in the ready queue without having been polled
	eof        bool         // the peer has closed its side
	tlsFailed  bool         // the peer is being sent the TLS alert
	progressed bool         // this turn has read something; used by the leader alone
	budget     int          // bytes that may still be read in this turn; used by the leader alone

	// Messages.
	messages   int      // how many were read
	last       *Message // the last of them; nil if it is settled
	unanswered int      // messages that are not settled

	// The next message, which has to wait until the last one is settled; see order.go.
	held     bool   // the connection is not polled, since the next message has to wait
	deferred bool   // a part of the next message was read
	peeked   []byte // what was read to find out whether the peer has closed
	peekErr  error  // what that read failed with; Read returns it
	nextBody []byte // the next message, if all of it was read

	// Writing.
	writing       lock
	writeSpin     transport.Spin // used by the holder of writing
	unsent        unsent         // replies that were handed over; guarded by writing
	outgoing      timer          // runs while unsent is not empty
	reserved      int64          // the share of unsent in counters.outgoing
	sending       bool           // a call waits until the peer reads its reply
	countedUnread bool           // it was counted as one whose reply was not read
	closeWhenSent bool           // to be closed when unsent is empty
}

// readQuantum is how much of one connection is read, or sent to it, before the others
// get their turn.
const readQuantum = 1 << 20

// Read reads available data without waiting, up to the budget of the turn. The turn ends
// early if the leader's call has to end.
func (c *serverConn) Read(b []byte) (int, error) {
	if c.progressed && c.server.turns.leader.due() != nil {
		c.budget = 0
	}
	if c.budget <= 0 {
		return 0, ErrTimeout
	}
	b = b[:min(len(b), c.budget, maxRead)]
	if err := c.peekErr; err != nil {
		c.peekErr = nil
		return 0, err
	}
	n := copy(b, c.peeked)
	c.peeked = c.peeked[n:]
	if n > 0 {
		c.progressed = true
		return n, nil
	}
	n, err := c.conn.Read(b)
	if n > 0 {
		c.progressed = true
		c.server.counters.bytesReceived.Add(int64(n))
		if c.budget -= n; n < len(b) && !c.conn.Secure() {
			c.budget = 0 // the next read would return EAGAIN
		}
	}
	return n, err
}

// read reads what the client has sent and returns a message if one is complete.
func (s *Server) read(call *call, c *serverConn) *Message {
	if s.mustWait(c) && !s.hold(c) {
		return nil
	}
	body, err := c.nextBody, error(nil)
	if c.nextBody = nil; body == nil {
		body, err = s.readFrame(c)
	}
	if c.closeErr != nil {
		return nil
	}
	if c.progressed {
		s.conns.touch(c)
	}
	if c.tlsFailed = c.tlsFailed || c.conn.Secure() && errors.Is(err, transport.ErrTLS); c.tlsFailed {
		s.endFailedTLS(c, err)
		return nil
	}
	// The call that would have replaced the last message may have ended in the meantime.
	mustWait := s.mustWait(c)
	if err == nil || mustWait || !c.frames.InFrame() && !c.conn.Handshaking() {
		s.partials.stop(&c.partial)
	} else {
		s.startTimer(&s.partials, &c.partial)
	}
	switch {
	case err == nil && mustWait:
		c.nextBody, c.deferred = body, true
	case err == nil:
		return s.received(call, c, body)
	case errors.Is(err, ErrTimeout):
		s.readLater(c, mustWait)
	case err == io.EOF, errors.Is(err, wire.ErrIncomplete):
		s.readEOF(c, err)
	default:
		dropCounter(c, err).Add(1)
		s.drop(c, fmt.Errorf("%w after an error: %v", ErrPeerClosed, err))
	}
	return nil
}

// readFrame reads what the client has sent, up to the budget of a turn, and returns the
// body of a frame if one is complete.
func (s *Server) readFrame(c *serverConn) (body []byte, err error) {
	c.budget, c.progressed = readQuantum, false
	c.frames.Limit = s.options().maxMessage
	dst := s.direct.lend(c)
	body, err = s.readSome(c, dst)
	s.direct.reclaim(c)
	if err == nil && len(body) <= len(dst) && c.closeErr == nil && s.mustWait(c) {
		// The message has to wait, and dst belongs to the caller.
		own, err := memory.Make[byte](len(body), len(body))
		copy(own, body)
		return own, err
	}
	return body, err
}

// readSome reads without core.mu, which it locks again even if it panics.
func (s *Server) readSome(c *serverConn, dst []byte) ([]byte, error) {
	s.mu.Unlock()
	defer s.mu.Lock()
	return c.frames.ReadSome(c, dst)
}

// received returns the message with a body that was read.
func (s *Server) received(call *call, c *serverConn, body []byte) *Message {
	s.counters.messagesReceived.Add(1)
	if c.last != nil && c.last.replacing > 0 {
		c.last.replace()
	}
	c.messages++
	m := s.direct.spare
	if m == nil {
		m = new(Message)
	}
	*m = Message{Body: body, server: s, from: c, number: c.messages, buffer: m.buffer}
	c.last = m
	c.unanswered++
	if c.frames.Buffered() || c.conn.Secure() {
		if c.deferred = s.mustWait(c); !c.deferred {
			s.requeue(c)
		}
	}
	if s.options().trace != "" {
		s.unlocked(func() { s.traceMessage(call, "server", trace.Received, c.conn, body) })
	}
	return m
}

// readLater ends a turn without a complete message.
func (s *Server) readLater(c *serverConn, mustWait bool) {
	if c.deferred = mustWait; !mustWait && c.budget <= 0 && c.conn.Secure() {
		s.requeue(c)
	}
	_ = s.updateInterest(c) // TLS may have data to send, such as a part of its handshake
}

// readEOF records that the client has closed its side. The error is io.EOF if that was
// between two messages.
func (s *Server) readEOF(c *serverConn, err error) {
	if err != io.EOF {
		s.counters.droppedIncomplete.Add(1)
		s.partials.stop(&c.partial)
	}
	c.eof = true
	s.closeIfDone(c)
	if c.closeErr == nil {
		_ = s.updateInterest(c)
	}
}

// dropCounters assigns a counter to the errors for which a connection is dropped.
var dropCounters = []struct {
	matches func(error) bool
	counter func(*counters) *atomic.Int64
}{
	{isError(wire.ErrMalformed), func(c *counters) *atomic.Int64 { return &c.droppedMalformed }},
	{isError(wire.ErrTooLarge), func(c *counters) *atomic.Int64 { return &c.droppedTooLarge }},
	{isError(memory.ErrMemory), func(c *counters) *atomic.Int64 { return &c.droppedMemory }},
	{isSyntaxError, func(c *counters) *atomic.Int64 { return &c.droppedJSON }},
}

func isError(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

func isSyntaxError(err error) bool { return errors.As(err, new(*jsondoc.SyntaxError)) }

// dropCounter returns the counter of an error of reading. Any error that is not in the
// table means that the connection broke, inside a message or between two.
func dropCounter(c *serverConn, err error) *atomic.Int64 {
	counters := &c.server.counters
	for _, row := range dropCounters {
		if row.matches(err) {
			return row.counter(counters)
		}
	}
	if c.partial.isRunning() || c.frames.InFrame() {
		return &counters.droppedIncomplete
	}
	return &counters.droppedReset
}

// endFailedTLS keeps a connection whose TLS failed until its peer has read the alert and
// closes, for at most the time of a message.
func (s *Server) endFailedTLS(c *serverConn, err error) {
	if errors.Is(err, transport.ErrTLS) {
		s.counters.droppedTLS.Add(1)
	}
	if c.unanswered > 0 || !errors.Is(err, transport.ErrTLS) && !errors.Is(err, ErrTimeout) {
		s.drop(c, fmt.Errorf("%w after an error: %v", ErrPeerClosed, err))
		return
	}
	s.startTimer(&s.partials, &c.partial)
}

// requeue adds a connection to the next round, unless it is in it. core.mu is held.
func (s *Server) requeue(c *serverConn) {
	if !c.queued {
		c.queued = true
		s.ready.requeue(c.id)
	}
}

// updateInterest updates what the poller waits for on a connection. core.mu is held.
func (s *Server) updateInterest(c *serverConn) error {
	want := transport.Readable
	switch {
	case c.sending:
		want = 0
	case c.outgoing.isRunning():
		want = transport.Writable
	case c.held:
		want = 0 // its next message has to wait
	case c.eof:
		want = 0 // it may have closed only its sending side, and wait for replies
	case c.conn.Unsent():
		want |= transport.Writable
	}
	if want == c.watched {
		return nil
	}
	err := s.poller.Watch(c.conn, c.id, want)
	if err == nil {
		c.watched = want
	}
	return err
}

// closeIfDone closes a connection that the client has closed, if no reply is pending.
func (s *Server) closeIfDone(c *serverConn) {
	if c.eof && c.unanswered == 0 && !c.hasUnsent() {
		s.drop(c, ErrPeerClosed)
	}
}

// dropSlowSender drops a connection whose message took longer than message_timeout_ms.
func (s *Server) dropSlowSender(c *serverConn) {
	if !c.tlsFailed {
		s.counters.droppedTimeout.Add(1)
	}
	s.drop(c, fmt.Errorf("%w: its next message took longer than message_timeout_ms", ErrPeerClosed))
}

// drop closes a connection and removes all references to it. A later reply to it fails
// with the reason. core.mu is held.
func (s *Server) drop(c *serverConn, reason error) {
	if c.closeErr != nil {
		return
	}
	c.closeErr, c.nextBody = reason, nil
	s.conns.remove(c)
	delete(s.abandoned, c)
	s.partials.stop(&c.partial)
	s.discardUnsent(c)
	s.pairs.broken(c, reason)
	// The descriptor stays open while a call sends a reply, and the socket while a forked
	// child holds it. The poller must not wait for it any longer.
	s.poller.Remove(c.conn)
	c.conn.Close()
	s.counters.connectionsOpen.Add(-1)
}
