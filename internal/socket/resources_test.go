package socket_test

import (
	"errors"
	"net"
	"net/netip"
	"runtime"
	"syscall"
	"testing"
	"time"

	"libobe/internal/socket"
	"libobe/internal/systemtest"
)

// expectNothingLeft runs a function and checks that it leaves neither
// descriptors nor goroutines behind.
func expectNothingLeft(t *testing.T, f func()) {
	t.Helper()
	// What earlier tests left behind ends by itself, including servers that drain.
	settle(t)
	before := openNow(t)
	f()
	for end := time.Now().Add(testTimeout); ; time.Sleep(time.Millisecond) {
		after := openNow(t)
		if after.descriptors <= before.descriptors && after.goroutines <= before.goroutines {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("open were before %+v, and are after it %+v", before, after)
		}
	}
}

type counts struct{ descriptors, goroutines int }

func openNow(t *testing.T) counts { return counts{systemtest.Descriptors(t), runtime.NumGoroutine()} }

// settle waits until the counts have not changed for a while.
func settle(t *testing.T) {
	t.Helper()
	last, since := counts{}, time.Now()
	for time.Since(since) < 2*moment {
		if now := openNow(t); now != last {
			last, since = now, time.Now()
		}
		time.Sleep(time.Millisecond)
	}
}

func TestThousandCommandsLeaveNothingBehind(t *testing.T) {
	s := newServer(t)
	echo(t, s)
	for _, persistent := range []string{"persistent=0", "persistent=1"} {
		// What a server allocates once and keeps is allocated at its first message.
		expectTcmd(t, newClient(t, s.Addr()), "1", "1")
		expectNothingLeft(t, func() {
			c := newClient(t, s.Addr(), persistent)
			for i := range 1000 {
				expectTcmd(t, c, number(i), number(i))
			}
			c.Free()
			eventually(t, "the server has seen it leave", func() bool { return stat(t, s, "connections_open") == 0 })
		})
	}
}

func TestFailuresLeaveNothingBehind(t *testing.T) {
	silent, full, noServer := listen(t), fullServer(t), vacant(t)
	expectNothingLeft(t, func() {
		for i := range 20 {
			for _, at := range []netip.AddrPort{silent.at(), full, noServer} {
				c := newClient(t, at)
				if _, err := c.TcmdBody([]byte("1"), time.Millisecond); err == nil {
					t.Error("a command was answered without a server")
				}
				if i%2 == 0 {
					// Calls that are woken leave nothing behind either.
					done := waitReady(c)
					begun(t, c, 1)
					c.Free()
					expectError(t, await(t, done), socket.ErrClosed)
				}
				c.Free()
			}
		}
	})
}

func TestFreedServersLeaveNothingBehind(t *testing.T) {
	expectNothingLeft(t, func() {
		for range 20 {
			s, err := socket.NewServer("", 0)
			must(t, err)
			done := startReceive(s)
			p, err := net.Dial("tcp", s.Addr().String())
			must(t, err)
			_, err = p.Write([]byte(frame("1")))
			must(t, err)
			await(t, done).expect(t, "1")
			done = startReceive(s)
			begun(t, s, 1)
			s.Free()
			expectError(t, await(t, done).err, socket.ErrClosed)
			must(t, p.Close())
		}
	})
}

func TestFreeingAServerFreesItsPort(t *testing.T) {
	s := newServer(t)
	port := int(s.Addr().Port())
	for i := range 10 {
		// When the server is freed, a client with its reply, one that waits for it, one
		// inside a message and a silent one are connected.
		answered, waiting, midway := dial(t, s), dial(t, s), dial(t, s)
		dial(t, s)
		answered.send(number(i))
		expectReceive(t, s, number(i))
		send(t, s, `"OK"`)
		answered.expect(`"OK"`)
		midway.write("00000")
		waiting.send("1")
		expectReceive(t, s, "1")
		s.Free()
		if c, err := net.DialTimeout("tcp", s.Addr().String(), testTimeout); err == nil {
			c.Close()
			t.Fatal("a freed server still accepts connections")
		}
		began := time.Now()
		waiting.expectEnd()
		midway.expectGone()
		if took := time.Since(began); took > socket.DrainTimeout/2 {
			t.Errorf("clients that wait for nothing were dismissed after %v", took)
		}
		var err error
		s, err = socket.NewServer("", port)
		must(t, err)
		t.Cleanup(s.Free)
	}
}

// A Python server does not set SO_REUSEADDR, so that the connections of a server before it
// must have been closed by their clients.
func TestFreedServerLeavesThePortToOthers(t *testing.T) {
	s := newServer(t)
	c := newClient(t, s.Addr(), "persistent=1")
	done := startTcmd(c, "1")
	expectReceive(t, s, "1")
	send(t, s, "1")
	await(t, done).expect(t, "1")
	s.Free()
	must(t, c.Close())
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	must(t, err)
	defer systemtest.Close(fd)
	eventually(t, "a server that does not reuse ports can bind", func() bool {
		err := syscall.Bind(fd, &syscall.SockaddrInet4{Port: int(s.Addr().Port()), Addr: s.Addr().Addr().As4()})
		if err != nil && !errors.Is(err, systemtest.ErrInUse) {
			t.Fatal(err)
		}
		return err == nil
	})
}

// A freed server waits for clients that stay, but not forever.
func TestDrainEnds(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	p := dial(t, s)
	p.send("1")
	expectReceive(t, s, "1")
	send(t, s, "1")
	p.expect("1")
	s.Free()
	p.expectOpen()
	p.expectEnd()
}

// No lasting state keeps a waiting server busy.
func TestWaitingServerIsIdle(t *testing.T) {
	s := newServer(t)
	half, midway, held := dial(t, s), dial(t, s), dial(t, s)
	dial(t, s)
	half.send("1")
	must(t, half.CloseWrite())
	first := expectMessage(t, s, "1")
	held.send("2")
	second := expectMessage(t, s, "2")
	midway.write("00000")
	expectIdle(t, func() {
		_, err := s.Receive(nil, 10*moment)
		expectError(t, err, socket.ErrTimeout)
	})
	reply(t, first, "11")
	half.expect("11")
	reply(t, second, "22")
	held.expect("22")
}

// expectIdle checks that a function uses hardly any CPU time.
func expectIdle(t *testing.T, f func()) {
	t.Helper()
	used, began := systemtest.CPUTime(t), time.Now()
	f()
	used, took := systemtest.CPUTime(t)-used, time.Since(began)
	if used > took/2 {
		t.Errorf("%v of CPU time were used in %v", used, took)
	}
}
