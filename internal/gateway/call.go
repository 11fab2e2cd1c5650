package gateway

import (
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/nats-io/nats.go"
)

// call is what is under way: a command that waits for its reply, or a reply that goes out in parts.
type call struct {
	id, subject string
	maxReply    int64
	generation  uint64
	key         string // in Link.calls, or in Link.flows
	reply       bool   // it goes out in parts; nothing comes back but acknowledgements
	sent        atomic.Bool
	stream      atomic.Bool   // a JetStream stream has acknowledged the command
	acked       atomic.Int64  // parts that have come
	wake        chan struct{} // acked has changed; one may wait
	done        chan struct{} // closed by finish
	presence    presence

	mu      sync.Mutex
	over    bool
	answer  *Answer
	err     error
	servers []string // of all answers
}

func newCall(id, subject string) *call {
	return &call{id: id, subject: subject, done: make(chan struct{})}
}

// finish ends the call. The first end counts.
func (c *call) finish(answer *Answer, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if answer != nil && answer.Server != "" {
		c.servers = append(c.servers, answer.Server)
	}
	if c.over {
		return
	}
	c.over, c.answer, c.err = true, answer, err
	close(c.done)
}

// acknowledge notes that parts have come.
func (c *call) acknowledge(m *nats.Msg) {
	if err := statusError(m); err != nil {
		c.finish(nil, err)
		return
	}
	n, err := strconv.ParseInt(m.Header.Get(HeaderAck), 10, 64)
	if err != nil || n <= c.acked.Load() {
		return
	}
	c.acked.Store(n)
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// begin registers a command, if there is a connection.
func (l *Link) begin(c *call) error {
	l.mu.Lock()
	connected, ended := l.connected, l.ended
	denied := l.denied[l.inbox+"*"] != ""
	if connected && !denied {
		l.nextToken++
		c.key, c.generation = strconv.FormatUint(l.nextToken, 36), l.generation
		l.calls[c.key] = c
	}
	l.mu.Unlock()
	switch {
	case ended:
		return failf(ErrClosed, "the connection to the NATS server at %s was closed: the command to %s was not sent", l.address, c.subject)
	case !connected:
		return l.notSent(c.subject)
	case denied:
		return l.inboxDenial()
	}
	return nil
}

// beginReply registers a reply that goes out in parts.
func (l *Link) beginReply(c *call) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.connected {
		return failf(ErrDisconnected, "there is no connection to the NATS server at %s", l.address)
	}
	c.key, c.reply, c.generation = c.id, true, l.generation
	l.flows[c.key] = c
	return nil
}

// end forgets a call.
func (l *Link) end(c *call) {
	l.mu.Lock()
	if c.reply {
		if l.flows[c.key] == c {
			delete(l.flows, c.key)
		}
	} else {
		delete(l.calls, c.key)
	}
	l.mu.Unlock()
	if !c.reply {
		l.parts.drop(c.key)
	}
}

// endCalls ends the calls for which why returns an error.
func (l *Link) endCalls(why func(*call) error) {
	l.mu.Lock()
	calls := make([]*call, 0, len(l.calls)+len(l.flows))
	for _, c := range l.calls {
		calls = append(calls, c)
	}
	for _, c := range l.flows {
		calls = append(calls, c)
	}
	l.mu.Unlock()
	for _, c := range calls {
		if err := why(c); err != nil {
			c.finish(nil, err)
		}
	}
}
