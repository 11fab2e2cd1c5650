package jsondoc

import (
	"encoding/binary"
	"math/bits"
)

// The functions in this file examine eight bytes of text at a time, as one integer
// (SWAR). For each kind of byte they look for, a term of the expression has the high
// bit of a byte set where that byte is found. A borrow or a carry between the bytes can
// only set bits above the first such byte, so the lowest set bit is right.

const (
	ones           = 0x0101010101010101
	highBits       = 0x80 * ones
	quoteBytes     = '"' * ones
	backslashBytes = '\\' * ones
)

// skipDigits returns the index of the first byte of p from i on that is not a digit.
func skipDigits(p []byte, i int) int {
	for i+8 <= len(p) {
		v := binary.LittleEndian.Uint64(p[i:]) ^ '0'*ones
		// A digit is 0 to 9 in v; adding 0x76 sets the high bit of a larger byte.
		if other := (v + 0x76*ones | v) & highBits; other != 0 {
			return i + bits.TrailingZeros64(other)/8
		}
		i += 8
	}
	for i < len(p) && p[i]-'0' < 10 {
		i++
	}
	return i
}

// skipPlain returns the index of the first byte of p from i on that is a quote, a
// backslash, a control character, or not ASCII.
func skipPlain(p []byte, i int) int {
	begin := i
	for i+8 <= len(p) {
		if hasVectors && i-begin == plainBefore {
			i += plainBlocks(p[i:])
			if i+8 > len(p) {
				break
			}
		}
		v := binary.LittleEndian.Uint64(p[i:])
		q, s := v^quoteBytes, v^backslashBytes
		// Each term sets the high bit of a byte that is zero, or below 0x20.
		special := (q-ones)&^q | (s-ones)&^s | (v-0x20*ones)&^v | v
		if special &= highBits; special != 0 {
			return i + bits.TrailingZeros64(special)/8
		}
		i += 8
	}
	for i < len(p) && p[i] >= 0x20 && p[i] < 0x80 && p[i] != '"' && p[i] != '\\' {
		i++
	}
	return i
}

// plainBefore is how many bytes of a string are examined eight at a time before the others are in blocks. A short string is
// not worth it.
const plainBefore = 32

// nextBracketOrQuote returns the index of the first bracket, brace or quote from i on,
// which there must be.
func nextBracketOrQuote(text []byte, i int) int {
	const (
		bits5 = 0x20 * ones
		open  = 0x7b * ones // '[' and '{' with bit 5 set
		end   = 0x7d * ones // ']' and '}' with bit 5 set
	)
	begin := i
	for i+8 <= len(text) {
		if hasVectors && i-begin == plainBefore {
			i += unbracketedBlocks(text[i:])
			if i+8 > len(text) {
				break
			}
		}
		v := binary.LittleEndian.Uint64(text[i:])
		q, o, e := v^quoteBytes, (v|bits5)^open, (v|bits5)^end
		found := ((q-ones)&^q | (o-ones)&^o | (e-ones)&^e) & highBits
		if found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
		i += 8
	}
	for {
		switch text[i] {
		case '"', '[', ']', '{', '}':
			return i
		}
		i++
	}
}
