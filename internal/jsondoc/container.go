package jsondoc

import (
	"cmp"
	"encoding/binary"
	"slices"
	"sort"
	"strconv"

	"libobe/internal/memory"
)

// container is an object or array while it is open, which means that its items, members
// or elements, are being set. New items are appended to open, and the values that replace
// older ones are collected in updates, until the text is asked for. Then merge puts them
// into their places.
//
// If an item is set deep inside, the large containers on the way to it are open, too. So
// setting n items of one of them takes time linear in n, wherever it is.
type container struct {
	open    []byte                // the text without its closing bracket
	updates []byte                // items that replace those in open, each after the offset of the old one, a uint64
	keys    *table                // where the items are; nil until one is set
	count   int                   // of the items in open
	inner   map[string]*container // the open ones among the items, by key or index; the text of such an item is stale
	stale   int                   // bytes of stale texts in open and updates
	cache   *lookupCache          // nil while the text is short
}

// newContainer opens the object or array at text[i]. The text is copied, because readers
// may hold it.
func newContainer(text []byte, i int) container {
	n := countItems(text, i)
	object := text[i] == '{'
	open := append(grow(nil, int64(len(text))+int64(n)*int64(len(", : ")-len(",:"))+spareRoom), text[i])
	var keys *table
	if !object {
		keys = newIndex(n)
	}
	for it := newIterator(text, i); it.next(); {
		if len(open) > len("{") {
			open = append(open, ", "...)
		}
		if object {
			open = append(append(open, text[it.key:it.keyEnd]...), ": "...)
		} else {
			keys.put(keys.used, ref(len(open)), true)
		}
		open = append(open, text[it.value:it.valueEnd()]...)
	}
	if object {
		keys = newTable(append(open, '}'), 0, n)
	}
	return container{open: open, keys: keys, count: n, cache: newCache(open)}
}

// reopen opens the document, which must be an object or array.
func (d *Document) reopen() {
	if d.keys == nil {
		d.container = newContainer(d.text, valueStart(d.text))
	} else {
		items := d.text[:len(d.text)-len("}")]
		d.open = append(grow(nil, int64(len(items)+len(items)/8+spareRoom)), items...)
		d.cache = newCache(d.open) // offsets in the old text are no longer valid
	}
	d.text = nil
}

// spareRoom is the space for more items that a container has at first.
const spareRoom = 128

// closingBracket returns the bracket that ends what another one begins.
func closingBracket(opening byte) byte { return opening + ('}' - '{') }

func (c *container) buffers() buffers { return buffers{c.open, c.updates} }

// put stores an item, which belongs into a slot of keys. r is the item that it replaces,
// or 0. key is encoded, and empty in an array. value appends the encoded value.
func (c *container) put(slot int, r ref, key []byte, value func(dst []byte) []byte) {
	// All memory is allocated before anything changes.
	if r == 0 {
		open := grow(c.open, int64(len(key))+memberOverhead)
		if len(open) > len("{") {
			open = append(open, ", "...)
		}
		r = ref(len(open))
		c.open = grow(appendItem(open, key, value), 0)
		c.keys.put(slot, r, true)
		c.count++
	} else {
		updates := grow(c.updates, offsetSize+int64(len(key))+memberOverhead)
		updates = binary.LittleEndian.AppendUint64(updates, uint64(c.offset(r)))
		r = ref(len(updates)) | inUpdates
		c.updates = append(grow(appendItem(updates, key, value), 0), ' ') // ends a number
		c.keys.put(slot, r, false)
	}
	if c.cache == nil {
		c.cache = newCache(c.open)
	}
}

func appendItem(dst, key []byte, value func(dst []byte) []byte) []byte {
	if len(key) > 0 {
		dst = append(append(dst, key...), ": "...)
	}
	return value(dst)
}

const (
	// memberOverhead is enough for the separators around a key, and for a number.
	memberOverhead = 48
	// mergeThreshold is how many bytes of replaced values a short container may
	// collect before they are merged.
	mergeThreshold = 1024
)

// mergeIfWorthwhile drops the old values of items that are replaced again and again. A
// merge costs time in proportion to what was set since the last one.
func (c *container) mergeIfWorthwhile() {
	if len(c.updates)+c.stale > len(c.open)/2+mergeThreshold {
		c.merge(false)
	}
}

// appendText appends the text of the container.
func (c *container) appendText(dst []byte) []byte {
	inner := c.innerSlots()
	dst = c.appendMerged(dst, c.changes(inner), inner, true)
	return append(dst, closingBracket(c.open[0]))
}

// size returns a limit of the size of the text.
func (c *container) size() int64 {
	n := int64(len(c.open)) + int64(len(c.updates)) + int64(len("}"))
	for _, inner := range c.inner {
		n += inner.size()
	}
	return n
}

// change is an item whose text in open is replaced by a merge.
type change struct {
	slot, offset int
	shift        int // by which the text after it moves
}

// innerSlots returns the open items by their slots.
func (c *container) innerSlots() map[int]*container {
	if len(c.inner) == 0 {
		return nil
	}
	slots := make(map[int]*container, len(c.inner))
	for key, inner := range c.inner {
		slot, _, _ := c.find(c.buffers(), key)
		slots[slot] = inner
	}
	return slots
}

// changes returns what was set since the last merge, in the order of open.
func (c *container) changes(inner map[int]*container) []change {
	keys := c.keys
	changes := memory.MustMake[change](0, keys.countUpdates()+len(inner))
	for s := range keys.slotCount() {
		if keys.isUpdate(s) || len(inner) > 0 && inner[s] != nil {
			changes = append(changes, change{slot: s, offset: c.offset(keys.ref(s))})
		}
	}
	slices.SortFunc(changes, func(a, b change) int { return cmp.Compare(a.offset, b.offset) })
	return changes
}

// appendMerged appends the text of the container, without its closing bracket and with the
// changes, whose shifts it sets. A stale text is replaced by that of the open item, or by
// a short one.
func (c *container) appendMerged(dst []byte, changes []change, inner map[int]*container, closing bool) []byte {
	base, at, x := len(dst), 0, c.buffers()
	for i := range changes {
		e := &changes[i]
		old := x.value(x.text, e.offset)
		dst = append(dst, c.open[at:old]...)
		var item *container
		if len(inner) > 0 {
			item = inner[e.slot]
		}
		switch {
		case item == nil:
			text, from := x.at(c.keys.ref(e.slot))
			from = x.value(text, from)
			dst = append(dst, text[from:skipValue(text, from)]...)
		case closing:
			dst = item.appendText(dst)
		default:
			dst = append(dst, '0')
		}
		at = skipValue(c.open, old)
		e.shift = len(dst) - base - at
	}
	return append(dst, c.open[at:]...)
}

// merge moves the values in updates to the items that they replace. If the container is
// being closed, so are the open items.
func (c *container) merge(closing bool) {
	inner := c.innerSlots()
	changes := c.changes(inner)
	size := int64(len(c.open)) + int64(len(c.updates)-c.stale+len(inner))
	if closing {
		size = c.size()
	}
	merged := c.appendMerged(grow(nil, size+spareRoom), changes, inner, closing)
	moved := func(offset int) ref {
		before := sort.Search(len(changes), func(i int) bool { return changes[i].offset >= offset })
		if before == 0 {
			return ref(offset)
		}
		return ref(offset + changes[before-1].shift)
	}
	keys := c.keys
	for s := range keys.slotCount() {
		if r := keys.ref(s); r != 0 {
			keys.put(s, moved(c.offset(r)), false)
		}
	}
	c.open, c.updates, c.stale, c.cache = merged, nil, 0, newCache(merged)
	if closing {
		c.inner = nil
	}
}

// offset returns the offset in open of the item at r, or of the one that it replaces.
func (c *container) offset(r ref) int {
	if r&inUpdates == 0 {
		return int(r)
	}
	return int(binary.LittleEndian.Uint64(c.updates[r&^inUpdates-offsetSize:]))
}

const offsetSize = 8

// find returns the item of a container with the given texts that an unescaped token of a
// pointer refers to, and its slot. If there is no such item it returns 0, an error for
// readers, and the slot where a new item belongs.
func (c *container) find(x buffers, key string) (slot int, r ref, err error) {
	if x.text[0] == '{' {
		if slot, r = c.keys.find(x, fromRaw(key)); r == 0 {
			err = errNoMember(key)
		}
		return slot, r, err
	}
	index, err := arrayIndex(key)
	switch {
	case err != nil:
		return 0, 0, err
	case index >= uint64(c.keys.used):
		return c.keys.used, 0, errNoElement(index, c.keys.used)
	}
	return int(index), c.keys.ref(int(index)), nil
}

// item returns the value that find finds.
func (c *container) item(x buffers, key string) (location, error) {
	_, r, err := c.find(x, key)
	if err != nil {
		return location{}, err
	}
	text, i := x.at(r)
	return location{text, x.value(text, i), r & inUpdates, c.cache}, nil
}

// newKey returns the key of the item that a token of a pointer refers to, unescaped.
// "-" is the index of the element after the last one.
func (c *container) newKey(token string) string {
	if token == "-" && c.open[0] == '[' {
		return strconv.Itoa(c.keys.used)
	}
	return unescapeToken(token)
}
