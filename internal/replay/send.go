package replay

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"libobe/internal/command"
	"libobe/internal/excerpt"
	"libobe/internal/jsondoc"
)

// Plan is the commands of a run that are sent again.
type Plan struct {
	Exchanges  []*Exchange
	Refused    int      // that the recorded server answered with an error
	Resent     []Resent // that are left out because the client sent them again
	Unanswered int      // of Exchanges, without a reply: whether they were executed is not known
}

// Resent is a command that got no reply, and that its client then sent again.
type Resent struct{ Lost, Again *Exchange }

// resendTime is how much later than a command that got no reply the same text counts as that
// command, if others have sent commands in between. Afterwards it is another measurement.
const resendTime = 5 * time.Minute

// ErrCut reports a command of which the trace has only the beginning.
var ErrCut = errors.New("the trace has only the beginning of this command, so it cannot be sent")

// Plan returns what is sent again: newrun and newdat, or every command.
//
// What the recorded server refused is no part of what it knew. Of a command that got no reply,
// the trace does not tell whether the server has executed it. If the same command was sent
// again it is one measurement, and only the last one is sent: if it is the next command, as
// after a crash of the server, or if the same client sent it within resendTime, as after a lost
// connection while others were served. Any other command without a reply is sent.
func (r *Run) Plan(all bool) (*Plan, error) {
	p := &Plan{}
	lost := map[string]*Exchange{} // the last one of a text and a client that got no reply
	resent := map[*Exchange]bool{}
	var last *Exchange
	for _, x := range r.Exchanges {
		if !all && x.Command.Cut && x.Name == "" {
			return nil, fmt.Errorf("%s: %w", x.Command.Place(), ErrCut)
		}
		if !all && x.Name != newRun && x.Name != newData || x.Name == describe && x.sender == "" {
			continue
		}
		if !all && x.Refused() {
			p.Refused++
			continue
		}
		if x.Command.Cut {
			return nil, fmt.Errorf("%s: %w", x.Command.Place(), ErrCut)
		}
		key := x.sender + "\n" + string(x.Command.Body)
		earlier := lost[key]
		if earlier != nil && x.Command.Time.Sub(earlier.Command.Time) > resendTime {
			earlier = nil
		}
		if last != nil && last.Reply == nil && bytes.Equal(last.Command.Body, x.Command.Body) {
			earlier = last
		}
		if earlier != nil {
			p.Resent = append(p.Resent, Resent{earlier, x})
			resent[earlier] = true
		}
		delete(lost, key)
		if x.Reply == nil {
			lost[key] = x
		}
		last = x
		p.Exchanges = append(p.Exchanges, x)
	}
	p.Exchanges = slices.DeleteFunc(p.Exchanges, func(x *Exchange) bool { return resent[x] })
	for _, x := range p.Exchanges {
		if x.Reply == nil {
			p.Unanswered++
		}
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
