package socket_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"libobe/internal/socket"
)

// blocked is a call that blocks until it is woken.
type blocked struct {
	name string
	call func() error
}

// wakers are the ways to wake calls.
var wakers = []struct {
	name string
	wake func(testSocket)
	want error
}{
	{"Cancel", testSocket.Cancel, socket.ErrCancelled},
	{"Close", func(s testSocket) { _ = s.Close() }, socket.ErrClosed},
	{"Free", testSocket.Free, socket.ErrClosed},
}

// expectAllWake starts calls, each several times, and checks that all of them
// end at once.
func expectAllWake(t *testing.T, s testSocket, wake func(testSocket), want error, calls ...blocked) {
	t.Helper()
	const goroutines = 16
	before := s.InFlight()
	ended := make([]<-chan error, goroutines)
	for i := range ended {
		ended[i] = start(calls[i%len(calls)].call)
	}
	begun(t, s, before+goroutines)
	began := time.Now()
	wake(s)
	for i := range ended {
		if err := await(t, ended[i]); !errors.Is(err, want) {
			t.Errorf("%s ended with %v, want %v", calls[i%len(calls)].name, err, want)
		}
	}
	if took := time.Since(began); took > soon {
		t.Errorf("the last one woke up after %v", took)
	}
}

func TestBlockedClientCallsWake(t *testing.T) {
	for _, w := range wakers {
		t.Run(w.name, func(t *testing.T) {
			l := listen(t)
			c := newClient(t, l.at(), "persistent=1")
			send(t, c, "1")
			p := l.accept()
			p.expect("1")
			expectAllWake(t, c, w.wake, w.want,
				blocked{"Receive", func() error { _, err := c.Receive(nil, socket.Forever); return err }},
				blocked{"ReceiveBody", func() error { _, err := c.ReceiveBody(testTimeout); return err }},
			)
			switch w.name {
			case "Cancel":
				// The connection survives, and its next message is received.
				p.expectOpen()
				p.send(`"OK"`)
				expectReceive(t, c, `"OK"`)
			case "Close":
				p.expectEnd()
				exchange(t, c, l)
			case "Free":
				p.expectEnd()
				expectFreed(t, c, w.want)
			}
		})
	}
}

// expectFreed checks that a freed socket refuses every call.
func expectFreed(t *testing.T, s testSocket, want error) {
	t.Helper()
	expectError(t, s.Send([]byte("1"), testTimeout), want)
	_, err := s.Receive(nil, testTimeout)
	expectError(t, err, want)
	expectError(t, s.Close(), want)
	s.Cancel()
	s.Free()
}

func TestBlockedCommandsWake(t *testing.T) {
	for _, w := range wakers {
		// One of the calls is sending; the others wait for it.
		t.Run(w.name+" while waiting for the reply", func(t *testing.T) {
			c := newClient(t, listen(t).at())
			expectAllWake(t, c, w.wake, w.want, commands(c)...)
			expectStats(t, c, "connections_open=0")
		})
		t.Run(w.name+" while connecting", func(t *testing.T) {
			c := newClient(t, fullServer(t))
			expectAllWake(t, c, w.wake, w.want, append(commands(c), sending(c))...)
			expectStats(t, c, "connections_open=0", "messages_sent=0")
		})
		t.Run(w.name+" while sending", func(t *testing.T) {
			l := listen(t)
			c := newClient(t, l.at())
			first := start(func() error { _, err := c.TcmdBody([]byte(long), testTimeout); return err })
			p := l.accept()
			eventually(t, "the message is in progress", p.readable)
			expectAllWake(t, c, w.wake, w.want, append(commands(c), sending(c))...)
			expectError(t, await(t, first), w.want)
			expectStats(t, c, "connections_open=0", "messages_sent=0")
			// The calls that were woken while they waited have not continued.
			l.expectNoConnection()
		})
	}
}

// commands are the calls that a server's silence blocks.
func commands(c *socket.Client) []blocked {
	return []blocked{
		{"Tcmd", func() error { _, err := c.Tcmd([]byte("1"), nil, testTimeout); return err }},
		{"TcmdBody", func() error { _, err := c.TcmdBody([]byte("1"), socket.Forever); return err }},
		{"WaitReady", func() error { return c.WaitReady(testTimeout) }},
	}
}

func sending(c *socket.Client) blocked {
	return blocked{"Send", func() error { return c.Send([]byte("1"), testTimeout) }}
}

func TestBlockedServerCallsWake(t *testing.T) {
	for _, w := range wakers {
		t.Run(w.name, func(t *testing.T) {
			s := newServer(t)
			p := dial(t, s)
			p.write(frame(number(1))[:13])
			expectAllWake(t, s, w.wake, w.want,
				blocked{"Receive", func() error { _, err := s.Receive(nil, socket.Forever); return err }},
				blocked{"ReceiveMessage", func() error { _, err := s.ReceiveMessage(testTimeout); return err }},
				blocked{"Serve", func() error { return s.Serve(func(*socket.Message) {}, nil) }},
			)
			if w.name == "Free" {
				p.expectGone()
				expectFreed(t, s, w.want)
				return
			}
			// The server continues, also with the message that had begun.
			p.write(frame(number(1))[13:])
			expectReceive(t, s, number(1))
		})
	}
}

func TestBlockedRepliesWake(t *testing.T) {
	for _, w := range wakers {
		t.Run(w.name, func(t *testing.T) {
			s := newServer(t, "one_way=1")
			p := dial(t, s)
			must(t, p.SetReadBuffer(narrow))
			p.write(strings.Repeat(frame("1"), 17))
			first := expectMessage(t, s, "1")
			var calls []blocked
			for range 16 {
				m := expectMessage(t, s, "1")
				calls = append(calls, blocked{"Reply", func() error { return m.Reply([]byte("1"), testTimeout) }})
			}
			// The first reply uses the connection; the others wait for it.
			held := start(func() error { return first.Reply([]byte(long), testTimeout) })
			eventually(t, "the first reply is in progress", p.readable)
			expectAllWake(t, s, w.wake, w.want, calls...)
			expectError(t, await(t, held), w.want)
			// Half a frame was sent on the connection.
			expectStats(t, s, "connections_open=0", "dropped_unread=1", "messages_sent=0")
		})
	}
}

func TestCancelSparesLaterCalls(t *testing.T) {
	s := newServer(t)
	c := newClient(t, s.Addr())
	echo(t, s)
	for range 3 {
		c.Cancel()
		s.Cancel()
		expectTcmd(t, c, "1", "1")
	}
	// After a call that was woken, as well as after none.
	silent := newClient(t, listen(t).at())
	for range 3 {
		send(t, silent, "1")
		done := startReceive(silent)
		begun(t, silent, 1)
		silent.Cancel()
		expectError(t, await(t, done).err, socket.ErrCancelled)
		_, err := silent.ReceiveBody(moment)
		expectError(t, err, socket.ErrTimeout)
	}
}

func TestCancelLosesNothing(t *testing.T) {
	const body = `{"mean": [1.5, 2.5]}`
	whole := frame(body)
	l := listen(t)
	c := newClient(t, l.at())
	s := newServer(t)
	for _, cut := range []int{0, 1, 9, 10, 11, len(whole) - 1} {
		t.Run(fmt.Sprint("client, cut at ", cut), func(t *testing.T) {
			send(t, c, "1")
			expectCancelledInside(t, c, l.accept(), body, cut)
		})
		t.Run(fmt.Sprint("server, cut at ", cut), func(t *testing.T) {
			expectCancelledInside(t, s, dial(t, s), body, cut)
		})
	}
}

// expectCancelledInside cancels a receive when cut bytes of a frame have arrived.
func expectCancelledInside(t *testing.T, s testSocket, p *plain, body string, cut int) {
	t.Helper()
	before := stat(t, s, "bytes_received")
	done := startReceive(s)
	p.write(frame(body)[:cut])
	begun(t, s, 1)
	eventually(t, "what was sent is read", func() bool { return stat(t, s, "bytes_received") == before+int64(cut) })
	s.Cancel()
	expectError(t, await(t, done).err, socket.ErrCancelled)
	p.write(frame(body)[cut:])
	expectReceive(t, s, body)
}

func TestFreedSocketsRefuseAll(t *testing.T) {
	s := newServer(t)
	c := newClient(t, s.Addr())
	for range 2 {
		s.Free()
		c.Free()
	}
	expectFreed(t, s, socket.ErrClosed)
	expectFreed(t, c, socket.ErrClosed)
	_, err := s.ReceiveMessage(testTimeout)
	expectError(t, err, socket.ErrClosed)
	expectError(t, s.Serve(nil, nil), socket.ErrClosed)
	expectError(t, s.SetOption("keepalive", "0"), socket.ErrClosed)
	_, err = tcmd(c, "1")
	expectError(t, err, socket.ErrClosed)
	expectError(t, c.WaitReady(testTimeout), socket.ErrClosed)
}

// A message may be used after its server was freed.
func TestMessageOutlivesItsServer(t *testing.T) {
	s := newServer(t)
	p := dial(t, s)
	p.send("1")
	m := expectMessage(t, s, "1")
	s.Free()
	p.expectEnd()
	expectError(t, m.Reply([]byte("1"), testTimeout), socket.ErrClosed)
	m.Drop()
	if string(m.Body) != "1" {
		t.Errorf("the body is %q now", m.Body)
	}
}
