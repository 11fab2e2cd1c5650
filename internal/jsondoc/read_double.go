package jsondoc

import (
	"bytes"
	"math"
	"math/bits"
)

// readDouble reads the number at text[i], which is valid JSON, and returns the index
// after it. A value of another type is not ok. It reads no byte beyond the text, even if
// the text ends inside a number.
//
// The first 19 digits are read as an integer and scaled by the method of D. Lemire,
// "Number Parsing at a Gigabyte per Second", 2021. We do not use strconv.ParseFloat
// here because it needs the number as a separate string, takes three times as long
// (bench/documents), and a thousand times as long for some numbers.
func readDouble(text []byte, i int) (v float64, end int, ok bool) {
	return readDoubleWith(text, i, powers())
}

// readDoubleWith is readDouble with the table of the powers of ten.
func readDoubleWith(text []byte, i int, table *powerTable) (v float64, end int, ok bool) {
	start := i
	negative := i < len(text) && text[i] == '-'
	if negative {
		i++
	}
	if i == len(text) || text[i]-'0' > 9 {
		return readSpecial(text, start)
	}
	w, digits := uint64(0), i
	w, i = readDigits(text, i, w)
	n := i - digits // upper bound of the significant digits
	decimals := 0
	if i < len(text) && text[i] == '.' {
		point := i + 1
		w, i = readDigits(text, point, w)
		decimals = i - point
		n += decimals
	}
	mantissa := text[digits:i]
	x := int64(0)
	if i < len(text) && text[i]|0x20 == 'e' {
		x, i = readExponent(text, i+1)
	}
	// Leading zeros do not count: 0.0000012 has two digits.
	if n > maxDigits && n-leadingZeros(mantissa) > maxDigits {
		v = readLong(mantissa, x)
	} else {
		v = scale(w, x-int64(decimals), table)
	}
	if negative {
		v = -v
	}
	return v, i, true
}

// maxDigits is how many decimal digits always fit in 64 bits.
const maxDigits = 19

// readDigits appends the digits at text[i] to w, which may overflow.
func readDigits(text []byte, i int, w uint64) (uint64, int) {
	for i+8 <= len(text) {
		v := digitsAt(text[i:])
		if n := countDigits(v); n < 8 {
			// How many digits are left cannot be predicted, so there is no loop.
			return w*smallPowers[n] + joinFirst(v, n), i + n
		}
		w = w*100000000 + joinDigits(v)
		i += 8
	}
	for i < len(text) && text[i]-'0' < 10 {
		w = w*10 + uint64(text[i]-'0')
		i++
	}
	return w, i
}

var smallPowers = [8]uint64{1, 10, 100, 1000, 10000, 100000, 1000000, 10000000}

// joinDigits returns the number whose digits are the bytes of v, the first one in the lowest byte: it adds pairs, then
// fours, then all.
func joinDigits(v uint64) uint64 {
	const mask = 0x000000ff000000ff
	v = v*10 + v>>8
	return ((v&mask)*(100+1000000<<32) + (v>>16&mask)*(1+10000<<32)) >> 32
}

// leadingZeros counts the zeros at the beginning of a number, before and after its point.
func leadingZeros(number []byte) int {
	n := 0
	for _, c := range number {
		if c == '0' {
			n++
		} else if c != '.' {
			break
		}
	}
	return n
}

// readExponent reads the exponent at text[i], after the e, and returns the index after it.
func readExponent(text []byte, i int) (e int64, end int) {
	negative := i < len(text) && text[i] == '-'
	if negative || i < len(text) && text[i] == '+' {
		i++
	}
	// Far beyond what the digits of a message can compensate.
	const limit = 1 << 50
	for ; i < len(text) && text[i]-'0' < 10; i++ {
		if e < limit {
			e = 10*e + int64(text[i]-'0')
		}
	}
	if negative {
		e = -e
	}
	return e, i
}

// quietNaN has the bits of NaN in C and Python, which differ from those of math.NaN.
var quietNaN = math.Float64frombits(0x7ff8000000000000)

// readSpecial reads NaN, Infinity or -Infinity.
func readSpecial(text []byte, i int) (float64, int, bool) {
	switch rest := text[i:]; {
	case bytes.HasPrefix(rest, []byte("NaN")):
		return quietNaN, i + len("NaN"), true
	case bytes.HasPrefix(rest, []byte("Infinity")):
		return math.Inf(1), i + len("Infinity"), true
	case bytes.HasPrefix(rest, []byte("-Infinity")):
		return math.Inf(-1), i + len("-Infinity"), true
	}
	return 0, i, false
}

// scale returns w times ten to the e, correctly rounded, which is 0 or infinity out of
// the range. N. Mushtak and D. Lemire, "Fast Number Parsing Without Fallback", 2023,
// prove that 128 bits of the power of ten are enough for every w.
func scale(w uint64, e int64, table *powerTable) float64 {
	if w == 0 || e < lowestPower {
		return 0
	}
	if e > 308 {
		return math.Inf(1)
	}
	lz := bits.LeadingZeros64(w)
	w <<= lz
	p := table[e-lowestPower]
	if e < 0 && e >= -27 {
		// These are rounded up in the table of the paper, so that a tie is recognized.
		p = p.roundUp()
	}
	hi, lo := bits.Mul64(w, p.hi)
	const precision = 1<<(64-55) - 1
	if hi&precision == precision {
		more, _ := bits.Mul64(w, p.lo)
		var carry uint64
		lo, carry = bits.Add64(lo, more, 0)
		hi += carry
	}
	top := hi >> 63
	shift := top + 64 - 52 - 3
	m := hi >> shift
	exponent := int(217706*e>>16) + 63 + int(top) - lz + 1023
	if exponent <= 0 {
		// Subnormal. A tie is not possible: such a w would have more than 64 bits.
		m >>= min(1-exponent, 63)
		m += m & 1
		// A number that is rounded up to the smallest normal one already has its bits.
		return math.Float64frombits(m >> 1)
	}
	// A tie between two doubles rounds to even.
	if lo <= 1 && e >= -4 && e <= 23 && m&3 == 1 && m<<shift == hi {
		m &^= 1
	}
	m += m & 1
	m >>= 1
	if m >= 2<<52 {
		m = 1 << 52
		exponent++
	}
	if exponent >= 0x7ff {
		return math.Inf(1)
	}
	return math.Float64frombits(uint64(exponent)<<52 | m&^(1<<52))
}
