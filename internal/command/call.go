package command

import (
	"errors"
	"fmt"
	"time"

	"libobe/internal/jsondoc"
	"libobe/internal/socket"
)

// Caller sends a request and passes the reply to use. If use fails with
// socket.ErrBuffer, the Caller keeps the reply for its receiving functions.
type Caller interface {
	TcmdFunc(body []byte, timeout time.Duration, use socket.ReplyFunc) error
}

// ExpectOK sends a request whose answer is "OK". Another reply is an ErrReply.
func ExpectOK(c Caller, request *jsondoc.Document, timeout time.Duration) error {
	return c.TcmdFunc(request.Text(), timeout, func(reply []byte) error {
		if d := jsondoc.FromValid(reply); !isOK(d) {
			return unexpected(nameOf(request), answerOK, d, nil)
		}
		return nil
	})
}

// Doubles sends a request whose answer is a list of numbers, reads it into dst, and
// returns how many numbers there are. If they do not fit, the error is a
// *jsondoc.SizeError and a socket.ErrBuffer, and the Caller keeps the reply. Another
// reply is an ErrReply.
func Doubles(c Caller, request *jsondoc.Document, dst []float64, timeout time.Duration) (n int, err error) {
	err = c.TcmdFunc(request.Text(), timeout, func(reply []byte) error {
		var err error
		d := jsondoc.FromValid(reply)
		n, err = d.Doubles("", dst)
		return replyError(request, answerNumbers, d, err)
	})
	return n, err
}

// Matrix sends a request whose answer is a list of rows of numbers and reads it
// into dst, row by row; see Doubles.
func Matrix(c Caller, request *jsondoc.Document, dst []float64, timeout time.Duration) (rows, cols int, err error) {
	err = c.TcmdFunc(request.Text(), timeout, func(reply []byte) error {
		var err error
		d := jsondoc.FromValid(reply)
		rows, cols, err = d.Matrix("", dst)
		return replyError(request, answerRows, d, err)
	})
	return rows, cols, err
}

// replyError adds the command, and the status of a caller, to an error of reading a
// reply.
func replyError(request *jsondoc.Document, wanted answer, reply *jsondoc.Document, err error) error {
	var size *jsondoc.SizeError
	switch {
	case errors.As(err, &size):
		return fmt.Errorf("%s: %w: %w; the reply is kept", nameOf(request), socket.ErrBuffer, err)
	case err != nil:
		return unexpected(nameOf(request), wanted, reply, err)
	}
	return nil
}

// nameOf returns the command of a request for error texts.
func nameOf(request *jsondoc.Document) string {
	name, err := request.String("/command")
	if err != nil {
		return "command"
	}
	return name
}
