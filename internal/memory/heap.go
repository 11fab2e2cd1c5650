package memory

import (
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"unsafe"
)

const (
	// pageSize is the unit of Go's heap (runtime.pageSize).
	pageSize = 8192
	// pageCacheSize is how many bytes of free pages Go may cache for each P
	// (runtime.pageCachePages).
	pageCacheSize = 64 * pageSize
	// pageBatch is how many pages are allocated between two readings of the statistics.
	pageBatch = 64
	// runSpare is how much longer than the block a free run must be, because small blocks
	// may be allocated at its beginning between the search and the block.
	runSpare = maxSmallBlocks + pageCacheSize
	// maxSmallBlocks is how many bytes of small blocks are accepted in that time.
	maxSmallBlocks = probeThreshold / 2
	// attempts is how often a run is searched for.
	attempts = 3
	// maxRuns is how many runs are examined; a heap with more is too fragmented.
	maxRuns = 1024
)

// page is an object that occupies one page of the heap, including the header of 8 bytes
// that Go adds to an object with pointers.
type page struct {
	next *page
	_    [pageSize - 8 - unsafe.Sizeof(uintptr(0))]byte
}

// run is a contiguous part of Go's heap.
type run struct{ from, to uintptr }

// findFreeRun reports whether Go's heap has n contiguous free bytes, so that a block of that
// size can be allocated next without memory from the system.
//
// Go's runtime reports how much of the heap is free, but not where. So this function
// allocates single pages, for which any free page is good enough, until there are enough
// adjacent ones, and then lets the collector free them. That takes about as long as
// writing the block, or the whole free heap if it is fragmented, plus two collections.
//
// Other goroutines may allocate small blocks at the same time, and some memory is left for
// them. The caller has set GOMAXPROCS to 1, because each other P may cache free pages in the
// middle of a run.
func findFreeRun(n int) bool {
	runtime.GC()
	var now heapStats
	now.read()
	if n > now.free()-2*runSpare {
		return false
	}
	if !canReuse(now.free()) {
		debug.FreeOSMemory()
		return probe(n+arena) == nil
	}
	// A collection may free memory that split a run: of pools, and of the collector itself.
	for range attempts {
		found := allocateRun(n+runSpare, runSpare)
		now.read()
		before := now.allocated()
		runtime.GC()
		now.read()
		// Small blocks that were allocated since may be in the run.
		if found && now.allocated()-before < maxSmallBlocks {
			return true
		}
	}
	return false
}

// allocateRun allocates pages until n bytes of them are contiguous, and reports whether
// that succeeded. All are garbage afterwards. It stops when less than spare bytes are free,
// and allocates nothing else, which could end up between the pages.
//
//go:noinline
func allocateRun(n, spare int) bool {
	var pages *page
	runs := make([]run, 0, maxRuns)
	var now heapStats
	for now.read(); now.free() >= spare && len(runs) < maxRuns-pageBatch; now.read() {
		for range pageBatch {
			pages = &page{next: pages}
			from := uintptr(unsafe.Pointer(pages)) &^ (pageSize - 1)
			if last := len(runs) - 1; last >= 0 && runs[last].to == from {
				runs[last].to += pageSize
			} else {
				runs = append(runs, run{from, from + pageSize})
			}
		}
		runs = mergeRuns(runs)
		if longestRun(runs) >= uintptr(n) {
			runtime.KeepAlive(pages)
			return true
		}
	}
	return false
}

// mergeRuns sorts the runs, which are mostly in order, and merges adjacent ones. A sort of
// package slices would make the library's file larger.
func mergeRuns(runs []run) []run {
	for i := range runs {
		for ; i > 0 && runs[i].from < runs[i-1].from; i-- {
			runs[i], runs[i-1] = runs[i-1], runs[i]
		}
	}
	merged := runs[:0]
	for _, r := range runs {
		if last := len(merged) - 1; last >= 0 && merged[last].to == r.from {
			merged[last].to = r.to
		} else {
			merged = append(merged, r)
		}
	}
	return merged
}

func longestRun(runs []run) uintptr {
	most := uintptr(0)
	for _, r := range runs {
		most = max(most, r.to-r.from)
	}
	return most
}

// heapStats are the statistics of Go's heap.
type heapStats [3]metrics.Sample

func (r *heapStats) read() {
	r[0].Name = "/memory/classes/heap/free:bytes"     // backed by memory
	r[1].Name = "/memory/classes/heap/released:bytes" // only addresses: the memory was returned to the system
	r[2].Name = "/gc/heap/allocs:bytes"
	metrics.Read(r[:])
}

func (r *heapStats) value(i int) int64 {
	if r[i].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return int64(r[i].Value.Uint64())
}

// free returns how many bytes are free, contiguous or not.
func (r *heapStats) free() int { return int(min(r.value(0)+r.value(1), math.MaxInt)) }

// allocated returns how many bytes were allocated since the process started.
func (r *heapStats) allocated() int64 { return r.value(2) }
