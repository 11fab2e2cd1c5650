package socket_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"libobe/internal/socket"
	"libobe/internal/transport"
)

// The main goroutine keeps the main thread: unlike others, it does not end with a
// goroutine that is locked to it.
func init() { runtime.LockOSThread() }

// actor is a thread of a program that uses a server.
type actor struct {
	s    *socket.Server
	work chan func()
}

// newActor starts a thread, which ends with the test.
func newActor(t *testing.T, s *socket.Server) *actor {
	t.Helper()
	a := &actor{s, make(chan func())}
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		for f := range a.work {
			f()
		}
	}()
	return a
}

// end ends the thread and waits until the system has no thread with its id.
func (a *actor) end(t *testing.T) {
	t.Helper()
	id := do(t, a, func() socket.ThreadID { return socket.CurrentThread() })
	close(a.work)
	eventually(t, "the thread has ended", func() bool { return socket.ThreadEnded(id) })
}

// begin starts a call on an actor's thread.
func begin[T any](a *actor, f func() T) <-chan T {
	result := make(chan T, 1)
	a.work <- func() { result <- f() }
	return result
}

// do calls a function on an actor's thread and returns its result.
func do[T any](t *testing.T, a *actor, f func() T) T {
	t.Helper()
	return await(t, begin(a, f))
}

func (a *actor) receives() outcome {
	dst := make([]byte, 1<<10)
	n, err := a.s.Receive(dst, testTimeout)
	return outcome{string(dst[:n]), err}
}

// stage is a server with the threads and clients of a script.
type stage struct {
	t       *testing.T
	s       *socket.Server
	actors  map[string]*actor
	clients map[string]*plain
}

// play runs a script on a server. Its steps are:
//
//	p sends 1      client p sends the message 1
//	A receives 1   thread A receives, and the message is 1
//	A begins       thread A begins to receive
//	A has 1        the message that it receives then is 1
//	A polls        thread A receives with timeout 0, and there is no message
//	A sends 11     thread A sends, which succeeds
//	A fails        ... which fails with ErrState
//	A loses        ... which fails because the connection of its message is closed
//	A drops        thread A closes the connection of the last message
//	A ends         thread A ends
//	p gets 11      client p receives the message 11
//	p ends         client p sees its connection closed
//	p waits        client p has received nothing, and its connection is open
//	p leaves       client p resets its connection, which the server sees
func play(t *testing.T, script string) {
	s := newServer(t)
	st := &stage{t, s, map[string]*actor{}, map[string]*plain{}}
	begun := map[string]<-chan outcome{}
	for _, step := range strings.Split(script, ";") {
		words := strings.Fields(step)
		who, what, arg := words[0], words[1], ""
		if len(words) > 2 {
			arg = words[2]
		}
		var a *actor
		var p *plain
		if who < "a" {
			if st.actors[who] == nil {
				st.actors[who] = newActor(t, s)
			}
			a = st.actors[who]
		} else {
			if st.clients[who] == nil {
				st.clients[who] = dial(t, s)
			}
			p = st.clients[who]
		}
		fail := func(format string, args ...any) {
			t.Helper()
			t.Fatalf("at %q: %s", strings.TrimSpace(step), fmt.Sprintf(format, args...))
		}
		sends := func() error {
			return do(t, a, func() error { return s.Send([]byte(`"unexpected"`), testTimeout) })
		}
		switch what {
		case "receives":
			if got := do(t, a, a.receives); got.err != nil || got.body != arg {
				fail("%q, %v", got.body, got.err)
			}
		case "begins":
			inFlight := s.InFlight()
			begun[who] = begin(a, a.receives)
			eventually(t, "the call has begun", func() bool { return s.InFlight() > inFlight })
		case "has":
			if got := await(t, begun[who]); got.err != nil || got.body != arg {
				fail("%q, %v", got.body, got.err)
			}
		case "polls":
			if err := do(t, a, func() error { _, err := s.Receive(make([]byte, 100), 0); return err }); !errors.Is(err, socket.ErrTimeout) {
				fail("%v", err)
			}
		case "sends":
			if p != nil {
				p.send(arg)
				continue
			}
			if err := do(t, a, func() error { return s.Send([]byte(arg), testTimeout) }); err != nil {
				fail("%v", err)
			}
		case "fails":
			if err := sends(); !errors.Is(err, socket.ErrState) {
				fail("%v", err)
			}
		case "loses":
			if err := sends(); err == nil || errors.Is(err, socket.ErrState) {
				fail("%v", err)
			}
		case "drops":
			must(t, do(t, a, s.Close))
		case "ends":
			if a != nil {
				a.end(t)
			} else {
				p.expectEnd()
			}
		case "gets":
			if got := p.receive(); got != arg {
				fail("%q", got)
			}
		case "waits":
			p.expectOpen()
		case "leaves":
			p.reset()
		default:
			t.Fatalf("what is %q?", step)
		}
	}
	for _, a := range st.actors {
		a := a
		t.Cleanup(func() {
			defer func() { _ = recover() }() // it has ended already
			close(a.work)
		})
	}
}

// several shows a server that its calls are those of several loops: B and C receive at
// once.
const several = `B begins; C begins; y sends 0; z sends 0; B has 0; C has 0; B sends 0; C sends 0; y gets 0; z gets 0; `

func TestSendAnswersWhatItsThreadReceived(t *testing.T) {
	for name, script := range map[string]string{
		// One loop.
		"one loop on one thread":                                      `p sends 1; A receives 1; A sends 11; p gets 11; q sends 2; A receives 2; A sends 22; q gets 22`,
		"receives on one thread, sends on other":                      `p sends 1; A receives 1; B sends 11; p gets 11; q sends 2; A receives 2; B sends 22; q gets 22`,
		"a thread for each call":                                      `p sends 1; A receives 1; B sends 11; p gets 11; q sends 2; C receives 2; D sends 22; q gets 22`,
		"threads in turn":                                             `p sends 1; A receives 1; A sends 11; p gets 11; q sends 2; B receives 2; A sends 22; q gets 22; p sends 3; A receives 3; B sends 33; p gets 33`,
		"two replies":                                                 `p sends 1; A receives 1; A sends 11; A sends 12; B sends 13; p gets 11; p gets 12; p gets 13`,
		"no reply":                                                    `p sends 1; A receives 1; p waits; q sends 2; A receives 2; p ends; A sends 22; q gets 22`,
		"no reply, the same client":                                   `p sends 1; A receives 1; p sends 2; A receives 2; A sends 22; p gets 22`,
		"no reply, threads that end":                                  `p sends 1; A receives 1; A ends; q sends 2; B receives 2; p ends; C sends 22; q gets 22`,
		"no reply, the same client, threads that end":                 `p sends 1; A receives 1; A ends; p sends 2; B receives 2; C sends 22; p gets 22`,
		"no reply, threads that were seen to change":                  `p sends 1; A receives 1; B sends 11; p gets 11; p sends 2; A receives 2; q sends 3; B receives 3; p ends; A sends 33; q gets 33`,
		"no reply, the same client, threads that were seen to change": `p sends 1; A receives 1; B sends 11; p gets 11; p sends 2; A receives 2; p sends 3; B receives 3; A sends 33; p gets 33`,
		"a connection that has to wait":                               `p sends 1; A receives 1; q sends 2; p waits; A sends 11; p gets 11; A receives 2; A sends 22; q gets 22`,
		"polls without a message":                                     `p sends 1; A receives 1; A polls; B polls; A sends 11; p gets 11`,
		"the client has left":                                         `p sends 1; A receives 1; p leaves; A polls; A loses; q sends 2; A receives 2; A sends 22; q gets 22`,
		"the client has left, threads in turn":                        `p sends 1; A receives 1; p leaves; A polls; A loses; q sends 2; B receives 2; A sends 22; q gets 22`,
		"nothing was received":                                        `A fails; p sends 1; A receives 1; A drops; p ends; A fails`,
		"closing on another thread":                                   `p sends 1; A receives 1; B drops; p ends; B fails`,

		// Several loops.
		"two loops":                         `p sends 1; A receives 1; q sends 2; B receives 2; A sends 11; B sends 22; p gets 11; q gets 22`,
		"two loops, the later first":        `p sends 1; A receives 1; q sends 2; B receives 2; B sends 22; A sends 11; p gets 11; q gets 22`,
		"one is slow":                       `p sends 1; A receives 1; q sends 2; B receives 2; B sends 22; q gets 22; q sends 3; B receives 3; B sends 33; q gets 33; p waits; A sends 11; p gets 11`,
		"one is slow, known to be several":  several + `p sends 1; A receives 1; q sends 2; B receives 2; q sends 3; p waits; B sends 22; B receives 3; p waits; A sends 11; p gets 11; B sends 33; q gets 22; q gets 33`,
		"no reply of one":                   several + `p sends 1; A receives 1; q sends 2; B receives 2; r sends 3; A receives 3; p ends; q waits; B sends 22; A sends 33; q gets 22; r gets 33`,
		"a thread that received nothing":    several + `p sends 1; A receives 1; D sends 11; p gets 11`,
		"another, with two to choose from":  several + `p sends 1; A receives 1; q sends 2; B receives 2; D fails; A sends 11; D sends 22; p gets 11; q gets 22`,
		"and before they are known to be":   `p sends 1; A receives 1; q sends 2; B receives 2; D fails; p waits; q waits`,
		"a second reply is for no other":    several + `p sends 1; A receives 1; q sends 2; B receives 2; A sends 11; A fails; B sends 22; A sends 12; p gets 11; q gets 22; p gets 12`,
		"no second reply between":           several + `p sends 1; A receives 1; A sends 11; p gets 11; p sends 2; B receives 2; A fails; B sends 22; p gets 22`,
		"one that was answered by another":  several + `p sends 1; A receives 1; D sends 11; p gets 11; q sends 2; B receives 2; A fails; B sends 22; q gets 22`,
		"one that was dropped":              several + `p sends 1; A receives 1; q sends 2; A receives 2; p ends; D fails; A sends 22; q gets 22`,
		"its client has left":               several + `p sends 1; A receives 1; p leaves; B polls; q sends 2; B receives 2; A loses; A fails; B sends 22; q gets 22`,
		"its connection was closed":         several + `p sends 1; A receives 1; q sends 2; B receives 2; A drops; p ends; q waits; A fails; B sends 22; q gets 22`,
		"a closing that may be for several": several + `p sends 1; A receives 1; q sends 2; B receives 2; D drops; p waits; q waits; A sends 11; B sends 22; p gets 11; q gets 22`,
		"a thread that ended":               several + `p sends 1; A receives 1; A ends; q sends 2; D sends 11; p gets 11; B receives 2; B sends 22; q gets 22`,
		"commands of one connection":        several + `p sends 1; p sends 2; A receives 1; B polls; A sends 11; B receives 2; B sends 22; p gets 11; p gets 22`,
		"one waits for another connection":  several + `p sends 1; p sends 2; A receives 1; B begins; q sends 3; B has 3; B sends 33; q gets 33; C begins; A sends 11; C has 2; C sends 22; p gets 11; p gets 22`,
	} {
		t.Run(name, func(t *testing.T) { play(t, script) })
	}
}

// What the server remembers of threads that end without a reply is bounded, and keeps no
// connection open.
func TestEndedThreadsAreForgotten(t *testing.T) {
	s := newServer(t, "max_connections=10")
	// With this one the server has several loops.
	waiting := newActor(t, s)
	for i := range 200 {
		a := newActor(t, s)
		p := dial(t, s)
		p.send(number(i))
		if got := do(t, a, a.receives); got.err != nil || got.body != number(i) {
			t.Fatalf("%q, %v", got.body, got.err)
		}
		a.end(t)
	}
	done := begin(waiting, waiting.receives)
	p := dial(t, s)
	p.send(`"last"`)
	await(t, done).expect(t, `"last"`)
	close(waiting.work)
	if open, past := s.Remembered(); open > 1 || past > 200 {
		t.Errorf("%d messages and %d threads are remembered", open, past)
	}
	expectStats(t, s, "connections_open=1", "dropped_unanswered=200")
}

// loop answers each message with itself, until the server is freed.
func loop(t *testing.T, s *socket.Server, work func()) {
	runtime.LockOSThread()
	dst := make([]byte, 1<<10)
	for {
		n, err := s.Receive(dst, socket.Forever)
		if errors.Is(err, socket.ErrClosed) {
			return
		}
		if err != nil {
			t.Error(err)
			return
		}
		work()
		if err := s.Send(dst[:n], testTimeout); err != nil {
			t.Errorf("send: %v", err)
		}
	}
}

// Several threads that each loop over Receive and Send answer the right clients.
func TestLoopsOnTheirThreads(t *testing.T) {
	const loops, clients, commands = 3, 8, 400
	for name, work := range map[string]func(){
		"quick": func() {},
		"slow":  func() { time.Sleep(10 * time.Microsecond) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			var serving, asking sync.WaitGroup
			for range loops {
				serving.Go(func() { loop(t, s, work) })
			}
			var crossed atomic.Int32
			for g := range clients {
				c := newClient(t, s.Addr(), fmt.Sprint("persistent=", g%2))
				asking.Go(func() {
					for i := range commands {
						body := number(g*commands + i)
						got, err := tcmd(c, body)
						if err != nil {
							t.Error(err)
							return
						}
						if got != body {
							crossed.Add(1)
						}
					}
				})
			}
			asking.Wait()
			if n := crossed.Load(); n > 0 {
				t.Errorf("%d of %d replies were another client's", n, clients*commands)
			}
			s.Free()
			serving.Wait()
		})
	}
}

// Commands that a client sends without waiting are answered in order, however many threads
// serve.
func TestPipelinedCommandsAreAnsweredInOrder(t *testing.T) {
	const threads, commands = 4, 500
	ways := map[string]func(t *testing.T, s *socket.Server){
		"Receive and Send": func(t *testing.T, s *socket.Server) { loop(t, s, runtime.Gosched) },
		"Serve": func(t *testing.T, s *socket.Server) {
			err := s.Serve(func(m *socket.Message) {
				runtime.Gosched()
				if err := m.Reply(m.Body, testTimeout); err != nil {
					t.Error(err)
				}
			}, nil)
			if !errors.Is(err, socket.ErrClosed) {
				t.Error(err)
			}
		},
		"ReceiveMessage and Reply": func(t *testing.T, s *socket.Server) {
			for {
				m, err := s.ReceiveMessage(socket.Forever)
				if errors.Is(err, socket.ErrClosed) {
					return
				}
				if err == nil {
					runtime.Gosched()
					err = m.Reply(m.Body, testTimeout)
				}
				if err != nil {
					t.Error(err)
				}
			}
		},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			var serving sync.WaitGroup
			for range threads {
				serving.Go(func() { way(t, s) })
			}
			peers := []*plain{dial(t, s), dial(t, s), dial(t, s)}
			for g, p := range peers {
				var all strings.Builder
				for i := range commands {
					all.WriteString(frame(number(g*commands + i)))
				}
				// One at a time arrives as a whole, one in two parts, one in many.
				text := all.String()
				step := []int{len(text), len(text)/2 + 7, 1001}[g]
				go func() {
					for ; len(text) > 0; text = text[min(step, len(text)):] {
						if _, err := p.Write([]byte(text[:min(step, len(text))])); err != nil {
							t.Error(err)
							return
						}
					}
				}()
			}
			for g, p := range peers {
				for i := range commands {
					p.expect(number(g*commands + i))
				}
				p.expectOpen()
			}
			s.Free()
			serving.Wait()
		})
	}
}

// The same over TLS, where several arrive in one record, or one in several records.
func TestPipelinedCommandsOverTLS(t *testing.T) {
	const commands = 200
	a := newAuthority(t)
	s := newServer(t, a.sign(nil).options()...)
	var serving sync.WaitGroup
	for range 3 {
		serving.Go(func() { loop(t, s, runtime.Gosched) })
	}
	c, err := tls.Dial("tcp", s.Addr().String(), &tls.Config{InsecureSkipVerify: true})
	must(t, err)
	defer c.Close()
	must(t, c.SetDeadline(time.Now().Add(testTimeout)))
	var all strings.Builder
	for i := range commands {
		all.WriteString(frame(number(i)))
	}
	go func() {
		for text := all.String(); len(text) > 0; text = text[min(777, len(text)):] {
			if _, err := io.WriteString(c, text[:min(777, len(text))]); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	for i := range commands {
		got := make([]byte, len(frame(number(i))))
		if _, err := io.ReadFull(c, got); err != nil || string(got) != frame(number(i)) {
			t.Fatalf("reply %d is %q, %v", i, got, err)
		}
	}
	// If the server sees the EOF while it works on the message before it, it does not keep
	// the connection.
	must(t, c.Close())
	eventually(t, "the client has left", func() bool { return stat(t, s, "connections_open") == 0 })
	s.Free()
	serving.Wait()
}

// A connection whose message is being worked on is not read beyond the last read. The
// system's buffers hold the rest, and the receiving thread sleeps.
func TestMessageThatWaitsIsNotRead(t *testing.T) {
	s := newServer(t, "message_timeout_ms=50")
	p := dial(t, s)
	p.send("1")
	m := expectMessage(t, s, "1")
	big := `"` + strings.Repeat("x", 300<<10) + `"`
	sent := start(func() error { _, err := p.Write([]byte(frame(big) + frame("3"))); return err })
	// Others are served in the meantime. The message that waits is not timed.
	q := dial(t, s)
	for i := range 3 {
		_, err := s.ReceiveMessage(short)
		expectError(t, err, socket.ErrTimeout)
		q.send(number(i))
		reply(t, expectMessage(t, s, number(i)), "0")
		q.expect("0")
	}
	if n := stat(t, s, "bytes_received"); n > 100<<10 {
		t.Errorf("%d bytes were read before their turn", n)
	}
	// Its unread data wakes no call.
	if n := s.Held(); n != 1 {
		t.Errorf("%d connections are not waited for, want 1", n)
	}
	// A call that already waits receives it in its turn.
	next := start(func() outcome {
		m, err := s.ReceiveMessage(testTimeout)
		if err != nil {
			return outcome{err: err}
		}
		return outcome{string(m.Body), m.Reply([]byte("2"), testTimeout)}
	})
	begun(t, s, 1)
	reply(t, m, "1")
	await(t, next).expect(t, big)
	must(t, await(t, sent))
	reply(t, expectMessage(t, s, "3"), "3")
	for _, want := range []string{"1", "2", "3"} {
		p.expect(want)
	}
	expectStats(t, s, "connections_open=2")
}

// A receiving call replaces the open message of its thread when it gets the next one,
// which may come from the same connection. If the call ends while another thread reads
// that one, the open message is not replaced, and the next one has to wait.
func TestCallEndsWhileTheNextMessageIsRead(t *testing.T) {
	for _, second := range []string{number(2), `"` + strings.Repeat("x", 5000) + `"`} {
		s := newServer(t)
		holder, other := newActor(t, s), newActor(t, s)
		t.Cleanup(func() { close(holder.work) })
		t.Cleanup(func() { close(other.work) })
		client := dial(t, s)
		client.send(number(1))
		do(t, holder, holder.receives).expect(t, number(1))

		reading, ended := make(chan struct{}), make(chan struct{})
		var once sync.Once
		s.WhileReading(func() {
			once.Do(func() { close(reading) })
			<-ended
		})
		next := begin(other, func() outcome {
			dst := make([]byte, 1<<10)
			n, err := s.Receive(dst, testTimeout)
			if errors.As(err, new(*socket.BufferError)) {
				dst = make([]byte, 1<<13)
				n, err = s.Receive(dst, testTimeout)
			}
			return outcome{string(dst[:n]), err}
		})
		begun(t, s, 1)
		client.send(second)
		must(t, do(t, holder, func() error {
			for {
				if _, err := s.Receive(nil, moment); !errors.Is(err, socket.ErrTimeout) {
					return fmt.Errorf("the holder received: %w", err)
				}
				select {
				case <-reading:
					return nil
				default:
				}
			}
		}))
		close(ended)
		select {
		case got := <-next:
			t.Errorf("received %.20q, %v before the message before was answered", got.body, got.err)
		case <-time.After(moment):
		}
		must(t, do(t, holder, func() error { return s.Send([]byte(number(1)), testTimeout) }))
		client.expect(number(1))
		await(t, next).expect(t, second)
		must(t, do(t, other, func() error { return s.Send([]byte(second), testTimeout) }))
		client.expect(second)
	}
}

// A call that times out may have read a part of the next message. That part is not timed
// while the last message is not answered. After that it is, even if nothing more of it
// arrives.
func TestHalfAMessageBehindOneThatIsAnsweredIsTimed(t *testing.T) {
	s := newServer(t, "message_timeout_ms=100")
	p := dial(t, s)
	p.send(number(1))
	expectReceive(t, s, number(1))
	p.write(frame(number(2))[:15])
	_, err := s.Receive(nil, short)
	expectError(t, err, socket.ErrTimeout)
	send(t, s, number(1))
	p.expect(number(1))
	eventually(t, "dropped_timeout is 1", func() bool {
		_, err := s.Receive(nil, short) // only the time in which a call receives counts
		expectError(t, err, socket.ErrTimeout)
		return stat(t, s, "dropped_timeout") == 1
	})
	p.expectGone()
}

// An open connection does not keep the memory of an answered message.
func TestAnsweredMessagesAreForgotten(t *testing.T) {
	const peers, size = 20, 1 << 20
	s := newServer(t)
	body := `"` + strings.Repeat("x", size) + `"`
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for range peers {
		p := dial(t, s)
		sent := start(func() error { _, err := io.WriteString(p, frame(body)); return err })
		reply(t, expectMessage(t, s, body), "1")
		must(t, await(t, sent))
		p.expect("1")
	}
	if after := heap(); after > before+peers/2*size {
		t.Errorf("%d bytes are kept of %d messages of %d bytes", after-before, peers, size)
	}
	expectStats(t, s, fmt.Sprint("connections_open=", peers))
}

// The EOF of a client is noticed although its next message would have to wait, unless
// that message came first.
func TestEndBehindAMessageThatWaits(t *testing.T) {
	s := newServer(t)
	p := dial(t, s)
	p.write(frame("1") + frame("2"))
	must(t, p.CloseWrite())
	for _, body := range []string{"1", "2"} {
		m := expectMessage(t, s, body)
		_, err := s.ReceiveMessage(moment)
		expectError(t, err, socket.ErrTimeout)
		reply(t, m, body)
		p.expect(body)
	}
	attendUntil(t, s, "connections_open", 0)
	p.expectEnd()
}

// Clients that reported once make room for new ones.
func TestOneWayServerEvictsClientsThatReported(t *testing.T) {
	for name, take := range map[string]func(t *testing.T, s *socket.Server, want string){
		"Receive":        func(t *testing.T, s *socket.Server, want string) { expectReceive(t, s, want) },
		"ReceiveMessage": func(t *testing.T, s *socket.Server, want string) { expectMessage(t, s, want).Drop() },
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, "one_way=1", "max_connections=4")
			var peers []*plain
			for i := range 20 {
				p := dial(t, s)
				p.send(number(i))
				take(t, s, number(i))
				peers = append(peers, p)
			}
			for i, p := range peers {
				if i < 16 {
					p.expectEnd()
				} else {
					p.expectOpen()
				}
			}
			expectStats(t, s, "connections_open=4", "evicted=16")
		})
	}
	// The same where the option is set after they reported.
	s := newServer(t, "max_connections=2")
	p, q := dial(t, s), dial(t, s)
	p.send("1")
	expectReceive(t, s, "1")
	set(t, s, "one_way=1")
	q.send("2")
	expectReceive(t, s, "2")
	r := dial(t, s)
	r.send("3")
	expectReceive(t, s, "3")
	p.expectEnd()
	q.expectOpen()
}

// Reports of one connection are received one after the other, and none waits for a reply
// to another.
func TestOneWayServerReadsAllReportsOfAConnection(t *testing.T) {
	s := newServer(t, "one_way=1")
	p := dial(t, s)
	p.write(frame("1") + frame("2") + frame("3"))
	first, second := expectMessage(t, s, "1"), expectMessage(t, s, "2")
	expectReceive(t, s, "3")
	first.Drop()
	second.Drop()
	// And where the option is set while they wait.
	set(t, s, "one_way=0")
	p.write(frame("4") + frame("5"))
	held := expectMessage(t, s, "4")
	next := startReceive(s)
	begun(t, s, 1)
	set(t, s, "one_way=1")
	await(t, next).expect(t, "5")
	held.Drop()
}

// Loops of all kinds share a server, leave commands unanswered and are cancelled. Clients
// send ahead, time out and close. The option one_way is switched on and off. Each reply
// that arrives belongs to its command, and nothing is left behind.
func TestLoopsInChaos(t *testing.T) {
	const loops, clients, lives = 3, 6, 40
	s := newServer(t, "max_connections=5")
	var serving, asking sync.WaitGroup
	skip := func() bool { return rand.IntN(10) == 0 }
	tolerable := func(err error) bool {
		return err == nil || errors.Is(err, socket.ErrCancelled) || errors.Is(err, socket.ErrClosed) || errors.Is(err, socket.ErrPeerClosed) ||
			errors.Is(err, transport.ErrReset) || errors.Is(err, socket.ErrTimeout) || errors.Is(err, socket.ErrState)
	}
	for range loops {
		serving.Go(func() {
			runtime.LockOSThread()
			dst := make([]byte, 1<<10)
			for {
				n, err := s.Receive(dst, time.Duration(rand.IntN(5))*time.Millisecond)
				if err == nil && !skip() {
					err = s.Send(dst[:n], testTimeout)
				}
				if !s.Alive() {
					return
				}
				if !tolerable(err) {
					t.Error(err)
				}
			}
		})
		serving.Go(func() {
			for s.Alive() {
				err := s.Serve(func(m *socket.Message) {
					if !skip() {
						if err := m.Reply(m.Body, testTimeout); !tolerable(err) {
							t.Error(err)
						}
					}
				}, nil)
				if !tolerable(err) {
					t.Error(err)
				}
			}
		})
	}
	// Before the first reply, the pauses grow with the time that has passed: on a slow system,
	// a receive would not end between two cancels, nor a reply come before a client leaves.
	var replies atomic.Int32
	began := time.Now()
	pace := func(fast time.Duration) time.Duration {
		if replies.Load() > 0 {
			return fast
		}
		return max(fast, time.Since(began)/10)
	}
	over := make(chan struct{})
	var meddling sync.WaitGroup
	meddling.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-over:
				return
			case <-time.After(pace(300 * time.Microsecond)):
				s.Cancel()
				must(t, s.SetOption("one_way", strconv.Itoa(i/10%2)))
			}
		}
	})
	for g := range clients {
		random := rand.New(rand.NewPCG(uint64(g), 12))
		asking.Go(func() {
			for life := 0; life < lives || replies.Load() == 0 && time.Since(began) < testTimeout; life++ {
				conn, err := net.DialTimeout("tcp", s.Addr().String(), testTimeout)
				if err != nil {
					t.Error(err)
					return
				}
				ahead := 1 + random.IntN(5)
				if random.IntN(3) == 0 {
					ahead = 1
				}
				for i := 0; i < 20; i += ahead {
					var all strings.Builder
					for k := range ahead {
						all.WriteString(frame(fmt.Sprintf("[%d, %d, %d]", g, life, i+k)))
					}
					if _, err := io.WriteString(conn, all.String()); err != nil {
						break
					}
					if conn.SetReadDeadline(time.Now().Add(pace(20*time.Millisecond))) != nil {
						break
					}
					for range ahead {
						head := make([]byte, 10)
						if _, err = io.ReadFull(conn, head); err != nil {
							break
						}
						n, _ := strconv.Atoi(string(head))
						body := make([]byte, n)
						if _, err = io.ReadFull(conn, body); err != nil {
							break
						}
						var from, of, number int
						if _, err := fmt.Sscanf(string(body), "[%d, %d, %d]", &from, &of, &number); err != nil || from != g || of != life || ahead == 1 && number != i {
							t.Errorf("client %d received %q as reply %d in its life %d", g, body, i, life)
						}
						replies.Add(1)
					}
					if err != nil {
						break
					}
				}
				if random.IntN(2) == 0 {
					_ = conn.(*net.TCPConn).SetLinger(0)
				}
				_ = conn.Close()
			}
		})
	}
	asking.Wait()
	close(over)
	meddling.Wait()
	// A client that has closed may have closed its sending side only. So its connection stays
	// open while its message has no reply, and no other client sends one that replaces it.
	eventually(t, "all other connections are closed", func() bool { return stat(t, s, "connections_open") == int64(s.LeftUnanswered()) })
	must(t, s.SetOption("one_way", "1")) // now these need no reply
	eventually(t, "the clients have left", func() bool { return stat(t, s, "connections_open") == 0 })
	if open, _ := s.Remembered(); open > 0 {
		t.Errorf("%d messages of clients that left are remembered", open)
	}
	if replies.Load() == 0 {
		t.Error("no reply came")
	}
	s.Free()
	serving.Wait()
}

// A panic inside a call leaves no lock held and no message stuck.
func TestPanicInsideACall(t *testing.T) {
	s := newServer(t)
	p := dial(t, s)
	p.send("0")
	reply(t, expectMessage(t, s, "0"), "0")
	p.expect("0")
	p.send("1")
	dst := make([]byte, 100)
	for name, call := range map[string]func(){
		"receive":         func() { _, _ = s.Receive(dst, testTimeout) },
		"receive message": func() { _, _ = s.ReceiveMessage(testTimeout) },
		"serve":           func() { _ = s.Serve(func(*socket.Message) {}, nil) },
	} {
		if s.WithoutSettings(call) == nil {
			t.Errorf("%s did not panic", name)
		}
	}
	expectReceive(t, s, "1")
	if s.WithoutSettings(func() { _ = s.Send([]byte("1"), testTimeout) }) == nil {
		t.Error("send did not panic")
	}
	send(t, s, "1")
	p.expect("1")
	p.send("2")
	m := expectMessage(t, s, "2")
	if s.WithoutSettings(func() { _ = m.Reply([]byte("2"), testTimeout) }) == nil {
		t.Error("reply did not panic")
	}
	reply(t, m, "2")
	p.expect("2")
	if n := s.InFlight(); n > 0 {
		t.Errorf("%d calls are in flight", n)
	}
}
