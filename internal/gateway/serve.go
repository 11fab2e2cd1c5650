package gateway

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

// answerTimeout is how long a reply is tried to be sent to an asker that did not tell how long it waits.
const answerTimeout = time.Minute

// leaveTimeout is how long a subscription may take to end.
const leaveTimeout = time.Second

// Request is a command that came. Respond or Fail is called once, from any goroutine.
type Request struct {
	Subject  string // the commands' subject without a wildcard, also of a command that came over the private one
	Body     []byte
	Received time.Time
	Timeout  time.Duration // how long the asker waited for the reply when the command came; 0: not known
	Pinned   bool          // came over the private subject
	From     string        // who asks, for the record; empty: not told
	Recorded bool          // is set before Respond if this side has recorded the command and the reply
	Gateway  string        // the gateway that asks; empty: not told
	Run      string        // the run that the command belongs to; empty: not told. Respond copies it into the reply

	service  *Service
	reply    string // where the reply goes; empty: the asker wants none
	id       string
	answered atomic.Bool
	late     string // why it is not to be executed any more; empty: it is
}

// Expired reports whether the asker has stopped waiting, as far as it told.
func (r *Request) Expired() bool { return r.Timeout > 0 && time.Since(r.Received) >= r.Timeout }

// deadline returns until when a reply is of use.
func (r *Request) deadline() time.Time {
	if r.Timeout > 0 {
		return r.Received.Add(r.Timeout)
	}
	return time.Now().Add(answerTimeout)
}

// Respond sends the reply, in parts if needed. A reply that the asker cannot take becomes the status TOO_LARGE, and is
// an error, too. It waits while the asker is slow to take the parts, and for the connection if that broke, but not
// longer than the asker. The body must not be changed, also after that.
func (r *Request) Respond(body []byte) error {
	if r.answered.Swap(true) {
		return failf(ErrArgument, "the command to %s is answered already", r.Subject)
	}
	if r.reply == "" {
		return nil
	}
	l := r.service.link
	single := l.single()
	if r.id != "" { // one that can take parts
		single = l.whole()
	}
	if len(body) <= single {
		return r.persist(r.message("", body))
	}
	if r.id == "" {
		sentence := fmt.Sprintf("the reply has %d bytes: the NATS server takes %d in one message, and a command without the header %s gets none in parts; raise max_payload", len(body), single, HeaderID)
		return errors.Join(failf(ErrTooLarge, "%s", sentence), r.persist(r.message(StatusTooLarge, []byte(sentence))))
	}
	return r.respondParts(body)
}

// Fail sends a status and a sentence in place of a reply.
func (r *Request) Fail(status, sentence string) error {
	if r.answered.Swap(true) {
		return failf(ErrArgument, "the command to %s is answered already", r.Subject)
	}
	if r.reply == "" {
		return nil
	}
	if !r.service.link.out.put(&outgoing{msg: r.message(status, []byte(sentence))}) {
		return failf(ErrBusy, "too many messages wait for the NATS server at %s: the answer %s to %s was not sent", r.service.link.address, status, r.Subject)
	}
	return nil
}

// message returns an answer.
func (r *Request) message(status string, body []byte) *nats.Msg {
	header := r.header()
	if status != "" {
		header[HeaderStatus] = []string{status}
	}
	return &nats.Msg{Subject: r.reply, Header: header, Data: body}
}

// header returns the headers of an answer.
func (r *Request) header() nats.Header {
	h := nats.Header{HeaderServer: {r.private()}}
	if r.late != "" {
		h[HeaderLate] = []string{"1"}
	}
	queue := r.service.config.Queue
	if queue == exclusiveQueue {
		queue = ""
	}
	recorded := ""
	if r.Recorded {
		recorded = "1"
	}
	for _, each := range [...]struct{ name, value string }{{HeaderID, r.id}, {HeaderRun, r.Run}, {HeaderQueue, queue}, {HeaderRecorded, recorded}} {
		if each.value != "" {
			h[each.name] = []string{each.value}
		}
	}
	return h
}

// private returns the private subject of the service, for the command's subject.
func (r *Request) private() string { return r.Subject + "." + r.service.instance }

// persist sends an answer, again after a reconnection: the asker takes it once, and may be on another NATS server.
func (r *Request) persist(m *nats.Msg) error {
	l := r.service.link
	var end <-chan time.Time
	for {
		l.mu.Lock()
		connected, changed := l.connected, l.changed
		l.mu.Unlock()
		err := l.publishNow(m)
		if !errors.Is(err, ErrDisconnected) && !errors.Is(err, ErrBroken) {
			return err
		}
		if end == nil {
			timer := time.NewTimer(time.Until(r.deadline()))
			defer timer.Stop()
			end = timer.C
		}
		var soon <-chan time.Time
		if connected { // what nats.go knows already is told soon, but perhaps was before this
			soon = time.After(20 * time.Millisecond)
		}
		select {
		case <-changed:
		case <-soon:
		case <-l.closed:
			return err
		case <-end:
			return err
		}
	}
}

// respondParts sends the reply in parts. They are acknowledged at the private subject.
func (r *Request) respondParts(body []byte) error {
	l := r.service.link
	c := newCall(r.id, r.reply)
	c.wake = make(chan struct{}, 1)
	if err := l.beginReply(c); err != nil {
		return err
	}
	defer l.end(c)
	w := newWait(context.Background(), c, r.deadline())
	defer w.stop()
	own := r.header()
	err := l.sendParts(w, body, func(header nats.Header, part []byte) *outgoing {
		maps.Copy(header, own)
		return &outgoing{
			msg:        &nats.Msg{Subject: r.reply, Reply: r.private(), Header: header, Data: part},
			generation: c.generation, call: c,
		}
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.err != nil:
		return c.err
	case errors.Is(err, errDeadline):
		return failf(ErrTimeout, "the asker did not take the reply of %d bytes to %s in time", len(body), r.Subject)
	}
	return err
}

// ServeConfig is how commands are taken.
type ServeConfig struct {
	Subject    string         // where commands come, with at most one wildcard *
	Queue      string         // name of the queue group; empty: "obe"
	MaxMessage int64          // largest command in bytes; 0: DefaultMaxMessage
	Handle     func(*Request) // called from one goroutine per subscription; must not block for long
}

// exclusiveQueue is the queue group of a designer that shares its subject with no other.
const exclusiveQueue = "obe"

// Service takes commands.
type Service struct {
	link     *Link
	config   ServeConfig
	instance string // last name of the private subject

	mu      sync.Mutex
	subs    []*nats.Subscription // of the queue group first
	yielded bool
	closed  bool
}

// Serve takes the commands of a subject: it subscribes to it in the queue group, to its who subject, and to a private
// one. It waits for a connection. It is subscribed, and permitted to be, when it returns. It takes part until Close.
func (l *Link) Serve(ctx context.Context, c ServeConfig) (*Service, error) {
	if err := CheckSubject(c.Subject, true); err != nil {
		return nil, err
	}
	if c.Queue == "" {
		c.Queue = exclusiveQueue
	}
	if c.MaxMessage <= 0 {
		c.MaxMessage = DefaultMaxMessage
	}
	if err := l.WaitConnected(ctx); err != nil {
		return nil, err
	}
	s := &Service{link: l, config: c, instance: "_" + rand.Text()}
	l.mu.Lock()
	l.services[s] = struct{}{}
	for _, subject := range s.subjects() {
		delete(l.denied, subject)
	}
	l.mu.Unlock()
	conn := l.conn.Load()
	err := s.subscribe(conn)
	if err == nil {
		err = l.flush(conn, s.subjects()...)
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// subjects returns the subjects of the service, that of the commands first.
func (s *Service) subjects() []string {
	return []string{s.config.Subject, s.Instance(), WhoSubject(s.config.Subject)}
}

// subscribe subscribes the service on a new connection.
func (s *Service) subscribe(conn *nats.Conn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.subs = nil
	return s.subscribeAll(conn)
}

// subscribeAll makes the subscriptions that are missing. The service's lock is held.
func (s *Service) subscribeAll(conn *nats.Conn) error {
	if s.closed {
		return nil
	}
	if s.subs == nil {
		s.subs = make([]*nats.Subscription, 3)
	}
	subjects := s.subjects()
	take := []func() (*nats.Subscription, error){
		func() (*nats.Subscription, error) { return conn.QueueSubscribe(subjects[0], s.config.Queue, s.shared) },
		func() (*nats.Subscription, error) { return conn.Subscribe(subjects[1], s.private) },
		func() (*nats.Subscription, error) { return conn.Subscribe(subjects[2], s.who) },
	}
	for i, subscribe := range take {
		if s.subs[i] != nil || s.yielded && i != 1 {
			continue
		}
		sub, err := subscribe()
		if err != nil {
			return failf(ErrDisconnected, "subscribe to %s at the NATS server at %s: %s", subjects[i], s.link.address, reason(err))
		}
		s.subs[i] = sub
	}
	return nil
}

// who tells the private subject, but not to this link itself.
func (s *Service) who(m *nats.Msg) {
	subject := withoutLast(m.Subject)
	if m.Reply == "" || strings.HasPrefix(m.Reply, s.link.inbox) {
		return
	}
	header := nats.Header{HeaderServer: {subject + "." + s.instance}}
	if id := m.Header.Get(HeaderID); id != "" {
		header[HeaderID] = []string{id}
	}
	s.link.out.put(&outgoing{msg: &nats.Msg{Subject: m.Reply, Header: header}})
}

// shared takes what comes to the commands' subject.
func (s *Service) shared(m *nats.Msg) {
	r := s.request(m, m.Subject)
	switch {
	case !matches(s.config.Subject, r.Subject):
		_ = r.Fail(StatusArgument, fmt.Sprintf("%q is no subject for commands", r.Subject))
	case r.late != "":
		s.refuseLate(r)
	case m.Header.Get(HeaderPart) != "":
		_ = r.Fail(StatusState, "parts of a message go to the private subject of one designer only")
	case int64(len(m.Data)) > s.config.MaxMessage:
		_ = r.Fail(StatusTooLarge, s.tooLarge(int64(len(m.Data))))
	default:
		s.config.Handle(r)
	}
}

// private takes what comes to the private subject: commands, their parts, and acknowledgements of a reply's parts.
func (s *Service) private(m *nats.Msg) {
	r := s.request(m, withoutLast(m.Subject))
	r.Pinned = true
	switch {
	case noResponders(m):
		s.left(m)
	case m.Header.Get(HeaderAck) != "":
		l := s.link
		l.mu.Lock()
		c := l.flows[r.id]
		l.mu.Unlock()
		if c != nil {
			c.acknowledge(m)
		}
	case !matches(s.config.Subject, r.Subject):
		_ = r.Fail(StatusArgument, fmt.Sprintf("%q is no subject for commands", r.Subject))
	case r.late != "":
		s.refuseLate(r)
	case m.Header.Get(HeaderPart) != "":
		s.part(r, m)
	case int64(len(m.Data)) > s.config.MaxMessage:
		_ = r.Fail(StatusTooLarge, s.tooLarge(int64(len(m.Data))))
	default:
		s.config.Handle(r)
	}
}

// refuseLate refuses a command that is not to be executed any more.
func (s *Service) refuseLate(r *Request) {
	text := fmt.Sprintf("a command to %s was not executed: %s", r.Subject, r.late)
	s.link.event(EventExpired, text)
	_ = r.Fail(StatusState, text)
}

// left ends the reply in parts whose asker is gone, as a NATS server tells. One before version 2.12 does not tell whose.
func (s *Service) left(m *nats.Msg) {
	inbox := m.Header.Get("Nats-Subject")
	s.link.endCalls(func(c *call) error {
		if !c.reply || c.subject != inbox {
			return nil
		}
		return failf(ErrTimeout, "the asker is gone, and takes no reply")
	})
}

// part takes a part of a command.
func (s *Service) part(r *Request, m *nats.Msg) {
	if r.id == "" || r.reply == "" {
		_ = r.Fail(StatusArgument, "a part of a message needs the header "+HeaderID+" and a reply subject")
		return
	}
	body := s.link.parts.take("> "+r.id, m, s.config.MaxMessage, r.deadline(), receiver{
		ack:  func(n int) { s.link.ack(m, n, "", "") },
		gone: func(err error) { _ = r.Fail(statusOf(err), err.Error()+"; the command was not executed") },
	})
	if body != nil {
		r.Body = body
		s.config.Handle(r)
	}
}

func (s *Service) tooLarge(size int64) string {
	return fmt.Sprintf("the command has %d bytes, more than the %d that this designer's gateway allows", size, s.config.MaxMessage)
}

func (s *Service) request(m *nats.Msg, subject string) *Request {
	now, wait := time.Now(), timeout(m)
	age, late := s.link.epochs.check(m, wait, now)
	if wait > 0 {
		wait = max(wait-age, time.Millisecond) // the asker told it when it sent the command
	}
	return &Request{
		Subject: subject, Body: m.Data, Received: now, Timeout: wait, late: late,
		From: headerText(m, HeaderFrom), Gateway: headerText(m, HeaderGateway), Run: headerText(m, HeaderRun),
		service: s, reply: m.Reply, id: m.Header.Get(HeaderID),
	}
}

// Instance returns the private subject, with the wildcard if the commands' subject has one.
func (s *Service) Instance() string { return s.config.Subject + "." + s.instance }

// Yield leaves the queue group, and tells no one more who it is: another designer has taken the commands' subject. What
// comes to the private subject is still taken.
func (s *Service) Yield() {
	s.mu.Lock()
	var subs []*nats.Subscription
	s.yielded = true
	for _, i := range []int{0, 2} {
		if i < len(s.subs) {
			subs = append(subs, s.subs[i])
			s.subs[i] = nil
		}
	}
	s.mu.Unlock()
	s.leave(subs)
}

// leave ends subscriptions. When it returns, the NATS server delivers nothing more to them, and what it had delivered
// was handled: a command that came at this moment gets an answer.
func (s *Service) leave(subs []*nats.Subscription) {
	ended := make(chan struct{})
	go func() { // nats.go may be held up by a NATS server that does not read
		defer close(ended)
		var drained sync.WaitGroup
		for _, sub := range subs {
			if sub == nil {
				continue
			}
			drained.Add(1)
			done := sync.OnceFunc(drained.Done)
			sub.SetClosedHandler(func(string) { done() })
			// Without a connection nothing comes. nats.go would subscribe a draining one again with the next.
			if !s.link.Connected() || sub.Drain() != nil {
				_ = sub.Unsubscribe() // of a connection that is closed, it has ended already
				done()
			}
		}
		drained.Wait()
	}()
	select {
	case <-ended:
	case <-time.After(leaveTimeout):
	}
}

// Resume joins the queue group again after Yield. It takes part, and is permitted to, when it returns.
func (s *Service) Resume() error {
	conn := s.link.conn.Load()
	s.mu.Lock()
	s.yielded = false
	err := s.subscribeAll(conn)
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.link.flush(conn, s.subjects()...)
}

// Close unsubscribes. What came until then is passed on.
func (s *Service) Close() {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.closed = true
	subs := slices.Clone(s.subs)
	s.mu.Unlock()
	s.link.mu.Lock()
	delete(s.link.services, s)
	s.link.mu.Unlock()
	s.leave(subs)
}
