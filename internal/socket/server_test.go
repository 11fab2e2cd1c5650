package socket_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"libobe/internal/socket"
	"libobe/internal/transport"
)

func TestServerReceivesAndAnswers(t *testing.T) {
	s := newServer(t)
	for i := range 3 {
		p := dial(t, s)
		p.send(number(i))
		expectReceive(t, s, number(i))
		send(t, s, number(-i))
		p.expect(number(-i))
		must(t, p.Close())
	}
	expectStats(t, s, "messages_received=3", "messages_sent=3", "bytes_received=54", "bytes_sent=56")
}

func TestServerReadsManyMessagesOfOneConnection(t *testing.T) {
	s := newServer(t)
	p := dial(t, s)
	// Two frames in one read, and one that is split anywhere.
	p.write(frame(`"a"`) + frame(`"b"`) + frame(`"c"`)[:7])
	for _, want := range []string{`"a"`, `"b"`} {
		expectReceive(t, s, want)
		send(t, s, want)
		p.expect(want)
	}
	_, err := s.Receive(nil, short)
	expectError(t, err, socket.ErrTimeout)
	p.write(frame(`"c"`)[7:])
	expectReceive(t, s, `"c"`)
	// A server may send more than once.
	send(t, s, `"c1"`)
	send(t, s, `"c2"`)
	p.expect(`"c1"`)
	p.expect(`"c2"`)
	expectStats(t, s, "connections_opened=1", "connections_open=1")
}

func TestClientsCanConnectAndSendBeforeTheFirstReceive(t *testing.T) {
	s := newServer(t)
	var peers []*plain
	for i := range 50 {
		peers = append(peers, dial(t, s))
		peers[i].send(number(i))
	}
	expectStats(t, s, "connections_opened=0", "bytes_received=0")
	for range peers {
		m := receiveMessage(t, s)
		reply(t, m, string(m.Body))
	}
	for i, p := range peers {
		p.expect(number(i))
	}
}

func TestMessagesComeInOrderOfCompletion(t *testing.T) {
	s := newServer(t)
	slow, quick := dial(t, s), dial(t, s)
	slow.write(frame(`"slow"`)[:12])
	_, err := s.Receive(nil, short)
	expectError(t, err, socket.ErrTimeout)
	quick.send(`"quick"`)
	expectReceive(t, s, `"quick"`)
	send(t, s, `"to quick"`)
	slow.write(frame(`"slow"`)[12:])
	expectReceive(t, s, `"slow"`)
	send(t, s, `"to slow"`)
	quick.expect(`"to quick"`)
	slow.expect(`"to slow"`)
}

func TestServerDoesNotCloseFirst(t *testing.T) {
	s := newServer(t)
	p, other := dial(t, s), dial(t, s)
	p.send("1")
	expectReceive(t, s, "1")
	send(t, s, `"OK"`)
	p.expect(`"OK"`)
	p.expectOpen()
	// Neither the next message nor the one after it closes an answered connection.
	for range 2 {
		other.send("2")
		expectReceive(t, s, "2")
		send(t, s, `"OK"`)
		other.expect(`"OK"`)
		p.expectOpen()
		other = dial(t, s)
	}
	// The server closes after its peer has closed.
	must(t, p.CloseWrite())
	other.send("3")
	echo(t, s)
	p.expectEnd()
	other.expect("3")
}

func TestHalfClosingClientGetsItsAnswer(t *testing.T) {
	s := newServer(t)
	for _, how := range []string{"Send", "Reply"} {
		p := dial(t, s)
		p.send("1")
		must(t, p.CloseWrite())
		var m *socket.Message
		if how == "Send" {
			expectReceive(t, s, "1")
		} else {
			m = expectMessage(t, s, "1")
		}
		// The server sees the EOF before it replies.
		_, err := s.Receive(nil, short)
		expectError(t, err, socket.ErrTimeout)
		p.expectOpen()
		if how == "Send" {
			send(t, s, `"answer"`)
		} else {
			reply(t, m, `"answer"`)
		}
		p.expect(`"answer"`)
		p.expectEnd()
	}
	expectStats(t, s, "connections_opened=2", "connections_open=0")
}

func TestHalfClosingClientGetsAllItsAnswers(t *testing.T) {
	s := newServer(t)
	p := dial(t, s)
	p.write(frame("1") + frame("2"))
	must(t, p.CloseWrite())
	first := expectMessage(t, s, "1")
	_, err := s.Receive(nil, short)
	expectError(t, err, socket.ErrTimeout)
	reply(t, first, "11")
	p.expect("11")
	second := expectMessage(t, s, "2")
	_, err = s.Receive(nil, short)
	expectError(t, err, socket.ErrTimeout)
	p.expectOpen()
	reply(t, second, "22")
	p.expect("22")
	p.expectEnd()
}

func TestUnansweredConnectionIsClosedAtTheNextMessage(t *testing.T) {
	s := newServer(t)
	unanswered, answered, next := dial(t, s), dial(t, s), dial(t, s)
	answered.send("1")
	expectReceive(t, s, "1")
	send(t, s, "1")
	answered.expect("1")

	unanswered.send("2")
	expectReceive(t, s, "2")
	unanswered.expectOpen()
	// Another message of the same connection does not close it.
	unanswered.send("3")
	expectReceive(t, s, "3")
	unanswered.expectOpen()
	// Nor does one that has not arrived yet.
	_, err := s.Receive(nil, short)
	expectError(t, err, socket.ErrTimeout)
	unanswered.expectOpen()

	next.send("4")
	expectReceive(t, s, "4")
	unanswered.expectEnd()
	answered.expectOpen()
	next.expectOpen()
	send(t, s, `"to next"`)
	next.expect(`"to next"`)
	expectStats(t, s, "connections_open=2", "dropped_unanswered=1")
}

// A peer that has closed and whose last message was answered is dropped, although an
// earlier one was not answered.
func TestEndOfAConnectionWithAnUnansweredMessage(t *testing.T) {
	s := newServer(t)
	p := dial(t, s)
	for _, body := range []string{"1", "2"} {
		p.send(body)
		expectReceive(t, s, body)
	}
	send(t, s, "22")
	p.expect("22")
	must(t, p.Close())
	attendUntil(t, s, "connections_open", 0)
	q := dial(t, s)
	q.send("3")
	expectReceive(t, s, "3")
	expectStats(t, s, "connections_open=1")
}

func TestOneWayServerKeepsUnansweredConnections(t *testing.T) {
	s := newServer(t, "one_way=1")
	p, q := dial(t, s), dial(t, s)
	for range 3 {
		p.send("1")
		expectReceive(t, s, "1")
		q.send("2")
		expectReceive(t, s, "2")
		p.send("3")
		expectMessage(t, s, "3").Drop()
		q.send("4")
		expectReceive(t, s, "4")
		p.expectOpen()
		q.expectOpen()
	}
	expectStats(t, s, "connections_open=2")
	// A message that was dropped then does not close the connection later.
	set(t, s, "one_way=0")
	send(t, s, `"OK"`)
	q.expect(`"OK"`)
	q.send("5")
	expectMessage(t, s, "5")
	p.expectOpen()
}

// Clients that only report connect and close, and the server must not keep anything about them.
func TestOneWayServerForgetsClientsThatLeft(t *testing.T) {
	s := newServer(t, "one_way=1")
	for i := range 20 {
		p := dial(t, s)
		p.send(number(i))
		must(t, p.Close())
		if i%2 == 0 {
			expectReceive(t, s, number(i))
		} else {
			expectMessage(t, s, number(i)).Drop()
		}
	}
	// The next receiving call sees the last ones close.
	attendUntil(t, s, "connections_open", 0)
}

func TestServerWithoutAMessage(t *testing.T) {
	s := newServer(t)
	expectError(t, s.Send([]byte("1"), testTimeout), socket.ErrState)
	must(t, s.Close())
	p := dial(t, s)
	p.send("1")
	expectReceive(t, s, "1")
	must(t, s.Close())
	p.expectEnd()
	expectError(t, s.Send([]byte("1"), testTimeout), socket.ErrState)
}

func TestServerCloseDropsOneConnectionAndKeepsListening(t *testing.T) {
	s := newServer(t)
	last, other := dial(t, s), dial(t, s)
	other.send("1")
	expectReceive(t, s, "1")
	send(t, s, "1")
	other.expect("1")
	last.send("2")
	expectReceive(t, s, "2")
	must(t, s.Close())
	last.expectEnd()
	other.expectOpen()
	other.send("3")
	expectReceive(t, s, "3")
	send(t, s, "3")
	other.expect("3")
	p := dial(t, s)
	p.send("4")
	expectReceive(t, s, "4")
	expectStats(t, s, "connections_open=2")
}

func TestServerRefusesToSendInvalidMessages(t *testing.T) {
	s := newServer(t, "max_message=20")
	p := dial(t, s)
	p.send("1")
	expectReceive(t, s, "1")
	for _, bad := range []string{"", "{", "\"\xff\"", `"twenty-one bytes  !"`} {
		if err := s.Send([]byte(bad), testTimeout); err == nil {
			t.Errorf("%q was sent", bad)
		}
	}
	// No part of it was sent, and the client can still be answered.
	p.expectOpen()
	send(t, s, `"OK"`)
	p.expect(`"OK"`)
}

func TestServerKeepsAMessageThatDoesNotFit(t *testing.T) {
	const body, untouched = `{"command": "newdat"}`, "##########"
	s := newServer(t)
	p := dial(t, s)
	p.send(body)
	small := []byte(untouched)
	for _, dst := range [][]byte{small, nil, small, make([]byte, len(body)-1)} {
		_, err := s.Receive(dst, testTimeout)
		tooSmall(t, err, len(body))
	}
	if string(small) != untouched {
		t.Errorf("the buffer that is too small got %q", small)
	}
	// It is not yet the last message of a thread, and no other message overtakes it.
	expectError(t, s.Send([]byte("1"), testTimeout), socket.ErrState)
	q := dial(t, s)
	q.send("2")
	s.Cancel()
	must(t, s.Close())
	exact := make([]byte, len(body))
	n, err := s.Receive(exact, 0)
	if err != nil || string(exact[:n]) != body {
		t.Fatalf("%q, %v; want %q", exact[:n], err, body)
	}
	send(t, s, `"to p"`)
	p.expect(`"to p"`)
	expectReceive(t, s, "2")

	// ReceiveMessage may return it, too.
	p.send(body)
	_, err = s.Receive(nil, testTimeout)
	tooSmall(t, err, len(body))
	reply(t, expectMessage(t, s, body), `"again"`)
	p.expect(`"again"`)
	expectStats(t, s, "messages_received=3", "dropped_unanswered=1")
}

func TestServerKeepsAMessageWhoseClientLeft(t *testing.T) {
	s := newServer(t)
	p := dial(t, s)
	p.send(`"last words"`)
	_, err := s.Receive(nil, testTimeout)
	tooSmall(t, err, len(`"last words"`))
	p.reset()
	expectReceive(t, s, `"last words"`)
}

func TestServerTimeouts(t *testing.T) {
	s := newServer(t, "timeout_ms=30")
	dial(t, s).write("00000")
	for _, timeout := range []time.Duration{0, short, socket.Default} {
		for name, call := range map[string]func() error{
			"Receive":        func() error { _, err := s.Receive(nil, timeout); return err },
			"ReceiveMessage": func() error { _, err := s.ReceiveMessage(timeout); return err },
		} {
			began := time.Now()
			err := call()
			took := time.Since(began)
			expectError(t, err, socket.ErrTimeout)
			if timeout != 0 && took < short || took > soon {
				t.Errorf("%s timed out after %v of %v", name, took, timeout)
			}
		}
	}
	// A server waits forever by default.
	forever := newServer(t)
	if value, err := forever.Option("timeout_ms"); err != nil || value != "-1" {
		t.Errorf("timeout_ms of a server is %s, %v", value, err)
	}
	done := startReceiveFor(forever, socket.Default)
	select {
	case err := <-done:
		t.Fatalf("ended without a message: %v", err)
	case <-time.After(moment):
	}
	dial(t, forever).send("1")
	must(t, await(t, done))
}

// startReceiveFor begins to receive with a timeout.
func startReceiveFor(s *socket.Server, timeout time.Duration) <-chan error {
	return start(func() error {
		_, err := s.Receive(make([]byte, 100), timeout)
		return err
	})
}

// A receiving call with timeout 0 still accepts, reads and returns a message, all in one.
func TestPollingReturnsAvailableMessages(t *testing.T) {
	const rounds = 20
	s := newServer(t)
	atOnce := 0
	for i := range rounds {
		dial(t, s).send(number(i))
		polls := 0
		eventually(t, "a poll finds the message", func() bool {
			polls++
			m, err := s.ReceiveMessage(0)
			if err != nil {
				expectError(t, err, socket.ErrTimeout)
				return false
			}
			return string(m.Body) == number(i)
		})
		if polls == 1 {
			atOnce++
		}
	}
	// A busy system may deliver a little later, but not usually.
	if atOnce < rounds/2 {
		t.Errorf("of %d messages the first poll found %d", rounds, atOnce)
	}
}

func TestServerDropsAClientThatDoesNotReadItsReply(t *testing.T) {
	s := newServer(t, fmt.Sprintf("message_timeout_ms=%d", short.Milliseconds()))
	p := dial(t, s)
	must(t, p.SetReadBuffer(narrow))
	p.send("1")
	expectReceive(t, s, "1")
	began := time.Now()
	err := s.Send([]byte(long), testTimeout)
	expectError(t, err, socket.ErrTimeout)
	if took := time.Since(began); took < short || took > soon {
		t.Errorf("it ended after %v", took)
	}
	expectStats(t, s, "connections_open=0", "dropped_unread=1", "messages_sent=0")
}

func TestSendOfTheServerTimesOut(t *testing.T) {
	s := newServer(t)
	p := dial(t, s)
	must(t, p.SetReadBuffer(narrow))
	p.send("1")
	expectReceive(t, s, "1")
	expectError(t, s.Send([]byte(long), short), socket.ErrTimeout)
	// Half a frame was sent on it, so that nothing else can follow.
	expectStats(t, s, "connections_open=0", "dropped_unread=1", "messages_sent=0")
}

// A call with timeout 0 does not leave half a frame on the connection.
func TestSendOfTheServerWithoutWaiting(t *testing.T) {
	s := newServer(t)
	p := dial(t, s)
	p.send("1")
	expectReceive(t, s, "1")
	must(t, s.Send([]byte(`"first"`), 0))
	body := `"` + strings.Repeat("x", 1000) + `"`
	sent := 0
	var err error
	for ; err == nil && sent < 100_000; sent++ {
		err = s.Send([]byte(body), 0)
	}
	sent--
	expectError(t, err, socket.ErrTimeout)
	expectStats(t, s, "connections_open=1")
	p.expect(`"first"`)
	for range sent {
		p.expect(body)
	}
	eventually(t, "there is room again", func() bool { return s.Send([]byte(`"last"`), 0) == nil })
	p.expect(`"last"`)
}

func TestLargeMessagesBothWays(t *testing.T) {
	s := newServer(t)
	echo(t, s)
	body := "[" + strings.Repeat("0.12345678901234567, ", 60_000) + "1]"
	for _, persistent := range []string{"persistent=0", "persistent=1"} {
		c := newClient(t, s.Addr(), persistent)
		dst := make([]byte, len(body))
		for range 2 {
			n, err := c.Tcmd([]byte(body), dst, testTimeout)
			if err != nil || string(dst[:n]) != body {
				t.Errorf("%s: %d bytes of %d came back unchanged: %v", persistent, n, len(body), err)
			}
		}
	}
}

func TestServerAndClientTogether(t *testing.T) {
	s := newServer(t)
	echo(t, s)
	c := newClient(t, s.Addr())
	must(t, c.WaitReady(testTimeout))
	for i := range 20 {
		expectTcmd(t, c, number(i), number(i))
	}
	// The classic way, step by step.
	send(t, c, `"step"`)
	expectReceive(t, c, `"step"`)
	must(t, c.Close())
	eventually(t, "the server has seen the clients leave", func() bool { return stat(t, s, "connections_open") == 0 })
	expectStats(t, s, "connections_opened=22", "messages_received=22", "messages_sent=22")
}

func TestServerAddressInUse(t *testing.T) {
	s := newServer(t)
	_, err := socket.NewServer("", int(s.Addr().Port()))
	expectError(t, err, transport.ErrInUse)
	if text := err.Error(); !strings.Contains(text, s.Addr().String()) || !strings.HasPrefix(text, "listen on ") {
		t.Errorf("the error does not name operation and address: %v", err)
	}
}

func TestServerBadArguments(t *testing.T) {
	for _, c := range []struct {
		host string
		port int
	}{
		{"", -1}, {"", 65536}, {"a\x00b", 0}, {"no host", 0}, {"http://localhost", 0},
	} {
		if _, err := socket.NewServer(c.host, c.port); !errors.Is(err, socket.ErrArgument) {
			t.Errorf("NewServer(%q, %d): %v, want ErrArgument", c.host, c.port, err)
		}
	}
	// An address of another machine: 192.0.2.0/24 is for documentation.
	if _, err := socket.NewServer("192.0.2.1", 0); !errors.Is(err, transport.ErrUnreachable) {
		t.Errorf("listening on another machine's address: %v", err)
	}
}
