package socket_test

import (
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"libobe/internal/socket"
)

// congestedServer returns the address of a listener whose accept queue is full until
// relieve is called. relieve empties the queue and returns the listener.
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
	filling, err := net.DialTimeout("tcp", at.String(), testTimeout)
	must(t, err)
	t.Cleanup(func() { filling.Close() })
	return at, func() *plainServer {
		t.Helper()
		must(t, unix.Listen(fd, 1000))
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

// If an address did not answer in its share of the time and answers later, the client
// connects to it in its next turn, and opens no other connection to it.
func TestAddressThatAnswersLate(t *testing.T) {
	late, relieve := congestedServer(t)
	c := severalClient(t, []netip.AddrPort{late, fullServer(t)})
	done := startTcmd(c, number(1))
	begun(t, c, 1)
	time.Sleep(socket.FirstShare + moment) // in the attempt at the second
	l := relieve()
	p := l.accept()
	p.expect(number(1))
	p.send(`"OK"`)
	await(t, done).expect(t, `"OK"`)
	p.expectEnd()
	l.expectNoConnection()
}

// An address that did not answer never gets a connection if another one was used.
func TestAddressThatAnswersTooLate(t *testing.T) {
	late, relieve := congestedServer(t)
	s := newServer(t)
	echo(t, s)
	c := severalClient(t, []netip.AddrPort{late, s.Addr()})
	expectTcmd(t, c, number(1), number(1))

	// Linux tries each again after a second, this one after the abandoned ones.
	other := newClient(t, late)
	done := startTcmd(other, number(2))
	begun(t, other, 1)
	l := relieve()
	p := l.accept()
	p.expect(number(2))
	p.send(`"OK"`)
	await(t, done).expect(t, `"OK"`)
	l.expectNoConnection()
	expectStats(t, s, "messages_received=1")
}

// A client that is freed at the moment at which its connection is established still sends
// its message.
func TestFreeWhileConnecting(t *testing.T) {
	// Without Client.disconnect's precaution, one in ten connections had no message.
	const clients = 300
	at, relieve := congestedServer(t)
	var calls sync.WaitGroup
	for range clients {
		c := newClient(t, at)
		calls.Go(func() { _, _ = c.TcmdBody([]byte("1"), testTimeout) })
		begun(t, c, 1)
		// Linux tries again after a second.
		time.AfterFunc(time.Second+time.Duration(rand.IntN(12_000))*time.Microsecond, c.Free)
	}
	l := relieve()
	calls.Wait()
	for {
		must(t, l.SetDeadline(time.Now().Add(moment)))
		p, err := l.Accept()
		if err != nil {
			break
		}
		must(t, p.SetDeadline(time.Now().Add(testTimeout)))
		got, err := io.ReadAll(p)
		must(t, err)
		if string(got) != frame("1") {
			t.Errorf("a connection brought %q", got)
		}
		must(t, p.Close())
	}
}
