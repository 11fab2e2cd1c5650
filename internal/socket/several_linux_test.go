package socket_test

import (
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"libobe/internal/socket"
)

// congestedServer returns the address of a listener whose queue is full until relieve
// is called. relieve returns the listener, without what filled the queue.
func congestedServer(t *testing.T) (at netip.AddrPort, relieve func() *plainServer) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	file := os.NewFile(uintptr(fd), "listener")
	t.Cleanup(func() { file.Close() })
	must(t, unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	must(t, unix.Listen(fd, 0))
	sa, err := unix.Getsockname(fd)
	must(t, err)
	at = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(sa.(*unix.SockaddrInet4).Port))
	filling, err := net.DialTimeout("tcp", at.String(), patience)
	must(t, err)
	t.Cleanup(func() { filling.Close() })
	return at, func() *plainServer {
		t.Helper()
		must(t, unix.Listen(fd, 100))
		l, err := net.FileListener(file)
		must(t, err)
		t.Cleanup(func() { l.Close() })
		s := &plainServer{l.(*net.TCPListener), t}
		if p := s.accept(); p.RemoteAddr().String() != filling.LocalAddr().String() {
			t.Fatalf("the first connection is from %v", p.RemoteAddr())
		}
		return s
	}
}

// An address that was passed over and answers afterwards is connected to when it is its
// turn again, and sees no connection but that.
func TestAddressThatAnswersLate(t *testing.T) {
	late, relieve := congestedServer(t)
	c := severalClient(t, []netip.AddrPort{late, fullServer(t)})
	done := startTcmd(c, number(1))
	begun(t, c, 1)
	time.Sleep(socket.FirstShare + moment) // into the attempt at the second
	l := relieve()
	p := l.accept()
	p.expect(number(1))
	p.send(`"OK"`)
	await(t, done).expect(t, `"OK"`)
	p.expectEnd()
	l.expectNobody()
}

// An address that was passed over never sees a connection when another one was chosen.
func TestAddressThatAnswersTooLate(t *testing.T) {
	late, relieve := congestedServer(t)
	s := newServer(t)
	echo(t, s)
	c := severalClient(t, []netip.AddrPort{late, s.Addr()})
	expectTcmd(t, c, number(1), number(1))

	// Linux tries each again after a second, this one after those that were given up.
	other := newClient(t, late)
	done := startTcmd(other, number(2))
	begun(t, other, 1)
	l := relieve()
	p := l.accept()
	p.expect(number(2))
	p.send(`"OK"`)
	await(t, done).expect(t, `"OK"`)
	l.expectNobody()
	expectStats(t, s, "messages_received=1")
}
