package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/rivo/uniseg"
)

// wide is the number of columns from which a matrix is printed with its rows as columns, if
// it has fewer of these.
const wide = 12

// How much of a long table a person sees at a terminal.
const (
	longTable = 60
	firstRows = 30
	lastRows  = 10
)

// grid is a table of JSON texts, column by column. Columns may have different lengths.
type grid struct {
	header  []string // nil: none
	columns [][]string
}

// formatTable returns a JSON text as a table: an array is a column, an array of arrays has
// a line for each of them, an array of objects and an object of arrays have a column for
// each key, and any other object has a line for each member. It reports whether lines were
// left out, which only happens if short is set.
func formatTable(text []byte, short bool) (out []byte, shortened bool) {
	var g grid
	switch {
	case kind(text) == '[':
		g = gridOfArray(text)
	case kind(text) == '{':
		g = gridOfObject(text)
	default:
		return oneLine(text), false
	}
	return g.format(short)
}

func gridOfArray(text []byte) (g grid) {
	var rows [][]string
	index := map[string]int{} // columns of objects
	for _, row := range items(text) {
		var cells []string
		switch kind(row) {
		case '[':
			for _, value := range items(row) {
				cells = append(cells, cell(value))
			}
		case '{':
			cells = make([]string, len(g.header))
			for key, value := range items(row) {
				i, found := index[string(key)]
				if !found {
					i = len(index)
					index[string(key)] = i
					g.header, cells = append(g.header, name(key)), append(cells, "")
				}
				cells[i] = cell(value)
			}
		default:
			cells = []string{cell(row)}
		}
		rows = append(rows, cells)
	}
	columns := transpose(rows)
	if g.header == nil && len(columns) > wide && len(columns) > len(rows) {
		columns = rows
	}
	if g.header != nil {
		for len(g.header) < len(columns) {
			g.header = append(g.header, "")
		}
	}
	g.columns = columns
	return g
}

func gridOfObject(text []byte) (g grid) {
	var keys []string
	var values [][]byte
	for key, value := range items(text) {
		keys, values = append(keys, name(key)), append(values, value)
	}
	if !slices.ContainsFunc(values, func(value []byte) bool { return kind(value) == '[' }) {
		g.columns = [][]string{keys, nil}
		for _, value := range values {
			g.columns[1] = append(g.columns[1], cell(value))
		}
		return g
	}
	g.header = keys
	for _, value := range values {
		column := []string{}
		if kind(value) == '[' {
			for _, element := range items(value) {
				column = append(column, cell(element))
			}
		} else {
			column = append(column, cell(value))
		}
		g.columns = append(g.columns, column)
	}
	return g
}

func cell(value []byte) string { return string(oneLine(value)) }

// name returns a key without its quotation marks. Its escapes remain.
func name(key []byte) string { return string(key[1 : len(key)-1]) }

// transpose returns the columns of rows, which may have different lengths.
func transpose(rows [][]string) (columns [][]string) {
	for _, row := range rows {
		for len(columns) < len(row) {
			columns = append(columns, nil)
		}
	}
	for i, row := range rows {
		for j := range columns {
			if columns[j] == nil {
				columns[j] = make([]string, len(rows))
			}
			if j < len(row) {
				columns[j][i] = row[j]
			}
		}
	}
	return columns
}

// format aligns the table.
func (g grid) format(short bool) (out []byte, shortened bool) {
	rows := 0
	for _, column := range g.columns {
		rows = max(rows, len(column))
	}
	hidden := func(row int) bool {
		return short && rows > longTable && row >= firstRows && row < rows-lastRows
	}
	var aligned [][]string
	var widths []int
	for j, column := range g.columns {
		var shown []string
		for row := range rows {
			if !hidden(row) {
				text := ""
				if row < len(column) {
					text = column[row]
				}
				shown = append(shown, text)
			}
		}
		header := ""
		if g.header != nil {
			header = g.header[j]
		}
		lines, width := align(header, shown)
		aligned, widths = append(aligned, lines), append(widths, width)
	}
	var lines []string
	first := 0
	if g.header != nil {
		lines = append(lines, line(g.header, widths))
	}
	for row := range rows {
		if hidden(row) {
			if row == firstRows {
				lines = append(lines, fmt.Sprintf("… %d more lines …", rows-firstRows-lastRows))
				shortened = true
			}
			continue
		}
		cells := make([]string, len(aligned))
		for j := range aligned {
			cells[j] = aligned[j][first]
		}
		first++
		lines = append(lines, line(cells, widths))
	}
	return []byte(strings.Join(lines, "\n")), shortened
}

// align pads the texts of a column to one width, with decimal points below each other if
// all are numbers.
func align(header string, texts []string) (lines []string, width int) {
	numbers := !slices.ContainsFunc(texts, func(text string) bool { return text != "" && !isNumber(text) })
	before := 0
	if numbers {
		for _, text := range texts {
			before = max(before, integerPart(text))
		}
	}
	width = uniseg.StringWidth(header)
	for _, text := range texts {
		if numbers {
			text = strings.Repeat(" ", before-integerPart(text)) + text
		}
		lines = append(lines, text)
		width = max(width, uniseg.StringWidth(text))
	}
	return lines, width
}

// isNumber reports whether a JSON text is a number.
func isNumber(text string) bool {
	return text == "NaN" || strings.HasSuffix(text, "Infinity") || strings.IndexByte("-0123456789", text[0]) >= 0
}

// integerPart returns how many characters a number has before its decimal point, or where
// that would be.
func integerPart(text string) int {
	if at := strings.IndexAny(text, ".eE"); at >= 0 {
		return at
	}
	return len(text)
}

// line returns one line of the table, without spaces at its end.
func line(cells []string, widths []int) string {
	var out bytes.Buffer
	for j, text := range cells {
		if j > 0 {
			out.WriteString("  ")
		}
		out.WriteString(text + strings.Repeat(" ", widths[j]-uniseg.StringWidth(text)))
	}
	return strings.TrimRight(out.String(), " ")
}
