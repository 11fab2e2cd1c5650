// Package conversation finds out who talks in a trace: which messages are commands, and which
// command a reply belongs to.
//
// The one thing to know first: a trace can have a message twice, as the client and as the server
// have recorded it. Their connections have the same two addresses, which here are those of the
// client and of the server, and no longer of this side and of the other one.
//
// It is not part of package trace, which the library contains.
package conversation

import (
	"bytes"
	"encoding/json"
	"net"
	"slices"
	"strings"
	"time"

	"libobe/internal/jsondoc"
	"libobe/internal/trace"
)

// Place is where a message belongs: the connection between a client and a server.
type Place struct {
	Client, Server string // their addresses
	ByClient       bool   // whether the client has recorded the message, not the server or a proxy
	IsCommand      bool   // from the client, else a reply
}

// PlaceOf returns where a message belongs, and false if the role is not known.
func PlaceOf(r *trace.Record) (p Place, known bool) {
	switch r.Role {
	case "server", "proxy":
		return Place{Client: r.Peer, Server: r.Local, IsCommand: r.Direction == trace.Received}, true
	case "client":
		return Place{Client: r.Local, Server: r.Peer, ByClient: true, IsCommand: r.Direction == trace.Sent}, true
	}
	return Place{}, false
}

// unix begins the address of a Unix-domain socket.
const unix = "unix:"

// ClientName returns the address of the client without the number that a client on a
// Unix-domain socket has in the trace of a proxy, and not in its own.
func (p Place) ClientName() string {
	if strings.HasPrefix(p.Client, unix) {
		name, _, _ := strings.Cut(p.Client, "#")
		return name
	}
	return p.Client
}

// Host returns the host of the client, without the port: with one connection for each command
// that is another one each time.
func (p Place) Host() string {
	if host, _, err := net.SplitHostPort(p.Client); err == nil && !strings.HasPrefix(p.Client, unix) {
		return host
	}
	return p.ClientName()
}

// CopyDelay is how much later than the client the server may have recorded a command: it may
// have been busy. A client uses a port again only much later.
const CopyDelay = time.Hour

// IsSameCall reports whether the call that has received a reply is the one that has sent the
// command. A command without a reply keeps waiting, so that the order alone does not tell which
// command a reply belongs to.
func IsSameCall(command, reply *trace.Record) bool {
	const precision = 10 * time.Microsecond
	if reply.Elapsed <= 0 {
		return false
	}
	return command.Time.Add(-command.Elapsed).Sub(reply.Time.Add(-reply.Elapsed)).Abs() <= precision
}

// maxCompared is how many commands of a connection a reply is compared with.
const maxCompared = 64

// Take returns which of the commands of a connection that wait for a reply a reply belongs to,
// and the others; there is at least one. It is the one that the same call has sent, or else the
// oldest. Of very many only the oldest one, of a client that sends without waiting, and the newest,
// after others that never got a reply, are compared with it.
func Take[T any](waiting []T, record func(T) *trace.Record, reply *trace.Record) (answered T, others []T) {
	isAnswered := func(command T) bool { return IsSameCall(record(command), reply) }
	i := 0
	if newest := max(0, len(waiting)-maxCompared); !isAnswered(waiting[0]) {
		if found := slices.IndexFunc(waiting[newest:], isAnswered); found >= 0 {
			i = newest + found
		}
	}
	answered = waiting[i]
	if i > 0 {
		return answered, slices.Delete(waiting, i, i+1)
	}
	clear(waiting[:1])
	return answered, waiting[1:] // without moving all of them
}

// Command returns the name of a command, or "" if it has none or was cut before it.
func Command(e *trace.Entry) string {
	if e.Cut {
		return nameInBeginning(e.Body)
	}
	name, err := jsondoc.FromValid(e.Body).String("/command")
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
