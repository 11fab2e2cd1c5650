package jsondoc

import (
	"math"

	"libobe/internal/memory"
)

// bracketSpare is space for the brackets around a list and its rows, with separators.
const bracketSpare = 8

// grow returns dst with space for n more bytes, and for some brackets and separators.
// The capacity at least doubles, so that many small additions take linear time. Unlike
// slices.Grow it does not clear new memory, which therefore costs nothing until it is
// written to. It panics with memory.ErrMemory.
func grow(dst []byte, n int64) []byte {
	// In 64 bits, because an int may have 32. MustMake refuses what does not fit an int.
	n = min(n, math.MaxInt-bracketSpare-int64(len(dst)))
	need := int64(len(dst)) + n + bracketSpare
	if int64(cap(dst)) >= need {
		return dst
	}
	const limit = math.MaxInt - 1<<27
	size := max(need, min(2*int64(cap(dst)), limit))
	return append(memory.MustMake[byte](0, int(size)), dst...)
}
