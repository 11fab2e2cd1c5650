package designer

import (
	"math"
	"math/rand/v2"
	"sync"
)

// blockSize is the number of particles whose proposals are evaluated together.
const blockSize = 512

// A block has the proposals to some particles.
type block struct {
	source   rand.PCG
	random   *rand.Rand
	before   [][]float64 // the particles: before[k][j] is a coordinate
	after    [][]float64 // what is proposed to them
	value    [][]float64 // the same as values of the parameters
	particle []int32
	kind     []uint8
	left     []int32     // the positions of the proposals that are not ruled out; value, need, log and half have those alone
	need     []float64   // the likelihood from which the proposal is accepted
	log      []float64   // the likelihood of the data seen so far, at least that of all data
	half     [][]float64 // for each channel whose noise is estimated: 1/(2σ²)
	out      []float64
	prior    []float64   // of the proposal
	groups   []int32     // the positions of the proposals by kind, those of the first kind first
	ratio    []float64   // of some proposals, see towardsMean
	e        [][]float64 // the displacements of the same from the mean, in independent normal numbers
}

func newBlock(parameters, channels int) *block {
	b := &block{
		particle: make([]int32, blockSize), kind: make([]uint8, blockSize), left: make([]int32, blockSize), need: make([]float64, blockSize),
		log: make([]float64, blockSize), prior: make([]float64, blockSize), out: make([]float64, blockSize),
		groups: make([]int32, blockSize), ratio: make([]float64, blockSize),
	}
	b.random = rand.New(&b.source)
	for range parameters {
		b.before = append(b.before, make([]float64, blockSize))
		b.after = append(b.after, make([]float64, blockSize))
		b.value = append(b.value, make([]float64, blockSize))
		b.e = append(b.e, make([]float64, blockSize))
	}
	for range channels {
		b.half = append(b.half, make([]float64, blockSize))
	}
	return b
}

// A mover moves particles of a cloud by the rule of Metropolis and Hastings, with the likelihood of all data. Since a
// move leaves the posterior unchanged, any particle may be moved at any time, whatever its weight, which stays.
type mover struct {
	model    Model
	channels []Channel
	axes     []axis
	data     *data
	seed     uint64
	step     uint64 // counts calls of move, for the seeds of the blocks
	crowd    *crowd
	blocks   *sync.Pool
	results  []result
	drawn    []int32

	rate           [moveKinds]float64 // the share of moves accepted, recently
	acceptance     float64            // the same for all kinds but priorMove
	spread, jumped []float64          // the sums of the results, recently
	mobility       float64            // see watch
	mixed          float64            // how far the particles have moved since they were resampled, see watch
	cost           float64            // evaluations of the model for a proposal, recently
}

// A result is what came of the moves of a block.
type result struct {
	tried, accepted [moveKinds]int
	evaluated       int
	spread, jumped  []float64 // sums of squared distances: of each parameter from the mean, and of its jumps
}

func newMover(cfg *Config, axes []axis, d *data) *mover {
	m := &mover{model: cfg.Model, channels: cfg.Channels, axes: axes, data: d, seed: cfg.Seed, crowd: newCrowd(axes), cost: 1, mixed: 1} // samples of the prior are independent
	m.blocks = &sync.Pool{New: func() any { return newBlock(len(axes), len(cfg.Channels)) }}
	m.drawn = make([]int32, crowdSize)
	m.spread, m.jumped = make([]float64, len(axes)), make([]float64, len(axes))
	for kind := range m.rate {
		m.rate[kind] = 0.5
	}
	return m
}

// prepare samples the cloud, before moves of it. start is uniform in 0..1.
func (m *mover) prepare(c *cloud, start float64) {
	m.crowd.sample(c, m.drawn, start)
	m.choose()
}

// choose sets the probabilities of the kinds of moves. That of a shrinkMove, 1 - a of whose variance is new, is in
// proportion to what is new and accepted, and never 0, so that its rate is known when the posterior has another shape.
func (m *mover) choose() {
	m.crowd.prior = 0.04
	var gain [len(shrinks)]float64
	var sum, accepted float64
	for i, a := range shrinks {
		gain[i] = m.rate[shrinkMove+i] * (1 - a)
		sum += gain[i]
	}
	for i := range shrinks {
		const least = 0.05
		m.crowd.shrink[i] = least + (1-least*float64(len(shrinks)))*gain[i]/(sum+1e-9)
		accepted += m.crowd.shrink[i] * m.rate[shrinkMove+i]
	}
	share := accepted / (accepted + m.rate[differenceMove] + 1e-9)
	for i := range shrinks {
		m.crowd.shrink[i] *= min(max(share, 0.1), 0.8) * (1 - m.crowd.prior)
	}
}

// move proposes a move to each listed particle of c, whose distribution is prior × likelihood^power.
func (m *mover) move(c *cloud, particles []int32, power float64) {
	count := (len(particles) + blockSize - 1) / blockSize
	for len(m.results) < count {
		m.results = append(m.results, result{spread: make([]float64, len(m.axes)), jumped: make([]float64, len(m.axes))})
	}
	m.step++
	each(count, int(m.cost*float64(len(particles))), func(i int) {
		b := m.blocks.Get().(*block)
		b.source.Seed(m.seed, m.step<<24|uint64(i))
		m.moveBlock(&m.results[i], b, c, particles[i*blockSize:min((i+1)*blockSize, len(particles))], power)
		m.blocks.Put(b)
	})
	var total result
	for _, r := range m.results[:count] {
		for kind := range r.tried {
			total.tried[kind] += r.tried[kind]
			total.accepted[kind] += r.accepted[kind]
		}
		total.evaluated += r.evaluated
	}
	mixed := m.watch(m.results[:count], float64(len(particles))/float64(c.size()))
	m.mixed += mixed
	c.mix(mixed)
	for kind, tried := range total.tried {
		recent := float64(tried) / float64(tried+1000)
		if tried > 0 {
			m.rate[kind] += recent * (float64(total.accepted[kind])/float64(tried) - m.rate[kind])
		}
	}
	if len(particles) > 0 {
		m.cost += 0.5 * (float64(total.evaluated)/float64(len(particles)) - m.cost)
		m.cost = max(m.cost, 1)
	}
	var tried, accepted int
	for kind := range total.tried {
		if kind != priorMove {
			tried += total.tried[kind]
			accepted += total.accepted[kind]
		}
	}
	if tried > 0 {
		recent := float64(tried) / float64(tried+1000)
		m.acceptance += recent * (float64(accepted)/float64(tried) - m.acceptance)
	}
}

// moveBlock proposes a move to each of at most blockSize particles. The proposals are evaluated at one setting after the
// other, and those that can no longer be accepted are left out of the next.
func (m *mover) moveBlock(r *result, b *block, c *cloud, particles []int32, power float64) {
	*r = result{spread: r.spread, jumped: r.jumped}
	clear(r.spread)
	clear(r.jumped)
	m.propose(b, c, particles)
	for k := range m.axes {
		mean := m.crowd.mean[k]
		sum := 0.0
		for _, u := range b.before[k][:len(particles)] {
			sum += (u - mean) * (u - mean)
		}
		r.spread[k] = sum
	}
	for _, kind := range b.kind[:len(particles)] {
		r.tried[kind]++
	}
	n := m.screen(b, c, len(particles), power)
	for _, at := range m.data.order {
		if n == 0 {
			return
		}
		p := &m.data.points[at]
		if p.weight == 0 {
			continue
		}
		out := b.out[:n]
		m.model.Predict(p.channel, p.setting, b.value, 0, n, out)
		r.evaluated += n
		left := 0
		if m.channels[p.channel].NoiseParameter != NoNoiseParameter {
			half := b.half[p.channel]
			for j, f := range out {
				off := f - p.mean
				b.log[j] -= half[j] * p.weight * off * off
				if b.log[j] > b.need[j] { // false for NaN
					left++
				}
			}
		} else {
			half := 0.5 * p.weight
			log, need := b.log[:n], b.need[:n]
			for j, f := range out {
				off := f - p.mean
				l := log[j] - half*off*off
				log[j] = l
				if l > need[j] {
					left++
				}
			}
		}
		// A proposal that is below its limit will not rise again.
		if left < n-n/8 || left == 0 {
			n = b.compact(n)
		}
	}
	n = b.compact(n)
	for j, at := range b.left[:n] {
		i := b.particle[at]
		for k := range b.value {
			c.value[k][i] = b.value[k][j]
			jump := b.after[k][at] - b.before[k][at]
			r.jumped[k] += jump * jump
		}
		c.likelihood[i], c.prior[i] = b.log[j], b.prior[at]
		r.accepted[b.kind[at]]++
	}
}

// propose stores proposals to some particles in a block, each with its kind, and in need[j] the logarithm of a uniform
// number minus that of the ratio of the probabilities of proposing the move back and this one.
func (m *mover) propose(b *block, c *cloud, particles []int32) {
	n := len(particles)
	copy(b.particle, particles)
	for k := range m.axes {
		at := b.value[k][:n]
		gather(at, c.value[k], particles)
		m.axes[k].coordinates(b.before[k][:n], at)
		copy(b.after[k], b.before[k][:n])
	}
	for j := range b.need[:n] {
		b.need[j] = -b.random.ExpFloat64()
	}
	m.crowd.propose(b, n)
	for k := range m.axes {
		m.axes[k].valuesAt(b.value[k][:n], b.after[k][:n])
	}
}

// screen keeps the proposals that may be accepted before any prediction is compared with the data, and returns their
// number. It stores the likelihood from which each is accepted.
func (m *mover) screen(b *block, c *cloud, n int, power float64) int {
	prior := b.prior[:n]
	clear(prior)
	for k := range m.axes {
		m.axes[k].addLogDensities(prior, b.value[k][:n], b.after[k][:n], b.out[:n])
	}
	m.best(b, n)
	for j, p := range prior {
		b.left[j] = int32(j)
		if !(p > math.Inf(-1)) {
			b.log[j] = math.Inf(-1)
			continue
		}
		i := b.particle[j]
		need := b.need[j]
		if b.kind[j] != priorMove {
			need -= p - c.prior[i]
		}
		b.need[j] = c.likelihood[i] + need/power
	}
	return b.compact(n)
}

// best stores the likelihood that each proposal would have if the model agreed with the mean at each setting.
func (m *mover) best(b *block, n int) {
	known := 0.0
	for channel, ch := range m.channels {
		if ch.NoiseParameter == NoNoiseParameter {
			known -= 0.5 * m.data.spread[channel]
		}
	}
	log := b.log[:n]
	for j := range log {
		log[j] = known
	}
	for channel, ch := range m.channels {
		if ch.NoiseParameter == NoNoiseParameter {
			continue
		}
		half, count, spread := b.half[channel][:n], m.data.count[channel], m.data.spread[channel]
		for j, s := range b.value[ch.NoiseParameter][:n] {
			half[j] = 0.5 / (s * s)
			log[j] -= count*math.Log(s) + half[j]*spread // NaN if s is negative
		}
	}
}

// compact keeps the proposals that are not ruled out, and returns their number.
func (b *block) compact(n int) int {
	kept := 0
	for j := range n {
		if !(b.log[j] > b.need[j]) {
			continue
		}
		if kept < j {
			for _, values := range b.value {
				values[kept] = values[j]
			}
			for _, half := range b.half {
				half[kept] = half[j]
			}
			b.left[kept], b.need[kept], b.log[kept] = b.left[j], b.need[j], b.log[j]
		}
		kept++
	}
	return kept
}

// watch computes the mobility: the mean squared jump of a move divided by its mean in independent samples, for the
// parameter that moves least. It returns by how much the moves have mixed the particles: the mobility times share, the
// share of the particles that were moved.
func (m *mover) watch(results []result, share float64) (mixed float64) {
	m.mobility = 1
	keep := math.Exp(-4 * share)
	for k := range m.axes {
		m.spread[k] *= keep
		m.jumped[k] *= keep
		for _, r := range results {
			m.spread[k] += r.spread[k]
			m.jumped[k] += r.jumped[k]
		}
		if m.spread[k] > 0 {
			m.mobility = min(m.mobility, m.jumped[k]/(2*m.spread[k]))
		}
	}
	return share * m.mobility
}
