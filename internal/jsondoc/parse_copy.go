package jsondoc

import (
	"bytes"

	"libobe/internal/memory"
)

const (
	// copyPart is how much of a text is copied at a time: it fits into the cache of a processor.
	copyPart = 128 << 10
	// minParse is how many bytes of a text are worth a goroutine that copies and validates them.
	minParse = 512 << 10
)

// ParseCopy validates a text and returns a copy of it as a document. It validates each part of the copy while that is in the
// processor's cache. A long text is divided among CPUs. It panics like memory.MustMake.
func ParseCopy(text []byte) (*Document, error) {
	parts := 1
	if hasVectors {
		parts = goroutines(len(text) / minParse)
	}
	offsets := make([]int, parts-1)
	for i := range offsets {
		offsets[i] = len(text) / parts * (i + 1)
	}
	return parseParts(text, offsets)
}

// parseParts is ParseCopy of a text that is divided at offsets, which ascend. The first part is validated from its beginning.
// What the others begin with is not known yet. Each is taken for a part of an array of numbers, and validated from a
// comma on as far as it is one. That counts if the text before turns out to end in an array.
func parseParts(text []byte, offsets []int) (*Document, error) {
	copied := memory.MustMake[byte](0, len(text))[:len(text)]
	cuts := append(append([]int{0}, offsets...), len(text))
	from, to := make([]int, len(cuts)), make([]int, len(cuts)) // the numbers in each part but the first
	var v Validator
	parallel(len(cuts)-1, func(i int) {
		part, into := text[cuts[i]:cuts[i+1]], copied[cuts[i]:cuts[i+1]]
		if i == 0 {
			v.copyFeed(into, part)
			return
		}
		first, end := copyNumbers(into, part)
		from[i], to[i] = cuts[i]+first, cuts[i]+end
	})
	at := cuts[1]
	for i := 1; i < len(cuts)-1; i++ {
		_ = v.Feed(copied[at:from[i]], false) // after an error, the last Feed returns it
		at = from[i]
		if v.state == value { // so the comma before it is in an array
			at = to[i]
			v.offset += int64(to[i] - from[i])
		}
	}
	if err := v.Feed(copied[at:], true); err != nil {
		return nil, err
	}
	return FromValid(copied), nil
}

// copyFeed copies a part of a text and feeds the validator with it, up to an error.
func (v *Validator) copyFeed(dst, part []byte) {
	for at := 0; at < len(part); {
		n := copy(dst[at:], part[at:min(at+copyPart, len(part))])
		if v.Feed(dst[at:at+n], false) != nil {
			return
		}
		at += n
	}
}

// copyNumbers copies a part of a text. It returns where numbers of an array begin in it, after its first comma, and the end of
// those that are validated.
func copyNumbers(dst, part []byte) (from, to int) {
	from = bytes.IndexByte(part, ',') + 1
	to = from
	valid := from > 0
	for at := 0; at < len(part); {
		at += copy(dst[at:], part[at:min(at+copyPart, len(part))])
		if valid && at > to {
			end := numbers(dst[:at], to)
			valid, to = end > to, end
		}
	}
	return from, to
}
