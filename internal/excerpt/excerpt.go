// Package excerpt cuts what a peer or a caller wrote to the length that an error
// text has room for.
package excerpt

import (
	"fmt"
	"unicode/utf8"
)

// most is how many bytes of a key, a name or a pointer an error text repeats.
const most = 80

// Quote quotes a text. Of a long one only the beginning is left, with its size.
func Quote[T string | []byte](s T) string {
	if len(s) <= most {
		return fmt.Sprintf("%q", s)
	}
	return fmt.Sprintf("%q… (%d bytes)", string(s[:cut(s, most)]), len(s))
}

// Cut returns a text of up to n bytes as it is, and the beginning of a longer one,
// with its size.
func Cut[T string | []byte](s T, n int) string {
	if len(s) <= n {
		return string(s)
	}
	return fmt.Sprintf("%s… (%d bytes)", string(s[:cut(s, n)]), len(s))
}

// cut returns the last boundary of a rune up to the byte n of s, which is longer.
// In a text that is not UTF-8 it may be n itself.
func cut[T string | []byte](s T, n int) int {
	for i := n; i > n-utf8.UTFMax; i-- {
		if utf8.RuneStart(s[i]) {
			return i
		}
	}
	return n
}
