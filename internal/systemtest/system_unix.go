//go:build unix

// Package systemtest queries the operating system for tests of sockets, with the same
// functions on every system. It is not part of the library.
package systemtest

import (
	"os"
	"syscall"
	"testing"
	"time"
)

// Descriptor is the system's handle of a socket.
type Descriptor = int

// The system's errors of connecting where no server is listening, of reading and of
// writing after the peer has reset the connection, and of binding a port in use.
const (
	ErrRefused = syscall.ECONNREFUSED
	ErrReset   = syscall.ECONNRESET
	ErrBroken  = syscall.EPIPE
	ErrInUse   = syscall.EADDRINUSE
)

// Close closes a socket that syscall.Socket created.
func Close(fd Descriptor) { _ = syscall.Close(fd) }

// Descriptors returns how many descriptors this process has open.
func Descriptors(t testing.TB) int {
	t.Helper()
	for _, dir := range []string{"/proc/self/fd", "/dev/fd"} {
		if entries, err := os.ReadDir(dir); err == nil {
			return len(entries)
		}
	}
	t.Fatal("this system does not list the open descriptors")
	panic("unreachable")
}

// Inherited reports whether programs that this one starts inherit the socket.
func Inherited(t testing.TB, fd Descriptor) bool {
	t.Helper()
	flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_GETFD, 0)
	if errno != 0 {
		t.Fatal(errno)
	}
	return flags&syscall.FD_CLOEXEC == 0
}

// Arrived reports whether data is available to read, and does not consume it.
func Arrived(fd uintptr) bool {
	n, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	return n > 0 && err == nil
}

// CPUTime returns how much CPU time this process has used.
func CPUTime(t testing.TB) time.Duration {
	t.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// TempDir returns an empty directory that is removed when the test ends.
func TempDir(t testing.TB) string { return t.TempDir() }

// MayListenAnywhere reports whether this process may listen on privileged ports.
func MayListenAnywhere() bool { return syscall.Geteuid() == 0 }
