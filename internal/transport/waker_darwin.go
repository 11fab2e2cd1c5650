package transport

import "golang.org/x/sys/unix"

// NewWaker creates a Waker.
func NewWaker() (*Waker, error) {
	var fds [2]int
	if err := unix.Pipe(fds[:]); err != nil {
		return nil, systemError("pipe", err)
	}
	for _, fd := range fds {
		unix.CloseOnExec(fd)
		if err := unix.SetNonblock(fd, true); err != nil {
			sysClose(fds[0])
			sysClose(fds[1])
			return nil, systemError("fcntl", err)
		}
	}
	return &Waker{fds[0], fds[1]}, nil
}
