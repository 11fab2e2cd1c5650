package socket_test

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"libobe/internal/socket"
	"libobe/internal/transport"
	"libobe/internal/wire"
)

const ready = `{"command": "ready"}`

// vacant returns an address where no server is listening.
func vacant(t *testing.T) netip.AddrPort {
	t.Helper()
	l := listen(t)
	must(t, l.Close())
	return l.at()
}

func waitReady(c *socket.Client) <-chan error {
	return start(func() error { return c.WaitReady(testTimeout) })
}

func TestWaitReadyTakesAnyAnswer(t *testing.T) {
	for _, answer := range []string{`"OK"`, `null`, `{"error": "unknown command"}`, `[]`, `NaN`} {
		l := listen(t)
		c := newClient(t, l.at())
		done := waitReady(c)
		p := l.accept()
		p.expect(ready)
		p.send(answer)
		must(t, await(t, done))
		p.expectEnd()
		l.expectNoConnection()
	}
}

func TestWaitReadyForAServerThatStartsLate(t *testing.T) {
	at := vacant(t)
	c := newClient(t, at)
	done := waitReady(c)
	begun(t, c, 1)
	select {
	case err := <-done:
		t.Fatalf("came back without a server: %v", err)
	case <-time.After(moment):
	}
	l, err := net.Listen("tcp", at.String())
	must(t, err)
	late := &plainServer{l.(*net.TCPListener), t}
	defer late.Close()
	p := late.accept()
	p.expect(ready)
	p.send(`"OK"`)
	must(t, await(t, done))
}

func TestWaitReadyForAServerThatFailsAtFirst(t *testing.T) {
	l := listen(t)
	c := newClient(t, l.at())
	done := waitReady(c)
	for _, fail := range []func(*plain){
		closeInOrder,
		(*plain).reset,
		func(p *plain) { p.expect(ready); closeInOrder(p) },
		func(p *plain) { p.expect(ready); p.write("00000"); closeInOrder(p) },
		func(p *plain) { p.expect(ready); p.write(`0000000004"O`); closeInOrder(p) },
	} {
		fail(l.accept())
	}
	p := l.accept()
	p.expect(ready)
	p.send(`"OK"`)
	must(t, await(t, done))
}

func TestWaitReadyFailsAtAnotherProtocol(t *testing.T) {
	l := listen(t)
	c := newClient(t, l.at())
	done := waitReady(c)
	p := l.accept()
	p.expect(ready)
	p.write("HTTP/1.1 400 Bad Request\r\n\r\n")
	expectError(t, await(t, done), wire.ErrMalformed)
	l.expectNoConnection()
}

func TestWaitReadyTimesOut(t *testing.T) {
	for _, c := range []struct {
		name string
		at   netip.AddrPort
		text string
	}{
		{"no server", vacant(t), "refused"},
		{"silence", listen(t).at(), "no reply"},
		{"no connection", fullServer(t), "no connection"},
	} {
		for _, timeout := range []time.Duration{0, short, 3 * short, socket.Default} {
			client := newClient(t, c.at, "timeout_ms=30")
			began := time.Now()
			err := client.WaitReady(timeout)
			took := time.Since(began)
			expectError(t, err, socket.ErrTimeout)
			if limit := max(timeout, 0); took < limit || took > limit+soon {
				t.Errorf("%s: timed out after %v of %v", c.name, took, timeout)
			}
			if !strings.Contains(err.Error(), c.text) {
				t.Errorf("%s: the error %q does not say %q", c.name, err, c.text)
			}
		}
	}
}

func TestWaitReadyIsWoken(t *testing.T) {
	for name, at := range map[string]netip.AddrPort{"no server": vacant(t), "silence": listen(t).at(), "no connection": fullServer(t)} {
		for _, wake := range []struct {
			name string
			call func(*socket.Client)
			want error
		}{
			{"Cancel", (*socket.Client).Cancel, socket.ErrCancelled},
			{"Close", func(c *socket.Client) { _ = c.Close() }, socket.ErrClosed},
			{"Free", (*socket.Client).Free, socket.ErrClosed},
		} {
			c := newClient(t, at)
			done := waitReady(c)
			begun(t, c, 1)
			began := time.Now()
			wake.call(c)
			expectError(t, await(t, done), wake.want)
			if took := time.Since(began); took > soon {
				t.Errorf("%s, %s: woke up after %v", name, wake.name, took)
			}
		}
	}
}

// The error names 0.0.0.0 for an address at which a server on the loopback interface
// cannot be reached, and for no other one.
func TestRefusalByAnotherMachine(t *testing.T) {
	for addresses, elsewhere := range map[string]bool{
		"192.168.1.5": true, "::ffff:192.168.1.5": true, "fe80::1%eth0": true, "2001:db8::1": true, "::1 192.168.1.5": true,
		"127.0.0.1": false, "127.9.9.9": false, "::1": false, "::ffff:127.0.0.1": false, "0.0.0.0": false, "::": false, "::1 127.0.0.1": false,
		"unix": false,
	} {
		var at []netip.AddrPort
		for _, text := range strings.Fields(addresses) {
			if text == "unix" {
				at = append(at, netip.AddrPort{}) // as Resolve returns it for a path
			} else {
				at = append(at, netip.AddrPortFrom(netip.MustParseAddr(text), 61981))
			}
		}
		for _, untilReady := range []bool{false, true} {
			err := socket.RefusedAt(untilReady, at...)
			expectSaid(t, err, transport.ErrRefused, "no server is listening there")
			if text := err.Error(); strings.Contains(text, `"0.0.0.0"`) != elsewhere || strings.Contains(text, "127.0.0.1") != elsewhere || strings.Contains(text, "wait_ready") == untilReady {
				t.Errorf("%s: %v", addresses, err)
			}
		}
	}
}

func TestRefusalNamesTheRemedy(t *testing.T) {
	c := newClient(t, vacant(t))
	_, err := tcmd(c, "1")
	expectError(t, err, transport.ErrRefused)
	if !strings.Contains(err.Error(), "wait_ready") {
		t.Errorf("the error does not name wait_ready: %v", err)
	}
	if strings.Contains(err.Error(), "0.0.0.0") {
		t.Errorf("the error is about other machines: %v", err)
	}
	expectStats(t, c, "connections_open=0", "messages_sent=0")
}
