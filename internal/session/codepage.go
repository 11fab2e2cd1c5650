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

// CodePage is the name of the option that selects the code page of a session's texts.
const CodePage = "codepage"

// CodePageDoc documents the option.
var CodePageDoc = struct{ Default, Doc string }{
	"utf-8",
	"The code page of the texts of this handle, which are converted from and to UTF-8: 874, 932, 936, 949, 950, 1250 to 1258, system (that of this Windows installation; UTF-8 elsewhere), or utf-8. In the text of a message, a character that the code page lacks is written as a JSON escape. In a single string it is an error.",
}

// codePage is a Windows code page.
type codePage struct {
	name     string
	encoding encoding.Encoding
}

// codePages are the ANSI code pages, which Windows uses for the texts of programs that do
// not use Unicode.
var codePages = map[string]encoding.Encoding{
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

// findCodePage returns a code page by its name; nil is UTF-8.
func findCodePage(name string) (*codePage, error) {
	if name == "system" {
		name = systemCodePage()
	}
	if name == "utf-8" || name == "65001" {
		return nil, nil
	}
	if e, ok := codePages[name]; ok {
		return &codePage{name, e}, nil
	}
	return nil, fmt.Errorf("%w: option %s: unknown code page %s; use 874, 932, 936, 949, 950, 1250 to 1258, system or utf-8",
		socket.ErrArgument, CodePage, excerpt.Quote(name))
}

func (s *Session) currentCodePage() *codePage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.codePage
}

// Decode converts a text of the caller to UTF-8; name is the name of its parameter, for
// errors. Without a code page the text is returned as it is, valid UTF-8 or not.
func (s *Session) Decode(op, name string, text []byte) ([]byte, error) {
	p := s.currentCodePage()
	if p == nil || isASCII(text) {
		return text, nil
	}
	size := maxDecodedSize(len(text))
	decoded := memory.MustMake[byte](size, size)
	n, _, err := p.encoding.NewDecoder().Transform(decoded, text, true)
	decoded = decoded[:n]
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s: %w", op, ErrEncoding, name, err)
	}
	if i := bytes.Index(decoded, []byte("\uFFFD")); i >= 0 {
		return nil, fmt.Errorf("%s: %w: character %d of %s does not exist in code page %s (option %s)",
			op, ErrEncoding, utf8.RuneCount(decoded[:i])+1, name, p.name, CodePage)
	}
	return decoded, nil
}

// decodeUTF8 is Decode for a text that is not validated later, as JSON is: a text that is
// not UTF-8 is ErrEncoding.
func (s *Session) decodeUTF8(op, name string, text []byte) (string, error) {
	t, err := s.Decode(op, name, text)
	if err == nil && !utf8.Valid(t) {
		err = s.withCodePageHint(fmt.Errorf("%s: %w: %s is not UTF-8", op, ErrEncoding, name), t)
	}
	return memory.String(t), err
}

// withCodePageHint adds to err what to do about a text that is not UTF-8, if text is one
// and err is not nil.
func (s *Session) withCodePageHint(err error, text []byte) error {
	if err == nil || utf8.Valid(text) {
		return err
	}
	return fmt.Errorf("%w (LabVIEW strings are in the Windows code page: set the option %s to system, or to its number)", err, CodePage)
}

// Encode converts a string to the code page. A character that the code page lacks is
// jsondoc.ErrRange.
func (s *Session) Encode(text []byte) (encoded []byte, err error) {
	p := s.currentCodePage()
	if p == nil || isASCII(text) {
		return text, nil
	}
	encoded = p.encode(text, func(dst []byte, r rune, coded []byte) []byte {
		if coded == nil && err == nil {
			err = fmt.Errorf("%w: the text contains the character U+%04X, which code page %s lacks; the text of the whole message contains it as an escape",
				jsondoc.ErrRange, r, p.name)
		}
		return append(dst, coded...)
	})
	return encoded, err
}

// EncodeLossy converts a text that people read to the code page. A character that the
// code page lacks becomes a question mark.
func (s *Session) EncodeLossy(text string) []byte {
	p := s.currentCodePage()
	if p == nil || isASCII(text) {
		return []byte(text)
	}
	return p.encode([]byte(text), func(dst []byte, _ rune, coded []byte) []byte {
		if coded == nil {
			return append(dst, '?')
		}
		return append(dst, coded...)
	})
}

// encodeJSON converts a JSON text to the code page; see appendJSON. All characters of a
// JSON text that are not ASCII are in strings, where they may be escapes.
func (s *Session) encodeJSON(text []byte) []byte {
	p := s.currentCodePage()
	if p == nil || isASCII(text) {
		return text
	}
	return p.encode(text, appendJSON)
}

// jsonSize returns len(encodeJSON(text)).
func (s *Session) jsonSize(text []byte) int {
	p := s.currentCodePage()
	if p == nil || isASCII(text) {
		return len(text)
	}
	return p.encodedSize(text, appendJSON)
}

// appendJSON is the appendFunc of JSON texts. It writes an escape for a character that the
// code page lacks, and for one whose encoding contains an ASCII byte: a reader that
// processes the text byte by byte would take that byte for a backslash or a quote.
func appendJSON(dst []byte, r rune, coded []byte) []byte {
	if coded == nil || slices.ContainsFunc(coded, func(b byte) bool { return b < utf8.RuneSelf }) {
		return appendEscape(dst, r)
	}
	return append(dst, coded...)
}

// appendEscape appends a character as an ASCII escape of JSON.
func appendEscape(dst []byte, r rune) []byte {
	if high, low := utf16.EncodeRune(r); high != utf8.RuneError {
		return fmt.Appendf(dst, `\u%04x\u%04x`, high, low)
	}
	return fmt.Appendf(dst, `\u%04x`, r)
}

// appendFunc appends one character that is not ASCII. coded is its encoding in the code
// page, nil if the code page lacks it.
type appendFunc func(dst []byte, r rune, coded []byte) []byte

func (p *codePage) encode(text []byte, appendRune appendFunc) []byte {
	size := p.encodedSize(text, appendRune)
	dst := memory.MustMake[byte](0, size)
	p.eachRune(text, func(r rune, coded []byte) {
		if r < utf8.RuneSelf {
			dst = append(dst, byte(r))
		} else {
			dst = appendRune(dst, r, coded)
		}
	})
	return dst
}

// encodedSize returns len(encode(text, appendRune)).
func (p *codePage) encodedSize(text []byte, appendRune appendFunc) int {
	size := 0
	var scratch [16]byte
	p.eachRune(text, func(r rune, coded []byte) {
		if r < utf8.RuneSelf {
			size++
		} else {
			size += len(appendRune(scratch[:0], r, coded))
		}
	})
	return size
}

// eachRune calls f for each character of a text. coded is the encoding of a character
// that is not ASCII, nil if the code page lacks it.
func (p *codePage) eachRune(text []byte, f func(r rune, coded []byte)) {
	encoder := p.encoding.NewEncoder()
	var from [utf8.UTFMax]byte
	var to [2 * utf8.UTFMax]byte
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		text = text[size:]
		if r < utf8.RuneSelf {
			f(r, nil)
			continue
		}
		n, _, err := encoder.Transform(to[:], from[:utf8.EncodeRune(from[:], r)], true)
		coded := to[:n]
		if err != nil {
			coded = nil
		}
		f(r, coded)
	}
}

// maxDecodedSize returns how many bytes a text of n bytes can have in UTF-8: one byte
// becomes at most three, those of U+FFFD.
func maxDecodedSize(n int) int { return int(min(int64(len("\uFFFD"))*int64(n), math.MaxInt)) }

func isASCII[T string | []byte](text T) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
