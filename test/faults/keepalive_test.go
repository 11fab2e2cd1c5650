//go:build linux

package faults_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"libobe/internal/socket"
)

// A peer that disappears with the network sends neither an end nor a reset. The system's
// keepalive probes (option keepalive) notice it, on both sides. The network is a namespace of
// a separate process, whose only device is taken down.
func TestPeerVanishes(t *testing.T) {
	t.Parallel()
	c := process("network down")
	c.SysProcAttr.Cloneflags = syscall.CLONE_NEWNET
	if os.Getuid() != 0 { // root may create one directly, also in a chroot, where user namespaces are not allowed
		c.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		c.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		c.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	out, err := c.CombinedOutput()
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) {
		if os.Getenv("CI") == "true" {
			t.Fatalf("this system does not permit a separate network namespace: %v", err)
		}
		t.Skipf("this system does not permit a separate network namespace: %v", err)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

func networkDown() {
	fatal(loopback(true))
	s, err := socket.NewServer("", 0)
	fatal(err)
	fatal(s.SetOption("keepalive", "1"))
	go shapes["serve"](s, func(text []byte) []byte { return text })
	c, err := socket.NewClient("", int(s.Addr().Port()))
	fatal(err)
	fatal(c.SetOption("persistent", "1"))
	fatal(c.SetOption("keepalive", "1"))
	fatal(exchange(c, 1, 0, testTimeout))
	// A server that is busy with a message, and does not poll.
	busy, err := socket.NewServer("", 0)
	fatal(err)
	fatal(busy.SetOption("keepalive", "1"))
	waiting, err := socket.NewClient("", int(busy.Addr().Port()))
	fatal(err)
	fatal(waiting.Send(body(3, 0), testTimeout))
	m, err := busy.ReceiveMessage(testTimeout)
	fatal(err)

	if n, err := established(busy.Addr().Port()); err != nil || n != 1 {
		fatal(fmt.Errorf("the busy server has %d connections (%v), want 1", n, err))
	}
	fatal(loopback(false))
	// One second without traffic, then four probes without an answer, one second apart.
	const soonest, latest = 2 * time.Second, 12 * time.Second
	began := time.Now()
	_, err = c.ReceiveBody(testTimeout)
	took := time.Since(began)
	if got := name(err); got != "OBE_E_RESET" || took < soonest || took > latest {
		fatal(fmt.Errorf("the client's receive ended with %s (%v) after %v, want OBE_E_RESET within %v", got, err, took, latest))
	}
	fatal(until("the server notices it", func() bool {
		lost, err := s.Stat("dropped_reset")
		fatal(err)
		return lost == 1
	}))
	fmt.Println("noticed after", took)
	// Before that, the system would accept the reply and continue to retransmit it.
	fatal(until("the system drops the connection of the busy server", func() bool {
		n, err := established(busy.Addr().Port())
		fatal(err)
		return n == 0
	}))
	if got := name(m.Reply(body(3, 0), testTimeout)); got != "OBE_E_RESET" {
		fatal(fmt.Errorf("the reply to a client that has disappeared ended with %s, want OBE_E_RESET", got))
	}

	fatal(loopback(true))
	fatal(exchange(c, 2, 0, testTimeout))
}

// established counts the connections to a port in this network namespace.
func established(port uint16) (n int, err error) {
	table, err := os.ReadFile("/proc/self/net/tcp")
	if err != nil {
		return 0, err
	}
	const state = "01"
	for line := range strings.Lines(string(table)) {
		if f := strings.Fields(line); len(f) > 3 && strings.HasSuffix(f[1], fmt.Sprintf(":%04X", port)) && f[3] == state {
			n++
		}
	}
	return n, nil
}

// loopback brings the loopback device up or takes it down.
func loopback(up bool) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	device, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	if up {
		device.SetUint16(unix.IFF_UP | unix.IFF_LOOPBACK)
	}
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, device)
}
