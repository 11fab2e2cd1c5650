package designer

import (
	"fmt"
	"math"
)

// Status says how far the posterior can be trusted.
type Status struct {
	Measurements int
	Particles    int
	// Effective is the number of different particles that the weights amount to.
	Effective float64
	// Acceptance is the share of the moves that were accepted recently.
	Acceptance float64
	// Invalid is the number of particles for which the model had no finite value at the last setting. They have no
	// weight.
	Invalid int
	// Enlarged is the factor by which the standard deviations of the measurements are enlarged, since the data do not fit
	// the model, 1 if they do.
	Enlarged float64
	// Searches is how often the whole prior was searched again for parameters that fit the data, and Found how often
	// some were found that were more probable than the particles.
	Searches, Found int
	// Trusted is false if one of the Warnings says why Std is enlarged, or that it is not known how large it should be.
	Trusted bool
	// Warnings are sentences for a person.
	Warnings []string
}

// trust watches the posterior.
type trust struct {
	deviation []float64 // of each parameter in the prior
	natural   []moments // the same in its natural coordinate
	effective float64
	fit       fit
	excess    float64 // by what factor the variances of the measurements are too small
	outlier   float64 // by what factor the covariance is enlarged for an outlier
	// wrongModel: the means at the settings do not fit, and more noise is no explanation.
	wrongModel bool
	invalid    int
	nearest    float64 // the largest logarithm of the likelihood of the last measurement

	nextFit, nextSearch int // numbers of measurements
	searches, found     int
}

const (
	// fewParticles is the number of different particles below which they are no estimate of a distribution.
	fewParticles = 30
	// firstSearch is the number of measurements from which on a bad fit leads to a search.
	firstSearch = 5
)

func newTrust(d *Designer) trust {
	t := trust{excess: 1, outlier: 1, nextSearch: firstSearch}
	for k := range d.axes {
		value, natural := priorMoments(&d.axes[k], d)
		t.deviation = append(t.deviation, value.deviation)
		t.natural = append(t.natural, natural)
	}
	t.effective = d.cloud.distinct()
	return t
}

// update is called after each measurement.
func (t *trust) update(d *Designer) {
	t.examine(d)
	doubtful := t.excess > 1 || t.outlier > 1 || t.effective < fewParticles
	if doubtful && d.data.added >= t.nextSearch && d.cloud.size() >= fewParticles {
		// Parameters that fit may exist where there are no particles any more.
		t.nextSearch = d.data.added + max(firstSearch, d.data.added/2)
		t.searches++
		if d.search() {
			t.found++
			t.nextFit = 0
			t.examine(d)
		}
	}
	if change := t.excess * d.power; change > powerStep || change < 1/powerStep {
		d.setPower(1 / t.excess)
	}
}

// powerStep is the factor by which the excess must change before the power of the likelihood follows.
const powerStep = 1.25

func (t *trust) examine(d *Designer) {
	t.effective = d.cloud.distinctAbout(10*fewParticles, d.data.added%8 == 0)
	if d.data.added >= t.nextFit {
		// All data are compared again when they have grown by 1 %, so that the cost for each measurement is bounded.
		t.nextFit = d.data.added + 1 + len(d.data.points)/100
		t.fit = d.mover.fit(d.mostLikely())
		t.excess = t.fit.excess()
		t.outlier = t.fit.outlier(t.excess)
		t.wrongModel = t.fit.wrongModel()
	}
}

// mostLikely returns the particle with the largest likelihood.
func (d *Designer) mostLikely() [][]float64 {
	best, at := math.Inf(-1), 0
	for i, l := range d.cloud.likelihood {
		if l > best && d.cloud.weight[i] > 0 {
			best, at = l, i
		}
	}
	values := make([][]float64, len(d.axes))
	for k := range values {
		values[k] = []float64{d.cloud.value[k][at]}
	}
	return values
}

// enlarge makes a covariance larger where it is known to be too small.
func (d *Designer) enlarge(cov [][]float64) {
	t := &d.trust
	edges := d.edges()
	for k := range cov {
		for l := range cov {
			cov[k][l] *= t.outlier
		}
	}
	d.enlargeBeyond(cov, edges)
	if t.effective < fewParticles || t.wrongModel || d.interrupted {
		for k := range cov {
			cov[k][k] = max(cov[k][k], t.deviation[k]*t.deviation[k])
		}
	}
}

// Status returns how far the posterior can be trusted.
func (d *Designer) Status() Status {
	t := &d.trust
	s := Status{
		Measurements: d.data.added, Particles: d.cloud.size(), Effective: t.effective,
		Acceptance: d.mover.acceptance, Invalid: t.invalid, Enlarged: math.Sqrt(t.excess),
		Searches: t.searches, Found: t.found, Trusted: true,
	}
	distrust := func(format string, args ...any) {
		s.Trusted = false
		s.Warnings = append(s.Warnings, fmt.Sprintf(format, args...))
	}
	if d.interrupted {
		distrust("A fault of this program has interrupted the evaluation of a measurement; the standard deviations are at least those of the prior. Begin a new run.")
	}
	if t.effective < fewParticles {
		distrust("Only %.0f of %d particles differ and have weight, too few for an estimate; the standard deviations are at least those of the prior. More particles are needed.",
			t.effective, s.Particles)
	}
	switch {
	case t.outlier > 1 && t.fit.single > t.fit.worst:
		distrust("A measurement at the setting %v in channel %q is %.3g standard deviations of the estimated noise away from what fits. If it is not an outlier, the model is wrong, or the noise is not normally distributed. The standard deviations of the parameters are multiplied by %.3g.",
			t.fit.singleSetting, d.cfg.Channels[t.fit.singleChannel].Name, t.fit.single, math.Sqrt(t.outlier))
	case t.outlier > 1:
		distrust("The mean at the setting %v in channel %q is %.3g standard deviations away from what fits the other measurements. If it is not an outlier, the model is wrong. The standard deviations of the parameters are multiplied by %.3g.",
			t.fit.setting, d.cfg.Channels[t.fit.channel].Name, t.fit.worst, math.Sqrt(t.outlier))
	}
	switch {
	case t.wrongModel:
		distrust("No parameters were found that fit the data, although repeated measurements agree with each other. The model is wrong, or a true value is beyond its prior. The standard deviations are at least those of the prior; the largest residual is %.3g standard deviations, at the setting %v in channel %q.",
			t.fit.worst, t.fit.setting, d.cfg.Channels[t.fit.channel].Name)
	case t.excess > 1:
		distrust("No parameters were found that fit the data within their noise. The standard deviations of the measurements are multiplied by %.3g. The model, or the noise that it was given, is wrong, or there are outliers; the largest residual is %.3g standard deviations, at the setting %v in channel %q.",
			s.Enlarged, t.fit.worst, t.fit.setting, d.cfg.Channels[t.fit.channel].Name)
	}
	for _, e := range d.edges() {
		side := "lower"
		if e.high {
			side = "upper"
		}
		distrust("The value of parameter %q is near the %s bound of its prior, or beyond, where no value was considered. Its standard deviation is that of the prior. If it can be beyond, the prior must be wider.",
			d.cfg.Parameters[e.parameter].Name, side)
	}
	if surprise := d.surprise(); surprise > 6 {
		s.Warnings = append(s.Warnings, fmt.Sprintf("The last measurement is %.3g standard deviations of its noise away from all that was predicted.", surprise))
	}
	if t.invalid > 0 {
		s.Warnings = append(s.Warnings, fmt.Sprintf("The model has no finite value for %d of %d particles at the last setting; they have no weight.", t.invalid, s.Particles))
	}
	if d.settings.subset() {
		s.Warnings = append(s.Warnings, fmt.Sprintf("There are %d settings; each is chosen among %d of them, drawn at random.", d.settings.count, d.settings.candidates()))
	}
	return s
}

// surprise returns the distance of the last measurement from the nearest prediction, in standard deviations of its noise;
// 0 if a noise is estimated.
func (d *Designer) surprise() float64 {
	for _, ch := range d.cfg.Channels {
		if ch.NoiseParameter != NoNoiseParameter {
			return 0
		}
	}
	return math.Sqrt(-2 * min(0, d.trust.nearest))
}
