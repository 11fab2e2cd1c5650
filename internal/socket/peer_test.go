package socket_test

import (
	"sync/atomic"
	"testing"

	"libobe/internal/socket"
)

// peerOf returns the property peer of a server, read on an actor's thread.
func peerOf(t *testing.T, a *actor) string {
	t.Helper()
	peer := do(t, a, func() string {
		peer, err := a.s.Option("peer")
		if err != nil {
			return err.Error()
		}
		return peer
	})
	return peer
}

func expectPeer(t *testing.T, a *actor, want string) {
	t.Helper()
	if got := peerOf(t, a); got != want {
		t.Errorf("the peer is %q, want %q", got, want)
	}
}

// receivesMessage receives a message on the actor's thread with ReceiveMessage.
func (a *actor) receivesMessage(t *testing.T, want string) *socket.Message {
	t.Helper()
	m := do(t, a, func() *socket.Message {
		m, err := a.s.ReceiveMessage(testTimeout)
		if err != nil {
			t.Error(err)
		}
		return m
	})
	if m == nil || string(m.Body) != want {
		t.Fatalf("received %+v, want %s", m, want)
	}
	return m
}

// The property peer is the client whose message the thread received, by any function.
func TestPeerOfEachReceivingFunction(t *testing.T) {
	s := newServer(t)
	a, p, q := newActor(t, s), dial(t, s), dial(t, s)
	expectPeer(t, a, "")

	p.send("1")
	m := a.receivesMessage(t, "1")
	expectPeer(t, a, p.LocalAddr().String())
	must(t, m.Reply([]byte("11"), testTimeout))
	p.expect("11")
	expectPeer(t, a, p.LocalAddr().String())

	q.send("2")
	do(t, a, a.receives).expect(t, "2")
	expectPeer(t, a, q.LocalAddr().String())
	must(t, do(t, a, func() error { return s.Send([]byte("22"), testTimeout) }))
	q.expect("22")
	expectPeer(t, a, q.LocalAddr().String())

	p.send("3")
	m = a.receivesMessage(t, "3")
	expectPeer(t, a, p.LocalAddr().String())
	must(t, m.Reply([]byte("33"), testTimeout))
	p.expect("33")
	// One more message goes to the client that Send answered last, as ever.
	must(t, do(t, a, func() error { return s.Send([]byte("222"), testTimeout) }))
	q.expect("222")

	q.send("4")
	served := do(t, a, func() error {
		var stop atomic.Int32
		return s.Serve(func(m *socket.Message) {
			if got, err := s.Option("peer"); got != q.LocalAddr().String() || got != m.Peer() || err != nil {
				t.Errorf("in a handler the peer is %q (%v), and that of the message %q; want %s", got, err, m.Peer(), q.LocalAddr())
			}
			if err := m.Reply([]byte("44"), testTimeout); err != nil {
				t.Error(err)
			}
			stop.Store(1)
		}, &stop)
	})
	must(t, served)
	q.expect("44")

	q.reset()
	eventually(t, "the server sees that the client has left", func() bool {
		_, err := s.ReceiveMessage(0)
		expectError(t, err, socket.ErrTimeout)
		return stat(t, s, "connections_open") == 1
	})
	expectPeer(t, a, "")
}

// Each of several threads has its own peer.
func TestPeerOfEachThread(t *testing.T) {
	for name, several := range map[string]bool{"one after the other": false, "at the same time": true} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			a, b, idle := newActor(t, s), newActor(t, s), newActor(t, s)
			p, q := dial(t, s), dial(t, s)
			if several {
				for _, x := range []*actor{a, b} {
					// Two calls at once show the server that it has several loops.
					inFlight := s.InFlight()
					begun := begin(x, x.receives)
					eventually(t, "the call has begun", func() bool { return s.InFlight() > inFlight })
					defer func() { await(t, begun) }()
				}
				s.Cancel()
				eventually(t, "the calls have ended", func() bool { return s.InFlight() == 0 })
			}
			p.send("1")
			m := a.receivesMessage(t, "1")
			q.send("2")
			n := b.receivesMessage(t, "2")
			expectPeer(t, a, p.LocalAddr().String())
			expectPeer(t, b, q.LocalAddr().String())
			must(t, n.Reply([]byte("22"), testTimeout))
			must(t, m.Reply([]byte("11"), testTimeout))
			latest := q.LocalAddr().String()
			expectPeer(t, b, latest)
			if several {
				expectPeer(t, a, p.LocalAddr().String())
				expectPeer(t, idle, "")
			} else {
				// The calls look like those of one loop that changes threads.
				expectPeer(t, a, latest)
				expectPeer(t, idle, latest)
			}
		})
	}
}

// A message knows its client also after that has left, and after the server was freed.
func TestPeerOfAMessageStays(t *testing.T) {
	s := newServer(t)
	p := dial(t, s)
	p.send("1")
	m, err := s.ReceiveMessage(testTimeout)
	must(t, err)
	want := p.LocalAddr().String()
	p.reset()
	if got := m.Peer(); got != want {
		t.Errorf("the peer is %q, want %q", got, want)
	}
	s.Free()
	if got := m.Peer(); got != want {
		t.Errorf("after the server was freed the peer is %q, want %q", got, want)
	}
}

// A client has the same address for a server that listens on all addresses of both
// versions of IP.
func TestPeerOfBothVersions(t *testing.T) {
	s, err := socket.NewServer("::", 0)
	if err != nil {
		t.Skip("this machine has no IPv6: ", err)
	}
	t.Cleanup(s.Free)
	c, err := socket.NewClient("127.0.0.1", int(s.Addr().Port()))
	must(t, err)
	t.Cleanup(c.Free)
	must(t, c.Send([]byte("1"), testTimeout))
	m, err := s.ReceiveMessage(testTimeout)
	must(t, err)
	local, err := c.Option("local")
	must(t, err)
	peer, err := s.Option("peer")
	must(t, err)
	if m.Peer() != local || peer != local {
		t.Errorf("the peer is %s, and the property %s; want %s", m.Peer(), peer, local)
	}
}

// A server remembers no more threads than it has to.
func TestPeersOfManyThreads(t *testing.T) {
	s := newServer(t, "one_way=1")
	p := dial(t, s)
	for i := range socket.MaxPast + 10 {
		a := newActor(t, s)
		p.send(number(i))
		a.receivesMessage(t, number(i)).Drop()
		close(a.work)
	}
	if n := s.RememberedSenders(); n > socket.MaxPast {
		t.Errorf("%d threads are remembered", n)
	}
}
