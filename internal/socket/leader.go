package socket

import (
	"time"

	"libobe/internal/transport"
)

// A server has no thread. The call that leads (see turns) accepts connections and
// reads from all of them until one has sent a complete message, which it returns. What
// it has read of other messages stays with their connections for the next leader.
//
// The lock rule: the leader holds core.mu, except in s.unlocked, which it uses for
// polling, reading, sending and writing the trace. Other calls may then change the
// server's state; in particular, they may drop the connection that is being read. So
// after each s.unlocked the state has to be checked again. What only the leader uses
// (the ready queue, directRead, the frame readers) needs no lock.

// next returns the next message, as a leader or as a follower. The message may be in
// dst, and may be spare, unless that is nil. core.mu is held.
func (s *Server) next(call *call, dst []byte, spare *Message) (*Message, error) {
	for again := false; s.turns.led() && s.kept == nil; again = true {
		if err := s.turns.follow(call, again); err != nil {
			return nil, err
		}
	}
	if m := s.kept; m != nil {
		s.kept = nil
		if !s.turns.led() {
			s.turns.promote()
		}
		return m, nil
	}
	if s.closed {
		return nil, ErrClosed
	}
	s.turns.lead(call)
	s.direct.begin(dst)
	s.direct.spare = spare
	if s.partials.len()+s.outgoing.len() > 0 {
		s.watch.start()
	}
	defer s.stepDown()
	return s.lead(call)
}

// stepDown ends the leader's turn, also after a panic.
func (s *Server) stepDown() {
	s.direct.end()
	s.watch.stop()
	s.turns.stepDown()
}

// unlocked calls f without core.mu. It locks again even if f panics: the panic is
// reported to the caller, and the server stays usable.
func (s *Server) unlocked(f func()) {
	s.mu.Unlock()
	defer s.mu.Lock()
	f()
}

// lead accepts and reads until a message is complete. It checks the deadline between
// two turns of connections, and leaves the rest of the round to the next call. Each
// call gives at least one connection its turn, so that calls with short timeouts
// together make progress. core.mu is held.
func (s *Server) lead(call *call) (*Message, error) {
	for turns := 0; ; {
		if err := call.ended(); err != nil {
			return nil, err
		}
		if s.ready.isEmpty() {
			if err := s.poll(call); err != nil {
				return nil, err
			}
			continue
		}
		if turns++; turns > 1 {
			if err := call.due(); err != nil {
				return nil, err
			}
		}
		id := s.ready.pop()
		c := s.conns.get(id)
		if id == listenerID {
			if c = s.accept(); c != nil {
				s.ready.repeatAccept()
			}
		}
		if c == nil {
			continue
		}
		c.queued = false
		if c.hasUnsent() {
			s.sendUnsent(c)
		} else if m := s.read(call, c); m != nil {
			return m, nil
		}
	}
}

// poll waits until connections are ready and starts a round with them. If there is work
// to do it does not wait, and lead checks the deadline.
func (s *Server) poll(call *call) error {
	wait := transport.Wait{Deadline: call.deadline}
	if call.timeout == 0 || s.ready.hasRequeued() {
		wait = transport.NoWait
	}
	atMost := func(t time.Time) {
		if wait.Deadline.IsZero() || t.Before(wait.Deadline) {
			wait.Deadline = t
		}
	}
	limit := s.options().messageTimeout
	if left, running := s.partials.expire(limit, s.dropSlowSender); running {
		atMost(time.Now().Add(left))
	}
	if left, running := s.outgoing.expire(limit, s.dropSlowReader); running {
		atMost(time.Now().Add(left))
	}
	if !s.acceptPausedUntil.IsZero() {
		atMost(s.acceptPausedUntil)
	}
	ready := s.ready.buffer()
	var err error
	s.polling = true
	s.unlocked(func() { ready, err = s.poller.Wait(ready, wait) })
	s.polling = false
	s.ready.startRound(ready)
	if err != nil {
		return err
	}
	if !s.acceptPausedUntil.IsZero() && time.Now().After(s.acceptPausedUntil) {
		s.resumeAccepting()
	}
	if s.ready.isEmpty() && !call.deadline.IsZero() && !time.Now().Before(call.deadline) {
		return ErrTimeout
	}
	return nil
}

// wakePoll ends the leader's poll, so that it polls again with the changed state.
// core.mu is held.
func (s *Server) wakePoll() {
	if s.polling {
		s.poller.Wake()
	}
}

// startTimer starts a timer of a connection, and the stopwatch if a call leads. The
// stopwatch is started no earlier, since that reads the system's clock. core.mu is held.
func (s *Server) startTimer(q *timers, t *timer, c *serverConn) {
	if s.turns.led() {
		s.watch.start()
	}
	q.start(t, c)
}
