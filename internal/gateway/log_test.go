package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"libobe/internal/replay"
	"libobe/internal/systemtest"
	"libobe/internal/systemtest/natsserver"
	"libobe/internal/trace"
)

const testSubject = "obe.lab1.nv3"

// told collects what a gateway tells.
type told struct {
	mu    sync.Mutex
	texts []string
	more  chan struct{}
}

func newTold() *told { return &told{more: make(chan struct{}, 1)} }

func (t *told) tell(event Event, text string) {
	t.mu.Lock()
	t.texts = append(t.texts, string(event)+": "+text)
	t.mu.Unlock()
	select {
	case t.more <- struct{}{}:
	default:
	}
}

func (t *told) all() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.texts, "\n")
}

// find waits until something was told that has all parts.
func (t *told) find(tb testing.TB, parts ...string) string {
	tb.Helper()
	limit := time.After(systemtest.Timeout)
	for {
		t.mu.Lock()
		for _, text := range t.texts {
			found := true
			for _, part := range parts {
				found = found && strings.Contains(text, part)
			}
			if found {
				t.mu.Unlock()
				return text
			}
		}
		t.mu.Unlock()
		select {
		case <-t.more:
		case <-limit:
			tb.Fatalf("nothing told has %q, but:\n%s", parts, t.all())
		}
	}
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func testConnect(tb testing.TB, url string, events func(Event, string)) *Link {
	tb.Helper()
	link, err := Connect(tb.Context(), Config{URL: url, Name: tb.Name(), Events: events})
	must(tb, err)
	tb.Cleanup(link.Close)
	return link
}

func testLog(tb testing.TB, url, subject string, role Role) (*Log, *told) {
	tb.Helper()
	events := newTold()
	log, err := OpenLog(tb.Context(), LogConfig{Link: Config{URL: url, Name: tb.Name()}, Subject: subject, Role: role, Events: events.tell})
	must(tb, err)
	tb.Cleanup(func() { log.Close(func(int64) {}) })
	return log, events
}

// closeLog closes a log, whose lines must all be written.
func closeLog(tb testing.TB, log *Log, lines int) {
	tb.Helper()
	counts, err := log.Close(func(int64) {})
	if err != nil || counts != (LogCounts{Written: int64(lines)}) {
		tb.Fatalf("%+v of %d lines, %v", counts, lines, err)
	}
}

// waitWritten waits until so many lines were acknowledged.
func waitWritten(tb testing.TB, log *Log, lines int) {
	tb.Helper()
	for limit := time.Now().Add(systemtest.Timeout); log.Counts().Written < int64(lines); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(limit) {
			tb.Fatalf("%+v of %d lines", log.Counts(), lines)
		}
	}
}

// history reads what is recorded of a subject.
func history(tb testing.TB, url, subject string) (entries []*trace.Entry, damaged int) {
	tb.Helper()
	h, err := OpenHistory(tb.Context(), testConnect(tb, url, nil), subject, url+"/"+subject)
	must(tb, err)
	defer h.Close()
	for {
		e, err := h.Next()
		if err == io.EOF {
			return entries, h.Damaged()
		}
		must(tb, err)
		entries = append(entries, e)
	}
}

func newdat(i int) []byte {
	return fmt.Appendf(nil, "{\"command\": \"newdat\",\n \"x\": [%d.0], \"y\": NaN, \"text\": \"é\"}", i)
}

// exchange records a command and its reply.
func exchange(log *Log, subject, client string, body, reply []byte) {
	log.Command(Call{Subject: subject, Client: client, Received: time.Now(), Body: body}).Reply(reply)
}

// What is read from a record is what is read from a file with the same messages.
func TestRecordIsReadAsAFile(t *testing.T) {
	server := natsserver.Start(t, natsserver.JetStream(t))
	log, events := testLog(t, server.URL(), testSubject, RoleBack)
	var want []string
	large := []byte(`"` + strings.Repeat("a", trace.MaxBody+10) + `"`)
	for i := range 50 {
		reply := []byte(`"OK"`)
		if i == 20 {
			reply = large
		}
		exchange(log, testSubject, "lab-pc:"+fmt.Sprint(i), newdat(i), reply)
		want = append(want, strings.ReplaceAll(string(newdat(i)), "\n", " "), string(reply))
	}
	log.Command(Call{Subject: testSubject, Received: time.Now(), Body: newdat(99)}).Refuse("busy")
	want = append(want, strings.ReplaceAll(string(newdat(99)), "\n", " "), `{"error": "busy", "command": "newdat"}`)
	closeLog(t, log, len(want))
	events.find(t, "record: recorded in the stream OBE_LOG_obe_lab1_nv3, which was created", "nats stream edit OBE_LOG_obe_lab1_nv3 --max-bytes")

	entries, damaged := history(t, server.URL(), testSubject)
	if len(entries) != len(want) || damaged != 0 {
		t.Fatalf("%d lines of %d, %d damaged", len(entries), len(want), damaged)
	}
	path := filepath.Join(systemtest.TempDir(t), "run.jsonl")
	for i, e := range entries {
		if got := string(e.Body); got != want[i] && !(e.Cut && strings.HasPrefix(want[i], got) && e.Size == int64(len(large))) {
			t.Errorf("line %d is %.60s, and not %.60s", i, got, want[i])
		}
		if e.Role != "proxy" || e.Local != "nats:"+testSubject || e.Process != os.Getpid() || (e.Direction == trace.Received) != (i%2 == 0) {
			t.Errorf("line %d: %+v", i, e.Record)
		}
		record := e.Record
		if e.Cut {
			record.Body = large
		}
		must(t, trace.Write(path, trace.MinLimit, record))
	}
	reader, err := trace.Open(path)
	must(t, err)
	defer reader.Close()
	for i, e := range entries {
		read, err := reader.Next()
		must(t, err)
		if read.Cut && e.Cut { // the NATS server takes less of it
			read.Body, e.Body = read.Body[:100], e.Body[:100]
		}
		read.Path, read.Line = e.Path, e.Line
		if fmt.Sprintf("%+v", read) != fmt.Sprintf("%+v", e) {
			t.Errorf("line %d: the file has\n%+v\nthe record\n%+v", i, read, e)
		}
	}
}

func TestRecordSurvivesRestarts(t *testing.T) {
	server := natsserver.Start(t, natsserver.JetStream(t))
	log, _ := testLog(t, server.URL(), testSubject, RoleBack)
	follower := newTold()
	h, err := func() (*History, error) {
		waitStream(t, server.URL(), testSubject)
		return OpenHistory(t.Context(), testConnect(t, server.URL(), follower.tell), testSubject, "record")
	}()
	must(t, err)
	defer h.Close()
	const rounds, each = 3, 300
	var recording sync.WaitGroup
	recording.Go(func() {
		for i := range rounds * each {
			exchange(log, testSubject, "lab:1", newdat(i), []byte(fmt.Sprint(i)))
			time.Sleep(time.Millisecond) // the rate of an instrument
		}
	})
	for round := range rounds - 1 {
		waitWritten(t, log, (round+1)*each)
		server.Kill()
		server.Restart()
	}
	recording.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), systemtest.Timeout)
	defer cancel()
	for i := range 2 * rounds * each {
		e, err := h.Follow(ctx)
		if err != nil {
			t.Fatalf("line %d: %v; %+v; %s", i, err, log.Counts(), follower.all())
		}
		want := strings.ReplaceAll(string(newdat(i/2)), "\n", " ")
		if i%2 == 1 {
			want = fmt.Sprint(i / 2)
		}
		if string(e.Body) != want {
			t.Fatalf("line %d is %s, and not %s", i, e.Body, want)
		}
	}
	closeLog(t, log, 2*rounds*each)
	if entries, damaged := history(t, server.URL(), testSubject); len(entries) != 2*rounds*each || damaged != 0 {
		t.Errorf("%d lines, %d damaged", len(entries), damaged)
	}
}

func testJetStream(tb testing.TB, url string) jetstream.JetStream {
	tb.Helper()
	conn, err := nats.Connect(url)
	must(tb, err)
	tb.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	must(tb, err)
	return js
}

// waitStream waits until a stream keeps the record of a subject.
func waitStream(tb testing.TB, url, subject string) string {
	tb.Helper()
	js := testJetStream(tb, url)
	for limit := time.Now().Add(systemtest.Timeout); ; time.Sleep(10 * time.Millisecond) {
		if name, err := js.StreamNameBySubject(tb.Context(), LogSubject(subject)); err == nil {
			return name
		}
		if time.Now().After(limit) {
			tb.Fatal("there is no stream")
		}
	}
}

// What a full stream does not take is counted and told, and what it has taken can be read.
func TestRecordIntoAFullStream(t *testing.T) {
	server := natsserver.Start(t, natsserver.JetStream(t))
	_, err := testJetStream(t, server.URL()).CreateStream(t.Context(), jetstream.StreamConfig{
		Name: "LAB", Subjects: []string{"obe.*.*.log"}, MaxBytes: 64 << 10, Discard: jetstream.DiscardNew,
	})
	must(t, err)
	log, events := testLog(t, server.URL(), testSubject, RoleBack)
	events.find(t, "record: recorded in the stream LAB")
	const lines = 2000
	for i := range lines / 2 {
		exchange(log, testSubject, "lab:1", newdat(i), []byte(`"OK"`))
		if i%50 == 0 {
			waitRecorded(t, log)
		}
	}
	counts, first := log.Close(func(int64) {})
	if counts.Written == 0 || counts.Lost == 0 || counts.Written+counts.Lost != lines || first == nil || !strings.Contains(first.Error(), "maximum bytes exceeded") {
		t.Errorf("%+v, %v", counts, first)
	}
	events.find(t, "lost: the record lacks messages, and the run goes on: the stream that keeps obe.lab1.nv3.log refuses: maximum bytes exceeded")
	if entries, _ := history(t, server.URL(), testSubject); len(entries) != int(counts.Written) {
		t.Errorf("%d lines, and %d were written", len(entries), counts.Written)
	}
}

// waitRecorded waits until no line waits.
func waitRecorded(tb testing.TB, log *Log) {
	tb.Helper()
	for limit := time.Now().Add(systemtest.Timeout); log.Counts().Waiting > 0; time.Sleep(2 * time.Millisecond) {
		if time.Now().After(limit) {
			tb.Fatalf("%+v", log.Counts())
		}
	}
}

// The experiments of a lab are recorded in one stream and read apart.
func TestRecordOfSeveralSubjects(t *testing.T) {
	server := natsserver.Start(t, natsserver.JetStream(t))
	log, events := testLog(t, server.URL(), "obe.lab1.*", RoleBack)
	const experiments, each = 100, 20
	var running sync.WaitGroup
	for n := range experiments {
		running.Go(func() {
			for i := range each {
				exchange(log, fmt.Sprintf("obe.lab1.e%d", n), "lab:1", newdat(i), []byte(fmt.Sprint(n)))
			}
		})
	}
	running.Wait()
	closeLog(t, log, 2*experiments*each)
	events.find(t, "recorded in the stream OBE_LOG_obe_lab1_ALL")
	for _, n := range []int{0, 57, 99} {
		entries, _ := history(t, server.URL(), fmt.Sprintf("obe.lab1.e%d", n))
		if len(entries) != 2*each {
			t.Errorf("experiment %d has %d lines", n, len(entries))
		}
		for i, e := range entries {
			if i%2 == 1 && string(e.Body) != fmt.Sprint(n) {
				t.Errorf("experiment %d has %s", n, e.Body)
			}
		}
	}
	if _, err := OpenHistory(t.Context(), testConnect(t, server.URL(), nil), "obe.lab2.e1", "x"); !errors.Is(err, ErrNoRecord) {
		t.Errorf("another lab: %v", err)
	}
}

// Where a stream keeps a part of the record already, the other subjects get streams, too.
func TestRecordBesideAnotherStream(t *testing.T) {
	server := natsserver.Start(t, natsserver.JetStream(t))
	js := testJetStream(t, server.URL())
	for name, subject := range map[string]string{"ONE": "obe.lab1.e1.log", "OBE_LOG_obe_lab1_e2": "elsewhere"} {
		_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: name, Subjects: []string{subject}})
		must(t, err)
	}
	log, _ := testLog(t, server.URL(), "obe.lab1.*", RoleBack)
	for n := range 4 {
		exchange(log, fmt.Sprintf("obe.lab1.e%d", n), "lab:1", newdat(n), []byte(`"OK"`))
	}
	waitWritten(t, log, 8)
	closeLog(t, log, 8)
	for n := range 4 {
		if entries, _ := history(t, server.URL(), fmt.Sprintf("obe.lab1.e%d", n)); len(entries) != 2 {
			t.Errorf("experiment %d has %d lines", n, len(entries))
		}
	}
}

// Without JetStream the loss is told, once why, and recording takes no time.
func TestRecordWithoutJetStream(t *testing.T) {
	server := natsserver.Start(t)
	log, events := testLog(t, server.URL(), testSubject, RoleBack)
	events.find(t, "record: not recorded, since no stream keeps obe.lab1.nv3.log: the NATS server at ", "has no JetStream: add jetstream {} to its configuration")
	const lines = 2000
	for i := range lines / 2 {
		exchange(log, testSubject, "lab:1", newdat(i), []byte(`"OK"`))
	}
	began := time.Now()
	counts, first := log.Close(func(int64) {})
	if counts != (LogCounts{Lost: lines}) || !strings.Contains(first.Error(), "no JetStream stream keeps obe.lab1.nv3.log") || time.Since(began) > closeTime {
		t.Errorf("%+v, %v after %v", counts, first, time.Since(began))
	}
	if n := strings.Count(events.all(), "record: "); n != 1 {
		t.Errorf("told %d times:\n%s", n, events.all())
	}
	if _, err := OpenHistory(t.Context(), testConnect(t, server.URL(), nil), testSubject, "x"); err == nil || !strings.Contains(err.Error(), "has no JetStream") {
		t.Errorf("history: %v", err)
	}
}

// A stream that is removed during a run is made again.
func TestRecordWhoseStreamIsRemoved(t *testing.T) {
	server := natsserver.Start(t, natsserver.JetStream(t))
	log, events := testLog(t, server.URL(), testSubject, RoleBack)
	exchange(log, testSubject, "lab:1", newdat(1), []byte(`"OK"`))
	waitWritten(t, log, 2)
	must(t, testJetStream(t, server.URL()).DeleteStream(t.Context(), "OBE_LOG_obe_lab1_nv3"))
	exchange(log, testSubject, "lab:1", newdat(2), []byte(`"OK"`))
	waitWritten(t, log, 4)
	closeLog(t, log, 4)
	if entries, _ := history(t, server.URL(), testSubject); len(entries) != 2 {
		t.Errorf("%d lines\n%s", len(entries), events.all())
	}
}

// A user who may not manage streams is told so, and records into a stream that is there.
func TestRecordWithoutPermissionForStreams(t *testing.T) {
	server := natsserver.Start(t, natsserver.JetStream(t), `authorization { users = [
		{ user: admin, password: a }
		{ user: lab1, password: "S3cret", permissions: { publish: ["obe.lab1.>"], subscribe: ["_INBOX.>", "obe.lab1.>"] } } ] }`)
	admin, lab := strings.Replace(server.URL(), "//", "//admin:a@", 1), strings.Replace(server.URL(), "//", "//lab1:S3cret@", 1)
	_, err := testJetStream(t, admin).CreateStream(t.Context(), jetstream.StreamConfig{Name: "LAB", Subjects: []string{"obe.*.*.log"}})
	must(t, err)
	log, events := testLog(t, lab, testSubject, RoleBack)
	exchange(log, testSubject, "lab:1", newdat(1), []byte(`"OK"`))
	waitWritten(t, log, 2)
	events.find(t, "record: recorded in the stream LAB")
	if strings.Contains(events.all(), "S3cret") {
		t.Error(events.all())
	}
	if entries, _ := history(t, admin, testSubject); len(entries) != 2 {
		t.Errorf("%d lines", len(entries))
	}
}

// A user who may not manage streams is told what is missing where there is none.
func TestRecordWithoutPermissionAndStream(t *testing.T) {
	server := natsserver.Start(t, natsserver.JetStream(t), `authorization { users = [
		{ user: lab1, password: "S3cret", permissions: { publish: ["obe.lab1.>"], subscribe: ["_INBOX.>", "obe.lab1.>"] } } ] }`)
	lab := strings.Replace(server.URL(), "//", "//lab1:S3cret@", 1)
	log, events := testLog(t, lab, testSubject, RoleBack)
	exchange(log, testSubject, "lab:1", newdat(1), []byte(`"OK"`))
	events.find(t, "record: which stream keeps obe.lab1.nv3.log is not known", "no permission to publish to $JS.API.>")
	events.find(t, "lost: ")
	link := testConnect(t, lab, events.tell)
	link.WarnOfStreams(t.Context(), testSubject)
	if _, err := OpenHistory(t.Context(), link, testSubject, "record"); err == nil || !strings.Contains(err.Error(), "no permission to publish to $JS.API.>") {
		t.Error(err)
	}
	if text := events.all(); strings.Contains(text, "S3cret") || strings.Contains(text, "stream: ") || strings.Contains(text, "permission: the") {
		t.Error(text)
	}
}

// What an account has to permit for a record: to the gateway, if it makes the stream, and to a reader.
func TestPermissionsOfARecord(t *testing.T) {
	server := natsserver.Start(t, natsserver.JetStream(t), `authorization { users = [
		{ user: lab1, password: p, permissions: {
			publish: ["obe.lab1.>", "$JS.API.STREAM.NAMES", "$JS.API.STREAM.INFO.*", "$JS.API.STREAM.CREATE.OBE_LOG_obe_lab1_nv3"]
			subscribe: ["_INBOX.>", "obe.lab1.>"] } }
		{ user: reader, password: p, permissions: {
			publish: ["$JS.API.STREAM.NAMES", "$JS.API.STREAM.INFO.*", "$JS.API.CONSUMER.CREATE.*.>", "$JS.API.CONSUMER.MSG.NEXT.*.*"]
			subscribe: ["_INBOX.>"] } } ] }`)
	log, events := testLog(t, strings.Replace(server.URL(), "//", "//lab1:p@", 1), testSubject, RoleBack)
	exchange(log, testSubject, "lab:1", newdat(1), []byte(`"OK"`))
	closeLog(t, log, 2)
	events.find(t, "record: recorded in the stream OBE_LOG_obe_lab1_nv3")
	if entries, _ := history(t, strings.Replace(server.URL(), "//", "//reader:p@", 1), testSubject); len(entries) != 2 {
		t.Errorf("%d lines", len(entries))
	}
}

// A subject that may not be published to loses its lines, and no others.
func TestRecordWithoutPermissionToPublish(t *testing.T) {
	server := natsserver.Start(t, natsserver.JetStream(t), `authorization { users = [
		{ user: lab1, password: p, permissions: { publish: { deny: ["obe.lab1.secret.log"] } } } ] }`)
	url := strings.Replace(server.URL(), "//", "//lab1:p@", 1)
	log, events := testLog(t, url, "obe.lab1.*", RoleBack)
	for n := range 3 {
		exchange(log, "obe.lab1.secret", "lab:1", newdat(n), []byte(`"OK"`))
		exchange(log, "obe.lab1.open", "lab:1", newdat(n), []byte(`"OK"`))
		events.find(t, "permission: ", "obe.lab1.secret.log")
		waitRecorded(t, log)
	}
	counts, first := log.Close(func(int64) {})
	if counts != (LogCounts{Written: 6, Lost: 6}) || first == nil || !strings.Contains(first.Error(), "does not permit this user to publish to obe.lab1.secret.log") {
		t.Errorf("%+v, %v", counts, first)
	}
	if entries, _ := history(t, url, "obe.lab1.open"); len(entries) != 6 {
		t.Errorf("%d lines", len(entries))
	}
}

// A subject without a stream loses its lines, and does not delay those of others.
func TestRecordOfWhichAPartHasAStream(t *testing.T) {
	server := natsserver.Start(t, natsserver.JetStream(t), `authorization { users = [
		{ user: admin, password: p }
		{ user: lab1, password: p, permissions: { publish: { deny: ["$JS.API.STREAM.CREATE.>"] } } } ] }`)
	admin, lab := strings.Replace(server.URL(), "//", "//admin:p@", 1), strings.Replace(server.URL(), "//", "//lab1:p@", 1)
	_, err := testJetStream(t, admin).CreateStream(t.Context(), jetstream.StreamConfig{Name: "ONE", Subjects: []string{"obe.lab1.e1.log"}})
	must(t, err)
	log, events := testLog(t, lab, "obe.lab1.*", RoleBack)
	for n := range 20 {
		exchange(log, "obe.lab1.e1", "lab:1", newdat(n), []byte(`"OK"`))
		exchange(log, "obe.lab1.e2", "lab:1", newdat(n), []byte(`"OK"`))
		waitRecorded(t, log)
	}
	if counts, _ := log.Close(func(int64) {}); counts != (LogCounts{Written: 40, Lost: 40}) {
		t.Errorf("%+v", counts)
	}
	events.find(t, "lost: ", "no JetStream stream keeps obe.lab1.e2.log")
	if entries, _ := history(t, lab, "obe.lab1.e1"); len(entries) != 40 {
		t.Errorf("%d lines", len(entries))
	}
}

// Messages that NATS does not take are recorded with their beginning.
func TestRecordCuts(t *testing.T) {
	server := natsserver.Start(t, natsserver.JetStream(t), "max_payload: 64KB")
	log, events := testLog(t, server.URL(), testSubject, RoleFront)
	long := []byte(`"` + strings.Repeat("\x7f", 100<<10) + `"`)
	x := log.Command(Call{Subject: testSubject, Client: "lab:1", Received: time.Now(), Body: newdat(1)})
	x.Reply(long)
	log.Command(Call{Subject: testSubject, Client: "lab:1", Received: time.Now(), Body: []byte("{no JSON")})
	events.find(t, "cut: messages beyond", "max_payload: 8MB")
	events.find(t, "lost: ", "is not JSON")
	counts, _ := log.Close(func(int64) {})
	if counts != (LogCounts{Written: 2, Lost: 1}) {
		t.Errorf("%+v", counts)
	}
	entries, _ := history(t, server.URL(), testSubject)
	if len(entries) != 2 || !entries[1].Cut || entries[1].Size != int64(len(long)) || len(entries[1].Body) < 8<<10 || entries[1].Direction != trace.Received || entries[1].Peer != "nats:"+testSubject {
		t.Fatalf("%d lines", len(entries))
	}
}

// Whatever another program sends as a message or as its name, the record can be read.
func TestRecordOfGarbage(t *testing.T) {
	server := natsserver.Start(t, natsserver.JetStream(t))
	log, _ := testLog(t, server.URL(), testSubject, RoleBack)
	lost := 0
	for _, body := range []string{"", "1,\"role\":\"client\"", "1},{\"x\":2", "\xff", "[", strings.Repeat("\xff", trace.MaxBody+9)} {
		log.Command(Call{Subject: testSubject, Received: time.Now(), Body: []byte(body)}).Refuse("\xff\n")
		lost++
	}
	for _, client := range []string{"\xff\xfe", "a\"b\n\x00", strings.Repeat("c", 10_000)} {
		log.Command(Call{Subject: testSubject, Client: client, Received: time.Now(), Body: newdat(1)}).Reply([]byte("1\n"))
	}
	counts, _ := log.Close(func(int64) {})
	if counts != (LogCounts{Written: int64(lost + 6), Lost: int64(lost)}) {
		t.Errorf("%+v", counts)
	}
	if entries, damaged := history(t, server.URL(), testSubject); len(entries) != lost+6 || damaged != 0 {
		t.Errorf("%d lines, %d damaged", len(entries), damaged)
	}
}

// Anything in the stream besides the lines is skipped, and messages of another version are refused.
func TestHistoryOfGarbage(t *testing.T) {
	server := natsserver.Start(t, natsserver.JetStream(t))
	log, _ := testLog(t, server.URL(), testSubject, RoleBack)
	js := testJetStream(t, server.URL())
	waitStream(t, server.URL(), testSubject)
	publish := func(text string) {
		_, err := js.Publish(t.Context(), LogSubject(testSubject), []byte(text))
		must(t, err)
	}
	for i, text := range []string{"hello", "", "\n\n\n", "{}", "[1]\n\x00\xff", `{"trace":"obe","version":1}`, strings.Repeat("[", 100_000), `{"time":"x","direction":"received","body":1,"size":-5,"role":"proxy"}`} {
		publish(text)
		exchange(log, testSubject, "lab:1", newdat(i), []byte(`"OK"`))
		waitWritten(t, log, 2*(i+1))
	}
	entries, damaged := history(t, server.URL(), testSubject)
	if len(entries) != 2*8+1 || damaged == 0 {
		t.Errorf("%d lines, %d damaged", len(entries), damaged)
	}
	publish(`{"trace":"obe","version":2}`)
	h, err := OpenHistory(t.Context(), testConnect(t, server.URL(), nil), testSubject, "record")
	must(t, err)
	defer h.Close()
	for err == nil {
		_, err = h.Next()
	}
	if !errors.Is(err, trace.ErrVersion) {
		t.Error(err)
	}
}

// A message that was published again long after the first time is in the stream twice, and read once.
func TestHistoryOfRepeatedMessages(t *testing.T) {
	server := natsserver.Start(t, natsserver.JetStream(t))
	js := testJetStream(t, server.URL())
	_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "LAB", Subjects: []string{"obe.*.*.log"}, Duplicates: 100 * time.Millisecond})
	must(t, err)
	line, err := trace.Record{Role: "proxy", Direction: trace.Received, Body: newdat(1)}.Line(4096)
	must(t, err)
	publish := func() {
		_, err := js.Publish(t.Context(), LogSubject(testSubject), line, jetstream.WithMsgID("same"))
		must(t, err)
	}
	publish()
	stream, err := js.Stream(t.Context(), "LAB")
	must(t, err)
	for limit := time.Now().Add(systemtest.Timeout); ; {
		publish()
		info, err := stream.Info(t.Context())
		must(t, err)
		if info.State.Msgs >= 2 {
			break
		}
		if time.Now().After(limit) {
			t.Fatal("the stream recognises the message for too long")
		}
	}
	if entries, _ := history(t, server.URL(), testSubject); len(entries) != 1 {
		t.Errorf("%d lines", len(entries))
	}
}

// What follows a record goes on with a stream that was made anew, and after a purge.
func TestHistoryOfAnotherStream(t *testing.T) {
	server := natsserver.Start(t, natsserver.JetStream(t))
	log, _ := testLog(t, server.URL(), testSubject, RoleBack)
	name := waitStream(t, server.URL(), testSubject)
	js := testJetStream(t, server.URL())
	h, err := OpenHistory(t.Context(), testConnect(t, server.URL(), nil), testSubject, "record")
	must(t, err)
	defer h.Close()
	if _, err := h.Next(); err != io.EOF {
		t.Errorf("of an empty record: %v", err)
	}
	lines := 0
	next := func(want string) {
		t.Helper()
		exchange(log, testSubject, "lab:1", []byte(want), []byte(`"OK"`))
		lines += 2
		waitWritten(t, log, lines)
		ctx, cancel := context.WithTimeout(t.Context(), systemtest.Timeout)
		defer cancel()
		for _, text := range []string{want, `"OK"`} {
			e, err := h.Follow(ctx)
			must(t, err)
			if string(e.Body) != text {
				t.Errorf("%s, and not %s", e.Body, text)
			}
		}
	}
	for i := range 5 {
		next(fmt.Sprintf("[%d]", i))
	}
	must(t, js.DeleteStream(t.Context(), name))
	next("[5]")
	stream, err := js.Stream(t.Context(), name)
	must(t, err)
	must(t, stream.Purge(t.Context()))
	next("[6]")
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("the end")
	cancel(cause)
	if _, err := h.Follow(ctx); err != cause {
		t.Error(err)
	}
	server.Kill()
	ctx, cancel = context.WithCancelCause(t.Context())
	time.AfterFunc(100*time.Millisecond, func() { cancel(cause) })
	if _, err := h.Follow(ctx); err != cause {
		t.Error(err)
	}
}

// The account's storage ends: the loss is told.
func TestRecordOnAFullDisk(t *testing.T) {
	server := natsserver.Start(t, strings.TrimSuffix(natsserver.JetStream(t), "}")+", max_file_store: 200KB }")
	log, events := testLog(t, server.URL(), testSubject, RoleBack)
	waitStream(t, server.URL(), testSubject)
	const exchanges = 2000
	for i := range exchanges {
		exchange(log, testSubject, "lab:1", newdat(i), []byte(`"OK"`))
		if i%100 == 0 {
			waitRecorded(t, log)
		}
	}
	counts, first := log.Close(func(int64) {})
	if counts.Written == 0 || counts.Lost == 0 || counts.Written+counts.Lost != 2*exchanges || first == nil {
		t.Errorf("%+v, %v", counts, first)
	}
	events.find(t, "lost: ", "refuses: insufficient")
	if entries, _ := history(t, server.URL(), testSubject); len(entries) != int(counts.Written) {
		t.Errorf("%d lines, and %d were written", len(entries), counts.Written)
	}
}

// A record with three copies survives that the server is killed that leads its stream.
func TestRecordInACluster(t *testing.T) {
	var ports []int
	var routes, urls []string
	for range 3 {
		ports = append(ports, natsserver.FreePort(t))
		routes = append(routes, fmt.Sprintf("127.0.0.1:%d", natsserver.FreePort(t)))
	}
	cluster := map[string]*natsserver.Server{}
	for i, port := range ports {
		name := fmt.Sprintf("s%d", i)
		cluster[name] = natsserver.StartAt(t, port, natsserver.JetStream(t), "server_name: "+name,
			fmt.Sprintf(`cluster { name: lab, listen: "%s", routes: ["nats-route://%s"] }`, routes[i], strings.Join(routes, `", "nats-route://`)))
		urls = append(urls, cluster[name].URL())
	}
	url := strings.Join(urls, ",")
	js := testJetStream(t, url)
	var stream jetstream.Stream
	for limit := time.Now().Add(2 * systemtest.Timeout); stream == nil; time.Sleep(100 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		made, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "LAB", Subjects: []string{"obe.*.*.log"}, Replicas: 3})
		cancel()
		if err == nil {
			stream = made
		} else if time.Now().After(limit) {
			t.Fatal(err)
		}
	}
	log, events := testLog(t, url, testSubject, RoleBack)
	const each = 100
	record := func(first int) {
		t.Helper()
		for i := range each {
			exchange(log, testSubject, "lab:1", newdat(first+i), []byte(`"OK"`))
			time.Sleep(time.Millisecond) // the rate of an instrument
		}
		lines := int64(2 * (first + each))
		for limit := time.Now().Add(2 * systemtest.Timeout); log.Counts().Written < lines; time.Sleep(10 * time.Millisecond) {
			if counts := log.Counts(); counts.Lost > 0 || time.Now().After(limit) {
				t.Fatalf("%+v of %d lines\n%s", counts, lines, events.all())
			}
		}
	}
	record(0)
	cluster[stream.CachedInfo().Cluster.Leader].Kill()
	record(each)
	closeLog(t, log, 4*each)
	awaitLeader(t, js, "LAB")
	entries, damaged := history(t, url, testSubject)
	if len(entries) != 4*each || damaged != 0 {
		t.Errorf("%d lines of %d, %d damaged", len(entries), 4*each, damaged)
	}
	for i := 0; i < len(entries); i += 2 {
		if want := strings.ReplaceAll(string(newdat(i/2)), "\n", " "); string(entries[i].Body) != want {
			t.Fatalf("line %d is %s", i, entries[i].Body)
		}
	}
}

// awaitLeader waits until a cluster answers what it is asked about a stream: after the end of a server it elects others.
func awaitLeader(t *testing.T, js jetstream.JetStream, name string) {
	t.Helper()
	for limit := time.Now().Add(2 * systemtest.Timeout); ; {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		stream, err := js.Stream(ctx, name)
		cancel()
		if err == nil && stream.CachedInfo().Cluster.Leader != "" {
			return
		}
		if time.Now().After(limit) {
			t.Fatalf("the stream %s has no leader: %v", name, err)
		}
	}
}

// A NATS server that gets JetStream later records from then on.
func TestRecordWhenJetStreamComes(t *testing.T) {
	server := natsserver.Start(t)
	log, events := testLog(t, server.URL(), testSubject, RoleBack)
	exchange(log, testSubject, "lab:1", newdat(0), []byte(`"OK"`))
	events.find(t, "lost: ")
	server.Configure(natsserver.JetStream(t))
	server.Kill()
	server.Restart()
	events.find(t, "recorded in the stream")
	exchange(log, testSubject, "lab:1", newdat(1), []byte(`"OK"`))
	waitWritten(t, log, 2)
	if counts, _ := log.Close(func(int64) {}); counts != (LogCounts{Written: 2, Lost: 2}) {
		t.Errorf("%+v", counts)
	}
}

// A run that both ends have recorded, or several designers at one subject, is replayed with each command once.
func TestReplayOfARecord(t *testing.T) {
	server := natsserver.Start(t, natsserver.JetStream(t))
	back, _ := testLog(t, server.URL(), testSubject, RoleBack)
	front, _ := testLog(t, server.URL(), testSubject, RoleFront)
	const count = 40
	for i := -1; i < count; i++ {
		body := newdat(i)
		if i < 0 {
			body = []byte(`{"command": "newrun"}`)
		}
		call := Call{Subject: testSubject, Client: "lab-pc:50000", Received: time.Now(), Body: body}
		atBack := back.Command(call)
		switch i {
		case 7: // the front gave it up
			atBack.Reply([]byte(`"OK"`))
			front.Command(call)
		case 8: // only the front knows it
			front.Command(call).Refuse("no designer listens at " + testSubject)
		default:
			atBack.Reply([]byte(`"OK"`))
			front.Command(call).Reply([]byte(`"OK"`))
		}
	}
	closeLog(t, front, 2*(count+1)-1)
	closeLog(t, back, 2*(count+1)-1)
	h, err := OpenHistory(t.Context(), testConnect(t, server.URL(), nil), testSubject, "record")
	must(t, err)
	defer h.Close()
	recording, err := replay.Read("record", h)
	must(t, err)
	if len(recording.Runs) != 1 {
		t.Fatalf("%d runs", len(recording.Runs))
	}
	run := recording.Runs[0]
	if run.Count("newdat") != count || !run.Begun || run.Server != "nats:"+testSubject {
		t.Errorf("%d measurements at %s", run.Count("newdat"), run.Server)
	}
	plan, err := run.Plan(false)
	must(t, err)
	if len(plan.Exchanges) != count {
		t.Errorf("%d commands would be sent, %d were refused", len(plan.Exchanges), plan.Refused)
	}
}

// Two designers at one subject have a run each.
func TestReplayOfSharedSubject(t *testing.T) {
	server := natsserver.Start(t, natsserver.JetStream(t))
	ends := []*Log{}
	for _, role := range []Role{RoleBack, RoleBack, RoleFront} {
		log, _ := testLog(t, server.URL(), testSubject, role)
		ends = append(ends, log)
	}
	for i := range 10 {
		for designer, back := range ends[:2] {
			body := newdat(i)
			if i == 0 {
				body = []byte(`{"command": "newrun"}`)
			}
			call := Call{Subject: testSubject, Shared: fmt.Sprintf("%s._%d", testSubject, designer), Client: "lab:1", Received: time.Now(), Body: body}
			back.Command(call).Reply([]byte(`"OK"`))
			ends[2].Command(call).Reply([]byte(`"OK"`))
		}
	}
	for _, log := range ends {
		log.Close(func(int64) {})
	}
	h, err := OpenHistory(t.Context(), testConnect(t, server.URL(), nil), testSubject, "record")
	must(t, err)
	defer h.Close()
	recording, err := replay.Read("record", h)
	must(t, err)
	if len(recording.Runs) != 2 || recording.Runs[0].Count("newdat") != 9 || recording.Runs[1].Count("newdat") != 9 {
		t.Errorf("%d runs, %d exchanges", len(recording.Runs), len(recording.Exchanges))
	}
}

// A nil log records nothing, so that the ends need not ask.
func TestNoRecord(t *testing.T) {
	var log *Log
	x := log.Command(Call{})
	x.Reply(nil)
	x.Refuse("")
	if x.Kept() {
		t.Error("kept")
	}
	if counts, err := log.Close(nil); counts != (LogCounts{}) || err != nil || log.Counts() != counts {
		t.Error(counts, err)
	}
}

// The asker learns what the designer's side has told about itself, and that it has recorded a command.
func TestRecordIsTold(t *testing.T) {
	for name, lines := range map[string][]string{"with JetStream": {natsserver.JetStream(t)}, "without": nil} {
		server := natsserver.Start(t, lines...)
		log, events := testLog(t, server.URL(), testSubject, RoleBack)
		events.find(t, "record: ")
		serve(t, newLink(t, server), testSubject, func(r *Request) {
			x := log.Command(Call{Subject: r.Subject, Client: r.From, Received: r.Received, Body: r.Body})
			x.Reply([]byte("1"))
			r.Recorded, r.Run = x.Kept(), "run"
			_ = r.Respond([]byte(r.From + r.Gateway))
		})
		answer, err := newLink(t, server).Ask(t.Context(), Ask{Subject: testSubject, Body: newdat(1), Deadline: time.Now().Add(systemtest.Timeout), From: "lab:1", Gateway: "g"})
		must(t, err)
		if string(answer.Body) != "lab:1g" || answer.Recorded != (lines != nil) || answer.Run != "run" || answer.Queue != "" {
			t.Errorf("%s: %+v", name, answer)
		}
	}
}

func TestClientName(t *testing.T) {
	host, err := os.Hostname()
	must(t, err)
	for peer, want := range map[string]string{
		"127.0.0.1:5": host + ":5", "[::1]:5": host + ":5", "192.0.2.1:5": "192.0.2.1:5", "unix:/obe": host, "": host,
	} {
		if got := clientName(peer); got != want {
			t.Errorf("%q: %q", peer, got)
		}
	}
}
