package designer

import "math"

// A search has at most searchParticles, and fewer where there are many settings to compare, but at least fewestSearch: as
// many as make searchWork evaluations of the model for one likelihood each.
const (
	searchParticles = 10_000
	fewestSearch    = 500
	searchWork      = 2_000_000
)

// search looks in the whole prior for the posterior of all data. It estimates the evidence as the particles do. If its
// own is larger, the particles had missed where most of the probability is, and are replaced; it then returns true.
func (d *Designer) search() bool {
	c := d.anneal()
	if c == nil || c.logZ < d.cloud.logZ+1 {
		return false
	}
	d.adopt(c)
	return true
}

// setPower changes the power of the likelihood, and the particles with it. A power 1/e is equivalent to variances of all
// measurements that are e times as large.
func (d *Designer) setPower(power float64) {
	change := power - d.power
	d.power = power
	if d.cloud.size() < fewParticles {
		return
	}
	before := d.cloud.effective
	if change > 0 && d.cloud.reweigh(d.cloud.likelihood, change) && d.cloud.effective > partBelow*before {
		return
	}
	if c := d.anneal(); c != nil {
		d.adopt(c)
	}
}

// anneal returns a new cloud, whose particles begin as samples of the prior: the likelihood is raised to a power that
// grows from 0 in steps that keep half of the effective particles (annealed importance sampling with resampling; Neal
// 2001, Del Moral, Doucet and Jasra 2006). It returns nil if the likelihood is finite nowhere.
func (d *Designer) anneal() *cloud {
	n := min(d.cloud.size(), searchParticles, max(fewestSearch, searchWork/max(1, len(d.data.points))))
	c := newCloud(len(d.axes), n)
	if d.sampleFromPrior(c, d.random) != nil {
		return nil
	}
	d.mover.likelihoods(c)
	m := newMover(&d.cfg, d.axes, &d.data)
	m.step = d.mover.step
	drawn := make([]int32, n)
	list := make([]int32, 0, n)
	power := 0.0
	terms := make([]float64, n)
	for step := 1; power < d.power; step++ {
		copy(terms, c.likelihood)
		share := d.power - power
		if step < maxSteps {
			share = c.share(terms, resampleBelow, share)
		}
		if !c.reweigh(terms, share) {
			return nil
		}
		power += share
		c.draw(d.random.Float64(), drawn)
		c.resample(drawn)
		list = list[:0]
		for i := range n {
			list = append(list, int32(i))
		}
		m.mixed = 0
		for sweep := 0; sweep < searchSweeps && m.mixed < searchMix; sweep++ {
			m.prepare(c, d.random.Float64())
			m.move(c, list, power)
		}
	}
	d.mover.step = m.step
	return c
}

// A search has at most maxSteps steps. After each, particles are moved until searchMix, in at most searchSweeps sweeps.
const (
	maxSteps     = 60
	searchMix    = 0.2
	searchSweeps = 5
)

// adopt replaces the particles.
func (d *Designer) adopt(c *cloud) {
	if c.size() == d.cloud.size() {
		d.cloud = c
	} else {
		c.draw(d.random.Float64(), d.drawn)
		d.cloud.take(c, d.drawn)
	}
	d.moveFar()
}

// likelihoods computes the likelihood of all data for each particle.
func (m *mover) likelihoods(c *cloud) {
	chunks(c.size(), 10*len(m.data.points), func(_, from, to int) {
		out := make([]float64, to-from)
		log := c.likelihood[from:to]
		for i := range log {
			log[i] = 0
			for channel, ch := range m.channels {
				if ch.NoiseParameter == NoNoiseParameter {
					log[i] -= 0.5 * m.data.spread[channel]
					continue
				}
				s := c.value[ch.NoiseParameter][from+i]
				log[i] -= m.data.count[channel]*math.Log(s) + 0.5*m.data.spread[channel]/(s*s)
			}
		}
		for at := range m.data.points {
			p := &m.data.points[at]
			m.model.Predict(p.channel, p.setting, c.value, from, to, out)
			if k := m.channels[p.channel].NoiseParameter; k != NoNoiseParameter {
				for i, s := range c.value[k][from:to] {
					off := (out[i] - p.mean) / s
					log[i] -= 0.5 * p.weight * off * off
				}
				continue
			}
			for i, f := range out {
				off := f - p.mean
				log[i] -= 0.5 * p.weight * off * off
			}
		}
	})
}
