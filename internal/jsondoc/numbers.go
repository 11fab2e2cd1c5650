package jsondoc

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"
)

// readDouble reads the number at text[i], which is JSON already, and returns the
// index behind it. A value of another kind is not ok. It reads no byte behind the
// text, also where that ends inside a number.
//
// The first 19 digits are gathered into an integer and scaled by the method of D.
// Lemire, "Number Parsing at a Gigabyte per Second", 2021. It is own code because
// strconv.ParseFloat wants each number cut out first, takes three times as long
// (bench/documents), and a thousand times as long for some numbers.
func readDouble(text []byte, i int) (v float64, end int, ok bool) {
	start := i
	negative := i < len(text) && text[i] == '-'
	if negative {
		i++
	}
	if i == len(text) || text[i]-'0' > 9 {
		return readWord(text, start)
	}
	w, digits := uint64(0), i
	w, i = readDigits(text, i, w)
	n := i - digits // significant digits, at most
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
		v = scale(w, x-int64(decimals))
	}
	if negative {
		v = -v
	}
	return v, i, true
}

// maxDigits is how many decimal digits fit 64 bits, whichever they are.
const maxDigits = 19

// readDigits adds the digits at text[i] to w, which may overflow.
func readDigits(text []byte, i int, w uint64) (uint64, int) {
	for i+8 <= len(text) {
		v := binary.LittleEndian.Uint64(text[i:])
		if (v&0xf0f0f0f0f0f0f0f0)|((v+0x0606060606060606)&0xf0f0f0f0f0f0f0f0)>>4 != 0x3333333333333333 {
			break
		}
		// Eight digits at once: pairs, then fours, then all.
		v -= '0' * every
		v = v*10 + v>>8
		const mask = 0x000000ff000000ff
		v = ((v&mask)*(100+1000000<<32) + (v>>16&mask)*(1+10000<<32)) >> 32
		w = w*100000000 + v
		i += 8
	}
	for i < len(text) && text[i]-'0' < 10 {
		w = w*10 + uint64(text[i]-'0')
		i++
	}
	return w, i
}

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

func readExponent(text []byte, i int) (e int64, end int) {
	negative := i < len(text) && text[i] == '-'
	if negative || i < len(text) && text[i] == '+' {
		i++
	}
	// Far more than the digits of any message can make up for.
	const most = 1 << 50
	for ; i < len(text) && text[i]-'0' < 10; i++ {
		if e < most {
			e = 10*e + int64(text[i]-'0')
		}
	}
	if negative {
		e = -e
	}
	return e, i
}

// notANumber has the bits that C and Python give it; Go's own has others.
var notANumber = math.Float64frombits(0x7ff8000000000000)

// readWord reads NaN, Infinity or -Infinity.
func readWord(text []byte, i int) (float64, int, bool) {
	switch rest := text[i:]; {
	case bytes.HasPrefix(rest, []byte("NaN")):
		return notANumber, i + len("NaN"), true
	case bytes.HasPrefix(rest, []byte("Infinity")):
		return math.Inf(1), i + len("Infinity"), true
	case bytes.HasPrefix(rest, []byte("-Infinity")):
		return math.Inf(-1), i + len("-Infinity"), true
	}
	return 0, i, false
}

// readLong returns a number of more than maxDigits digits: those of mantissa, which
// may have a point, times ten to the x.
func readLong(mantissa []byte, x int64) float64 {
	whole, fraction, _ := bytes.Cut(mantissa, []byte{'.'})
	point := int64(len(whole)) // the point is behind so many digits
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
		c := compareMiddle(low, whole, fraction, int(point))
		up = c > 0 || c == 0 && math.Float64bits(low)&1 == 1 // half way: to the even one
	}
	if up {
		return math.Float64frombits(math.Float64bits(low) + 1)
	}
	return low
}

// scaleLong scales 38 digits, or fewer, as scale does: hi and lo are the first digits of
// a number in units of ten to the e, which may have more of them. It returns the double
// at or below the number, and whether the next one is nearer, where the method can tell:
// not for a number in the very middle of two, or so near to it that more digits decide.
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
	// The products were cut off, and where the number has more digits, so was lo, whose
	// unit is at most 1<<5 then: the number is at least h, and less than this much above.
	const most = 64
	_, carry = bits.Add64(h0, most, 0)
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
	// Without the bit that all normal numbers have, the exponent is one less.
	return math.Float64frombits(uint64(exponent-1)<<52 + m>>1), m&1 == 1, ok
}

// scale returns w times ten to the e, correctly rounded: 0 or infinity where it is
// beyond the range. That 128 bits of a power of ten decide for every w is proved in
// N. Mushtak and D. Lemire, "Fast Number Parsing Without Fallback", 2023.
func scale(w uint64, e int64) float64 {
	if w == 0 || e < lowestPower {
		return 0
	}
	if e > 308 {
		return math.Inf(1)
	}
	lz := bits.LeadingZeros64(w)
	w <<= lz
	p := powers()[e-lowestPower]
	if e < 0 && e >= -27 {
		// The paper's table has these rounded up, so that a tie is seen as one.
		p = p.up()
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
		// What is rounded up to the smallest normal number has its bits already.
		return math.Float64frombits(m >> 1)
	}
	// Half way between two doubles: to the even one.
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
