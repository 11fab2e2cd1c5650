package designer

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
)

// maxCandidates is the largest number of settings whose utility is computed in a round. More settings are represented
// by a random subset of subsetSize, another one each round.
const (
	maxCandidates = 100_000
	subsetSize    = 20_000
)

// settings is the grid of all combinations of the knobs' values. The last knob varies fastest.
type settings struct {
	knobs [][]float64
	count int
}

func newSettings(knobs [][]float64) (settings, error) {
	if len(knobs) == 0 {
		return settings{}, errors.New("the experiment has no knobs")
	}
	count := 1
	for i, values := range knobs {
		if len(values) == 0 {
			return settings{}, fmt.Errorf("knob %d has no values", i)
		}
		for _, v := range values {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return settings{}, fmt.Errorf("knob %d has the value %v; it must be finite", i, v)
			}
		}
		if count > math.MaxInt/len(values) {
			return settings{}, errors.New("the knobs have more combinations than can be counted")
		}
		count *= len(values)
	}
	return settings{knobs: knobs, count: count}, nil
}

// at stores setting number i in x.
func (s settings) at(i int, x []float64) {
	for k := len(s.knobs) - 1; k >= 0; k-- {
		n := len(s.knobs[k])
		x[k] = s.knobs[k][i%n]
		i /= n
	}
}

// subset reports whether only some settings are compared in each round.
func (s settings) subset() bool { return s.count > maxCandidates }

// candidates returns how many settings are compared in each round.
func (s settings) candidates() int {
	if s.subset() {
		return subsetSize
	}
	return s.count
}

// draw stores the numbers of the settings to compare in chosen, whose length is candidates().
func (s settings) draw(r *rand.Rand, chosen []int) {
	for j := range chosen {
		if s.subset() {
			chosen[j] = r.IntN(s.count)
		} else {
			chosen[j] = j
		}
	}
}
