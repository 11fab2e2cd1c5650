package replay

import (
	"bytes"
	"errors"
	"fmt"

	"libobe/internal/command"
	"libobe/internal/excerpt"
	"libobe/internal/jsondoc"
)

// Plan is the commands of a run that are sent again.
type Plan struct {
	Exchanges []*Exchange
	Refused   int // that the recorded server answered with an error
	Repeated  int // that got no reply and were sent again
}

// ErrCut reports a command of which the trace has only the beginning.
var ErrCut = errors.New("the trace has only the beginning of this command, so it cannot be sent")

// Plan returns what is sent again: newrun and newdat, or every command.
//
// What the recorded server refused is no part of what it knew. A command that got no reply
// and was then sent again, for example after the server had crashed, is one measurement.
func (r *Run) Plan(all bool) (*Plan, error) {
	p := &Plan{}
	var last *Exchange
	for _, x := range r.Exchanges {
		if !all && x.Command.Cut && x.Name == "" {
			return nil, fmt.Errorf("%s: %w", x.Command.Place(), ErrCut)
		}
		if !all && x.Name != newRun && x.Name != newData {
			continue
		}
		if !all && x.Refused() {
			p.Refused++
			continue
		}
		if x.Command.Cut {
			return nil, fmt.Errorf("%s: %w", x.Command.Place(), ErrCut)
		}
		if last != nil && last.Reply == nil && bytes.Equal(last.Command.Body, x.Command.Body) {
			p.Repeated++
			p.Exchanges = p.Exchanges[:len(p.Exchanges)-1]
		}
		last = x
		p.Exchanges = append(p.Exchanges, x)
	}
	return p, nil
}

// StoppedError reports a replay that did not reach its end.
type StoppedError struct {
	Exchange *Exchange // the command that failed
	Cause    error     // that of the call, or a command.ErrReply
}

func (e *StoppedError) Error() string {
	return fmt.Sprintf("%s (%s): %v", e.Exchange.Name, e.Exchange.Command.Place(), e.Cause)
}

func (e *StoppedError) Unwrap() error { return e.Cause }

// Send sends the commands of a plan with exchange, which returns the reply. After each
// command that was accepted it calls progress. It stops at the first one that was not: the
// reply to newrun and newdat has to be "OK", and the one to another command no error, unless
// that is what was recorded. The error is a *StoppedError.
func (p *Plan) Send(exchange func(body []byte) ([]byte, error), progress func()) error {
	for _, x := range p.Exchanges {
		reply, err := exchange(x.Command.Body)
		if err == nil {
			err = x.compare(reply)
		}
		if err != nil {
			return &StoppedError{x, err}
		}
		progress()
	}
	return nil
}

// compare checks a reply against the recorded one.
func (x *Exchange) compare(reply []byte) error {
	switch {
	case x.Refused():
	case x.Name == newRun || x.Name == newData:
		return command.Check(x.Name, jsondoc.FromValid(reply))
	case isError(reply):
		return fmt.Errorf("%w: %s", command.ErrReply, excerpt.Quote(reply))
	}
	return nil
}
