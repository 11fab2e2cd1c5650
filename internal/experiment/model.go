package experiment

import (
	"sync"

	"libobe/internal/expression"
)

// pool has evaluators of a program for goroutines that evaluate it at the same time. Unlike a
// sync.Pool it keeps them, so that Predict does not allocate.
type pool struct {
	make func() *worker
	mu   sync.Mutex
	free []*worker
}

func newPool(p *expression.Program, columns, row int) *pool {
	return &pool{make: func() *worker {
		return &worker{Evaluator: p.NewEvaluator(), columns: make([][]float64, columns), row: make([]float64, row)}
	}}
}

func (p *pool) get() *worker {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.free); n > 0 {
		w := p.free[n-1]
		p.free = p.free[:n-1]
		return w
	}
	return p.make()
}

func (p *pool) put(w *worker) {
	clear(w.columns) // so that the caller's particles are not kept
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free = append(p.free, w)
}

// worker is an evaluator with room for its arguments.
type worker struct {
	*expression.Evaluator
	columns [][]float64
	row     []float64
	one     [1]float64
}

// Predict computes what the instrument would measure in a channel without noise, at one
// setting for the particles from to to-1:
//
//	out[i-from] = model(setting, particle i)
//
// channel is an index in Channels. setting has a number for each knob. particles[k][i] is
// parameter k of particle i; each column has at least to numbers. out has at least to-from.
// A value may be infinite or not a number. Any number of goroutines may call it. It does not
// allocate, except once for each goroutine that calls it at the same time.
func (e *Experiment) Predict(channel int, setting []float64, particles [][]float64, from, to int, out []float64) {
	pool := e.Channels[channel].evaluators
	w := pool.get()
	defer pool.put(w)
	for k := range w.columns {
		w.columns[k] = particles[k][from:to]
	}
	w.AtSetting(out[:to-from], setting, w.columns)
}

// PredictMany is Predict for many settings and some particles, a row for each particle:
//
//	out[i*M+j] = model(setting j, particle i)
//
// where M is the number of settings. settings has a column for each knob, and particles a
// column for each parameter; out has as many numbers as both multiplied.
func (e *Experiment) PredictMany(channel int, settings, particles [][]float64, out []float64) {
	pool := e.Channels[channel].evaluators
	w := pool.get()
	defer pool.put(w)
	w.AtParticles(out, settings, particles, len(settings[0]), len(particles[0]))
}

// Cost returns how long it takes to set the knobs from one setting to another and to measure
// once, in units of the time of a measurement: at least 1. Both have a number for each knob;
// from is nil before the first measurement. Any number of goroutines may call it. A cost in
// the file that is negative or not a number counts as 0, and one that is infinite as the
// largest number.
func (e *Experiment) Cost(from, to []float64) float64 {
	if e.Design.cost == nil || from == nil || equal(from, to) {
		return 1
	}
	pool := e.Design.evaluators
	w := pool.get()
	defer pool.put(w)
	copy(w.row, to)
	copy(w.row[len(to):], from)
	w.AtSetting(w.one[:], w.row, nil)
	if cost := w.one[0]; cost > 0 {
		return 1 + min(cost, maxMagnitude)
	}
	return 1
}

// HasCost reports whether Cost is not always 1.
func (e *Experiment) HasCost() bool { return e.Design.cost != nil }

func equal(a, b []float64) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
