package monitor

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// memoryOf returns how many bytes of the heap a function leaves in use.
func memoryOf(f func()) uint64 {
	inUse := func() uint64 {
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	before := inUse()
	f()
	return max(inUse(), before) - before
}

// maxMemory returns how many bytes the numbers of a model take, with what append reserves, and
// 1 MiB for all else.
func maxMemory(m *Model) uint64 { return 2*8*uint64(m.most) + 1<<20 }

// fill measures until the tables of a model are as large as they may be.
func fill(m *Model, r *run) {
	for i := range m.most / 4 {
		m.change(r, func(r *run) { r.measure([]float64{float64(i)}, []float64{1}, []float64{1}) })
	}
}

// A long run that measures more values from some time on does not get a cell for each of them in
// every row.
func TestMemoryOfWideRun(t *testing.T) {
	m := New("", nil)
	k := newTalk(t, m)
	k.newRun()
	used := memoryOf(func() {
		fill(m, m.runs[0])
		wide := "[" + strings.Repeat("1,", 99) + "1]"
		k.measure(wide, wide, wide)
	})
	if used > maxMemory(m) {
		t.Errorf("%d bytes", used)
	}
	f := frameOf(t, m, Query{}).Run
	last := len(f.Points.Number) - 1
	if f.Points.Number[last] != f.Measurements || f.Points.Settings[maxSettings-1][last] != 1 || f.Points.Sigma[maxChannels-1][last] != 1 {
		t.Errorf("the last row is lost: %d of %d", f.Points.Number[last], f.Measurements)
	}
}

// Runs that are thinned again and again, as others follow, give their memory back.
func TestMemoryOfManyRuns(t *testing.T) {
	m := New("", nil)
	m.most = maxNumbers / 8 // the same for an eighth of the time
	k := newTalk(t, m)
	used := memoryOf(func() {
		for i := range 8 {
			k.newRun()
			fill(m, m.runs[i])
		}
	})
	if used > maxMemory(m) {
		t.Errorf("%d bytes", used)
	}
	runtime.KeepAlive(m)
}

// Commands with long names that wait for their replies are not kept whole.
func TestMemoryOfNames(t *testing.T) {
	m := New("", nil)
	k := newTalk(t, m)
	k.kept = true
	long := strings.Repeat("x", 100_000)
	used := memoryOf(func() {
		for i := range 1000 {
			k.begin(fmt.Sprintf(`{"command": "%s%d"}`, long, i))
		}
	})
	if used > 10<<20 {
		t.Errorf("%d bytes", used)
	}
	k.end(`{"error": "no"}`)
	if last := frameOf(t, m, Query{}).Errors.Last.Text; !strings.HasSuffix(last, ": no") || len(last) > 2*maxName {
		t.Errorf("the error has %d bytes", len(last))
	}
}
