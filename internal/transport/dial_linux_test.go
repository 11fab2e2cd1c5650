package transport_test

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"libobe/internal/transport"
)

// inNetwork runs f on a thread in a separate network namespace, which has only the
// loopback interface.
func inNetwork(t *testing.T, f func() error) {
	t.Helper()
	err := await(t, start(func() error {
		runtime.LockOSThread() // and never unlocked, so that the thread ends with the goroutine
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("%w: %w", errNoNetwork, err)
		}
		if err := loopbackUp(); err != nil {
			return err
		}
		return f()
	}))
	if errors.Is(err, errNoNetwork) {
		t.Skip(err)
	}
	must(t, err)
}

var errNoNetwork = errors.New("this user may not create a network namespace")

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request)
}

// onlyPort leaves a single port for clients.
func onlyPort(port int) error {
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_local_port_range", fmt.Appendf(nil, "%d %d", port, port), 0); err != nil {
		return fmt.Errorf("%w: %w", errNoNetwork, err)
	}
	return nil
}

// Where the system has a single port for clients, each connection to that port is
// connected to itself, which counts as refused.
func TestSelfConnectWithOnePort(t *testing.T) {
	const port = 40000
	for _, host := range []string{"127.0.0.1", "127.3.2.1", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1"} {
		t.Run(host, func(t *testing.T) {
			inNetwork(t, func() error {
				if err := onlyPort(port); err != nil {
					return err
				}
				a, err := transport.ParseAddress(host, port)
				if err != nil {
					return err
				}
				at, err := a.Resolve(transport.NoWait, nil)
				if err != nil {
					return err
				}
				for range 3 {
					c, err := transport.Dial(at[0], 0)
					if err == nil {
						c.SetWriteWait(within(testTimeout))
						_, err = c.Write([]byte("x"))
						if err == nil {
							c.SetReadWait(within(testTimeout))
							err = fmt.Errorf("%v is connected to %v, and reads %v", c.Local(), c.Remote(), readOne(c))
						}
						c.Close()
					}
					if errors.Is(err, transport.ErrUnreachable) {
						return nil // no IPv6
					}
					if !errors.Is(err, transport.ErrRefused) {
						return err
					}
				}
				return nil
			})
		})
	}
}

// congested is a listener whose queue is full, so that connections to it are not
// established until relieve is called.
type congested struct {
	t  *testing.T
	fd int
	at netip.AddrPort
	in *transport.Conn // fills the queue
}

func newCongested(t *testing.T) *congested {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	t.Cleanup(func() { unix.Close(fd) })
	must(t, unix.Bind(fd, &unix.SockaddrInet4{Addr: loopback.Addr().As4()}))
	must(t, unix.Listen(fd, 0))
	sa, err := unix.Getsockname(fd)
	must(t, err)
	q := &congested{t: t, fd: fd, at: netip.AddrPortFrom(loopback.Addr(), uint16(sa.(*unix.SockaddrInet4).Port))}
	q.in, err = transport.Dial(q.at, 0)
	must(t, err)
	t.Cleanup(func() { q.in.Close() })
	q.in.SetWriteWait(within(testTimeout))
	_, err = q.in.Write([]byte("first"))
	must(t, err)
	return q
}

// relieve makes room in the queue.
func (q *congested) relieve() {
	q.t.Helper()
	must(q.t, unix.Listen(q.fd, 100))
}

// next returns what the next connection sends before it is closed.
func (q *congested) next() string {
	q.t.Helper()
	limit := unix.NsecToTimeval(int64(testTimeout))
	must(q.t, unix.SetsockoptTimeval(q.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit))
	fd, _, err := unix.Accept(q.fd)
	must(q.t, err)
	f := os.NewFile(uintptr(fd), "connection")
	defer f.Close()
	got, err := io.ReadAll(f)
	must(q.t, err)
	return string(got)
}

// A connection attempt that timed out stays abandoned: a server that answers after the last
// check of it never sees a connection without a message.
func TestAbandonedConnectionNeverArrives(t *testing.T) {
	q := newCongested(t)
	late, err := transport.Dial(q.at, 0)
	must(t, err)
	defer late.Close()
	late.SetWriteWait(within(moment))
	_, err = late.Write([]byte("late"))
	expectError(t, err, transport.ErrTimeout)

	// Linux retries both after a second: this one first.
	after, err := transport.Dial(q.at, 0)
	must(t, err)
	after.SetWriteWait(within(testTimeout))
	done := start(func() error {
		_, err := after.Write([]byte("after"))
		q.in.Close()
		after.Close()
		return err
	})
	q.relieve()
	must(t, await(t, done))
	for _, want := range []string{"first", "after"} {
		if got := q.next(); got != want {
			t.Errorf("the server received %q, want %q", got, want)
		}
	}
	must(t, unix.SetNonblock(q.fd, true))
	if _, _, err := unix.Accept(q.fd); err != unix.EAGAIN {
		t.Errorf("there is another connection, or %v", err)
	}
}

// Data that a peer sent while it was ignored is not lost.
func TestHeedPeerAfterIgnorePeer(t *testing.T) {
	client, server := pair(t)
	client.IgnorePeer()
	_, err := server.Write([]byte("x"))
	must(t, err)
	client.SetReadWait(within(moment))
	expectError(t, readOne(client), transport.ErrTimeout)
	client.HeedPeer()
	client.SetReadWait(within(testTimeout))
	must(t, readOne(client))
}
