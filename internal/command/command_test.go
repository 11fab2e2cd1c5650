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
	"libobe/internal/transport"
)

const (
	// patience is how long something may take that must happen.
	patience = 10 * time.Second
	// short is a timeout that a test waits out.
	short = 30 * time.Millisecond
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// script is a server that gives each command its reply and remembers what it was
// asked. A reply of "" is none.
type script struct {
	server *socket.Server
	mu     sync.Mutex
	reply  string
	asked  []string
}

func newScript(t *testing.T) (*script, *socket.Client) {
	t.Helper()
	server, err := socket.NewServer("", 0)
	must(t, err)
	s := &script{server: server}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(s.answer) }()
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

func (s *script) answer(m *socket.Message) error {
	s.mu.Lock()
	s.asked = append(s.asked, string(m.Body))
	reply := s.reply
	s.mu.Unlock()
	if reply == "" {
		return nil
	}
	return m.Reply([]byte(reply), patience)
}

// says sets the reply of the commands to come.
func (s *script) says(reply string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reply, s.asked = reply, nil
}

// expect checks what was asked since.
func (s *script) expect(t *testing.T, requests ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.asked, requests) {
		t.Errorf("the server was asked %q, want %q", s.asked, requests)
	}
}

const untouched = -777.25

// room is an array of n numbers that have not been written to.
func room(n int) []float64 { return slices.Repeat([]float64{untouched}, n) }

// A caller makes one of the commands, with room for some numbers, and returns
// what came of it as text.
type caller func(c *socket.Client, dst []float64, timeout time.Duration) (string, error)

func order(build func() (*jsondoc.Document, error)) caller {
	return func(c *socket.Client, _ []float64, timeout time.Duration) (string, error) {
		request, err := build()
		if err != nil {
			return "", err
		}
		return "done", command.ExpectOK(c, request, timeout)
	}
}

func list(build func() (*jsondoc.Document, error)) caller {
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

func table(build func() (*jsondoc.Document, error)) caller {
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

func plain(name string) func() (*jsondoc.Document, error) {
	return func() (*jsondoc.Document, error) { return command.New(name), nil }
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

// commands are all of them, with their requests as the servers know them.
var commands = []struct {
	name    string
	call    caller
	request string
	reply   string
	want    string
}{
	{"ready", order(plain("ready")), `{"command": "ready"}`, `"OK"`, "done"},
	{"newrun", order(newrun("")), `{"command": "newrun"}`, `"OK"`, "done"},
	{"newdat", order(newdat([]float64{2.45}, []float64{0.98}, []float64{0.005})),
		`{"command": "newdat", "x": [2.45], "y": [0.98], "s": [0.005]}`, `"OK"`, "done"},
	{"done", order(plain("done")), `{"command": "done"}`, ` "OK"` + "\n", "done"},
	{"optset", list(plain("optset")), `{"command": "optset"}`, "[2.45, 3]", "[2.45 3]"},
	{"goodset", list(goodset(4)), `{"command": "goodset", "pickiness": 4}`, "[2.45]", "[2.45]"},
	{"getmean", list(plain("getmean")), `{"command": "getmean"}`, "[1e-3,\n-Infinity, NaN]", "[0.001 -Inf NaN]"},
	{"getstd", list(plain("getstd")), `{"command": "getstd"}`, "[]", "[]"},
	{"getwgt", list(plain("getwgt")), `{"command": "getwgt"}`, "[0.25, 0.5, 0.25]", "[0.25 0.5 0.25]"},
	{"getcon", list(plain("getcon")), `{"command": "getcon"}`, "[0]", "[0]"},
	{"getcov", table(plain("getcov")), `{"command": "getcov"}`, "[[1, 0.5], [0.5, 2]]", "2x2 [1 0.5 0.5 2]"},
	{"getpar", table(plain("getpar")), `{"command": "getpar"}`, "[[1, 2, 3], [4, 5, 6]]", "2x3 [1 2 3 4 5 6]"},
	{"getset", table(plain("getset")), `{"command": "getset"}`, "[]", "0x0 []"},
}

func TestRequestsAndReplies(t *testing.T) {
	s, c := newScript(t)
	for _, persistent := range []string{"0", "1"} {
		must(t, c.SetOption("persistent", persistent))
		for _, k := range commands {
			s.says(k.reply)
			dst := room(8)
			got, err := k.call(c, dst, patience)
			if got != k.want || err != nil {
				t.Errorf("%s: %s, %v; want %s", k.name, got, err, k.want)
			}
			s.expect(t, k.request)
			if written := strings.Count(k.want[strings.IndexByte(k.want, '[')+1:], " ") + 1; dst[written] != untouched {
				t.Errorf("%s wrote more than it read: %v", k.name, dst)
			}
		}
	}
	opened, err := c.Stat("connections_opened")
	if want := int64(len(commands)) + 1; opened != want || err != nil {
		t.Errorf("%d connections (%v), want %d: one for each command, and one that is kept", opened, err, want)
	}
}

func TestOtherRepliesAreErrorsThatCarryThem(t *testing.T) {
	s, c := newScript(t)
	replies := []string{`"Error: no such thing"`, "0", "null", "true", "{}", `{"error": "é\u0041"}`, `["OK"]`, `[1, "2"]`, "[null]", "[[1, 2], [3]]",
		"[[1], 2]", "[1, [2]]", "[[1, null]]", "NaN", `"ok"`, `"OK "`, `""`, "[true]", "[[[1]]]", `"O\u004B!"`}
	for _, k := range commands {
		for _, reply := range replies {
			s.says(reply)
			dst := room(8)
			got, err := k.call(c, dst, patience)
			if !errors.Is(err, command.ErrReply) || !strings.Contains(err.Error(), reply) || !strings.Contains(err.Error(), k.name) {
				t.Errorf("%s answered %s: %s, %v", k.name, reply, got, err)
				continue
			}
			if got != "done" && got != "0" && got != "0x0" {
				t.Errorf("%s answered %s: %s beside an error", k.name, reply, got)
			}
			s.expect(t, k.request)
			// It is not kept for later.
			if n, err := c.Receive(make([]byte, 99), 0); !errors.Is(err, socket.ErrState) {
				t.Fatalf("%d bytes (%v) are left of a reply that was refused", n, err)
			}
		}
	}
	// An escaped OK is one.
	s.says(`"\u004fK"`)
	if err := command.ExpectOK(c, command.New("ready"), patience); err != nil {
		t.Error(err)
	}
	// What one kind of command takes, another does not.
	s.says("[1, 2]")
	if _, err := commands[len(commands)-1].call(c, room(8), patience); !errors.Is(err, command.ErrReply) {
		t.Errorf("a list where rows were asked for: %v", err)
	}
	s.says("[[1, 2]]")
	if _, err := list(plain("optset"))(c, room(8), patience); !errors.Is(err, command.ErrReply) {
		t.Errorf("rows where a list was asked for: %v", err)
	}
	s.says("[[1], [2, 3]]")
	if _, err := table(plain("getcov"))(c, room(8), patience); !strings.Contains(fmt.Sprint(err), "row 1") {
		t.Errorf("the error does not say which row is the longer one: %v", err)
	}
}

// A sentence about a long reply is short, and UTF-8 wherever it is cut.
func TestLongRepliesAreShownInPart(t *testing.T) {
	s, c := newScript(t)
	for shift := range 4 {
		reply := `"` + strings.Repeat("x", shift) + strings.Repeat("𝄞", 2500) + `"`
		s.says(reply)
		_, err := commands[0].call(c, nil, patience)
		if !errors.Is(err, command.ErrReply) {
			t.Fatal(err)
		}
		text := err.Error()
		if len(text) > 500 || !utf8.ValidString(text) || !strings.Contains(text, reply[:100]) || !strings.Contains(text, fmt.Sprint(len(reply))) {
			t.Errorf("shift %d: %q", shift, text)
		}
	}
}

func TestTooLittleRoomKeepsTheReply(t *testing.T) {
	s, c := newScript(t)
	for _, persistent := range []string{"0", "1"} {
		must(t, c.SetOption("persistent", persistent))
		for _, k := range []struct {
			call       caller
			request    string
			reply      string
			rows, cols int
		}{
			{list(plain("optset")), `{"command": "optset"}`, "[2.45, 3, NaN]", 3, 1},
			{list(goodset(2.5)), `{"command": "goodset", "pickiness": 2.5}`, " [1,2,3,4] ", 4, 1},
			{table(plain("getpar")), `{"command": "getpar"}`, "[[1, 2, 3], [4, 5, 6]]", 2, 3},
		} {
			for space := range k.rows * k.cols {
				s.says(k.reply)
				dst := room(space)
				if space == 0 {
					dst = nil
				}
				got, err := k.call(c, dst, patience)
				var size *jsondoc.SizeError
				if !errors.As(err, &size) || size.Rows != k.rows || size.Cols != k.cols || !errors.Is(err, socket.ErrBuffer) {
					t.Fatalf("%s into %d: %s, %v", k.reply, space, got, err)
				}
				if !slices.Equal(dst, room(space)) {
					t.Errorf("%s into %d wrote %v", k.reply, space, dst)
				}
				// The reply is there, once, and the server was asked once.
				body, err := c.ReceiveBody(0)
				if string(body) != k.reply || err != nil {
					t.Errorf("kept is %q (%v), want %q", body, err, k.reply)
				}
				s.expect(t, k.request)
				if _, err := c.ReceiveBody(0); !errors.Is(err, socket.ErrState) && !(persistent == "1" && errors.Is(err, socket.ErrTimeout)) {
					t.Errorf("it is kept twice: %v", err)
				}
			}
			// A reply that nobody took does not answer the next command.
			s.says(k.reply)
			if _, err := k.call(c, nil, patience); !errors.Is(err, socket.ErrBuffer) {
				t.Fatal(err)
			}
			s.says(`"OK"`)
			must(t, command.ExpectOK(c, command.New("ready"), patience))
		}
	}
}

func TestPickiness(t *testing.T) {
	s, c := newScript(t)
	s.says("[1]")
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
		s.says("[1]")
		if _, err := list(goodset(pickiness))(c, room(1), patience); err != nil {
			t.Error(err)
		}
		s.expect(t, want)
	}
	s.says("[1]")
	if _, err := list(goodset(math.NaN()))(c, room(1), patience); err != nil {
		t.Error(err)
	}
	s.expect(t, `{"command": "goodset"}`)
}

func TestDataAreSentAsLists(t *testing.T) {
	s, c := newScript(t)
	for _, k := range []struct {
		x, y, s []float64
		want    string
	}{
		{[]float64{25}, []float64{1}, []float64{0}, `{"command": "newdat", "x": [25.0], "y": [1.0], "s": [0.0]}`},
		{[]float64{1, 2}, []float64{1e-7, math.NaN()}, []float64{math.Inf(1)}, `{"command": "newdat", "x": [1.0, 2.0], "y": [1e-07, NaN], "s": [Infinity]}`},
		{nil, []float64{}, nil, `{"command": "newdat", "x": [], "y": [], "s": []}`},
	} {
		s.says(`"OK"`)
		if _, err := order(newdat(k.x, k.y, k.s))(c, nil, patience); err != nil {
			t.Error(err)
		}
		s.expect(t, k.want)
	}
}

func TestFieldsOfARunGoAlong(t *testing.T) {
	s, c := newScript(t)
	for fields, want := range map[string]string{
		"{}": `{"command": "newrun"}`,
		` { "n" : 25.0,"big":123456789012345678901234567890 , "a/b": [1 ,2] }`: `{"command": "newrun", "n": 25.0, "big": 123456789012345678901234567890, "a/b": [1 ,2]}`,
		`{"command": "newrun", "first": "É\n"}`:                                `{"command": "newrun", "first": "É\n"}`,
		`{"x": 1, "x": 2}`:                                                     `{"command": "newrun", "x": 2}`,
		`{"command": "done", "x": 1}`:                                          `{"command": "newrun", "x": 1}`,
		`{"é\"\\": {"command": "nested"}, "\ud800": 1}`:                        `{"command": "newrun", "é\"\\": {"command": "nested"}, "\ud800": 1}`,
	} {
		s.says(`"OK"`)
		if _, err := order(newrun(fields))(c, nil, patience); err != nil {
			t.Error(err)
		}
		s.expect(t, want)
	}
	s.says(`"OK"`)
	for _, fields := range []string{"[]", "1", `"newrun"`, "null"} {
		if _, err := order(newrun(fields))(c, nil, patience); !errors.Is(err, jsondoc.ErrType) {
			t.Errorf("fields %s: %v", fields, err)
		}
	}
	s.expect(t)
	// The caller's document stays as it is.
	fields, err := jsondoc.Parse([]byte(`{"a":1}`))
	must(t, err)
	request, err := command.Request("newrun", fields)
	must(t, err)
	must(t, request.SetInt("b", 2))
	if got := string(fields.Text()); got != `{"a":1}` {
		t.Errorf("the fields became %s", got)
	}
}

func TestFailuresOfTheExchangePassThrough(t *testing.T) {
	s, c := newScript(t)
	fails := func(k caller, timeout time.Duration, want error) {
		t.Helper()
		dst := room(8)
		got, err := k(c, dst, timeout)
		if !errors.Is(err, want) || errors.Is(err, command.ErrReply) || !slices.Equal(dst, room(8)) {
			t.Errorf("%s, %v, %v; want %v", got, err, dst, want)
		}
	}
	for _, k := range []caller{commands[0].call, list(plain("optset")), table(plain("getcov"))} {
		s.says("") // none: the message is dropped, and its connection stays until another one is taken
		fails(k, short, socket.ErrTimeout)

		ended := make(chan error, 1)
		go func() {
			_, err := k(c, room(8), socket.Forever)
			ended <- err
		}()
		for done := false; !done; { // Cancel spares calls that have not begun
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

	// Somebody who takes the command and goes.
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
		fails(k.call, patience, socket.ErrPeerClosed)
	}
	l.Close()
	for _, k := range commands {
		fails(k.call, patience, transport.ErrRefused)
	}
}

// Commands of many threads on one client wait for each other, and each gets its
// own reply.
func TestCommandsFromManyThreads(t *testing.T) {
	server, err := socket.NewServer("", 0)
	must(t, err)
	ended := make(chan error, 1)
	go func() {
		ended <- server.Serve(func(m *socket.Message) error {
			d := jsondoc.FromValid(m.Body)
			pickiness, err := d.JSON("/pickiness")
			if err != nil {
				return m.Reply([]byte(`"OK"`), patience)
			}
			return m.Reply(fmt.Appendf(nil, "[%s, %s]", pickiness, pickiness), patience)
		})
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
				dst := room(i % 3) // 2 is enough
				request, err := command.GoodSet(want)
				if err == nil {
					_, err = command.Doubles(c, request, dst, patience)
				}
				var size *jsondoc.SizeError
				switch {
				case i%3 < 2:
					if !errors.As(err, &size) || size.Rows != 2 {
						t.Errorf("too little room: %v", err)
					}
				case err != nil || !slices.Equal(dst, []float64{want, want}):
					t.Errorf("got %v (%v), want %v", dst, err, want)
				}
				if err := command.ExpectOK(c, command.New("ready"), patience); err != nil {
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
