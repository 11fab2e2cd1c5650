package script

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"libobe/internal/excerpt"
	"libobe/internal/jsondoc"
)

// file is the TOML file.
type file struct {
	Answer    []table `toml:"answer"`
	Otherwise *table  `toml:"otherwise"`
}

// table is a table [[answer]], or [otherwise].
type table struct {
	Command      *string        `toml:"command"`
	Match        map[string]any `toml:"match"`
	Reply        any            `toml:"reply"`
	JSON         *string        `toml:"json"`
	Sequence     []any          `toml:"sequence"`
	JSONSequence []string       `toml:"json_sequence"`
	Raw          *string        `toml:"raw"`
	Fault        *string        `toml:"fault"`
	Delay        *string        `toml:"delay"`
	Times        *int64         `toml:"times"`
	Then         *string        `toml:"then"`
}

// keys are the keys of a table, and what is right there.
var keys = []struct{ name, right string }{
	{"command", `the name of a command, such as "optset"`},
	{"match", "members that a message must have, such as {x = [2.5]}"},
	{"reply", "a value, such as [2.87]"},
	{"json", `a JSON text in quotes, such as '{"x": null}'`},
	{"sequence", "a list of replies, such as [[2.86], [2.87]]"},
	{"json_sequence", "a list of JSON texts in quotes, such as ['null', '[NaN]']"},
	{"raw", `bytes to send without a header, in quotes, such as "         4\"OK\""`},
	{"fault", "one of " + list(faults)},
	{"delay", `a time such as "200ms" or "1.5s"`},
	{"times", "how many messages the entry answers, 0 or more"},
	{"then", `"repeat", "next" or "error"`},
}

// list returns values in quotes, as in a sentence.
func list(values []Action) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = strconv.Quote(string(v))
	}
	last := len(quoted) - 1
	return strings.Join(quoted[:last], ", ") + " or " + quoted[last]
}

// right returns what is right for a key; "" for an unknown key.
func right(key string) string {
	for _, k := range keys {
		if k.name == key {
			return k.right
		}
	}
	return ""
}

func names() string {
	var all []string
	for _, k := range keys {
		all = append(all, k.name)
	}
	return strings.Join(all, ", ")
}

// Parse reads a script. name is that of the file; errors begin with it and the line.
func Parse(name string, text []byte) (*Script, error) {
	if bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")) {
		return nil, fmt.Errorf("%s: the text is in UTF-16; save the file as UTF-8", name)
	}
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")) // editors on Windows write it
	var f file
	decoder := toml.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&f); err != nil {
		return nil, explain(name, err)
	}
	at := positions(text)
	if err := checkCase(name, text, at); err != nil {
		return nil, err
	}
	if len(f.Answer) == 0 && f.Otherwise == nil {
		return nil, fmt.Errorf("%s: the script is empty; an entry begins with a line [[answer]]", name)
	}
	s := &Script{name: name, otherwise: ok}
	for i, t := range f.Answer {
		e, wrong := t.entry()
		if wrong != nil {
			return nil, wrong.at(name, at, "answer", i)
		}
		e.line = at.line("answer", i, "")
		e.what = e.describe()
		s.entries = append(s.entries, e)
	}
	if f.Otherwise != nil {
		e, wrong := f.Otherwise.entry()
		for _, key := range []struct {
			name string
			set  bool
		}{
			{"command", e != nil && e.command != nil}, {"match", e != nil && e.match != nil}, {"times", f.Otherwise.Times != nil},
			{"then", f.Otherwise.Then != nil}, {"sequence", f.Otherwise.Sequence != nil}, {"json_sequence", f.Otherwise.JSONSequence != nil},
		} {
			if key.set && wrong == nil {
				wrong = &mistake{key.name, "[otherwise] is for all messages that no [[answer]] matches, and has no such key"}
			}
		}
		if wrong != nil {
			return nil, wrong.at(name, at, "otherwise", 0)
		}
		s.otherwise = e.answers[0]
	}
	return s, nil
}

// explain returns an error of the decoder with file, line, and what would be right.
func explain(name string, err error) error {
	var unknown *toml.StrictMissingError
	var wrong *toml.DecodeError
	switch {
	case errors.As(err, &unknown) && len(unknown.Errors) > 0:
		first := &unknown.Errors[0]
		line, _ := first.Position()
		return unknownKey(name, line, first.Key()...)
	case errors.As(err, &wrong):
		line, _ := wrong.Position()
		text := strings.TrimPrefix(wrong.Error(), "toml: ")
		outOfRange := strings.Contains(text, "too large") || strings.Contains(text, "out of range")
		if key := wrong.Key(); len(key) > 1 && right(key[1]) != "" && !outOfRange {
			return fmt.Errorf("%s:%d: %s is %s", name, line, key[1], right(key[1]))
		}
		if strings.HasPrefix(text, "cannot") {
			text = tableNames
		}
		return fmt.Errorf("%s:%d: %s", name, line, excerpt.Message(text))
	}
	return fmt.Errorf("%s: %s", name, excerpt.Message(strings.TrimPrefix(err.Error(), "toml: ")))
}

// tableNames are the tables of a script, for people.
const tableNames = "a script has tables [[answer]] and [otherwise]"

func unknownKey(name string, line int, key ...string) error {
	known := "an entry has " + names()
	if len(key) == 1 {
		known = tableNames
	}
	return fmt.Errorf("%s:%d: %s is not a key of a script; %s", name, line, excerpt.Quote(strings.Join(key, ".")), known)
}

// checkCase refuses a key such as Reply, which is another one than reply in TOML. The decoder
// takes it, and one of the two is lost if both are there.
func checkCase(name string, text []byte, at lines) error {
	var all map[string]any
	if err := toml.Unmarshal(text, &all); err != nil {
		return explain(name, err)
	}
	for _, table := range slices.Sorted(maps.Keys(all)) {
		if table != "answer" && table != "otherwise" {
			return unknownKey(name, at.line(table, 0, ""), table)
		}
		entries, isList := all[table].([]any)
		if !isList {
			entries = []any{all[table]}
		}
		for i, entry := range entries {
			members, _ := entry.(map[string]any)
			for _, key := range slices.Sorted(maps.Keys(members)) {
				if right(key) == "" {
					return unknownKey(name, at.line(table, i, key), table, key)
				}
			}
		}
	}
	return nil
}

// mistake is a value that is not valid: the key in a table, and what is wrong with it.
type mistake struct{ key, problem string }

func (m *mistake) at(name string, at lines, table string, i int) error {
	return fmt.Errorf("%s:%d: %s", name, at.line(table, i, m.key), m.problem)
}

// entry checks a table.
func (t *table) entry() (*entry, *mistake) {
	e := &entry{command: t.Command, match: t.Match, then: thenRepeat}
	if t.Match != nil {
		if _, err := appendJSON(nil, t.Match, 0); err != nil {
			return nil, &mistake{"match", "match: " + err.Error()}
		}
	}
	if t.Then != nil {
		if e.then = *t.Then; !slices.Contains([]string{thenRepeat, thenNext, thenError}, e.then) {
			return nil, &mistake{"then", fmt.Sprintf("then is %s, and not %s", right("then"), excerpt.Quote(e.then))}
		}
	}
	answers, wrong := t.answers()
	if wrong != nil {
		return nil, wrong
	}
	e.answers, e.total = answers, len(answers)
	if t.Times == nil {
		return e, nil
	}
	switch n := *t.Times; {
	case n < 0 || n > maxTimes:
		return nil, &mistake{"times", fmt.Sprintf("times is a number from 0 to %d", maxTimes)}
	case t.Sequence != nil || t.JSONSequence != nil:
		return nil, &mistake{"times", "times is for an entry with one answer; the length of a sequence says how many messages it answers"}
	case n == 0 && t.hasAnswer():
		return nil, &mistake{"times", "times = 0 expects no such message, so the entry has no answer"}
	case n == 0 && t.Then != nil && e.then != thenError:
		return nil, &mistake{"then", `after times = 0, then is "error"`}
	case n == 0:
		e.answers, e.total, e.then = nil, 0, thenError
	default:
		e.total = int(n)
	}
	return e, nil
}

// maxTimes is the largest value of times.
const maxTimes = 1_000_000

func (t *table) hasAnswer() bool {
	return t.Reply != nil || t.JSON != nil || t.Raw != nil || t.Fault != nil || t.Delay != nil
}

// answers returns the answers of an entry, at least one.
func (t *table) answers() (answers []Answer, wrong *mistake) {
	bodies, key, wrong := t.bodies()
	if wrong != nil {
		return nil, wrong
	}
	common := Answer{}
	if t.Delay != nil {
		d, err := time.ParseDuration(*t.Delay)
		if err != nil || d < 0 {
			return nil, &mistake{"delay", fmt.Sprintf("delay is %s, and not %s", right("delay"), excerpt.Quote(*t.Delay))}
		}
		common.Delay = d
	}
	if t.Raw != nil {
		if key != "" || t.Fault != nil {
			return nil, &mistake{"raw", "an entry has one of reply, json, sequence, json_sequence and raw, and raw has no fault"}
		}
		common.Action = Raw
		bodies = [][]byte{[]byte(*t.Raw)}
	}
	if t.Fault != nil {
		common.Action = Action(*t.Fault)
		switch {
		case !slices.Contains(faults, common.Action):
			return nil, &mistake{"fault", fmt.Sprintf("fault is %s, and not %s", right("fault"), excerpt.Quote(*t.Fault))}
		case common.Action == Half, common.Action == Stall:
		case key != "":
			return nil, &mistake{key, fmt.Sprintf("an entry with fault = %q sends no reply, so it has no %s", *t.Fault, key)}
		case common.Action == Garbage:
			bodies = [][]byte{[]byte(garbage)}
		}
	}
	for _, body := range bodies {
		a := common
		a.Body = body
		answers = append(answers, a)
	}
	return answers, nil
}

// bodies returns the replies of an entry, and the key that they are from; without one it
// is "OK".
func (t *table) bodies() (bodies [][]byte, key string, wrong *mistake) {
	one := func(name string) *mistake {
		if key != "" {
			return &mistake{name, fmt.Sprintf("an entry has one of reply, json, sequence, json_sequence and raw, and this one has %s and %s", key, name)}
		}
		key = name
		return nil
	}
	values := func(name string, all []any) *mistake {
		if wrong := one(name); wrong != nil {
			return wrong
		}
		for _, value := range all {
			body, err := appendJSON(nil, value, 0)
			if err != nil {
				return &mistake{name, name + ": " + err.Error()}
			}
			bodies = append(bodies, body)
		}
		return nil
	}
	texts := func(name string, all []string) *mistake {
		if wrong := one(name); wrong != nil {
			return wrong
		}
		for _, text := range all {
			if err := jsondoc.Validate([]byte(text)); err != nil {
				return &mistake{name, fmt.Sprintf("%s: %s: %v", name, excerpt.Quote(text), err)}
			}
			bodies = append(bodies, []byte(text))
		}
		return nil
	}
	if t.Reply != nil {
		wrong = values("reply", []any{t.Reply})
	}
	if t.JSON != nil && wrong == nil {
		wrong = texts("json", []string{*t.JSON})
	}
	if t.Sequence != nil && wrong == nil {
		wrong = values("sequence", t.Sequence)
	}
	if t.JSONSequence != nil && wrong == nil {
		wrong = texts("json_sequence", t.JSONSequence)
	}
	switch {
	case wrong != nil:
	case key == "":
		bodies = [][]byte{ok.Body}
	case len(bodies) == 0:
		wrong = &mistake{key, fmt.Sprintf("%s has no reply; it is %s", key, right(key))}
	}
	return bodies, key, wrong
}

// appendJSON appends a value of TOML as JSON. The members of a table are in the order of
// their names. Whole numbers stay whole, and others do not become whole.
func appendJSON(dst []byte, value any, depth int) ([]byte, error) {
	if depth > jsondoc.MaxDepth {
		return nil, fmt.Errorf("nested deeper than %d levels", jsondoc.MaxDepth)
	}
	switch value := value.(type) {
	case string:
		return jsondoc.AppendString(dst, value), nil
	case bool:
		return strconv.AppendBool(dst, value), nil
	case int64:
		return strconv.AppendInt(dst, value, 10), nil
	case float64:
		return jsondoc.AppendDouble(dst, value), nil
	case []any:
		dst = append(dst, '[')
		for i, element := range value {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			var err error
			if dst, err = appendJSON(dst, element, depth+1); err != nil {
				return nil, err
			}
		}
		return append(dst, ']'), nil
	case map[string]any:
		members := make([]string, 0, len(value))
		for name := range value {
			members = append(members, name)
		}
		slices.Sort(members)
		dst = append(dst, '{')
		for i, name := range members {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			dst = append(jsondoc.AppendString(dst, name), ": "...)
			var err error
			if dst, err = appendJSON(dst, value[name], depth+1); err != nil {
				return nil, err
			}
		}
		return append(dst, '}'), nil
	}
	return nil, errors.New("JSON has no dates and times; write it in quotes")
}

// lines are the lines of the keys of a script: the decoder keeps none.
type lines map[place]int

type place struct {
	table string
	i     int
	key   string // "": the table itself
}

// inline is the number of all tables of a list on one line: answer = [{…}, {…}].
const inline = -1

// line returns the line of a key, or of its table.
func (l lines) line(table string, i int, key string) int {
	if line, ok := l[place{table, i, key}]; ok {
		return line
	}
	if line, ok := l[place{table, i, ""}]; ok {
		return line
	}
	return l[place{table, inline, ""}]
}

// positions returns the lines of a valid script.
func positions(text []byte) lines {
	l := lines{}
	count := map[string]int{}
	var current place
	counted, newlines := 0, 0 // the parser counts from the beginning for each key
	var p unstable.Parser
	p.Reset(text)
	for p.NextExpression() {
		node := p.Expression()
		var path []string
		line := 0
		for it := node.Key(); it.Next(); {
			if line == 0 {
				offset := int(it.Node().Raw.Offset)
				newlines += bytes.Count(text[counted:max(offset, counted)], []byte("\n"))
				counted = max(offset, counted)
				line = newlines + 1
			}
			path = append(path, string(it.Node().Data))
		}
		switch node.Kind {
		case unstable.ArrayTable:
			if len(path) == 1 {
				current = place{table: path[0], i: count[path[0]]}
				count[path[0]]++
				l[current] = line
			}
		case unstable.Table:
			switch {
			case len(path) == 1:
				current = place{table: path[0]}
				l[current] = line
			case len(path) > 1 && path[0] == current.table:
				l[place{current.table, current.i, path[1]}] = line // [answer.match]
			}
		case unstable.KeyValue:
			if current.table == "" {
				l[place{path[0], inline, ""}] = line
			} else {
				if key := (place{current.table, current.i, path[0]}); l[key] == 0 {
					l[key] = line
				}
			}
		}
	}
	return l
}
