package designer

import (
	"math"

	"gonum.org/v1/gonum/mat"
)

// The kinds of moves that are proposed to a particle. Each leaves the posterior unchanged if accepted by the rule of
// Metropolis and Hastings.
const (
	// differenceMove adds a multiple of the difference of two particles (ter Braak 2006), which has the right direction
	// and length in a posterior of any shape, and sometimes leads from one mode to another.
	differenceMove = iota
	// priorMove replaces the particle by a sample of the prior.
	priorMove
	// shrinkMove is the displacement of Liu and West (2001): towards the mean of the cloud, and at random by the amount
	// that preserves the covariance. It leaves the normal distribution of that mean and covariance unchanged, so nearly
	// all are accepted if the posterior is nearly normal, however long they are. There is a kind for each of shrinks.
	shrinkMove
	moveKinds = shrinkMove + len(shrinks)
)

// shrinks are the factors of the distance from the mean. Large ones are accepted more often where the posterior is not
// normal.
var shrinks = [...]float64{0.2, 0.7, 0.9, 0.98}

// A crowd is what proposals are made from: a sample of the cloud, copied, so that all moves of a step see the same.
type crowd struct {
	axes   []axis
	points [][]float64 // coordinates: points[k][j]
	mean   []float64
	root   []float64             // the lower triangular matrix L with L Lᵀ = covariance of the continuous parameters, row by row
	free   []int                 // the parameters that shrinkMove changes
	prior  float64               // the probability of priorMove
	shrink [len(shrinks)]float64 // those of shrinkMove
	jump   float64               // the factor of differenceMove that is best for a normal distribution
}

const crowdSize = 512

func newCrowd(axes []axis) *crowd {
	g := &crowd{axes: axes, mean: make([]float64, len(axes)), root: make([]float64, len(axes)*len(axes))}
	for range axes {
		g.points = append(g.points, make([]float64, 0, crowdSize))
	}
	g.jump = 2.38 / math.Sqrt(2*float64(len(axes)))
	return g
}

// sample takes the crowd from a cloud.
func (g *crowd) sample(c *cloud, drawn []int32, start float64) {
	drawn = drawn[:min(crowdSize, c.size())]
	c.draw(start, drawn)
	n := float64(len(drawn))
	for k := range g.axes {
		points := g.points[k][:len(drawn)]
		g.points[k] = points
		for j, i := range drawn {
			points[j] = c.value[k][i]
		}
		g.axes[k].coordinates(points, points)
		sum := 0.0
		for _, u := range points {
			sum += u - points[0]
		}
		g.mean[k] = points[0] + sum/n
	}
	g.factor(n)
}

// factor computes the matrix L. It is that of the correlations, multiplied by the standard deviations, so that units do
// not matter.
func (g *crowd) factor(n float64) {
	g.free = g.free[:0]
	var deviation []float64
	for k := range g.axes {
		sum := 0.0
		for _, u := range g.points[k] {
			sum += (u - g.mean[k]) * (u - g.mean[k])
		}
		if s := math.Sqrt(sum / n); s > 0 && g.axes[k].values == nil {
			g.free = append(g.free, k)
			deviation = append(deviation, s)
		}
	}
	free := len(g.free)
	if free == 0 {
		return
	}
	correlation := mat.NewSymDense(free, nil)
	for a, k := range g.free {
		correlation.SetSym(a, a, 1+1e-9)
		for b, l := range g.free[:a] {
			sum := 0.0
			for j, u := range g.points[k] {
				sum += (u - g.mean[k]) * (g.points[l][j] - g.mean[l])
			}
			correlation.SetSym(a, b, sum/(n*deviation[a]*deviation[b]))
		}
	}
	var cholesky mat.Cholesky
	var lower mat.TriDense
	if cholesky.Factorize(correlation) {
		cholesky.LTo(&lower)
	} else { // rounding: without the correlations moves are less efficient, and as valid
		lower = *mat.NewTriDense(free, mat.Lower, nil)
		for a := range free {
			lower.SetTri(a, a, 1)
		}
	}
	for a := range free {
		for b := 0; b <= a; b++ {
			g.root[a*free+b] = deviation[a] * lower.At(a, b)
		}
	}
}

// propose draws the kind of move of each of the first n particles of a block, and changes after, which has their
// coordinates, to what is proposed. It subtracts from need the logarithm of the ratio of the probabilities of proposing the
// move back and this one; a priorMove has none, since it cancels with the prior. The moves of a kind are made together,
// which takes half of the time.
func (g *crowd) propose(b *block, n int) {
	var until [moveKinds]float64 // the sums of the probabilities; what is left over are differences
	sum := g.prior
	until[priorMove] = sum
	for i, chance := range g.shrink {
		if len(g.free) > 0 {
			sum += chance
		}
		until[shrinkMove+i] = sum
	}
	var counts [moveKinds]int
	for j := range b.kind[:n] {
		u := b.random.Float64()
		kind := differenceMove
		if u < sum {
			for kind = priorMove; u >= until[kind]; kind++ {
			}
		}
		b.kind[j] = uint8(kind)
		counts[kind]++
	}
	var next [moveKinds]int
	for kind := 1; kind < moveKinds; kind++ {
		next[kind] = next[kind-1] + counts[kind-1]
	}
	first := next
	for j, kind := range b.kind[:n] {
		b.groups[next[kind]] = int32(j)
		next[kind]++
	}
	for kind := range moveKinds {
		group := b.groups[first[kind]:next[kind]]
		switch kind {
		case differenceMove:
			g.difference(b, group)
		case priorMove:
			g.samplePrior(b, group)
		default:
			g.towardsMean(b, group, shrinks[kind-shrinkMove])
		}
	}
}

func (g *crowd) samplePrior(b *block, group []int32) {
	for k := range g.axes {
		for _, j := range group {
			b.after[k][j] = g.axes[k].coordinate(g.axes[k].prior.Sample(b.random))
		}
	}
}

// towardsMean makes shrinkMoves by the factor a.
func (g *crowd) towardsMean(b *block, group []int32, a float64) {
	n := len(group)
	ratio := b.ratio[:n]
	clear(ratio)
	other := math.Sqrt(1 - a*a)
	free := len(g.free)
	for row, k := range g.free { // the displacement from the mean is L e
		e, root := b.e[row][:n], g.root[row*free:row*free+row+1]
		from, mean := b.after[k], g.mean[k]
		for i, j := range group {
			e[i] = from[j] - mean
		}
		for column, l := range root[:row] {
			for i, v := range b.e[column][:n] {
				e[i] -= l * v
			}
		}
		for i := range e {
			e[i] /= root[row]
		}
	}
	for row := range g.free {
		e := b.e[row][:n]
		for i, before := range e {
			after := a*before + other*b.random.NormFloat64()
			e[i] = after
			ratio[i] += 0.5 * (after*after - before*before)
		}
	}
	for row, k := range g.free {
		root := g.root[row*free : row*free+row+1]
		to, mean := b.after[k], g.mean[k]
		for _, j := range group {
			to[j] = mean
		}
		for column, l := range root {
			e := b.e[column][:n]
			for i, j := range group {
				to[j] += l * e[i]
			}
		}
	}
	for i, j := range group {
		b.need[j] -= ratio[i]
	}
}

// difference makes differenceMoves.
func (g *crowd) difference(b *block, group []int32) {
	n := uint64(len(g.points[0]))
	for _, at := range group {
		u := b.random.Uint64()
		i, j := u>>32*n>>32, u&math.MaxUint32*n>>32
		factor := g.jump
		switch b.random.Uint64() % 8 {
		case 0:
			factor = 1 // from mode to mode
		case 1:
			factor *= 0.1
		case 2, 3:
			factor *= 0.4
		case 4:
			factor *= 3 // for a crowd that is narrower than the posterior
		}
		for k := range g.axes {
			step := factor * (g.points[k][i] - g.points[k][j])
			if g.axes[k].values != nil {
				if b.random.IntN(4) == 0 {
					b.after[k][at] = float64(b.random.IntN(len(g.axes[k].values)))
					continue
				}
				step = math.Round(step) // odd, so that the way back has the same probability
			}
			b.after[k][at] += step
		}
	}
}
