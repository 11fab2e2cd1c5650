package designer

import (
	"math"

	"libobe/internal/vector"
)

// A cloud is a set of weighted particles, which represents a probability distribution of the parameters.
type cloud struct {
	value [][]float64 // value[k][i] is parameter k of particle i
	spare [][]float64 // room for resampling
	// logWeight is the logarithm of a weight, whose largest is about 0. weight is the same, with the sum 1.
	logWeight, weight []float64
	// likelihood is the logarithm of the likelihood of all data.
	likelihood, spareLikelihood []float64
	// prior is the logarithm of the prior's density, with respect to the coordinates that particles are moved in.
	prior, sparePrior []float64
	resampled         bool    // there may be equal particles
	differ            float64 // what distinct returned last, 0 since they were resampled
	differAt          float64 // the effective sample size then
	logSum            float64 // of exp(logWeight)
	logZ              float64 // the logarithm of the evidence, the probability of the data given the model
	effective         float64 // the effective sample size
	independent       float64 // how many independent samples the particles are worth, if all had the same weight
	sums              []partial
	few               []float64 // room for fraction
}

// A partial is the part of a chunk in sums over a cloud.
type partial struct{ largest, sum, squares float64 }

func newCloud(parameters, particles int) *cloud {
	c := &cloud{
		logWeight: make([]float64, particles), weight: make([]float64, particles),
		likelihood: make([]float64, particles), spareLikelihood: make([]float64, particles),
		prior: make([]float64, particles), sparePrior: make([]float64, particles),
		sums: make([]partial, (particles+chunkSize-1)/chunkSize),
	}
	for range parameters {
		c.value = append(c.value, make([]float64, particles))
		c.spare = append(c.spare, make([]float64, particles))
	}
	c.few = make([]float64, min(particles, 2*fractionSample))
	c.independent = float64(particles)
	c.level()
	return c
}

func (c *cloud) size() int { return len(c.weight) }

// level makes all weights equal.
func (c *cloud) level() {
	n := float64(c.size())
	for i := range c.weight {
		c.logWeight[i] = 0
		c.weight[i] = 1 / n
	}
	c.logSum = math.Log(n)
	c.effective = n
}

// reweigh multiplies the weights by the exponential of share × terms, and returns false, with the weights unchanged, if
// none would be left. A term that is not finite gives its particle the weight 0.
func (c *cloud) reweigh(terms []float64, share float64) bool {
	cost := 0
	if c.size() >= 1<<15 {
		cost = 10
	}
	next := c.spareLikelihood
	chunks(c.size(), cost, func(chunk, from, to int) {
		if share == 1 {
			vector.Add(next[from:to], c.logWeight[from:to], terms[from:to])
		} else {
			for i, t := range terms[from:to] {
				next[from+i] = c.logWeight[from+i] + share*t
			}
		}
		largest := math.Inf(-1)
		for i, l := range next[from:to] {
			if !(l <= math.MaxFloat64) {
				next[from+i] = math.Inf(-1)
			} else if l > largest {
				largest = l
			}
		}
		c.sums[chunk].largest = largest
	})
	largest := math.Inf(-1)
	for _, s := range c.sums {
		largest = max(largest, s.largest)
	}
	if math.IsInf(largest, -1) {
		return false
	}
	chunks(c.size(), cost, func(chunk, from, to int) {
		vector.AddNumber(c.logWeight[from:to], next[from:to], -largest)
		weight := c.weight[from:to]
		vector.Exp(weight, c.logWeight[from:to])
		sum, squares := sums(weight)
		c.sums[chunk] = partial{sum: sum, squares: squares}
	})
	var sum, squares float64
	for _, s := range c.sums {
		sum += s.sum
		squares += s.squares
	}
	vector.MultiplyNumber(c.weight, c.weight, 1/sum)
	c.logZ += largest + math.Log(sum) - c.logSum
	c.logSum = math.Log(sum)
	c.effective = sum * sum / squares
	return true
}

// sums returns the sum of some weights and that of their squares. Each is added up in four parts, since additions one
// after the other take most of the time.
func sums(weight []float64) (sum, squares float64) {
	var s, q [4]float64
	for ; len(weight) >= 4; weight = weight[4:] {
		s[0] += weight[0]
		s[1] += weight[1]
		s[2] += weight[2]
		s[3] += weight[3]
		q[0] += weight[0] * weight[0]
		q[1] += weight[1] * weight[1]
		q[2] += weight[2] * weight[2]
		q[3] += weight[3] * weight[3]
	}
	for _, w := range weight {
		s[0] += w
		q[0] += w * w
	}
	return (s[0] + s[1]) + (s[2] + s[3]), (q[0] + q[1]) + (q[2] + q[3])
}

// fractionSample is the number of particles that fraction looks at, or up to twice as many.
const fractionSample = 1024

// fraction returns the effective sample size, as a share of the particles, if the weights were multiplied by the exponential
// of share × terms, as far as a sample of the particles shows.
func (c *cloud) fraction(terms []float64, share float64) float64 {
	return c.fractionOf(c.few, terms, share, max(1, c.size()/fractionSample))
}

// fractionOf is fraction for every stride-th particle. room is overwritten.
func (c *cloud) fractionOf(room, terms []float64, share float64, stride int) float64 {
	largest := math.Inf(-1)
	weight := room[:0]
	for i := 0; i < c.size(); i += stride {
		l := c.logWeight[i] + share*terms[i]
		weight = append(weight, l)
		if l > largest {
			largest = l
		}
	}
	vector.AddNumber(weight, weight, -largest)
	vector.Exp(weight, weight)
	sum, squares := sums(weight)
	return sum * sum / squares / float64(len(weight))
}

// share returns the share of the terms, at most most, by which the effective sample size falls to the wanted fraction of
// the particles.
func (c *cloud) share(terms []float64, wanted, most float64) float64 {
	if !(c.fraction(terms, most) < wanted) {
		return most
	}
	low, high := 0.0, most
	for range 40 {
		middle := (low + high) / 2
		if low > 0 && high < low*1.05 {
			break
		}
		if c.fraction(terms, middle) < wanted { // false for NaN, if all terms are infinite
			high = middle
		} else {
			low = middle
		}
	}
	if low == 0 {
		return high
	}
	return low
}

// draw stores in drawn the indices of particles at equal distances along the running sum of the weights, in ascending
// order: systematic resampling. start is uniform in 0..1.
func (c *cloud) draw(start float64, drawn []int32) {
	step := 1 / float64(len(drawn))
	next, sum := start*step, c.weight[0]
	i, last := 0, c.size()-1
	for j := range drawn {
		for i+4 < last { // four at a time, since additions one after the other take most of the time
			w := c.weight[i+1 : i+5]
			more := sum + ((w[0] + w[1]) + (w[2] + w[3]))
			if !(more < next) {
				break
			}
			i, sum = i+4, more
		}
		for sum < next && i < last {
			i++
			sum += c.weight[i]
		}
		drawn[j] = int32(i)
		next = (start + float64(j+1)) * step
	}
}

// resample replaces the particles by copies of those drawn. The evidence and the likelihoods go with them.
func (c *cloud) resample(drawn []int32) {
	for k, values := range c.value {
		to := c.spare[k]
		gather(to, values, drawn)
		c.value[k], c.spare[k] = to, values
	}
	gather(c.spareLikelihood, c.likelihood, drawn)
	gather(c.sparePrior, c.prior, drawn)
	c.prior, c.sparePrior = c.sparePrior, c.prior
	c.likelihood, c.spareLikelihood = c.spareLikelihood, c.likelihood
	c.independent = c.worth()
	c.resampled, c.differ = true, 0
	c.level()
}

// take replaces the particles by copies of those drawn from another cloud.
func (c *cloud) take(from *cloud, drawn []int32) {
	for k := range c.value {
		gather(c.value[k], from.value[k], drawn)
	}
	gather(c.likelihood, from.likelihood, drawn)
	gather(c.prior, from.prior, drawn)
	c.logZ = from.logZ
	c.independent = 1 / (1/from.worth() + 1/float64(c.size())) // the variances of two random choices add up
	c.resampled, c.differ = true, 0
	c.level()
}

// worth returns how many independent samples the weighted particles are worth: the variance of their mean is that of the
// posterior divided by it.
func (c *cloud) worth() float64 { return c.independent * c.effective / float64(c.size()) }

// mix follows moves of the particles, in units of independent samples: each particle becomes the sum of what it was, times
// exp(-mixed), and something independent.
func (c *cloud) mix(mixed float64) {
	old := math.Exp(-2 * mixed)
	c.independent = 1 / (old/c.independent + (1-old)/float64(c.size()))
}

func gather(to, from []float64, drawn []int32) {
	to = to[:len(drawn)]
	for j, i := range drawn {
		to[j] = from[i]
	}
}

// distinctAbout returns distinct, or less than that: moves make it larger, which is seen when it is computed again. It is
// if the particles were resampled, if now is true, and whenever it might be less than limit.
func (c *cloud) distinctAbout(limit float64, now bool) float64 {
	if !c.resampled {
		return c.effective
	}
	about := c.differ * c.effective / c.differAt
	if now || c.differ == 0 || about < limit {
		c.differ, c.differAt = c.distinct(), c.effective
		return min(c.effective, c.differ)
	}
	return min(c.effective, about)
}

// distinct returns the number of different particles that the weights amount to: the effective sample size if copies
// count once. Copies are neighbours.
func (c *cloud) distinct() float64 {
	var squares, group float64
	first := c.value[0]
	for i, w := range c.weight {
		if i > 0 && (first[i] != first[i-1] || !c.same(i, i-1)) {
			squares += group * group
			group = 0
		}
		group += w
	}
	squares += group * group
	return 1 / squares
}

func (c *cloud) same(i, j int) bool {
	for _, values := range c.value {
		if values[i] != values[j] {
			return false
		}
	}
	return true
}

// mean stores the means of the parameters in m.
func (c *cloud) mean(m []float64) {
	for k, values := range c.value {
		// The sum of the differences from one particle is exact where all are equal.
		origin, sum := values[0], 0.0
		for i, w := range c.weight {
			sum += w * (values[i] - origin)
		}
		m[k] = origin + sum
	}
}

// covariance returns the covariance of the parameters.
func (c *cloud) covariance() [][]float64 {
	m := make([]float64, len(c.value))
	c.mean(m)
	result := make([][]float64, len(m))
	for k := range result {
		result[k] = make([]float64, len(m))
		for l := 0; l <= k; l++ {
			var sum float64
			a, b := c.value[k], c.value[l]
			for i, w := range c.weight {
				sum += w * (a[i] - m[k]) * (b[i] - m[l])
			}
			result[k][l], result[l][k] = sum, sum
		}
	}
	return result
}
