package memory

import (
	"bytes"
	"errors"
	"math"
	"runtime"
	"testing"
)

func TestMake(t *testing.T) {
	for _, n := range []int{0, 1, probeThreshold - 1, probeThreshold, 100 << 20} {
		if block, err := Make[byte](n/2, n); err != nil || len(block) != n/2 || cap(block) != n {
			t.Errorf("%d bytes: %d of %d (%v)", n, len(block), cap(block), err)
		}
	}
	if block, err := Make[struct{}](5, 5); err != nil || len(block) != 5 {
		t.Errorf("items of size 0: %d (%v)", len(block), err)
	}
	for _, n := range []int{-1, math.MinInt, math.MaxInt, math.MaxInt - arena, math.MaxInt/8 + 1, math.MaxInt / 4} {
		if block, err := Make[float64](0, n); !errors.Is(err, ErrMemory) || block != nil {
			t.Errorf("%d numbers: %v", n, err)
		}
		if block, err := Make[[]byte](0, n); !errors.Is(err, ErrMemory) || block != nil {
			t.Errorf("%d slices: %v", n, err)
		}
	}
}

// A block that is to be appended to has its whole capacity, and shares it with no other.
func TestMakeForAppending(t *testing.T) {
	for _, n := range []int{1, smallBlock - 1, smallBlock, probeThreshold, hugeBlock + 1, paddedBlock + 1} {
		var blocks [3][]byte
		for i := range blocks {
			block, err := Make[byte](0, n)
			if err != nil || len(block) != 0 || cap(block) != n {
				t.Fatalf("%d bytes: %d of %d (%v)", n, len(block), cap(block), err)
			}
			blocks[i] = append(block, bytes.Repeat([]byte{byte(i + 1)}, n)...)
			if &block[:1][0] != &blocks[i][0] {
				t.Fatalf("%d bytes: appending moves them", n)
			}
			runtime.GC()
		}
		for i, block := range blocks {
			if bytes.Count(block, []byte{byte(i + 1)}) != n {
				t.Errorf("block %d of %d bytes was changed", i, n)
			}
		}
	}
	for range 20 { // in memory that was used before
		block, err := Make[byte](1<<20, 2<<20)
		if err != nil || bytes.Count(block, []byte{0}) != len(block) {
			t.Fatalf("the length is not cleared (%v)", err)
		}
		block = block[:cap(block)]
		for i := range block {
			block[i] = 1
		}
	}
}

func TestReserveRefusesOverflow(t *testing.T) {
	if err := Reserve(1 << 20); err != nil {
		t.Error(err)
	}
	for _, n := range []int{math.MaxInt, -1, math.MinInt} {
		if err := Reserve(n); !errors.Is(err, ErrMemory) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

func TestAdjacentRunsAreMerged(t *testing.T) {
	runs := mergeRuns([]run{{40, 50}, {10, 20}, {30, 40}, {0, 10}, {60, 70}})
	if len(runs) != 3 || runs[0] != (run{0, 20}) || runs[1] != (run{30, 50}) || longestRun(runs) != 20 {
		t.Errorf("%v", runs)
	}
}

// A free run of the heap is found, and none that is longer than the free heap.
func TestFreeRunOfTheHeapIsFound(t *testing.T) {
	const n = 64 << 20
	block := make([]byte, n)
	block[n-1] = 1
	block = nil
	if !findFreeRun(n / 2) {
		t.Errorf("half of %d free bytes is not found", n)
	}
	var now heapStats
	now.read()
	if size := now.free() + 1; findFreeRun(size) {
		t.Errorf("a run of %d bytes, more than are free, is found", size)
	}
	_ = block
}
