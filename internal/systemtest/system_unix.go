//go:build unix

// Package systemtest is what tests of sockets ask the system itself, in the same
// words for every system.
package systemtest

import (
	"os"
	"syscall"
	"testing"
	"time"
)

// Descriptor is a socket as the system knows it.
type Descriptor = int

// What the system says of a connection that nobody takes, of reading and of
// writing after the peer has reset it, and of a port that is taken.
const (
	ErrRefused = syscall.ECONNREFUSED
	ErrReset   = syscall.ECONNRESET
	ErrBroken  = syscall.EPIPE
	ErrInUse   = syscall.EADDRINUSE
)

// Close closes a socket that syscall.Socket made.
func Close(fd Descriptor) { _ = syscall.Close(fd) }

// Descriptors returns how many descriptors this process has open.
func Descriptors(t testing.TB) int {
	t.Helper()
	for _, folder := range []string{"/proc/self/fd", "/dev/fd"} {
		if entries, err := os.ReadDir(folder); err == nil {
			return len(entries)
		}
	}
	t.Fatal("this system does not tell the open descriptors")
	panic("unreachable")
}

// Inherited reports whether programs that this one starts have the socket too.
func Inherited(t testing.TB, fd Descriptor) bool {
	t.Helper()
	flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_GETFD, 0)
	if errno != 0 {
		t.Fatal(errno)
	}
	return flags&syscall.FD_CLOEXEC == 0
}

// Arrived reports whether there is something to read, without taking it.
func Arrived(fd uintptr) bool {
	n, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	return n > 0 && err == nil
}

// ProcessorTime returns how much processor time this process has used.
func ProcessorTime(t testing.TB) time.Duration {
	t.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// TempDir returns an empty folder that goes with the test.
func TempDir(t testing.TB) string { return t.TempDir() }

// MayListenAnywhere reports whether this process may listen at the ports that
// the system keeps for its own services.
func MayListenAnywhere() bool { return syscall.Geteuid() == 0 }
