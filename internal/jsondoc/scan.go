package jsondoc

import (
	"bytes"
	"iter"
)

// The functions in this file walk over text that was validated before.

// skipSpace returns the index of the first byte from i on that is not white space.
func skipSpace(text []byte, i int) int {
	for i < len(text) && (text[i] == ' ' || text[i] == '\n' || text[i] == '\r' || text[i] == '\t') {
		i++
	}
	return i
}

// valueStart returns the index where the value of a text begins.
func valueStart(text []byte) int { return skipSpace(text, 0) }

// typeAt returns the type of the value at text[i].
func typeAt(text []byte, i int) Type {
	switch text[i] {
	case '{':
		return Object
	case '[':
		return Array
	case '"':
		return String
	case 't', 'f':
		return Bool
	case 'n':
		return Null
	case 'N', 'I':
		return Real
	}
	end := skipValue(text, i)
	if bytes.ContainsAny(text[i:end], ".eEI") {
		return Real
	}
	return Integer
}

// skipValue returns the index after the value at text[i].
func skipValue(text []byte, i int) int {
	switch text[i] {
	case '"':
		return skipString(text, i)
	case '{', '[':
		depth := 0
		for {
			i = nextBracketOrQuote(text, i)
			switch text[i] {
			case '"':
				i = skipString(text, i)
				continue
			case '{', '[':
				depth++
			default:
				depth--
			}
			i++
			if depth == 0 {
				return i
			}
		}
	}
	for i < len(text) {
		switch text[i] {
		case ',', ']', '}', ' ', '\n', '\r', '\t':
			return i
		}
		i++
	}
	return i
}

// skipString returns the index after the string at text[i].
func skipString(text []byte, i int) int {
	for i++; ; i++ {
		i += bytes.IndexByte(text[i:], '"')
		back := i - 1
		for text[back] == '\\' {
			back--
		}
		// After an even number of backslashes the quote is not escaped. The run ends
		// at the opening quote at the latest.
		if (i-1-back)%2 == 0 {
			return i + 1
		}
	}
}

// iterator iterates over the members of an object or the elements of an array.
type iterator struct {
	text        []byte
	key, keyEnd int // of a member, including its quotes
	value       int
	end         int // after the value, or before the first one; 0: not known, see valueEnd
	object      bool
}

// newIterator returns an iterator before the first item of the container at text[i].
func newIterator(text []byte, i int) iterator {
	return iterator{text: text, object: text[i] == '{', end: i + 1}
}

// valueEnd returns the index after the value. It is computed on demand: on the way into
// a value nothing needs to skip that value first.
func (it *iterator) valueEnd() int {
	if it.end == 0 {
		it.end = skipValue(it.text, it.value)
	}
	return it.end
}

// next moves to the next item and reports whether there is one.
func (it *iterator) next() bool {
	i := skipSpace(it.text, it.valueEnd())
	switch it.text[i] {
	case ']', '}':
		return false
	case ',':
		i = skipSpace(it.text, i+1)
	}
	if it.object {
		it.key = i
		it.keyEnd = skipString(it.text, i)
		i = memberValue(it.text, it.keyEnd)
	}
	it.value, it.end = i, 0
	return true
}

// memberValue returns the index of the value of the member whose key ends at keyEnd.
func memberValue(text []byte, keyEnd int) int { return skipSpace(text, skipSpace(text, keyEnd)+1) }

// countItems returns the number of members or elements of the container at text[i].
func countItems(text []byte, i int) int {
	n := 0
	for it := newIterator(text, i); it.next(); {
		n++
	}
	return n
}

// Members yields the members of an object, in their order: the key as it is in the text,
// with its quotation marks, and the value. It is for a text that was validated, of which
// all members are needed. Of another value it yields nothing.
func Members(text []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		begin := skipSpace(text, 0)
		if text[begin] != '{' {
			return
		}
		for it := newIterator(text, begin); it.next(); {
			if !yield(text[it.key:it.keyEnd], text[it.value:it.valueEnd()]) {
				return
			}
		}
	}
}
