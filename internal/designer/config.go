package designer

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
)

// A Model predicts what an instrument measures without noise.
//
// Predict stores in out[0:to-from] the value of a channel at a setting for the particles from to to-1:
// particles[k][i] is parameter k of particle i. A value that is not finite rules its particle out. setting, which has a
// number for each knob, and particles must not be changed or kept. Predict may be called by several goroutines at once.
type Model interface {
	Predict(channel int, setting []float64, particles [][]float64, from, to int, out []float64)
}

// A ManyModel is a Model that can predict for many settings at once: out[i*M+j] is the value at setting j of M for particle
// i. settings has a column for each knob, and particles one for each parameter. The designer uses it if it exists, since a
// model may compute what depends on the particle alone once, and vector operations over settings.
type ManyModel interface {
	Model
	PredictMany(channel int, settings, particles [][]float64, out []float64)
}

// A Prior is what is known about a parameter before the first measurement.
//
// A prior of which only some values are possible has the method Values() []float64, which returns them in ascending
// order; LogDensity is then the logarithm of a value's probability. A prior of a scale, which is positive, may have the
// method Logarithmic() bool: if it returns true, the designer moves particles in the logarithm of the parameter, which
// changes the efficiency and not the posterior.
type Prior interface {
	Sample(r *rand.Rand) float64
	LogDensity(x float64) float64 // natural logarithm, up to a constant; -Inf outside the bounds
	Bounds() (low, high float64)  // infinite where there is none
}

// A ManyPrior is a Prior that can compute the logarithms of many densities at once. The designer uses it if it exists, to
// save calls.
type ManyPrior interface {
	Prior
	LogDensities(target, x []float64)
}

// A Parameter is an unknown number in the model.
type Parameter struct {
	Name  string
	Prior Prior
}

// NoNoiseParameter is Channel.NoiseParameter of a channel whose noise is not estimated.
const NoNoiseParameter = -1

// A Channel is one of the values that are measured at the same time. Its noise is normally distributed. The standard
// deviation is a parameter, reported with each measurement, or a fixed number.
type Channel struct {
	Name string
	// Noise is the standard deviation of a measurement, in the unit of the channel. If Reported, it applies until the
	// first measurement reports another.
	Noise float64
	// Reported: the standard deviation of a measurement is Measurement.S.
	Reported bool
	// NoiseParameter is the index of the parameter that is the standard deviation, or NoNoiseParameter.
	NoiseParameter int
}

// Config describes an experiment to New, which does not change or copy it.
type Config struct {
	Parameters []Parameter
	Channels   []Channel
	Model      Model
	// Knobs has the possible values of each knob. The settings are all combinations.
	Knobs [][]float64
	// Cost is the duration of setting the knobs from from to to and measuring once, in any unit; nil for one that is
	// always the same. It must be positive. The utility of a setting is divided by it.
	Cost func(from, to []float64) float64
	// Particles is their number, DefaultParticles if 0.
	Particles int
	// Draws is the number of particles that the utility is computed from, DefaultDraws if 0.
	Draws int
	// Seed makes a run repeatable: equal seeds and equal calls have equal results, whatever GOMAXPROCS is.
	Seed uint64
}

const (
	DefaultParticles = 10_000
	DefaultDraws     = 60
	// MaxParticles bounds the memory of a designer.
	MaxParticles = 10_000_000
)

func (c *Config) check() error {
	if len(c.Parameters) == 0 {
		return errors.New("the experiment has no parameters")
	}
	if len(c.Channels) == 0 {
		return errors.New("the experiment has no channels")
	}
	if c.Model == nil {
		return errors.New("the experiment has no model")
	}
	if c.Particles < 0 || c.Particles > MaxParticles {
		return fmt.Errorf("the number of particles is %d; it must be from 1 to %d", c.Particles, MaxParticles)
	}
	if c.Draws < 0 || c.Draws == 1 {
		return fmt.Errorf("the number of draws is %d; it must be at least 2", c.Draws)
	}
	for i, p := range c.Parameters {
		if p.Prior == nil {
			return fmt.Errorf("parameter %q has no prior", p.Name)
		}
		if low, high := p.Prior.Bounds(); !(low <= high) {
			return fmt.Errorf("the prior of parameter %d, %q, has the bounds %v and %v", i, p.Name, low, high)
		}
	}
	for _, ch := range c.Channels {
		if ch.NoiseParameter != NoNoiseParameter {
			if ch.NoiseParameter < 0 || ch.NoiseParameter >= len(c.Parameters) {
				return fmt.Errorf("the noise of channel %q is parameter %d; there are %d", ch.Name, ch.NoiseParameter, len(c.Parameters))
			}
			continue
		}
		if err := checkNoise(ch.Noise); err != nil {
			return fmt.Errorf("channel %q: %w", ch.Name, err)
		}
	}
	return nil
}

func checkNoise(s float64) error {
	if !(s > 0) || math.IsInf(s, 0) {
		return fmt.Errorf("the standard deviation of the noise is %v; it must be positive and finite", s)
	}
	return nil
}
