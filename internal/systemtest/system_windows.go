// Package systemtest queries the operating system for tests of sockets, with the same
// functions on every system. It is not part of the library.
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

// Descriptor is the system's handle of a socket.
type Descriptor = syscall.Handle

// The system's errors of connecting where no server is listening, of reading and of
// writing after the peer has reset the connection, and of binding a port in use.
const (
	ErrRefused = windows.WSAECONNREFUSED
	ErrReset   = windows.WSAECONNRESET
	ErrBroken  = windows.WSAECONNRESET
	ErrInUse   = windows.WSAEADDRINUSE
)

// Package syscall does not start Winsock.
var _ = func() error {
	var data windows.WSAData
	return windows.WSAStartup(0x202, &data)
}()

// Close closes a socket that syscall.Socket created.
func Close(fd Descriptor) { _ = syscall.Closesocket(fd) }

// maxHandles is more handles than a test has.
const maxHandles = 1 << 12

// Descriptors returns how many sockets this process has open. Handles are small multiples
// of four. Other handles, such as those of the runtime's threads, do not count.
func Descriptors(testing.TB) int {
	const socketType = 0x1008 // SO_TYPE
	n := 0
	for h := windows.Handle(4); h < 4*maxHandles; h += 4 {
		if _, err := windows.GetsockoptInt(h, windows.SOL_SOCKET, socketType); err == nil {
			n++
		}
	}
	return n
}

// Inherited reports whether programs that this one starts inherit the socket.
func Inherited(t testing.TB, fd Descriptor) bool {
	t.Helper()
	var flags uint32
	if r, _, err := getHandleInformation.Call(uintptr(fd), uintptr(unsafe.Pointer(&flags))); r == 0 {
		t.Fatal(err)
	}
	return flags&windows.HANDLE_FLAG_INHERIT != 0
}

// Arrived reports whether data is available to read, and does not consume it.
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

// CPUTime returns how much CPU time this process has used.
func CPUTime(t testing.TB) time.Duration {
	t.Helper()
	var created, exited, kernel, user windows.Filetime
	if err := windows.GetProcessTimes(windows.CurrentProcess(), &created, &exited, &kernel, &user); err != nil {
		t.Fatal(err)
	}
	ticks := func(f windows.Filetime) int64 { return int64(f.HighDateTime)<<32 | int64(f.LowDateTime) }
	return time.Duration(ticks(kernel)+ticks(user)) * 100
}

// TempDir returns an empty directory that is removed when the test ends. It is not
// t.TempDir, which cannot be removed in Wine 8.
func TempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "obe-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		var all []string
		_ = filepath.WalkDir(dir, func(path string, _ fs.DirEntry, _ error) error {
			all = append(all, path)
			return nil
		})
		for _, path := range slices.Backward(all) {
			if err := os.Remove(path); err != nil {
				t.Error(err)
			}
		}
	})
	return dir
}

// MayListenAnywhere reports whether this process may listen on ports that are privileged
// on other systems: here any process may.
func MayListenAnywhere() bool { return true }
