package session

import (
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

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
	"The code page of the texts of this handle, which are converted from and to UTF-8: 874, 932, 936, 949, 950, 1250 to 1258, system (that of this Windows installation; UTF-8 elsewhere), or utf-8. In a JSON text that is passed in, each string is converted unless it is valid UTF-8, as Flatten To JSON writes it. In a JSON text that is passed out, each character beyond ASCII is a JSON escape. In any other text, a character that the code page lacks is an error.",
}

// codePage is a Windows code page: one of the ANSI code pages, which Windows uses for the
// texts of programs that do not use Unicode.
type codePage struct {
	name      string
	converter converter
}

// leadBytes are the code pages with the ranges of those bytes that begin a character of
// two bytes.
var leadBytes = map[string][][2]byte{
	"874": nil,
	"932": {{0x81, 0x9f}, {0xe0, 0xfc}}, "936": {{0x81, 0xfe}}, "949": {{0x81, 0xfe}}, "950": {{0x81, 0xfe}},
	"1250": nil, "1251": nil, "1252": nil, "1253": nil, "1254": nil, "1255": nil, "1256": nil, "1257": nil, "1258": nil,
}

// findCodePage returns a code page by its name; nil is UTF-8.
func findCodePage(name string) (*codePage, error) {
	if name == "system" {
		name = systemCodePage()
	}
	if name == "utf-8" || name == "65001" {
		return nil, nil
	}
	if _, ok := leadBytes[name]; ok {
		return &codePage{name, newConverter(name)}, nil
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
	decoded, ok := p.converter.decode(text)
	if !ok {
		return nil, p.invalid(op, name, p.validCount(text))
	}
	return decoded, nil
}

// invalid returns the error of a text in which a character, after this many valid ones,
// does not exist in the code page.
func (p *codePage) invalid(op, name string, after int) error {
	return fmt.Errorf("%s: %w: character %d of %s does not exist in code page %s (option %s)", op, ErrEncoding, after+1, name, p.name, CodePage)
}

// validCount returns how many characters precede the first one that is invalid.
func (p *codePage) validCount(text []byte) (count int) {
	for len(text) > 0 {
		size := p.characterSize(text)
		if _, ok := p.converter.decode(text[:size]); !ok {
			break
		}
		text = text[size:]
		count++
	}
	return count
}

// characterSize returns how many bytes the first character of a text has.
func (p *codePage) characterSize(text []byte) int {
	if len(text) > 1 && slices.ContainsFunc(leadBytes[p.name], func(r [2]byte) bool { return r[0] <= text[0] && text[0] <= r[1] }) {
		return 2
	}
	return 1
}

// decodeUTF8 is Decode for a text that is not validated later, as JSON is: a text that is
// not UTF-8 is ErrEncoding.
func (s *Session) decodeUTF8(op, name string, text []byte) (string, error) {
	t, err := s.Decode(op, name, text)
	if err == nil {
		err = s.requireUTF8(op, name, t)
	}
	return memory.String(t), err
}

func (s *Session) requireUTF8(op, name string, text []byte) error {
	if utf8.Valid(text) {
		return nil
	}
	return s.withCodePageHint(fmt.Errorf("%s: %w: %s is not UTF-8", op, ErrEncoding, name), text)
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
	encoded = p.encode(text, func(dst []byte, r rune) []byte {
		if err == nil {
			err = fmt.Errorf("%w: the text contains the character U+%04X, which code page %s lacks; the text of the whole message contains it as an escape",
				jsondoc.ErrRange, r, p.name)
		}
		return dst
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
	return p.encode([]byte(text), func(dst []byte, _ rune) []byte { return append(dst, '?') })
}

// encode converts a text. appendMissing appends what stands for a character that the code
// page lacks.
func (p *codePage) encode(text []byte, appendMissing func(dst []byte, r rune) []byte) []byte {
	dst := memory.MustMake[byte](0, len(text)) // no character is longer than in UTF-8
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		text = text[size:]
		if r < utf8.RuneSelf {
			dst = append(dst, byte(r))
		} else if coded, ok := p.converter.encode(r); ok {
			dst = append(dst, coded...)
		} else {
			dst = appendMissing(dst, r)
		}
	}
	return dst
}

// maxDecodedSize returns how many bytes a text of n bytes can have in UTF-8: one byte
// becomes at most three.
func maxDecodedSize(n int) int { return int(min(3*int64(n), math.MaxInt)) }

func isASCII[T string | []byte](text T) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
