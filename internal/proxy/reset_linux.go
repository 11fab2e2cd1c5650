package proxy

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// awaitReset waits, after the end of the peer's direction, until the connection is over, and
// reports whether the peer has reset it. No read would tell: it returns the end again.
func awaitReset(conn net.Conn) (wasReset bool) {
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return false
	}
	_ = raw.Read(func(fd uintptr) bool {
		state := []unix.PollFd{{Fd: int32(fd)}}
		if n, err := unix.Poll(state, 0); n == 0 || err != nil {
			return false
		}
		cause, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
		wasReset = err == nil && cause != 0
		return true
	})
	return wasReset
}
