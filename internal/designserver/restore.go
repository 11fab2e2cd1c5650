package designserver

import (
	"bytes"
	"fmt"

	"libobe/internal/excerpt"
	"libobe/internal/jsondoc"
	"libobe/internal/replay"
)

// Restore executes the newrun and newdat of a recorded run. With a seed in the file, or in newrun, the posterior is then
// exactly what it was; with another seed, as exact as particles are.
//
// Whether a last measurement without a reply was executed before a crash, the trace does not tell. It is added, and if the
// client sends it again, as the first one, it is answered and not added twice. One that is refused now is left out.
// unanswered is how many commands got no reply.
//
// The error is a *replay.StoppedError if the server refuses a command that the recorded one accepted, as with another file.
func (s *Server) Restore(run *replay.Run) (unanswered int, err error) {
	plan, err := run.Plan(false)
	if err != nil {
		return 0, err
	}
	for _, x := range plan.Exchanges {
		reply, _ := s.Answer(x.Command.Body)
		if string(reply) != `"OK"` && x.Reply != nil {
			return 0, &replay.StoppedError{Exchange: x, Cause: fmt.Errorf("the reply is %s", excerpt.Message(reply))}
		}
	}
	if n := len(plan.Exchanges); n > 0 && plan.Exchanges[n-1].Reply == nil && plan.Exchanges[n-1].Name == "newdat" {
		s.again = plan.Exchanges[n-1].Command.Body
	}
	return plan.Unanswered, nil
}

// repeats reports whether a measurement is the one that Restore has added without knowing whether it had been answered.
func (s *Server) repeats(request *jsondoc.Document) bool {
	again := s.again
	s.again = nil
	text, err := request.JSON("")
	return again != nil && err == nil && bytes.Equal(bytes.TrimSpace(text), bytes.TrimSpace(again))
}
