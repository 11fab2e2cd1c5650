package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"libobe/internal/systemtest"
	"libobe/internal/systemtest/natsserver"
)

func announce(t *testing.T, url, subject, role string, events func(Event, string)) (link *Link, end func()) {
	t.Helper()
	link = testConnect(t, url, events)
	must(t, link.WaitConnected(t.Context()))
	last := time.Now()
	end = link.Announce(Presence{
		Version: "1.2.3", Subject: subject, Role: role, Address: "127.0.0.1:61981", Report: func() Report {
			return Report{Counters: map[string]int64{"commands": 7}, Runs: []RunReport{
				{Subject: subject, State: "run", Last: last.Add(-time.Hour)}, {Subject: subject, State: "idle", Runs: 3, Last: last},
			}}
		},
	})
	must(t, link.Conn().Flush())
	return link, end
}

const testWait = 500 * time.Millisecond

// gateways asks which gateways of a subject are there, and waits longer if they are fewer than wanted: a busy machine takes
// its time.
func gateways(t *testing.T, asker *Link, subject string, want int) (found []Seen) {
	t.Helper()
	for wait := testWait; wait < systemtest.Timeout; wait *= 3 {
		var err error
		found, err = asker.Gateways(t.Context(), subject, wait)
		must(t, err)
		if len(found) >= want {
			break
		}
	}
	return found
}

// Each gateway is found, with what it tells, by all and by subject, until it ends.
func TestGateways(t *testing.T) {
	server := natsserver.Start(t)
	asker := testConnect(t, server.URL(), nil)
	must(t, asker.WaitConnected(t.Context()))
	began := time.Now()
	if found, err := asker.Gateways(t.Context(), "", time.Minute); err != nil || len(found) != 0 || time.Since(began) > 30*time.Second {
		t.Errorf("%v, %v after %v", found, err, time.Since(began))
	}
	announce(t, server.URL(), "obe.lab1.nv3", "listen", nil)
	announce(t, server.URL(), "obe.lab1.*", "to", nil)
	_, end := announce(t, server.URL(), "obe.lab2.nv3", "to", nil)
	conn, err := nats.Connect(server.URL()) // answers garbage
	must(t, err)
	defer conn.Close()
	for _, answer := range []string{"", "{", "null", `{"name":"obe-gateway","id":"x"}`, `{"name":"obe-gateway","id":"x","endpoints":[null]}`, `{"name":"obe-gateway","id":"x","endpoints":[{"data":[]}]}`} {
		for _, subject := range []string{"$SRV.STATS.obe-gateway", StatusSubject(testSubject)} {
			_, err := conn.Subscribe(subject, func(m *nats.Msg) { _ = m.Respond([]byte(answer)) })
			must(t, err)
		}
	}
	must(t, conn.Flush())
	for subject, want := range map[string]string{
		"":             "obe.lab1.*/to obe.lab1.nv3/listen obe.lab2.nv3/to",
		"obe.lab1.nv3": "obe.lab1.*/to obe.lab1.nv3/listen",
		"obe.lab1.x":   "obe.lab1.*/to",
		"obe.*.nv3":    "obe.lab1.nv3/listen obe.lab2.nv3/to",
		"obe.lab3.nv3": "",
	} {
		found := gateways(t, asker, subject, len(strings.Fields(want)))
		var got []string
		for _, seen := range found {
			got = append(got, seen.Subject+"/"+seen.Role)
			if seen.Version != "1.2.3" || seen.Address != "127.0.0.1:61981" || seen.Process == 0 || seen.Host == "" || time.Since(seen.Started) > time.Hour ||
				seen.Counters["commands"] != 7 || len(seen.Runs) != 2 || seen.Runs[0].Runs != 3 {
				t.Errorf("%+v", seen)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %q, and not %q", subject, got, want)
		}
	}
	end()
	if found, err := asker.Gateways(t.Context(), "obe.lab2.nv3", testWait); err != nil || len(found) != 0 {
		t.Errorf("after its end: %v, %v", found, err)
	}
	server.Kill()
	server.Restart()
	must(t, asker.WaitConnected(t.Context()))
	for limit := time.Now().Add(systemtest.Timeout); ; time.Sleep(10 * time.Millisecond) { // they subscribe again one after the other
		if found, err := asker.Gateways(t.Context(), "", testWait); err == nil && len(found) == 2 {
			break
		} else if time.Now().After(limit) {
			t.Fatalf("after a restart of the NATS server: %v, %v", found, err)
		}
	}
}

// Where services are not permitted, that is told once, and the subject finds the gateway.
func TestGatewaysWithoutPermissionForServices(t *testing.T) {
	server := natsserver.Start(t, `authorization { users = [
		{ user: lab1, password: p, permissions: { publish: ["obe.lab1.>", "_INBOX.>"], subscribe: ["_INBOX.>", "obe.lab1.>"] } } ] }`)
	url := strings.Replace(server.URL(), "//", "//lab1:p@", 1)
	events := newTold()
	link, _ := announce(t, url, testSubject, "to", func(event Event, text string) {
		if text != "" {
			events.tell(event, text)
		}
	})
	events.find(t, "permission: ", "denies this user the services of NATS at $SRV.>", "--subject")
	found := gateways(t, link, testSubject, 1)
	if len(found) != 1 || found[0].Subject != testSubject {
		t.Errorf("%v", found)
	}
	if n := strings.Count(events.all(), "permission: "); n != 1 {
		t.Errorf("told %d times:\n%s", n, events.all())
	}
}

// A report of very many runs fits into a message, and has the latest ones.
func TestReportOfManyRuns(t *testing.T) {
	server := natsserver.Start(t)
	link := testConnect(t, server.URL(), nil)
	must(t, link.WaitConnected(t.Context()))
	defer link.Announce(Presence{Version: "1.2.3", Subject: "obe.*", Role: "to", Report: func() Report {
		var r Report
		for i := range 5 * maxReportedRuns {
			r.Runs = append(r.Runs, RunReport{Subject: fmt.Sprint("obe.", i), Designer: strings.Repeat("d", 100), Problem: strings.Repeat("p", 200), Last: time.Unix(int64(i), 0)})
		}
		return r
	}})()
	must(t, link.Conn().Flush())
	found := gateways(t, link, "", 1)
	if len(found) != 1 || len(found[0].Runs) != maxReportedRuns || found[0].Runs[0].Last.Unix() != 5*maxReportedRuns-1 {
		text, _ := json.Marshal(found)
		t.Errorf("%d gateways: %.500s", len(found), text)
	}
}

// A stream over the commands is told with its remedy, which helps, and a stream of the record is not.
func TestWarnOfStreams(t *testing.T) {
	server := natsserver.Start(t, natsserver.JetStream(t))
	js := testJetStream(t, server.URL())
	events := newTold()
	link := testConnect(t, server.URL(), events.tell)
	warnings := func(subject string) []string {
		events.mu.Lock()
		events.texts = nil
		events.mu.Unlock()
		link.WarnOfStreams(t.Context(), subject)
		var found []string
		for _, text := range strings.Split(events.all(), "\n") {
			if warning, ok := strings.CutPrefix(text, "stream: the JetStream stream "); ok {
				found = append(found, warning)
			}
		}
		return found
	}
	for _, c := range []struct {
		subjects []string
		noAck    bool
		subject  string
		want     string
	}{
		{[]string{"obe.>"}, false, testSubject, "LAB keeps obe.>, which covers the commands at obe.lab1.nv3: it acknowledges each command"},
		{[]string{"obe.>"}, true, testSubject, "but time out"},
		{[]string{"obe.lab1.*"}, false, testSubject, "it acknowledges"},
		{[]string{"other", "obe.lab1.nv3"}, false, testSubject, "--subjects 'other,obe.lab1.nv3.log'"},
		{[]string{"obe.lab1.nv3.>"}, false, testSubject, "it acknowledges"}, // the private subjects
		{[]string{"obe.lab1.nv3"}, false, "obe.lab1.*", "it acknowledges"},
		{[]string{"obe.*.*.log"}, false, testSubject, ""},
		{[]string{"obe.lab1.nv3.log"}, false, "obe.lab1.*", ""},
		{[]string{"obe.lab2.>"}, false, testSubject, ""},
	} {
		stream, err := js.CreateOrUpdateStream(t.Context(), jetstream.StreamConfig{Name: "LAB", Subjects: c.subjects, NoAck: c.noAck})
		must(t, err)
		got := warnings(c.subject)
		if c.want == "" && len(got) > 0 || c.want != "" && (len(got) != 1 || !strings.Contains(got[0], c.want)) {
			t.Errorf("%v at %s: %q", c.subjects, c.subject, got)
		}
		if len(got) == 0 {
			continue
		}
		_, remedy, _ := strings.Cut(got[0], "--subjects '")
		config := stream.CachedInfo().Config
		config.Subjects = strings.Split(strings.TrimSuffix(remedy, "'"), ",")
		_, err = js.UpdateStream(t.Context(), config)
		must(t, err)
		if got := warnings(c.subject); len(got) > 0 {
			t.Errorf("%v at %s, after %v: %q", c.subjects, c.subject, config.Subjects, got)
		}
	}
	without := natsserver.Start(t)
	quiet := newTold()
	testConnect(t, without.URL(), quiet.tell).WarnOfStreams(t.Context(), testSubject)
	if strings.Contains(quiet.all(), "stream") {
		t.Error(quiet.all())
	}
}

func TestCovers(t *testing.T) {
	for _, c := range []struct {
		subjects, subject string
		want              bool
	}{
		{"a.b", "a.b", true}, {"a.*", "a.b", true}, {"a.>", "a.b.c", true}, {">", "a", true}, {"a.>", "a", false}, {"a.*", "a", false}, {"a", "a.b", false},
		{"a.b.c", "a.b", false}, {"a.*", "a.*", true}, {"a.b", "a.*", false}, {"a.*", "a.>", false}, {"x a.*", "a.b", true}, {"", "a", false}, {"*.b", "a.b", true}, {"a.*.log", "a.b.log", true}, {"a.*.log", "a.b.c", false},
	} {
		if got := covers(strings.Fields(c.subjects), c.subject); got != c.want {
			t.Errorf("%q covers %q: %v", c.subjects, c.subject, got)
		}
		if all := strings.Fields(c.subjects); c.want && !overlap(all[len(all)-1], c.subject) {
			t.Errorf("%q does not overlap with %q", c.subjects, c.subject)
		}
	}
	for _, c := range []struct {
		a, b string
		want bool
	}{{"a.b", "a.*", true}, {"a.*.c", "a.b.*", true}, {"a.>", "*.b", true}, {"a", "a.>", false}, {"a.b", "a.c", false}, {"a.b", "a.b.c", false}, {">", "a", true}} {
		if overlap(c.a, c.b) != c.want || overlap(c.b, c.a) != c.want {
			t.Errorf("%q and %q: not %v", c.a, c.b, c.want)
		}
	}
}

// A connection that nats.go gives up is replaced: the gateway is seen on the new one, records, and is read, as before.
func TestAfterAConnectionWasReplaced(t *testing.T) {
	server := natsserver.Start(t, natsserver.JetStream(t))
	link, _ := announce(t, server.URL(), testSubject, "to", nil)
	log, _ := testLog(t, server.URL(), testSubject, RoleBack)
	waitStream(t, server.URL(), testSubject)
	reader := testConnect(t, server.URL(), nil)
	h, err := OpenHistory(t.Context(), reader, testSubject, "record")
	must(t, err)
	defer h.Close()
	asker := testConnect(t, server.URL(), nil)
	must(t, asker.WaitConnected(t.Context()))
	ctx, cancel := context.WithTimeout(t.Context(), 2*systemtest.Timeout)
	defer cancel()
	for round := range 3 {
		exchange(log, testSubject, "lab:1", newdat(round), []byte(`"OK"`))
		for range 2 {
			_, err := h.Follow(ctx)
			must(t, err)
		}
		for attempt := 0; ; attempt++ {
			if found, err := asker.Gateways(t.Context(), testSubject, testWait); err == nil && len(found) == 1 {
				break
			} else if attempt == 20 {
				t.Fatalf("round %d: %v, %v", round, found, err)
			}
		}
		for _, l := range []*Link{link, log.link, reader} {
			l.Conn().Close()
		}
	}
	exchange(log, testSubject, "lab:1", newdat(3), []byte(`"OK"`))
	waitWritten(t, log, 8)
	closeLog(t, log, 8)
}
