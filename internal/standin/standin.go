// Package standin is a server that stands in for another one: it answers each message as a
// script says, faults included, and reports every message. It is what obe listen does.
//
// The one thing to know first: it is not the server of package socket, because that one
// sends nothing but whole messages, and a stand-in has to be able to break every rule. The
// frames and the JSON are read by the same code (packages wire and jsondoc), and what it
// receives is judged as libobe's own server judges it.
package standin

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"libobe/internal/acceptor"
	"libobe/internal/jsondoc"
	"libobe/internal/script"
	"libobe/internal/wire"
)

// Config is what a stand-in needs.
type Config struct {
	Listener net.Listener
	Script   *script.Script // nil: every answer is "OK"
	// Report is called with each message that was received or sent, in the order of time.
	Report func(Message)
	// Wrong is called with what clients do wrong, and with failures of this side.
	Wrong func(Event, string)
	// Last reports whether a message, which was answered, is the last one. others is how many
	// messages of other connections are not answered yet.
	Last func(body []byte, others int) bool
}

// Event is a kind of event.
type Event int

// The kinds of events.
const (
	BadMessage Event = iota // something that is not a message
	Unexpected              // a message that the script does not expect
	CutMessage              // a connection that ended inside a message
	AcceptFailed
)

// Message is one message, or a fault in its place.
type Message struct {
	Time        time.Time
	Sent        bool // or received
	Peer, Local string
	Connection  int64         // its number, from 1
	Took        time.Duration // a reply: since its command
	Body        []byte        // a JSON text; nil for a fault
	Fault       script.Action // what was sent instead of a reply
}

// Server is a stand-in that serves.
type Server struct {
	config      Config
	connections *acceptor.Acceptor

	mu      sync.Mutex // guards waiting, and makes report and answer one step
	waiting int        // messages that are not answered yet

	last chan struct{} // closed when the last message was answered and its client has gone
	once sync.Once
}

// MaxMessage is the size of the largest body that a stand-in accepts: the default of
// libobe's option max_message.
const MaxMessage = 64 << 20

// New returns a stand-in for a listener, which it closes in the end.
func New(config Config) *Server {
	failed := func(err error) { config.Wrong(AcceptFailed, err.Error()) }
	return &Server{config: config, connections: acceptor.New(config.Listener, failed), last: make(chan struct{})}
}

// Finished is closed when the last message was answered and its connection has ended, or
// farewell has passed.
func (s *Server) Finished() <-chan struct{} { return s.last }

// farewell is how long the client of the last message has to close its connection: a
// server that closes first would keep its port busy.
const farewell = time.Second

// Connections returns how many connections clients have made.
func (s *Server) Connections() int64 { return s.connections.Accepted() }

// Open returns how many connections of clients are open.
func (s *Server) Open() int64 { return s.connections.Serving() }

// Serve accepts connections until Close is called.
func (s *Server) Serve() { s.connections.Serve(s.serve) }

// Close ends all connections and waits for them.
func (s *Server) Close() { s.connections.Close() }

// serve reads from a connection until it ends.
func (s *Server) serve(conn net.Conn, number int64) {
	var check jsondoc.Validator
	reader := wire.Reader{Limit: MaxMessage, Check: func(part []byte, last bool) error { return check.Feed(part, last) }}
	peer, local := acceptor.Names(conn, number)
	for {
		check = jsondoc.Validator{}
		body, err := reader.Next(conn, nil)
		if err != nil {
			if event, text := judge(err, reader.InFrame()); text != "" && !s.connections.Closed() {
				s.config.Wrong(event, fmt.Sprintf("%s: %s", peer, text))
			}
			return
		}
		now := time.Now()
		s.mu.Lock()
		s.config.Report(Message{Time: now, Peer: peer, Local: local, Connection: number, Body: body})
		answer := s.config.Script.Answer(body)
		s.waiting++
		s.mu.Unlock()
		if answer.Unexpected != "" {
			s.config.Wrong(Unexpected, fmt.Sprintf("%s: %s", peer, answer.Unexpected))
		}
		open := s.answer(conn, answer, Message{Sent: true, Peer: peer, Local: local, Connection: number}, now)
		s.mu.Lock()
		s.waiting--
		others := s.waiting
		s.mu.Unlock()
		if s.config.Last(body, others) {
			s.finish(conn, open)
			return
		}
		if !open {
			return
		}
	}
}

// judge returns what to tell of an error of reading, if it is one. A client may end its
// connection between two messages in any way.
func judge(err error, inFrame bool) (Event, string) {
	var syntax *jsondoc.SyntaxError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed):
		return 0, ""
	case errors.Is(err, wire.ErrIncomplete):
		return CutMessage, "the connection ended inside a message"
	case errors.Is(err, wire.ErrTooLarge):
		return BadMessage, fmt.Sprintf("a message of more than %d MiB, the largest that a server takes by default; the connection is closed", MaxMessage>>20)
	case errors.Is(err, wire.ErrMalformed), errors.As(err, &syntax):
		return BadMessage, err.Error() + "; the connection is closed"
	}
	if !inFrame {
		return 0, ""
	}
	return CutMessage, err.Error()
}

// finish waits until the client of the last message has closed its connection.
func (s *Server) finish(conn net.Conn, open bool) {
	if open {
		_ = conn.SetReadDeadline(time.Now().Add(farewell))
		_, _ = io.Copy(io.Discard, conn)
	}
	s.once.Do(func() { close(s.last) })
}

// answer answers a message, and reports whether the connection is still open.
func (s *Server) answer(conn net.Conn, answer script.Answer, m Message, received time.Time) bool {
	if answer.Delay > 0 {
		select {
		case <-s.connections.Context().Done():
			return false
		case <-time.After(answer.Delay):
		}
	}
	header := wire.Header(len(answer.Body))
	frame := append(header[:], answer.Body...)
	open := true
	switch answer.Action {
	case script.Reply:
		m.Body = answer.Body
	case script.Raw, script.Garbage:
		frame = answer.Body
	case script.Half, script.Stall:
		frame = frame[:wire.HeaderLength+len(answer.Body)/2]
		open = answer.Action == script.Stall
	case script.Silence:
		frame = nil
	case script.Close, script.Reset:
		frame, open = nil, false
	}
	m.Time, m.Fault = time.Now(), answer.Action
	m.Took = m.Time.Sub(received)
	s.mu.Lock()
	s.config.Report(m)
	s.mu.Unlock()
	if len(frame) > 0 {
		if _, err := conn.Write(frame); err != nil {
			return false
		}
	}
	if answer.Action == script.Reset {
		acceptor.Reset(conn)
	}
	return open
}
