package jsondoc

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"libobe/internal/excerpt"
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
// A document that is written to is open: members are added at the end of its text,
// and the values that replace others are kept apart until the whole is asked for.
// Bytes that a reader may have are never written to again.
type Document struct {
	mu    sync.RWMutex
	text  []byte // nil while it is open
	open  []byte // the text without the brace at its end
	side  []byte // new members for those in open, each behind the place of that, a uint64
	keys  *table // of the outermost object, once a member was set
	known *known // nil while the text is short
}

// Parse makes a document of a text, which it checks and keeps.
func Parse(text []byte) (*Document, error) {
	if err := Validate(text); err != nil {
		return nil, err
	}
	return FromValid(text), nil
}

// Checked makes a document of a text that was checked before.
func FromValid(text []byte) *Document { return &Document{text: text, known: newKnown(text)} }

// NewCommand makes the document {"command": name}.
func NewCommand(name string) (*Document, error) {
	d := FromValid([]byte("{}"))
	return d, d.SetString("command", name)
}

// Text returns the document as JSON. The bytes must not be changed.
func (d *Document) Text() []byte { return d.whole().text }

// whole returns the outermost value, as part of a text that has all members.
func (d *Document) whole() location {
	d.mu.RLock()
	n := location{text: d.text, known: d.known}
	d.mu.RUnlock()
	if n.text == nil {
		n.text, n.known = d.closed()
	}
	n.i = start(n.text)
	return n
}

// closed closes the document, if it is open, and returns its text.
func (d *Document) closed() ([]byte, *known) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.text == nil {
		if len(d.side) > 0 {
			d.merge()
		}
		d.text, d.open = append(d.open, '}'), nil // set and merge leave room for it
	}
	return d.text, d.known
}

// reopen makes the document ready to be written to. The text is copied, as readers
// may have it.
func (d *Document) reopen() error {
	i := start(d.text)
	if d.text[i] != '{' {
		return fmt.Errorf("%w: members can be set on an object only, and this document is of type %s", ErrType, typeAt(d.text, i))
	}
	var open []byte
	keys := d.keys
	if keys != nil {
		members := d.text[:len(d.text)-len("}")]
		open = append(withRoom(nil, int64(len(members)+len(members)/8+openRoom)), members...)
	} else {
		n := countItems(d.text, i)
		open = append(withRoom(nil, int64(len(d.text))+int64(n)*int64(len(", : ")-len(",:"))+openRoom), '{')
		for it := items(d.text, i); it.next(); {
			if len(open) > len("{") {
				open = append(open, ", "...)
			}
			open = append(append(open, d.text[it.key:it.keyEnd]...), ": "...)
			open = append(open, d.text[it.value:it.behind()]...)
		}
		keys = fillTable(append(open, '}'), 0, n)
	}
	d.text, d.open, d.keys = nil, open, keys
	d.known = newKnown(open) // what is known of the outermost object does not stay so
	return nil
}

// openRoom is the room for more members that a document has at first.
const openRoom = 128

// merge moves the members in side to the places of those that they replace.
func (d *Document) merge() {
	type change struct {
		slot, place int
		shift       int // by which the text behind it moves
	}
	n := d.keys.replaced()
	changes := memory.MustMake[change](0, n)
	for s := range d.keys.count() {
		if r := d.keys.ref(s); r&inSide != 0 {
			changes = append(changes, change{slot: s, place: d.place(r)})
		}
	}
	slices.SortFunc(changes, func(a, b change) int { return cmp.Compare(a.place, b.place) })
	merged := withRoom(nil, int64(len(d.open))+int64(len(d.side))+openRoom)
	at := 0
	for i := range changes {
		c := &changes[i]
		_, from := d.texts().at(d.keys.ref(c.slot))
		old, from := valueOf(d.open, skipString(d.open, c.place)), valueOf(d.side, skipString(d.side, from))
		merged = append(append(merged, d.open[at:old]...), d.side[from:skip(d.side, from)]...)
		at = skip(d.open, old)
		c.shift = len(merged) - at
	}
	merged = append(merged, d.open[at:]...)
	moved := func(place int) ref {
		before := sort.Search(len(changes), func(i int) bool { return changes[i].place >= place })
		if before == 0 {
			return ref(place)
		}
		return ref(place + changes[before-1].shift)
	}
	for s := range d.keys.count() {
		if r := d.keys.ref(s); r != 0 {
			d.keys.put(s, moved(d.place(r)), false)
		}
	}
	d.open, d.side, d.known = merged, nil, newKnown(merged)
}

// place returns where the member stands in open that the one at r replaces, or that
// it is.
func (d *Document) place(r ref) int {
	if r&inSide == 0 {
		return int(r)
	}
	return int(binary.LittleEndian.Uint64(d.side[r&^inSide-placeSize:]))
}

const placeSize = 8

func (d *Document) texts() texts {
	if d.text != nil {
		return texts{text: d.text}
	}
	return texts{d.open, d.side}
}

// set stores a value under a key: it replaces the one that is there, or comes behind all
// others. value appends it, encoded.
func (d *Document) set(key string, value func(dst []byte) []byte) error {
	if !utf8.ValidString(key) {
		return fmt.Errorf("%w: the key %s", ErrText, excerpt.Quote(key))
	}
	var short [64]byte
	return d.setEncoded(AppendString(short[:0], key), value)
}

// setEncoded is set for a key that is encoded already.
func (d *Document) setEncoded(key []byte, value func(dst []byte) []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.text != nil {
		if err := d.reopen(); err != nil {
			return err
		}
	}
	// What was replaced often leaves nothing behind. The time for it is in proportion to
	// what was set since.
	if len(d.side) > len(d.open)/2+sideRoom {
		d.merge()
	}
	x := d.texts()
	keys := d.keys.grown(x)
	slot, r := keys.find(x, quoted(key))
	// Nothing is changed before all memory was asked for and had.
	if r == 0 {
		open := withRoom(d.open, int64(len(key))+memberRoom)
		if open[len(open)-1] != '{' {
			open = append(open, ", "...)
		}
		r = ref(len(open))
		d.open = withRoom(appendMember(open, key, value), 0)
		keys.put(slot, r, true)
	} else {
		side := withRoom(d.side, placeSize+int64(len(key))+memberRoom)
		side = binary.LittleEndian.AppendUint64(side, uint64(d.place(r)))
		r = ref(len(side)) | inSide
		d.side = append(withRoom(appendMember(side, key, value), 0), ' ') // the end of a number
		keys.put(slot, r, false)
	}
	d.keys = keys
	if d.known == nil {
		d.known = newKnown(d.open)
	}
	return nil
}

const (
	// memberRoom is enough for what stands around a key, and a number.
	memberRoom = 48
	// sideRoom is what may be replaced in a short document before it is merged.
	sideRoom = 1024
)

func appendMember(dst, key []byte, value func(dst []byte) []byte) []byte {
	return value(append(append(dst, key...), ": "...))
}

// find returns the value at a pointer. Of equal keys the last one counts, as in
// Python.
func (d *Document) find(pointer string) (location, error) {
	if pointer == "" {
		return d.whole(), nil
	}
	if err := checkPointer(pointer); err != nil {
		return location{}, err
	}
	token, rest, more := strings.Cut(pointer[1:], "/")
	n, err := d.first(token)
	for err == nil && more {
		token, rest, more = strings.Cut(rest, "/")
		n, err = n.step(token)
	}
	if err != nil {
		return location{}, fmt.Errorf("%w (in %s)", err, excerpt.Quote(pointer))
	}
	return n, nil
}

// first returns the value that the first part of a pointer names.
func (d *Document) first(token string) (location, error) {
	d.mu.RLock()
	n := location{text: d.text, known: d.known}
	keys := d.keys
	if keys == nil {
		d.mu.RUnlock()
		n.i = start(n.text)
		return n.step(token)
	}
	defer d.mu.RUnlock()
	key := unescapeToken(token)
	_, r := keys.find(d.texts(), unescaped(key))
	if r == 0 {
		return n, noMember(key)
	}
	n.text, n.i = d.texts().at(r)
	n.i = valueOf(n.text, skipString(n.text, n.i))
	n.side = r & inSide
	return n, nil
}

// SetDouble sets a member to a number, written as a float: 25 is 25.0.
func (d *Document) SetDouble(key string, v float64) error {
	return d.set(key, func(dst []byte) []byte { return AppendDouble(dst, v) })
}

// SetInt sets a member to an integer.
func (d *Document) SetInt(key string, v int64) error {
	return d.set(key, func(dst []byte) []byte { return strconv.AppendInt(dst, v, 10) })
}

// SetBool sets a member to true or false.
func (d *Document) SetBool(key string, v bool) error {
	return d.set(key, func(dst []byte) []byte { return strconv.AppendBool(dst, v) })
}

// SetNull sets a member to null.
func (d *Document) SetNull(key string) error {
	return d.set(key, func(dst []byte) []byte { return append(dst, "null"...) })
}

// SetString sets a member to a text, which must be UTF-8.
func (d *Document) SetString(key, v string) error {
	if !utf8.ValidString(v) {
		return fmt.Errorf("%w: the value of %s, at byte %d", ErrText, excerpt.Quote(key), invalidAt(v))
	}
	return d.set(key, func(dst []byte) []byte { return AppendString(dst, v) })
}

// SetDoubles sets a member to an array of numbers.
func (d *Document) SetDoubles(key string, v []float64) error {
	return d.set(key, func(dst []byte) []byte { return AppendDoubles(dst, v) })
}

// SetMatrix sets a member to rows of cols numbers each; v is row by row.
func (d *Document) SetMatrix(key string, v []float64, rows, cols int) error {
	return d.set(key, func(dst []byte) []byte { return AppendMatrix(dst, v, rows, cols) })
}

// SetJSON sets a member to a JSON text as it is; the text is copied.
func (d *Document) SetJSON(key string, text []byte) error {
	if err := checkMember(text); err != nil {
		return err
	}
	return d.set(key, func(dst []byte) []byte { return append(withRoom(dst, int64(len(text))), text...) })
}

// SetAll sets the members of another document, which must be an object.
func (d *Document) SetAll(other *Document) error {
	n := other.whole()
	if n.text[n.i] != '{' {
		return fmt.Errorf("%w: the fields are of type %s, not an object", ErrType, typeAt(n.text, n.i))
	}
	if err := d.reserve(len(n.text) + len(n.text)/2); err != nil {
		return err
	}
	for it := items(n.text, n.i); it.next(); {
		value := n.text[it.value:it.behind()]
		if err := d.setEncoded(n.text[it.key:it.keyEnd], func(dst []byte) []byte { return append(withRoom(dst, int64(len(value))), value...) }); err != nil {
			return err
		}
	}
	return nil
}

// reserve makes room for n bytes of members, so that they are not moved meanwhile.
func (d *Document) reserve(n int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.text != nil {
		if err := d.reopen(); err != nil {
			return err
		}
	}
	d.open = withRoom(d.open, int64(n))
	return nil
}

// Type returns the type of the value at a pointer.
func (d *Document) Type(pointer string) (Type, error) {
	at, err := d.find(pointer)
	if err != nil {
		return 0, err
	}
	text, i := at.text, at.i
	return typeAt(text, i), nil
}

// Count returns how many members or elements the object or array at a pointer
// has.
func (d *Document) Count(pointer string) (int, error) {
	n, err := d.find(pointer)
	if err != nil {
		return 0, err
	}
	switch typeAt(n.text, n.i) {
	case Object, Array:
	default:
		return 0, mismatch(pointer, n.text, n.i, "an object or array")
	}
	return n.count(), nil
}

// Key returns the key of the member with an index, from 0, of the object at a
// pointer.
func (d *Document) Key(pointer string, index int) (string, error) {
	key, err := d.key(pointer, index)
	if err != nil {
		return "", err
	}
	return key.text(), nil
}

// ReadKey copies the key that Key returns to dst, if it fits, and returns its size.
func (d *Document) ReadKey(pointer string, index int, dst []byte) (int, error) {
	key, err := d.key(pointer, index)
	if err != nil {
		return 0, err
	}
	return key.copyTo(dst), nil
}

func (d *Document) key(pointer string, index int) (unescaper, error) {
	n, err := d.find(pointer)
	if err != nil {
		return unescaper{}, err
	}
	if typeAt(n.text, n.i) != Object {
		return unescaper{}, mismatch(pointer, n.text, n.i, "an object")
	}
	it, count := n.item(uint64(index))
	if count >= 0 {
		return unescaper{}, fmt.Errorf("%w: the object at %s has %d members, and number %d was asked for",
			ErrNotFound, excerpt.Quote(pointer), count, index)
	}
	return quoted(n.text[it.key:it.keyEnd]), nil
}

// Double returns the number at a pointer, correctly rounded. An integer that no
// double can hold is ErrRange.
func (d *Document) Double(pointer string) (float64, error) {
	at, err := d.find(pointer)
	if err != nil {
		return 0, err
	}
	text, i := at.text, at.i
	v, _, ok := readDouble(text, i)
	if !ok {
		return 0, mismatch(pointer, text, i, "a number")
	}
	if math.IsInf(v, 0) && typeAt(text, i) == Integer {
		return 0, fmt.Errorf("%w: the integer at %s is larger than any double", ErrRange, excerpt.Quote(pointer))
	}
	return v, nil
}

// Int returns the integer at a pointer.
func (d *Document) Int(pointer string) (int64, error) {
	at, err := d.find(pointer)
	if err != nil {
		return 0, err
	}
	text, i := at.text, at.i
	if typeAt(text, i) != Integer {
		return 0, mismatch(pointer, text, i, "an integer")
	}
	digits := text[i:skip(text, i)]
	var v int64
	fits := len(digits) <= len("-9223372036854775808")
	if fits {
		v, err = strconv.ParseInt(string(digits), 10, 64)
	}
	if !fits || err != nil {
		return 0, fmt.Errorf("%w: the integer at %s has more than 64 bits", ErrRange, excerpt.Quote(pointer))
	}
	return v, nil
}

// Bool returns the truth value at a pointer.
func (d *Document) Bool(pointer string) (bool, error) {
	at, err := d.find(pointer)
	if err != nil {
		return false, err
	}
	text, i := at.text, at.i
	if typeAt(text, i) != Bool {
		return false, mismatch(pointer, text, i, "true or false")
	}
	return text[i] == 't', nil
}

// String returns the string at a pointer, unescaped, in UTF-8. A lone surrogate,
// which UTF-8 cannot hold, is U+FFFD.
func (d *Document) String(pointer string) (string, error) {
	s, err := d.string(pointer)
	if err != nil {
		return "", err
	}
	return s.text(), nil
}

// ReadString copies the string that String returns to dst, if it fits, and returns
// its size.
func (d *Document) ReadString(pointer string, dst []byte) (int, error) {
	s, err := d.string(pointer)
	if err != nil {
		return 0, err
	}
	return s.copyTo(dst), nil
}

func (d *Document) string(pointer string) (unescaper, error) {
	n, err := d.find(pointer)
	if err != nil {
		return unescaper{}, err
	}
	if typeAt(n.text, n.i) != String {
		return unescaper{}, mismatch(pointer, n.text, n.i, "a string")
	}
	return quoted(n.text[n.i:skip(n.text, n.i)]), nil
}

// JSON returns the text at a pointer as it is; for "" that is the whole
// document, with the white space around it. The bytes must not be changed.
func (d *Document) JSON(pointer string) ([]byte, error) {
	n, err := d.find(pointer)
	if err != nil || pointer == "" {
		return n.text, err
	}
	return n.text[n.i:skip(n.text, n.i)], nil
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
	at, err := d.find(pointer)
	if err != nil {
		return 0, err
	}
	text, i := at.text, at.i
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
				return 0, fmt.Errorf("at %s: %w", excerpt.Quote(pointer), err)
			}
		}
		return 0, &SizeError{n, 1}
	}
	if err := readList(numbers, dst[:n], n); err != nil {
		return 0, fmt.Errorf("at %s: %w", excerpt.Quote(pointer), err)
	}
	return n, nil
}

// Matrix reads the array of rows at a pointer into dst, row by row. If they do
// not fit, the error is a *SizeError and dst is untouched. Rows of different
// lengths are ErrType.
func (d *Document) Matrix(pointer string, dst []float64) (rows, cols int, err error) {
	at, err := d.find(pointer)
	if err != nil {
		return 0, 0, err
	}
	text, i := at.text, at.i
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
			return 0, 0, fmt.Errorf("%w: %s: row %d has %d elements, and those before it have %d", ErrType, excerpt.Quote(pointer), rows, n, cols)
		}
	}
	if rows*cols > len(dst) {
		return 0, 0, &SizeError{rows, cols}
	}
	r := 0
	for it := items(text, i); it.next(); r++ {
		if err := readList(text[it.value+1:it.behind()-1], dst[r*cols:(r+1)*cols], cols); err != nil {
			return 0, 0, fmt.Errorf("at %s, row %d: %w", excerpt.Quote(pointer), r, err)
		}
	}
	return rows, cols, nil
}

// mismatch is the error of a value that has another type than asked for.
func mismatch(pointer string, text []byte, i int, wanted string) error {
	which := "the value at " + excerpt.Quote(pointer)
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
