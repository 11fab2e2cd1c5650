package jsondoc

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"

	"libobe/internal/excerpt"
)

// find returns the value at a pointer. Of members with equal keys the last one counts, as
// in Python.
func (d *Document) find(pointer string) (location, error) {
	if pointer == "" {
		return d.root(), nil
	}
	if err := checkPointer(pointer); err != nil {
		return location{}, err
	}
	token, rest, more := strings.Cut(pointer[1:], "/")
	n, err := d.rootChild(token)
	for err == nil && more {
		token, rest, more = strings.Cut(rest, "/")
		n, err = n.child(token)
	}
	if err != nil {
		return location{}, fmt.Errorf("%w (in %s)", err, excerpt.Quote(pointer))
	}
	return n, nil
}

// rootChild returns the value that the first token of a pointer refers to.
func (d *Document) rootChild(token string) (location, error) {
	d.mu.RLock()
	n := location{text: d.text, cache: d.cache}
	keys := d.keys
	if keys == nil {
		d.mu.RUnlock()
		n.i = valueStart(n.text)
		return n.child(token)
	}
	defer d.mu.RUnlock()
	key := unescapeToken(token)
	_, r := keys.find(d.buffers(), fromRaw(key))
	if r == 0 {
		return n, errNoMember(key)
	}
	n.text, n.i = d.buffers().at(r)
	n.i = memberValue(n.text, skipString(n.text, n.i))
	n.area = r & inUpdates
	return n, nil
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
		index, err := strconv.ParseUint(token, 10, 63)
		if err != nil || len(token) > 1 && token[0] == '0' || token[0] == '+' {
			return n, fmt.Errorf("%w: %s is not an array index", ErrNotFound, excerpt.Quote(token))
		}
		it, count := n.item(index)
		if count >= 0 {
			return n, fmt.Errorf("%w: element %d of an array of %d elements", ErrNotFound, index, count)
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
