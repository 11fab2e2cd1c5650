// Package figure draws what the tool computes, as SVG or PNG.
package figure

import (
	"fmt"
	"image/color"
	"io"
	"math"
	"path/filepath"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"libobe/internal/experiment"
)

// Format is the format of a picture.
type Format string

// The formats.
const (
	SVG Format = "svg"
	PNG Format = "png"
)

// FormatOf returns the format that the name of a file asks for.
func FormatOf(path string) (Format, error) {
	switch f := Format(strings.ToLower(strings.TrimPrefix(filepath.Ext(path), "."))); f {
	case SVG, PNG:
		return f, nil
	}
	return "", fmt.Errorf("the name of a figure ends in .svg or .png, and %q does not", path)
}

// The size of a panel, and the resolution of a PNG.
const (
	panelWidth  = 12 * vg.Centimeter
	panelHeight = 8 * vg.Centimeter
	dotsPerInch = 150
)

var (
	wide   = color.RGBA{0xd6, 0xe4, 0xf2, 0xff}
	narrow = color.RGBA{0xa6, 0xc6, 0xe4, 0xff}
	median = color.RGBA{0x1f, 0x5f, 0xa0, 0xff}
	single = color.RGBA{0x80, 0x80, 0x80, 0xff}
)

// Predictions draws what an experiment predicts before the first measurement: over each knob,
// with the others at the middle of their values, the median of the predictions under the
// prior, the ranges of 68 and 95 % of them, and a few single ones. It draws at most six
// channels and four knobs. Equal seeds draw equal figures.
func Predictions(w io.Writer, format Format, e *experiment.Experiment, seed uint64) error {
	rows := predict(e, seed)
	plots := make([][]*plot.Plot, len(rows))
	for i, row := range rows {
		for _, p := range row {
			drawn, err := p.draw()
			if err != nil {
				return err
			}
			plots[i] = append(plots[i], drawn)
		}
	}
	if first := plots[0][0]; e.Title != "" {
		first.Title.Text = strings.TrimSpace(e.Title + "\n" + first.Title.Text)
	}
	return write(w, format, plots)
}

// write draws plots in rows and columns; nil is an empty place.
func write(w io.Writer, format Format, plots [][]*plot.Plot) error {
	width, height := vg.Length(len(plots[0]))*panelWidth, vg.Length(len(plots))*panelHeight
	var canvas vg.CanvasWriterTo
	if format == SVG {
		canvas = vgsvg.New(width, height)
	} else {
		canvas = vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(dotsPerInch))}
	}
	tiles := draw.Tiles{Rows: len(plots), Cols: len(plots[0]), PadX: 3 * vg.Millimeter, PadY: 3 * vg.Millimeter, PadTop: 2 * vg.Millimeter, PadRight: 4 * vg.Millimeter}
	for i, row := range plot.Align(plots, tiles, draw.NewCanvas(canvas, width, height)) {
		for j, part := range row {
			if plots[i][j] != nil {
				plots[i][j].Draw(part)
			}
		}
	}
	_, err := canvas.WriteTo(w)
	return err
}

// newPlot returns an empty plot. needRange has to follow what is added to it: a logarithmic axis without a range is a panic.
func newPlot(title, x, y string, logX, logY bool) *plot.Plot {
	out := plot.New()
	for _, style := range []*draw.TextStyle{&out.Title.TextStyle, &out.X.Label.TextStyle, &out.Y.Label.TextStyle, &out.X.Tick.Label, &out.Y.Tick.Label, &out.Legend.TextStyle} {
		style.Font.Variant = font.Variant("Sans")
	}
	out.Title.Text, out.X.Label.Text, out.Y.Label.Text = title, x, y
	if logX {
		out.X.Scale, out.X.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	}
	if logY {
		out.Y.Scale, out.Y.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	}
	return out
}

func (p *panel) draw() (*plot.Plot, error) {
	out := newPlot(p.title, p.xLabel, p.yLabel, p.logarithmic, false)
	if err := addBands(out, p.x, p.quantiles); err != nil {
		return nil, err
	}
	for _, values := range p.lines {
		if err := addLine(out, p.x, values, draw.LineStyle{Color: single, Width: vg.Points(0.5)}); err != nil {
			return nil, err
		}
	}
	if err := addLine(out, p.x, p.quantiles[2], medianLine); err != nil {
		return nil, err
	}
	needRange(&out.X, p.x[0], p.logarithmic)
	needRange(&out.Y, 0, false)
	return out, nil
}

var medianLine = draw.LineStyle{Color: median, Width: vg.Points(1.5)}

// addBands adds the ranges of 95 and 68 % of some predictions.
func addBands(out *plot.Plot, x []float64, quantiles [5][]float64) error {
	for i, shade := range []color.Color{wide, narrow} {
		for _, run := range runs(x, quantiles[i], quantiles[4-i]) {
			band, err := plotter.NewPolygon(run.outline())
			if err != nil {
				return err
			}
			band.Color, band.LineStyle.Width = shade, 0
			out.Add(band)
		}
	}
	return nil
}

// addLine adds a curve, which has gaps where a value is not finite.
func addLine(out *plot.Plot, x, values []float64, style draw.LineStyle) error {
	for _, run := range runs(x, values, values) {
		line, err := plotter.NewLine(run.low)
		if err != nil {
			return err
		}
		line.LineStyle = style
		out.Add(line)
	}
	return nil
}

// needRange gives an axis a range if all values on it are one, but for rounding, or if there are none: then around another
// value.
func needRange(axis *plot.Axis, otherwise float64, logarithmic bool) {
	const rounding = 1e-12
	size := math.Max(math.Abs(axis.Min), math.Abs(axis.Max))
	if axis.Min < axis.Max && axis.Max-axis.Min > rounding*size {
		return
	}
	at := axis.Min
	if math.IsInf(at, 0) {
		at = otherwise
	}
	margin := max(1, math.Abs(at)/100)
	if axis.Min, axis.Max = at-margin, at+margin; logarithmic {
		axis.Min, axis.Max = at/2, at*2
	}
}

// run is a part of a curve, or of the band between two curves, without a gap.
type run struct{ low, high plotter.XYs }

// runs returns the parts in which all values are finite.
func runs(x, low, high []float64) (all []run) {
	open := false
	for i := range x {
		if math.IsNaN(low[i]) || math.IsInf(low[i], 0) || math.IsNaN(high[i]) || math.IsInf(high[i], 0) {
			open = false
			continue
		}
		if !open {
			all = append(all, run{})
			open = true
		}
		last := &all[len(all)-1]
		last.low = append(last.low, plotter.XY{X: x[i], Y: low[i]})
		last.high = append(last.high, plotter.XY{X: x[i], Y: high[i]})
	}
	return all
}

// outline goes along the lower curve and back along the upper one.
func (r run) outline() plotter.XYs {
	outline := append(plotter.XYs(nil), r.low...)
	for i := len(r.high) - 1; i >= 0; i-- {
		outline = append(outline, r.high[i])
	}
	return outline
}
