package experiment

import (
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"

	"libobe/internal/excerpt"
	"libobe/internal/expression"
	"libobe/internal/suggest"
)

// Load reads a file. The error is that of the system, or a *Mistakes.
func Load(path string) (*Experiment, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, MaxSize+1)) // a device may have no end
	if err != nil {
		return nil, err
	}
	return Parse(path, text)
}

// Parse reads the text of a file. name is that of the file, for errors and for
// Experiment.File. The error is a *Mistakes.
func Parse(name string, text []byte) (*Experiment, error) {
	// A byte order mark, which editors on Windows write, is no character.
	s := source{name, []byte(strings.TrimPrefix(string(text), "\xef\xbb\xbf"))}
	tree, found := s.tree()
	if found != nil {
		return nil, s.mistakes(found)
	}
	return read(s, tree)
}

// read checks a tree and returns the experiment.
func read(s source, tree *item) (*Experiment, error) {
	r := reader{names: map[string]string{}}
	e := &Experiment{File: s.name, source: s, tree: tree}
	r.top(tree, e)
	r.settings(tree, e)
	r.parameters(tree, e)
	r.constants(tree, e)
	r.channels(tree, e)
	r.noise(tree, e)
	r.design(tree, e)
	if r.found == nil { // otherwise something may only seem to be unused
		r.unused(e)
		r.size(tree, e)
	}
	if err := s.mistakes(r.found); err != nil {
		return nil, err
	}
	return e, nil
}

// reader collects the mistakes of a file.
type reader struct {
	found []finding
	names map[string]string // the names in expressions, and the field that each is

	noiseMisplaced bool // the noise is in a wrong table, and not missing
}

// wrong notes a mistake in the value of an item; it may be nil.
func (r *reader) wrong(it *item, field, format string, arguments ...any) {
	r.at(it, func() int { return it.valueAt }, field, fmt.Sprintf(format, arguments...))
}

// wrongKey notes a mistake in the key of an item; it may be nil.
func (r *reader) wrongKey(it *item, field, format string, arguments ...any) {
	r.at(it, func() int { return it.at }, field, fmt.Sprintf(format, arguments...))
}

func (r *reader) at(it *item, place func() int, field, problem string) {
	f := finding{at: noPlace, field: excerpt.Message(field), problem: problem}
	if it != nil {
		f.at = place()
	}
	r.found = append(r.found, f)
}

// join returns the name of a field in a table.
func join(table, key string) string {
	if table == "" {
		return key
	}
	return table + "." + key
}

func (r *reader) top(tree *item, e *Experiment) {
	known := append([]Field(nil), fieldsOf("")...)
	for _, name := range []string{"settings", "parameters", "constants", "model", "design"} {
		known = append(known, Field{Name: name})
	}
	r.unknown(tree, "", known)
	e.Title, e.Description = r.text(tree, "", "title"), r.text(tree, "", "description")
	e.Particles = DefaultParticles
	if v, ok := r.whole(tree, "", "particles", 1, MaxParticles); ok {
		e.Particles = int(v)
	}
	if v, ok := r.whole(tree, "", "seed", 0, math.MaxInt64); ok {
		e.Seed, e.HasSeed = uint64(v), true
	}
}

// unused notes the parameters and knobs on which no measurement depends.
func (r *reader) unused(e *Experiment) {
	uses := func(k int, use func(p *expression.Program, k int) bool) bool {
		return slices.ContainsFunc(e.Channels, func(c Channel) bool { return use(c.Model, k) })
	}
	for k, p := range e.Parameters {
		isNoise := slices.ContainsFunc(e.Channels, func(c Channel) bool { return c.Noise.Kind == EstimatedNoise && c.Noise.Parameter == k })
		if !isNoise && !uses(k, (*expression.Program).UsesParameter) {
			r.wrongKey(e.tree.member("parameters").table[k], join("parameters", p.Name), "no channel and no noise depends on it, so that no measurement can tell its value; use it or remove it")
		}
	}
	for k, s := range e.Settings {
		if !uses(k, (*expression.Program).UsesSetting) {
			r.wrongKey(e.tree.member("settings").table[k], join("settings", s.Name), "no channel depends on it, so that all its values are equally good; use it or remove it")
		}
	}
}

// size notes an experiment that needs too much memory.
func (r *reader) size(tree *item, e *Experiment) {
	product := 1
	for _, s := range e.Settings {
		if product *= len(s.Values); product > MaxSettings {
			r.wrongKey(tree.member("settings"), "settings", "the knobs have more than %d combinations; choose fewer steps", MaxSettings)
			break
		}
	}
	if most := maxNumbers / len(e.Parameters); e.Particles > most {
		r.wrong(tree.member("particles"), "particles", "must be at most %d for %d parameters, and not %d", most, len(e.Parameters), e.Particles)
	}
}

// named reads the tables of settings or parameters: one for each name. each is called with
// nil for what has a name and is not a table.
func (r *reader) named(tree *item, kind string, most int, each func(it *item, name string, label Label)) {
	all := r.table(tree, kind)
	if all == nil {
		if tree.member(kind) == nil {
			r.wrongKey(nil, "", "%s is missing", exampleTable(kind))
		}
		return
	}
	if len(all.table) == 0 || len(all.table) > most {
		r.wrongKey(all, kind, "must have from 1 to %d tables, such as %s, and not %d", most, exampleTable(kind), len(all.table))
		return
	}
	for _, it := range all.table {
		name := join(kind, it.key)
		r.name(it, name)
		if !it.isTable() {
			r.wrong(it, name, "must be a table, such as [%s], and not %s", excerpt.Message(name), shown(it.value))
			each(nil, name, Label{Name: expression.Normalize(it.key)}) // expressions may use the name
			continue
		}
		r.unknown(it, name, fieldsOf(kind+".NAME"))
		each(it, name, r.label(it, name))
	}
}

func (r *reader) label(it *item, name string) Label {
	return Label{expression.Normalize(it.key), r.text(it, name, "unit"), r.text(it, name, "description")}
}

// name checks a name that expressions may use.
func (r *reader) name(it *item, field string) {
	if problem := expression.CheckName(it.key); problem != "" {
		r.wrongKey(it, field, "the name %s", problem)
		return
	}
	name := expression.Normalize(it.key)
	if other := r.names[name]; other != "" {
		r.wrongKey(it, field, "the name is that of %s, too; in expressions a name has one meaning", other)
		return
	}
	r.names[name] = field
}

func exampleTable(name string) string {
	switch name {
	case "settings":
		return "[settings.frequency]"
	case "parameters":
		return "[parameters.centre]"
	}
	return "[" + name + "]"
}

// table returns the table of a name in the file, or nil if there is none.
func (r *reader) table(tree *item, name string) *item {
	it := tree.member(name)
	if it != nil && !it.isTable() {
		r.wrong(it, name, "must be a table, such as %s, and not %s", exampleTable(name), shown(it.value))
		return nil
	}
	return it
}

// shown is a value in an error.
func shown(value any) string {
	switch value := value.(type) {
	case nil:
		return "a table"
	case string:
		return excerpt.Quote(value)
	case []any:
		return "a list"
	case int64, float64, bool:
		return fmt.Sprint(value)
	}
	return "a date or a time"
}

// isTop reports whether a key is one of the top of the file.
func isTop(key string) bool {
	return slices.ContainsFunc(fieldsOf(""), func(f Field) bool { return f.Name == key })
}

// misplaced notes a key of the top of the file that is in a table. TOML gives all keys below
// the heading of a table to that table, which is easily forgotten.
func (r *reader) misplaced(it *item, table string) {
	r.noiseMisplaced = r.noiseMisplaced || it.key == "noise"
	r.wrongKey(it, join(table, it.key), "this belongs to the top of the file, before the first table; here it is a part of [%s]", excerpt.Message(table))
}

// unknown notes the keys of a table that are not among the fields.
func (r *reader) unknown(table *item, name string, fields []Field) {
	known := make([]string, len(fields))
	for i := range fields {
		known[i] = fields[i].Name
	}
	for _, it := range table.table {
		if slices.Contains(known, it.key) {
			continue
		}
		if name != "" && isTop(it.key) {
			r.misplaced(it, name)
			continue
		}
		all := "known are " + strings.Join(known, ", ")
		if nearest := suggest.Nearest(it.key, known); nearest != "" {
			all = fmt.Sprintf("did you mean %q?", nearest)
		}
		r.wrongKey(it, join(name, it.key), "unknown field; %s", all)
	}
}
