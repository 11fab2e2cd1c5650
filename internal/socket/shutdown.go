package socket

import (
	"time"

	"libobe/internal/thread"
	"libobe/internal/transport"
)

// Close closes the connection of the last message, not the server, and wakes every call
// in flight with ErrClosed. Replies that were handed over are sent first.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	s.interruptAll(ErrClosed)
	t := thread.Current()
	if c := s.current(t); c != nil {
		if c.closeWhenSent = c.outgoing.isRunning(); !c.closeWhenSent {
			s.drop(c, ErrClosed)
		}
		s.pairs.closed(t, c)
	}
	return nil
}

// Cancel wakes every call in flight with ErrCancelled. Calls that start later are not
// affected.
func (s *Server) Cancel() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.interruptAll(ErrCancelled)
	}
}

// interruptAll interrupts the calls in flight, including the leader's poll. core.mu is
// held.
func (s *Server) interruptAll(cause error) {
	s.interrupt(cause)
	if s.turns.led() {
		s.poller.Wake()
	}
}

const (
	// drainTimeout is how long a freed server waits for clients that have received their
	// reply to close first. If this side closed first, the system would keep the port in
	// TIME_WAIT, and a server without SO_REUSEADDR, as in Python, could not listen there.
	drainTimeout = time.Second
	// maxSendTime is the longest time for which a freed server continues to send replies
	// that were handed over. A shorter message_timeout_ms replaces it.
	maxSendTime = 30 * time.Second
)

// Free stops listening at once, closes all connections and wakes every call in flight.
// Replies that were handed over are sent in the background.
func (s *Server) Free() {
	if !s.markClosed() {
		return
	}
	s.poller.Wake()
	s.mu.Lock()
	defer s.mu.Unlock()
	// A leader blocks only in the poll that was just woken.
	s.turns.waitUntilVacant()
	s.poller.RemoveListener(s.listener)
	s.listener.Close()
	for c := range s.conns.all() {
		if !c.outgoing.isRunning() && (c.partial.isRunning() || c.unanswered > 0) {
			s.drop(c, ErrClosed)
		}
	}
	for s.conns.len() > 0 && s.drainReady(transport.NoWait) > 0 {
	}
	if s.conns.len() == 0 {
		s.poller.Close()
		return
	}
	go s.drain()
}

// drainReady closes the connections that become readable, most likely because the client
// has closed, and returns how many there were. On connections with handed over replies it
// continues to send. core.mu is held, and unlocked for the wait.
func (s *Server) drainReady(wait transport.Wait) (closed int) {
	var ready []uint64
	s.unlocked(func() { ready, _ = s.poller.Wait(nil, wait) })
	for _, id := range ready {
		switch c := s.conns.get(id); {
		case c == nil:
		case c.hasUnsent():
			s.sendUnsent(c)
		default:
			s.drop(c, ErrClosed)
			closed++
		}
	}
	return closed
}

// drain waits for the clients of a freed server to read their replies and close.
func (s *Server) drain() {
	defer func() {
		// A panic here must not end the host process.
		_ = recover()
	}()
	s.mu.Lock()
	defer s.mu.Unlock()
	limit := maxSendTime
	if own := s.options().messageTimeout; own >= 0 {
		limit = min(limit, own)
	}
	drainEnd, sendEnd := time.Now().Add(drainTimeout), time.Now().Add(limit)
	for sending := s.outgoing.len(); s.conns.len() > 0; {
		if s.outgoing.len() < sending {
			sending, drainEnd = s.outgoing.len(), time.Now().Add(drainTimeout)
		}
		end := drainEnd
		if sending > 0 {
			end = sendEnd
		}
		if !time.Now().Before(end) {
			break
		}
		s.drainReady(transport.Wait{Deadline: end})
	}
	for c := range s.conns.all() {
		s.drop(c, ErrClosed)
	}
	s.poller.Close()
}
