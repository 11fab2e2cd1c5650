// Command generate writes tables.bin, the tables of package codepage, from those of
// golang.org/x/text.
package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
)

func main() {
	var tables []byte
	for _, page := range []struct {
		number   uint64
		encoding encoding.Encoding
	}{
		{874, charmap.Windows874},
		{932, japanese.ShiftJIS},
		{936, simplifiedchinese.GBK},
		{949, korean.EUCKR},
		{950, traditionalchinese.Big5},
		{1250, charmap.Windows1250},
		{1251, charmap.Windows1251},
		{1252, charmap.Windows1252},
		{1253, charmap.Windows1253},
		{1254, charmap.Windows1254},
		{1255, charmap.Windows1255},
		{1256, charmap.Windows1256},
		{1257, charmap.Windows1257},
		{1258, charmap.Windows1258},
	} {
		table := appendTable(nil, characters(page.encoding))
		tables = binary.AppendUvarint(tables, page.number)
		tables = binary.AppendUvarint(tables, uint64(len(table)))
		tables = append(tables, table...)
	}
	if err := os.WriteFile("tables.bin", tables, 0o644); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

// characters returns the character of each code, in the order of a table; 0 if it is not
// one character.
func characters(e encoding.Encoding) (found []rune) {
	character := func(code ...byte) rune {
		text, err := e.NewDecoder().Bytes(code)
		if r, size := utf8.DecodeRune(text); err == nil && size == len(text) && r != utf8.RuneError {
			return r
		}
		return 0
	}
	for b := 0x80; b <= 0xff; b++ {
		found = append(found, character(byte(b)))
	}
	for lead := 0x81; lead <= 0xfe; lead++ {
		for trail := 0x40; trail <= 0xfe; trail++ {
			found = append(found, character(byte(lead), byte(trail)))
		}
	}
	return found
}

// appendTable appends a table in the format that package codepage describes.
func appendTable(table []byte, characters []rune) []byte {
	var last rune
	for len(characters) > 0 {
		r := characters[0]
		n := 1
		for n < len(characters) && (r == 0 && characters[n] == 0 || r == last+1 && characters[n] == r+rune(n)) {
			n++
		}
		switch step, above := r-last, r-0x4e00; {
		case r == 0 && n == len(characters):
			return table
		case r == 0:
			table = binary.AppendUvarint(append(table, 1), uint64(n))
		case step == 1 && n > 2:
			table = binary.AppendUvarint(append(table, 0), uint64(n))
			last = r + rune(n) - 1
		case 1 <= step && step <= 0x7d:
			table = append(table, byte(2+step))
			n, last = 1, r
		case 0 <= above && above < 1<<15:
			table = append(table, 0x80|byte(above>>8), byte(above))
			n, last = 1, r
		default:
			table = binary.AppendUvarint(append(table, 2), uint64(r))
			n, last = 1, r
		}
		characters = characters[n:]
	}
	return table
}
