package socket

import (
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
// otherwise. A server may have many connections, most of them idle: what only a busy one
// needs has its memory elsewhere.
type serverConn struct {
	id           uint64
	conn         transport.Conn
	older, newer *serverConn // in connTable
	closeErr     error       // why the connection was closed; nil: it is open

	// Reading.
	frames  *frameReader // nil: no part of a frame was read; used by the leader alone
	partial timer        // of a partially received message

	// Messages.
	messages int      // how many were read
	last     *Message // the last of them; nil if it is settled
	nextBody *[]byte  // the next message, if it was read and has to wait; see order.go

	// Writing.
	outgoing timer   // runs while replies that were handed over are not sent
	outbox   *outbox // nil: the peer never was slow to read a reply; set with core.mu and writing held
	writing  lock

	// Small fields take the least memory together.
	unanswered    int32              // messages that are not settled
	watched       transport.Interest // what the poller waits for
	queued        bool               // it is in the ready queue without having been polled
	eof           bool               // the peer has closed its side
	tlsFailed     bool               // the peer is being sent the TLS alert
	held          bool               // it is not polled, since the next message has to wait
	deferred      bool               // a part of the next message was read
	peeked        bool               // peekedByte was read to find out whether the peer has closed
	peekedByte    byte
	sending       bool // a call waits until the peer reads its reply
	countedUnread bool // it was counted as one whose reply was not read
	closeWhenSent bool // to be closed when all that was handed over is sent
}

// inFrame reports whether a part of a frame was read. Only the leader uses it.
func (c *serverConn) inFrame() bool { return c.frames != nil && c.frames.InFrame() }

// buffered reports whether a part of the next frame was read with the last one. Only the
// leader uses it.
func (c *serverConn) buffered() bool { return c.frames != nil && c.frames.Buffered() }

// read reads what the client has sent and returns a message if one is complete.
func (s *Server) read(call *call, c *serverConn) *Message {
	var ended error // why the stream has ended, if hold found out
	if s.mustWait(c) {
		if ended = s.hold(c); ended == nil {
			return nil
		}
	}
	var body []byte
	var err error
	if c.nextBody != nil {
		body, c.nextBody = *c.nextBody, nil
	} else {
		body, err = s.readFrame(c, ended)
	}
	if c.closeErr != nil {
		return nil
	}
	if s.source.progressed {
		s.conns.touch(c)
	}
	if c.tlsFailed = c.tlsFailed || c.conn.Secure() && errors.Is(err, transport.ErrTLS); c.tlsFailed {
		s.endFailedTLS(c, err)
		return nil
	}
	// The call that would have replaced the last message may have ended in the meantime.
	mustWait := s.mustWait(c)
	if err == nil || mustWait || !c.inFrame() && !c.conn.Handshaking() {
		s.partials.stop(&c.partial)
	} else {
		s.startTimer(&s.partials, &c.partial, c)
	}
	switch {
	case err == nil && mustWait:
		next := body // only this copy is on the heap
		c.nextBody, c.deferred = &next, true
	case err == nil:
		return s.received(call, c, body)
	case errors.Is(err, ErrTimeout):
		s.readLater(c, mustWait)
	case err == io.EOF, errors.Is(err, wire.ErrIncomplete):
		s.readEOF(c, err)
	default:
		s.dropCounter(c, err).Add(1)
		s.drop(c, fmt.Errorf("%w after an error: %v", ErrPeerClosed, err))
	}
	return nil
}

// readFrame reads what the client has sent, up to the budget of a turn, and returns the
// body of a frame if one is complete. ended, if not nil, is why there is nothing more to read.
func (s *Server) readFrame(c *serverConn, ended error) (body []byte, err error) {
	s.source.begin(c, ended)
	if c.frames == nil {
		c.frames = s.takeReader()
	}
	c.frames.Limit = s.options().maxMessage
	dst := s.direct.lend(c)
	body, err = s.readSome(c, dst)
	s.source.conn = nil
	s.direct.reclaim(c)
	if c.frames.isIdle() {
		s.reader, c.frames = c.frames, nil
	}
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
	return c.frames.ReadSome(&s.source, dst)
}

// takeReader returns a reader for a connection without one.
func (s *Server) takeReader() *frameReader {
	r := s.reader
	if s.reader = nil; r == nil {
		r = newReader()
	}
	return r
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
	if c.buffered() || c.conn.Secure() {
		if c.deferred = s.mustWait(c); !c.deferred {
			s.requeue(c)
		}
	}
	if s.options().trace != "" {
		s.unlocked(func() { s.traceMessage(call, "server", trace.Received, &c.conn, body) })
	}
	return m
}

// readLater ends a turn without a complete message.
func (s *Server) readLater(c *serverConn, mustWait bool) {
	if c.deferred = mustWait; !mustWait && s.source.budget <= 0 && c.conn.Secure() {
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
func (s *Server) dropCounter(c *serverConn, err error) *atomic.Int64 {
	counters := &s.counters
	for _, row := range dropCounters {
		if row.matches(err) {
			return row.counter(counters)
		}
	}
	if c.partial.isRunning() || c.inFrame() {
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
	s.startTimer(&s.partials, &c.partial, c)
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
	err := s.poller.Watch(&c.conn, c.id, want)
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
	s.poller.Remove(&c.conn)
	c.conn.Close()
	s.counters.connectionsOpen.Add(-1)
}
