package socket_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"libobe/internal/socket"
	"libobe/internal/systemtest"
	"libobe/internal/trace"
)

// traced reads a trace: role, direction, peer, local and body of each line.
func traced(t *testing.T, path string) (lines []string) {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	if len(text) == 0 {
		return nil
	}
	first, messages, _ := strings.Cut(string(text), "\n")
	if !strings.HasPrefix(first, `{"trace":"obe","version":1,`) {
		t.Errorf("the trace begins with %s", first)
	}
	for l := range strings.Lines(messages) {
		var r struct {
			Role, Direction, Peer, Local string
			Size                         int
			Duration                     *float64 `json:"duration_ms"`
			Body                         json.RawMessage
		}
		must(t, json.Unmarshal([]byte(l), &r))
		if r.Duration == nil || *r.Duration < 0 || *r.Duration > testTimeout.Seconds()*1000 || r.Size != len(r.Body) {
			t.Errorf("the line %s", l)
		}
		lines = append(lines, fmt.Sprintf("%s %s %s %s %s", r.Role, r.Direction, r.Peer, r.Local, r.Body))
	}
	return lines
}

func expectTrace(t *testing.T, path string, want ...string) {
	t.Helper()
	if got := traced(t, path); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the trace is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestTrace(t *testing.T) {
	ours, theirs := filepath.Join(systemtest.TempDir(t), "client.jsonl"), filepath.Join(systemtest.TempDir(t), "server.jsonl")
	s := newServer(t, "trace="+theirs)
	c := newClient(t, s.Addr(), "trace="+ours, "persistent=1")
	at := s.Addr().String()

	// By buffers, by messages and by Serve.
	send(t, c, "1")
	expectReceive(t, s, "1")
	from, err := s.Option("peer")
	must(t, err)
	send(t, s, "[1]")
	expectReceive(t, c, "[1]")
	done := startTcmd(c, "2")
	reply(t, expectMessage(t, s, "2"), "[2]")
	await(t, done).expect(t, "[2]")
	served := start(func() error {
		return s.Serve(func(m *socket.Message) { _ = m.Reply([]byte("[3]"), testTimeout) }, nil)
	})
	expectTcmd(t, c, "3", "[3]")
	s.Cancel()
	expectError(t, await(t, served), socket.ErrCancelled)

	var client, server []string
	for i := 1; i <= 3; i++ {
		client = append(client, fmt.Sprintf("client sent %s %s %d", at, from, i), fmt.Sprintf("client received %s %s [%d]", at, from, i))
		server = append(server, fmt.Sprintf("server received %s %s %d", from, at, i), fmt.Sprintf("server sent %s %s [%d]", from, at, i))
	}
	expectTrace(t, ours, client...)
	expectTrace(t, theirs, server...)
	for _, s := range []testSocket{c, s} {
		if n := stat(t, s, "trace_failed"); n != 0 {
			t.Errorf("%d lines failed", n)
		}
	}

	// A message that is kept for a larger buffer is traced once.
	set(t, c, "trace=")
	send(t, c, "4")
	if _, err := s.Receive(nil, testTimeout); !errors.Is(err, socket.ErrBuffer) {
		t.Fatal(err)
	}
	expectReceive(t, s, "4")
	expectTrace(t, ours, client...)
	expectTrace(t, theirs, append(server, fmt.Sprintf("server received %s %s 4", from, at))...)
}

// The trace contains only complete and valid messages.
func TestTraceOfFailures(t *testing.T) {
	path := filepath.Join(systemtest.TempDir(t), "t.jsonl")
	s := newServer(t, "trace="+path)
	for _, bad := range []string{"garbage...", "0000000003{}}", "0000000009["} {
		p := dial(t, s)
		p.write(bad)
		must(t, p.Close())
	}
	attendUntil(t, s, "dropped_incomplete", 1)
	attendUntil(t, s, "dropped_json", 1)
	attendUntil(t, s, "dropped_malformed", 1)
	freed := newServer(t)
	c := newClient(t, freed.Addr(), "trace="+path)
	freed.Free()
	if _, err := tcmd(c, "1"); err == nil {
		t.Error("a command was answered without a server")
	}
	if err := c.Send([]byte("{"), testTimeout); err == nil {
		t.Error("half a text was sent")
	}
	expectTrace(t, path)
}

// A trace that cannot be written to fails no call. trace_error contains the reason.
func TestTraceFails(t *testing.T) {
	path := filepath.Join(systemtest.TempDir(t), "missing", "t.jsonl")
	must(t, os.Mkdir(filepath.Dir(path), 0o700))
	s := newServer(t, "trace="+path)
	c := newClient(t, s.Addr(), "trace="+path)
	must(t, os.Remove(path))
	must(t, os.Remove(filepath.Dir(path)))
	for i := 1; i <= 3; i++ {
		done := startTcmd(c, "1")
		reply(t, expectMessage(t, s, "1"), "[1]")
		await(t, done).expect(t, "[1]")
		for _, s := range []testSocket{c, s} {
			if n := stat(t, s, "trace_failed"); n != int64(2*i) {
				t.Errorf("%d messages failed, want %d", n, 2*i)
			}
			if why, err := s.Option("trace_error"); err != nil || !strings.Contains(why, path) {
				t.Errorf("trace_error is %q, %v", why, err)
			}
		}
	}
	must(t, os.Mkdir(filepath.Dir(path), 0o700))
	send(t, c, "2")
	if got := traced(t, path); len(got) != 1 {
		t.Errorf("the trace does not continue: %q", got)
	}
}

// Setting a trace that cannot be opened fails, and the previous one stays. Set by the
// environment, it fails no call, and trace_error contains the reason.
func TestTraceCannotBeOpened(t *testing.T) {
	dir := systemtest.TempDir(t)
	good, missing := filepath.Join(dir, "t.jsonl"), filepath.Join(dir, "missing", "t.jsonl")
	s := newServer(t, "trace="+good)
	for _, bad := range []string{missing, dir} {
		err := s.SetOption("trace", bad)
		var failure *fs.PathError
		if !errors.As(err, &failure) || !strings.Contains(err.Error(), "option trace: open "+bad) {
			t.Errorf("%s: %v", bad, err)
		}
	}
	expectError(t, s.SetOption("trace", strings.Repeat("x", 5000)), socket.ErrArgument)
	if got, err := s.Option("trace"); err != nil || got != good {
		t.Errorf("trace is %q, %v", got, err)
	}
	if text, err := os.ReadFile(good); err != nil || len(text) != 0 {
		t.Errorf("the file that was set has %q, %v", text, err)
	}

	t.Setenv("OBE_TRACE", missing)
	c := newClient(t, s.Addr())
	send(t, c, "1")
	expectReceive(t, s, "1")
	if why, err := c.Option("trace_error"); err != nil || !strings.Contains(why, missing) || stat(t, c, "trace_failed") != 1 {
		t.Errorf("trace_error is %q, %v", why, err)
	}
}

// A file that has something else stays as it is: set as an option it is an error, and set by the environment it fails no
// call, and trace_error has the reason, until the option names another one.
func TestTraceOfSomethingElse(t *testing.T) {
	dir := systemtest.TempDir(t)
	data, good := filepath.Join(dir, "data.csv"), filepath.Join(dir, "t.jsonl")
	const text = "x,y\n1,2\n"
	if err := os.WriteFile(data, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newServer(t)
	if err := s.SetOption("trace", data); !errors.Is(err, trace.ErrNotTrace) {
		t.Error(err)
	}
	t.Setenv("OBE_TRACE", data)
	c := newClient(t, s.Addr())
	send(t, c, "1")
	expectReceive(t, s, "1")
	if why, err := c.Option("trace_error"); err != nil || !strings.Contains(why, "data.csv: this is not a trace") || stat(t, c, "trace_failed") != 1 {
		t.Errorf("trace_error is %q, %v", why, err)
	}
	set(t, c, "trace="+good)
	send(t, c, "2")
	expectReceive(t, s, "2")
	if got := traced(t, good); len(got) != 1 {
		t.Errorf("%q", got)
	}
	if got, err := os.ReadFile(data); err != nil || string(got) != text {
		t.Errorf("the file has %q, %v", got, err)
	}
}

func TestTraceOptions(t *testing.T) {
	path := filepath.Join(systemtest.TempDir(t), "t.jsonl")
	for _, s := range []testSocket{newServer(t), newClient(t, newServer(t).Addr())} {
		expectError(t, s.SetOption("trace", "a\x00b"), socket.ErrArgument)
		for _, bad := range []string{"", "0", "4194303", "-1", "100 MB"} {
			expectError(t, s.SetOption("trace_limit", bad), socket.ErrArgument)
		}
		set(t, s, "trace="+path, "trace_limit=4194304")
		for _, want := range []string{"trace=" + path, "trace_limit=4194304", "trace_error="} {
			name, value, _ := strings.Cut(want, "=")
			if got, err := s.Option(name); err != nil || got != value {
				t.Errorf("%s is %q, %v", name, got, err)
			}
		}
	}

	// A relative path refers to the directory at the time when it was set.
	dir, other := systemtest.TempDir(t), systemtest.TempDir(t)
	t.Chdir(dir)
	s := newServer(t, "trace=t.jsonl")
	c := newClient(t, s.Addr())
	t.Chdir(other)
	send(t, c, "1")
	expectReceive(t, s, "1")
	if len(traced(t, filepath.Join(dir, "t.jsonl"))) != 1 {
		t.Error("the trace is not where it was begun")
	}
}

func TestTraceByEnvironment(t *testing.T) {
	path := filepath.Join(systemtest.TempDir(t), "t.jsonl")
	for limit, want := range map[string]string{"": "104857600", "5000000": "5000000", "soon": "104857600"} {
		t.Setenv("OBE_TRACE", path)
		t.Setenv("OBE_TRACE_LIMIT", limit)
		s := newServer(t)
		for _, s := range []testSocket{s, newClient(t, s.Addr())} {
			if got, err := s.Option("trace"); err != nil || got != path {
				t.Errorf("trace is %q, %v", got, err)
			}
			if got, err := s.Option("trace_limit"); err != nil || got != want {
				t.Errorf("with OBE_TRACE_LIMIT %q, trace_limit is %q, %v", limit, got, err)
			}
		}
	}
}

// A password before a host is not repeated in any error.
func TestSecretsInAddresses(t *testing.T) {
	for _, host := range []string{"me:secret@server", "secret@server", "tcp://me:secret@server", "me:sec@ret@[::1]", "me:secret@" + strings.Repeat("x", 300), "secret\x00@",
		"fe80::1%me:secret@server", "unix://me:secret@server/x", "unix:me:secret@server", "tcp://secret"} {
		_, err := socket.NewClient(host, 1)
		expectError(t, err, socket.ErrArgument)
		_, other := socket.NewServer(host, 1)
		expectError(t, other, socket.ErrArgument)
		for _, err := range []error{err, other} {
			if strings.Contains(err.Error(), "sec") || !strings.Contains(err.Error(), "pass the host alone") {
				t.Errorf("the error is %v", err)
			}
		}
	}
	err := newServer(t).SetOption("allow", "10.0.0.1, me:secret@10.0.0.2")
	expectError(t, err, socket.ErrArgument)
	if strings.Contains(err.Error(), "sec") {
		t.Errorf("the error is %v", err)
	}
}

// The clients of a Unix-domain socket have the same addresses. The number of the connection
// tells them apart, and is the same for the command and its reply.
func TestTraceTellsConnectionsApart(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no Unix-domain sockets")
	}
	path := filepath.Join(systemtest.TempDir(t), "t.jsonl")
	s := newServerAt(t, "unix:"+filepath.Join(t.TempDir(), "s"), "trace="+path)
	var clients []*socket.Client
	for range 2 {
		c, err := socket.NewClient(s.Name(), 0)
		must(t, err)
		t.Cleanup(c.Free)
		set(t, c, "trace="+path)
		clients = append(clients, c)
	}
	one, two := startTcmd(clients[0], "1"), startTcmd(clients[1], "2")
	messages := map[string]*socket.Message{}
	for range 2 {
		m := receiveMessage(t, s)
		messages[string(m.Body)] = m
	}
	reply(t, messages["2"], "[2]")
	await(t, two).expect(t, "[2]")
	reply(t, messages["1"], "[1]")
	await(t, one).expect(t, "[1]")

	reader, err := trace.Open(path)
	must(t, err)
	defer reader.Close()
	bodies := map[trace.Connection]string{}
	for {
		entry, err := reader.Next()
		if err == io.EOF {
			break
		}
		must(t, err)
		bodies[entry.OnConnection()] += string(entry.Body)
	}
	for _, want := range []string{"1[1]", "2[2]"} {
		for _, role := range []string{"client", "server"} {
			found := false
			for on, got := range bodies {
				found = found || on.Role == role && got == want
			}
			if !found {
				t.Errorf("no connection of the %s with %s: %v", role, want, bodies)
			}
		}
	}
	if len(bodies) != 4 {
		t.Errorf("%d connections: %v", len(bodies), bodies)
	}
}
