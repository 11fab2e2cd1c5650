package main

import "math"

// An outcome is the result of a run.
type outcome struct {
	Mean, Std []float64
	// Within[k] has the probability that the posterior gives to the values within 1, 2 and 3 standard deviations of the
	// mean of parameter k; nil if it is not known.
	Within [][3]float64
	// Trusted is false if the designer said that its result cannot be trusted, and Why has its reasons.
	Trusted bool
	Why     []string `json:",omitempty"`
	// Failed is the exception that ended the run, or that the result is not a number.
	Failed string `json:",omitempty"`
}

// off returns how far the estimate of a parameter is from its true value, in its standard deviations.
func (o *outcome) off(k int, truth float64) float64 { return math.Abs(o.Mean[k]-truth) / o.Std[k] }

// lost reports whether a run did not find the first parameter of its experiment, which the others depend on: the error
// or the standard deviation is more than a tenth of the standard deviation of the prior. A parameter with a log-uniform
// prior is compared in its logarithm.
func (s *studied) lost(o *outcome, truth []float64) bool {
	if o.Failed != "" {
		return true
	}
	low, high := s.Parameters[0].Prior.Bounds()
	limit := (high - low) / math.Sqrt(12) / 10
	wrong, std := math.Abs(o.Mean[0]-truth[0]), o.Std[0]
	if s.Parameters[0].Prior.Logarithmic() {
		limit = math.Log(high/low) / math.Sqrt(12) / 10
		wrong, std = math.Abs(math.Log(o.Mean[0]/truth[0])), o.Std[0]/o.Mean[0]
	}
	return !(wrong < limit && std < limit)
}

// confident reports whether a run is certain of a wrong value of any parameter.
func (o *outcome) confident(truth []float64) bool {
	if o.Failed != "" {
		return false
	}
	for k := range truth {
		if !(o.off(k, truth[k]) < 5) {
			return true
		}
	}
	return false
}
