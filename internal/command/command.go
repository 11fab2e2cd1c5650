// Package command has the commands of the protocol's servers, one function
// each: the request is built, exchanged, and the reply read into numbers, so
// that an instrument program needs no JSON.
package command

import (
	"errors"
	"fmt"
	"math"
	"time"

	"libobe/internal/excerpt"
	"libobe/internal/jsondoc"
	"libobe/internal/socket"
)

// ErrReply is a reply that is not what the command has as its answer.
var ErrReply = errors.New("unexpected reply")

// unexpected is the error of a reply that is not the command's; it carries the
// reply, or its beginning.
func unexpected(name, wanted string, reply []byte, cause error) error {
	const most = 200
	if cause != nil {
		wanted += " (" + cause.Error() + ")"
	}
	return fmt.Errorf("%s: %w: %s instead of %s", name, ErrReply, excerpt.Cut(reply, most), wanted)
}

// Exchanger sends a command and hands its reply to use: a client, or what does
// more with the reply besides.
type Exchanger interface {
	TcmdUse(body []byte, timeout time.Duration, use socket.Use) error
}

// Order sends a command whose answer is "OK".
func Order(c Exchanger, request *jsondoc.Document, timeout time.Duration) error {
	return c.TcmdUse(request.Text(), timeout, func(reply []byte) error {
		var text [len("OK")]byte
		if n, err := jsondoc.Checked(reply).ReadString("", text[:]); err != nil || n != len(text) || string(text[:]) != "OK" {
			return unexpected(name(request), `"OK"`, reply, nil)
		}
		return nil
	})
}

func name(request *jsondoc.Document) string {
	command, err := request.String("/command")
	if err != nil {
		return "command"
	}
	return command
}

// List sends a command whose answer is a list of numbers and reads it into dst.
// It returns how many there are. If they do not fit, the error is a
// *jsondoc.SizeError and ErrBuffer, and the reply is kept for a Receive.
func List(c Exchanger, request *jsondoc.Document, dst []float64, timeout time.Duration) (n int, err error) {
	err = c.TcmdUse(request.Text(), timeout, func(reply []byte) error {
		var err error
		n, err = jsondoc.Checked(reply).Doubles("", dst)
		return judge(request, "a list of numbers", reply, err)
	})
	return n, err
}

// Table sends a command whose answer is a list of rows of numbers and reads it
// into dst, row by row; see List.
func Table(c Exchanger, request *jsondoc.Document, dst []float64, timeout time.Duration) (rows, cols int, err error) {
	err = c.TcmdUse(request.Text(), timeout, func(reply []byte) error {
		var err error
		rows, cols, err = jsondoc.Checked(reply).Matrix("", dst)
		return judge(request, "a list of rows of numbers", reply, err)
	})
	return rows, cols, err
}

// judge gives an error of reading a reply its form.
func judge(request *jsondoc.Document, wanted string, reply []byte, err error) error {
	var size *jsondoc.SizeError
	switch {
	case errors.As(err, &size):
		return fmt.Errorf("%s: %w: %w; the reply is kept", name(request), socket.ErrBuffer, err)
	case err != nil:
		return unexpected(name(request), wanted, reply, err)
	}
	return nil
}

// New makes the request of a command that has no fields.
func New(command string) *jsondoc.Document {
	d, err := jsondoc.NewCommand(command)
	if err != nil {
		panic(err) // the names are this library's own
	}
	return d
}

// NewRun makes the request of newrun, whose fields are up to the server; nil is
// none.
func NewRun(fields *jsondoc.Document) (*jsondoc.Document, error) {
	request := New("newrun")
	if fields == nil {
		return request, nil
	}
	if err := request.SetAll(fields); err != nil {
		return nil, err
	}
	// Fields may have been made as a command themselves.
	return request, request.SetString("command", "newrun")
}

// GoodSet makes the request of goodset. A pickiness that is negative or NaN is
// left out, and the server uses its own. A whole one is sent as an integer, as
// programs in Python do.
func GoodSet(pickiness float64) (*jsondoc.Document, error) {
	request := New("goodset")
	switch {
	case math.IsNaN(pickiness) || pickiness < 0:
		return request, nil
	case pickiness == math.Trunc(pickiness) && pickiness < 1<<53:
		return request, request.SetInt("pickiness", int64(pickiness))
	}
	return request, request.SetDouble("pickiness", pickiness)
}

// NewData makes the request of newdat: the settings x, what was measured there,
// y, and its uncertainty, s. All are sent as lists: a Python optbayesexpt server
// does not survive a scalar x.
func NewData(x, y, s []float64) (*jsondoc.Document, error) {
	request := New("newdat")
	return request, errors.Join(request.SetDoubles("x", x), request.SetDoubles("y", y), request.SetDoubles("s", s))
}
