package socket_test

import (
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"libobe/internal/socket"
	"libobe/internal/transport"
	"libobe/test/tools"
)

// machine is a thread with a separate network namespace, to which the sockets that it
// creates belong.
type machine struct {
	t     *testing.T
	id    int // of the thread
	calls chan func()
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	m := &machine{t: t, calls: make(chan func())}
	made := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked, so that the thread ends with the goroutine
		m.id = unix.Gettid()
		made <- unix.Unshare(unix.CLONE_NEWNET)
		for call := range m.calls {
			call()
		}
	}()
	t.Cleanup(func() { close(m.calls) })
	if err := <-made; err != nil {
		t.Skip("this user may not make a network: ", err)
	}
	return m
}

// do calls a function on the machine.
func (m *machine) do(f func() error) {
	m.t.Helper()
	result := make(chan error)
	m.calls <- func() { result <- f() }
	must(m.t, <-result)
}

// ip runs that program on the machine.
func (m *machine) ip(arguments ...string) (err error) {
	m.t.Helper()
	m.do(func() error {
		var out []byte
		if out, err = exec.Command("ip", arguments...).CombinedOutput(); err != nil {
			err = fmt.Errorf("ip %s: %w: %s", strings.Join(arguments, " "), err, out)
		}
		return nil
	})
	return err
}

// newCable returns a machine for a client and one for a server, 10.77.0.1, with a cable
// between them.
func newCable(t *testing.T) (client, server *machine) {
	t.Helper()
	tools.Path(t, "ip")
	client, server = newMachine(t), newMachine(t)
	if err := client.ip("link", "add", "obe0", "type", "veth", "peer", "name", "obe1", "netns", fmt.Sprint(server.id)); err != nil {
		t.Skip("this system has no such cable: ", err)
	}
	must(t, client.ip("addr", "add", "10.77.0.2/24", "dev", "obe0"))
	must(t, client.ip("link", "set", "obe0", "up"))
	must(t, server.ip("addr", "add", "10.77.0.1/24", "dev", "obe1"))
	must(t, server.ip("link", "set", "obe1", "up"))
	return client, server
}

// Another machine that refuses a connection may have a server for its own programs.
func TestRefusedByAnotherMachine(t *testing.T) {
	here, _ := newCable(t)
	c, err := socket.NewClient("10.77.0.1", 61981)
	must(t, err)
	t.Cleanup(c.Free)
	for name, call := range map[string]func() error{
		"tcmd":       func() error { _, err := c.TcmdBody([]byte("1"), testTimeout); return err },
		"wait_ready": func() error { return c.WaitReady(200 * time.Millisecond) },
	} {
		var failure error
		here.do(func() error {
			failure = call()
			return nil
		})
		if text := fmt.Sprint(failure); !strings.Contains(text, "connection refused") || !strings.Contains(text, `such as "0.0.0.0"`) {
			t.Errorf("%s: %v", name, failure)
		}
	}
}

// A client that waits without a timeout learns that the cable was cut, also without
// the option persistent.
func TestCutCable(t *testing.T) {
	for name, cut := range map[string][]string{
		"at this machine": {"link", "set", "obe1", "down"},
		"behind a switch": {"route", "add", "blackhole", "10.77.0.2/32"},
	} {
		for _, persistent := range []string{"persistent=0", "persistent=1"} {
			t.Run(name+", "+persistent, func(t *testing.T) {
				t.Parallel()
				here, there := newCable(t)
				var s *socket.Server
				there.do(func() (err error) {
					s, err = socket.NewServer("10.77.0.1", 61981)
					return err
				})
				t.Cleanup(s.Free)
				c, err := socket.NewClient("10.77.0.1", 61981)
				must(t, err)
				t.Cleanup(c.Free)
				set(t, c, "keepalive=1", persistent)
				here.do(func() error { return c.Send([]byte("1"), testTimeout) })
				expectMessage(t, s, "1")
				must(t, there.ip(cut...))
				// That takes five seconds: one without traffic, and four unanswered probes.
				_, err = c.ReceiveBody(6 * testTimeout)
				expectError(t, err, transport.ErrReset)
			})
		}
	}
}
