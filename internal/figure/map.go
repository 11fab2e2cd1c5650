package figure

import (
	"fmt"
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/palette"
	"gonum.org/v1/plot/palette/moreland"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"libobe/internal/experiment"
)

// mapPoints is how many points the picture behind a map has in each direction.
const mapPoints = 80

// drawMap draws the settings of two knobs, from the first, dark, to the last, light. Behind them is what the first channel
// would measure without noise, in grey.
func drawMap(e *experiment.Experiment, truth []float64, s Simulated) (*plot.Plot, error) {
	x, y := &e.Settings[0], &e.Settings[1]
	title := fmt.Sprintf("%d settings %s\ndark: first, light: last; grey: true %s", len(s.X), texts[s.Way], e.Channels[0].Name)
	out := newPlot(title, withUnit(x.Label), withUnit(y.Label), x.Logarithmic, y.Logarithmic)
	// The picture has equal steps, which a logarithmic axis has not.
	if !x.Logarithmic && !y.Logarithmic && x.Min < x.Max && y.Min < y.Max {
		if behind := newSurface(e, truth); behind.min < behind.max {
			heat := plotter.NewHeatMap(behind, greys{})
			heat.Rasterized = true // or an SVG has a rectangle for each point
			out.Add(heat)
		}
	}
	var dots plotter.XYs
	for _, setting := range s.X {
		dots = append(dots, plotter.XY{X: setting[0], Y: setting[1]})
	}
	scatter, err := plotter.NewScatter(dots)
	if err != nil {
		return nil, err
	}
	order := moreland.BlackBody()
	order.SetMin(0)
	order.SetMax(1)
	scatter.GlyphStyleFunc = func(i int) draw.GlyphStyle {
		// The lightest colours are not seen on a light ground.
		colour, err := order.At(0.15 + 0.7*float64(i)/float64(len(dots)))
		if err != nil {
			colour = dot
		}
		return draw.GlyphStyle{Color: colour, Radius: vg.Points(2), Shape: draw.CircleGlyph{}}
	}
	out.Add(scatter)
	needRange(&out.X, x.Min, x.Logarithmic)
	needRange(&out.Y, y.Min, y.Logarithmic)
	return out, nil
}

// greys are the colours of a picture behind dots, light to less light.
type greys struct{}

var _ palette.Palette = greys{}

func (greys) Colors() []color.Color {
	var all []color.Color
	for level := 250; level >= 170; level -= 2 {
		all = append(all, color.Gray{uint8(level)})
	}
	return all
}

// surface is what the first channel would measure without noise, over two knobs.
type surface struct {
	x, y     *experiment.Setting
	z        []float64
	min, max float64
}

func newSurface(e *experiment.Experiment, truth []float64) *surface {
	s := &surface{x: &e.Settings[0], y: &e.Settings[1], z: make([]float64, mapPoints*mapPoints), min: math.Inf(1), max: math.Inf(-1)}
	settings := [][]float64{make([]float64, len(s.z)), make([]float64, len(s.z))}
	for i := range s.z {
		settings[0][i], settings[1][i] = s.X(i%mapPoints), s.Y(i/mapPoints)
	}
	e.PredictMany(0, settings, columns(truth), s.z)
	for i, v := range s.z {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			s.z[i] = math.NaN() // drawn as nothing
			continue
		}
		s.min, s.max = min(s.min, v), max(s.max, v)
	}
	return s
}

// The grid, as plotter.HeatMap needs it.

func (s *surface) Dims() (columns, rows int) { return mapPoints, mapPoints }
func (s *surface) Z(column, row int) float64 { return s.z[row*mapPoints+column] }
func (s *surface) X(column int) float64      { return between(s.x, column) }
func (s *surface) Y(row int) float64         { return between(s.y, row) }
func (s *surface) Min() float64              { return s.min }
func (s *surface) Max() float64              { return s.max }
func between(s *experiment.Setting, i int) float64 {
	return s.Min + (s.Max-s.Min)*float64(i)/(mapPoints-1)
}
