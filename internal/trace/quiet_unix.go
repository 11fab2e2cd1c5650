//go:build unix && !linux

package trace

import "golang.org/x/sys/unix"

// quietWrite is write without SIGPIPE.
func quietWrite(fd int, p []byte) (int, error) {
	_, _ = unix.FcntlInt(uintptr(fd), unix.F_SETNOSIGPIPE, 1)
	return unix.Write(fd, p)
}
