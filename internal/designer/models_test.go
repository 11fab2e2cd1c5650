package designer_test

import (
	"math"
	"math/rand/v2"

	"libobe/internal/designer"
)

// The priors of the tests.

type uniform struct{ low, high float64 }

func (u uniform) Sample(r *rand.Rand) float64 { return u.low + (u.high-u.low)*r.Float64() }
func (u uniform) Bounds() (low, high float64) { return u.low, u.high }
func (u uniform) LogDensity(x float64) float64 {
	if x < u.low || x > u.high {
		return math.Inf(-1)
	}
	return 0
}

type logUniform struct{ low, high float64 }

func (u logUniform) Sample(r *rand.Rand) float64 {
	return u.low * math.Exp(r.Float64()*math.Log(u.high/u.low))
}
func (u logUniform) Bounds() (low, high float64) { return u.low, u.high }
func (u logUniform) Logarithmic() bool           { return true }
func (u logUniform) LogDensity(x float64) float64 {
	if x < u.low || x > u.high {
		return math.Inf(-1)
	}
	return -math.Log(x)
}

type normal struct{ mean, deviation float64 }

func (n normal) Sample(r *rand.Rand) float64 { return n.mean + n.deviation*r.NormFloat64() }
func (n normal) Bounds() (low, high float64) { return math.Inf(-1), math.Inf(1) }
func (n normal) LogDensity(x float64) float64 {
	z := (x - n.mean) / n.deviation
	return -0.5 * z * z
}

// function is a model of one channel: the value at a setting for a particle p, whose parameters are at index i.
type function func(x []float64, p [][]float64, i int) float64

func (f function) Predict(_ int, x []float64, p [][]float64, from, to int, out []float64) {
	for i := from; i < to; i++ {
		out[i-from] = f(x, p, i)
	}
}

// lorentzian is the model of find_peak, written for speed, as an expression that is evaluated over blocks is.
type lorentzian struct{}

func (lorentzian) Predict(_ int, x []float64, p [][]float64, from, to int, out []float64) {
	centre, depth, width := p[0][from:to], p[1][from:to], p[2][from:to]
	for i := range out[:to-from] {
		w := width[i] * width[i]
		u := (x[0] - centre[i]) * 2
		out[i] = 1 - depth[i]*w/(u*u+w)
	}
}

// spaced returns n values from low to high.
func spaced(low, high float64, n int) []float64 {
	values := make([]float64, n)
	for i := range values {
		values[i] = low + (high-low)*float64(i)/float64(n-1)
	}
	return values
}

func parameters(priors ...designer.Prior) []designer.Parameter {
	var p []designer.Parameter
	for i, prior := range priors {
		p = append(p, designer.Parameter{Name: string(rune('a' + i)), Prior: prior})
	}
	return p
}

func fixedNoise(s float64) []designer.Channel {
	return []designer.Channel{{Name: "signal", Noise: s, NoiseParameter: designer.NoNoiseParameter}}
}

// dip is find_peak's experiment.
func dip(seed uint64) designer.Config {
	return designer.Config{
		Parameters: parameters(uniform{1.5, 3.5}, uniform{0.02, 0.1}, uniform{0.01, 0.05}),
		Model:      lorentzian{}, Channels: fixedNoise(0.005), Knobs: [][]float64{spaced(1.5, 3.5, 200)}, Seed: seed,
	}
}
