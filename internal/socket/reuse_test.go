package socket_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"libobe/internal/socket"
	"libobe/internal/transport"
)

const reuseHint = "a Python optbayesexpt server reads one message from each connection"

// expectReuseHint checks the error of a call, and whether it names the option persistent.
func expectReuseHint(t *testing.T, err error, hint bool, kinds ...error) {
	t.Helper()
	matches := false
	for _, kind := range kinds {
		matches = matches || errors.Is(err, kind)
	}
	if !matches {
		t.Fatalf("the error is %v, want one of %v", err, kinds)
	}
	if text := err.Error(); strings.Contains(text, reuseHint) != hint || strings.Contains(text, "the option persistent to 0") != hint || strings.Count(text, "used before") > 1 {
		t.Errorf("hint %v wanted: %v", hint, err)
	}
}

// readsOne is a server that, as the one of Python optbayesexpt, reads one message from
// each connection, answers it, and keeps the connection until the next one arrives.
func readsOne(t *testing.T, c *socket.Client, l *plainServer) *plain {
	t.Helper()
	replied := make(chan outcome, 1)
	go func() {
		n, err := c.TcmdBody([]byte("1"), testTimeout)
		replied <- outcome{string(n), err}
	}()
	p := l.accept()
	p.expect("1")
	p.send("11")
	await(t, replied).expect(t, "11")
	return p
}

// A second command on a connection of which the server reads one message.
func TestReusedConnectionOfWhichOneMessageIsRead(t *testing.T) {
	l := listen(t)
	calls := map[string]func(c *socket.Client, timeout time.Duration) error{
		"tcmd": func(c *socket.Client, timeout time.Duration) error {
			_, err := c.TcmdBody([]byte("2"), timeout)
			return err
		},
		"send and receive": func(c *socket.Client, timeout time.Duration) error {
			if err := c.Send([]byte("2"), timeout); err != nil {
				return err
			}
			_, err := c.ReceiveBody(timeout)
			return err
		},
		"wait_ready": func(c *socket.Client, timeout time.Duration) error { return c.WaitReady(timeout) },
		"a large message": func(c *socket.Client, timeout time.Duration) error {
			_, err := c.TcmdBody([]byte(`"`+strings.Repeat("x", 32<<20)+`"`), timeout)
			return err
		},
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			c := newClient(t, l.at(), "persistent=1")
			p := readsOne(t, c, l)
			expectReuseHint(t, call(c, 200*time.Millisecond), true, socket.ErrTimeout)
			p.Close()
			if name == "wait_ready" {
				return // it tries again
			}
			// When the next client has connected, such a server drops this connection.
			p = readsOne(t, c, l)
			ended := make(chan error, 1)
			go func() { ended <- call(c, testTimeout) }()
			eventually(t, "the message has arrived", p.readable)
			p.Close()
			expectReuseHint(t, await(t, ended), true, transport.ErrReset, socket.ErrPeerClosed)
		})
	}
}

// Errors that have another reason do not name the option.
func TestErrorsWithoutReuse(t *testing.T) {
	l := listen(t)
	tcmd := func(c *socket.Client, timeout time.Duration) error {
		_, err := c.TcmdBody([]byte("2"), timeout)
		return err
	}
	t.Run("not persistent", func(t *testing.T) {
		c := newClient(t, l.at())
		readsOne(t, c, l)
		expectReuseHint(t, tcmd(c, moment), false, socket.ErrTimeout)
	})
	t.Run("first message", func(t *testing.T) {
		c := newClient(t, l.at(), "persistent=1")
		expectReuseHint(t, tcmd(c, moment), false, socket.ErrTimeout)
	})
	t.Run("second message was answered", func(t *testing.T) {
		c := newClient(t, l.at(), "persistent=1")
		l.accept() // of the runs before
		l.accept()
		p := readsOne(t, c, l)
		must(t, c.Send([]byte("2"), testTimeout))
		p.expect("2")
		p.send("22")
		got, err := c.ReceiveBody(testTimeout)
		outcome{string(got), err}.expect(t, "22")
		expectReuseHint(t, tcmd(c, moment), false, socket.ErrTimeout)
	})
	t.Run("poll, cancel, close", func(t *testing.T) {
		c := newClient(t, l.at(), "persistent=1")
		readsOne(t, c, l)
		must(t, c.Send([]byte("2"), testTimeout))
		_, err := c.ReceiveBody(0)
		expectReuseHint(t, err, false, socket.ErrTimeout)
		for name, end := range map[error]func(){
			socket.ErrCancelled: c.Cancel,
			socket.ErrClosed:    func() { must(t, c.Close()) },
		} {
			must(t, c.Send([]byte("3"), testTimeout))
			ended := make(chan error, 1)
			go func() {
				_, err := c.ReceiveBody(testTimeout)
				ended <- err
			}()
			eventually(t, "the call has begun", func() bool { return c.InFlight() == 1 })
			end()
			expectReuseHint(t, await(t, ended), false, name)
		}
	})
}
