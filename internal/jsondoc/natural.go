package jsondoc

import (
	"cmp"
	"math"
	"math/bits"
)

// manyDigits is how many digits of a number are looked at one by one: no double, and
// no middle of two, has more than 767 significant ones, so of the rest it only matters
// whether it is 0.
const manyDigits = 768

// compareMiddle compares a number with the middle of the double low and the next
// larger one, to which it is nearer than to any other middle: -1 is below, 0 equal, 1
// above. The number is 0.ddd… times ten to the point, its digits those of whole and of
// fraction behind it, the first of them not 0.
//
// Both are made integers: the digits times powers of 5 and 2 on the one side, the
// middle times such on the other. The time is linear in the digits, and bounded but for
// a look whether the rest is 0.
func compareMiddle(low float64, whole, fraction []byte, point int) int {
	b := math.Float64bits(low)
	m, q := b&(1<<52-1), int(b>>52)
	if q > 0 {
		m |= 1 << 52
	} else {
		q = 1
	}
	m, q = 2*m+1, q-1076
	var number, middle natural
	n := number.setDigits(whole, fraction)
	middle.mulAdd(1, m)
	// As low is neither infinite nor below 0, e is from -1100 to 310.
	e := point - n
	if e >= 0 {
		number.mulPowerOf5(e)
	} else {
		middle.mulPowerOf5(-e)
	}
	if q > e {
		middle.shiftLeft(q - e)
	} else {
		number.shiftLeft(e - q)
	}
	return number.compare(&middle)
}

// natural is a natural number, in words of 64 bits from the lowest on. The two that
// compareMiddle compares are about equal, and the larger one of them has 769 digits or is
// 5 to the 1100, times 54 bits: 2610 bits.
type natural struct {
	words [42]uint64
	n     int // words in use
}

// mulAdd multiplies the number by a factor and adds to it.
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

// setDigits sets the number, which is 0, to the digits of two texts one behind the
// other, and returns how many it took: those beyond manyDigits count as a single 1,
// unless they are zeros.
func (x *natural) setDigits(whole, fraction []byte) int {
	n := 0
	w, power := uint64(0), uint64(1)
	for _, part := range [2][]byte{whole, fraction} {
		for i, c := range part {
			if n >= manyDigits {
				if n == manyDigits && leadingZeros(part[i:]) < len(part)-i {
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

func (x *natural) mulPowerOf5(e int) {
	const most = 27 // 5 to it fits 64 bits
	for ; e >= most; e -= most {
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
