package monitor

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"libobe/internal/systemtest"
	"libobe/internal/trace"
)

// start is when the messages of the tests begin.
var start = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// talk is a conversation that is recorded by one side, or by both.
type talk struct {
	t       testing.TB
	model   *Model
	roles   []string // of the sides that record
	kept    bool     // one connection for all commands
	numbers bool     // connections are numbered
	server  string
	client  string

	now        time.Time
	took       time.Duration // of each call, as its reply has it
	connection int
}

func newTalk(t testing.TB, m *Model) *talk {
	return &talk{t: t, model: m, roles: []string{"proxy"}, server: "127.0.0.1:61981", client: "127.0.0.1", now: start}
}

// add feeds one message as a side has recorded it.
func (k *talk) add(role string, isCommand bool, body string) {
	k.now = k.now.Add(time.Millisecond)
	client := k.client
	if !strings.HasPrefix(client, "unix:") {
		client = fmt.Sprintf("%s:%d", client, 40000+k.connection)
	}
	r := trace.Record{Time: k.now, Process: len(role), Role: role, Peer: client, Local: k.server, Direction: trace.Sent, Elapsed: k.took, Body: []byte(body)}
	if role == "client" {
		r.Peer, r.Local = r.Local, r.Peer
	}
	if isCommand != (role == "client") {
		r.Direction = trace.Received
	}
	if k.numbers {
		r.Connection = int64(k.connection + 1)
	}
	k.model.Add(trace.EntryOf(r), true)
}

// ask feeds a command and its reply, in the order in which both sides would record them.
func (k *talk) ask(command, reply string) {
	if !k.kept {
		k.connection++
	}
	k.begin(command)
	k.end(reply)
}

func (k *talk) begin(command string) {
	for _, role := range k.roles {
		k.add(role, true, command)
	}
}

func (k *talk) end(reply string) {
	for _, role := range slices.Backward(k.roles) {
		k.add(role, false, reply)
	}
}

const ok = `"OK"`

func (k *talk) measure(x, y, s string) {
	k.ask(fmt.Sprintf(`{"command": "newdat", "x": %s, "y": %s, "s": %s}`, x, y, s), ok)
}

func (k *talk) newRun() { k.ask(`{"command": "newrun"}`, ok) }

// frameOf returns a frame, which can be written as JSON.
func frameOf(t testing.TB, m *Model, q Query) *Frame {
	t.Helper()
	if q.Points == 0 {
		q.Points = defaultPoints
	}
	f, err := m.Frame(q)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := json.Marshal(f); err != nil {
		t.Fatal(err)
	}
	return f
}

// expect compares the JSON of a value.
func expect(t testing.TB, what string, got any, want string) {
	t.Helper()
	text, err := json.Marshal(got)
	if err != nil || string(text) != want {
		t.Errorf("%s: %s, %v\nwant %s", what, text, err, want)
	}
}

// A short run looks the same whichever side has recorded it, and in both styles of connections.
func TestEverySideAndStyle(t *testing.T) {
	for _, roles := range [][]string{{"client"}, {"server"}, {"proxy"}, {"client", "server"}, {"server", "client"}, {"client", "proxy"}} {
		for _, kept := range []bool{false, true} {
			for _, numbers := range []bool{false, true} {
				m := New("run.jsonl", nil)
				k := newTalk(t, m)
				k.roles, k.kept, k.numbers = roles, kept, numbers
				k.ask(`{"command": "ready"}`, ok)
				k.newRun()
				for range 3 { // equal commands are different ones
					k.ask(`{"command": "goodset", "pickiness": 4}`, `[2.5]`)
					k.measure("[2.5]", "[9.5]", "[0.25]")
					k.ask(`{"command": "getmean"}`, `[2.5, 1]`)
					k.ask(`{"command": "getstd"}`, `[0.5, NaN]`)
				}
				f := frameOf(t, m, Query{})
				name := fmt.Sprint(roles, kept, numbers)
				expect(t, name, f.Run.Points, `{"number":[1,2,3],"settings":[[2.5,2.5,2.5]],"values":[[9.5,9.5,9.5]],"sigma":[[0.25,0.25,0.25]]}`)
				expect(t, name, f.Run.Chosen, `{"number":[1,2,3],"settings":[[2.5,2.5,2.5]]}`)
				expect(t, name, f.Run.Estimates, `{"number":[1,2,3],"mean":[[2.5,2.5,2.5],[1,1,1]],"std":[[0.5,0.5,0.5],[null,null,null]]}`)
				expect(t, name, f.Run.Latest, `{"settings":[2.5],"values":[9.5],"sigma":[0.25],"mean":[2.5,1],"std":[0.5,null]}`)
				total := 14
				if kept {
					total = 1
				}
				last := k.now
				if len(roles) == 2 {
					last = last.Add(-time.Millisecond) // the side that was first
				}
				peers, _ := json.Marshal([]Peer{{"127.0.0.1", 28, stamp(last)}})
				expect(t, name, f.Connections, fmt.Sprintf(`{"open":null,"total":%d,"peers":%s}`, total, peers))
			}
		}
	}
}

// One side of a connection may lack messages, such as when its disk was full.
func TestOneSideLacksMessages(t *testing.T) {
	m := New("", nil)
	k := newTalk(t, m)
	k.kept = true
	data := func(y int) string { return fmt.Sprintf(`{"command": "newdat", "x": 1, "y": %d}`, y) }
	k.add("client", true, data(1)) // the server has not recorded it
	k.add("client", false, ok)
	k.add("server", true, data(2)) // the client has not recorded it
	k.add("server", false, ok)
	k.add("client", true, data(3)) // the client gave up before the reply
	k.add("server", true, data(3))
	k.add("server", false, ok)
	k.connection++
	k.add("client", true, data(4)) // and the server has not recorded this reply
	k.add("server", true, data(4))
	k.add("client", false, ok)
	f := frameOf(t, m, Query{})
	if f.Run.Measurements != 4 {
		t.Errorf("%d measurements", f.Run.Measurements)
	}
	slices.Sort(f.Run.Points.Values[0])
	expect(t, "values", f.Run.Points.Values, `[[1,2,3,4]]`)
}

// Both sides of a Unix-domain socket have other names for the client.
func TestBothSidesOfUnixSocket(t *testing.T) {
	m := New("", nil)
	k := newTalk(t, m)
	k.server = "unix:/obe"
	for range 5 {
		k.client = "unix:/obe"
		k.add("client", true, `{"command": "newdat", "x": 1, "y": 2}`)
		k.client = "unix:/obe#7"
		k.add("proxy", true, `{"command": "newdat", "x": 1, "y": 2}`)
		k.add("proxy", false, ok)
		k.client = "unix:/obe"
		k.add("client", false, ok)
	}
	if f := frameOf(t, m, Query{}); f.Run.Measurements != 5 {
		t.Errorf("%d measurements", f.Run.Measurements)
	}
}

// Two clients that wait at the same time get their own replies.
func TestInterleaved(t *testing.T) {
	m := New("", nil)
	one, two := newTalk(t, m), newTalk(t, m)
	two.connection = 5
	one.begin(`{"command": "getmean"}`)
	two.begin(`{"command": "newdat", "x": 1, "y": 2}`)
	one.end(`[3]`)
	two.end(ok)
	one.begin(`{"command": "getstd"}`)
	two.begin(`{"command": "getmean"}`)
	two.end(`[4]`)
	one.end(`[5]`)
	expect(t, "latest", frameOf(t, m, Query{}).Run.Latest, `{"settings":[1],"values":[2],"sigma":[],"mean":[4],"std":[5]}`)
}

// A client that sends very many commands before it reads a reply gets the replies in their order,
// in a time that does not grow with the square of their number.
func TestManyInFlight(t *testing.T) {
	m := New("", nil)
	k := newTalk(t, m)
	k.kept, k.took = true, time.Microsecond
	const total = 60_000
	for i := range total {
		k.begin(fmt.Sprintf(`{"command": "newdat", "x": %d, "y": 2}`, i))
	}
	began := systemtest.CPUTime(t)
	for range total {
		k.end(ok)
	}
	// 0.3 s, and 79 s if each reply is compared with all commands.
	if took := systemtest.CPUTime(t) - began; took > 4*systemtest.Soon {
		t.Errorf("it took %v", took)
	}
	r := m.runs[0]
	if x := r.measured.groups[settingsGroup][0]; len(x) != total || !slices.IsSorted(x) {
		t.Errorf("%d measurements, in another order", len(x))
	}
}

// Names are those of an experiment until the server describes itself.
func TestDescribe(t *testing.T) {
	m := New("", nil)
	m.Describe([]byte(`{"title": "Dip", "settings": [{"name": "frequency", "unit": "GHz"}]}`))
	k := newTalk(t, m)
	k.newRun()
	k.measure("[1]", "[1]", "[1]")
	expect(t, "settings", frameOf(t, m, Query{}).Run.Settings, `[{"name":"frequency","unit":"GHz"}]`)
	k.ask(`{"command": "describe"}`, `{"settings": [{"name": "power", "unit": "mW"}]}`)
	expect(t, "settings", frameOf(t, m, Query{}).Run.Settings, `[{"name":"power","unit":"mW"}]`)
}

func TestRuns(t *testing.T) {
	m := New("", nil)
	k := newTalk(t, m)
	k.ask(`{"command": "goodset"}`, `[1]`)
	k.ask(`{"command": "getmean"}`, `[1]`)
	if f := frameOf(t, m, Query{}); f.Run != nil || len(f.Runs) != 0 || f.State != "live" {
		t.Errorf("a run began with a question: %+v", f)
	}
	k.measure("[1]", "[1]", "[1]") // a trace that begins in the middle of a run
	expect(t, "chosen before", frameOf(t, m, Query{}).Run.Chosen, `{"number":[1],"settings":[[1]]}`)
	k.newRun()
	k.measure("[2]", "[2]", "[2]")
	k.measure("[3]", "[3]", "[3]")
	k.ask(`{"command": "newrun"}`, `{"error": "no"}`)
	k.ask(`{"command": "newrun"}`, `false`)
	k.measure("[4]", "[4]", "[4]")
	k.server = "127.0.0.1:61999" // another one
	k.newRun()
	k.server = "127.0.0.1:61981"
	k.measure("[5]", "[5]", "[5]")
	f := frameOf(t, m, Query{})
	counts := []int64{}
	for _, r := range f.Runs {
		counts = append(counts, r.Measurements)
	}
	expect(t, "measurements", counts, `[1,4,0]`)
	if f.Run.Number != 3 {
		t.Errorf("the latest run is %d", f.Run.Number)
	}
	expect(t, "run 2", frameOf(t, m, Query{Run: 2}).Run.Points.Values, `[[2,3,4,5]]`)
	expect(t, "an empty run", f.Run.Points, `{"number":[],"settings":[],"values":[],"sigma":[]}`)
	_, err := m.Frame(Query{Run: 4, Points: MinPoints})
	if err == nil || err.Error() != "there is no run 4: the last one has the number 3" {
		t.Error(err)
	}
	if f.Errors.Count != 1 || f.Errors.Last.Text != "newrun: no" || f.Errors.Last.Peer != "127.0.0.1" {
		t.Errorf("%+v", f.Errors)
	}
}

// What the page cannot draw, it counts.
func TestOddMeasurements(t *testing.T) {
	m := New("", nil)
	k := newTalk(t, m)
	k.newRun()
	k.measure("1.5", "2", "0.5") // numbers
	k.measure("[1,2]", "[3,4,5]", "0.5")
	k.measure("[]", "null", "[]")
	k.measure("[NaN]", "[Infinity]", "[-Infinity]")
	k.measure("[1e999]", "[-1e999]", "[123456789012345678901234567890]")
	k.measure(`"2.5"`, `{"a": 1}`, `true`)
	k.measure(`[[7, 8], 9]`, `[true]`, `["x"]`)
	k.ask(`{"command": "newdat"}`, ok)
	k.ask(`["newdat"]`, ok)                                          // is no command
	k.ask(`{"command": 5}`, ok)                                      // nor is this
	k.ask(`{"command": "newdat", "x": 9, "y": 9}`, `"ok"`)           // no OK
	k.ask(`{"command": "newdat", "x": 9, "y": 9}`, `{"error": "s"}`) // refused
	k.ask(`{"command": "newdat", "x": 6, "x": 5, "y": 4}`, ok)       // the last one counts
	k.begin(`{"command": "newdat", "x": 9, "y": 9}`)                 // no reply
	f := frameOf(t, m, Query{})
	expect(t, "settings", f.Run.Points.Settings, `[[1.5,1,null,null,null,null,7,null,5],[null,2,null,null,null,null,8,null,null],[null,null,null,null,null,null,9,null,null]]`)
	expect(t, "values", f.Run.Points.Values, `[[2,3,null,null,null,null,null,null,4],[null,4,null,null,null,null,null,null,null],[null,5,null,null,null,null,null,null,null]]`)
	expect(t, "sigma", f.Run.Points.Sigma, `[[0.5,0.5,null,null,1.2345678901234568e+29,null,null,null,null],[null,0.5,null,null,null,null,null,null,null],[null,0.5,null,null,null,null,null,null,null]]`)
	expect(t, "names", f.Run.Settings, `[{"name":"x 1","unit":""},{"name":"x 2","unit":""},{"name":"x 3","unit":""}]`)
}

// A spectrum, or a hostile list, is shown in part, and a message that the trace has cut is
// counted.
func TestLongLists(t *testing.T) {
	m := New("", nil)
	k := newTalk(t, m)
	k.newRun()
	long := "[" + strings.Repeat("1,", 100_000) + "1]"
	k.measure(long, long, long)
	k.ask(`{"command": "getmean"}`, long)
	k.ask(`{"command": "optset"}`, long)
	k.ask(`{"command": "newdat", "x": 1, "y": [`+strings.Repeat("1,", trace.MaxBody)+`1]}`, ok)
	k.ask(`{"command": "goodset"}`, "["+strings.Repeat("1,", trace.MaxBody)+"1]")
	k.ask(`{"command": "goodset"}`, `{"error": "`+strings.Repeat("x", trace.MaxBody)+`"}`)
	k.ask(`{"command": "goodset"}`, `{"error": "`+strings.Repeat("x", 100_000)+`"}`)
	f := frameOf(t, m, Query{})
	if f.Run.Measurements != 2 || len(f.Run.Settings) != maxSettings || len(f.Run.Channels) != maxChannels || len(f.Run.Parameters) != maxParameters || len(f.Run.Chosen.Settings) != maxSettings {
		t.Errorf("%d measurements, %d settings, %d channels, %d parameters", f.Run.Measurements, len(f.Run.Settings), len(f.Run.Channels), len(f.Run.Parameters))
	}
	if f.Errors.Count != 1 || len(f.Errors.Last.Text) > maxText+30 {
		t.Errorf("%+v", f.Errors)
	}
}

func TestEstimates(t *testing.T) {
	m := New("", nil)
	k := newTalk(t, m)
	k.newRun()
	k.ask(`{"command": "getstd"}`, `[9]`)
	k.measure("1", "1", "1")
	k.ask(`{"command": "getmean"}`, `[1]`)
	k.measure("1", "1", "1")
	k.ask(`{"command": "getstd"}`, `[3]`)
	k.ask(`{"command": "getmean"}`, `[2]`)
	k.ask(`{"command": "getmean"}`, `[4]`) // the last one counts
	k.ask(`{"command": "getmean"}`, `"none"`)
	expect(t, "estimates", frameOf(t, m, Query{}).Run.Estimates, `{"number":[0,1,2],"mean":[[null,1,4]],"std":[[9,null,3]]}`)
	expect(t, "a range", frameOf(t, m, Query{From: 1, To: 1}).Run.Estimates, `{"number":[1],"mean":[[1]],"std":[[null]]}`)
}

func TestDescriptions(t *testing.T) {
	m := New("", nil)
	k := newTalk(t, m)
	k.newRun()
	k.measure("[1, 2]", "3", "4")
	k.ask(`{"command": "getmean"}`, `[1, 2]`)
	names := func() string {
		f := frameOf(t, m, Query{})
		text, _ := json.Marshal([]any{f.Runs[0].Title, f.Run.Settings, f.Run.Channels, f.Run.Parameters})
		return string(text)
	}
	const plain = `["",[{"name":"x 1","unit":""},{"name":"x 2","unit":""}],[{"name":"y","unit":""}],[{"name":"parameter 1","unit":""},{"name":"parameter 2","unit":""}]]`
	for _, odd := range []string{`[]`, `null`, `7`, `"frequency"`, `{}`, `{"settings": {"name": "x"}}`, `{"settings": [1, null, [], {"name": 5}], "channels": "y", "title": []}`, `{"error": "unknown"}`} {
		k.ask(`{"command": "describe"}`, odd)
		if got := names(); got != plain {
			t.Errorf("%s: %s", odd, got)
		}
	}
	k.ask(`{"command": "describe"}`, `{"title": "Dip", "settings": [{"name": "frequency", "unit": "GHz", "range": [1, 2]}, {"unit": "mW"}, {"name": "third"}], "channels": [{"name": "<b>signal</b>", "unit": "V"}], "parameters": [{"name": "centre", "unit": "GHz", "description": "where"}], "future": {}}`)
	if got, want := names(), `["Dip",[{"name":"frequency","unit":"GHz"},{"name":"x 2","unit":"mW"}],[{"name":"\u003cb\u003esignal\u003c/b\u003e","unit":"V"}],[{"name":"centre","unit":"GHz"},{"name":"parameter 2","unit":""}]]`; got != want {
		t.Errorf("%s", got)
	}
	k.ask(`{"command": "describe"}`, `{"title": "`+strings.Repeat("ü", 5000)+`"}`)
	if title := frameOf(t, m, Query{}).Runs[0].Title; len(title) > maxName+30 {
		t.Errorf("the title has %d bytes", len(title))
	}
}

// A range has its numbers, and the latest run is that which began last.
func TestRanges(t *testing.T) {
	m := New("", nil)
	k := newTalk(t, m)
	k.newRun()
	for i := range 10 {
		k.ask(`{"command": "optset"}`, fmt.Sprint("[", i, "]"))
		k.measure(fmt.Sprint(i), "1", "1")
	}
	k.ask(`{"command": "optset"}`, "[99]")
	for _, c := range []struct {
		q              Query
		points, chosen string
		from, to       int64
	}{
		{Query{}, `[1,2,3,4,5,6,7,8,9,10]`, `[1,2,3,4,5,6,7,8,9,10,11]`, 1, 10},
		{Query{From: 3, To: 5}, `[3,4,5]`, `[3,4,5]`, 3, 5},
		{Query{From: 9}, `[9,10]`, `[9,10,11]`, 9, 10},
		{Query{To: 2}, `[1,2]`, `[1,2]`, 1, 2},
		{Query{From: 50}, `[]`, `[]`, 50, 10},
		{Query{From: 1, To: 1 << 53}, `[1,2,3,4,5,6,7,8,9,10]`, `[1,2,3,4,5,6,7,8,9,10]`, 1, 10},
	} {
		f := frameOf(t, m, c.q).Run
		expect(t, fmt.Sprint(c.q), f.Points.Number, c.points)
		expect(t, fmt.Sprint(c.q), f.Chosen.Number, c.chosen)
		if f.From != c.from || f.To != c.to {
			t.Errorf("%v: from %d to %d", c.q, f.From, f.To)
		}
	}
}

// Messages before their commands, of unknown roles, and of times that go back.
func TestOutOfOrder(t *testing.T) {
	m := New("", nil)
	k := newTalk(t, m)
	k.add("proxy", false, ok)
	k.add("gateway", true, `{"command": "newrun"}`)
	m.Add(&trace.Entry{}, false)
	k.newRun()
	k.now = start.Add(-time.Hour)
	k.measure("1", "1", "1")
	f := frameOf(t, m, Query{})
	if f.Run.Measurements != 1 || f.Run.Elapsed != 0 {
		t.Errorf("%+v", f.Run)
	}
}

// States, and what is not a message.
func TestStates(t *testing.T) {
	m := New("run.jsonl", func() (open, total int64) { return 3, 17 })
	f := frameOf(t, m, Query{})
	if f.State != "waiting" || f.Title != "run.jsonl" || *f.Connections.Open != 3 || f.Connections.Total != 17 {
		t.Errorf("%+v", f)
	}
	m.Tell("", "no connection to the server")
	newTalk(t, m).newRun()
	m.SetDamaged(2)
	if f = frameOf(t, m, Query{}); f.State != "live" || f.Errors.Last.Text != "no connection to the server" || f.Damaged != 2 {
		t.Errorf("%+v", f)
	}
	m.End(errors.New("the disk is gone"))
	if f = frameOf(t, m, Query{}); f.State != "ended" || f.Problem != "the disk is gone" {
		t.Errorf("%+v", f)
	}
}

func TestRate(t *testing.T) {
	var r rate
	now := time.Hour
	if got := r.perSecond(now); got != 0 {
		t.Errorf("without measurements: %v", got)
	}
	r.add(now)
	if got := r.perSecond(now); got != 1 {
		t.Errorf("with one: %v", got)
	}
	for range 1000 {
		now += 10 * time.Millisecond
		r.add(now)
	}
	if got := r.perSecond(now); math.Abs(got-100) > 6 {
		t.Errorf("with 100 a second: %v", got)
	}
	if got := r.perSecond(now + rateTime + rateBin); got != 0 {
		t.Errorf("after a pause: %v", got)
	}
	r.add(now + time.Hour)
	if got := r.perSecond(now + time.Hour); got != 0.2 {
		t.Errorf("after a long pause: %v", got)
	}
}

// A hundred thousand measurements are all there, and of millions the frame has the whole run and
// its outliers, within a bound of memory.
func TestMillionsOfMeasurements(t *testing.T) {
	m := New("", nil)
	m.most = maxNumbers / 16 // the same for a sixteenth of the time
	k := newTalk(t, m)
	k.newRun()
	r := m.runs[0]
	const outlier, total = 12_345, 400_000
	for i := 1; i <= total; i++ {
		y := math.Sin(float64(i))
		if i == outlier {
			y = -77
		}
		m.change(r, func(r *run) { r.measure([]float64{1}, []float64{y}, []float64{0.5}) })
		if i == 100_000 && r.measured.rows() != i {
			t.Fatalf("%d of %d are kept", r.measured.rows(), i)
		}
	}
	if m.numbers > m.most || r.measured.rows() < total/8 {
		t.Errorf("%d numbers of %d rows are kept", m.numbers, r.measured.rows())
	}
	f := frameOf(t, m, Query{Points: 500}).Run
	if f.Measurements != total || len(f.Points.Number) > 500 || len(f.Points.Number) < 300 || f.Points.Number[0] != 1 || f.Points.Number[len(f.Points.Number)-1] != total {
		t.Errorf("%d points of %d measurements", len(f.Points.Number), f.Measurements)
	}
	if slices.Min(f.Points.Values[0]) != -77 {
		t.Error("the outlier is lost")
	}
}

// Whatever a trace has, memory is bounded.
func TestBounds(t *testing.T) {
	m := New("", nil)
	k := newTalk(t, m)
	const links = maxLinks + 500
	for i := range links {
		k.server = fmt.Sprintf("10.0.0.1:%d", i)
		k.client = fmt.Sprintf("10.1.%d.%d", i/250, i%250)
		k.connection = i
		k.newRun()
		k.ask(`{"command": "goodset"}`, `[1]`)
		k.begin(`{"command": "getmean"}`)
	}
	f := frameOf(t, m, Query{})
	if len(f.Runs) != maxRuns || f.Run.Number != links || len(f.Connections.Peers) != maxPeers {
		t.Errorf("%d runs, the latest is %d, %d peers", len(f.Runs), f.Run.Number, len(f.Connections.Peers))
	}
	if len(m.links.known) > maxLinks || len(m.unpaired.known) > maxLinks || len(m.servers.known) > maxServers || len(m.clients.known) > maxClients || m.waiting > maxLinks {
		t.Errorf("%d links, %d servers, %d clients, %d waiting", len(m.links.known), len(m.servers.known), len(m.clients.known), m.waiting)
	}
	sum := 0
	for _, r := range m.runs {
		sum += r.size()
	}
	for s := range m.servers.all {
		if s.current != nil && !s.isListed {
			sum += s.current.size()
		}
	}
	if sum != m.numbers {
		t.Errorf("%d numbers are counted, and there are %d", m.numbers, sum)
	}
	_, err := m.Frame(Query{Run: 1, Points: MinPoints})
	if err == nil || !strings.HasPrefix(err.Error(), "run 1 is not kept any more") {
		t.Error(err)
	}
	// One connection with commands that get no reply.
	k.kept = true
	for range maxWaiting + 10 {
		k.begin(`{"command": "newdat", "x": 1, "y": 2}`)
	}
	if m.waiting > maxWaiting {
		t.Errorf("%d commands are waiting", m.waiting)
	}
}

// The frame is what the contract with the page says.
func TestFrameMembers(t *testing.T) {
	m := New("run.jsonl", nil)
	k := newTalk(t, m)
	k.newRun()
	k.measure("[2.5]", "[9.5]", "[0.25]")
	k.ask(`{"command": "x"}`, `{"error": "why"}`)
	f := frameOf(t, m, Query{})
	f.Now, f.Run.Rate = stamp(start), 0
	text, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"version":1,"title":"run.jsonl","state":"live","problem":"","damaged":0,"now":"2026-03-04T05:06:07.000Z",
"runs":[{"number":1,"title":"","began":"2026-03-04T05:06:07.001Z","measurements":1}],
"run":{"number":1,"began":"2026-03-04T05:06:07.001Z","last":"2026-03-04T05:06:07.006Z","elapsed_s":0.005,"measurements":1,"rate":0,
"settings":[{"name":"x","unit":""}],"channels":[{"name":"y","unit":""}],"parameters":[],"from":1,"to":1,
"points":{"number":[1],"settings":[[2.5]],"values":[[9.5]],"sigma":[[0.25]]},
"chosen":{"number":[],"settings":[[]]},"estimates":{"number":[],"mean":[],"std":[]},
"latest":{"settings":[2.5],"values":[9.5],"sigma":[0.25],"mean":[],"std":[]},"trust":null},
"errors":{"count":1,"last":{"time":"2026-03-04T05:06:07.006Z","peer":"127.0.0.1","text":"x: why"}},
"connections":{"open":null,"total":3,"peers":[{"peer":"127.0.0.1","messages":6,"last":"2026-03-04T05:06:07.006Z"}]}}`
	if got := string(text); got != strings.ReplaceAll(want, "\n", "") {
		t.Errorf("the frame is\n%s", got)
	}
	if bytes.Contains(text, []byte("NaN")) {
		t.Error("it is not JSON")
	}
}

// What a server says of its posterior belongs to the run, until it says something else.
func TestTrust(t *testing.T) {
	m := New("run.jsonl", nil)
	k := newTalk(t, m)
	k.newRun()
	k.measure("1", "2", "3")
	trust := func(want string) {
		t.Helper()
		expect(t, "trust", frameOf(t, m, Query{}).Run.Trust, want)
	}
	k.ask(`{"command": "describe"}`, `{"title": "dip"}`)
	trust(`null`)
	k.ask(`{"command": "describe"}`, `{"trusted": false, "warnings": ["Why.", 3, "And why."]}`)
	k.measure("1", "2", "3")
	k.ask(`{"command": "describe"}`, `{"trusted": "perhaps", "warnings": []}`)
	trust(`{"measurements":1,"trusted":false,"warnings":["Why.","And why."]}`)
	many := strings.Repeat(`"`+strings.Repeat("x", 2*maxText)+`",`, 2*maxWarnings)
	k.ask(`{"command": "describe"}`, `{"trusted": false, "warnings": [`+strings.TrimSuffix(many, ",")+`]}`)
	if got := frameOf(t, m, Query{}).Run.Trust.Warnings; len(got) != maxWarnings || len(got[0]) > maxText+20 {
		t.Errorf("%d warnings, of %d bytes", len(got), len(got[0]))
	}
	k.ask(`{"command": "describe"}`, `{"trusted": true}`)
	trust(`{"measurements":2,"trusted":true,"warnings":[]}`)
	k.newRun()
	trust(`null`)
}

// What a server has written about itself is of no client.
func TestServerOnAllInterfaces(t *testing.T) {
	m := New("run.jsonl", nil)
	own := trace.Record{Time: start, Process: len("server"), Role: "server", Local: "0.0.0.0:61981", Direction: trace.Received, Body: []byte(`{"command": "describe"}`)}
	m.Add(trace.EntryOf(own), true)
	own.Direction, own.Body = trace.Sent, []byte(`{"title": "dip", "parameters": [{"name": "centre"}], "trusted": true}`)
	m.Add(trace.EntryOf(own), true)
	k := newTalk(t, m)
	k.roles = []string{"server"}
	for i, address := range []string{"127.0.0.1:61981", "192.0.2.1:61981"} {
		k.server = address
		k.measure("1", "2", "3")
		k.ask(`{"command": "getmean"}`, "[1]")
		f := frameOf(t, m, Query{})
		if len(f.Runs) != 1 || f.Run.Measurements != int64(i+1) || f.Run.Parameters[0].Name != "centre" || len(f.Connections.Peers) != 1 {
			t.Errorf("%s: %+v", address, f)
		}
	}
}
