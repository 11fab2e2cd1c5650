package designer

import (
	"fmt"
	"math"
	"slices"
	"sync"

	"libobe/internal/vector"
)

// A utility is how informative a measurement is expected to be at each setting.
type utility struct {
	chosen []int       // the numbers of the settings
	value  []float64   // their utilities
	drawn  []int32     // the particles that predict
	points [][]float64 // their parameters
	noise  []float64   // the variance of the noise in each channel
	panels *sync.Pool
}

func newUtility(d *Designer) utility {
	draws := min(d.cfg.Draws, d.cfg.Particles)
	u := utility{
		chosen: make([]int, d.settings.candidates()), value: make([]float64, d.settings.candidates()),
		drawn: make([]int32, draws), noise: make([]float64, len(d.cfg.Channels)),
	}
	for range d.axes {
		u.points = append(u.points, make([]float64, draws))
	}
	u.panels = &sync.Pool{New: func() any { return newPanel(len(d.cfg.Knobs), draws) }}
	return u
}

// Best returns the setting at which a measurement is expected to be most informative.
func (d *Designer) Best() []float64 {
	d.compareSettings()
	best := 0
	for j, v := range d.utility.value {
		if v > d.utility.value[best] {
			best = j
		}
	}
	return d.chosen(best)
}

// Good returns a setting drawn with a probability proportional to utility^pickiness: 0 draws all settings alike, and
// larger values prefer the most informative ones.
func (d *Designer) Good(pickiness float64) ([]float64, error) {
	if math.IsNaN(pickiness) || pickiness < 0 {
		return nil, fmt.Errorf("the pickiness is %v; it must not be negative", pickiness)
	}
	d.compareSettings()
	u := d.utility.value
	raise(u, pickiness)
	sum := 0.0
	for _, v := range u {
		sum += v
	}
	rest := d.choices.Float64() * sum
	last := 0
	for j, v := range u {
		if v > 0 {
			last = j
			if rest -= v; rest < 0 {
				break
			}
		}
	}
	return d.chosen(last), nil
}

// raise raises utilities, none of which is negative, to a power, in units of the largest. If none is informative, all are
// equal.
func raise(utilities []float64, power float64) {
	largest := slices.Max(utilities)
	if power == 0 || !(largest > 0) || math.IsInf(largest, 1) {
		for j := range utilities {
			utilities[j] = 1
		}
		return
	}
	vector.DivideNumber(utilities, utilities, largest)
	vector.Log(utilities, utilities)
	vector.MultiplyNumber(utilities, utilities, min(power, math.MaxFloat64)) // infinity times log 1 would not be a number
	vector.Exp(utilities, utilities)
}

func (d *Designer) chosen(j int) []float64 {
	x := make([]float64, len(d.cfg.Knobs))
	d.settings.at(d.utility.chosen[j], x)
	return x
}

// compareSettings computes the utilities: the sum over the channels of log(1 + V/σ²), where V is the variance of the
// predictions of particles drawn by weight, divided by the cost (McMichael and Blakley 2022). For a normal distribution
// the logarithm is twice the mutual information of the parameters and the measurement.
func (d *Designer) compareSettings() {
	u := &d.utility
	d.settings.draw(d.choices, u.chosen)
	d.cloud.draw(d.choices.Float64(), u.drawn)
	for k, values := range d.cloud.value {
		for j, i := range u.drawn {
			u.points[k][j] = values[i]
		}
	}
	for channel, ch := range d.cfg.Channels {
		if ch.NoiseParameter == NoNoiseParameter {
			u.noise[channel] = d.noise[channel] * d.noise[channel] / d.power
			continue
		}
		sum := 0.0
		for _, s := range u.points[ch.NoiseParameter] {
			sum += s * s
		}
		u.noise[channel] = sum / float64(len(u.drawn)) / d.power
	}
	count := (len(u.chosen) + settingsAtOnce - 1) / settingsAtOnce
	each(count, len(u.chosen)*len(u.drawn)*len(d.cfg.Channels), func(i int) {
		p := u.panels.Get().(*panel)
		d.compareSome(p, i*settingsAtOnce, min((i+1)*settingsAtOnce, len(u.chosen)))
		u.panels.Put(p)
	})
}

// settingsAtOnce settings are a panel. Its predictions with 60 draws are 60 kB, which stay in a second-level cache.
const settingsAtOnce = 128

// A panel is room for the predictions at some settings.
type panel struct {
	setting  []float64
	settings [][]float64 // a column for each knob
	out      []float64   // a row for each draw
	one      []float64   // the predictions at one setting
	mean     []float64   // of the predictions at each setting
	variance []float64
	off      []float64
}

func newPanel(knobs, draws int) *panel {
	p := &panel{
		setting: make([]float64, knobs), out: make([]float64, draws*settingsAtOnce), one: make([]float64, draws),
		mean: make([]float64, settingsAtOnce), variance: make([]float64, settingsAtOnce), off: make([]float64, settingsAtOnce),
	}
	for range knobs {
		p.settings = append(p.settings, make([]float64, settingsAtOnce))
	}
	return p
}

func (d *Designer) compareSome(p *panel, from, to int) {
	u := &d.utility
	clear(u.value[from:to])
	n := to - from
	for j := range n {
		d.settings.at(u.chosen[from+j], p.setting)
		for k, x := range p.setting {
			p.settings[k][j] = x
		}
	}
	for k := range p.settings {
		p.settings[k] = p.settings[k][:n]
	}
	many, _ := d.cfg.Model.(ManyModel)
	for channel := range d.cfg.Channels {
		if many != nil {
			many.PredictMany(channel, p.settings, u.points, p.out[:n*len(p.one)])
			p.variances(n)
		} else {
			for j := range n {
				for k := range p.setting {
					p.setting[k] = p.settings[k][j]
				}
				d.cfg.Model.Predict(channel, p.setting, u.points, 0, len(p.one), p.one)
				p.variance[j] = variance(p.one)
			}
		}
		for j, v := range p.variance[:n] {
			u.value[from+j] += math.Log1p(v / u.noise[channel])
		}
	}
	for k := range p.settings {
		p.settings[k] = p.settings[k][:settingsAtOnce]
	}
	for j := from; j < to; j++ {
		if d.cfg.Cost != nil && d.position != nil {
			d.settings.at(u.chosen[j], p.setting)
			u.value[j] /= d.cfg.Cost(d.position, p.setting)
		}
		if !(u.value[j] > 0) { // also for NaN
			u.value[j] = 0
		}
	}
}

// variances computes the variances of the predictions at n settings, of all of them at once: their sums are over rows.
func (p *panel) variances(n int) {
	mean, squares, off := p.mean[:n], p.variance[:n], p.off[:n]
	draws := len(p.one)
	clear(mean)
	for i := range draws {
		vector.Add(mean, mean, p.out[i*n:(i+1)*n])
	}
	vector.DivideNumber(mean, mean, float64(draws))
	clear(squares)
	for i := range draws {
		vector.Subtract(off, p.out[i*n:(i+1)*n], mean)
		vector.Multiply(off, off, off)
		vector.Add(squares, squares, off)
	}
	vector.DivideNumber(squares, squares, float64(draws))
	for j, v := range squares {
		if v-v == 0 {
			continue
		}
		for i := range p.one { // some prediction is not finite
			p.one[i] = p.out[i*n+j]
		}
		squares[j] = variance(p.one)
	}
}

// variance returns the variance of the finite values.
func variance(values []float64) float64 {
	var mean, squares, count float64
	for _, v := range values {
		if v-v == 0 {
			mean += v
			count++
		}
	}
	if count < 2 {
		return 0
	}
	mean /= count
	for _, v := range values {
		if v-v == 0 {
			squares += (v - mean) * (v - mean)
		}
	}
	return squares / count
}
