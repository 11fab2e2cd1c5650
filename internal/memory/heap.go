package memory

import (
	"cmp"
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"unsafe"
)

const (
	// pageSize is the unit of Go's heap (runtime.pageSize).
	pageSize = 8192
	// cached is how many bytes of free pages Go may set aside for a processor
	// (runtime.pageCachePages).
	cached = 64 * pageSize
	// pagesAtOnce is how many pages are taken before it is looked what is free.
	pagesAtOnce = 64
	// rowSpare is how much longer than the block a row has to be: small blocks may be made
	// between the search and the block, at the row's beginning.
	rowSpare = mostMade + cached
	// mostMade is how many bytes of small blocks are accepted in that time.
	mostMade = large / 2
	// attempts is how often a row is looked for.
	attempts = 3
	// manyRuns is a heap in such small pieces that no more are looked at.
	manyRuns = 1024
)

// page is an object that takes a page: with a header of 8 bytes, which Go puts before
// one with pointers.
type page struct {
	next *page
	_    [pageSize - 8 - unsafe.Sizeof(uintptr(0))]byte
}

// run is a piece of Go's heap.
type run struct{ from, to uintptr }

// inHeap reports whether Go's heap has n free bytes in a row, so that a block of that size
// that is made next needs nothing of the system. Go tells how much is free, and not how it
// lies. So pages are taken one by one, for which any free page will do, until there are
// enough in a row; then they are given back. It takes about as long as to fill the block,
// or the free heap if that is in pieces, and two collections of garbage.
//
// Small blocks may be made at the same time: some room is left for them. The caller has
// left one processor only, as others set free pages aside, each in the middle of a row.
func inHeap(n int) bool {
	runtime.GC()
	var now reading
	now.read()
	if n > now.free()-2*rowSpare {
		return false
	}
	if !usable(now.free()) {
		debug.FreeOSMemory()
		return ask(n+arena) == nil
	}
	// What lies in the middle may be gone after a collection: memory of the collector
	// itself, and of pools.
	for range attempts {
		found := takeRow(n+rowSpare, rowSpare)
		now.read()
		before := now.made()
		runtime.GC()
		now.read()
		// Small blocks that were made since may lie in the row.
		if found && now.made()-before < mostMade {
			return true
		}
	}
	return false
}

// takeRow takes pages until there are n bytes in a row, and reports whether there were. All
// are garbage afterwards. It stops when less than spare is free, and makes nothing else
// meanwhile, which might come to lie between the pages.
//
//go:noinline
func takeRow(n, spare int) bool {
	var pages *page
	runs := make([]run, 0, manyRuns)
	var now reading
	for now.read(); now.free() >= spare && len(runs) < manyRuns-pagesAtOnce; now.read() {
		for range pagesAtOnce {
			pages = &page{next: pages}
			from := uintptr(unsafe.Pointer(pages)) &^ (pageSize - 1)
			if last := len(runs) - 1; last >= 0 && runs[last].to == from {
				runs[last].to += pageSize
			} else {
				runs = append(runs, run{from, from + pageSize})
			}
		}
		runs = join(runs) // pages come in order mostly
		if longest(runs) >= uintptr(n) {
			runtime.KeepAlive(pages)
			return true
		}
	}
	return false
}

// join puts the runs in order and makes one of those that touch.
func join(runs []run) []run {
	slices.SortFunc(runs, func(a, b run) int { return cmp.Compare(a.from, b.from) })
	joined := runs[:0]
	for _, r := range runs {
		if last := len(joined) - 1; last >= 0 && joined[last].to == r.from {
			joined[last].to = r.to
		} else {
			joined = append(joined, r)
		}
	}
	return joined
}

func longest(runs []run) uintptr {
	most := uintptr(0)
	for _, r := range runs {
		most = max(most, r.to-r.from)
	}
	return most
}

// reading is what Go's runtime tells of its heap.
type reading [3]metrics.Sample

func (r *reading) read() {
	r[0].Name = "/memory/classes/heap/free:bytes"     // with memory
	r[1].Name = "/memory/classes/heap/released:bytes" // the system has the memory back
	r[2].Name = "/gc/heap/allocs:bytes"
	metrics.Read(r[:])
}

func (r *reading) value(i int) int64 {
	if r[i].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return int64(r[i].Value.Uint64())
}

// free returns how many bytes are free, in whatever pieces.
func (r *reading) free() int { return int(min(r.value(0)+r.value(1), math.MaxInt)) }

// made returns how many bytes were ever made.
func (r *reading) made() int64 { return r.value(2) }
