package jsondoc

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"

	"libobe/internal/memory"
)

// ref is the offset of a member, at the opening quote of its key, in the text or in the
// updates of a document (inUpdates). 0 means no member, because a brace is there.
type ref uint64

const (
	inUpdates ref = 1 << 39
	slotSize      = 5 // bytes of a ref; the longest message has less than 2^34 bytes
	minSlots      = 12
)

// buffers are the texts that a ref refers to.
type buffers struct{ text, updates []byte }

func (x buffers) at(r ref) (text []byte, i int) {
	if r&inUpdates != 0 {
		return x.updates, int(r &^ inUpdates)
	}
	return x.text, int(r)
}

// value returns where the value of the item at text[i] begins. text is one of the two.
func (x *buffers) value(text []byte, i int) int {
	if x.text[0] == '{' {
		return memberValue(text, skipString(text, i))
	}
	return i
}

// key returns the key of the member at r.
func (x buffers) key(r ref) unescaper {
	text, i := x.at(r)
	return fromQuoted(text[i:skipString(text, i)])
}

// table finds the members of one object by their keys; of equal keys the last one
// counts. It is a hash table with linear probing. Its slots contain only refs, so it
// needs 7.5 bytes per member, which has at least 5 bytes of text. The hash has a random
// seed, so that a peer cannot choose keys that collide.
type table struct {
	slots []byte
	used  int
}

var hashSeed = maphash.MakeSeed()

// tableSize returns the size in bytes of the slots for n members.
func tableSize(n int) int { return slotSize * max(minSlots, n+n/2+1) }

// newTable returns the table of the object at text[i], which has n members.
func newTable(text []byte, i, n int) *table {
	size := tableSize(n)
	t := &table{slots: memory.MustMake[byte](size, size)}
	x := buffers{text: text}
	for it := newIterator(text, i); it.next(); {
		s, r := t.find(x, fromQuoted(text[it.key:it.keyEnd]))
		t.put(s, ref(it.key), r == 0)
	}
	return t
}

func (t *table) slotCount() int { return len(t.slots) / slotSize }

func (t *table) ref(slot int) ref {
	b := t.slots[slot*slotSize:][:slotSize]
	return ref(binary.LittleEndian.Uint32(b)) | ref(b[4])<<32
}

// isUpdate reports whether the item in a slot is in the updates. It is quicker than ref.
func (t *table) isUpdate(slot int) bool {
	return t.slots[slot*slotSize+slotSize-1]&byte(inUpdates>>32) != 0
}

// find returns the member with a key, or 0 if there is no such member, and its slot or
// the one where it belongs.
func (t *table) find(x buffers, key unescaper) (slot int, r ref) {
	high, _ := bits.Mul64(key.hash(), uint64(t.slotCount()))
	for slot = int(high); ; slot++ {
		if slot == t.slotCount() {
			slot = 0
		}
		if r = t.ref(slot); r == 0 || sameText(x.key(r), key) {
			return slot, r
		}
	}
}

// put stores a member in a slot that find returned.
func (t *table) put(slot int, r ref, isNew bool) {
	b := t.slots[slot*slotSize:][:slotSize]
	binary.LittleEndian.PutUint32(b, uint32(r))
	b[4] = byte(r >> 32)
	if isNew {
		t.used++
	}
}

// newIndex returns the table of the elements of an array, of which n are known. Element
// number i is in slot i.
func newIndex(n int) *table {
	size := slotSize * (n + n/4 + minSlots)
	return &table{slots: memory.MustMake[byte](size, size)}
}

// grown returns a table with space for one more item.
func (t *table) grown(x buffers) *table {
	if x.text[0] == '[' {
		if t.used < t.slotCount() {
			return t
		}
		larger := newIndex(t.used)
		larger.used = copy(larger.slots, t.slots) / slotSize
		return larger
	}
	if 3*(t.used+1) <= 2*t.slotCount() {
		return t
	}
	size := tableSize(2 * t.used)
	larger := &table{slots: memory.MustMake[byte](size, size)}
	for s := range t.slotCount() {
		if r := t.ref(s); r != 0 {
			free, _ := larger.find(x, x.key(r))
			larger.put(free, r, true)
		}
	}
	return larger
}

// countUpdates returns how many members are in the updates.
func (t *table) countUpdates() int {
	n := 0
	for s := range t.slotCount() {
		if t.isUpdate(s) {
			n++
		}
	}
	return n
}
