package experiment

import (
	"math"
	"math/rand/v2"
	"slices"
	"sort"
)

// PriorKind is the kind of a prior, as the file names it.
type PriorKind string

// The kinds of priors.
const (
	Uniform    PriorKind = "uniform"     // between Min and Max
	Normal     PriorKind = "normal"      // with Mean and Std, cut off at Min and Max
	LogUniform PriorKind = "log-uniform" // the logarithm is uniform between those of Min and Max
	HalfNormal PriorKind = "half-normal" // the absolute value of a normal distribution with mean 0 and Std
	List       PriorKind = "list"        // one of some values
)

var priorKinds = []PriorKind{Uniform, Normal, LogUniform, HalfNormal, List}

// Prior is what is known about a parameter before the first measurement. It does not change,
// and any number of goroutines may use it.
type Prior struct {
	kind      PriorKind
	min, max  float64 // the bounds, infinite where there is none
	mean, std float64 // of a normal distribution before it is cut off

	offset float64 // the part of the logarithm of the density that does not depend on x

	values      []float64 // of a list, ascending
	logWeights  []float64
	accumulated []float64 // the sums of the weights up to and including each value; the last is 1
}

// Kind returns the kind.
func (p *Prior) Kind() PriorKind { return p.kind }

// Bounds returns the smallest and the largest possible value, infinite where there is none.
func (p *Prior) Bounds() (low, high float64) { return p.min, p.max }

// MeanStd returns the fields mean and std of a normal prior, and 0 and std of a half-normal
// one. They are those of the distribution before it is cut off. Of other kinds they are 0.
func (p *Prior) MeanStd() (mean, std float64) { return p.mean, p.std }

// Values returns the possible values in ascending order, or nil if all values between the
// bounds are possible. The caller must not change them.
func (p *Prior) Values() []float64 { return p.values }

// Weights returns the probabilities of Values.
func (p *Prior) Weights() []float64 {
	weights := make([]float64, len(p.logWeights))
	for i, w := range p.logWeights {
		weights[i] = math.Exp(w)
	}
	return weights
}

// Logarithmic reports whether the parameter is positive and its scale unknown, so that steps
// in its logarithm suit it better than steps in its value.
func (p *Prior) Logarithmic() bool { return p.kind == LogUniform }

// LogDensity returns the natural logarithm of the probability density at x, and minus
// infinity outside the bounds. Of a list it is the logarithm of the probability of x.
func (p *Prior) LogDensity(x float64) float64 {
	if !(p.min <= x && x <= p.max) {
		return math.Inf(-1)
	}
	switch p.kind {
	case Uniform:
		return p.offset
	case LogUniform:
		return p.offset - math.Log(x)
	case List:
		if i, found := slices.BinarySearch(p.values, x); found {
			return p.logWeights[i]
		}
		return math.Inf(-1)
	}
	z := (x - p.mean) / p.std
	return p.offset - z*z/2
}

// LogDensities stores LogDensity of each number of x in target.
func (p *Prior) LogDensities(target, x []float64) {
	if p.kind != Uniform {
		for i, v := range x {
			target[i] = p.LogDensity(v)
		}
		return
	}
	for i, v := range x {
		density := p.offset
		if !(p.min <= v && v <= p.max) {
			density = math.Inf(-1)
		}
		target[i] = density
	}
}

// Sample returns a random value.
func (p *Prior) Sample(r *rand.Rand) float64 {
	switch p.kind {
	case Uniform:
		return p.within(p.min + (p.max-p.min)*r.Float64())
	case LogUniform:
		return p.within(p.min * math.Exp(math.Log(p.max/p.min)*r.Float64()))
	case HalfNormal:
		return math.Abs(p.std * r.NormFloat64())
	case List:
		return p.values[min(sort.SearchFloat64s(p.accumulated, r.Float64()), len(p.values)-1)]
	}
	if math.IsInf(p.min, -1) && math.IsInf(p.max, 1) {
		return p.mean + p.std*r.NormFloat64()
	}
	// The inverse of the distribution function. It is computed from the tail that the bounds
	// are in, where it does not lose digits.
	a, b := (p.min-p.mean)/p.std, (p.max-p.mean)/p.std
	side := 1.0
	if a+b > 0 {
		a, b, side = -b, -a, -1
	}
	low, high := lowerTail(a), lowerTail(b)
	u := low + (high-low)*r.Float64()
	return p.within(p.mean - side*p.std*math.Sqrt2*math.Erfcinv(2*u))
}

// within removes the effect of rounding at the bounds.
func (p *Prior) within(x float64) float64 { return max(p.min, min(p.max, x)) }

// lowerTail is the probability that a normal variable is less than z standard deviations
// above the mean.
func lowerTail(z float64) float64 { return math.Erfc(-z/math.Sqrt2) / 2 }

func newUniform(low, high float64) *Prior {
	return &Prior{kind: Uniform, min: low, max: high, offset: -math.Log(high - low)}
}

func newLogUniform(low, high float64) *Prior {
	return &Prior{kind: LogUniform, min: low, max: high, offset: -math.Log(math.Log(high / low))}
}

func newHalfNormal(std float64) *Prior {
	return &Prior{kind: HalfNormal, max: math.Inf(1), std: std, offset: normalOffset(std, 0.5)}
}

// normalOffset is the offset of a normal distribution of which the bounds leave a share.
func normalOffset(std, share float64) float64 {
	return -math.Log(std) - math.Log(2*math.Pi)/2 - math.Log(share)
}

// newNormal returns a normal prior, and the share of the distribution that is between the bounds.
func newNormal(mean, std, low, high float64) (*Prior, float64) {
	a, b := (low-mean)/std, (high-mean)/std
	if a+b > 0 {
		a, b = -b, -a
	}
	share := lowerTail(b) - lowerTail(a)
	return &Prior{kind: Normal, min: low, max: high, mean: mean, std: std, offset: normalOffset(std, share)}, share
}

// newList returns a list prior of different values and weights, of which one at least is
// positive and none negative. Values of weight 0 are left out.
func newList(values, weights []float64) *Prior {
	p := &Prior{kind: List}
	order := make([]int, 0, len(values))
	sum := 0.0
	for i, w := range weights {
		if w > 0 {
			order = append(order, i)
			sum += w
		}
	}
	slices.SortFunc(order, func(i, j int) int {
		if values[i] < values[j] {
			return -1
		}
		return 1
	})
	total := 0.0
	for _, i := range order {
		p.values = append(p.values, values[i])
		p.logWeights = append(p.logWeights, math.Log(weights[i]/sum))
		total += weights[i] / sum
		p.accumulated = append(p.accumulated, total)
	}
	p.min, p.max = p.values[0], p.values[len(p.values)-1]
	return p
}
