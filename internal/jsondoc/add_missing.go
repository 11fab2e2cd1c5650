package jsondoc

// AddMissing sets the members of another document, which must be an object, except those
// whose keys this document has already. Of equal keys in the other document the last one
// counts.
func (d *Document) AddMissing(other *Document) error {
	d.root() // moves replaced values into the text, so that its members keep their places
	n, err := other.members(d)
	if err != nil {
		return err
	}
	own := d.openLength()
	for it := newIterator(n.text, n.i); it.next(); {
		if key := n.text[it.key:it.keyEnd]; !d.hasBefore(own, key) {
			if err := d.setEncodedJSON(key, n.text[it.value:it.valueEnd()]); err != nil {
				return err
			}
		}
	}
	return nil
}

// openLength returns the length of the text of a document that is open, without its
// closing brace.
func (d *Document) openLength() int {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return len(d.open)
}

// hasBefore reports whether an open object has a member with an encoded key before the
// byte limit.
func (d *Document) hasBefore(limit int, key []byte) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	_, r := d.keys.find(d.buffers(), fromQuoted(key))
	return r != 0 && d.offset(r) < limit
}
