package gateway

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	natsgo "github.com/nats-io/nats.go"

	"libobe/internal/jsondoc"
	"libobe/internal/socket"
	"libobe/internal/systemtest"
	"libobe/internal/systemtest/natsserver"
)

// server is a designer: a server of the protocol that notes the commands that it executes.
type server struct {
	socket *socket.Server

	mu       sync.Mutex
	executed []string
}

// newServer runs a server that answers each message with what a function returns, and nothing for nil. A nil function
// answers "OK".
func newServer(t testing.TB, reply func(body []byte) []byte) *server {
	t.Helper()
	s := &server{}
	var err error
	if s.socket, err = socket.NewServer("", 0); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = s.socket.Serve(func(m *socket.Message) {
			s.mu.Lock()
			s.executed = append(s.executed, string(m.Body))
			s.mu.Unlock()
			answer := []byte(`"OK"`)
			if reply != nil {
				answer = reply(m.Body)
			}
			if answer != nil {
				_ = m.Reply(answer, systemtest.Timeout)
			}
		}, nil)
	}()
	t.Cleanup(func() {
		s.socket.Free()
		<-ended
	})
	return s
}

// commands returns what was executed so far.
func (s *server) commands() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.executed...)
}

// times returns how often a text was part of an executed command.
func (s *server) times(text string) (n int) {
	for _, body := range s.commands() {
		if strings.Contains(body, text) {
			n++
		}
	}
	return n
}

// connectTo returns what makes the client of a server.
func connectTo(at string, options ...string) func(string) (*socket.Client, error) {
	return func(string) (*socket.Client, error) {
		host, port := at, 0
		if !strings.HasPrefix(at, "unix:") {
			address, err := net.ResolveTCPAddr("tcp", at)
			if err != nil {
				return nil, err
			}
			host, port = address.IP.String(), address.Port
		}
		c, err := socket.NewClient(host, port)
		for i := 0; err == nil && i+1 < len(options); i += 2 {
			err = c.SetOption(options[i], options[i+1])
		}
		return c, err
	}
}

// newBack makes a back that serves, with an hour and a minute for what is not given.
func newBack(t testing.TB, c BackConfig) (*Back, *events) {
	t.Helper()
	b, told := backOf(t, c)
	ctx, cancel := context.WithTimeout(context.Background(), systemtest.Timeout)
	defer cancel()
	if err := b.Serve(ctx); err != nil {
		t.Fatal(err)
	}
	return b, told
}

// backOf makes a back that does not serve yet.
func backOf(t testing.TB, c BackConfig) (*Back, *events) {
	told := newEvents()
	c.Tell = told.take
	if c.Timeout == 0 {
		c.Timeout = time.Minute
	}
	if c.Idle == 0 {
		c.Idle = time.Hour
	}
	if c.MaxMessage == 0 {
		c.MaxMessage = DefaultMaxMessage
	}
	b := NewBack(c)
	t.Cleanup(b.Close)
	return b, told
}

// newFront makes a front that serves, and returns its address.
func newFront(t testing.TB, c FrontConfig) (f *Front, at string, told *events) {
	t.Helper()
	told = newEvents()
	c.Tell = told.take
	if c.Timeout == 0 {
		c.Timeout = systemtest.Timeout
	}
	if c.MaxMessage == 0 {
		c.MaxMessage = DefaultMaxMessage
	}
	var err error
	if c.Server, err = socket.NewServer("", 0); err != nil {
		t.Fatal(err)
	}
	if err := c.Server.SetOption("max_connections", "10000"); err != nil {
		t.Fatal(err)
	}
	f = NewFront(c)
	ended := make(chan error, 1)
	go func() { ended <- f.Serve(nil) }()
	t.Cleanup(func() {
		f.Close()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return f, c.Server.Name(), told
}

// instrument is a client of the library.
func instrument(t testing.TB, at string, options ...string) *socket.Client {
	t.Helper()
	c, err := connectTo(at, options...)("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Free)
	return c
}

// tcmd sends a command, and returns its reply.
func tcmd(t testing.TB, c *socket.Client, body string) string {
	t.Helper()
	reply, err := c.TcmdBody([]byte(body), systemtest.Timeout)
	if err != nil {
		t.Fatalf("%.200s: %v", body, err)
	}
	return string(reply)
}

// expect sends a command, and compares its reply.
func expect(t testing.TB, c *socket.Client, body, want string) {
	t.Helper()
	if got := tcmd(t, c, body); got != want {
		t.Errorf("%.200s: %.300s, want %.300s", body, got, want)
	}
}

// expectError sends a command that is answered with an error that has a text.
func expectError(t testing.TB, c *socket.Client, body, want string) {
	t.Helper()
	reply := jsondoc.FromValid([]byte(tcmd(t, c, body)))
	got, err := reply.String("/error")
	name, _ := reply.String("/command")
	if err != nil || !strings.Contains(got, want) || name != commandOf([]byte(body)) {
		t.Errorf("%.200s: %.400s, want an error with %q", body, reply.Text(), want)
	}
}

const (
	newRun = `{"command": "newrun"}`
	optSet = `{"command": "optset"}`
	ready  = `{"command": "ready"}`
	done   = `{"command": "done"}`
)

// A command goes from an instrument to the server and its reply back, unchanged, over kept connections and over one for
// each command, small and large.
func TestChain(t *testing.T) {
	nats := natsserver.Start(t)
	large := `{"command": "newdat", "x": "` + strings.Repeat("ab", 2<<20) + `"}`
	messages := []string{
		`{"command": "optset"}`, ` {"command":"newdat", "x": [25, 25.0, 1e999, NaN], "x": "é\ud800"} `, `"OK"`, `[]`, `null`,
		`{"command": "getpar", "n": ` + strings.Repeat("1", 100_000) + `}`, large,
	}
	for _, keptServer := range []string{"0", "1"} {
		for _, keptInstrument := range []string{"0", "1"} {
			t.Run("server "+keptServer+", instrument "+keptInstrument, func(t *testing.T) {
				s := newServer(t, func(body []byte) []byte { return body })
				newBack(t, BackConfig{Link: newLink(t, nats), Subject: "obe.chain", Connect: connectTo(s.socket.Name(), "persistent", keptServer)})
				f, at, told := newFront(t, FrontConfig{Link: newLink(t, nats), Subject: "obe.chain"})
				c := instrument(t, at, "persistent", keptInstrument)
				for range 2 {
					for _, body := range messages {
						if got := tcmd(t, c, body); got != body {
							t.Errorf("%.100s became %.100s", body, got)
						}
					}
				}
				if got := len(s.commands()); got != 2*len(messages) {
					t.Errorf("%d commands were executed, of %d", got, 2*len(messages))
				}
				opened, err := s.socket.Stat("connections_opened")
				if want := map[string]int64{"0": int64(2 * len(messages)), "1": 1}[keptServer]; err != nil || opened != want {
					t.Errorf("%d connections to the server, want %d; %v", opened, want, err)
				}
				if report := f.Report(); report.Counters["replies"] != int64(2*len(messages)) || report.Counters["errors"] != 0 {
					t.Errorf("%+v", report)
				}
				if told.counted(EventFailed)+told.counted(EventUnread) > 0 {
					t.Error(told.texts)
				}
			})
		}
	}
}

// Many instruments at once get their own replies.
func TestChainOfMany(t *testing.T) {
	nats := natsserver.Start(t)
	s := newServer(t, func(body []byte) []byte { return body })
	newBack(t, BackConfig{Link: newLink(t, nats), Subject: "obe.many", Connect: connectTo(s.socket.Name(), "persistent", "1")})
	_, at, _ := newFront(t, FrontConfig{Link: newLink(t, nats), Subject: "obe.many"})
	var asking sync.WaitGroup
	for i := range 50 {
		c := instrument(t, at, "persistent", fmt.Sprint(i%2))
		asking.Go(func() {
			for j := range 20 {
				body := fmt.Sprintf(`{"command": "newdat", "x": [%d, %d]}`, i, j)
				reply, err := c.TcmdBody([]byte(body), systemtest.Timeout)
				if err != nil || string(reply) != body {
					t.Errorf("%s: %s, %v", body, reply, err)
				}
			}
		})
	}
	asking.Wait()
	if n := len(s.commands()); n != 50*20 {
		t.Errorf("%d commands were executed", n)
	}
}

// The commands of one instrument are executed in their order.
func TestOrder(t *testing.T) {
	nats := natsserver.Start(t)
	s := newServer(t, nil)
	newBack(t, BackConfig{Link: newLink(t, nats), Subject: "obe.order", Connect: connectTo(s.socket.Name())})
	// Without waiting for the replies, as several instruments of a run do.
	conn := newLink(t, nats).Conn()
	replies := make(chan struct{}, 1000)
	if _, err := conn.Subscribe("replies", func(*natsgo.Msg) { replies <- struct{}{} }); err != nil {
		t.Fatal(err)
	}
	const n = 500
	for i := range n {
		if err := conn.PublishRequest("obe.order", "replies", []byte(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	for range n {
		within(t, replies)
	}
	for i, body := range s.commands() {
		if body != fmt.Sprint(i) {
			t.Fatalf("command %d is %s", i, body)
		}
	}
}

// within waits for something that has to happen.
func within[T any](t testing.TB, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(systemtest.Timeout):
		t.Fatal("it did not happen")
	}
	return v
}
