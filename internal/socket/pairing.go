package socket

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"libobe/internal/thread"
	"libobe/internal/transport"
)

// pairing connects Send of a server with Receive: neither names the message that
// is answered.
//
// Each message belongs to the thread that received it. That is right for loops
// that stay on their threads, and for one loop on any threads as long as it answers
// every message. One loop that does not is told from several by what was seen so far:
// calls of one loop are never in flight at the same time.
type pairing struct {
	calls  atomic.Int32 // receiving and sending calls in flight
	shared atomic.Bool  // two of them were in flight at once: this is not one loop

	// Guarded by base.mu.
	open  []*Message         // unanswered ones, at most one of each thread
	past  map[thread.ID]past // what became of the last one of a thread that has none in open
	last  *Message           // the last one that any thread received
	moved bool               // a thread sent that had no message: a loop changes threads
	lost  int                // messages given up, whose answers may still come
}

// past is what became of a thread's last message.
type past struct {
	peer uint64
	name string // of the peer, for the text of why
	why  error  // it cannot be answered any more; nil if it was answered, or this was said
}

// maxPast is how many threads are remembered that have no message to answer.
const maxPast = 1024

// passes is how often a message of another thread is passed over before its thread
// is looked at again; that is a system call.
const passes = 64

var (
	errNothing   = fmt.Errorf("%w: there is no message to answer; receive one first", ErrState)
	errAmbiguous = fmt.Errorf("%w: several threads receive from this server, and it is not clear whose message this answers, so nothing was sent; use obe_receive_message with obe_reply, or obe_serve", ErrState)
	errAnswering = fmt.Errorf("%w: another call is answering this message", ErrState)
	errAnswered  = fmt.Errorf("%w: this message is answered already", ErrState)
	errGivenUp   = fmt.Errorf("%w: the message was given up when the next one was received", ErrState)
)

// enter begins a call that receives or sends; exit ends it.
func (p *pairing) enter() {
	if p.calls.Add(1) > 1 {
		p.shared.Store(true)
	}
}

func (p *pairing) exit() { p.calls.Add(-1) }

// oneLoop reports whether the calls are those of one loop that changes threads.
func (p *pairing) oneLoop() bool { return p.moved && !p.shared.Load() }

// of returns the message that a thread has to answer, nil if there is none.
func (p *pairing) of(t thread.ID) *Message {
	for _, m := range p.open {
		if m.thread == t {
			return m
		}
	}
	return nil
}

// yielding returns the messages that a thread gives up when it takes the next one.
func (p *pairing) yielding(t thread.ID) (given []*Message) {
	for _, m := range p.open {
		if m.thread == t || p.oneLoop() || p.ended(m) {
			given = append(given, m)
		}
	}
	return given
}

// ended reports whether the thread of a message has ended, so that it will not be
// answered.
func (p *pairing) ended(m *Message) bool {
	m.passed++
	return (!p.shared.Load() || m.passed%passes == 0) && thread.Ended(m.thread)
}

// take notes that a thread has received a message. What it had to answer before was
// given up.
func (p *pairing) take(t thread.ID, m *Message) {
	p.open = slices.DeleteFunc(p.open, func(before *Message) bool { return before.thread == t })
	m.thread, m.paired = t, true
	p.last = m
	p.open = append(p.open, m)
}

// retire notes that a message is not to be answered any more: because it was, or
// else because of why.
func (p *pairing) retire(m *Message, why error) {
	at := slices.Index(p.open, m)
	if at < 0 {
		return
	}
	p.open = slices.Delete(p.open, at, at+1)
	became := past{peer: m.from.id, why: why}
	if why != nil {
		became.name = m.from.conn.RemoteName()
	}
	if len(p.past) >= maxPast {
		p.forgetOne(m.thread)
	}
	p.past[m.thread] = became
}

// forgetOne makes room in past for a thread.
func (p *pairing) forgetOne(t thread.ID) {
	if _, known := p.past[t]; known {
		return
	}
	for id := range p.past {
		delete(p.past, id)
		return
	}
}

// waits reports whether the connection's next message has to wait: until the one
// before is answered or given up, so that replies leave in the order of their
// commands. base.mu is held.
func (s *Server) waits(p *peer) bool {
	if p.last == nil || s.options().oneWay {
		return false
	}
	return p.last.state == replying || p.last.state == open && p.last.yields == 0
}

// hold stops reading from a connection whose message has to wait. The system's
// buffers hold what it sends; only its end is of interest now, and hold reports
// whether that has come.
func (s *Server) hold(p *peer) (ended bool) {
	if p.early != nil || p.frames.Buffered() {
		p.deferred = true
	} else if len(p.peeked) == 0 {
		// To look without taking would lose the reason of a reset.
		b := make([]byte, 1)
		n, err := p.conn.Read(b)
		if n == 0 && !errors.Is(err, transport.ErrTimeout) {
			p.failed = err
			return true
		}
		if n > 0 {
			s.counters.bytesReceived.Add(1)
			p.peeked, p.deferred = b, true
		}
	}
	p.held = true
	_ = s.watch(p) // to stop watching does not fail
	return false
}

// resume reads on from a connection whose message had to wait. base.mu is held.
func (s *Server) resume(p *peer) {
	if p.gone != nil || s.waits(p) {
		return
	}
	p.held = false
	if err := s.watch(p); err != nil {
		s.counters.evicted.Add(1)
		s.drop(p, fmt.Errorf("%w: %w", ErrClosed, err))
		return
	}
	if p.deferred {
		p.deferred = false
		s.queue(p)
		s.nudge()
	}
}

// yield lets the connections of messages bring their next one, for a call that gives
// these up as soon as it receives one. base.mu is held.
func (s *Server) yield(t thread.ID, before *Message) (given []*Message) {
	given = s.pairs.yielding(t)
	if before != nil {
		given = append(given, before)
	}
	for _, m := range given {
		m.yields++
		s.resume(m.from)
	}
	return given
}

// unyield ends that. base.mu is held.
func (s *Server) unyield(given []*Message) {
	for _, m := range given {
		p := m.from
		if m.yields--; p.inMidway != nil && s.waits(p) {
			// What has come of the next message is not timed while it has to wait; its
			// next turn times it again.
			s.notMidway(p)
			p.deferred = true
		}
	}
}

// owesNothing gives up what Receive took, for the option one_way. base.mu is held.
func (s *Server) owesNothing() {
	for _, m := range slices.Clone(s.pairs.open) {
		if m.state == open {
			m.settle(nil)
		}
	}
	for _, p := range s.peers {
		s.resume(p)
	}
}

// find returns the message that Send of a thread answers. Without an unanswered one
// it is the connection that one more message is sent to. base.mu is held.
func (s *Server) find(t thread.ID) (*Message, *peer, error) {
	p := &s.pairs
	shared := p.shared.Load()
	became, known := p.past[t]
	m := p.of(t)
	if m == nil {
		switch {
		case became.why != nil && !p.oneLoop():
			// This is said once. After that the thread has no message.
			err := fmt.Errorf("%s: %w", became.name, became.why)
			became.why = nil
			p.past[t] = became
			return nil, nil, err
		case len(p.open) == 0:
			again := s.current(t)
			if again == nil || again.gone == nil && again.last != nil {
				return nil, nil, errNothing
			}
			return nil, again, nil
		case shared && known:
			return nil, nil, errAmbiguous
		case len(p.open) > 1:
			p.moved = true
			return nil, nil, errAmbiguous
		case shared && p.lost > 0:
			p.lost--
			return nil, nil, errAmbiguous
		}
		p.moved = true
		m = p.open[0]
	}
	if m.state == replying {
		return nil, nil, errAnswering
	}
	return m, nil, nil
}

// current returns the connection of the last message, for a thread: its own, or else
// the only unanswered one. base.mu is held.
func (s *Server) current(t thread.ID) *peer {
	p := &s.pairs
	if m := p.of(t); m != nil {
		return m.from
	}
	if p.shared.Load() {
		if became, known := p.past[t]; known {
			return s.peers[became.peer]
		}
		if len(p.open) == 1 {
			return p.open[0].from
		}
		return nil
	}
	if p.last == nil {
		return nil
	}
	return p.last.from
}
