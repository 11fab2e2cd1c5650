package socket

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"libobe/internal/thread"
	"libobe/internal/transport"
)

// Server is the designer's side: it serves any number of clients, each of which may send
// any number of messages over its connection.
//
// No thread works for it in the background. A call that receives also accepts
// connections and reads from all of them (leader.go). While no call receives, the
// system's buffers hold what clients send.
//
// A connection is closed after its client has closed it. The server closes it first only
// if the client violates the protocol or is too slow, its message is not answered, or it
// is evicted.
type Server struct {
	core
	listener *transport.Listener
	poller   *transport.Poller

	// Guarded by core.mu.
	turns             turns
	polling           bool // the leader waits in poller
	conns             connTable
	watch             stopwatch
	partials          timers               // of messages that are partially received
	outgoing          timers               // of replies that are handed over; see outgoing.go
	kept              *Message             // received, but too large for the caller's buffer
	spare             *Message             // an answered one, whose memory Receive uses again; nil: none
	pairs             pairing              // which message Send answers
	abandoned         map[*serverConn]bool // connections whose message was dropped without a reply
	acceptPausedUntil time.Time            // zero: accepting is not paused

	// Used by the leader alone.
	ready  readyQueue
	direct directRead
	source source
	reader *frameReader // of the last connection that has none any more; nil: none
}

const listenerID = 1

// NewServer listens on host and port. Port 0 lets the system choose one. Clients can
// connect from then on.
func NewServer(host string, port int) (*Server, error) {
	address, err := transport.ParseAddress(host, port)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrArgument, err)
	}
	s := &Server{abandoned: map[*serverConn]bool{}}
	s.turns.vacant.L = &s.mu
	s.source.server = s
	s.partials.watch, s.outgoing.watch = &s.watch, &s.watch
	s.settings.Store(defaults(RoleServer))
	s.configure = transport.Credentials.Server
	if err := s.listen(address); err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	return s, nil
}

// resolveTimeout bounds the resolution of a server's name, for which the caller passes no
// timeout.
const resolveTimeout = 10 * time.Second

func (s *Server) listen(address transport.Address) error {
	addresses, err := address.Resolve(transport.Wait{Deadline: time.Now().Add(resolveTimeout)}, nil)
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
	// Windows reports ErrPermission, too.
	if occupied && (errors.Is(err, transport.ErrInUse) || errors.Is(err, transport.ErrPermission)) {
		return fmt.Errorf("%w (this program already has a server there; free that one first)", err)
	}
	if errors.Is(err, transport.ErrInUse) {
		err = fmt.Errorf("%w (by another server or an outgoing connection; port 0 lets the system choose a free port)", err)
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
		// Allocated now, so that a server that has run out of descriptors can still reply.
		err = s.addWaker()
	}
	if err != nil {
		s.listener.Close()
		s.poller.Close()
	}
	return err
}

// Name returns the address that the server listens on, as text.
func (s *Server) Name() string { return s.listener.Name() }

// Addr returns the address that the server listens on. For a Unix-domain socket it is the
// zero AddrPort.
func (s *Server) Addr() netip.AddrPort { return s.listener.Addr() }

// Receive waits for the next message of any client, stores it in dst and returns its
// length. Send answers it. If it does not fit, the error is a *BufferError with the
// length, and the next Receive returns the same message.
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
	replaced := s.beginReplacing(t, nil)
	defer s.endReplacing(replaced)
	spare := s.spare
	s.spare = nil
	m, err := s.next(call, dst, spare)
	if m != spare {
		s.spare = spare
	}
	if err == nil && len(m.Body) > len(dst) {
		s.kept = m
		err = &BufferError{len(m.Body)}
	}
	if err != nil {
		return 0, call.wrap(s.Name(), err)
	}
	s.replace(replaced, m.from)
	n := len(m.Body)
	copyUnlessInPlace(dst, m.Body)
	m.Body = nil // it may be in dst, which belongs to the caller
	s.pairs.received(t, m)
	s.pairs.seen(t, m.from)
	if s.options().oneWay {
		m.settle(nil)
	}
	return n, nil
}

// ReceiveMessage waits for the next message of any client. The message refers to its
// connection, so that several messages can be worked on at once.
func (s *Server) ReceiveMessage(timeout time.Duration) (*Message, error) {
	return s.receiveOne(nil, timeout)
}

// ReceiveAfter is ReceiveMessage for a single loop, on any threads, that answers one
// message after the other: previous, if not nil, is dropped as soon as the next message
// is received.
func (s *Server) ReceiveAfter(previous *Message, timeout time.Duration) (*Message, error) {
	m, err := s.receiveOne(previous, timeout)
	if err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.pairs.single = m
	}
	return m, err
}

// receiveOne is the common part of ReceiveMessage and ReceiveAfter.
func (s *Server) receiveOne(previous *Message, timeout time.Duration) (*Message, error) {
	call, err := s.begin("receive", timeout)
	if err != nil {
		return nil, err
	}
	defer s.end(call)
	s.pairs.enter()
	defer s.pairs.exit()
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.receiveMessage(call, thread.Current(), previous, nil)
	if err != nil {
		return nil, call.wrap(s.Name(), err)
	}
	return m, nil
}

// receiveMessage is the common part of receiveOne and Serve. core.mu is held.
func (s *Server) receiveMessage(call *call, t thread.ID, previous, spare *Message) (*Message, error) {
	replaced := s.beginReplacing(t, previous)
	defer s.endReplacing(replaced)
	var dst []byte
	if spare != nil {
		dst = spare.buffer
	}
	m, err := s.next(call, dst, spare)
	if err == nil {
		s.replace(replaced, m.from)
		s.pairs.seen(t, m.from)
	}
	return m, err
}

// Send answers the message that this thread received last with Receive, or else the only
// unanswered one; see pairing.
func (s *Server) Send(body []byte, timeout time.Duration) error {
	s.pairs.enter()
	defer s.pairs.exit()
	return s.send("send", body, timeout, func(call *call) (*Message, *serverConn, error) {
		m, c, err := s.find(thread.Current())
		switch {
		case err != nil:
			err = call.wrap(s.Name(), err)
		case m != nil:
			m.state, c = messageReplying, m.from
		}
		return m, c, err
	})
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
		s.settlePaired()
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
			if c := s.sender(thread.Current()); c != nil && c.closeErr == nil {
				return c.conn.RemoteName()
			}
			return ""
		},
	})
}
