package proxy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"libobe/internal/jsondoc"
	"libobe/internal/recorder"
	"libobe/internal/trace"
	"libobe/internal/wire"
)

// limit is how long anything may take on a busy machine.
const limit = 60 * time.Second

func frame(body string) string {
	header := wire.Header(len(body))
	return string(header[:]) + body
}

const command, reply = `{"command": "optset"}`, `[2.87]`

// observer is what a proxy under test has reported.
type observer struct {
	mu       sync.Mutex
	messages []Message
	events   map[Event][]string
	happened chan Event
}

func (o *observer) record(m Message) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.messages = append(o.messages, m)
}

func (o *observer) tell(event Event, text string) {
	o.mu.Lock()
	o.events[event] = append(o.events[event], text)
	o.mu.Unlock()
	o.happened <- event
}

// bodies returns the recorded bodies.
func (o *observer) bodies() (all []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, m := range o.messages {
		all = append(all, string(m.Body))
	}
	return all
}

// wait waits for an event.
func (o *observer) wait(t *testing.T, event Event) string {
	t.Helper()
	for timeout := time.After(limit); ; {
		select {
		case got := <-o.happened:
			if got == event {
				o.mu.Lock()
				defer o.mu.Unlock()
				return o.events[event][0]
			}
		case <-timeout:
			t.Fatalf("event %d did not happen; there were %v", event, o.events)
		}
	}
}

// start starts a proxy to an address, and returns its own.
func start(t *testing.T, server string) (address string, o *observer) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o = &observer{events: map[Event][]string{}, happened: make(chan Event, 10_000)}
	p := New(Config{Listener: l, Dial: Dialer("tcp", server), Record: o.record, Tell: o.tell})
	served := make(chan struct{})
	go func() {
		defer close(served)
		p.Serve()
	}()
	t.Cleanup(func() {
		p.Close()
		<-served
	})
	return l.Addr().String(), o
}

// server is a listener behind a proxy.
type server struct {
	t *testing.T
	net.Listener
}

func newServer(t *testing.T) server {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return server{t, l}
}

func (s server) accept() *net.TCPConn {
	s.t.Helper()
	_ = s.Listener.(*net.TCPListener).SetDeadline(time.Now().Add(limit))
	conn, err := s.Accept()
	if err != nil {
		s.t.Fatal(err)
	}
	return guard(s.t, conn)
}

// guard sets the time limit of a connection, and closes it at the end.
func guard(t *testing.T, conn net.Conn) *net.TCPConn {
	_ = conn.SetDeadline(time.Now().Add(limit))
	t.Cleanup(func() { conn.Close() })
	return conn.(*net.TCPConn)
}

func dial(t *testing.T, address string) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return guard(t, conn)
}

func send(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
}

// expect reads exactly these bytes.
func expect(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	got := make([]byte, len(text))
	if n, err := io.ReadFull(conn, got); err != nil || string(got) != text {
		t.Fatalf("got %q, %v, and not %q", got[:n], err, text)
	}
}

// expectEnd reads bytes and then the end of the stream, or a reset. Wine reports some resets as
// an end.
func expectEnd(t *testing.T, conn net.Conn, text string, wasReset bool) {
	t.Helper()
	got, err := io.ReadAll(conn)
	if runtime.GOOS == "windows" && wasReset && err == nil {
		wasReset = false
	}
	if string(got) != text || wasReset != isReset(err) || !wasReset && err != nil {
		t.Fatalf("got %q and the end %v; want %q and a reset: %v", got, err, text, wasReset)
	}
}

// isReset reports whether the peer has reset a connection.
func isReset(err error) bool {
	const windowsReset = syscall.Errno(10054) // WSAECONNRESET
	return errors.Is(err, syscall.ECONNRESET) || runtime.GOOS == "windows" && errors.Is(err, windowsReset)
}

// end closes a connection, with a reset or without one.
func end(conn *net.TCPConn, withReset bool) {
	if withReset {
		_ = conn.SetLinger(0)
	}
	conn.Close()
}

func TestWhatAClientDoesAfterEachByteTheServerSees(t *testing.T) {
	s := newServer(t)
	address, o := start(t, s.Addr().String())
	whole := frame(command)
	for _, withReset := range []bool{false, true} {
		for n := 1; n <= len(whole); n++ {
			client := dial(t, address)
			send(t, client, whole[:n])
			conn := s.accept()
			expect(t, conn, whole[:n]) // so that no reset overtakes the bytes
			end(client, withReset)
			expectEnd(t, conn, "", withReset)
			conn.Close()
			if n < len(whole) {
				if text := o.wait(t, Cut); !strings.Contains(text, "ended after") {
					t.Fatal(text)
				}
			}
		}
	}
	if got := o.bodies(); len(got) != 2 || got[0] != command || got[1] != command {
		t.Errorf("recorded are %q", got)
	}
}

func TestWhatAServerDoesAfterEachByteTheClientSees(t *testing.T) {
	s := newServer(t)
	address, _ := start(t, s.Addr().String())
	whole := frame(reply)
	for _, withReset := range []bool{false, true} {
		for n := 0; n <= len(whole); n++ {
			client := dial(t, address)
			send(t, client, frame(command))
			conn := s.accept()
			expect(t, conn, frame(command))
			send(t, conn, whole[:n])
			expect(t, client, whole[:n])
			end(conn, withReset)
			expectEnd(t, client, "", withReset)
			client.Close()
		}
	}
}

// The bytes that arrive just before a reset are forwarded, too, where the system still gives
// them to a program.
func TestBytesBeforeAReset(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("other systems may drop them")
	}
	s := newServer(t)
	address, _ := start(t, s.Addr().String())
	client := dial(t, address)
	send(t, client, "0000000021{")
	end(client, true)
	expectEnd(t, s.accept(), "0000000021{", true)
}

// A server that refuses a message while it is still being sent, replies, and closes: the
// unread bytes make that a reset, and the reply arrives before it.
func TestAReplyBeforeAReset(t *testing.T) {
	s := newServer(t)
	address, _ := start(t, s.Addr().String())
	long := "0064000000" + strings.Repeat(" ", 64_000_000) // more than fits into the buffers
	for range 5 {
		client := dial(t, address)
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			_, _ = io.WriteString(client, long)
		}()
		conn := s.accept()
		expect(t, conn, long[:10])
		send(t, conn, frame(reply))
		conn.Close()
		expect(t, client, frame(reply))
		<-sent // it fails
		if _, err := client.Read(make([]byte, 1)); err == nil {
			t.Error("the client reads on")
		}
	}
}

func TestAConnectionWithoutAByteNeverReachesTheServer(t *testing.T) {
	s := newServer(t)
	address, _ := start(t, s.Addr().String())
	silent := dial(t, address)
	for _, withReset := range []bool{false, true} {
		end(dial(t, address), withReset)
	}
	half := dial(t, address)
	_ = half.CloseWrite()
	expectEnd(t, half, "", false)

	client := dial(t, address)
	send(t, client, frame(command))
	first := s.accept()
	expect(t, first, frame(command)) // without an earlier connection
	send(t, silent, frame(`"late"`))
	expect(t, s.accept(), frame(`"late"`))
}

func TestHalfClosesAndSilence(t *testing.T) {
	s := newServer(t)
	address, o := start(t, s.Addr().String())
	client := dial(t, address)
	send(t, client, frame(command)[:15])
	conn := s.accept()
	expect(t, conn, frame(command)[:15])
	// Half a message and silence: the server waits, as without the proxy.
	_ = conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if n, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("the server reads %d bytes, %v", n, err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(limit))
	send(t, client, frame(command)[15:])
	if err := client.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	expectEnd(t, conn, frame(command)[15:], false)
	send(t, conn, frame(reply))
	expect(t, client, frame(reply))
	conn.Close()
	expectEnd(t, client, "", false)
	if got := o.bodies(); fmt.Sprint(got) != fmt.Sprint([]string{command, reply}) {
		t.Errorf("recorded are %q", got)
	}
}

// A server that ends its direction first still gets what the client sends after that.
func TestHalfCloseOfTheServer(t *testing.T) {
	s := newServer(t)
	address, _ := start(t, s.Addr().String())
	client := dial(t, address)
	send(t, client, frame(command))
	conn := s.accept()
	expect(t, conn, frame(command))
	_ = conn.CloseWrite()
	expectEnd(t, client, "", false)
	send(t, client, frame(command))
	expect(t, conn, frame(command))
	client.Close()
	expectEnd(t, conn, "", false)
}

func TestAClientThatIsGoneWhenTheReplyComes(t *testing.T) {
	s := newServer(t)
	address, _ := start(t, s.Addr().String())
	client := dial(t, address)
	send(t, client, frame(command))
	conn := s.accept()
	expect(t, conn, frame(command))
	client.Close()
	expectEnd(t, conn, "", false)
	// The first write reaches a socket that is closed, which resets the connection.
	send(t, conn, frame(reply))
	for begin := time.Now(); ; time.Sleep(time.Millisecond) {
		if _, err := io.WriteString(conn, frame(reply)); err != nil {
			break
		}
		if time.Since(begin) > limit {
			t.Fatal("the server never learns that its client is gone")
		}
	}
}

func TestWithoutAServerTheClientIsReset(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close() // no server listens there
	address, o := start(t, l.Addr().String())
	client := dial(t, address)
	send(t, client, frame(command))
	expectEnd(t, client, "", true)
	if text := o.wait(t, ServerMissing); !strings.Contains(strings.ToLower(text), "connection refused") {
		t.Error(text)
	}
}

func TestAProxyOfItself(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := &observer{events: map[Event][]string{}, happened: make(chan Event, 100)}
	p := New(Config{Listener: l, Dial: Dialer("tcp", l.Addr().String()), Record: o.record, Tell: o.tell})
	go p.Serve()
	defer p.Close()
	client := dial(t, l.Addr().String())
	send(t, client, frame(command))
	expectEnd(t, client, "", true)
	o.wait(t, Loop)
}

func TestBytesThatAreNotMessages(t *testing.T) {
	s := newServer(t)
	address, o := start(t, s.Addr().String())
	client := dial(t, address)
	request := "GET / HTTP/1.1\r\n\r\n"
	send(t, client, request)
	conn := s.accept()
	expect(t, conn, request)
	send(t, conn, frame("{'no': 'JSON'}")+frame(reply))
	expect(t, client, frame("{'no': 'JSON'}")+frame(reply))
	if text := o.wait(t, NotFrames); !strings.Contains(text, `"GET / HTTP"`) {
		t.Error(text)
	}
	if text := o.wait(t, NotJSON); !strings.Contains(text, "byte 1") {
		t.Error(text)
	}
	send(t, client, frame(command)) // after garbage, nothing is a message
	expect(t, conn, frame(command))
	if got := o.bodies(); fmt.Sprint(got) != fmt.Sprint([]string{reply}) {
		t.Errorf("recorded are %q", got)
	}
}

// A hundred clients with persistent connections: what is recorded of each is its
// conversation, in order, with the times and the addresses of its connection.
func TestConversationsOfManyClients(t *testing.T) {
	const clients, exchanges = 100, 20
	s := newServer(t)
	go func() {
		for {
			conn, err := s.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				reader := wire.Reader{Limit: 1 << 20}
				for {
					body, err := reader.Next(conn, nil)
					if err != nil {
						return
					}
					_, _ = io.WriteString(conn, frame(`{"re": `+string(body)+`}`))
				}
			}()
		}
	}()
	address, o := start(t, s.Addr().String())
	var all sync.WaitGroup
	locals := make([]string, clients)
	for i := range clients {
		conn := dial(t, address)
		locals[i] = conn.LocalAddr().String()
		all.Go(func() {
			reader := wire.Reader{Limit: 1 << 20}
			for n := range exchanges {
				body := fmt.Sprintf("[%d, %d]", i, n)
				if _, err := io.WriteString(conn, frame(body)); err != nil {
					t.Error(err)
					return
				}
				if got, err := reader.Next(conn, nil); err != nil || string(got) != `{"re": `+body+`}` {
					t.Errorf("the reply is %q, %v", got, err)
					return
				}
			}
		})
	}
	all.Wait()
	seen := map[string]int{}
	for _, m := range o.messages {
		i := seen[m.Peer]
		seen[m.Peer]++
		want := fmt.Sprintf(", %d]", i/2)
		if m.Reply {
			want += "}"
		}
		if m.Reply != (i%2 == 1) || !strings.HasSuffix(string(m.Body), want) || m.Local != address || m.Took < 0 || m.Took > limit {
			t.Fatalf("message %d of %s is %+v %s", i, m.Peer, m, m.Body)
		}
	}
	for i, local := range locals {
		if seen[local] != 2*exchanges {
			t.Errorf("client %d has %d messages", i, seen[local])
		}
	}
}

// Close ends what is open, in the middle of a message, too.
func TestCloseEndsAllConnections(t *testing.T) {
	s := newServer(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := &observer{events: map[Event][]string{}, happened: make(chan Event, 100)}
	p := New(Config{Listener: l, Dial: Dialer("tcp", s.Addr().String()), Record: o.record, Tell: o.tell})
	served := make(chan struct{})
	go func() { p.Serve(); close(served) }()
	silent, half := dial(t, l.Addr().String()), dial(t, l.Addr().String())
	send(t, half, frame(command)[:12])
	conn := s.accept()
	expect(t, conn, frame(command)[:12])
	p.Close()
	<-served
	expectEnd(t, half, "", false)
	expectEnd(t, conn, "", false)
	_, _ = io.ReadAll(silent) // its end, or a reset if it was not accepted yet
	if n := len(o.events); n != 0 {
		t.Errorf("there were events: %v", o.events)
	}
	if p.Connections() < 1 {
		t.Error("no connection was counted")
	}
}

func TestRecorderCountsWhatItLoses(t *testing.T) {
	fail := errors.New("no space left on device")
	var told []error
	var lines []trace.Record
	r := NewRecorder(func(records []trace.Record) (written int, err error) {
		for _, record := range records {
			if string(record.Body) == "2" || string(record.Body) == "3" {
				err = fail
				continue
			}
			lines = append(lines, record)
			written++
		}
		return written, err
	}, func(err error) { told = append(told, err) })
	for _, body := range []string{"1", "2", "3", "4"} {
		r.Record(Message{Body: []byte(body), Peer: "a", Local: "b", Reply: body == "4", Took: time.Second})
	}
	written, lost, first := r.Close(notSlow)
	if written != 2 || lost != 2 || first != fail || len(told) != 1 {
		t.Errorf("written %d, lost %d, the first one %v, told %v", written, lost, first, told)
	}
	if len(lines) != 2 || lines[0].Direction != trace.Received || lines[1].Direction != trace.Sent ||
		lines[0].Role != "proxy" || lines[0].Peer != "a" || lines[0].Local != "b" || lines[0].Elapsed != time.Second {
		t.Errorf("the lines are %+v", lines)
	}
}

// A disk that has stopped costs messages of the trace, and neither time nor memory.
func TestRecorderOfADiskThatHasStopped(t *testing.T) {
	stopped := make(chan struct{})
	told := make(chan error, 1)
	r := NewRecorder(func(records []trace.Record) (int, error) { <-stopped; return len(records), nil }, func(err error) { told <- err })
	body := make([]byte, 1<<20)
	const messages = 100
	for range messages {
		r.Record(Message{Body: body})
	}
	if err := <-told; !errors.Is(err, errSlow) {
		t.Error(err)
	}
	close(stopped)
	if written, lost, _ := r.Close(notSlow); written+lost != messages || written < recorder.MaxQueued>>20 || lost == 0 {
		t.Errorf("written %d, lost %d", written, lost)
	}
}

func notSlow(int64) {}

// What waits for an output that takes nothing is told while there is time.
func TestCloseOfARecorderTellsThatItWaits(t *testing.T) {
	stopped := make(chan struct{})
	r := NewRecorder(func(records []trace.Record) (int, error) { <-stopped; return len(records), nil }, func(error) {})
	for range 3 {
		r.Record(Message{Body: []byte("1")})
	}
	var left int64
	if written, lost, _ := r.Close(func(n int64) { left = n; close(stopped) }); left != 3 || written != 3 || lost != 0 {
		t.Errorf("%d are left, %d written and %d lost", left, written, lost)
	}
}

// Short messages take more memory than their bytes.
func TestRecorderCountsTheMemoryOfShortMessages(t *testing.T) {
	stopped := make(chan struct{})
	r := NewRecorder(func(records []trace.Record) (int, error) { <-stopped; return len(records), nil }, func(error) {})
	const messages = 2 * recorder.MaxQueued / int(unsafe.Sizeof(trace.Record{}))
	for range messages {
		r.Record(Message{Body: []byte("1")})
	}
	close(stopped)
	if written, lost, _ := r.Close(notSlow); written+lost != int64(messages) || lost < int64(messages)/3 {
		t.Errorf("written %d, lost %d", written, lost)
	}
}

// FuzzTap compares the messages that a tap finds, however their bytes are cut, with those
// that the library's reader finds.
func FuzzTap(f *testing.F) {
	f.Add([]byte(frame(command)+frame(reply)), uint8(1))
	f.Add([]byte(frame("")+frame("[1")+frame(`"OK"`)), uint8(3))
	f.Add([]byte("         4\"OK\"GET / HTTP/1.1"), uint8(200))
	f.Fuzz(func(t *testing.T, stream []byte, size uint8) {
		var got []string
		events := map[Event]int{}
		tap := tap{emit: func(m Message) { got = append(got, string(m.Body)) }, tell: func(e Event, _ string) { events[e]++ }}
		for rest := stream; len(rest) > 0; {
			n := min(int(size)+1, len(rest))
			tap.feed(rest[:n])
			rest = rest[n:]
		}
		tap.end()

		var want []string
		wrong := 0
		reader := wire.Reader{Limit: wire.MaxLength}
		source := bytes.NewReader(stream)
		var err error
		for {
			var body []byte
			if body, err = reader.Next(source, nil); err != nil {
				break
			}
			if json(body) {
				want = append(want, string(body))
			} else {
				wrong++
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) || events[NotJSON] != wrong ||
			(events[Cut] == 1) != errors.Is(err, wire.ErrIncomplete) || (events[NotFrames] == 1) != errors.Is(err, wire.ErrMalformed) {
			t.Errorf("of %q the tap finds %q and %v; the reader %q and %v", stream, got, events, want, err)
		}
	})
}

func json(body []byte) bool { return jsondoc.Validate(body) == nil }
