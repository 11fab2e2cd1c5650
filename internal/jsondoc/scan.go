package jsondoc

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// The functions here walk over text that is known to be JSON.

// space returns the index of the first byte from i on that is no white space.
func space(text []byte, i int) int {
	for i < len(text) && (text[i] == ' ' || text[i] == '\n' || text[i] == '\r' || text[i] == '\t') {
		i++
	}
	return i
}

// start returns where the value of a text begins.
func start(text []byte) int { return space(text, 0) }

func typeAt(text []byte, i int) Type {
	switch text[i] {
	case '{':
		return Object
	case '[':
		return Array
	case '"':
		return String
	case 't', 'f':
		return Bool
	case 'n':
		return Null
	case 'N', 'I':
		return Real
	}
	end := skip(text, i)
	if bytes.ContainsAny(text[i:end], ".eEI") {
		return Real
	}
	return Integer
}

// skip returns the index behind the value at text[i].
func skip(text []byte, i int) int {
	switch text[i] {
	case '"':
		return skipString(text, i)
	case '{', '[':
		depth := 0
		for {
			i = bracketOrQuote(text, i)
			switch text[i] {
			case '"':
				i = skipString(text, i)
				continue
			case '{', '[':
				depth++
			default:
				depth--
			}
			i++
			if depth == 0 {
				return i
			}
		}
	}
	for i < len(text) {
		switch text[i] {
		case ',', ']', '}', ' ', '\n', '\r', '\t':
			return i
		}
		i++
	}
	return i
}

func skipString(text []byte, i int) int {
	for i++; ; i++ {
		i += bytes.IndexByte(text[i:], '"')
		back := i - 1
		for text[back] == '\\' {
			back--
		}
		// An even number of backslashes escapes itself, not the quote. The
		// opening quote ends the run at the latest.
		if (i-1-back)%2 == 0 {
			return i + 1
		}
	}
}

// bracketOrQuote returns the index of the next bracket, brace or quote. Eight
// bytes are looked at together: arrays of numbers have few of them.
func bracketOrQuote(text []byte, i int) int {
	const (
		bits5 = 0x20 * every
		open  = 0x7b * every // '[' and '{' with bit 5 set
		end   = 0x7d * every // ']' and '}' with bit 5 set
	)
	for i+8 <= len(text) {
		v := binary.LittleEndian.Uint64(text[i:])
		q, o, e := v^quotes, (v|bits5)^open, (v|bits5)^end
		// As in plain: the first byte that is zero in one of them is found.
		found := ((q-every)&^q | (o-every)&^o | (e-every)&^e) & highs
		if found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
		i += 8
	}
	for {
		switch text[i] {
		case '"', '[', ']', '{', '}':
			return i
		}
		i++
	}
}

// iterator goes over the members of an object or the elements of an array.
type iterator struct {
	text        []byte
	key, keyEnd int // of a member, with its quotes
	value, end  int // end is behind the value, once it is known; see next
	object      bool
	at          int // behind the bracket or the comma
}

func items(text []byte, i int) iterator {
	return iterator{text: text, object: text[i] == '{', at: i + 1}
}

func (it *iterator) next() bool {
	i := space(it.text, it.at)
	switch it.text[i] {
	case ']', '}':
		return false
	case ',':
		i = space(it.text, i+1)
	}
	if it.object {
		it.key = i
		it.keyEnd = skipString(it.text, i)
		i = space(it.text, space(it.text, it.keyEnd)+1)
	}
	it.value = i
	it.end = skip(it.text, i)
	it.at = it.end
	return true
}

// step goes to a member or an element.
func step(text []byte, i int, token string) (int, error) {
	switch text[i] {
	case '{':
		key := unescapeToken(token)
		found := -1
		for it := items(text, i); it.next(); {
			if keyIs(text[it.key:it.keyEnd], key) {
				found = it.value
			}
		}
		if found < 0 {
			return 0, noMember(key)
		}
		return found, nil
	case '[':
		index, err := strconv.ParseUint(token, 10, 63)
		if err != nil || len(token) > 1 && token[0] == '0' || token[0] == '+' {
			return 0, fmt.Errorf("%w: %q is no index of an array", ErrNotFound, token)
		}
		n := uint64(0)
		for it := items(text, i); it.next(); n++ {
			if n == index {
				return it.value, nil
			}
		}
		return 0, fmt.Errorf("%w: the array has %d elements, and %d was asked for", ErrNotFound, n, index)
	}
	return 0, fmt.Errorf("%w: %q is asked of a value of type %s", ErrNotFound, token, typeAt(text, i))
}

func noMember(key string) error {
	return fmt.Errorf("%w: there is no member %q", ErrNotFound, key)
}

// checkPointer reports whether a text is a JSON pointer.
func checkPointer(pointer string) error {
	if pointer != "" && pointer[0] != '/' {
		return fmt.Errorf("%w %q: it begins with / or is empty", ErrPointer, pointer)
	}
	for rest := pointer; ; {
		_, after, found := strings.Cut(rest, "~")
		if !found {
			return nil
		}
		if after == "" || after[0] != '0' && after[0] != '1' {
			return fmt.Errorf("%w %q: a ~ is followed by 0 or 1", ErrPointer, pointer)
		}
		rest = after
	}
}

// unescapeToken resolves ~1 and ~0 of a pointer's part.
func unescapeToken(token string) string {
	if strings.IndexByte(token, '~') < 0 {
		return token
	}
	return strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
}

// keyIs reports whether an encoded key, with its quotes, is key.
func keyIs(encoded []byte, key string) bool {
	inner := encoded[1 : len(encoded)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return string(inner) == key
	}
	return unquote(encoded) == key
}

// unquote decodes a string with its quotes.
func unquote(encoded []byte) string {
	s := encoded[1 : len(encoded)-1]
	if bytes.IndexByte(s, '\\') < 0 {
		return string(s)
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			out = append(out, s[i])
			continue
		}
		i++
		if s[i] != 'u' {
			out = append(out, unescaped[s[i]])
			continue
		}
		r := hex4(s[i+1:])
		i += 4
		if utf16.IsSurrogate(r) {
			pair := rune(utf8.RuneError)
			if i+6 < len(s) && s[i+1] == '\\' && s[i+2] == 'u' {
				pair = utf16.DecodeRune(r, hex4(s[i+3:]))
			}
			if r = pair; r != utf8.RuneError {
				i += 6
			}
		}
		out = utf8.AppendRune(out, r)
	}
	return string(out)
}

var unescaped = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

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

// AppendString appends s, which is UTF-8, as a JSON string.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, `\n`...)
		case c == '\r':
			dst = append(dst, `\r`...)
		case c == '\t':
			dst = append(dst, `\t`...)
		case c < 0x20 || c == 0x7f:
			dst = append(dst, fmt.Sprintf(`\u%04x`, c)...)
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

// between returns what is between the brackets of the array at text[i]. An
// element that is a string, an array or an object cannot be one of a list of
// numbers.
func between(pointer string, text []byte, i int, wanted string) ([]byte, error) {
	if typeAt(text, i) != Array {
		return nil, mismatch(pointer, text, i, wanted)
	}
	end := bracketOrQuote(text, i+1)
	if text[end] != ']' {
		return nil, fmt.Errorf("%w: %q holds more than numbers: a value of type %s", ErrType, pointer, typeAt(text, end))
	}
	return text[i+1 : end], nil
}

// countNumbers returns how many values are in a list without strings and
// brackets.
func countNumbers(list []byte) int {
	if space(list, 0) == len(list) {
		return 0
	}
	return bytes.Count(list, []byte{','}) + 1
}

// readList reads a list of n numbers into dst, or only looks whether it is one
// if dst is nil. A large one is split over the processors, at commas.
func readList(list []byte, dst []float64, n int) error {
	parts := split(n)
	if parts == 1 {
		return readPart(list, dst, 0)
	}
	places := make([]int, parts-1)
	for i := range places {
		places[i] = len(list) / parts * (i + 1)
	}
	return readParts(list, dst, places)
}

// readParts reads the parts of a list at the same time. Each of places, which ascend, is
// moved behind the next comma, where a part begins. That comma may stand in a string, if
// the list is none of numbers; an error of an earlier part tells then.
func readParts(list []byte, dst []float64, places []int) error {
	parts := len(places) + 1
	cuts := make([]int, parts+1) // where the parts begin
	cuts[parts] = len(list)
	for i, place := range places {
		at := max(place, cuts[i])
		cuts[i+1] = len(list)
		if comma := bytes.IndexByte(list[at:], ','); comma >= 0 {
			cuts[i+1] = at + comma + 1
		}
	}
	firsts := make([]int, parts)
	for i := 1; i < parts; i++ {
		firsts[i] = firsts[i-1] + bytes.Count(list[cuts[i-1]:cuts[i]], []byte{','})
	}
	errs := make([]error, parts)
	parallel(parts, func(i int) {
		part := list[cuts[i]:cuts[i+1]]
		into := dst
		if dst != nil {
			into = dst[firsts[i]:]
		}
		errs[i] = readPart(part, into, firsts[i])
	})
	// What follows a part with an error may have been cut inside a value.
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// readPart reads the numbers of a part of a list, the first of which has the index
// first. There are at most as many as it has commas, and one: what is not a number with a
// comma behind it is an error, also in a part that is no JSON.
func readPart(part []byte, dst []float64, first int) error {
	n := 0
	for i := space(part, 0); i < len(part); n++ {
		v, end, ok := readDouble(part, i)
		if ok {
			end = space(part, end)
			ok = end == len(part) || part[end] == ','
		}
		if !ok {
			return fmt.Errorf("%w: element %d is of type %s, not a number", ErrType, first+n, typeAt(part, i))
		}
		if math.IsInf(v, 0) && typeAt(part, i) == Integer {
			return fmt.Errorf("%w: element %d is an integer larger than any double", ErrRange, first+n)
		}
		if dst != nil {
			dst[n] = v
		}
		i = end
		if i < len(part) {
			i = space(part, i+1) // behind the comma
		}
	}
	return nil
}
