package metrics

import (
	"fmt"
	"strings"

	"libobe/internal/socket"
)

// dropped is the metric of all counters of connections that a server has closed.
const (
	dropped     = "obe_connections_dropped_total"
	droppedHelp = "Connections that the server has closed, or that broke, by reason."
)

// nameOf returns the metric of a counter, and its label. A metric's name ends with its unit, and with
// total if it only grows.
func nameOf(stat socket.Stat) (name string, labels Labels) {
	if reason, ok := strings.CutPrefix(stat.Name, "dropped_"); ok || stat.Name == "evicted" {
		return dropped, Labels{"reason": reason}
	}
	name = stat.Name
	if counted, ok := strings.CutPrefix(name, "bytes_"); ok {
		name = counted + "_bytes"
	}
	if !stat.Falls {
		name += "_total"
	}
	return "obe_" + name, nil
}

// Socket adds the counters of a socket of libobe: all of socket.Stats, except those of the process,
// and for a client those of servers.
func (s *Set) Socket(of socket.Socket, role socket.Role) {
	for _, stat := range socket.Stats {
		if stat.OfProcess() || role == socket.RoleClient && strings.HasPrefix(stat.Doc, "Server: ") {
			continue
		}
		s.Stat(stat.Name, func() int64 {
			value, _ := of.Stat(stat.Name) // the name is from the table
			return value
		})
	}
}

// Stat adds one counter with the name and the help that it has for a socket of libobe, for a program
// that counts the same thing itself.
func (s *Set) Stat(name string, read func() int64) {
	for _, stat := range socket.Stats {
		if stat.Name != name {
			continue
		}
		metric, labels := nameOf(stat)
		help := strings.TrimPrefix(stat.Doc, "Server: ")
		help = strings.ToUpper(help[:1]) + help[1:]
		switch {
		case labels != nil:
			s.Counter(metric, droppedHelp, labels, read)
		case stat.Falls:
			s.Gauge(metric, help, nil, func() float64 { return float64(read()) })
		default:
			s.Counter(metric, help, nil, read)
		}
		return
	}
	panic(fmt.Sprintf("metrics: socket.Stats has no counter %q", name))
}
