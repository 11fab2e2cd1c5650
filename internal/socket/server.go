package socket

import (
	"container/list"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"sync"
	"time"

	"libobe/internal/jsondoc"
	"libobe/internal/memory"
	"libobe/internal/trace"
	"libobe/internal/transport"
	"libobe/internal/wire"
)

// Server is the designer's side: it serves any number of clients, each of which
// may send any number of messages over its connection.
//
// There is no thread behind it. A call that receives does the accepting and
// reading itself, for all connections; it is the leader. Calls that receive at
// the same time follow, and one of them leads when the leader has its message.
// While nobody receives, the system's own buffers hold what clients send.
//
// A connection is closed when its peer has closed it, and first by this side
// only where the peer misbehaves, must give way, or gets no answer.
type Server struct {
	base
	listener *transport.Listener
	poller   *transport.Poller

	// Guarded by base.mu, which a leader gives up while it waits or reads.
	leading   bool
	left      sync.Cond // the leader has left
	followers []*call
	peers     map[uint64]*peer
	lastID    uint64
	recent    list.List          // of *peer, the one idle longest first
	midway    list.List          // of *peer with a message that has begun, oldest first
	kept      *Message           // received whole, but too large for the caller's buffer
	current   *peer              // who sent the last message that Receive took
	forsaken  map[*peer]struct{} // whose message was dropped without an answer
	rested    time.Time          // not zero: the listener rests till then, for want of descriptors

	// Of the leader alone.
	ready []uint64 // connections to look at; ready[:seen] are done
	seen  int
	came  int           // connections accepted since ready was filled
	again []uint64      // those of which more than one message was read at once
	dst   []byte        // the caller's memory for a message
	into  *peer         // whose message under way lies in dst
	led   time.Duration // how long earlier leaders have led while a message was midway
	since time.Time     // since when this one does; zero if none was yet
}

// peer is one connection of a server. Its frames are the leader's; its other
// fields are guarded by base.mu.
type peer struct {
	server   *Server
	id       uint64
	conn     *transport.Conn
	frames   *wire.Reader
	writing  lock
	spin     transport.Spin // of who holds writing
	inRecent *list.Element
	inMidway *list.Element
	began    time.Duration // when the message under way began, in the leaders' time
	owed     int           // messages that Receive took and nobody answered
	held     int           // messages in the hands of callers, or kept
	writers  int
	refused  bool  // its TLS failed, which it is being told
	ended    bool  // the peer has closed its side
	gone     error // why the connection is closed

	budget int // bytes that may still be read in this turn
	moved  bool
}

// turnBudget is how much of one connection is read before the others have
// their turn.
const turnBudget = 1 << 20

// Read reads what is there without waiting, within the budget of a turn.
func (p *peer) Read(b []byte) (int, error) {
	if p.budget <= 0 {
		return 0, transport.ErrTimeout
	}
	n, err := p.conn.Read(b)
	if n > 0 {
		p.moved = true
		p.server.counters.bytesReceived.Add(int64(n))
		if p.budget -= n; n < len(b) && !p.conn.Secure() {
			p.budget = 0 // it was all there is: the next read would be in vain
		}
	}
	return n, err
}

// Message is a message that a server received. It must be answered with Reply
// or dropped with Drop.
type Message struct {
	Body   []byte
	server *Server
	from   *peer
	state  messageState // guarded by base.mu
	given  bool         // dropped while a reply was under way; guarded by base.mu
}

type messageState int

const (
	open messageState = iota
	replying
	closed // answered or dropped
)

const listenerID = 1

// NewServer binds and listens at host and port; port 0 lets the system choose.
// Clients can connect from then on.
func NewServer(host string, port int) (*Server, error) {
	address, err := transport.ParseAddress(host, port)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrArgument, err)
	}
	s := &Server{peers: map[uint64]*peer{}, forsaken: map[*peer]struct{}{}, lastID: listenerID}
	s.settings.Store(defaults(RoleServer))
	s.configure = transport.Identity.Server
	s.left.L = &s.mu
	if err := s.listen(address); err != nil {
		return nil, fmt.Errorf("listen at %s: %w", address, err)
	}
	return s, nil
}

// lookUp is how long a server's name may take to be found: its call has no timeout
// of the caller's.
const lookUp = 10 * time.Second

func (s *Server) listen(address transport.Address) error {
	addresses, err := address.Resolve(transport.Wait{Deadline: time.Now().Add(lookUp)}, nil)
	if err != nil {
		return err
	}
	for _, at := range addresses {
		if s.listener, err = address.Listen(at, s.options().tuning()); err == nil {
			break
		}
	}
	if errors.Is(err, transport.ErrInUse) {
		err = fmt.Errorf("%w (another server runs there, or the system has the port for a connection; port 0 lets it choose a free one)", err)
	}
	if errors.Is(err, transport.ErrUnreachable) {
		err = fmt.Errorf("%w (this machine has no such address)", err)
	}
	if err != nil {
		return err
	}
	if s.poller, err = transport.NewPoller(); err != nil {
		s.listener.Close()
		return err
	}
	if err = s.poller.AddListener(s.listener, listenerID); err == nil {
		// So that a server out of descriptors can still answer.
		err = s.addWaker()
	}
	if err != nil {
		s.listener.Close()
		s.poller.Close()
	}
	return err
}

// Name returns the address that the server listens at, as text.
func (s *Server) Name() string { return s.listener.Name() }

// Addr returns the address that the server listens at; that of a Unix-domain
// socket is the zero one.
func (s *Server) Addr() netip.AddrPort { return s.listener.Addr() }

// Receive waits for the next message of any client, puts it into dst and
// returns its length; Send answers it. If it does not fit, the error is a
// *BufferError with the length, and the next Receive gives the same message.
func (s *Server) Receive(dst []byte, timeout time.Duration) (int, error) {
	call, err := s.begin("receive", timeout)
	if err != nil {
		return 0, err
	}
	defer s.end(call)
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.next(call, dst)
	if err == nil && len(m.Body) > len(dst) {
		kept := m
		s.kept = &kept
		err = &BufferError{len(m.Body)}
	}
	if err != nil {
		return 0, call.explain(s.Name(), err)
	}
	s.taken(m.from)
	m.from.held--
	m.from.owed++
	s.current = m.from
	place(dst, m.Body)
	return len(m.Body), nil
}

// ReceiveMessage waits for the next message of any client. The message carries
// its connection, so that several can be worked on at once.
func (s *Server) ReceiveMessage(timeout time.Duration) (*Message, error) {
	call, err := s.begin("receive", timeout)
	if err != nil {
		return nil, err
	}
	defer s.end(call)
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.next(call, nil)
	if err != nil {
		return nil, call.explain(s.Name(), err)
	}
	s.taken(m.from)
	return &m, nil
}

// Serve takes messages and calls handler with each, on the caller's goroutine
// and with no lock held, until handler returns an error, which Serve then
// returns, or Cancel, Close or Free end it. A message that handler leaves
// unanswered is dropped. Several goroutines may serve at once.
func (s *Server) Serve(handler func(*Message) error) error {
	call, err := s.begin("serve", Forever)
	if err != nil {
		return err
	}
	defer s.end(call)
	for {
		s.mu.Lock()
		m, err := s.next(call, nil)
		if err == nil {
			s.taken(m.from)
		}
		s.mu.Unlock()
		if err != nil {
			return call.explain(s.Name(), err)
		}
		if err = s.handle(&m, handler); err != nil {
			return err
		}
		if err = call.ended(); err != nil {
			return call.explain(s.Name(), err)
		}
		if s.options().trace != "" {
			call.began = time.Now()
		}
	}
}

// handle calls handler; the message is dropped even if that panics.
func (s *Server) handle(m *Message, handler func(*Message) error) error {
	defer m.Drop()
	return handler(m)
}

// Send answers the client whose message Receive took last.
func (s *Server) Send(body []byte, timeout time.Duration) error {
	call, err := s.begin("send", timeout)
	if err != nil {
		return err
	}
	defer s.end(call)
	s.mu.Lock()
	p := s.current
	s.mu.Unlock()
	if p == nil {
		return call.explain(s.Name(), fmt.Errorf("%w: there is no message to answer; receive one first", ErrState))
	}
	return s.answer(call, p, body, nil)
}

// Reply answers the message, from any goroutine. A message is answered once; a
// reply that failed may be tried again.
func (m *Message) Reply(body []byte, timeout time.Duration) error {
	s := m.server
	call, err := s.begin("reply", timeout)
	if err != nil {
		return err
	}
	defer s.end(call)
	s.mu.Lock()
	free := m.state == open
	if free {
		m.state = replying
	}
	s.mu.Unlock()
	if !free {
		return call.explain(m.from.conn.RemoteName(), fmt.Errorf("%w: this message is answered already", ErrState))
	}
	if err = s.answer(call, m.from, body, m); err != nil {
		s.mu.Lock()
		m.state = open
		if m.given {
			m.forsake()
		}
		s.mu.Unlock()
	}
	return err
}

// Drop gives the message up. If it was not answered, its connection is closed
// when a message from another one is taken (unless the option one_way is set),
// so that no client waits for an answer that will not come. A reply that is under
// way goes on.
func (m *Message) Drop() {
	m.server.mu.Lock()
	defer m.server.mu.Unlock()
	switch m.state {
	case replying:
		m.given = true
	case open:
		m.forsake()
	}
}

// forsake gives up the claim to an answer. base.mu is held.
func (m *Message) forsake() {
	m.state = closed
	m.from.held--
	if m.from.gone == nil {
		m.server.forsaken[m.from] = struct{}{}
		m.server.finish(m.from)
	}
}

// answer sends p the reply to m, or to the message that Receive took if m is nil.
func (s *Server) answer(call *call, p *peer, body []byte, m *Message) error {
	head, err := call.encode(body, s.options().maxMessage)
	if err == nil {
		if err = p.writing.lock(call); err == nil {
			err = s.write(call, p, head, body, m)
			p.writing.unlock()
		}
	}
	if err != nil {
		return call.explain(p.conn.RemoteName(), err)
	}
	return nil
}

// write sends a frame to p and notes that its message is answered.
func (s *Server) write(call *call, p *peer, head, body []byte, m *Message) error {
	s.mu.Lock()
	gone := p.gone
	if gone == nil {
		p.writers++
	}
	s.mu.Unlock()
	if gone != nil {
		return gone
	}
	n, err := s.transmit(call, p, head, body)
	s.counters.bytesSent.Add(int64(n))
	if err == nil && s.options().trace != "" {
		s.note(call, "server", trace.Sent, p.conn.RemoteName(), body)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p.writers--
	if err != nil && p.gone != nil {
		return p.gone
	}
	if err != nil {
		if n > 0 || err != transport.ErrTimeout && err != transport.ErrWoken {
			s.drop(p, err)
		}
		return err
	}
	s.counters.messagesSent.Add(1)
	if m != nil {
		m.state = closed
		p.held--
	} else {
		p.owed = max(p.owed-1, 0)
	}
	if p.gone == nil {
		s.recent.MoveToBack(p.inRecent)
		s.finish(p)
	}
	return nil
}

// errStalled is a reply that its client did not take in time. That client is
// given up: it must not hold up the server.
var errStalled = fmt.Errorf("%w: the client did not take the reply within message_timeout_ms", ErrTimeout)

// transmit sends a frame to p and returns how much of it the system took, which is
// most often all at once.
func (s *Server) transmit(call *call, p *peer, head, body []byte) (int, error) {
	// A call that must not wait does not begin what it may have to break off.
	if call.timeout == 0 && !p.conn.Writable() {
		return 0, transport.ErrTimeout
	}
	p.conn.SetWriteWait(transport.NoWait)
	n, err := p.conn.WriteFrame(head, body)
	if err != transport.ErrTimeout || call.timeout == 0 {
		return n, err
	}
	wait, err := s.wait(call)
	if err != nil {
		return n, err
	}
	limited := false
	if limit := s.options().messageTimeout; limit >= 0 {
		if end := time.Now().Add(limit); wait.Deadline.IsZero() || end.Before(wait.Deadline) {
			wait.Deadline, limited = end, true
		}
	}
	p.conn.SetWriteWait(call.looking(wait, &p.spin))
	skip := min(n, len(head))
	more, err := p.conn.WriteFrame(head[skip:], body[n-skip:])
	if err == transport.ErrTimeout && limited {
		err = errStalled
	}
	return n + more, err
}

// next returns the next message, as leader or as follower. It may lie in dst.
// base.mu is held.
func (s *Server) next(call *call, dst []byte) (Message, error) {
	for s.leading && s.kept == nil {
		s.followers = append(s.followers, call)
		var err error
		s.outside(func() { err = call.park(call.turn) })
		if err != nil {
			if !s.unfollow(call) {
				// It was called to lead in the same moment: pass that on.
				<-call.turn
				s.promote()
			}
			return Message{}, err
		}
	}
	if m := s.kept; m != nil {
		s.kept = nil
		if !s.leading {
			s.promote()
		}
		return *m, nil
	}
	if s.closed {
		return Message{}, ErrClosed
	}
	s.leading, s.dst = true, dst
	if s.midway.Len() > 0 {
		s.since = time.Now()
	}
	defer s.leave()
	return s.lead(call)
}

// leave ends the leading, however it ended, and calls the next one to lead.
func (s *Server) leave() {
	if s.into != nil {
		s.into.frames.Detach()
	}
	s.dst, s.into = nil, nil
	s.led, s.since = s.clock(), time.Time{}
	s.leading = false
	s.left.Broadcast()
	s.promote()
}

// outside calls f while base.mu is given up, and has it again even if f panics:
// the fault is then told to the caller and leaves the server in order.
func (s *Server) outside(f func()) {
	s.mu.Unlock()
	defer s.mu.Lock()
	f()
}

// promote calls a follower to lead, if there is one.
func (s *Server) promote() {
	if len(s.followers) > 0 {
		call := s.followers[0]
		s.followers = s.followers[1:]
		call.turn <- struct{}{}
	}
}

// unfollow reports whether call was still following.
func (s *Server) unfollow(call *call) bool {
	for i, f := range s.followers {
		if f == call {
			s.followers = append(s.followers[:i], s.followers[i+1:]...)
			return true
		}
	}
	return false
}

// lead accepts and reads until a message is complete. base.mu is held, and given
// up while waiting and reading.
func (s *Server) lead(call *call) (Message, error) {
	for {
		if s.seen == len(s.ready) {
			if err := call.ended(); err != nil {
				return Message{}, err
			}
			if err := s.await(call); err != nil {
				return Message{}, err
			}
			continue
		}
		id := s.ready[s.seen]
		s.seen++
		p := s.peers[id]
		if id == listenerID {
			p = s.accept()
			// Where others have something to say too, clients that wait to be accepted
			// must not have to wait for all of these each.
			if s.came++; p != nil && len(s.ready) > 1 && s.came < maxCame {
				s.seen--
			}
		}
		if p != nil {
			if body, ok := s.read(call, p); ok {
				return Message{Body: body, server: s, from: p}, nil
			}
		}
	}
}

const (
	// maxCame is how many connections are accepted before those that are there have
	// their turn again.
	maxCame = 64
	// pause is how long a listener rests that finds no free descriptor.
	pause = 100 * time.Millisecond
	// pollLimit ends a call with timeout 0 that finds ever more to read and no
	// message.
	pollLimit = 10 * time.Millisecond
)

// await fills ready with what has something to say.
func (s *Server) await(call *call) error {
	wait, limit := transport.Wait{Deadline: call.deadline}, call.deadline
	if call.timeout == 0 {
		limit = limit.Add(pollLimit)
	}
	if call.timeout == 0 || len(s.again) > 0 {
		wait = transport.NoWait
	}
	earlier := func(t time.Time) {
		if wait.Deadline.IsZero() || t.Before(wait.Deadline) {
			wait.Deadline = t
		}
	}
	if left, any := s.expire(); any {
		earlier(time.Now().Add(left))
	}
	if !s.rested.IsZero() {
		earlier(s.rested)
	}
	ready := s.ready[:0]
	var err error
	s.outside(func() { ready, err = s.poller.Wait(ready, wait) })
	// Whoever has said something since comes before those who said more.
	s.ready, s.seen, s.came = append(ready, s.again...), 0, 0
	s.again = s.again[:0]
	if err != nil {
		return err
	}
	if !s.rested.IsZero() && time.Now().After(s.rested) && s.poller.AddListener(s.listener, listenerID) == nil {
		s.rested = time.Time{}
	}
	if len(s.ready) == 0 {
		limit = call.deadline
	}
	if !limit.IsZero() && !time.Now().Before(limit) {
		return transport.ErrTimeout
	}
	return nil
}

// expire drops the connections whose message takes too long, and returns how
// long the next one has left. Only the time in which somebody receives counts:
// a client is not to blame for a server that is busy elsewhere.
func (s *Server) expire() (left time.Duration, any bool) {
	for {
		oldest := s.midway.Front()
		if oldest == nil || s.options().messageTimeout < 0 {
			return 0, false
		}
		p := oldest.Value.(*peer)
		if left = s.options().messageTimeout - (s.clock() - p.began); left > 0 {
			return left, true
		}
		if !p.refused {
			s.counters.droppedTimeout.Add(1)
		}
		s.drop(p, fmt.Errorf("%w: its next message took longer than message_timeout_ms", ErrPeerClosed))
	}
}

// clock is the time in which somebody led while a message was midway.
func (s *Server) clock() time.Duration {
	if s.since.IsZero() {
		return s.led
	}
	return s.led + time.Since(s.since)
}

// accept takes a new connection, if there is one.
func (s *Server) accept() *peer {
	conn, err := s.listener.Accept()
	if err != nil {
		if errors.Is(err, transport.ErrTimeout) || errors.Is(err, transport.ErrExhausted) && s.evict() {
			return nil
		}
		s.poller.RemoveListener(s.listener)
		s.rested = time.Now().Add(pause)
		return nil
	}
	options := s.options()
	if options.allow != nil && s.Addr().IsValid() && !options.allowed(conn.Remote().Addr()) {
		s.counters.droppedNotAllowed.Add(1)
		conn.Close()
		return nil
	}
	s.counters.connectionsOpened.Add(1)
	for len(s.peers) >= options.maxConnections {
		if !s.evict() {
			s.counters.evicted.Add(1)
			conn.Close()
			return nil
		}
	}
	conn.SetReadWait(transport.NoWait)
	if options.tls != nil {
		conn.AcceptTLS(options.tls)
	}
	s.lastID++
	p := &peer{server: s, id: s.lastID, conn: conn, frames: frames()}
	if err := s.poller.Add(conn, p.id); err != nil {
		conn.Close()
		return nil
	}
	s.counters.connectionsOpen.Add(1)
	s.peers[p.id] = p
	p.inRecent = s.recent.PushBack(p)
	return p
}

// evict closes the connection that is idle longest and owes nothing to anybody.
func (s *Server) evict() bool {
	for e := s.recent.Front(); e != nil; e = e.Next() {
		if p := e.Value.(*peer); p.owed == 0 && p.held == 0 {
			s.counters.evicted.Add(1)
			s.drop(p, fmt.Errorf("%w to make room for another client", ErrClosed))
			return true
		}
	}
	return false
}

// read reads what p has sent and returns the body of a message if one is complete.
func (s *Server) read(call *call, p *peer) (message []byte, complete bool) {
	p.budget, p.moved = turnBudget, false
	p.frames.Limit = s.options().maxMessage
	var dst []byte
	if s.into == nil || s.into == p {
		s.into, dst = p, s.dst
	}
	var body []byte
	var err error
	s.outside(func() { body, err = p.frames.Advance(p, dst) })
	if s.into == p && !p.frames.Foreign() {
		s.into = nil
	}
	if p.gone != nil {
		return nil, false
	}
	if p.moved {
		s.recent.MoveToBack(p.inRecent)
	}
	if p.refused = p.refused || p.conn.Secure() && errors.Is(err, transport.ErrTLS); p.refused {
		s.refuse(p, err)
		return nil, false
	}
	if err == nil || !p.frames.Midway() && !p.conn.Handshaking() {
		s.notMidway(p)
	} else {
		s.isMidway(p)
	}
	switch {
	case err == nil:
		s.counters.messagesReceived.Add(1)
		if p.frames.Buffered() || p.conn.Secure() {
			s.again = append(s.again, p.id)
		}
		p.held++
		if s.options().trace != "" {
			s.outside(func() { s.note(call, "server", trace.Received, p.conn.RemoteName(), body) })
		}
		return body, true
	case errors.Is(err, transport.ErrTimeout):
		if p.budget <= 0 && p.conn.Secure() {
			s.again = append(s.again, p.id)
		}
		return nil, false
	case err == io.EOF, errors.Is(err, wire.ErrIncomplete):
		if err != io.EOF {
			s.counters.droppedIncomplete.Add(1)
			s.notMidway(p)
		}
		p.ended = true
		s.finish(p)
		if p.gone == nil {
			// It may have closed only its own direction and wait for answers.
			s.poller.Remove(p.conn)
		}
		return nil, false
	case errors.Is(err, wire.ErrMalformed):
		s.counters.droppedMalformed.Add(1)
	case errors.Is(err, wire.ErrTooLarge):
		s.counters.droppedTooLarge.Add(1)
	case errors.Is(err, memory.ErrMemory):
		s.counters.droppedMemory.Add(1)
	case errors.As(err, new(*jsondoc.SyntaxError)):
		s.counters.droppedJSON.Add(1)
	case p.inMidway != nil || p.frames.Midway():
		s.counters.droppedIncomplete.Add(1)
	default:
		s.counters.droppedReset.Add(1)
	}
	s.drop(p, fmt.Errorf("%w, after it failed: %v", ErrPeerClosed, err))
	return nil, false
}

// refuse goes on with a connection whose TLS failed, until its peer has read why
// and closes, as long as a message may take.
func (s *Server) refuse(p *peer, err error) {
	if errors.Is(err, transport.ErrTLS) {
		s.counters.droppedTLS.Add(1)
	}
	if p.owed > 0 || p.held > 0 || !errors.Is(err, transport.ErrTLS) && !errors.Is(err, transport.ErrTimeout) {
		s.drop(p, fmt.Errorf("%w, after it failed: %v", ErrPeerClosed, err))
		return
	}
	s.isMidway(p)
}

// isMidway begins to measure the time of a message.
func (s *Server) isMidway(p *peer) {
	if p.inMidway != nil {
		return
	}
	if s.since.IsZero() {
		s.since = time.Now()
	}
	p.began, p.inMidway = s.clock(), s.midway.PushBack(p)
}

func (s *Server) notMidway(p *peer) {
	if p.inMidway != nil {
		s.midway.Remove(p.inMidway)
		p.inMidway = nil
	}
}

// taken closes the connections whose messages were taken and will not be
// answered, now that a message is taken from another one.
func (s *Server) taken(from *peer) {
	if s.options().oneWay {
		clear(s.forsaken)
		return
	}
	drop := func(p *peer) {
		if p != from && p.held == 0 && p.gone == nil {
			s.counters.droppedUnanswered.Add(1)
			s.drop(p, fmt.Errorf("%w: its message was not answered", ErrClosed))
		}
	}
	for p := range s.forsaken {
		drop(p)
	}
	if s.current != nil && s.current.owed > 0 {
		drop(s.current)
	}
}

// finish closes the connection of a peer that has ended and waits for nothing.
func (s *Server) finish(p *peer) {
	if p.ended && (p.owed == 0 || s.options().oneWay) && p.held == 0 {
		s.drop(p, ErrPeerClosed)
	}
}

// drop closes a connection and forgets it; why is what a later answer to it is
// told.
func (s *Server) drop(p *peer, why error) {
	if p.gone != nil {
		return
	}
	p.gone = why
	delete(s.peers, p.id)
	delete(s.forsaken, p)
	s.recent.Remove(p.inRecent)
	s.notMidway(p)
	// The descriptor outlives this call in a reply that is under way, and its socket in
	// a forked child: it must not be waited for.
	s.poller.Remove(p.conn)
	p.conn.Close()
	s.counters.connectionsOpen.Add(-1)
}

// Close closes the connection of the last message, not the server, and wakes
// every call in flight with ErrClosed.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	s.stop(ErrClosed)
	if s.current != nil {
		s.drop(s.current, ErrClosed)
		s.current = nil
	}
	return nil
}

// Cancel wakes every call in flight with ErrCancelled; later calls are spared.
func (s *Server) Cancel() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.stop(ErrCancelled)
	}
}

// stop ends the calls in flight, the leader's too. base.mu is held.
func (s *Server) stop(cause error) {
	s.interrupt(cause)
	if s.leading {
		s.poller.Wake()
	}
}

// farewell is how long a freed server waits for clients that have their answer
// to close first. If this side closed first, the system would keep the port
// from a following server that does not ask for its reuse, as Python's does not.
const farewell = time.Second

// Free stops listening at once, closes all connections and wakes every call in
// flight.
func (s *Server) Free() {
	if !s.shut() {
		return
	}
	s.poller.Wake()
	s.mu.Lock()
	defer s.mu.Unlock()
	// A leader makes no call that waits but the one that was just woken.
	for s.leading {
		s.left.Wait()
	}
	s.poller.RemoveListener(s.listener)
	s.listener.Close()
	for _, p := range s.peers {
		if p.inMidway != nil || p.owed > 0 || p.held > 0 {
			s.drop(p, ErrClosed)
		}
	}
	for len(s.peers) > 0 && s.release(transport.NoWait) > 0 {
	}
	if len(s.peers) == 0 {
		s.poller.Close()
		return
	}
	go s.linger()
}

// release drops the connections that have something to say, the end most likely,
// and returns how many there were. base.mu is held, and given up to wait.
func (s *Server) release(wait transport.Wait) (dropped int) {
	var ready []uint64
	s.outside(func() { ready, _ = s.poller.Wait(nil, wait) })
	for _, id := range ready {
		if p := s.peers[id]; p != nil {
			s.drop(p, ErrClosed)
			dropped++
		}
	}
	return dropped
}

// linger waits for the clients of a freed server to close.
func (s *Server) linger() {
	defer func() {
		// Nothing of this is worth the host program's life.
		_ = recover()
	}()
	s.mu.Lock()
	defer s.mu.Unlock()
	end := transport.Wait{Deadline: time.Now().Add(farewell)}
	for len(s.peers) > 0 && time.Now().Before(end.Deadline) {
		s.release(end)
	}
	for _, p := range s.peers {
		s.drop(p, ErrClosed)
	}
	s.poller.Close()
}

// SetOption sets an option by its name; see Options.
func (s *Server) SetOption(name, value string) error {
	if err := s.setOption(name, value); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	s.listener.Tune(s.options().tuning())
	return nil
}

// Option returns the value of an option.
func (s *Server) Option(name string) (string, error) {
	return s.getOption(name, map[string]func() string{
		"local": func() string { return s.Name() },
		"peer": func() string {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.current == nil || s.current.gone != nil {
				return ""
			}
			return s.current.conn.RemoteName()
		},
	})
}
