package main

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// A mistake is a text on the command line or of the standard input that is not valid, and
// the place in it.
type mistake struct {
	text    string
	at      int // the byte that is not valid; len(text): something is missing at the end
	problem string
}

// Error is the problem, and below it the text with a caret below the place. Of a long text
// it shows the part around the place.
func (m *mistake) Error() string {
	const before, after = 40, 30
	start, end := 0, len(m.text)
	head, tail := "", ""
	if m.at > before {
		start, head = boundary(m.text, m.at-before), "…"
	}
	if end-m.at > after {
		end, tail = boundary(m.text, m.at+after), "…"
	}
	left := head + printable(m.text[start:m.at])
	caret := strings.Repeat(" ", uniseg.StringWidth(left)) + "^"
	return fmt.Sprintf("%s\n  %s%s%s\n  %s", printable(m.problem), left, printable(m.text[m.at:end]), tail, caret)
}

// boundary returns the first byte at or after i that begins a character.
func boundary(text string, i int) int {
	for i < len(text) && !utf8.RuneStart(text[i]) {
		i++
	}
	return i
}

// printable returns a text on one line, with escapes for what has no glyph.
func printable(text string) string {
	var out strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		if strconv.IsPrint(r) && (r != utf8.RuneError || size > 1) {
			out.WriteString(text[:size])
		} else {
			quoted := strconv.Quote(text[:size])
			out.WriteString(quoted[1 : len(quoted)-1])
		}
		text = text[size:]
	}
	return out.String()
}

// printableLines is printable for a text of several lines. Much of what is told to people
// comes from other programs, and a terminal would execute its control characters.
func printableLines(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = printable(lines[i])
	}
	return strings.Join(lines, "\n")
}
