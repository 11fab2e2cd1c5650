package wire

import (
	"errors"
	"fmt"
	"math"
	"testing"
)

// A length that does not fit an int is refused, whatever the limit.
func TestCheckLengthBeyondInt(t *testing.T) {
	for _, n := range []int64{math.MaxInt32, math.MaxInt32 + 1, math.MaxUint32 + 100, MaxLength, MaxLength + 1} {
		want := n > math.MaxInt || n > MaxLength
		if err := CheckLength(n, math.MaxInt64); (err != nil) != want || err != nil && !errors.Is(err, ErrTooLarge) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

// Each capacity is larger than what has arrived and within the bound, and the last one is
// exact, for bodies up to the largest that fits an int.
func TestNextCapacityOfLargeBodies(t *testing.T) {
	for _, need := range []int{1, readAhead, readAhead + 1, 64 << 20, 256<<20 - 1, 256 << 20, 256<<20 + 1, 300 << 20, 1 << 30, math.MaxInt - 64, math.MaxInt} {
		have := 0
		for steps := 0; have < need; steps++ {
			size := nextCapacity(have, need)
			if size <= have || size > need || size > readAhead && (size-1)/growthFactor >= have+growthFactor || steps > 20 {
				t.Fatalf("%d bytes, %d of which have arrived: capacity %d in step %d", need, have, size, steps)
			}
			have = size
		}
		for _, have := range []int{0, 1, need / 9, need / 8, need / 2, need - 1} {
			if size := nextCapacity(have, need); have < need && size <= have || size > need {
				t.Errorf("%d bytes, %d of which have arrived: capacity %d", need, have, size)
			}
		}
	}
}

// zeros is a stream of a header and then of endless zeros.
type zeros struct {
	header string
	reads  int
}

func (z *zeros) Read(p []byte) (int, error) {
	if z.reads++; z.reads > 1000 {
		return 0, errors.New("too many reads")
	}
	n := copy(p, z.header)
	if z.header = z.header[n:]; n > 0 {
		return n, nil
	}
	return len(p), nil
}

// The memory of a body grows beyond 256 MiB, where a capacity times growthFactor does not
// fit 31 bits.
func TestBodyOf300MiB(t *testing.T) {
	const size = 300 << 20
	r := Reader{Limit: size}
	body, err := r.Next(&zeros{header: fmt.Sprintf("%010d", size)}, nil)
	if err != nil || len(body) != size {
		t.Errorf("%d bytes (%v)", len(body), err)
	}
}
