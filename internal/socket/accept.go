package socket

import (
	"errors"
	"fmt"
	"time"

	"libobe/internal/transport"
)

// acceptBackoff is how long accepting is paused when the system has no free descriptor or
// memory.
const acceptBackoff = 100 * time.Millisecond

// accept accepts a connection, if one is waiting. It returns nil if there is none, or it
// was closed at once.
func (s *Server) accept() *serverConn {
	c := &serverConn{watched: transport.Readable}
	conn := &c.conn
	if err := s.listener.Accept(conn); err != nil {
		if errors.Is(err, ErrTimeout) || errors.Is(err, transport.ErrExhausted) && s.evict() {
			return nil
		}
		s.pauseAccepting()
		return nil
	}
	options := s.options()
	if options.allow != nil && s.Addr().IsValid() && !options.allowed(conn.Remote().Addr()) {
		s.counters.droppedNotAllowed.Add(1)
		conn.Close()
		return nil
	}
	s.counters.connectionsOpened.Add(1)
	for s.isFull(options.maxConnections) {
		if !s.evict() {
			s.counters.evicted.Add(1)
			conn.Close()
			return nil
		}
	}
	if options.tls != nil {
		conn.AcceptTLS(options.tls)
	}
	c.id = s.conns.newID()
	if s.poller.Add(conn, c.id) != nil && !(s.evict() && s.poller.Add(conn, c.id) == nil) {
		// The system also limits how many descriptors are polled.
		s.counters.evicted.Add(1)
		s.conns.discard(c.id)
		conn.Close()
		s.pauseAccepting()
		return nil
	}
	s.counters.connectionsOpen.Add(1)
	s.conns.add(c)
	return c
}

// isFull reports whether the limit of connections is reached. A client that has closed its
// side may still wait for the reply to its message. If the loop that received it leaves it
// unanswered, only the next message of another client ends that connection. If such
// connections counted, they could keep out each client that would send it.
func (s *Server) isFull(limit int) bool { return s.conns.len()-s.pairs.left() >= limit }

// evict closes the least recently used connection without a pending reply, and reports
// whether there was one.
func (s *Server) evict() bool {
	c := s.conns.leastRecent(func(c *serverConn) bool { return c.unanswered == 0 && !c.hasUnsent() })
	if c == nil {
		return false
	}
	s.counters.evicted.Add(1)
	s.drop(c, fmt.Errorf("%w to make room for another client", ErrClosed))
	return true
}

func (s *Server) pauseAccepting() {
	s.poller.RemoveListener(s.listener)
	s.acceptPausedUntil = time.Now().Add(acceptBackoff)
}

// resumeAccepting ends a pause. If the system still lacks resources, another pause
// follows.
func (s *Server) resumeAccepting() {
	s.acceptPausedUntil = time.Time{}
	if s.poller.AddListener(s.listener, listenerID) != nil {
		s.acceptPausedUntil = time.Now().Add(acceptBackoff)
	}
}
