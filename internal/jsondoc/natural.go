package jsondoc

import (
	"cmp"
	"math/bits"
)

// natural is a natural number in 64-bit words, the lowest first. The two that
// compareMidpoint compares are about equal, and the larger one has 769 digits or is 5 to
// the 1100, times 54 bits: 2610 bits.
type natural struct {
	words [42]uint64
	n     int // number of words in use
}

// mulAdd multiplies the number by a factor and adds more to it.
func (x *natural) mulAdd(factor, more uint64) {
	for i := range x.n {
		hi, lo := bits.Mul64(x.words[i], factor)
		var carry uint64
		x.words[i], carry = bits.Add64(lo, more, 0)
		more = hi + carry
	}
	if more > 0 {
		x.words[x.n] = more
		x.n++
	}
}

// setDigits sets the number, which must be 0, to the digits of whole followed by those of
// fraction, and returns how many it used. Digits beyond maxSignificant count as a
// single 1 unless they are all zeros.
func (x *natural) setDigits(whole, fraction []byte) int {
	n := 0
	w, power := uint64(0), uint64(1)
	for _, part := range [2][]byte{whole, fraction} {
		for i, c := range part {
			if n >= maxSignificant {
				if n == maxSignificant && leadingZeros(part[i:]) < len(part)-i {
					w, power = w*10+1, power*10
					n++
				}
				break
			}
			w, power = w*10+uint64(c-'0'), power*10
			n++
			if power == 1e18 {
				x.mulAdd(power, w)
				w, power = 0, 1
			}
		}
	}
	x.mulAdd(power, w)
	return n
}

// mulPowerOf5 multiplies the number by 5 to the e.
func (x *natural) mulPowerOf5(e int) {
	const step = 27 // 5 to the 27 fits 64 bits
	for ; e >= step; e -= step {
		x.mulAdd(7450580596923828125, 0)
	}
	power := uint64(1)
	for range e {
		power *= 5
	}
	x.mulAdd(power, 0)
}

func (x *natural) shiftLeft(n int) {
	words, rest := n/64, n%64
	if rest > 0 {
		x.mulAdd(1<<rest, 0)
	}
	if words > 0 {
		copy(x.words[words:], x.words[:x.n])
		clear(x.words[:words])
		x.n += words
	}
}

func (x *natural) compare(y *natural) int {
	if x.n != y.n {
		return cmp.Compare(x.n, y.n)
	}
	for i := x.n - 1; i >= 0; i-- {
		if x.words[i] != y.words[i] {
			return cmp.Compare(x.words[i], y.words[i])
		}
	}
	return 0
}
