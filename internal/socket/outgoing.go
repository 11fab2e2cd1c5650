package socket

import (
	"fmt"

	"libobe/internal/memory"
	"libobe/internal/transport"
)

// A reply is sent by the call that answers. If the client reads slowly, that call waits
// as long as no other client needs the server. As soon as one does, the rest of the
// reply is copied and handed over to the receiving calls, which send it when the
// connection becomes writable. So a program that answers one client and exits has sent
// its reply, and a client that does not read delays no other client.
//
// The next message of a connection is read after its reply has been sent.

// outbox is what a connection needs to send replies that its peer is slow to read.
type outbox struct {
	spin     transport.Spin // used by the holder of writing
	unsent   unsent         // replies that were handed over; guarded by writing
	reserved int64          // the share of unsent in counters.outgoing; guarded by core.mu
}

// hasUnsent reports whether a reply is still being sent. core.mu is held.
func (c *serverConn) hasUnsent() bool { return c.sending || c.outgoing.isRunning() }

// fits reports whether size more bytes may be handed over.
func (s *Server) fits(size int) bool {
	return s.counters.outgoing.Load()+int64(size) <= s.options().outgoingLimit
}

// handOver copies the rest of a frame for the receiving calls to send. It reports whether
// it did: there may be no room for it. The caller holds c.writing.
func (s *Server) handOver(c *serverConn, f *outgoingFrame) bool {
	size := f.len()
	s.mu.Lock()
	fits := c.closeErr == nil && !s.closed && s.fits(size)
	if fits {
		s.reserve(c, size)
	}
	s.mu.Unlock()
	if !fits {
		return false
	}
	rest, err := memory.Make[byte](0, size)
	if err == nil {
		rest = append(append(rest, f.head...), f.body...)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.closeErr != nil {
		return false
	}
	first := !c.outgoing.isRunning()
	if err == nil {
		s.startTimer(&s.outgoing, &c.outgoing, c)
		c.sending = false
		err = s.updateInterest(c)
	}
	if err != nil {
		if first {
			s.outgoing.stop(&c.outgoing)
		}
		c.sending = true
		s.reserve(c, -size)
		return false
	}
	c.outbox.unsent.add(rest)
	s.wakePoll()
	return true
}

// reserve adds to a connection's share of outgoing_limit. core.mu is held.
func (s *Server) reserve(c *serverConn, n int) {
	c.outbox.reserved += int64(n)
	s.counters.outgoing.Add(int64(n))
}

// flush sends what the system accepts of the unsent replies, for at most one turn. It
// returns ErrTimeout if that is not all. The caller holds c.writing.
func (s *Server) flush(c *serverConn) error {
	unsent := &c.outbox.unsent
	for budget := readQuantum; ; {
		n, err := c.conn.TryWriteFrame(nil, unsent.front(budget))
		s.counters.bytesSent.Add(int64(n))
		budget -= n
		if unsent.advance(n) {
			s.releaseSent(c)
		}
		switch {
		case err == nil && unsent.isEmpty():
			s.endOutgoing(c)
			return nil
		case err == nil && budget == 0:
			return ErrTimeout
		case err != nil && err != ErrTimeout:
			unsent.clear()
			return err
		case err != nil:
			return err
		}
	}
}

// releaseSent releases the part of a connection's share that is no longer used. The
// caller holds c.writing.
func (s *Server) releaseSent(c *serverConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.closeErr == nil {
		s.reserve(c, c.outbox.unsent.memory()-int(c.outbox.reserved))
	}
}

// endOutgoing reads from a connection again after all of its replies were sent.
func (s *Server) endOutgoing(c *serverConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.closeErr != nil || !c.outgoing.isRunning() {
		return
	}
	s.outgoing.stop(&c.outgoing)
	s.conns.touch(c)
	if c.closeWhenSent {
		s.drop(c, ErrClosed)
		return
	}
	s.closeIfDone(c)
	s.resumeReading(c)
}

// sendUnsent is the turn of a connection with unsent replies. core.mu is held, and
// unlocked while sending.
func (s *Server) sendUnsent(c *serverConn) {
	if !c.writing.tryLock() {
		return // the holder of the lock sends them
	}
	defer c.writing.unlock()
	var err error
	s.unlocked(func() { err = s.flush(c) })
	if err != nil && err != ErrTimeout && c.closeErr == nil {
		s.drop(c, fmt.Errorf("%w after an error: %v", ErrPeerClosed, err))
	}
}

// dropSlowReader drops a connection that did not read its replies within
// message_timeout_ms. discardUnsent counts it.
func (s *Server) dropSlowReader(c *serverConn) { s.drop(c, errReplyBroken) }

// discardUnsent discards the unsent replies of a connection that is being closed. core.mu
// is held.
func (s *Server) discardUnsent(c *serverConn) {
	if c.hasUnsent() {
		s.countUnread(c)
	}
	if c.outbox == nil {
		return
	}
	s.outgoing.stop(&c.outgoing)
	s.reserve(c, -int(c.outbox.reserved))
	if c.writing.tryLock() { // the holder of the lock ends with an error
		c.outbox.unsent.clear()
		c.writing.unlock()
	}
}

// countUnread counts a connection whose client did not read a whole reply, once. core.mu
// is held.
func (s *Server) countUnread(c *serverConn) {
	if !c.countedUnread {
		c.countedUnread = true
		s.counters.droppedUnread.Add(1)
	}
}

// resumeReading reads from a connection again after its reply. core.mu is held.
func (s *Server) resumeReading(c *serverConn) {
	if c.closeErr != nil || c.sending || !s.pollAgain(c) {
		return
	}
	if c.watched&transport.Readable != 0 {
		// Its next message may have been read together with the last one.
		s.requeue(c)
		s.wakePoll()
	}
}

// pollAgain updates what the poller waits for, and reports whether it could. Otherwise
// the connection is evicted. core.mu is held.
func (s *Server) pollAgain(c *serverConn) bool {
	err := s.updateInterest(c)
	if err != nil {
		s.counters.evicted.Add(1)
		s.drop(c, fmt.Errorf("%w: %w", ErrClosed, err))
	}
	return err == nil
}
