package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"libobe/internal/excerpt"
)

// Ask is a command, and what is expected of its reply.
type Ask struct {
	Subject  string // the commands' subject, or the private one of an instance
	Private  bool   // Subject is one instance's: the command may go in parts
	Body     []byte
	Deadline time.Time // zero: only the context ends it
	MaxReply int64     // largest reply in bytes; 0: DefaultMaxMessage
	From     string    // who asks, for the record; empty: not told
	Gateway  string    // the gateway that asks: the same text at each start of it; empty: not told
	Run      string    // of designers that share a subject: the run that the command belongs to; empty: none
}

// Answer is the reply to a command.
type Answer struct {
	Body     []byte
	Server   string // private subject of the instance that answered; empty if it did not tell
	Queue    string // the queue group, if several designers share the subject; else empty
	Run      string // the run that the instance holds, if several share the subject; else empty
	Recorded bool   // the designer's side has recorded the command and the reply
}

// Ask sends a command once and waits for its reply. The command is never sent later and never twice. Ask ends at the
// deadline even if the NATS server has stopped reading; so the body must not be changed, also after that.
//
// The errors are ErrNoDesigner, ErrBroken, ErrDisconnected, ErrTimeout, ErrBusy, ErrPermission, ErrTooLarge (also for
// a command too large for one message that is not Private), ErrClosed, *StatusError from the other side, and the
// error of the context.
func (l *Link) Ask(ctx context.Context, a Ask) (*Answer, error) {
	c := newCall(newID(), a.Subject)
	c.maxReply = a.MaxReply
	if c.maxReply <= 0 {
		c.maxReply = DefaultMaxMessage
	}
	if !a.Deadline.IsZero() && !time.Now().Before(a.Deadline) {
		return nil, failf(ErrTimeout, "the command to %s was not sent: its deadline had passed", a.Subject)
	}
	if err := l.begin(c); err != nil {
		return nil, err
	}
	defer l.end(c)
	w := newWait(ctx, c, a.Deadline)
	defer w.stop()
	if a.Private {
		defer l.watch(c)()
	}
	var err error
	switch single := l.single(); {
	case len(a.Body) <= l.whole(), !a.Private && len(a.Body) <= single:
		err = l.send(w, l.outgoing(c, a.header(make(nats.Header, 5)), a.Body, a.Deadline))
	case a.Private:
		c.wake = make(chan struct{}, 1)
		err = l.sendParts(w, a.Body, func(part nats.Header, body []byte) *outgoing {
			return l.outgoing(c, a.header(part), body, a.Deadline)
		})
	default:
		return nil, failf(ErrTooLarge, "a command of %d bytes is too large for %s, where any designer may take it: the NATS server at %s takes %d bytes in one message; raise its max_payload", len(a.Body), a.Subject, l.address, single)
	}
	if err == nil {
		err = w.wait(nil)
	}
	if err != nil {
		return nil, l.explain(w, a.Subject, err)
	}
	return c.answer, c.err
}

// Who asks which instances serve the subject, other than those of this link. It waits for the first answer, or until
// none can come: no instance is an empty list and no error. In place of a wildcard it asks for the name _, which only
// a service with a wildcard has.
func (l *Link) Who(ctx context.Context, subject string, deadline time.Time) ([]string, error) {
	return l.who(ctx, subject, deadline, 0)
}

// who is Who that waits for more answers after the first one.
func (l *Link) who(ctx context.Context, subject string, deadline time.Time, more time.Duration) ([]string, error) {
	c := newCall(newID(), WhoSubject(probe(subject)))
	c.maxReply = DefaultMaxMessage
	if err := l.begin(c); err != nil {
		return nil, err
	}
	defer l.end(c)
	w := newWait(ctx, c, deadline)
	defer w.stop()
	err := l.send(w, l.outgoing(c, nil, nil, deadline))
	if err == nil {
		err = w.wait(nil)
	}
	if errors.Is(err, errDeadline) && !w.unsent {
		return nil, nil
	}
	if err != nil {
		return nil, l.explain(w, subject, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if errors.Is(c.err, ErrNoDesigner) {
		return nil, nil
	}
	if more > 0 && c.err == nil {
		c.mu.Unlock()
		select {
		case <-time.After(more):
		case <-ctx.Done():
		}
		c.mu.Lock()
	}
	return slices.Clone(c.servers), c.err
}

// header adds what a command tells about itself, so that the designer's side can record it.
func (a *Ask) header(h nats.Header) nats.Header {
	for _, each := range [...]struct{ name, value string }{{HeaderFrom, a.From}, {HeaderGateway, a.Gateway}, {HeaderRun, a.Run}} {
		if each.value != "" {
			h[each.name] = []string{each.value}
		}
	}
	return h
}

// answerOf returns an answer with what its message tells about the designer.
func answerOf(m *nats.Msg, body []byte) *Answer {
	return &Answer{body, m.Header.Get(HeaderServer), headerText(m, HeaderQueue), headerText(m, HeaderRun), m.Header.Get(HeaderRecorded) != ""}
}

// outgoing returns a message of a command, with further headers.
func (l *Link) outgoing(c *call, header nats.Header, body []byte, deadline time.Time) *outgoing {
	if header == nil {
		header = make(nats.Header, 2)
	}
	header[HeaderID], header[HeaderEpoch] = []string{c.id}, []string{l.epoch(c.generation)}
	return &outgoing{
		msg:        &nats.Msg{Subject: c.subject, Reply: l.inbox + c.key, Header: header, Data: body},
		deadline:   deadline,
		generation: c.generation,
		call:       c,
	}
}

// send queues one message, and withdraws it when the caller stops waiting for its reply.
func (l *Link) send(w *wait, out *outgoing) error {
	w.last = out
	w.link = l
	if !l.out.put(out) {
		return failf(ErrBusy, "too many messages wait for the NATS server at %s, which does not read fast enough: the message to %s was not sent", l.address, out.msg.Subject)
	}
	return nil
}

// explain returns the error of a command that has ended without an answer.
func (l *Link) explain(w *wait, subject string, err error) error {
	if !errors.Is(err, errDeadline) {
		return err
	}
	switch {
	case w.unsent:
		return failf(ErrTimeout, "the command to %s was not sent in time: the NATS server at %s does not read", subject, l.address)
	case w.call.stream.Load():
		return failf(ErrTimeout, "no reply from %s in time: a JetStream stream at the NATS server at %s acknowledges the commands, so that whether a designer listens is not known; exclude the subject from the stream", subject, l.address)
	}
	return failf(ErrTimeout, "no reply from %s in time: whether the command was executed is not known", subject)
}

// receive takes what comes to the link's inboxes: replies, acknowledgements, and what is none of them.
func (l *Link) receive(m *nats.Msg) {
	var c *call
	if len(m.Subject) > len(l.inbox) {
		l.mu.Lock()
		c = l.calls[m.Subject[len(l.inbox):]]
		l.mu.Unlock()
	}
	if c == nil {
		l.foreign(m)
		return
	}
	if noResponders(m) {
		if c.presence.asked.Load() {
			c.presence.absent.Store(true)
			return
		}
		c.finish(nil, failf(ErrNoDesigner, "no designer listens at %s: start one, or check the subject", c.subject))
		return
	}
	if m.Header.Get(HeaderID) != c.id {
		if isPubAck(m.Data) {
			c.stream.Store(true)
			l.stream(c.subject)
			return
		}
		l.foreign(m)
		return
	}
	switch {
	case m.Header.Get(HeaderAck) != "":
		if c.wake != nil {
			c.acknowledge(m)
		}
	case m.Header.Get(HeaderStatus) != "":
		if m.Header.Get(HeaderLate) != "" {
			l.clock.Add(1) // it was not late: it has been waited for
		}
		c.finish(nil, statusError(m))
	case m.Header.Get(HeaderPart) != "":
		body := l.parts.take(c.key, m, c.maxReply, time.Time{}, receiver{
			ack: func(n int) { l.ack(m, n, "", "") },
			gone: func(err error) {
				l.ack(m, 0, statusOf(err), err.Error())
				c.finish(nil, err)
			},
		})
		if body != nil {
			c.finish(answerOf(m, body), nil)
		}
	case int64(len(m.Data)) > c.maxReply:
		c.finish(nil, failf(ErrTooLarge, "the reply of %s has %d bytes, more than the %d that are allowed: raise max_message", c.subject, len(m.Data), c.maxReply))
	default:
		c.finish(answerOf(m, m.Data), nil)
	}
}

// foreign throws away a message that belongs to no call. The sender of a reply in parts learns it, so that it stops.
func (l *Link) foreign(m *nats.Msg) {
	if m.Header.Get(HeaderPart) != "" && m.Reply != "" {
		l.ack(m, 0, StatusTimeout, "the asker does not wait for the reply any more")
	}
	text := ""
	if l.once("foreign") {
		text = fmt.Sprintf("a message at an inbox was thrown away, since no command waits for it: a late reply, or another program's: %s", excerpt.Message(m.Data))
	}
	l.event(EventForeign, text)
}

// stream tells once that a stream takes commands.
func (l *Link) stream(subject string) {
	text := ""
	if l.once("stream " + subject) {
		text = fmt.Sprintf("a JetStream stream acknowledges the commands at %s: it keeps them, and hides that no designer listens; exclude the subject from the stream, whose subjects should end with .log", subject)
	}
	l.event(EventStream, text)
}

// isPubAck reports whether a message is the acknowledgement of a JetStream stream.
func isPubAck(body []byte) bool {
	return len(body) < 1000 && bytes.HasPrefix(body, []byte("{")) &&
		bytes.Contains(body, []byte(`"stream":`)) && bytes.Contains(body, []byte(`"seq":`))
}

// errDeadline ends a wait.
var errDeadline = errors.New("deadline")

// wait is how long a caller waits, and what for.
type wait struct {
	ctx   context.Context
	call  *call
	timer *time.Timer
	end   <-chan time.Time
	link  *Link
	last  *outgoing // what was queued last
	// unsent: nothing was sent when the wait ended.
	unsent bool
}

func newWait(ctx context.Context, c *call, deadline time.Time) *wait {
	w := &wait{ctx: ctx, call: c}
	if !deadline.IsZero() {
		w.timer = time.NewTimer(time.Until(deadline))
		w.end = w.timer.C
	}
	return w
}

func (w *wait) stop() {
	if w.timer != nil {
		w.timer.Stop()
	}
}

// wait waits until the call has ended, or for an event, if that is not nil. An error is that of the deadline or of the
// context. What is then still queued is withdrawn.
func (w *wait) wait(event <-chan struct{}) error {
	var err error
	select {
	case <-w.call.done:
		return nil
	case <-event:
		return nil
	case <-w.end:
		err = errDeadline
	case <-w.ctx.Done():
		err = context.Cause(w.ctx)
	}
	select {
	case <-w.call.done: // at the same time
		return nil
	default:
	}
	if w.last != nil && w.link.out.withdraw(w.last) {
		w.unsent = !w.call.sent.Load()
	}
	return err
}

// probe returns a subject without a wildcard at which all services of the subject listen.
func probe(subject string) string {
	names := strings.Split(subject, ".")
	for i, name := range names {
		if name == "*" {
			names[i] = "_"
		}
	}
	return strings.Join(names, ".")
}
