package main

import (
	"net"
	"path/filepath"
	"testing"
	"time"

	"libobe/internal/socket"
	"libobe/internal/systemtest"
)

// raw runs a peer that reads a message, writes bytes and closes the connection. It returns
// its address.
func raw(t *testing.T, bytes string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 1024))
			_, _ = conn.Write([]byte(bytes))
			conn.Close()
		}
	}()
	return listener.Addr().String()
}

func TestReady(t *testing.T) {
	asked := make(chan string, 10)
	at := answer(t, func(body string) []byte {
		asked <- body
		return []byte(`"OK"`)
	})
	for _, args := range [][]string{{"ready", at}, {"ready", "--wait", "5", at}, {"ready", at, "--wait", "5s"}} {
		if got := obe(t, "", args...); got != (result{}) {
			t.Errorf("%q: %+v", args, got)
		}
		if body := <-asked; body != `{"command": "ready"}` {
			t.Error(body)
		}
	}
	obe(t, "", "ready", at, "--tls").check(t, result{"", "--tls flags", exitNoAnswer})
}

func TestReadyOverUnixSocket(t *testing.T) {
	path := "unix:" + filepath.Join(systemtest.TempDir(t), "s")
	server, err := socket.NewServer(path, 0)
	if err != nil {
		t.Skip(err) // Windows and Wine
	}
	defer server.Free()
	go func() { _ = server.Serve(func(m *socket.Message) { _ = m.Reply([]byte(`1`), limit) }, nil) }()
	obe(t, "", "ready", path).check(t, result{})
}

func TestNotReady(t *testing.T) {
	at := unusedAddress(t)
	obe(t, "", "ready", at).check(t, result{"", "obe ready: " + at + ": connect: connection refused (no server is listening there)\n  --wait 30s", exitNoAnswer})
	obe(t, "", "ready", at, "--wait", "0.1").check(t, result{"", "no server answered within 100 ms", exitNoAnswer})
	obe(t, "", "ready", "host.invalid:1").check(t, result{"", "look up host.invalid", exitNoAnswer})
	silent := answer(t, func(string) []byte { return nil })
	obe(t, "", "ready", silent, "--timeout", "0.1").check(t, result{"", "it may be busy", exitNoAnswer})
}

// A server that starts later is waited for.
func TestWait(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := listener.Addr().(*net.TCPAddr)
	// The first attempt gets no answer but the end of its connection.
	p := start(t, "ready", at.String(), "--wait", limit.String())
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_, _ = conn.Read(make([]byte, 1024))
	listener.Close()
	conn.Close()
	var server *socket.Server
	for end := time.Now().Add(limit); server == nil && time.Now().Before(end); {
		server, err = socket.NewServer("", at.Port)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer server.Free()
	go func() { _ = server.Serve(func(m *socket.Message) { _ = m.Reply([]byte(`"OK"`), limit) }, nil) }()
	if status := p.wait(); status != exitOK {
		t.Error(status, p.stderr.rest())
	}
}

func TestAddresses(t *testing.T) {
	for text, want := range map[string]address{
		"lab3:61981":       {"lab3", 61981},
		":0":               {"", 0},
		"127.0.0.1:65535":  {"127.0.0.1", 65535},
		"[::1]:5":          {"::1", 5},
		"[fe80::1%eth0]:5": {"fe80::1%eth0", 5},
		"unix:/run/obe":    {"unix:/run/obe", 0},
	} {
		if got, err := parseAddress(text); err != nil || got != want {
			t.Errorf("%q is %v, %v", text, got, err)
		}
	}
	for text, at := range map[string]int{
		"lab3": 4, "lab3:": 5, "lab3:x": 5, "lab3:+5": 5, "lab3:65536": 5, "::1": 0, "[::1]": 5, "[::1": 4, "a:b:5": 0,
		"lab 3:5": 0, "127.0.0.01:5": 0, "http://lab3:5": 0, "unix:": 5, "[::1]x:5": 0, "": 0,
	} {
		_, err := parseAddress(text)
		m, ok := err.(*mistake)
		if !ok || m.at != at {
			t.Errorf("%q: %v", text, err)
		}
		if got := obe(t, "", "ready", text); got.status != exitUsage || got.stdout != "" {
			t.Errorf("obe ready %q: %+v", text, got)
		}
	}
}
