package replay

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"libobe/internal/command"
	"libobe/internal/systemtest"
	"libobe/internal/trace"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// recorder writes a trace, as one side of a conversation.
type recorder struct {
	t           testing.TB
	path        string
	pid         int
	role        string
	local, peer string
	number      int64 // of the connection
}

// newRecorder returns the side of a server at the address designer.
func newRecorder(t testing.TB) recorder {
	return recorder{t, filepath.Join(systemtest.TempDir(t), "run.jsonl"), 1, "server", "designer", "instrument", 0}
}

func (r recorder) write(direction trace.Direction, body string) {
	r.t.Helper()
	must(r.t, trace.Write(r.path, math.MaxInt64, trace.Record{Time: time.Now(), Process: r.pid, Role: r.role, Direction: direction, Local: r.local, Peer: r.peer, Connection: r.number, Body: []byte(body)}))
}

func (r recorder) command(body string) {
	r.t.Helper()
	if r.role == "client" {
		r.write(trace.Sent, body)
	} else {
		r.write(trace.Received, body)
	}
}

func (r recorder) reply(body string) {
	r.t.Helper()
	if r.role == "client" {
		r.write(trace.Received, body)
	} else {
		r.write(trace.Sent, body)
	}
}

// exchange records a command with members, and its reply; "" is none.
func (r recorder) exchange(command, reply string) {
	r.t.Helper()
	r.command(message(command))
	if reply != "" {
		r.reply(reply)
	}
}

// message is the text of a command, such as `newdat "y": 1`.
func message(command string) string {
	name, members, found := strings.Cut(command, " ")
	if found {
		members = ", " + members
	}
	return fmt.Sprintf(`{"command": "%s"%s}`, name, members)
}

const ok = `"OK"`

func (r recorder) load() *Recording {
	r.t.Helper()
	recording, err := Load(r.path)
	must(r.t, err)
	return recording
}

// expectPlan expects what a plan sends.
func expectPlan(t *testing.T, run *Run, all bool, refused, repeated int, want ...string) {
	t.Helper()
	plan, err := run.Plan(all)
	must(t, err)
	var got []string
	for _, x := range plan.Exchanges {
		got = append(got, string(x.Command.Body))
	}
	for i := range want {
		want[i] = message(want[i])
	}
	if !slices.Equal(got, want) || plan.Refused != refused || len(plan.Resent) != repeated {
		t.Errorf("the plan is %q, %d refused, %d repeated; want %q, %d, %d", got, plan.Refused, len(plan.Resent), want, refused, repeated)
	}
}

func TestRuns(t *testing.T) {
	r := newRecorder(t)
	r.exchange("ready", ok)
	r.exchange(`newdat "y": 0`, ok)
	r.exchange("newrun", ok)
	r.exchange("goodset", "[1]")
	r.exchange(`newdat "y": 1`, ok)
	r.exchange(`newrun "a": 0`, `{"error": "a"}`) // refused: the run continues
	r.exchange(`newdat "y": NaN`, `{"error": "NaN"}`)
	r.exchange(`newdat "y": 2`, ok)
	r.exchange("newrun", ok)
	runs := r.load().Runs
	if len(runs) != 3 || runs[0].Begun || !runs[1].Begun || runs[1].Server != "designer" || runs[1].Count("newdat") != 3 {
		t.Fatalf("%+v", runs)
	}
	expectPlan(t, runs[0], false, 0, 0, `newdat "y": 0`)
	expectPlan(t, runs[1], false, 2, 0, "newrun", `newdat "y": 1`, `newdat "y": 2`)
	expectPlan(t, runs[1], true, 0, 0, "newrun", "goodset", `newdat "y": 1`, `newrun "a": 0`, `newdat "y": NaN`, `newdat "y": 2`)
	expectPlan(t, runs[2], false, 0, 0, "newrun")
}

// Whatever sides recorded a run, no command is sent twice.
func TestRolesThatRecorded(t *testing.T) {
	server := newRecorder(t)
	proxy, client := server, server
	proxy.pid, proxy.role = 2, "proxy"
	client.pid, client.role, client.local, client.peer = 3, "client", "instrument", "designer"
	other := client
	other.peer = "another designer"
	for _, sides := range [][]recorder{{server}, {proxy}, {client}, {client, server}, {client, proxy}} {
		path := filepath.Join(systemtest.TempDir(t), "run.jsonl")
		for _, command := range []string{"newrun", `newdat "y": 1`, `newdat "y": 2`} {
			// Both sides write the command before both write the reply.
			for _, side := range sides {
				side.path = path
				side.command(message(command))
			}
			for _, side := range slices.Backward(sides) {
				side.path = path
				side.reply(ok)
			}
		}
		// A run of another server is another run.
		other.path = path
		other.exchange("newrun", ok)
		other.exchange(`newdat "y": 3`, ok)
		recording, err := Load(path)
		must(t, err)
		if len(recording.Runs) != 2 || recording.Runs[1].Server != "another designer" {
			t.Fatalf("%d runs", len(recording.Runs))
		}
		expectPlan(t, recording.Runs[0], false, 0, 0, "newrun", `newdat "y": 1`, `newdat "y": 2`)
		expectPlan(t, recording.Runs[1], false, 0, 0, "newrun", `newdat "y": 3`)
		for _, x := range recording.Exchanges {
			if x.Reply == nil {
				t.Errorf("%s has no reply", x.Command.Body)
			}
		}
	}
}

// On a Unix-domain socket a proxy numbers the clients, and a client does not know its number.
func TestBothSidesOfAUnixSocket(t *testing.T) {
	proxy := newRecorder(t)
	client := proxy
	proxy.role, proxy.local, proxy.peer = "proxy", "unix:/s", "unix:/s#1"
	client.pid, client.role, client.local, client.peer = 2, "client", "unix:/s", "unix:/s"
	client.command(message("newrun"))
	proxy.command(message("newrun"))
	proxy.reply(ok)
	client.reply(ok)
	recording, err := Load(proxy.path)
	must(t, err)
	if n := len(recording.Exchanges); n != 1 {
		t.Errorf("%d exchanges", n)
	}
}

// A run that only one side has recorded counts, also if the other side has recorded another
// one, and a command that the server did not receive.
func TestRunsOfDifferentRecorders(t *testing.T) {
	server := newRecorder(t)
	client := server
	client.pid, client.role, client.local, client.peer = 3, "client", "instrument", "designer"
	server.exchange("newrun", ok)
	server.exchange(`newdat "y": 1`, ok)
	client.exchange("newrun", ok)
	client.exchange(`newdat "y": 2`, ok)
	runs := server.load().Runs
	if len(runs) != 1 {
		t.Fatalf("%d runs: the two newrun have the same addresses", len(runs))
	}
	expectPlan(t, runs[0], false, 0, 0, "newrun", `newdat "y": 1`, `newdat "y": 2`)

	client.local = "another port"
	client.exchange("newrun", ok)
	client.exchange(`newdat "y": 3`, ok)
	client.exchange(`newdat "y": 3`, ok) // another measurement
	client.command(message(`newdat "y": 4`))
	runs = server.load().Runs
	if len(runs) != 2 {
		t.Fatalf("%d runs", len(runs))
	}
	expectPlan(t, runs[1], false, 0, 0, "newrun", `newdat "y": 3`, `newdat "y": 3`, `newdat "y": 4`)
}

// A command with the same text and addresses is another one if it comes hours later.
func TestPortUsedAgain(t *testing.T) {
	r := newRecorder(t)
	line := `{"time":"2026-03-04T%s:00:00Z","role":"%s","direction":"%s","local":"%s","peer":"%s","body":{"command": "newdat"}}` + "\n"
	text := fmt.Sprintf(line, "01", "client", "sent", "a", "b") + fmt.Sprintf(line, "03", "server", "received", "b", "a") + fmt.Sprintf(line, "03", "client", "sent", "a", "b")
	must(t, os.WriteFile(r.path, []byte(text), 0o600))
	if recording := r.load(); len(recording.Exchanges) != 2 {
		t.Errorf("%d commands", len(recording.Exchanges))
	}
}

// A reply belongs to the command of its connection.
func TestRepliesOfConnections(t *testing.T) {
	one := newRecorder(t)
	one.role = "client"
	two := one
	two.local = "another port"
	one.reply("[0]") // to a command before the trace
	one.command(message("newrun"))
	two.command(message("optset"))
	one.command(message("goodset")) // before the reply to newrun: in their order
	two.reply("[2]")
	one.reply(ok)
	one.reply("[1]")
	var got []string
	for _, x := range one.load().Exchanges {
		got = append(got, x.Name+string(x.Reply.Body))
	}
	if want := []string{"newrun" + ok, "optset[2]", "goodset[1]"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// The connections of a Unix-domain socket all have the same address. A lost reply does not
// shift those that follow.
func TestLostReplyOfUnixSocket(t *testing.T) {
	r := newRecorder(t)
	r.role, r.local, r.peer = "client", "unix:/obe.sock", "unix:/obe.sock"
	began := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	write := func(direction trace.Direction, call int, elapsed time.Duration, body string) {
		must(t, trace.Write(r.path, math.MaxInt64, trace.Record{Time: began.Add(time.Duration(call)*time.Second + elapsed), Process: 1,
			Role: r.role, Direction: direction, Local: r.local, Peer: r.peer, Elapsed: elapsed, Body: []byte(body)}))
	}
	for call, reply := range []string{ok, "", ok, `{"error": "s"}`, ok} {
		write(trace.Sent, call, 70*time.Microsecond, message(fmt.Sprintf(`newdat "y": %d`, call)))
		if reply != "" {
			write(trace.Received, call, 123456*time.Nanosecond, reply)
		}
	}
	expectPlan(t, r.load().Runs[0], false, 1, 0, `newdat "y": 0`, `newdat "y": 1`, `newdat "y": 2`, `newdat "y": 4`)
}

// The number of a connection tells the clients of a Unix-domain socket apart, whose
// commands wait for their replies at the same time.
func TestInterleavedClientsOfUnixSocket(t *testing.T) {
	r := newRecorder(t)
	r.role, r.local, r.peer = "client", "unix:/obe.sock", "unix:/obe.sock"
	one, two := r, r
	one.number, two.number = 1, 2
	one.command(message("newrun"))
	two.command(message("getstd"))
	two.reply("[2]")
	one.reply(ok)
	one.command(message(`newdat "y": 1`))
	two.command(message(`newdat "y": 2`))
	two.reply(`{"error": "s"}`)
	one.reply(ok)
	expectPlan(t, r.load().Runs[0], false, 1, 0, "newrun", `newdat "y": 1`)
}

// A reply with an error that is null reports none, as in obe call.
func TestErrorIsNull(t *testing.T) {
	r := newRecorder(t)
	r.exchange("newrun", `{"error": null}`)
	r.exchange(`newdat "y": 1`, `{"error": null}`)
	expectPlan(t, r.load().Runs[0], false, 0, 0, "newrun", `newdat "y": 1`)
}

// A measurement that got no reply and was then sent again is one.
func TestMeasurementSentAgain(t *testing.T) {
	r := newRecorder(t)
	r.exchange("newrun", ok)
	r.exchange(`newdat "y": 1`, "")
	r.exchange("ready", ok)
	r.exchange(`newdat "y": 1`, "")
	r.peer = "another port"
	r.exchange(`newdat "y": 1`, ok)
	r.exchange(`newdat "y": 1`, ok) // the same value once more
	r.exchange(`newdat "y": 2`, "") // the last one
	expectPlan(t, r.load().Runs[0], false, 0, 2, "newrun", `newdat "y": 1`, `newdat "y": 1`, `newdat "y": 2`)
}

// A client that sends a measurement again after it has lost its connection does so among the
// measurements of others. It is one measurement, at the place where it was accepted.
func TestMeasurementSentAgainAmongOthers(t *testing.T) {
	for _, role := range []string{"server", "client"} {
		one := newRecorder(t)
		one.role, one.peer = role, "10.0.0.1:1000"
		other := one
		other.peer = "10.0.0.2:1000"
		if role == "client" {
			one.local, one.peer = "10.0.0.1:1000", "10.0.0.3:61981"
			other = one
			other.pid = 2
		}
		one.exchange("newrun", ok)
		one.exchange(`newdat "y": 1`, "")
		other.exchange(`newdat "y": 2`, ok)
		other.exchange(`newdat "y": 1`, ok) // the same value, of another client
		if role == "client" {
			one.local = "10.0.0.1:1001"
		} else {
			one.peer = "10.0.0.1:1001"
		}
		one.exchange(`newdat "y": 1`, ok)
		other.exchange(`newdat "y": 3`, "")
		plan, err := one.load().Runs[0].Plan(false)
		must(t, err)
		if len(plan.Resent) == 1 && (plan.Resent[0].Lost.Command.Line >= plan.Resent[0].Again.Command.Line || plan.Unanswered != 1) {
			t.Errorf("%s: %+v", role, plan)
		}
		expectPlan(t, one.load().Runs[0], false, 0, 1, "newrun", `newdat "y": 2`, `newdat "y": 1`, `newdat "y": 1`, `newdat "y": 3`)
	}
}

// Long after a lost reply the same text is another measurement, unless nothing came in between.
func TestMeasurementLongAfterALostReply(t *testing.T) {
	for _, test := range []struct {
		between string
		resent  int
		want    []string
	}{
		{`newdat "y": 2`, 0, []string{"newrun", `newdat "y": 1`, `newdat "y": 2`, `newdat "y": 1`}},
		{"ready", 1, []string{"newrun", `newdat "y": 1`}},
	} {
		r := newRecorder(t)
		at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
		for i, command := range []string{"newrun", `newdat "y": 1`, test.between, `newdat "y": 1`} {
			write := func(direction trace.Direction, body string) {
				must(t, trace.Write(r.path, math.MaxInt64, trace.Record{Time: at, Process: 1, Role: r.role, Direction: direction, Local: r.local, Peer: r.peer, Body: []byte(body)}))
			}
			write(trace.Received, message(command))
			if i != 1 {
				write(trace.Sent, ok)
			}
			at = at.Add(resendTime/2 + time.Second)
		}
		expectPlan(t, r.load().Runs[0], false, 0, test.resent, test.want...)
	}
}

// A command that is not in the trace as a whole cannot be sent. It is not left out silently.
func TestCutCommands(t *testing.T) {
	long := strings.Repeat(" ", trace.MaxBody)
	for command, needed := range map[string]bool{
		`{"command": "newdat", "y": [` + long + `1]}`:               true,
		`{"x": [1, {}], "command": "newdat", "y": [` + long + `1]}`: true,
		`{"y": [` + long + `1], "command": "goodset"}`:              true, // not known to be another command
		`{"command": "goodset", "y": [` + long + `1]}`:              false,
	} {
		r := newRecorder(t)
		r.exchange("newrun", ok)
		r.command(command)
		r.reply(ok)
		run := r.load().Runs[0]
		for _, all := range []bool{false, true} {
			_, err := run.Plan(all)
			if wrong := errors.Is(err, ErrCut); wrong != (needed || all) || wrong && !strings.Contains(err.Error(), "run.jsonl, line 4") {
				t.Errorf("%.40s, all %v: %v", command, all, err)
			}
		}
	}
}

func TestNoCommands(t *testing.T) {
	path := filepath.Join(systemtest.TempDir(t), "run.jsonl")
	for _, text := range []string{"", `{"trace":"obe","version":1}` + "\n", `{"role":"client","direction":"received","body":1}` + "\n", `{"role":"judge","direction":"sent","body":1}` + "\n"} {
		must(t, os.WriteFile(path, []byte(text), 0o600))
		if _, err := Load(path); !errors.Is(err, ErrEmpty) {
			t.Errorf("%s: %v", text, err)
		}
	}
	must(t, os.WriteFile(path, []byte("x\n"), 0o600))
	if _, err := Load(path); !errors.Is(err, trace.ErrNotTrace) {
		t.Error(err)
	}
}

// Send stops at the first reply that was not expected.
func TestSend(t *testing.T) {
	r := newRecorder(t)
	r.exchange("newrun", ok)
	r.exchange("goodset", "[1]")
	r.exchange(`getmean "k": 1`, `{"error": "no"}`)
	r.exchange(`newdat "y": 1`, ok)
	run := r.load().Runs[0]
	failed := errors.New("failed")
	for _, c := range []struct {
		all     bool
		replies []string // "" fails
		stopped string   // the command
		cause   error
	}{
		{false, []string{ok, ` "OK"`}, "", nil},
		{false, []string{ok, `{"error": "full"}`}, "newdat", command.ErrReply},
		{false, []string{`[1]`}, "newrun", command.ErrReply},
		{false, []string{ok, ""}, "newdat", failed},
		{true, []string{ok, "[2]", `{"error": "no"}`, ok}, "", nil},
		{true, []string{ok, "[2]", "[3]", ok}, "", nil},
		{true, []string{ok, `{"error": "no"}`}, "goodset", command.ErrReply},
		{true, []string{ok, ""}, "goodset", failed},
		{true, []string{ok, "[2]", "[3]", `{"error": "no"}`}, "newdat", command.ErrReply},
	} {
		plan, err := run.Plan(c.all)
		must(t, err)
		calls, progress := 0, 0
		err = plan.Send(func(body []byte) ([]byte, error) {
			if !bytes.Equal(body, plan.Exchanges[calls].Command.Body) {
				t.Errorf("command %d is %s", calls, body)
			}
			calls++
			if c.replies[calls-1] == "" {
				return nil, failed
			}
			return []byte(c.replies[calls-1]), nil
		}, func() { progress++ })
		if c.cause == nil {
			if err != nil || progress != len(plan.Exchanges) {
				t.Errorf("%q: %v after %d", c.replies, err, progress)
			}
			continue
		}
		var stopped *StoppedError
		if !errors.As(err, &stopped) || stopped.Exchange.Name != c.stopped || !errors.Is(err, c.cause) || progress != calls-1 || !strings.Contains(err.Error(), "run.jsonl, line ") {
			t.Errorf("%q: %v after %d", c.replies, err, progress)
		}
	}
}

// expectAnswers sends commands to an Answerer: each is followed by the body of the answer and
// how it was found.
func expectAnswers(t *testing.T, a *Answerer, expected ...string) {
	t.Helper()
	for i := 0; i < len(expected); i += 2 {
		x, match := a.Next([]byte(expected[i]))
		got := fmt.Sprint(match)
		if x != nil && x.Reply != nil {
			got = string(x.Reply.Body) + " " + got
		}
		if got != expected[i+1] {
			t.Errorf("%s is answered %s, want %s", expected[i], got, expected[i+1])
		}
	}
}

func TestAnswers(t *testing.T) {
	r := newRecorder(t)
	r.exchange("ready", ok)
	r.exchange("newrun", ok)
	r.exchange(`goodset "pickiness": 4`, "[1]")
	r.exchange(`goodset "pickiness": 5, "a b": [1, "c d"]`, "[2]")
	r.exchange(`goodset "pickiness": 4`, "[3]")
	r.exchange(`newdat "y": 1`, `{"error": "no"}`)
	r.exchange(`newdat "y": 2`, ok)
	r.exchange("hold", "")
	r.command(`[1]`)
	r.reply(`[2]`)
	r.exchange("newrun", `"OK "`)
	r.exchange(`goodset "pickiness": 4`, "[4]")
	recording := r.load()
	expectAnswers(t, recording.NewAnswerer(nil),
		`{"command": "ready"}`, `"OK" 0`,
		`{"command":"newrun"}`, `"OK" 0`,
		`{"a b":[1,"c d"],"pickiness":5,"command":"goodset"}`, "[2] 0", // in any order, with any space
		`{"command": "goodset", "pickiness": 4}`, "[1] 0",
		`{"command": "goodset", "pickiness": 4}`, "[3] 0",
		`{"command": "goodset", "pickiness": 4}`, "[4] 0",
		`{"command": "goodset", "pickiness": 4}`, "[4] 1",
		`{"command": "goodset", "pickiness": 5, "a b": [1, "cd"]}`, "[4] 2",
		`{"command": "newdat", "y": 7}`, `{"error": "no"} 2`,
		`{"command": "newdat", "y": 8}`, `"OK" 2`,
		`{"command": "newdat", "y": 9}`, `"OK" 2`,
		`{"command": "newdat", "y": 1}`, `{"error": "no"} 1`,
		`{"command": "hold"}`, "0",
		`[ 1 ]`, "[2] 0",
		`[2]`, "3",
		`{"command": "optset"}`, "3",
		`{"command": ["ready"]}`, "3",
	)
	expectAnswers(t, recording.NewAnswerer(recording.Runs[1]),
		`{"command": "ready"}`, `"OK" 0`, // from before the run
		`{"command": "newrun"}`, `"OK " 0`,
		`{"command": "goodset", "pickiness": 4}`, "[4] 0",
		`{"command": "goodset", "pickiness": 4}`, "[4] 1",
	)
}
