package socket

import (
	"time"

	"libobe/internal/thread"
)

// Message is a message that a server received. It must be answered with Reply or
// dropped with Drop.
type Message struct {
	Body   []byte
	server *Server
	from   *serverConn
	number int // of the messages of its connection

	buffer   []byte // in which Serve receives the next message; nil: none yet
	released bool   // see Release
	awaited  bool   // Await has returned it, and it must differ from later messages

	// Guarded by core.mu.
	state       messageState
	dropPending bool // it was dropped while a reply was being sent
	replacing   int  // receiving calls that drop this message when they get the next one

	// Of a message returned by Receive, guarded by core.mu.
	paired bool
	thread thread.ID // that received it
	passed int       // how often the receiving call of another thread left it open
}

type messageState int

const (
	messageOpen messageState = iota
	messageReplying
	messageSettled // answered or dropped
)

// Peer returns the address of the client that sent the message, as text. It stays the same
// after the client has disconnected.
func (m *Message) Peer() string { return m.from.conn.RemoteName() }

// Reply answers the message, from any goroutine. A message is answered once. A reply
// that failed may be tried again.
func (m *Message) Reply(body []byte, timeout time.Duration) error {
	return m.server.send("reply", body, timeout, func(call *call) (*Message, *serverConn, error) {
		if !m.beginReply() {
			return nil, nil, call.wrap(m.from.conn.RemoteName(), errAnswered)
		}
		return m, m.from, nil
	})
}

// Send is Server.Send for this message: the first call answers the message, and each
// further one sends the client one more message, until the client's next message is
// received.
func (m *Message) Send(body []byte, timeout time.Duration) error {
	return m.server.send("send", body, timeout, func(call *call) (*Message, *serverConn, error) {
		switch {
		case m.beginReply():
			return m, m.from, nil
		case m.isLast():
			return nil, m.from, nil
		}
		return nil, nil, call.wrap(m.from.conn.RemoteName(), errAnswering)
	})
}

// Release lets Serve use the memory of the message again. A handler calls it if no
// goroutine uses the message or its body after the handler has returned.
func (m *Message) Release() { m.released = true }

// isLeft reports whether the message is unanswered and its client has closed its side. core.mu
// is held.
func (m *Message) isLeft() bool {
	return m.state == messageOpen && m.from.eof && m.from.closeErr == nil
}

// isLast reports whether the message is settled and is the last one of its connection.
// core.mu is held.
func (m *Message) isLast() bool {
	return m.state == messageSettled && m.from.messages == m.number
}

// isForgotten reports whether the server no longer refers to the message, and nor does a
// caller of Await. core.mu is held.
func (m *Message) isForgotten() bool {
	return m.state == messageSettled && m.replacing == 0 && !m.awaited
}

// Answered reports whether the message was answered or dropped.
func (m *Message) Answered() bool {
	m.server.mu.Lock()
	defer m.server.mu.Unlock()
	return m.state == messageSettled
}

// beginReply marks the message as being answered. It reports whether the caller may
// send the reply. core.mu is held.
func (m *Message) beginReply() bool {
	if m.state != messageOpen {
		return false
	}
	m.state = messageReplying
	return true
}

// endReply follows beginReply. A message whose reply failed may be answered again.
// core.mu is held.
func (m *Message) endReply() {
	if m.state != messageReplying {
		return
	}
	m.state = messageOpen
	switch {
	case m.dropPending:
		m.abandon()
	case m.paired && m.from.closeErr != nil:
		m.settle(m.from.closeErr)
	case m.paired && m.server.options().oneWay:
		m.settle(nil) // the option was set while the reply was being sent
	case m.from.closeErr == nil:
		m.server.resume(m.from)
	}
}

// Drop drops the message. If it was not answered, its connection is closed when a
// message of another one is received (unless the option one_way is set), so that no
// client waits for a reply that will not come. A reply in progress continues.
func (m *Message) Drop() {
	m.server.mu.Lock()
	defer m.server.mu.Unlock()
	m.drop()
}

// drop implements Drop. core.mu is held.
func (m *Message) drop() {
	switch m.state {
	case messageReplying:
		m.dropPending = true
	case messageOpen:
		m.abandon()
	}
}

// replace drops the message because the next one was received. core.mu is held.
func (m *Message) replace() {
	if m.state == messageOpen && m.paired {
		m.server.pairs.lost++
	}
	m.drop()
}

// abandon settles the message without a reply. core.mu is held.
func (m *Message) abandon() {
	if m.from.closeErr == nil {
		m.server.abandoned[m.from] = true
	}
	m.settle(errDropped)
}

// settle ends the wait for a reply. The reason is nil if the message was answered, and
// otherwise what a later reply fails with. core.mu is held.
func (m *Message) settle(reason error) {
	m.state = messageSettled
	m.from.unanswered--
	if m.from.last == m {
		m.from.last = nil // it may be large
	}
	m.server.pairs.settled(m, reason)
	if m.from.closeErr == nil {
		m.server.closeIfDone(m.from)
		m.server.resume(m.from)
	}
}
