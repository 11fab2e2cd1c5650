package experiment

import (
	"fmt"
	"slices"
	"strings"

	"libobe/internal/excerpt"
	"libobe/internal/expression"
	"libobe/internal/jsondoc"
	"libobe/internal/suggest"
)

// Override returns the experiment with some numbers replaced. request is a command newrun, a
// JSON object; its members other than "command" name the numbers as the file does:
//
//	{"command": "newrun", "particles": 20000, "constants.splitting": 2.2,
//	 "parameters.centre.min": 2.5, "parameters": {"centre": {"max": 3.2}}}
//
// A dotted name and nested objects are the same, as in TOML. The beginning of a name may be
// left out if what remains is the end of one name only: "pickiness", "centre.min". With one
// knob that has a range, "lolim" and "hilim" are its min and max, as in other servers. A
// number may be a list of one number, as some clients send it.
//
// Only numbers can be replaced: no expressions, names or kinds of priors. The error is a
// *Mistakes, whose File is "newrun".
func (e *Experiment) Override(request []byte) (*Experiment, error) {
	fail := func(problem string) error { return &Mistakes{List: []Mistake{{File: "newrun", Problem: problem}}} }
	doc, err := jsondoc.Parse(request)
	if err != nil {
		return nil, fail(err.Error())
	}
	if kind, err := doc.Type(""); err != nil || kind != jsondoc.Object {
		return nil, fail("the request must be an object")
	}
	o := overrider{doc: doc, known: e.overridable(), tree: e.tree.clone(), given: map[string]bool{}}
	o.object("", "", 0)
	if err := overrideError(e.source.mistakes(o.found)); err != nil {
		return nil, err
	}
	changed, err := read(e.source, o.tree)
	if err != nil {
		return nil, overrideError(err)
	}
	if most := max(e.Particles, maxRequested); changed.Particles > most {
		o.wrong("particles", "must be at most %d, and not %d", most, changed.Particles)
	}
	if most := max(e.combinations(), maxRequested); changed.combinations() > most {
		o.wrong("settings", "the knobs must have at most %d combinations, and not %d", most, changed.combinations())
	}
	for i, s := range changed.Settings {
		if was := e.Settings[i]; s.Max < was.Min || s.Min > was.Max {
			o.wrong(join("settings", s.Name), "no value from %v to %v is in the range of the file, %v to %v; is the unit another one?", s.Min, s.Max, was.Min, was.Max)
		}
	}
	if err := overrideError(e.source.mistakes(o.found)); err != nil {
		return nil, err
	}
	return changed, nil
}

// overrideError says that mistakes are of newrun: without it the file had none.
func overrideError(err error) error {
	if all, ok := err.(*Mistakes); ok {
		for i := range all.List {
			all.List[i].File, all.List[i].Line, all.List[i].Column = "newrun", 0, 0
		}
	}
	return err
}

// A target is a number that newrun can replace: its name, and its path in the file.
type target struct {
	name string
	path []string
	list bool
}

// overridable returns all numbers that newrun can replace.
func (e *Experiment) overridable() (all []target) {
	add := func(list bool, path ...string) {
		all = append(all, target{expression.Normalize(strings.Join(path, ".")), path, list})
	}
	fields := func(table string, may func(f Field) bool, path ...string) {
		for _, f := range fieldsOf(table) {
			if f.Override && may(f) {
				add(f.Type == numbers, append(slices.Clip(path), f.Name)...)
			}
		}
	}
	fields("", func(f Field) bool { return f.Name != "noise" })
	for i, it := range e.tree.member("settings").table {
		fields("settings.NAME", func(f Field) bool { return (f.Name == "values") == e.Settings[i].Listed }, "settings", it.key)
	}
	for i, it := range e.tree.member("parameters").table {
		of := priorFields[e.Parameters[i].Prior.kind]
		fields("parameters.NAME", func(f Field) bool { return slices.Contains(of.needs, f.Name) || slices.Contains(of.may, f.Name) }, "parameters", it.key)
	}
	for _, name := range []string{"constants", "noise"} {
		e.tree.member(name).eachNumber([]string{name}, func(path []string) { add(false, path...) })
	}
	fields("design", func(f Field) bool {
		cost := e.tree.member("design").member("cost")
		_, isText := cost.text()
		return f.Name != "cost" || !isText
	}, "design")
	return all
}

// eachNumber calls f with the path of each number below an item, which may be nil.
func (it *item) eachNumber(path []string, f func(path []string)) {
	if it == nil {
		return
	}
	if _, isNumber := numberIn(it.value); isNumber {
		f(path)
	}
	for _, m := range it.table {
		m.eachNumber(append(slices.Clip(path), m.key), f)
	}
}

// text returns the text of an item, which may be nil.
func (it *item) text() (text string, isText bool) {
	if it != nil {
		text, isText = it.value.(string)
	}
	return text, isText
}

// clone returns a copy of a tree whose values can be replaced.
func (it *item) clone() *item {
	c := *it
	c.table, c.index = nil, nil
	for _, m := range it.table {
		m = m.clone()
		c.insert(m)
	}
	return &c
}

// overrider replaces numbers in a tree.
type overrider struct {
	doc   *jsondoc.Document
	known []target
	tree  *item
	given map[string]bool
	found []finding
}

func (o *overrider) wrong(field, format string, arguments ...any) {
	if field == "" {
		field = `""`
	}
	o.found = append(o.found, finding{noPlace, excerpt.Message(field), fmt.Sprintf(format, arguments...)})
}

// object replaces what the members of an object name. Its names begin with prefix.
func (o *overrider) object(pointer, prefix string, depth int) {
	const most = 10_000 // members of a hostile request
	n, err := o.doc.Count(pointer)
	if err != nil || n > most {
		o.wrong(prefix, "has more than %d members", most)
		return
	}
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	for i := range n {
		if len(o.found) > MaxMistakes {
			return // to find the name that was meant takes time
		}
		key, err := o.doc.Key(pointer, i)
		if err != nil {
			o.wrong(prefix, "%v", err)
			continue
		}
		if depth == 0 && key == "command" {
			continue
		}
		member, name := pointer+"/"+escape.Replace(key), join(prefix, key)
		if kind, _ := o.doc.Type(member); kind == jsondoc.Object {
			if depth == maxKeys {
				o.wrong(name, "is nested too deep")
				continue
			}
			o.object(member, name, depth+1)
			continue
		}
		o.replace(member, name)
	}
}

// replace stores the number at a pointer under a name.
func (o *overrider) replace(pointer, name string) {
	t, problem := o.find(expression.Normalize(name))
	if problem != "" {
		o.wrong(name, "%s", problem)
		return
	}
	if o.given[t.name] {
		o.wrong(t.name, "is given twice")
		return
	}
	o.given[t.name] = true
	value, problem := o.value(pointer, t.list)
	if problem != "" {
		o.wrong(t.name, "%s", problem)
		return
	}
	it := o.tree.descend(t.path, 0)
	it.value = value
}

// value returns the number at a pointer, or the list of numbers.
func (o *overrider) value(pointer string, list bool) (value any, problem string) {
	kind, err := o.doc.Type(pointer)
	if err != nil {
		return nil, err.Error()
	}
	count := 0
	if kind == jsondoc.Array {
		count, _ = o.doc.Count(pointer)
	}
	switch {
	case !list && kind == jsondoc.Array && count == 1:
		return o.number(pointer + "/0")
	case !list:
		return o.number(pointer)
	case kind != jsondoc.Array || count == 0 || count > maxValues:
		return nil, fmt.Sprintf("must be a list of 1 to %d numbers", maxValues)
	}
	all := make([]float64, count)
	if _, err := o.doc.Doubles(pointer, all); err != nil {
		return nil, "must be a list of numbers only"
	}
	values := make([]any, count)
	for i, v := range all {
		values[i] = v
	}
	return values, ""
}

func (o *overrider) number(pointer string) (value any, problem string) {
	switch kind, err := o.doc.Type(pointer); {
	case err != nil:
		return nil, err.Error()
	case kind == jsondoc.Integer:
		if v, err := o.doc.Int(pointer); err == nil {
			return v, ""
		}
		fallthrough // it is larger than an int64
	case kind == jsondoc.Real:
		if v, err := o.doc.Double(pointer); err == nil {
			return v, ""
		}
	}
	text, _ := o.doc.JSON(pointer)
	return nil, "must be a number, and not " + excerpt.Message(text)
}

// find returns the number with a name, whose beginning may be left out.
func (o *overrider) find(name string) (t target, problem string) {
	if limit := map[string]string{"lolim": "min", "hilim": "max"}[name]; limit != "" {
		knob := o.onlyRange()
		if knob == "" {
			return t, fmt.Sprintf("is for an experiment with one knob that has a range; write the %s of a knob, as in settings.NAME.%[1]s", limit)
		}
		name = "settings." + knob + "." + limit
	}
	var ends []target
	var names, short []string
	for _, t := range o.known {
		switch {
		case t.name == name:
			return t, ""
		case strings.HasSuffix(t.name, "."+name):
			ends = append(ends, t)
		}
		names = append(names, t.name)
		short = append(short, t.name[strings.LastIndexByte(t.name, '.')+1:])
	}
	switch {
	case len(ends) == 1:
		return ends[0], ""
	case len(ends) > 1:
		return t, fmt.Sprintf("can be %s or %s; write it in full", ends[0].name, ends[1].name)
	}
	nearest := suggest.Nearest(name, names)
	if nearest == "" {
		if i := slices.Index(short, suggest.Nearest(name, short)); i >= 0 {
			nearest = names[i]
		}
	}
	if nearest != "" {
		return t, fmt.Sprintf("there is no such number; did you mean %q?", nearest)
	}
	return t, "there is no such number; newrun can replace " + excerpt.Message(strings.Join(names, ", "))
}

// onlyRange returns the name of the knob, if there is only one and it has a range.
func (o *overrider) onlyRange() string {
	if knobs := o.tree.member("settings").table; len(knobs) == 1 && knobs[0].member("values") == nil {
		return expression.Normalize(knobs[0].key)
	}
	return ""
}
