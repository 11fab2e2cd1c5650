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
	"unsafe"

	"libobe/internal/excerpt"
	"libobe/internal/memory"
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
	value       int
	end         int // behind the value, or before the first one; 0 until behind asks for it
	object      bool
}

func items(text []byte, i int) iterator {
	return iterator{text: text, object: text[i] == '{', end: i + 1}
}

// behind returns the index behind the value. It is found when it is asked for: on the
// way into a value there is no need to walk over it first.
func (it *iterator) behind() int {
	if it.end == 0 {
		it.end = skip(it.text, it.value)
	}
	return it.end
}

func (it *iterator) next() bool {
	i := space(it.text, it.behind())
	switch it.text[i] {
	case ']', '}':
		return false
	case ',':
		i = space(it.text, i+1)
	}
	if it.object {
		it.key = i
		it.keyEnd = skipString(it.text, i)
		i = valueOf(it.text, it.keyEnd)
	}
	it.value, it.end = i, 0
	return true
}

// valueOf returns where the value of a member begins whose key ends at keyEnd.
func valueOf(text []byte, keyEnd int) int { return space(text, space(text, keyEnd)+1) }

// location is a value of a document.
type location struct {
	text  []byte
	i     int
	side  ref    // inSide if text is the one of the values that replace others
	known *known // nil if the text is short
}

func (n location) id() ref { return ref(n.i) | n.side }

// step goes to a member or an element.
func (n location) step(token string) (location, error) {
	switch n.text[n.i] {
	case '{':
		key := unescapeToken(token)
		at := n.member(key)
		if at < 0 {
			return n, noMember(key)
		}
		n.i = at
		return n, nil
	case '[':
		index, err := strconv.ParseUint(token, 10, 63)
		if err != nil || len(token) > 1 && token[0] == '0' || token[0] == '+' {
			return n, fmt.Errorf("%w: %s is no index of an array", ErrNotFound, excerpt.Quote(token))
		}
		it, count := n.item(index)
		if count >= 0 {
			return n, fmt.Errorf("%w: the array has %d elements, and %d was asked for", ErrNotFound, count, index)
		}
		n.i = it.value
		return n, nil
	}
	return n, fmt.Errorf("%w: %s is asked of a value of type %s", ErrNotFound, excerpt.Quote(token), typeAt(n.text, n.i))
}

// member returns where the value of the member with a key begins, -1 if there is
// none.
func (n location) member(key string) int {
	if t := n.known.table(n.id()); t != nil {
		_, r := t.find(texts{text: n.text}, unescaped(key))
		if r == 0 {
			return -1
		}
		return valueOf(n.text, skipString(n.text, int(r)))
	}
	found, count := -1, 0
	it := items(n.text, n.i)
	for it.next() {
		count++
		if keyIs(n.text[it.key:it.keyEnd], key) {
			found = it.value
		}
	}
	n.known.passedMembers(n, count, it.end-n.i)
	return found
}

// item returns an iterator at the member or element with an index; or the count of
// all, if the index is beyond, else -1.
func (n location) item(index uint64) (iterator, int) {
	it := items(n.text, n.i)
	at := 0
	if l := n.known.list(n.id()); l != nil {
		if l.count >= 0 && index >= uint64(l.count) {
			return it, l.count
		}
		at = l.seek(&it, int(min(index, math.MaxInt)))
	}
	from := it.end
	for it.next() {
		if uint64(at) == index {
			n.known.passedItems(n, at, it.value-from)
			return it, -1
		}
		at++
	}
	n.known.passedItems(n, at, it.end-from)
	return it, at
}

// count returns how many members or elements there are.
func (n location) count() int {
	_, count := n.item(math.MaxUint64)
	return count
}

func noMember(key string) error {
	return fmt.Errorf("%w: there is no member %s", ErrNotFound, excerpt.Quote(key))
}

// checkPointer reports whether a text is a JSON pointer.
func checkPointer(pointer string) error {
	if pointer != "" && pointer[0] != '/' {
		return fmt.Errorf("%w %s: it begins with / or is empty", ErrPointer, excerpt.Quote(pointer))
	}
	for rest := pointer; ; {
		_, after, found := strings.Cut(rest, "~")
		if !found {
			return nil
		}
		if after == "" || after[0] != '0' && after[0] != '1' {
			return fmt.Errorf("%w %s: a ~ is followed by 0 or 1", ErrPointer, excerpt.Quote(pointer))
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
	return same(quoted(encoded), unescaped(key))
}

// unescaper goes over a string without its escapes, piece by piece, without allocating.
type unescaper struct {
	rest  []byte // without the quotes
	plain bool   // it has no escapes: a backslash is one
	buf   [utf8.UTFMax]byte
}

// quoted goes over a string of a JSON text.
func quoted(encoded []byte) unescaper { return unescaper{rest: encoded[1 : len(encoded)-1]} }

// unescaped goes over a text that has no escapes.
func unescaped(text string) unescaper {
	return unescaper{rest: unsafe.Slice(unsafe.StringData(text), len(text)), plain: true}
}

// next returns the next piece, which is empty at the end.
func (u *unescaper) next() []byte {
	s := u.rest
	if len(s) == 0 || u.plain || s[0] != '\\' {
		n := len(s)
		if i := bytes.IndexByte(s, '\\'); i >= 0 && !u.plain {
			n = i
		}
		u.rest = s[n:]
		return s[:n]
	}
	if s[1] != 'u' {
		u.buf[0] = escaped[s[1]]
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

// size returns how long the rest is without its escapes.
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

// escaped has the characters that a letter behind a backslash stands for.
var escaped = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

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
	size := len(s)
	for i := 0; i < len(s); i++ {
		size += int(escapeSize[s[i]])
	}
	dst = append(withRoom(dst, int64(size)+2), '"') // room for a comma or brace as well, so that all is copied once
	if size == len(s) {
		return append(append(dst, s...), '"')
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case escapeSize[c] == 0:
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

// escapeSize is how many bytes longer a byte becomes as part of a JSON string.
var escapeSize = func() (sizes [256]uint8) {
	for c := range 0x20 {
		sizes[c] = uint8(len(`\u0000`) - 1)
	}
	sizes[0x7f] = sizes[0]
	for _, c := range []byte("\"\\\n\r\t") {
		sizes[c] = uint8(len(`\n`) - 1)
	}
	return sizes
}()

// between returns what is between the brackets of the array at text[i]. An
// element that is a string, an array or an object cannot be one of a list of
// numbers.
func between(pointer string, text []byte, i int, wanted string) ([]byte, error) {
	if typeAt(text, i) != Array {
		return nil, mismatch(pointer, text, i, wanted)
	}
	end := bracketOrQuote(text, i+1)
	if text[end] != ']' {
		return nil, fmt.Errorf("%w: %s holds more than numbers: a value of type %s", ErrType, excerpt.Quote(pointer), typeAt(text, end))
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
