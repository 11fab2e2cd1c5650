package gateway

import (
	"errors"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	// maxQueued is how many messages wait to be published, and maxQueuedBytes how many bytes they have, before more
	// are refused. Messages wait while the NATS server does not read.
	maxQueued      = 4096
	maxQueuedBytes = 64 << 20
)

// outgoing is a message to publish. Either the goroutine that publishes takes it, or its caller withdraws it.
type outgoing struct {
	msg      *nats.Msg
	deadline time.Time // of the asker, told in the message; zero: not told
	// generation is that of the connection that it is for; 0: any.
	generation uint64
	call       *call // what ends if it cannot be published; may be nil
	taken      atomic.Bool
	size       int64
}

// queue is what waits to be published, in order. A caller never waits for nats.go, which holds a lock while it writes
// to a NATS server that may not read.
type queue struct {
	messages chan *outgoing
	bytes    atomic.Int64
}

func (q *queue) init() { q.messages = make(chan *outgoing, maxQueued) }

// put queues a message, and reports whether there was room.
func (q *queue) put(out *outgoing) bool {
	out.size = int64(len(out.msg.Data))
	if queued := q.bytes.Add(out.size); queued > maxQueuedBytes && queued > out.size {
		q.bytes.Add(-out.size)
		return false
	}
	select {
	case q.messages <- out:
		return true
	default:
		q.bytes.Add(-out.size)
		return false
	}
}

// take makes a message that of the caller, and reports whether no other goroutine had taken it.
func (q *queue) take(out *outgoing) bool {
	if out.taken.Swap(true) {
		return false
	}
	q.bytes.Add(-out.size)
	return true
}

// withdraw takes back a message, and reports whether it was not published.
func (q *queue) withdraw(out *outgoing) bool {
	if !q.take(out) {
		return false
	}
	out.msg = nil // it may stay in the queue for as long as the NATS server does not read
	return true
}

// publishAll publishes what is queued, until the link is closed. Answers are then still sent, commands are not.
func (l *Link) publishAll() {
	defer l.ends.Done()
	for {
		select {
		case out := <-l.out.messages:
			l.publishOne(out)
			continue
		case <-l.closed:
		}
		for {
			select {
			case out := <-l.out.messages:
				l.publishOne(out)
				continue
			default:
			}
			return
		}
	}
}

// publishOne publishes a message, unless it was withdrawn.
func (l *Link) publishOne(out *outgoing) {
	if !l.out.take(out) {
		return
	}
	if out.call != nil {
		out.call.sent.Store(true) // before the connection is looked at, as down expects
	}
	if err := l.publish(out); err != nil && out.call != nil {
		out.call.finish(nil, err)
	}
}

// publish publishes a message on the connection that it is for.
func (l *Link) publish(out *outgoing) error {
	if out.generation != 0 {
		l.mu.Lock()
		current := l.connected && l.generation == out.generation
		l.mu.Unlock()
		if !current {
			return l.notSent(out.msg.Subject)
		}
	}
	if !out.deadline.IsZero() {
		left := time.Until(out.deadline).Milliseconds()
		if left <= 0 {
			return failf(ErrTimeout, "the command to %s was not sent in time: the NATS server at %s does not read fast enough", out.msg.Subject, l.address)
		}
		out.msg.Header[HeaderTimeout] = []string{strconv.FormatInt(left, 10)}
		out.msg.Header[HeaderSent] = []string{sent()}
	}
	return l.publishNow(out.msg)
}

// publishNow publishes a message, and waits while the NATS server does not read, up to flushTimeout.
func (l *Link) publishNow(m *nats.Msg) error {
	conn := l.conn.Load()
	err := conn.PublishMsg(m)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, nats.ErrReconnectBufExceeded), errors.Is(err, nats.ErrConnectionClosed),
		errors.Is(err, nats.ErrConnectionDraining), errors.Is(err, nats.ErrInvalidConnection):
		return l.notSent(m.Subject)
	case errors.Is(err, nats.ErrMaxPayload):
		return failf(ErrTooLarge, "a message of %d bytes to %s: the NATS server at %s takes %d bytes", len(m.Data), m.Subject, l.address, conn.MaxPayload())
	case errors.Is(err, nats.ErrBadSubject):
		return failf(ErrArgument, "subject %q is not possible", m.Subject)
	case errors.Is(err, nats.ErrHeadersNotSupported):
		return failf(ErrArgument, "the NATS server at %s knows no headers: it is older than version 2.2", l.address)
	}
	// What was written of the message is not known. A write that timed out before its first byte leaves the connection
	// open, and loses what came before it, too.
	_ = conn.ForceReconnect()
	return failf(ErrBroken, "the connection to the NATS server at %s broke while a message to %s was sent: whether it arrived is not known", l.address, m.Subject)
}
