package transport_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"libobe/internal/systemtest"
	"libobe/internal/transport"
)

var _ net.Conn = (*transport.Conn)(nil)

func TestConnIsANetConn(t *testing.T) {
	c, p := connect(t)
	if n, err := c.Write([]byte("hello")); n != 5 || err != nil {
		t.Fatal(n, err)
	}
	buffer := make([]byte, 10)
	if n, err := io.ReadFull(p, buffer[:5]); err != nil || string(buffer[:n]) != "hello" {
		t.Fatalf("%q, %v", buffer[:n], err)
	}
	_, err := p.Write([]byte("world"))
	must(t, err)
	// A read returns the available data, although its buffer has room for more.
	if n, err := c.Read(buffer); err != nil || string(buffer[:n]) != "world" {
		t.Fatalf("%q, %v", buffer[:n], err)
	}
	if n, err := c.Read(nil); n != 0 || err != nil {
		t.Errorf("reading nothing: %d, %v", n, err)
	}
	if n, err := c.Write(nil); n != 0 || err != nil {
		t.Errorf("writing nothing: %d, %v", n, err)
	}
	if c.RemoteAddr().String() != p.LocalAddr().String() || c.LocalAddr().String() != p.RemoteAddr().String() {
		t.Errorf("a connection from %v to %v is from %v to %v at the peer", c.LocalAddr(), c.RemoteAddr(), p.RemoteAddr(), p.LocalAddr())
	}
	if c.Remote().String() != p.LocalAddr().String() || c.Local().String() != p.RemoteAddr().String() {
		t.Errorf("from %v to %v", c.Local(), c.Remote())
	}
	must(t, p.CloseWrite())
	for range 2 {
		if n, err := c.Read(buffer); n != 0 || err != io.EOF {
			t.Errorf("at the end: %d, %v", n, err)
		}
	}
	// This side may still write.
	_, err = c.Write([]byte("bye"))
	must(t, err)
	must(t, c.Close())
	if rest, err := io.ReadAll(p); err != nil || string(rest) != "bye" {
		t.Errorf("%q, %v", rest, err)
	}
}

func TestAcceptedConnKnowsItsAddresses(t *testing.T) {
	client, server := pair(t)
	if client.Local() != server.Remote() || client.Remote() != server.Local() {
		t.Errorf("client %v to %v, server %v to %v", client.Local(), client.Remote(), server.Local(), server.Remote())
	}
}

// Both ends write and read much data at the same time, in pieces of any size.
func TestConnBothDirectionsAtOnce(t *testing.T) {
	client, server := pair(t)
	data := make([]byte, 3<<20)
	chacha := rand.NewChaCha8([32]byte{1})
	_, _ = chacha.Read(data)
	var all sync.WaitGroup
	for i, from := range []*transport.Conn{client, server} {
		to := []*transport.Conn{server, client}[i]
		sizes := rand.New(rand.NewPCG(uint64(i), 5))
		all.Go(func() {
			rest := data
			for len(rest) > 0 {
				head := rest[:min(len(rest), sizes.IntN(100))]
				body := rest[len(head):min(len(rest), len(head)+sizes.IntN(300_000))]
				n, err := from.WriteFrame(head, body)
				if err != nil || n != len(head)+len(body) {
					t.Errorf("wrote %d of %d: %v", n, len(head)+len(body), err)
					break
				}
				rest = rest[n:]
			}
		})
		all.Go(func() {
			got := make([]byte, len(data))
			if _, err := io.ReadFull(to, got); err != nil || !bytes.Equal(got, data) {
				t.Errorf("the data arrived unchanged: %v, %v", bytes.Equal(got, data), err)
			}
		})
	}
	all.Wait()
}

func TestConnDeadlines(t *testing.T) {
	full := make([]byte, 8<<20) // more than the system accepts
	for _, c := range []struct {
		name string
		set  func(*transport.Conn, time.Time) error
		call func(*transport.Conn) error
	}{
		{"Read, SetDeadline", (*transport.Conn).SetDeadline, readOne},
		{"Read, SetReadDeadline", (*transport.Conn).SetReadDeadline, readOne},
		{"Read, SetReadWait", setReadWait, readOne},
		{"Write, SetDeadline", (*transport.Conn).SetDeadline, func(c *transport.Conn) error { _, err := c.Write(full); return err }},
		{"Write, SetWriteDeadline", (*transport.Conn).SetWriteDeadline, func(c *transport.Conn) error { _, err := c.Write(full); return err }},
		{"Write, SetWriteWait", setWriteWait, func(c *transport.Conn) error { _, err := c.Write(full); return err }},
	} {
		for _, left := range []time.Duration{-time.Hour, 0, time.Millisecond, 30 * time.Millisecond} {
			t.Run(c.name+" "+left.String(), func(t *testing.T) {
				conn, p := connect(t)
				must(t, p.SetReadBuffer(4096))
				began := time.Now()
				must(t, c.set(conn, began.Add(left)))
				err := c.call(conn)
				took := time.Since(began)
				expectError(t, err, transport.ErrTimeout)
				expectError(t, err, os.ErrDeadlineExceeded)
				var network net.Error
				if !errors.As(err, &network) || !network.Timeout() || err.Error() != "timed out" {
					t.Errorf("%v is not a timeout to package net", err)
				}
				if took < left || took > max(left, 0)+promptTimeout {
					t.Errorf("ended after %v", took)
				}
			})
		}
	}
}

func readOne(c *transport.Conn) error {
	_, err := c.Read(make([]byte, 1))
	return err
}

func setReadWait(c *transport.Conn, at time.Time) error {
	c.SetReadWait(transport.Wait{Deadline: at})
	return nil
}

func setWriteWait(c *transport.Conn, at time.Time) error {
	c.SetWriteWait(transport.Wait{Deadline: at})
	return nil
}

// A non-blocking read returns available data.
func TestNoWaitReadsAvailableData(t *testing.T) {
	c, p := connect(t)
	c.SetReadWait(transport.NoWait)
	expectError(t, readOne(c), transport.ErrTimeout)
	_, err := p.Write([]byte("abc"))
	must(t, err)
	poller := newPoller(t)
	must(t, poller.Add(c, 1))
	expectReady(t, poller, 1)
	buffer := make([]byte, 2)
	for _, want := range []string{"ab", "c"} {
		if n, err := c.Read(buffer); err != nil || string(buffer[:n]) != want {
			t.Fatalf("%q, %v; want %q", buffer[:n], err, want)
		}
	}
	expectError(t, readOne(c), transport.ErrTimeout)
	// A Wait without a deadline replaces one with a deadline.
	c.SetReadWait(transport.Wait{})
	done := start(func() error { return readOne(c) })
	blocks(t, done)
	_, err = p.Write([]byte("d"))
	must(t, err)
	must(t, await(t, done))
}

func TestConnReset(t *testing.T) {
	c, p := connect(t)
	must(t, p.SetLinger(0))
	must(t, p.Close())
	expectError(t, readOne(c), transport.ErrReset)
	_, err := c.Write([]byte("x"))
	expectError(t, err, transport.ErrReset)
	expectError(t, err, systemtest.ErrBroken)
}

func TestCloseEndsReadsAndWrites(t *testing.T) {
	large := make([]byte, 8<<20)
	for name, call := range map[string]func(*transport.Conn) error{
		"Read":  readOne,
		"Write": func(c *transport.Conn) error { _, err := c.Write(large); return err },
	} {
		t.Run(name, func(t *testing.T) {
			before := systemtest.Descriptors(t)
			c, p := connect(t)
			done := start(func() error { return call(c) })
			blocks(t, done)
			began := time.Now()
			must(t, c.Close())
			expectError(t, await(t, done), transport.ErrClosed)
			if took := time.Since(began); took > promptTimeout {
				t.Errorf("ended %v after Close", took)
			}
			expectError(t, call(c), transport.ErrClosed)
			expectError(t, c.Close(), transport.ErrClosed)
			if c.Local().IsValid() && c.Local() != p.RemoteAddr().(*net.TCPAddr).AddrPort() {
				t.Errorf("a closed connection is from %v", c.Local())
			}
			must(t, p.Close())
			// The operation in progress closed the descriptor.
			if after := systemtest.Descriptors(t); after != before {
				t.Errorf("%d descriptors before, %d after", before, after)
			}
		})
	}
}

func TestCloseFromManyGoroutines(t *testing.T) {
	for range 100 {
		c, p := connect(t)
		var all sync.WaitGroup
		all.Go(func() { _ = readOne(c) })
		all.Go(func() { _, _ = c.Write([]byte("x")) })
		closed := make(chan error, 4)
		for range cap(closed) {
			all.Go(func() { closed <- c.Close() })
		}
		all.Wait()
		ok := 0
		for range cap(closed) {
			if <-closed == nil {
				ok++
			}
		}
		if ok != 1 {
			t.Fatalf("%d of %d calls of Close closed it", ok, cap(closed))
		}
		must(t, p.Close())
	}
}

func TestPending(t *testing.T) {
	c, p := connect(t)
	ended := func(want bool) {
		t.Helper()
		if _, got := c.Pending(); got != want {
			t.Errorf("ended is %v, want %v", got, want)
		}
	}
	ended(false)
	_, err := p.Write([]byte("x"))
	must(t, err)
	poller := newPoller(t)
	must(t, poller.Add(c, 1))
	expectReady(t, poller, 1)
	ended(false)
	must(t, p.CloseWrite())
	ended(false) // data is left to read
	must(t, readOne(c))
	expectReady(t, poller, 1)
	ended(true)
	must(t, c.Close())
	ended(true)

	c, p = connect(t)
	must(t, p.SetLinger(0))
	must(t, p.Close())
	poller = newPoller(t)
	must(t, poller.Add(c, 1))
	expectReady(t, poller, 1)
	ended(true)
}

func TestWriteFrameIsOneWrite(t *testing.T) {
	c, p := connect(t)
	if n, err := c.WriteFrame([]byte("0000000004"), []byte(`"OK"`)); n != 14 || err != nil {
		t.Fatal(n, err)
	}
	// The system sends one write as one segment.
	buffer := make([]byte, 100)
	if n, err := p.Read(buffer); err != nil || string(buffer[:n]) != `0000000004"OK"` {
		t.Errorf("%q, %v", buffer[:n], err)
	}
	for _, frame := range [][2]string{{"", "body"}, {"head", ""}, {"", ""}} {
		want := frame[0] + frame[1]
		if n, err := c.WriteFrame([]byte(frame[0]), []byte(frame[1])); n != len(want) || err != nil {
			t.Errorf("%q: %d, %v", frame, n, err)
		}
		if _, err := io.ReadFull(p, buffer[:len(want)]); err != nil || string(buffer[:len(want)]) != want {
			t.Errorf("%q arrived as %q, %v", frame, buffer[:len(want)], err)
		}
	}
}

// WriteFrame returns how much was written when it was interrupted.
func TestWriteFrameReturnsPartialCount(t *testing.T) {
	c, p := connect(t)
	// The send buffer is small, so that the peer reads its content quickly.
	must(t, syscall.SetsockoptInt(c.Descriptor(), syscall.SOL_SOCKET, syscall.SO_SNDBUF, 32<<10))
	head, body := []byte("0008388608"), bytes.Repeat([]byte("x"), 8<<20)
	c.SetWriteWait(within(moment))
	n, err := c.WriteFrame(head, body)
	expectError(t, err, transport.ErrTimeout)
	if n < len(head) || n >= len(head)+len(body) {
		t.Fatalf("%d bytes were written", n)
	}
	must(t, c.Close())
	got, err := io.ReadAll(p)
	must(t, err)
	if want := append(head, body...)[:n]; !bytes.Equal(got, want) {
		t.Errorf("%d bytes were written, and %d arrived", n, len(got))
	}
}

func TestWritable(t *testing.T) {
	c, p := connect(t)
	if !c.Writable() {
		t.Error("a new connection has no room")
	}
	fill(t, c)
	must(t, p.Close())
	must(t, c.Close())
	if c.Writable() {
		t.Error("a closed connection has room")
	}
}

func TestDialRefused(t *testing.T) {
	c, err := transport.Dial(vacant(t), 0)
	if err == nil {
		// Some systems report it at the first write.
		defer c.Close()
		_, err = c.Write([]byte("x"))
	}
	expectError(t, err, transport.ErrRefused)
	var system *transport.SystemError
	if !errors.As(err, &system) || system.Call != "connect" || !errors.Is(err, systemtest.ErrRefused) {
		t.Errorf("%#v is not a failure of connect", err)
	}
	if err.Error() != "connect: connection refused" {
		t.Errorf("the text is %q", err)
	}
}

// A write waits for a connection that is not established yet, and can be interrupted.
func TestDialDoesNotWait(t *testing.T) {
	full := fullServer(t)
	for _, c := range []struct {
		name string
		end  func(*transport.Conn, *transport.Waker)
		want error
	}{
		{"deadline", func(*transport.Conn, *transport.Waker) {}, transport.ErrTimeout},
		{"waker", func(_ *transport.Conn, w *transport.Waker) { w.Wake() }, transport.ErrWoken},
		{"close", func(c *transport.Conn, _ *transport.Waker) { c.Close() }, transport.ErrClosed},
	} {
		t.Run(c.name, func(t *testing.T) {
			began := time.Now()
			conn, err := transport.Dial(full, 0)
			must(t, err)
			defer conn.Close()
			if took := time.Since(began); took > promptTimeout {
				t.Errorf("Dial took %v", took)
			}
			if !conn.Connecting() {
				t.Error("the connection is established at once")
			}
			wait := transport.Wait{Waker: newWaker(t)}
			if c.want == transport.ErrTimeout {
				wait.Deadline = time.Now().Add(moment)
			}
			conn.SetWriteWait(wait)
			done := start(func() error {
				n, err := conn.Write([]byte("x"))
				if n != 0 {
					t.Errorf("%d bytes were written", n)
				}
				return err
			})
			if c.want != transport.ErrTimeout {
				blocks(t, done)
				c.end(conn, wait.Waker)
			}
			expectError(t, await(t, done), c.want)
		})
	}
}

// A message that has no time left is still sent if the connection is established: the
// server must not see a connection that closes without a message.
func TestEstablishedConnectionCarriesItsMessage(t *testing.T) {
	l, err := net.Listen("tcp", loopback.String())
	must(t, err)
	defer l.Close()
	waker := newWaker(t)
	waker.Wake()
	for _, wait := range []transport.Wait{transport.NoWait, {Waker: waker}} {
		c, err := transport.Dial(l.Addr().(*net.TCPAddr).AddrPort(), 0)
		must(t, err)
		p, err := l.Accept()
		must(t, err)
		c.SetWriteWait(wait)
		_, err = c.WriteFrame([]byte("head"), []byte("body"))
		must(t, err)
		if c.Connecting() {
			t.Error("still connecting after a write")
		}
		must(t, c.Close())
		if got, err := io.ReadAll(p); err != nil || string(got) != "headbody" {
			t.Errorf("%q, %v", got, err)
		}
		must(t, p.Close())
	}
}

func TestSocketOptions(t *testing.T) {
	l := listen(t)
	for _, keepAlive := range []time.Duration{0, 7 * time.Second, time.Hour, time.Millisecond, 0} {
		l.SetKeepAlive(keepAlive)
		client, err := transport.Dial(l.Addr(), keepAlive)
		must(t, err)
		_, err = client.Write([]byte("x"))
		must(t, err)
		server := accept(t, l)
		for name, c := range map[string]*transport.Conn{"dialled": client, "accepted": server} {
			expectOption(t, name, c, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, true)
			expectOption(t, name, c, syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, keepAlive > 0)
		}
		must(t, client.Close())
	}
}

// A brief connection has its options only if it is used longer.
func TestBriefConnection(t *testing.T) {
	l := listen(t)
	for name, last := range map[string]func(c *transport.Conn) <-chan error{
		"kept": func(c *transport.Conn) <-chan error { return start(func() error { c.Keep(); return nil }) },
		"silence": func(c *transport.Conn) <-chan error {
			return start(func() error { _, err := c.Read(make([]byte, 1)); return err })
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := transport.DialBrief(l.Addr(), time.Hour)
			must(t, err)
			_, err = c.WriteFrame([]byte("head"), []byte("body"))
			must(t, err)
			server := accept(t, l)
			expectOption(t, name, c, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, false)
			expectOption(t, name, c, syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, false)
			done := last(c)
			for deadline := time.Now().Add(testTimeout); ; time.Sleep(time.Millisecond) {
				on, err := syscall.GetsockoptInt(c.Descriptor(), syscall.SOL_SOCKET, syscall.SO_KEEPALIVE)
				must(t, err)
				if on != 0 {
					break
				}
				if time.Now().After(deadline) {
					t.Fatal("the keepalive is still off")
				}
			}
			expectOption(t, name, c, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, true)
			_, err = server.Write([]byte("x")) // ends the wait
			must(t, err)
			must(t, await(t, done))
		})
	}
}

func expectOption(t *testing.T, name string, c *transport.Conn, level, option int, want bool) {
	t.Helper()
	got, err := syscall.GetsockoptInt(c.Descriptor(), level, option)
	must(t, err)
	if (got != 0) != want {
		t.Errorf("%s: option %d of level %d is %d, want it on: %v", name, option, level, got, want)
	}
}

// Programs that the host program starts must not inherit descriptors.
func TestDescriptorsAreNotInherited(t *testing.T) {
	client, server := pair(t)
	for _, c := range []*transport.Conn{client, server} {
		if systemtest.Inherited(t, c.Descriptor()) {
			t.Errorf("the descriptor of the connection from %v is inherited", c.Local())
		}
	}
}
