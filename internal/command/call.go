package command

import (
	"errors"
	"fmt"
	"time"

	"libobe/internal/jsondoc"
	"libobe/internal/socket"
)

// Caller is a client, or what stands for one.
type Caller interface {
	// AddFields adds the members of the client's option fields to a request, except those
	// that it has already.
	AddFields(request *jsondoc.Document) error
	// TcmdFunc sends a request and passes the reply to use. If use fails with
	// socket.ErrBuffer, the Caller keeps the reply for its receiving functions.
	TcmdFunc(body []byte, timeout time.Duration, use socket.ReplyFunc) error
}

// send sends a request with the members of the option fields, and passes the reply to use.
func send(c Caller, request *jsondoc.Document, timeout time.Duration, use socket.ReplyFunc) error {
	if err := c.AddFields(request); err != nil {
		return fmt.Errorf("%s: %w", nameOf(request), err)
	}
	return c.TcmdFunc(request.Text(), timeout, use)
}

// Query sends the request of the command name and returns its reply. The reply has to be
// of the kind that the command expects; see CheckKind.
func Query(c Caller, name string, request *jsondoc.Document, timeout time.Duration) (reply *jsondoc.Document, err error) {
	err = send(c, request, timeout, func(body []byte) error {
		reply = jsondoc.FromValid(body)
		return nil
	})
	if err == nil {
		err = CheckKind(name, reply)
	}
	return reply, err
}

// ExpectOK sends a request whose answer is "OK". Another reply is an ErrReply.
func ExpectOK(c Caller, request *jsondoc.Document, timeout time.Duration) error {
	return send(c, request, timeout, func(reply []byte) error {
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
	err = send(c, request, timeout, func(reply []byte) error {
		var err error
		d := jsondoc.FromValid(reply)
		n, err = d.Doubles("", dst)
		return replyError(nameOf(request), answerNumbers, d, err)
	})
	return n, err
}

// Double sends a request whose answer is a list of one number, and returns that. A list of
// another count is an ErrReply.
func Double(c Caller, request *jsondoc.Document, timeout time.Duration) (v float64, err error) {
	err = send(c, request, timeout, func(reply []byte) error {
		var list [1]float64
		d := jsondoc.FromValid(reply)
		n, err := d.Doubles("", list[:])
		if size := (*jsondoc.SizeError)(nil); errors.As(err, &size) {
			n, err = size.Rows, nil
		}
		if err != nil || n != len(list) {
			return unexpected(nameOf(request), answerNumber, d, err)
		}
		v = list[0]
		return nil
	})
	return v, err
}

// Matrix sends a request whose answer is a list of rows of numbers and reads it
// into dst, row by row; see Doubles.
func Matrix(c Caller, request *jsondoc.Document, dst []float64, timeout time.Duration) (rows, cols int, err error) {
	err = send(c, request, timeout, func(reply []byte) error {
		var err error
		d := jsondoc.FromValid(reply)
		rows, cols, err = d.Matrix("", dst)
		return replyError(nameOf(request), answerRows, d, err)
	})
	return rows, cols, err
}

// replyError adds the command, and the status of a caller, to an error of reading a
// reply.
func replyError(name string, wanted answer, reply *jsondoc.Document, err error) error {
	var size *jsondoc.SizeError
	switch {
	case errors.As(err, &size):
		return fmt.Errorf("%s: %w: %w; the reply is kept", name, socket.ErrBuffer, err)
	case err != nil:
		return unexpected(name, wanted, reply, err)
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
