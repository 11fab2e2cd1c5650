package simulate

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"libobe/internal/command"
	"libobe/internal/experiment"
)

// Way is how settings are chosen.
type Way int

// The ways.
const (
	Chosen Way = iota // by the server
	Even              // evenly spaced
)

func (w Way) String() string { return [...]string{"chosen", "even"}[w] }

// Config is what an instrument measures, and how.
type Config struct {
	Experiment   *experiment.Experiment
	Truth        []float64 // a value for each parameter
	Seed         uint64
	Measurements int
	Dwell        time.Duration // of a measurement at the same setting as the one before; others take their cost times as long
	Faults

	// History asks the server for its estimate before the first and after each measurement.
	History bool
	// Measured is called after each measurement. nil: not at all.
	Measured func(r *Run) error
}

// Run is what was measured and estimated.
type Run struct {
	Way  Way
	X, Y [][]float64 // a setting, and what was measured there, for each measurement
	// Means and Stds are the estimates before the first and after each measurement, if there is a History.
	Means, Stds [][]float64
	// Mean and Std are those at the end.
	Mean, Std []float64
	// Server is what the server says about itself at the end; nil if it does not.
	Server *Description
	// Cost is the sum of the costs of the measurements.
	Cost float64
	// Dropped and Lost are how many requests for a setting and reports were dropped. Resent says that the server had closed
	// the connection of the message in the middle of which the instrument stopped, so that it was sent again.
	Dropped, Lost int
	Resent        bool

	designer *Designer
}

// Run measures once, from newrun to the last estimate. The run that it returns with an error has what was measured until
// then.
func (c *Config) Run(ctx context.Context, d *Designer, way Way) (*Run, error) {
	r := &Run{Way: way, designer: d}
	if err := d.newRun(c.Seed); err != nil {
		return r, err
	}
	var even [][]float64
	if way == Even {
		even = evenSettings(c.Experiment.Knobs(), c.Measurements)
	}
	instrument, faults := c.newSample(way), stream(c.Seed, dropStream+int(way))
	if err := c.remember(r); err != nil {
		return r, err
	}
	var before []float64
	for i := range c.Measurements {
		var x []float64
		var err error
		if way == Even {
			x = even[i]
		} else if x, err = c.ask(r, faults); err != nil {
			return r, err
		}
		y, err := instrument.measure(x)
		if err != nil {
			return r, err
		}
		cost := c.Experiment.Cost(before, x)
		if err := wait(ctx, times(c.Dwell, cost)); err != nil {
			return r, err
		}
		r.X, r.Y, r.Cost, before = append(r.X, x), append(r.Y, y), r.Cost+cost, x
		if err := c.report(ctx, r, instrument.reported, faults); err != nil {
			return r, err
		}
		if err := c.remember(r); err != nil {
			return r, err
		}
		if c.Measured != nil {
			if err := c.Measured(r); err != nil {
				return r, err
			}
		}
	}
	return r, r.Finish(d)
}

// times returns a multiple of a duration, at most the longest one.
func times(d time.Duration, factor float64) time.Duration {
	product := float64(d) * factor
	if product >= math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(product)
}

// Finish asks a designer for the estimates of the run, and for what it says about itself.
func (r *Run) Finish(d *Designer) (err error) {
	if r.Mean, r.Std, err = d.estimate(); err == nil && d.Described() {
		r.Server, err = d.describe(d.timeout)
	}
	return err
}

func (c *Config) remember(r *Run) error {
	if !c.History {
		return nil
	}
	mean, std, err := r.designer.estimate()
	r.Means, r.Stds = append(r.Means, mean), append(r.Stds, std)
	return err
}

// ask asks for a setting, until an answer is not dropped.
func (c *Config) ask(r *Run, faults *rand.Rand) ([]float64, error) {
	for c.Drops > 0 && faults.Float64() < c.Drops {
		request, err := command.GoodSet(math.NaN()) // the server's own pickiness
		if err == nil {
			err = r.designer.drop(request.Text())
		}
		if err != nil {
			return nil, err
		}
		r.Dropped++
	}
	return r.designer.setting()
}

// report sends the last measurement.
func (c *Config) report(ctx context.Context, r *Run, s []float64, faults *rand.Rand) error {
	n := len(r.X)
	request, err := command.NewData(r.X[n-1], r.Y[n-1], s)
	if err != nil {
		return err
	}
	if c.Stall > 0 && n == c.Measurements/2+1 {
		answered, err := r.designer.stall(ctx, request.Text(), c.Stall)
		if answered || err != nil {
			return err
		}
		r.Resent = true
	}
	if c.Drops > 0 && faults.Float64() < c.Drops {
		r.Lost++
		return r.designer.drop(request.Text())
	}
	return command.ExpectOK(r.designer.client, request, r.designer.timeout)
}

// Estimate asks the server for its estimate, for a caller that shows it in Measured.
func (r *Run) Estimate() (mean, std []float64, err error) {
	if n := len(r.Means); n > 0 {
		return r.Means[n-1], r.Stds[n-1], nil
	}
	return r.designer.estimate()
}

// Untrusted reports whether the server says now that its estimates cannot be trusted.
func (r *Run) Untrusted() (bool, error) {
	if !r.designer.Described() {
		return false, nil
	}
	now, err := r.designer.describe(r.designer.timeout)
	return now != nil && now.Untrusted, err
}

// Deviations returns the distance of each estimate from its true value, in standard deviations. It is infinite or not a number
// if the standard deviation is.
func (r *Run) Deviations(truth []float64) []float64 {
	deviations := make([]float64, len(truth))
	for k := range truth {
		if r.Mean[k] != truth[k] {
			deviations[k] = (r.Mean[k] - truth[k]) / r.Std[k]
		}
	}
	return deviations
}

// Guesses returns n guesses of the parameters, a column for each, drawn from the posterior that the server has now.
func (r *Run) Guesses(n int) ([][]float64, error) {
	samples, weights, err := r.designer.posterior()
	if err != nil {
		return nil, err
	}
	total := 0.0
	for _, w := range weights {
		total += w
	}
	if !(total > 0) || math.IsInf(total, 0) {
		return nil, fmt.Errorf("getwgt: %w: the weights have no sum", command.ErrReply)
	}
	guesses := make([][]float64, len(samples))
	// Systematic resampling: equal distances along the sum of the weights.
	i, sum := 0, weights[0]
	for j := range n {
		for at := (float64(j) + 0.5) / float64(n) * total; sum < at && i+1 < len(weights); sum += weights[i] {
			i++
		}
		for k := range guesses {
			guesses[k] = append(guesses[k], samples[k][i])
		}
	}
	return guesses, nil
}
