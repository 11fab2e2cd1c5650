package jsondoc

import "fmt"

// MaxDepth is how deep arrays and objects may nest. At about 1000 levels a Python
// peer's parser raises RecursionError, which ends its server.
const MaxDepth = 512

// SyntaxError reports what is wrong with a text, and where.
type SyntaxError struct {
	Offset  int64 // of the first byte that is an error
	Problem string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("invalid JSON at byte %d: %s", e.Offset, e.Problem)
}

// Validate returns a *SyntaxError if text is not one JSON document.
func Validate(text []byte) error {
	if isShort(text) {
		return nil
	}
	var v Validator
	return v.Feed(text, true)
}

// validateInside returns a *SyntaxError if text is not one JSON value that may be inside
// of that many objects and arrays.
func validateInside(text []byte, parents int) error {
	parents = min(parents, MaxDepth)
	v := Validator{depth: parents, baseDepth: parents}
	return v.Feed(text, true)
}

// Validator validates a text that arrives in parts, in linear time and constant
// memory. The zero value is ready for the first part.
type Validator struct {
	state         state
	inKey         bool // the current string is a key
	hexDigits     int8 // digits that are missing of a \u escape
	continuations int8 // bytes that are missing of a UTF-8 sequence
	lo, hi        byte // range of the next continuation byte
	depth         int
	baseDepth     int                   // the depth at which the text ends: 0 for a document
	object        [MaxDepth / 64]uint64 // a bit per level: 1 for an object
	rest          string                // of the literal: true, NaN, …
	offset        int64                 // of the current part in the text
	err           error
}

type state uint8

const (
	value      state = iota // a value is expected
	firstValue              // a value, or the end of the array
	firstKey                // a key, or the end of the object
	key                     // a key
	colon                   // the colon after a key
	afterValue              // a comma or an end
	str                     // inside a string
	escape                  // after a backslash
	hex                     // inside \uXXXX
	continuation
	literal      // inside true, false, null, NaN, Infinity
	minus        // after the sign of a number
	zero         // after a leading zero
	integer      // in the digits before the point
	point        // after the point
	fraction     // in the digits after the point
	exponent     // after e or E
	exponentSign // after the sign of the exponent
	exponentDigits
)

// expected describes what each state expects, for error texts.
var expected = [...]string{
	value: "a value", firstValue: "a value or ']'", firstKey: "a key in quotes or '}'", key: "a key in quotes",
	colon: "':'", afterValue: "',' or the end of the text", str: "the closing quote", escape: "one of \"\\/bfnrtu",
	hex: "a hexadecimal digit", continuation: "the rest of a UTF-8 sequence", literal: "the rest of a literal",
	minus: "a digit", zero: "',' or the end of the text", integer: "a digit", point: "a digit", fraction: "a digit",
	exponent: "a digit or a sign", exponentSign: "a digit", exponentDigits: "a digit",
}

// Feed validates the next part of the text. last means that no part follows. After an
// error every call returns that error.
func (v *Validator) Feed(part []byte, last bool) error {
	if v.err != nil {
		return v.err
	}
	n, ok := v.scan(part)
	if !ok {
		v.err = v.unexpected(part[n], v.offset+int64(n))
		return v.err
	}
	v.offset += int64(len(part))
	if last {
		switch v.state {
		case zero, integer, fraction, exponentDigits:
			v.state = afterValue
		}
		if v.state != afterValue || v.depth > v.baseDepth {
			v.err = &SyntaxError{v.offset, "unexpected end of text, expected " + v.expectedHere()}
		}
	}
	return v.err
}

func (v *Validator) expectedHere() string {
	if v.state == afterValue && v.depth > v.baseDepth {
		if v.inObject() {
			return "',' or '}'"
		}
		return "',' or ']'"
	}
	return expected[v.state]
}

// unexpected returns the error of the byte b at an offset of the text.
func (v *Validator) unexpected(b byte, at int64) error {
	switch {
	case v.depth == MaxDepth && (b == '[' || b == '{') && (v.state == value || v.state == firstValue):
		return &SyntaxError{at, fmt.Sprintf("nested deeper than %d levels", MaxDepth)}
	case v.state == str && b < 0x20:
		return &SyntaxError{at, fmt.Sprintf("control character 0x%02x in a string; write it as an escape", b)}
	case v.state == continuation:
		return &SyntaxError{at, fmt.Sprintf("byte 0x%02x does not continue the UTF-8 character before it; is the text Latin-1?", b)}
	case v.state == str:
		return &SyntaxError{at, fmt.Sprintf("byte 0x%02x is not UTF-8", b)}
	case at == 0 && b == 0xef:
		return &SyntaxError{at, "a byte order mark, or another byte that is not JSON"}
	}
	shown := fmt.Sprintf("%q", rune(b))
	if b >= 0x80 {
		shown = fmt.Sprintf("byte 0x%02x", b)
	}
	return &SyntaxError{at, fmt.Sprintf("unexpected %s, expected %s", shown, v.expectedHere())}
}
