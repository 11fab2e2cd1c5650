package jsondoc

import (
	"encoding/binary"
	"math/bits"
)

// shortSpace is how many bytes of text readShortDouble needs.
const shortSpace = 40

// readShortDouble reads a number at text[i] that has no exponent, at most 7 digits before the point, and at most 19 in all,
// as in most arrays. It returns the index after it, or ok is false, also for a number of another form and what is none. It
// gives what readDouble gives, in two thirds of the time (BenchmarkArray): it needs shortSpace bytes of text, and loads digits whether
// they are there or not.
func readShortDouble(text []byte, i int, table *powerTable) (v float64, end int, ok bool) {
	negative := text[i] == '-'
	if negative {
		i++
	}
	p := (*[shortSpace - 1]byte)(text[i:])
	w, whole := uint64(p[0]-'0'), 1
	if p[1] != '.' {
		first := digitsAt(p[0:8])
		whole = countDigits(first)
		if whole == 0 || whole == 8 {
			return 0, i, false
		}
		w = joinFirst(first, whole)
		if p[whole] != '.' {
			end = i + whole
			if text[end] == ',' {
				return scaleShort(w, 0, negative, table), end, true
			}
			return 0, i, false
		}
	} else if w > 9 {
		return 0, i, false
	}
	i += whole + 1
	f := (*[25]byte)(text[i:])
	decimals := 0
	first := digitsAt(f[0:8])
	if n := countDigits(first); n < 8 {
		w, decimals = w*smallPowers[n]+joinFirst(first, n), n
	} else {
		w = w*100000000 + joinDigits(first)
		second := digitsAt(f[8:16])
		if n := countDigits(second); n < 8 {
			w, decimals = w*smallPowers[n]+joinFirst(second, n), 8+n
		} else {
			third := digitsAt(f[16:24])
			n := countDigits(third)
			w = (w*100000000+joinDigits(second))*smallPowers[n&7] + joinFirst(third, n)
			decimals = 16 + n
		}
	}
	end = i + decimals
	if text[end] != ',' || decimals == 0 || whole+decimals > maxDigits {
		return 0, i, false
	}
	return scaleShort(w, decimals, negative, table), end, true
}

func scaleShort(w uint64, decimals int, negative bool, table *powerTable) float64 {
	v := scale(w, -int64(decimals), table)
	if negative {
		return -v
	}
	return v
}

// digitsAt returns eight bytes of text with 0 to 9 in place of digits.
func digitsAt(p []byte) uint64 { return binary.LittleEndian.Uint64(p) ^ '0'*ones }

// countDigits returns how many of the first of eight bytes are digits.
func countDigits(v uint64) int {
	return bits.TrailingZeros64((v+0x76*ones|v)&highBits) / 8 // as in skipDigits; 64 if all are
}

// joinFirst returns the number whose digits are the first n bytes of v, at most 7.
func joinFirst(v uint64, n int) uint64 { return joinDigits(v << (8 * (7 - n) & 63) << 8) }
