package jsondoc

import (
	"sort"
	"sync"
	"sync/atomic"

	"libobe/internal/memory"
)

const (
	// longScan is the length in bytes of the longest scan of an object or array that is
	// not worth caching. Such a scan takes at most a microsecond.
	longScan = 1024
	// markSpacing is the distance of the marks of an index: 16 bytes for 256 of text.
	markSpacing = 256
	// tableEntryCost is how many bytes can be scanned in the time that it takes to add
	// a member to a table: at most 1 ns per byte, and 50 to 200 ns per member.
	tableEntryCost = 64
	// maxCacheFactor is the maximum size of a cache, as a multiple of that of the text.
	maxCacheFactor = 2
)

// lookupCache stores where the members and elements of large objects and arrays are, so
// that reading all of them takes time linear in the text, in any order and from any
// number of objects and arrays in turn.
//
// Nothing is cached at first; only the bytes that lookups scan are counted. Once they are
// more than the text, each array that needs another long scan is indexed. An object gets
// its table once the scans took as much time as building that table does. So a single
// lookup costs nothing extra, and all lookups together a small multiple of the minimum.
type lookupCache struct {
	scanned  atomic.Int64 // bytes, by all lookups
	building sync.Mutex   // so that two goroutines do not build the same table or index

	mu      sync.RWMutex
	tables  map[ref]*table
	indexes map[ref]*itemIndex
	size    int // of both, in bytes
}

// newCache returns the cache of a text, or nil for a short text, which needs no cache.
func newCache(text []byte) *lookupCache {
	if len(text) <= longScan {
		return nil
	}
	return new(lookupCache)
}

// itemIndex contains the offsets of some items of an object or array: of the first one,
// and then of the next one that begins markSpacing bytes or more after the last mark, as
// far as lookups scanned. So an index costs no more time than those scans, however large
// the container is.
type itemIndex struct {
	count int // of all items, or -1: not known yet
	marks []mark
}

type mark struct{ index, at int } // at is where iterator.end is before the item

const markSize = 16

// entryOverhead is about the size of a table or index without its slots or marks.
const entryOverhead = 64

// extend returns the index of the container at text[i] with marks up to item number
// index, and with capacity for more marks.
func (x *itemIndex) extend(text []byte, i, index, more int) *itemIndex {
	e := &itemIndex{x.count, x.marks}
	if len(e.marks)+more > cap(e.marks) {
		e.marks = append(make([]mark, 0, x.capacityFor(more)), e.marks...)
	}
	it := newIterator(text, i)
	for at := e.seek(&it, index); ; at++ {
		from := it.valueEnd()
		if !it.next() {
			e.count = at
			break
		}
		if last := len(e.marks) - 1; last < 0 || from-e.marks[last].at >= markSpacing {
			e.marks = append(e.marks, mark{at, from})
		}
		if at == index {
			break
		}
	}
	if cap(e.marks) > 2*len(e.marks) { // the items are few and large
		e.marks = append(make([]mark, 0, len(e.marks)), e.marks...)
	}
	return e
}

// capacityFor returns the capacity of an index that needs more marks.
func (x *itemIndex) capacityFor(more int) int { return len(x.marks) + max(more, len(x.marks)/2) }

// seek moves an iterator to the last mark at or before item number index, and returns the
// number of the item that next moves to.
func (x *itemIndex) seek(it *iterator, index int) int {
	m := sort.Search(len(x.marks), func(m int) bool { return x.marks[m].index > index })
	if m == 0 {
		return 0
	}
	it.end = x.marks[m-1].at
	return x.marks[m-1].index
}

func (c *lookupCache) table(id ref) *table {
	if c == nil {
		return nil
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.tables[id]
}

func (c *lookupCache) index(id ref) *itemIndex {
	if c == nil {
		return nil
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.indexes[id]
}

// addScan counts a scan of n bytes and reports whether all scans together are now longer
// than limit, so that caching is worthwhile. Short scans are not counted.
func (c *lookupCache) addScan(n, limit int) bool {
	return c != nil && n > longScan && c.scanned.Add(int64(n)) > int64(limit)
}

// noteMembers records that a lookup of a key scanned the count members of an object, of the
// given length in bytes. It may build the table of the object.
func (c *lookupCache) noteMembers(n location, count, bytes int) {
	if !c.addScan(bytes, len(n.text)+tableEntryCost*count) {
		return
	}
	c.building.Lock()
	defer c.building.Unlock()
	if c.table(n.id()) != nil {
		return
	}
	size := entryOverhead + tableSize(count)
	if c.reserve(size, len(n.text)) {
		t := newTable(n.text, n.i, count)
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.tables == nil {
			c.tables = map[ref]*table{}
		}
		c.tables[n.id()] = t
		c.size += size
	}
}

// noteItems records that a lookup scanned this many bytes of the items of a container, up
// to item number index or to the end. It may extend the index of the container.
func (c *lookupCache) noteItems(n location, index, bytes int) {
	if !c.addScan(bytes, len(n.text)) {
		return
	}
	c.building.Lock()
	defer c.building.Unlock()
	x := c.index(n.id())
	if x == nil {
		x = &itemIndex{count: -1}
	}
	more := bytes/markSpacing + 1
	if !c.reserve(entryOverhead+markSize*x.capacityFor(more), len(n.text)) {
		return
	}
	e := x.extend(n.text, n.i, index, more)
	size := markSize * cap(e.marks)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.indexes[n.id()] == x {
		size -= markSize * cap(x.marks)
	} else {
		size += entryOverhead
	}
	if c.indexes == nil {
		c.indexes = map[ref]*itemIndex{}
	}
	c.indexes[n.id()] = e
	c.size += size
}

// reserve reports whether there is memory to cache a table or index; without it every
// lookup scans. The cache is cleared if it would grow beyond maxCacheFactor times the
// size of the text.
func (c *lookupCache) reserve(size, text int) bool {
	// Small ones are checked too: there may be many of them.
	if memory.Reserve(max(size, 64<<10)) != nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.size+size > maxCacheFactor*text {
		clear(c.tables)
		clear(c.indexes)
		c.size = 0
	}
	return true
}
