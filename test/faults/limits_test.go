//go:build linux

package faults_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"libobe/internal/socket"
)

// A client without free descriptors fails with OBE_E_IO and the reason, and works again when
// there are some. (For a server: TestServerOutOfDescriptors in package socket.)
func TestClientOutOfDescriptors(t *testing.T) {
	if out, err := process("no descriptors").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// On a full disk the trace ends, and the exchanges continue.
func TestTraceOnAFullDisk(t *testing.T) {
	s := newService(t, shapes["serve"])
	must(t, s.SetOption("trace", "/dev/full"))
	c := newClient(t, s.port(), "trace=/dev/full")
	for id := range 10 {
		if err := exchange(c, id, 0, testTimeout); err != nil {
			t.Fatal(err)
		}
	}
	missing, err := c.Stat("trace_failed")
	must(t, err)
	if missing != 20 {
		t.Errorf("the client has counted %d messages that are missing in the trace, want 20", missing)
	}
	eventually(t, "the server counts as many", func() bool { return s.stat("trace_failed") == 20 })
	for _, side := range []interface{ Option(string) (string, error) }{c, s} {
		if why, err := side.Option("trace_error"); err != nil || !strings.Contains(why, "no space left") {
			t.Errorf("the reason is %q, %v", why, err)
		}
	}
}

func noDescriptors() {
	s, err := socket.NewServer("", 0)
	fatal(err)
	go shapes["serve"](s, func(text []byte) []byte { return text })
	c, err := socket.NewClient("", int(s.Addr().Port()))
	fatal(err)
	fatal(exchange(c, 1, 0, testTimeout))
	// A descriptor that the server closed later would be free for the client.
	fatal(until("the server has closed its end", func() bool {
		open, err := s.Stat("connections_open")
		fatal(err)
		return open == 0
	}))

	fatal(syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 64, Max: 64}))
	var files []*os.File
	for {
		f, err := os.Open(os.DevNull)
		if errors.Is(err, syscall.EMFILE) {
			break
		}
		fatal(err)
		files = append(files, f)
	}
	for i := range 100 {
		err := exchange(c, 10+i, 0, testTimeout)
		if got := name(err); got != "OBE_E_IO" || !errors.Is(err, syscall.EMFILE) {
			fatal(fmt.Errorf("without descriptors: %s (%v), want OBE_E_IO and the system's reason", got, err))
		}
	}
	// With one descriptor, which the call itself needs, no name can be looked up. This must
	// not be reported as an unknown host.
	fatal(files[0].Close())
	named, err := socket.NewClient("obe-host.invalid", int(s.Addr().Port()))
	fatal(err)
	if err := exchange(named, 1, 0, testTimeout); name(err) != "OBE_E_IO" || !errors.Is(err, syscall.EMFILE) {
		fatal(fmt.Errorf("looking up without descriptors: %s (%v), want OBE_E_IO and the system's reason", name(err), err))
	}
	named.Free()
	// A whole exchange needs two: this side's, and the server's.
	fatal(files[1].Close())
	fatal(exchange(c, 2, 0, testTimeout))
	if n, err := s.Stat("messages_received"); err != nil || n != 2 {
		fatal(fmt.Errorf("the server has received %d messages (%v), want 2", n, err))
	}
}
