package main

import (
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"libobe/internal/metrics"
	"libobe/internal/systemtest"
)

// startMeasured starts the program with --metrics. It returns the address of the metrics.
func startMeasured(t *testing.T, args ...string) (p *process, url string) {
	t.Helper()
	p = start(t, append(args, "--metrics", ":0")...)
	_, url, _ = strings.Cut(p.stderr.find("metrics are at "), "metrics are at ")
	return p, url
}

// scrape reads metrics as Prometheus does. What its linter says is an error.
func scrape(t testing.TB, url string) map[string]*dto.MetricFamily {
	t.Helper()
	status, text := get(t, url)
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if status != http.StatusOK || err != nil {
		t.Fatal(status, err, text)
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	if err != nil {
		t.Error(err)
	}
	return families
}

// samples returns the values of the metrics of obe, by name and labels; of a histogram its count.
func samples(t testing.TB, url string) map[string]float64 {
	t.Helper()
	all := map[string]float64{}
	for name, family := range scrape(t, url) {
		for _, m := range family.Metric {
			var labels []string
			for _, l := range m.Label {
				labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
			}
			key := name
			if labels != nil {
				key += "{" + strings.Join(labels, ",") + "}"
			}
			switch {
			case m.Counter != nil:
				all[key] = m.Counter.GetValue()
			case m.Gauge != nil:
				all[key] = m.Gauge.GetValue()
			case m.Histogram != nil:
				all[key] = float64(m.Histogram.GetSampleCount())
			}
		}
	}
	return all
}

// untilMetrics reads metrics until they have some values.
func untilMetrics(t testing.TB, url string, want map[string]float64) {
	t.Helper()
	for end := time.Now().Add(limit); ; time.Sleep(5 * time.Millisecond) {
		var wrong []string
		got := samples(t, url)
		for _, key := range slices.Sorted(maps.Keys(want)) {
			if value, found := got[key]; !found || value != want[key] {
				wrong = append(wrong, fmt.Sprintf("%s is %v, not %v", key, value, want[key]))
			}
		}
		if wrong == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s", strings.Join(wrong, "\n"))
		}
	}
}

// askHalf sends half a message and ends the connection.
func askHalf(t *testing.T, at string) {
	t.Helper()
	conn := connect(t, at)
	_, _ = io.WriteString(conn, framed(`{"command": "ready"}`)[:15])
	conn.Close()
}

func TestMetricsOfListen(t *testing.T) {
	p, url := startMeasured(t, "listen", ":0", "--stay", "--script", write(t, "faults.toml", faults))
	at := p.address()
	kept := connect(t, at)
	for range 3 {
		exchange(t, kept, framed(`{"command": "newrun"}`))
	}
	closed := connect(t, at)
	_, _ = io.WriteString(closed, framed(`{"command": "close"}`))
	_, _ = io.ReadAll(closed)
	askHalf(t, at)
	_, _ = io.WriteString(connect(t, at), "GET / HTTP/1.1\r\n\r\n")
	untilMetrics(t, url, map[string]float64{
		"obe_connections_opened_total": 4, "obe_connections_open": 1, "obe_messages_received_total": 4, "obe_messages_sent_total": 3,
		"obe_faults_sent_total": 1, `obe_problems_total{kind="cut"}`: 1, `obe_problems_total{kind="not_valid"}`: 1,
		`obe_problems_total{kind="unexpected"}`: 0, `obe_build_info{command="listen",version="` + version + `"}`: 1,
	})
}

func TestMetricsOfRecord(t *testing.T) {
	at := answer(t, func(string) []byte { return []byte(`"OK"`) })
	p, url := startMeasured(t, "record", "--listen", ":0", "--to", at, "--out", filepath.Join(systemtest.TempDir(t), "run.jsonl"))
	proxy := p.address()
	kept := connect(t, proxy)
	for range 2 {
		exchange(t, kept, framed(`{"command": "newrun"}`)) // 31 bytes
	}
	askHalf(t, proxy)
	_, _ = io.WriteString(connect(t, proxy), "GET / HTTP/1.1\r\n\r\n")
	untilMetrics(t, url, map[string]float64{
		"obe_connections_opened_total": 3, `obe_forwarded_messages_total{from="client"}`: 2, `obe_forwarded_messages_total{from="server"}`: 2,
		`obe_forwarded_bytes_total{from="client"}`: 62, `obe_forwarded_bytes_total{from="server"}`: 28, "obe_reply_duration_seconds": 2,
		"obe_recorded_messages_total": 4, "obe_unrecorded_messages_total": 0, "obe_recorder_waiting_messages": 0,
		`obe_problems_total{kind="cut"}`: 1, `obe_problems_total{kind="not_frames"}`: 1, `obe_problems_total{kind="server_missing"}`: 0,
	})
}

func TestMetricsOfWatch(t *testing.T) {
	run := newRecordedRun(t)
	run.exchanges(`{"command": "newrun"}`, okReply, measurement(1), okReply, `{"command": "x"}`, `{"error": "unknown"}`)
	_, url := startMeasured(t, "watch", run.path, "--no-open")
	want := map[string]float64{
		"obe_watch_messages_total": 6, "obe_watch_runs_total": 1, "obe_watch_errors_total": 1, "obe_watch_damaged_lines_total": 0,
	}
	untilMetrics(t, url, want)
	run.exchanges(measurement(2), okReply)
	want["obe_watch_messages_total"] = 8
	untilMetrics(t, url, want)

	at := answer(t, func(string) []byte { return []byte(`"OK"`) })
	p, url := startMeasured(t, "watch", "--no-open", "--listen", ":0", "--to", at)
	askAt(t, p.address(), `{"command": "newrun"}`)
	untilMetrics(t, url, map[string]float64{
		"obe_watch_messages_total": 2, "obe_watch_runs_total": 1, `obe_forwarded_messages_total{from="client"}`: 1,
		"obe_connections_opened_total": 1, "obe_connections_open": 0,
	})
	if _, recorded := samples(t, url)["obe_recorded_messages_total"]; recorded {
		t.Error("messages are said to be recorded, without --out")
	}
}

func TestMetricsOfReplay(t *testing.T) {
	p, url := startMeasured(t, "replay", writeTrace(t, `{"command": "newrun"}`), "--as-server", "--listen", ":0")
	at := p.address()
	for _, command := range []string{"newrun", "newrun", "getcov"} {
		askAt(t, at, `{"command": "`+command+`"}`)
	}
	askHalf(t, at)
	untilMetrics(t, url, map[string]float64{
		"obe_messages_received_total": 3, "obe_messages_sent_total": 3, "obe_connections_opened_total": 4,
		`obe_connections_dropped_total{reason="incomplete"}`: 1, `obe_problems_total{kind="repeated"}`: 1, `obe_problems_total{kind="unknown"}`: 1,
	})
}

func TestMetricsOfSimulate(t *testing.T) {
	f := startFakeDesigner(t)
	_, url := startMeasured(t, "simulate", write(t, "line.toml", lineExperiment), f.at, "--measurements", "1000000")
	for end := time.Now().Add(limit); ; {
		got := samples(t, url)
		if n := got["obe_simulate_measurements_total"]; n > 10 && got["obe_messages_sent_total"] > 2*n {
			break
		}
		if time.Now().After(end) {
			t.Fatal(got)
		}
	}
}

// An end of a gateway counts what it answers itself, while there is no NATS server.
func TestMetricsOfGateway(t *testing.T) {
	p, url := startMeasured(t, "gateway", "--listen", ":0", "--nats", "nats://127.0.0.1:1/obe.nv3")
	at := p.address()
	for range 3 {
		if got := askAt(t, at, `{"command": "newrun"}`); !strings.Contains(got, `"error"`) {
			t.Error(got)
		}
	}
	untilMetrics(t, url, map[string]float64{
		"obe_gateway_commands_total": 3, "obe_gateway_errors_total": 3, "obe_gateway_replies_total": 0, "obe_gateway_connected": 0,
		`obe_gateway_runs{state="idle"}`: 1, `obe_gateway_runs{state="run"}`: 0, "obe_gateway_reply_duration_seconds": 0,
		"obe_messages_received_total": 3, "obe_messages_sent_total": 3, `obe_problems_total{kind="failed"}`: 3,
	})
	if samples(t, url)[`obe_problems_total{kind="unreachable"}`] < 1 {
		t.Error("no attempt to reach the NATS server has failed")
	}
	_, url = startMeasured(t, "gateway", "--to", unusedAddress(t), "--nats", "nats://127.0.0.1:1/obe.nv3")
	untilMetrics(t, url, map[string]float64{"obe_gateway_commands_total": 0, "obe_gateway_connected": 0})
}

func TestMetricsOfDesign(t *testing.T) {
	p, url := startMeasured(t, "design", write(t, "line.toml", lineExperiment), ":0", "--stay")
	at := p.address()
	untilMetrics(t, url, map[string]float64{
		"obe_designer_runs_total": 1, "obe_designer_run_measurements": 0, "obe_designer_trusted": 1, "obe_designer_particles": 2000,
	})
	measureLine(t, at, 0, 30)
	untilMetrics(t, url, map[string]float64{
		"obe_designer_run_measurements": 30, "obe_designer_measurements_total": 30, "obe_messages_received_total": 60,
		`obe_designer_answer_duration_seconds{command="goodset"}`: 30, `obe_designer_answer_duration_seconds{command="newdat"}`: 30,
		"obe_designer_errors_total": 0, "obe_designer_trusted": 1,
	})
	mean, std := numbersOf(t, askAt(t, at, `{"command": "getmean"}`)), numbersOf(t, askAt(t, at, `{"command": "getstd"}`))
	got := samples(t, url)
	for i, labels := range []string{`{parameter="slope",unit="V"}`, `{parameter="offset",unit=""}`} {
		if m, s := got["obe_designer_estimate_mean"+labels], got["obe_designer_estimate_std"+labels]; m != mean[i] || s != std[i] {
			t.Errorf("%s is %v ± %v, and the replies are %v ± %v", labels, m, s, mean[i], std[i])
		}
	}
	if n := got["obe_designer_effective_sample_size"]; !(n > 100 && n <= 2000) {
		t.Errorf("the effective sample size is %v", n)
	}

	// No peer can add a series.
	before := len(got)
	conn := connect(t, at)
	for i := range 200 {
		exchange(t, conn, framed(fmt.Sprintf(`{"command": "c%d", "x{y=\"z\"}": %d}`, i, i)))
	}
	exchange(t, conn, framed(`[]`))
	untilMetrics(t, url, map[string]float64{"obe_designer_errors_total": 201, `obe_designer_answer_duration_seconds{command="other"}`: 201})
	if after := len(samples(t, url)); after > before+5 { // the commands that were not counted before, and other
		t.Errorf("there are %d values, and before %d", after, before)
	}

	// A new run, in which no line fits.
	exchange(t, conn, framed(`{"command": "newrun"}`))
	untilMetrics(t, url, map[string]float64{"obe_designer_runs_total": 2, "obe_designer_run_measurements": 0, "obe_designer_measurements_total": 30})
	for i := range 20 {
		exchange(t, conn, framed(fmt.Sprintf(`{"command": "newdat", "x": [0.5], "y": [%d], "s": [0.001]}`, i%2)))
	}
	untilMetrics(t, url, map[string]float64{
		"obe_designer_run_measurements": 20, "obe_designer_measurements_total": 50, "obe_designer_trusted": 0, "obe_designer_runs_total": 2,
	})
}

// Restored measurements are those of the run, and not made now.
func TestMetricsOfAResumedDesign(t *testing.T) {
	file, run := write(t, "line.toml", lineExperiment), filepath.Join(systemtest.TempDir(t), "run.jsonl")
	p, at := design(t, file, ":0", "--record", run)
	measureLine(t, at, 0, 10)
	p.stop(t)
	p, url := startMeasured(t, "design", file, ":0", "--resume", run, "--record", run)
	p.address()
	untilMetrics(t, url, map[string]float64{"obe_designer_run_measurements": 10, "obe_designer_measurements_total": 0})
}

// scrapeAlways lets four clients read metrics all the time, until the returned function is called.
func scrapeAlways(t *testing.T, url string) (end func()) {
	t.Helper()
	var running sync.WaitGroup
	ended := make(chan bool)
	for range 4 {
		running.Go(func() {
			for {
				select {
				case <-ended:
					return
				default:
				}
				response, err := http.Get(url)
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, response.Body)
				response.Body.Close()
			}
		})
	}
	return sync.OnceFunc(func() {
		close(ended)
		running.Wait()
	})
}

// transcript is what an instrument and a designer said, and what the designer knows then.
func transcript(t *testing.T, at string) string {
	t.Helper()
	measureLine(t, at, 0, 60) // what is measured depends on the replies
	text := estimateAt(t, at)
	for _, command := range []string{"getpar", "getwgt", "goodset", "optset", "describe"} {
		text += askAt(t, at, `{"command": "`+command+`"}`)
	}
	return text
}

// Reading the metrics all the time changes no reply.
func TestMetricsChangeNoReply(t *testing.T) {
	file := write(t, "line.toml", lineExperiment)
	_, at := design(t, file, ":0")
	want := transcript(t, at)
	p, url := startMeasured(t, "design", file, ":0")
	at = p.address()
	defer scrapeAlways(t, url)()
	if got := transcript(t, at); got != want {
		t.Error("the replies differ")
	}
}

// stallReaders asks for metrics, and reads none.
func stallReaders(t *testing.T, url string, count int) {
	t.Helper()
	at := strings.TrimSuffix(strings.TrimPrefix(url, "http://"), metrics.Path)
	for range count {
		conn := connect(t, at)
		blocked := make(chan bool)
		go func() {
			defer close(blocked)
			request := strings.Repeat("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", 100)
			for {
				_ = conn.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
				if _, err := io.WriteString(conn, request); err != nil {
					return // the program reads no request any more, until its answers are read
				}
			}
		}()
		select {
		case <-blocked:
		case <-time.After(limit):
			t.Fatal("the program takes requests without an end")
		}
	}
}

// Readers that have stopped delay neither the conversation nor the end of the program.
func TestMetricsWithStalledReaders(t *testing.T) {
	p, url := startMeasured(t, "design", write(t, "line.toml", lineExperiment), ":0")
	at := p.address()
	stallReaders(t, url, 16)
	for range 100 {
		if got := askAt(t, at, `{"command": "ready"}`); got != `"OK"` {
			t.Fatal(got)
		}
	}
	measureLine(t, at, 0, 20)
	untilMetrics(t, url, map[string]float64{"obe_designer_measurements_total": 20})
	if got := askAt(t, at, `{"command": "done"}`); got != `"OK"` {
		t.Error(got)
	}
	if status := p.wait(); status != exitOK {
		t.Errorf("exit status %d", status)
	}
}

// Connections for the metrics, however many, leave descriptors for the conversation.
func TestMetricsWithFewDescriptors(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no limit of descriptors")
	}
	p := startCommand(t, "sh", "-c", `ulimit -n 40 && exec "$0" "$@"`, binary, "design", write(t, "line.toml", lineExperiment), ":0", "--metrics", ":0")
	_, url, _ := strings.Cut(p.stderr.find("metrics are at "), "metrics are at ")
	at := p.address()
	host := strings.TrimSuffix(strings.TrimPrefix(url, "http://"), metrics.Path)
	for range 60 {
		// Each is kept after its first answer, as Prometheus does, or is refused.
		conn := connect(t, host)
		_, _ = io.WriteString(conn, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
		_ = conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond)) // there may be no descriptor for an answer
		_, _ = conn.Read(make([]byte, 1))
	}
	var kept []net.Conn
	for range 5 {
		conn := connect(t, at)
		if got := exchange(t, conn, framed(`{"command": "ready"}`)); got != `"OK"` {
			t.Fatal(got)
		}
		kept = append(kept, conn)
	}
	measureLine(t, at, 0, 5)
	for _, conn := range kept {
		conn.Close()
	}
}

// The subcommands that have --metrics, without the flag.
func measuredCommands(t *testing.T) map[string][]string {
	t.Helper()
	ok := answer(t, func(string) []byte { return []byte(`"OK"`) })
	run := writeTrace(t, `{"command": "newrun"}`)
	line := write(t, "line.toml", lineExperiment)
	out := filepath.Join(systemtest.TempDir(t), "out.jsonl")
	return map[string][]string{
		"listen":         {"listen", ":0"},
		"record":         {"record", "--listen", ":0", "--to", ok, "--out", out},
		"watch":          {"watch", run, "--no-open"},
		"watch --listen": {"watch", "--listen", ":0", "--to", ok, "--no-open", "--out", out},
		"design":         {"design", line, ":0"},
		"replay":         {"replay", run, "--as-server", "--listen", ":0"},
		"simulate":       {"simulate", line, startFakeDesigner(t).at, "--measurements", "1000000"},
		// There is no NATS server at port 1, and they wait for one.
		"gateway":      {"gateway", "--listen", ":0", "--nats", "nats://127.0.0.1:1/obe.nv3", "--record"},
		"gateway --to": {"gateway", "--to", ok, "--nats", "nats://127.0.0.1:1/obe.nv3"},
	}
}

// A port that is taken, and an address that is none, are mistakes in the command line, told before anything else is done.
func TestMetricsAddresses(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	busy := taken.Addr().String()
	for name, args := range measuredCommands(t) {
		for at, want := range map[string]string{
			busy:          ": another program uses " + busy + " already: end it, or let the system choose a free port with --metrics :0\n",
			"":            "--metrics: an address has a port: write :61981\n",
			"unix:/x":     "--metrics: Prometheus needs a host and a port\n",
			"9464":        "--metrics: an address has a colon before its port: write :9464\n",
			"192.0.2.1:0": "listen on 192.0.2.1:0: ",
		} {
			got := obe(t, "", append(args, "--metrics", at)...)
			if got.status != exitUsage || !strings.Contains(got.stderr, want) || strings.Contains(got.stderr, "listening on") || got.stdout != "" {
				t.Errorf("%s --metrics %q: %+v", name, at, got)
			}
		}
	}
	at := unusedAddress(t)
	for _, c := range [][]string{
		{"ADDRESS", "listen", at},
		{"--listen", "record", "--listen", at, "--to", busy},
		{"--to", "record", "--listen", ":0", "--to", at},
		{"--page", "watch", "--page", at, writeTrace(t, `{"command": "newrun"}`)},
		{"--listen", "watch", "--listen", at},
		{"--to", "watch", "--listen", ":0", "--to", at},
		{"ADDRESS", "design", lorentzianFile, at},
		{"--listen", "replay", writeTrace(t, `{"command": "newrun"}`), "--as-server", "--listen", at},
		{"ADDRESS", "simulate", lorentzianFile, at},
		{"--listen", "gateway", "--listen", at, "--nats", "nats://127.0.0.1:1/obe.nv3"},
		{"--to", "gateway", "--to", at, "--nats", "nats://127.0.0.1:1/obe.nv3"},
	} {
		got := obe(t, "", append(c[1:], "--metrics", at)...)
		want := fmt.Sprintf("--metrics and %s are both %s; the metrics need an address of their own, such as --metrics :0\n", c[0], at)
		got.check(t, result{stderr: want, status: exitUsage})
	}
	obe(t, "", "design", "--check", lorentzianFile, "--metrics", ":0").check(t, result{stderr: "--check and --metrics exclude each other", status: exitUsage})
	obe(t, "", "replay", writeTrace(t, `{"command": "newrun"}`), "--list", "--metrics", ":0").check(t, result{stderr: "--list and --metrics exclude each other", status: exitUsage})
}

// People are told if other machines can read the metrics.
func TestMetricsOnAllInterfaces(t *testing.T) {
	p := start(t, "listen", ":0", "--metrics", "0.0.0.0:0")
	_, url, _ := strings.Cut(p.stderr.find("metrics are at "), "metrics are at ")
	p.stderr.find("programs on other machines can read the metrics; they are not encrypted")
	request, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = "lab3.example.org" // any name may lead here
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Error(response.Status)
	}
}

// Events are counted while the output takes no line.
func TestEventsWhileTheOutputWaits(t *testing.T) {
	out, in := io.Pipe()
	tell := newEvents(in, "obe")
	told := make(chan bool)
	go func() {
		tell.tell("faults", "a fault") // waits
		close(told)
	}()
	for end := time.Now().Add(limit); tell.count("faults") == 0; {
		if time.Now().After(end) {
			t.Fatal("no event is counted")
		}
	}
	tell.tell("faults", "another one") // only counts
	if n := tell.count("faults"); n != 2 {
		t.Errorf("%d are counted", n)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	<-told
}

// The table of docs/how-to/metrics.md has the metrics of every subcommand.
func TestConsistentMetricsDocument(t *testing.T) {
	text, err := os.ReadFile("../../docs/how-to/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	type described struct {
		kind, help string
		labels     []string
		commands   []string
	}
	all := map[string]*described{}
	for name, args := range measuredCommands(t) {
		p, url := startMeasured(t, args...)
		if name == "design" { // the first answer begins its series
			askAt(t, p.address(), `{"command": "ready"}`)
		}
		for metric, family := range scrape(t, url) {
			if !strings.HasPrefix(metric, "obe_") {
				continue
			}
			d := all[metric]
			if d == nil {
				d = &described{kind: strings.ToLower(family.GetType().String()), help: family.GetHelp()}
				for _, label := range family.Metric[0].Label {
					d.labels = append(d.labels, label.GetName())
				}
				all[metric] = d
			}
			if family.GetHelp() != d.help || strings.ToLower(family.GetType().String()) != d.kind {
				t.Errorf("%s of obe %s is not what others have by this name", metric, name)
			}
			if !slices.Contains(d.commands, args[0]) {
				d.commands = append(d.commands, args[0])
			}
		}
	}
	table := "| metric | type | of | meaning |\n|---|---|---|---|\n"
	for _, metric := range slices.Sorted(maps.Keys(all)) {
		d := all[metric]
		slices.Sort(d.commands)
		name, commands := metric, strings.Join(d.commands, ", ")
		if len(d.commands) == 7 {
			commands = "all"
		}
		if d.labels != nil {
			name += "{" + strings.Join(d.labels, ", ") + "}"
		}
		table += fmt.Sprintf("| `%s` | %s | %s | %s |\n", name, d.kind, commands, d.help)
	}
	kinds := "| of | `kind` | meaning |\n|---|---|---|\n"
	for _, of := range []struct {
		commands string
		kinds    map[string]string
	}{{"design", designProblems}, {"gateway", gatewayProblems()}, {"listen", standInProblems}, {"record, watch", proxyProblems}, {"replay", replayProblems}} {
		for _, kind := range slices.Sorted(maps.Keys(of.kinds)) {
			kinds += fmt.Sprintf("| %s | `%s` | %s |\n", of.commands, kind, of.kinds[kind])
		}
	}
	for _, each := range []string{table, kinds} {
		if !strings.Contains(string(text)+"\n", "\n"+each+"\n") {
			t.Errorf("docs/how-to/metrics.md needs this table:\n%s", each)
		}
	}
	for _, name := range regexp.MustCompile(`obe_\w+`).FindAllString(string(text), -1) {
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			if of, found := strings.CutSuffix(name, suffix); found && all[of] != nil && all[of].kind == "histogram" {
				name = of
			}
		}
		if all[name] == nil {
			t.Errorf("docs/how-to/metrics.md has %s, which no subcommand has", name)
		}
	}
}
