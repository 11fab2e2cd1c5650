package socket

import (
	"fmt"
	"slices"
	"sync/atomic"

	"libobe/internal/thread"
)

// pairing finds the message that Send of a server answers: neither Receive nor Send
// names it.
//
// Each message belongs to the thread that received it. That is right for loops that stay
// on their threads, and for a single loop on any threads as long as it answers every
// message. A single loop that does not is distinguished from several loops by
// observation: its calls are never in flight at the same time.
type pairing struct {
	calls  atomic.Int32 // receiving and sending calls in flight
	shared atomic.Bool  // two of them were in flight at once: there are several loops

	// Guarded by core.mu.
	open  []*Message        // not settled, at most one of each thread
	past  threadTable[past] // the last message of each thread that has none in open
	last  *serverConn       // of the last message that any thread received
	moved bool              // a thread that had no message has sent: a loop changes threads
	lost  int               // dropped messages, whose replies may still come

	single *Message // the last one that ReceiveAfter returned, which is not in open

	// For the property peer, which also counts what Send does not answer: messages that
	// ReceiveMessage or Serve received. Connections are remembered by their ids.
	from   threadTable[uint64] // that of each thread's last message
	latest uint64              // that of the last message of any thread
}

// past is what became of a thread's last message.
type past struct {
	conn   uint64
	name   string // of the peer, for the text of reason
	reason error  // why it cannot be answered; nil if it was answered, or this was reported
}

// passesPerCheck is how often the message of another thread is left open before pairing
// checks again whether that thread has ended, which takes a system call.
const passesPerCheck = 64

var (
	errNothing    = fmt.Errorf("%w: there is no message to answer; receive one first", ErrState)
	errAmbiguous  = fmt.Errorf("%w: several threads receive from this server, and it is not clear which message this answers, so nothing was sent; answer with reply to the received message, or use serve", ErrState)
	errAnswering  = fmt.Errorf("%w: another call is answering this message", ErrState)
	errAnswered   = fmt.Errorf("%w: this message was answered already", ErrState)
	errDropped    = fmt.Errorf("%w: the message was dropped when the next one was received", ErrState)
	errUnanswered = fmt.Errorf("%w: its message was not answered", ErrClosed)
)

// enter begins a call that receives or sends. exit ends it.
func (p *pairing) enter() {
	if p.calls.Add(1) > 1 {
		p.shared.Store(true)
	}
}

func (p *pairing) exit() { p.calls.Add(-1) }

// isSingleLoop reports whether the calls are those of a single loop that changes threads.
func (p *pairing) isSingleLoop() bool { return p.moved && !p.shared.Load() }

// of returns the open message of a thread, or nil.
func (p *pairing) of(t thread.ID) *Message {
	for _, m := range p.open {
		if m.thread == t {
			return m
		}
	}
	return nil
}

// replacedBy returns the messages that are dropped when a thread receives the next one.
func (p *pairing) replacedBy(t thread.ID) (replaced []*Message) {
	for _, m := range p.open {
		if m.thread == t || p.isSingleLoop() || p.checkEnded(m) {
			replaced = append(replaced, m)
		}
	}
	return replaced
}

// checkEnded counts that a message is left open, and reports whether its thread is known
// to have ended, so that it will not be answered.
func (p *pairing) checkEnded(m *Message) bool {
	m.passed++
	return (!p.shared.Load() || m.passed%passesPerCheck == 0) && thread.Ended(m.thread)
}

// received records that a thread has received a message, which replaces its last one.
func (p *pairing) received(t thread.ID, m *Message) {
	p.open = slices.DeleteFunc(p.open, func(previous *Message) bool { return previous.thread == t })
	m.thread, m.paired = t, true
	p.last = m.from
	p.open = append(p.open, m)
}

// left returns how many messages that the next one replaces are from clients that have left.
// It is at most maxThreads: where the system does not tell whether a thread has ended, one after
// the other can leave a message.
func (p *pairing) left() (n int) {
	for _, m := range p.open {
		if m.isLeft() {
			n++
		}
	}
	if p.single != nil && p.single.isLeft() {
		n++
	}
	return min(n, maxThreads)
}

// broken records that the open messages of a connection cannot be answered for a reason.
func (p *pairing) broken(c *serverConn, reason error) {
	for i := len(p.open) - 1; i >= 0; i-- { // settled removes the message
		if m := p.open[i]; m.from == c && m.state == messageOpen {
			p.settled(m, reason)
		}
	}
}

// settled records that a message was answered, or that it cannot be answered for a
// reason.
func (p *pairing) settled(m *Message, reason error) {
	at := slices.Index(p.open, m)
	if at < 0 {
		return
	}
	p.open = slices.Delete(p.open, at, at+1)
	became := past{conn: m.from.id, reason: reason}
	if reason != nil {
		became.name = m.from.conn.RemoteName()
	}
	p.past.set(m.thread, became)
}

// seen records the connection of a message that a thread has received, by whichever
// function.
func (p *pairing) seen(t thread.ID, c *serverConn) {
	p.from.set(t, c.id)
	p.latest = c.id
}

// sender returns the connection of the last message that a thread received, or else of
// the last one that any thread received if there is only one loop. It is nil if that
// connection is closed. core.mu is held.
func (s *Server) sender(t thread.ID) *serverConn {
	p := &s.pairs
	var own *serverConn
	id := p.from.get(t)
	if id != nil {
		own = s.conns.get(*id)
	}
	switch {
	case own != nil && own.unanswered > 0:
		return own // also if another thread has received since
	case !p.shared.Load():
		return s.conns.get(p.latest)
	case id != nil:
		return own
	}
	return s.current(t)
}

// closed records that a thread has closed the connection of its last message.
func (p *pairing) closed(t thread.ID, c *serverConn) {
	if became := p.past.get(t); became != nil {
		became.reason = nil // the caller knows it
	}
	if p.last == c {
		p.last = nil
	}
}

// find returns the message that Send of a thread answers. If all messages are answered,
// it returns the connection to send one more message to. core.mu is held.
func (s *Server) find(t thread.ID) (*Message, *serverConn, error) {
	p := &s.pairs
	shared := p.shared.Load()
	became := p.past.get(t)
	m := p.of(t)
	if m == nil {
		switch {
		case became != nil && became.reason != nil && !p.isSingleLoop():
			// This is reported once. After that the thread has no message.
			err := fmt.Errorf("%s: %w", became.name, became.reason)
			became.reason = nil
			return nil, nil, err
		case len(p.open) == 0:
			c := s.current(t)
			if c == nil || c.closeErr == nil && c.last != nil {
				return nil, nil, errNothing
			}
			return nil, c, nil
		case shared && became != nil:
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
	if m.state == messageReplying {
		return nil, nil, errAnswering
	}
	return m, nil, nil
}

// current returns the connection of a thread's last message, or else of the only open
// one. core.mu is held.
func (s *Server) current(t thread.ID) *serverConn {
	p := &s.pairs
	if m := p.of(t); m != nil {
		return m.from
	}
	if p.shared.Load() {
		if became := p.past.get(t); became != nil {
			return s.conns.get(became.conn)
		}
		if len(p.open) == 1 {
			return p.open[0].from
		}
		return nil
	}
	return p.last
}
