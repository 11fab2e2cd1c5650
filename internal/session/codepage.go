package session

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"

	"libobe/internal/excerpt"
	"libobe/internal/jsondoc"
	"libobe/internal/memory"
	"libobe/internal/socket"
)

// CodePage is the name of the option that says in which code page texts are.
const CodePage = "codepage"

// CodePageDoc is what the documentation says of it.
var CodePageDoc = struct{ Default, Doc string }{
	"utf-8",
	"The code page of the texts of this handle, which are converted from and to UTF-8: 874, 932, 936, 949, 950, 1250 to 1258, system (the one of this Windows; UTF-8 elsewhere), or utf-8. In the text of a message, a character that the code page lacks is written as an escape of JSON; in a single string it is an error.",
}

// page is a code page of Windows.
type page struct {
	name     string
	encoding encoding.Encoding
}

// pages are the ANSI code pages, those that Windows uses for the texts of a
// country.
var pages = map[string]encoding.Encoding{
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

// findPage returns a code page by its name; nil is UTF-8.
func findPage(name string) (*page, error) {
	if name == "system" {
		name = systemPage()
	}
	if name == "utf-8" || name == "65001" {
		return nil, nil
	}
	if e, ok := pages[name]; ok {
		return &page{name, e}, nil
	}
	return nil, fmt.Errorf("%w: option %s: %s is none of 874, 932, 936, 949, 950, 1250 to 1258, system and utf-8",
		socket.ErrArgument, CodePage, excerpt.Quote(name))
}

func (s *Session) codePage() *page {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.page
}

// Decode turns a text from outside into UTF-8. Without a code page it is taken as
// it is.
func (s *Session) Decode(op, name string, text []byte) ([]byte, error) {
	p := s.codePage()
	if p == nil || ascii(text) {
		return text, nil
	}
	size := triple(len(text))
	decoded := memory.MustMake[byte](size, size)
	n, _, err := p.encoding.NewDecoder().Transform(decoded, text, true)
	decoded = decoded[:n]
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s: %w", op, ErrPage, name, err)
	}
	if i := bytes.Index(decoded, []byte("\uFFFD")); i >= 0 {
		return nil, fmt.Errorf("%s: %w: character %d of %s does not exist in code page %s, which the option %s names",
			op, ErrPage, utf8.RuneCount(decoded[:i])+1, name, p.name, CodePage)
	}
	return decoded, nil
}

// plain is Decode for a text that nobody looks at as JSON: one that is not UTF-8 is
// ErrPage.
func (s *Session) plain(op, name string, text []byte) (string, error) {
	t, err := s.Decode(op, name, text)
	if err == nil && !utf8.Valid(t) {
		err = s.hint(fmt.Errorf("%s: %w: %s is not UTF-8", op, ErrPage, name), t)
	}
	return memory.String(t), err
}

// hint says what to do about a text that is not UTF-8, if that is why err came
// about.
func (s *Session) hint(err error, text []byte) error {
	if err == nil || utf8.Valid(text) {
		return err
	}
	return fmt.Errorf("%w (a text of LabVIEW is in the code page of Windows: set the option %s to system, or to its number)", err, CodePage)
}

// Encode turns a string into the code page. One that has a character that the
// code page lacks is ErrRange.
func (s *Session) Encode(text []byte) (encoded []byte, err error) {
	p := s.codePage()
	if p == nil || ascii(text) {
		return text, nil
	}
	encoded = p.encode(text, func(dst []byte, r rune, found []byte) []byte {
		if found == nil && err == nil {
			err = fmt.Errorf("%w: the text has the character U+%04X, which code page %s lacks; in the text of the whole message it is an escape",
				jsondoc.ErrRange, r, p.name)
		}
		return append(dst, found...)
	})
	return encoded, err
}

// EncodeLoosely turns a text for people into the code page; what that lacks is a
// question mark.
func (s *Session) EncodeLoosely(text string) []byte {
	p := s.codePage()
	if p == nil || ascii(text) {
		return []byte(text)
	}
	return p.encode([]byte(text), func(dst []byte, _ rune, found []byte) []byte {
		if found == nil {
			return append(dst, '?')
		}
		return append(dst, found...)
	})
}

// json turns a JSON text into the code page. Outside ASCII it has only
// characters of strings: those that the code page lacks are written as escapes,
// and so are those with a byte that could be taken for ASCII, for a backslash
// most of all, by who reads byte by byte.
func (s *Session) json(text []byte) []byte {
	p := s.codePage()
	if p == nil || ascii(text) {
		return text
	}
	return p.encode(text, putJSON)
}

func putJSON(dst []byte, r rune, found []byte) []byte {
	if found == nil || slices.ContainsFunc(found, func(b byte) bool { return b < utf8.RuneSelf }) {
		return appendEscape(dst, r)
	}
	return append(dst, found...)
}

// size is the size of json(text).
func (s *Session) size(text []byte) int {
	p := s.codePage()
	if p == nil || ascii(text) {
		return len(text)
	}
	return p.encodedSize(text, putJSON)
}

// appendEscape appends a character as JSON writes it in ASCII.
func appendEscape(dst []byte, r rune) []byte {
	if high, low := utf16.EncodeRune(r); high != utf8.RuneError {
		return fmt.Appendf(dst, `\u%04x\u%04x`, high, low)
	}
	return fmt.Appendf(dst, `\u%04x`, r)
}

// put appends a character outside ASCII, found being its bytes in the code page, nil
// if that lacks it.
type put func(dst []byte, r rune, found []byte) []byte

// encode encodes a text.
func (p *page) encode(text []byte, put put) []byte {
	size := p.encodedSize(text, put)
	dst := memory.MustMake[byte](0, size)
	p.each(text, func(r rune, found []byte) {
		if r < utf8.RuneSelf {
			dst = append(dst, byte(r))
		} else {
			dst = put(dst, r, found)
		}
	})
	return dst
}

// encodedSize returns the size of what encode returns.
func (p *page) encodedSize(text []byte, put put) int {
	size := 0
	var one [16]byte
	p.each(text, func(r rune, found []byte) {
		if r < utf8.RuneSelf {
			size++
		} else {
			size += len(put(one[:0], r, found))
		}
	})
	return size
}

// each calls do for each character of a text, found being the bytes of one outside
// ASCII in the code page, nil if that lacks it.
func (p *page) each(text []byte, do func(r rune, found []byte)) {
	encoder := p.encoding.NewEncoder()
	var from [utf8.UTFMax]byte
	var to [2 * utf8.UTFMax]byte
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		text = text[size:]
		if r < utf8.RuneSelf {
			do(r, nil)
			continue
		}
		n, _, err := encoder.Transform(to[:], from[:utf8.EncodeRune(from[:], r)], true)
		found := to[:n]
		if err != nil {
			found = nil
		}
		do(r, found)
	}
}

// triple is the room for a text of n bytes once it is decoded: a byte becomes three at
// most, those of U+FFFD for one.
func triple(n int) int { return int(min(int64(len("\uFFFD"))*int64(n), math.MaxInt)) }

func ascii[T string | []byte](text T) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
