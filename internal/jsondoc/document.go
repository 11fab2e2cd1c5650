package jsondoc

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"libobe/internal/memory"
)

// What reading a document can fail with; use errors.Is.
var (
	ErrPointer  = errors.New("invalid JSON pointer")
	ErrNotFound = errors.New("not found")
	ErrType     = errors.New("wrong type")
	ErrRange    = errors.New("out of range")
	ErrText     = errors.New("text is not UTF-8")
)

// Type is the type of a JSON value. An integer is a number without point and
// exponent; other numbers are real, NaN and Infinity too.
type Type int

// The types.
const (
	Object Type = iota + 1
	Array
	String
	Integer
	Real
	Bool
	Null
)

// Types names the types, for the header and for error texts.
var Types = map[Type]string{
	Object: "object", Array: "array", String: "string", Integer: "integer", Real: "real", Bool: "bool", Null: "null",
}

func (t Type) String() string { return Types[t] }

// Document is a JSON text that is read by JSON pointers (RFC 6901) and built
// member by member. The bytes of what was received stay as they came. All
// methods may be called from any goroutine at any time.
//
// A document that is written to is kept as its members, each encoded once, and
// put together when the whole of it is asked for. A large one that is read has
// its members looked up once.
type Document struct {
	mu      sync.RWMutex
	text    []byte   // nil while members are newer
	members []member // nil until needed
}

// manyBytes is the size from which the members of a document that is read are
// worth to be remembered.
const manyBytes = 4096

type member struct{ key, value []byte } // both encoded; key with its quotes

// Parse makes a document of a text, which it checks and keeps.
func Parse(text []byte) (*Document, error) {
	if err := Check(text); err != nil {
		return nil, err
	}
	return Checked(text), nil
}

// Checked makes a document of a text that was checked before.
func Checked(text []byte) *Document { return &Document{text: text} }

// NewCommand makes the document {"command": name}.
func NewCommand(name string) (*Document, error) {
	d := Checked([]byte("{}"))
	return d, d.SetString("command", name)
}

// Text returns the document as JSON. The bytes must not be changed.
func (d *Document) Text() []byte {
	d.mu.RLock()
	text := d.text
	d.mu.RUnlock()
	if text != nil {
		return text
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.text == nil {
		d.text = join(d.members)
		d.members = nil
	}
	return d.text
}

func join(members []member) []byte {
	size := 2
	for _, m := range members {
		size += len(m.key) + len(m.value) + 4
	}
	text := append(memory.MustMake[byte](0, size), '{')
	for i, m := range members {
		if i > 0 {
			text = append(text, ", "...)
		}
		text = append(append(append(text, m.key...), ": "...), m.value...)
	}
	return append(text, '}')
}

// set puts an encoded value under a key: in the place of the one that is there,
// or behind all others.
func (d *Document) set(key string, value []byte) error {
	if !utf8.ValidString(key) {
		return fmt.Errorf("%w: the key %q", ErrText, key)
	}
	return d.setEncoded(key, AppendString(nil, key), value)
}

// setEncoded is set for a key that is encoded already.
func (d *Document) setEncoded(key string, encoded, value []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.members == nil {
		if i := start(d.text); d.text[i] != '{' {
			return fmt.Errorf("%w: members can be set on an object only, and this document is of type %s", ErrType, typeAt(d.text, i))
		}
		d.members = cut(d.text)
	}
	d.text = nil
	for i := len(d.members) - 1; i >= 0; i-- {
		if keyIs(d.members[i].key, key) {
			// Somebody may be reading the old ones.
			d.members = slices.Clone(d.members)
			d.members[i].value = value
			return nil
		}
	}
	d.members = append(d.members, member{encoded, value})
	return nil
}

// cut cuts an object into its members.
func cut(text []byte) []member {
	members := []member{}
	for it := items(text, start(text)); it.next(); {
		members = append(members, member{text[it.key:it.keyEnd], text[it.value:it.end]})
	}
	return members
}

// find returns the text in which the value at a pointer stands, and where it
// begins. Of equal keys the last one counts, as in Python.
func (d *Document) find(pointer string) (text []byte, i int, err error) {
	if pointer == "" {
		text = d.Text()
		return text, start(text), nil
	}
	if err := checkPointer(pointer); err != nil {
		return nil, 0, err
	}
	token, rest, more := strings.Cut(pointer[1:], "/")
	if members := d.index(); members != nil {
		if text, err = pick(members, token); err == nil {
			i = start(text)
		}
	} else {
		text = d.Text()
		i, err = step(text, start(text), token)
	}
	for err == nil && more {
		token, rest, more = strings.Cut(rest, "/")
		i, err = step(text, i, token)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("%w (in %q)", err, pointer)
	}
	return text, i, nil
}

// index returns the members of the document if it has them, or is worth it.
func (d *Document) index() []member {
	d.mu.RLock()
	members, text := d.members, d.text
	d.mu.RUnlock()
	if members != nil || len(text) < manyBytes || text[start(text)] != '{' {
		return members
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.members == nil {
		d.members = cut(d.text)
	}
	return d.members
}

// pick returns the value of the member that a pointer's part names.
func pick(members []member, token string) ([]byte, error) {
	key := unescapeToken(token)
	for i := len(members) - 1; i >= 0; i-- {
		if keyIs(members[i].key, key) {
			return members[i].value, nil
		}
	}
	return nil, noMember(key)
}

// SetDouble sets a member to a number, written as a float: 25 is 25.0.
func (d *Document) SetDouble(key string, v float64) error { return d.set(key, AppendDouble(nil, v)) }

// SetInt sets a member to an integer.
func (d *Document) SetInt(key string, v int64) error {
	return d.set(key, strconv.AppendInt(nil, v, 10))
}

// SetBool sets a member to true or false.
func (d *Document) SetBool(key string, v bool) error {
	return d.set(key, strconv.AppendBool(nil, v))
}

// SetNull sets a member to null.
func (d *Document) SetNull(key string) error { return d.set(key, []byte("null")) }

// SetString sets a member to a text, which must be UTF-8.
func (d *Document) SetString(key, v string) error {
	if !utf8.ValidString(v) {
		return fmt.Errorf("%w: the value of %q, at byte %d", ErrText, key, invalidAt(v))
	}
	return d.set(key, AppendString(nil, v))
}

// SetDoubles sets a member to an array of numbers.
func (d *Document) SetDoubles(key string, v []float64) error {
	return d.set(key, AppendDoubles(nil, v))
}

// SetMatrix sets a member to rows of cols numbers each; v is row by row.
func (d *Document) SetMatrix(key string, v []float64, rows, cols int) error {
	return d.set(key, AppendMatrix(nil, v, rows, cols))
}

// SetJSON sets a member to a JSON text as it is; the text is copied.
func (d *Document) SetJSON(key string, text []byte) error {
	if err := checkMember(text); err != nil {
		return err
	}
	return d.set(key, append(memory.MustMake[byte](0, len(text)), text...))
}

// SetAll sets the members of another document, which must be an object.
func (d *Document) SetAll(other *Document) error {
	text := other.Text()
	if i := start(text); text[i] != '{' {
		return fmt.Errorf("%w: the fields are of type %s, not an object", ErrType, typeAt(text, i))
	}
	for _, m := range cut(text) {
		if err := d.setEncoded(unquote(m.key), m.key, m.value); err != nil {
			return err
		}
	}
	return nil
}

// Type returns the type of the value at a pointer.
func (d *Document) Type(pointer string) (Type, error) {
	text, i, err := d.find(pointer)
	if err != nil {
		return 0, err
	}
	return typeAt(text, i), nil
}

// Count returns how many members or elements the object or array at a pointer
// has.
func (d *Document) Count(pointer string) (int, error) {
	text, i, err := d.find(pointer)
	if err != nil {
		return 0, err
	}
	switch typeAt(text, i) {
	case Object, Array:
	default:
		return 0, mismatch(pointer, text, i, "an object or array")
	}
	n := 0
	for it := items(text, i); it.next(); {
		n++
	}
	return n, nil
}

// Key returns the key of the member with an index, from 0, of the object at a
// pointer.
func (d *Document) Key(pointer string, index int) (string, error) {
	text, i, err := d.find(pointer)
	if err != nil {
		return "", err
	}
	if typeAt(text, i) != Object {
		return "", mismatch(pointer, text, i, "an object")
	}
	n := 0
	for it := items(text, i); it.next(); n++ {
		if n == index {
			return unquote(text[it.key:it.keyEnd]), nil
		}
	}
	return "", fmt.Errorf("%w: the object at %q has %d members, and number %d was asked for", ErrNotFound, pointer, n, index)
}

// Double returns the number at a pointer, correctly rounded. An integer that no
// double can hold is ErrRange.
func (d *Document) Double(pointer string) (float64, error) {
	text, i, err := d.find(pointer)
	if err != nil {
		return 0, err
	}
	v, _, ok := readDouble(text, i)
	if !ok {
		return 0, mismatch(pointer, text, i, "a number")
	}
	if math.IsInf(v, 0) && typeAt(text, i) == Integer {
		return 0, fmt.Errorf("%w: the integer at %q is larger than any double", ErrRange, pointer)
	}
	return v, nil
}

// Int returns the integer at a pointer.
func (d *Document) Int(pointer string) (int64, error) {
	text, i, err := d.find(pointer)
	if err != nil {
		return 0, err
	}
	if typeAt(text, i) != Integer {
		return 0, mismatch(pointer, text, i, "an integer")
	}
	v, err := strconv.ParseInt(string(text[i:skip(text, i)]), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: the integer at %q has more than 64 bits", ErrRange, pointer)
	}
	return v, nil
}

// Bool returns the truth value at a pointer.
func (d *Document) Bool(pointer string) (bool, error) {
	text, i, err := d.find(pointer)
	if err != nil {
		return false, err
	}
	if typeAt(text, i) != Bool {
		return false, mismatch(pointer, text, i, "true or false")
	}
	return text[i] == 't', nil
}

// String returns the string at a pointer, unescaped, in UTF-8. A lone surrogate,
// which UTF-8 cannot hold, is U+FFFD.
func (d *Document) String(pointer string) (string, error) {
	text, i, err := d.find(pointer)
	if err != nil {
		return "", err
	}
	if typeAt(text, i) != String {
		return "", mismatch(pointer, text, i, "a string")
	}
	return unquote(text[i:skip(text, i)]), nil
}

// JSON returns the text at a pointer as it is; for "" that is the whole
// document, with the white space around it. The bytes must not be changed.
func (d *Document) JSON(pointer string) ([]byte, error) {
	text, i, err := d.find(pointer)
	if err != nil || pointer == "" {
		return text, err
	}
	return text[i:skip(text, i)], nil
}

// SizeError says how large an array is that does not fit.
type SizeError struct{ Rows, Cols int }

func (e *SizeError) Error() string {
	return fmt.Sprintf("the array has %d x %d numbers, more than there is room for", e.Rows, e.Cols)
}

// Doubles reads the array of numbers at a pointer into dst and returns how many
// there are. If they do not fit, the error is a *SizeError and dst is untouched.
// After another error dst may be written in part.
func (d *Document) Doubles(pointer string, dst []float64) (int, error) {
	text, i, err := d.find(pointer)
	if err != nil {
		return 0, err
	}
	if typeAt(text, i) != Array {
		return 0, mismatch(pointer, text, i, "an array of numbers")
	}
	// If this is not the array's own bracket, there is an element before it that is
	// no number, and reading finds it.
	numbers := text[i+1 : i+bytes.IndexByte(text[i:], ']')]
	n := countNumbers(numbers)
	if n > len(dst) {
		// What is no list of numbers has no size. Reading tells, and takes long; what
		// may stand here besides numbers, NaN and Infinity has one of these letters.
		if bytes.IndexByte(numbers, 'u') >= 0 || bytes.IndexByte(numbers, 'l') >= 0 || bytes.IndexByte(numbers, '"') >= 0 ||
			bytes.IndexByte(numbers, '[') >= 0 || bytes.IndexByte(numbers, '{') >= 0 {
			if err := readList(numbers, nil, n); err != nil {
				return 0, fmt.Errorf("at %q: %w", pointer, err)
			}
		}
		return 0, &SizeError{n, 1}
	}
	if err := readList(numbers, dst[:n], n); err != nil {
		return 0, fmt.Errorf("at %q: %w", pointer, err)
	}
	return n, nil
}

// Matrix reads the array of rows at a pointer into dst, row by row. If they do
// not fit, the error is a *SizeError and dst is untouched. Rows of different
// lengths are ErrType.
func (d *Document) Matrix(pointer string, dst []float64) (rows, cols int, err error) {
	text, i, err := d.find(pointer)
	if err != nil {
		return 0, 0, err
	}
	if typeAt(text, i) != Array {
		return 0, 0, mismatch(pointer, text, i, "an array of rows")
	}
	// Twice over the rows: nothing is written unless all have one length.
	for it := items(text, i); it.next(); rows++ {
		row, err := between(pointer, text, it.value, "an array of numbers, as the rows before it are")
		if err != nil {
			return 0, 0, fmt.Errorf("row %d: %w", rows, err)
		}
		n := countNumbers(row)
		if rows == 0 {
			cols = n
		}
		if n != cols {
			return 0, 0, fmt.Errorf("%w: %q: row %d has %d elements, and those before it have %d", ErrType, pointer, rows, n, cols)
		}
	}
	if rows*cols > len(dst) {
		return 0, 0, &SizeError{rows, cols}
	}
	r := 0
	for it := items(text, i); it.next(); r++ {
		if err := readList(text[it.value+1:it.end-1], dst[r*cols:(r+1)*cols], cols); err != nil {
			return 0, 0, fmt.Errorf("at %q, row %d: %w", pointer, r, err)
		}
	}
	return rows, cols, nil
}

// mismatch is the error of a value that has another type than asked for.
func mismatch(pointer string, text []byte, i int, wanted string) error {
	which := fmt.Sprintf("the value at %q", pointer)
	if pointer == "" {
		which = "the document"
	}
	return fmt.Errorf("%w: %s is of type %s, not %s", ErrType, which, typeAt(text, i), wanted)
}

func invalidAt(s string) int {
	for i, r := range s {
		if r == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(s[i:]); n == 1 {
				return i
			}
		}
	}
	return len(s)
}
