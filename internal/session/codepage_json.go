package session

import (
	"bytes"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"

	"libobe/internal/memory"
)

// A JSON text of LabVIEW may be UTF-8, as Flatten To JSON writes it, may be in the code
// page, as a text that was typed, or may be put together from both. If UTF-8 were taken for
// the code page, every character beyond ASCII would become two others, without an error.
// So each string in the text is taken as UTF-8 if it is valid UTF-8. A text in a code page
// is that by chance: in 1252, it would have to contain "Â" or "Ã" before a symbol. In 936,
// 949 and 950 it is more likely: of the frequent characters alone in a string, 18 %, 9 % and
// 3 % are valid UTF-8. Decode converts any text, so SetString is right for those.

// DecodeJSON is Decode for a JSON text. Its strings may be in UTF-8 or in the code page.
func (s *Session) DecodeJSON(op, name string, text []byte) ([]byte, error) {
	p := s.currentCodePage()
	if p == nil || utf8.Valid(text) {
		return text, nil
	}
	decoded := memory.MustMake[byte](0, maxDecodedSize(len(text)))
	for inString := false; len(text) > 0; inString = !inString {
		n := p.spanLength(text, inString, false)
		if !utf8.Valid(text[:n]) {
			n = p.spanLength(text, inString, true)
			span, ok := p.converter.decode(text[:n])
			if !ok {
				return nil, p.invalid(op, name, utf8.RuneCount(decoded)+p.validCount(text[:n]))
			}
			decoded = append(decoded, span...)
		} else {
			decoded = append(decoded, text[:n]...)
		}
		text = text[n:]
		if len(text) > 0 {
			decoded = append(decoded, '"')
			text = text[1:]
		}
	}
	return decoded, nil
}

// spanLength returns how many bytes precede the next quote that begins or ends a string.
// The second byte of a character in the code page may be a backslash.
func (p *codePage) spanLength(text []byte, inString, inCodePage bool) int {
	if !inString {
		if n := bytes.IndexByte(text, '"'); n >= 0 {
			return n
		}
		return len(text)
	}
	for n := 0; n < len(text); {
		switch {
		case text[n] == '"':
			return n
		case text[n] == '\\':
			n += 2
		case inCodePage:
			n += p.characterSize(text[n:])
		default:
			n++
		}
	}
	return len(text)
}

// EncodeJSON writes each character of a JSON text that is not ASCII as an escape, if there
// is a code page. The text is then the same in UTF-8, as Unflatten From JSON expects it,
// and in the code page. All characters beyond ASCII are in strings, where they may be
// escapes.
func (s *Session) EncodeJSON(text []byte) []byte {
	if s.currentCodePage() == nil || isASCII(text) {
		return text
	}
	size := escapedSize(text)
	dst := memory.MustMake[byte](0, size)
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		text = text[n:]
		dst = appendEscaped(dst, r)
	}
	return dst
}

// jsonSize returns len(EncodeJSON(text)).
func (s *Session) jsonSize(text []byte) int {
	if s.currentCodePage() == nil {
		return len(text)
	}
	return escapedSize(text)
}

func escapedSize(text []byte) (size int) {
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		text = text[n:]
		switch {
		case r < utf8.RuneSelf:
			size++
		case utf16.RuneLen(r) == 2:
			size += len(`\ud83d\ude00`)
		default:
			size += len(`\u00b5`)
		}
	}
	return size
}

// appendEscaped appends a character, or its escape if it is not ASCII.
func appendEscaped(dst []byte, r rune) []byte {
	if r < utf8.RuneSelf {
		return append(dst, byte(r))
	}
	if high, low := utf16.EncodeRune(r); high != utf8.RuneError {
		return fmt.Appendf(dst, `\u%04x\u%04x`, high, low)
	}
	return fmt.Appendf(dst, `\u%04x`, r)
}
