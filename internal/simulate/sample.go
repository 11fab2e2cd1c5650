package simulate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"libobe/internal/experiment"
)

// outlierSize is how far an outlier may be from the value that would have been measured, in standard deviations of the noise.
const outlierSize = 30

// sample is what the instrument measures: the model with the true values, and noise.
type sample struct {
	experiment *experiment.Experiment
	truth      [][]float64 // a column of one particle for each parameter
	noise      []float64   // the true standard deviation of each channel
	reported   []float64   // what the instrument says that it is
	outliers   float64     // the share of outliers
	random     *rand.Rand  // of the noise
	faults     *rand.Rand  // of the outliers
}

func (c *Config) newSample(way Way) *sample {
	s := &sample{
		experiment: c.Experiment, outliers: c.Outliers,
		random: stream(c.Seed, noiseStream+int(way)), faults: stream(c.Seed, outlierStream+int(way)),
	}
	for _, v := range c.Truth {
		s.truth = append(s.truth, []float64{v})
	}
	for _, channel := range c.Experiment.Channels {
		noise, reported := channel.Noise.Std, channel.Noise.Std
		if channel.Noise.Kind == experiment.EstimatedNoise {
			// The instrument does not know its noise. A designer that estimates it ignores what is reported.
			noise, reported = c.Truth[channel.Noise.Parameter], c.Experiment.Parameters[channel.Noise.Parameter].Prior.Sample(s.faults)
		}
		s.noise, s.reported = append(s.noise, noise), append(s.reported, reported)
	}
	return s
}

// measure returns the value of each channel at a setting.
func (s *sample) measure(x []float64) ([]float64, error) {
	y := make([]float64, len(s.noise))
	for c := range y {
		s.experiment.Predict(c, x, s.truth, 0, 1, y[c:c+1])
		if math.IsNaN(y[c]) || math.IsInf(y[c], 0) {
			return nil, &ImpossibleError{s.experiment.Channels[c].Name, describeSetting(s.experiment, x)}
		}
		y[c] += s.noise[c] * s.random.NormFloat64()
		if s.outliers > 0 && s.faults.Float64() < s.outliers {
			y[c] += outlierSize * s.noise[c] * (2*s.faults.Float64() - 1)
		}
	}
	return y, nil
}

// ImpossibleError says that no instrument with the true values exists.
type ImpossibleError struct{ channel, setting string }

func (e *ImpossibleError) Error() string {
	return fmt.Sprintf("with these true values model.%s is infinite or not a number at %s, so that nothing can be measured there; choose other true values", e.channel, e.setting)
}

func describeSetting(e *experiment.Experiment, x []float64) string {
	parts := make([]string, len(x))
	for k, v := range x {
		parts[k] = strings.TrimSpace(fmt.Sprintf("%s = %.6g %s", e.Settings[k].Name, v, e.Settings[k].Unit))
	}
	return strings.Join(parts, ", ")
}
