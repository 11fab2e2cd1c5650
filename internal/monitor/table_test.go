package monitor

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// randomTable returns a table as a hostile run makes one.
func randomTable(random *rand.Rand) *table {
	t := newTable(3, 2)
	number := int64(0)
	widths := [3]int{random.IntN(maxSettings + 1), random.IntN(maxChannels + 1), random.IntN(maxChannels + 1)}
	for range random.IntN(5000) {
		switch random.IntN(8) {
		case 0:
			number += random.Int64N(1000)
		case 1: // the same number again
		default:
			number++
		}
		cells := make([][]float64, 3)
		for g := range cells {
			cells[g] = make([]float64, random.IntN(widths[g]+1))
			for i := range cells[g] {
				cells[g][i] = randomNumber(random)
			}
		}
		t.add(number, cells...)
	}
	return &t
}

func randomNumber(random *rand.Rand) float64 {
	switch random.IntN(20) {
	case 0:
		return math.NaN()
	case 1:
		return math.Inf(1)
	case 2:
		return math.Inf(-1)
	case 3:
		return random.NormFloat64() * 1e300
	case 4:
		return 0
	}
	return random.NormFloat64()
}

// finiteExtremes returns the least and the greatest finite number of some rows of a column.
func finiteExtremes(c cells, rows []int) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, row := range rows {
		if !math.IsInf(c[row], 0) && !math.IsNaN(c[row]) {
			low, high = min(low, c[row]), max(high, c[row])
		}
	}
	return low, high
}

// Of any table and any range, pick returns rows in ascending order, not more than it may, with
// the first, the last, and the extremes of every key column.
func TestPickKeepsExtremes(t *testing.T) {
	for seed := range uint64(100) {
		random := rand.New(rand.NewPCG(seed, 1))
		table := randomTable(random)
		from := random.Int64N(3000)
		begin, end := table.between(from, from+random.Int64N(200_000))
		most := MinPoints + random.IntN(1000)
		picked := table.pick(begin, end, most)
		if len(picked) > most || !slices.IsSorted(picked) || len(slices.Compact(slices.Clone(picked))) != len(picked) {
			t.Fatalf("seed %d: %d of at most %d rows, sorted %v", seed, len(picked), most, slices.IsSorted(picked))
		}
		if end-begin <= most && len(picked) != end-begin {
			t.Fatalf("seed %d: %d of %d rows, which all fit", seed, len(picked), end-begin)
		}
		if end == begin {
			continue
		}
		if picked[0] != begin || picked[len(picked)-1] != end-1 {
			t.Fatalf("seed %d: rows %d to %d of %d to %d", seed, picked[0], picked[len(picked)-1], begin, end-1)
		}
		every := make([]int, end-begin)
		for i := range every {
			every[i] = begin + i
		}
		for i, c := range table.keyColumns() {
			low, high := finiteExtremes(c, every)
			pickedLow, pickedHigh := finiteExtremes(c, picked)
			if low != pickedLow || high != pickedHigh {
				t.Fatalf("seed %d, column %d: extremes %v and %v, of %v and %v", seed, i, pickedLow, pickedHigh, low, high)
			}
		}
	}
}

// thin leaves out half of the rows, in any number of rounds, and keeps the extremes.
func TestThinKeepsExtremes(t *testing.T) {
	for seed := range uint64(30) {
		random := rand.New(rand.NewPCG(seed, 2))
		table := randomTable(random)
		every := func() []int { return table.pick(0, table.rows(), math.MaxInt) }
		type extremes struct{ low, high float64 }
		all := func() (found []extremes) {
			for _, c := range table.keyColumns() {
				low, high := finiteExtremes(c, every())
				found = append(found, extremes{low, high})
			}
			return found
		}
		before := all()
		for table.rows() > MinPoints {
			rows := table.rows()
			table.thin()
			if table.rows() > max(rows/2, MinPoints) || !slices.IsSorted(table.number) {
				t.Fatalf("seed %d: %d of %d rows are left", seed, table.rows(), rows)
			}
		}
		if !slices.Equal(all(), before) {
			t.Fatalf("seed %d: extremes are lost", seed)
		}
	}
}

// The points are spread over the whole range, also where earlier rows were left out.
func TestPickCoversTheRange(t *testing.T) {
	table := newTable(3, 2)
	random := rand.New(rand.NewPCG(1, 3))
	for i := range int64(200_000) {
		table.add(i+1, []float64{random.Float64()}, []float64{random.NormFloat64()}, nil)
		if i == 100_000 {
			table.thin()
			table.thin()
		}
	}
	quarters := [4]int{}
	for _, row := range table.pick(0, table.rows(), 2000) {
		quarters[(table.number[row]-1)/50_000]++
	}
	for i, n := range quarters {
		if n < 250 || n > 850 {
			t.Errorf("quarter %d has %d points: %v", i+1, n, quarters)
		}
	}
}

func BenchmarkFrameOf100000(b *testing.B) {
	m := New("", nil)
	k := newTalk(b, m)
	k.newRun()
	random := rand.New(rand.NewPCG(1, 4))
	for range 100_000 {
		m.runs[0].measure([]float64{random.Float64()}, []float64{random.NormFloat64()}, []float64{1})
	}
	h := newHub(m)
	for b.Loop() {
		m.version.Add(1)
		if _, err := h.frame(Query{Points: defaultPoints}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkExchange(b *testing.B) {
	m := New("", nil)
	k := newTalk(b, m)
	k.newRun()
	for b.Loop() {
		k.measure("[2.871]", "[0.9934]", "[0.005]")
	}
}
