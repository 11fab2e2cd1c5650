package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"libobe/internal/systemtest"
)

// atTerminal runs the program with a terminal as its output, and returns what was shown.
func atTerminal(t *testing.T, variable string, args ...string) string {
	t.Helper()
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer terminal.Close()
	number, err := unix.IoctlGetInt(int(terminal.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(terminal.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	end, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, args...)
	cmd.Stdout, cmd.Stderr = end, end
	cmd.Env = append(os.Environ(), "TERM=xterm", variable)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	end.Close()
	var shown strings.Builder
	part := make([]byte, 4096)
	for {
		// Once the other end is closed, reading is an error.
		n, err := terminal.Read(part)
		shown.Write(part[:n])
		if err != nil {
			break
		}
	}
	_ = cmd.Wait()
	return strings.ReplaceAll(shown.String(), "\r\n", "\n")
}

// At a terminal long arrays are shortened, control characters are visible, and errors have a
// colour, unless NO_COLOR is set.
func TestTerminal(t *testing.T) {
	at := answer(t, func(body string) []byte {
		if strings.Contains(body, "fail") {
			return []byte(`{"error": "x"}`)
		}
		return []byte("[\"\u009b\", " + strings.Repeat("1, ", 100) + "2]")
	})
	if got, want := atTerminal(t, "NO_COLOR=", "call", at, "getpar"), `["\u009b", 1, 1, 1, 1, 1, … 94 more …, 1, 2]`+"\n(shortened"; !strings.HasPrefix(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := atTerminal(t, "NO_COLOR=", "call", at, "fail"); !strings.Contains(got, "\n\x1b[1;31mobe call:\x1b[0m the server") {
		t.Errorf("%q", got)
	}
	if got := atTerminal(t, "NO_COLOR=1", "call", at, "fail"); !strings.Contains(got, "\nobe call: the server") {
		t.Errorf("%q", got)
	}
	if got := atTerminal(t, "NO_COLOR=", "call", at, "x", "--repeat", "3"); !strings.HasPrefix(got, "3 exchanges with ") {
		t.Errorf("%q", got)
	}
}

// At a terminal the estimate is shown while it is measured, and the table is not mixed with it.
func TestSimulateAtATerminal(t *testing.T) {
	file := write(t, "line.toml", lineExperiment)
	_, at := design(t, file, ":0")
	shown := atTerminal(t, "NO_COLOR=", "simulate", file, at, "--seed", "1", "--measurements", "20")
	for _, want := range []string{"obe simulate: seed 1, true values: slope ", "\rchosen, 1 of 20: slope ", "\rchosen, 20 of 20: slope ", "\nslope "} {
		if !strings.Contains(shown, want) {
			t.Errorf("%q is missing in %q", want, shown)
		}
	}
}

// Standard streams that are closed are /dev/null for the program, by Go's runtime: no other
// file gets their numbers, in which lines or errors would end up.
func TestClosedStandardStreams(t *testing.T) {
	path := filepath.Join(systemtest.TempDir(t), "run.jsonl")
	at := unusedAddress(t)
	server := answer(t, echo)
	p := startCommand(t, "sh", "-c", `exec "$0" "$@" <&- >&- 2>&-`, binary, "record", "--listen", at, "--to", server, "--out", path)
	obe(t, "", "ready", at, "--wait", limit.String()).check(t, result{})
	for fd := range 3 {
		if to, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", p.cmd.Process.Pid, fd)); err != nil || to != os.DevNull {
			t.Errorf("the descriptor %d is %s, %v", fd, to, err)
		}
	}
	p.stop(t)
	if got := messages(t, path); len(got) != 2 {
		t.Errorf("recorded are %q", got)
	}
	for _, closed := range []string{"<&-", "2>&-"} {
		shell := exec.Command("sh", "-c", `exec "$0" "$@" `+closed, binary, "call", server, "x")
		if out, err := shell.Output(); err != nil || string(out) != `{"command": "x"}`+"\n" {
			t.Errorf("%s: %q, %v", closed, out, err)
		}
	}
}
