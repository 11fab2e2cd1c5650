package jsondoc

import (
	"fmt"
	"strings"

	"libobe/internal/excerpt"
)

// shortText is the length of the longest object or array that is written again when an
// item inside it is set. A longer one is opened, which takes memory.
const shortText = 256

// setAt sets the item that a pointer, which begins with "/", refers to. depth is that of
// the value: 0 for a number, 1 for an array of numbers.
//
// Missing objects are created. The index of an array that is the count of its elements, or
// "-", appends an element.
func (d *Document) setAt(pointer string, depth int, value func(dst []byte) []byte) error {
	if err := checkPointer(pointer); err != nil {
		return err
	}
	if parents(pointer)+depth > MaxDepth {
		return fmt.Errorf("%w: %s", ErrDepth, excerpt.Quote(pointer))
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.checkItem(pointer); err != nil {
		return fmt.Errorf("%w (cannot set %s)", err, excerpt.Quote(pointer))
	}
	if d.text != nil {
		d.reopen()
	}
	c := &d.container
	for rest := pointer; ; {
		var token string
		token, rest = cutToken(rest)
		key := c.newKey(token)
		inner := c.inner[key]
		if inner == nil || rest == "" {
			text := c.text(key, rest)
			if len(text) <= shortText {
				c.set(key, func(dst []byte) []byte { return appendSet(dst, text, rest, value) })
				return nil
			}
			inner = c.openItem(key, text)
		}
		c = inner
	}
}

// checkItem returns an error if no item can be set at a pointer. d.mu is held.
func (d *Document) checkItem(pointer string) error {
	last := strings.LastIndexByte(pointer, '/')
	n, rest, count, err := d.enter(pointer[:last])
	if err == nil && rest != "" {
		n, rest, _ = n.descend(rest)
	}
	// n is the innermost parent that exists, and rest names those that are missing.
	at := last - len(rest)
	token, after := cutToken(pointer[at:])
	switch n.text[n.i] {
	case '{':
	case '[':
		if err := n.checkElement(token, count); err != nil {
			return err
		}
	default:
		which := "the value at " + excerpt.Quote(pointer[:at])
		if at == 0 {
			which = "the message"
		}
		return fmt.Errorf("%w: %s is %s, not an object or array", ErrType, which, typePhrases[typeAt(n.text, n.i)])
	}
	if strings.Contains(after+"/", "/-/") {
		return fmt.Errorf("%w: there is no array to append to; set an empty one first", ErrNotFound)
	}
	return nil
}

// checkElement returns an error if no element of an array can be set at a token. count is
// the number of elements if the array is open, and otherwise -1.
func (n location) checkElement(token string, count int) error {
	if token == "-" {
		return nil
	}
	index, err := arrayIndex(token)
	if err != nil {
		return err
	}
	if count < 0 {
		if _, count = n.item(index); count < 0 {
			return nil
		}
	}
	if index > uint64(count) {
		return errNoElement(index, count)
	}
	return nil
}

// text returns the object or array that an item is, and into which the rest of a pointer
// leads. It returns nil if there is no such item, or if the rest is empty.
func (c *container) text(key, rest string) []byte {
	if rest == "" {
		return nil
	}
	n, err := c.item(c.buffers(), key)
	if err != nil {
		return nil
	}
	return n.text[n.i:skipValue(n.text, n.i)]
}

// openItem opens an item, whose text becomes stale. The key is copied, so that it does not
// keep a long pointer in memory.
func (c *container) openItem(key string, text []byte) *container {
	inner := newContainer(text, 0)
	key = fromRaw(key).text()
	if c.inner == nil {
		c.inner = map[string]*container{}
	}
	c.inner[key] = &inner
	c.stale += len(text)
	c.mergeIfWorthwhile()
	return &inner
}

// set stores an item that a pointer refers to.
func (c *container) set(key string, value func(dst []byte) []byte) {
	c.mergeIfWorthwhile()
	c.keys = c.keys.grown(c.buffers())
	slot, r, _ := c.find(c.buffers(), key)
	var short [64]byte
	var encoded []byte
	if c.open[0] == '{' {
		encoded = AppendString(short[:0], key)
	}
	c.put(slot, r, encoded, value)
	delete(c.inner, key)
}

// appendSet appends a short object or array in which the item that a pointer refers to is
// set. The text is nil for a new object, and the pointer is empty for the value itself.
func appendSet(dst, text []byte, pointer string, value func(dst []byte) []byte) []byte {
	if pointer == "" {
		return value(dst)
	}
	if text == nil {
		text = []byte("{}")
	}
	token, rest := cutToken(pointer)
	key := unescapeToken(token)
	index, _ := arrayIndex(key)
	i, at := 0, -1
	for it := newIterator(text, 0); it.next(); i++ {
		if it.object && keyEquals(text[it.key:it.keyEnd], key) || !it.object && key != "-" && uint64(i) == index {
			at = i
		}
	}
	reserve := 2*int64(len(text)) + memberOverhead
	dst = append(grow(dst, reserve), text[0])
	i = 0
	for it := newIterator(text, 0); it.next(); i++ {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		if it.object {
			dst = append(append(dst, text[it.key:it.keyEnd]...), ": "...)
		}
		if item := text[it.value:it.valueEnd()]; i == at {
			dst = grow(appendSet(dst, item, rest, value), reserve)
		} else {
			dst = append(dst, item...)
		}
	}
	if at < 0 {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		if text[0] == '{' {
			dst = append(AppendString(dst, key), ": "...)
		}
		dst = grow(appendSet(dst, nil, rest, value), reserve)
	}
	return append(dst, closingBracket(text[0]))
}
