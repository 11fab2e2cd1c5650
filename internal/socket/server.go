package socket

import (
	"cmp"
	"container/list"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"sync"
	"time"

	"libobe/internal/jsondoc"
	"libobe/internal/memory"
	"libobe/internal/thread"
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
	polling   bool      // the leader waits in poller
	left      sync.Cond // the leader has left
	followers []*call
	peers     map[uint64]*peer
	lastID    uint64
	recent    list.List          // of *peer, the one idle longest first
	midway    list.List          // of *peer with a message that has begun, oldest first
	outgoing  list.List          // of *peer with a reply that was handed over, oldest first
	kept      *Message           // received whole, but too large for the caller's buffer
	pairs     pairing            // which message Send answers
	forsaken  map[*peer]struct{} // whose message was dropped without an answer
	rested    time.Time          // not zero: the listener rests till then, for want of descriptors

	// Of the leader alone.
	ready []uint64 // connections to look at; ready[:seen] are done
	seen  int
	came  int           // connections accepted since ready was filled
	again []uint64      // those that have a turn whatever the poller says; guarded by base.mu
	dst   []byte        // the caller's memory for a message
	into  *peer         // whose message under way lies in dst
	turn  *call         // the leader's call
	led   time.Duration // how long earlier leaders have led while a message was midway, or outgoing
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
	messages int           // how many messages were read from it
	last     *Message      // the last of them, nil if it was answered or given up
	owed     int           // messages in the hands of callers, or kept
	held     bool          // ready, and not read from: its message has to wait
	deferred bool          // part of the next message was read, which has to wait
	peeked   []byte        // what was read to see whether the peer has ended
	failed   error         // what that met; Read returns it
	early    []byte        // the next message, which was read whole and has to wait
	queued   bool          // in Server.again, or in Server.ready because of that
	out      outgoing
	watched  transport.Interest // what the poller waits for
	sending  bool               // a call waits until the peer takes its reply
	unread   bool               // it counts as one whose reply was not taken
	leaving  bool               // to be closed when its replies are out
	refused  bool               // its TLS failed, which it is being told
	ended    bool               // the peer has closed its side
	gone     error              // why the connection is closed

	budget int // bytes that may still be read in this turn
	moved  bool
}

// turnBudget is how much of one connection is read before the others have
// their turn.
const turnBudget = 1 << 20

// Read reads what is there without waiting, within the budget of a turn. The turn
// ends early when the leader's call must end.
func (p *peer) Read(b []byte) (int, error) {
	if p.moved && p.server.turn.due() != nil {
		p.budget = 0
	}
	if p.budget <= 0 {
		return 0, transport.ErrTimeout
	}
	b = b[:min(len(b), p.budget, readAtOnce)]
	if err := p.failed; err != nil {
		p.failed = nil
		return 0, err
	}
	n := copy(b, p.peeked)
	p.peeked = p.peeked[n:]
	if n > 0 {
		p.moved = true
		return n, nil
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
	number int          // of the messages of its connection
	state  messageState // guarded by base.mu
	given  bool         // dropped while a reply was under way; guarded by base.mu
	yields int          // calls that receive the next and then give this one up; guarded by base.mu

	// Of a message that Receive took, guarded by base.mu.
	paired bool
	thread thread.ID // which received it
	passed int       // how often another thread's call passed it over
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
	s.pairs.past = map[thread.ID]past{}
	s.settings.Store(defaults(RoleServer))
	s.configure = transport.Credentials.Server
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
	occupied := false
	for _, at := range addresses {
		if s.listener, err = address.Listen(at, s.options().keepAlive); err == nil {
			break
		}
		occupied = address.Occupied(at)
	}
	// Windows says that it is not permitted, too.
	if occupied && (errors.Is(err, transport.ErrInUse) || errors.Is(err, transport.ErrPermission)) {
		return fmt.Errorf("%w (this program has a server there already; free that one first)", err)
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
	s.pairs.enter()
	defer s.pairs.exit()
	s.mu.Lock()
	defer s.mu.Unlock()
	t := thread.Current()
	given := s.yield(t, nil)
	defer s.unyield(given)
	m, err := s.next(call, dst)
	if err == nil && len(m.Body) > len(dst) {
		s.kept = m
		err = &BufferError{len(m.Body)}
	}
	if err != nil {
		return 0, call.explain(s.Name(), err)
	}
	s.taken(m.from, given)
	n := len(m.Body)
	place(dst, m.Body)
	m.Body = nil // it is the caller's
	s.pairs.take(t, m)
	if s.options().oneWay {
		m.settle(nil)
	}
	return n, nil
}

// ReceiveMessage waits for the next message of any client. The message carries
// its connection, so that several can be worked on at once.
func (s *Server) ReceiveMessage(timeout time.Duration) (*Message, error) {
	return s.ReceiveAfter(nil, timeout)
}

// ReceiveAfter is ReceiveMessage for one loop that answers one message after the
// other, on any threads: before, if not nil, is dropped as soon as there is another.
func (s *Server) ReceiveAfter(before *Message, timeout time.Duration) (*Message, error) {
	call, err := s.begin("receive", timeout)
	if err != nil {
		return nil, err
	}
	defer s.end(call)
	s.pairs.enter()
	defer s.pairs.exit()
	m, err := s.take(call, thread.Current(), before)
	if err != nil {
		return nil, call.explain(s.Name(), err)
	}
	return m, nil
}

// take is the receiving of ReceiveAfter and Serve.
func (s *Server) take(call *call, t thread.ID, before *Message) (*Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	given := s.yield(t, before)
	defer s.unyield(given)
	m, err := s.next(call, nil)
	if err == nil {
		s.taken(m.from, given)
	}
	return m, err
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
	s.pairs.enter()
	defer s.pairs.exit()
	t := thread.Current()
	for {
		m, err := s.take(call, t, nil)
		if err != nil {
			return call.explain(s.Name(), err)
		}
		if err = s.handle(m, handler); err != nil {
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

// Send answers the message that Receive took last on this thread, or else the only
// one that is unanswered; see pairing.
func (s *Server) Send(body []byte, timeout time.Duration) error {
	call, err := s.begin("send", timeout)
	if err != nil {
		return err
	}
	defer s.end(call)
	s.pairs.enter()
	defer s.pairs.exit()
	m, again, err := s.claim()
	if err != nil {
		return call.explain(s.Name(), err)
	}
	if m == nil {
		return s.answer(call, again, body, nil)
	}
	defer m.conclude()
	return s.answer(call, m.from, body, m)
}

// claim is find for an answer that begins.
func (s *Server) claim() (m *Message, again *peer, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m, again, err = s.find(thread.Current()); m != nil {
		m.state = replying
	}
	return m, again, err
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
	if !m.claim() {
		return call.explain(m.from.conn.RemoteName(), errAnswered)
	}
	defer m.conclude()
	return s.answer(call, m.from, body, m)
}

// Send is Server's for this message: it answers the message, and then sends its
// client one message more each time, until the next one of that is received.
func (m *Message) Send(body []byte, timeout time.Duration) error {
	s := m.server
	call, err := s.begin("send", timeout)
	if err != nil {
		return err
	}
	defer s.end(call)
	if m.claim() {
		defer m.conclude()
		return s.answer(call, m.from, body, m)
	}
	if !m.isLast() {
		return call.explain(m.from.conn.RemoteName(), errAnswering)
	}
	return s.answer(call, m.from, body, nil)
}

// isLast reports whether the message was answered and none of its client came after
// it.
func (m *Message) isLast() bool {
	m.server.mu.Lock()
	defer m.server.mu.Unlock()
	return m.state == closed && m.from.messages == m.number
}

// Answered reports whether the message was answered or given up.
func (m *Message) Answered() bool {
	m.server.mu.Lock()
	defer m.server.mu.Unlock()
	return m.state == closed
}

// claim reports whether the message may be answered, for an answer that begins.
func (m *Message) claim() bool {
	m.server.mu.Lock()
	defer m.server.mu.Unlock()
	if m.state != open {
		return false
	}
	m.state = replying
	return true
}

// conclude ends an answer that began. If it failed, it may be tried again.
func (m *Message) conclude() {
	m.server.mu.Lock()
	defer m.server.mu.Unlock()
	if m.state != replying {
		return
	}
	m.state = open
	switch {
	case m.given:
		m.forsake()
	case m.from.gone == nil:
		m.server.resume(m.from)
	case m.paired:
		m.settle(m.from.gone)
	}
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

// giveUp is Drop because another message is received. base.mu is held.
func (m *Message) giveUp() {
	if m.state == replying {
		m.given = true
	}
	if m.state == open {
		if m.paired {
			m.server.pairs.lost++
		}
		m.forsake()
	}
}

// forsake gives up the claim to an answer. base.mu is held.
func (m *Message) forsake() {
	if m.from.gone == nil {
		m.server.forsaken[m.from] = struct{}{}
	}
	m.settle(errGivenUp)
}

// settle ends the claim to an answer: it was given, or else why says why it will not
// be. base.mu is held.
func (m *Message) settle(why error) {
	m.state = closed
	m.from.owed--
	if m.from.last == m {
		m.from.last = nil // it may be a large one
	}
	m.server.pairs.retire(m, why)
	if m.from.gone == nil {
		m.server.finish(m.from)
		m.server.resume(m.from)
	}
}

// answer sends p the reply to m, or one message more if m is nil.
func (s *Server) answer(call *call, p *peer, body []byte, m *Message) error {
	head, err := call.encode(body, s.options().maxMessage)
	if err == nil {
		err = s.locked(call, p, head, body, m)
	}
	if err != nil {
		return call.explain(p.conn.RemoteName(), err)
	}
	return nil
}

// locked is write when no other call writes to p.
func (s *Server) locked(call *call, p *peer, head, body []byte, m *Message) error {
	if err := p.writing.lock(call); err != nil {
		return err
	}
	defer p.writing.unlock()
	return s.write(call, p, head, body, m)
}

// write sends a frame to p and notes that its message is answered.
func (s *Server) write(call *call, p *peer, head, body []byte, m *Message) (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case p.gone != nil:
		return p.gone
	case p.leaving:
		return ErrClosed
	}
	behind := p.out.place != nil
	n, done := 0, false
	defer func() {
		if !done {
			s.drop(p, ErrClosed) // a fault inside: how much was sent is not known
		}
	}()
	s.outside(func() {
		n, err = s.transmit(call, p, head, body, behind)
		s.counters.bytesSent.Add(int64(n))
		if err == nil && s.options().trace != "" {
			s.note(call, "server", trace.Sent, p.conn.RemoteName(), body)
		}
	})
	done = true
	if err != nil {
		gone := p.gone
		if n > 0 || gone != nil || err != transport.ErrTimeout && err != transport.ErrWoken {
			s.countUnread(p)
			why := err
			if err == transport.ErrTimeout || err == transport.ErrWoken || err == errStalled {
				why = errBrokenOff // that is how this call ended, and no later one
			}
			s.drop(p, why)
		}
		return cmp.Or(gone, err)
	}
	s.counters.messagesSent.Add(1)
	if p.gone == nil {
		s.recent.MoveToBack(p.inRecent)
	}
	if m != nil {
		m.settle(nil)
	} else if p.gone == nil {
		s.finish(p)
	}
	return nil
}

// next returns the next message, as leader or as follower. It may lie in dst.
// base.mu is held.
func (s *Server) next(call *call, dst []byte) (*Message, error) {
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
			return nil, err
		}
	}
	if m := s.kept; m != nil {
		s.kept = nil
		if !s.leading {
			s.promote()
		}
		return m, nil
	}
	if s.closed {
		return nil, ErrClosed
	}
	s.leading, s.dst = true, dst
	if s.midway.Len()+s.outgoing.Len() > 0 {
		s.since = time.Now()
	}
	defer s.leave()
	return s.lead(call)
}

// leave ends the leading, however it ended, and calls the next one to lead.
func (s *Server) leave() {
	if s.into != nil {
		s.into.frames.CopyOut()
	}
	s.dst, s.into, s.turn = nil, nil, nil
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

// lead accepts and reads until a message is complete. Between two turns it looks at
// the deadline; what is ready then is left to the next call. Each call takes one turn
// at least, so that calls with short timeouts get somewhere together. base.mu is
// held, and given up while waiting and reading.
func (s *Server) lead(call *call) (*Message, error) {
	s.turn = call
	for turns := 0; ; {
		if err := call.ended(); err != nil {
			return nil, err
		}
		if s.seen == len(s.ready) {
			if err := s.await(call); err != nil {
				return nil, err
			}
			continue
		}
		if turns++; turns > 1 {
			if err := call.due(); err != nil {
				return nil, err
			}
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
		switch {
		case p == nil:
		default:
			p.queued = false
			if p.busy() {
				s.sendOn(p)
			} else if m := s.read(call, p); m != nil {
				return m, nil
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
)

// await fills ready with what has something to say. With something to do, the
// deadline is lead's matter.
func (s *Server) await(call *call) error {
	wait := transport.Wait{Deadline: call.deadline}
	if call.timeout == 0 || len(s.again) > 0 {
		wait = transport.NoWait
	}
	earlier := func(t time.Time) {
		if wait.Deadline.IsZero() || t.Before(wait.Deadline) {
			wait.Deadline = t
		}
	}
	for _, expire := range []func() (time.Duration, bool){s.expire, s.expireOutgoing} {
		if left, any := expire(); any {
			earlier(time.Now().Add(left))
		}
	}
	if !s.rested.IsZero() {
		earlier(s.rested)
	}
	ready := s.ready[:0]
	var err error
	s.polling = true
	s.outside(func() { ready, err = s.poller.Wait(ready, wait) })
	s.polling = false
	// Whoever has said something since comes before those who said more.
	s.ready, s.seen, s.came = append(ready, s.again...), 0, 0
	s.again = s.again[:0]
	if err != nil {
		return err
	}
	if !s.rested.IsZero() && time.Now().After(s.rested) {
		s.resumeListening()
	}
	if len(s.ready) == 0 && !call.deadline.IsZero() && !time.Now().Before(call.deadline) {
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

// clock is the time in which a call led while a message was midway or outgoing.
func (s *Server) clock() time.Duration {
	if s.since.IsZero() {
		return s.led
	}
	return s.led + time.Since(s.since)
}

// rest stops accepting for a moment, for want of descriptors or memory.
func (s *Server) rest() {
	s.poller.RemoveListener(s.listener)
	s.rested = time.Now().Add(pause)
}

// resumeListening ends a rest of the listener. Where the system refuses that, for the
// same want, another rest follows.
func (s *Server) resumeListening() {
	s.rested = time.Time{}
	if s.poller.AddListener(s.listener, listenerID) != nil {
		s.rested = time.Now().Add(pause)
	}
}

// accept takes a new connection, if there is one.
func (s *Server) accept() *peer {
	conn, err := s.listener.Accept()
	if err != nil {
		if errors.Is(err, transport.ErrTimeout) || errors.Is(err, transport.ErrExhausted) && s.evict() {
			return nil
		}
		s.rest()
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
	p := &peer{server: s, id: s.lastID, conn: conn, frames: frames(), watched: transport.Readable}
	if s.poller.Add(conn, p.id) != nil && !(s.evict() && s.poller.Add(conn, p.id) == nil) {
		// The system limits how many descriptors are waited for, too.
		s.counters.evicted.Add(1)
		conn.Close()
		s.rest()
		return nil
	}
	s.counters.connectionsOpen.Add(1)
	s.peers[p.id] = p
	p.inRecent = s.recent.PushBack(p)
	return p
}

// evict closes the connection that is idle longest and waits for no answer.
func (s *Server) evict() bool {
	for e := s.recent.Front(); e != nil; e = e.Next() {
		if p := e.Value.(*peer); p.owed == 0 && !p.busy() {
			s.counters.evicted.Add(1)
			s.drop(p, fmt.Errorf("%w to make room for another client", ErrClosed))
			return true
		}
	}
	return false
}

// read reads what p has sent and returns a message if one is complete.
func (s *Server) read(call *call, p *peer) *Message {
	if s.waits(p) && !s.hold(p) {
		return nil
	}
	body, err := p.early, error(nil)
	if p.early = nil; body == nil {
		body, err = s.advance(p)
	}
	if p.gone != nil {
		return nil
	}
	if p.moved {
		s.recent.MoveToBack(p.inRecent)
	}
	if p.refused = p.refused || p.conn.Secure() && errors.Is(err, transport.ErrTLS); p.refused {
		s.refuse(p, err)
		return nil
	}
	// The call that was to give up the message before may have ended meanwhile.
	waits := s.waits(p)
	if err == nil || waits || !p.frames.InFrame() && !p.conn.Handshaking() {
		s.notMidway(p)
	} else {
		s.isMidway(p)
	}
	switch {
	case err == nil && waits:
		p.early, p.deferred = body, true
		return nil
	case err == nil:
		s.counters.messagesReceived.Add(1)
		if p.last != nil && p.last.yields > 0 {
			p.last.giveUp()
		}
		p.messages++
		m := &Message{Body: body, server: s, from: p, number: p.messages}
		p.last = m
		p.owed++
		if p.frames.Buffered() || p.conn.Secure() {
			if p.deferred = s.waits(p); !p.deferred {
				s.queue(p)
			}
		}
		if s.options().trace != "" {
			s.outside(func() { s.note(call, "server", trace.Received, p.conn.RemoteName(), body) })
		}
		return m
	case errors.Is(err, transport.ErrTimeout):
		if p.deferred = waits; !waits && p.budget <= 0 && p.conn.Secure() {
			s.queue(p)
		}
		_ = s.watch(p) // TLS may have something to send, the rest of its handshake say
		return nil
	case err == io.EOF, errors.Is(err, wire.ErrIncomplete):
		if err != io.EOF {
			s.counters.droppedIncomplete.Add(1)
			s.notMidway(p)
		}
		p.ended = true
		s.finish(p)
		if p.gone == nil {
			_ = s.watch(p)
		}
		return nil
	case errors.Is(err, wire.ErrMalformed):
		s.counters.droppedMalformed.Add(1)
	case errors.Is(err, wire.ErrTooLarge):
		s.counters.droppedTooLarge.Add(1)
	case errors.Is(err, memory.ErrMemory):
		s.counters.droppedMemory.Add(1)
	case errors.As(err, new(*jsondoc.SyntaxError)):
		s.counters.droppedJSON.Add(1)
	case p.inMidway != nil || p.frames.InFrame():
		s.counters.droppedIncomplete.Add(1)
	default:
		s.counters.droppedReset.Add(1)
	}
	s.drop(p, fmt.Errorf("%w, after it failed: %v", ErrPeerClosed, err))
	return nil
}

// advance reads what p has sent, within the budget of a turn, and returns a message if
// one is complete.
func (s *Server) advance(p *peer) (body []byte, err error) {
	p.budget, p.moved = turnBudget, false
	p.frames.Limit = s.options().maxMessage
	var dst []byte
	if s.into == nil || s.into == p {
		s.into, dst = p, s.dst
	}
	s.outside(func() { body, err = p.frames.ReadSome(p, dst) })
	if s.into == p && !p.frames.InCallerBuffer() {
		s.into = nil
	}
	if err == nil && len(body) <= len(dst) && p.gone == nil && s.waits(p) {
		// It has to wait, and the memory is the caller's.
		own, short := memory.Make[byte](len(body), len(body))
		copy(own, body)
		return own, short
	}
	return body, err
}

// queue gives p a turn, whatever the poller says. base.mu is held.
func (s *Server) queue(p *peer) {
	if !p.queued {
		p.queued = true
		s.again = append(s.again, p.id)
	}
}

// refuse goes on with a connection whose TLS failed, until its peer has read why
// and closes, as long as a message may take.
func (s *Server) refuse(p *peer, err error) {
	if errors.Is(err, transport.ErrTLS) {
		s.counters.droppedTLS.Add(1)
	}
	if p.owed > 0 || !errors.Is(err, transport.ErrTLS) && !errors.Is(err, transport.ErrTimeout) {
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

// taken gives up messages, and closes the connections of those that will not be
// answered, now that a message is taken from another one.
func (s *Server) taken(from *peer, given []*Message) {
	for _, m := range given {
		m.giveUp()
	}
	if s.options().oneWay {
		clear(s.forsaken)
		return
	}
	for p := range s.forsaken {
		if p != from && p.owed == 0 && !p.busy() && p.gone == nil {
			s.counters.droppedUnanswered.Add(1)
			s.drop(p, fmt.Errorf("%w: its message was not answered", ErrClosed))
		}
	}
}

// finish closes the connection of a peer that has ended and waits for nothing.
func (s *Server) finish(p *peer) {
	if p.ended && p.owed == 0 && !p.busy() {
		s.drop(p, ErrPeerClosed)
	}
}

// drop closes a connection and forgets it; why is what a later answer to it is
// told.
func (s *Server) drop(p *peer, why error) {
	if p.gone != nil {
		return
	}
	p.gone, p.early = why, nil
	delete(s.peers, p.id)
	delete(s.forsaken, p)
	s.recent.Remove(p.inRecent)
	s.notMidway(p)
	s.discard(p)
	if p.last != nil && p.last.state == open {
		s.pairs.retire(p.last, why)
	}
	// The descriptor outlives this call in a reply that is being sent, and its socket in
	// a forked child: it must not be waited for.
	s.poller.Remove(p.conn)
	p.conn.Close()
	s.counters.connectionsOpen.Add(-1)
}

// Close closes the connection of the last message, not the server, and wakes
// every call in flight with ErrClosed. What is outgoing on that connection is sent
// before.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	s.stop(ErrClosed)
	t := thread.Current()
	if p := s.current(t); p != nil {
		if p.leaving = p.out.place != nil; !p.leaving {
			s.drop(p, ErrClosed)
		}
		if became, known := s.pairs.past[t]; known {
			became.why = nil // the caller knows
			s.pairs.past[t] = became
		}
		if s.pairs.last != nil && s.pairs.last.from == p {
			s.pairs.last = nil
		}
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

// lastReplies is how long a freed server at most sends on what is outgoing;
// message_timeout_ms may end it earlier.
const lastReplies = 30 * time.Second

// Free stops listening at once, closes all connections and wakes every call in
// flight. What is outgoing is sent on in the background.
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
		if p.out.place == nil && (p.inMidway != nil || p.owed > 0) {
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
// and returns how many there were. Where a reply is outgoing, it is sent on. base.mu
// is held, and given up to wait.
func (s *Server) release(wait transport.Wait) (dropped int) {
	var ready []uint64
	s.outside(func() { ready, _ = s.poller.Wait(nil, wait) })
	for _, id := range ready {
		switch p := s.peers[id]; {
		case p == nil:
		case p.busy():
			s.sendOn(p)
		default:
			s.drop(p, ErrClosed)
			dropped++
		}
	}
	return dropped
}

// linger waits for the clients of a freed server to take their replies and close.
func (s *Server) linger() {
	defer func() {
		// Nothing of this is worth the host program's life.
		_ = recover()
	}()
	s.mu.Lock()
	defer s.mu.Unlock()
	limit := lastReplies
	if own := s.options().messageTimeout; own >= 0 {
		limit = min(limit, own)
	}
	end, most := time.Now().Add(farewell), time.Now().Add(limit)
	for sending := s.outgoing.Len(); len(s.peers) > 0; {
		if s.outgoing.Len() < sending {
			sending, end = s.outgoing.Len(), time.Now().Add(farewell)
		}
		until := end
		if sending > 0 {
			until = most
		}
		if !time.Now().Before(until) {
			break
		}
		s.release(transport.Wait{Deadline: until})
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
	s.listener.SetKeepAlive(s.options().keepAlive)
	if s.options().oneWay {
		s.owesNothing()
	}
	return nil
}

// Option returns the value of an option.
func (s *Server) Option(name string) (string, error) {
	return s.getOption(name, map[string]func() string{
		"local": func() string { return s.Name() },
		"peer": func() string {
			s.mu.Lock()
			defer s.mu.Unlock()
			p := s.current(thread.Current())
			if p == nil || p.gone != nil {
				return ""
			}
			return p.conn.RemoteName()
		},
	})
}
