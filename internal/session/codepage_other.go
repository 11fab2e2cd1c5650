//go:build !windows

package session

import (
	"bytes"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"

	"libobe/internal/memory"
)

// systemCodePage returns UTF-8: only Windows uses other code pages.
func systemCodePage() string { return "utf-8" }

var encodings = map[string]encoding.Encoding{
	"874":  charmap.Windows874,
	"932":  japanese.ShiftJIS,
	"936":  simplifiedchinese.GBK,
	"949":  korean.EUCKR,
	"950":  traditionalchinese.Big5,
	"1250": charmap.Windows1250,
	"1251": charmap.Windows1251,
	"1252": charmap.Windows1252,
	"1253": charmap.Windows1253,
	"1254": charmap.Windows1254,
	"1255": charmap.Windows1255,
	"1256": charmap.Windows1256,
	"1257": charmap.Windows1257,
	"1258": charmap.Windows1258,
}

// converter converts from and to a code page with tables of our own: the tables of the C
// library are files, which a system need not have.
type converter struct{ encoding encoding.Encoding }

func newConverter(name string) converter { return converter{encodings[name]} }

// decode converts a text to UTF-8. It reports whether all of it exists in the code page.
func (c converter) decode(text []byte) (decoded []byte, ok bool) {
	size := maxDecodedSize(len(text))
	decoded = memory.MustMake[byte](size, size)
	n, _, err := c.encoding.NewDecoder().Transform(decoded, text, true)
	return decoded[:n], err == nil && !bytes.Contains(decoded[:n], []byte("\uFFFD"))
}

// encode returns a character that is not ASCII in the code page, unless the code page
// lacks it.
func (c converter) encode(r rune) (coded []byte, ok bool) {
	var from [utf8.UTFMax]byte
	var to [utf8.UTFMax]byte
	n, _, err := c.encoding.NewEncoder().Transform(to[:], from[:utf8.EncodeRune(from[:], r)], true)
	return to[:n], err == nil
}
