package expression

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Error is a mistake in an expression.
type Error struct {
	// Text is the expression.
	Text string
	// Offset is the byte in Text where the mistake is; len(Text) if something is missing
	// at the end.
	Offset int
	// Problem says what is wrong there, and what would be right.
	Problem string
}

// Error returns the problem and where it is, as the number of a character from 1.
func (e *Error) Error() string {
	return fmt.Sprintf("character %d: %s", utf8.RuneCountInString(e.Text[:e.Offset])+1, e.Problem)
}

// Errors are all mistakes of an expression that Compile found, in the order of the text.
type Errors []*Error

// Error returns one line for each mistake.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i := range e {
		lines[i] = e[i].Error()
	}
	return strings.Join(lines, "\n")
}
