package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"libobe/internal/socket"
	"libobe/internal/systemtest"
)

// A signal ends the wait for a trace that is a pipe, without waiting for grace to run out.
func TestReplayInterruptedWhileReading(t *testing.T) {
	pipe := filepath.Join(systemtest.TempDir(t), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	fastest := time.Hour
	for range 5 {
		p := start(t, "replay", pipe, "--list")
		writer, err := os.OpenFile(pipe, os.O_WRONLY, 0) // waits for the reader
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		p.interrupt(t)
		if status := p.wait(); status != exitInterrupt {
			t.Error(status)
		}
		fastest = min(fastest, time.Since(began))
		writer.Close()
	}
	if fastest >= grace {
		t.Errorf("the fastest of five ended after %v", fastest)
	}
}

// What other programs have named their commands is no instruction to a terminal.
func TestReplayAtTerminal(t *testing.T) {
	const name = "\\u001b[31m\u009b"
	path := writeTrace(t, `{"command": "newrun"}`, `{"command": "`+name+`"}`)
	check := func(shown string) {
		t.Helper()
		if strings.ContainsAny(shown, "\x1b\u009b") {
			t.Errorf("%q", shown)
		}
	}
	check(atTerminal(t, "NO_COLOR=1", "replay", path, "--dry-run", "--all"))
	at := answer(t, func(body string) []byte {
		if strings.Contains(body, "newrun") {
			return []byte(`"OK"`)
		}
		return []byte(`{"error": "no"}`)
	})
	got := obe(t, "", "replay", path, "--all", "--to", at)
	got.check(t, result{"", `stopped at command 2 of 2, \x1b[31m\u009b (`, exitAnswer})
	check(got.stderr)
	at = answer(t, func(string) []byte { return []byte("{\"error\": \"\u009b31m\"}") })
	got = obe(t, "", "replay", path, "--to", at)
	got.check(t, result{"", `newrun: unexpected reply: {"error": "\u009b31m"}`, exitAnswer})
	check(got.stderr)
	check(obe(t, "", "replay", "\x1b[31m", "--list").stderr)

	server := start(t, "replay", path, "--as-server", "--listen", ":0")
	_, where, _ := strings.Cut(server.stderr.find("listening on "), "listening on ")
	address, err := parseAddress(where)
	if err != nil {
		t.Fatal(err)
	}
	client, err := socket.NewClient(address.host, address.port)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Free()
	for _, members := range []string{"", `, "x": 1`} {
		if _, err := client.TcmdBody([]byte(`{"command": "`+name+`"`+members+`}`), limit); err != nil {
			t.Fatal(err)
		}
	}
	check(server.stderr.find("other members"))
}

// An address that is given and empty, such as that of a variable that is not set, is a mistake.
func TestReplayEmptyAddress(t *testing.T) {
	path := writeTrace(t, `{"command": "newrun"}`)
	obe(t, "", "replay", path, "--to", "").check(t, result{"", "--to: an address has a port", exitUsage})
	obe(t, "", "replay", path, "--as-server", "--listen", "").check(t, result{"", "--listen: an address has a port", exitUsage})
}
