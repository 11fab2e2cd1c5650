package experiment

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"libobe/internal/excerpt"
)

// item is a key with its value, and where they are.
type item struct {
	key   string
	value any     // string, int64, float64, bool, []any, a date or a time; nil for a table
	table []*item // in the order of the file

	index map[string]*item // the table by name

	at      int    // the byte in the file of the key
	valueAt int    // that of the value
	raw     []byte // a string as it is written
}

// member returns the item with a name in a table, or nil.
func (it *item) member(name string) *item {
	if it == nil {
		return nil
	}
	return it.index[name]
}

// add makes a member of a table.
func (it *item) add(name string, at int) *item {
	m := &item{key: name, at: at, valueAt: at}
	it.insert(m)
	return m
}

func (it *item) insert(m *item) {
	if it.index == nil {
		it.index = map[string]*item{}
	}
	it.index[m.key] = m
	it.table = append(it.table, m)
}

func (it *item) isTable() bool { return it.value == nil }

// position is where an item is, as a Mistake has it.
func (s *source) position(at int) (line, column int) {
	before := s.text[:min(at, len(s.text))]
	start := bytes.LastIndexByte(before, '\n') + 1
	return bytes.Count(before, []byte("\n")) + 1, utf8.RuneCount(before[start:]) + 1
}

// source is the text of a file.
type source struct {
	name string
	text []byte
}

// MaxSize is the largest size of a file in bytes.
const MaxSize = 1 << 18

// maxKeys is the largest number of parts in a dotted key. Nothing in an experiment has more
// than three, and the TOML decoder is recursive.
const maxKeys = 10

// tree reads a text as TOML.
func (s *source) tree() (*item, []finding) {
	text := s.text
	fail := func(at int, problem string) []finding { return []finding{{at: at, problem: problem}} }
	if len(text) > MaxSize {
		return nil, fail(noPlace, fmt.Sprintf("the file is larger than %d bytes", MaxSize))
	}
	if bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")) {
		return nil, fail(noPlace, "the text is in UTF-16; save the file as UTF-8")
	}
	var all map[string]any
	if err := toml.Unmarshal(text, &all); err != nil {
		var wrong *toml.DecodeError
		if !errors.As(err, &wrong) {
			return nil, fail(noPlace, excerpt.Message(strings.TrimPrefix(err.Error(), "toml: ")))
		}
		line, column := wrong.Position()
		at := offset(text, line, column)
		return nil, fail(at, explain(text, wrong, at))
	}
	return s.keys(all)
}

// offset returns the byte of a line and a column of bytes.
func offset(text []byte, line, column int) int {
	at := 0
	for range line - 1 {
		at += bytes.IndexByte(text[at:], '\n') + 1
	}
	return min(at+column-1, len(text))
}

// explain returns the decoder's error with what would be right.
func explain(text []byte, err *toml.DecodeError, at int) string {
	problem := excerpt.Message(strings.TrimPrefix(err.Error(), "toml: "))
	if strings.HasPrefix(problem, "invalid character at start of key") && at < len(text) {
		if r, _ := utf8.DecodeRune(text[at:]); r >= utf8.RuneSelf {
			return fmt.Sprintf(`a key with letters such as %c needs quotes, as in [parameters."%c"]`, r, r)
		}
	}
	if at < len(text) && text[at] == ',' && strings.HasPrefix(problem, "expected newline") {
		return `unexpected ","; the decimal point is "."`
	}
	return "not valid TOML: " + problem
}

// keys returns all keys in the order of the text, with their values.
func (s *source) keys(all map[string]any) (*item, []finding) {
	root := &item{}
	current, path := root, []string{}
	var found []finding
	mistake := func(at int, field, problem string) {
		found = append(found, finding{at: at, field: field, problem: problem})
	}
	var p unstable.Parser
	p.Reset(s.text)
	for p.NextExpression() {
		node := p.Expression()
		names, at := keyOf(node)
		switch {
		case node.Kind == unstable.ArrayTable:
			mistake(at, excerpt.Message(strings.Join(names, ".")), "a table has a name in single brackets, such as [parameters.centre]")
			current = nil // its keys are not looked at
		case len(names) > maxKeys:
			mistake(at, "", fmt.Sprintf("a key has more than %d parts", maxKeys))
			current = nil
		case node.Kind == unstable.Table:
			path = names
			if current = root.descend(names, at); !isTable(all, names) { // below a table in double brackets
				current = nil
			}
		case node.Kind == unstable.KeyValue && current != nil:
			s.fill(current.descend(names, at), node.Value(), lookUp(all, append(path[:len(path):len(path)], names...)), &found)
		}
	}
	return root, found
}

// keyOf returns the parts of a key, and where it begins.
func keyOf(node *unstable.Node) (names []string, at int) {
	it := node.Key()
	for it.Next() {
		if names == nil {
			at = int(it.Node().Raw.Offset)
		}
		names = append(names, string(it.Node().Data))
	}
	return names, at
}

// descend returns the item at a path, and makes it.
func (it *item) descend(names []string, at int) *item {
	for _, name := range names {
		next := it.member(name)
		if next == nil {
			next = it.add(name, at)
		}
		it = next
	}
	return it
}

func lookUp(all map[string]any, names []string) any {
	var value any = all
	for _, name := range names {
		table, _ := value.(map[string]any)
		value = table[name]
	}
	return value
}

func isTable(all map[string]any, names []string) bool {
	_, is := lookUp(all, names).(map[string]any)
	return is
}

// fill stores a value, or the keys of an inline table.
func (s *source) fill(it *item, node *unstable.Node, value any, found *[]finding) {
	table, isTable := value.(map[string]any)
	if !isTable {
		it.value = value
		if node.Raw.Length > 0 {
			it.valueAt = int(node.Raw.Offset)
		}
		if node.Kind == unstable.String {
			it.raw = s.text[node.Raw.Offset : node.Raw.Offset+node.Raw.Length]
		}
		return
	}
	for children := node.Children(); children.Next(); {
		child := children.Node()
		if child.Kind != unstable.KeyValue {
			continue
		}
		names, at := keyOf(child)
		if len(names) > maxKeys {
			*found = append(*found, finding{at: at, problem: fmt.Sprintf("a key has more than %d parts", maxKeys)})
			continue
		}
		s.fill(it.descend(names, at), child.Value(), lookUp(table, names), found)
	}
}

// inString returns the byte in the file of a byte in a string. Escapes and the form of the
// quotes make the two differ.
func (it *item) inString(at int) int {
	raw := it.raw
	quotes := 1
	if bytes.HasPrefix(raw, []byte(`"""`)) || bytes.HasPrefix(raw, []byte(`'''`)) {
		quotes = 3
	}
	if len(raw) < 2*quotes {
		return it.valueAt
	}
	i, end := quotes, len(raw)-quotes
	if quotes == 3 { // a line's end after the quotes is not part of the string
		if bytes.HasPrefix(raw[i:end], []byte("\r")) {
			i++
		}
		if bytes.HasPrefix(raw[i:end], []byte("\n")) {
			i++
		}
	}
	for decoded := 0; i < end; {
		size, width := 1, 1 // of a character in the file and in the string
		if raw[0] == '"' && raw[i] == '\\' {
			size, width = escape(raw[i:end])
		}
		if decoded+width > at {
			break
		}
		i, decoded = i+size, decoded+width
	}
	return it.valueAt + i
}

// escape returns the size of an escape in the file, and in the string.
func escape(raw []byte) (size, width int) {
	digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}
	if len(raw) < 2 {
		return 1, 1
	}
	if n := digits[raw[1]]; n > 0 {
		size = min(2+n, len(raw))
		code := 0
		for _, d := range raw[2:size] {
			code = code<<4 | hex(d)
		}
		return size, utf8.RuneLen(rune(code))
	}
	if strings.IndexByte(" \t\r\n", raw[1]) < 0 {
		return 2, 1
	}
	size = 1 // the end of a line, and all blanks after it
	for size < len(raw) && strings.IndexByte(" \t\r\n", raw[size]) >= 0 {
		size++
	}
	return size, 0
}

func hex(digit byte) int { return strings.IndexByte("0123456789abcdef", digit|0x20) }
