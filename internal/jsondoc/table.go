package jsondoc

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"math/bits"

	"libobe/internal/memory"
)

// ref is where a member begins, at the first quote of its key: in the text, or in
// the values that replace others (inSide). No member begins at 0, where the brace is.
type ref uint64

const (
	inSide   ref = 1 << 39
	slotSize     = 5 // bytes that hold a ref; the longest message has less than 2^34
	minSlots     = 12
)

// texts is what refs point into.
type texts struct{ text, side []byte }

func (x texts) at(r ref) (text []byte, i int) {
	if r&inSide != 0 {
		return x.side, int(r &^ inSide)
	}
	return x.text, int(r)
}

// key returns the key that begins at r.
func (x texts) key(r ref) unescaper {
	text, i := x.at(r)
	return quoted(text[i:skipString(text, i)])
}

// table finds the members of one object by their keys; of equal keys the last one
// counts. It is a hash table with linear probing whose slots hold the places of the
// members alone, so that it takes 7.5 bytes a member. A member has at least 5 bytes of
// text. The hash has a random seed: a peer cannot choose keys that collide.
type table struct {
	slots []byte
	used  int
}

var seed = maphash.MakeSeed()

// tableSize returns how many bytes a table of n members takes.
func tableSize(n int) int { return slotSize * max(minSlots, n+n/2+1) }

// countItems returns how many members or elements the container at text[i] has.
func countItems(text []byte, i int) int {
	n := 0
	for it := items(text, i); it.next(); {
		n++
	}
	return n
}

// fillTable returns the table of the object at text[i], which has n members.
func fillTable(text []byte, i, n int) *table {
	size := tableSize(n)
	t := &table{slots: memory.MustMake[byte](size, size)}
	x := texts{text: text}
	for it := items(text, i); it.next(); {
		s, r := t.find(x, quoted(text[it.key:it.keyEnd]))
		t.put(s, ref(it.key), r == 0)
	}
	return t
}

func (t *table) count() int { return len(t.slots) / slotSize }

func (t *table) ref(slot int) ref {
	b := t.slots[slot*slotSize:][:slotSize]
	return ref(binary.LittleEndian.Uint32(b)) | ref(b[4])<<32
}

// find returns the member with a key, 0 if there is none, and the slot where it is
// or would be.
func (t *table) find(x texts, key unescaper) (slot int, r ref) {
	high, _ := bits.Mul64(key.hash(), uint64(t.count()))
	for slot = int(high); ; slot++ {
		if slot == t.count() {
			slot = 0
		}
		if r = t.ref(slot); r == 0 || same(x.key(r), key) {
			return slot, r
		}
	}
}

// put puts a member into a slot that find returned.
func (t *table) put(slot int, r ref, isNew bool) {
	b := t.slots[slot*slotSize:][:slotSize]
	binary.LittleEndian.PutUint32(b, uint32(r))
	b[4] = byte(r >> 32)
	if isNew {
		t.used++
	}
}

// grown returns a table with room for one more member.
func (t *table) grown(x texts) *table {
	if 3*(t.used+1) <= 2*t.count() {
		return t
	}
	size := tableSize(2 * t.used)
	larger := &table{slots: memory.MustMake[byte](size, size)}
	for s := range t.count() {
		if r := t.ref(s); r != 0 {
			free, _ := larger.find(x, x.key(r))
			larger.put(free, r, true)
		}
	}
	return larger
}

// replaced returns how many members have a value in side.
func (t *table) replaced() int {
	n := 0
	for s := range t.count() {
		if t.ref(s)&inSide != 0 {
			n++
		}
	}
	return n
}

// hash returns the hash of a text without its escapes.
func (u unescaper) hash() uint64 {
	if u.plain || bytes.IndexByte(u.rest, '\\') < 0 {
		return maphash.Bytes(seed, u.rest)
	}
	var h maphash.Hash
	h.SetSeed(seed)
	for p := u.next(); len(p) > 0; p = u.next() {
		_, _ = h.Write(p)
	}
	return h.Sum64()
}

// same reports whether two texts are equal, without their escapes.
func same(a, b unescaper) bool {
	if a.plain == b.plain && bytes.Equal(a.rest, b.rest) {
		return true
	}
	var p, q []byte
	for {
		if len(p) == 0 {
			p = a.next()
		}
		if len(q) == 0 {
			q = b.next()
		}
		if len(p) == 0 || len(q) == 0 {
			return len(p) == len(q)
		}
		n := min(len(p), len(q))
		if !bytes.Equal(p[:n], q[:n]) {
			return false
		}
		p, q = p[n:], q[n:]
	}
}
