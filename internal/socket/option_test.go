package socket_test

import (
	"errors"
	"math"
	"strconv"
	"testing"

	"libobe/internal/socket"
	"libobe/internal/wire"
)

func TestOptions(t *testing.T) {
	for _, c := range []struct {
		name           string
		client, server string // the defaults
		good, bad      []string
	}{
		{"timeout_ms", "60000", "-1", []string{"0", "1", "-1", "86400000"}, []string{"-2", "1.5", "", "x", " 1", "99999999999999999999"}},
		{"persistent", "0", "0", []string{"1", "0"}, []string{"2", "-1", "", "true"}},
		{"max_message", "67108864", "67108864", []string{"1", strconv.Itoa(min(wire.MaxLength, math.MaxInt-64))}, []string{"0", "-1", "10000000000", "64 MiB"}},
		{"max_connections", "1024", "1024", []string{"1", "1000000"}, []string{"0", "-1", "1000001"}},
		{"message_timeout_ms", "30000", "30000", []string{"1", "-1"}, []string{"-2", "soon"}},
		{"one_way", "0", "0", []string{"1"}, []string{"yes"}},
		{"late_reply", "0", "0", []string{"1", "0"}, []string{"2", "", "true"}},
		{"keepalive", "60", "60", []string{"0", "1", "32767"}, []string{"-1", "32768", "1.5"}},
	} {
		s := newServer(t)
		for _, side := range []struct {
			testSocket
			standard string
		}{
			{newClient(t, s.Addr()), c.client},
			{s, c.server},
		} {
			value := side.standard
			expect := func() {
				t.Helper()
				if got, err := side.Option(c.name); err != nil || got != value {
					t.Errorf("%s of a %T is %q, %v; want %q", c.name, side.testSocket, got, err, value)
				}
			}
			expect()
			for _, value = range c.good {
				must(t, side.SetOption(c.name, value))
				expect()
				for _, bad := range c.bad {
					expectError(t, side.SetOption(c.name, bad), socket.ErrArgument)
					expect()
				}
			}
		}
	}
}

func TestEveryOptionIsDocumented(t *testing.T) {
	s := newServer(t)
	for _, o := range socket.Options {
		if o.Name == "" || o.Doc == "" || (o.Default == "") != o.ReadOnly {
			t.Errorf("option %+v is incomplete", o)
		}
		if _, err := s.Option(o.Name); err != nil {
			t.Error(err)
		}
	}
	for _, row := range socket.Stats {
		if row.Name == "" || row.Doc == "" {
			t.Errorf("counter %+v is incomplete", row)
		}
		if row.OfProcess() {
			continue // capi has the handles that it counts
		}
		if n := stat(t, s, row.Name); n != 0 {
			t.Errorf("%s begins with %d", row.Name, n)
		}
	}
}

func TestUnknownNames(t *testing.T) {
	s := newServer(t)
	for _, side := range []testSocket{s, newClient(t, s.Addr())} {
		for _, name := range []string{"", "Timeout_ms", "timeout_ms ", "no such"} {
			expectError(t, side.SetOption(name, "1"), socket.ErrArgument)
			_, err := side.Option(name)
			expectError(t, err, socket.ErrArgument)
			if _, err := side.Stat(name); !errors.Is(err, socket.ErrArgument) {
				t.Errorf("counter %q: %v", name, err)
			}
		}
	}
}

func TestPropertiesAreReadOnly(t *testing.T) {
	s := newServer(t)
	c := newClient(t, s.Addr())
	property := func(s testSocket, name, want string) {
		t.Helper()
		expectError(t, s.SetOption(name, "1"), socket.ErrArgument)
		if got, err := s.Option(name); err != nil || got != want {
			t.Errorf("%s is %q, %v; want %q", name, got, err, want)
		}
	}
	property(s, "local", s.Addr().String())
	property(s, "peer", "")
	property(c, "local", "")
	property(c, "peer", "")

	send(t, c, "1")
	expectReceive(t, s, "1")
	property(c, "peer", s.Addr().String())
	local, err := c.Option("local")
	must(t, err)
	if local == "" {
		t.Error("a connected client has no local address")
	}
	property(s, "peer", local)

	must(t, c.Close())
	must(t, s.Close())
	property(s, "peer", "")
	property(c, "local", "")
	property(c, "peer", "")
}

// An option that is changed while a connection is open applies from then on.
func TestOptionsApplyAtOnce(t *testing.T) {
	s := newServer(t)
	echo(t, s)
	c := newClient(t, s.Addr())
	expectTcmd(t, c, `"long enough"`, `"long enough"`)
	set(t, c, "max_message=5")
	if _, err := tcmd(c, `"long enough"`); err == nil {
		t.Error("a message beyond max_message was sent")
	}
	expectTcmd(t, c, `"abc"`, `"abc"`)
	set(t, c, "max_message=100", "persistent=1")
	set(t, s, "max_message=5")
	if got, err := tcmd(c, `"long enough"`); err == nil {
		t.Errorf("a message beyond max_message was answered %q", got)
	}
	expectTcmd(t, c, `"abc"`, `"abc"`)
	expectStats(t, s, "dropped_too_large=1")
}
