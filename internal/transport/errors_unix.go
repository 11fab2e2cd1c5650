//go:build linux || darwin

package transport

import "golang.org/x/sys/unix"

func isAgain(err error) bool {
	errno, _ := err.(unix.Errno) // which takes less than to compare err with each
	return errno == unix.EAGAIN || errno == unix.EINTR || errno == unix.EINPROGRESS
}

func isNotConnected(err error) bool { return err == unix.ENOTCONN }

// errConnRefused is the error of connecting where no server is listening.
const errConnRefused = unix.ECONNREFUSED

// classify returns the kind of a system error, nil for one that callers do not
// distinguish.
func classify(err error) error {
	switch err {
	case unix.ECONNREFUSED:
		return ErrRefused
	case unix.ECONNRESET, unix.EPIPE, unix.ECONNABORTED:
		return ErrReset
	case unix.EHOSTUNREACH, unix.ENETUNREACH, unix.ENETDOWN, unix.EHOSTDOWN, unix.EADDRNOTAVAIL, unix.EAFNOSUPPORT, unix.ETIMEDOUT:
		return ErrUnreachable
	case unix.EADDRINUSE:
		return ErrInUse
	case unix.EACCES, unix.EPERM:
		return ErrPermission
	case unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM:
		return ErrExhausted
	}
	return nil
}
