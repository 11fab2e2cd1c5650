package experiment

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"libobe/internal/systemtest"
)

const gallery = "../../examples/experiments"

// example is a file that has everything.
const example = `
title = "Everything"
description = "A file for tests."
particles = 1_000
seed = 7

[settings.field]
values = [0.5, 0.1, 2]
unit = "mT"

[settings."τ"]
min = 0.01
max = 10
steps = 4
scale = "logarithmic"
unit = "µs"
description = "delay"

[parameters.b]
prior = "uniform"
min = -1
max = 1

[parameters.a]
prior = "normal"
mean = 2
std = 0.5
unit = "V"

[parameters.cut]
prior = "normal"
mean = 2
std = 0.5
min = 2.5

[parameters.rate]
prior = "log-uniform"
min = 1e-3
max = 1e3

[parameters.sigma]
prior = "half-normal"
std = 0.1

[parameters.n]
prior = "list"
values = [3, 1, 2]
weights = [1, 1, 2]

[constants]
µ = 9.27
`

const exampleModel = `
[model]
first = "a * field + b * exp(-rate * τ)"

[model.second]
expression = 'cut * cos(n * τ) * μ'
unit = "V"
description = "voltage"

[model.third]
expression = "τ"

[noise]
first = "sigma"
second = {until_reported = 0.1}
third = 2

[design]
pickiness = 9
draws = 30
cost = "abs(field - field_before) / 0.1"
`

func exampleText() string { return strings.Replace(example, "\nµ =", "\n\"µ\" =", 1) + exampleModel }

func mustParse(t testing.TB, text string) *Experiment {
	t.Helper()
	e, err := Parse("test.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestEveryFeature(t *testing.T) {
	e := mustParse(t, exampleText())
	if e.Title != "Everything" || e.Description != "A file for tests." || e.Particles != 1000 || e.Seed != 7 || !e.HasSeed {
		t.Errorf("%+v", e)
	}
	if got := e.ParameterNames(); !reflect.DeepEqual(got, []string{"b", "a", "cut", "rate", "sigma", "n"}) {
		t.Errorf("parameters %v", got)
	}
	if got, want := e.Settings[0], (Setting{Label{"field", "mT", ""}, []float64{0.5, 0.1, 2}, 0.1, 2, true, false}); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	delay := e.Settings[1]
	if delay.Label != (Label{"τ", "µs", "delay"}) || !delay.Logarithmic || delay.Listed || delay.Min != 0.01 || delay.Max != 10 {
		t.Errorf("%+v", delay)
	}
	for i, want := range []float64{0.01, 0.1, 1, 10} {
		if math.Abs(delay.Values[i]/want-1) > 1e-12 {
			t.Errorf("delay %d is %v", i, delay.Values[i])
		}
	}
	if got := e.Knobs(); len(got) != 2 || len(got[0]) != 3 || len(got[1]) != 4 {
		t.Errorf("knobs %v", got)
	}
	if got := e.Constants; !reflect.DeepEqual(got, []Constant{{"μ", 9.27}}) {
		t.Errorf("constants %v", got)
	}
	noise := []Noise{{Kind: EstimatedNoise, Parameter: 4}, {Kind: ReportedNoise, Std: 0.1}, {Kind: FixedNoise, Std: 2}}
	for i, name := range []string{"first", "second", "third"} {
		if c := e.Channels[i]; c.Name != name || c.Noise != noise[i] {
			t.Errorf("%+v", c)
		}
	}
	if e.Design.Pickiness != 9 || e.Design.Draws != 30 || !e.HasCost() {
		t.Errorf("%+v", e.Design)
	}

	particles := [][]float64{{1, 2, 3}, {4, 5, 6}, {7, 8, 9}, {1, 1, 1}, {1, 1, 1}, {1, 2, 3}}
	out := make([]float64, 2)
	e.Predict(0, []float64{2, 0}, particles, 1, 3, out)
	if !reflect.DeepEqual(out, []float64{12, 15}) {
		t.Errorf("first is %v", out)
	}
	e.Predict(1, []float64{2, 0}, particles, 0, 2, out)
	if !reflect.DeepEqual(out, []float64{7 * 9.27, 8 * 9.27}) {
		t.Errorf("second is %v", out)
	}
	many := make([]float64, 6)
	e.PredictMany(2, [][]float64{{1, 2}, {3, 4}}, particles, many)
	if !reflect.DeepEqual(many, []float64{3, 4, 3, 4, 3, 4}) {
		t.Errorf("third is %v", many)
	}
	for _, c := range []struct {
		from, to []float64
		want     float64
	}{{nil, []float64{1, 1}, 1}, {[]float64{1, 1}, []float64{1, 1}, 1}, {[]float64{1, 1}, []float64{1, 5}, 1}, {[]float64{2, 1}, []float64{1, 1}, 11}} {
		if got := e.Cost(c.from, c.to); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("the cost from %v to %v is %v, not %v", c.from, c.to, got, c.want)
		}
	}
}

const small = `noise = 0.1
[settings.x]
min = 0
max = 1
steps = 3
[parameters.a]
prior = "uniform"
min = 0
max = 1
[model]
y = "a * x"
`

func TestDefaults(t *testing.T) {
	e := mustParse(t, small)
	if e.Particles != DefaultParticles || e.HasSeed || e.Design.Pickiness != DefaultPickiness || e.Design.Draws != DefaultDraws || e.HasCost() || e.Cost([]float64{1}, []float64{2}) != 1 {
		t.Errorf("%+v", e)
	}
	documented := map[string]string{}
	for _, table := range Tables() {
		for _, f := range table.Fields {
			documented[f.Name] = f.Default
		}
	}
	for name, want := range map[string]any{"particles": DefaultParticles, "pickiness": DefaultPickiness, "draws": DefaultDraws} {
		if documented[name] != fmt.Sprint(want) {
			t.Errorf("the default of %s is %v, and %s in the table of fields", name, want, documented[name])
		}
	}
	with := mustParse(t, small+"[design]\ncost = 2.5\n")
	if got := with.Cost([]float64{1}, []float64{2}); got != 3.5 {
		t.Errorf("the cost is %v", got)
	}
	for cost, want := range map[string]float64{"x_before - x": 1, "0 / (x - x)": 1, "1 / (x - x)": 1 + maxMagnitude} {
		if got := mustParse(t, small+"[design]\ncost = \""+cost+"\"\n").Cost([]float64{1}, []float64{2}); got != want {
			t.Errorf("the cost %s is %v, and not %v", cost, got, want)
		}
	}
	mustParse(t, "particles = 1e4\n"+small)
	mustParse(t, "\xef\xbb\xbf"+strings.ReplaceAll(small, "\n", "\r\n"))
}

// Each experiment of the gallery is valid, and predicts finite values over all its settings.
func TestGallery(t *testing.T) {
	files, err := filepath.Glob(gallery + "/*.toml")
	if err != nil || len(files) != 6 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		e, err := Load(file)
		if err != nil {
			t.Error(err)
			continue
		}
		r := rand.New(rand.NewPCG(1, 2))
		const n = 100
		var particles [][]float64
		for _, p := range e.Parameters {
			column := make([]float64, n)
			for i := range column {
				column[i] = p.Prior.Sample(r)
			}
			particles = append(particles, column)
			if p.Description == "" {
				t.Errorf("%s: %s has no description", file, p.Name)
			}
		}
		out := make([]float64, n)
		for range 300 {
			var setting []float64
			for _, values := range e.Knobs() {
				setting = append(setting, values[r.IntN(len(values))])
			}
			for c := range e.Channels {
				e.Predict(c, setting, particles, 0, n, out)
				for _, v := range out {
					if math.IsNaN(v) || math.IsInf(v, 0) {
						t.Fatalf("%s: %v at %v", file, v, setting)
					}
				}
			}
		}
		if _, err := json.Marshal(e.Describe()); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// The experiment that the C++ server of find_peak has, and this file are the same.
func TestLorentzianIsThatOfFindPeak(t *testing.T) {
	e, err := Load(gallery + "/lorentzian.toml")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("../../examples/find_peak/server.cpp")
	if err != nil {
		t.Fatal(err)
	}
	low, high := func(k int) float64 { l, _ := e.Parameters[k].Prior.Bounds(); return l }, func(k int) float64 { _, h := e.Parameters[k].Prior.Bounds(); return h }
	for _, line := range []string{
		fmt.Sprintf("PRIOR{{{%v, %v}, {%v, %v}, {%v, %v}}};", low(0), high(0), low(1), high(1), low(2), high(2)),
		fmt.Sprintf("SETTINGS{%v, %v};", e.Settings[0].Min, e.Settings[0].Max),
		fmt.Sprintf("STEPS = %d;", len(e.Settings[0].Values)),
		fmt.Sprintf("NOISE = %v;", e.Channels[0].Noise.Std),
		fmt.Sprintf("PICKINESS = %v;", e.Design.Pickiness),
	} {
		if !strings.Contains(string(source), line) {
			t.Errorf("server.cpp has no %q", line)
		}
	}
}

var update = flag.Bool("update", false, "write testdata/mistakes.txt")

// testdata/mistakes.txt has files with mistakes, each with the errors that it must have.
// "go test -update" writes the errors.
func TestMistakes(t *testing.T) {
	const path = "testdata/mistakes.txt"
	all, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const begin, arrow = "=== ", "---\n"
	var out strings.Builder
	parts := strings.Split(string(all), "\n"+begin)
	out.WriteString(parts[0])
	for _, part := range parts[1:] {
		heading, rest, _ := strings.Cut(part, "\n")
		text, want, _ := strings.Cut(rest, arrow)
		_, err := Parse("test.toml", []byte(text))
		got := fmt.Sprintln(err)
		if got != want && !*update {
			t.Errorf("%s:\n%s\ngot\n%swant\n%s", heading, text, got, want)
		}
		out.WriteString("\n" + begin + heading + "\n" + text + arrow + got)
	}
	if *update {
		if err := os.WriteFile(path, []byte(out.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if len(parts) < 60 {
		t.Errorf("only %d files", len(parts)-1)
	}
}

// What a text editor or a hostile person could write.
func TestMistakesOfTheWholeFile(t *testing.T) {
	lines := strings.Repeat("x", 300)
	for name, c := range map[string]struct{ text, want string }{
		"UTF-16":     {"\xff\xfex\x00", "test.toml: the text is in UTF-16; save the file as UTF-8"},
		"large":      {strings.Repeat("#", MaxSize+1), "test.toml: the file is larger than 262144 bytes"},
		"not UTF-8":  {"title = \"\xff\"", "test.toml:1:10: not valid TOML: invalid UTF-8 character in basic string"},
		"long names": {"[parameters." + lines + "]\n" + small, "test.toml:1:2: parameters." + strings.Repeat("x", 189) + "… (311 bytes): the name is longer than 64 bytes"},
	} {
		_, err := Parse("test.toml", []byte(c.text))
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := Load("no such file.toml")
	if err == nil || !strings.Contains(err.Error(), "no such file.toml") {
		t.Error(err)
	}
}

// A file from another person costs little time, whatever is in it.
func TestHostileFiles(t *testing.T) {
	many := func(format string, n int) string {
		var out strings.Builder
		for i := range n {
			fmt.Fprintf(&out, format, i)
		}
		return out.String()
	}
	names := many("_%d + ", 3000)
	for name, text := range map[string]string{
		"deep list":      "x = " + strings.Repeat("[", MaxSize-10),
		"deep table":     "x = " + strings.Repeat("{a=", MaxSize/3-10),
		"dotted key":     strings.Repeat("a.", MaxSize/2-10) + "a = 1",
		"dotted inline":  "x = {" + strings.Repeat("a.", MaxSize/2-10) + "a = 1}",
		"constants":      "[constants]\n" + many("x%d = 1\n", 4_000),
		"unknown keys":   many("x%d = 1\n", 4_000),
		"unknown noise":  strings.TrimPrefix(small, "noise = 0.1\n") + "[noise]\n" + many("x%d = 1\n", 4_000),
		"double tables":  many("[[x%d]]\na = 1\n", 5_000),
		"parameters":     many("[parameters.x%d]\nprior = 'uniform'\n", 4000),
		"unknown names":  strings.Replace(small, "a * x", names+"1", 1) + many("y%d = '"+names[:6000]+"1'\n", 30) + "[constants]\n" + many("name%d = 1\n", 900),
		"long parse":     strings.Replace(small, "a * x", strings.Repeat("a+", 4990)+"x", 1),
		"steps":          strings.Replace(small, "steps = 3", "steps = 1000000", 1),
		"list of values": strings.Replace(small, "min = 0\nmax = 1\nsteps = 3\n", "values = ["+many("%d,", 40_000)+"]\n", 1),
	} {
		start := systemtest.CPUTime(t)
		_, err := Parse("hostile.toml", []byte(text))
		if took := systemtest.CPUTime(t) - start; took > 20*time.Second {
			t.Errorf("%s: %v", name, took)
		} else {
			t.Logf("%s: %v, %.200v", name, took, err)
		}
		if err != nil && len(err.Error()) > 20_000 {
			t.Errorf("%s: the error has %d bytes", name, len(err.Error()))
		}
	}
}

func TestDescribe(t *testing.T) {
	got, err := json.MarshalIndent(mustParse(t, exampleText()).Describe(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	const path = "testdata/describe.json"
	if *update {
		if err := os.WriteFile(path, append(got, '\n'), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != string(got)+"\n" {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Predictions by several goroutines at once are right, and do not allocate.
func TestPredictAtTheSameTime(t *testing.T) {
	e := mustParse(t, small)
	const n = 2000
	column := make([]float64, n)
	for i := range column {
		column[i] = float64(i)
	}
	var group sync.WaitGroup
	for g := range 4 {
		group.Go(func() {
			out := make([]float64, n)
			for round := range 50 {
				x := float64(g*100 + round)
				e.Predict(0, []float64{x}, [][]float64{column}, 0, n, out)
				for i := range out {
					if out[i] != x*float64(i) {
						t.Errorf("%v, not %v", out[i], x*float64(i))
						return
					}
				}
			}
		})
	}
	group.Wait()
	out, setting, particles := make([]float64, n), []float64{1}, [][]float64{column}
	if a := testing.AllocsPerRun(100, func() { e.Predict(0, setting, particles, 0, n, out) }); a >= 1 {
		t.Errorf("%v allocations", a)
	}
}

// FuzzParse: no text makes Parse panic, each mistake has a place in the text, and a valid file
// can be described, predicted and overridden.
func FuzzParse(f *testing.F) {
	f.Add([]byte(exampleText()))
	f.Add([]byte(small))
	files, _ := filepath.Glob(gallery + "/*.toml")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	bad, err := os.ReadFile("testdata/mistakes.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, part := range bytes.Split(bad, []byte("\n=== "))[1:] {
		_, part, _ = bytes.Cut(part, []byte("\n"))
		part, _, _ = bytes.Cut(part, []byte("---\n"))
		f.Add(part)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		e, err := Parse("fuzz.toml", text)
		if err != nil {
			all, ok := err.(*Mistakes)
			if !ok || len(all.List) == 0 || len(all.List) > MaxMistakes {
				t.Fatalf("%#v", err)
			}
			lines := bytes.Count(text, []byte("\n")) + 1
			for _, m := range all.List {
				if m.Line < 0 || m.Line > lines || m.Problem == "" || (m.Line > 0) != (m.Column > 0) {
					t.Fatalf("%+v", m)
				}
			}
			return
		}
		if _, err := json.Marshal(e.Describe()); err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewPCG(1, 2))
		var particles [][]float64
		for _, p := range e.Parameters {
			v := p.Prior.Sample(r)
			if low, high := p.Prior.Bounds(); !(low <= v && v <= high) || math.IsInf(p.Prior.LogDensity(v), 0) || math.IsNaN(p.Prior.LogDensity(v)) {
				t.Fatalf("%s: a sample is %v, with the density exp(%v), from %v to %v", p.Name, v, p.Prior.LogDensity(v), low, high)
			}
			particles = append(particles, []float64{v})
		}
		var setting []float64
		for _, values := range e.Knobs() {
			setting = append(setting, values[0])
		}
		for c := range e.Channels {
			e.Predict(c, setting, particles, 0, 1, make([]float64, 1))
		}
		if cost := e.Cost(make([]float64, len(setting)), setting); !(cost >= 1) {
			t.Fatalf("the cost is %v", cost)
		}
		for _, target := range e.overridable() {
			if _, problem := (&overrider{known: e.overridable(), tree: e.tree}).find(target.name); problem != "" && !strings.Contains(problem, "write it in full") {
				t.Fatalf("%q: %s", target.name, problem)
			}
		}
	})
}

// The file in the reference is valid, and its mistake is told as the page says.
func TestReferenceExample(t *testing.T) {
	page, err := os.ReadFile("../../docs/reference/experiment.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```toml\n")
	text, rest, _ := strings.Cut(rest, "```")
	_, rest, _ = strings.Cut(rest, "\n```\ndip.toml:")
	mistake, _, _ := strings.Cut("dip.toml:"+rest, "\n```")
	if _, err := Parse("dip.toml", []byte(text)); err != nil {
		t.Error(err)
	}
	if _, err := Parse("dip.toml", []byte(strings.Replace(text, "- centre)", "- centr)", 1))); fmt.Sprint(err) != mistake {
		t.Errorf("the mistake is %v, and on the page %s", err, mistake)
	}
}
