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
)

const patience = 20 * time.Second

// echo starts a server that sends every message back, and returns the session of
// a client of it.
func echo(t *testing.T) *Session {
	return talker(t, func(body []byte) []byte { return body })
}

func talker(t *testing.T, answer func(body []byte) []byte) *Session {
	t.Helper()
	server, err := socket.NewServer("", 0)
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan error, 1)
	go func() {
		over <- server.Serve(func(m *socket.Message) error {
			_ = m.Reply(answer(m.Body), patience) // the client may be gone
			return nil
		})
	}()
	s, err := NewClient("", int(server.Addr().Port()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Free()
		server.Free()
		if err := <-over; !errors.Is(err, socket.ErrClosed) {
			t.Error(err)
		}
	})
	return s
}

func text(t *testing.T, s *Session) string {
	t.Helper()
	b, err := s.Text()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestTcmdKeepsTheReply(t *testing.T) {
	s := echo(t)
	const sent = `{"x": [1, 2]}`
	size, err := s.Tcmd([]byte(sent), patience)
	if err != nil || size != len(sent) {
		t.Fatalf("size %d, %v", size, err)
	}
	if got := text(t, s); got != sent {
		t.Errorf("kept %q", got)
	}
	var x [2]float64
	err = s.Read("get_doubles", []byte("/x"), func(d *jsondoc.Document, p string) error {
		_, err := d.Doubles(p, x[:])
		return err
	})
	if err != nil || x != [2]float64{1, 2} {
		t.Errorf("read %v, %v", x, err)
	}
}

// A reply that is not the command's answer can be read.
func TestReplyThatIsNoAnswerIsKept(t *testing.T) {
	s := talker(t, func(body []byte) []byte { return []byte(`{"error": 1}`) })
	if err := s.Order(request(t, "ready"), patience); err == nil {
		t.Fatal("it succeeds")
	}
	if got := text(t, s); got != `{"error": 1}` {
		t.Errorf("kept %q", got)
	}
}

func TestForget(t *testing.T) {
	s := echo(t)
	if _, err := s.Tcmd([]byte("1"), patience); err != nil {
		t.Fatal(err)
	}
	s.Forget()
	if _, err := s.Text(); !errors.Is(err, socket.ErrState) {
		t.Errorf("a message is kept: %v", err)
	}
}

// A list that does not fit is kept here, and is no message to be received.
func TestListThatDoesNotFit(t *testing.T) {
	s := talker(t, func([]byte) []byte { return []byte("[1, 2, 3]") })
	_, err := s.List(request(t, "getmean"), make([]float64, 2), patience)
	var size *jsondoc.SizeError
	if !errors.As(err, &size) || size.Rows != 3 || !errors.Is(err, socket.ErrBuffer) {
		t.Fatal(err)
	}
	if got := text(t, s); got != "[1, 2, 3]" {
		t.Errorf("kept %q", got)
	}
	if _, err := s.Receive(0); !errors.Is(err, socket.ErrState) {
		t.Errorf("receive: %v", err)
	}
}

func TestServerAnswersWhatItReceived(t *testing.T) {
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
		if err := client.Send([]byte(body), patience); err != nil {
			t.Fatal(err)
		}
		if size, err := server.Receive(patience); err != nil || size != len(body) {
			t.Fatalf("size %d, %v", size, err)
		}
		// A receive in vain leaves the message to be answered.
		if _, err := server.Receive(time.Millisecond); !errors.Is(err, socket.ErrTimeout) {
			t.Fatal(err)
		}
		if err := errors.Join(server.Begin(nil), server.Write("set_int", []byte("n"), func(d *jsondoc.Document, k string) error { return d.SetInt(k, 7) }), server.SendBuilt(patience)); err != nil {
			t.Fatal(err)
		}
		if _, err := client.Receive(patience); err != nil {
			t.Fatal(err)
		}
		if got := text(t, client); got != `{"n": 7}` {
			t.Errorf("answer %q", got)
		}
	}
}

// The time of a receive is one limit, also for a message that is taken by another
// in between.
func TestReceivesAtTheSameTime(t *testing.T) {
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
				if size, err := server.Receive(patience); err != nil || size != len(body) {
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
		if err := c.Send(body, patience); err != nil {
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
	client := echo(t)
	_, portErr := client.Port()
	_, tcmdErr := server.Tcmd([]byte("1"), 0)
	for name, err := range map[string]error{
		"port":       portErr,
		"tcmd":       tcmdErr,
		"wait_ready": server.WaitReady(0),
		"newrun":     server.NewRun(nil, 0),
	} {
		if !errors.Is(err, socket.ErrState) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What was built stays, and can be changed and sent again.
func TestBuiltCommand(t *testing.T) {
	s := echo(t)
	steps := errors.Join(
		s.Begin([]byte("scan")),
		s.Write("set_int", []byte("n"), func(d *jsondoc.Document, k string) error { return d.SetInt(k, 1) }),
		s.WriteText("set_json", []byte("m"), "json", []byte("[[1, 2], [3, 4]]"), func(d *jsondoc.Document, k string, text []byte) error { return d.SetJSON(k, text) }),
	)
	if steps != nil {
		t.Fatal(steps)
	}
	for n, want := range []string{`{"command": "scan", "n": 1, "m": [[1, 2], [3, 4]]}`, `{"command": "scan", "n": 2, "m": [[1, 2], [3, 4]]}`} {
		if err := s.Write("set_int", []byte("n"), func(d *jsondoc.Document, k string) error { return d.SetInt(k, int64(n+1)) }); err != nil {
			t.Fatal(err)
		}
		if size, err := s.TcmdBuilt(patience); err != nil || size != len(want) {
			t.Fatalf("size %d, %v", size, err)
		}
		if got := text(t, s); got != want {
			t.Errorf("sent %s", got)
		}
	}
}

func TestTableOfNumbers(t *testing.T) {
	s := talker(t, func([]byte) []byte { return []byte("[[1, 2, 3], [4, 5, 6]]") })
	var got [6]float64
	rows, cols, err := s.Table(request(t, "getset"), got[:], patience)
	if err != nil || rows != 2 || cols != 3 || got != [6]float64{1, 2, 3, 4, 5, 6} {
		t.Errorf("%d x %d: %v, %v", rows, cols, got, err)
	}
}

func TestNothingIsBuilt(t *testing.T) {
	s := echo(t)
	_, tcmd := s.TcmdBuilt(patience)
	for _, err := range []error{tcmd, s.SendBuilt(patience), s.Write("set_int", nil, nil)} {
		if !errors.Is(err, socket.ErrState) {
			t.Error(err)
		}
	}
}

func TestNewRun(t *testing.T) {
	var mu sync.Mutex
	var last string
	s := talker(t, func(body []byte) []byte {
		mu.Lock()
		defer mu.Unlock()
		last = string(body)
		return []byte(`"OK"`)
	})
	for fields, want := range map[string]string{
		"":                                 `{"command": "newrun"}`,
		`{"steps": 5, "command": "other"}`: `{"command": "newrun", "steps": 5}`,
	} {
		if err := s.NewRun([]byte(fields), patience); err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		if last != want {
			t.Errorf("sent %s, want %s", last, want)
		}
		mu.Unlock()
	}
	if err := s.NewRun([]byte("[1]"), patience); !errors.Is(err, jsondoc.ErrType) {
		t.Error(err)
	}
	var syntax *jsondoc.SyntaxError
	if err := s.NewRun([]byte("{"), patience); !errors.As(err, &syntax) {
		t.Error(err)
	}
}

func TestFreeAndCancelWake(t *testing.T) {
	// A port on which nobody reads.
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
		over := make(chan error, 1)
		go func() {
			_, err := s.Tcmd([]byte("1"), socket.Forever)
			over <- err
		}()
		// The server's port has the connection once the call is under way.
		for again := true; again; {
			wake.wake()
			select {
			case err := <-over:
				if !errors.Is(err, wake.want) {
					t.Error(err)
				}
				again = false
			case <-time.After(time.Millisecond):
			}
		}
	}
}

func request(t *testing.T, name string) *jsondoc.Document {
	t.Helper()
	r, err := command.Request(name, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
