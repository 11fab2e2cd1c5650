package socket

import (
	"errors"
	"fmt"

	"libobe/internal/transport"
)

// The errors of a call, in addition to *jsondoc.SyntaxError and those of the
// packages wire, memory and transport. Compare with errors.Is.
var (
	ErrArgument   = errors.New("invalid argument")
	ErrState      = errors.New("not possible now")
	ErrTimeout    = transport.ErrTimeout
	ErrCancelled  = errors.New("cancelled")
	ErrClosed     = transport.ErrClosed
	ErrPeerClosed = errors.New("closed by the peer")
	ErrBusy       = errors.New("busy")
	ErrBuffer     = errors.New("buffer too small")
)

// BufferError is an ErrBuffer with the size that the message needs. The message is
// kept for the next call.
type BufferError struct{ Need int }

func (e *BufferError) Error() string {
	return fmt.Sprintf("%v: the message is %d bytes long and is kept; receive it with a larger buffer", ErrBuffer, e.Need)
}

// Is reports whether target is ErrBuffer.
func (e *BufferError) Is(target error) bool { return target == ErrBuffer }

// wrap adds the operation and the peer to an error of the call. An error that only
// shows that the call was ended early is replaced by the reason for that.
func (c *call) wrap(peer string, err error) error {
	if errors.Is(err, transport.ErrWoken) || err == ErrClosed {
		if ended := c.ended(); ended != nil {
			err = ended
		}
	}
	if errors.Is(err, transport.ErrTLS) {
		err = withOptionNames(err)
	}
	if peer != "" {
		peer = " " + peer
	}
	return fmt.Errorf("%s%s: %w", c.op, peer, err)
}
