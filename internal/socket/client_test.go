package socket_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"libobe/internal/jsondoc"
	"libobe/internal/socket"
	"libobe/internal/transport"
	"libobe/internal/wire"
)

func TestClientOpensAConnectionPerSend(t *testing.T) {
	l := listen(t)
	c := newClient(t, l.at())
	for i := range 3 {
		send(t, c, number(i))
		p := l.accept()
		p.expect(number(i))
		p.send(`"OK"`)
		expectReceive(t, c, `"OK"`)
		p.expectOpen()
		if i == 2 {
			must(t, c.Close())
		} else {
			send(t, c, `"next"`)
			l.accept().expect(`"next"`)
		}
		p.expectEnd()
	}
	expectStats(t, c, "connections_opened=5", "connections_open=0", "messages_sent=5", "messages_received=3",
		"bytes_sent=86", "bytes_received=42")
}

func TestTcmdClosesAfterTheReply(t *testing.T) {
	l := listen(t)
	c := newClient(t, l.at())
	for i := range 3 {
		done := startTcmd(c, number(i))
		p := l.accept()
		p.expect(number(i))
		p.send(`[1, 2.5]`)
		await(t, done).expect(t, `[1, 2.5]`)
		p.expectEnd()
	}
	expectStats(t, c, "connections_opened=3", "connections_open=0")
}

func TestPersistentClientKeepsItsConnection(t *testing.T) {
	l := listen(t)
	c := newClient(t, l.at(), "persistent=1")
	done := startTcmd(c, number(0))
	p := l.accept()
	for i := range 5 {
		if i > 0 {
			done = startTcmd(c, number(i))
		}
		p.expect(number(i))
		p.send(number(-i))
		await(t, done).expect(t, number(-i))
		p.expectOpen()
	}
	// Several messages may be in flight on one connection.
	for i := range 3 {
		send(t, c, number(i))
		p.expect(number(i))
	}
	p.write(frame(`"a"`) + frame(`"b"`) + frame(`"c"`))
	for _, want := range []string{`"a"`, `"b"`, `"c"`} {
		expectReceive(t, c, want)
	}
	must(t, c.Close())
	p.expectEnd()
	l.expectNoConnection()
	expectStats(t, c, "connections_opened=1", "connections_open=0", "messages_sent=8", "messages_received=8")
}

func TestPersistentClientReconnectsAfterThePeerClosed(t *testing.T) {
	l := listen(t)
	c := newClient(t, l.at(), "persistent=1")
	for i := range 3 {
		done := startTcmd(c, number(i))
		p := l.accept()
		p.expect(number(i))
		p.send(`"OK"`)
		await(t, done).expect(t, `"OK"`)
		if i == 1 {
			p.reset()
		} else {
			must(t, p.Close())
		}
		eventually(t, "the end has reached the client", c.PeerEnded)
	}
	expectStats(t, c, "connections_opened=3", "connections_open=1")
}

func TestTcmdIsNeverSentTwice(t *testing.T) {
	for _, persistent := range []string{"persistent=0", "persistent=1"} {
		t.Run(persistent, func(t *testing.T) {
			l := listen(t)
			c := newClient(t, l.at(), persistent)
			done := startTcmd(c, number(1))
			p := l.accept()
			p.expect(number(1))
			must(t, p.Close())
			expectError(t, await(t, done).err, socket.ErrPeerClosed)

			if persistent == "persistent=1" {
				// A connection that worked for one command breaks at the next.
				done = startTcmd(c, number(2))
				p = l.accept()
				p.expect(number(2))
				p.send(`"OK"`)
				await(t, done).expect(t, `"OK"`)
				done = startTcmd(c, number(3))
				p.expect(number(3))
				p.reset()
				expectError(t, await(t, done).err, transport.ErrReset)
			}
			l.expectNoConnection()
		})
	}
}

func TestClientChecksBeforeItConnects(t *testing.T) {
	l := listen(t)
	c := newClient(t, l.at(), "max_message=20")
	for _, bad := range []struct {
		body   string
		want   error
		offset int64
	}{
		{``, nil, 0},
		{`{"command": "ready"`, nil, 19},
		{`{'command'}`, nil, 1},
		{`[1, 2,]`, nil, 6},
		{`"OK" x`, nil, 5},
		{`nan`, nil, 1},
		{"\"\xff\"", nil, 1},
		{"\xef\xbb\xbf1", nil, 0},
		{`"twenty-one bytes  !"`, wire.ErrTooLarge, 0},
	} {
		for name, call := range map[string]func() error{
			"Send":     func() error { return c.Send([]byte(bad.body), testTimeout) },
			"Tcmd":     func() error { _, err := c.Tcmd([]byte(bad.body), nil, testTimeout); return err },
			"TcmdBody": func() error { _, err := tcmd(c, bad.body); return err },
		} {
			err := call()
			var syntax *jsondoc.SyntaxError
			switch {
			case bad.want != nil:
				if !errors.Is(err, bad.want) {
					t.Errorf("%s of %q: %v, want %v", name, bad.body, err, bad.want)
				}
			case !errors.As(err, &syntax) || syntax.Offset != bad.offset:
				t.Errorf("%s of %q: %v, want a syntax error at byte %d", name, bad.body, err, bad.offset)
			}
		}
	}
	l.expectNoConnection()
	// Only the first valid message opens a connection.
	send(t, c, `"twenty bytes now !"`)
	l.accept().expect(`"twenty bytes now !"`)
	expectStats(t, c, "connections_opened=1", "messages_sent=1")
}

func TestBadMessageLeavesTheConnectionAlone(t *testing.T) {
	l := listen(t)
	c := newClient(t, l.at())
	send(t, c, number(1))
	p := l.accept()
	p.expect(number(1))
	if err := c.Send([]byte(`{`), testTimeout); err == nil {
		t.Fatal("half a text was sent")
	}
	p.send(`"late"`)
	expectReceive(t, c, `"late"`)
}

func TestClientTimeouts(t *testing.T) {
	full := fullServer(t)
	silent := listen(t).at()
	tcmd := func(c *socket.Client, d time.Duration) error { _, err := c.TcmdBody([]byte("1"), d); return err }
	for _, c := range []struct {
		name string
		call func(*socket.Client, time.Duration) error
		full bool // no connection can be established
		text string
	}{
		{"tcmd", tcmd, false, "no reply"},
		{"tcmd to a full server", tcmd, true, "no connection"},
		{"receive", func(c *socket.Client, d time.Duration) error {
			send(t, c, "1")
			_, err := c.Receive(make([]byte, 9), d)
			return err
		}, false, ""},
		{"receive a body", func(c *socket.Client, d time.Duration) error {
			send(t, c, "1")
			_, err := c.ReceiveBody(d)
			return err
		}, false, ""},
		{"send of more than the system accepts", func(c *socket.Client, d time.Duration) error { return c.Send([]byte(long), d) }, false, ""},
		{"send to a full server", func(c *socket.Client, d time.Duration) error { return c.Send([]byte("1"), d) }, true, "no connection"},
	} {
		for _, timeout := range []time.Duration{0, short, socket.Default} {
			t.Run(fmt.Sprintf("%s, %v", c.name, timeout), func(t *testing.T) {
				t.Parallel()
				at := silent
				if c.full {
					at = full
				}
				client := newClient(t, at, fmt.Sprintf("timeout_ms=%d", short.Milliseconds()))
				began := time.Now()
				err := c.call(client, timeout)
				took := time.Since(began)
				expectError(t, err, socket.ErrTimeout)
				if timeout != 0 && took < short {
					t.Errorf("timed out after %v of %v", took, short)
				}
				if took > soon {
					t.Errorf("timed out only after %v", took)
				}
				if !strings.Contains(err.Error(), c.text) {
					t.Errorf("the error %q does not say %q", err, c.text)
				}
			})
		}
	}
}

// DESIGN: an unknown command gets no reply from a Python server, and the text of the
// timeout mentions that.
func TestTcmdTimeoutExplainsItself(t *testing.T) {
	c := newClient(t, listen(t).at())
	_, err := c.TcmdBody([]byte(`{"command": "READY"}`), short)
	if err == nil || !strings.Contains(err.Error(), "30 ms") || !strings.Contains(err.Error(), "never replies") {
		t.Errorf("the error does not explain the silence: %v", err)
	}
}

func TestTimeoutOfReceiveLosesNothing(t *testing.T) {
	const body = `{"mean": [1.5, 2.5]}`
	whole := frame(body)
	l := listen(t)
	for cut := 0; cut < len(whole); cut += 3 {
		c := newClient(t, l.at())
		send(t, c, "1")
		p := l.accept()
		p.expect("1")
		p.write(whole[:cut])
		for range 2 {
			_, err := c.Receive(make([]byte, 100), time.Millisecond)
			expectError(t, err, socket.ErrTimeout)
		}
		p.write(whole[cut:])
		expectReceive(t, c, body)
	}
}

// A cancel while connecting must not open a connection without a message, which ends
// the reference implementation (Python optbayesexpt).
func TestCancelWhileConnecting(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	silent := start(func() (n int) {
		for {
			conn, err := l.Accept()
			if err != nil {
				return n
			}
			got, _ := io.ReadAtLeast(conn, make([]byte, 100), len(frame(`"word"`)))
			if got == 0 {
				n++
			}
			_, _ = conn.Write([]byte(frame(`"answer"`)))
			_ = conn.Close()
		}
	})
	c := newClient(t, l.Addr().(*net.TCPAddr).AddrPort())
	over := make(chan struct{})
	var pause atomic.Int64 // the longest one between two cancels
	pause.Store(int64(20 * time.Microsecond))
	stopped := start(func() error {
		for {
			select {
			case <-over:
				return nil
			default:
				c.Cancel()
				time.Sleep(time.Duration(rand.Int64N(pause.Load())))
			}
		}
	})
	cancelled, answered, row := 0, 0, 0
	for cancelled < 200 || answered < 10 {
		switch answer, err := tcmd(c, `"word"`); {
		case errors.Is(err, socket.ErrCancelled):
			cancelled++
			if row++; row%50 == 0 {
				pause.Store(2 * pause.Load()) // a command is slower on this system
			}
		case err == nil && answer == `"answer"`:
			answered++
			row = 0
		default:
			t.Fatalf("%q, %v", answer, err)
		}
	}
	close(over)
	must(t, await(t, stopped))
	must(t, l.Close())
	if n := await(t, silent); n != 0 {
		t.Errorf("%d connections were closed without a message", n)
	}
}

// With late_reply a command may be waited for in slices.
func TestLateReply(t *testing.T) {
	l := listen(t)
	for _, persistent := range []string{"persistent=0", "persistent=1"} {
		c := newClient(t, l.at(), "late_reply=1", persistent)
		_, err := c.TcmdBody([]byte(`"slow"`), short)
		expectError(t, err, socket.ErrTimeout)
		p := l.accept()
		p.expect(`"slow"`)
		_, err = c.ReceiveBody(time.Millisecond)
		expectError(t, err, socket.ErrTimeout)
		p.send(`"late"`)
		expectReceive(t, c, `"late"`)

		// The next message abandons a reply that did not come.
		_, err = c.TcmdBody([]byte(`"slow"`), short)
		expectError(t, err, socket.ErrTimeout)
		if persistent == "persistent=0" {
			p.expectEnd()
			p = l.accept()
		}
		p.expect(`"slow"`)
		done := startTcmd(c, `"next"`)
		p.expectEnd()
		p = l.accept()
		p.expect(`"next"`)
		p.send(`"answer"`)
		await(t, done).expect(t, `"answer"`)

		_, err = c.TcmdBody([]byte(`"slow"`), short)
		expectError(t, err, socket.ErrTimeout)
		if persistent == "persistent=0" {
			p.expectEnd()
			p = l.accept()
		}
		p.expect(`"slow"`)
		send(t, c, `"sent"`)
		p.expectEnd()
		p = l.accept()
		p.expect(`"sent"`)
		p.send(`"received"`)
		expectReceive(t, c, `"received"`)
	}
}

// After a timeout before the connection was established there is no reply to wait for.
func TestLateReplyOfACommandThatWasNotSent(t *testing.T) {
	c := newClient(t, fullServer(t), "late_reply=1")
	_, err := c.TcmdBody([]byte("1"), short)
	expectError(t, err, socket.ErrTimeout)
	_, err = c.ReceiveBody(short)
	expectError(t, err, socket.ErrState)
}

// A reply that comes after its command was abandoned must not answer the next one.
func TestLateReplyNeverAnswersALaterCommand(t *testing.T) {
	const early, late = `"early"`, `"late"`
	// The abandoned command may have closed the connection, so that this may fail.
	lateReply := func(p *plain) { _, _ = p.Write([]byte(frame(late))) }
	for _, c := range []struct {
		name   string
		giveUp func(*testing.T, *socket.Client, *plain)
		same   bool // the next command uses the same connection
	}{
		{"tcmd timed out", func(t *testing.T, c *socket.Client, p *plain) {
			_, err := c.TcmdBody([]byte(early), short)
			expectError(t, err, socket.ErrTimeout)
			lateReply(p)
		}, false},
		{"tcmd was cancelled", func(t *testing.T, c *socket.Client, p *plain) {
			done := startTcmd(c, early)
			p.expect(early)
			c.Cancel()
			expectError(t, await(t, done).err, socket.ErrCancelled)
			lateReply(p)
		}, false},
		{"receive timed out", func(t *testing.T, c *socket.Client, p *plain) {
			send(t, c, early)
			_, err := c.ReceiveBody(short)
			expectError(t, err, socket.ErrTimeout)
			lateReply(p)
		}, false},
		{"no call received", func(t *testing.T, c *socket.Client, p *plain) {
			send(t, c, early)
			lateReply(p)
		}, false},
		{"half was received", func(t *testing.T, c *socket.Client, p *plain) {
			send(t, c, early)
			p.write(frame(late)[:12])
			_, err := c.ReceiveBody(short)
			expectError(t, err, socket.ErrTimeout)
			p.write(frame(late)[12:])
		}, false},
		{"it did not fit", func(t *testing.T, c *socket.Client, p *plain) {
			send(t, c, early)
			p.expect(early)
			lateReply(p)
			_, err := c.Receive(nil, testTimeout)
			expectError(t, err, socket.ErrBuffer)
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := listen(t)
			client := newClient(t, l.at(), "persistent=1")
			p := exchange(t, client, l)
			c.giveUp(t, client, p)

			done := startTcmd(client, `"next"`)
			if !c.same {
				p = l.accept()
			}
			p.expect(`"next"`)
			p.send(`"its own"`)
			await(t, done).expect(t, `"its own"`)
		})
	}
}

// exchange does one exchange over a new connection and returns its other end.
func exchange(t *testing.T, c *socket.Client, l *plainServer) *plain {
	t.Helper()
	done := startTcmd(c, `"hello"`)
	p := l.accept()
	p.expect(`"hello"`)
	p.send(`"OK"`)
	await(t, done).expect(t, `"OK"`)
	return p
}

func TestClientRefusesBadReplies(t *testing.T) {
	var syntax *jsondoc.SyntaxError
	is := func(want error) func(error) bool { return func(err error) bool { return errors.Is(err, want) } }
	for _, c := range []struct {
		name  string
		reply string
		end   func(*plain) // how the server leaves; nil: it stays
		right func(error) bool
	}{
		{"malformed header", "xxxxxxxxxx", nil, is(wire.ErrMalformed)},
		{"header of spaces", "          ", nil, is(wire.ErrMalformed)},
		{"quoted header", `"000000004"OK"`, nil, is(wire.ErrMalformed)},
		{"too large", "0000001025", nil, is(wire.ErrTooLarge)},
		{"announces all", "9999999999", nil, is(wire.ErrTooLarge)},
		{"not JSON", frame("{]"), nil, func(err error) bool { return errors.As(err, &syntax) && syntax.Offset == 1 }},
		{"not JSON, and not yet complete", "0000001000oops", nil, func(err error) bool { return errors.As(err, &syntax) && syntax.Offset == 0 }},
		{"not UTF-8", frame("\"\xc0\x80\""), nil, func(err error) bool { return errors.As(err, &syntax) && syntax.Offset == 1 }},
		{"empty", "0000000000", nil, func(err error) bool { return errors.As(err, &syntax) && syntax.Offset == 0 }},
		{"end before the reply", "", closeInOrder, is(socket.ErrPeerClosed)},
		{"end inside the header", "000000", closeInOrder, is(wire.ErrIncomplete)},
		{"end inside the body", "0000000004\"O", closeInOrder, is(wire.ErrIncomplete)},
		{"reset before the reply", "", (*plain).reset, is(transport.ErrReset)},
	} {
		for _, persistent := range []string{"persistent=0", "persistent=1"} {
			t.Run(c.name+", "+persistent, func(t *testing.T) {
				l := listen(t)
				client := newClient(t, l.at(), persistent, "max_message=1024")
				for _, separate := range []bool{false, true} {
					var done <-chan outcome
					if separate {
						send(t, client, number(1))
						done = startReceive(client)
					} else {
						done = startTcmd(client, number(1))
					}
					p := l.accept()
					p.expect(number(1))
					p.write(c.reply)
					if c.end != nil {
						c.end(p)
					}
					if err := await(t, done).err; !c.right(err) {
						t.Errorf("got %v", err)
					}
					if c.end == nil {
						p.expectEnd()
					}
					expectStats(t, client, "connections_open=0", "messages_received=0")
					_, err := client.Receive(nil, 0)
					expectError(t, err, socket.ErrState)
				}
				// The connection is closed.
				done := startTcmd(client, number(2))
				p := l.accept()
				p.expect(number(2))
				p.send(`"OK"`)
				await(t, done).expect(t, `"OK"`)
			})
		}
	}
}

func closeInOrder(p *plain) { must(p.t, p.Close()) }

func TestClientAcceptsWhatPeersMaySend(t *testing.T) {
	l := listen(t)
	c := newClient(t, l.at())
	for _, reply := range []string{
		`         4"OK"`, `4         "OK"`, "0000000003NaN", "0000000009-Infinity", `0000000008"\ud800"`, `0000000013{"a":1,"a":2}`,
		"0000000007 1e999 ", "0000000006\"\u00fc\u00fc\"", "0000000003\n1\t",
	} {
		done := startTcmd(c, "1")
		p := l.accept()
		p.expect("1")
		p.write(reply)
		await(t, done).expect(t, reply[10:])
	}
}

func TestReplyByteByByte(t *testing.T) {
	l := listen(t)
	c := newClient(t, l.at())
	done := startTcmd(c, "1")
	p := l.accept()
	p.expect("1")
	must(t, p.SetNoDelay(true))
	for _, b := range []byte(frame(`"slowly"`)) {
		p.write(string(b))
	}
	await(t, done).expect(t, `"slowly"`)
}

// tooSmall checks that a call failed because its buffer is too small for n bytes.
func tooSmall(t *testing.T, err error, n int) {
	t.Helper()
	var buffer *socket.BufferError
	if !errors.As(err, &buffer) || buffer.Need != n || !errors.Is(err, socket.ErrBuffer) {
		t.Fatalf("got error %v; want a BufferError with %d", err, n)
	}
}

func TestClientKeepsAReplyThatDoesNotFit(t *testing.T) {
	const body, untouched = `{"large": "reply"}`, "##########"
	for _, c := range []struct {
		name string
		ask  func(*socket.Client, []byte) (int, error)
	}{
		{"tcmd", func(c *socket.Client, dst []byte) (int, error) { return c.Tcmd([]byte("1"), dst, testTimeout) }},
		{"send and receive", func(c *socket.Client, dst []byte) (int, error) {
			if err := c.Send([]byte("1"), testTimeout); err != nil {
				return 0, err
			}
			return c.Receive(dst, testTimeout)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := listen(t)
			client := newClient(t, l.at())
			small := []byte(untouched)
			done := start(func() error { _, err := c.ask(client, small); return err })
			p := l.accept()
			p.expect("1")
			p.send(body)
			tooSmall(t, await(t, done), len(body))

			for _, dst := range [][]byte{small, nil, make([]byte, len(body)-1)} {
				_, err := client.Receive(dst, 0)
				tooSmall(t, err, len(body))
			}
			if string(small) != untouched {
				t.Errorf("the buffer that is too small got %q", small)
			}
			exact := make([]byte, len(body))
			n, err := client.Receive(exact, 0)
			if err != nil || string(exact[:n]) != body {
				t.Fatalf("%q, %v; want %q", exact[:n], err, body)
			}
			// It is returned once, and was requested once.
			if _, err = client.Receive(exact, 0); !errors.Is(err, socket.ErrState) && !errors.Is(err, socket.ErrTimeout) {
				t.Errorf("received a second time: %v", err)
			}
			l.expectNoConnection()
			expectStats(t, client, "messages_sent=1", "messages_received=1")
		})
	}
}

// The reply to one message must not be mistaken for the reply to the next, which was sent
// over a new connection.
func TestSendOverANewConnectionForgetsAKeptReply(t *testing.T) {
	l := listen(t)
	c := newClient(t, l.at())
	send(t, c, `"first"`)
	p := l.accept()
	p.send(`"first reply"`)
	_, err := c.Receive(nil, testTimeout)
	tooSmall(t, err, len(`"first reply"`))

	send(t, c, `"second"`)
	p = l.accept()
	p.expect(`"second"`)
	p.send(`"second reply"`)
	expectReceive(t, c, `"second reply"`)
}

func TestCloseForgetsAKeptReply(t *testing.T) {
	l := listen(t)
	c := newClient(t, l.at())
	done := start(func() error { _, err := c.Tcmd([]byte("1"), nil, testTimeout); return err })
	l.accept().send(`"reply"`)
	expectError(t, await(t, done), socket.ErrBuffer)
	must(t, c.Close())
	_, err := c.ReceiveBody(0)
	expectError(t, err, socket.ErrState)
}

func TestReceiveBody(t *testing.T) {
	l := listen(t)
	c := newClient(t, l.at())
	send(t, c, "1")
	l.accept().send(`"body"`)
	body, err := c.ReceiveBody(testTimeout)
	if err != nil || string(body) != `"body"` {
		t.Errorf("%q, %v", body, err)
	}
}

func TestTcmdFunc(t *testing.T) {
	l := listen(t)
	c := newClient(t, l.at())
	refused := errors.New("of no use")
	for _, use := range []struct {
		fail error
		kept bool
	}{
		{nil, false},
		{refused, false},
		{fmt.Errorf("no room for it: %w", socket.ErrBuffer), true},
	} {
		var got string
		done := start(func() error {
			return c.TcmdFunc([]byte("1"), testTimeout, func(body []byte) error {
				got = string(body)
				return use.fail
			})
		})
		p := l.accept()
		p.expect("1")
		p.send(`"reply"`)
		if err := await(t, done); !errors.Is(err, use.fail) || got != `"reply"` {
			t.Errorf("%q was used, and %v came back, want %v", got, err, use.fail)
		}
		if use.kept {
			expectReceive(t, c, `"reply"`)
		}
		_, err := c.ReceiveBody(0)
		expectError(t, err, socket.ErrState)
	}
}

// A message that arrives too late for Close is not returned after it.
func TestCloseInsideReplyFunc(t *testing.T) {
	l := listen(t)
	c := newClient(t, l.at(), "persistent=1")
	done := start(func() error {
		return c.TcmdFunc([]byte("1"), testTimeout, func([]byte) error {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
			return socket.ErrBuffer
		})
	})
	l.accept().send(`"reply"`)
	expectError(t, await(t, done), socket.ErrBuffer)
	_, err := c.ReceiveBody(0)
	expectError(t, err, socket.ErrState)
}

func TestFailedTcmdClosesAPersistentConnection(t *testing.T) {
	l := listen(t)
	c := newClient(t, l.at(), "persistent=1")
	for name, fail := range map[string]func(*plain) error{
		"timed out": func(*plain) error { _, err := c.TcmdBody([]byte("1"), short); return err },
		"cancelled": func(p *plain) error {
			done := startTcmd(c, "1")
			p.expect("1")
			c.Cancel()
			return await(t, done).err
		},
	} {
		p := exchange(t, c, l)
		if err := fail(p); err == nil {
			t.Fatal(name, "and answered")
		}
		_, err := c.ReceiveBody(0)
		expectError(t, err, socket.ErrState)
		expectStats(t, c, "connections_open=0")
	}
}

func TestClientWithoutConnection(t *testing.T) {
	l := listen(t)
	c := newClient(t, l.at())
	for range 2 {
		_, err := c.Receive(nil, testTimeout)
		expectError(t, err, socket.ErrState)
		must(t, c.Close())
		c.Cancel()
	}
	send(t, c, "1")
	l.accept().expect("1")
}

func TestClientIsBusy(t *testing.T) {
	l := listen(t)
	c := newClient(t, l.at(), "persistent=1")
	send(t, c, "1")
	p := l.accept()
	p.expect("1")
	done := startReceive(c)
	begun(t, c, 1)
	for name, call := range map[string]func() error{
		"tcmd":       func() error { _, err := c.TcmdBody([]byte("2"), short); return err },
		"receive":    func() error { _, err := c.Receive(nil, short); return err },
		"wait_ready": func() error { return c.WaitReady(short) },
	} {
		if err := call(); !errors.Is(err, socket.ErrBusy) {
			t.Errorf("%s during a receive: %v, want ErrBusy", name, err)
		}
	}
	// One may send while another receives.
	send(t, c, "3")
	p.expect("3")
	p.send(`"OK"`)
	await(t, done).expect(t, `"OK"`)
}

// A sender and a receiver can share a connection, which stays usable.
func TestPersistentSenderAndReceiver(t *testing.T) {
	const messages = 500
	s := newServer(t)
	echo(t, s)
	c := newClient(t, s.Addr(), "persistent=1")
	send(t, c, number(0))
	expectReceive(t, c, number(0))
	sent := start(func() error {
		for i := range messages {
			if err := c.Send([]byte(number(i)), testTimeout); err != nil {
				return err
			}
		}
		return nil
	})
	for i := range messages {
		expectReceive(t, c, number(i))
	}
	must(t, await(t, sent))
	expectTcmd(t, c, `"last"`, `"last"`)
	expectStats(t, c, "connections_opened=1")
}

// Whatever other goroutines do with the client, a reply belongs to its command.
func TestRepliesNeverCross(t *testing.T) {
	const commands, goroutines = 150, 4
	s := newServer(t)
	echo(t, s)
	for _, persistent := range []string{"persistent=0", "persistent=1"} {
		c := newClient(t, s.Addr(), persistent)
		var all, others sync.WaitGroup
		over := make(chan struct{})
		for _, disturb := range []func(){
			// Replies that did not fit are received, or kept again.
			func() { _, _ = c.Receive(nil, 0) },
			func() { _, _ = c.Receive(make([]byte, 100), 0) },
			func() { c.Cancel() },
		} {
			others.Go(func() {
				for {
					select {
					case <-over:
						return
					case <-time.After(100 * time.Microsecond):
						disturb()
					}
				}
			})
		}
		for g := range goroutines {
			all.Go(func() {
				random := rand.New(rand.NewPCG(uint64(g), 1))
				for i := range commands {
					body := number(g*commands + i)
					dst := make([]byte, random.IntN(2)*100)
					n, err := c.Tcmd([]byte(body), dst, testTimeout)
					if err == nil && string(dst[:n]) != body {
						t.Errorf("%s: %s was answered %s", persistent, body, dst[:n])
					}
					if err != nil && !errors.Is(err, socket.ErrBuffer) && !errors.Is(err, socket.ErrCancelled) {
						t.Errorf("%s: %s: %v", persistent, body, err)
					}
				}
			})
		}
		all.Wait()
		close(over)
		others.Wait()
	}
}

func TestClientBadArguments(t *testing.T) {
	for _, c := range []struct {
		host string
		port int
	}{
		{"127.0.0.1", 0}, {"127.0.0.1", -1}, {"127.0.0.1", 65536}, {"a\x00b", 1}, {"no host", 1},
	} {
		if _, err := socket.NewClient(c.host, c.port); !errors.Is(err, socket.ErrArgument) {
			t.Errorf("NewClient(%q, %d): %v, want ErrArgument", c.host, c.port, err)
		}
	}
}

// The second reply of a server that replies twice must not be mistaken for the reply to
// the next command.
func TestSurplusReplyNeverAnswers(t *testing.T) {
	s := newServer(t)
	c := newClient(t, s.Addr(), "persistent=1")
	served := start(func() error {
		for i := range 2 {
			if _, err := s.Receive(make([]byte, 100), testTimeout); err != nil {
				return err
			}
			for range 2 - i {
				if err := s.Send([]byte(number(i)), testTimeout); err != nil {
					return err
				}
			}
		}
		return nil
	})
	expectTcmd(t, c, "1", number(0))
	eventually(t, "the second answer has arrived", c.HasMore)
	expectTcmd(t, c, "2", number(1))
	must(t, await(t, served))
}
