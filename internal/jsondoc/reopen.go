package jsondoc

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"sort"

	"libobe/internal/memory"
)

// reopen prepares the document for setting members. It copies the text, because
// readers may hold it.
func (d *Document) reopen() error {
	i := valueStart(d.text)
	if d.text[i] != '{' {
		return fmt.Errorf("%w: cannot set a member: the message is %s, not an object", ErrType, typePhrases[typeAt(d.text, i)])
	}
	var open []byte
	keys := d.keys
	if keys != nil {
		members := d.text[:len(d.text)-len("}")]
		open = append(grow(nil, int64(len(members)+len(members)/8+spareRoom)), members...)
	} else {
		n := countItems(d.text, i)
		open = append(grow(nil, int64(len(d.text))+int64(n)*int64(len(", : ")-len(",:"))+spareRoom), '{')
		for it := newIterator(d.text, i); it.next(); {
			if len(open) > len("{") {
				open = append(open, ", "...)
			}
			open = append(append(open, d.text[it.key:it.keyEnd]...), ": "...)
			open = append(open, d.text[it.value:it.valueEnd()]...)
		}
		keys = newTable(append(open, '}'), 0, n)
	}
	d.text, d.open, d.keys = nil, open, keys
	d.cache = newCache(open) // offsets in the old text are no longer valid
	return nil
}

// spareRoom is the space for more members that a document has at first.
const spareRoom = 128

// merge moves the values in updates to the members that they replace.
func (d *Document) merge() {
	type change struct {
		slot, offset int
		shift        int // by which the text after it moves
	}
	n := d.keys.countUpdates()
	changes := memory.MustMake[change](0, n)
	for s := range d.keys.slotCount() {
		if r := d.keys.ref(s); r&inUpdates != 0 {
			changes = append(changes, change{slot: s, offset: d.memberOffset(r)})
		}
	}
	slices.SortFunc(changes, func(a, b change) int { return cmp.Compare(a.offset, b.offset) })
	merged := grow(nil, int64(len(d.open))+int64(len(d.updates))+spareRoom)
	at := 0
	for i := range changes {
		c := &changes[i]
		_, from := d.buffers().at(d.keys.ref(c.slot))
		old, from := memberValue(d.open, skipString(d.open, c.offset)), memberValue(d.updates, skipString(d.updates, from))
		merged = append(append(merged, d.open[at:old]...), d.updates[from:skipValue(d.updates, from)]...)
		at = skipValue(d.open, old)
		c.shift = len(merged) - at
	}
	merged = append(merged, d.open[at:]...)
	moved := func(offset int) ref {
		before := sort.Search(len(changes), func(i int) bool { return changes[i].offset >= offset })
		if before == 0 {
			return ref(offset)
		}
		return ref(offset + changes[before-1].shift)
	}
	for s := range d.keys.slotCount() {
		if r := d.keys.ref(s); r != 0 {
			d.keys.put(s, moved(d.memberOffset(r)), false)
		}
	}
	d.open, d.updates, d.cache = merged, nil, newCache(merged)
}

// memberOffset returns the offset in open of the member at r, or of the one that it
// replaces.
func (d *Document) memberOffset(r ref) int {
	if r&inUpdates == 0 {
		return int(r)
	}
	return int(binary.LittleEndian.Uint64(d.updates[r&^inUpdates-offsetSize:]))
}

const offsetSize = 8
