package codepage

import (
	"encoding/binary"

	"libobe/internal/memory"
)

// A table has the characters of a page in the order of their codes: 0x80 to 0xff, then those
// of two bytes, the first 0x81 to 0xfe and the second 0x40 to 0xfe. Many characters follow
// in Unicode, too, and most others are ideographs. So a table is a sequence of these:
//
//	0 and a number            so many characters, each the next one in Unicode
//	1 and a number            so many codes without a character
//	2 and a number            this character
//	3 to 0x7f                 the character that many places, less 2, after the one before
//	0x80 to 0xff and a byte   the character at these 15 bits after U+4E00
//
// A number is a varint. What is after the last character has none.
const (
	run        = 0
	gap        = 1
	anywhere   = 2
	near       = 3
	far        = 0x80
	firstOfFar = 0x4e00
)

const (
	firstSingle, lastSingle = 0x80, 0xff
	firstLead, lastLead     = 0x81, 0xfe
	firstTrail, lastTrail   = 0x40, 0xfe

	singles   = lastSingle - firstSingle + 1
	trails    = lastTrail - firstTrail + 1
	positions = singles + (lastLead-firstLead+1)*trails
)

// positionOf returns the place of a code in the order of a table, or -1.
func positionOf(code uint16) int {
	first, second := code>>8, code&0xff
	switch {
	case first == 0 && second >= firstSingle:
		return int(second - firstSingle)
	case firstLead <= first && first <= lastLead && firstTrail <= second && second <= lastTrail:
		return singles + int(first-firstLead)*trails + int(second-firstTrail)
	}
	return -1
}

// codeAt is the reverse of positionOf.
func codeAt(position int) uint16 {
	if position < singles {
		return firstSingle + uint16(position)
	}
	position -= singles
	return (firstLead+uint16(position/trails))<<8 | (firstTrail + uint16(position%trails))
}

func readTable(table []byte) []rune {
	size := positions
	if len(table) <= 4*singles { // no character takes more
		size = singles
	}
	decoded := memory.MustMake[rune](0, size)
	var r rune
	for len(table) > 0 {
		token := table[0]
		table = table[1:]
		var number uint64
		if token < near {
			var n int
			number, n = binary.Uvarint(table)
			table = table[n:]
		}
		switch {
		case token == run:
			for range number {
				r++
				decoded = append(decoded, r)
			}
			continue
		case token == gap:
			decoded = append(decoded, make([]rune, number)...)
			continue
		case token == anywhere:
			r = rune(number)
		case token < far:
			r += rune(token) - near + 1
		default:
			r = firstOfFar + rune(token-far)<<8 + rune(table[0])
			table = table[1:]
		}
		decoded = append(decoded, r)
	}
	return decoded
}
