package main

import (
	"math"

	"libobe/internal/designer"
	"libobe/internal/designserver"
)

// run makes the measurements of a sample: at the settings that the designer chooses, or at evenly spaced ones.
func (s *studied) run(of *sample, d *designer.Designer, even bool) outcome {
	for n := range of.noise {
		x := s.evenly(n, len(of.noise))
		if !even {
			var err error
			if x, err = d.Good(s.Design.Pickiness); err != nil {
				return outcome{Failed: err.Error()}
			}
		}
		if err := d.Add(s.measure(of, n, x)); err != nil {
			return outcome{Failed: err.Error()}
		}
	}
	status := d.Status()
	o := outcome{Mean: d.Mean(), Std: d.Std(), Trusted: status.Trusted, Why: status.Warnings}
	for k := range o.Mean {
		o.Within = append(o.Within, inside(d, k, o.Mean[k], o.Std[k]))
		if v := o.Mean[k] + o.Std[k]; v-v != 0 {
			o.Failed = "the result is not finite"
		}
	}
	return o
}

// begin returns the designer of a sample.
func (s *studied) begin(of *sample, seed uint64) (*designer.Designer, error) {
	return designer.New(designserver.ConfigOf(s.Experiment, seed<<32+of.number))
}

// inside returns the probability of the values within 1, 2 and 3 standard deviations of the mean.
func inside(d *designer.Designer, k int, mean, std float64) [3]float64 {
	var within [3]float64
	weights := d.Weights()
	for i, v := range d.Particles()[k] {
		z := math.Abs(v-mean) / std
		for n := range within {
			if z < float64(n+1) {
				within[n] += weights[i]
			}
		}
	}
	return within
}
