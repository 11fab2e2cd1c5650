// Package script reads the TOML file that tells a stand-in server what to answer, and
// chooses the answer to each message. It sends nothing itself; package standin does.
//
// The one thing to know first: the entries of the file are tried in its order, and the
// first one that matches a message answers it. What happens to a message after an entry's
// last answer is the entry's own decision (then).
package script

import (
	"fmt"
	"sync"
	"time"

	"libobe/internal/excerpt"
	"libobe/internal/jsondoc"
)

// Action is a kind of answer.
type Action string

// The kinds of answers. Those after Raw are what a script calls a fault.
const (
	Reply   Action = ""        // a message
	Raw     Action = "raw"     // bytes that need not be a message
	Silence Action = "silence" // nothing; the connection stays open
	Close   Action = "close"   // the connection ends
	Reset   Action = "reset"   // the connection ends with a reset
	Garbage Action = "garbage" // bytes that are not a message
	Half    Action = "half"    // half of the reply, and the connection ends
	Stall   Action = "stall"   // half of the reply, and then nothing
)

// faults are the values of the key fault.
var faults = []Action{Silence, Close, Reset, Garbage, Half, Stall}

// garbage is what the fault of that name sends.
const garbage = "this is not a message\r\n"

// Answer is what to do with a message.
type Answer struct {
	Action Action
	Body   []byte // of Reply, Half and Stall: a JSON text; of Raw and Garbage: the bytes
	Delay  time.Duration
	// Unexpected is why the script does not expect the message; empty: it does, or has
	// nothing about it.
	Unexpected string
}

// Script is a script in use. A nil Script answers every message with "OK". Its methods may
// be called from several goroutines.
type Script struct {
	name      string
	entries   []*entry
	otherwise Answer

	mu sync.Mutex // guards the entries' used
}

// entry is a table [[answer]] of the file.
type entry struct {
	line    int
	what    string // it answers, for people
	command *string
	match   map[string]any
	answers []Answer // the last one repeats
	total   int      // messages that it answers, before then applies
	then    string
	used    int
}

// The values of the key then.
const (
	thenRepeat = "repeat" // the last answer again; the default
	thenNext   = "next"   // the entries below are asked
	thenError  = "error"  // the message is unexpected
)

// ok is the answer to a message that the script has nothing about.
var ok = Answer{Body: []byte(`"OK"`)}

// Answer returns the answer to a message, which is one valid JSON text.
func (s *Script) Answer(message []byte) Answer {
	if s == nil {
		return ok
	}
	document := jsondoc.FromValid(message)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.entries {
		if !e.matches(document) {
			continue
		}
		last := len(e.answers) - 1
		if e.used < e.total {
			e.used++
			return e.answers[min(e.used-1, last)]
		}
		switch e.then {
		case thenNext:
			continue
		case thenError:
			return s.unexpected(e, document)
		}
		return e.answers[last]
	}
	return s.otherwise
}

// unexpected returns the answer to a message that the entry does not expect: an error, as
// other servers of the protocol send it.
func (s *Script) unexpected(e *entry, message *jsondoc.Document) Answer {
	why := fmt.Sprintf("%s:%d expects no such message", s.name, e.line)
	if n := e.total; n > 0 {
		why = fmt.Sprintf("%s:%d expects no more than %s", s.name, e.line, count(n, "such message"))
	}
	reply := jsondoc.AppendString([]byte(`{"error": `), why)
	if command, err := message.String("/command"); err == nil {
		reply = jsondoc.AppendString(append(reply, `, "command": `...), command)
	}
	return Answer{Body: append(reply, '}'), Unexpected: why}
}

// UsedUp reports whether Left returns nothing. It is cheap enough to be called for each
// message.
func (s *Script) UsedUp() bool {
	if s == nil {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.entries {
		if e.used < e.total {
			return false
		}
	}
	return true
}

// Left returns a line for each entry that was not used up.
func (s *Script) Left() (left []string) {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.entries {
		if n := e.total; e.used < n {
			left = append(left, fmt.Sprintf("%s:%d: %d of %s to %s", s.name, e.line, n-e.used, count(n, "answer"), e.what))
		}
	}
	return left
}

// count returns a number and a noun, as in "3 answers".
func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// describe returns which messages the entry answers.
func (e *entry) describe() string {
	what := "any message"
	if e.command != nil {
		what = excerpt.Quote(*e.command)
	}
	if e.match != nil {
		text, _ := appendJSON(nil, e.match, 0) // it was converted once already
		what += " with " + excerpt.Message(text)
	}
	return what
}
