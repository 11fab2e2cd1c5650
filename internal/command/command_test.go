package command_test

import (
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"libobe/internal/command"
	"libobe/internal/jsondoc"
	"libobe/internal/socket"
	"libobe/internal/systemtest"
	"libobe/internal/transport"
)

const (
	// testTimeout limits what must happen.
	testTimeout = systemtest.Timeout
	// shortTimeout is a timeout that has to expire.
	shortTimeout = 30 * time.Millisecond
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// scriptedServer sends the same reply to every command and records the requests. If the
// reply is "", it sends none.
type scriptedServer struct {
	server   *socket.Server
	mu       sync.Mutex
	reply    string
	requests []string
}

func newScriptedServer(t *testing.T) (*scriptedServer, *socket.Client) {
	t.Helper()
	server, err := socket.NewServer("", 0)
	must(t, err)
	s := &scriptedServer{server: server}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(s.answer, nil) }()
	client, err := socket.NewClient("", int(server.Addr().Port()))
	must(t, err)
	t.Cleanup(func() {
		client.Free()
		server.Free()
		if err := <-ended; !errors.Is(err, socket.ErrClosed) {
			t.Errorf("the server ended with %v", err)
		}
	})
	return s, client
}

func (s *scriptedServer) answer(m *socket.Message) {
	s.mu.Lock()
	s.requests = append(s.requests, string(m.Body))
	reply := s.reply
	s.mu.Unlock()
	if reply != "" {
		_ = m.Reply([]byte(reply), testTimeout) // the client may be gone
	}
}

// replyWith sets the reply to the next commands, and clears the recorded requests.
func (s *scriptedServer) replyWith(reply string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reply, s.requests = reply, nil
}

// expectRequests checks the recorded requests.
func (s *scriptedServer) expectRequests(t *testing.T, requests ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.requests, requests) {
		t.Errorf("the server received %q, want %q", s.requests, requests)
	}
}

const sentinel = -777.25

// sentinels returns an array of n sentinels.
func sentinels(n int) []float64 { return slices.Repeat([]float64{sentinel}, n) }

// A call sends a command, reads its numbers into dst, and returns them as text.
type call func(c *socket.Client, dst []float64, timeout time.Duration) (string, error)

func okCall(build func() (*jsondoc.Document, error)) call {
	return func(c *socket.Client, _ []float64, timeout time.Duration) (string, error) {
		request, err := build()
		if err != nil {
			return "", err
		}
		return "done", command.ExpectOK(c, request, timeout)
	}
}

func doublesCall(build func() (*jsondoc.Document, error)) call {
	return func(c *socket.Client, dst []float64, timeout time.Duration) (string, error) {
		request, err := build()
		if err != nil {
			return "", err
		}
		n, err := command.Doubles(c, request, dst, timeout)
		if err != nil {
			return fmt.Sprint(n), err
		}
		return fmt.Sprint(dst[:n]), nil
	}
}

func matrixCall(build func() (*jsondoc.Document, error)) call {
	return func(c *socket.Client, dst []float64, timeout time.Duration) (string, error) {
		request, err := build()
		if err != nil {
			return "", err
		}
		rows, cols, err := command.Matrix(c, request, dst, timeout)
		if err != nil {
			return fmt.Sprintf("%dx%d", rows, cols), err
		}
		return fmt.Sprintf("%dx%d %v", rows, cols, dst[:rows*cols]), nil
	}
}

func named(name string) func() (*jsondoc.Document, error) {
	return func() (*jsondoc.Document, error) { return command.Request(name, nil) }
}

func goodset(pickiness float64) func() (*jsondoc.Document, error) {
	return func() (*jsondoc.Document, error) { return command.GoodSet(pickiness) }
}

func newdat(x, y, s []float64) func() (*jsondoc.Document, error) {
	return func() (*jsondoc.Document, error) { return command.NewData(x, y, s) }
}

func newrun(fields string) func() (*jsondoc.Document, error) {
	return func() (*jsondoc.Document, error) {
		if fields == "" {
			return command.Request("newrun", nil)
		}
		d, err := jsondoc.Parse([]byte(fields))
		if err != nil {
			return nil, err
		}
		return command.Request("newrun", d)
	}
}

// sendReady sends the command ready.
func sendReady(c *socket.Client) error {
	_, err := okCall(named("ready"))(c, nil, testTimeout)
	return err
}

// commands are all commands of the protocol, with their requests on the wire.
var commands = []struct {
	name    string
	call    call
	request string
	reply   string
	want    string
}{
	{"ready", okCall(named("ready")), `{"command": "ready"}`, `"OK"`, "done"},
	{"newrun", okCall(newrun("")), `{"command": "newrun"}`, `"OK"`, "done"},
	{"newdat", okCall(newdat([]float64{2.45}, []float64{0.98}, []float64{0.005})),
		`{"command": "newdat", "x": [2.45], "y": [0.98], "s": [0.005]}`, `"OK"`, "done"},
	{"done", okCall(named("done")), `{"command": "done"}`, ` "OK"` + "\n", "done"},
	{"optset", doublesCall(named("optset")), `{"command": "optset"}`, "[2.45, 3]", "[2.45 3]"},
	{"goodset", doublesCall(goodset(4)), `{"command": "goodset", "pickiness": 4}`, "[2.45]", "[2.45]"},
	{"getmean", doublesCall(named("getmean")), `{"command": "getmean"}`, "[1e-3,\n-Infinity, NaN]", "[0.001 -Inf NaN]"},
	{"getstd", doublesCall(named("getstd")), `{"command": "getstd"}`, "[]", "[]"},
	{"getwgt", doublesCall(named("getwgt")), `{"command": "getwgt"}`, "[0.25, 0.5, 0.25]", "[0.25 0.5 0.25]"},
	{"getcon", doublesCall(named("getcon")), `{"command": "getcon"}`, "[0]", "[0]"},
	{"getcov", matrixCall(named("getcov")), `{"command": "getcov"}`, "[[1, 0.5], [0.5, 2]]", "2x2 [1 0.5 0.5 2]"},
	{"getpar", matrixCall(named("getpar")), `{"command": "getpar"}`, "[[1, 2, 3], [4, 5, 6]]", "2x3 [1 2 3 4 5 6]"},
	{"getset", matrixCall(named("getset")), `{"command": "getset"}`, "[]", "0x0 []"},
}

func TestRequestsAndReplies(t *testing.T) {
	s, c := newScriptedServer(t)
	for _, persistent := range []string{"0", "1"} {
		must(t, c.SetOption("persistent", persistent))
		for _, k := range commands {
			s.replyWith(k.reply)
			dst := sentinels(8)
			got, err := k.call(c, dst, testTimeout)
			if got != k.want || err != nil {
				t.Errorf("%s: %s, %v; want %s", k.name, got, err, k.want)
			}
			s.expectRequests(t, k.request)
			if written := strings.Count(k.want[strings.IndexByte(k.want, '[')+1:], " ") + 1; dst[written] != sentinel {
				t.Errorf("%s wrote beyond the numbers of the reply: %v", k.name, dst)
			}
		}
	}
	opened, err := c.Stat("connections_opened")
	if want := int64(len(commands)) + 1; opened != want || err != nil {
		t.Errorf("%d connections (%v), want %d: one for each command, and a persistent one", opened, err, want)
	}
}

func TestOtherRepliesAreErrorsThatContainThem(t *testing.T) {
	s, c := newScriptedServer(t)
	replies := []string{`"Error: no such thing"`, "0", "null", "true", "{}", `{"error": "é\u0041"}`, `["OK"]`, `[1, "2"]`, "[null]", "[[1, 2], [3]]",
		"[[1], 2]", "[1, [2]]", "[[1, null]]", "NaN", `"ok"`, `"OK "`, `""`, "[true]", "[[[1]]]", `"O\u004B!"`}
	for _, k := range commands {
		for _, reply := range replies {
			s.replyWith(reply)
			dst := sentinels(8)
			got, err := k.call(c, dst, testTimeout)
			if !errors.Is(err, command.ErrReply) || !strings.Contains(err.Error(), reply) || !strings.Contains(err.Error(), k.name) {
				t.Errorf("%s answered %s: %s, %v", k.name, reply, got, err)
				continue
			}
			if got != "done" && got != "0" && got != "0x0" {
				t.Errorf("%s answered %s: %s and an error", k.name, reply, got)
			}
			s.expectRequests(t, k.request)
			// The reply is not kept.
			if n, err := c.Receive(make([]byte, 99), 0); !errors.Is(err, socket.ErrState) {
				t.Fatalf("%d bytes (%v) are left of a rejected reply", n, err)
			}
		}
	}
	// An escaped OK is valid.
	s.replyWith(`"\u004fK"`)
	if err := sendReady(c); err != nil {
		t.Error(err)
	}
	// Each kind of command rejects the answer of the others.
	s.replyWith("[1, 2]")
	if _, err := commands[len(commands)-1].call(c, sentinels(8), testTimeout); !errors.Is(err, command.ErrReply) {
		t.Errorf("a list where rows were asked for: %v", err)
	}
	s.replyWith("[[1, 2]]")
	if _, err := doublesCall(named("optset"))(c, sentinels(8), testTimeout); !errors.Is(err, command.ErrReply) {
		t.Errorf("rows where a list was asked for: %v", err)
	}
	s.replyWith("[[1], [2, 3]]")
	if _, err := matrixCall(named("getcov"))(c, sentinels(8), testTimeout); !strings.Contains(fmt.Sprint(err), "row 1") {
		t.Errorf("the error does not say which row is the longer one: %v", err)
	}
}

// The error of a long reply is short, and UTF-8 wherever the reply is cut.
func TestErrorsContainTheBeginningOfLongReplies(t *testing.T) {
	s, c := newScriptedServer(t)
	for shift := range 4 {
		reply := `"` + strings.Repeat("x", shift) + strings.Repeat("𝄞", 2500) + `"`
		s.replyWith(reply)
		_, err := commands[0].call(c, nil, testTimeout)
		if !errors.Is(err, command.ErrReply) {
			t.Fatal(err)
		}
		text := err.Error()
		if len(text) > 500 || !utf8.ValidString(text) || !strings.Contains(text, reply[:100]) || !strings.Contains(text, fmt.Sprint(len(reply))) {
			t.Errorf("shift %d: %q", shift, text)
		}
	}
}

func TestReplyThatDoesNotFitIsKept(t *testing.T) {
	s, c := newScriptedServer(t)
	for _, persistent := range []string{"0", "1"} {
		must(t, c.SetOption("persistent", persistent))
		for _, k := range []struct {
			call       call
			request    string
			reply      string
			rows, cols int
		}{
			{doublesCall(named("optset")), `{"command": "optset"}`, "[2.45, 3, NaN]", 3, 1},
			{doublesCall(goodset(2.5)), `{"command": "goodset", "pickiness": 2.5}`, " [1,2,3,4] ", 4, 1},
			{matrixCall(named("getpar")), `{"command": "getpar"}`, "[[1, 2, 3], [4, 5, 6]]", 2, 3},
		} {
			for size := range k.rows * k.cols {
				s.replyWith(k.reply)
				dst := sentinels(size)
				if size == 0 {
					dst = nil
				}
				got, err := k.call(c, dst, testTimeout)
				var tooSmall *jsondoc.SizeError
				if !errors.As(err, &tooSmall) || tooSmall.Rows != k.rows || tooSmall.Cols != k.cols || !errors.Is(err, socket.ErrBuffer) {
					t.Fatalf("%s into %d: %s, %v", k.reply, size, got, err)
				}
				if !slices.Equal(dst, sentinels(size)) {
					t.Errorf("%s into %d wrote %v", k.reply, size, dst)
				}
				// The reply can be received once, and the command was sent once.
				body, err := c.ReceiveBody(0)
				if string(body) != k.reply || err != nil {
					t.Errorf("kept is %q (%v), want %q", body, err, k.reply)
				}
				s.expectRequests(t, k.request)
				if _, err := c.ReceiveBody(0); !errors.Is(err, socket.ErrState) && !(persistent == "1" && errors.Is(err, socket.ErrTimeout)) {
					t.Errorf("it is kept twice: %v", err)
				}
			}
			// A reply that was not received does not answer the next command.
			s.replyWith(k.reply)
			if _, err := k.call(c, nil, testTimeout); !errors.Is(err, socket.ErrBuffer) {
				t.Fatal(err)
			}
			s.replyWith(`"OK"`)
			must(t, sendReady(c))
		}
	}
}

func TestPickinessOnTheWire(t *testing.T) {
	s, c := newScriptedServer(t)
	s.replyWith("[1]")
	for pickiness, want := range map[float64]string{
		0:                    `{"command": "goodset", "pickiness": 0}`,
		math.Copysign(0, -1): `{"command": "goodset", "pickiness": 0}`,
		19:                   `{"command": "goodset", "pickiness": 19}`,
		1 << 40:              `{"command": "goodset", "pickiness": 1099511627776}`,
		0.1:                  `{"command": "goodset", "pickiness": 0.1}`,
		1e300:                `{"command": "goodset", "pickiness": 1e+300}`,
		-1:                   `{"command": "goodset"}`,
		math.Inf(-1):         `{"command": "goodset"}`,
	} {
		s.replyWith("[1]")
		if _, err := doublesCall(goodset(pickiness))(c, sentinels(1), testTimeout); err != nil {
			t.Error(err)
		}
		s.expectRequests(t, want)
	}
	s.replyWith("[1]")
	if _, err := doublesCall(goodset(math.NaN()))(c, sentinels(1), testTimeout); err != nil {
		t.Error(err)
	}
	s.expectRequests(t, `{"command": "goodset"}`)
}

func TestDataAreSentAsLists(t *testing.T) {
	s, c := newScriptedServer(t)
	for _, k := range []struct {
		x, y, s []float64
		want    string
	}{
		{[]float64{25}, []float64{1}, []float64{0}, `{"command": "newdat", "x": [25.0], "y": [1.0], "s": [0.0]}`},
		{[]float64{1, 2}, []float64{1e-7, math.NaN()}, []float64{math.Inf(1)}, `{"command": "newdat", "x": [1.0, 2.0], "y": [1e-07, NaN], "s": [Infinity]}`},
		{nil, []float64{}, nil, `{"command": "newdat", "x": [], "y": [], "s": []}`},
	} {
		s.replyWith(`"OK"`)
		if _, err := okCall(newdat(k.x, k.y, k.s))(c, nil, testTimeout); err != nil {
			t.Error(err)
		}
		s.expectRequests(t, k.want)
	}
}

func TestFieldsOfARunAreSent(t *testing.T) {
	s, c := newScriptedServer(t)
	for fields, want := range map[string]string{
		"{}": `{"command": "newrun"}`,
		` { "n" : 25.0,"big":123456789012345678901234567890 , "a/b": [1 ,2] }`: `{"command": "newrun", "n": 25.0, "big": 123456789012345678901234567890, "a/b": [1 ,2]}`,
		`{"command": "newrun", "first": "É\n"}`:                                `{"command": "newrun", "first": "É\n"}`,
		`{"x": 1, "x": 2}`:                                                     `{"command": "newrun", "x": 2}`,
		`{"command": "done", "x": 1}`:                                          `{"command": "newrun", "x": 1}`,
		`{"é\"\\": {"command": "nested"}, "\ud800": 1}`:                        `{"command": "newrun", "é\"\\": {"command": "nested"}, "\ud800": 1}`,
	} {
		s.replyWith(`"OK"`)
		if _, err := okCall(newrun(fields))(c, nil, testTimeout); err != nil {
			t.Error(err)
		}
		s.expectRequests(t, want)
	}
	s.replyWith(`"OK"`)
	for _, fields := range []string{"[]", "1", `"newrun"`, "null"} {
		if _, err := okCall(newrun(fields))(c, nil, testTimeout); !errors.Is(err, jsondoc.ErrType) {
			t.Errorf("fields %s: %v", fields, err)
		}
	}
	s.expectRequests(t)
	// The caller's document is unchanged.
	fields, err := jsondoc.Parse([]byte(`{"a":1}`))
	must(t, err)
	request, err := command.Request("newrun", fields)
	must(t, err)
	must(t, request.SetInt("b", 2))
	if got := string(fields.Text()); got != `{"a":1}` {
		t.Errorf("the fields became %s", got)
	}
}

func TestErrorsOfTheCallAreReturned(t *testing.T) {
	s, c := newScriptedServer(t)
	fails := func(k call, timeout time.Duration, want error) {
		t.Helper()
		dst := sentinels(8)
		got, err := k(c, dst, timeout)
		if !errors.Is(err, want) || errors.Is(err, command.ErrReply) || !slices.Equal(dst, sentinels(8)) {
			t.Errorf("%s, %v, %v; want %v", got, err, dst, want)
		}
	}
	for _, k := range []call{commands[0].call, doublesCall(named("optset")), matrixCall(named("getcov"))} {
		s.replyWith("") // no reply: the request is dropped, and its connection stays open until the next request
		fails(k, shortTimeout, socket.ErrTimeout)

		ended := make(chan error, 1)
		go func() {
			_, err := k(c, sentinels(8), socket.Forever)
			ended <- err
		}()
		for done := false; !done; { // Cancel does not affect calls that have not begun
			c.Cancel()
			select {
			case err := <-ended:
				if !errors.Is(err, socket.ErrCancelled) {
					t.Errorf("cancelled: %v", err)
				}
				done = true
			case <-time.After(time.Millisecond):
			}
		}
	}

	// A server that closes the connection instead of replying.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 99))
			conn.Close()
		}
	}()
	c.Free()
	c, err = socket.NewClient("", l.Addr().(*net.TCPAddr).Port)
	must(t, err)
	defer func() { c.Free() }()
	for _, k := range commands {
		fails(k.call, testTimeout, socket.ErrPeerClosed)
	}
	l.Close()
	for _, k := range commands {
		fails(k.call, testTimeout, transport.ErrRefused)
	}
}

// Concurrent commands on one client wait for each other, and each receives its own
// reply.
func TestCommandsFromManyThreads(t *testing.T) {
	server, err := socket.NewServer("", 0)
	must(t, err)
	ended := make(chan error, 1)
	go func() {
		ended <- server.Serve(func(m *socket.Message) {
			d := jsondoc.FromValid(m.Body)
			reply := []byte(`"OK"`)
			if pickiness, err := d.JSON("/pickiness"); err == nil {
				reply = fmt.Appendf(nil, "[%s, %s]", pickiness, pickiness)
			}
			_ = m.Reply(reply, testTimeout)
		}, nil)
	}()
	c, err := socket.NewClient("", int(server.Addr().Port()))
	must(t, err)
	var wg sync.WaitGroup
	for thread := range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range 30 {
				want := float64(100*thread + i)
				dst := sentinels(i % 3) // 2 is enough
				request, err := command.GoodSet(want)
				if err == nil {
					_, err = command.Doubles(c, request, dst, testTimeout)
				}
				var size *jsondoc.SizeError
				switch {
				case i%3 < 2:
					if !errors.As(err, &size) || size.Rows != 2 {
						t.Errorf("too small an array: %v", err)
					}
				case err != nil || !slices.Equal(dst, []float64{want, want}):
					t.Errorf("got %v (%v), want %v", dst, err, want)
				}
				if err := sendReady(c); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	wg.Wait()
	c.Free()
	server.Free()
	if err := <-ended; !errors.Is(err, socket.ErrClosed) {
		t.Errorf("the server ended with %v", err)
	}
}
