package transport

import (
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/windows"
)

// knownErrors lists the Winsock errors that callers distinguish, with the texts of other
// systems: those of Windows are long, and in the user's language.
var knownErrors = map[syscall.Errno]struct {
	kind error
	text string
}{
	windows.WSAECONNREFUSED:  {ErrRefused, "connection refused"},
	windows.WSAECONNRESET:    {ErrReset, "connection reset by peer"},
	windows.WSAECONNABORTED:  {ErrReset, "connection aborted by this system"},
	windows.WSAENETRESET:     {ErrReset, "connection lost: the peer stopped answering"},
	windows.WSAESHUTDOWN:     {ErrReset, "connection shut down"},
	windows.WSAEHOSTUNREACH:  {ErrUnreachable, "no route to host"},
	windows.WSAEHOSTDOWN:     {ErrUnreachable, "host is down"},
	windows.WSAENETUNREACH:   {ErrUnreachable, "network is unreachable"},
	windows.WSAENETDOWN:      {ErrUnreachable, "network is down"},
	windows.WSAEADDRNOTAVAIL: {ErrUnreachable, "cannot assign requested address"},
	windows.WSAEAFNOSUPPORT:  {ErrUnreachable, "address family not supported by protocol"},
	windows.WSAETIMEDOUT:     {ErrUnreachable, "connection timed out"},
	windows.WSAEADDRINUSE:    {ErrInUse, "address already in use"},
	windows.WSAEACCES:        {ErrPermission, "permission denied"},
	windows.WSAEMFILE:        {ErrExhausted, "too many open sockets"},
	windows.WSAENOBUFS:       {ErrExhausted, "no buffer space available"},

	windows.ERROR_NOT_ENOUGH_MEMORY: {ErrExhausted, "cannot allocate memory"},
}

// knownError is a Winsock error in knownErrors.
type knownError struct {
	error // as Windows reported it
	text  string
}

func (e *knownError) Error() string { return e.text }
func (e *knownError) Unwrap() error { return e.error }

// withText replaces the text of a known error.
func withText(err error) error {
	if errno, ok := err.(syscall.Errno); ok {
		if k, ok := knownErrors[errno]; ok {
			return &knownError{err, k.text}
		}
	}
	return err
}

// classify returns the kind of a system error, nil for one that callers do not
// distinguish.
func classify(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return knownErrors[errno].kind
	}
	return nil
}

// errConnRefused is the error of connecting where no server is listening.
var errConnRefused = withText(windows.WSAECONNREFUSED)

// bindError explains WSAEACCES: Windows reserves ranges of ports, usually for Hyper-V,
// and reports it also for ports that no program uses.
func bindError(err error) error {
	text := withText(err)
	if err == windows.WSAEACCES {
		text = fmt.Errorf("%w (another program has exclusive use of the port, or Windows has reserved it: netsh interface ipv4 show excludedportrange protocol=tcp)", text)
	}
	return systemError("bind", text)
}

func isAgain(err error) bool { return err == windows.WSAEWOULDBLOCK || err == windows.WSAEINTR }

func isNotConnected(err error) bool { return err == windows.WSAENOTCONN }
