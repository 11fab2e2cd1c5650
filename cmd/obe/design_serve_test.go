package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"libobe/internal/systemtest"
	"libobe/internal/systemtest/natsserver"
	"libobe/internal/wire"
)

// lineExperiment is a straight line with a seed, so that a run can be compared with another one.
const lineExperiment = `
particles = 2000
seed = 3
noise = {until_reported = 0.1}
[settings.x]
min = 0
max = 1
steps = 21
[parameters.slope]
prior = "normal"
mean = 0
std = 1
unit = "V"
[parameters.offset]
prior = "normal"
mean = 0
std = 1
[model]
y = "offset + slope * x"
`

// design starts a designer.
func design(t *testing.T, args ...string) (p *process, at string) {
	t.Helper()
	p = start(t, append([]string{"design"}, args...)...)
	return p, p.address()
}

// askAt sends a command over a new connection.
func askAt(t *testing.T, at, request string) string {
	t.Helper()
	conn := connect(t, at)
	defer conn.Close()
	return exchange(t, conn, framed(request))
}

func numbersOf(t *testing.T, reply string) (values []float64) {
	t.Helper()
	if err := json.Unmarshal([]byte(reply), &values); err != nil {
		t.Fatalf("%s: %v", reply, err)
	}
	return values
}

// measureLine lets an instrument measure where the designer says. Each round is different for a different first.
func measureLine(t *testing.T, at string, first, rounds int) {
	t.Helper()
	conn := connect(t, at)
	defer conn.Close()
	for i := first; i < first+rounds; i++ {
		x := numbersOf(t, exchange(t, conn, framed(`{"command": "goodset"}`)))[0]
		y := 0.3 - 0.7*x + 0.1*rand.New(rand.NewPCG(9, uint64(i))).NormFloat64()
		if got := exchange(t, conn, framed(fmt.Sprintf(`{"command": "newdat", "x": [%v], "y": [%v], "s": [0.1]}`, x, y))); got != `"OK"` {
			t.Fatal(got)
		}
	}
}

// estimateAt returns mean and standard deviation, as they are in the replies.
func estimateAt(t *testing.T, at string) string {
	t.Helper()
	return askAt(t, at, `{"command": "getmean"}`) + askAt(t, at, `{"command": "getstd"}`)
}

func TestDesignServes(t *testing.T) {
	p, at := design(t, write(t, "line.toml", lineExperiment), ":0", "--ask-ahead")
	// Two clients that keep their connections, and one connection for each command.
	first, second := connect(t, at), connect(t, at)
	for _, conn := range []net.Conn{first, second, first} {
		if got := exchange(t, conn, framed(`{"command": "ready"}`)); got != `"OK"` {
			t.Error(got)
		}
	}
	if got := exchange(t, second, framed(`{"command": "newdat", "x": 1}`)); !strings.Contains(got, `"error": "y is missing`) || !strings.Contains(got, `"command": "newdat"`) {
		t.Error(got)
	}
	measureLine(t, at, 0, 50)
	if got := exchange(t, first, framed(`{"command": "describe"}`)); !strings.Contains(got, `"measurements":50,"trusted":true,"warnings":[]`) {
		t.Error(got)
	}
	askAt(t, at, `{"command": "newrun", "particles": 100}`)
	if got := askAt(t, at, `{"command": "getwgt"}`); len(numbersOf(t, got)) != 100 {
		t.Error(got)
	}
	if got := exchange(t, second, framed(`{"command": "done"}`)); got != `"OK"` {
		t.Error(got)
	}
	if status := p.wait(); status != exitOK {
		t.Error(status)
	}
	said := p.stderr.rest()
	if len(said) != 1 || !strings.HasPrefix(said[0], "obe design: run 1, 50 measurements: slope -0.") || !strings.Contains(said[0], " V, offset 0.") {
		t.Errorf("%q", said)
	}
}

// --ask-ahead changes when settings are computed, and not which.
func TestDesignAskAhead(t *testing.T) {
	file := write(t, "line.toml", lineExperiment)
	var estimates []string
	for _, args := range [][]string{{file, ":0"}, {file, ":0", "--ask-ahead"}} {
		_, at := design(t, args...)
		measureLine(t, at, 0, 30)
		estimates = append(estimates, estimateAt(t, at))
	}
	if estimates[0] != estimates[1] {
		t.Errorf("%s, and with --ask-ahead %s", estimates[0], estimates[1])
	}
}

func TestDesignStaysAfterDone(t *testing.T) {
	_, at := design(t, write(t, "line.toml", lineExperiment), ":0", "--stay")
	for range 2 {
		if got := askAt(t, at, `{"command": "done"}`); got != `"OK"` {
			t.Error(got)
		}
	}
}

// Instruments at the same time: each gets its replies, and all measurements count.
func TestDesignManyClients(t *testing.T) {
	_, at := design(t, write(t, "line.toml", lineExperiment), ":0")
	var all sync.WaitGroup
	for i := range 8 {
		all.Add(1)
		go func() {
			defer all.Done()
			measureLine(t, at, 10*i, 10)
		}()
	}
	all.Wait()
	if got := askAt(t, at, `{"command": "describe"}`); !strings.Contains(got, `"measurements":80,`) {
		t.Error(got)
	}
}

// What is no message, half a message, or a message that is no command ends nothing and delays no one.
func TestDesignUnderGarbage(t *testing.T) {
	_, at := design(t, write(t, "line.toml", lineExperiment), ":0")
	measureLine(t, at, 0, 3)
	before := estimateAt(t, at)
	r := rand.New(rand.NewPCG(1, 1))
	noise := make([]byte, 5000)
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	for i := range 300 {
		conn := connect(t, at)
		text := [...]string{
			string(noise[i : i+100]), "0000000010", framed(`{"command": `), framed("null"), framed(`{"command": "newdat", "x": [[[[]]]]}`),
			framed(`{"command": "` + strings.Repeat("x", 100_000) + `"}`), "", framed(`{"command": "newrun", "":{"":{"":[]}}}`), "9999999999",
			framed(strings.Repeat("[", 500) + strings.Repeat("]", 500)),
		}[i%10]
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatal(err)
		}
		if i%3 == 0 {
			conn.Close()
		}
	}
	if got := estimateAt(t, at); got != before {
		t.Errorf("%s, and before %s", got, before)
	}
}

// kill ends a process without giving it the time to do anything.
func (p *process) kill() {
	p.t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		p.t.Fatal(err)
	}
	p.wait()
}

// fixed returns an address at which a server can listen again after it was killed: the system gives its port to no connection.
func fixed(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf("127.0.0.1:%d", natsserver.FreePort(t))
}

// After kill -9 a designer goes on where it was: at the same address and at another one, in the same trace and in another
// one, several times, with a run that newrun has changed, or that began without newrun.
func TestDesignResumes(t *testing.T) {
	for name, newRun := range map[string]string{"changed": `{"command": "newrun", "slope.std": 2, "seed": 8}`, "without newrun": ""} {
		t.Run(name, func(t *testing.T) {
			file := write(t, "line.toml", lineExperiment)
			directory := systemtest.TempDir(t)
			run, other := filepath.Join(directory, "run.jsonl"), filepath.Join(directory, "other.jsonl")

			// Without a run in the trace, resuming is the first start. That run is an earlier one.
			first := fixed(t)
			p, at := design(t, file, first, "--record", run, "--resume", run)
			measureLine(t, at, 1000, 5)
			p.kill()

			p, at = design(t, file, first, "--record", run)
			if newRun != "" {
				if got := askAt(t, at, newRun); got != `"OK"` {
					t.Fatal(got)
				}
			}
			askAt(t, at, `{"command": "newdat", "x": [0], "y": [0]}`) // refused
			measureLine(t, at, 0, 40)
			count := 40
			for i, next := range [][]string{
				{first, "--record", run}, {":0", "--record", run}, {":0", "--record", other}, {":0", "--record", other}, {first},
			} {
				want := estimateAt(t, at)
				p.kill()
				resume := run
				if i > 2 {
					resume = other
				}
				p = start(t, append([]string{"design", file, "--resume", resume}, next...)...)
				if line := p.stderr.find("resumed: "); !strings.Contains(line, plural(count, "measurement")) {
					t.Error(line)
				}
				at = p.address()
				if got := estimateAt(t, at); got != want {
					t.Errorf("step %d: %s, and before %s", i, got, want)
				}
				measureLine(t, at, count, 10)
				count += 10
			}
			if got := askAt(t, at, `{"command": "describe"}`); !strings.Contains(got, fmt.Sprintf(`"measurements":%d,`, count)) {
				t.Error(got)
			}
		})
	}
}

// A server on all interfaces has another address for each of them, and one run.
func TestDesignResumesOnAllInterfaces(t *testing.T) {
	file, run := write(t, "line.toml", lineExperiment), filepath.Join(systemtest.TempDir(t), "run.jsonl")
	_, port, _ := net.SplitHostPort(fixed(t))
	p, at := design(t, file, "0.0.0.0:"+port, "--record", run)
	count := 0
	for _, host := range []string{"127.0.0.1", "127.0.0.2", "127.0.0.3"} {
		at = net.JoinHostPort(host, port)
		if runtime.GOOS != "linux" { // others have only the first one
			at = net.JoinHostPort("127.0.0.1", port)
		}
		measureLine(t, at, count, 5)
		count += 5
		want := estimateAt(t, at)
		p.kill()
		p, _ = design(t, file, "0.0.0.0:"+port, "--record", run, "--resume", run)
		if got := estimateAt(t, at); got != want {
			t.Errorf("%s, and before %s", got, want)
		}
	}
	if got := askAt(t, at, `{"command": "describe"}`); !strings.Contains(got, fmt.Sprintf(`"measurements":%d,`, count)) {
		t.Error(got)
	}
	if got := obe(t, "", "replay", run, "--to", at, "--all"); got.status != exitOK {
		t.Errorf("%+v", got)
	}
}

// The trace says what the posterior is worth, once for each kind of warning in a run, so that obe watch can show it.
func TestDesignRecordsWarnings(t *testing.T) {
	run := filepath.Join(systemtest.TempDir(t), "run.jsonl")
	p, at := design(t, write(t, "line.toml", lineExperiment), ":0", "--record", run)
	for range 2 {
		askAt(t, at, `{"command": "newrun"}`)
		for i := range 30 {
			askAt(t, at, fmt.Sprintf(`{"command": "newdat", "x": 0.5, "y": %d, "s": 0.001}`, i%2))
		}
	}
	askAt(t, at, `{"command": "done"}`)
	p.wait()
	text, err := os.ReadFile(run)
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, `"trusted":`) {
			said = append(said, line)
		}
	}
	if !strings.Contains(said[0], `"parameters":[{"name":"slope","unit":"V"},{"name":"offset","unit":""}],"run":1,"measurements":0,"trusted":true,"warnings":[]`) {
		t.Error(said[0])
	}
	last := said[len(said)-1]
	if len(said) > 20 || !strings.Contains(last, `"run":2,`) || !strings.Contains(last, `"trusted":false,"warnings":["No parameters were found`) {
		t.Errorf("%d times, and the last one is %s", len(said), last)
	}
}

// Without a seed a restored posterior has other particles, and agrees as far as particles do: with n of them the mean has a
// standard error of σ/√n, here less than 5 % of σ, and the standard deviation of half of that.
func TestDesignResumesWithoutASeed(t *testing.T) {
	file := write(t, "line.toml", strings.Replace(lineExperiment, "seed = 3", "", 1))
	run := filepath.Join(systemtest.TempDir(t), "run.jsonl")
	p, at := design(t, file, ":0", "--record", run)
	measureLine(t, at, 0, 50)
	mean, std := numbersOf(t, askAt(t, at, `{"command": "getmean"}`)), numbersOf(t, askAt(t, at, `{"command": "getstd"}`))
	p.kill()
	_, at = design(t, file, ":0", "--resume", run)
	mean2, std2 := numbersOf(t, askAt(t, at, `{"command": "getmean"}`)), numbersOf(t, askAt(t, at, `{"command": "getstd"}`))
	for i := range mean {
		if off := math.Abs(mean2[i]-mean[i]) / std[i]; off > 0.4 || std2[i]/std[i] > 1.4 || std[i]/std2[i] > 1.4 {
			t.Errorf("parameter %d: %v ± %v, and before %v ± %v", i, mean2[i], std2[i], mean[i], std[i])
		}
	}
}

// Measurements of other knobs or channels are refused, also if there are as many of them. Other parameters are a question of
// what one wants to know.
func TestDesignResumesSameKnobsOnly(t *testing.T) {
	file := write(t, "line.toml", lineExperiment)
	run := filepath.Join(systemtest.TempDir(t), "run.jsonl")
	p, at := design(t, file, ":0", "--record", run)
	measureLine(t, at, 0, 5)
	askAt(t, at, `{"command": "done"}`)
	p.wait()
	for _, c := range []struct {
		changes []string
		want    string
	}{
		{[]string{"settings.x]", "settings.x]\nunit = \"s\""}, "resumed: 5 measurements"},
		{[]string{"slope", "rise"}, "resumed: 5 measurements"},
		{[]string{"settings.x", "settings.t", "* x", "* t"}, "--resume " + run + ": the recorded designer had another experiment: its settings are x, and those of the file are t"},
		{[]string{"y =", "z ="}, "had another experiment: its channels are y, and those of the file are z"},
	} {
		changed := write(t, "changed.toml", strings.NewReplacer(c.changes...).Replace(lineExperiment))
		start(t, "design", changed, ":0", "--resume", run).stderr.find(c.want)
	}
}

// The measurement that a crash left without a reply is sent again by the instrument. It counts once.
func TestDesignResumedMeasurementCountsOnce(t *testing.T) {
	file := write(t, "line.toml", lineExperiment)
	newDat := `{"command": "newdat", "x": [0.5], "y": [0.2], "s": [0.1]}`
	lines := `{"trace":"obe","version":1}` + "\n"
	for _, reply := range []bool{true, false} {
		lines += fmt.Sprintf(`{"role":"server","direction":"received","peer":"a:1","local":"b:2","size":%d,"body":%s}`+"\n", len(newDat), newDat)
		if reply {
			lines += `{"role":"server","direction":"sent","peer":"a:1","local":"b:2","size":4,"body":"OK"}` + "\n"
		}
		newDat = strings.Replace(newDat, "0.2", "0.3", 1)
	}
	newDat = strings.Replace(newDat, "0.2", "0.3", 1)
	run := write(t, "run.jsonl", lines)
	p := start(t, "design", file, ":0", "--resume", run, "--record", run)
	p.stderr.find("1 command got no reply then, and is counted")
	at := p.address()
	count := func(want int) {
		t.Helper()
		if got := askAt(t, at, `{"command": "describe"}`); !strings.Contains(got, fmt.Sprintf(`"measurements":%d,`, want)) {
			t.Error(got)
		}
	}
	count(2)
	for _, want := range []int{2, 3} { // the second one is another measurement with the same result
		if got := askAt(t, at, newDat); got != `"OK"` {
			t.Error(got)
		}
		count(want)
	}
	p.kill()
	_, at = design(t, file, ":0", "--resume", run)
	count(3)
}

// 200 measurements are back in less than a second.
func TestDesignResumesFast(t *testing.T) {
	run := filepath.Join(systemtest.TempDir(t), "run.jsonl")
	p, at := design(t, lorentzianFile, ":0", "--record", run)
	conn := connect(t, at)
	r := rand.New(rand.NewPCG(2, 2))
	for range 200 {
		x := numbersOf(t, exchange(t, conn, framed(`{"command": "goodset"}`)))[0]
		u := (x - 2.345) * 2 / 0.03
		exchange(t, conn, framed(fmt.Sprintf(`{"command": "newdat", "x": [%v], "y": [%v], "s": [0.005]}`, x, 1-0.05/(1+u*u)+0.005*r.NormFloat64())))
	}
	p.kill()
	least := time.Hour
	for range 3 {
		began := time.Now()
		p, at := design(t, lorentzianFile, ":0", "--resume", run)
		if got := askAt(t, at, `{"command": "describe"}`); !strings.Contains(got, `"measurements":200,"trusted":true`) {
			t.Error(got)
		}
		took := time.Since(began)
		mean := numbersOf(t, askAt(t, at, `{"command": "getmean"}`))
		if math.Abs(mean[0]-2.345) > 0.003 {
			t.Error(mean)
		}
		p.kill()
		least = min(least, p.state.UserTime()+p.state.SystemTime())
		t.Logf("a start took %v, and all a processor time of %v", took, p.state.UserTime()+p.state.SystemTime())
	}
	// Processor time does not depend on what else the machine does.
	if least > time.Second {
		t.Error("this is too slow")
	}
}

func TestDesignMistakesOnTheCommandLine(t *testing.T) {
	file := write(t, "line.toml", lineExperiment)
	empty := write(t, "empty.jsonl", "")
	noRun := writeTrace(t, `{"command": "getmean"}`)
	foreign := writeTrace(t, `{"command": "newrun"}`, `{"command": "newdat", "x": [1, 2], "y": 1, "s": 1}`)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	for _, c := range []struct {
		want string
		args []string
	}{
		{"cannot read the experiment missing.toml: ", []string{"missing.toml"}},
		{"another program uses that port", []string{file, listener.Addr().String()}},
		{"an address has a port", []string{file, "localhost"}},
		{"--plot is for --check", []string{file, "--plot", "x.svg"}},
		{"--check only reads the file, and has no ADDRESS", []string{file, ":0", "--check"}},
		{"--check and --record exclude each other", []string{file, "--check", "--record", "x"}},
		{"--record is empty", []string{file, "--record", ""}},
		{"--record: ", []string{file, ":0", "--record", filepath.Join(file, "x")}},
		{"line.toml: this is not a trace", []string{file, ":0", "--record", file}},
		{"--allow: ", []string{file, ":0", "--allow", "everyone"}},
		{"needs a certificate file (--tls-cert)", []string{file, ":0", "--tls"}},
		{"--resume: open ", []string{file, ":0", "--resume", "missing.jsonl"}},
		{"this trace has no commands", []string{file, ":0", "--resume", empty}},
		{"has no run: no newrun and no newdat", []string{file, ":0", "--resume", noRun}},
		{"this is not a trace", []string{file, ":0", "--resume", file}},
		{"newdat (", []string{file, ":0", "--resume", foreign}},
	} {
		got := obe(t, "", append([]string{"design"}, c.args...)...)
		if got.status != exitUsage || !strings.Contains(got.stderr, c.want) || got.stdout != "" {
			t.Errorf("%q: %+v", c.args, got)
		}
		if text := strings.TrimSpace(got.stderr); strings.Count(text, "\n") > 2 {
			t.Errorf("%q: more than a sentence: %s", c.args, text)
		}
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != lineExperiment {
		t.Errorf("the experiment is now %q, %v", text, err)
	}
}

// What the designer warns of is told once in a run.
func TestDesignWarns(t *testing.T) {
	p, at := design(t, write(t, "line.toml", lineExperiment), ":0")
	for range 2 {
		askAt(t, at, `{"command": "newrun"}`)
		for i := range 30 {
			askAt(t, at, fmt.Sprintf(`{"command": "newdat", "x": 0.5, "y": %d, "s": 0.001}`, i%2))
		}
	}
	askAt(t, at, `{"command": "done"}`)
	p.wait()
	said := strings.Join(p.stderr.rest(), "\n")
	if n := strings.Count(said, "No parameters were found that fit the data"); n != 2 {
		t.Errorf("%d times in\n%s", n, said)
	}
	if !strings.Contains(said, "run 2, 30 measurements: ") || strings.Count(said, "this cannot be trusted") != 2 {
		t.Error(said)
	}
}

// A trace that cannot be written does not end the run, and is told.
func TestDesignCannotRecord(t *testing.T) {
	directory := filepath.Join(systemtest.TempDir(t), "runs")
	if err := os.Mkdir(directory, 0o700); err != nil {
		t.Fatal(err)
	}
	p, at := design(t, write(t, "line.toml", lineExperiment), ":0", "--record", filepath.Join(directory, "run.jsonl"))
	if err := os.RemoveAll(directory); err != nil {
		t.Fatal(err)
	}
	measureLine(t, at, 0, 5)
	p.stderr.find("a message could not be recorded, and the run goes on: ")
}

// The options of a server are those of the library.
func TestDesignOptions(t *testing.T) {
	file := write(t, "line.toml", lineExperiment)
	_, at := design(t, file, "unix:"+filepath.Join(systemtest.TempDir(t), "d.sock"))
	obe(t, "", "call", at, "newdat", "x=[0.5]", "y=[1]", "s=[0.1]").check(t, result{stdout: `"OK"`})

	_, at = design(t, file, ":0", "--allow", "192.0.2.1")
	if got := obe(t, "", "ready", at, "--timeout", "5s"); got.status != exitNoAnswer {
		t.Errorf("%+v", got)
	}
	_, at = design(t, file, ":0", "--allow", "192.0.2.1,127.0.0.0/8")
	obe(t, "", "ready", at).check(t, result{})
}

// However often a designer is killed, each measurement of an instrument that sends again what got no reply counts once.
func TestDesignKilledAtAnyMoment(t *testing.T) {
	file := write(t, "line.toml", lineExperiment)
	run := filepath.Join(systemtest.TempDir(t), "run.jsonl")
	r := rand.New(rand.NewPCG(4, 4))
	measurement := func() string {
		return framed(fmt.Sprintf(`{"command": "newdat", "x": [%v], "y": [%v], "s": [0.1]}`, r.Float64(), r.NormFloat64()))
	}
	at, next, acknowledged := fixed(t), measurement(), 0
	for range 8 {
		p, _ := design(t, file, at, "--record", run, "--resume", run)
		conn := connect(t, at)
		kill := time.AfterFunc(time.Duration(r.IntN(50))*time.Millisecond, func() { _ = p.cmd.Process.Kill() })
		reader := wire.Reader{Limit: 1 << 20}
		for {
			if _, err := io.WriteString(conn, next); err != nil {
				break
			}
			reply, err := reader.Next(conn, nil)
			if err != nil {
				break
			}
			if string(reply) != `"OK"` {
				t.Fatalf("%s", reply)
			}
			next = measurement()
			acknowledged++
		}
		kill.Stop()
		p.wait()
		conn.Close()
	}
	_, at = design(t, file, at, "--record", run, "--resume", run)
	if got := exchange(t, connect(t, at), next); got != `"OK"` {
		t.Error(got)
	}
	if got := askAt(t, at, `{"command": "describe"}`); !strings.Contains(got, fmt.Sprintf(`"measurements":%d,`, acknowledged+1)) {
		t.Errorf("%d measurements, and %s", acknowledged+1, got)
	}
}
