package socket_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"libobe/internal/socket"
	"libobe/internal/systemtest"
)

const (
	testTimeout = systemtest.Timeout
	// moment is how long a test waits for an event that must not happen.
	moment = 10 * time.Millisecond
	// short is a timeout that is meant to expire.
	short = 30 * time.Millisecond
	soon  = systemtest.Soon
)

// testSocket is a Client or a Server.
type testSocket interface {
	socket.Socket
	InFlight() int
}

// set sets options, each written as name=value.
func set(t *testing.T, s testSocket, options ...string) {
	t.Helper()
	for _, o := range options {
		name, value, _ := strings.Cut(o, "=")
		if err := s.SetOption(name, value); err != nil {
			t.Fatal(err)
		}
	}
}

func newServer(t *testing.T, options ...string) *socket.Server {
	t.Helper()
	return newServerAt(t, "", options...)
}

func newServerAt(t *testing.T, host string, options ...string) *socket.Server {
	t.Helper()
	s, err := socket.NewServer(host, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Free)
	// Receive and Send are paired by the thread, as in a program with a single loop.
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
	set(t, s, options...)
	return s
}

func newClient(t *testing.T, at netip.AddrPort, options ...string) *socket.Client {
	t.Helper()
	c, err := socket.NewClient(at.Addr().String(), int(at.Port()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Free)
	set(t, c, options...)
	return c
}

// echo answers each message with itself until the server is freed.
func echo(t *testing.T, s *socket.Server) {
	t.Helper()
	serve(t, s, func(m *socket.Message) error { return m.Reply(m.Body, testTimeout) })
}

// serve calls a handler for each message until the server is freed. Errors of the
// handler are ignored: some peers close before their reply.
func serve(t *testing.T, s *socket.Server, handle func(*socket.Message) error) {
	t.Helper()
	ended := start(func() error {
		for {
			m, err := s.ReceiveMessage(socket.Forever)
			if errors.Is(err, socket.ErrCancelled) {
				continue
			}
			if err != nil {
				return err
			}
			_ = handle(m)
			m.Drop()
		}
	})
	t.Cleanup(func() {
		s.Free()
		if err := await(t, ended); !errors.Is(err, socket.ErrClosed) {
			t.Errorf("the server's loop ended with %v, want ErrClosed", err)
		}
	})
}

// start runs a function in a goroutine.
func start[T any](f func() T) <-chan T {
	result := make(chan T, 1)
	go func() { result <- f() }()
	return result
}

// await returns the result of start.
func await[T any](t *testing.T, result <-chan T) T {
	t.Helper()
	select {
	case r := <-result:
		return r
	case <-time.After(testTimeout):
		t.Fatalf("no result within %v", testTimeout)
		panic("unreachable")
	}
}

// eventually waits for a condition by checking it repeatedly.
func eventually(t *testing.T, what string, happened func() bool) {
	t.Helper()
	for end := time.Now().Add(testTimeout); !happened(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", testTimeout, what)
		}
	}
}

// attend runs a server that receives no message until something has happened.
func attend(t *testing.T, s *socket.Server, what string, happened func() bool) {
	t.Helper()
	eventually(t, what, func() bool {
		_, err := s.Receive(nil, 0)
		expectError(t, err, socket.ErrTimeout)
		return happened()
	})
}

// attendUntil is attend until a counter has a value.
func attendUntil(t *testing.T, s *socket.Server, counter string, value int64) {
	t.Helper()
	attend(t, s, fmt.Sprintf("%s is %d", counter, value), func() bool { return stat(t, s, counter) == value })
}

// begun waits until n calls are in flight.
func begun(t *testing.T, s testSocket, n int) {
	t.Helper()
	eventually(t, fmt.Sprint(n, " calls in flight"), func() bool { return s.InFlight() >= n })
}

func expectError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want %v", err, want)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func stat(t *testing.T, s testSocket, name string) int64 {
	t.Helper()
	n, err := s.Stat(name)
	must(t, err)
	return n
}

// expectStats checks counters, each written as name=value, and that all other counters
// of dropped connections are 0.
func expectStats(t *testing.T, s testSocket, want ...string) {
	t.Helper()
	expected := map[string]string{}
	for _, w := range want {
		name, value, _ := strings.Cut(w, "=")
		expected[name] = value
	}
	for _, row := range socket.Stats {
		value, wanted := expected[row.Name]
		if !wanted && row.Name != "evicted" && !strings.HasPrefix(row.Name, "dropped_") {
			continue
		}
		if got := strconv.FormatInt(stat(t, s, row.Name), 10); got != value && (wanted || got != "0") {
			t.Errorf("%s is %s, want %s", row.Name, got, value)
		}
	}
}

// receive is Receive with a buffer that is large enough.
func receive(t *testing.T, s testSocket) string {
	t.Helper()
	dst := make([]byte, 1<<10)
	n, err := s.Receive(dst, testTimeout)
	must(t, err)
	return string(dst[:n])
}

func expectReceive(t *testing.T, s testSocket, want string) {
	t.Helper()
	if got := receive(t, s); got != want {
		t.Fatalf("received %q, want %q", got, want)
	}
}

func send(t *testing.T, s testSocket, body string) {
	t.Helper()
	must(t, s.Send([]byte(body), testTimeout))
}

// outcome is the result of a call that returns a message.
type outcome struct {
	body string
	err  error
}

func (o outcome) expect(t *testing.T, body string) {
	t.Helper()
	if o.err != nil || o.body != body {
		t.Fatalf("got %q, %v; want %q", o.body, o.err, body)
	}
}

// startTcmd starts a command, for a test that acts as the server.
func startTcmd(c *socket.Client, body string) <-chan outcome {
	return start(func() outcome {
		reply, err := tcmd(c, body)
		return outcome{reply, err}
	})
}

// startReceive starts to receive, with a buffer that is large enough.
func startReceive(s testSocket) <-chan outcome {
	return start(func() outcome {
		dst := make([]byte, 1<<10)
		n, err := s.Receive(dst, testTimeout)
		return outcome{string(dst[:n]), err}
	})
}

// tcmd sends a command and returns the reply.
func tcmd(c *socket.Client, body string) (string, error) {
	reply, err := c.TcmdBody([]byte(body), testTimeout)
	return string(reply), err
}

func expectTcmd(t *testing.T, c *socket.Client, body, want string) {
	t.Helper()
	got, err := tcmd(c, body)
	if err != nil || got != want {
		t.Fatalf("%s was answered %q, %v; want %q", body, got, err, want)
	}
}

func receiveMessage(t *testing.T, s *socket.Server) *socket.Message {
	t.Helper()
	m, err := s.ReceiveMessage(testTimeout)
	must(t, err)
	return m
}

func expectMessage(t *testing.T, s *socket.Server, want string) *socket.Message {
	t.Helper()
	m := receiveMessage(t, s)
	if string(m.Body) != want {
		t.Fatalf("received %q, want %q", m.Body, want)
	}
	return m
}

func reply(t *testing.T, m *socket.Message, body string) {
	t.Helper()
	must(t, m.Reply([]byte(body), testTimeout))
}

func frame(body string) string { return fmt.Sprintf("%010d%s", len(body), body) }

// number returns the i-th of many different messages.
func number(i int) string { return fmt.Sprintf(`{"n": %d}`, i) }

// long is a message that does not fit into the buffers between two sockets if the
// receiving one is narrow: systems let the send buffer grow to 4 MiB.
var long = `"` + strings.Repeat("x", 6<<20) + `"`

// narrow is a small size of a receive buffer.
const narrow = 4096

// plain is one end of a connection of package net: a peer without libobe.
type plain struct {
	*net.TCPConn
	t *testing.T
}

func newPlain(t *testing.T, c net.Conn) *plain {
	t.Cleanup(func() { c.Close() })
	return &plain{c.(*net.TCPConn), t}
}

// dial connects to a server.
func dial(t *testing.T, s *socket.Server) *plain {
	t.Helper()
	c, err := net.DialTimeout("tcp", s.Addr().String(), testTimeout)
	must(t, err)
	return newPlain(t, c)
}

func (p *plain) write(text string) {
	p.t.Helper()
	must(p.t, p.SetWriteDeadline(time.Now().Add(testTimeout)))
	_, err := io.WriteString(p, text)
	must(p.t, err)
}

func (p *plain) send(body string) {
	p.t.Helper()
	p.write(frame(body))
}

// receive reads one frame, and not a byte more.
func (p *plain) receive() string {
	p.t.Helper()
	must(p.t, p.SetReadDeadline(time.Now().Add(testTimeout)))
	head := make([]byte, 10)
	_, err := io.ReadFull(p, head)
	must(p.t, err)
	n, err := strconv.Atoi(string(head))
	must(p.t, err)
	body := make([]byte, n)
	_, err = io.ReadFull(p, body)
	must(p.t, err)
	return string(body)
}

func (p *plain) expect(body string) {
	p.t.Helper()
	if got := p.receive(); got != body {
		p.t.Fatalf("the peer received %q, want %q", got, body)
	}
}

// expectOpen checks that the other side has neither closed nor sent anything.
func (p *plain) expectOpen() {
	p.t.Helper()
	must(p.t, p.SetReadDeadline(time.Now().Add(moment)))
	if n, err := p.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		p.t.Fatalf("%d bytes and %v arrived where nothing was expected", n, err)
	}
}

// expectEnd waits until the other side closes without a reset.
func (p *plain) expectEnd() {
	p.t.Helper()
	if err := p.end(); err != io.EOF {
		p.t.Fatalf("the connection ended with %v, want EOF", err)
	}
}

// expectGone waits until the other side closes, with unread bytes or without.
func (p *plain) expectGone() {
	p.t.Helper()
	if err := p.end(); err != io.EOF && !errors.Is(err, systemtest.ErrReset) {
		p.t.Fatalf("the connection ended with %v, want EOF or a reset", err)
	}
}

func (p *plain) end() error {
	must(p.t, p.SetReadDeadline(time.Now().Add(testTimeout)))
	_, err := p.Read(make([]byte, 1))
	return err
}

// reset closes the connection as a program that crashes does.
func (p *plain) reset() {
	p.t.Helper()
	must(p.t, p.SetLinger(0))
	must(p.t, p.Close())
}

// plainServer is a listener of package net.
type plainServer struct {
	*net.TCPListener
	t *testing.T
}

// listen returns a listener whose connections have narrow receive buffers.
func listen(t *testing.T) *plainServer {
	t.Helper()
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) (err error) {
		_ = raw.Control(func(fd uintptr) {
			err = syscall.SetsockoptInt(systemtest.Descriptor(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, narrow)
		})
		return err
	}}
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { l.Close() })
	return &plainServer{l.(*net.TCPListener), t}
}

func (l *plainServer) at() netip.AddrPort { return l.Addr().(*net.TCPAddr).AddrPort() }

func (l *plainServer) accept() *plain {
	l.t.Helper()
	must(l.t, l.SetDeadline(time.Now().Add(testTimeout)))
	c, err := l.Accept()
	must(l.t, err)
	return newPlain(l.t, c)
}

// expectNoConnection checks that no connection is waiting.
func (l *plainServer) expectNoConnection() {
	l.t.Helper()
	must(l.t, l.SetDeadline(time.Now().Add(moment)))
	c, err := l.Accept()
	if err == nil {
		c.Close()
		l.t.Fatal("an unexpected connection was opened")
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		l.t.Fatal(err)
	}
}

// fullServer returns the address of a listener whose accept queue is full, so that a
// connection to it is never established.
func fullServer(t *testing.T) netip.AddrPort {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	must(t, err)
	t.Cleanup(func() { systemtest.Close(fd) })
	must(t, syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	must(t, syscall.Listen(fd, 0))
	sa, err := syscall.Getsockname(fd)
	must(t, err)
	at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(sa.(*syscall.SockaddrInet4).Port))
	for failed, dials := 0, 0; dials < 100; dials++ {
		c, err := net.DialTimeout("tcp", at.String(), 3*moment)
		if err == nil {
			t.Cleanup(func() { c.Close() })
		} else if failed++; failed == 3 { // a single one may be due to a busy machine
			return at
		}
	}
	t.Skip("this system's queue of connections cannot be filled")
	panic("unreachable")
}

// readable reports whether data has arrived, without reading it.
func (p *plain) readable() bool {
	raw, err := p.SyscallConn()
	must(p.t, err)
	arrived := false
	must(p.t, raw.Control(func(fd uintptr) { arrived = systemtest.Arrived(fd) }))
	return arrived
}

// socketPath returns a path that is short enough for a socket on every system.
func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "obe")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

// disturb calls f again and again until over is closed. The pauses get longer while progress
// returns the same: on a slow system no call would end between two short ones.
func disturb(over <-chan struct{}, pause time.Duration, progress func() int64, f func()) {
	next, last := pause, int64(0)
	for {
		select {
		case <-over:
			return
		case <-time.After(next):
			f()
		}
		next *= 2
		if now := progress(); now != last {
			next, last = pause, now
		}
	}
}
