// Package designer chooses the settings of an experiment, and estimates the parameters of its model from the
// measurements: sequential Bayesian experiment design. It does no input or output.
//
// The posterior is represented by particles. A measurement multiplies their weights by its likelihood. When the weight
// is concentrated on too few particles, they are resampled, and then moved by Markov chain steps that leave the exact
// posterior of all data unchanged (resample-move, Gilks and Berzuini 2001). docs/explain/designer.md has the method, the
// formulas and the references.
package designer

import (
	"errors"
	"math"
	"math/rand/v2"
)

// A Designer is the posterior of one run. It is for one goroutine at a time.
type Designer struct {
	cfg      Config
	axes     []axis
	settings settings
	data     data
	cloud    *cloud
	mover    *mover

	random  *rand.Rand // for resampling; measurements alone advance it, so that a replay has the same posterior
	choices *rand.Rand // for the utility and the choice of settings

	power float64   // of the likelihood; 1 unless the data do not fit
	noise []float64 // of each channel, as last reported; unused where it is estimated
	// interrupted: a panic has ended Add, and left the particles as they were then.
	interrupted bool
	position    []float64 // the setting of the last measurement, nil before
	predicted   [][]float64
	terms       []float64
	findings    []finding
	drawn       []int32
	list        []int32
	sweeps      int     // that are left for the parts of a measurement
	rescue      int     // the same, where few independent samples are left
	owed        float64 // the mixing that is to be made in the next rounds
	moveAt      int     // the next particle to move
	utility     utility
	trust       trust
}

// A Measurement is the values Y, one for each channel, that were measured at the setting X, which has a number for each
// knob. S has the standard deviations; those of channels whose noise is not reported are ignored, and S may be nil if
// there are no others.
type Measurement struct {
	X, Y, S []float64
}

// New begins a run.
func New(cfg Config) (*Designer, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	grid, err := newSettings(cfg.Knobs)
	if err != nil {
		return nil, err
	}
	if cfg.Particles == 0 {
		cfg.Particles = DefaultParticles
	}
	if cfg.Draws == 0 {
		cfg.Draws = DefaultDraws
	}
	d := &Designer{
		cfg: cfg, settings: grid, power: 1, data: newData(len(cfg.Channels)),
		cloud:    newCloud(len(cfg.Parameters), cfg.Particles),
		random:   rand.New(rand.NewPCG(cfg.Seed, 1)),
		choices:  rand.New(rand.NewPCG(cfg.Seed, 2)),
		terms:    make([]float64, cfg.Particles),
		findings: make([]finding, (cfg.Particles+chunkSize-1)/chunkSize),
		drawn:    make([]int32, cfg.Particles),
		list:     make([]int32, 0, cfg.Particles),
	}
	for _, p := range cfg.Parameters {
		d.axes = append(d.axes, newAxis(p.Prior))
	}
	for _, ch := range cfg.Channels {
		d.noise = append(d.noise, ch.Noise)
		d.predicted = append(d.predicted, make([]float64, cfg.Particles))
	}
	d.mover = newMover(&d.cfg, d.axes, &d.data)
	if err := d.sampleFromPrior(d.cloud, d.random); err != nil {
		return nil, err
	}
	d.utility = newUtility(d)
	d.trust = newTrust(d)
	return d, nil
}

func (d *Designer) sampleFromPrior(c *cloud, r *rand.Rand) error {
	for i := range c.size() {
		c.prior[i] = 0
		for k := range c.value {
			v := d.axes[k].prior.Sample(r)
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return errors.New("the prior of parameter \"" + d.cfg.Parameters[k].Name + "\" has a sample that is not finite")
			}
			c.value[k][i] = v
			c.prior[i] += d.axes[k].logDensity(v, d.axes[k].coordinate(v))
		}
	}
	return nil
}

// Mean returns the mean of each parameter.
func (d *Designer) Mean() []float64 {
	m := make([]float64, len(d.axes))
	d.cloud.mean(m)
	return m
}

// Std returns the standard deviation of each parameter. It is larger than that of the particles while Status says that
// the posterior cannot be trusted.
func (d *Designer) Std() []float64 {
	cov := d.Cov()
	result := make([]float64, len(cov))
	for k := range cov {
		result[k] = math.Sqrt(cov[k][k])
	}
	return result
}

// Cov returns the covariance of the parameters, enlarged as Std is.
func (d *Designer) Cov() [][]float64 {
	cov := d.cloud.covariance()
	d.enlarge(cov)
	return cov
}

// Particles returns the values of the parameters: element [k][i] is parameter k of particle i. They are valid until the
// next call of Add, and must not be changed.
func (d *Designer) Particles() [][]float64 { return d.cloud.value }

// Weights returns the weights of the particles, whose sum is 1. They are valid until the next call of Add, and must not
// be changed.
func (d *Designer) Weights() []float64 { return d.cloud.weight }

// Settings returns the number of settings, and whether so many that each choice is among a random subset of them.
func (d *Designer) Settings() (count int, subset bool) { return d.settings.count, d.settings.subset() }

// Setting stores setting number i, from 0, in x, which has a number for each knob. The last knob varies fastest.
func (d *Designer) Setting(i int, x []float64) { d.settings.at(i, x) }

// Measurements returns the number of measurements.
func (d *Designer) Measurements() int { return d.data.added }
