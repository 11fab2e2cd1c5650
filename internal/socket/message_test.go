package socket_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"libobe/internal/jsondoc"
	"libobe/internal/socket"
	"libobe/internal/transport"
)

func TestMessagesAreAnsweredInAnyOrder(t *testing.T) {
	const clients = 8
	s := newServer(t)
	peers := make([]*plain, clients)
	messages := make([]*socket.Message, clients)
	for i := range clients {
		peers[i] = dial(t, s)
		peers[i].send(number(i))
		messages[i] = expectMessage(t, s, number(i))
	}
	for _, i := range rand.New(rand.NewPCG(1, 2)).Perm(clients) {
		peers[i].expectOpen()
		reply(t, messages[i], number(-i))
		peers[i].expect(number(-i))
	}
	expectStats(t, s, "connections_open=8", "messages_sent=8")
}

func TestMessagesAreAnsweredFromSeveralGoroutines(t *testing.T) {
	const clients = 50
	s := newServer(t)
	peers := make([]*plain, clients)
	for i := range clients {
		peers[i] = dial(t, s)
		// Two on each connection, whose replies must not be mixed up.
		peers[i].write(frame(number(i)) + frame(number(-i)))
	}
	var all sync.WaitGroup
	for range 2 * clients {
		m := receiveMessage(t, s)
		all.Go(func() {
			if err := m.Reply(m.Body, testTimeout); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for i, p := range peers {
		p.expect(number(i))
		p.expect(number(-i))
	}
}

func TestMessageIsAnsweredOnce(t *testing.T) {
	s := newServer(t)
	p := dial(t, s)
	p.send("1")
	m := expectMessage(t, s, "1")
	var syntax *jsondoc.SyntaxError
	if err := m.Reply([]byte("{"), testTimeout); !errors.As(err, &syntax) {
		t.Errorf("half a text as a reply: %v", err)
	}
	// A reply that failed may be tried again.
	reply(t, m, `"OK"`)
	expectError(t, m.Reply([]byte(`"again"`), testTimeout), socket.ErrState)
	m.Drop()
	m.Drop()
	expectError(t, m.Reply([]byte(`"again"`), testTimeout), socket.ErrState)
	p.expect(`"OK"`)
	p.expectOpen()
}

func TestMessageIsAnsweredOnceBySeveralGoroutines(t *testing.T) {
	s := newServer(t)
	p := dial(t, s)
	for range 20 {
		p.send("1")
		m := expectMessage(t, s, "1")
		var all sync.WaitGroup
		var answered atomic.Int32
		for range 4 {
			all.Go(func() {
				switch err := m.Reply([]byte(`"OK"`), testTimeout); {
				case err == nil:
					answered.Add(1)
				case !errors.Is(err, socket.ErrState):
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := answered.Load(); n != 1 {
			t.Errorf("answered %d times", n)
		}
		p.expect(`"OK"`)
	}
	p.expectOpen()
}

func TestDroppedMessageClosesItsConnectionAtTheNext(t *testing.T) {
	s := newServer(t)
	p, q := dial(t, s), dial(t, s)
	p.send("1")
	m := expectMessage(t, s, "1")
	// While it is held, it can still be answered.
	q.send("2")
	reply(t, expectMessage(t, s, "2"), "22")
	q.expect("22")
	p.expectOpen()
	m.Drop()
	expectError(t, m.Reply([]byte("11"), testTimeout), socket.ErrState)
	p.expectOpen()
	q.send("3")
	reply(t, expectMessage(t, s, "3"), "33")
	q.expect("33")
	p.expectEnd()
	expectStats(t, s, "connections_open=1", "dropped_unanswered=1")
}

func TestDroppedMessageDoesNotCloseAConnectionWithAnother(t *testing.T) {
	s := newServer(t)
	p, q := dial(t, s), dial(t, s)
	p.write(frame("1") + frame("2"))
	expectMessage(t, s, "1").Drop()
	second := expectMessage(t, s, "2")
	q.send("3")
	reply(t, expectMessage(t, s, "3"), "33")
	q.expect("33")
	reply(t, second, "22")
	p.expect("22")
}

func TestReplyAfterTheClientLeft(t *testing.T) {
	s := newServer(t)
	for _, c := range []struct {
		name string
		seen bool // the server has seen it leave
		want error
	}{
		{"seen", true, socket.ErrPeerClosed},
		{"unseen", false, transport.ErrReset},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := dial(t, s)
			p.send("1")
			m := expectMessage(t, s, "1")
			p.reset()
			if c.seen {
				attendUntil(t, s, "dropped_reset", 1)
			}
			expectError(t, m.Reply([]byte(`"late"`), testTimeout), c.want)
			m.Drop()
			// The server continues.
			q := dial(t, s)
			q.send("2")
			reply(t, expectMessage(t, s, "2"), "22")
			q.expect("22")
		})
	}
	attendUntil(t, s, "connections_open", 0)
}

func TestReplyToAClientThatClosed(t *testing.T) {
	s := newServer(t)
	p := dial(t, s)
	p.send("1")
	m := expectMessage(t, s, "1")
	must(t, p.Close())
	_, err := s.Receive(nil, moment)
	expectError(t, err, socket.ErrTimeout)
	// The system cannot distinguish a client that closed from one that still reads. So the
	// reply may succeed or fail, but must return at once.
	if err := m.Reply([]byte(`"late"`), testTimeout); err != nil && !errors.Is(err, transport.ErrReset) {
		t.Errorf("reply to a client that closed: %v", err)
	}
	m.Drop()
	attendUntil(t, s, "connections_open", 0)
}

func TestReplyThatIsCancelledMayBeTriedAgain(t *testing.T) {
	s := newServer(t, "one_way=1") // otherwise the second would be received when the first is answered
	p := dial(t, s)
	must(t, p.SetReadBuffer(narrow))
	p.write(frame("1") + frame("2"))
	first, second := expectMessage(t, s, "1"), expectMessage(t, s, "2")
	// The first reply holds the connection; the second waits for it.
	held := start(func() error { return first.Reply([]byte(long), testTimeout) })
	eventually(t, "the first reply is in progress", p.readable)
	waiting := start(func() error { return second.Reply([]byte("22"), testTimeout) })
	begun(t, s, 2)
	s.Cancel()
	expectError(t, await(t, held), socket.ErrCancelled)
	if err := await(t, waiting); !errors.Is(err, socket.ErrCancelled) {
		t.Errorf("the reply that waited: %v", err)
	}
	// Half a frame was sent on the connection, so that it can no longer be answered.
	if err := second.Reply([]byte("22"), testTimeout); err == nil {
		t.Error("a reply was sent behind half a frame")
	}
	first.Drop()
	second.Drop()
	expectStats(t, s, "connections_open=0", "dropped_unread=1")
}

func TestDropWhileAReplyIsInProgress(t *testing.T) {
	s := newServer(t)
	p := dial(t, s)
	must(t, p.SetReadBuffer(narrow))
	p.send("1")
	m := expectMessage(t, s, "1")
	done := start(func() error { return m.Reply([]byte(long), testTimeout) })
	eventually(t, "the reply is in progress", p.readable)
	m.Drop()
	select {
	case err := <-done:
		t.Fatalf("Drop ended the reply: %v", err)
	case <-time.After(moment):
	}
	s.Cancel()
	expectError(t, await(t, done), socket.ErrCancelled)
	// After the reply has failed, the message is dropped.
	expectError(t, m.Reply([]byte("1"), testTimeout), socket.ErrState)
	m.Drop()
	expectStats(t, s, "connections_open=0", "dropped_unread=1")
}

func TestServe(t *testing.T) {
	s := newServer(t)
	var stop atomic.Int32
	served := start(func() error {
		return s.Serve(func(m *socket.Message) {
			switch string(m.Body) {
			case `"unknown"`:
				return
			case `"done"`:
				_ = m.Reply([]byte(`"bye"`), testTimeout)
				stop.Store(1)
				return
			}
			_ = m.Reply(m.Body, testTimeout)
		}, &stop)
	})
	p, q := dial(t, s), dial(t, s)
	p.send("1")
	p.expect("1")
	// What the handler leaves unanswered is dropped.
	p.send(`"unknown"`)
	eventually(t, "it is received", func() bool { return stat(t, s, "messages_received") == 2 })
	q.send("2")
	q.expect("2")
	p.expectEnd()
	q.send(`"done"`)
	q.expect(`"bye"`)
	must(t, await(t, served))
	// The server still works.
	q.send("3")
	expectReceive(t, s, "3")
	send(t, s, "33")
	q.expect("33")
}

// A handler may end all Serve calls, including its own.
func TestServeIsCancelledInsideTheHandler(t *testing.T) {
	s := newServer(t)
	served := start(func() error {
		return s.Serve(func(m *socket.Message) {
			_ = m.Reply([]byte(`"bye"`), testTimeout)
			s.Cancel()
		}, nil)
	})
	p := dial(t, s)
	p.send("1")
	p.expect(`"bye"`)
	expectError(t, await(t, served), socket.ErrCancelled)
}

func TestServeDropsTheMessageOfAHandlerThatPanics(t *testing.T) {
	s := newServer(t)
	served := start(func() (caught any) {
		defer func() { caught = recover() }()
		return s.Serve(func(*socket.Message) { panic("oops") }, nil)
	})
	p, q := dial(t, s), dial(t, s)
	p.send("1")
	if caught := await(t, served); caught != "oops" {
		t.Fatalf("Serve ended with %v", caught)
	}
	q.send("2")
	expectReceive(t, s, "2")
	p.expectEnd()
}

// Several goroutines receive from one server, with short timeouts and while calls are
// cancelled. Each message of the clients is received once and answered.
func TestSeveralReceiversUnderLoad(t *testing.T) {
	const receivers, clients, commands = 6, 6, 60
	s := newServer(t)
	taken := make([]atomic.Int32, clients*commands)
	over := make(chan struct{})
	var serving sync.WaitGroup
	for g := range receivers {
		random := rand.New(rand.NewPCG(uint64(g), 3))
		serving.Go(func() {
			for {
				m, err := s.ReceiveMessage(time.Duration(random.IntN(3)) * time.Millisecond)
				switch {
				case err == nil:
					answerCounted(t, m, taken)
				case errors.Is(err, socket.ErrClosed):
					return
				case !errors.Is(err, socket.ErrTimeout) && !errors.Is(err, socket.ErrCancelled):
					t.Error(err)
				}
			}
		})
	}
	serving.Go(func() {
		received := func() int64 { return stat(t, s, "messages_received") }
		disturb(over, 200*time.Microsecond, received, s.Cancel)
	})
	var asking sync.WaitGroup
	for g := range clients {
		c := newClient(t, s.Addr(), fmt.Sprint("persistent=", g%2))
		asking.Go(func() {
			for i := range commands {
				body := number(g*commands + i)
				if got, err := tcmd(c, body); err != nil || got != body {
					t.Errorf("%s was answered %q, %v", body, got, err)
				}
			}
		})
	}
	asking.Wait()
	close(over)
	for i := range taken {
		if n := taken[i].Load(); n != 1 {
			t.Errorf("message %d was received %d times", i, n)
		}
	}
	eventually(t, "all replies are counted", func() bool { return stat(t, s, "messages_sent") == clients*commands })
	expectStats(t, s, fmt.Sprint("messages_received=", clients*commands))
	s.Free()
	serving.Wait()
}

// answerCounted answers a message of number with itself, in spite of Cancel.
func answerCounted(t *testing.T, m *socket.Message, taken []atomic.Int32) {
	var i int
	if _, err := fmt.Sscanf(string(m.Body), `{"n": %d}`, &i); err != nil {
		t.Errorf("received %q", m.Body)
		return
	}
	taken[i].Add(1)
	err := m.Reply(m.Body, testTimeout)
	for errors.Is(err, socket.ErrCancelled) {
		err = m.Reply(m.Body, testTimeout)
	}
	if err != nil {
		t.Error(err)
	}
	m.Drop()
}

// The same for reports that are received with Receive, occasionally with a buffer that is
// too small: another call receives the kept message.
func TestSeveralReceiversOfReports(t *testing.T) {
	const receivers, clients, reports = 6, 6, 200
	s := newServer(t, "one_way=1")
	taken := make([]atomic.Int32, clients*reports)
	var left atomic.Int32
	left.Store(clients * reports)
	done := make(chan struct{})
	var receiving sync.WaitGroup
	for g := range receivers {
		random := rand.New(rand.NewPCG(uint64(g), 4))
		receiving.Go(func() {
			for {
				dst := make([]byte, random.IntN(3)*50)
				n, err := s.Receive(dst, time.Duration(random.IntN(20)-1)*time.Millisecond)
				switch {
				case err == nil:
					var i int
					if _, err := fmt.Sscanf(string(dst[:n]), `{"n": %d}`, &i); err != nil {
						t.Errorf("received %q", dst[:n])
						continue
					}
					taken[i].Add(1)
					if left.Add(-1) == 0 {
						close(done)
					}
				case errors.Is(err, socket.ErrClosed):
					return
				case !errors.Is(err, socket.ErrTimeout) && !errors.Is(err, socket.ErrBuffer):
					t.Error(err)
				}
			}
		})
	}
	var reporting sync.WaitGroup
	for g := range clients {
		c := newClient(t, s.Addr(), fmt.Sprint("persistent=", g%2))
		reporting.Go(func() {
			for i := range reports {
				if err := c.Send([]byte(number(g*reports+i)), testTimeout); err != nil {
					t.Error(err)
				}
			}
		})
	}
	reporting.Wait()
	await(t, done)
	for i := range taken {
		if n := taken[i].Load(); n != 1 {
			t.Errorf("report %d was received %d times", i, n)
		}
	}
	s.Free()
	receiving.Wait()
}

// A server reads into the buffer of the receiving call. However that call ends, the
// buffer then belongs to the caller alone.
func TestReceiversBufferIsItsOwnAfterTheCall(t *testing.T) {
	body := `"` + strings.Repeat("large ", 50_000) + `"`
	whole := frame(body)
	for name, end := range map[string]func(t *testing.T, s *socket.Server, dst []byte){
		"timeout": func(t *testing.T, s *socket.Server, dst []byte) {
			_, err := s.Receive(dst, short)
			expectError(t, err, socket.ErrTimeout)
		},
		"cancel": func(t *testing.T, s *socket.Server, dst []byte) {
			done := start(func() error { _, err := s.Receive(dst, testTimeout); return err })
			eventually(t, "half of it is read", func() bool { return stat(t, s, "bytes_received") == int64(len(whole)/2) })
			s.Cancel()
			expectError(t, await(t, done), socket.ErrCancelled)
		},
		"another message": func(t *testing.T, s *socket.Server, dst []byte) {
			done := start(func() outcome {
				n, err := s.Receive(dst, testTimeout)
				return outcome{string(dst[:n]), err}
			})
			eventually(t, "half of it is read", func() bool { return stat(t, s, "bytes_received") == int64(len(whole)/2) })
			dial(t, s).send(`"small"`)
			await(t, done).expect(t, `"small"`)
		},
		"another message too large": func(t *testing.T, s *socket.Server, dst []byte) {
			done := start(func() error { _, err := s.Receive(dst, testTimeout); return err })
			eventually(t, "half of it is read", func() bool { return stat(t, s, "bytes_received") == int64(len(whole)/2) })
			dial(t, s).send(`"` + strings.Repeat("x", len(dst)) + `"`)
			expectError(t, await(t, done), socket.ErrBuffer)
			_, err := s.ReceiveMessage(testTimeout)
			must(t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			p := dial(t, s)
			p.write(whole[:len(whole)/2])
			dst := make([]byte, len(body))
			end(t, s, dst)
			clear(dst)
			p.write(whole[len(whole)/2:])
			n, err := s.Receive(dst, testTimeout)
			if err != nil || string(dst[:n]) != body {
				t.Errorf("%d bytes of %d, the same: %v, %v", n, len(body), string(dst[:n]) == body, err)
			}
		})
	}
}

// The same under load: pieces of large messages arrive interleaved, and the receivers
// use their buffers for other data after each call.
func TestLargeReportsInPieces(t *testing.T) {
	const receivers, clients, reports, most = 3, 4, 20, 200_000
	s := newServer(t, "one_way=1")
	report := func(i int) string { return `"` + strings.Repeat(string(rune('a'+i%26)), i*7919%most) + `"` }
	taken := make([]atomic.Int32, clients*reports)
	var left atomic.Int32
	left.Store(clients * reports)
	done := make(chan struct{})
	byLength := map[int]int{}
	for i := range taken {
		byLength[len(report(i))] = i
	}
	if len(byLength) != len(taken) {
		t.Fatal("two reports have the same length")
	}
	var receiving sync.WaitGroup
	for g := range receivers {
		random := rand.New(rand.NewPCG(uint64(g), 7))
		receiving.Go(func() {
			for {
				dst := make([]byte, random.IntN(2)*(most+2))
				n, err := s.Receive(dst, time.Duration(random.IntN(4))*time.Millisecond)
				switch {
				case err == nil:
					i, known := byLength[n]
					if !known || string(dst[:n]) != report(i) {
						t.Errorf("a report of %d bytes is damaged", n)
					} else {
						taken[i].Add(1)
					}
					if left.Add(-1) == 0 {
						close(done)
					}
				case errors.Is(err, socket.ErrClosed):
					return
				case !errors.Is(err, socket.ErrTimeout) && !errors.Is(err, socket.ErrBuffer):
					t.Error(err)
				}
				clear(dst)
			}
		})
	}
	var reporting sync.WaitGroup
	for g := range clients {
		p := dial(t, s)
		random := rand.New(rand.NewPCG(uint64(g), 8))
		reporting.Go(func() {
			for i := range reports {
				rest := []byte(frame(report(g*reports + i)))
				for len(rest) > 0 {
					n := min(len(rest), 1+random.IntN(most/4))
					if _, err := p.Write(rest[:n]); err != nil {
						t.Error(err)
						return
					}
					rest = rest[n:]
				}
			}
		})
	}
	reporting.Wait()
	await(t, done)
	for i := range taken {
		if n := taken[i].Load(); n != 1 {
			t.Errorf("report %d was received %d times", i, n)
		}
	}
	s.Free()
	receiving.Wait()
}

// Followers that time out or are cancelled do not keep the others from leading.
func TestFollowersArePromoted(t *testing.T) {
	s := newServer(t)
	leader := startReceiveFor(s, 2*short)
	begun(t, s, 1)
	impatient := startReceiveFor(s, short)
	patient := startReceive(s)
	expectError(t, await(t, impatient), socket.ErrTimeout)
	expectError(t, await(t, leader), socket.ErrTimeout)
	dial(t, s).send("1")
	await(t, patient).expect(t, "1")

	// Also if they are promoted at the moment at which they are cancelled: then the next
	// one leads.
	for i := range 50 {
		var cancelled []<-chan error
		for range 4 {
			cancelled = append(cancelled, startReceiveFor(s, testTimeout))
		}
		begun(t, s, len(cancelled))
		s.Cancel()
		patient := startReceive(s)
		for _, done := range cancelled {
			expectError(t, await(t, done), socket.ErrCancelled)
		}
		dial(t, s).send(number(i))
		await(t, patient).expect(t, number(i))
	}

	// The next call gets a message that did not fit, and the one after it leads.
	cramped := start(func() error { _, err := s.Receive(nil, testTimeout); return err })
	begun(t, s, 1)
	next, last := startReceive(s), startReceive(s)
	begun(t, s, 3)
	dial(t, s).send(`"large"`)
	tooSmall(t, await(t, cramped), len(`"large"`))
	begun(t, s, 1)
	dial(t, s).send(`"behind it"`)
	got := map[string]bool{await(t, next).body: true, await(t, last).body: true}
	if !got[`"large"`] || !got[`"behind it"`] {
		t.Errorf("two followers received %v", got)
	}

	// Each leads in turn until all have a message.
	var waiting []<-chan outcome
	for range 8 {
		waiting = append(waiting, startReceive(s))
	}
	begun(t, s, len(waiting))
	for i := range waiting {
		dial(t, s).send(number(i))
	}
	got = map[string]bool{}
	for _, w := range waiting {
		o := await(t, w)
		must(t, o.err)
		got[o.body] = true
	}
	if len(got) != len(waiting) {
		t.Errorf("%d receivers have received %v", len(waiting), got)
	}
}
