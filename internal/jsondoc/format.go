package jsondoc

import (
	"encoding/binary"
	"math"
	"math/bits"
	"runtime"
	"sync"

	"libobe/internal/memory"
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
// strconv.AppendFloat takes twice as long: 96 against 35 ms for a million random
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

// eightDigits returns the decimal digits of v, below 10^8, as eight characters,
// the first one in the lowest byte. It divides in halves: two numbers of four
// digits, four of two, eight of one, each step on all of them at once, with a
// multiplication and a shift in the place of each division.
func eightDigits(v uint32) uint64 {
	fours := uint64(v/10000) | uint64(v%10000)<<32
	hundreds := fours * 10486 >> 20 & 0x0000007f0000007f
	twos := hundreds | (fours-100*hundreds)<<16
	tens := twos * 103 >> 10 & 0x000f000f000f000f
	return (tens | (twos-10*tens)<<8) + '0'*every
}

// appendDecimal writes digits times ten to the exponent as Python's repr does:
// plainly from 1e-4 up to 1e16, with an exponent beyond.
func appendDecimal(dst []byte, digits uint64, exponent int) []byte {
	var buf [24]byte
	high := digits / 1e8
	binary.LittleEndian.PutUint64(buf[16:], eightDigits(uint32(digits%1e8)))
	binary.LittleEndian.PutUint64(buf[8:], eightDigits(uint32(high%1e8)))
	buf[7] = byte('0' + high/1e8) // there are 17 digits at most
	i, end := 7, len(buf)
	for buf[i] == '0' {
		i++
	}
	for buf[end-1] == '0' {
		end--
		exponent++
	}
	d := buf[i:end]
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
	}
	return append(dst, byte('0'+e/10%10), byte('0'+e%10))
}

const (
	// longest is the most that a number takes, with its separator:
	// "-2.2250738585072014e-308, ".
	longest = 26
	// brackets is room for those around a list and its rows, with the separators.
	brackets = 8
	// typical is what most take.
	typical = 21
	// share is how many numbers are worth a goroutine of their own; fewer are
	// done by the caller alone.
	share = 16384
)

// AppendDoubles appends an array of numbers. A large one is split over the
// processors.
func AppendDoubles(dst []byte, values []float64) []byte {
	parts := split(len(values))
	if parts == 1 {
		return append(appendList(append(withRoom(dst, typical*int64(len(values))), '['), values), ']')
	}
	return appendParts(dst, values, parts)
}

// appendParts writes the parts of an array at the same time. Each has room for the
// longest numbers, of which the system gives memory to what is written; then they
// move together.
func appendParts(dst []byte, values []float64, parts int) []byte {
	dst = append(withRoom(dst, longest*int64(len(values))), '[')
	begin := func(i int) int { return int(int64(len(values)) * int64(i) / int64(parts)) }
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

// withRoom returns dst with room for n more bytes, and for some brackets and separators.
// It grows by doubling at least, so that many small additions are cheap. Unlike
// slices.Grow it leaves new memory untouched, which then costs nothing until it is
// written to.
func withRoom(dst []byte, n int64) []byte {
	// In 64 bits, also where an int has 32. More than fits an int is refused by MustMake.
	n = min(n, math.MaxInt-brackets-int64(len(dst)))
	need := int64(len(dst)) + n + brackets
	if int64(cap(dst)) >= need {
		return dst
	}
	const most = math.MaxInt - 1<<27
	size := max(need, min(2*int64(cap(dst)), most))
	return append(memory.MustMake[byte](0, int(size)), dst...)
}

// appendList appends numbers without brackets. It asks for room where they are longer
// than is typical.
func appendList(dst []byte, values []float64) []byte {
	table := powers()
	for i, v := range values {
		if cap(dst)-len(dst) < longest+len("], ") {
			dst = withRoom(dst, longest*int64(len(values)-i))
		}
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
	dst = append(withRoom(dst, typical*int64(len(values))+int64(len("[], "))*int64(rows)), '[')
	for r := range rows {
		if r > 0 {
			dst = append(dst, ", "...)
		}
		dst = AppendDoubles(dst, values[r*cols:(r+1)*cols])
	}
	return append(dst, ']')
}

// split returns over how many goroutines n numbers are worth to be split.
func split(n int) int { return max(1, min(n/share, runtime.GOMAXPROCS(0), runtime.NumCPU())) }

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
