package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"libobe/internal/systemtest"
	"libobe/internal/trace"
)

// recordedRun writes a trace as a proxy does.
type recordedRun struct {
	t    testing.TB
	path string
}

func newRecordedRun(t testing.TB) *recordedRun {
	return &recordedRun{t, filepath.Join(systemtest.TempDir(t), "run.jsonl")}
}

// exchanges appends commands and their replies, in pairs.
func (r *recordedRun) exchanges(texts ...string) {
	r.t.Helper()
	var records []trace.Record
	for i, text := range texts {
		record := trace.Record{Time: time.Now(), Process: 1, Role: "proxy", Direction: trace.Received, Peer: "127.0.0.1:40000", Local: "127.0.0.1:61981", Body: []byte(text)}
		if i%2 == 1 {
			record.Direction = trace.Sent
		}
		records = append(records, record)
	}
	if n, err := trace.WriteAll(r.path, math.MaxInt64, records); err != nil || n != len(records) {
		r.t.Fatal(n, err)
	}
}

const okReply = `"OK"`

func measurement(i int) string {
	return fmt.Sprintf(`{"command": "newdat", "x": [%d], "y": [%v], "s": [0.1]}`, i, math.Sin(float64(i)))
}

// measure appends measurements with numbers from first to last, many at once.
func (r *recordedRun) measure(first, last int) {
	r.t.Helper()
	var texts []string
	for i := first; i <= last; i++ {
		texts = append(texts, measurement(i), okReply)
	}
	r.exchanges(texts...)
}

// watch starts the page, and returns its address.
func watch(t *testing.T, args ...string) (p *process, url string) {
	t.Helper()
	p = start(t, append([]string{"watch", "--no-open"}, args...)...)
	return p, p.stdout.line()
}

var browser = http.Client{Timeout: limit}

func get(t testing.TB, url string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := browser.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// snapshot is what of a frame the tests look at.
type snapshot struct {
	State, Problem, Title string
	Damaged               int
	Run                   *struct {
		Number, Measurements int
		Latest               struct{ Values, Mean []float64 }
	}
	Errors struct {
		Count int
		Last  struct{ Text string }
	}
	Connections struct{ Open, Total int }
}

func (s *snapshot) measurements() int {
	if s.Run == nil {
		return 0
	}
	return s.Run.Measurements
}

// until reads events until a frame is as expected.
func until(t testing.TB, url string, expected func(*snapshot) bool) *snapshot {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit+*loadTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"events?points=100", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var last string
	for in := bufio.NewReader(response.Body); ; {
		line, err := in.ReadString('\n')
		if err != nil {
			t.Fatalf("%v; the last frame is %.500s", err, last)
		}
		data, found := strings.CutPrefix(line, "data: ")
		if !found {
			continue
		}
		last = data
		frame := &snapshot{}
		if err := json.Unmarshal([]byte(data), frame); err != nil {
			t.Fatal(err)
		}
		if expected(frame) {
			return frame
		}
	}
}

// Names and units of a server that does not describe itself come from the experiment.
func TestWatchAnExperiment(t *testing.T) {
	r := newRecordedRun(t)
	r.measure(1, 3)
	_, url := watch(t, r.path, "--experiment", lorentzianFile)
	until(t, url, func(f *snapshot) bool { return f.Run != nil })
	if status, body := get(t, url+"snapshot"); status != 200 || !strings.Contains(body, `"settings":[{"name":"frequency","unit":"GHz"}`) {
		t.Errorf("%d, %s", status, body)
	}
}

// A trace is followed while it is written: also one that is empty, is renamed when it is
// full, and has a line that is cut.
func TestWatchFollowsATrace(t *testing.T) {
	r := newRecordedRun(t)
	if err := os.WriteFile(r.path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p, url := watch(t, r.path)
	if !strings.HasPrefix(url, "http://127.0.0.1:") || !strings.HasSuffix(url, "/") {
		t.Fatalf("the address is %q", url)
	}
	if status, body := get(t, url); status != 200 || body != testPage {
		t.Errorf("the page: %d, %s", status, body)
	}
	if f := until(t, url, func(*snapshot) bool { return true }); f.State != "waiting" || f.Title != "run.jsonl" {
		t.Errorf("%+v", f)
	}
	r.exchanges(`{"command": "newrun"}`, okReply, measurement(1), okReply, `{"command": "getmean"}`, `[2.5]`)
	f := until(t, url, func(f *snapshot) bool { return f.Run != nil && len(f.Run.Latest.Mean) > 0 })
	if f.measurements() != 1 || f.Run.Latest.Values[0] != math.Sin(1) || f.State != "live" {
		t.Errorf("%+v", f)
	}
	file, err := os.OpenFile(r.path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString(`{"time":"2026-03-04T05:06:07.123456Z","pid":1,"ro` + "\n"); err != nil {
		t.Fatal(err)
	}
	file.Close()
	r.measure(2, 2)
	until(t, url, func(f *snapshot) bool { return f.measurements() == 2 && f.Damaged == 1 })
	if err := os.Rename(r.path, r.path+".1"); err != nil {
		t.Fatal(err)
	}
	r.measure(3, 3)
	until(t, url, func(f *snapshot) bool { return f.measurements() == 3 })
	if said := p.stop(t); !strings.Contains(said, "obe watch: watching "+r.path) || len(p.stdout.rest()) > 0 {
		t.Errorf("it said %q", said)
	}
}

// A hundred thousand measurements are there, and the table has all of them.
func TestWatchAHundredThousand(t *testing.T) {
	const total = 100_000
	r := newRecordedRun(t)
	r.exchanges(`{"command": "newrun"}`, okReply)
	r.measure(1, total)
	p, url := watch(t, r.path)
	until(t, url, func(f *snapshot) bool { return f.measurements() == total })
	if _, body := get(t, url+"run.csv"); strings.Count(body, "\n") != total+1 || !strings.HasPrefix(body, "number,x,y,sigma of y\n1,1,") {
		t.Errorf("the table has %d lines, and begins with %.100q", strings.Count(body, "\n"), body)
	}
	status, body := get(t, url+"snapshot?points=20000")
	if len(body) > 2<<20 || status != 200 {
		t.Errorf("the snapshot has %d bytes", len(body))
	}
	p.stop(t)
}

// Record and watch in one: the run is shown and recorded, and a server that is missing is told.
func TestWatchForwards(t *testing.T) {
	path := filepath.Join(systemtest.TempDir(t), "run.jsonl")
	for _, out := range [][]string{{"--out", path}, nil} {
		p, url := watch(t, append([]string{"--listen", ":0", "--to", answer(t, replies)}, out...)...)
		client := newTestClient(t, p.address(), "persistent", "1")
		for _, body := range []string{`{"command": "newrun"}`, measurement(1), `{"command": "getmean"}`, measurement(2), `{"command": "x"}`} {
			if _, err := client.TcmdBody([]byte(body), limit); err != nil {
				t.Fatal(err)
			}
		}
		f := until(t, url, func(f *snapshot) bool { return f.Errors.Count > 0 })
		if f.measurements() != 2 || f.Run.Latest.Mean[0] != 2.87 || f.Errors.Last.Text != "x: unknown" || f.Connections.Open != 1 || f.Connections.Total != 1 {
			t.Errorf("%+v", f)
		}
		client.Free()
		until(t, url, func(f *snapshot) bool { return f.Connections.Open == 0 })
		said := p.stop(t)
		if out == nil {
			if !strings.Contains(said, "not recorded; --out FILE records it") || !strings.Contains(said, "10 messages of 1 connection were forwarded, and not recorded") {
				t.Errorf("it said %q", said)
			}
			continue
		}
		if !strings.Contains(said, "10 messages of 1 connection are in "+path) {
			t.Errorf("it said %q", said)
		}
		if got := messages(t, path); len(got) != 10 {
			t.Errorf("recorded are %q", got)
		}
	}
	p, url := watch(t, "--listen", ":0", "--to", unusedAddress(t))
	client := newTestClient(t, p.address())
	if _, err := client.TcmdBody([]byte(`"x"`), limit); err == nil {
		t.Error("there was a server")
	}
	f := until(t, url, func(f *snapshot) bool { return f.Errors.Count > 0 })
	if !strings.HasPrefix(f.Errors.Last.Text, "no connection to the server") {
		t.Errorf("%+v", f)
	}
}

// The page tells what is not recorded, and the run continues.
func TestWatchWithAFullDisk(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("no /dev/full")
	}
	p, url := watch(t, "--listen", ":0", "--out", "/dev/full", "--to", answer(t, replies))
	client := newTestClient(t, p.address())
	if _, err := client.TcmdBody([]byte(measurement(1)), limit); err != nil {
		t.Fatal(err)
	}
	f := until(t, url, func(f *snapshot) bool { return f.measurements() == 1 && f.Errors.Count == 1 })
	if !strings.HasPrefix(f.Errors.Last.Text, "a message could not be recorded, and the run goes on: ") {
		t.Errorf("%+v", f)
	}
}

// Programs that read frames and tables one after the other hold up no exchange of the run.
func TestWatchDelaysNoMessage(t *testing.T) {
	if testing.Short() {
		t.Skip("it measures for seconds")
	}
	p, url := watch(t, "--listen", ":0", "--to", answer(t, replies))
	client := newTestClient(t, p.address(), "persistent", "1")
	const before = 20_000 // make a table that takes longer than the runtime lets a goroutine run
	for i := range before {
		if _, err := client.TcmdBody([]byte(measurement(i)), limit); err != nil {
			t.Fatal(err)
		}
	}
	until(t, url, func(f *snapshot) bool { return f.measurements() == before })
	ctx, cancel := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	for _, path := range []string{"run.csv", "snapshot?points=20000&from=%d"} {
		readers.Go(func() {
			for i := 1; ctx.Err() == nil; i++ {
				target := url + path
				if strings.Contains(path, "%d") {
					target = fmt.Sprintf(target, i%before)
				}
				get(t, target)
			}
		})
	}
	var took []time.Duration
	for i := range 250 {
		began := time.Now()
		if _, err := client.TcmdBody([]byte(measurement(i)), limit); err != nil {
			t.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	cancel()
	readers.Wait()
	slices.Sort(took)
	median := took[len(took)/2]
	t.Logf("the median of an exchange is %v", median)
	if median > 5*time.Millisecond {
		t.Error("exchanges wait for the page")
	}
	p.stop(t)
}

// A signal ends it soon, with hundreds of browsers and a client that waits, and the file is whole.
func TestWatchEndsAtASignal(t *testing.T) {
	fastest := time.Hour
	for s, want := range map[syscall.Signal]int{syscall.SIGINT: exitInterrupt, syscall.SIGTERM: exitTerminate} {
		path := filepath.Join(systemtest.TempDir(t), "run.jsonl")
		arrived := make(chan struct{})
		p, url := watch(t, "--listen", ":0", "--out", path, "--to", answer(t, func(body string) []byte {
			if strings.Contains(body, "silence") {
				close(arrived)
				return nil
			}
			return []byte(okReply)
		}))
		at := p.address()
		client := newTestClient(t, at)
		for i := range 50 {
			if _, err := client.TcmdBody([]byte(measurement(i)), limit); err != nil {
				t.Fatal(err)
			}
		}
		waiting := connect(t, at)
		_, _ = io.WriteString(waiting, framed(`{"command": "silence"}`))
		<-arrived
		var browsers sync.WaitGroup
		page := strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/")
		for range 200 {
			conn, err := net.Dial("tcp", page)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(limit))
			_, _ = io.WriteString(conn, "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
			if line, err := bufio.NewReaderSize(conn, 16).ReadString('\n'); !strings.HasPrefix(line, "HTTP/1.1 200") {
				t.Fatal(line, err)
			}
			browsers.Go(func() { _, _ = io.Copy(io.Discard, conn) })
		}
		began := time.Now()
		p.signal(t, s)
		if status := p.wait(); status != want {
			t.Errorf("%v: exit status %d", s, status)
		}
		fastest = min(fastest, time.Since(began))
		browsers.Wait()
		if got := messages(t, path); len(got) != 101 {
			t.Errorf("%d messages are recorded", len(got))
		}
	}
	if fastest > 200*time.Millisecond {
		t.Errorf("the faster one ended after %v", fastest)
	}
}

// When no program reads the address, there is none to watch for.
func TestWatchWithAClosedOutput(t *testing.T) {
	r := newRecordedRun(t)
	r.measure(1, 3)
	cmd, lines := startUnread(t, "watch", "--no-open", r.path)
	lines.rest()
	endsUnread(t, cmd)
}

// The end of a pipe is the end of the run, and the page stays.
func TestWatchAPipe(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no /dev/stdin")
	}
	r := newRecordedRun(t)
	r.measure(1, 3)
	text, err := os.ReadFile(r.path)
	if err != nil {
		t.Fatal(err)
	}
	p, url := watch(t, "/dev/stdin")
	if _, err := p.stdin.Write(text); err != nil {
		t.Fatal(err)
	}
	if f := until(t, url, func(f *snapshot) bool { return f.measurements() == 3 }); f.State != "live" {
		t.Errorf("%+v", f)
	}
	p.stdin.Close()
	until(t, url, func(f *snapshot) bool { return f.State == "ended" && f.Problem == "" })
	p.stop(t)

	p, url = watch(t, "/dev/stdin")
	_, _ = io.WriteString(p.stdin, "no trace\n")
	f := until(t, url, func(f *snapshot) bool { return f.State == "ended" })
	if !strings.Contains(f.Problem, "this is not a trace") {
		t.Errorf("%+v", f)
	}
	p.stderr.find("this is not a trace")
}

func TestWatchBadInput(t *testing.T) {
	directory := systemtest.TempDir(t)
	taken := answer(t, echo)
	unix := ":0"
	if runtime.GOOS != "windows" {
		unix = "unix:" + filepath.Join(directory, "socket")
	}
	trace := write(t, "run.jsonl", `{"trace":"obe","version":1,"time":"2026-03-04T05:06:07.123456Z","pid":1}`+"\n")
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "say what to watch"},
		{[]string{""}, "FILE is empty"},
		{[]string{trace, "--experiment", ""}, "--experiment is empty"},
		{[]string{trace, "--experiment", "missing.toml"}, "cannot read the experiment missing.toml"},
		{[]string{filepath.Join(directory, "missing")}, "(the trace is where OBE_TRACE or obe record --out have put it)"},
		{[]string{directory}, "this is a directory"},
		{[]string{write(t, "notes.txt", "notes\n")}, "this is not a trace: it does not begin with"},
		{[]string{write(t, "old.jsonl", `{"trace":"obe","version":2}`+"\n")}, "this trace has another version"},
		{[]string{trace, "--listen", ":0"}, "exclude each other"},
		{[]string{trace, "--to", ":1"}, "--to is for --listen"},
		{[]string{trace, "--out", "x"}, "--out is for --listen"},
		{[]string{trace, "x"}, "too many arguments: obe watch"},
		{[]string{"--listen", ":0", "--out", ""}, "--out is empty"},
		{[]string{"--listen", ":0", "--out", directory}, "--out: "},
		{[]string{"--listen", "x"}, "--listen: an address has a port"},
		{[]string{"--listen", ":0", "--to", ":0"}, "--to: port 0 is for --listen"},
		{[]string{"--listen", taken}, "another program uses " + taken + " already: end it, or let the system choose a free port with --listen :0"},
		{[]string{"--listen", ":0", "--to", ":61989", "--page", ":61989"}, "--page and --to are both 127.0.0.1:61989"},
		{[]string{trace, "--page", taken}, "another program uses " + taken + " already: end it, or let the system choose a free port with --page :0"},
		{[]string{trace, "--page", "unix:/x"}, "--page: a browser needs a host and a port"},
		{[]string{trace, "--page", "8080"}, "--page: an address has a colon before its port: write :8080"},
		{[]string{"--listen", unix, "--page", taken}, "--page :0"},
	} {
		got := obe(t, "", append([]string{"watch", "--no-open"}, c.args...)...)
		if got.status != exitUsage || got.stdout != "" || !strings.Contains(got.stderr, c.want) || !strings.HasPrefix(got.stderr, "obe watch: ") {
			t.Errorf("%q: %+v", c.args, got)
		}
	}
	if entries, err := os.ReadDir(directory); err != nil || len(entries) != 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// Without the page the tool says how to build it.
func TestWatchWithoutThePage(t *testing.T) {
	if os.Getenv("OBE_TEST_PROGRAM") != "" {
		t.Skip("there is no Go to build it with")
	}
	plain := filepath.Join(systemtest.TempDir(t), "obe.exe")
	if err := build(plain, ""); err != nil {
		t.Fatal(err)
	}
	r := newRecordedRun(t)
	r.measure(1, 1)
	var stdout, stderr strings.Builder
	cmd := exec.Command(plain, "watch", r.path)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run()
	result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}.check(t, result{status: exitUsage, stderr: "build it with make obe"})
}

// The browser is opened with the address, and if that fails, the page is served.
func TestWatchOpensTheBrowser(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the program that opens a browser cannot be replaced")
	}
	r := newRecordedRun(t)
	r.measure(1, 1)
	t.Setenv("DISPLAY", ":7")
	t.Setenv("PATH", filepath.Dir(write(t, "none", ""))+":"+os.Getenv("PATH"))
	opened := filepath.Join(systemtest.TempDir(t), "opened")
	opener := func(script string) {
		directory := systemtest.TempDir(t)
		if err := os.WriteFile(filepath.Join(directory, "xdg-open"), []byte("#!/bin/sh\n"+script), 0o700); err != nil {
			t.Fatal(err)
		}
		t.Setenv("PATH", directory+":"+os.Getenv("PATH"))
	}
	opener(`echo noise; echo noise >&2; echo "$1" > ` + opened + `.new; mv ` + opened + `.new ` + opened)
	p := start(t, "watch", r.path)
	url := p.stdout.line()
	for end := time.Now().Add(limit); ; time.Sleep(time.Millisecond) {
		if text, err := os.ReadFile(opened); err == nil {
			if string(text) != url+"\n" {
				t.Errorf("opened was %q, not %q", text, url)
			}
			break
		}
		if time.Now().After(end) {
			t.Fatal("the browser was not opened")
		}
	}
	if said := p.stop(t); strings.Contains(said, "noise") || strings.Contains(said, "browser") || len(p.stdout.rest()) > 0 {
		t.Errorf("it said %q", said)
	}
	opener("exit 3")
	p = start(t, "watch", r.path)
	url = p.stdout.line()
	p.stderr.find("the browser could not be opened (exit status 3): open the address yourself")
	if status, _ := get(t, url); status != 200 {
		t.Error(status)
	}
	p.stop(t)
}

// Only a page that other machines can reach has a token, and its address is one that they know.
func TestPageAddresses(t *testing.T) {
	for _, c := range []struct {
		page, listening, url string
		loopback             bool
	}{
		{"127.0.0.1:0", "127.0.0.1:5", "http://127.0.0.1:5/T/", true},
		{":5", "127.0.0.1:5", "http://127.0.0.1:5/T/", true},
		{"localhost:5", "[::1]:5", "http://localhost:5/T/", true},
		{"[::1]:5", "[::1]:5", "http://[::1]:5/T/", true},
		{"127.0.0.2:5", "127.0.0.2:5", "http://127.0.0.2:5/T/", true},
		{"lab3:5", "192.168.1.5:5", "http://lab3:5/T/", false},
		{"192.168.1.5:0", "192.168.1.5:5", "http://192.168.1.5:5/T/", false},
	} {
		at, err := net.ResolveTCPAddr("tcp", c.listening)
		if err != nil {
			t.Fatal(err)
		}
		if url := addressOf(hostOf(c.page, at), at, "T"); url != c.url || isLoopback(at) != c.loopback {
			t.Errorf("%s: %s, loopback %v", c.page, url, isLoopback(at))
		}
	}
	for _, all := range []string{"0.0.0.0:5", "[::]:5"} {
		at, err := net.ResolveTCPAddr("tcp", all)
		if err != nil {
			t.Fatal(err)
		}
		if host := hostOf(all, at); isLoopback(at) || net.ParseIP(host) == nil || net.ParseIP(host).IsUnspecified() {
			t.Errorf("%s: %s", all, host)
		}
	}
}

// maxLoad is the part of a core that the page of a trace may take at 1000 measurements a second,
// with one browser.
const maxLoad = 0.2

var loadTime = flag.Duration("load", 3*time.Second, "how long each test of the load takes")

// cpuTime returns how much CPU time a process has used.
func cpuTime(t *testing.T, p *process) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(after)
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return time.Duration(user+system) * (time.Second / 100) // USER_HZ is 100 on Linux
}

// testLoad measures at 1000 measurements a second, and checks the CPU time, which depends less
// than others on what else runs on the machine. measure makes measurements with numbers from
// first to last; before is how many there were already.
func testLoad(t *testing.T, p *process, url string, most float64, before int, measure func(first, last int)) {
	t.Helper()
	const rate = 1000
	until(t, url, func(f *snapshot) bool { return f.measurements() >= before })
	total := int(loadTime.Seconds() * rate)
	seen := make(chan struct{})
	go func() {
		defer close(seen)
		until(t, url, func(f *snapshot) bool { return f.measurements() >= before+total })
	}()
	used, began := cpuTime(t, p), time.Now()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for n := 0; n < total; {
		<-tick.C
		// A busy machine leaves out ticks, and the rate stays.
		due := min(total, int(time.Since(began)*rate/time.Second))
		measure(before+n+1, before+due)
		n = due
	}
	<-seen
	load := (cpuTime(t, p) - used).Seconds() / time.Since(began).Seconds()
	t.Logf("%.1f %% of a core", 100*load)
	if load > most {
		t.Errorf("that is more than %.0f %%", 100*most)
	}
	p.stop(t)
}

// The load of 1000 measurements a second: of a trace, of one that has 100,000 already, and of a
// run that is forwarded.
func TestWatchLoad(t *testing.T) {
	if testing.Short() || runtime.GOOS != "linux" {
		t.Skip("it takes 9 s, and reads the CPU time from /proc")
	}
	for _, before := range []int{1, 100_000} {
		t.Run(fmt.Sprint(before), func(t *testing.T) {
			r := newRecordedRun(t)
			r.exchanges(`{"command": "newrun"}`, okReply)
			r.measure(1, before)
			p, url := watch(t, r.path)
			testLoad(t, p, url, maxLoad, before, func(first, last int) {
				var texts []string
				for n := first; n <= last; n++ {
					texts = append(texts, `{"command": "goodset", "pickiness": 4}`, `[2.871]`, measurement(n), okReply,
						`{"command": "getmean"}`, `[2.8702, 0.05, 0.02]`, `{"command": "getstd"}`, `[0.0012, 0.01, 0.003]`)
				}
				r.exchanges(texts...)
			})
		})
	}
	t.Run("forwarded", func(t *testing.T) {
		path := filepath.Join(systemtest.TempDir(t), "run.jsonl")
		p, url := watch(t, "--listen", ":0", "--to", answer(t, replies), "--out", path)
		client := newTestClient(t, p.address(), "persistent", "1")
		send := func(first, last int) {
			for n := first; n <= last; n++ {
				for _, body := range []string{`{"command": "goodset"}`, measurement(n)} {
					if _, err := client.TcmdBody([]byte(body), limit); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		send(1, 1)
		testLoad(t, p, url, 2*maxLoad, 1, send) // most of it is that of the proxy
	})
}
