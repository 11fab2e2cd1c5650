package jsondoc

import (
	"errors"
	"fmt"

	"libobe/internal/excerpt"
)

// Explain adds the beginning of the document to an error of reading it, ErrNotFound or
// ErrType, if the document is an object with a member error. With such a message a peer
// reports why it did not send what the program tried to read.
func (d *Document) Explain(err error) error {
	if !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrType) || !d.has("error") {
		return err
	}
	return fmt.Errorf("%w; the message is %s", err, excerpt.Message(d.Text()))
}

// has reports whether the document is an object that has a member with a key.
func (d *Document) has(key string) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if x := d.buffers(); d.keys != nil {
		if x.text[0] != '{' {
			return false
		}
		_, r := d.keys.find(x, fromRaw(key))
		return r != 0
	}
	n := location{text: d.text, cache: d.cache, i: valueStart(d.text)}
	return n.text[n.i] == '{' && n.member(key) >= 0
}
