// Package replay finds the runs of an experiment in a trace, sends their commands again, and
// answers commands as the recorded server did.
//
// The one thing to know first: a trace can have a command twice, as the client sent it and as
// the server received it. The two have the same addresses and the same text, and are one.
package replay

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"slices"
	"strings"
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

// isError reports whether a reply is an object with a member error that is not null.
func isError(reply []byte) bool {
	kind, err := jsondoc.FromValid(reply).Type("/error")
	return err == nil && kind != jsondoc.Null
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

// connection is where a reply belongs to.
type connection struct {
	pid                 int
	role, local, remote string
}

// recorded is an exchange as one side has recorded it.
type recorded struct {
	*Exchange
	client, server string // their addresses
	byClient       bool
}

// Load reads a trace.
func Load(path string) (*Recording, error) {
	reader, err := trace.Open(path)
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	var all []recorded
	waiting := map[connection][]*Exchange{} // for their reply
	for {
		entry, err := reader.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		x := recorded{client: entry.Peer, server: entry.Local}
		request := trace.Received
		switch entry.Role {
		case "server", "proxy":
		case "client":
			x = recorded{client: entry.Local, server: entry.Peer, byClient: true}
			request = trace.Sent
		default:
			continue
		}
		at := connection{entry.Process, entry.Role, entry.Local, entry.Peer}
		switch {
		case entry.Direction == request:
			x.Exchange = &Exchange{Name: nameOf(entry), Command: entry}
			all = append(all, x)
			if entry.Role == "server" {
				// A server takes the next command of a connection after it has answered
				// the one before, or has given it up.
				waiting[at] = nil
			}
			waiting[at] = append(waiting[at], x.Exchange)
		case len(waiting[at]) > 0:
			i := answeredBy(entry, waiting[at])
			waiting[at][i].Reply = entry
			if waiting[at] = slices.Delete(waiting[at], i, i+1); len(waiting[at]) == 0 {
				delete(waiting, at)
			}
		}
	}
	r := &Recording{Damaged: reader.Damaged()}
	if reader.Incomplete() {
		r.Damaged++
	}
	current := map[string]*Run{} // by server
	for _, x := range withoutCopies(all) {
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

// answeredBy returns which of the commands that wait for a reply a reply belongs to: the one
// that the same call has sent, or else the oldest. The connections of a Unix-domain socket all
// have the same address, so that a command that got no reply keeps waiting.
func answeredBy(reply *trace.Entry, waiting []*Exchange) int {
	const precision = 10 * time.Microsecond
	if reply.Elapsed > 0 {
		began := reply.Time.Add(-reply.Elapsed)
		for i, x := range waiting {
			if x.Command.Time.Add(-x.Command.Elapsed).Sub(began).Abs() <= precision {
				return i
			}
		}
	}
	return 0
}

// copyDelay is how much later than the client the server may have recorded a command: it may
// have been busy. A client uses a port again only much later.
const copyDelay = time.Hour

// withoutNumber returns the address of a client on a Unix-domain socket without the number
// that it has in the trace of a proxy, and not in its own.
func withoutNumber(client string) string {
	if strings.HasPrefix(client, "unix:") {
		client, _, _ = strings.Cut(client, "#")
	}
	return client
}

// withoutCopies returns the exchanges, but those that both sides have recorded once. Replies
// are needed for that: it is called when all of the trace was read.
func withoutCopies(all []recorded) (single []recorded) {
	type identity struct {
		client, server string
		text           uint64
		byClient       bool
	}
	// Mostly one side has recorded, and there is nothing to compare.
	isOther := func(x recorded) bool { return x.byClient != all[0].byClient }
	if !slices.ContainsFunc(all, isOther) {
		return all
	}
	seed := maphash.MakeSeed()
	unpaired := map[identity][]recorded{}
	for _, x := range all {
		own := identity{withoutNumber(x.client), x.server, maphash.Bytes(seed, x.Command.Body), x.byClient}
		other := own
		other.byClient = !own.byClient
		copies := unpaired[other]
		for len(copies) > 0 && x.Command.Time.Sub(copies[0].Command.Time) > copyDelay {
			copies = copies[1:]
		}
		if len(copies) > 0 {
			if copies[0].Reply == nil {
				copies[0].Reply = x.Reply
			}
			unpaired[other] = copies[1:]
			continue
		}
		unpaired[own] = append(unpaired[own], x)
		single = append(single, x)
	}
	return single
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
