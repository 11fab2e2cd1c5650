package conversation

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"libobe/internal/trace"
)

func TestPlaceOf(t *testing.T) {
	const here, there = "here:1", "there:2"
	for _, c := range []struct {
		role      string
		direction trace.Direction
		want      Place
		known     bool
	}{
		{"client", trace.Sent, Place{here, there, true, true}, true},
		{"client", trace.Received, Place{here, there, true, false}, true},
		{"server", trace.Received, Place{there, here, false, true}, true},
		{"proxy", trace.Sent, Place{there, here, false, false}, true},
		{"gateway", trace.Sent, Place{}, false},
	} {
		got, known := PlaceOf(&trace.Record{Role: c.role, Direction: c.direction, Local: here, Peer: there})
		if got != c.want || known != c.known {
			t.Errorf("%s %s: %+v, %v", c.role, c.direction, got, known)
		}
	}
}

func TestClientName(t *testing.T) {
	for client, want := range map[string]string{"127.0.0.1:5": "127.0.0.1:5", "unix:/obe#3": "unix:/obe", "unix:/obe": "unix:/obe", "lab#3": "lab#3", "": ""} {
		if got := (Place{Client: client}).ClientName(); got != want {
			t.Errorf("%q is %q", client, got)
		}
	}
}

func TestIsSameCall(t *testing.T) {
	began := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	at := func(after, elapsed time.Duration) *trace.Record {
		return &trace.Record{Time: began.Add(after), Elapsed: elapsed}
	}
	command := at(time.Millisecond, time.Millisecond)
	for i, c := range []struct {
		reply *trace.Record
		want  bool
	}{
		{at(9*time.Millisecond, 9*time.Millisecond), true},
		{at(9*time.Millisecond, 9*time.Millisecond-5*time.Microsecond), true}, // as they are rounded in a trace
		{at(9*time.Millisecond, 8*time.Millisecond), false},
		{at(time.Millisecond, 0), false}, // not known
	} {
		if got := IsSameCall(command, c.reply); got != c.want {
			t.Errorf("reply %d: %v", i, got)
		}
	}
}

func TestCommand(t *testing.T) {
	for body, want := range map[string]string{
		`{"command": "newdat", "x": NaN}`: "newdat", `{"x": 1}`: "", `{"command": 5}`: "", `["command", "newdat"]`: "", `"newdat"`: "", `{"command": "\u0061"}`: "a",
	} {
		if got := Command(&trace.Entry{Record: trace.Record{Body: []byte(body)}}); got != want {
			t.Errorf("%s: %q", body, got)
		}
	}
	for body, want := range map[string]string{
		`{"command": "newdat", "x": [1,`: "newdat", `{"a": {"command": "b"}, "command": "c", "x": "`: "c", `{"x": [1, 2`: "", `{"comm`: "", ``: "", `[{"command": "a"}`: "",
		`{"command": ["a"`: "", `{"x": ` + strings.Repeat("[", 100_000): "",
	} {
		if got := Command(&trace.Entry{Record: trace.Record{Body: []byte(body)}, Cut: true}); got != want {
			t.Errorf("the beginning %.40s: %q", body, got)
		}
	}
}

func TestHost(t *testing.T) {
	for client, want := range map[string]string{"127.0.0.1:5": "127.0.0.1", "[::1]:5": "::1", "unix:/obe#3": "unix:/obe", "lab": "lab", "": ""} {
		if got := (Place{Client: client}).Host(); got != want {
			t.Errorf("%q: %q", client, got)
		}
	}
}

// The command of a reply is found among very many, whether or not those before it got one.
func TestTake(t *testing.T) {
	begin := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	const count, took = 1000, time.Second
	for _, c := range []struct {
		call int // that has received the reply; -1: not known
		want int
	}{{0, 0}, {1, 0}, {count / 2, 0}, {count - maxCompared, count - maxCompared}, {count - 1, count - 1}, {-1, 0}} {
		var waiting []*trace.Record
		for i := range count {
			waiting = append(waiting, &trace.Record{Time: begin.Add(time.Duration(i) * time.Millisecond), Connection: int64(i)})
		}
		reply := &trace.Record{}
		if c.call >= 0 {
			reply.Time, reply.Elapsed = waiting[c.call].Time.Add(took), took
		}
		answered, others := Take(waiting, func(r *trace.Record) *trace.Record { return r }, reply)
		if answered.Connection != int64(c.want) || len(others) != count-1 || slices.Contains(others, answered) || slices.Contains(others, nil) {
			t.Errorf("the reply to call %d goes to %d, and %d are left", c.call, answered.Connection, len(others))
		}
	}
}

// One server has several addresses if the trace has the one that stands for all of them, and only then.
func TestServers(t *testing.T) {
	record := func(process int, role, local string) *trace.Record {
		return &trace.Record{Process: process, Role: role, Local: local}
	}
	for name, c := range map[string]struct {
		records []*trace.Record
		want    map[string]string
	}{
		"all interfaces": {
			[]*trace.Record{record(1, "server", "0.0.0.0:5"), record(1, "server", "192.0.2.1:5"), record(1, "server", "192.0.2.1:6"), record(2, "server", "192.0.2.2:5"), record(1, "client", "192.0.2.3:5")},
			map[string]string{"0.0.0.0:5": "0.0.0.0:5", "192.0.2.1:5": "0.0.0.0:5", "192.0.2.1:6": "192.0.2.1:6", "192.0.2.2:5": "192.0.2.2:5", "192.0.2.3:5": "192.0.2.3:5"},
		},
		"IPv6":           {[]*trace.Record{record(1, "server", "[::]:5"), record(1, "server", "[::1]:5")}, map[string]string{"[::1]:5": "[::]:5"}},
		"two interfaces": {[]*trace.Record{record(1, "server", "192.0.2.1:5"), record(1, "server", "192.0.2.2:5")}, map[string]string{"192.0.2.2:5": "192.0.2.2:5"}},
		"started again": {
			[]*trace.Record{record(1, "server", "0.0.0.0:5"), record(2, "server", "0.0.0.0:5"), record(2, "server", "192.0.2.1:5")},
			map[string]string{"192.0.2.1:5": "0.0.0.0:5"},
		},
		"no port": {[]*trace.Record{record(1, "server", "0.0.0.0:5"), record(1, "server", "unix:/x")}, map[string]string{"unix:/x": "unix:/x"}},
	} {
		var s Servers
		for _, r := range c.records {
			s.Learn(r)
		}
		for address, want := range c.want {
			if got := s.Name(address); got != want {
				t.Errorf("%s: %s is %s, and not %s", name, address, got, want)
			}
		}
	}
	var s Servers
	for i := range 3 * maxAddresses {
		s.Learn(record(i, "server", "0.0.0.0:5"))
		s.Learn(record(0, "server", fmt.Sprintf("192.0.2.1:%d", i)))
		s.Learn(record(0, "server", fmt.Sprintf("[::%d]:5", i)))
	}
	if len(s.everywhere) > maxEverywhere || len(s.addresses) > maxAddresses {
		t.Errorf("%d processes and %d addresses", len(s.everywhere), len(s.addresses))
	}
}
