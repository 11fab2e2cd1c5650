package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"libobe/internal/systemtest/natsserver"
)

// startGateways starts the two ends of a subject, which record as they are told, and returns them and the address for
// instruments.
func startGateways(t *testing.T, url, subject, designer string, frontArgs, backArgs []string) (front, back *process, at string) {
	t.Helper()
	back = start(t, append([]string{"gateway", "--to", designer, "--nats", url, "--subject", subject}, backArgs...)...)
	back.stderr.find("serving ")
	front = start(t, append([]string{"gateway", "--listen", "127.0.0.1:0", "--nats", url, "--subject", subject}, frontArgs...)...)
	at = front.address()
	// To create a stream may take seconds on a busy disk, and a gateway that ends waits for two.
	for p, args := range map[*process][]string{front: frontArgs, back: backArgs} {
		if slices.Contains(args, "--record") {
			p.stderr.had("recorded in the stream ")
		}
	}
	return front, back, at
}

// A run that gateways have recorded, one or both of them, is watched, replayed and resumed from NATS, exactly.
func TestRecordAtNATS(t *testing.T) {
	server := natsserver.Start(t, natsserver.JetStream(t))
	file := write(t, "line.toml", lineExperiment)
	record := []string{"--record"}
	for i, c := range []struct{ front, back []string }{{nil, record}, {record, nil}, {record, record}} {
		subject := fmt.Sprintf("obe.lab1.e%d", i)
		_, designer := design(t, file, ":0")
		front, back, at := startGateways(t, server.URL(), subject, designer, c.front, c.back)
		if got := askAt(t, at, `{"command": "newrun"}`); got != `"OK"` {
			t.Fatal(got)
		}
		const measurements = 20
		measureLine(t, at, 0, measurements)
		want := estimateAt(t, at)
		for _, p := range []*process{front, back} {
			p.interrupt(t)
			if status := p.wait(); status != exitInterrupt {
				t.Errorf("exit status %d", status)
			}
		}
		if len(c.front) > 0 && len(c.back) > 0 {
			front.stderr.find("0 messages recorded") // the other end has them
		}
		from := server.URL() + "/" + subject
		list := obe(t, "", "replay", from, "--list")
		if list.status != exitOK || strings.Count(list.stdout, "\n") != 1 || !strings.Contains(list.stdout, fmt.Sprintf(`"server":"nats:%s","newrun":true,"newdat":%d,`, subject, measurements)) {
			t.Errorf("%+v", list)
		}
		_, url := watch(t, from)
		until(t, url, func(s *snapshot) bool { return s.measurements() == measurements })

		_, fresh := design(t, file, ":0")
		if got := obe(t, "", "replay", from, "--to", fresh); got.status != exitOK {
			t.Errorf("%+v", got)
		}
		resumed := start(t, "design", file, ":0", "--resume", from)
		resumed.stderr.find(fmt.Sprintf("resumed: %d measurements", measurements))
		for _, at := range []string{fresh, resumed.address()} {
			if got := estimateAt(t, at); got != want {
				t.Errorf("%d: the estimates are\n%s and not\n%s", i, got, want)
			}
		}
	}
}

// A record is followed while the run goes on, and after the NATS server was away.
func TestWatchARecordAtNATS(t *testing.T) {
	server := natsserver.Start(t, natsserver.JetStream(t))
	_, designer := design(t, write(t, "line.toml", lineExperiment), ":0")
	_, _, at := startGateways(t, server.URL(), "obe.lab1.nv3", designer, nil, []string{"--record"})
	measureLine(t, at, 0, 5)
	p, url := watch(t, server.URL()+"/obe.lab1.nv3")
	until(t, url, func(s *snapshot) bool { return s.measurements() == 5 })
	measureLine(t, at, 5, 5)
	until(t, url, func(s *snapshot) bool { return s.measurements() == 10 })
	server.Kill()
	p.stderr.find("the connection to the NATS server")
	server.Restart()
	if got := obe(t, "", "ready", at, "--wait", "30s"); got.status != exitOK {
		t.Fatalf("%+v", got)
	}
	for strings.Contains(askAt(t, at, `{"command": "ready"}`), "error") { // ready is any reply
	}
	measureLine(t, at, 10, 5)
	until(t, url, func(s *snapshot) bool { return s.measurements() == 15 })
}

// What is wrong with a record at a NATS server is told with a remedy, and no password.
func TestRecordAtNATSMistakes(t *testing.T) {
	server := natsserver.Start(t, natsserver.JetStream(t))
	without := natsserver.Start(t)
	guarded := natsserver.Start(t, `authorization { user: u, password: "S3cret" }`)
	away := fmt.Sprintf("nats://u:S3cret@127.0.0.1:%d/obe.lab1.nv3", natsserver.FreePort(t))
	withUser := strings.Replace(guarded.URL(), "//", "//u:S3cret@", 1)
	wrongUser := strings.Replace(guarded.URL(), "//", "//u:S3crets@", 1)
	for _, c := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"replay", server.URL(), "--list"}, exitUsage, "has no subject: write " + server.URL() + "/obe.lab1.nv3"},
		{[]string{"replay", server.URL() + "/obe.lab1.none", "--list"}, exitUsage, "there is no record: no JetStream stream at "},
		{[]string{"watch", "--no-open", server.URL() + "/obe.lab1.none"}, exitUsage, "(record one with obe gateway --record)"},
		{[]string{"watch", "--no-open", withUser + "/obe.lab1.nv3"}, exitUsage, "has no JetStream: add jetstream {}"},
		{[]string{"replay", wrongUser + "/obe.lab1.nv3", "--list"}, exitUsage, "refuses the user"},
		{[]string{"replay", without.URL() + "/obe.lab1.nv3", "--list"}, exitUsage, "has no JetStream: add jetstream {}"},
		{[]string{"replay", away, "--list"}, exitNoAnswer, "there is no connection to the NATS server"},
		{[]string{"replay", "nats://u:S3cret@hub:x/obe", "--list"}, exitUsage, ""},
		{[]string{"replay", "nats://u:S3cret@hub/obe.*", "--list"}, exitUsage, "it has a *"},
		{[]string{"replay", "run.jsonl", "--list", "--nkey", "x"}, exitUsage, "--nkey is for nats://HOST/SUBJECT"},
		{[]string{"watch", "--listen", ":0", "--credentials", "x"}, exitUsage, "--credentials is for nats://HOST/SUBJECT"},
		{[]string{"design", lorentzianFile, ":0", "--nkey", "x"}, exitUsage, "--nkey is for nats://HOST/SUBJECT"},
		{[]string{"status", "--nats", server.URL(), "--wait", "0.2"}, exitNoAnswer, "no gateway answers at " + server.URL()},
		{[]string{"status", "--nats", server.URL() + "/obe.lab1.nv3", "--wait", "0.2"}, exitNoAnswer, "no gateway of obe.lab1.nv3 answers"},
		{[]string{"status", "--nats", away, "--wait", "0.2"}, exitNoAnswer, "there is no connection to the NATS server"},
		{[]string{"status", "--nats", server.URL(), "--subject", "obe..x"}, exitUsage, "--subject: "},
		{[]string{"status", "--nats", server.URL() + "/obe.a", "--subject", "obe.b"}, exitUsage, "leave one of them out"},
	} {
		got := obe(t, "", c.args...)
		if got.status != c.status || !strings.Contains(got.stderr, c.want) || got.stdout != "" || strings.Contains(got.stderr, "S3cret") {
			t.Errorf("%q: %+v", c.args, got)
		}
	}
}

// obe status shows both ends, their runs and their counters.
func TestStatus(t *testing.T) {
	server := natsserver.Start(t, natsserver.JetStream(t))
	_, designer := design(t, write(t, "line.toml", lineExperiment), ":0")
	_, _, at := startGateways(t, server.URL(), "obe.lab1.nv3", designer, nil, []string{"--record"})
	askAt(t, at, `{"command": "newrun"}`)
	measureLine(t, at, 0, 3)
	got := obe(t, "", "status", "--nats", server.URL(), "--wait", "4")
	lines := strings.Split(strings.TrimSpace(got.stdout), "\n")
	if got.status != exitOK || len(lines) != 2 {
		t.Fatalf("%+v", got)
	}
	for i, role := range []string{"to", "listen"} {
		var seen struct {
			Subject, Role, Version string
			Counters               map[string]int
			Record                 *struct{ Written int }
			Runs                   []struct {
				Subject, State string
				Runs, Commands int
			}
		}
		if err := json.Unmarshal([]byte(lines[i]), &seen); err != nil {
			t.Fatal(err)
		}
		if seen.Role != role || seen.Subject != "obe.lab1.nv3" || seen.Version != version || seen.Counters["commands"] != 7 || len(seen.Runs) != 1 ||
			seen.Runs[0].State != "run" || seen.Runs[0].Runs != 1 || seen.Runs[0].Commands != 7 || (seen.Record != nil) != (role == "to") {
			t.Errorf("%s", lines[i])
		}
	}
	table := obe(t, "", "status", "--nats", server.URL()+"/obe.lab1.nv3", "--table", "--wait", "4")
	if rows := strings.Split(table.stdout, "\n"); table.status != exitOK || len(rows) != 4 || !strings.HasPrefix(rows[0], "subject       role    address") ||
		!strings.Contains(rows[1], "  to      the server at "+designer) || !strings.Contains(rows[2], "  listen  "+at) || !strings.Contains(rows[2], "commands 7, replies 7") {
		t.Errorf("%+v", table)
	}
	if got := obe(t, "", "status", "--nats", server.URL(), "--subject", "obe.lab2.*", "--wait", "0.2"); got.status != exitNoAnswer {
		t.Errorf("%+v", got)
	}
	// Another program's text does not reach the terminal as it is.
	conn, err := nats.Connect(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Subscribe("$SRV.STATS.obe-gateway", func(m *nats.Msg) {
		_ = m.Respond([]byte(`{"name":"obe-gateway","id":"x","metadata":{"subject":"a\u001b[31mb\nc"},"endpoints":[{"data":{"runs":null,"counters":{"\u001b":1}}}]}`))
	}); err != nil {
		t.Fatal(err)
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	if table := obe(t, "", "status", "--nats", server.URL(), "--table", "--wait", "4"); table.status != exitOK || strings.ContainsAny(table.stdout, "\x1b") || strings.Count(table.stdout, "\n") != 4 {
		t.Errorf("%q", table.stdout)
	}
}
