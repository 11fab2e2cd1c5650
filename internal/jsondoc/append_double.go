package jsondoc

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// AppendDouble appends v as JSON, as Python's json.dumps writes it: the shortest
// decimal that reads back to the same bits, always with a point or an exponent, so
// that a reader that distinguishes integers and floats sees a float; and NaN, Infinity
// or -Infinity.
func AppendDouble(dst []byte, v float64) []byte {
	var text [numberSpace]byte
	var d [1]decimal
	values := [1]float64{v}
	shortestDecimals(d[:], values[:], powers())
	end := putDoubles(text[:], 0, d[:], values[:])
	return append(dst, text[:end-len(", ")]...)
}

// numberSpace is how much space putDoubles requires for the last number.
const numberSpace = 48

// putDoubles writes numbers, each with ", " after it, at text[start], and returns the index
// after them. decimals are those of the values. It writes eight bytes at a time, and so also
// after the text. The masks are for the compiler, which then needs no checks of the indexes.
func putDoubles(text []byte, start int, decimals []decimal, values []float64) int {
	const zeros = '0' * ones
	decimals = decimals[:len(values)]
	for i, v := range values {
		d := decimals[i]
		p := (*[numberSpace]byte)(text[start:])
		if d.digits == 0 {
			start += putSpecial(p, v)
			continue
		}
		p[0] = '-' // which is overwritten unless v is negative
		at := int(math.Float64bits(v) >> 63)
		high := d.digits / 1e8
		first := uint64(uint32(high) / 1e8)
		a, b := eightDigits(uint32(high-first*1e8)), eightDigits(uint32(d.digits-high*1e8))
		n := 9 + (bits.Len64(b)+7)/8 // how many digits there are, without zeros at the end
		if b == 0 {
			n = 1 + (bits.Len64(a)+7)/8
		}
		a, b = a+zeros, b+zeros
		switch {
		case d.point > 16 || d.point < -3:
			at = putScientific(p, at, byte('0'+first), a, b, n, d.point-1)
		case d.point <= 0:
			binary.LittleEndian.PutUint64(p[at&7:], zeros+('.'-'0')<<8) // 0.000000
			at += 2 - d.point
			p[at&7] = byte('0' + first)
			binary.LittleEndian.PutUint64(p[at&7+1:], a)
			binary.LittleEndian.PutUint64(p[at&7+9:], b)
			at += n
		default:
			p[at&7] = byte('0' + first)
			binary.LittleEndian.PutUint64(p[at&7+1:], a)
			binary.LittleEndian.PutUint64(p[at&7+9:], b)
			// The digits after the point are written again, one byte further.
			dot := at + d.point
			p[dot&31] = '.'
			if before := uint(d.point-1) * 8; before < 64 {
				binary.LittleEndian.PutUint64(p[dot&31+1:], a>>before|b<<8<<(56-before))
				binary.LittleEndian.PutUint64(p[dot&31+9:], b>>before)
			} else {
				binary.LittleEndian.PutUint64(p[dot&31+1:], b>>(before-64))
			}
			at += max(n, d.point+1) + 1
		}
		p[at&31], p[at&31+1] = ',', ' '
		start += at + len(", ")
	}
	return start
}

// putSpecial writes a number without digits, with ", " after it, and returns the length of
// both.
func putSpecial(p *[numberSpace]byte, v float64) int {
	switch {
	case v == 0 && !math.Signbit(v):
		return copy(p[:], "0.0, ")
	case v == 0:
		return copy(p[:], "-0.0, ")
	case v > 0:
		return copy(p[:], "Infinity, ")
	case v < 0:
		return copy(p[:], "-Infinity, ")
	}
	return copy(p[:], "NaN, ")
}

// putScientific writes n digits, the first one and those in a and b, with an exponent, at
// p[at]. It returns the index after them.
func putScientific(p *[numberSpace]byte, at int, first byte, a, b uint64, n, exponent int) int {
	p[at&7] = first
	p[at&7+1] = '.'
	binary.LittleEndian.PutUint64(p[at&7+2:], a)
	binary.LittleEndian.PutUint64(p[at&7+10:], b)
	at += n
	if n > 1 {
		at++
	}
	sign := byte('+')
	if exponent < 0 {
		sign, exponent = '-', -exponent
	}
	p[at&31], p[at&31+1] = 'e', sign
	at += 2
	if exponent >= 100 {
		p[at&31] = byte('0' + exponent/100)
		at++
	}
	p[at&31], p[at&31+1] = byte('0'+exponent/10%10), byte('0'+exponent%10)
	return at + 2
}

// eightDigits returns the decimal digits of v, which is below 10^8, as eight bytes from 0
// to 9, the first one in the lowest byte. It divides in halves: two numbers of four
// digits, four of two, eight of one. Each step handles all of them at once: it multiplies
// and shifts instead of dividing, and moves the quotients down and the remainders up with
// another multiplication.
func eightDigits(v uint32) uint64 {
	thousands := uint64(v / 10000)
	fours := uint64(v)<<32 - thousands*(10000<<32-1)
	hundreds := fours * 10486 >> 20 & 0x0000007f0000007f
	twos := fours<<16 - hundreds*(100<<16-1)
	tens := twos * 103 >> 10 & 0x000f000f000f000f
	return twos<<8 - tens*(10<<8-1)
}
