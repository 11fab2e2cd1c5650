package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"libobe/internal/experiment"
	"libobe/internal/jsondoc"
	"libobe/internal/socket"
	"libobe/internal/systemtest"
)

// fakeDesigner stands for a designer that always asks for the same setting of lineExperiment, and remembers the reports.
type fakeDesigner struct {
	at      string
	mu      sync.Mutex
	reports []struct{ X, Y, S []float64 }
	asked   chan bool // has a value once a setting was asked for
}

func (f *fakeDesigner) reply(body string) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	name, _ := jsondoc.FromValid([]byte(body)).String("/command")
	switch name {
	case "newdat":
		var report struct{ X, Y, S []float64 }
		if err := json.Unmarshal([]byte(body), &report); err != nil {
			return []byte(`{"error": "not a report"}`)
		}
		f.reports = append(f.reports, report)
	case "goodset":
		select {
		case f.asked <- true:
		default:
		}
		return []byte("[0.5]")
	case "getset":
		return []byte("[[0, 0.5, 1]]")
	case "getmean", "getstd":
		return []byte("[0.5, 1.5]")
	case "describe":
		return []byte(`{"error": "unknown command"}`)
	}
	return []byte(`"OK"`)
}

func startFakeDesigner(t *testing.T) *fakeDesigner {
	t.Helper()
	f := &fakeDesigner{asked: make(chan bool, 1)}
	f.at = answer(t, f.reply)
	return f
}

// values are what was reported.
func (f *fakeDesigner) values() (values []float64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, report := range f.reports {
		values = append(values, report.Y...)
	}
	return values
}

var deviation = regexp.MustCompile(` ([+-][0-9.]+) σ`)

// Each experiment of the gallery is simulated with obe design, and drawn.
func TestSimulateGallery(t *testing.T) {
	files, err := filepath.Glob("../../examples/experiments/*.toml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	measurements := "40"
	if testing.Short() {
		measurements = "5"
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			e, err := experiment.Load(file)
			if err != nil {
				t.Fatal(err)
			}
			p, at := design(t, file, ":0")
			drawn := filepath.Join(systemtest.TempDir(t), "run.svg")
			r := obe(t, "", "simulate", file, at, "--seed", "5", "--measurements", measurements, "--compare", "--plot", drawn)
			r.check(t, result{status: exitOK, stdout: "settings  parameter ", stderr: "obe simulate: seed 5, true values: " + e.Parameters[0].Name})
			if found := deviation.FindAllString(r.stdout, -1); len(found) != 2*len(e.Parameters) {
				t.Error(r.stdout)
			}
			text, err := os.ReadFile(drawn)
			if err != nil || !strings.Contains(string(text), "</svg>") || !strings.Contains(string(text), e.Title) {
				t.Errorf("the figure has %d bytes, %v", len(text), err)
			}
			askAt(t, at, `{"command": "done"}`)
			if status := p.wait(); status != exitOK {
				t.Error(status)
			}
			// The run that remains is that of the settings which the designer has chosen.
			if said := p.stderr.rest(); len(said) < 2 || !strings.Contains(strings.Join(said, "\n"), "run 2, "+measurements+" measurements") {
				t.Errorf("%q", said)
			}
		})
	}
}

// Equal seeds have equal results, and obe design gets the seed, too.
func TestSimulateIsDeterministic(t *testing.T) {
	file := write(t, "line.toml", strings.Replace(lineExperiment, "seed = 3", "", 1))
	results := map[string]int{}
	for _, seed := range []string{"5", "5", "6"} {
		_, at := design(t, file, ":0")
		r := obe(t, "", "simulate", file, at, "--seed", seed, "--measurements", "30", "--compare")
		r.check(t, result{status: exitOK, stdout: "chosen ", stderr: "seed " + seed})
		results[r.stdout]++
		// The next run of the same designer, too.
		again := obe(t, "", "simulate", file, at, "--seed", seed, "--measurements", "30", "--compare", "--persistent")
		results[again.stdout]++
	}
	if len(results) != 2 {
		t.Errorf("%d different results: %v", len(results), results)
	}
}

// Several knobs and channels, noise that is reported, known and estimated, a cost, and a list of values.
func TestSimulateManyKinds(t *testing.T) {
	file := write(t, "many.toml", `
particles = 2000
[settings.a]
min = 0.1
max = 10
steps = 7
scale = "logarithmic"
[settings.b]
values = [3, 1, 2]
[settings.c]
min = -1
max = 1
steps = 3
[parameters.gain]
prior = "list"
values = [1, 2, 3]
[parameters.offset]
prior = "half-normal"
std = 1
[parameters.sigma]
prior = "log-uniform"
min = 0.01
max = 1
[model]
one = "gain * log(a) + offset"
two = "gain * b"
three = "gain * c + offset"
[noise]
one = 0.1
two = {until_reported = 0.2}
three = "sigma"
[design]
cost = "abs(b - b_before)"
`)
	_, at := design(t, file, ":0")
	obe(t, "", "simulate", file, at, "--seed", "1", "--measurements", "60", "--compare", "--true", "gain=2").check(t, result{
		status: exitOK, stdout: "gain ", stderr: "true values: gain 2, offset "})
	obe(t, "", "simulate", file, at, "--plot", "x.svg").check(t, result{status: exitUsage, stderr: "--plot draws experiments with one knob or two, and " + file + " has 3"})
}

// What is dropped was sent, and is not sent again; a setting is asked for again.
func TestSimulateDrop(t *testing.T) {
	file := write(t, "line.toml", lineExperiment)
	f := startFakeDesigner(t)
	const n = 200
	r := obe(t, "", "simulate", file, f.at, "--seed", "1", "--measurements", strconv.Itoa(n), "--drop", "10%", "--true", "slope=0.5", "--true", "offset=1.5")
	r.check(t, result{status: exitOK, stdout: "slope ", stderr: "the connection was cut after "})
	var asked, reported int
	_, told, _ := strings.Cut(r.stderr, "cut after ")
	if _, err := fmt.Sscanf(told, "%d requests for a setting and %d reports", &asked, &reported); err != nil || asked < 5 || reported < 5 || asked > 50 || reported > 50 {
		t.Errorf("%q: %d and %d, %v", told, asked, reported, err)
	}
	// A server may lose what a client has sent that is gone.
	if got := len(f.values()); got > n || got < n-reported {
		t.Errorf("%d reports of %d arrived, and %d were dropped", got, n, reported)
	}

	p, at := design(t, file, ":0")
	obe(t, "", "simulate", file, at, "--seed", "1", "--measurements", "100", "--drop", "10%", "--persistent").check(t, result{
		status: exitOK, stdout: "slope ", stderr: "chosen: the designer has "})
	askAt(t, at, `{"command": "done"}`)
	if status := p.wait(); status != exitOK {
		t.Error(status)
	}
}

// A pause in the middle of a message delays it, and nothing else.
func TestSimulateStall(t *testing.T) {
	file := write(t, "line.toml", lineExperiment)
	_, at := design(t, file, ":0")
	args := []string{"simulate", file, at, "--seed", "1", "--measurements", "21"}
	want := obe(t, "", args...)
	began := time.Now()
	got := obe(t, "", append(args, "--stall", "500ms")...)
	if took := time.Since(began); took < 500*time.Millisecond {
		t.Errorf("it took %v", took)
	}
	if want.status != exitOK || got.stdout != want.stdout || got.stderr != want.stderr {
		t.Errorf("%+v, and without a pause %+v", got, want)
	}
}

// A server that closes the connection of a message that does not come to its end gets it again, once.
func TestSimulateStallTooLong(t *testing.T) {
	file := write(t, "line.toml", lineExperiment)
	f := &fakeDesigner{}
	server, err := socket.NewServer("", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Free()
	if err := server.SetOption("message_timeout_ms", "200"); err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(func(m *socket.Message) { _ = m.Reply(f.reply(string(m.Body)), limit) }, nil) }()
	obe(t, "", "simulate", file, server.Name(), "--measurements", "9", "--stall", "2s", "--true", "slope=0.5", "--true", "offset=1.5").check(t, result{
		status: exitOK, stdout: "slope ", stderr: "the server closed the connection while the instrument stopped in the middle of a message, which was sent again"})
	if got := len(f.values()); got != 9 {
		t.Errorf("%d reports", got)
	}
}

// Outliers change some values and no others.
func TestSimulateOutlier(t *testing.T) {
	file := write(t, "line.toml", lineExperiment)
	var all [2][]float64
	for i, share := range []string{"0%", "25%"} {
		f := startFakeDesigner(t)
		obe(t, "", "simulate", file, f.at, "--seed", "1", "--measurements", "400", "--outlier", share, "--true", "slope=0.5", "--true", "offset=1.5").check(t, result{
			status: exitOK, stdout: "slope ", stderr: "seed 1"})
		all[i] = f.values()
	}
	if len(all[0]) != 400 || len(all[1]) != 400 {
		t.Fatalf("%d and %d values", len(all[0]), len(all[1]))
	}
	wrong, far := 0, 0
	for i, y := range all[0] {
		if all[1][i] != y {
			wrong++
			if d := all[1][i] - y; d > 5*0.1 || d < -5*0.1 {
				far++
			}
		}
	}
	// 100 ± 9 of 400, of which 5 of 6 are beyond 5 standard deviations.
	if wrong < 50 || wrong > 150 || far < wrong/2 {
		t.Errorf("%d values are wrong, %d of them far off", wrong, far)
	}
}

// An estimate far from the truth has the exit status 1: here the designer has another formula with the same names.
func TestSimulateFarOff(t *testing.T) {
	_, at := design(t, write(t, "line.toml", lineExperiment), ":0")
	file := write(t, "other.toml", strings.Replace(lineExperiment, "offset + slope * x", "offset - slope * x", 1))
	obe(t, "", "simulate", file, at, "--true", "slope=1", "--true", "offset=0").check(t, result{
		status: exitAnswer, stdout: "slope ", stderr: "more than 5 standard deviations from the true value: slope (chosen)"})
}

// A designer that says that it cannot be trusted is quoted: here the data have ten times the noise that they are said to have.
func TestSimulateUntrusted(t *testing.T) {
	file := write(t, "line.toml", strings.Replace(lineExperiment, "noise = {until_reported = 0.1}", "noise = 0.01", 1))
	_, at := design(t, file, ":0")
	noisy := write(t, "noisy.toml", lineExperiment)
	r := obe(t, "", "simulate", noisy, at, "--seed", "2")
	if !strings.Contains(r.stdout, "chosen: the designer says that its estimates cannot be trusted\n  ") {
		t.Errorf("%+v", r)
	}
}

func TestSimulateOutsideThePrior(t *testing.T) {
	file := write(t, "peak.toml", strings.Replace(lineExperiment, "[parameters.slope]\nprior = \"normal\"\nmean = 0\nstd = 1", "[parameters.slope]\nprior = \"uniform\"\nmin = 0\nmax = 1", 1))
	_, at := design(t, file, ":0")
	r := obe(t, "", "simulate", file, at, "--true", "slope=1.01", "--seed", "1")
	if !strings.Contains(r.stderr, "the prior of slope excludes 1.01, so that the designer cannot find it") || r.status == exitUsage || r.status == exitNoAnswer {
		t.Errorf("%+v", r)
	}
}

func TestSimulateBadInput(t *testing.T) {
	file := write(t, "line.toml", lineExperiment)
	never := write(t, "never.toml", strings.NewReplacer("offset + slope * x", "offset + sqrt(slope) * x").Replace(lineExperiment))
	estimated := write(t, "estimated.toml", strings.Replace(strings.Replace(lineExperiment, "{until_reported = 0.1}", `"sigma"`, 1),
		"[model]", "[parameters.sigma]\nprior = \"half-normal\"\nstd = 1\n[model]", 1))
	_, at := design(t, file, ":0")
	other := write(t, "other.toml", strings.ReplaceAll(lineExperiment, "offset", "height"))
	volts := write(t, "volts.toml", strings.ReplaceAll(lineExperiment, `"V"`, `"mV"`))
	for name, c := range map[string]struct {
		args []string
		want result
	}{
		"no file":            {[]string{}, result{status: exitUsage, stderr: "an argument is missing: obe simulate FILE [ADDRESS]"}},
		"missing file":       {[]string{"missing.toml"}, result{status: exitUsage, stderr: "cannot read the experiment missing.toml: "}},
		"wrong address":      {[]string{file, "61981"}, result{status: exitUsage, stderr: "write :61981"}},
		"unknown parameter":  {[]string{file, at, "--true", "slop=1"}, result{status: exitUsage, stderr: `--true: there is no parameter "slop"; did you mean slope?`}},
		"unlike any":         {[]string{file, at, "--true", "q=1"}, result{status: exitUsage, stderr: `there is no parameter "q"; the parameters are slope, offset`}},
		"no value":           {[]string{file, at, "--true", "slope"}, result{status: exitUsage, stderr: "a true value is written NAME=VALUE"}},
		"no number":          {[]string{file, at, "--true", "slope=big"}, result{status: exitUsage, stderr: `"big" is not a finite number`}},
		"not finite":         {[]string{file, at, "--true", "slope=nan"}, result{status: exitUsage, stderr: `"nan" is not a finite number`}},
		"twice":              {[]string{file, at, "--true", "slope=1", "--true", "slope=2"}, result{status: exitUsage, stderr: "slope is given twice"}},
		"negative noise":     {[]string{estimated, at, "--true", "sigma=-1"}, result{status: exitUsage, stderr: "sigma is the standard deviation of y, and must be greater than 0, not -1"}},
		"no measurements":    {[]string{file, at, "--measurements", "0"}, result{status: exitUsage, stderr: "--measurements must be from 1 to 1000000, and not 0"}},
		"a share without %":  {[]string{file, at, "--drop", "0.5"}, result{status: exitUsage, stderr: "a share is a percentage from 0% to less than 100%"}},
		"a share of all":     {[]string{file, at, "--drop", "100%"}, result{status: exitUsage, stderr: "a share is a percentage"}},
		"a negative share":   {[]string{file, at, "--outlier", "-1%"}, result{status: exitUsage, stderr: "a share is a percentage"}},
		"a share of nothing": {[]string{file, at, "--outlier", "nan%"}, result{status: exitUsage, stderr: "a share is a percentage"}},
		"a negative pause":   {[]string{file, at, "--stall", "-1s"}, result{status: exitUsage, stderr: "a duration is 500ms"}},
		"a negative seed":    {[]string{file, at, "--seed", "-1"}, result{status: exitUsage, stderr: "--seed must be a whole number from 0"}},
		"a pause in TLS":     {[]string{file, at, "--stall", "1s", "--tls"}, result{status: exitUsage, stderr: "--stall works without TLS only"}},
		"an empty figure":    {[]string{file, at, "--plot", ""}, result{status: exitUsage, stderr: "--plot is empty"}},
		"too much to draw":   {[]string{file, at, "--plot", "x.svg", "--measurements", "20000"}, result{status: exitUsage, stderr: "--plot draws at most 10000 measurements, and not 20000"}},
		"another format":     {[]string{file, at, "--plot", "x.pdf"}, result{status: exitUsage, stderr: "the name of a figure ends in .svg or .png"}},
		"other parameters":   {[]string{other, at}, result{status: exitUsage, stderr: "the server has another experiment: its parameters are slope, offset, and those of the file are slope, height\n  start obe design with " + other}},
		"another unit":       {[]string{volts, at}, result{status: exitUsage, stderr: `slope is in "V" there and in "mV" in the file`}},
		"no such instrument": {[]string{never, at, "--true", "slope=-1"}, result{status: exitUsage, stderr: "with these true values model.y is infinite or not a number at x = "}},
		"no server":          {[]string{file, unusedAddress(t)}, result{status: exitNoAnswer, stderr: "start the designer: obe design " + file}},
	} {
		r := obe(t, "", append([]string{"simulate"}, c.args...)...)
		if r.status != c.want.status || !strings.Contains(r.stderr, c.want.stderr) || r.stdout != "" {
			t.Errorf("%s: exit status %d, stdout %q, stderr %q; want %d, %q", name, r.status, r.stdout, r.stderr, c.want.status, c.want.stderr)
		}
	}
}

// A figure that cannot be written is an error before the measurements, which may take a night. No file is left, and one that
// exists is not touched.
func TestSimulateFigureIsPossible(t *testing.T) {
	file, at := write(t, "line.toml", lineExperiment), unusedAddress(t)
	where := systemtest.TempDir(t)
	directory := filepath.Join(where, "directory.svg")
	if err := os.Mkdir(directory, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(where, "missing", "x.svg"), filepath.Join(file, "x.svg"), directory} {
		obe(t, "", "simulate", file, at, "--plot", path).check(t, result{status: exitUsage, stderr: "--plot: "})
	}
	fresh, old := filepath.Join(where, "fresh.svg"), write(t, "old.svg", "old")
	for _, path := range []string{fresh, old} {
		obe(t, "", "simulate", file, at, "--plot", path).check(t, result{status: exitNoAnswer, stderr: "start the designer"})
	}
	if _, err := os.Stat(fresh); !os.IsNotExist(err) {
		t.Errorf("a file was left: %v", err)
	}
	if text, err := os.ReadFile(old); err != nil || string(text) != "old" {
		t.Errorf("%q, %v", text, err)
	}
}

// Servers that are no designers of this experiment.
func TestSimulateOtherServers(t *testing.T) {
	file := write(t, "line.toml", lineExperiment)
	replies := func(change map[string]string) string {
		f := &fakeDesigner{}
		return answer(t, func(body string) []byte {
			name, _ := jsondoc.FromValid([]byte(body)).String("/command")
			if reply, changed := change[name]; changed {
				return []byte(reply)
			}
			return f.reply(body)
		})
	}
	for name, c := range map[string]struct {
		change map[string]string
		want   result
	}{
		"more knobs":          {map[string]string{"getset": "[[1], [2]]"}, result{status: exitUsage, stderr: "its settings have 2 numbers, and those of the file 1"}},
		"fewer parameters":    {map[string]string{"getmean": "[1]"}, result{status: exitUsage, stderr: "it estimates 1 parameters, and the file has 2"}},
		"an error":            {map[string]string{"newrun": `{"error": "no"}`}, result{status: exitAnswer, stderr: `newrun: unexpected reply: {"error": "no"}`}},
		"too many numbers":    {map[string]string{"goodset": "[1, 2]"}, result{status: exitAnswer, stderr: "goodset: unexpected reply: 2 numbers instead of 1"}},
		"no numbers":          {map[string]string{"goodset": `["a"]`}, result{status: exitAnswer, stderr: "goodset: unexpected reply: "}},
		"no list":             {map[string]string{"getstd": "1"}, result{status: exitAnswer, stderr: "getstd: unexpected reply: "}},
		"not ready":           {map[string]string{"ready": "1"}, result{status: exitAnswer, stderr: "ready: unexpected reply: "}},
		"an odd description":  {map[string]string{"describe": `{"settings": 1, "parameters": [{"name": 2}, 3], "trusted": "x", "warnings": [1]}`}, result{status: exitAnswer, stderr: "5 standard deviations"}},
		"nothing described":   {map[string]string{"describe": "[]"}, result{status: exitAnswer, stderr: "does not say what its experiment is"}},
		"restarted":           {map[string]string{"describe": `{"measurements": 1}`}, result{status: exitAnswer, stderr: "chosen: the designer has 1 measurement, and 2 were made"}},
		"another description": {map[string]string{"describe": `{"parameters": [{"name": "slope"}]}`}, result{status: exitUsage, stderr: "its parameters are slope, and those of the file are slope, offset"}},
		"std is not a number": {map[string]string{"getstd": "[NaN, 0]"}, result{status: exitAnswer, stderr: "5 standard deviations from the true value: slope (chosen), offset (chosen)"}},
	} {
		r := obe(t, "", "simulate", file, replies(c.change), "--measurements", "2", "--seed", "1", "--true", "slope=50", "--true", "offset=60")
		if r.status != c.want.status || !strings.Contains(r.stderr, c.want.stderr) {
			t.Errorf("%s: exit status %d, stderr %q; want %d, %q", name, r.status, r.stderr, c.want.status, c.want.stderr)
		}
	}
}

// The end of a designer during the run is told.
func TestSimulateDesignerDies(t *testing.T) {
	file := write(t, "line.toml", lineExperiment)
	designer, at := design(t, file, ":0")
	p := start(t, "simulate", file, at, "--dwell", "10ms", "--measurements", "100000")
	p.stderr.find("seed ")
	designer.kill()
	if status := p.wait(); status != exitNoAnswer {
		t.Errorf("exit status %d", status)
	}
	if said := strings.Join(p.stderr.rest(), "\n"); !strings.HasPrefix(said, "obe simulate: ") || len(p.stdout.rest()) > 0 {
		t.Errorf("%q", said)
	}
}

// A signal ends a run, and what it has measured until then is told.
func TestSimulateInterrupted(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows cannot send a signal to a process")
	}
	f := startFakeDesigner(t)
	p := start(t, "simulate", write(t, "line.toml", lineExperiment), f.at, "--dwell", "1000", "--true", "slope=0.5", "--true", "offset=1.5")
	<-f.asked
	p.signal(t, syscall.SIGINT)
	if status := p.wait(); status != exitInterrupt {
		t.Errorf("exit status %d", status)
	}
	if printed := p.stdout.rest(); len(printed) > 0 {
		t.Errorf("nothing was measured, and it prints %q", printed)
	}

	p = start(t, "simulate", write(t, "line.toml", lineExperiment), f.at, "--dwell", "1ms", "--measurements", "1000000", "--true", "slope=0.5", "--true", "offset=1.5")
	for len(f.values()) == 0 {
		<-f.asked
	}
	p.signal(t, syscall.SIGINT)
	if status := p.wait(); status != exitInterrupt {
		t.Errorf("exit status %d", status)
	}
	printed, said := strings.Join(p.stdout.rest(), "\n"), strings.Join(p.stderr.rest(), "\n")
	if !strings.HasPrefix(printed, "parameter  truth") || !strings.Contains(printed, "slope") || !strings.Contains(said, " of 1000000 measurements") {
		t.Errorf("%q, %q", printed, said)
	}
}

// The table says how long measurements take whose settings have a cost, and so does the instrument.
func TestSimulateCost(t *testing.T) {
	text := strings.Replace(lineExperiment, "[settings", "[design]\ncost = \"9\"\n\n[settings", 1)
	file := write(t, "line.toml", text)
	_, at := design(t, file, ":0")
	began := time.Now()
	r := obe(t, "", "simulate", file, at, "--seed", "1", "--measurements", "3", "--compare", "--dwell", "10ms")
	if took := time.Since(began); took < 210*time.Millisecond { // the evenly spaced settings differ: 1 + 10 + 10
		t.Errorf("it took %v", took)
	}
	if want := "even: with the changes of the settings, 3 measurements took as long as 21 without"; !strings.Contains(r.stdout, want) {
		t.Errorf("%q", r.stdout)
	}
}

// A figure replaces the old one when it is complete, with the rights of the old one.
func TestWriteFigure(t *testing.T) {
	directory := systemtest.TempDir(t)
	path, link := filepath.Join(directory, "figure.svg"), filepath.Join(directory, "link.svg")
	figure := func(text string, err error) func(io.Writer) error {
		return func(w io.Writer) error {
			_, _ = io.WriteString(w, text)
			return err
		}
	}
	content := func(want string) {
		t.Helper()
		if text, err := os.ReadFile(path); err != nil || string(text) != want {
			t.Errorf("%q, %v, want %q", text, err, want)
		}
		if files, err := filepath.Glob(filepath.Join(directory, "*.tmp")); err != nil || len(files) > 0 {
			t.Error(files, err)
		}
	}
	if err := writeFigure(path, figure("first", nil)); err != nil {
		t.Fatal(err)
	}
	content("first")
	if err := writeFigure(path, figure("half", io.ErrUnexpectedEOF)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	content("first")
	if runtime.GOOS == "windows" {
		return
	}
	if err := errors.Join(os.Chmod(path, 0o640), os.Symlink("figure.svg", link)); err != nil {
		t.Fatal(err)
	}
	if err := writeFigure(link, figure("second", nil)); err != nil {
		t.Fatal(err)
	}
	content("second")
	if info, err := os.Lstat(path); err != nil || info.Mode() != 0o640 {
		t.Error(info.Mode(), err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Error(info.Mode(), err)
	}
}
