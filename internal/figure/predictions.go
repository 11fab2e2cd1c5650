package figure

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"libobe/internal/experiment"
)

// How much is computed for a figure of predictions.
const (
	draws     = 1000 // guesses of the parameters
	curves    = 5    // of them, drawn as lines
	maxPoints = 400  // values of a knob
	maxRows   = 6    // channels
	maxColumn = 4    // knobs
)

// panel is a channel over a knob, with the other knobs at the middle one of their values.
type panel struct {
	title, xLabel, yLabel string
	logarithmic           bool
	x                     []float64
	// The 2.5, 16, 50, 84 and 97.5 % quantiles of the finite predictions at each x; NaN where
	// there are none.
	quantiles [5][]float64
	lines     [][]float64
}

// predict returns a row of panels for each channel. The guesses are those of a seed.
func predict(e *experiment.Experiment, seed uint64) [][]panel {
	random := rand.New(rand.NewPCG(seed, 0))
	particles := make([][]float64, len(e.Parameters))
	for k := range particles {
		particles[k] = make([]float64, draws)
		for i := range particles[k] {
			particles[k][i] = e.Parameters[k].Prior.Sample(random)
		}
	}
	var rows [][]panel
	for c := range min(len(e.Channels), maxRows) {
		var row []panel
		for k := range min(len(e.Settings), maxColumn) {
			row = append(row, predictPanel(e, c, k, particles))
		}
		rows = append(rows, row)
	}
	return rows
}

func predictPanel(e *experiment.Experiment, channel, knob int, particles [][]float64) panel {
	s := e.Settings[knob]
	p := panel{
		title: title(e, channel, knob), xLabel: withUnit(s.Label), yLabel: withUnit(e.Channels[channel].Label),
		logarithmic: s.Logarithmic, x: thin(slices.Sorted(slices.Values(s.Values))),
	}
	settings := make([][]float64, len(e.Settings))
	for k, other := range e.Settings {
		if settings[k] = p.x; k != knob {
			settings[k] = slices.Repeat([]float64{middle(other.Values)}, len(p.x))
		}
	}
	m := len(p.x)
	out := make([]float64, m*draws)
	e.PredictMany(channel, settings, particles, out)
	p.quantiles = quantiles(out, m)
	for i := range curves {
		p.lines = append(p.lines, out[i*m:(i+1)*m])
	}
	return p
}

// quantiles returns those of the finite predictions at each of m points. values has a row of m for each guess.
func quantiles(values []float64, m int) (all [5][]float64) {
	for i := range all {
		all[i] = make([]float64, m)
	}
	for j := range m {
		var finite []float64
		for i := j; i < len(values); i += m {
			if v := values[i]; !math.IsNaN(v) && !math.IsInf(v, 0) {
				finite = append(finite, v)
			}
		}
		slices.Sort(finite)
		for i, share := range []float64{0.025, 0.16, 0.5, 0.84, 0.975} {
			all[i][j] = math.NaN()
			if len(finite) > 0 {
				all[i][j] = finite[int(share*float64(len(finite)-1)+0.5)]
			}
		}
	}
	return all
}

// title names the channel, if there are several, and the values of the other knobs.
func title(e *experiment.Experiment, channel, knob int) string {
	var parts []string
	for k, s := range e.Settings {
		if k != knob {
			parts = append(parts, fmt.Sprintf("%s = %.4g %s", s.Name, middle(s.Values), s.Unit))
		}
	}
	return strings.TrimSpace(strings.Join(parts, ", "))
}

func withUnit(l experiment.Label) string {
	if l.Unit == "" {
		return l.Name
	}
	return l.Name + " (" + l.Unit + ")"
}

func middle(values []float64) float64 { return values[len(values)/2] }

// thin returns at most maxPoints of the values, the first and the last included.
func thin(values []float64) []float64 {
	n := len(values)
	if n <= maxPoints {
		return values
	}
	thinned := make([]float64, maxPoints)
	for i := range thinned {
		thinned[i] = values[i*(n-1)/(maxPoints-1)]
	}
	return thinned
}
