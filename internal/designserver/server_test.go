package designserver

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"libobe/internal/designer"
	"libobe/internal/experiment"
	"libobe/internal/jsondoc"
)

// twoKnobs is an experiment that has one of each: several settings, channels, constants, and all kinds of noise.
const twoKnobs = `
title = "Two knobs"
particles = 500
seed = 7
[settings.frequency]
min = 1
max = 2
steps = 3
unit = "GHz"
[settings.power]
values = [1, 10]
[parameters.centre]
prior = "uniform"
min = 1
max = 2
unit = "GHz"
[parameters.depth]
prior = "uniform"
min = 0
max = 1
[parameters.sigma]
prior = "log-uniform"
min = 0.01
max = 1
[constants]
offset = 0.5
gain = 2
[model]
dip = "1 - depth * power / (1 + (frequency - centre)^2)"
phase = "offset + gain * depth"
monitor = "depth"
[noise]
dip = {until_reported = 0.1}
phase = "sigma"
monitor = 0.2
`

// oneKnob needs nothing but x, y and s.
const oneKnob = `
particles = 1000
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
[parameters.offset]
prior = "normal"
mean = 0
std = 1
[model]
y = "offset + slope * x"
`

func newServer(t testing.TB, text string, askAhead bool) *Server {
	t.Helper()
	e, err := experiment.Parse("test.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{
		Experiment: e, AskAhead: askAhead, RunEnds: func() {},
		Fault: func(err any, stack []byte) { t.Errorf("%v\n%s", err, stack) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func ask(t testing.TB, s *Server, request string) string {
	t.Helper()
	if err := jsondoc.Validate([]byte(request)); err != nil {
		t.Fatal(request, err)
	}
	reply, _ := s.Answer([]byte(request))
	if err := jsondoc.Validate(reply); err != nil {
		t.Fatalf("%s: the reply %s is not JSON: %v", request, reply, err)
	}
	return string(reply)
}

func askNumbers[T any](t testing.TB, s *Server, request string) (values T) {
	t.Helper()
	reply := ask(t, s, request)
	if err := json.Unmarshal([]byte(reply), &values); err != nil {
		t.Fatalf("%s: %s", request, reply)
	}
	return values
}

// Each command has the reply that the original has.
func TestCommands(t *testing.T) {
	s := newServer(t, twoKnobs, false)
	for _, c := range []struct{ request, want string }{
		{`{"command": "ready"}`, `"OK"`},
		{`{"command": "getset"}`, `[[1.0, 1.0, 1.5, 1.5, 2.0, 2.0], [1.0, 10.0, 1.0, 10.0, 1.0, 10.0]]`},
		{`{"command": "getcon"}`, `[0.5, 2.0]`},
		{`{"command": "newdat", "x": [1.5, 10], "y": [0.5, 1.0, 0.5], "s": [0.1, 0.1, 0.1]}`, `"OK"`},
		{`{"command": "newdat", "x": [1.25, 3], "y": [0.5, 1, 0.5], "s": [0.1, 0, 0], "other": {}}`, `"OK"`},
		{`{"command": "newrun"}`, `"OK"`},
		{`{"command": "newrun", "gain": 3, "settings": {"frequency": {"steps": 2}}}`, `"OK"`},
		{`{"command": "getcon"}`, `[0.5, 3.0]`},
		{`{"command": "getset"}`, `[[1.0, 1.0, 2.0, 2.0], [1.0, 10.0, 1.0, 10.0]]`},
		{`{"command": "newrun"}`, `"OK"`}, // the numbers of the file again
		{`{"command": "getcon"}`, `[0.5, 2.0]`},
		{`{"command": "done"}`, `"OK"`},
	} {
		if got := ask(t, s, c.request); got != c.want {
			t.Errorf("%s: %s, not %s", c.request, got, c.want)
		}
	}
	for command, want := range map[string]int{"optset": 2, "goodset": 2, "getmean": 3, "getstd": 3, "getwgt": 500} {
		if got := askNumbers[[]float64](t, s, fmt.Sprintf(`{"command": %q}`, command)); len(got) != want {
			t.Errorf("%s: %v", command, got)
		}
	}
	for command, want := range map[string][2]int{"getcov": {3, 3}, "getpar": {3, 500}, "getpdf": {3, 500}} {
		if got := askNumbers[[][]float64](t, s, fmt.Sprintf(`{"command": %q}`, command)); len(got) != want[0] || len(got[0]) != want[1] {
			t.Errorf("%s: %d rows", command, len(got))
		}
	}
	if got, same := ask(t, s, `{"command": "getpdf"}`), ask(t, s, `{"command": "getpar"}`); got != same {
		t.Error("getpdf and getpar differ")
	}
	if _, done := s.Answer([]byte(`{"command": "done"}`)); !done {
		t.Error("done is not done")
	}
}

// Each error is told to the client with the command, and changes nothing.
func TestErrors(t *testing.T) {
	const all = "describe, done, getcon, getcov, getmean, getpar, getpdf, getset, getstd, getwgt, goodset, newdat, newrun, optset, ready"
	s := newServer(t, twoKnobs, false)
	ask(t, s, `{"command": "newdat", "x": [1.5, 10], "y": [0.5, 1.0, 0.5], "s": [0.1, 0.1, 0.1]}`)
	state := func() string {
		return ask(t, s, `{"command": "getpar"}`) + ask(t, s, `{"command": "getwgt"}`) + ask(t, s, `{"command": "describe"}`)
	}
	before := state()
	for _, c := range []struct{ request, command, problem string }{
		{`"ready"`, "null", `a message must be an object with the member "command", and not a string`},
		{`[1]`, "null", `a message must be an object with the member "command", and not an array`},
		{`NaN`, "null", `a message must be an object with the member "command", and not a real`},
		{`{}`, "null", `the message has no member "command"; the commands are ` + all},
		{`{"command": 7}`, "null", `the member "command" must be a string, and not an integer`},
		{`{"command": null}`, "null", `the member "command" must be a string, and not a null`},
		{`{"command": ""}`, "null", `the member "command" is empty; the commands are ` + all},
		{`{"command": "godset"}`, `"godset"`, `unknown command 'godset'; did you mean 'goodset'?`},
		{`{"command": "READY"}`, `"READY"`, `unknown command 'READY'; did you mean 'ready'?`},
		{`{"command": "shutdown"}`, `"shutdown"`, `unknown command 'shutdown'; the commands are ` + all},
		{`{"command": "newdat"}`, `"newdat"`, `x is missing: a number for each setting (frequency, power)`},
		{`{"command": "newdat", "x": [1, 1]}`, `"newdat"`, `y is missing: a number for each channel (dip, phase, monitor)`},
		{`{"command": "newdat", "x": [1, 1], "y": [1, 1, 1]}`, `"newdat"`, `s is missing: a number for each channel (dip, phase, monitor); the file of the experiment says that the noise is reported with each measurement`},
		{`{"command": "newdat", "x": 1, "y": [1, 1, 1], "s": [1, 1, 1]}`, `"newdat"`, `x has 1 number, and needs 2: one for each setting (frequency, power)`},
		{`{"command": "newdat", "x": [1, 1, 1], "y": [1, 1, 1], "s": [1, 1, 1]}`, `"newdat"`, `x has 3 numbers, and needs 2: one for each setting (frequency, power)`},
		{`{"command": "newdat", "x": [1, 1], "y": [], "s": [1, 1, 1]}`, `"newdat"`, `y has 0 numbers, and needs 3: one for each channel (dip, phase, monitor)`},
		{`{"command": "newdat", "x": [1, 1], "y": [1, 1, 1], "s": [1]}`, `"newdat"`, `s has 1 number, and needs 3: one for each channel (dip, phase, monitor)`},
		{`{"command": "newdat", "x": "1.5", "y": [1, 1, 1], "s": [1, 1, 1]}`, `"newdat"`, `x must be a list of 2 numbers`},
		{`{"command": "newdat", "x": ["1", 1], "y": [1, 1, 1], "s": [1, 1, 1]}`, `"newdat"`, `x must be a list of 2 numbers`},
		{`{"command": "newdat", "x": [[1, 1]], "y": [1, 1, 1], "s": [1, 1, 1]}`, `"newdat"`, `x has 1 number, and needs 2: one for each setting (frequency, power)`},
		{`{"command": "newdat", "x": [1, null], "y": [1, 1, 1], "s": [1, 1, 1]}`, `"newdat"`, `x must be a list of 2 numbers`},
		{`{"command": "newdat", "x": [NaN, 1], "y": [1, 1, 1], "s": [1, 1, 1]}`, `"newdat"`, `the setting x has the value NaN; it must be finite`},
		{`{"command": "newdat", "x": [1, 1], "y": [1, NaN, 1], "s": [1, 1, 1]}`, `"newdat"`, `the measured value of channel "phase" is NaN; it must be finite`},
		{`{"command": "newdat", "x": [1, 1], "y": [1, 1, -Infinity], "s": [1, 1, 1]}`, `"newdat"`, `the measured value of channel "monitor" is -Inf; it must be finite`},
		{`{"command": "newdat", "x": [1, 1], "y": [1, 1, 1e999], "s": [1, 1, 1]}`, `"newdat"`, ``},
		{`{"command": "newdat", "x": [1, 1], "y": [1, 1, 1` + strings.Repeat("0", 400) + `], "s": [1, 1, 1]}`, `"newdat"`, `y has a number that is out of range`},
		{`{"command": "newdat", "x": [1, 1], "y": [1, 1, 1], "s": [0, 1, 1]}`, `"newdat"`, `channel "dip": the standard deviation of the noise is 0; it must be positive and finite`},
		{`{"command": "newdat", "x": [1, 1], "y": [1, 1, 1], "s": [NaN, 1, 1]}`, `"newdat"`, ``},
		{`{"command": "newdat", "x": [1, 1], "y": [1, 1, 1], "s": true}`, `"newdat"`, `s must be a list of 3 numbers`},
		{`{"command": "goodset", "pickiness": -1}`, `"goodset"`, `the pickiness is -1; it must not be negative`},
		{`{"command": "goodset", "pickiness": NaN}`, `"goodset"`, `the pickiness is NaN; it must not be negative`},
		{`{"command": "goodset", "pickiness": "4"}`, `"goodset"`, `pickiness must be a number, or a list of one number`},
		{`{"command": "newrun", "stepps": 2}`, `"newrun"`, `newrun: stepps: there is no such number; did you mean "settings.frequency.steps"?`},
		{`{"command": "newrun", "particles": "many"}`, `"newrun"`, ``},
		{`{"command": "newrun", "particles": 1e12}`, `"newrun"`, ``},
		{`{"command": "newrun", "centre.min": 5, "gain": []}`, `"newrun"`, ``},
	} {
		var got struct {
			Error   *string         `json:"error"`
			Command json.RawMessage `json:"command"`
		}
		reply := ask(t, s, c.request)
		if err := json.Unmarshal([]byte(reply), &got); err != nil || got.Error == nil || string(got.Command) != c.command {
			t.Errorf("%.100s: %s", c.request, reply)
			continue
		}
		if *got.Error == "" || strings.Contains(*got.Error, "\n") || !strings.HasPrefix(*got.Error, c.problem) {
			t.Errorf("%.100s: %q, not %q", c.request, *got.Error, c.problem)
		}
	}
	if state() != before {
		t.Error("an error changed the posterior")
	}
}

func TestNoiseThatIsNotReportedNeedsNoS(t *testing.T) {
	s := newServer(t, strings.Replace(oneKnob, "{until_reported = 0.1}", "0.1", 1), false)
	for _, request := range []string{
		`{"command": "newdat", "x": 0.5, "y": 1}`, `{"command": "newdat", "x": [0.5], "y": [1], "s": null}`,
		`{"command": "newdat", "x": [0.5], "y": 1, "s": 0}`, // what is not used is not checked
	} {
		if got := ask(t, s, request); got != `"OK"` {
			t.Errorf("%s: %s", request, got)
		}
	}
}

// A reply that no client of the library accepts is an error before it takes the memory.
func TestTooLargeReplies(t *testing.T) {
	s := newServer(t, strings.Replace(oneKnob, "steps = 21", "steps = 1000000", 1), false)
	ask(t, s, `{"command": "newrun", "particles": 1000000}`)
	if got := askNumbers[[]float64](t, s, `{"command": "getwgt"}`); len(got) != 1_000_000 {
		t.Error(len(got))
	}
	s = newServer(t, strings.NewReplacer("[parameters.slope]", "[settings.z]\nvalues = [0, 1, 2, 3]\n[parameters.slope]", "* x", "* x + z").Replace(oneKnob), false)
	ask(t, s, `{"command": "newrun", "settings.x.steps": 250000}`)
	if got := askNumbers[[][]float64](t, s, `{"command": "getset"}`); len(got[1]) != 1_000_000 {
		t.Error(len(got[1]))
	}
	s = newServer(t, strings.NewReplacer("steps = 21", "steps = 1000000\n[settings.z]\nvalues = [0, 1, 2, 3]", "* x", "* x + z").Replace(oneKnob), false)
	if got := ask(t, s, `{"command": "getset"}`); !strings.Contains(got, "8000000 numbers, and can have at most 3000000; describe has the ranges") {
		t.Errorf("%.300s", got)
	}
}

func TestDescribe(t *testing.T) {
	s := newServer(t, oneKnob, false)
	type described struct {
		Settings     []struct{ Name string }
		Run          int
		Measurements int
		Trusted      bool
		Warnings     []string
	}
	ask(t, s, `{"command": "newrun"}`)
	if got := askNumbers[described](t, s, `{"command": "describe"}`); got.Run != 1 || got.Measurements != 0 || !got.Trusted || len(got.Warnings) != 0 || got.Settings[0].Name != "x" {
		t.Errorf("%+v", got)
	}
	if got := ask(t, s, `{"command": "describe"}`); !strings.Contains(got, `"warnings":[]`) {
		t.Error(got)
	}
	std := askNumbers[[]float64](t, s, `{"command": "getstd"}`)
	for i := range 20 { // no line is through these
		ask(t, s, fmt.Sprintf(`{"command": "newdat", "x": [0.5], "y": [%d], "s": [0.001]}`, i%2))
	}
	got := askNumbers[described](t, s, `{"command": "describe"}`)
	if got.Trusted || len(got.Warnings) == 0 || got.Measurements != 20 {
		t.Errorf("%+v", got)
	}
	// 0.5 is the standard deviation of the data. Without trust it would be 0.001/√20.
	after := askNumbers[[]float64](t, s, `{"command": "getstd"}`)
	if !(after[1] > 0.05) || !(std[1] > 0.9) {
		t.Errorf("the standard deviations are %v, %v before", after, std)
	}
	ask(t, s, `{"command": "newrun"}`)
	if got := askNumbers[described](t, s, `{"command": "describe"}`); got.Run != 2 || !got.Trusted {
		t.Errorf("%+v", got)
	}
}

// drive is an instrument: it measures where the server says, and returns all replies.
func drive(t testing.TB, s *Server, rounds int, question string, prepare bool) (replies []string) {
	r := rand.New(rand.NewPCG(5, 6))
	for range rounds {
		reply := ask(t, s, question)
		if prepare {
			s.Prepare()
		}
		var x []float64
		if err := json.Unmarshal([]byte(reply), &x); err != nil {
			t.Fatal(reply)
		}
		y := 0.3 - 0.7*x[0] + 0.1*r.NormFloat64()
		replies = append(replies, reply, ask(t, s, fmt.Sprintf(`{"command": "newdat", "x": [%v], "y": [%v], "s": [0.1]}`, x[0], y)))
		if prepare {
			s.Prepare()
		}
	}
	return append(replies, ask(t, s, `{"command": "getmean"}`), ask(t, s, `{"command": "getstd"}`))
}

// A run is the same for the same seed, and finds the line.
func TestSeed(t *testing.T) {
	first := drive(t, newServer(t, oneKnob, false), 50, `{"command": "goodset"}`, false)
	again := drive(t, newServer(t, oneKnob, false), 50, `{"command": "goodset"}`, false)
	if strings.Join(first, "\n") != strings.Join(again, "\n") {
		t.Error("the same seed has other replies")
	}
	s := newServer(t, oneKnob, false)
	ask(t, s, `{"command": "newrun", "seed": 4}`)
	if other := drive(t, s, 50, `{"command": "goodset"}`, false); strings.Join(first, "\n") == strings.Join(other, "\n") {
		t.Error("another seed has the same replies")
	}
	estimates := s.Estimates()
	for i, truth := range []float64{-0.7, 0.3} {
		if off := estimates[i].Mean - truth; !(estimates[i].Std < 0.1) || off > 4*estimates[i].Std || off < -4*estimates[i].Std {
			t.Errorf("%+v", estimates[i])
		}
	}
}

// What is computed ahead is used, and the settings are the same.
func TestAskAhead(t *testing.T) {
	for _, question := range []string{`{"command": "goodset"}`, `{"command": "goodset", "pickiness": 9}`, `{"command": "optset"}`} {
		plain := drive(t, newServer(t, oneKnob, false), 30, question, false)
		ahead := drive(t, newServer(t, oneKnob, true), 30, question, true)
		if strings.Join(plain, "\n") != strings.Join(ahead, "\n") {
			t.Errorf("%s: with Prepare the replies differ", question)
		}
	}
	s := newServer(t, oneKnob, true)
	s.Prepare()
	if s.ahead != nil {
		t.Error("the first setting is computed before a client asked for one")
	}
	const measurement = `{"command": "newdat", "x": 0.5, "y": 1, "s": 0.1}`
	ask(t, s, `{"command": "goodset"}`)
	s.Prepare()
	if s.ahead != nil {
		t.Error("a setting is computed that a measurement will change")
	}
	ask(t, s, measurement)
	s.Prepare()
	if s.ahead == nil {
		t.Fatal("nothing is computed after a measurement")
	}
	want := fmt.Sprint(s.ahead)
	if got := fmt.Sprint(askNumbers[[]float64](t, s, `{"command": "goodset", "pickiness": 4.0}`)); got != want || s.ahead != nil {
		t.Errorf("%s is not %s, which was computed", got, want)
	}
	for _, change := range []string{measurement, `{"command": "newrun"}`, `{"command": "optset"}`, `{"command": "goodset", "pickiness": 1}`} {
		ask(t, s, `{"command": "goodset"}`)
		ask(t, s, measurement)
		s.Prepare()
		ask(t, s, change)
		if s.ahead != nil {
			t.Errorf("%s does not change what was computed", change)
		}
	}
}

// An instrument with the option fields adds members to each command; a number alone, or a list of one, are the same.
func TestNumberAloneOrInAList(t *testing.T) {
	one, list := newServer(t, oneKnob, false), newServer(t, oneKnob, false)
	ask(t, one, `{"command": "newdat", "x": 0.5, "y": 1, "s": 0.1}`)
	ask(t, list, `{"command": "newdat", "x": [0.5], "y": [1.0], "s": [0.1], "id": {"run": [1]}}`)
	for _, command := range []string{"getmean", "getpar", "getwgt"} {
		request := fmt.Sprintf(`{"command": %q}`, command)
		if ask(t, one, request) != ask(t, list, request) {
			t.Errorf("%s differs", command)
		}
	}
}

// A command that meets a fault of the program is answered as well.
func TestFault(t *testing.T) {
	s := newServer(t, oneKnob, false)
	told := 0
	s.fault = func(any, []byte) { told++ }
	working := s.designer
	s.designer = nil
	if got := ask(t, s, `{"command": "getmean"}`); !strings.Contains(got, `"error": "a fault of this program`) || told != 1 {
		t.Error(got, told)
	}
	// A model that fails in another goroutine, where no caller could recover it: it needs many particles.
	if runtime.GOMAXPROCS(0) < 2 {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	}
	cfg := ConfigOf(s.now, 1)
	cfg.Particles, cfg.Model = 100_000, failing{}
	var err error
	if s.designer, err = designer.New(cfg); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{`{"command": "newdat", "x": 0.5, "y": 0, "s": 0.1}`, `{"command": "goodset"}`} {
		before := told
		if got := ask(t, s, command); !strings.Contains(got, `"error": "a fault of this program`) || told != before+1 {
			t.Error(got, told)
		}
	}
	s.designer = working
	if got := ask(t, s, `{"command": "getmean"}`); strings.Contains(got, "error") {
		t.Error(got)
	}
}

type failing struct{}

func (failing) Predict(int, []float64, [][]float64, int, int, []float64) { panic("the model fails") }

// Whatever a message is, there is a reply, and then the next command is executed.
func FuzzAnswer(f *testing.F) {
	for _, name := range names {
		f.Add([]byte(fmt.Sprintf(`{"command": %q, "x": [0.5], "y": 1, "s": [0.1], "pickiness": 3}`, name)))
	}
	f.Add([]byte(`{"command": "newrun", "parameters": {"slope": {"std": 2}}, "particles": 100, "lolim": 0.2}`))
	f.Add([]byte(`[{"command": "ready"}]`))
	f.Fuzz(func(t *testing.T, message []byte) {
		if len(message) > 10_000 || jsondoc.Validate(message) != nil {
			t.Skip()
		}
		s := newServer(t, strings.Replace(oneKnob, "1000", "50", 1), true)
		doc := jsondoc.FromValid(message)
		if n, err := doc.Double("/particles"); err == nil && n > 1000 {
			t.Skip("only slow")
		}
		for range 2 {
			reply, _ := s.Answer(message)
			s.Prepare()
			if err := jsondoc.Validate(reply); err != nil {
				t.Fatalf("%s: the reply %s is not JSON: %v", message, reply, err)
			}
		}
		if got := ask(t, s, `{"command": "getmean"}`); strings.Contains(got, "error") || strings.Contains(got, "NaN") {
			t.Errorf("%s: the mean is then %s", message, got)
		}
	})
}
