package socket

import (
	"container/list"
	"fmt"
	"time"

	"libobe/internal/memory"
	"libobe/internal/transport"
)

// A reply is sent by the call that answers. Where the client reads slowly, that call
// waits, as long as no other client needs the server. As soon as one does, the rest
// of the reply is copied and handed over to the calls that receive, which send it on
// when there is room; the poller knows when. So a program that answers one client and
// exits has sent its reply, and a client that does not read delays no other one.
//
// The next message of a connection is read when its reply is out.

// outgoing is what was handed over of the replies to one connection.
type outgoing struct {
	parts [][]byte      // in order; guarded by peer.writing
	place *list.Element // in Server.outgoing; nil: nothing is outgoing. Guarded by base.mu
	size  int64         // what parts count for in counters.outgoing; guarded by base.mu
	began time.Duration // when place was set, in the leaders' time; guarded by base.mu
}

var (
	// errStalled is a reply that its client did not take in time. Its connection is
	// closed.
	errStalled = fmt.Errorf("%w: the client did not take the reply within message_timeout_ms", ErrTimeout)
	// errBrokenOff is what later answers to such a connection are told. A timeout would
	// say that to try again may help.
	errBrokenOff = fmt.Errorf("%w, because the client did not take a whole reply in time", ErrClosed)
)

// sendAtOnce is how much of a reply is written before the call looks at its deadline:
// with less, a message of 64 MB costs a tenth more processor time.
const sendAtOnce = 4 << 20

// transmit sends a frame to p, or hands the rest of it over. It returns how much of
// the frame the system took, which is most often all at once. behind says that bytes
// of earlier replies come first. The caller holds p.writing.
func (s *Server) transmit(call *call, p *peer, head, body []byte, behind bool) (int, error) {
	n := 0
	if !behind {
		// A call that must not wait does not begin what it may have to break off.
		if call.timeout == 0 && !p.conn.Writable() {
			return 0, transport.ErrTimeout
		}
		var err error
		part := body[:min(len(body), sendAtOnce)]
		p.conn.SetWriteWait(transport.NoWait)
		n, err = p.conn.WriteFrame(head, part)
		if err == nil && len(part) == len(body) || err != nil && err != transport.ErrTimeout {
			return n, err
		}
	}
	skip := min(n, len(head))
	more, err := s.transmitRest(call, p, head[skip:], body[n-skip:], behind)
	return n + more, err
}

// transmitRest is transmit for what the system does not take at once.
func (s *Server) transmitRest(call *call, p *peer, head, body []byte, behind bool) (n int, err error) {
	wait, err := s.wait(call)
	if err != nil {
		return 0, err
	}
	limited := false
	if limit := s.options().messageTimeout; limit >= 0 {
		if end := time.Now().Add(limit); wait.Deadline.IsZero() || end.Before(wait.Deadline) {
			wait.Deadline, limited = end, true
		}
	}
	s.mu.Lock()
	p.sending = true
	_ = s.watch(p) // to stop watching does not fail
	s.mu.Unlock()
	defer s.sent(p)

	p.conn.SetWriteWait(transport.NoWait)
	for refused := false; ; {
		if behind {
			err = s.flush(p)
			behind = err != nil
		}
		if !behind {
			part := body[:min(len(body), sendAtOnce)]
			var more int
			more, err = p.conn.WriteFrame(head, part)
			n += more
			skip := min(more, len(head))
			head, body = head[skip:], body[more-skip:]
			if err == nil && len(body) == 0 {
				return n, nil
			}
		}
		if err == nil {
			// The system takes what it is given; the call may have to end all the same.
			if err = call.due(); err == nil {
				continue
			}
			if call.timeout != 0 {
				return n, err
			}
		}
		if err != transport.ErrTimeout {
			return n, err
		}
		fits := !refused && s.fits(len(head)+len(body))
		if fits && (behind || call.timeout == 0) {
			if s.handOver(p, head, body) {
				return n, nil
			}
			refused = true
			continue
		}
		if call.timeout == 0 {
			return n, err
		}
		wait.Yield = nil
		if fits {
			wait.Yield = s.poller
		}
		err = p.conn.WaitWritable(call.looking(wait, &p.spin))
		switch {
		case err == nil:
		case err == transport.ErrYield:
			if s.handOver(p, head, body) {
				return n, nil
			}
			refused = true
		case err == transport.ErrTimeout && limited:
			return n, errStalled
		default:
			return n, err
		}
	}
}

// fits reports whether size more bytes may be handed over.
func (s *Server) fits(size int) bool {
	return s.counters.outgoing.Load()+int64(size) <= s.options().outgoingLimit
}

// handOver copies the rest of a frame for the calls that receive, and reports whether
// there is room for it. The caller holds p.writing.
func (s *Server) handOver(p *peer, head, body []byte) bool {
	size := len(head) + len(body)
	s.mu.Lock()
	fits := p.gone == nil && !s.closed && s.fits(size)
	if fits {
		s.count(p, size)
	}
	s.mu.Unlock()
	if !fits {
		return false
	}
	rest, err := memory.Make[byte](0, size)
	if err == nil {
		rest = append(append(rest, head...), body...)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.gone != nil {
		return false
	}
	first := p.out.place == nil
	if first && err == nil {
		if s.leading && s.since.IsZero() {
			s.since = time.Now()
		}
		p.out.place, p.out.began = s.outgoing.PushBack(p), s.clock()
	}
	if err == nil {
		p.sending = false
		err = s.watch(p)
	}
	if err != nil {
		if first && p.out.place != nil {
			s.outgoing.Remove(p.out.place)
			p.out.place = nil
		}
		p.sending = true
		s.count(p, -size)
		return false
	}
	if size > 0 { // with TLS, the rest may be encrypted already
		p.out.parts = append(p.out.parts, rest)
	}
	s.nudge()
	return true
}

// count adds to what is outgoing to p. base.mu is held.
func (s *Server) count(p *peer, n int) {
	p.out.size += int64(n)
	s.counters.outgoing.Add(int64(n))
}

// flush sends what the system takes of the bytes that are outgoing to p, for one turn
// at most; ErrTimeout if that is not all. The caller holds p.writing.
func (s *Server) flush(p *peer) error {
	p.conn.SetWriteWait(transport.NoWait)
	for budget := turnBudget; ; {
		var part []byte
		if len(p.out.parts) > 0 {
			part = p.out.parts[0][:min(len(p.out.parts[0]), budget)]
		}
		n, err := p.conn.WriteFrame(nil, part)
		s.counters.bytesSent.Add(int64(n))
		budget -= n
		if n > 0 {
			s.passed(p, n)
		}
		switch {
		case err == nil && len(p.out.parts) == 0:
			s.mu.Lock()
			s.drained(p)
			s.mu.Unlock()
			return nil
		case err == nil && budget == 0:
			return transport.ErrTimeout
		case err != nil && err != transport.ErrTimeout:
			p.out.parts = nil
			return err
		case err != nil:
			return err
		}
	}
}

// passed forgets the first n bytes that are outgoing to p. The memory of a part counts
// until its last byte is out.
func (s *Server) passed(p *peer, n int) {
	p.out.parts[0] = p.out.parts[0][n:]
	if len(p.out.parts[0]) > 0 {
		return
	}
	p.out.parts = p.out.parts[1:]
	left := 0
	for _, part := range p.out.parts {
		left += cap(part)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.gone == nil {
		s.count(p, left-int(p.out.size))
	}
}

// drained ends the sending on of replies to p. base.mu is held.
func (s *Server) drained(p *peer) {
	if p.gone != nil || p.out.place == nil {
		return
	}
	s.outgoing.Remove(p.out.place)
	p.out.place = nil
	s.recent.MoveToBack(p.inRecent)
	if p.leaving {
		s.drop(p, ErrClosed)
		return
	}
	s.finish(p)
	s.readOn(p)
}

// sendOn is the turn of a connection whose replies are outgoing. base.mu is held, and
// given up while sending.
func (s *Server) sendOn(p *peer) {
	if !p.writing.try() {
		return // the call that has it sends them first
	}
	defer p.writing.unlock()
	var err error
	s.outside(func() { err = s.flush(p) })
	if err != nil && err != transport.ErrTimeout && p.gone == nil {
		s.drop(p, fmt.Errorf("%w, after it failed: %v", ErrPeerClosed, err))
	}
}

// expireOutgoing drops the connections that take their replies too slowly, and returns
// how long the next one has left. Time counts as in expire.
func (s *Server) expireOutgoing() (left time.Duration, any bool) {
	for {
		oldest := s.outgoing.Front()
		if oldest == nil || s.options().messageTimeout < 0 {
			return 0, false
		}
		p := oldest.Value.(*peer)
		if left = s.options().messageTimeout - (s.clock() - p.out.began); left > 0 {
			return left, true
		}
		s.drop(p, errBrokenOff)
	}
}

// discard forgets what is outgoing to p, whose connection is being closed. base.mu is
// held.
func (s *Server) discard(p *peer) {
	if p.busy() {
		s.countUnread(p)
	}
	if p.out.place != nil {
		s.outgoing.Remove(p.out.place)
		p.out.place = nil
	}
	s.count(p, -int(p.out.size))
	if p.writing.try() { // else the call that has it ends with an error
		p.out.parts = nil
		p.writing.unlock()
	}
}

// countUnread counts a connection whose reply was not taken as a whole, once. base.mu is
// held.
func (s *Server) countUnread(p *peer) {
	if !p.unread {
		p.unread = true
		s.counters.droppedUnread.Add(1)
	}
}

// sent ends the time in which a call waits to send to p.
func (s *Server) sent(p *peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.sending = false
	if p.gone == nil {
		s.readOn(p)
	}
}

// busy reports whether a reply to p is not out yet. base.mu is held.
func (p *peer) busy() bool { return p.sending || p.out.place != nil }

// readOn reads from p again after a reply, when it is out. base.mu is held.
func (s *Server) readOn(p *peer) {
	if p.gone != nil || p.sending {
		return
	}
	if err := s.watch(p); err != nil {
		s.counters.evicted.Add(1)
		s.drop(p, fmt.Errorf("%w: %w", ErrClosed, err))
		return
	}
	if p.watched&transport.Readable != 0 {
		// Its next message may have been read together with the last one.
		s.queue(p)
		s.nudge()
	}
}

// nudge ends the leader's wait, so that it begins one that knows what has changed.
// base.mu is held.
func (s *Server) nudge() {
	if s.polling {
		s.poller.Wake()
	}
}

// watch tells the poller what to wait for on p. base.mu is held.
func (s *Server) watch(p *peer) error {
	want := transport.Readable
	switch {
	case p.sending:
		want = 0
	case p.out.place != nil:
		want = transport.Writable
	case p.held:
		want = 0 // its next message has to wait
	case p.ended:
		want = 0 // it may have closed only its own direction and wait for answers
	case p.conn.Unsent():
		want |= transport.Writable
	}
	if want == p.watched {
		return nil
	}
	err := s.poller.Watch(p.conn, p.id, want)
	if err == nil {
		p.watched = want
	}
	return err
}

// try takes the lock if nothing has it.
func (l *lock) try() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held {
		return false
	}
	l.held = true
	return true
}
