package socket_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"libobe/internal/socket"
	"libobe/internal/systemtest"
)

// reader is a client that reads its replies when the test wants it to.
type reader struct {
	net.Conn
	t *testing.T
}

func (r reader) send(body string) {
	r.t.Helper()
	must(r.t, r.SetWriteDeadline(time.Now().Add(testTimeout)))
	_, err := io.WriteString(r, frame(body))
	must(r.t, err)
}

// take reads one frame.
func (r reader) take() (string, error) {
	head := make([]byte, 10)
	if err := r.SetReadDeadline(time.Now().Add(testTimeout)); err != nil {
		return "", err
	}
	if _, err := io.ReadFull(r, head); err != nil {
		return "", err
	}
	var n int
	if _, err := fmt.Sscanf(string(head), "%d", &n); err != nil {
		return "", err
	}
	body := make([]byte, n)
	_, err := io.ReadFull(r, body)
	return string(body), err
}

func (r reader) expect(body string) {
	r.t.Helper()
	if got, err := r.take(); err != nil || got != body {
		r.t.Fatalf("the client received %.40q, of %d bytes, and %v; want %.40q of %d", got, len(got), err, body, len(body))
	}
}

func (r reader) expectEnd() {
	r.t.Helper()
	must(r.t, r.SetReadDeadline(time.Now().Add(testTimeout)))
	if n, err := r.Read(make([]byte, 1)); n > 0 || err == nil || errors.Is(err, syscall.EAGAIN) || isTimeout(err) {
		r.t.Fatalf("%d bytes and %v where the end was expected", n, err)
	}
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

// slow connects a client whose receive buffer is small.
func slow(t *testing.T, s *socket.Server) reader {
	t.Helper()
	network, address := "tcp", s.Name()
	if path, found := strings.CutPrefix(address, "unix:"); found {
		network, address = "unix", path
	}
	d := net.Dialer{Timeout: testTimeout, Control: func(_, _ string, raw syscall.RawConn) (err error) {
		_ = raw.Control(func(fd uintptr) {
			err = syscall.SetsockoptInt(systemtest.Descriptor(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, narrow)
		})
		return err
	}}
	c, err := d.Dial(network, address)
	must(t, err)
	t.Cleanup(func() { c.Close() })
	if v, err := s.Option("tls_cert"); err == nil && v != "" && v != "none" {
		c = tls.Client(c, &tls.Config{InsecureSkipVerify: true})
	}
	return reader{c, t}
}

// transports are the ways a server can be reached.
func transports(t *testing.T) map[string]func(options ...string) *socket.Server {
	all := map[string]func(options ...string) *socket.Server{
		"plain": func(options ...string) *socket.Server { return newServer(t, options...) },
		"TLS": func(options ...string) *socket.Server {
			return newServer(t, append(newAuthority(t).sign(nil).options(), options...)...)
		},
	}
	if runtime.GOOS != "windows" {
		all["Unix"] = func(options ...string) *socket.Server {
			return newServerAt(t, "unix:"+socketPath(t), options...)
		}
	}
	return all
}

// asks sends a message and lets the server receive it, including the TLS handshake.
func (r reader) asks(s *socket.Server, body string) {
	r.t.Helper()
	sent := start(func() error {
		_, err := io.WriteString(r, frame(body))
		return err
	})
	expectReceive(r.t, s, body)
	must(r.t, await(r.t, sent))
}

// handedOver hands over a reply to a client: another client needs the server.
func handedOver(t *testing.T, s *socket.Server, c, other reader, body string) {
	t.Helper()
	c.asks(s, "1")
	knock := start(func() error {
		_, err := io.WriteString(other, frame("2"))
		return err
	})
	must(t, s.Send([]byte(body), testTimeout))
	expectReceive(t, s, "2")
	must(t, await(t, knock))
	if stat(t, s, "outgoing_bytes") == 0 {
		t.Fatal("nothing is outgoing")
	}
	send(t, s, "22")
	other.expect("22")
}

// Clients that do not read their replies delay no other client of a server with a single
// thread. When they read, they get the whole replies.
func TestSlowReadersDelayNoClient(t *testing.T) {
	const readers = 3
	for name, server := range transports(t) {
		t.Run(name, func(t *testing.T) {
			s := server()
			var slows []reader
			for range readers {
				c := slow(t, s)
				c.asks(s, `"large"`)
				slows = append(slows, c)
				other := slow(t, s)
				sent := start(func() error {
					_, err := io.WriteString(other, frame("1"))
					return err
				})
				began := time.Now()
				must(t, s.Send([]byte(long), socket.Forever))
				expectReceive(t, s, "1")
				send(t, s, "2")
				other.expect("2")
				must(t, await(t, sent))
				// Waiting for the reader would take message_timeout_ms, which is longer than testTimeout.
				if took := time.Since(began); took > testTimeout {
					t.Errorf("an exchange took %v while a client did not read", took)
				} else {
					t.Logf("while a client did not read, an exchange took %v", took)
				}
			}
			expectStats(t, s, "messages_sent=6")
			got := taking(t, slows)
			attend(t, s, "all replies are out", func() bool { return stat(t, s, "outgoing_bytes") == 0 })
			for range readers {
				if reply := await(t, got); reply != long {
					t.Errorf("a slow client received %d bytes that are not its reply", len(reply))
				}
			}
			// The connections still work.
			for _, c := range slows {
				c.asks(s, "3")
				send(t, s, "4")
				c.expect("4")
			}
		})
	}
}

// taking lets clients read at the same time. The channel returns what each received.
func taking(t *testing.T, slows []reader) <-chan string {
	got := make(chan string, len(slows))
	for _, c := range slows {
		go func() {
			text, err := c.take()
			if err != nil {
				t.Error(err)
			}
			got <- text
		}()
	}
	return got
}

// As long as no other client needs the server, the call that replies sends the whole
// reply.
func TestReplyToALoneClientIsSentByItsCall(t *testing.T) {
	s := newServer(t)
	c := slow(t, s)
	c.asks(s, "1")
	done := start(func() error { return s.Send([]byte(long), testTimeout) })
	begun(t, s, 1)
	select {
	case err := <-done:
		t.Fatalf("the call ended before the client read: %v", err)
	case <-time.After(moment):
	}
	c.expect(long)
	must(t, await(t, done))
	expectStats(t, s, "outgoing_bytes=0", "messages_sent=1")
}

// Replies that are handed over are bounded for all connections together. Beyond that a
// reply waits as long as its timeout permits.
func TestOutgoingLimit(t *testing.T) {
	for name, server := range transports(t) {
		t.Run(name, func(t *testing.T) {
			s := server()
			first, second, other := slow(t, s), slow(t, s), slow(t, s)
			handedOver(t, s, first, other, long)
			limit := stat(t, s, "outgoing_bytes")
			set(t, s, fmt.Sprint("outgoing_limit=", limit))
			second.asks(s, "3")
			other.send("4")
			began := time.Now()
			err := s.Send([]byte(long), short)
			expectError(t, err, socket.ErrTimeout)
			if took := time.Since(began); took < short {
				t.Errorf("a reply beyond the limit waited %v", took)
			}
			if held := stat(t, s, "outgoing_bytes"); held > limit {
				t.Errorf("%d bytes are outgoing, and outgoing_limit is %d", held, limit)
			}
			expectReceive(t, s, "4")
			send(t, s, "44")
			other.expect("44")
			// With 0 none is handed over.
			set(t, s, "outgoing_limit=0")
			third := slow(t, s)
			third.asks(s, "5")
			other.send("6")
			expectError(t, s.Send([]byte(long), short), socket.ErrTimeout)
			expectReceive(t, s, "6")
			expectStats(t, s, "dropped_unread=2")
		})
	}
}

// A client that does not read a handed over reply is dropped after message_timeout_ms.
func TestOutgoingReplyTimesOut(t *testing.T) {
	for name, server := range transports(t) {
		t.Run(name, func(t *testing.T) {
			s := server()
			c, other := slow(t, s), slow(t, s)
			handedOver(t, s, c, other, long)
			set(t, s, fmt.Sprint("message_timeout_ms=", short.Milliseconds()))
			done := start(func() error {
				_, err := s.Receive(nil, testTimeout)
				return err
			})
			eventually(t, "the client is dropped", func() bool { return stat(t, s, "dropped_unread") == 1 })
			s.Cancel()
			expectError(t, await(t, done), socket.ErrCancelled)
			expectStats(t, s, "dropped_unread=1", "outgoing_bytes=0", "connections_open=1")
		})
	}
}

// A client may close while a reply to it is outgoing.
func TestClientLeavesBeforeItsReplyIsOut(t *testing.T) {
	s := newServer(t)
	c, other := slow(t, s), slow(t, s)
	handedOver(t, s, c, other, long)
	c.Close()
	attendUntil(t, s, "dropped_unread", 1)
	expectStats(t, s, "dropped_unread=1", "outgoing_bytes=0", "connections_open=1")
	other.asks(s, "3")
}

// A client that has closed its sending side still gets its reply, and then EOF.
func TestHalfClosedClientGetsItsOutgoingReply(t *testing.T) {
	s := newServer(t)
	c, other := slow(t, s), slow(t, s)
	handedOver(t, s, c, other, long)
	must(t, c.Conn.(*net.TCPConn).CloseWrite())
	got := taking(t, []reader{c})
	attend(t, s, "the reply is out", func() bool { return stat(t, s, "outgoing_bytes") == 0 })
	if reply := await(t, got); reply != long {
		t.Errorf("%d bytes arrived", len(reply))
	}
	attendUntil(t, s, "connections_open", 1)
	c.expectEnd()
	expectStats(t, s)
}

// The next command of a connection is read after the reply to the last one was sent.
func TestNextCommandWaitsForTheOutgoingReply(t *testing.T) {
	for name, server := range transports(t) {
		t.Run(name, func(t *testing.T) {
			s := server()
			c, other := slow(t, s), slow(t, s)
			handedOver(t, s, c, other, long)
			c.send("5")
			_, err := s.Receive(nil, short)
			expectError(t, err, socket.ErrTimeout)
			got := taking(t, []reader{c})
			expectReceive(t, s, "5")
			if reply := await(t, got); reply != long {
				t.Errorf("%d bytes arrived", len(reply))
			}
			send(t, s, "6")
			c.expect("6")
		})
	}
}

// A reply behind an outgoing one does not wait for the client.
func TestSecondReplyQueuesBehindTheFirst(t *testing.T) {
	for name, server := range transports(t) {
		t.Run(name, func(t *testing.T) {
			s := server()
			c, other := slow(t, s), slow(t, s)
			c.send2(s, "1", "2")
			first := receiveMessage(t, s)
			knock := start(func() error {
				_, err := io.WriteString(other, frame("3"))
				return err
			})
			reply(t, first, long)
			third := expectMessage(t, s, "3")
			must(t, await(t, knock))
			reply(t, third, "33")
			first.Drop()
			third.Drop()
			got := taking(t, []reader{c})
			second := expectMessage(t, s, "2")
			reply(t, second, "22")
			if text := await(t, got); text != long {
				t.Errorf("%d bytes arrived", len(text))
			}
			c.expect("22")
		})
	}
}

// send2 sends two commands in one piece while the server works.
func (r reader) send2(s *socket.Server, first, second string) {
	r.t.Helper()
	if secured, ok := r.Conn.(*tls.Conn); ok {
		shaken := start(secured.Handshake)
		attend(r.t, s, "the handshake is done", func() bool { return len(shaken) > 0 })
		must(r.t, await(r.t, shaken))
	}
	must(r.t, r.SetWriteDeadline(time.Now().Add(testTimeout)))
	_, err := io.WriteString(r, frame(first)+frame(second))
	must(r.t, err)
}

// A non-blocking reply hands over what the system does not accept.
func TestReplyWithoutWaitingIsHandedOver(t *testing.T) {
	for name, server := range transports(t) {
		t.Run(name, func(t *testing.T) {
			s := server()
			c := slow(t, s)
			c.asks(s, "1")
			must(t, s.Send([]byte(long), 0))
			// Such replies follow each other.
			must(t, s.Send([]byte(long), 0))
			got := taking(t, []reader{c})
			attend(t, s, "the first reply has arrived", func() bool { return len(got) > 0 })
			if text := await(t, got); text != long {
				t.Errorf("%d bytes arrived", len(text))
			}
			got = taking(t, []reader{c})
			attend(t, s, "the replies are out", func() bool { return stat(t, s, "outgoing_bytes") == 0 })
			if text := await(t, got); text != long {
				t.Errorf("%d bytes arrived", len(text))
			}
			expectStats(t, s, "messages_sent=2")
		})
	}
}

// A freed server continues to send outgoing replies, and so does one that closes the
// connection.
func TestOutgoingReplySurvivesFreeAndClose(t *testing.T) {
	for name, server := range transports(t) {
		t.Run(name, func(t *testing.T) {
			s := server()
			c := slow(t, s)
			c.asks(s, "1")
			must(t, s.Send([]byte(long), 0))
			must(t, s.Close())
			got := taking(t, []reader{c})
			attend(t, s, "the reply is out", func() bool { return stat(t, s, "connections_open") == 0 })
			if text := await(t, got); text != long {
				t.Errorf("after Close %d bytes arrived", len(text))
			}
			c.expectEnd()

			c = slow(t, s)
			c.asks(s, "1")
			must(t, s.Send([]byte(long), 0))
			began := time.Now()
			s.Free()
			if took := time.Since(began); took > soon {
				t.Errorf("Free took %v", took)
			}
			c.expect(long)
			expectStats(t, s)
		})
	}
}

// A freed server does not wait for a client that never reads.
func TestFreedServerDropsUnreadReplies(t *testing.T) {
	expectNothingLeft(t, func() {
		s := newServer(t, fmt.Sprint("message_timeout_ms=", short.Milliseconds()))
		c := slow(t, s)
		c.asks(s, "1")
		must(t, s.Send([]byte(long), 0))
		s.Free()
		eventually(t, "the client is dropped", func() bool { return stat(t, s, "connections_open") == 0 })
		expectStats(t, s, "dropped_unread=1", "outgoing_bytes=0", "connections_open=0")
		c.Close()
	})
}

// A client to which a reply is outgoing is not idle.
func TestOutgoingReplyIsNotEvicted(t *testing.T) {
	s := newServer(t, "max_connections=2")
	c, other := slow(t, s), slow(t, s)
	handedOver(t, s, c, other, long)
	third := slow(t, s)
	third.asks(s, "3")
	send(t, s, "33")
	third.expect("33")
	other.expectEnd()
	got := taking(t, []reader{c})
	attend(t, s, "the reply is out", func() bool { return stat(t, s, "outgoing_bytes") == 0 })
	if text := await(t, got); text != long {
		t.Errorf("%d bytes arrived", len(text))
	}
	expectStats(t, s, "evicted=1")
}

// A server with outgoing replies that no client reads uses no CPU time.
func TestServerWithOutgoingRepliesIsIdle(t *testing.T) {
	for name, server := range transports(t) {
		t.Run(name, func(t *testing.T) {
			s := server()
			c, other := slow(t, s), slow(t, s)
			handedOver(t, s, c, other, long)
			c.send("1")
			expectIdle(t, func() {
				_, err := s.Receive(nil, 10*moment)
				expectError(t, err, socket.ErrTimeout)
			})
		})
	}
}

// Several threads send replies of all sizes to clients that read irregularly, while calls
// are cancelled: the replies arrive whole or not at all, and in order.
func TestOutgoingRepliesInDisorder(t *testing.T) {
	const clients, threads, rounds = 12, 3, 6
	for name, server := range transports(t) {
		t.Run(name, func(t *testing.T) {
			s := server("outgoing_limit=4000000")
			var serving sync.WaitGroup
			for range threads {
				serving.Go(func() {
					for {
						m, err := s.ReceiveMessage(socket.Forever)
						if errors.Is(err, socket.ErrClosed) {
							return
						}
						if err != nil {
							continue
						}
						// One that was cancelled before its first byte is sent again: its client waits.
						for errors.Is(m.Reply(answerTo(m.Body), socket.Forever), socket.ErrCancelled) {
						}
						m.Drop()
					}
				})
			}
			var all sync.WaitGroup
			for i := range clients {
				all.Go(func() {
					random := rand.New(rand.NewPCG(uint64(i), 1))
					var c reader
					for n := range rounds {
						if c.Conn == nil {
							c = slow(t, s)
						}
						ask := fmt.Sprintf("[%d, %d]", i*1000+n, random.IntN(1<<20))
						_ = c.SetDeadline(time.Now().Add(testTimeout))
						_, err := io.WriteString(c, frame(ask))
						if err == nil {
							time.Sleep(time.Duration(random.IntN(3)) * time.Millisecond)
							var got string
							if got, err = c.take(); err == nil && got != string(answerTo([]byte(ask))) {
								t.Errorf("%s: a reply of %d bytes is not the one to this command", ask, len(got))
							}
						}
						if isTimeout(err) {
							t.Errorf("%s: %v", ask, err)
						}
						if err != nil || random.IntN(4) == 0 {
							c.Close()
							c.Conn = nil
						}
						if random.IntN(10) == 0 {
							s.Cancel()
						}
					}
					if c.Conn != nil {
						c.Close()
					}
				})
			}
			all.Wait()
			eventually(t, "all is out", func() bool { return stat(t, s, "connections_open") == 0 })
			if held := stat(t, s, "outgoing_bytes"); held != 0 {
				t.Errorf("%d bytes are outgoing and no client is connected", held)
			}
			s.Free()
			serving.Wait()
		})
	}
}

// answerTo returns the reply to a command [number, size].
func answerTo(command []byte) []byte {
	var number, size int
	_, _ = fmt.Sscanf(string(command), "[%d, %d]", &number, &size)
	sum := binary.BigEndian.AppendUint32(nil, uint32(number*7919))
	return append(append([]byte(`"`), bytes.Repeat(fmt.Appendf(nil, "%x", sum), size/8)...), '"')
}

// gated is a connection that reads nothing until its gate is open.
type gated struct {
	net.Conn
	gate  chan struct{}
	wrote atomic.Bool
}

func (g *gated) Write(p []byte) (int, error) {
	defer g.wrote.Store(true)
	return g.Conn.Write(p)
}

func (g *gated) Read(p []byte) (int, error) {
	<-g.gate
	return g.Conn.Read(p)
}

// The certificates of a server may be larger than the send buffer. The rest is sent when
// there is room, although the client sends nothing in the meantime.
func TestTLSFlightGoesOutInParts(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the buffers of TCP hold any certificate")
	}
	vastCertificate := newAuthority(t).sign(func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 1}, Value: make([]byte, 230<<10)}}
	})
	s := newServerAt(t, "unix:"+socketPath(t), vastCertificate.options()...)
	raw, err := net.Dial("unix", strings.TrimPrefix(s.Name(), "unix:"))
	must(t, err)
	defer raw.Close()
	// The client's first flight has arrived, and the client does not read the server's.
	hello := &gated{Conn: raw, gate: make(chan struct{})}
	c := reader{tls.Client(hello, &tls.Config{InsecureSkipVerify: true}), t}
	sent := start(func() error {
		_, err := io.WriteString(c, frame("1"))
		return err
	})
	attend(t, s, "the handshake has begun", hello.wrote.Load)
	_, err = s.Receive(nil, short)
	expectError(t, err, socket.ErrTimeout)
	close(hello.gate)
	expectReceive(t, s, "1")
	must(t, await(t, sent))
	send(t, s, "2")
	c.expect("2")
}

// The connection is closed if only a part of a reply was sent. The error of a later reply
// is that, and not how the earlier call ended.
func TestReplyAfterABrokenOne(t *testing.T) {
	for _, c := range []struct {
		how     string
		timeout time.Duration
		options []string
		want    error
	}{
		{"cancelled", testTimeout, []string{"outgoing_limit=0"}, socket.ErrCancelled},
		{"timed out", short, []string{"outgoing_limit=0"}, socket.ErrTimeout},
		{"stalled", testTimeout, []string{"outgoing_limit=0", "message_timeout_ms=30"}, socket.ErrTimeout},
	} {
		t.Run(c.how, func(t *testing.T) {
			s := newServer(t, c.options...)
			p := dial(t, s)
			must(t, p.SetReadBuffer(narrow))
			p.send("1")
			m := expectMessage(t, s, "1")
			ended := start(func() error { return m.Reply([]byte(long), c.timeout) })
			if c.want == socket.ErrCancelled {
				eventually(t, "a part is sent", p.readable)
				s.Cancel()
			}
			expectError(t, await(t, ended), c.want)
			err := m.Reply([]byte("2"), testTimeout)
			expectError(t, err, socket.ErrClosed)
			if !strings.Contains(err.Error(), "did not read a whole reply") {
				t.Errorf("the error of a later reply: %v", err)
			}
		})
	}
}

// The same where several threads receive, and the next Send fails with it.
func TestSendAfterABrokenReply(t *testing.T) {
	s := newServer(t, "outgoing_limit=0")
	a, b := newActor(t, s), newActor(t, s)
	t.Cleanup(func() { close(a.work) })
	t.Cleanup(func() { close(b.work) })
	p := dial(t, s)
	must(t, p.SetReadBuffer(narrow))
	p.send("1")
	do(t, a, a.receives).expect(t, "1")
	other := begin(b, b.receives)
	begun(t, s, 1)
	sends := func(body string, timeout time.Duration) error {
		return do(t, a, func() error { return s.Send([]byte(body), timeout) })
	}
	expectError(t, sends(long, short), socket.ErrTimeout)
	expectError(t, sends("2", testTimeout), socket.ErrClosed)
	expectError(t, sends("2", testTimeout), socket.ErrState)
	dial(t, s).send("3")
	await(t, other).expect(t, "3")
}
