package transport

import (
	"errors"
	"syscall"

	"golang.org/x/sys/windows"
)

// known has the errors of Winsock that callers tell apart, in the words of other
// systems: Windows has them in the language of its user, and in whole sentences.
var known = map[syscall.Errno]struct {
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

// failure is an error of Winsock that is known.
type failure struct {
	error // the system's own
	text  string
}

func (f *failure) Error() string { return f.text }
func (f *failure) Unwrap() error { return f.error }

// inWords gives a known error its text.
func inWords(err error) error {
	if errno, ok := err.(syscall.Errno); ok {
		if k, ok := known[errno]; ok {
			return &failure{err, k.text}
		}
	}
	return err
}

func kindOf(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return known[errno].kind
	}
	return nil
}

// errNobody is what connecting says where nobody listens.
var errNobody = inWords(windows.WSAECONNREFUSED)

func isAgain(err error) bool { return err == windows.WSAEWOULDBLOCK || err == windows.WSAEINTR }

func isNotConnected(err error) bool { return err == windows.WSAENOTCONN }
