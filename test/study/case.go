package main

import (
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"

	"libobe/internal/designer"
	"libobe/internal/experiment"
)

// directory has the files of the experiments, from the top of the repository.
const directory = "examples/experiments"

// A studied is an experiment and how its samples differ from what its file says.
type studied struct {
	*experiment.Experiment
	name string
	// truth draws true values of parameters that do not come from the prior, by name.
	truth map[string]func(*rand.Rand) float64
	// worse is by what factor the noise is larger than the designer is told, outliers the share of measurements that are
	// up to 30 standard deviations off.
	worse, outliers float64
}

// fine returns the experiments in which all that a designer assumes is true.
func fine(top string) ([]studied, error) {
	files, err := filepath.Glob(filepath.Join(top, directory, "*.toml"))
	if err != nil {
		return nil, err
	}
	var all []studied
	for _, file := range files {
		e, err := experiment.Load(file)
		if err != nil {
			return nil, err
		}
		all = append(all, studied{Experiment: e, name: strings.TrimSuffix(filepath.Base(file), ".toml"), worse: 1})
	}
	return all, nil
}

// violated returns experiments in which something that a designer assumes is not true.
func violated(top string) ([]studied, error) {
	e, err := experiment.Load(filepath.Join(top, directory, "lorentzian.toml"))
	if err != nil {
		return nil, err
	}
	between := func(name string, low, high float64) map[string]func(*rand.Rand) float64 {
		return map[string]func(*rand.Rand) float64{name: func(r *rand.Rand) float64 { return low + (high-low)*r.Float64() }}
	}
	return []studied{
		{Experiment: e, name: "noise 2 times as large", worse: 2},
		{Experiment: e, name: "noise 10 times as large", worse: 10},
		{Experiment: e, name: "0.5 % outliers", worse: 1, outliers: 0.005},
		{Experiment: e, name: "centre beyond the prior", worse: 1, truth: between("centre", 3.5, 3.6)},
		{Experiment: e, name: "width beyond the prior", worse: 1, truth: between("width", 0.05, 0.1)},
		{Experiment: e, name: "depth beyond the prior", worse: 1, truth: between("depth", 0.1, 0.2)},
	}, nil
}

// A sample is what the designers of one run have in common.
type sample struct {
	number uint64
	truth  []float64
	// noise[n][channel] is the noise of the n-th measurement, in standard deviations of what the designer is told.
	noise [][]float64
}

// draw draws a sample. Samples with the same number and seed are equal.
func (s *studied) draw(seed, number uint64, measurements int) sample {
	r := rand.New(rand.NewPCG(seed, number))
	drawn := sample{number: number}
	for _, p := range s.Parameters {
		value := p.Prior.Sample(r)
		if other := s.truth[p.Name]; other != nil {
			value = other(r)
		}
		drawn.truth = append(drawn.truth, value)
	}
	for range measurements {
		var noise []float64
		for range s.Channels {
			z := s.worse * r.NormFloat64()
			if r.Float64() < s.outliers {
				z += 30 * (2*r.Float64() - 1)
			}
			noise = append(noise, z)
		}
		drawn.noise = append(drawn.noise, noise)
	}
	return drawn
}

// deviation returns the standard deviation of the noise of a channel, if the parameters have the given values.
func (s *studied) deviation(channel int, values []float64) float64 {
	if n := s.Channels[channel].Noise; n.Kind == experiment.EstimatedNoise {
		return values[n.Parameter]
	} else {
		return n.Std
	}
}

// measure returns the n-th measurement of a sample, from 0, at a setting.
func (s *studied) measure(of *sample, n int, x []float64) designer.Measurement {
	m := designer.Measurement{X: x}
	values := make([][]float64, len(of.truth))
	for k, v := range of.truth {
		values[k] = []float64{v}
	}
	for channel := range s.Channels {
		var y [1]float64
		s.Predict(channel, x, values, 0, 1, y[:])
		deviation := s.deviation(channel, of.truth)
		m.Y = append(m.Y, y[0]+deviation*of.noise[n][channel])
		m.S = append(m.S, deviation)
	}
	return m
}

// evenly returns the n-th of count settings that cover the grid evenly: the first knob is scanned once, and the others
// by multiples of the golden ratio, which leave no gap.
func (s *studied) evenly(n, count int) []float64 {
	var x []float64
	share := (float64(n) + 0.5) / float64(count)
	for k, setting := range s.Settings {
		if k > 0 {
			share = math.Mod((float64(n)+0.5)*math.Pow(math.Phi-1, float64(k)), 1)
		}
		x = append(x, setting.Values[int(share*float64(len(setting.Values)))])
	}
	return x
}
