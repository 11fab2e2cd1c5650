//go:build unix && !linux

package trace

import "golang.org/x/sys/unix"

// openWithoutLinks is not supported on this system.
func openWithoutLinks(string, int) (int, error) { return 0, unix.ENOSYS }

// quietWrite is write without SIGPIPE.
func quietWrite(fd int, p []byte) (int, error) {
	_, _ = unix.FcntlInt(uintptr(fd), unix.F_SETNOSIGPIPE, 1)
	return unix.Write(fd, p)
}
