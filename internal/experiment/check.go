package experiment

import (
	"math"
	"math/rand/v2"
)

// NotFinite returns, for each channel, which share of its predictions under the prior is
// infinite or not a number, from 0 to 1: the mean over random settings and guesses, which are
// those of a seed. A designer counts such guesses as impossible, which a model with a mistake
// does not want.
func (e *Experiment) NotFinite(seed uint64) []float64 {
	const settings, guesses = 200, 200
	r := rand.New(rand.NewPCG(seed, 0))
	particles := make([][]float64, len(e.Parameters))
	for k := range particles {
		particles[k] = make([]float64, guesses)
	}
	setting, out := make([]float64, len(e.Settings)), make([]float64, guesses)
	counts, shares := make([]int, len(e.Channels)), make([]float64, len(e.Channels))
	for range settings {
		for k, s := range e.Settings {
			setting[k] = s.Values[r.IntN(len(s.Values))]
		}
		for k, p := range e.Parameters {
			for i := range particles[k] {
				particles[k][i] = p.Prior.Sample(r)
			}
		}
		for c := range counts {
			e.Predict(c, setting, particles, 0, guesses, out)
			for _, v := range out {
				if math.IsNaN(v) || math.IsInf(v, 0) {
					counts[c]++
				}
			}
		}
	}
	for c, count := range counts {
		shares[c] = float64(count) / (settings * guesses)
	}
	return shares
}
