package figure

import (
	"fmt"
	"image/color"
	"io"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"libobe/internal/experiment"
	"libobe/internal/simulate"
)

// Guesses is how many guesses of the parameters a figure of a simulation is drawn from, and MaxKnobs how many knobs its
// experiment can have. MaxMeasurements is how many are still seen, and no large file.
const (
	Guesses         = 400
	MaxKnobs        = 2
	MaxMeasurements = 10_000
)

// curvePoints is how many points a curve has, so that a narrow line in a wide range has its shape.
const curvePoints = 400

var (
	dot     = color.RGBA{0x40, 0x40, 0x40, 0xff}
	ofWay   = map[simulate.Way]color.Color{simulate.Chosen: median, simulate.Even: color.RGBA{0xd9, 0x7a, 0x1e, 0xff}}
	texts   = map[simulate.Way]string{simulate.Chosen: "chosen by the designer", simulate.Even: "evenly spaced"}
	dashes  = []vg.Length{vg.Points(4), vg.Points(2)}
	trueOne = draw.LineStyle{Color: color.Black, Width: vg.Points(0.8), Dashes: dashes}
)

// Simulated is a run of an instrument with true values that are known.
type Simulated struct {
	*simulate.Run
	// Guesses are drawn from the posterior at the end, a column for each parameter.
	Guesses [][]float64
}

// Simulation draws one or several runs of the same experiment, with their History. Of one knob it draws the measured values
// over the setting, with the true curve and what the posterior predicts, and which setting was measured when; of two knobs a
// map of the settings; and of both how the standard deviations have become smaller.
func Simulation(w io.Writer, format Format, e *experiment.Experiment, truth []float64, all []Simulated) error {
	var plots []*plot.Plot
	add := func(p *plot.Plot, err error) error {
		plots = append(plots, p)
		return err
	}
	if len(e.Settings) == 1 {
		for c := range min(len(e.Channels), maxRows) {
			for _, s := range all {
				if err := add(drawData(e, truth, s, c)); err != nil {
					return err
				}
			}
		}
		if err := add(drawOrder(e, all)); err != nil {
			return err
		}
	} else {
		for _, s := range all {
			if err := add(drawMap(e, truth, s)); err != nil {
				return err
			}
		}
	}
	if err := add(drawNarrowing(e, all)); err != nil {
		return err
	}
	if e.Title != "" {
		plots[0].Title.Text = e.Title + "\n" + plots[0].Title.Text
	}
	if len(plots)%2 == 1 {
		plots = append(plots, nil)
	}
	return write(w, format, slices.Collect(slices.Chunk(plots, 2)))
}

// drawData draws what a channel has measured.
func drawData(e *experiment.Experiment, truth []float64, s Simulated, channel int) (*plot.Plot, error) {
	knob := &e.Settings[0]
	title := fmt.Sprintf("%d settings %s\ndots: measured, dashed: true, blue: estimated", len(s.X), texts[s.Way])
	out := newPlot(title, withUnit(knob.Label), withUnit(e.Channels[channel].Label), knob.Logarithmic, false)
	x := curve(knob)
	predicted := make([]float64, len(x)*len(s.Guesses[0]))
	e.PredictMany(channel, [][]float64{x}, s.Guesses, predicted)
	bands := quantiles(predicted, len(x))
	if err := addBands(out, x, bands); err != nil {
		return nil, err
	}
	if err := addLine(out, x, bands[2], medianLine); err != nil {
		return nil, err
	}
	var dots plotter.XYs
	for i := range s.X {
		dots = append(dots, plotter.XY{X: s.X[i][0], Y: s.Y[i][channel]})
	}
	if err := addDots(out, dots, dot); err != nil {
		return nil, err
	}
	exact := make([]float64, len(x))
	e.PredictMany(channel, [][]float64{x}, columns(truth), exact)
	if err := addLine(out, x, exact, trueOne); err != nil {
		return nil, err
	}
	needRange(&out.X, x[0], knob.Logarithmic)
	needRange(&out.Y, 0, false)
	return out, nil
}

// curve returns the points of a curve over a knob.
func curve(s *experiment.Setting) []float64 {
	if s.Listed || s.Min == s.Max {
		return thin(slices.Compact(slices.Sorted(slices.Values(s.Values))))
	}
	x := make([]float64, curvePoints)
	for i := range x {
		part := float64(i) / (curvePoints - 1)
		if x[i] = s.Min + (s.Max-s.Min)*part; s.Logarithmic {
			x[i] = s.Min * math.Pow(s.Max/s.Min, part)
		}
	}
	return x
}

// columns returns one guess as columns.
func columns(values []float64) (all [][]float64) {
	for _, v := range values {
		all = append(all, []float64{v})
	}
	return all
}

// addDots leaves out what is not finite, and on a logarithmic axis not positive.
func addDots(out *plot.Plot, dots plotter.XYs, colour color.Color) error {
	dots = slices.DeleteFunc(dots, func(p plotter.XY) bool { return math.IsNaN(p.Y) || math.IsInf(p.Y, 0) })
	scatter, err := plotter.NewScatter(dots)
	if err != nil {
		return err
	}
	scatter.GlyphStyle = draw.GlyphStyle{Color: colour, Radius: vg.Points(1.3), Shape: draw.CircleGlyph{}}
	out.Add(scatter)
	return nil
}

// drawOrder draws which setting was measured when.
func drawOrder(e *experiment.Experiment, all []Simulated) (*plot.Plot, error) {
	knob := &e.Settings[0]
	var parts []string
	for _, s := range all {
		parts = append(parts, colourName[s.Way]+": "+texts[s.Way])
	}
	out := newPlot("the setting of each measurement\n"+strings.Join(parts, ", "), "measurement", withUnit(knob.Label), false, knob.Logarithmic)
	for _, s := range all {
		var dots plotter.XYs
		for i, x := range s.X {
			dots = append(dots, plotter.XY{X: float64(i + 1), Y: x[0]})
		}
		if err := addDots(out, dots, ofWay[s.Way]); err != nil {
			return nil, err
		}
	}
	needRange(&out.X, 1, false)
	needRange(&out.Y, knob.Min, knob.Logarithmic)
	return out, nil
}

var colourName = map[simulate.Way]string{simulate.Chosen: "blue", simulate.Even: "orange"}
