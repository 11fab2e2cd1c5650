// Package designserver is the conversation of a designer with instruments: it answers the commands of the protocol from
// the file of an experiment and the posterior of the current run.
//
// It has no connections; the caller passes messages to Answer, one at a time, and sends the replies. A message that
// cannot be executed gets an error reply and changes nothing.
//
// The one thing to know first: there is always a run. The first one begins with the server, with the numbers of the file,
// so that an instrument that never sends newrun is answered too. Each newrun begins another one with a new posterior.
package designserver

import (
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"strings"

	"libobe/internal/command"
	"libobe/internal/designer"
	"libobe/internal/excerpt"
	"libobe/internal/experiment"
	"libobe/internal/jsondoc"
	"libobe/internal/suggest"
)

// Server answers commands. It is for one goroutine at a time.
type Server struct {
	file     *experiment.Experiment // as it was read
	now      *experiment.Experiment // with what newrun replaced
	designer *designer.Designer
	run      int
	asked    bool // whether newrun has begun the run

	askAhead bool
	last     *choice   // how the client asked last for a setting
	measured bool      // whether it has reported a measurement since
	ahead    []float64 // the answer to last, computed before it is asked for; nil: none

	again []byte // see Restore
	fault func(err any, stack []byte)
	ends  func()
}

// A choice is how a client asks for a setting.
type choice struct {
	best      bool // optset; otherwise goodset
	pickiness float64
}

// Config is what a Server needs.
type Config struct {
	Experiment *experiment.Experiment
	// AskAhead lets Prepare compute the next setting.
	AskAhead bool
	// RunEnds is called when newrun ends a run that has measurements, before its posterior is gone.
	RunEnds func()
	// Fault is called if a command ended with a panic, which the client gets as an error.
	Fault func(err any, stack []byte)
}

// New begins the first run.
func New(c Config) (*Server, error) {
	s := &Server{file: c.Experiment, askAhead: c.AskAhead, fault: c.Fault, ends: c.RunEnds}
	if err := s.begin(c.Experiment); err != nil {
		return nil, err
	}
	return s, nil
}

// begin begins a run. After an error the run before it continues.
func (s *Server) begin(e *experiment.Experiment) error {
	seed := e.Seed
	if !e.HasSeed {
		seed = rand.Uint64()
	}
	d, err := designer.New(ConfigOf(e, seed))
	if err != nil {
		return err
	}
	if s.designer != nil && s.designer.Measurements() > 0 {
		s.ends()
	}
	s.now, s.designer, s.ahead, s.last, s.measured = e, d, nil, nil, false
	s.run++
	return nil
}

// ConfigOf returns an experiment as a designer takes it.
func ConfigOf(e *experiment.Experiment, seed uint64) designer.Config {
	c := designer.Config{Model: e, Knobs: e.Knobs(), Particles: e.Particles, Draws: e.Design.Draws, Seed: seed}
	if e.HasCost() {
		c.Cost = e.Cost
	}
	for _, p := range e.Parameters {
		c.Parameters = append(c.Parameters, designer.Parameter{Name: p.Name, Prior: p.Prior})
	}
	for _, ch := range e.Channels {
		channel := designer.Channel{Name: ch.Name, Noise: ch.Noise.Std, NoiseParameter: designer.NoNoiseParameter}
		switch ch.Noise.Kind {
		case experiment.ReportedNoise:
			channel.Reported = true
		case experiment.EstimatedNoise:
			channel.NoiseParameter = ch.Noise.Parameter
		}
		c.Channels = append(c.Channels, channel)
	}
	return c
}

// Answer executes a message, which is valid JSON, and returns the reply: that of the command, or an error. done reports
// whether the client asks the server to end.
func (s *Server) Answer(message []byte) (reply []byte, done bool) {
	doc := jsondoc.FromValid(message)
	name, err := nameOf(doc)
	if err != nil {
		return command.ErrorReply("", err.Error()), false
	}
	defer func() {
		if err := recover(); err != nil {
			s.fault(err, debug.Stack())
			reply, done = command.ErrorReply(name, "a fault of this program; its output has the details"), false
		}
	}()
	answer, known := commands[name]
	if !known {
		return command.ErrorReply(name, unknown(name)), false
	}
	reply, err = answer(s, doc)
	if err != nil {
		return command.ErrorReply(name, err.Error()), false
	}
	return reply, name == "done"
}

// nameOf returns the name of a command.
func nameOf(doc *jsondoc.Document) (string, error) {
	kind, err := doc.Type("")
	if err != nil || kind != jsondoc.Object {
		return "", fmt.Errorf(`a message must be an object with the member "command", and not %s %s`, article(kind), kind)
	}
	kind, err = doc.Type("/command")
	if err != nil {
		return "", fmt.Errorf(`the message has no member "command"; the commands are %s`, strings.Join(names, ", "))
	}
	if kind != jsondoc.String {
		return "", fmt.Errorf(`the member "command" must be a string, and not %s %s`, article(kind), kind)
	}
	name, err := doc.String("/command")
	if err == nil && name == "" {
		err = fmt.Errorf(`the member "command" is empty; the commands are %s`, strings.Join(names, ", "))
	}
	return name, err
}

func article(kind jsondoc.Type) string {
	if strings.ContainsRune("aeiou", rune(kind.String()[0])) {
		return "an"
	}
	return "a"
}

func unknown(name string) string {
	shown := excerpt.Message(name)
	if near := suggest.Nearest(name, names); near != "" {
		return fmt.Sprintf("unknown command '%s'; did you mean '%s'?", shown, near)
	}
	return fmt.Sprintf("unknown command '%s'; the commands are %s", shown, strings.Join(names, ", "))
}

// Run returns the number of the run, from 1.
func (s *Server) Run() int { return s.run }

// Measurements returns how many measurements the run has.
func (s *Server) Measurements() int { return s.designer.Measurements() }

// Status returns how far the posterior can be trusted.
func (s *Server) Status() designer.Status { return s.designer.Status() }

// An Estimate is what is known about a parameter.
type Estimate struct {
	Name, Unit string
	Mean, Std  float64
}

// Estimates returns what is known about the parameters, in their order.
func (s *Server) Estimates() (all []Estimate) {
	mean, std := s.designer.Mean(), s.designer.Std()
	for i, p := range s.now.Parameters {
		all = append(all, Estimate{p.Name, p.Unit, mean[i], std[i]})
	}
	return all
}

// Prepare computes the setting that the client will probably ask for next, after a measurement was answered. Without
// Config.AskAhead it does nothing. It is called after each reply.
//
// The setting is used if the client asks in the same way as last time, and nothing was measured in between. The client
// then gets the same settings as without Prepare, only sooner.
func (s *Server) Prepare() {
	if !s.askAhead || s.last == nil || !s.measured {
		return
	}
	s.measured = false
	defer func() {
		if err := recover(); err != nil {
			s.ahead, s.last = nil, nil
			s.fault(err, debug.Stack())
		}
	}()
	s.ahead, _ = s.choose(*s.last)
}

// choose returns a setting.
func (s *Server) choose(c choice) ([]float64, error) {
	if c.best {
		return s.designer.Best(), nil
	}
	return s.designer.Good(c.pickiness)
}
