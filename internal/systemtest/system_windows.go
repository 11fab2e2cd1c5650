// Package systemtest is what tests of sockets ask the system itself, in the same
// words for every system.
package systemtest

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Descriptor is a socket as the system knows it.
type Descriptor = syscall.Handle

// What the system says of a connection that nobody takes, of reading and of
// writing after the peer has reset it, and of a port that is taken.
const (
	ErrRefused = windows.WSAECONNREFUSED
	ErrReset   = windows.WSAECONNRESET
	ErrBroken  = windows.WSAECONNRESET
	ErrInUse   = windows.WSAEADDRINUSE
)

// package syscall does not start Winsock.
var _ = func() error {
	var data windows.WSAData
	return windows.WSAStartup(0x202, &data)
}()

// Close closes a socket that syscall.Socket made.
func Close(fd Descriptor) { _ = syscall.Closesocket(fd) }

// mostHandles is more handles than a test has.
const mostHandles = 1 << 12

// Descriptors returns how many sockets this process has open. Handles are small
// multiples of four; the runtime has some of its own, for its threads.
func Descriptors(testing.TB) int {
	const socketType = 0x1008 // SO_TYPE
	n := 0
	for h := windows.Handle(4); h < 4*mostHandles; h += 4 {
		if _, err := windows.GetsockoptInt(h, windows.SOL_SOCKET, socketType); err == nil {
			n++
		}
	}
	return n
}

// Inherited reports whether programs that this one starts have the socket too.
func Inherited(t testing.TB, fd Descriptor) bool {
	t.Helper()
	var flags uint32
	if r, _, err := getHandleInformation.Call(uintptr(fd), uintptr(unsafe.Pointer(&flags))); r == 0 {
		t.Fatal(err)
	}
	return flags&windows.HANDLE_FLAG_INHERIT != 0
}

// Arrived reports whether there is something to read, without taking it.
func Arrived(fd uintptr) bool {
	const bytesToRead = 0x4004667f // FIONREAD
	var n uint32
	r, _, _ := ioctlSocket.Call(fd, bytesToRead, uintptr(unsafe.Pointer(&n)))
	return r == 0 && n > 0
}

var (
	getHandleInformation = windows.NewLazySystemDLL("kernel32.dll").NewProc("GetHandleInformation")
	ioctlSocket          = windows.NewLazySystemDLL("ws2_32.dll").NewProc("ioctlsocket")
)

// ProcessorTime returns how much processor time this process has used.
func ProcessorTime(t testing.TB) time.Duration {
	t.Helper()
	var created, exited, kernel, user windows.Filetime
	if err := windows.GetProcessTimes(windows.CurrentProcess(), &created, &exited, &kernel, &user); err != nil {
		t.Fatal(err)
	}
	ticks := func(f windows.Filetime) int64 { return int64(f.HighDateTime)<<32 | int64(f.LowDateTime) }
	return time.Duration(ticks(kernel)+ticks(user)) * 100
}

// TempDir returns an empty folder that goes with the test. It is not t.TempDir,
// which cannot be removed in Wine 8.
func TempDir(t testing.TB) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "obe-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		var all []string
		_ = filepath.WalkDir(folder, func(path string, _ fs.DirEntry, _ error) error {
			all = append(all, path)
			return nil
		})
		for _, path := range slices.Backward(all) {
			if err := os.Remove(path); err != nil {
				t.Error(err)
			}
		}
	})
	return folder
}

// MayListenAnywhere reports whether this process may listen at the ports that
// other systems keep for their own services: here any process may.
func MayListenAnywhere() bool { return true }
