package transport

import (
	"errors"
	"os"
)

// Compare with errors.Is: an error may be wrapped. io.EOF is returned itself, as
// io.Reader requires.
var (
	// ErrClosed reports the use of a connection that this side closed.
	ErrClosed = errors.New("closed by this side")
	// ErrWoken reports a wait that its Waker ended.
	ErrWoken = errors.New("woken")
	// ErrYield reports a wait that ended because the Poller in Wait.Yield is ready.
	ErrYield = errors.New("another connection is ready")
	// ErrTimeout reports a wait that its deadline ended. It is a temporary net.Error.
	ErrTimeout error = timeoutError{}

	// The kinds of system errors that callers distinguish.
	ErrRefused     = errors.New("connection refused")
	ErrQueueFull   = errors.New("the server's queue is full") // of a Unix-domain socket
	ErrReset       = errors.New("connection reset by the peer")
	ErrUnreachable = errors.New("unreachable")
	ErrInUse       = errors.New("address already in use")
	ErrPermission  = errors.New("permission denied")
	ErrExhausted   = errors.New("out of descriptors or memory")

	// ErrTLS reports a peer whose identity or encryption is not as required.
	ErrTLS = errors.New("TLS")
	// ErrUnsupported reports a feature that this system does not have.
	ErrUnsupported = errors.New("not supported on this system")
)

type timeoutError struct{}

func (timeoutError) Error() string   { return "timed out" }
func (timeoutError) Timeout() bool   { return true }
func (timeoutError) Temporary() bool { return true }
func (timeoutError) Is(target error) bool {
	return target == os.ErrDeadlineExceeded
}

// SystemError is a failed system call.
type SystemError struct {
	Call string
	Err  error // as the system reported it
	kind error // one of the kinds above; nil: any other
}

func (e *SystemError) Error() string        { return e.Call + ": " + e.Err.Error() }
func (e *SystemError) Unwrap() error        { return e.Err }
func (e *SystemError) Is(target error) bool { return target == e.kind }

// systemError is not inlined: its 27 copies would be 0.4 % of the library's file.
//
//go:noinline
func systemError(call string, err error) error {
	return &SystemError{Call: call, Err: err, kind: classify(err)}
}

// connError is systemError for an established connection. If the peer is gone, the system
// may report a timeout or an unreachable host. The kind is then ErrReset: a caller has to
// learn that the connection broke.
func connError(call string, err error) error {
	kind := classify(err)
	if kind == ErrUnreachable {
		kind = ErrReset
	}
	return &SystemError{Call: call, Err: err, kind: kind}
}
