// Package replay finds the runs of an experiment in a trace, sends their commands again, and
// answers commands as the recorded server did.
//
// The one thing to know first: a trace can have a command twice, as the client sent it and as
// the server received it. The two have the same addresses and the same text, and are one.
package replay

import (
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"slices"
	"strconv"
	"time"

	"libobe/internal/conversation"
	"libobe/internal/jsondoc"
	"libobe/internal/trace"
)

// Exchange is a recorded command and its reply.
type Exchange struct {
	Name    string       // of the command; "" if the message is not a command
	Command *trace.Entry // as the client sent it
	Reply   *trace.Entry // nil: none was recorded

	sender string // which client sent it, as far as the trace tells
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

// describe has no sender where obe design has recorded by itself what it would answer.
const describe = "describe"

// recorded is an exchange as one side has recorded it.
type recorded struct {
	*Exchange
	client, server string // their addresses
	byClient       bool
}

// Load reads the trace in a file.
func Load(path string) (*Recording, error) {
	reader, err := trace.Open(path)
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	return Read(path, reader)
}

// Source is a trace that is read up to its end: a [trace.Reader], or what else has its lines.
type Source interface {
	Next() (*trace.Entry, error) // io.EOF at the end
	Damaged() int                // lines that are not JSON
	Incomplete() bool            // the last line has no end
}

// Read reads a trace. name is where it is, for people.
func Read(name string, reader Source) (*Recording, error) {
	var all []recorded
	var servers conversation.Servers
	waiting := map[trace.Connection][]*Exchange{} // for their reply
	for {
		entry, err := reader.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		place, known := conversation.PlaceOf(&entry.Record)
		if !known {
			continue
		}
		servers.Learn(&entry.Record)
		x := recorded{client: place.ClientName(), server: place.Server, byClient: place.ByClient}
		at := entry.OnConnection()
		switch {
		case place.IsCommand:
			x.Exchange = &Exchange{Name: conversation.Command(entry), Command: entry, sender: senderOf(place, entry.Process)}
			all = append(all, x)
			if entry.Role == "server" {
				// A server takes the next command of a connection after it has answered
				// the one before, or has given it up.
				waiting[at] = nil
			}
			waiting[at] = append(waiting[at], x.Exchange)
		case len(waiting[at]) > 0:
			answered, others := conversation.Take(waiting[at], func(x *Exchange) *trace.Record { return &x.Command.Record }, &entry.Record)
			answered.Reply = entry
			if waiting[at] = others; len(others) == 0 {
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
		server := servers.Name(x.server)
		run := current[server]
		if x.Name == newRun && !x.Refused() || x.Name == newData && run == nil {
			run = &Run{Server: server, Begun: x.Name == newRun}
			current[server] = run
			r.Runs = append(r.Runs, run)
		}
		if run != nil {
			run.Exchanges = append(run.Exchanges, x.Exchange)
		}
	}
	if len(r.Exchanges) == 0 {
		return nil, fmt.Errorf("%s: %w", name, ErrEmpty)
	}
	return r, nil
}

// senderOf returns what is the same for all connections of a client: its process, if that has
// recorded, and otherwise its host, because each connection has another port.
func senderOf(place conversation.Place, process int) string {
	if place.ByClient {
		return strconv.Itoa(process)
	}
	return place.Host()
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
		own := identity{x.client, x.server, maphash.Bytes(seed, x.Command.Body), x.byClient}
		other := own
		other.byClient = !own.byClient
		copies := unpaired[other]
		for len(copies) > 0 && x.Command.Time.Sub(copies[0].Command.Time) > conversation.CopyDelay {
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
