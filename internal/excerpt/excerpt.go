// Package excerpt shortens texts of a peer or a caller for error texts. The result is
// meant to be read, not to be parsed, and its length is bounded whatever the text is.
package excerpt

import (
	"fmt"
	"unicode/utf8"
)

// maxQuoted is how many bytes of a key, a name or a pointer an error text contains.
const maxQuoted = 80

// Quote returns a text in quotes and with escapes. Of a long text it returns the
// beginning, and its size.
func Quote[T string | []byte](s T) string {
	if len(s) <= maxQuoted {
		return fmt.Sprintf("%q", s)
	}
	return fmt.Sprintf("%q… (%d bytes)", string(s[:runeBoundary(s, maxQuoted)]), len(s))
}

// Cut returns a text of up to n bytes unchanged. Of a longer text it returns the
// beginning, and its size.
func Cut[T string | []byte](s T, n int) string {
	if len(s) <= n {
		return string(s)
	}
	return fmt.Sprintf("%s… (%d bytes)", string(s[:runeBoundary(s, n)]), len(s))
}

// maxMessage is how many bytes of a message an error text contains.
const maxMessage = 200

// Message returns the text of a message, or the beginning of a long one, and its size.
func Message[T string | []byte](s T) string { return Cut(s, maxMessage) }

// runeBoundary returns the index of the last rune of s that begins at or before byte n,
// where s is longer than n. In a text that is not UTF-8 it may be n itself.
func runeBoundary[T string | []byte](s T, n int) int {
	for i := n; i > n-utf8.UTFMax; i-- {
		if utf8.RuneStart(s[i]) {
			return i
		}
	}
	return n
}
