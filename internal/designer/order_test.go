package designer

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

type standardNormal struct{}

func (standardNormal) Sample(r *rand.Rand) float64  { return r.NormFloat64() }
func (standardNormal) Bounds() (low, high float64)  { return math.Inf(-1), math.Inf(1) }
func (standardNormal) LogDensity(x float64) float64 { return -x * x / 2 }

type straightLine struct{}

func (straightLine) Predict(_ int, x []float64, p [][]float64, from, to int, out []float64) {
	for i := from; i < to; i++ {
		out[i-from] = p[0][i] + p[1][i]*x[0]
	}
}

// TestOrderOfParticles: the order of the particles does not matter. Reversed ones have the same moments within the
// statistical error of 20,000 particles; it grows where they are moved by other random numbers, and resampled.
func TestOrderOfParticles(t *testing.T) {
	cfg := Config{
		Parameters: []Parameter{{"a", standardNormal{}}, {"b", standardNormal{}}}, Model: straightLine{}, Knobs: [][]float64{{-1, 1}},
		Channels: []Channel{{Name: "signal", Noise: 1, Reported: true, NoiseParameter: NoNoiseParameter}}, Particles: 20_000, Seed: 1,
	}
	forward, reversed := mustBegin(t, cfg), mustBegin(t, cfg)
	for _, values := range reversed.cloud.value {
		slices.Reverse(values)
	}
	slices.Reverse(reversed.cloud.prior)
	compare := func(after string, tolerance float64) {
		t.Helper()
		for k, std := range forward.Std() {
			if off := math.Abs(forward.Mean()[k]-reversed.Mean()[k]) / std; !(off < tolerance) {
				t.Errorf("%s: parameter %d is %v, reversed %v", after, k, forward.Mean()[k], reversed.Mean()[k])
			}
			if ratio := reversed.Std()[k] / std; !(math.Abs(ratio-1) < tolerance) {
				t.Errorf("%s: the standard deviation of parameter %d is %v times as large", after, k, ratio)
			}
		}
	}
	add := func(x, y, s float64) {
		for _, d := range []*Designer{forward, reversed} {
			if err := d.Add(Measurement{X: []float64{x}, Y: []float64{y}, S: []float64{s}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	compare("before the first measurement", 1e-9)
	add(1, 0.3, 3)
	compare("one measurement", 0.03)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 40 {
		x := float64(i%2*2 - 1)
		add(x, 0.3-x+0.1*r.NormFloat64(), 0.1)
	}
	compare("many measurements", 0.1)
}

func mustBegin(t *testing.T, cfg Config) *Designer {
	t.Helper()
	d, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
