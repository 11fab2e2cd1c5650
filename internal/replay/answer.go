package replay

import (
	"slices"
	"strings"

	"libobe/internal/jsondoc"
)

// Answerer answers commands as the recorded server did. Its methods may not be called at the
// same time.
type Answerer struct {
	byFields, byName map[string]*sequence
}

// sequence is the recorded answers to equal commands, in their order.
type sequence struct {
	answers []*answer
	next    int     // the first one that may not have been used
	last    *answer // the last one with a reply
}

type answer struct {
	exchange *Exchange
	used     bool
}

// Match is how an answer was found.
type Match int

// The matches, best first.
const (
	Recorded Match = iota // the command with its fields
	Repeated              // it has come more often than it was recorded: the last reply again
	Similar               // the fields are others: the next reply to a command of that name
	Unknown               // no such command was recorded
)

// NewAnswerer returns an Answerer for a run. Commands that are not in it, such as those
// before newrun, are looked up in all of the recording. Without a run all of it is used.
func (r *Recording) NewAnswerer(run *Run) *Answerer {
	a := &Answerer{map[string]*sequence{}, map[string]*sequence{}}
	inRun := map[string]bool{}
	if run != nil {
		for _, x := range run.Exchanges {
			inRun[x.Name] = true
			a.add(x)
		}
	}
	for _, x := range r.Exchanges {
		if !inRun[x.Name] {
			a.add(x)
		}
	}
	return a
}

func (a *Answerer) add(x *Exchange) {
	recorded := &answer{exchange: x}
	put := func(sequences map[string]*sequence, key string) {
		s := sequences[key]
		if s == nil {
			s = &sequence{}
			sequences[key] = s
		}
		s.answers = append(s.answers, recorded)
		if x.Reply != nil || s.last == nil {
			s.last = recorded
		}
	}
	if !x.Command.Cut {
		put(a.byFields, fieldsOf(x.Command.Body))
	}
	if x.Name != "" {
		put(a.byName, x.Name)
	}
}

// Next returns the recorded exchange with the answer to a command, or nil if none is known.
func (a *Answerer) Next(command []byte) (*Exchange, Match) {
	if s := a.byFields[fieldsOf(command)]; s != nil {
		if found := s.take(); found != nil {
			return found.exchange, Recorded
		}
		return s.last.exchange, Repeated
	}
	name, err := jsondoc.FromValid(command).String("/command")
	if s := a.byName[name]; err == nil && s != nil {
		found := s.take()
		if found == nil {
			found = s.last
		}
		return found.exchange, Similar
	}
	return nil, Unknown
}

// take returns the next answer that was not used.
func (s *sequence) take() *answer {
	for ; s.next < len(s.answers); s.next++ {
		if found := s.answers[s.next]; !found.used {
			found.used = true
			return found
		}
	}
	return nil
}

// fieldsOf returns a text that is the same for two commands with the same members, whatever
// their order and the white space between them.
func fieldsOf(command []byte) string {
	var members []string
	for key, value := range jsondoc.Members(command) {
		members = append(members, string(key)+":"+compact(value))
	}
	if members == nil {
		return compact(command)
	}
	slices.Sort(members)
	return "{" + strings.Join(members, ",")
}

// compact returns a JSON text without the white space between its values.
func compact(text []byte) string {
	out := make([]byte, 0, len(text))
	quoted, escaped := false, false
	for _, c := range text {
		switch {
		case escaped:
			escaped = false
		case quoted && c == '\\':
			escaped = true
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ' ' || c == '\t' || c == '\n' || c == '\r'):
			continue
		}
		out = append(out, c)
	}
	return string(out)
}
