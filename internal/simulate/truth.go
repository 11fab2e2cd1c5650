package simulate

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"libobe/internal/excerpt"
	"libobe/internal/experiment"
	"libobe/internal/expression"
	"libobe/internal/suggest"
)

// Truth returns a true value for each parameter: the given one, or one drawn from the prior. The names of given values are
// those of the parameters.
func Truth(e *experiment.Experiment, given map[string]float64, seed uint64) ([]float64, error) {
	values := map[string]float64{}
	for name, value := range given {
		if !slices.Contains(e.ParameterNames(), expression.Normalize(name)) {
			return nil, unknownParameter(e, name)
		}
		values[expression.Normalize(name)] = value
	}
	random := stream(seed, truthStream)
	truth := make([]float64, len(e.Parameters))
	for k, p := range e.Parameters {
		// Drawn even if one is given, so that the others do not depend on which are.
		truth[k] = p.Prior.Sample(random)
		if value, isGiven := values[p.Name]; isGiven {
			truth[k] = value
		}
	}
	for _, c := range e.Channels {
		if k := c.Noise.Parameter; c.Noise.Kind == experiment.EstimatedNoise && !(truth[k] > 0) {
			return nil, fmt.Errorf("%s is the standard deviation of %s, and must be greater than 0, not %v", e.Parameters[k].Name, c.Name, truth[k])
		}
	}
	return truth, nil
}

func unknownParameter(e *experiment.Experiment, name string) error {
	if near := suggest.Nearest(name, e.ParameterNames()); near != "" {
		return fmt.Errorf("there is no parameter %s; did you mean %s?", excerpt.Quote(name), near)
	}
	return fmt.Errorf("there is no parameter %s; the parameters are %s", excerpt.Quote(name), strings.Join(e.ParameterNames(), ", "))
}

// Impossible returns the indices of the true values that their prior excludes. A designer cannot find them.
func Impossible(e *experiment.Experiment, truth []float64) (outside []int) {
	for k, p := range e.Parameters {
		if math.IsInf(p.Prior.LogDensity(truth[k]), -1) {
			outside = append(outside, k)
		}
	}
	return outside
}
