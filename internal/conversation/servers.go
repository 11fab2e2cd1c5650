package conversation

import (
	"net"
	"strings"

	"libobe/internal/trace"
)

// Servers tells servers apart. One that listens on all interfaces of its machine has another local address in the messages
// of each interface. It is one server if the trace also has a message with the address that it listens on, as obe design
// writes it.
type Servers struct {
	everywhere map[listener]string // the address that the server listens on
	addresses  map[string]string   // the same, by an address at which clients have reached it
}

// listener is a port of a process.
type listener struct {
	process int
	port    string
}

// Bounds of what is kept: a trace can be anything.
const (
	maxEverywhere = 256
	maxAddresses  = 4096
)

// Learn takes note of the addresses in a record.
func (s *Servers) Learn(r *trace.Record) {
	isEverywhere := strings.HasPrefix(r.Local, "0.0.0.0:") || strings.HasPrefix(r.Local, "[::]:")
	if r.Role != "server" || !isEverywhere && len(s.everywhere) == 0 {
		return
	}
	_, port, err := net.SplitHostPort(r.Local)
	if err != nil {
		return
	}
	at := listener{r.Process, port}
	if isEverywhere && len(s.everywhere) < maxEverywhere {
		if s.everywhere == nil {
			s.everywhere, s.addresses = map[listener]string{}, map[string]string{}
		}
		s.everywhere[at] = r.Local
	}
	if name := s.everywhere[at]; name != "" && len(s.addresses) < maxAddresses {
		s.addresses[r.Local] = name
	}
}

// Name returns the address that a server listens on, as far as it is known, from one at which a client has reached it.
func (s *Servers) Name(address string) string {
	if name := s.addresses[address]; name != "" {
		return name
	}
	return address
}
