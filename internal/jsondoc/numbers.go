package jsondoc

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"
	"unsafe"
)

// readDouble reads the number at text[i], which is JSON already, and returns the
// index behind it. A value of another kind is not ok.
//
// The digits are gathered into an integer and scaled by the method of D. Lemire,
// "Number Parsing at a Gigabyte per Second", 2021; what that leaves open goes to
// strconv. It is own code because strconv.ParseFloat wants each number cut out
// first and takes three times as long (bench/documents).
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
	e := 0
	if i < len(text) && text[i] == '.' {
		point := i + 1
		w, i = readDigits(text, point, w)
		e = point - i
		n += i - point
	}
	if i < len(text) && text[i]|0x20 == 'e' {
		var x int
		x, i = readExponent(text, i+1)
		e += x
		if x > farExponent || x < -farExponent {
			return slowly(text, start, i)
		}
	}
	if n > 19 {
		// Leading zeros do not count: 0.0000012 has two digits.
		if n -= leadingZeros(text[digits:i]); n > 19 {
			return slowly(text, start, i)
		}
	}
	v, ok = scale(w, e)
	if !ok {
		return slowly(text, start, i)
	}
	if negative {
		v = -v
	}
	return v, i, true
}

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

func readExponent(text []byte, i int) (e, end int) {
	negative := text[i] == '-'
	if negative || text[i] == '+' {
		i++
	}
	for ; i < len(text) && text[i]-'0' < 10; i++ {
		if e <= farExponent {
			e = 10*e + int(text[i]-'0')
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

const (
	// farExponent is beyond what any number of ordinary length can make use of.
	farExponent = 99_999
	// manyDigits is what strconv keeps of a number, about: of one with more digits
	// before the point it takes the wrong power of ten.
	manyDigits = 780
)

// slowly reads the number text[start:end] with the standard library. Its error
// can only be one of range, where its value is infinite, as Python's is.
func slowly(text []byte, start, end int) (float64, int, bool) {
	number := text[start:end]
	if mark := bytes.IndexAny(number, "eE"); len(number) > manyDigits || mark >= 0 && len(number)-mark > 5 {
		number = shorten(number)
	}
	v, _ := strconv.ParseFloat(unsafe.String(&number[0], len(number)), 64)
	return v, end, true
}

// shorten rewrites a number as 0.ddd…e±x with as many digits as decide how it is
// rounded: no double, and no middle of two, has more than 767 significant ones, so
// of the rest it only matters whether it is 0.
func shorten(number []byte) []byte {
	mantissa, power, _ := bytes.Cut(bytes.ToLower(number), []byte{'e'})
	mantissa, negative := bytes.CutPrefix(mantissa, []byte{'-'})
	whole, fraction, _ := bytes.Cut(mantissa, []byte{'.'})
	digits := append(bytes.Clone(whole), fraction...)
	point := int64(len(whole))
	significant := bytes.TrimLeft(digits, "0")
	point -= int64(len(digits) - len(significant))
	if len(significant) == 0 {
		significant = []byte{'0'}
	}
	if rest := significant[min(len(significant), manyDigits):]; len(bytes.TrimLeft(rest, "0")) > 0 {
		significant = append(significant[:manyDigits:manyDigits], '1')
	} else {
		significant = significant[:len(significant)-len(rest)]
	}
	// An exponent that does not fit decides alone: no message has as many digits.
	x, err := strconv.ParseInt(string(power), 10, 48)
	if err != nil && len(power) == 0 {
		x = 0
	}
	var out []byte
	if negative {
		out = append(out, '-')
	}
	out = append(append(out, "0."...), significant...)
	return strconv.AppendInt(append(out, 'e'), min(max(point+x, -5000), 5000), 10)
}

// scale returns w times ten to the e, correctly rounded, where the method can
// tell.
func scale(w uint64, e int) (float64, bool) {
	if w == 0 {
		return 0, true
	}
	if e < lowestPower || e > 308 {
		return 0, false
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
		if lo == math.MaxUint64 {
			return 0, false
		}
	}
	top := hi >> 63
	shift := top + 64 - 52 - 3
	m := hi >> shift
	exponent := (217706*e)>>16 + 63 + int(top) - lz + 1023
	if exponent <= 0 || exponent >= 0x7fe {
		return 0, false // subnormal, or near the largest
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
	return math.Float64frombits(uint64(exponent)<<52 | m&^(1<<52)), true
}
