package main

import (
	"io"
	"os"
	"strings"

	"github.com/rivo/uniseg"
	"golang.org/x/term"
)

// A statusLine is the last line of a terminal, which is written again when something changes. What else is written goes
// above it. It is own code: a progress bar of a library needs to know where the end is, and a text that is wider than the
// terminal breaks it. Only one goroutine at a time may use it.
type statusLine struct {
	to    io.Writer
	shown int // columns
}

// set shows a text, of which as much is written as fits.
func (s *statusLine) set(text string) {
	columns := 80
	if file, ok := s.to.(*os.File); ok {
		if width, _, err := term.GetSize(int(file.Fd())); err == nil && width > 0 {
			columns = width
		}
	}
	var line strings.Builder
	shown := 0
	for g := uniseg.NewGraphemes(printable(text)); g.Next(); {
		if shown += g.Width(); shown >= columns { // the last column would move the cursor
			shown -= g.Width()
			break
		}
		line.WriteString(g.Str())
	}
	_, _ = io.WriteString(s.to, "\r"+line.String()+strings.Repeat(" ", max(0, s.shown-shown))+"\r")
	s.shown = shown
}

// Write erases the line, and writes text above the next one.
func (s *statusLine) Write(p []byte) (int, error) {
	if s.shown > 0 {
		s.set("")
	}
	return s.to.Write(p)
}
