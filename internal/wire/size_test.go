package wire

import (
	"errors"
	"fmt"
	"math"
	"testing"
)

// A length that an int does not hold is none to take, whatever the limit is.
func TestLengthsBeyondWhatAProcessHolds(t *testing.T) {
	for _, n := range []int64{math.MaxInt32, math.MaxInt32 + 1, math.MaxUint32 + 100, MaxLength, MaxLength + 1} {
		want := n > math.MaxInt || n > MaxLength
		if err := CheckLength(n, math.MaxInt64); (err != nil) != want || err != nil && !errors.Is(err, ErrTooLarge) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

// Each step is larger than what is there, within the bound, and the last one exact, up to
// the largest body that an int holds.
func TestStepsOfLargeBodies(t *testing.T) {
	for _, need := range []int{1, readAhead, readAhead + 1, 64 << 20, 256<<20 - 1, 256 << 20, 256<<20 + 1, 300 << 20, 1 << 30, math.MaxInt - 64, math.MaxInt} {
		have := 0
		for steps := 0; have < need; steps++ {
			size := step(have, need)
			if size <= have || size > need || size > readAhead && (size-1)/growth >= have+growth || steps > 20 {
				t.Fatalf("%d bytes, %d of which are there: %d in step %d", need, have, size, steps)
			}
			have = size
		}
		for _, have := range []int{0, 1, need / 9, need / 8, need / 2, need - 1} {
			if size := step(have, need); have < need && size <= have || size > need {
				t.Errorf("%d bytes, %d of which are there: %d", need, have, size)
			}
		}
	}
}

// zeros is a stream of a header and then of nothing but zeros.
type zeros struct {
	header string
	reads  int
}

func (z *zeros) Read(p []byte) (int, error) {
	if z.reads++; z.reads > 1000 {
		return 0, errors.New("there is no end to it")
	}
	n := copy(p, z.header)
	if z.header = z.header[n:]; n > 0 {
		return n, nil
	}
	return len(p), nil
}

// The memory of a body grows beyond 256 MiB, where the steps times their growth are more
// than 31 bits.
func TestBodyOf300MiB(t *testing.T) {
	const size = 300 << 20
	r := Reader{Limit: size}
	body, err := r.Next(&zeros{header: fmt.Sprintf("%010d", size)}, nil)
	if err != nil || len(body) != size {
		t.Errorf("%d bytes (%v)", len(body), err)
	}
}
