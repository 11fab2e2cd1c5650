package transport

import "golang.org/x/sys/unix"

// NewWaker creates a Waker.
func NewWaker() (*Waker, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, systemError("eventfd", err)
	}
	return &Waker{fd, fd}, nil
}
