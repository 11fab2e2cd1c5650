// Package codepage converts texts between UTF-8 and the Windows code pages, with built-in
// tables: those of the system are files, which it need not have.
//
// The tables are stored in 80 kB (format.go), and a page is expanded when it is first used.
package codepage

import (
	_ "embed"
	"encoding/binary"
	"math"
	"sync"
	"unicode/utf8"

	"libobe/internal/memory"
)

//go:generate go run ./generate

// tables has for each page its number, the size of its table, and the table.
//
//go:embed tables.bin
var tables string

// Page is a code page.
type Page struct {
	number  uint64
	decoded []rune            // the character of each code; 0: there is none
	encoded [768]*[256]uint16 // the code of each character, by its higher and its lower bits; 0: there is none
}

var (
	mu       sync.Mutex
	expanded []*Page
)

// Get returns a code page by its number. It panics with a memory.ErrMemory if there is no
// memory for it, and returns nil if there is no such page.
func Get(number uint64) *Page {
	mu.Lock()
	defer mu.Unlock()
	for _, p := range expanded {
		if p.number == number {
			return p
		}
	}
	p := expand(number)
	if p != nil {
		expanded = append(expanded, p)
	}
	return p
}

func expand(number uint64) *Page {
	for rest := memory.Bytes(tables); len(rest) > 0; {
		found, n := binary.Uvarint(rest)
		size, m := binary.Uvarint(rest[n:])
		table := rest[n+m:][:size]
		rest = rest[n+m:][size:]
		if found == number {
			return newPage(number, table)
		}
	}
	return nil
}

func newPage(number uint64, table []byte) *Page {
	p := &Page{number: number, decoded: readTable(table)}
	for position, r := range p.decoded {
		if r < firstEncoded {
			continue
		}
		block := p.encoded[r>>8]
		if block == nil {
			block = new([256]uint16)
			p.encoded[r>>8] = block
		}
		// Of two codes of a character the first one is used. In 950 it is the last, since
		// the first is of Hong Kong's extension.
		if block[r&0xff] == 0 || number == 950 {
			block[r&0xff] = codeAt(position)
		}
	}
	return p
}

// firstEncoded is the first character that Encode is for. 0x80 of page 932 is a
// control character, which is only read.
const firstEncoded = 0xa0

// pairs are the codes in 950 that stand for a letter and its accent.
var pairs = map[uint16]string{0x8862: "\u00ca\u0304", 0x8864: "\u00ca\u030c", 0x88a3: "\u00ea\u0304", 0x88a5: "\u00ea\u030c"}

// Decode converts a text to UTF-8. It reports whether all of it exists in the code page.
func (p *Page) Decode(text []byte) (decoded []byte, ok bool) {
	decoded = memory.MustMake[byte](0, int(min(3*int64(len(text)), math.MaxInt))) // no byte has more
	for i := 0; i < len(text); i++ {
		first := text[i]
		if first < utf8.RuneSelf {
			decoded = append(decoded, first)
			continue
		}
		r := p.decoded[first-firstSingle]
		if r == 0 {
			i++
			if i == len(text) {
				return decoded, false
			}
			if r = p.double(first, text[i]); r == 0 {
				pair := pairs[uint16(first)<<8|uint16(text[i])]
				if pair == "" || p.number != 950 {
					return decoded, false
				}
				decoded = append(decoded, pair...)
				continue
			}
		}
		if r < 0x800 {
			decoded = append(decoded, 0xc0|byte(r>>6), 0x80|byte(r&0x3f))
		} else {
			decoded = utf8.AppendRune(decoded, r)
		}
	}
	return decoded, true
}

// double returns the character of two bytes, or 0.
func (p *Page) double(lead, trail byte) rune {
	n := singles + (int(lead)-firstLead)*trails + int(trail) - firstTrail
	if lead < firstLead || lead > lastLead || trail < firstTrail || trail > lastTrail || n >= len(p.decoded) {
		return 0
	}
	return p.decoded[n]
}

// Encode appends the code of a character beyond ASCII, and reports whether it has one.
func (p *Page) Encode(dst []byte, r rune) ([]byte, bool) {
	if r < 0 || int(r>>8) >= len(p.encoded) || p.encoded[r>>8] == nil {
		return dst, false
	}
	code := p.encoded[r>>8][r&0xff]
	if code > 0xff {
		dst = append(dst, byte(code>>8))
	}
	return append(dst, byte(code)), code != 0
}
