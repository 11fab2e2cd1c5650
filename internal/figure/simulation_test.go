package figure

import (
	"bytes"
	"image/png"
	"math"
	"strings"
	"testing"

	"libobe/internal/experiment"
	"libobe/internal/simulate"
)

// simulated returns runs with n measurements at the first settings.
func simulated(e *experiment.Experiment, n int, y, std float64) (all []Simulated) {
	for _, way := range []simulate.Way{simulate.Chosen, simulate.Even} {
		s := Simulated{Run: &simulate.Run{Way: way}}
		row := func(v float64) (values []float64) {
			for range e.Parameters {
				values = append(values, v)
			}
			return values
		}
		s.Means, s.Stds = append(s.Means, row(0)), append(s.Stds, row(1))
		for i := range n {
			var x, values []float64
			for _, knob := range e.Settings {
				x = append(x, knob.Values[i%len(knob.Values)])
			}
			for range e.Channels {
				values = append(values, y)
				y = math.Nextafter(y, math.Inf(1)) // for the next measurement
			}
			s.X, s.Y, s.Means, s.Stds = append(s.X, x), append(s.Y, values), append(s.Means, row(0)), append(s.Stds, row(std))
		}
		s.Guesses = columns(row(0.5))
		all = append(all, s)
	}
	return all
}

// Nothing that can be measured or estimated ends the program or makes a figure that is none.
func TestSimulationOfUnusualRuns(t *testing.T) {
	const begin = "noise = 1\ntitle = '<&>'\n[parameters.a]\nprior = 'uniform'\nmin = -1\nmax = 1\n[settings.x]\n"
	for name, rest := range map[string]string{
		"a range":           "min = -1\nmax = 1\nsteps = 1000\n[model]\ny = 'sqrt(x) + a'",
		"one setting":       "values = [5]\n[model]\ny = 'a * x'",
		"nothing is finite": "values = [5, 6]\n[model]\ny = 'a * x / 0 + log(-1)'",
		"unordered":         "values = [6, 5, 9]\n[model]\ny = 'a * x'",
		"logarithmic":       "min = 1e-9\nmax = 1e9\nsteps = 10\nscale = 'logarithmic'\n[model]\ny = 'a * x'",
		"several channels":  "min = 0\nmax = 1\nsteps = 3\n[model]\ny = 'a * x'\nw = 'x + a'",
		"two knobs":         "min = 0\nmax = 1\nsteps = 3\n[settings.z]\nmin = 1\nmax = 2\nsteps = 4\n[model]\ny = 'a * x'\nw = 'z + a'",
		"two odd knobs":     "values = [3]\n[settings.z]\nmin = 1\nmax = 100\nsteps = 4\nscale = 'logarithmic'\n[model]\ny = 'a * x + z'",
		"two with a gap":    "min = -1\nmax = 1\nsteps = 3\n[settings.z]\nmin = 1\nmax = 2\nsteps = 4\n[model]\ny = 'a * z + sqrt(x)'",
		"two with none":     "min = -2\nmax = -1\nsteps = 3\n[settings.z]\nmin = 1\nmax = 2\nsteps = 4\n[model]\ny = 'a * z + sqrt(x)'",
	} {
		e, err := experiment.Parse("test.toml", []byte(begin+rest))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, n := range []int{1, 9} {
			for _, y := range []float64{0, math.NaN(), 1e150} {
				for _, std := range []float64{1, 0, math.NaN()} {
					var svg bytes.Buffer
					if err := Simulation(&svg, SVG, e, []float64{0.5}, simulated(e, n, y, std)); err != nil {
						t.Errorf("%s, %v ± %v: %v", name, y, std, err)
					}
					isXML(t, name, svg.String())
				}
			}
		}
	}
}

func TestSimulationFormats(t *testing.T) {
	for _, name := range []string{"lorentzian", "rabi", "two_rate_decay"} {
		e, err := experiment.Load("../../examples/experiments/" + name + ".toml")
		if err != nil {
			t.Fatal(err)
		}
		truth := make([]float64, len(e.Parameters))
		for k, p := range e.Parameters {
			truth[k], _ = p.Prior.Bounds()
		}
		all := simulated(e, 20, 0.5, 0.1)
		var svg, again, picture bytes.Buffer
		for buffer, format := range map[*bytes.Buffer]Format{&svg: SVG, &again: SVG, &picture: PNG} {
			if err := Simulation(buffer, format, e, truth, all[:1]); err != nil {
				t.Fatal(err)
			}
		}
		if svg.String() != again.String() {
			t.Errorf("%s: the figures of one run differ", name)
		}
		for _, want := range []string{e.Title, "20 settings chosen by the designer", e.Parameters[0].Name, e.Settings[0].Name} {
			if !strings.Contains(svg.String(), want) {
				t.Errorf("%s: the figure does not have %s", name, want)
			}
		}
		if _, err := png.Decode(&picture); err != nil {
			t.Error(err)
		}
		if err := Simulation(full{}, PNG, e, truth, all); err == nil {
			t.Error("a full disk is no error")
		}
	}
}
