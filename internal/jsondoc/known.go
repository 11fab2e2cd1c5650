package jsondoc

import (
	"sort"
	"sync"
	"sync/atomic"

	"libobe/internal/memory"
)

const (
	// manyBytes is from how many bytes on the way through an object or array is worth
	// to be remembered. A shorter way takes a microsecond at most.
	manyBytes = 1024
	// markBytes is how far the places are from each other that are remembered in a
	// list: 16 bytes for 256 of text.
	markBytes = 256
	// memberWork is how many bytes of a way cost as much time as one member of a table:
	// 1 ns a byte at most, and 50 to 200 ns.
	memberWork = 64
	// knownShare is how many times the size of the text the memory may take.
	knownShare = 2
)

// known is what a document remembers of its text, so that reading all members or
// elements of a large object or array takes time linear in the text, in any order
// and from any number of objects and arrays in turn.
//
// Ways are counted first. Once they were as long as the text, each array through which
// another long way leads is remembered, and each object once they took as much time as
// its table does: a single look costs nothing more, and all looks together a small
// multiple of what is needed.
type known struct {
	walked   atomic.Int64 // bytes
	building sync.Mutex   // so that threads do not make the same at the same time

	mu     sync.RWMutex
	tables map[ref]*table
	lists  map[ref]*itemIndex
	size   int // bytes of both
}

// newKnown returns what remembers ways in a text; a short text needs none.
func newKnown(text []byte) *known {
	if len(text) <= manyBytes {
		return nil
	}
	return new(known)
}

// itemIndex has the places of some items of an object or array: of the first one, and of
// the next one that begins markBytes or more behind it, and so on, as far as ways led. So
// it takes no more time than those, however much text the container has.
type itemIndex struct {
	count int // of all items, -1 while it is not known
	marks []mark
}

type mark struct{ index, at int } // at is where iterator.end is before the item

const markSize = 16

// entrySize is about what a table or list takes besides its slots or marks.
const entrySize = 64

// extended returns the index of the container at text[i] with marks up to the item with an
// index, and room for more of them.
func (l *itemIndex) extended(text []byte, i, index, more int) *itemIndex {
	e := &itemIndex{l.count, l.marks}
	if len(e.marks)+more > cap(e.marks) {
		e.marks = append(make([]mark, 0, l.grown(more)), e.marks...)
	}
	it := items(text, i)
	for at := e.seek(&it, index); ; at++ {
		from := it.behind()
		if !it.next() {
			e.count = at
			break
		}
		if last := len(e.marks) - 1; last < 0 || from-e.marks[last].at >= markBytes {
			e.marks = append(e.marks, mark{at, from})
		}
		if at == index {
			break
		}
	}
	if cap(e.marks) > 2*len(e.marks) { // a way through few large items
		e.marks = append(make([]mark, 0, len(e.marks)), e.marks...)
	}
	return e
}

// grown returns how many marks there is to be room for where more are needed.
func (l *itemIndex) grown(more int) int { return len(l.marks) + max(more, len(l.marks)/2) }

// seek moves an iterator to before the item with an index, or to the last mark before
// that, and returns the index of its next item.
func (l *itemIndex) seek(it *iterator, index int) int {
	m := sort.Search(len(l.marks), func(m int) bool { return l.marks[m].index > index })
	if m == 0 {
		return 0
	}
	it.end = l.marks[m-1].at
	return l.marks[m-1].index
}

func (k *known) table(id ref) *table {
	if k == nil {
		return nil
	}
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.tables[id]
}

func (k *known) list(id ref) *itemIndex {
	if k == nil {
		return nil
	}
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.lists[id]
}

// worth notes a way of n bytes and reports whether all ways together were longer than
// least.
func (k *known) worth(n, least int) bool {
	return k != nil && n > manyBytes && k.walked.Add(int64(n)) > int64(least)
}

// passedMembers notes that a way of so many bytes led through the count members of an
// object, for one with a certain key.
func (k *known) passedMembers(n location, count, bytes int) {
	if !k.worth(bytes, len(n.text)+memberWork*count) {
		return
	}
	k.building.Lock()
	defer k.building.Unlock()
	if k.table(n.id()) != nil {
		return
	}
	size := entrySize + tableSize(count)
	if k.makeRoom(size, len(n.text)) {
		t := fillTable(n.text, n.i, count)
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.tables == nil {
			k.tables = map[ref]*table{}
		}
		k.tables[n.id()] = t
		k.size += size
	}
}

// passedItems notes that a way of so many bytes led through the members or elements
// of a container, to the one with an index or to the end.
func (k *known) passedItems(n location, index, bytes int) {
	if !k.worth(bytes, len(n.text)) {
		return
	}
	k.building.Lock()
	defer k.building.Unlock()
	l := k.list(n.id())
	if l == nil {
		l = &itemIndex{count: -1}
	}
	more := bytes/markBytes + 1
	if !k.makeRoom(entrySize+markSize*l.grown(more), len(n.text)) {
		return
	}
	e := l.extended(n.text, n.i, index, more)
	size := markSize * cap(e.marks)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.lists[n.id()] == l {
		size -= markSize * cap(l.marks)
	} else {
		size += entrySize
	}
	if k.lists == nil {
		k.lists = map[ref]*itemIndex{}
	}
	k.lists[n.id()] = e
	k.size += size
}

// makeRoom reports whether there is memory to remember a container. Where there is
// none, the way is walked again each time. What is remembered takes at most
// knownShare times the size of the text; beyond that it is forgotten.
func (k *known) makeRoom(size, text int) bool {
	// Many small ones are asked for as well.
	if memory.Reserve(max(size, 64<<10)) != nil {
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.size+size > knownShare*text {
		clear(k.tables)
		clear(k.lists)
		k.size = 0
	}
	return true
}
