package experiment

import (
	"fmt"
	"math"
	"os"
	"reflect"
	"strings"
	"testing"
)

func TestOverride(t *testing.T) {
	e := mustParse(t, exampleText())
	before := e.Describe()
	changed, err := e.Override([]byte(`{"command": "newrun", "particles": 500, "seed": [9007199254740993], "design.pickiness": 3, "draws": 20.0,
		"constants": {"µ": 1e-2}, "field": {"values": [5, 0.2]}, "settings.τ.min": [0.001], "parameters": {"a": {"mean": 3, "std": 0.25, "max": 9}},
		"rate.min": 1e-4, "n.weights": [0, 1, 1], "noise.third": 5, "second.until_reported": 0.5}`))
	if err != nil {
		t.Fatal(err)
	}
	if changed.Particles != 500 || changed.Seed != 9007199254740993 || changed.Design.Pickiness != 3 || changed.Design.Draws != 20 || changed.Constants[0].Value != 0.01 {
		t.Errorf("%+v", changed)
	}
	if !reflect.DeepEqual(changed.Settings[0].Values, []float64{5, 0.2}) || changed.Settings[1].Min != 0.001 || changed.Settings[1].Max != 10 {
		t.Errorf("%+v", changed.Settings)
	}
	mean, std := changed.Parameters[1].Prior.MeanStd()
	low, high := changed.Parameters[1].Prior.Bounds()
	if mean != 3 || std != 0.25 || !math.IsInf(low, -1) || high != 9 || changed.Parameters[3].Prior.min != 1e-4 {
		t.Errorf("%+v", changed.Parameters)
	}
	if got := changed.Parameters[5].Prior.Values(); !reflect.DeepEqual(got, []float64{1, 2}) {
		t.Errorf("n is one of %v", got)
	}
	if changed.Channels[2].Noise.Std != 5 || changed.Channels[1].Noise.Std != 0.5 {
		t.Errorf("%+v", changed.Channels)
	}
	out := make([]float64, 1)
	changed.Predict(1, []float64{0, 0}, [][]float64{{0}, {0}, {7}, {0}, {0}, {0}}, 0, 1, out)
	if out[0] != 7*0.01 {
		t.Errorf("the model has the old constant: %v", out)
	}
	if !reflect.DeepEqual(e.Describe(), before) {
		t.Error("the experiment of the file has changed")
	}
	again, err := changed.Override([]byte(`{}`))
	if err != nil || !reflect.DeepEqual(again.Describe(), changed.Describe()) {
		t.Errorf("%+v %v", again, err)
	}
}

// The instruments of find_peak work unchanged: they send lolim, hilim and steps.
func TestOverrideAsFindPeak(t *testing.T) {
	e, err := Load(gallery + "/lorentzian.toml")
	if err != nil {
		t.Fatal(err)
	}
	changed, err := e.Override([]byte(`{"command": "newrun", "lolim": 2, "hilim": 3.0, "steps": [11]}`))
	if err != nil {
		t.Fatal(err)
	}
	if s := changed.Settings[0]; s.Min != 2 || s.Max != 3 || len(s.Values) != 11 {
		t.Errorf("%+v", s)
	}
}

func TestOverrideMistakes(t *testing.T) {
	e := mustParse(t, exampleText())
	lorentzian, err := os.ReadFile(gallery + "/lorentzian.toml")
	if err != nil {
		t.Fatal(err)
	}
	peak := mustParse(t, string(lorentzian))
	const many = `there is no such number; newrun can replace particles, seed, settings.field.values, settings.τ.min, settings.τ.max, settings.τ.steps, parameters.b.min, parameters.b.max, parameters.a.min, parameters.a.max, parameters.a.mean, parameters.a.std… (476 bytes)`
	for _, c := range []struct {
		e             *Experiment
		request, want string
	}{
		{e, `{`, `newrun: invalid JSON at byte 1: unexpected end of text, expected a key in quotes or '}'`},
		{e, `[1]`, `newrun: the request must be an object`},
		{e, `{"partciles": 5}`, `newrun: partciles: there is no such number; did you mean "particles"?`},
		{e, `{"pickyness": 5}`, `newrun: pickyness: there is no such number; did you mean "design.pickiness"?`},
		{e, `{"completely": 5}`, `newrun: completely: ` + many},
		{e, `{"": 5}`, `newrun: "": ` + many},
		{e, `{"command": 1, "title": "x"}`, `newrun: title: ` + many},
		{e, `{"min": 5}`, `newrun: min: can be settings.τ.min or parameters.b.min; write it in full`},
		{e, `{"lolim": 5}`, `newrun: lolim: is for an experiment with one knob that has a range; write the min of a knob, as in settings.NAME.min`},
		{e, `{"values": [1]}`, `newrun: values: can be settings.field.values or parameters.n.values; write it in full`},
		{e, `{"particles": "many"}`, `newrun: particles: must be a number, and not "many"`},
		{e, `{"particles": null}`, `newrun: particles: must be a number, and not null`},
		{e, `{"particles": [1, 2]}`, `newrun: particles: must be a number, and not [1, 2]`},
		{e, `{"particles": 1.5, "seed": -1}`, "newrun: particles: must be a whole number from 1 to 10000000, and not 1.5\nnewrun: seed: must be a whole number from 0 to 9223372036854775807, and not -1"},
		{e, `{"particles": 99999999999999999999}`, `newrun: particles: must be a whole number from 1 to 10000000, and not 1e+20`},
		{e, `{"particles": NaN}`, `newrun: particles: must be a whole number from 1 to 10000000, and not NaN`},
		{e, `{"b.min": 3}`, `newrun: parameters.b.min: must be less than max, which is 1, and not 3`},
		{e, `{"b.max": -3}`, `newrun: parameters.b.min: must be less than max, which is -3, and not -1`},
		{e, `{"b.mean": 3}`, `newrun: b.mean: there is no such number; did you mean "parameters.a.mean"?`},
		{e, `{"parameters": 3}`, `newrun: parameters: ` + many},
		{e, `{"n.weights": [1, 2]}`, `newrun: parameters.n.weights: must have a number for each of the 3 values, and not 2`},
		{e, `{"n.weights": 1}`, `newrun: parameters.n.weights: must be a list of 1 to 100000 numbers`},
		{e, `{"n.weights": [1, "x", 1]}`, `newrun: parameters.n.weights: must be a list of numbers only`},
		{e, `{"pickiness": 1, "design": {"pickiness": 2}}`, `newrun: design.pickiness: is given twice`},
		{e, `{"noise.first": 1}`, `newrun: noise.first: ` + many},
		{e, `{"noise.thrid": 1}`, `newrun: noise.thrid: there is no such number; did you mean "noise.third"?`},
		{e, `{"particles": 1000001}`, `newrun: particles: must be at most 1000000, and not 1000001`},
		{e, `{"settings.τ.steps": 1e6}`, `newrun: settings: the knobs must have at most 1000000 combinations, and not 3000000`},
		{e, `{"cost": 1}`, `newrun: cost: ` + many},
		{peak, `{"lolim": 1500, "hilim": 3500}`, `newrun: settings.frequency: no value from 1500 to 3500 is in the range of the file, 1.5 to 3.5; is the unit another one?`},
		{peak, `{"lolim": 3}`, ""},
		{peak, `{"until_reported": 0}`, `newrun: noise.until_reported: must be greater than 0, and not 0`},
		{e, strings.Repeat(`{"a":`, 500) + "1" + strings.Repeat("}", 500), `newrun: ` + strings.Repeat("a.", 10) + "a: is nested too deep"},
	} {
		_, err := c.e.Override([]byte(c.request))
		if got := fmt.Sprint(err); got != c.want && !(err == nil && c.want == "") {
			t.Errorf("%.80s:\n got %s\nwant %s", c.request, got, c.want)
		}
	}
	var hostile strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&hostile, `,"member%d": 1`, i)
	}
	if _, err := e.Override([]byte("{" + hostile.String()[1:] + "}")); len(err.(*Mistakes).List) != MaxMistakes {
		t.Error(err)
	}
}

// FuzzOverride: no request makes Override panic, and none changes the experiment of the file.
func FuzzOverride(f *testing.F) {
	for _, request := range []string{`{"particles": 5}`, `{"b.min": [0.5], "n": {"weights": [1, 2, 3]}}`, `{"command": "newrun", "steps": 3}`, `{"~/": {"": 1}}`, `[]`, `{"τ.min":1e400}`} {
		f.Add([]byte(request))
	}
	e := mustParse(f, exampleText())
	before := e.Describe()
	f.Fuzz(func(t *testing.T, request []byte) {
		changed, err := e.Override(request)
		if _, isMistakes := err.(*Mistakes); err != nil && (!isMistakes || err.Error() == "") {
			t.Fatalf("%#v", err)
		}
		if err == nil {
			changed.Describe()
		}
		if !reflect.DeepEqual(e.Describe(), before) {
			t.Fatal("the experiment of the file has changed")
		}
	})
}
