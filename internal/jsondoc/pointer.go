package jsondoc

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"libobe/internal/excerpt"
)

// find returns the value at a pointer. Of members with equal keys the last one counts, as
// in Python. If items of the value were set, the document is closed.
func (d *Document) find(pointer string) (location, error) {
	n, count, err := d.peek(pointer)
	if count >= 0 {
		n, _, err = d.root().descend(pointer)
	}
	return n, inPointer(err, pointer)
}

// inPointer adds the pointer to the error of a lookup, if there is one.
func inPointer(err error, pointer string) error {
	if err == nil || errors.Is(err, ErrPointer) {
		return err
	}
	return fmt.Errorf("%w (in %s)", err, excerpt.Quote(pointer))
}

// peek is find without closing the document. count is the number of items of an open object
// or array, of whose location only the type can be used. For other values it is -1.
func (d *Document) peek(pointer string) (n location, count int, err error) {
	if err := checkPointer(pointer); err != nil {
		return location{}, -1, err
	}
	d.mu.RLock()
	n, count = location{text: d.text, cache: d.cache}, -1
	if d.keys != nil {
		n, pointer, count, err = d.enter(pointer)
		d.mu.RUnlock()
		if err != nil {
			return n, -1, err
		}
	} else {
		d.mu.RUnlock()
		n.i = valueStart(n.text)
	}
	n, _, err = n.descend(pointer)
	return n, count, err
}

// enter follows a pointer through the open containers, and through the outermost one if an
// item was set in it. It returns the rest of the pointer. If there is no such item it returns
// an error, the container that lacks it, and the rest from the item on. count is as for peek.
// d.mu is held.
func (d *Document) enter(pointer string) (n location, rest string, count int, err error) {
	if d.keys == nil {
		return location{text: d.text, i: valueStart(d.text), cache: d.cache}, pointer, -1, nil
	}
	c, x := &d.container, d.buffers()
	for rest = pointer; rest != ""; {
		token, after := cutToken(rest)
		key := unescapeToken(token)
		inner := c.inner[key]
		if inner == nil {
			if n, err = c.item(x, key); err != nil {
				break
			}
			return n, after, -1, nil
		}
		c, x, rest = inner, inner.buffers(), after
	}
	n, count = location{text: x.text, cache: c.cache}, c.count
	if c.open == nil {
		count = -1
	}
	return n, rest, count, err
}

// descend returns the value at a pointer that begins at this value. If there is no such
// value it returns an error, the last value on the way, and the rest of the pointer.
func (n location) descend(pointer string) (_ location, rest string, err error) {
	for pointer != "" {
		token, after := cutToken(pointer)
		inner, err := n.child(token)
		if err != nil {
			return n, pointer, err
		}
		n, pointer = inner, after
	}
	return n, "", nil
}

// cutToken returns the first token of a pointer that is not empty, and the pointer after
// it.
func cutToken(pointer string) (token, rest string) {
	if end := strings.IndexByte(pointer[1:], '/'); end >= 0 {
		return pointer[1 : 1+end], pointer[1+end:]
	}
	return pointer[1:], ""
}

// location is a value of a document.
type location struct {
	text  []byte
	i     int
	area  ref          // inUpdates if text is that buffer of the document
	cache *lookupCache // nil if the text is short
}

func (n location) id() ref { return ref(n.i) | n.area }

// child returns the member or element that a token of a pointer refers to.
func (n location) child(token string) (location, error) {
	switch n.text[n.i] {
	case '{':
		key := unescapeToken(token)
		at := n.member(key)
		if at < 0 {
			return n, errNoMember(key)
		}
		n.i = at
		return n, nil
	case '[':
		index, err := arrayIndex(token)
		if err != nil {
			return n, err
		}
		it, count := n.item(index)
		if count >= 0 {
			return n, errNoElement(index, count)
		}
		n.i = it.value
		return n, nil
	}
	return n, fmt.Errorf("%w: cannot look up %s in %s", ErrNotFound, excerpt.Quote(token), typePhrases[typeAt(n.text, n.i)])
}

// member returns the offset of the value of the member with a key, or -1 if there is no
// such member.
func (n location) member(key string) int {
	if t := n.cache.table(n.id()); t != nil {
		_, r := t.find(buffers{text: n.text}, fromRaw(key))
		if r == 0 {
			return -1
		}
		return memberValue(n.text, skipString(n.text, int(r)))
	}
	found, count := -1, 0
	it := newIterator(n.text, n.i)
	for it.next() {
		count++
		if keyEquals(n.text[it.key:it.keyEnd], key) {
			found = it.value
		}
	}
	n.cache.noteMembers(n, count, it.end-n.i)
	return found
}

// item returns an iterator at member or element number index, and -1. If the container
// ends before that, it returns the count of its items instead of -1.
func (n location) item(index uint64) (iterator, int) {
	it := newIterator(n.text, n.i)
	at := 0
	if l := n.cache.index(n.id()); l != nil {
		if l.count >= 0 && index >= uint64(l.count) {
			return it, l.count
		}
		at = l.seek(&it, int(min(index, math.MaxInt)))
	}
	from := it.end
	for it.next() {
		if uint64(at) == index {
			n.cache.noteItems(n, at, it.value-from)
			return it, -1
		}
		at++
	}
	n.cache.noteItems(n, at, it.end-from)
	return it, at
}

// count returns the number of members or elements.
func (n location) count() int {
	_, count := n.item(math.MaxUint64)
	return count
}

func errNoMember(key string) error {
	return fmt.Errorf("%w: the object has no member %s", ErrNotFound, excerpt.Quote(key))
}

func errNoElement(index uint64, count int) error {
	return fmt.Errorf("%w: element %d of an array of %d elements", ErrNotFound, index, count)
}

// arrayIndex returns the index that a token of a pointer is.
func arrayIndex(token string) (uint64, error) {
	index, err := strconv.ParseUint(token, 10, 63)
	if err != nil || len(token) > 1 && token[0] == '0' || token[0] == '+' {
		return 0, fmt.Errorf("%w: %s is not an array index", ErrNotFound, excerpt.Quote(token))
	}
	return index, nil
}

// checkPointer returns an error if a text is not a JSON pointer.
func checkPointer(pointer string) error {
	if pointer != "" && pointer[0] != '/' {
		return fmt.Errorf("%w %s: it must be empty or begin with /", ErrPointer, excerpt.Quote(pointer))
	}
	for rest := pointer; ; {
		_, after, found := strings.Cut(rest, "~")
		if !found {
			return nil
		}
		if after == "" || after[0] != '0' && after[0] != '1' {
			return fmt.Errorf("%w %s: ~ must be followed by 0 or 1", ErrPointer, excerpt.Quote(pointer))
		}
		rest = after
	}
}

// unescapeToken replaces ~1 and ~0 in a token of a pointer.
func unescapeToken(token string) string {
	if strings.IndexByte(token, '~') < 0 {
		return token
	}
	return strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
}

// keyEquals reports whether an encoded key, with its quotes, is equal to key.
func keyEquals(encoded []byte, key string) bool {
	inner := encoded[1 : len(encoded)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return string(inner) == key
	}
	return sameText(fromQuoted(encoded), fromRaw(key))
}
