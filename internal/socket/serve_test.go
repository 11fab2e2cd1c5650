package socket_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"libobe/internal/socket"
)

// echoUntil serves until *stop is not 0, and echoes the messages.
func echoUntil(s *socket.Server, stop *atomic.Int32) <-chan error {
	return start(func() error {
		return s.Serve(func(m *socket.Message) { _ = m.Reply(m.Body, testTimeout) }, stop)
	})
}

func TestServeDoesNotReceiveAfterItsFlagWasSet(t *testing.T) {
	s := newServer(t)
	p := dial(t, s)
	p.send("1")
	var stop atomic.Int32
	stop.Store(-1) // any value but 0
	must(t, s.Serve(func(*socket.Message) { t.Error("a message was handled") }, &stop))
	expectReceive(t, s, "1")
	send(t, s, "11")
	p.expect("11")
}

// The flag is seen by all goroutines that serve, by those that wait for their turn too,
// while clients send without a pause or not at all.
func TestServeEndsByItsFlag(t *testing.T) {
	for _, clients := range []int{0, 1, 8} {
		for _, threads := range []int{1, 5} {
			t.Run(fmt.Sprint(clients, " clients, ", threads, " threads"), func(t *testing.T) {
				s := newServer(t)
				var stop, over atomic.Int32
				var served []<-chan error
				for range threads {
					served = append(served, echoUntil(s, &stop))
				}
				begun(t, s, threads)
				var asking sync.WaitGroup
				for range clients {
					c := newClient(t, s.Addr(), "persistent=1")
					asking.Go(func() {
						for over.Load() == 0 {
							if _, err := tcmd(c, "1"); err != nil && over.Load() == 0 {
								t.Error(err)
								return
							}
						}
					})
				}
				if clients > 0 {
					eventually(t, "clients are served", func() bool { return stat(t, s, "messages_received") > 100 })
				}
				began := time.Now()
				stop.Store(1)
				for _, ended := range served {
					must(t, await(t, ended))
				}
				if took := time.Since(began); took > soon {
					t.Errorf("Serve ended after %v", took)
				}
				// The server still works.
				stop.Store(0)
				again := echoUntil(s, &stop)
				expectTcmd(t, newClient(t, s.Addr()), "2", "2")
				over.Store(1)
				asking.Wait()
				s.Cancel()
				expectError(t, await(t, again), socket.ErrCancelled)
			})
		}
	}
}

// A message that arrives at the moment when the flag is set is handled, or stays for the
// next call.
func TestServeLosesNoMessageWhenItEnds(t *testing.T) {
	s := newServer(t)
	p := dial(t, s)
	handled := 0
	for i := range 300 {
		var stop atomic.Int32
		got := make(chan struct{}, 1)
		served := start(func() error {
			return s.Serve(func(m *socket.Message) {
				got <- struct{}{}
				_ = m.Reply(m.Body, testTimeout)
			}, &stop)
		})
		if i%3 == 0 {
			begun(t, s, 1)
		}
		sent := start(func() error { p.send(number(i)); return nil })
		stop.Store(1)
		must(t, await(t, served))
		must(t, await(t, sent))
		select {
		case <-got:
			handled++
		default:
			expectReceive(t, s, number(i))
			send(t, s, number(i))
		}
		p.expect(number(i))
	}
	t.Log(handled, "of 300 messages were handled")
}

// A handler in progress finishes.
func TestServeWaitsForItsHandlerWhenItEnds(t *testing.T) {
	s := newServer(t)
	var stop atomic.Int32
	inside, resume := make(chan struct{}), make(chan struct{})
	served := start(func() error {
		return s.Serve(func(m *socket.Message) {
			close(inside)
			<-resume
			_ = m.Reply(m.Body, testTimeout)
		}, &stop)
	})
	p := dial(t, s)
	p.send("1")
	<-inside
	stop.Store(1)
	close(resume)
	must(t, await(t, served))
	p.expect("1")
}

// A handler that takes longer than the interval does not delay the next message, and a
// large message that arrives in parts is received over several intervals.
func TestServeReceivesBetweenLooksAtItsFlag(t *testing.T) {
	s := newServer(t)
	var stop atomic.Int32
	bodies := make(chan string, 3)
	served := start(func() error {
		return s.Serve(func(m *socket.Message) {
			if bodies <- string(m.Body); string(m.Body) == "1" {
				time.Sleep(150 * time.Millisecond)
			}
		}, &stop)
	})
	p, q := dial(t, s), dial(t, s)
	p.send("1")
	q.send("2")
	if first, second := await(t, bodies), await(t, bodies); first+second != "12" && first+second != "21" {
		t.Errorf("received %s and %s", first, second)
	}
	slow := dial(t, s)
	for _, part := range []string{"00000", "00003", "[", "]", " "} {
		slow.write(part)
		time.Sleep(60 * time.Millisecond) // so that the parts take several intervals
	}
	if got := await(t, bodies); got != "[] " {
		t.Errorf("received %q", got)
	}
	stop.Store(1)
	must(t, await(t, served))
}

// The memory of a released message is used again; that of any other one is not. The bodies
// are smaller and larger than the memory that is kept.
func TestServeUsesTheMemoryOfReleasedMessagesAgain(t *testing.T) {
	s := newServer(t)
	var mu sync.Mutex
	kept := map[*socket.Message]string{}
	released := map[*socket.Message]int{}
	handler := func(m *socket.Message) {
		_ = m.Reply(m.Body, testTimeout)
		mu.Lock()
		defer mu.Unlock()
		if len(m.Body)%7 == 0 {
			kept[m] = string(m.Body)
			return
		}
		released[m]++
		m.Release()
	}
	var stop atomic.Int32
	var served []<-chan error
	for range 3 {
		served = append(served, start(func() error { return s.Serve(handler, &stop) }))
	}
	var asking sync.WaitGroup
	for i := range 4 {
		c := newClient(t, s.Addr(), "persistent=1")
		asking.Go(func() {
			for n := range 300 {
				body := `"` + strings.Repeat(string(rune('a'+(i+n)%26)), (i*31+n*37)%9000) + `"`
				if got, err := tcmd(c, body); err != nil || got != body {
					t.Errorf("%.20q… of %d bytes was answered %.20q… of %d: %v", body, len(body), got, len(got), err)
					return
				}
			}
		})
	}
	asking.Wait()
	stop.Store(1)
	for _, ended := range served {
		must(t, await(t, ended))
	}
	if len(kept) == 0 || len(released) > 600 {
		t.Errorf("%d messages were kept, and %d had memory that was released", len(kept), len(released))
	}
	for m, body := range kept {
		if string(m.Body) != body {
			t.Errorf("a message that was not released has changed: %.20q… was %.20q…", m.Body, body)
		}
	}
}

// The memory of a message that Await has returned is not used again: its caller compares it
// with the next one.
func TestAwaitReturnsAnotherMessageEachTime(t *testing.T) {
	s := newServer(t)
	p := dial(t, s)
	seen := map[*socket.Message]int{}
	for i := range 4 {
		p.send(number(i))
		if i%2 == 1 { // Await returns what Receive has kept
			_, err := s.Receive(nil, testTimeout)
			expectError(t, err, socket.ErrBuffer)
		}
		m, err := s.Await(testTimeout)
		must(t, err)
		if before, known := seen[m]; known {
			t.Errorf("message %d is the same as message %d", i, before)
		}
		seen[m] = i
		expectReceive(t, s, number(i))
		send(t, s, number(i))
		p.expect(number(i))
	}
}

// An exchange of a server allocates nothing: neither for a handler that releases its
// messages, nor in a loop of Receive and Send.
func TestServedExchangeAllocatesNothing(t *testing.T) {
	reply, command := []byte("[2]"), []byte(frame("[1]"))
	buffer, dst := make([]byte, len(command)), make([]byte, 100)
	for name, loop := range map[string]func(*socket.Server) error{
		"Serve": func(s *socket.Server) error {
			return s.Serve(func(m *socket.Message) {
				_ = m.Reply(reply, testTimeout)
				m.Release()
			}, nil)
		},
		"Receive and Send": func(s *socket.Server) error {
			for {
				if _, err := s.Receive(dst, testTimeout); err != nil {
					return err
				}
				if err := s.Send(reply, testTimeout); err != nil {
					return err
				}
			}
		},
	} {
		s := newServer(t)
		looping := start(func() error { return loop(s) })
		conn, err := net.Dial("tcp", s.Name())
		must(t, err)
		exchange := func() {
			if _, err := conn.Write(command); err != nil {
				t.Error(err)
			}
			if _, err := io.ReadFull(conn, buffer); err != nil {
				t.Error(err)
			}
		}
		exchange()
		exchange()
		most := 0.0
		if runtime.GOOS == "windows" {
			most = 2 // of the wait for a message there
		}
		if n := testing.AllocsPerRun(500, exchange); n > most {
			t.Errorf("%s: %v allocations for each exchange", name, n)
		}
		must(t, conn.Close())
		s.Free()
		expectError(t, await(t, looping), socket.ErrClosed)
	}
}

// Cancel and Free end Serve with their errors, whatever the flag is.
func TestServeWithAFlagIsInterrupted(t *testing.T) {
	for _, end := range []struct {
		name string
		do   func(*socket.Server)
		want error
	}{
		{"Cancel", (*socket.Server).Cancel, socket.ErrCancelled},
		{"Close", func(s *socket.Server) { _ = s.Close() }, socket.ErrClosed},
		{"Free", (*socket.Server).Free, socket.ErrClosed},
	} {
		s := newServer(t)
		var stop atomic.Int32
		served := []<-chan error{echoUntil(s, &stop), echoUntil(s, &stop)}
		begun(t, s, 2)
		end.do(s)
		for _, ended := range served {
			expectError(t, await(t, ended), end.want)
		}
		inside := start(func() error {
			return s.Serve(func(*socket.Message) { end.do(s) }, &stop)
		})
		if end.name == "Free" {
			expectError(t, await(t, inside), socket.ErrClosed)
			continue
		}
		dial(t, s).send("1")
		if err := await(t, inside); !errors.Is(err, end.want) {
			t.Errorf("%s in the handler: %v", end.name, err)
		}
	}
}

// A flag costs hardly any time while no message arrives.
func TestServeWithAFlagIsIdle(t *testing.T) {
	s := newServer(t)
	dial(t, s)
	var stop atomic.Int32
	served := []<-chan error{echoUntil(s, &stop), echoUntil(s, &stop)}
	begun(t, s, 2)
	expectIdle(t, func() { time.Sleep(50 * moment) })
	stop.Store(1)
	for _, ended := range served {
		must(t, await(t, ended))
	}
}
