package main

import (
	"bytes"
	"fmt"
	"iter"
)

// items yields the members of an object, or the elements of an array, of a valid JSON text.
// A key is the JSON text of the string, and nil for an element. A Document finds single
// values by pointer; here all are needed, once and in order.
func items(text []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		i := skipSpace(text, 0) + 1
		for i = skipSpace(text, i); text[i] != ']' && text[i] != '}'; i = skipSpace(text, i) {
			if text[i] == ',' {
				i++
				continue
			}
			var key []byte
			start := i
			i = skipValue(text, i)
			if colon := skipSpace(text, i); text[colon] == ':' {
				key = text[start:i]
				start = skipSpace(text, colon+1)
				i = skipValue(text, start)
			}
			if !yield(key, text[start:i]) {
				return
			}
		}
	}
}

// count returns how many items there are.
func count(text []byte) (n int) {
	for range items(text) {
		n++
	}
	return n
}

// kind returns the first byte of a value, which shows its type.
func kind(text []byte) byte { return text[skipSpace(text, 0)] }

func isContainer(text []byte) bool { return kind(text) == '[' || kind(text) == '{' }

func skipSpace(text []byte, i int) int {
	for i < len(text) && (text[i] == ' ' || text[i] == '\n' || text[i] == '\t' || text[i] == '\r') {
		i++
	}
	return i
}

// skipValue returns the index after the value that begins at text[i].
func skipValue(text []byte, i int) int {
	depth := 0
	for ; i < len(text); i++ {
		switch text[i] {
		case '"':
			for i++; text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
		case '[', '{':
			depth++
		case ']', '}':
			if depth == 0 {
				return i
			}
			depth--
		case ',', ':', ' ', '\n', '\t', '\r':
			if depth == 0 {
				return i
			}
			continue
		default:
			continue
		}
		if depth == 0 {
			return i + 1
		}
	}
	return i
}

// How much of an array or an object a person sees at a terminal.
const (
	longArray  = 12
	firstItems = 6
	lastItems  = 2
)

// summarize returns a JSON text on one line with its long arrays shortened, and whether
// there were any.
func summarize(text []byte) (out []byte, shortened bool) {
	if !isContainer(text) {
		return bytes.TrimSpace(text), false
	}
	open := kind(text)
	n := count(text)
	out = append(out, open)
	i := 0
	for key, value := range items(text) {
		hidden := n > longArray && i >= firstItems && i < n-lastItems
		if i > 0 && (!hidden || i == firstItems) {
			out = append(out, ", "...)
		}
		if hidden && i == firstItems {
			out = fmt.Appendf(out, "… %d more …", n-firstItems-lastItems)
			shortened = true
		}
		if !hidden {
			if key != nil {
				out = append(append(out, key...), ": "...)
			}
			part, cut := summarize(value)
			out, shortened = append(out, part...), shortened || cut
		}
		i++
	}
	return append(out, open+2), shortened // ']' is '[' + 2, and '}' is '{' + 2
}
