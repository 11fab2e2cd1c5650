package jsondoc

import (
	"bytes"
	"hash/maphash"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"

	"libobe/internal/memory"
)

// unescaper iterates over an encoded string without its escapes, piece by piece,
// without allocating.
type unescaper struct {
	rest []byte // without the quotes
	raw  bool   // a backslash is an ordinary character
	buf  [utf8.UTFMax]byte
}

// fromQuoted returns the unescaper of a string of a JSON text, with its quotes.
func fromQuoted(encoded []byte) unescaper { return unescaper{rest: encoded[1 : len(encoded)-1]} }

// fromRaw returns the unescaper of a text that is not encoded.
func fromRaw(text string) unescaper {
	return unescaper{rest: unsafe.Slice(unsafe.StringData(text), len(text)), raw: true}
}

// next returns the next piece, which is empty at the end.
func (u *unescaper) next() []byte {
	s := u.rest
	if len(s) == 0 || u.raw || s[0] != '\\' {
		n := len(s)
		if i := bytes.IndexByte(s, '\\'); i >= 0 && !u.raw {
			n = i
		}
		u.rest = s[n:]
		return s[:n]
	}
	if s[1] != 'u' {
		u.buf[0] = unescapedByte[s[1]]
		u.rest = s[2:]
		return u.buf[:1]
	}
	r, n := hex4(s[2:]), 6
	if utf16.IsSurrogate(r) {
		pair := rune(utf8.RuneError)
		if len(s) >= 12 && s[6] == '\\' && s[7] == 'u' {
			pair = utf16.DecodeRune(r, hex4(s[8:]))
		}
		if r = pair; r != utf8.RuneError {
			n = 12
		}
	}
	u.rest = s[n:]
	return u.buf[:utf8.EncodeRune(u.buf[:], r)]
}

// size returns the size of the rest without its escapes.
func (u unescaper) size() int {
	n := 0
	for p := u.next(); len(p) > 0; p = u.next() {
		n += len(p)
	}
	return n
}

// copyTo copies the rest to dst if it fits, and returns its size.
func (u unescaper) copyTo(dst []byte) int {
	n := u.size()
	if n > len(dst) {
		return n
	}
	for p := u.next(); len(p) > 0; p = u.next() {
		dst = dst[copy(dst, p):]
	}
	return n
}

// text returns the rest as a string.
func (u unescaper) text() string {
	n := u.size()
	s := memory.MustMake[byte](0, n)
	for p := u.next(); len(p) > 0; p = u.next() {
		s = append(s, p...)
	}
	return unsafe.String(unsafe.SliceData(s), len(s))
}

// hash returns the hash of the string without its escapes.
func (u unescaper) hash() uint64 {
	if u.raw || bytes.IndexByte(u.rest, '\\') < 0 {
		return maphash.Bytes(hashSeed, u.rest)
	}
	var h maphash.Hash
	h.SetSeed(hashSeed)
	for p := u.next(); len(p) > 0; p = u.next() {
		_, _ = h.Write(p)
	}
	return h.Sum64()
}

// sameText reports whether two strings are equal without their escapes.
func sameText(a, b unescaper) bool {
	if a.raw == b.raw && bytes.Equal(a.rest, b.rest) {
		return true
	}
	var p, q []byte
	for {
		if len(p) == 0 {
			p = a.next()
		}
		if len(q) == 0 {
			q = b.next()
		}
		if len(p) == 0 || len(q) == 0 {
			return len(p) == len(q)
		}
		n := min(len(p), len(q))
		if !bytes.Equal(p[:n], q[:n]) {
			return false
		}
		p, q = p[n:], q[n:]
	}
}

// unescapedByte maps the letter after a backslash to the character that it stands for.
var unescapedByte = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// hex4 returns the value of four hexadecimal digits.
func hex4(s []byte) rune {
	var r rune
	for _, c := range s[:4] {
		switch {
		case c <= '9':
			c -= '0'
		default:
			c = c | 0x20 - 'a' + 10
		}
		r = r<<4 | rune(c)
	}
	return r
}

// AppendString appends s, which must be UTF-8, as a JSON string.
func AppendString(dst []byte, s string) []byte {
	size := len(s)
	for i := 0; i < len(s); i++ {
		size += int(escapeGrowth[s[i]])
	}
	dst = append(grow(dst, int64(size)+2), '"') // with space for a comma or brace, so that the text is copied once
	if size == len(s) {
		return append(append(dst, s...), '"')
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case escapeGrowth[c] == 0:
			dst = append(dst, c)
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, `\n`...)
		case c == '\r':
			dst = append(dst, `\r`...)
		case c == '\t':
			dst = append(dst, `\t`...)
		default:
			const digits = "0123456789abcdef"
			dst = append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		}
	}
	return append(dst, '"')
}

// escapeGrowth is by how many bytes a byte grows as part of a JSON string.
var escapeGrowth = func() (sizes [256]uint8) {
	for c := range 0x20 {
		sizes[c] = uint8(len(`\u0000`) - 1)
	}
	sizes[0x7f] = sizes[0]
	for _, c := range []byte("\"\\\n\r\t") {
		sizes[c] = uint8(len(`\n`) - 1)
	}
	return sizes
}()
