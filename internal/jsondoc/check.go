// Package jsondoc is JSON as this protocol has it: what Python's json.loads
// takes from a UTF-8 text. That is RFC 8259 and beyond it the numbers NaN,
// Infinity and -Infinity, which Python and LabVIEW write, lone surrogate
// escapes, duplicate keys, and numbers of any size and length; it is not
// invalid UTF-8, a byte order mark, or an empty text.
//
// Why there is code of our own for it: no well-kept library has this grammar.
// encoding/json, its v2 and jsontext, simdjson-go and sonic refuse NaN and
// Infinity, and encoding/json lets invalid UTF-8 through as U+FFFD; fastjson
// takes "nan" and "inf" in any case, which Python does not; gjson checks
// neither UTF-8 nor escapes. None of them can be stopped and continued inside a
// text either, which lets a message be checked while the rest of it is still
// on its way. The grammar is held against Python's own verdict by the tests.
package jsondoc

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// MaxDepth is how deep arrays and objects may nest. A Python peer's parser
// ends with a RecursionError, and its server with it, at about 1000.
const MaxDepth = 512

// SyntaxError says what is wrong with a text, and where.
type SyntaxError struct {
	Offset  int64 // of the first byte that cannot be right
	Problem string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("invalid JSON at byte %d: %s", e.Offset, e.Problem)
}

// Check reports whether text is one JSON document; the error is a
// *SyntaxError.
func Validate(text []byte) error {
	var c Validator
	return c.Feed(text, true)
}

// checkMember reports whether text is one JSON value that may be a member of a
// document.
func checkMember(text []byte) error {
	c := Validator{depth: 1, floor: 1}
	return c.Feed(text, true)
}

// Validator checks a text that comes in parts, in linear time and constant
// memory. The zero value is ready for the first part.
type Validator struct {
	state  state
	inKey  bool // the string under way is a key
	hex    int8 // hex digits of a \u escape still to come
	more   int8 // continuation bytes of a UTF-8 sequence still to come
	lo, hi byte // what the next continuation byte may be
	depth  int
	floor  int                   // the depth at which the text ends: 0, but for a member of a document
	object [MaxDepth / 64]uint64 // bit per level: it is an object
	word   string                // what is left of true, NaN, …
	offset int64                 // where the current part begins
	err    error
}

type state uint8

const (
	value      state = iota // a value is expected
	firstValue              // a value, or the end of the array
	firstKey                // a key, or the end of the object
	key                     // a key
	colon                   // the colon behind a key
	afterValue              // a comma or an end
	str                     // inside a string
	escape                  // behind a backslash
	hex                     // inside \uXXXX
	continuation
	word     // inside true, false, null, NaN, Infinity
	minus    // behind the sign of a number
	zero     // behind a leading zero
	integer  // in the digits before the point
	point    // behind the point
	fraction // in the digits behind the point
	exponent // behind e or E
	expSign  // behind the sign of the exponent
	expDigits
)

// expected says what each state waits for, as the text of an error has it.
var expected = [...]string{
	value: "a value", firstValue: "a value or ']'", firstKey: "a key in quotes or '}'", key: "a key in quotes",
	colon: "':'", afterValue: "',' or the end of the text", str: "the closing quote", escape: "one of \"\\/bfnrtu",
	hex: "a hexadecimal digit", continuation: "the rest of a UTF-8 sequence", word: "the rest of a literal",
	minus: "a digit", zero: "',' or the end of the text", integer: "a digit", point: "a digit", fraction: "a digit",
	exponent: "a digit or a sign", expSign: "a digit", expDigits: "a digit",
}

// Feed checks the next part of the text; last says that nothing follows. After
// an error every call returns that error.
func (c *Validator) Feed(part []byte, last bool) error {
	if c.err != nil {
		return c.err
	}
	n, ok := c.scan(part)
	if !ok {
		c.err = c.unexpected(part[n], c.offset+int64(n))
		return c.err
	}
	c.offset += int64(len(part))
	if last {
		switch c.state {
		case zero, integer, fraction, expDigits:
			c.state = afterValue
		}
		if c.state != afterValue || c.depth > c.floor {
			c.err = &SyntaxError{c.offset, "the text ends where " + c.awaited() + " was expected"}
		}
	}
	return c.err
}

func (c *Validator) awaited() string {
	if c.state == afterValue && c.depth > c.floor {
		if c.inObject() {
			return "',' or '}'"
		}
		return "',' or ']'"
	}
	return expected[c.state]
}

func (c *Validator) unexpected(b byte, at int64) error {
	switch {
	case c.depth == MaxDepth && (b == '[' || b == '{') && (c.state == value || c.state == firstValue):
		return &SyntaxError{at, fmt.Sprintf("nested deeper than %d levels", MaxDepth)}
	case c.state == str && b < 0x20:
		return &SyntaxError{at, fmt.Sprintf("control character 0x%02x in a string, where an escape belongs", b)}
	case c.state == continuation:
		return &SyntaxError{at, fmt.Sprintf("byte 0x%02x does not continue the UTF-8 character before it; is the text Latin-1?", b)}
	case c.state == str:
		return &SyntaxError{at, fmt.Sprintf("byte 0x%02x is not UTF-8", b)}
	case at == 0 && b == 0xef:
		return &SyntaxError{at, "a byte order mark, or another byte that is not JSON"}
	}
	shown := fmt.Sprintf("%q", rune(b))
	if b >= 0x80 {
		shown = fmt.Sprintf("byte 0x%02x", b)
	}
	return &SyntaxError{at, fmt.Sprintf("%s, where %s was expected", shown, c.awaited())}
}

func (c *Validator) inObject() bool {
	level := c.depth - 1
	return level >= 0 && c.object[level/64]>>(level%64)&1 == 1
}

func (c *Validator) open(object bool) bool {
	if c.depth == MaxDepth {
		return false
	}
	bit := uint64(1) << (c.depth % 64)
	if object {
		c.object[c.depth/64] |= bit
		c.state = firstKey
	} else {
		c.object[c.depth/64] &^= bit
		c.state = firstValue
	}
	c.depth++
	return true
}

func (c *Validator) close() {
	c.depth--
	c.state = afterValue
}

// scan runs the states over p. It returns the index of the byte that does not
// fit, if there is one.
func (c *Validator) scan(p []byte) (int, bool) {
	i := 0
	for i < len(p) {
		b := p[i]
		switch c.state {
		case str:
			if i = plain(p, i); i == len(p) {
				return i, true
			}
			switch b = p[i]; {
			case b == '"':
				c.state = afterValue
				if c.inKey {
					c.inKey, c.state = false, colon
				}
			case b == '\\':
				c.state = escape
			case b < 0x20 || !c.lead(b):
				return i, false
			}
		case zero, integer, fraction, expDigits, minus, point, exponent, expSign:
			var ok bool
			if i, ok = c.number(p, i); !ok {
				return i, false
			}
			continue
		case escape:
			switch b {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
				c.state = str
			case 'u':
				c.state, c.hex = hex, 4
			default:
				return i, false
			}
		case hex:
			if !isHex(b) {
				return i, false
			}
			if c.hex--; c.hex == 0 {
				c.state = str
			}
		case continuation:
			if b < c.lo || b > c.hi {
				return i, false
			}
			c.lo, c.hi = 0x80, 0xbf
			if c.more--; c.more == 0 {
				c.state = str
			}
		case word:
			if b != c.word[0] {
				return i, false
			}
			if c.word = c.word[1:]; c.word == "" {
				c.state = afterValue
			}
		default:
			if b == ' ' || b == '\n' || b == '\r' || b == '\t' {
				break
			}
			if !c.structure(b) {
				return i, false
			}
		}
		i++
	}
	return i, true
}

// structure takes a byte outside of strings, numbers and words.
func (c *Validator) structure(b byte) bool {
	switch c.state {
	case afterValue:
		object := c.inObject()
		switch {
		case c.depth == c.floor:
			return false
		case b == ',' && object:
			c.state = key
		case b == ',':
			c.state = value
		case b == '}' && object, b == ']' && !object:
			c.close()
		default:
			return false
		}
	case colon:
		if b != ':' {
			return false
		}
		c.state = value
	case key, firstKey:
		switch {
		case b == '"':
			c.state, c.inKey = str, true
		case b == '}' && c.state == firstKey:
			c.close()
		default:
			return false
		}
	default: // value, firstValue
		switch b {
		case '"':
			c.state = str
		case '-':
			c.state = minus
		case '0':
			c.state = zero
		case '1', '2', '3', '4', '5', '6', '7', '8', '9':
			c.state = integer
		case '[', '{':
			return c.open(b == '{')
		case ']':
			if c.state != firstValue {
				return false
			}
			c.close()
		case 't':
			c.state, c.word = word, "rue"
		case 'f':
			c.state, c.word = word, "alse"
		case 'n':
			c.state, c.word = word, "ull"
		case 'N':
			c.state, c.word = word, "aN"
		case 'I':
			c.state, c.word = word, "nfinity"
		default:
			return false
		}
	}
	return true
}

// number goes on with a number at p[i] and returns the index behind what it
// took. Arrays of numbers are most of what large messages are made of, so it
// goes straight on over the comma to the next one.
func (c *Validator) number(p []byte, i int) (int, bool) {
	s := c.state
	inArray := c.depth > c.floor && !c.inObject()
	for i < len(p) {
		b := p[i]
		switch s {
		case integer, fraction, expDigits:
			if i = digits(p, i); i == len(p) {
				c.state = s
				return i, true
			}
			b = p[i]
			if s == integer && b == '.' {
				s = point
			} else if s != expDigits && b|0x20 == 'e' {
				s = exponent
			} else {
				goto end
			}
		case zero:
			if b == '.' {
				s = point
			} else if b|0x20 == 'e' {
				s = exponent
			} else {
				goto end
			}
		case minus:
			switch {
			case b == '0':
				s = zero
			case '1' <= b && b <= '9':
				s = integer
			case b == 'I':
				c.state, c.word = word, "nfinity"
				return i + 1, true
			default:
				c.state = s
				return i, false
			}
		default: // point, exponent, expSign
			switch {
			case '0' <= b && b <= '9' && s == point:
				s = fraction
			case '0' <= b && b <= '9':
				s = expDigits
			case s == exponent && (b == '+' || b == '-'):
				s = expSign
			default:
				c.state = s
				return i, false
			}
		}
		i++
		continue
	end:
		if b != ',' || !inArray {
			break
		}
		i++
		s = value
		for ; i < len(p); i++ {
			if b = p[i]; b == '-' {
				s = minus
			} else if b == '0' {
				s = zero
			} else if b-'1' < 9 {
				s = integer
			} else if b == ' ' || b == '\n' || b == '\r' || b == '\t' {
				continue
			}
			break
		}
		if s == value {
			c.state = value
			return i, true
		}
		i++
	}
	c.state = s
	if i < len(p) {
		c.state = afterValue
	}
	return i, true
}

const (
	every  = 0x0101010101010101
	highs  = 0x80 * every
	quotes = '"' * every
	slash  = '\\' * every
)

// digits returns the index of the first byte of p from i on that is no digit.
// Eight bytes are looked at together.
func digits(p []byte, i int) int {
	for i+8 <= len(p) {
		v := binary.LittleEndian.Uint64(p[i:]) ^ '0'*every
		// A byte of v is 0 to 9 for a digit; adding 0x76 sets the high bit of a
		// larger one. A carry reaches only bytes behind the first such.
		if other := (v + 0x76*every | v) & highs; other != 0 {
			return i + bits.TrailingZeros64(other)/8
		}
		i += 8
	}
	for i < len(p) && p[i]-'0' < 10 {
		i++
	}
	return i
}

// plain returns the index of the first byte of p from i on that is a quote, a
// backslash, a control character, or not ASCII.
func plain(p []byte, i int) int {
	for i+8 <= len(p) {
		v := binary.LittleEndian.Uint64(p[i:])
		q, s := v^quotes, v^slash
		// Each term sets the high bit of a byte that is zero (or below 0x20);
		// a borrow reaches only bytes behind the first such.
		special := (q-every)&^q | (s-every)&^s | (v-0x20*every)&^v | v
		if special &= highs; special != 0 {
			return i + bits.TrailingZeros64(special)/8
		}
		i += 8
	}
	for i < len(p) && p[i] >= 0x20 && p[i] < 0x80 && p[i] != '"' && p[i] != '\\' {
		i++
	}
	return i
}

func isHex(b byte) bool {
	return b-'0' < 10 || b|0x20-'a' < 6
}

// lead takes the first byte of a UTF-8 sequence of more than one (RFC 3629,
// section 4: no overlong forms, no surrogates, nothing beyond U+10FFFF).
func (c *Validator) lead(b byte) bool {
	c.lo, c.hi = 0x80, 0xbf
	switch {
	case b >= 0xc2 && b <= 0xdf:
		c.more = 1
	case b >= 0xe0 && b <= 0xef:
		c.more = 2
		if b == 0xe0 {
			c.lo = 0xa0
		} else if b == 0xed {
			c.hi = 0x9f
		}
	case b >= 0xf0 && b <= 0xf4:
		c.more = 3
		if b == 0xf0 {
			c.lo = 0x90
		} else if b == 0xf4 {
			c.hi = 0x8f
		}
	default:
		return false
	}
	c.state = continuation
	return true
}
