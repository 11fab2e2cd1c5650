package designer

import (
	"math"
	"sort"

	"libobe/internal/vector"
)

// An axis is a parameter as particles are moved along it: in its value, in the logarithm of its value, or, where only
// some values are possible, in their index.
type axis struct {
	prior  Prior
	log    bool
	values []float64 // the possible values; nil if there is a continuum
	scale  bool      // the prior is that of a scale: nearly uniform in the logarithm
}

// wide is the ratio of the bounds of a positive parameter from which it is moved in its logarithm. Products and powers of
// such parameters, which data often determine better than each of them, are straight lines there.
const wide = 5

func newAxis(p Prior) axis {
	a := axis{prior: p}
	low, high := p.Bounds()
	a.log = low > 0 && high >= wide*low
	if l, ok := p.(interface{ Logarithmic() bool }); ok {
		a.scale = l.Logarithmic()
		a.log = a.log || a.scale
	}
	if l, ok := p.(interface{ Values() []float64 }); ok {
		a.values = l.Values()
	}
	return a
}

// coordinate returns where a value is.
func (a *axis) coordinate(value float64) float64 {
	switch {
	case a.values != nil:
		return float64(sort.SearchFloat64s(a.values, value))
	case a.log:
		return math.Log(value)
	}
	return value
}

// coordinates stores the coordinates of values.
func (a *axis) coordinates(to, values []float64) {
	switch {
	case a.values != nil:
		for i, v := range values {
			to[i] = a.coordinate(v)
		}
	case a.log:
		vector.Log(to, values)
	default:
		copy(to, values)
	}
}

// valuesAt stores the values at coordinates, NaN for none.
func (a *axis) valuesAt(to, coordinates []float64) {
	switch {
	case a.values != nil:
		for i, u := range coordinates {
			to[i] = a.listed(u)
		}
	case a.log:
		vector.Exp(to, coordinates)
		for i, u := range coordinates {
			if u > maxLog {
				to[i] = math.NaN()
			}
		}
	default:
		copy(to, coordinates)
	}
}

// maxLog is the largest logarithm of a value that particles are moved to.
const maxLog = 700

// listed returns the possible value with an index, NaN for none.
func (a *axis) listed(index float64) float64 {
	i := math.Round(index)
	if i < 0 || i >= float64(len(a.values)) {
		return math.NaN()
	}
	return a.values[int(i)]
}

// logDensity returns the prior's density, with respect to the coordinate, at a value and its coordinate.
func (a *axis) logDensity(value, coordinate float64) float64 {
	density := a.prior.LogDensity(value)
	if a.log {
		density += coordinate // the logarithm of d value / d log(value)
	}
	return density
}

// addLogDensities adds the logarithms of the prior's density, as logDensity has it, to sums; minus infinity for a value
// that is not a number. room is overwritten.
func (a *axis) addLogDensities(sums, values, coordinates, room []float64) {
	if many, ok := a.prior.(ManyPrior); ok {
		many.LogDensities(room, values)
	} else {
		for i, v := range values {
			room[i] = a.prior.LogDensity(v)
		}
	}
	for i, v := range values {
		if v != v {
			room[i] = math.Inf(-1)
		}
	}
	vector.Add(sums, sums, room)
	if a.log {
		vector.Add(sums, sums, coordinates)
	}
}

// natural returns the coordinate in which the prior is spread evenly, if it is in one of them.
func (a *axis) natural(value float64) float64 {
	if a.scale {
		return math.Log(value)
	}
	return value
}
