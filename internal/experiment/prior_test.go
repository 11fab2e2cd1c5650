package experiment

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func priors() map[string]*Prior {
	normal := func(mean, std, low, high float64) *Prior { p, _ := newNormal(mean, std, low, high); return p }
	inf := math.Inf(1)
	return map[string]*Prior{
		"uniform":                      newUniform(-2, 5),
		"log-uniform":                  newLogUniform(1e-3, 10),
		"half-normal":                  newHalfNormal(0.5),
		"normal":                       normal(3, 2, -inf, inf),
		"normal above":                 normal(3, 2, 4, inf),
		"normal below":                 normal(3, 2, -inf, 1),
		"normal between":               normal(3, 2, 2.5, 5),
		"normal, the upper tail":       normal(0, 1, 5, 6),
		"normal, the lower tail":       normal(0, 1, -6, -5),
		"normal, far in the upper one": normal(0, 1, 5.5, inf),
	}
}

// The density is normalised, and the samples have its distribution: Kolmogorov and Smirnov's
// distance to the integral of the density is what chance allows.
func TestPriorSamplesHaveTheirDensity(t *testing.T) {
	const n = 20_000
	for name, p := range priors() {
		r := rand.New(rand.NewPCG(16, 6))
		samples := make([]float64, n)
		for i := range samples {
			samples[i] = p.Sample(r)
		}
		slices.Sort(samples)
		low, high := p.Bounds()
		if samples[0] < low || samples[n-1] > high {
			t.Errorf("%s: samples from %v to %v", name, samples[0], samples[n-1])
		}
		// The integral by Simpson's rule, in steps that are small where the samples are.
		from, to := max(low, samples[0]-3*(samples[n/2]-samples[0])), min(high, samples[n-1]+3*(samples[n-1]-samples[n/2]))
		logarithmic := p.Logarithmic()
		if logarithmic {
			from, to = math.Log(from), math.Log(to)
		}
		density := func(u float64) float64 {
			if logarithmic {
				x := min(math.Exp(u), high)
				return math.Exp(p.LogDensity(max(x, low))) * x
			}
			return math.Exp(p.LogDensity(u))
		}
		const steps = 20_000
		sum, distance, next := 0.0, 0.0, 0
		for i := range steps {
			a, b := from+(to-from)*float64(i)/steps, from+(to-from)*float64(i+1)/steps
			sum += (density(a) + 4*density((a+b)/2) + density(b)) * (b - a) / 6
			end := b
			if logarithmic {
				end = math.Exp(b)
			}
			for next < n && samples[next] <= end {
				next++
			}
			distance = max(distance, math.Abs(sum-float64(next)/n))
		}
		if math.Abs(sum-1) > 1e-4 {
			t.Errorf("%s: the integral of the density is %v", name, sum)
		}
		if most := 1.95 / math.Sqrt(n); distance > most { // exceeded by chance once in 1000
			t.Errorf("%s: the distance of samples and density is %v, more than %v", name, distance, most)
		}
		for _, x := range []float64{math.NaN(), math.Nextafter(low, math.Inf(-1)), math.Nextafter(high, math.Inf(1))} {
			if got := p.LogDensity(x); !math.IsInf(got, -1) && !(math.IsInf(low, 0) || math.IsInf(high, 0)) {
				t.Errorf("%s: the density at %v is exp(%v)", name, x, got)
			}
		}
	}
}

func TestListPrior(t *testing.T) {
	p := newList([]float64{3, 1, 2, 7}, []float64{1, 2, 1, 0})
	if got := p.Values(); !slices.Equal(got, []float64{1, 2, 3}) {
		t.Errorf("values %v", got)
	}
	if got := fmt.Sprintf("%.3f", p.Weights()); got != "[0.500 0.250 0.250]" {
		t.Errorf("weights %v", got)
	}
	for x, want := range map[float64]float64{1: 0.5, 2: 0.25, 3: 0.25, 7: 0, 1.5: 0} {
		if got := math.Exp(p.LogDensity(x)); math.Abs(got-want) > 1e-12 {
			t.Errorf("the probability of %v is %v", x, got)
		}
	}
	r := rand.New(rand.NewPCG(16, 7))
	count := map[float64]int{}
	const n = 10_000
	for range n {
		count[p.Sample(r)]++
	}
	if len(count) != 3 || math.Abs(float64(count[1])-n/2) > 5*math.Sqrt(n)/2 || math.Abs(float64(count[2])-n/4) > 5*math.Sqrt(n)/2 {
		t.Errorf("%v", count)
	}
	if (newUniform(0, 1)).Values() != nil {
		t.Error("a uniform prior has values")
	}
}

// Equal seeds have equal samples.
func TestPriorIsDeterministic(t *testing.T) {
	for name, p := range priors() {
		a, b := rand.New(rand.NewPCG(1, 2)), rand.New(rand.NewPCG(1, 2))
		for range 100 {
			if x, y := p.Sample(a), p.Sample(b); x != y {
				t.Fatalf("%s: %v and %v", name, x, y)
			}
		}
	}
}
