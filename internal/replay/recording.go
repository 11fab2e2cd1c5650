// Package replay finds the runs of an experiment in a trace, sends their commands again, and
// answers commands as the recorded server did.
//
// The one thing to know first: a trace can have a command twice, as the client sent it and as
// the server received it. So the messages of each server, by its address, are taken from one
// role: the server's if it was recorded, else that of a proxy with this address, else the
// clients'.
package replay

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"libobe/internal/jsondoc"
	"libobe/internal/trace"
)

// Exchange is a recorded command and its reply.
type Exchange struct {
	Name    string       // of the command; "" if the message is not a command
	Command *trace.Entry // as the client sent it
	Reply   *trace.Entry // nil: none was recorded
}

// Refused reports whether the recorded server answered with an error.
func (x *Exchange) Refused() bool { return x.Reply != nil && !x.Reply.Cut && isError(x.Reply.Body) }

// isError reports whether a reply is an object with a member error.
func isError(reply []byte) bool {
	_, err := jsondoc.FromValid(reply).Type("/error")
	return err == nil
}

// Run is what a server was sent from one newrun to the next.
type Run struct {
	Server    string // its address
	Begun     bool   // the run begins with newrun; else its beginning may be missing
	Exchanges []*Exchange
}

// Began returns when the first command of the run was sent.
func (r *Run) Began() time.Time { return r.Exchanges[0].Command.Time }

// Count returns how many commands of the run have a name.
func (r *Run) Count(name string) (n int) {
	for _, x := range r.Exchanges {
		if x.Name == name {
			n++
		}
	}
	return n
}

// Recording is a trace, read as conversations.
type Recording struct {
	Runs      []*Run      // in the order in which they began
	Exchanges []*Exchange // all of them, with those that belong to no run
	Damaged   int         // lines of the trace that are not complete
}

// ErrEmpty reports a trace without a command.
var ErrEmpty = errors.New("this trace has no commands")

// The names of the commands that determine what a server knows.
const (
	newRun  = "newrun"
	newData = "newdat"
)

// ranks has the roles; of the messages of one server, those of the role with the highest
// rank count.
var ranks = map[string]int{"client": 1, "proxy": 2, "server": 3}

// connection is where a reply belongs to.
type connection struct {
	pid                 int
	role, local, remote string
}

// Load reads a trace.
func Load(path string) (*Recording, error) {
	reader, err := trace.Open(path)
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	type recorded struct {
		*Exchange
		server string
		rank   int
	}
	var all []recorded
	waiting := map[connection][]*Exchange{} // for their reply
	best := map[string]int{}                // by server
	for {
		entry, err := reader.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		at := connection{entry.Process, entry.Role, entry.Local, entry.Peer}
		rank, of, request := ranks[entry.Role], entry.Local, trace.Received
		if entry.Role == "client" {
			of, request = entry.Peer, trace.Sent
		}
		switch {
		case rank == 0:
		case entry.Direction == request:
			x := &Exchange{Name: nameOf(entry), Command: entry}
			all = append(all, recorded{x, of, rank})
			best[of] = max(best[of], rank)
			if entry.Role == "server" {
				// A server takes the next command of a connection after it has answered
				// the one before, or has given it up.
				waiting[at] = nil
			}
			waiting[at] = append(waiting[at], x)
		case len(waiting[at]) > 0:
			waiting[at][0].Reply = entry
			if waiting[at] = waiting[at][1:]; len(waiting[at]) == 0 {
				delete(waiting, at)
			}
		}
	}
	r := &Recording{Damaged: reader.Damaged()}
	if reader.Incomplete() {
		r.Damaged++
	}
	current := map[string]*Run{} // by server
	for _, x := range all {
		if x.rank < best[x.server] {
			continue
		}
		r.Exchanges = append(r.Exchanges, x.Exchange)
		run := current[x.server]
		if x.Name == newRun && !x.Refused() || x.Name == newData && run == nil {
			run = &Run{Server: x.server, Begun: x.Name == newRun}
			current[x.server] = run
			r.Runs = append(r.Runs, run)
		}
		if run != nil {
			run.Exchanges = append(run.Exchanges, x.Exchange)
		}
	}
	if len(r.Exchanges) == 0 {
		return nil, fmt.Errorf("%s: %w", path, ErrEmpty)
	}
	return r, nil
}

// nameOf returns the name of a command, or "" if it has none or was cut before it.
func nameOf(command *trace.Entry) string {
	if command.Cut {
		return nameInBeginning(command.Body)
	}
	name, err := jsondoc.FromValid(command.Body).String("/command")
	if err != nil {
		return ""
	}
	return name
}

// nameInBeginning returns the member command of an object of which only the beginning is
// known.
func nameInBeginning(text []byte) string {
	d := json.NewDecoder(bytes.NewReader(text))
	if begin, err := d.Token(); err != nil || begin != json.Delim('{') {
		return ""
	}
	for {
		key, err := d.Token()
		if err != nil {
			return ""
		}
		if key == "command" {
			name, _ := d.Token()
			text, _ := name.(string)
			return text
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return ""
		}
	}
}
