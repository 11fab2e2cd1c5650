package monitor

import (
	"math"
	"slices"
)

// maxNumbers is how many numbers all tables of a model have together, and each of them: 64 MiB,
// and as much again that append may reserve. A run with one setting and one value has four for
// a measurement. Then the largest table is thinned.
const maxNumbers = 8 << 20

// table is rows of numbers, each with the number of the measurement that it belongs to, in
// ascending order. The columns are in groups, such as settings and values.
type table struct {
	keys   int // of how many of the first groups the extremes are kept when rows are left out
	number []int64
	groups [][]cells
}

func newTable(groups, keys int) table { return table{keys: keys, groups: make([][]cells, groups)} }

// rows returns how many rows there are.
func (t *table) rows() int { return len(t.number) }

// columns returns how many columns there are, with that of the numbers of measurements.
func (t *table) columns() int {
	columns := 1
	for _, group := range t.groups {
		columns += len(group)
	}
	return columns
}

// size returns how many numbers the table has.
func (t *table) size() int { return t.columns() * t.rows() }

// add appends a row. What a row lacks is NaN, and a column that it begins is NaN above it.
func (t *table) add(number int64, cells ...[]float64) {
	for g, row := range cells {
		t.widen(g, len(row)) // all of them first: that may leave out rows
	}
	for g, row := range cells {
		for i := range t.groups[g] {
			t.groups[g][i] = append(t.groups[g][i], cellOf(row, i))
		}
	}
	t.number = append(t.number, number)
}

// widen adds columns to a group until it has a number of them. They have a cell in each row, so
// it first thins a table that would become too large.
func (t *table) widen(group, columns int) {
	more := max(0, columns-len(t.groups[group]))
	for more > 0 && t.rows() > MinPoints && (t.columns()+more)*t.rows() > maxNumbers {
		t.thin()
	}
	for len(t.groups[group]) < columns {
		t.groups[group] = append(t.groups[group], slices.Repeat(cells{math.NaN()}, t.rows()))
	}
}

func cellOf(row []float64, i int) float64 {
	if i < len(row) {
		return row[i]
	}
	return math.NaN()
}

// replaceLast replaces the cells of a group in the last row.
func (t *table) replaceLast(group int, row []float64) {
	t.widen(group, len(row))
	for i, c := range t.groups[group] {
		c[len(c)-1] = cellOf(row, i)
	}
}

// between returns the range of the rows of some measurements.
func (t *table) between(from, to int64) (begin, end int) {
	begin, _ = slices.BinarySearch(t.number, from)
	end, _ = slices.BinarySearch(t.number, to+1)
	return begin, max(begin, end)
}

// keyColumns returns the columns of which the extremes are kept.
func (t *table) keyColumns() (keys []cells) {
	for _, group := range t.groups[:t.keys] {
		keys = append(keys, group...)
	}
	return keys
}

// pick returns up to most of the rows from begin to end, in ascending order, with the first and
// the last one. If there are more, it divides the range of their numbers into equal parts, and
// returns of each part the rows with the least and the greatest number of each key column, so
// that no outlier is lost. The rest, about half, are evenly spaced rows: extremes alone would
// show more noise than there is. most is at least MinPoints, which is enough for one part of
// all key columns that a table can have.
func (t *table) pick(begin, end, most int) []int {
	if end-begin <= most {
		return spaced(nil, begin, end, end-begin)
	}
	keys := t.keyColumns()
	parts := int64(max(1, (most/2-2)/max(1, 2*len(keys))))
	first := t.number[begin]
	width := (t.number[end-1]-first)/parts + 1
	picked := []int{begin, end - 1}
	for row := begin; row < end; {
		part := row
		last := first + ((t.number[row]-first)/width+1)*width
		for row < end && t.number[row] < last {
			row++
		}
		picked = t.extremes(picked, keys, part, row)
	}
	picked = spaced(picked, begin, end, most-len(picked))
	slices.Sort(picked)
	return slices.Compact(picked)
}

// spaced appends evenly spaced rows from begin to end.
func spaced(rows []int, begin, end, count int) []int {
	for i := range count {
		rows = append(rows, begin+int(int64(i)*int64(end-begin)/int64(count)))
	}
	return rows
}

// extremes appends the rows of a part with the extremes of the key columns.
func (t *table) extremes(picked []int, keys []cells, begin, end int) []int {
	for _, c := range keys {
		if least, greatest := extremesOf(c[begin:end]); least >= 0 {
			picked = append(picked, begin+least, begin+greatest)
		}
	}
	return picked
}

// extremesOf returns where the least and the greatest finite number of a column are, or -1. NaN
// and the infinities have no place in a chart.
func extremesOf(c cells) (least, greatest int) {
	least, greatest = -1, -1
	low, high := math.Inf(1), math.Inf(-1)
	for i, v := range c {
		if v < low && v > math.Inf(-1) {
			low, least = v, i
		}
		if v > high && v < math.Inf(1) {
			high, greatest = v, i
		}
	}
	return least, greatest
}

// thin leaves out about half of the rows, as pick does. It keeps the memory for later rows, unless
// that is much more than the rows have: a table that is thinned often gets no more of them.
func (t *table) thin() {
	keep := t.pick(0, t.rows(), max(t.rows()/2, MinPoints))
	for i, row := range keep {
		t.number[i] = t.number[row]
	}
	t.number = fitting(t.number[:len(keep)])
	for _, group := range t.groups {
		for g, c := range group {
			for i, row := range keep {
				c[i] = c[row]
			}
			group[g] = fitting(c[:len(keep)])
		}
	}
}

// maxSpare is how much more memory a column may have than it needs.
const maxSpare = 4

// fitting returns a column without the memory that it has too much.
func fitting[C ~[]E, E any](column C) C {
	if cap(column) > maxSpare*len(column) {
		return slices.Clone(column)
	}
	return column
}

// selection returns the numbers of some rows, and their cells by group and column.
func (t *table) selection(rows []int) (number []int64, groups [][]cells) {
	number = make([]int64, len(rows))
	for i, row := range rows {
		number[i] = t.number[row]
	}
	groups = make([][]cells, len(t.groups))
	for g, group := range t.groups {
		groups[g] = make([]cells, len(group))
		for j, c := range group {
			cells := make(cells, len(rows))
			for i, row := range rows {
				cells[i] = c[row]
			}
			groups[g][j] = cells
		}
	}
	return number, groups
}
