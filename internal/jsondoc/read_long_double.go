package jsondoc

import (
	"bytes"
	"math"
	"math/bits"
)

// readLong returns a number of more than maxDigits digits: those of mantissa, which
// may contain a point, times ten to the x.
func readLong(mantissa []byte, x int64) float64 {
	whole, fraction, _ := bytes.Cut(mantissa, []byte{'.'})
	point := int64(len(whole)) // number of digits before the point
	if whole[0] == '0' {
		whole, point = nil, -int64(leadingZeros(fraction))
		fraction = fraction[-point:]
	}
	switch point += x; {
	case point < -323:
		return 0
	case point > 309:
		return math.Inf(1)
	}
	w, more, power := uint64(0), uint64(0), uint64(1)
	n := 0
	for _, part := range [2][]byte{whole, fraction} {
		for _, c := range part[:min(len(part), 2*maxDigits-n)] {
			if n < maxDigits {
				w = w*10 + uint64(c-'0')
			} else {
				more, power = more*10+uint64(c-'0'), power*10
			}
			n++
		}
	}
	hi, lo := bits.Mul64(w, power)
	lo, carry := bits.Add64(lo, more, 0)
	low, up, ok := scaleLong(hi+carry, lo, int(point)-n)
	if !ok {
		c := compareMidpoint(low, whole, fraction, int(point))
		up = c > 0 || c == 0 && math.Float64bits(low)&1 == 1 // a tie rounds to even
	}
	if up {
		return math.Float64frombits(math.Float64bits(low) + 1)
	}
	return low
}

// scaleLong is scale for up to 38 digits, hi and lo. They are the first digits of a number
// in units of ten to the e, and more digits may follow. It returns the double at or below
// the number, and whether the next double is nearer. It is not ok if these digits do not
// decide that: the number is the midpoint of two doubles or very close to it.
func scaleLong(hi, lo uint64, e int) (low float64, up, ok bool) {
	lz := bits.LeadingZeros64(hi)
	if hi == 0 {
		hi, lo = lo, 0
		lz += bits.LeadingZeros64(hi)
	}
	hi, lo = hi<<(lz%64)|lo>>(64-lz%64), lo<<(lz%64)
	p := powers()[e-lowestPower]
	h1, h0 := bits.Mul64(hi, p.hi)
	a, _ := bits.Mul64(hi, p.lo)
	b, _ := bits.Mul64(lo, p.hi)
	var carry uint64
	h0, carry = bits.Add64(h0, a, 0)
	h1 += carry
	h0, carry = bits.Add64(h0, b, 0)
	h1 += carry
	// The products are truncated. If more digits follow, lo is truncated too, and its unit
	// is at most 1<<5 then. So the exact value is at least h and less than h + maxError.
	const maxError = 64
	_, carry = bits.Add64(h0, maxError, 0)
	above, over := bits.Add64(h1, 0, carry)

	top := int(h1 >> 63)
	shift := top + 64 - 52 - 3
	exponent := (217706*e)>>16 + 63 + 64 + top - lz + 1023
	if exponent >= 0x7ff {
		return math.Inf(1), false, true
	}
	if exponent <= 0 { // subnormal
		shift += 1 - exponent
		exponent = 1
	}
	m := h1 >> shift
	tail := h1&(1<<shift-1) | h0
	ok = over == 0 && above>>shift == m && (m&1 == 0 || tail != 0)
	// The implicit leading bit of a normal number is added to the exponent.
	return math.Float64frombits(uint64(exponent-1)<<52 + m>>1), m&1 == 1, ok
}

// maxSignificant is how many digits of a number are read individually. No double, and no
// midpoint of two, has more than 767 significant digits, so it only matters whether the
// digits after these are all 0.
const maxSignificant = 768

// compareMidpoint compares a number with the midpoint of the double low and the next
// larger one: it returns -1 if the number is below, 0 if equal, 1 if above. The number is
// 0.ddd… times ten to the point; its digits are those of whole and then those of fraction,
// and the first is not 0. No other midpoint is nearer to it.
//
// Both are converted to integers: the digits times powers of 5 and 2, and the midpoint
// times such powers. The time is linear in the digits. It is bounded except for the test
// whether the last digits are 0.
func compareMidpoint(low float64, whole, fraction []byte, point int) int {
	b := math.Float64bits(low)
	m, q := b&(1<<52-1), int(b>>52)
	if q > 0 {
		m |= 1 << 52
	} else {
		q = 1
	}
	m, q = 2*m+1, q-1076
	var number, midpoint natural
	n := number.setDigits(whole, fraction)
	midpoint.mulAdd(1, m)
	// As low is neither infinite nor below 0, e is from -1100 to 310.
	e := point - n
	if e >= 0 {
		number.mulPowerOf5(e)
	} else {
		midpoint.mulPowerOf5(-e)
	}
	if q > e {
		midpoint.shiftLeft(q - e)
	} else {
		number.shiftLeft(e - q)
	}
	return number.compare(&midpoint)
}
