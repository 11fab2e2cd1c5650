package simulate

import (
	"errors"
	"math"
	"strings"
	"testing"

	"libobe/internal/experiment"
)

const file = `
noise = 0.1
[settings.x]
min = 0
max = 1
steps = 21
[parameters.slope]
prior = "uniform"
min = -1
max = 1
[parameters.sort]
prior = "list"
values = [1, 2]
[model]
y = "sqrt(slope) * x + sort"
`

func load(t *testing.T) *experiment.Experiment {
	t.Helper()
	e, err := experiment.Parse("test.toml", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// A given value replaces the one that is drawn, and changes no other.
func TestTruth(t *testing.T) {
	e := load(t)
	drawn, err := Truth(e, nil, 7)
	if err != nil || len(Impossible(e, drawn)) != 0 {
		t.Fatal(drawn, err)
	}
	given, err := Truth(e, map[string]float64{"slope": 3}, 7)
	if err != nil || given[0] != 3 || given[1] != drawn[1] {
		t.Errorf("%v, %v, %v", drawn, given, err)
	}
	if outside := Impossible(e, []float64{3, 1.5}); len(outside) != 2 {
		t.Error(outside)
	}
	if outside := Impossible(e, []float64{1, 2}); len(outside) != 0 {
		t.Error(outside)
	}
	if _, err := Truth(e, map[string]float64{"slpe": 3}, 7); err == nil || !strings.Contains(err.Error(), "did you mean slope?") {
		t.Error(err)
	}
}

// The noise has the standard deviation of the file; without it the value is that of the model.
func TestMeasure(t *testing.T) {
	c := Config{Experiment: load(t), Truth: []float64{0.25, 2}, Seed: 1}
	s := c.newSample(Chosen)
	sum, squares := 0.0, 0.0
	const n = 10_000
	for range n {
		y, err := s.measure([]float64{0.5})
		if err != nil {
			t.Fatal(err)
		}
		d := y[0] - 2.25
		sum, squares = sum+d, squares+d*d
	}
	// The mean is known to 0.001, the standard deviation to 0.0007.
	if mean, std := sum/n, math.Sqrt(squares/n); math.Abs(mean) > 0.005 || math.Abs(std-0.1) > 0.0035 {
		t.Errorf("%v ± %v", mean, std)
	}
	c.Truth = []float64{-1, 2}
	var impossible *ImpossibleError
	if _, err := c.newSample(Chosen).measure([]float64{0.5}); !errors.As(err, &impossible) {
		t.Error(err)
	}
}

func TestDescription(t *testing.T) {
	for _, reply := range []string{`1`, `"OK"`, `[]`, `{"error": "unknown"}`} {
		if d := parseDescription([]byte(reply)); d != nil {
			t.Errorf("%s: %+v", reply, d)
		}
	}
	e := load(t)
	for reply, want := range map[string]string{
		`{}`: "",
		`{"error": null, "settings": [{}], "channels": [{"unit": "V"}], "parameters": [{"name": "slope"}, {"unit": "x"}]}`: "",
		`{"settings": []}`:                                      "",
		`{"settings": [{"name": "z"}]}`:                         "its settings are z, and those of the file are x",
		`{"channels": [{}, {}]}`:                                "its channels are one without a name, one without a name, and those of the file are y",
		`{"parameters": [{"name": "sort"}, {"name": "slope"}]}`: "its parameters are sort, slope, and those of the file are slope, sort",
	} {
		text := ""
		if err := parseDescription([]byte(reply)).compare(e); err != nil {
			text = err.Error()
		}
		if want == "" && text != "" || !strings.Contains(text, want) {
			t.Errorf("%s: %q", reply, text)
		}
	}
}

func TestDeviations(t *testing.T) {
	r := Run{Mean: []float64{1, 2, 3, 4}, Std: []float64{0.5, 0, 0, math.NaN()}}
	got := r.Deviations([]float64{0, 2, 2, 3})
	if got[0] != 2 || got[1] != 0 || !math.IsInf(got[2], 1) || !math.IsNaN(got[3]) {
		t.Error(got)
	}
}
