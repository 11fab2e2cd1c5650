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
	"libobe/internal/memory"
	"libobe/internal/socket"
)

// answer is what a server replies to a command.
type answer string

const (
	answerOK      answer = `"OK"`
	answerNumbers answer = "a list of numbers"
	answerRows    answer = "a list of rows of numbers"
)

// answers are the commands of the protocol, each with its answer.
var answers = map[string]answer{
	"ready": answerOK, "newrun": answerOK, "newdat": answerOK, "done": answerOK,
	"optset": answerNumbers, "goodset": answerNumbers, "getmean": answerNumbers, "getstd": answerNumbers,
	"getwgt": answerNumbers, "getcon": answerNumbers,
	"getcov": answerRows, "getpar": answerRows, "getset": answerRows,
}

// Request builds the request of a command by its name, with the members of fields,
// which may be nil.
func Request(name string, fields *jsondoc.Document) (*jsondoc.Document, error) {
	if _, known := answers[name]; !known {
		return nil, fmt.Errorf("%w: %s is not a command of the protocol", socket.ErrArgument, excerpt.Quote(name))
	}
	request := New(name)
	if fields == nil {
		return request, nil
	}
	if err := request.SetAll(fields); err != nil {
		return nil, err
	}
	// fields may be a command itself.
	if err := request.SetString("command", name); err != nil || name != "goodset" {
		return request, err
	}
	if pickiness, err := request.Double("/pickiness"); err == nil {
		return request, setPickiness(request, pickiness)
	}
	return request, nil
}

// Check reports whether a reply is the answer to a command, as ErrReply. It reads the
// whole reply.
func Check(name string, reply *jsondoc.Document) error {
	wanted, known := answers[name]
	if !known {
		return fmt.Errorf("%w: %s is not a command of the protocol", socket.ErrArgument, excerpt.Quote(name))
	}
	var err error
	switch wanted {
	case answerOK:
		if isOK(reply) {
			return nil
		}
		return unexpected(name, string(wanted), reply.Text(), nil)
	case answerNumbers:
		_, err = readAll(func(dst []float64) (int, int, error) {
			n, err := reply.Doubles("", dst)
			return n, 1, err
		})
	case answerRows:
		_, err = readAll(func(dst []float64) (int, int, error) { return reply.Matrix("", dst) })
	}
	if err == nil || errors.Is(err, memory.ErrMemory) {
		return err
	}
	return unexpected(name, string(wanted), reply.Text(), err)
}

// CheckKind is Check without reading the numbers of a reply, only that it is an array.
func CheckKind(name string, reply *jsondoc.Document) error {
	wanted := answers[name]
	if wanted == answerOK {
		return Check(name, reply)
	}
	if t, err := reply.Type(""); err != nil || t != jsondoc.Array {
		return unexpected(name, string(wanted), reply.Text(), err)
	}
	return nil
}

// readAll reads numbers into memory of the size that they need.
func readAll(read func(dst []float64) (rows, cols int, err error)) ([]float64, error) {
	_, _, err := read(nil)
	var size *jsondoc.SizeError
	if !errors.As(err, &size) {
		return nil, err
	}
	dst, err := memory.Make[float64](size.Rows*max(size.Cols, 1), size.Rows*max(size.Cols, 1))
	if err == nil {
		_, _, err = read(dst)
	}
	return dst, err
}

func isOK(reply *jsondoc.Document) bool {
	var text [len("OK")]byte
	n, err := reply.ReadString("", text[:])
	return err == nil && n == len(text) && string(text[:]) == "OK"
}

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

// Caller sends a command and hands its reply to use: a client, or what does
// more with the reply besides.
type Caller interface {
	TcmdFunc(body []byte, timeout time.Duration, use socket.ReplyFunc) error
}

// ExpectOK sends a command whose answer is "OK".
func ExpectOK(c Caller, request *jsondoc.Document, timeout time.Duration) error {
	return c.TcmdFunc(request.Text(), timeout, func(reply []byte) error {
		if isOK(jsondoc.FromValid(reply)) {
			return nil
		}
		return unexpected(name(request), string(answerOK), reply, nil)
	})
}

func name(request *jsondoc.Document) string {
	command, err := request.String("/command")
	if err != nil {
		return "command"
	}
	return command
}

// Doubles sends a command whose answer is a list of numbers and reads it into dst.
// It returns how many there are. If they do not fit, the error is a
// *jsondoc.SizeError and ErrBuffer, and the reply is kept for a Receive.
func Doubles(c Caller, request *jsondoc.Document, dst []float64, timeout time.Duration) (n int, err error) {
	err = c.TcmdFunc(request.Text(), timeout, func(reply []byte) error {
		var err error
		n, err = jsondoc.FromValid(reply).Doubles("", dst)
		return judge(request, string(answerNumbers), reply, err)
	})
	return n, err
}

// Matrix sends a command whose answer is a list of rows of numbers and reads it
// into dst, row by row; see Doubles.
func Matrix(c Caller, request *jsondoc.Document, dst []float64, timeout time.Duration) (rows, cols int, err error) {
	err = c.TcmdFunc(request.Text(), timeout, func(reply []byte) error {
		var err error
		rows, cols, err = jsondoc.FromValid(reply).Matrix("", dst)
		return judge(request, string(answerRows), reply, err)
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

// GoodSet makes the request of goodset. A pickiness that is negative or NaN is
// left out, and the server uses its own. A whole one is sent as an integer, as
// programs in Python do.
func GoodSet(pickiness float64) (*jsondoc.Document, error) {
	request := New("goodset")
	if math.IsNaN(pickiness) || pickiness < 0 {
		return request, nil
	}
	return request, setPickiness(request, pickiness)
}

func setPickiness(request *jsondoc.Document, pickiness float64) error {
	if pickiness == math.Trunc(pickiness) && math.Abs(pickiness) < 1<<53 {
		return request.SetInt("pickiness", int64(pickiness))
	}
	return request.SetDouble("pickiness", pickiness)
}

// NewData makes the request of newdat: the settings x, what was measured there,
// y, and its uncertainty, s. All are sent as lists: a Python optbayesexpt server
// does not survive a scalar x.
func NewData(x, y, s []float64) (*jsondoc.Document, error) {
	request := New("newdat")
	return request, errors.Join(request.SetDoubles("x", x), request.SetDoubles("y", y), request.SetDoubles("s", s))
}
