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

// codeAt returns the code of a position in a table.
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
	decoded := memory.MustMake[rune](size, size)
	var r rune
	for n := 0; len(table) > 0; n++ {
		token := table[0]
		table = table[1:]
		var number int
		if token < near {
			value, length := binary.Uvarint(table)
			number = int(value)
			table = table[length:]
		}
		switch {
		case token == run:
			for ; number > 1; number-- {
				r++
				decoded[n] = r
				n++
			}
			r++
		case token == gap:
			n += number - 1
			continue
		case token == anywhere:
			r = rune(number)
		case token < far:
			r += rune(token) - near + 1
		default:
			r = firstOfFar + rune(token-far)<<8 + rune(table[0])
			table = table[1:]
		}
		decoded[n] = r
	}
	return decoded
}
