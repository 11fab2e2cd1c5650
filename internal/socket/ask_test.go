package socket_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"libobe/internal/socket"
	"libobe/internal/transport"
)

var eachPersistent = []string{"persistent=0", "persistent=1"}

func ask(t *testing.T, c *socket.Client, body string) {
	t.Helper()
	must(t, c.Ask([]byte(body), testTimeout))
}

func fetch(c *socket.Client, timeout time.Duration) (reply string, err error) {
	err = c.Fetch(timeout, func(body []byte) error {
		reply = string(body)
		return nil
	})
	return reply, err
}

func expectFetch(t *testing.T, c *socket.Client, want string) {
	t.Helper()
	if got, err := fetch(c, testTimeout); got != want || err != nil {
		t.Errorf("fetched %q, %v; want %q", got, err, want)
	}
}

func expectFetchError(t *testing.T, c *socket.Client, want error) {
	t.Helper()
	got, err := fetch(c, testTimeout)
	if got != "" {
		t.Errorf("fetched %q", got)
	}
	expectError(t, err, want)
}

// A client that asks ahead of a server that reads one message from each connection, and
// works on one after the other, as the Python original does.
func TestAskAheadOverNewConnections(t *testing.T) {
	l := listen(t)
	c := newClient(t, l.at())
	for i := range 3 {
		ask(t, c, number(i))
		asked := l.accept()
		asked.expect(number(i))
		done := startTcmd(c, `"newdat"`)
		p := l.accept()
		p.expect(`"newdat"`)
		if i%2 == 0 {
			asked.send(`["setting"]`)
			asked.expectOpen()
		}
		p.send(`"OK"`)
		await(t, done).expect(t, `"OK"`)
		p.expectEnd()
		if i%2 == 1 {
			asked.send(`["setting"]`)
		}
		expectFetch(t, c, `["setting"]`)
		asked.expectEnd()
	}
	expectFetchError(t, c, socket.ErrState)
	expectStats(t, c, "connections_opened=6", "connections_open=0", "messages_sent=6", "messages_received=6")
}

// On a kept connection the reply to the question comes first, and is stored.
func TestAskAheadOverAKeptConnection(t *testing.T) {
	l := listen(t)
	c := newClient(t, l.at(), "persistent=1")
	ask(t, c, `"goodset"`)
	p := l.accept()
	p.expect(`"goodset"`)
	for range 2 { // the first command reads the reply to the question, the second one does not
		done := startTcmd(c, `"newdat"`)
		eventually(t, "the command has begun", func() bool { return c.InFlight() == 1 })
		if c.Question() {
			p.send(`["setting"]`)
		}
		p.expect(`"newdat"`)
		p.send(`"OK"`)
		await(t, done).expect(t, `"OK"`)
	}
	expectFetch(t, c, `["setting"]`)
	p.expectOpen()

	// Without a command in between, and with one that was sent but whose reply was not received.
	ask(t, c, `"goodset"`)
	p.expect(`"goodset"`)
	p.send(`[2]`)
	expectFetch(t, c, `[2]`)
	for _, fetchFirst := range []bool{false, true} {
		ask(t, c, `"goodset"`)
		p.expect(`"goodset"`)
		send(t, c, `"newdat"`)
		p.expect(`"newdat"`)
		p.write(frame(`[3]`) + frame(`"OK"`))
		if fetchFirst {
			expectFetch(t, c, `[3]`)
			expectReceive(t, c, `"OK"`)
		} else {
			expectReceive(t, c, `"OK"`)
			expectFetch(t, c, `[3]`)
		}
	}
	l.expectNoConnection()
	expectStats(t, c, "connections_opened=1", "connections_open=1")
}

func TestOneQuestionAtATime(t *testing.T) {
	for _, persistent := range eachPersistent {
		l := listen(t)
		c := newClient(t, l.at(), persistent)
		ask(t, c, `1`)
		p := l.accept()
		p.expect(`1`)
		expectError(t, c.Ask([]byte(`2`), testTimeout), socket.ErrState)
		p.expectOpen()
		p.send(`"one"`)
		expectFetch(t, c, `"one"`)
		l.expectNoConnection()
	}
}

// A timeout, a cancel and a small buffer lose nothing.
func TestFetchContinues(t *testing.T) {
	for _, persistent := range eachPersistent {
		l := listen(t)
		c := newClient(t, l.at(), persistent)
		ask(t, c, `1`)
		p := l.accept()
		p.expect(`1`)
		for _, timeout := range []time.Duration{0, short} {
			_, err := fetch(c, timeout)
			expectError(t, err, socket.ErrTimeout)
		}
		p.write(frame(`"whole reply"`)[:15])
		_, err := fetch(c, short)
		expectError(t, err, socket.ErrTimeout)
		ended := start(func() error { _, err := fetch(c, testTimeout); return err })
		eventually(t, "the call has begun", func() bool { return c.InFlight() == 1 })
		c.Cancel()
		expectError(t, await(t, ended), socket.ErrCancelled)
		p.write(frame(`"whole reply"`)[15:])
		for range 2 {
			err = c.Fetch(testTimeout, func([]byte) error { return &socket.BufferError{Need: 9} })
			expectError(t, err, socket.ErrBuffer)
		}
		expectFetch(t, c, `"whole reply"`)
		expectFetchError(t, c, socket.ErrState)
	}
}

// Close, Free and a server that fails end the question.
func TestQuestionsThatEnd(t *testing.T) {
	for _, persistent := range eachPersistent {
		for name, end := range map[string]func(c *socket.Client, p *plain) error{
			"peer closed": func(_ *socket.Client, p *plain) error { must(t, p.Close()); return socket.ErrPeerClosed },
			"reset":       func(_ *socket.Client, p *plain) error { p.reset(); return transport.ErrReset },
			"not JSON":    func(_ *socket.Client, p *plain) error { p.write(frame(`{`)); return nil },
			"close":       func(c *socket.Client, p *plain) error { must(t, c.Close()); p.expectEnd(); return socket.ErrState },
			"free":        func(c *socket.Client, p *plain) error { c.Free(); p.expectEnd(); return socket.ErrClosed },
		} {
			t.Run(persistent+" "+name, func(t *testing.T) {
				l := listen(t)
				c := newClient(t, l.at(), persistent)
				ask(t, c, `1`)
				p := l.accept()
				p.expect(`1`)
				want := end(c, p)
				if name != "free" {
					// The next command does not fail, and leaves the error to the fetch.
					done := startTcmd(c, `2`)
					p = l.accept()
					p.expect(`2`)
					p.send(`"two"`)
					await(t, done).expect(t, `"two"`)
				}
				if _, err := fetch(c, testTimeout); err == nil || want != nil && !errors.Is(err, want) {
					t.Errorf("fetched with %v, want %v", err, want)
				}
				if name != "free" {
					expectFetchError(t, c, socket.ErrState)
					ask(t, c, `3`)
				}
			})
		}
	}
}

// A blocked fetch ends when its client is closed or freed.
func TestCloseDuringFetch(t *testing.T) {
	for _, persistent := range eachPersistent {
		for name, end := range map[string]func(c *socket.Client){"close": func(c *socket.Client) { _ = c.Close() }, "free": (*socket.Client).Free} {
			t.Run(persistent+" "+name, func(t *testing.T) {
				l := listen(t)
				c := newClient(t, l.at(), persistent)
				ask(t, c, `1`)
				p := l.accept()
				p.expect(`1`)
				ended := start(func() error { _, err := fetch(c, testTimeout); return err })
				eventually(t, "the call has begun", func() bool { return c.InFlight() == 1 })
				end(c)
				expectError(t, await(t, ended), socket.ErrClosed)
				p.expectEnd()
				expectStats(t, c, "connections_open=0")
			})
		}
	}
}

// A command on a kept connection waits for the reply to the question under its own timeout,
// and is then not sent.
func TestCommandBehindAQuestionTimesOut(t *testing.T) {
	l := listen(t)
	c := newClient(t, l.at(), "persistent=1")
	ask(t, c, `1`)
	p := l.accept()
	p.expect(`1`)
	_, err := c.TcmdBody([]byte(`2`), short)
	expectError(t, err, socket.ErrTimeout)
	_, err = c.ReceiveBody(short)
	expectError(t, err, socket.ErrTimeout)
	p.expectOpen()
	p.send(`"one"`)
	expectFetch(t, c, `"one"`)
	done := startTcmd(c, `3`)
	p.expect(`3`)
	p.send(`"three"`)
	await(t, done).expect(t, `"three"`)
}

// The option may change while a question is pending.
func TestQuestionAndChangesOfPersistent(t *testing.T) {
	l := listen(t)
	c := newClient(t, l.at(), "persistent=1")
	ask(t, c, `1`)
	asked := l.accept()
	asked.expect(`1`)
	set(t, c, "persistent=0")
	done := startTcmd(c, `2`)
	p := l.accept()
	p.expect(`2`)
	p.send(`"two"`)
	await(t, done).expect(t, `"two"`)
	send(t, c, `3`)
	l.accept().expect(`3`)
	set(t, c, "persistent=1")
	asked.send(`"one"`)
	expectFetch(t, c, `"one"`)
	asked.expectEnd()
	expectStats(t, c, "connections_opened=3", "connections_open=1")
}

func TestAskThatIsNotSent(t *testing.T) {
	c := newClient(t, vacant(t))
	expectError(t, c.Ask([]byte(`1`), testTimeout), transport.ErrRefused)
	if err := c.Ask([]byte(`{`), testTimeout); err == nil {
		t.Error("invalid JSON was sent")
	}
	expectFetchError(t, c, socket.ErrState)
}

// Threads that ask, fetch and exchange on one client never get another one's reply.
func TestThreadsWithOneQuestion(t *testing.T) {
	for _, persistent := range eachPersistent {
		s := newServer(t)
		echo(t, s)
		c := newClient(t, s.Addr(), persistent)
		var wg sync.WaitGroup
		for thread := range 4 {
			wg.Go(func() {
				for i := range 50 {
					body := fmt.Sprintf(`"tcmd %d %d"`, thread, i)
					if reply, err := c.TcmdBody([]byte(body), testTimeout); err != nil || string(reply) != body {
						t.Errorf("%s: reply %s, %v", body, reply, err)
					}
				}
			})
		}
		wg.Go(func() {
			for i := range 50 {
				body := fmt.Sprintf(`"ask %d"`, i)
				ask(t, c, body)
				expectFetch(t, c, body)
			}
		})
		wg.Wait()
	}
}
