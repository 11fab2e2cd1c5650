package jsondoc

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"libobe/internal/excerpt"
)

// SetDouble sets a member to a number, written as a float: 25 is 25.0.
func (d *Document) SetDouble(key string, v float64) error {
	return d.set(key, 0, func(dst []byte) []byte { return AppendDouble(dst, v) })
}

// SetInt sets a member to an integer.
func (d *Document) SetInt(key string, v int64) error {
	return d.set(key, 0, func(dst []byte) []byte { return strconv.AppendInt(dst, v, 10) })
}

// SetBool sets a member to true or false.
func (d *Document) SetBool(key string, v bool) error {
	return d.set(key, 0, func(dst []byte) []byte { return strconv.AppendBool(dst, v) })
}

// SetNull sets a member to null.
func (d *Document) SetNull(key string) error {
	return d.set(key, 0, func(dst []byte) []byte { return append(dst, "null"...) })
}

// SetString sets a member to a string, which must be UTF-8.
func (d *Document) SetString(key, v string) error {
	if !utf8.ValidString(v) {
		return fmt.Errorf("%w: the value of %s, at byte %d", ErrText, excerpt.Quote(key), firstInvalid(v))
	}
	return d.set(key, 0, func(dst []byte) []byte { return AppendString(dst, v) })
}

// SetDoubles sets a member to an array of numbers.
func (d *Document) SetDoubles(key string, v []float64) error {
	return d.set(key, 1, func(dst []byte) []byte { return AppendDoubles(dst, v) })
}

// SetMatrix sets a member to an array of rows, each an array of cols numbers.
// v contains the numbers row by row.
func (d *Document) SetMatrix(key string, v []float64, rows, cols int) error {
	return d.set(key, 1+min(rows, 1), func(dst []byte) []byte { return AppendMatrix(dst, v, rows, cols) })
}

// SetJSON sets a member to a JSON text, unchanged. The text is validated and copied.
func (d *Document) SetJSON(key string, text []byte) error {
	if err := validateInside(text, parents(key)); err != nil {
		return err
	}
	return d.set(key, 0, func(dst []byte) []byte { return append(grow(dst, int64(len(text))), text...) })
}

// parents returns how many objects and arrays an item that set stores is inside of.
func parents(key string) int {
	if strings.HasPrefix(key, "/") {
		return strings.Count(key, "/")
	}
	return 1
}

// SetAll sets all members of another document, which must be an object.
func (d *Document) SetAll(other *Document) error {
	n, err := other.members(d)
	if err != nil {
		return err
	}
	for it := newIterator(n.text, n.i); it.next(); {
		if err := d.setEncodedJSON(n.text[it.key:it.keyEnd], n.text[it.value:it.valueEnd()]); err != nil {
			return err
		}
	}
	return nil
}

// members returns the outermost object of the document, whose members are to be set in
// another document, which is opened and gets space for them.
func (d *Document) members(to *Document) (location, error) {
	n := d.root()
	if n.text[n.i] != '{' {
		return n, fmt.Errorf("%w: fields is %s, not an object", ErrType, typePhrases[typeAt(n.text, n.i)])
	}
	return n, to.reserve(len(n.text) + len(n.text)/2)
}

// reserve allocates space for n bytes of members, so that setting them does not move
// the text.
func (d *Document) reserve(n int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.openObject(); err != nil {
		return err
	}
	d.open = grow(d.open, int64(n))
	return nil
}

// set stores a value: it replaces an existing item, or adds a new one. A key that begins
// with "/" is a pointer, and any other one is that of a member of the outermost object.
// depth is how deep the value is nested, and value appends it, encoded.
func (d *Document) set(key string, depth int, value func(dst []byte) []byte) error {
	if !utf8.ValidString(key) {
		return fmt.Errorf("%w: the key %s", ErrText, excerpt.Quote(key))
	}
	if strings.HasPrefix(key, "/") {
		return d.setAt(key, depth, value)
	}
	var short [64]byte
	return d.setEncoded(AppendString(short[:0], key), value)
}

// setEncodedJSON is setEncoded for a value that is valid JSON.
func (d *Document) setEncodedJSON(key, value []byte) error {
	return d.setEncoded(key, func(dst []byte) []byte { return append(grow(dst, int64(len(value))), value...) })
}

// setEncoded sets a member of the outermost object, whose key is already encoded.
func (d *Document) setEncoded(key []byte, value func(dst []byte) []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.text != nil || d.open[0] != '{' {
		if err := d.openObject(); err != nil {
			return err
		}
	}
	d.mergeIfWorthwhile()
	x := d.buffers()
	d.keys = d.keys.grown(x)
	slot, r := d.keys.find(x, fromQuoted(key))
	d.put(slot, r, key, value)
	if len(d.inner) > 0 {
		delete(d.inner, fromQuoted(key).text())
	}
	return nil
}

// openObject opens the document, which must be an object.
func (d *Document) openObject() error {
	text := d.open
	if d.text != nil {
		text = d.text[valueStart(d.text):]
	}
	if text[0] != '{' {
		return fmt.Errorf("%w: cannot set a member: the message is %s, not an object", ErrType, typePhrases[typeAt(text, 0)])
	}
	if d.text != nil {
		d.reopen()
	}
	return nil
}

// firstInvalid returns the index of the first byte of s that is not UTF-8.
func firstInvalid(s string) int {
	for i, r := range s {
		if r == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(s[i:]); n == 1 {
				return i
			}
		}
	}
	return len(s)
}
