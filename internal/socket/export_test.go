package socket

import (
	"net/netip"
	"time"

	"libobe/internal/thread"
	"libobe/internal/transport"
)

// InFlight returns how many calls are in flight, so that a test can wait until
// the calls that it started have begun.
func (c *core) InFlight() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.calls)
}

// PeerEnded reports whether the end of the client's open connection has arrived.
func (c *Client) PeerEnded() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn == nil {
		return false
	}
	_, ended := c.conn.conn.Pending()
	return ended
}

// DrainTimeout is how long a freed server waits for its clients to close.
const DrainTimeout = drainTimeout

// HasMore reports whether the client's open connection has unread data.
func (c *Client) HasMore() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn == nil {
		return false
	}
	data, _ := c.conn.conn.Pending()
	return data || c.conn.frames.InFrame()
}

// ResolveTo replaces the resolution of the client's host name by these addresses.
func (c *Client) ResolveTo(addresses ...netip.AddrPort) {
	c.resolve = func(transport.Wait, <-chan struct{}) ([]netip.AddrPort, error) { return addresses, nil }
}

// RefusedAt returns the error of a client that is refused at these addresses.
func RefusedAt(untilReady bool, addresses ...netip.AddrPort) error {
	var attempts []attempt
	for _, at := range addresses {
		attempts = append(attempts, attempt{at, transport.ErrRefused})
	}
	return (&call{untilReady: untilReady}).withHint(transport.ErrRefused, attempts)
}

// FirstShare is the time of the first attempt to connect to one of several addresses.
const FirstShare = firstShare

// PauseAccepting pauses accepting while the poller keeps the listener, so that it cannot be
// added again until remove is called.
func (s *Server) PauseAccepting() (remove func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.acceptPausedUntil = time.Now()
	return func() { s.poller.RemoveListener(s.listener) }
}

// ThreadID and the following functions are those of package thread.
type ThreadID = thread.ID

var (
	CurrentThread = thread.Current
	ThreadEnded   = thread.Ended
)

// Remembered returns how many open messages, and threads without one, the server
// remembers.
func (s *Server) Remembered() (open, past int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.pairs.open), len(s.pairs.past.all)
}

// MaxPast is how many threads a server remembers at most.
const MaxPast = maxThreads

// RememberedSenders returns for how many threads the server remembers the connection of
// their last message.
func (s *Server) RememberedSenders() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.pairs.from.all)
}

// Held returns how many connections the server does not poll, because their next message
// has to wait.
func (s *Server) Held() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns.all() {
		if c.held {
			n++
		}
	}
	return n
}

// Alive reports whether the server was not freed.
func (s *Server) Alive() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.closed
}

// WithoutSettings calls f while every access to the settings panics, and returns the
// value of the panic.
func (s *Server) WithoutSettings(f func()) (caught any) {
	kept := s.settings.Swap(nil)
	defer func() {
		caught = recover()
		s.settings.Store(kept)
	}()
	f()
	return nil
}

// WhileReading lets the leader call f, without a lock, when it has read a part of a
// message of one of the open connections.
func (s *Server) WhileReading(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns.all() {
		if c.frames == nil {
			c.frames = newReader()
		}
		check := c.frames.Check
		c.frames.Check = func(part []byte, last bool) error {
			f()
			return check(part, last)
		}
	}
}

// Question reports whether the reply to a question is still to be read.
func (c *Client) Question() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked != nil && c.asked.reply == nil && c.asked.err == nil
}

// HoldReplies lets the replies to the open connections wait until release is called. waiting
// returns how many do.
func (s *Server) HoldReplies() (waiting func() int, release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var locks []*lock
	for c := range s.conns.all() {
		if c.writing.tryLock() {
			locks = append(locks, &c.writing)
		}
	}
	waiting = func() (n int) {
		for _, l := range locks {
			if q := l.queue.Load(); q != nil {
				q.mu.Lock()
				n += len(q.waiting)
				q.mu.Unlock()
			}
		}
		return n
	}
	release = func() {
		for _, l := range locks {
			l.unlock()
		}
	}
	return waiting, release
}

// LeftUnanswered returns how many connections their clients have closed, and are open only
// because the loops that received their messages have not answered them.
func (s *Server) LeftUnanswered() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	unanswered := map[*serverConn]int{}
	for _, m := range append([]*Message{s.pairs.single}, s.pairs.open...) {
		if m != nil && m.isLeft() {
			unanswered[m.from]++
		}
	}
	for c, messages := range unanswered {
		if messages == int(c.unanswered) && !c.hasUnsent() {
			n++
		}
	}
	return n
}
