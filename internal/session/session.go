// Package session implements what a LabVIEW handle refers to. A diagram has no natural
// place for objects that must be freed one by one, so one handle holds everything that a
// conversation needs: a socket, the command being built and the last message received
// ([Session]). Its texts may be in a Windows code page, as LabVIEW's strings are. [Table]
// assigns the handles, and [Instance] is a node of a diagram with the calls that an abort
// has to cancel.
//
// It is not the interface that LabVIEW calls: package capi converts the arguments, and
// package socket does the communication. The one thing to know first: a session holds
// one message, the last one received, and every read refers to it.
package session

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"libobe/internal/command"
	"libobe/internal/jsondoc"
	"libobe/internal/memory"
	"libobe/internal/socket"
)

// ErrEncoding reports a text that is invalid in the code page of its session.
var ErrEncoding = errors.New("invalid text encoding")

// Session is a socket with the command being built for it and the last message
// received on it. All methods may be called from any goroutine. Those that build, send,
// receive and read belong to one sequence of calls, because each message that is
// received replaces the one before.
//
// A method that fails to receive leaves the current message as it is. Its caller
// therefore calls ClearMessage first, so that an old message is never mistaken for a
// reply.
type Session struct {
	client *socket.Client // nil for a server
	server *socket.Server // nil for a client

	mu       sync.Mutex
	codePage *codePage // nil: texts are UTF-8
	command  *jsondoc.Document
	message  *jsondoc.Document
	request  *socket.Message // of a server: the message that Send replies to
	shared   bool            // of a server: two sequences of calls received at the same time
	notifier *notifier       // of a server, once Notify was called
	freed    bool
}

// NewClient creates the session of a client; see socket.NewClient.
func NewClient(host string, port int) (*Session, error) {
	c, err := socket.NewClient(host, port)
	if err != nil {
		return nil, err
	}
	return &Session{client: c}, nil
}

// NewServer creates the session of a server; see socket.NewServer.
func NewServer(host string, port int) (*Session, error) {
	s, err := socket.NewServer(host, port)
	if err != nil {
		return nil, err
	}
	return &Session{server: s}, nil
}

func (s *Session) socket() socket.Socket {
	if s.client != nil {
		return s.client
	}
	return s.server
}

// Free closes the socket. Every call in flight returns socket.ErrClosed.
func (s *Session) Free() {
	s.mu.Lock()
	n := s.notifier
	s.notifier, s.freed = nil, true
	s.mu.Unlock()
	n.free()
	s.socket().Free()
}

// Cancel wakes every call in flight, which returns socket.ErrCancelled.
func (s *Session) Cancel() { s.socket().Cancel() }

// Port returns the port that a server listens on.
func (s *Session) Port() (int, error) {
	if s.server == nil {
		return 0, fmt.Errorf("port: %w: this function is not for a client", socket.ErrState)
	}
	return int(s.server.Addr().Port()), nil
}

// requireClient returns the client, for operations that a server does not have.
func (s *Session) requireClient(op string) (*socket.Client, error) {
	if s.client == nil {
		return nil, fmt.Errorf("%s: %w: this function is not for a server", op, socket.ErrState)
	}
	return s.client, nil
}

// WaitReady waits until the server replies.
func (s *Session) WaitReady(limit time.Duration) error {
	c, err := s.requireClient("wait_ready")
	if err != nil {
		return err
	}
	return c.WaitReady(limit)
}

// Send sends a JSON text: a client's message, or a server's reply to the last message
// received.
func (s *Session) Send(json []byte, limit time.Duration) error {
	body, err := s.DecodeJSON("send", "json", json)
	if err != nil {
		return err
	}
	return s.withCodePageHint(s.send(body, limit), body)
}

// send sends a body in UTF-8. A server replies to the message that this session received
// last, regardless of the threads on which the calls are made.
func (s *Session) send(body []byte, limit time.Duration) error {
	s.mu.Lock()
	request, shared := s.request, s.shared
	s.mu.Unlock()
	if shared {
		return fmt.Errorf("send: %w: several loops receive on this handle, so it is unclear which message this replies to, and nothing was sent; receive and reply in one loop", socket.ErrState)
	}
	if request != nil {
		return request.Send(body, limit)
	}
	return s.socket().Send(body, limit)
}

// Receive receives a message, makes it the current one, and returns the size of its text.
func (s *Session) Receive(limit time.Duration) (size int, err error) {
	var body []byte
	if s.client != nil {
		body, err = s.client.ReceiveBody(limit)
	} else {
		body, err = s.receiveRequest(limit)
	}
	if err != nil {
		return 0, err
	}
	s.setMessage(body)
	return s.jsonSize(body), nil
}

// receiveRequest receives the next message of a server's clients, which Send then replies
// to.
func (s *Session) receiveRequest(limit time.Duration) ([]byte, error) {
	s.mu.Lock()
	before := s.request
	s.mu.Unlock()
	m, err := s.server.ReceiveAfter(before, limit)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notifier.look()
	if err != nil {
		return nil, err
	}
	if s.request != before {
		// Another call received at the same time as this one.
		s.shared = s.shared || !s.request.Answered()
		s.request.Drop()
	}
	s.request = m
	body := m.Body
	m.Body = nil // the session holds it as the current message
	return body, nil
}

// Tcmd sends a command, makes the reply the current message, and returns the size of its
// text.
func (s *Session) Tcmd(json []byte, limit time.Duration) (size int, err error) {
	body, err := s.DecodeJSON("tcmd", "json", json)
	if err != nil {
		return 0, err
	}
	err = s.TcmdFunc(body, limit, func(reply []byte) error {
		size = s.jsonSize(reply)
		return nil
	})
	return size, s.withCodePageHint(err, body)
}

// TcmdFunc sends a command and passes the reply to use, as the method of socket.Client
// does. It also makes the reply the current message, so that a reply which does not fit
// the caller's array, or is not the expected one, can still be read.
func (s *Session) TcmdFunc(body []byte, limit time.Duration, use socket.ReplyFunc) error {
	c, err := s.requireClient("tcmd")
	if err != nil {
		return err
	}
	return s.holdReply(use, func(use socket.ReplyFunc) error { return c.TcmdFunc(body, limit, use) })
}

// holdReply calls receive, which passes a reply to a ReplyFunc, and makes the reply the
// current message.
func (s *Session) holdReply(use socket.ReplyFunc, receive func(socket.ReplyFunc) error) error {
	var tooSmall error
	err := receive(func(reply []byte) error {
		s.setMessage(reply)
		err := use(reply)
		if errors.Is(err, socket.ErrBuffer) {
			// The session holds the reply. If the client kept it too, the next receive would
			// return it once more.
			tooSmall = err
			return nil
		}
		return err
	})
	if err == nil {
		err = tooSmall
	}
	return err
}

// Ask sends a request whose reply Fetch receives; see socket.Client.
func (s *Session) Ask(body []byte, limit time.Duration) error {
	c, err := s.requireClient("ask")
	if err != nil {
		return err
	}
	return c.Ask(body, limit)
}

// Fetch receives the reply to Ask, passes it to use, and makes it the current message.
func (s *Session) Fetch(limit time.Duration, use socket.ReplyFunc) error {
	c, err := s.requireClient("fetch")
	if err != nil {
		return err
	}
	return s.holdReply(use, func(use socket.ReplyFunc) error { return c.Fetch(limit, use) })
}

// AddFields adds the members of the option fields to a request; see socket.Client. A
// server, for which TcmdFunc fails, has none.
func (s *Session) AddFields(request *jsondoc.Document) error {
	if s.client == nil {
		return nil
	}
	return s.client.AddFields(request)
}

// ExpectOK sends a command whose reply is "OK"; see package command.
func (s *Session) ExpectOK(request *jsondoc.Document, limit time.Duration) error {
	return command.ExpectOK(s, request, limit)
}

// Doubles sends a command whose reply is a list of numbers, and stores them in dst.
func (s *Session) Doubles(request *jsondoc.Document, dst []float64, limit time.Duration) (int, error) {
	return command.Doubles(s, request, dst, limit)
}

// Double sends a command whose reply is a list of one number, and returns that.
func (s *Session) Double(request *jsondoc.Document, limit time.Duration) (float64, error) {
	return command.Double(s, request, limit)
}

// AskFor sends a command whose reply is a list of numbers, which FetchDoubles stores.
func (s *Session) AskFor(request *jsondoc.Document, limit time.Duration) error {
	return command.Ask(s, request, limit)
}

// FetchDoubles stores the reply to the command of that name, which AskFor sent, in dst.
func (s *Session) FetchDoubles(name string, dst []float64, limit time.Duration) (int, error) {
	return command.FetchDoubles(s, name, dst, limit)
}

// Matrix sends a command whose reply is a list of rows of numbers, and stores them in
// dst.
func (s *Session) Matrix(request *jsondoc.Document, dst []float64, limit time.Duration) (rows, cols int, err error) {
	return command.Matrix(s, request, dst, limit)
}

// NewRun starts a new run. fields is empty, or the JSON text of an object whose members
// are sent with the command.
func (s *Session) NewRun(fields []byte, limit time.Duration) error {
	const op = "newrun"
	text, err := s.DecodeJSON(op, "fields", fields)
	if err != nil {
		return err
	}
	var d *jsondoc.Document
	if len(text) > 0 {
		if d, err = jsondoc.Parse(text); err != nil {
			return s.withCodePageHint(fmt.Errorf("%s: fields: %w", op, err), text)
		}
	}
	request, err := command.Request(op, d)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return s.ExpectOK(request, limit)
}

// ClearMessage drops the current message, so that an old one is never mistaken for a
// reply.
func (s *Session) ClearMessage() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.message = nil
}

func (s *Session) setMessage(body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.message = jsondoc.FromValid(body)
}

func (s *Session) currentMessage() (*jsondoc.Document, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.message == nil {
		return nil, fmt.Errorf("%w: there is no message; receive one first", socket.ErrState)
	}
	return s.message, nil
}

// Text returns the text of the current message as it was received, with escapes if
// there is a code page.
func (s *Session) Text(op string) ([]byte, error) {
	d, err := s.currentMessage()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	return s.EncodeJSON(d.Text()), nil
}

// ReadValue calls read with the current message and a pointer into it.
func (s *Session) ReadValue(op string, pointer []byte, read func(d *jsondoc.Document, pointer string) error) error {
	p, err := s.decodeUTF8(op, "pointer", pointer)
	if err != nil {
		return err
	}
	d, err := s.currentMessage()
	if err == nil {
		err = d.Explain(read(d, p))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return nil
}

// BeginCommand begins a new command, which replaces the one that was being built. If name
// is empty, it begins an object without a command, such as a server's reply.
func (s *Session) BeginCommand(op string, name []byte) error {
	n, err := s.Decode(op, "command", name)
	if err != nil {
		return err
	}
	d := jsondoc.FromValid([]byte("{}"))
	if len(n) > 0 {
		if d, err = command.New(string(n)); err != nil {
			return s.withCodePageHint(fmt.Errorf("%s: %w", op, err), n)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.command = d
	return nil
}

func (s *Session) currentCommand(op string) (*jsondoc.Document, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.command == nil {
		return nil, fmt.Errorf("%s: %w: no command is being built; begin one first", op, socket.ErrState)
	}
	return s.command, nil
}

// SetMember calls set with the command being built and the key of one of its members.
func (s *Session) SetMember(op string, key []byte, set func(d *jsondoc.Document, key string) error) error {
	k, err := s.Decode(op, "key", key)
	if err != nil {
		return err
	}
	d, err := s.currentCommand(op)
	if err != nil {
		return err
	}
	if err = set(d, string(k)); err != nil {
		return s.withCodePageHint(fmt.Errorf("%s: %w", op, err), k)
	}
	return nil
}

// SetString sets a member of the command being built to a text.
func (s *Session) SetString(op string, key, text []byte) error {
	t, err := s.Decode(op, "text", text)
	if err != nil {
		return err
	}
	return s.setText(op, key, t, func(d *jsondoc.Document, k string) error { return d.SetString(k, memory.String(t)) })
}

// SetJSON sets a member of the command being built to a JSON text.
func (s *Session) SetJSON(op string, key, json []byte) error {
	t, err := s.DecodeJSON(op, "json", json)
	if err != nil {
		return err
	}
	return s.setText(op, key, t, func(d *jsondoc.Document, k string) error { return d.SetJSON(k, t) })
}

// setText is SetMember for a text that was decoded.
func (s *Session) setText(op string, key, text []byte, set func(d *jsondoc.Document, key string) error) error {
	return s.withCodePageHint(s.SetMember(op, key, set), text)
}

// SendMessage is Send with the command being built, which can be changed and sent again.
func (s *Session) SendMessage(op string, limit time.Duration) error {
	d, err := s.currentCommand(op)
	if err != nil {
		return err
	}
	return s.send(d.Text(), limit)
}

// TcmdMessage is Tcmd with the command being built, which can be changed and sent again.
func (s *Session) TcmdMessage(op string, limit time.Duration) (size int, err error) {
	d, err := s.currentCommand(op)
	if err != nil {
		return 0, err
	}
	err = s.TcmdFunc(d.Text(), limit, func(reply []byte) error {
		size = s.jsonSize(reply)
		return nil
	})
	return size, err
}
