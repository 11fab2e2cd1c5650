package jsondoc

import (
	"errors"
	"fmt"
	"sync"
)

// Errors of a Document; use errors.Is.
var (
	ErrPointer  = errors.New("invalid JSON pointer")
	ErrNotFound = errors.New("not found")
	ErrType     = errors.New("wrong type")
	ErrRange    = errors.New("out of range")
	ErrText     = errors.New("text is not UTF-8")
	ErrDepth    = fmt.Errorf("nested deeper than %d levels", MaxDepth)
)

// Type is the type of a JSON value. A number without point and exponent is an
// Integer; any other number, NaN and the infinities included, is a Real.
type Type int

// The types.
const (
	Object Type = iota + 1
	Array
	String
	Integer
	Real
	Bool
	Null
)

// Types contains the names of the types, for the header and for error texts.
var Types = map[Type]string{
	Object: "object", Array: "array", String: "string", Integer: "integer", Real: "real", Bool: "bool", Null: "null",
}

func (t Type) String() string { return Types[t] }

// typePhrases are the types as error texts mention them.
var typePhrases = map[Type]string{
	Object: "an object", Array: "an array", String: "a string", Integer: "an integer", Real: "a real number", Bool: "a boolean", Null: "null",
}

// Document is a JSON text that is read by JSON pointers (RFC 6901) and built
// item by item. Received bytes are never changed. All methods may be called
// from several goroutines at the same time.
//
// A document is open while items are being set. When its text is asked for, it is closed;
// of the container only keys, count and cache are used then. Bytes that were handed out
// are never written to again.
type Document struct {
	mu        sync.RWMutex
	text      []byte // nil while the document is open
	container        // the outermost one
}

// Parse validates a text and returns it as a document, which keeps the text.
func Parse(text []byte) (*Document, error) {
	if err := Validate(text); err != nil {
		return nil, err
	}
	return FromValid(text), nil
}

// FromValid returns a text as a document, which keeps the text. The caller has
// validated it.
func FromValid(text []byte) *Document {
	return &Document{text: text, container: container{cache: newCache(text)}}
}

// Reset makes d a new document, as FromValid does. No other goroutine may be using d.
func (d *Document) Reset(text []byte) {
	d.text, d.container = text, container{cache: newCache(text)}
}

// Text returns the document as JSON. The caller must not change the bytes.
func (d *Document) Text() []byte { return d.root().text }

// root returns the outermost value. Its text has all members.
func (d *Document) root() location {
	d.mu.RLock()
	n := location{text: d.text, cache: d.cache}
	d.mu.RUnlock()
	if n.text == nil {
		n.text, n.cache = d.close()
	}
	n.i = valueStart(n.text)
	return n
}

// close closes the document if it is open, and returns its text.
func (d *Document) close() ([]byte, *lookupCache) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.text == nil {
		if len(d.updates)+len(d.inner) > 0 {
			d.merge(true)
		}
		d.text, d.open = append(d.open, closingBracket(d.open[0])), nil // put and merge leave space for it
	}
	return d.text, d.cache
}

// buffers returns the texts that the refs in keys refer to. The caller holds mu.
func (d *Document) buffers() buffers {
	if d.text != nil {
		return buffers{text: d.text}
	}
	return d.container.buffers()
}
