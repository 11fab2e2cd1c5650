package experiment

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Mistake is something in the file of an experiment, or in the fields of newrun, that is not
// valid.
type Mistake struct {
	// File is the name of the file, or "newrun".
	File string
	// Line and Column, from 1, are where the mistake is; a column is a character. They are 0 if
	// the mistake has no place, such as a table that is missing.
	Line, Column int
	// Field is the field, such as "parameters.centre.min"; it is empty if the file is not
	// valid TOML.
	Field string
	// Problem says what is wrong, and what would be right.
	Problem string
}

// Error returns the mistake on one line, such as
//
//	experiment.toml:12:7: parameters.centre.min: 4 is not less than max, which is 3.5
func (m Mistake) Error() string {
	var out strings.Builder
	out.WriteString(m.File)
	if m.Line > 0 {
		fmt.Fprintf(&out, ":%d:%d", m.Line, m.Column)
	}
	if m.Field != "" {
		out.WriteString(": " + m.Field)
	}
	out.WriteString(": " + m.Problem)
	return out.String()
}

// MaxMistakes is how many mistakes an error has at most.
const MaxMistakes = 20

// Mistakes are all mistakes in a file, in its order. It is the error of Parse and Override.
type Mistakes struct {
	List []Mistake
	More int // how many there are in addition
}

// Error returns one line for each mistake.
func (m *Mistakes) Error() string {
	lines := make([]string, len(m.List))
	for i := range m.List {
		lines[i] = m.List[i].Error()
	}
	if m.More > 0 {
		lines = append(lines, fmt.Sprintf("%s: %d more", m.List[0].File, m.More))
	}
	return strings.Join(lines, "\n")
}

// finding is a mistake before its place in the file is known as a line and a column.
type finding struct {
	at             int // the byte in the text; noPlace if there is none
	field, problem string
}

const noPlace = -1

// mistakes returns an error, or nil if nothing was found. Only what is shown is looked up in
// the text, since a hostile file may have a mistake in each of its lines.
func (s *source) mistakes(all []finding) error {
	if len(all) == 0 {
		return nil
	}
	slices.SortStableFunc(all, func(a, b finding) int { return cmp.Compare(a.at, b.at) })
	all = slices.Compact(all)
	shown := min(len(all), MaxMistakes)
	result := &Mistakes{More: len(all) - shown}
	for _, f := range all[:shown] {
		m := Mistake{File: s.name, Field: f.field, Problem: f.problem}
		if f.at != noPlace {
			m.Line, m.Column = s.position(f.at)
		}
		result.List = append(result.List, m)
	}
	return result
}
