package socket

import (
	"errors"
	"slices"

	"libobe/internal/thread"
)

// The next message of a connection has to wait until the last one is answered or
// dropped, so that replies are sent in the order of their commands. Until then the
// system's buffers hold it. It need not wait for a message that a receiving call is going
// to replace: that one is dropped as soon as the call has a message.

// mustWait reports whether the connection's next message has to wait. core.mu is held.
func (s *Server) mustWait(c *serverConn) bool {
	if c.last == nil || s.options().oneWay {
		return false
	}
	return c.last.state == messageReplying || c.last.state == messageOpen && c.last.replacing == 0
}

// hold stops polling a connection whose next message has to wait. If the stream has ended,
// which must not wait, it returns the reason.
func (s *Server) hold(c *serverConn) (ended error) {
	if c.nextBody != nil || c.buffered() {
		c.deferred = true
	} else if !c.peeked {
		// MSG_PEEK would lose the reason of a reset.
		var b [1]byte
		n, err := c.conn.TryRead(b[:])
		if err != nil && !errors.Is(err, ErrTimeout) {
			return err
		}
		if n > 0 {
			s.counters.bytesReceived.Add(1)
			c.peeked, c.peekedByte, c.deferred = true, b[0], true
		}
	}
	c.held = true
	_ = s.updateInterest(c) // removing an interest does not fail
	return nil
}

// resume ends hold if the next message need not wait any longer. core.mu is held.
func (s *Server) resume(c *serverConn) {
	if c.closeErr != nil || s.mustWait(c) {
		return
	}
	c.held = false
	if s.pollAgain(c) && c.deferred {
		c.deferred = false
		s.requeue(c)
		s.wakePoll()
	}
}

// beginReplacing returns the messages that a receiving call drops when it gets the next
// one: those of its thread, and previous, if not nil. Until endReplacing, the next
// messages of their connections need not wait. core.mu is held.
func (s *Server) beginReplacing(t thread.ID, previous *Message) (replaced []*Message) {
	replaced = s.pairs.replacedBy(t)
	if previous != nil {
		replaced = append(replaced, previous)
	}
	for _, m := range replaced {
		m.replacing++
		s.resume(m.from)
	}
	return replaced
}

// endReplacing ends beginReplacing. core.mu is held.
func (s *Server) endReplacing(replaced []*Message) {
	for _, m := range replaced {
		c := m.from
		if m.replacing--; c.partial.isRunning() && s.mustWait(c) {
			// The part of the next message that was read is not timed while it has to wait.
			// Its next turn starts the timer again.
			s.partials.stop(&c.partial)
			c.deferred = true
		}
	}
}

// replace drops the replaced messages after a message of a connection was received, and
// closes the other connections whose messages were dropped without a reply. core.mu is
// held.
func (s *Server) replace(replaced []*Message, from *serverConn) {
	for _, m := range replaced {
		m.replace()
	}
	if len(s.abandoned) == 0 {
		return
	}
	if s.options().oneWay {
		clear(s.abandoned)
		return
	}
	for c := range s.abandoned {
		if c != from && c.unanswered == 0 && !c.hasUnsent() && c.closeErr == nil {
			s.counters.droppedUnanswered.Add(1)
			s.drop(c, errUnanswered)
		}
	}
}

// settlePaired settles the messages returned by Receive, when the option one_way is set.
// core.mu is held.
func (s *Server) settlePaired() {
	for _, m := range slices.Clone(s.pairs.open) {
		if m.state == messageOpen {
			m.settle(nil)
		}
	}
	for c := range s.conns.all() {
		s.resume(c)
	}
}
