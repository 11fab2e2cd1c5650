package figure

import (
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"libobe/internal/experiment"
	"libobe/internal/simulate"
)

// ofParameter are colours that are told apart also by people who confuse red and green (Okabe and Ito, jfly.uni-koeln.de/color).
var ofParameter = []color.Color{
	color.RGBA{0x00, 0x72, 0xb2, 0xff}, color.RGBA{0xd5, 0x5e, 0x00, 0xff}, color.RGBA{0x00, 0x9e, 0x73, 0xff},
	color.RGBA{0xcc, 0x79, 0xa7, 0xff}, color.RGBA{0xe6, 0x9f, 0x00, 0xff}, color.RGBA{0x56, 0xb4, 0xe9, 0xff},
}

// maxNames is how many parameters are named: as many as there is room for.
const maxNames = 10

// drawNarrowing draws the standard deviation of each parameter, relative to that before the first measurement.
func drawNarrowing(e *experiment.Experiment, all []Simulated) (*plot.Plot, error) {
	title := "standard deviation / that of the prior"
	if len(all) > 1 {
		title += "\nsolid: settings chosen, dashed: evenly spaced"
	}
	out := newPlot(title, "measurement", "", true, true)
	out.Legend.Left, out.Legend.Padding = true, vg.Millimeter
	for k, p := range e.Parameters {
		for _, s := range all {
			style := draw.LineStyle{Color: ofParameter[k%len(ofParameter)], Width: vg.Points(1.2)}
			if s.Way == simulate.Even {
				style.Width, style.Dashes = vg.Points(0.8), dashes
			} else if k < maxNames {
				out.Legend.Add(p.Name, &plotter.Line{LineStyle: style})
			}
			x, ratio := narrowing(s, k)
			if err := addLine(out, x, ratio, style); err != nil {
				return nil, err
			}
		}
	}
	needRange(&out.X, 1, true)
	needRange(&out.Y, 1, true)
	return out, nil
}

// narrowing returns the ratio after each measurement, not a number where it cannot be drawn on a logarithmic axis.
func narrowing(s Simulated, k int) (x, ratio []float64) {
	for i, std := range s.Stds[1:] {
		r := std[k] / s.Stds[0][k]
		if !(r > 0) {
			r = math.NaN()
		}
		x, ratio = append(x, float64(i+1)), append(ratio, r)
	}
	return x, ratio
}
