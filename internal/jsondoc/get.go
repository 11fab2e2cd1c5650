package jsondoc

import (
	"fmt"
	"math"
	"strconv"

	"libobe/internal/excerpt"
)

// Type returns the type of the value at a pointer.
func (d *Document) Type(pointer string) (Type, error) {
	n, _, err := d.peek(pointer)
	if err != nil {
		return 0, inPointer(err, pointer)
	}
	return typeAt(n.text, n.i), nil
}

// Count returns how many members or elements the object or array at a pointer
// has.
func (d *Document) Count(pointer string) (int, error) {
	n, count, err := d.peek(pointer)
	if err != nil || count >= 0 {
		return max(count, 0), inPointer(err, pointer)
	}
	switch typeAt(n.text, n.i) {
	case Object, Array:
	default:
		return 0, mismatch(pointer, n.text, n.i, "an object or array")
	}
	return n.count(), nil
}

// Key returns the key of member number index, from 0, of the object at a pointer.
func (d *Document) Key(pointer string, index int) (string, error) {
	key, err := d.key(pointer, index)
	if err != nil {
		return "", err
	}
	return key.text(), nil
}

// ReadKey copies the key that Key returns to dst if it fits, and returns its size.
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
		return unescaper{}, fmt.Errorf("%w: member number %d of the object at %s, which has %d members",
			ErrNotFound, index, excerpt.Quote(pointer), count)
	}
	return fromQuoted(n.text[it.key:it.keyEnd]), nil
}

// Double returns the number at a pointer, correctly rounded. An integer that is larger
// than any double is ErrRange.
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

// Int returns the integer at a pointer. One that does not fit in 64 bits is ErrRange.
func (d *Document) Int(pointer string) (int64, error) {
	at, err := d.find(pointer)
	if err != nil {
		return 0, err
	}
	text, i := at.text, at.i
	if typeAt(text, i) != Integer {
		return 0, mismatch(pointer, text, i, "an integer")
	}
	digits := text[i:skipValue(text, i)]
	var v int64
	fits := len(digits) <= len("-9223372036854775808")
	if fits {
		v, err = strconv.ParseInt(string(digits), 10, 64)
	}
	if !fits || err != nil {
		return 0, fmt.Errorf("%w: the integer at %s does not fit in 64 bits", ErrRange, excerpt.Quote(pointer))
	}
	return v, nil
}

// Bool returns the boolean at a pointer.
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
// which UTF-8 cannot encode, is U+FFFD.
func (d *Document) String(pointer string) (string, error) {
	s, err := d.string(pointer)
	if err != nil {
		return "", err
	}
	return s.text(), nil
}

// ReadString copies the string that String returns to dst if it fits, and returns
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
	return fromQuoted(n.text[n.i:skipValue(n.text, n.i)]), nil
}

// JSON returns the text of the value at a pointer, unchanged. For "" that is the whole
// document, including white space around it. The caller must not change the bytes.
func (d *Document) JSON(pointer string) ([]byte, error) {
	n, err := d.find(pointer)
	if err != nil || pointer == "" {
		return n.text, err
	}
	return n.text[n.i:skipValue(n.text, n.i)], nil
}

// mismatch returns the error of a value that has a different type than the wanted one.
func mismatch(pointer string, text []byte, i int, wanted string) error {
	which := "the value at " + excerpt.Quote(pointer)
	if pointer == "" {
		which = "the message"
	}
	return fmt.Errorf("%w: %s is %s, not %s", ErrType, which, typePhrases[typeAt(text, i)], wanted)
}
