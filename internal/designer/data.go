package designer

import (
	"encoding/binary"
	"math"
	"sort"
)

// A point is all that the likelihood needs of the measurements of one channel at one setting.
//
// For a channel whose noise is known, a measurement y ± s has the weight 1/s², and the sum over the measurements of
// (y - f)²/s² is spread + weight (mean - f)². For one whose noise is estimated the weights are 1, and the sum divided by
// the particle's σ² is the same. So the cost of a likelihood is bounded by the number of different settings, and nothing
// is approximated.
type point struct {
	setting      []float64
	channel      int
	weight, mean float64
}

// data is all measurements.
type data struct {
	points []point
	// The smallest and the largest measured value of each point: not in it, since no likelihood needs them.
	extremes [][2]float64
	index    map[string]int // the first point of a setting; its other channels follow
	key      []byte
	// For each channel: the number of measurements, and the sum over the points of the spread of the measurements
	// around their mean. While a measurement is taken in parts, its parts count.
	count, spread []float64
	order         []int // of the points: those with the largest weight first, which rule out a particle soonest
	ordered       int   // the number of measurements after which the order is computed again
	added         int
}

func newData(channels int) data {
	return data{index: map[string]int{}, count: make([]float64, channels), spread: make([]float64, channels)}
}

// at returns the first point of a setting, which is added if it is new.
func (d *data) at(x []float64) int {
	d.key = d.key[:0]
	for _, v := range x {
		d.key = binary.LittleEndian.AppendUint64(d.key, math.Float64bits(v+0)) // -0 and 0 are one setting
	}
	first, ok := d.index[string(d.key)]
	if !ok {
		first = len(d.points)
		d.index[string(d.key)] = first
		setting := append([]float64(nil), x...)
		for channel := range d.count {
			d.order = append(d.order, len(d.points))
			d.points = append(d.points, point{setting: setting, channel: channel})
			d.extremes = append(d.extremes, [2]float64{math.Inf(1), math.Inf(-1)})
		}
	}
	return first
}

// add adds a measurement, or the given share of it. precision has 1/s² for each channel, 1 where the noise is estimated.
func (d *data) add(x, y, precision []float64, share float64) {
	first := d.at(x)
	for channel := range d.count {
		p, e := &d.points[first+channel], &d.extremes[first+channel]
		e[0], e[1] = min(e[0], y[channel]), max(e[1], y[channel])
		w := share * precision[channel]
		total := p.weight + w
		off := y[channel] - p.mean
		d.spread[channel] += off * off * w * (p.weight / total)
		p.mean += off * (w / total)
		p.weight = total
		d.count[channel] += share
	}
}

// sort updates the order when the number of measurements has grown by an eighth.
func (d *data) sort() {
	d.added++
	if d.added < d.ordered {
		return
	}
	d.ordered = d.added + d.added/8
	sort.SliceStable(d.order, func(a, b int) bool {
		return d.points[d.order[a]].weight > d.points[d.order[b]].weight
	})
}
