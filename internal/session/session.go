// Package session has what a LabVIEW handle stands for. A diagram has no place
// for objects that must be freed one by one: so one handle holds all that a
// conversation needs, a socket, the command being built, and the last message
// received ([Session]). Its texts may be in a code page of Windows, as LabVIEW's
// are. [Table] gives out the handles, and [Instance] is a node of a diagram, with
// the calls that an abort has to end.
package session

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"libobe/internal/command"
	"libobe/internal/excerpt"
	"libobe/internal/jsondoc"
	"libobe/internal/socket"
)

// What a session's functions fail with, besides the errors of package socket and
// package jsondoc.
var (
	ErrPage    = errors.New("not a text of the code page")
	ErrOutside = errors.New("this program is not LabVIEW")
	ErrFull    = errors.New("LabVIEW has no memory left")
)

// Session is a socket with the command being built for it and the last message
// received over it. All methods may be called from any goroutine; those that
// build, exchange and read belong to one sequence, as the message of one exchange
// takes the place of the one before.
//
// A method that receives puts what comes in the place of the kept message. Its
// caller gives that up before, with Forget.
type Session struct {
	client *socket.Client // nil for a server
	server *socket.Server // nil for a client

	mu      sync.Mutex
	page    *page // nil: texts are UTF-8
	command *jsondoc.Document
	message *jsondoc.Document
	request *socket.Message // of a server: what Send answers
	several bool            // of a server: two sequences receive at once
}

// NewClient makes the session of a client; see socket.NewClient.
func NewClient(host string, port int) (*Session, error) {
	c, err := socket.NewClient(host, port)
	if err != nil {
		return nil, err
	}
	return &Session{client: c}, nil
}

// NewServer makes the session of a server; see socket.NewServer.
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

// Free closes the socket and wakes every call in flight with ErrClosed.
func (s *Session) Free() { s.socket().Free() }

// Cancel wakes every call in flight with ErrCancelled.
func (s *Session) Cancel() { s.socket().Cancel() }

// Port returns the port that a server listens at.
func (s *Session) Port() (int, error) {
	if s.server == nil {
		return 0, fmt.Errorf("port: %w: this function is not for a client", socket.ErrState)
	}
	return int(s.server.Addr().Port()), nil
}

// onlyClient is the client, for what a server cannot do.
func (s *Session) onlyClient(op string) (*socket.Client, error) {
	if s.client == nil {
		return nil, fmt.Errorf("%s: %w: this function is not for a server", op, socket.ErrState)
	}
	return s.client, nil
}

// SetOption sets an option of the socket, or the code page.
func (s *Session) SetOption(name, value string) error {
	if name != CodePage {
		v, err := s.plain("option "+excerpt.Quote(name), "the value", []byte(value))
		if err != nil {
			return err
		}
		return s.socket().SetOption(name, v)
	}
	p, err := findPage(value)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.page = p
	return nil
}

// WaitReady waits until the server answers.
func (s *Session) WaitReady(limit time.Duration) error {
	c, err := s.onlyClient("wait_ready")
	if err != nil {
		return err
	}
	return c.WaitReady(limit)
}

// Send sends a JSON text: a client's message, or a server's answer to the last
// message received.
func (s *Session) Send(json []byte, limit time.Duration) error {
	body, err := s.Decode("send", "json", json)
	if err != nil {
		return err
	}
	return s.hint(s.send(body, limit), body)
}

// send is the socket's; a server answers the message that this session received last,
// on whatever threads the calls are made.
func (s *Session) send(body []byte, limit time.Duration) error {
	s.mu.Lock()
	request, several := s.request, s.several
	s.mu.Unlock()
	if several {
		return fmt.Errorf("send: %w: several loops receive with this handle, and it is not clear whose message this answers, so nothing was sent; let one loop receive and answer", socket.ErrState)
	}
	if request != nil {
		return request.Send(body, limit)
	}
	return s.socket().Send(body, limit)
}

// Receive receives a message, keeps it, and returns the size of its text.
func (s *Session) Receive(limit time.Duration) (size int, err error) {
	var body []byte
	if s.client != nil {
		body, err = s.client.ReceiveBody(limit)
	} else {
		body, err = s.next(limit)
	}
	if err != nil {
		return 0, err
	}
	s.keep(body)
	return s.size(body), nil
}

// next is the next message of a server's clients, which Send answers.
func (s *Session) next(limit time.Duration) ([]byte, error) {
	s.mu.Lock()
	before := s.request
	s.mu.Unlock()
	m, err := s.server.ReceiveAfter(before, limit)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.request != before {
		// Another call received while this one did.
		s.several = s.several || !s.request.Answered()
		s.request.Drop()
	}
	s.request = m
	body := m.Body
	m.Body = nil // it is kept as the message
	return body, nil
}

// Tcmd sends a command, keeps the reply, and returns the size of its text.
func (s *Session) Tcmd(json []byte, limit time.Duration) (size int, err error) {
	body, err := s.Decode("tcmd", "json", json)
	if err != nil {
		return 0, err
	}
	err = s.TcmdFunc(body, limit, func(reply []byte) error {
		size = s.size(reply)
		return nil
	})
	return size, s.hint(err, body)
}

// TcmdFunc is socket.Client's, and keeps the reply besides: so that one that use
// has no room for, or that is another than the command's, can still be read.
func (s *Session) TcmdFunc(body []byte, limit time.Duration, use socket.ReplyFunc) error {
	c, err := s.onlyClient("tcmd")
	if err != nil {
		return err
	}
	var short error
	err = c.TcmdFunc(body, limit, func(reply []byte) error {
		s.keep(reply)
		err := use(reply)
		if errors.Is(err, socket.ErrBuffer) {
			// The reply is kept here; kept in the client too, it would be received once more.
			short = err
			return nil
		}
		return err
	})
	if err == nil {
		err = short
	}
	return err
}

// Order makes a command whose answer is "OK"; see package command.
func (s *Session) Order(request *jsondoc.Document, limit time.Duration) error {
	return command.ExpectOK(s, request, limit)
}

// NewRun begins a new run; fields is the JSON text of an object whose members are
// sent along, or empty.
func (s *Session) NewRun(fields []byte, limit time.Duration) error {
	const op = "newrun"
	text, err := s.Decode(op, "fields", fields)
	if err != nil {
		return err
	}
	var d *jsondoc.Document
	if len(text) > 0 {
		if d, err = jsondoc.Parse(text); err != nil {
			return s.hint(fmt.Errorf("%s: fields: %w", op, err), text)
		}
	}
	request, err := command.Request("newrun", d)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return s.Order(request, limit)
}

// List makes a command whose answer is a list of numbers.
func (s *Session) List(request *jsondoc.Document, dst []float64, limit time.Duration) (int, error) {
	return command.Doubles(s, request, dst, limit)
}

// Table makes a command whose answer is a list of rows of numbers.
func (s *Session) Table(request *jsondoc.Document, dst []float64, limit time.Duration) (rows, cols int, err error) {
	return command.Matrix(s, request, dst, limit)
}

// Forget gives up the kept message, so that nothing old is taken for an answer.
func (s *Session) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.message = nil
}

// keep makes a message that was received the one that is read.
func (s *Session) keep(body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.message = jsondoc.FromValid(body)
}

// kept is the message that is read.
func (s *Session) kept() (*jsondoc.Document, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.message == nil {
		return nil, fmt.Errorf("%w: there is no message; receive one first", socket.ErrState)
	}
	return s.message, nil
}

// Text returns the kept message as it came, but for what the code page asks for.
func (s *Session) Text() ([]byte, error) {
	d, err := s.kept()
	if err != nil {
		return nil, fmt.Errorf("text: %w", err)
	}
	return s.json(d.Text()), nil
}

// Read gives body the kept message and a pointer into it.
func (s *Session) Read(op string, pointer []byte, body func(d *jsondoc.Document, pointer string) error) error {
	p, err := s.plain(op, "pointer", pointer)
	if err != nil {
		return err
	}
	d, err := s.kept()
	if err == nil {
		err = body(d, p)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return nil
}

// Begin begins a command, in the place of the one that was being built. Without
// a name it is an object without a command, such as a server's answer.
func (s *Session) Begin(name []byte) error {
	const op = "command"
	n, err := s.Decode(op, "command", name)
	if err != nil {
		return err
	}
	d := jsondoc.FromValid([]byte("{}"))
	if len(n) > 0 {
		if d, err = command.New(string(n)); err != nil {
			return s.hint(fmt.Errorf("%s: %w", op, err), n)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.command = d
	return nil
}

// built is the command being built.
func (s *Session) built(op string) (*jsondoc.Document, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.command == nil {
		return nil, fmt.Errorf("%s: %w: no command is being built; begin one first", op, socket.ErrState)
	}
	return s.command, nil
}

// Write gives body the command being built and a key of it.
func (s *Session) Write(op string, key []byte, body func(d *jsondoc.Document, key string) error) error {
	k, err := s.Decode(op, "key", key)
	if err != nil {
		return err
	}
	d, err := s.built(op)
	if err != nil {
		return err
	}
	if err = body(d, string(k)); err != nil {
		return s.hint(fmt.Errorf("%s: %w", op, err), k)
	}
	return nil
}

// WriteText is Write for a value that is a text.
func (s *Session) WriteText(op string, key []byte, name string, text []byte, body func(d *jsondoc.Document, key string, text []byte) error) error {
	t, err := s.Decode(op, name, text)
	if err != nil {
		return err
	}
	return s.hint(s.Write(op, key, func(d *jsondoc.Document, k string) error { return body(d, k, t) }), t)
}

// SendBuilt is Send with the command being built, which stays.
func (s *Session) SendBuilt(limit time.Duration) error {
	d, err := s.built("send_built")
	if err != nil {
		return err
	}
	return s.send(d.Text(), limit)
}

// TcmdBuilt is Tcmd with the command being built, which stays.
func (s *Session) TcmdBuilt(limit time.Duration) (size int, err error) {
	d, err := s.built("tcmd_built")
	if err != nil {
		return 0, err
	}
	err = s.TcmdFunc(d.Text(), limit, func(reply []byte) error {
		size = s.size(reply)
		return nil
	})
	return size, err
}
