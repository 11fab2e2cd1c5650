package command

import (
	"fmt"
	"time"

	"libobe/internal/jsondoc"
	"libobe/internal/socket"
)

// Asker is a Caller that can send a request and return its reply later.
type Asker interface {
	Caller
	// Ask sends a request, and Fetch passes its reply to use. If use fails with
	// socket.ErrBuffer, the Asker keeps the reply.
	Ask(body []byte, timeout time.Duration) error
	Fetch(timeout time.Duration, use socket.ReplyFunc) error
}

// Ask sends a request, whose reply FetchDoubles returns.
func Ask(c Asker, request *jsondoc.Document, timeout time.Duration) error {
	if err := c.AddFields(request); err != nil {
		return fmt.Errorf("%s: %w", nameOf(request), err)
	}
	return c.Ask(request.Text(), timeout)
}

// FetchDoubles reads the reply to the request of the command name that Ask sent; see
// Doubles.
func FetchDoubles(c Asker, name string, dst []float64, timeout time.Duration) (n int, err error) {
	err = c.Fetch(timeout, func(reply []byte) error {
		var err error
		d := jsondoc.FromValid(reply)
		n, err = d.Doubles("", dst)
		return replyError(name, answerNumbers, d, err)
	})
	return n, err
}
