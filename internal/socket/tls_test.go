package socket_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"libobe/internal/socket"
	"libobe/internal/systemtest"
	"libobe/internal/transport"
)

// tlsPair returns a server with TLS, which does not receive yet, and a client of it.
func tlsPair(t *testing.T, clientOptions ...string) (*socket.Server, *socket.Client) {
	t.Helper()
	a := newAuthority(t)
	s := newServer(t, a.sign(nil).options()...)
	return s, newClient(t, s.Addr(), append(clientOptions, "tls_ca="+a.file)...)
}

func expectSaid(t *testing.T, err, kind error, parts ...string) {
	t.Helper()
	expectError(t, err, kind)
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
}

// vast is a message of 10 MB.
var vast = `"` + strings.Repeat("0123456789", 1_000_000) + `"`

func TestTLSExchange(t *testing.T) {
	for _, persistent := range []string{"persistent=0", "persistent=1"} {
		t.Run(persistent, func(t *testing.T) {
			s, c := tlsPair(t, persistent)
			echo(t, s)
			must(t, c.WaitReady(testTimeout))
			for _, body := range []string{`"OK"`, long, vast, `1`, `{"a": [1, 2.5]}`} {
				got, err := tcmd(c, body)
				if err != nil || got != body {
					t.Fatalf("%d bytes came back as %d, %v", len(body), len(got), err)
				}
			}
			c.Free()
			eventually(t, "the connections are closed", func() bool { return stat(t, s, "connections_open") == 0 })
			expectStats(t, s)
		})
	}
}

func TestTLSServe(t *testing.T) {
	s, c := tlsPair(t, "persistent=1")
	ended := start(func() error {
		return s.Serve(func(m *socket.Message) { _ = m.Reply(m.Body, testTimeout) }, nil)
	})
	for i := range 50 {
		expectTcmd(t, c, number(i), number(i))
	}
	s.Cancel()
	expectError(t, await(t, ended), socket.ErrCancelled)
}

// holding collects what is written, so that it can be sent at once.
type holding struct {
	net.Conn
	hold bool
	all  bytes.Buffer
}

func (h *holding) Write(p []byte) (int, error) {
	if h.hold {
		return h.all.Write(p)
	}
	return h.Conn.Write(p)
}

// Several commands that arrive at once, and the EOF right after them, are in the buffers of
// TLS, which the poller does not see.
func TestTLSMessagesBehindOneAnother(t *testing.T) {
	s, _ := tlsPair(t)
	set(t, s, "one_way=1")
	const many = 100
	sent := start(func() error {
		raw, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			return err
		}
		t.Cleanup(func() { raw.Close() })
		held := &holding{Conn: raw}
		c := tls.Client(held, &tls.Config{InsecureSkipVerify: true})
		if err = c.Handshake(); err != nil {
			return err
		}
		held.hold = true
		for i := range many {
			_, _ = io.WriteString(c, frame(number(i)))
		}
		_ = c.CloseWrite()
		_ = raw.SetWriteDeadline(time.Time{}) // which CloseWrite lets expire
		_, err = raw.Write(held.all.Bytes())
		return err
	})
	for i := range many {
		expectReceive(t, s, number(i))
	}
	must(t, await(t, sent))
	attendUntil(t, s, "connections_open", 0)
	expectStats(t, s)
}

func TestTLSBothDirectionsAtOnce(t *testing.T) {
	s, c := tlsPair(t, "persistent=1")
	const rounds = 5
	var done sync.WaitGroup
	fail := func(err error) {
		if err != nil {
			t.Error(err)
		}
	}
	done.Go(func() {
		for range rounds {
			fail(c.Send([]byte(long), testTimeout))
		}
	})
	serve(t, s, func(m *socket.Message) error { return m.Reply(m.Body, testTimeout) })
	eventually(t, "a connection", func() bool { return stat(t, c, "connections_open") == 1 })
	for range rounds {
		body, err := c.ReceiveBody(testTimeout)
		if err != nil || string(body) != long {
			t.Fatalf("got %d bytes, %v", len(body), err)
		}
	}
	done.Wait()
}

func TestTLSWrongIdentity(t *testing.T) {
	a, stranger := newAuthority(t), newAuthority(t)
	for _, test := range []struct {
		name    string
		server  identity
		client  []string
		message string
	}{
		{"another name", a.sign(nil), []string{"tls_ca=" + a.file, "tls_server_name=other.test"}, `not for "other.test" but for "instrument.test", 127.0.0.1`},
		{"another address", a.sign(func(c *x509.Certificate) { c.IPAddresses = nil }), []string{"tls_ca=" + a.file}, `not for "127.0.0.1"`},
		{"no name", a.sign(func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = nil, nil }), []string{"tls_ca=" + a.file}, "no name at all"},
		{"another authority", a.sign(nil), []string{"tls_ca=" + stranger.file}, "signed by an unknown authority; set the CA file"},
		{"unknown to the system", a.sign(nil), []string{"tls=1"}, "signed by an unknown authority; set the CA file"},
		{"expired", a.sign(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), []string{"tls_ca=" + a.file}, "renew it, or set the clock"},
		{"not yet valid", a.sign(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }), []string{"tls_ca=" + a.file}, "renew it, or set the clock"},
		{"made for clients", a.sign(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }), []string{"tls_ca=" + a.file}, "not valid for this use"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(t, test.server.options()...)
			echo(t, s)
			c := newClient(t, s.Addr(), test.client...)
			_, err := tcmd(c, `1`)
			expectSaid(t, err, transport.ErrTLS, test.message)
			eventually(t, "dropped_tls", func() bool { return stat(t, s, "dropped_tls") == 1 })
			eventually(t, "the connection is closed", func() bool { return stat(t, s, "connections_open") == 0 })
			expectStats(t, s, "dropped_tls=1", "messages_received=0")
			expectStats(t, c, "connections_opened=0", "messages_sent=0")
		})
	}
}

func TestTLSRightIdentity(t *testing.T) {
	a := newAuthority(t)
	both := filepath.Join(systemtest.TempDir(t), "both.pem")
	text, err := os.ReadFile(newAuthority(t).file)
	must(t, err)
	own, err := os.ReadFile(a.file)
	must(t, err)
	must(t, os.WriteFile(both, append(text, own...), 0o600))
	for _, options := range [][]string{
		{"tls_ca=" + a.file},
		{"tls_ca=" + a.file, "tls=1"},
		{"tls_ca=" + a.file, "tls_server_name=instrument.test"},
		{"tls_ca=" + both},
	} {
		s := newServer(t, a.sign(nil).options()...)
		echo(t, s)
		expectTcmd(t, newClient(t, s.Addr(), options...), `1`, `1`)
	}
}

func TestTLSMutual(t *testing.T) {
	a, stranger := newAuthority(t), newAuthority(t)
	serverOnly := a.sign(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })
	for _, test := range []struct {
		name    string
		client  []string
		message string
	}{
		{"known", a.sign(nil).options(), ""},
		{"none", nil, "certificate required (the server requires a client certificate; set the certificate file (tls_cert) and the private key file (tls_key)"},
		{"stranger", stranger.sign(nil).options(), "does not accept this client's certificate"},
		{"expired", a.sign(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }).options(), "does not accept this client's certificate"},
		{"made for servers", serverOnly.options(), "does not accept this client's certificate"},
	} {
		for _, body := range []string{`1`, vast} {
			t.Run(fmt.Sprint(test.name, len(body)), func(t *testing.T) {
				s := newServer(t, append(a.sign(nil).options(), "tls_ca="+a.file)...)
				echo(t, s)
				c := newClient(t, s.Addr(), append(test.client, "tls_ca="+a.file)...)
				got, err := tcmd(c, body)
				if test.message == "" {
					must(t, err)
					if got != body {
						t.Fatalf("%d bytes came back as %d", len(body), len(got))
					}
					return
				}
				expectSaid(t, err, transport.ErrTLS, test.message)
				eventually(t, "the connection is closed", func() bool { return stat(t, s, "connections_open") == 0 })
				expectStats(t, s, "dropped_tls=1", "messages_received=0")
			})
		}
	}
}

func TestTLSAgainstPlain(t *testing.T) {
	a := newAuthority(t)
	t.Run("plain client", func(t *testing.T) {
		s := newServer(t, a.sign(nil).options()...)
		echo(t, s)
		_, err := tcmd(newClient(t, s.Addr()), `{"command": "ready"}`)
		expectError(t, err, socket.ErrPeerClosed)
		eventually(t, "the connection is closed", func() bool { return stat(t, s, "connections_open") == 0 })
		expectStats(t, s, "dropped_tls=1", "messages_received=0")
	})
	t.Run("plain client that ends inside the handshake", func(t *testing.T) {
		s := newServer(t, a.sign(nil).options()...)
		p := dial(t, s)
		p.write("\x16\x03")
		must(t, p.Close())
		attendUntil(t, s, "dropped_tls", 1)
		attendUntil(t, s, "connections_open", 0)
	})
	t.Run("plain client that sends nothing", func(t *testing.T) {
		s := newServer(t, a.sign(nil).options()...)
		p := dial(t, s)
		attendUntil(t, s, "connections_open", 1)
		must(t, p.Close())
		attendUntil(t, s, "connections_open", 0)
		expectStats(t, s)
	})
	t.Run("plain server", func(t *testing.T) {
		s := newServer(t)
		echo(t, s)
		_, err := tcmd(newClient(t, s.Addr(), "tls_ca="+a.file), `1`)
		expectSaid(t, err, transport.ErrTLS, "not support TLS 1.3")
	})
	t.Run("plain server that answers", func(t *testing.T) {
		l := listen(t)
		c := newClient(t, l.at(), "tls_ca="+a.file)
		result := startTcmd(c, `1`)
		p := l.accept()
		p.send(`"OK"`)
		expectSaid(t, await(t, result).err, transport.ErrTLS, "not support TLS 1.3")
	})
	t.Run("silent server", func(t *testing.T) {
		l := listen(t)
		c := newClient(t, l.at(), "tls_ca="+a.file)
		_, err := c.TcmdBody([]byte(`1`), short)
		expectSaid(t, err, socket.ErrTimeout, "does the server speak TLS 1.3?")
	})
	t.Run("old server", func(t *testing.T) {
		i := a.sign(nil)
		pair, err := tls.LoadX509KeyPair(i.cert, i.key)
		must(t, err)
		l := listen(t)
		c := newClient(t, l.at(), "tls_ca="+a.file)
		result := startTcmd(c, `1`)
		_ = tls.Server(l.accept(), &tls.Config{Certificates: []tls.Certificate{pair}, MaxVersion: tls.VersionTLS12}).Handshake()
		expectSaid(t, await(t, result).err, transport.ErrTLS, "protocol version not supported (it does not support TLS 1.3)")
	})
	t.Run("no server", func(t *testing.T) {
		l := listen(t)
		must(t, l.Close())
		_, err := tcmd(newClient(t, l.at(), "tls_ca="+a.file), `1`)
		expectSaid(t, err, transport.ErrRefused, "no server is listening there")
	})
}

// helloOf returns the first bytes that a TLS client sends.
func helloOf(t *testing.T) []byte {
	t.Helper()
	l := listen(t)
	c := newClient(t, l.at(), "tls=1")
	result := startTcmd(c, `1`)
	p := l.accept()
	hello := make([]byte, 5)
	_, err := io.ReadFull(p, hello)
	must(t, err)
	rest := make([]byte, int(hello[3])<<8|int(hello[4]))
	_, err = io.ReadFull(p, rest)
	must(t, err)
	c.Cancel()
	await(t, result)
	return append(hello, rest...)
}

func TestTLSStalledHandshakeDelaysNoOthers(t *testing.T) {
	hello := string(helloOf(t))
	for _, part := range []string{hello[:1], hello[:len(hello)/2], hello} {
		s, c := tlsPair(t)
		p := dial(t, s)
		p.write(part)
		attendUntil(t, s, "connections_open", 1)
		echo(t, s)
		for i := range 10 {
			expectTcmd(t, c, number(i), number(i))
		}
	}
}

func TestTLSStalledHandshakeIsTimedOut(t *testing.T) {
	hello := string(helloOf(t))
	s, _ := tlsPair(t)
	set(t, s, "message_timeout_ms=30")
	echo(t, s)
	p := dial(t, s)
	p.write(hello[:len(hello)/2])
	p.expectGone()
	expectStats(t, s, "dropped_timeout=1")
}

func TestTLSOneByteAtATime(t *testing.T) {
	a := newAuthority(t)
	s := newServer(t, a.sign(nil).options()...)
	echo(t, s)
	l := listen(t)
	c := newClient(t, l.at(), "tls_ca="+a.file)
	result := startTcmd(c, `{"command": "ready"}`)
	trickle := func(to, from net.Conn) <-chan error {
		return start(func() error {
			var one [1]byte
			for {
				if _, err := from.Read(one[:]); err != nil {
					return err
				}
				if _, err := to.Write(one[:]); err != nil {
					return err
				}
			}
		})
	}
	near, far := l.accept(), dial(t, s)
	there, back := trickle(far, near), trickle(near, far)
	await(t, result).expect(t, `{"command": "ready"}`)
	must(t, c.Close())
	await(t, there)
	must(t, far.Close())
	await(t, back)
}

func TestTLSHalfHandshakesAreBounded(t *testing.T) {
	hello := string(helloOf(t))
	before := runtime.NumGoroutine()
	s, c := tlsPair(t)
	const most = 20
	set(t, s, fmt.Sprint("max_connections=", most))
	for range 10 * most {
		p := dial(t, s)
		p.write(hello)
		_, err := s.Receive(nil, 0)
		expectError(t, err, socket.ErrTimeout)
	}
	attend(t, s, "all are accepted", func() bool { return stat(t, s, "connections_opened") == 10*most })
	if open := stat(t, s, "connections_open"); open != most {
		t.Errorf("%d connections are open, want %d", open, most)
	}
	eventually(t, "few goroutines", func() bool { return runtime.NumGoroutine() <= before+most })
	echoing := start(func() error { return s.Serve(func(m *socket.Message) { _ = m.Reply(m.Body, testTimeout) }, nil) })
	expectTcmd(t, c, `1`, `1`)
	s.Free()
	expectError(t, await(t, echoing), socket.ErrClosed)
	eventually(t, "no goroutine is left", func() bool { return runtime.NumGoroutine() <= before })
}

func TestTLSHandshakeIsEnded(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(*socket.Client)
		want error
	}{
		{"cancel", (*socket.Client).Cancel, socket.ErrCancelled},
		{"close", func(c *socket.Client) { _ = c.Close() }, socket.ErrClosed},
		{"free", (*socket.Client).Free, socket.ErrClosed},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := listen(t)
			c := newClient(t, l.at(), "tls=1")
			result := startTcmd(c, `1`)
			p := l.accept()
			_, err := io.ReadFull(p, make([]byte, 5))
			must(t, err)
			begin := time.Now()
			test.end(c)
			expectError(t, await(t, result).err, test.want)
			if took := time.Since(begin); took > soon {
				t.Errorf("it took %v", took)
			}
		})
	}
}

func TestTLSInvalidMessageDoesNotConnect(t *testing.T) {
	l := listen(t)
	c := newClient(t, l.at(), "tls=1")
	if _, err := tcmd(c, `{`); err == nil {
		t.Fatal("it was sent")
	}
	l.expectNoConnection()
}

// After an error that is not a timeout, crypto/tls does not continue.
func TestTLSContinuesAfterCancelAndTimeout(t *testing.T) {
	s, c := tlsPair(t, "persistent=1")
	must(t, s.SetOption("one_way", "1"))
	sent := start(func() error { return c.Send([]byte(`1`), testTimeout) })
	m := expectMessage(t, s, `1`)
	must(t, await(t, sent))
	_, err := c.ReceiveBody(short)
	expectError(t, err, socket.ErrTimeout)
	result := startReceive(c)
	begun(t, c, 1)
	c.Cancel()
	expectError(t, await(t, result).err, socket.ErrCancelled)
	reply(t, m, `2`)
	expectReceive(t, c, `2`)
	send(t, c, `3`)
	m = expectMessage(t, s, `3`)
	reply(t, m, `4`)
	expectReceive(t, c, `4`)
	expectStats(t, c, "connections_opened=1")
}

func TestTLSSlowReaderGetsItsReply(t *testing.T) {
	s, _ := tlsPair(t)
	sent := start(func() *tls.Conn {
		c, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			return nil
		}
		_ = c.(*net.TCPConn).SetReadBuffer(64 << 10)
		secured := tls.Client(c, &tls.Config{InsecureSkipVerify: true})
		_, _ = io.WriteString(secured, frame(`1`))
		return secured
	})
	m := expectMessage(t, s, `1`)
	c := await(t, sent)
	defer c.Close()
	// It is sent in many parts, with waits between them.
	replied := start(func() error { return m.Reply([]byte(vast), testTimeout) })
	got := make([]byte, 10+len(vast))
	_, err := io.ReadFull(c, got)
	must(t, err)
	if string(got) != frame(vast) {
		t.Error("the reply came changed")
	}
	must(t, await(t, replied))
}

func TestTLSClientThatDoesNotReadIsDropped(t *testing.T) {
	s, _ := tlsPair(t)
	sent := start(func() net.Conn {
		c, err := tls.Dial("tcp", s.Addr().String(), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			return nil
		}
		_, _ = io.WriteString(c, frame(`1`))
		return c
	})
	m := expectMessage(t, s, `1`)
	defer await(t, sent).Close()
	set(t, s, "message_timeout_ms=50")
	expectError(t, m.Reply([]byte(vast), testTimeout), socket.ErrTimeout)
	if open := stat(t, s, "connections_open"); open != 0 {
		t.Errorf("%d connections are open", open)
	}
}

func TestTLSKeptConnectionThatEndedIsReplaced(t *testing.T) {
	s, c := tlsPair(t, "persistent=1")
	result := startTcmd(c, `1`)
	expectReceive(t, s, `1`)
	send(t, s, `1`)
	await(t, result).expect(t, `1`)
	must(t, s.Close())
	eventually(t, "the end arrives", c.PeerEnded)
	result = startTcmd(c, `2`)
	expectReceive(t, s, `2`)
	send(t, s, `2`)
	await(t, result).expect(t, `2`)
	expectStats(t, c, "connections_opened=2")
}

func TestTLSResumption(t *testing.T) {
	a := newAuthority(t)
	i := a.sign(nil)
	pair, err := tls.LoadX509KeyPair(i.cert, i.key)
	must(t, err)
	config := &tls.Config{Certificates: []tls.Certificate{pair}}
	l := listen(t)
	c := newClient(t, l.at(), "tls_ca="+a.file)
	for round := range 3 {
		result := startTcmd(c, `1`)
		p := tls.Server(l.accept(), config)
		_, err := io.ReadFull(p, make([]byte, len(frame(`1`))))
		must(t, err)
		if resumed := p.ConnectionState().DidResume; resumed != (round > 0) {
			t.Errorf("round %d: resumed: %v", round, resumed)
		}
		_, err = io.WriteString(p, frame(`2`))
		must(t, err)
		await(t, result).expect(t, `2`)
		// The client sends close_notify.
		if _, err = p.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("the client ended with %v", err)
		}
	}
}

func TestTLSOptions(t *testing.T) {
	a := newAuthority(t)
	i, other := a.sign(nil), a.sign(nil)
	text, err := os.ReadFile(i.key)
	must(t, err)
	dir := systemtest.TempDir(t)
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	secret := strings.Split(string(text), "\n")[1]
	for _, test := range []struct{ before, option, message string }{
		{"", "tls_key=" + string(text), "must be the path of a PEM file, not its text"},
		{"", "tls_key=" + secret, "cannot be read"},
		{"", "tls_key=" + dir, "not a regular file"},
		{"", "tls_key=" + i.cert, "no PEM block PRIVATE KEY"},
		{"", "tls_key=" + file("secret", secret), "no PEM block PRIVATE KEY"},
		{"", "tls_key=" + file("locked", "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"+secret+"\n-----END ENCRYPTED PRIVATE KEY-----\n"), "encrypted"},
		{"", "tls_cert=" + i.key, "no PEM block CERTIFICATE"},
		{"tls_cert=" + i.cert, "tls_key=" + other.key, "private key does not match public key"},
		{"tls_key=" + i.key, "tls_cert=" + other.cert, "private key does not match public key"},
		{"", "tls_ca=" + file("bad", "-----BEGIN CERTIFICATE-----\nMTIz\n-----END CERTIFICATE-----\n"), "not a valid certificate"},
		{"", "tls=yes", "neither 0 nor 1"},
	} {
		s := newServer(t)
		if test.before != "" {
			set(t, s, test.before)
		}
		name, value, _ := strings.Cut(test.option, "=")
		err := s.SetOption(name, value)
		expectSaid(t, err, socket.ErrArgument, test.message)
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%q contains the key", err)
		}
		if kept, err := s.Option(name); err != nil || kept != map[bool]string{true: "0", false: ""}[name == "tls"] {
			t.Errorf("%s is now %q, %v", name, kept, err)
		}
	}

	s := newServer(t, "tls_cert="+i.cert)
	_, err = s.Receive(nil, 0)
	expectSaid(t, err, socket.ErrState, "no private key file")
	set(t, s, "tls_cert=", "tls=1")
	_, err = s.Receive(nil, 0)
	expectSaid(t, err, socket.ErrState, "needs a certificate file (tls_cert) and a private key file (tls_key)")
	set(t, s, i.options()...)
	_, err = s.Receive(nil, 0)
	expectError(t, err, socket.ErrTimeout)
	for _, name := range []string{"tls", "tls_cert", "tls_key", "tls_ca", "tls_server_name", "allow"} {
		expectSaid(t, s.SetOption(name, ""), socket.ErrState, "option "+name+" must be set before the first message")
	}
	set(t, s, "timeout_ms=1")
	if path, err := s.Option("tls_cert"); err != nil || path != i.cert {
		t.Errorf("tls_cert is %q, %v", path, err)
	}
}

func TestAllow(t *testing.T) {
	for _, test := range []struct {
		host, allow string
		taken       bool
	}{
		{"127.0.0.1", "127.0.0.1", true},
		{"127.0.0.1", "10.0.0.0/8, 127.0.0.0/8", true},
		{"127.0.0.1", "127.1.2.3/8", true},
		{"127.0.0.1", "::ffff:127.0.0.1", true},
		{"127.0.0.1", "::ffff:127.0.0.0/104", true},
		{"127.0.0.1", "0.0.0.0/0", true},
		{"127.0.0.1", "", true},
		{"127.0.0.1", "127.0.0.2", false},
		{"127.0.0.1", "10.0.0.0/8,192.168.0.0/16", false},
		{"127.0.0.1", "::1", false},
		{"127.0.0.1", "::/0", false},
		{"::1", "::1", true},
		{"::1", "fd00::/8 ::/64", true},
		{"::1", "127.0.0.1", false},
		{"::", "127.0.0.1", true}, // an IPv4 client of an IPv6 listener
		{"::", "10.0.0.0/8", false},
	} {
		t.Run(test.host+"="+test.allow, func(t *testing.T) {
			s, err := socket.NewServer(test.host, 0)
			if errors.Is(err, transport.ErrUnreachable) {
				t.Skip("this machine has no IPv6")
			}
			must(t, err)
			t.Cleanup(s.Free)
			set(t, s, "allow="+test.allow)
			echo(t, s)
			host := test.host
			if host == "::" {
				host = "127.0.0.1"
			}
			c, err := socket.NewClient(host, int(s.Addr().Port()))
			must(t, err)
			t.Cleanup(c.Free)
			_, err = tcmd(c, `1`)
			if test.taken {
				must(t, err)
				expectStats(t, s)
				return
			}
			if !errors.Is(err, socket.ErrPeerClosed) && !errors.Is(err, transport.ErrReset) {
				t.Errorf("got %v, want a connection that is closed", err)
			}
			expectStats(t, s, "dropped_not_allowed=1", "connections_opened=0")
		})
	}
	for _, wrong := range []string{"localhost", "1.2.3.4/33", "1.2.3", "fe80::1%lo", "10.0.0.0-10.0.0.9", "*"} {
		expectSaid(t, newServer(t).SetOption("allow", wrong), socket.ErrArgument, "neither an IP address nor a range")
	}
	for zeros, plain := range map[string]string{"192.168.001.005": `"192.168.1.5"`, "127.0.0.1 010.0.0.0/8": `"10.0.0.0/8"`} {
		expectSaid(t, newServer(t).SetOption("allow", zeros), socket.ErrArgument, "leading zeros", "write "+plain)
	}
	for _, empty := range []string{",", " ", ", ,"} {
		expectSaid(t, newServer(t).SetOption("allow", empty), socket.ErrArgument, "contains no address")
	}
	s := newServer(t, "allow=127.0.0.1,10.1.2.3/8 ::ffff:1.2.3.0/120")
	if got, _ := s.Option("allow"); got != "127.0.0.1, 10.0.0.0/8, 1.2.3.0/24" {
		t.Errorf("allow is %q", got)
	}
}
