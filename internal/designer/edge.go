package designer

import "math"

// An edge is a bound of a prior that the posterior is pressed against.
type edge struct {
	parameter int
	high      bool
}

// moments are those of a distribution of one parameter.
type moments struct{ mean, deviation float64 }

// momentsOf returns the moments of values of a parameter with the given weights.
func momentsOf(values, weights []float64, coordinate func(float64) float64) moments {
	origin := coordinate(values[0]) // the sum of the differences from one value is exact where all are equal
	var sum, squares, all float64
	for i, w := range weights {
		if w == 0 {
			continue // its value may have no coordinate
		}
		x := coordinate(values[i]) - origin
		all += w
		sum += w * x
		squares += w * x * x
	}
	sum /= all
	return moments{origin + sum, math.Sqrt(max(0, squares/all-sum*sum))}
}

// priorMoments returns the moments of a prior, in the values and in the natural coordinate, from a sample of a size that
// does not depend on the number of particles.
func priorMoments(a *axis, d *Designer) (value, natural moments) {
	const n = 2000
	values, weights := make([]float64, n), make([]float64, n)
	for i := range values {
		values[i], weights[i] = a.prior.Sample(d.random), 1
	}
	return momentsOf(values, weights, func(v float64) float64 { return v }), momentsOf(values, weights, a.natural)
}

const (
	// pressure is the distance of the mean from a bound, in standard deviations, below which the posterior is pressed
	// against the bound. It is 1 for an exponential distribution, to which a likelihood is close whose maximum is far
	// beyond the bound, 1.32 for half of a normal distribution, whose maximum is at the bound, and 1.25 where the maximum
	// is 0.4 standard deviations beyond. A true value within the prior leads there only if it is as near to the bound,
	// and then seldom: the share of runs is about 0.2 standard deviations divided by the range of the prior.
	pressure = 1.25
	// suspicion is the same for the other parameters if one is pressed: together they may describe what is beyond.
	suspicion = 3
	// claim is the standard deviation, in those of the prior, above which a posterior claims little, whatever its shape.
	claim = 0.6
	// A posterior is also suspect if it is so near to a bound that only the share few of the values in the prior are nearer:
	// a wrong solution is often found beside the bound that excludes the right one.
	few = 0.001
	// someFew is the same for the other parameters if one is pressed.
	someFew = 0.01
)

// pressed returns the bound of its prior that a parameter is pressed against: the mean is nearer than limit standard
// deviations, or than the share few of the prior.
func (d *Designer) pressed(k int, limit, few float64) (edge, bool) {
	a, prior := &d.axes[k], d.trust.natural[k]
	if a.values != nil {
		return edge{}, false
	}
	low, high := a.prior.Bounds()
	low, high = a.natural(low), a.natural(high)
	now := momentsOf(d.cloud.value[k], d.cloud.weight, a.natural)
	if !(now.deviation > 0 && now.deviation < claim*prior.deviation) {
		return edge{}, false
	}
	beside := few * prior.deviation * math.Sqrt(12) // √12 s is the range of a uniform prior
	at := func(now, prior, deviation, priorDeviation float64) bool {
		// A prior may itself have most of its probability near a bound.
		ownShape := limit == pressure && now/deviation >= 0.9*prior/priorDeviation
		return now < limit*deviation && !ownShape || now < beside
	}
	switch {
	case at(now.mean-low, prior.mean-low, now.deviation, prior.deviation):
		return edge{k, false}, true
	case at(high-now.mean, high-prior.mean, now.deviation, prior.deviation):
		return edge{k, true}, true
	}
	return edge{}, false
}

// edges returns the bounds that the posterior is pressed against.
func (d *Designer) edges() []edge {
	if len(d.edgesWithin(pressure, few)) == 0 {
		return nil
	}
	return d.edgesWithin(suspicion, someFew)
}

func (d *Designer) edgesWithin(limit, few float64) []edge {
	var edges []edge
	for k := range d.axes {
		if e, ok := d.pressed(k, limit, few); ok {
			edges = append(edges, e)
		}
	}
	return edges
}

// enlargeBeyond enlarges a covariance for parameters at a bound. What lies beyond is as uncertain as before the first
// measurement, and so is what depends on it linearly, but no parameter is more uncertain than in the prior.
func (d *Designer) enlargeBeyond(cov [][]float64, edges []edge) {
	prior := d.trust.deviation
	for _, e := range edges {
		k := e.parameter
		more := prior[k]*prior[k] - cov[k][k]
		if more <= 0 {
			continue
		}
		slope := make([]float64, len(cov))
		for l := range cov {
			slope[l] = cov[l][k] / cov[k][k]
			if l != k && cov[l][l]+more*slope[l]*slope[l] > prior[l]*prior[l] {
				slope[l] = math.Copysign(math.Sqrt(max(0, prior[l]*prior[l]-cov[l][l])/more), slope[l])
			}
		}
		for a := range cov {
			for b := range cov {
				cov[a][b] += more * slope[a] * slope[b]
			}
		}
	}
}
