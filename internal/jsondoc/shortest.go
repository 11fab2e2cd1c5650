package jsondoc

import (
	"math"
	"math/bits"
)

// decimal is a positive number.
type decimal struct {
	digits uint64 // 17 digits, of which the first is not 0; or 0 for a double that has none: 0, infinity or NaN
	point  int    // how many of the digits are before the point; it may also be before or after all of them
}

// shortestDecimals stores for each double, without its sign, the shortest decimal that is
// nearer to it than to any other double, and of those the nearest to it.
//
// A double is c times 2^q. Let the unit be the largest power of ten, 10^k, that is not more
// than 2^q. The decimals that are nearest to this double are then an interval of 1 to 10
// units. If a multiple of ten units is in it, that is the shortest decimal; otherwise it is
// the number of units that is nearest to the double. To find out which, a single product is
// enough, that of c and the power of ten, with 64 bits after the point, as in V. Zverovich's
// Żmij (2025). The bits that are lost matter only for one double in 2^57 and where an end of
// the interval, or the middle of two decimals, is exactly a decimal. These doubles are left
// to shortest, which multiplies three times.
//
// We do not use strconv.AppendFloat because it takes three times as long.
func shortestDecimals(decimals []decimal, values []float64, table *powerTable) {
	decimals = decimals[:len(values)]
	left := false
	for i, v := range values {
		b := math.Float64bits(v) &^ (1 << 63)
		fraction, biased := b&(1<<52-1), int(b>>52)
		if uint(biased-1) >= 0x7fe { // subnormal, or without digits
			decimals[i] = decimal{}
			left = left || b-1 < infinityBits-1
			continue
		}
		q := biased - 1075
		k := (q * 1262611) >> 22
		g := &table[-k-lowestPower]
		shift := uint(q+(-k*1741647)>>19+1) & 7 // from 1 to 4
		c := (fraction | 1<<52) << shift
		low, _ := bits.Mul64(g.lo, c)
		units, part := bits.Mul64(g.hi, c)
		part, carry := bits.Add64(part, low, 0)
		units += carry

		// The distance from the multiple of ten units below, and half that of two doubles,
		// with 60 bits after the point. Both are too small, by at most 1.01 of the last bit,
		// and part is, too.
		const ten = 10 << 60
		digit := units % 10
		below := digit<<60 | part>>4
		half := g.hi >> ((5 - shift) & 7)
		if below-half+1 <= 2 || ten-below-half <= 2 || 1<<63-part <= 2 ||
			fraction == 0 && below != 0 { // a power of two: the next double below is only half as far
			decimals[i] = decimal{}
			left = true
			continue
		}
		digits := units + part>>63
		tens := units - digit
		if below < half {
			digits = tens
		}
		if below+half > ten {
			digits = tens + 10
		}
		small := (digits - 1e16) >> 63 // 1 if there are only 16 digits: a branch would often be mispredicted
		decimals[i] = decimal{digits + digits*9&-small, 17 + k - int(small)}
	}
	if left {
		shortestLeft(decimals, values, table)
	}
}

// shortestLeft stores the decimals that shortestDecimals has left out.
func shortestLeft(decimals []decimal, values []float64, table *powerTable) {
	for i, v := range values {
		b := math.Float64bits(v) &^ (1 << 63)
		if decimals[i].digits != 0 || b-1 >= infinityBits-1 {
			continue
		}
		digits, exponent := shortest(b, table)
		for digits < 1e16 {
			digits, exponent = digits*10, exponent-1
		}
		decimals[i] = decimal{digits, 17 + exponent}
	}
}

const infinityBits = 0x7ff << 52

// shortest returns the shortest decimal, digits times ten to the exponent, that
// is nearer to the double with these bits than to any other, and of those the
// nearest to it. The double is positive and finite.
//
// The method is Schubfach: R. Giulietti, "The Schubfach way to render doubles",
// 2020; the names are those of the paper.
func shortest(b uint64, table *powerTable) (digits uint64, exponent int) {
	fraction, biased := b&(1<<52-1), int(b>>52)
	c, q := fraction, 1-1075
	if biased != 0 {
		c, q = fraction|1<<52, biased-1075
	}
	odd := c & 1
	closer := uint64(0) // a power of two: the next double below is only half as far
	k := (q * 1262611) >> 22
	if fraction == 0 && biased > 1 {
		closer = 1
		k = (q*1262611 - 524031) >> 22
	}
	g := table[-k-lowestPower]
	if !exactPower(-k) {
		g = g.roundUp()
	}
	h := q + (-k*1741647)>>19 + 1
	vbl := roundToOdd(g, (4*c-2+closer)<<h)
	vb := roundToOdd(g, 4*c<<h)
	vbr := roundToOdd(g, (4*c+2)<<h)
	lower, upper := vbl+odd, vbr-odd
	s := vb / 4
	if s >= 10 {
		sp := s / 10
		below, above := lower <= 40*sp, 40*sp+40 <= upper
		if below != above {
			if above {
				sp++
			}
			return sp, k + 1
		}
	}
	below, above := lower <= 4*s, 4*s+4 <= upper
	if below != above {
		if above {
			s++
		}
		return s, k
	}
	if middle := 4*s + 2; vb > middle || vb == middle && s&1 == 1 {
		s++
	}
	return s, k
}

// roundToOdd is the function of the paper: the high part of the product, with its lowest
// bit set if any bit below was set.
func roundToOdd(g power, cp uint64) uint64 {
	x1, _ := bits.Mul64(g.lo, cp)
	y1, y0 := bits.Mul64(g.hi, cp)
	y0, carry := bits.Add64(y0, x1, 0)
	y1 += carry
	if y0 > 1 {
		y1 |= 1
	}
	return y1
}
