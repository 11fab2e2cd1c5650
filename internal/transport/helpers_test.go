package transport_test

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"libobe/internal/systemtest"
	"libobe/internal/transport"
)

const (
	testTimeout = systemtest.Timeout
	// moment is how long a test waits to see that something does not happen.
	moment        = 10 * time.Millisecond
	promptTimeout = systemtest.Soon
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func expectError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want %v", err, want)
	}
}

// start runs a function in a goroutine.
func start[T any](f func() T) <-chan T {
	result := make(chan T, 1)
	go func() { result <- f() }()
	return result
}

// await waits for the result of start.
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

// blocks checks that there is no result for a moment.
func blocks[T any](t *testing.T, result <-chan T) {
	t.Helper()
	select {
	case r := <-result:
		t.Fatalf("returned %v instead of waiting", r)
	case <-time.After(moment):
	}
}

func within(d time.Duration) transport.Wait { return transport.Wait{Deadline: time.Now().Add(d)} }

var loopback = netip.MustParseAddrPort("127.0.0.1:0")

// connect returns a connection of this package and its peer, a connection of package net.
func connect(t *testing.T) (*transport.Conn, *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", loopback.String())
	must(t, err)
	defer l.Close()
	c, err := transport.Dial(l.Addr().(*net.TCPAddr).AddrPort(), 0)
	must(t, err)
	t.Cleanup(func() { c.Close() })
	must(t, l.(*net.TCPListener).SetDeadline(time.Now().Add(testTimeout)))
	p, err := l.Accept()
	must(t, err)
	t.Cleanup(func() { p.Close() })
	must(t, p.SetDeadline(time.Now().Add(testTimeout)))
	return c, p.(*net.TCPConn)
}

// pair returns both ends of a connection.
func pair(t *testing.T) (client, server *transport.Conn) {
	t.Helper()
	l := listen(t)
	client, err := transport.Dial(l.Addr(), 0)
	must(t, err)
	t.Cleanup(func() { client.Close() })
	server = accept(t, l)
	return client, server
}

func listen(t *testing.T) *transport.Listener {
	t.Helper()
	l, err := transport.Listen(loopback, 0)
	must(t, err)
	t.Cleanup(l.Close)
	return l
}

// accept waits for a connection and accepts it, as a server does.
func accept(t *testing.T, l *transport.Listener) *transport.Conn {
	t.Helper()
	p := newPoller(t)
	must(t, p.AddListener(l, 1))
	expectReady(t, p, 1)
	c := new(transport.Conn)
	must(t, l.Accept(c))
	t.Cleanup(func() { c.Close() })
	return c
}

func newPoller(t *testing.T) *transport.Poller {
	t.Helper()
	p, err := transport.NewPoller()
	must(t, err)
	t.Cleanup(p.Close)
	return p
}

func newWaker(t *testing.T) *transport.Waker {
	t.Helper()
	w, err := transport.NewWaker()
	must(t, err)
	t.Cleanup(w.Close)
	return w
}

// vacant returns an address where no server is listening.
func vacant(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", loopback.String())
	must(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// fullServer returns the address of a listener whose queue is full, so that a connection
// to it is never established.
func fullServer(t *testing.T) netip.AddrPort {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	must(t, err)
	t.Cleanup(func() { systemtest.Close(fd) })
	must(t, syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	must(t, syscall.Listen(fd, 0))
	sa, err := syscall.Getsockname(fd)
	must(t, err)
	at := netip.AddrPortFrom(loopback.Addr(), uint16(sa.(*syscall.SockaddrInet4).Port))
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

// fill writes until a connection has no room for a moment.
func fill(t *testing.T, c *transport.Conn) {
	t.Helper()
	for end := time.Now().Add(testTimeout); ; {
		c.SetWriteWait(transport.NoWait)
		_, err := c.Write(make([]byte, 1<<20))
		if err != nil {
			expectError(t, err, transport.ErrTimeout)
		}
		if err != nil && errors.Is(c.WaitWritable(within(moment)), transport.ErrTimeout) {
			return
		}
		if time.Now().After(end) {
			t.Fatal("a connection whose peer does not read always has room")
		}
	}
}
