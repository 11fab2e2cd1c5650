package monitor

import (
	"bytes"
	"context"
	"encoding/csv"
	"iter"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// export is the measurements of a run, as CSV.
type export struct {
	model *Model
	run   *run
}

// exportNumbers is how many numbers a part of a table has, or a row more: they are copied while
// the model is locked, and each browser that saves a table holds a part.
const exportNumbers = 1 << 14

// export returns the measurements of a run, or of the latest one for 0.
func (m *Model) export(number int) (*export, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, err := m.find(number)
	if err == nil && r == nil {
		err = &ErrNoRun{number, m.begun}
	}
	return &export{m, r}, err
}

// all yields the lines in parts: the first line has the names and units of the columns. It ends
// early if the context ends. encoding is locked while a part is made.
func (e *export) all(ctx context.Context, encoding sync.Locker) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		var text bytes.Buffer
		out := csv.NewWriter(&text)
		head, columns := e.head()
		_ = out.Write(head) // a bytes.Buffer accepts everything
		for next := int64(1); ctx.Err() == nil; text.Reset() {
			encoding.Lock()
			number, groups := e.rows(next)
			for i, n := range number {
				_ = out.Write(line(n, i, groups, columns))
				next = n + 1
			}
			out.Flush()
			encoding.Unlock()
			if text.Len() == 0 || !yield(text.Bytes()) {
				return
			}
		}
	}
}

// head returns the first line, and how many columns each group has in the others.
func (e *export) head() (head []string, columns [3]int) {
	e.model.mu.Lock()
	defer e.model.mu.Unlock()
	for g, group := range e.run.measured.groups {
		columns[g] = len(group)
	}
	settings, channels, _ := e.run.names()
	head = []string{"number"}
	for _, name := range settings[:columns[settingsGroup]] {
		head = append(head, title(name.Name, name.Unit))
	}
	for _, name := range channels {
		head = append(head, title(name.Name, name.Unit))
	}
	for _, name := range channels[:columns[sigmaGroup]] {
		head = append(head, title("sigma of "+name.Name, name.Unit))
	}
	return head, columns
}

// formula is where a spreadsheet would begin to execute a text: at the beginning of a cell. In
// many countries cells end with a semicolon or a tab, which is no reason for quotes here.
var formula = regexp.MustCompile(`((?:^|[;\t\r\n])\s*)([=+@-])`)

// title returns the title of a column. One that a spreadsheet would take for a formula gets a '.
func title(name, unit string) string {
	if unit != "" {
		name += " (" + unit + ")"
	}
	return formula.ReplaceAllString(name, "$1'$2")
}

// rows returns up to exportNumbers, or one measurement, from the number of a measurement.
func (e *export) rows(from int64) (number []int64, groups [][]cells) {
	e.model.mu.Lock()
	defer e.model.mu.Unlock()
	t := &e.run.measured
	begin, _ := t.between(from, from)
	rows := make([]int, min(max(1, exportNumbers/t.columns()), t.rows()-begin))
	for i := range rows {
		rows[i] = begin + i
	}
	return t.selection(rows)
}

// line returns a measurement, with nan, inf and -inf as most programs read them. Columns that began after the first line was written are left out.
func line(number int64, row int, groups [][]cells, columns [3]int) []string {
	fields := []string{strconv.FormatInt(number, 10)}
	for g, count := range columns {
		for _, c := range groups[g][:count] {
			fields = append(fields, strings.TrimPrefix(strings.ToLower(strconv.FormatFloat(c[row], 'g', -1, 64)), "+"))
		}
	}
	return fields
}
