package jsondoc

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"unicode/utf8"

	"libobe/internal/excerpt"
)

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

// SetString sets a member to a string, which must be UTF-8.
func (d *Document) SetString(key, v string) error {
	if !utf8.ValidString(v) {
		return fmt.Errorf("%w: the value of %s, at byte %d", ErrText, excerpt.Quote(key), firstInvalid(v))
	}
	return d.set(key, func(dst []byte) []byte { return AppendString(dst, v) })
}

// SetDoubles sets a member to an array of numbers.
func (d *Document) SetDoubles(key string, v []float64) error {
	return d.set(key, func(dst []byte) []byte { return AppendDoubles(dst, v) })
}

// SetMatrix sets a member to an array of rows, each an array of cols numbers.
// v contains the numbers row by row.
func (d *Document) SetMatrix(key string, v []float64, rows, cols int) error {
	return d.set(key, func(dst []byte) []byte { return AppendMatrix(dst, v, rows, cols) })
}

// SetJSON sets a member to a JSON text, unchanged. The text is validated and copied.
func (d *Document) SetJSON(key string, text []byte) error {
	if err := validateMember(text); err != nil {
		return err
	}
	return d.set(key, func(dst []byte) []byte { return append(grow(dst, int64(len(text))), text...) })
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
	if d.text != nil {
		if err := d.reopen(); err != nil {
			return err
		}
	}
	d.open = grow(d.open, int64(n))
	return nil
}

// set stores a value under a key: it replaces an existing member, or appends a new one.
// value appends the encoded value.
func (d *Document) set(key string, value func(dst []byte) []byte) error {
	if !utf8.ValidString(key) {
		return fmt.Errorf("%w: the key %s", ErrText, excerpt.Quote(key))
	}
	var short [64]byte
	return d.setEncoded(AppendString(short[:0], key), value)
}

// setEncodedJSON is setEncoded for a value that is valid JSON.
func (d *Document) setEncodedJSON(key, value []byte) error {
	return d.setEncoded(key, func(dst []byte) []byte { return append(grow(dst, int64(len(value))), value...) })
}

// setEncoded is set for a key that is already encoded.
func (d *Document) setEncoded(key []byte, value func(dst []byte) []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.text != nil {
		if err := d.reopen(); err != nil {
			return err
		}
	}
	// Drop the old values of members that are replaced again and again. A merge costs time
	// in proportion to what was set since the last one.
	if len(d.updates) > len(d.open)/2+mergeThreshold {
		d.merge()
	}
	x := d.buffers()
	keys := d.keys.grown(x)
	slot, r := keys.find(x, fromQuoted(key))
	// All memory is allocated before anything changes.
	if r == 0 {
		open := grow(d.open, int64(len(key))+memberOverhead)
		if open[len(open)-1] != '{' {
			open = append(open, ", "...)
		}
		r = ref(len(open))
		d.open = grow(appendMember(open, key, value), 0)
		keys.put(slot, r, true)
	} else {
		updates := grow(d.updates, offsetSize+int64(len(key))+memberOverhead)
		updates = binary.LittleEndian.AppendUint64(updates, uint64(d.memberOffset(r)))
		r = ref(len(updates)) | inUpdates
		d.updates = append(grow(appendMember(updates, key, value), 0), ' ') // ends a number
		keys.put(slot, r, false)
	}
	d.keys = keys
	if d.cache == nil {
		d.cache = newCache(d.open)
	}
	return nil
}

const (
	// memberOverhead is enough for the separators around a key, and for a number.
	memberOverhead = 48
	// mergeThreshold is how many bytes of replaced values a short document may
	// collect before they are merged.
	mergeThreshold = 1024
)

func appendMember(dst, key []byte, value func(dst []byte) []byte) []byte {
	return value(append(append(dst, key...), ": "...))
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
