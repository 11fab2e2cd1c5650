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

// A peer that vanishes with the network says no goodbye. What notices it is the
// system's question whether the peer is still there (option keepalive), on both
// sides. The network is one of a process's own, in which the only device is
// switched off.
func TestPeerVanishes(t *testing.T) {
	t.Parallel()
	c := process("vanished network")
	c.SysProcAttr.Cloneflags = syscall.CLONE_NEWNET
	if os.Getuid() != 0 { // root may have one as it is, also in a chroot, where no user namespace is allowed
		c.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		c.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		c.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	out, err := c.CombinedOutput()
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) {
		if os.Getenv("CI") == "true" {
			t.Fatalf("this system does not let the test have a network of its own: %v", err)
		}
		t.Skipf("this system does not let the test have a network of its own: %v", err)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

func vanishedNetwork() {
	fatal(loopback(true))
	s, err := socket.NewServer("", 0)
	fatal(err)
	fatal(s.SetOption("keepalive", "1"))
	go shapes["serve"](s, func(text []byte) []byte { return text })
	c, err := socket.NewClient("", int(s.Addr().Port()))
	fatal(err)
	fatal(c.SetOption("persistent", "1"))
	fatal(c.SetOption("keepalive", "1"))
	fatal(exchange(c, 1, 0, patience))
	// A server that works on a message meanwhile, and looks at nothing else.
	busy, err := socket.NewServer("", 0)
	fatal(err)
	fatal(busy.SetOption("keepalive", "1"))
	waiting, err := socket.NewClient("", int(busy.Addr().Port()))
	fatal(err)
	fatal(waiting.Send(body(3, 0), patience))
	m, err := busy.ReceiveMessage(patience)
	fatal(err)

	if n, err := established(busy.Addr().Port()); err != nil || n != 1 {
		fatal(fmt.Errorf("the busy server has %d connections (%v), want 1", n, err))
	}
	fatal(loopback(false))
	// A second of silence, and four questions without an answer, a second apart.
	const soonest, latest = 2 * time.Second, 12 * time.Second
	began := time.Now()
	_, err = c.ReceiveBody(patience)
	took := time.Since(began)
	if got := name(err); got != "OBE_E_RESET" || took < soonest || took > latest {
		fatal(fmt.Errorf("the client's receive ended with %s (%v) after %v, want OBE_E_RESET within %v", got, err, took, latest))
	}
	fatal(until("the server has noticed", func() bool {
		lost, err := s.Stat("dropped_reset")
		fatal(err)
		return lost == 1
	}))
	fmt.Println("noticed after", took)
	// Before that, the system would take the reply and go on trying.
	fatal(until("the system has given the client of the busy server up", func() bool {
		n, err := established(busy.Addr().Port())
		fatal(err)
		return n == 0
	}))
	if got := name(m.Reply(body(3, 0), patience)); got != "OBE_E_RESET" {
		fatal(fmt.Errorf("the reply to a client that has vanished ended with %s, want OBE_E_RESET", got))
	}

	fatal(loopback(true))
	fatal(exchange(c, 2, 0, patience))
}

// established counts the connections that a server at a port of this network has.
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

// loopback switches the loopback device on or off.
func loopback(on bool) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	device, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	if on {
		device.SetUint16(unix.IFF_UP | unix.IFF_LOOPBACK)
	}
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, device)
}
