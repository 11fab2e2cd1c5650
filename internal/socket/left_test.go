package socket_test

import (
	"errors"
	"fmt"
	"testing"

	"libobe/internal/socket"
)

// leave lets a client send a message, which a thread receives and does not answer, and close.
// It returns when the server has seen that.
func leave(t *testing.T, s *socket.Server, a *actor, body string) {
	t.Helper()
	left := s.LeftUnanswered()
	p := dial(t, s)
	p.send(body)
	do(t, a, a.receives).expect(t, body)
	must(t, p.Close())
	attend(t, s, "the client has closed", func() bool { return s.LeftUnanswered() == left+1 })
}

// A client that has closed may still wait for its reply, until the thread that received its
// message receives another one.
func TestUnansweredClientThatLeft(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, s *socket.Server, a *actor){
		"another message": func(t *testing.T, s *socket.Server, a *actor) {
			p := dial(t, s)
			p.send("2")
			do(t, a, a.receives).expect(t, "2")
			must(t, do(t, a, func() error { return s.Send([]byte("22"), testTimeout) }))
			p.expect("22")
			must(t, p.Close())
			attendUntil(t, s, "connections_open", 0)
		},
		"one_way": func(t *testing.T, s *socket.Server, _ *actor) { set(t, s, "one_way=1") },
		"close":   func(t *testing.T, s *socket.Server, a *actor) { must(t, do(t, a, s.Close)) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			a := newActor(t, s)
			defer close(a.work)
			leave(t, s, a, "1")
			expectStats(t, s, "connections_open=1")
			end(t, s, a)
			expectStats(t, s, "connections_open=0")
			if open, _ := s.Remembered(); open > 0 {
				t.Errorf("%d messages are remembered", open)
			}
		})
	}
}

// However many clients have left without a reply, there is room for others.
func TestUnansweredClientsThatLeftMakeRoom(t *testing.T) {
	const threads = 5 // more than max_connections
	for name, receive := range map[string]func(t *testing.T, s *socket.Server, a *actor){
		"Receive": func(*testing.T, *socket.Server, *actor) {},
		"Await": func(t *testing.T, s *socket.Server, _ *actor) {
			_, err := s.Await(testTimeout)
			must(t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, "max_connections=2")
			var actors [threads]*actor
			for i := range actors {
				actors[i] = newActor(t, s)
				defer close(actors[i].work)
			}
			for i, a := range actors {
				leave(t, s, a, number(i))
			}
			expectStats(t, s, fmt.Sprint("connections_open=", threads))
			a := actors[0]
			talk := func(p *plain) {
				t.Helper()
				p.send("1")
				receive(t, s, a)
				do(t, a, a.receives).expect(t, "1")
				must(t, do(t, a, func() error { return s.Send([]byte("11"), testTimeout) }))
				p.expect("11")
			}
			first, second := dial(t, s), dial(t, s)
			talk(first)
			talk(second)
			first.expectOpen()
			// The limit holds for the others.
			talk(dial(t, s))
			first.expectEnd()
			second.expectOpen()
			// The thread that has received since has ended one connection.
			expectStats(t, s, fmt.Sprint("connections_open=", threads-1+2), "evicted=1")
		})
	}
}

// The same for a loop that passes its message to ReceiveAfter.
func TestUnansweredClientOfOneLoopMakesRoom(t *testing.T) {
	for _, awaits := range []bool{false, true} {
		t.Run(fmt.Sprint("awaits=", awaits), func(t *testing.T) {
			s := newServer(t, "max_connections=1")
			var last *socket.Message
			for i := range 3 {
				p := dial(t, s)
				p.send(number(i))
				if awaits {
					_, err := s.Await(testTimeout)
					must(t, err)
				}
				m, err := s.ReceiveAfter(last, testTimeout)
				must(t, err)
				if last = m; string(m.Body) != number(i) {
					t.Fatalf("received %q", m.Body)
				}
				must(t, p.Close())
				attend(t, s, "the client has closed", func() bool { return s.LeftUnanswered() == 1 })
				expectStats(t, s, "connections_open=1")
			}
		})
	}
}

// cancelReply lets a thread answer the message 1, calls f while it does, and cancels it.
func cancelReply(t *testing.T, s *socket.Server, a *actor, f func()) {
	t.Helper()
	do(t, a, a.receives).expect(t, "1")
	waiting, release := s.HoldReplies()
	defer release()
	sending := begin(a, func() error { return s.Send([]byte("11"), testTimeout) })
	eventually(t, "the reply waits", func() bool { return waiting() == 1 })
	f()
	s.Cancel()
	if err := await(t, sending); !errors.Is(err, socket.ErrCancelled) {
		t.Fatalf("got error %v, want ErrCancelled", err)
	}
}

// A message needs no reply if the option one_way was set while one was being sent that failed.
// A further attempt is possible.
func TestOneWayIsSetDuringAReplyThatFails(t *testing.T) {
	for _, again := range []bool{false, true} {
		t.Run(fmt.Sprint("again=", again), func(t *testing.T) {
			s := newServer(t)
			a := newActor(t, s)
			defer close(a.work)
			p := dial(t, s)
			p.send("1")
			cancelReply(t, s, a, func() { set(t, s, "one_way=1") })
			if again {
				must(t, do(t, a, func() error { return s.Send([]byte("11"), testTimeout) }))
				p.expect("11")
			}
			must(t, p.Close())
			attendUntil(t, s, "connections_open", 0)
		})
	}
}

// A message is forgotten with its connection, also if it was not the last one.
func TestEarlierMessageIsForgottenWithItsConnection(t *testing.T) {
	s := newServer(t)
	p := dial(t, s)
	p.send("1")
	a := newActor(t, s)
	defer close(a.work)
	cancelReply(t, s, a, func() {
		set(t, s, "one_way=1")
		p.send("2")
		expectReceive(t, s, "2")
		set(t, s, "one_way=0")
	})
	p.reset()
	attendUntil(t, s, "connections_open", 0)
	if open, _ := s.Remembered(); open > 0 {
		t.Errorf("%d messages are remembered", open)
	}
}
