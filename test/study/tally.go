package main

import (
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// normal has the probabilities of a normal distribution within 1, 2 and 3 standard deviations.
var normal = [3]float64{math.Erf(1 / math.Sqrt2), math.Erf(2 / math.Sqrt2), math.Erf(3 / math.Sqrt2)}

// A tally counts, for one parameter, how far the estimates of one designer are from the true values.
type tally struct {
	runs     int // that did not fail
	within   [3]int
	expected [3]float64 // the mean probability that the posteriors give to these; 0 if not known
	beyond   int        // 5 standard deviations
}

func (r *runs) tally(outcomes []outcome, k int) tally {
	var t tally
	for i := range outcomes {
		o := &outcomes[i]
		if o.Failed != "" {
			continue
		}
		t.runs++
		z := o.off(k, r.samples[i].truth[k])
		for n := range t.within {
			if z < float64(n+1) {
				t.within[n]++
			}
			if o.Within != nil {
				t.expected[n] += o.Within[k][n]
			}
		}
		if !(z < 5) {
			t.beyond++
		}
	}
	if t.runs == 0 {
		return t
	}
	for n := range t.expected {
		t.expected[n] /= float64(t.runs)
	}
	return t
}

// share returns a number of runs in percent.
func (t *tally) share(count int) float64 { return 100 * float64(count) / float64(max(1, t.runs)) }

// chance is the probability, on each side, below which a count is not taken for chance: that of 3 standard deviations.
const chance = 0.00135

// agrees reports whether a count is within the statistical error of a binomial distribution.
func (t *tally) agrees(count int, probability float64) bool {
	return !t.fewer(count, probability) && !t.more(count, probability)
}

func (t *tally) fewer(count int, probability float64) bool {
	return distuv.Binomial{N: float64(t.runs), P: probability}.CDF(float64(count)) < chance
}

func (t *tally) more(count int, probability float64) bool {
	return 1-distuv.Binomial{N: float64(t.runs), P: probability}.CDF(float64(count)-1) < chance
}

// quotient returns the median error of some outcomes divided by that of others of the same samples, which may be the first
// ones only, of several parameters
// the geometric mean of these quotients, and its standard deviation: that of the quotients of samples drawn from the samples
// (bootstrap). No formula for normal errors would do: the noise differs from sample to sample where it is a parameter.
func (r *runs) quotient(outcomes, others []outcome, parameters ...int) (quotient, deviation float64) {
	of := func(drawn []int) float64 {
		sum := 0.0
		for _, k := range parameters {
			sum += math.Log(r.median(outcomes, k, drawn) / r.median(others, k, drawn))
		}
		return sum / float64(len(parameters))
	}
	drawn := make([]int, min(len(outcomes), len(others)))
	for i := range drawn {
		drawn[i] = i
	}
	quotient = math.Exp(of(drawn))
	random := rand.New(rand.NewPCG(1, 2))
	logs := make([]float64, 200)
	for n := range logs {
		for i := range drawn {
			drawn[i] = random.IntN(len(drawn))
		}
		logs[n] = of(drawn)
	}
	return quotient, quotient * stat.StdDev(logs, nil)
}

// median returns the median error of a parameter in some samples, without the runs that failed; NaN if all did.
func (r *runs) median(outcomes []outcome, k int, samples []int) float64 {
	var errors []float64
	for _, i := range samples {
		if o := &outcomes[i]; o.Failed == "" {
			errors = append(errors, math.Abs(o.Mean[k]-r.samples[i].truth[k]))
		}
	}
	if errors == nil {
		return math.NaN()
	}
	slices.Sort(errors)
	return errors[len(errors)/2]
}

// counts are properties of the runs of one designer.
type counts struct{ lost, confident, distrusted, failed int }

func (r *runs) count(outcomes []outcome) counts {
	var c counts
	for i := range outcomes {
		o, truth := &outcomes[i], r.samples[i].truth
		lost := r.lost(o, truth)
		if lost {
			c.lost++
			if o.confident(truth[:1]) {
				c.confident++
			}
		}
		if !o.Trusted {
			c.distrusted++
		}
		if o.Failed != "" {
			c.failed++
		}
	}
	return c
}
