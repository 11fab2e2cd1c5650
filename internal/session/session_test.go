package session

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"libobe/internal/command"
	"libobe/internal/jsondoc"
	"libobe/internal/socket"
	"libobe/internal/systemtest"
)

const testTimeout = systemtest.Timeout

// newEchoClient starts a server that sends every message back, and returns the session of
// a client of it.
func newEchoClient(t *testing.T) *Session {
	return newClientOf(t, func(body []byte) []byte { return body })
}

// newClientOf starts a server that replies with answer, and returns the session of a client
// of it.
func newClientOf(t *testing.T, answer func(body []byte) []byte) *Session {
	t.Helper()
	server, err := socket.NewServer("", 0)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() {
		served <- server.Serve(func(m *socket.Message) {
			_ = m.Reply(answer(m.Body), testTimeout) // the client may be gone
		}, nil)
	}()
	s, err := NewClient("", int(server.Addr().Port()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Free()
		server.Free()
		if err := <-served; !errors.Is(err, socket.ErrClosed) {
			t.Error(err)
		}
	})
	return s
}

func newRequest(t *testing.T, name string) *jsondoc.Document {
	t.Helper()
	r, err := command.Request(name, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func text(t *testing.T, s *Session) string {
	t.Helper()
	b, err := s.Text("get_text")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestTcmdStoresTheReply(t *testing.T) {
	s := newEchoClient(t)
	const sent = `{"x": [1, 2]}`
	size, err := s.Tcmd([]byte(sent), testTimeout)
	if err != nil || size != len(sent) {
		t.Fatalf("size %d, %v", size, err)
	}
	if got := text(t, s); got != sent {
		t.Errorf("the message is %q", got)
	}
	var x [2]float64
	err = s.ReadValue("get_doubles", []byte("/x"), func(d *jsondoc.Document, p string) error {
		_, err := d.Doubles(p, x[:])
		return err
	})
	if err != nil || x != [2]float64{1, 2} {
		t.Errorf("read %v, %v", x, err)
	}
}

// A reply that is not the expected one can be read.
func TestUnexpectedReplyIsStored(t *testing.T) {
	s := newClientOf(t, func(body []byte) []byte { return []byte(`{"error": 1}`) })
	if err := s.ExpectOK(newRequest(t, "ready"), testTimeout); err == nil {
		t.Fatal("the command succeeded")
	}
	if got := text(t, s); got != `{"error": 1}` {
		t.Errorf("the message is %q", got)
	}
}

func TestClearMessage(t *testing.T) {
	s := newEchoClient(t)
	if _, err := s.Tcmd([]byte("1"), testTimeout); err != nil {
		t.Fatal(err)
	}
	s.ClearMessage()
	if _, err := s.Text("get_text"); !errors.Is(err, socket.ErrState) {
		t.Errorf("there still is a message: %v", err)
	}
}

// The session stores a list that does not fit. It cannot be received again.
func TestListThatDoesNotFit(t *testing.T) {
	s := newClientOf(t, func([]byte) []byte { return []byte("[1, 2, 3]") })
	_, err := s.Doubles(newRequest(t, "getmean"), make([]float64, 2), testTimeout)
	var size *jsondoc.SizeError
	if !errors.As(err, &size) || size.Rows != 3 || !errors.Is(err, socket.ErrBuffer) {
		t.Fatal(err)
	}
	if got := text(t, s); got != "[1, 2, 3]" {
		t.Errorf("the message is %q", got)
	}
	if _, err := s.Receive(0); !errors.Is(err, socket.ErrState) {
		t.Errorf("receive: %v", err)
	}
}

func TestServerRepliesToWhatItReceived(t *testing.T) {
	server, err := NewServer("", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Free()
	port, err := server.Port()
	if err != nil {
		t.Fatal(err)
	}
	client, err := NewClient("", port)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Free()
	for _, body := range []string{`"short"`, `"` + strings.Repeat("x", 12_000) + `"`} {
		if err := client.Send([]byte(body), testTimeout); err != nil {
			t.Fatal(err)
		}
		if size, err := server.Receive(testTimeout); err != nil || size != len(body) {
			t.Fatalf("size %d, %v", size, err)
		}
		// A receive that times out does not affect the reply to the message before.
		if _, err := server.Receive(time.Millisecond); !errors.Is(err, socket.ErrTimeout) {
			t.Fatal(err)
		}
		if err := errors.Join(server.BeginCommand("command_new", nil), server.SetMember("set_int", []byte("n"), func(d *jsondoc.Document, k string) error { return d.SetInt(k, 7) }), server.SendMessage("send_message", testTimeout)); err != nil {
			t.Fatal(err)
		}
		if _, err := client.Receive(testTimeout); err != nil {
			t.Fatal(err)
		}
		if got := text(t, client); got != `{"n": 7}` {
			t.Errorf("reply %q", got)
		}
	}
}

// Each of several concurrent receives returns a message, even if another one received the
// first message that arrived.
func TestConcurrentReceives(t *testing.T) {
	server, err := NewServer("", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Free()
	port, _ := server.Port()
	body := []byte(`"` + strings.Repeat("y", 8_000) + `"`)
	const messages = 40
	var received sync.WaitGroup
	for range 4 {
		received.Go(func() {
			for range messages / 4 {
				if size, err := server.Receive(testTimeout); err != nil || size != len(body) {
					t.Errorf("size %d, %v", size, err)
				}
			}
		})
	}
	for range messages {
		c, err := NewClient("", port)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Free()
		if err := c.Send(body, testTimeout); err != nil {
			t.Fatal(err)
		}
	}
	received.Wait()
}

func TestRoles(t *testing.T) {
	server, err := NewServer("", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Free()
	client := newEchoClient(t)
	_, portErr := client.Port()
	_, tcmdErr := server.Tcmd([]byte("1"), 0)
	for name, err := range map[string]error{
		"port":       portErr,
		"tcmd":       tcmdErr,
		"wait_ready": server.WaitReady(0),
		"ask":        server.Ask([]byte("1"), 0),
		"fetch":      server.Fetch(0, nil),
		"newrun":     server.NewRun(nil, 0),
	} {
		if !errors.Is(err, socket.ErrState) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The command that was built can be changed and sent again.
func TestCommandIsSentAgain(t *testing.T) {
	s := newEchoClient(t)
	steps := errors.Join(
		s.BeginCommand("command_new", []byte("scan")),
		s.SetMember("set_int", []byte("n"), func(d *jsondoc.Document, k string) error { return d.SetInt(k, 1) }),
		s.SetJSON("set_json", []byte("m"), []byte("[[1, 2], [3, 4]]")),
	)
	if steps != nil {
		t.Fatal(steps)
	}
	for n, want := range []string{`{"command": "scan", "n": 1, "m": [[1, 2], [3, 4]]}`, `{"command": "scan", "n": 2, "m": [[1, 2], [3, 4]]}`} {
		if err := s.SetMember("set_int", []byte("n"), func(d *jsondoc.Document, k string) error { return d.SetInt(k, int64(n+1)) }); err != nil {
			t.Fatal(err)
		}
		if size, err := s.TcmdMessage("tcmd_message", testTimeout); err != nil || size != len(want) {
			t.Fatalf("size %d, %v", size, err)
		}
		if got := text(t, s); got != want {
			t.Errorf("sent %s", got)
		}
	}
}

func TestMatrix(t *testing.T) {
	s := newClientOf(t, func([]byte) []byte { return []byte("[[1, 2, 3], [4, 5, 6]]") })
	var got [6]float64
	rows, cols, err := s.Matrix(newRequest(t, "getset"), got[:], testTimeout)
	if err != nil || rows != 2 || cols != 3 || got != [6]float64{1, 2, 3, 4, 5, 6} {
		t.Errorf("%d x %d: %v, %v", rows, cols, got, err)
	}
}

func TestNoCommandIsBuilt(t *testing.T) {
	s := newEchoClient(t)
	_, tcmd := s.TcmdMessage("tcmd_message", testTimeout)
	for _, err := range []error{tcmd, s.SendMessage("send_message", testTimeout), s.SetMember("set_int", nil, nil)} {
		if !errors.Is(err, socket.ErrState) {
			t.Error(err)
		}
	}
}

func TestNewRun(t *testing.T) {
	var mu sync.Mutex
	var last string
	s := newClientOf(t, func(body []byte) []byte {
		mu.Lock()
		defer mu.Unlock()
		last = string(body)
		return []byte(`"OK"`)
	})
	for fields, want := range map[string]string{
		"":                                 `{"command": "newrun"}`,
		`{"steps": 5, "command": "other"}`: `{"command": "newrun", "steps": 5}`,
	} {
		if err := s.NewRun([]byte(fields), testTimeout); err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		if last != want {
			t.Errorf("sent %s, want %s", last, want)
		}
		mu.Unlock()
	}
	if err := s.NewRun([]byte("[1]"), testTimeout); !errors.Is(err, jsondoc.ErrType) {
		t.Error(err)
	}
	var syntax *jsondoc.SyntaxError
	if err := s.NewRun([]byte("{"), testTimeout); !errors.As(err, &syntax) {
		t.Error(err)
	}
}

func TestFreeAndCancelWakeACall(t *testing.T) {
	// A server that never receives.
	silent, err := socket.NewServer("", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Free()
	s, err := NewClient("", int(silent.Addr().Port()))
	if err != nil {
		t.Fatal(err)
	}
	for _, wake := range []struct {
		wake func()
		want error
	}{{s.Cancel, socket.ErrCancelled}, {s.Free, socket.ErrClosed}} {
		returned := make(chan error, 1)
		go func() {
			_, err := s.Tcmd([]byte("1"), socket.Forever)
			returned <- err
		}()
		// The first ones may come before the call blocks.
		for again := true; again; {
			wake.wake()
			select {
			case err := <-returned:
				if !errors.Is(err, wake.want) {
					t.Error(err)
				}
				again = false
			case <-time.After(time.Millisecond):
			}
		}
	}
}

func TestSetOption(t *testing.T) {
	s := newEchoClient(t)
	if err := s.SetOption("timeout_ms", "5"); err != nil {
		t.Error(err)
	}
	if err := s.SetOption("timeout_ms", "soon"); !errors.Is(err, socket.ErrArgument) {
		t.Error(err)
	}
}

func TestInvalidAddress(t *testing.T) {
	if _, err := NewClient("", -1); !errors.Is(err, socket.ErrArgument) {
		t.Errorf("client: %v", err)
	}
	if _, err := NewServer("", -1); !errors.Is(err, socket.ErrArgument) {
		t.Errorf("server: %v", err)
	}
}
