package designer_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"libobe/internal/designer"
)

// linear is a + b x.
var linear = function(func(x []float64, p [][]float64, i int) float64 { return p[0][i] + p[1][i]*x[0] })

// constant is the first parameter.
var constant = function(func(_ []float64, p [][]float64, i int) float64 { return p[0][i] })

func mustNew(t testing.TB, cfg designer.Config) *designer.Designer {
	t.Helper()
	if cfg.Knobs == nil {
		cfg.Knobs = [][]float64{spaced(-1, 1, 21)}
	}
	d, err := designer.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func mustAdd(t testing.TB, d *designer.Designer, x, y, s float64) {
	t.Helper()
	if err := d.Add(designer.Measurement{X: []float64{x}, Y: []float64{y}, S: []float64{s}}); err != nil {
		t.Fatal(err)
	}
}

// agree compares an estimate of a mean and a standard deviation with the exact ones, within 5 standard errors of
// independent samples. Those of a posterior that was resampled and moved are a little larger: 4,000 instead of 20,000.
func agree(t *testing.T, name string, mean, std, exactMean, exactStd float64) {
	t.Helper()
	const samples = 4000
	if math.Abs(mean-exactMean) > 5*exactStd/math.Sqrt(samples) {
		t.Errorf("%s: the mean is %v, exactly %v", name, mean, exactMean)
	}
	if math.Abs(std/exactStd-1) > 5/math.Sqrt(2*samples) {
		t.Errorf("%s: the standard deviation is %v, exactly %v", name, std, exactStd)
	}
}

// exactly compares with closed forms within 1 %, of the standard deviation for a mean: 5 standard errors of the number of
// independent samples that manyParticles are worth.
func exactly(t *testing.T, name string, mean, std, exactMean, exactStd float64) {
	t.Helper()
	if math.Abs(mean-exactMean) > 0.01*exactStd || math.Abs(std/exactStd-1) > 0.01 {
		t.Errorf("%s: %v ± %v, exactly %v ± %v", name, mean, std, exactMean, exactStd)
	}
	t.Logf("%s: the mean is %.2f %% of a standard deviation off, the standard deviation %.2f %%", name, 100*math.Abs(mean-exactMean)/exactStd, 100*math.Abs(std/exactStd-1))
}

const manyParticles = 500_000

func TestNormalMean(t *testing.T) {
	for _, n := range []int{1, 10, 50} {
		d := mustNew(t, designer.Config{
			Parameters: parameters(normal{1, 2}), Model: constant, Channels: fixedNoise(0.5), Particles: manyParticles, Seed: 3,
		})
		r := rand.New(rand.NewPCG(5, uint64(n)))
		precision, weighted := 1/4.0, 1/4.0
		for range n {
			y := 2 + 0.5*r.NormFloat64()
			mustAdd(t, d, 0, y, 0)
			precision += 1 / 0.25
			weighted += y / 0.25
		}
		exactly(t, "mean", d.Mean()[0], d.Std()[0], weighted/precision, 1/math.Sqrt(precision))
	}
}

// TestLinearModel compares with the normal posterior of a line with normal priors: precision matrix P = Σ v vᵀ/s² + P0,
// with v = (1, x).
func TestLinearModel(t *testing.T) {
	d := mustNew(t, designer.Config{
		Parameters: parameters(normal{0, 1}, normal{0, 3}), Model: linear, Channels: fixedNoise(0.1), Particles: manyParticles, Seed: 4,
	})
	r := rand.New(rand.NewPCG(6, 1))
	paa, pab, pbb, qa, qb := 1.0, 0.0, 1/9.0, 0.0, 0.0
	for i := range 42 {
		x := -1 + float64(i%21)/10
		y := 0.3 - 2*x + 0.1*r.NormFloat64()
		mustAdd(t, d, x, y, 0)
		paa += 100
		pab += 100 * x
		pbb += 100 * x * x
		qa += 100 * y
		qb += 100 * y * x
	}
	det := paa*pbb - pab*pab
	mean, cov := d.Mean(), d.Cov()
	exactly(t, "a", mean[0], math.Sqrt(cov[0][0]), (pbb*qa-pab*qb)/det, math.Sqrt(pbb/det))
	exactly(t, "b", mean[1], math.Sqrt(cov[1][1]), (paa*qb-pab*qa)/det, math.Sqrt(paa/det))
	correlation := cov[0][1] / math.Sqrt(cov[0][0]*cov[1][1])
	if exact := -pab / math.Sqrt(paa*pbb); math.Abs(correlation-exact) > 0.01 {
		t.Errorf("the correlation is %v, exactly %v", correlation, exact)
	}
}

// inverseGamma is a prior of σ for which σ² has the inverse gamma distribution of shape a and scale b.
type inverseGamma struct{ a, b float64 }

func (g inverseGamma) Sample(r *rand.Rand) float64 {
	// The sum of 2a squared normal numbers, divided by 2, has the gamma distribution of shape a.
	sum := 0.0
	for range int(2 * g.a) {
		z := r.NormFloat64()
		sum += z * z
	}
	return math.Sqrt(g.b / (sum / 2))
}
func (g inverseGamma) Bounds() (low, high float64) { return 0, math.Inf(1) }
func (g inverseGamma) Logarithmic() bool           { return true }
func (g inverseGamma) LogDensity(s float64) float64 {
	if s <= 0 {
		return math.Inf(-1)
	}
	return -(2*g.a+1)*math.Log(s) - g.b/(s*s)
}

// TestUnknownNoise compares with the inverse gamma posterior of the noise of a known signal: shape a + n/2, scale
// b + Σ y²/2.
func TestUnknownNoise(t *testing.T) {
	prior := inverseGamma{2, 1}
	d := mustNew(t, designer.Config{
		Parameters: parameters(prior),
		Model:      function(func([]float64, [][]float64, int) float64 { return 0 }),
		Channels:   []designer.Channel{{Name: "signal", NoiseParameter: 0}}, Particles: 20_000, Seed: 5,
	})
	r := rand.New(rand.NewPCG(7, 1))
	a, b := prior.a, prior.b
	for range 50 {
		y := 0.3 * r.NormFloat64()
		mustAdd(t, d, 0, y, 0)
		a += 0.5
		b += y * y / 2
	}
	logGamma := func(x float64) float64 { l, _ := math.Lgamma(x); return l }
	mean := math.Sqrt(b) * math.Exp(logGamma(a-0.5)-logGamma(a))
	agree(t, "noise", d.Mean()[0], d.Std()[0], mean, math.Sqrt(b/(a-1)-mean*mean))
}

// list is a prior of some values, all equally probable.
type list []float64

func (l list) Sample(r *rand.Rand) float64 { return l[r.IntN(len(l))] }
func (l list) Bounds() (low, high float64) { return l[0], l[len(l)-1] }
func (l list) Values() []float64           { return l }
func (l list) LogDensity(float64) float64  { return 0 }

// TestListPrior compares with the sum over the values.
func TestListPrior(t *testing.T) {
	values := list{-2, -1, 0.5, 1, 7}
	d := mustNew(t, designer.Config{
		Parameters: parameters(values, uniform{0, 1e-9}), Model: linear, Channels: fixedNoise(2), Particles: 20_000, Seed: 6,
	})
	posterior := make([]float64, len(values))
	for _, y := range []float64{0.9, -0.5, 1.5, 0.2} {
		mustAdd(t, d, 0, y, 0)
		for i, v := range values {
			posterior[i] -= 0.5 * (y - v) * (y - v) / 4
		}
	}
	got := make([]float64, len(values))
	for i, v := range d.Particles()[0] {
		for j := range values {
			if v == values[j] {
				got[j] += d.Weights()[i]
			}
		}
	}
	sum := 0.0
	for i := range posterior {
		posterior[i] = math.Exp(posterior[i])
		sum += posterior[i]
	}
	for i := range posterior {
		if want := posterior[i] / sum; math.Abs(got[i]-want) > 0.02 {
			t.Errorf("the value %v has probability %v, exactly %v", values[i], got[i], want)
		}
	}
}

// TestTwoModes: two equally good values remain two, with equal probabilities.
func TestTwoModes(t *testing.T) {
	square := function(func(_ []float64, p [][]float64, i int) float64 { return p[0][i] * p[0][i] })
	d := mustNew(t, designer.Config{Parameters: parameters(uniform{-3, 3}), Model: square, Channels: fixedNoise(0.1), Seed: 7})
	r := rand.New(rand.NewPCG(8, 1))
	for range 500 {
		mustAdd(t, d, 0, 4+0.1*r.NormFloat64(), 0)
	}
	positive := 0.0
	for i, v := range d.Particles()[0] {
		if v > 0 {
			positive += d.Weights()[i]
		}
	}
	if math.Abs(positive-0.5) > 0.1 {
		t.Errorf("2 has probability %v, and -2 the rest", positive)
	}
	if s := d.Std()[0]; math.Abs(s-2) > 0.1 {
		t.Errorf("the standard deviation of ±2 is %v", s)
	}
}

func TestHistogram(t *testing.T) {
	d := mustNew(t, designer.Config{Parameters: parameters(uniform{0, 4}), Model: constant, Channels: fixedNoise(1)})
	for i, p := range d.Histogram(0, 4, 0, 4) {
		if math.Abs(p-0.25) > 0.03 {
			t.Errorf("bin %d has the probability %v", i, p)
		}
	}
	sum := 0.0
	for _, p := range d.Histogram(0, 7, 1, 3) {
		sum += p
	}
	if math.Abs(sum-0.5) > 0.03 {
		t.Errorf("half of the prior has the probability %v", sum)
	}
	if p := d.Histogram(0, 3, 2, 2); p[0]+p[1]+p[2] != 0 {
		t.Errorf("an empty interval has the probabilities %v", p)
	}
}
