package jsondoc

import (
	"math"
	"math/bits"
	"runtime"
	"slices"
	"sync"
)

// AppendDouble appends v as JSON, as Python's json.dumps writes it: with as few
// digits as read back to the same bits, always with a point or an exponent, so
// that a reader that keeps integers and floats apart sees a float, and as NaN,
// Infinity or -Infinity.
func AppendDouble(dst []byte, v float64) []byte { return appendDouble(dst, v, powers()) }

func appendDouble(dst []byte, v float64, table *powerTable) []byte {
	b := math.Float64bits(v)
	negative := b>>63 == 1
	b &^= 1 << 63
	switch {
	case b > infinity:
		return append(dst, "NaN"...)
	case negative:
		dst = append(dst, '-')
	}
	switch b {
	case infinity:
		return append(dst, "Infinity"...)
	case 0:
		return append(dst, "0.0"...)
	}
	digits, exponent := shortest(b, table)
	return appendDecimal(dst, digits, exponent)
}

const infinity = 0x7ff << 52

// shortest returns the shortest decimal, digits times ten to the exponent, that
// is nearer to the double with these bits than to any other, and of those the
// nearest to it. The double is positive and finite.
//
// The method is Schubfach: R. Giulietti, "The Schubfach way to render doubles",
// 2020; names are the paper's. It is own code because a loop of
// strconv.AppendFloat takes twice as long: 96 against 43 ms for a million random
// doubles (bench/documents).
func shortest(b uint64, table *powerTable) (digits uint64, exponent int) {
	fraction, biased := b&(1<<52-1), int(b>>52)
	c, q := fraction, 1-1075
	if biased != 0 {
		c, q = fraction|1<<52, biased-1075
		if q <= 0 && q > -53 && c&(1<<-q-1) == 0 {
			return c >> -q, 0 // a whole number
		}
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
		g = g.up()
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

// roundToOdd is the paper's: the product's high part, with its lowest bit set if
// anything was cut off.
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

const pairs = "00010203040506070809101112131415161718192021222324252627282930313233343536373839" +
	"40414243444546474849505152535455565758596061626364656667686970717273747576777879" +
	"8081828384858687888990919293949596979899"

// appendDecimal writes digits times ten to the exponent as Python's repr does:
// plainly from 1e-4 up to 1e16, with an exponent beyond.
func appendDecimal(dst []byte, digits uint64, exponent int) []byte {
	for digits%10 == 0 {
		digits /= 10
		exponent++
	}
	var buf [24]byte
	i := len(buf)
	// Eight digits at a time, since 32-bit divisions are the faster ones.
	for digits >= 1e8 {
		low := uint32(digits % 1e8)
		digits /= 1e8
		for range 4 {
			j := low % 100 * 2
			low /= 100
			i -= 2
			buf[i], buf[i+1] = pairs[j], pairs[j+1]
		}
	}
	high := uint32(digits)
	for high >= 100 {
		j := high % 100 * 2
		high /= 100
		i -= 2
		buf[i], buf[i+1] = pairs[j], pairs[j+1]
	}
	i -= 2
	buf[i], buf[i+1] = pairs[high*2], pairs[high*2+1]
	if high < 10 {
		i++
	}
	d := buf[i:]
	point := len(d) + exponent // the point stands behind so many digits
	const zeros = "0000000000000000"
	switch {
	case point > 16 || point < -3:
		dst = append(dst, d[0])
		if len(d) > 1 {
			dst = append(append(dst, '.'), d[1:]...)
		}
		return appendExponent(dst, point-1)
	case point <= 0:
		dst = append(append(dst, "0."...), zeros[:-point]...)
		return append(dst, d...)
	case point < len(d):
		dst = append(append(dst, d[:point]...), '.')
		return append(dst, d[point:]...)
	default:
		dst = append(append(dst, d...), zeros[:point-len(d)]...)
		return append(dst, ".0"...)
	}
}

func appendExponent(dst []byte, e int) []byte {
	sign := byte('+')
	if e < 0 {
		sign, e = '-', -e
	}
	dst = append(dst, 'e', sign)
	if e >= 100 {
		dst = append(dst, byte('0'+e/100))
		e %= 100
	}
	return append(dst, pairs[2*e], pairs[2*e+1])
}

const (
	// longest is the most that a number takes, with its separator:
	// "-2.2250738585072014e-308, ".
	longest = 26
	// share is how many numbers are worth a goroutine of their own; fewer are
	// done by the caller alone.
	share = 16384
)

// AppendDoubles appends an array of numbers. A large one is split over the
// processors.
func AppendDoubles(dst []byte, values []float64) []byte {
	dst = append(dst, '[')
	parts := split(len(values))
	if parts == 1 {
		return append(appendList(dst, values), ']')
	}
	// Each part has room for the longest numbers, of which the system gives
	// memory to what is written; then they move together.
	dst = slices.Grow(dst, longest*len(values))
	begin := func(i int) int { return len(values) * i / parts }
	texts := make([][]byte, parts)
	parallel(parts, func(i int) {
		from := len(dst) + longest*begin(i)
		texts[i] = appendList(dst[:from], values[begin(i):begin(i+1)])[from:]
	})
	for i, text := range texts {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(dst, text...)
	}
	return append(dst, ']')
}

func appendList(dst []byte, values []float64) []byte {
	table := powers()
	for i, v := range values {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = appendDouble(dst, v, table)
	}
	return dst
}

// AppendMatrix appends an array of rows, each an array of cols numbers; values
// are row by row.
func AppendMatrix(dst []byte, values []float64, rows, cols int) []byte {
	dst = append(dst, '[')
	for r := range rows {
		if r > 0 {
			dst = append(dst, ", "...)
		}
		dst = AppendDoubles(dst, values[r*cols:(r+1)*cols])
	}
	return append(dst, ']')
}

// split returns over how many goroutines n numbers are worth to be split.
func split(n int) int { return max(1, min(n/share, runtime.GOMAXPROCS(0))) }

// parallel runs f(0) … f(n-1) at the same time and waits for all. A panic in one
// is raised again here, where the caller's guard is.
func parallel(n int, f func(i int)) {
	var wg sync.WaitGroup
	var once sync.Once
	var fault any
	for i := 1; i < n; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			defer func() {
				if p := recover(); p != nil {
					once.Do(func() { fault = p })
				}
			}()
			f(i)
		}()
	}
	f(0)
	wg.Wait()
	if fault != nil {
		panic(fault)
	}
}
