package experiment

import (
	"slices"

	"libobe/internal/expression"
)

func (r *reader) constants(tree *item, e *Experiment) {
	all := r.table(tree, "constants")
	if all == nil {
		return
	}
	if len(all.table) > maxConstants {
		r.wrongKey(all, "constants", "there must be at most %d, and not %d", maxConstants, len(all.table))
		return
	}
	for _, it := range all.table {
		name := join("constants", it.key)
		if isTop(it.key) {
			r.misplaced(it, "constants")
			continue
		}
		r.name(it, name)
		v, _ := r.numberOf(it, name)
		e.Constants = append(e.Constants, Constant{expression.Normalize(it.key), v})
	}
}

// scope returns the names that the model may use.
func (e *Experiment) scope() expression.Scope {
	s := expression.Scope{Constants: map[string]float64{}, Parameters: e.ParameterNames()}
	for i := range e.Settings {
		s.Settings = append(s.Settings, e.Settings[i].Name)
	}
	for _, c := range e.Constants {
		s.Constants[c.Name] = c.Value
	}
	return s
}

func (r *reader) channels(tree *item, e *Experiment) {
	all := r.table(tree, "model")
	if all == nil {
		if tree.member("model") == nil {
			r.wrongKey(nil, "", "[model] is missing; it has an expression for each channel")
		}
		return
	}
	if len(all.table) == 0 || len(all.table) > maxChannels {
		r.wrongKey(all, "model", "there must be from 1 to %d channels, and not %d", maxChannels, len(all.table))
		return
	}
	scope := e.scope()
	incomplete := len(scope.Settings) == 0 || len(scope.Parameters) == 0 // which is a mistake already
	for _, it := range all.table {
		name := join("model", it.key)
		if isTop(it.key) {
			r.misplaced(it, "model")
			continue
		}
		if problem := expression.CheckName(it.key); problem != "" {
			r.wrongKey(it, name, "the name %s", problem)
		}
		c, formula, field := Channel{Label: Label{Name: expression.Normalize(it.key)}}, it, name
		if slices.ContainsFunc(e.Channels, func(other Channel) bool { return other.Name == c.Name }) {
			r.wrongKey(it, name, "another channel has this name")
		}
		if it.isTable() {
			r.unknown(it, name, fieldsOf("model"))
			r.required(it, name, "", "expression")
			c.Label = r.label(it, name)
			formula, field = it.member("expression"), join(name, "expression")
		}
		if formula != nil {
			c.Model = r.compile(formula, field, scope, incomplete)
			c.Expression, _ = formula.value.(string)
		}
		if c.Model != nil {
			c.evaluators = newPool(c.Model, len(scope.Parameters), 0)
		}
		e.Channels = append(e.Channels, c)
	}
}

// compile returns the program of an expression, or nil if it has a mistake. If the scope is
// incomplete, its unknown names are none.
func (r *reader) compile(it *item, field string, scope expression.Scope, incomplete bool) *expression.Program {
	text, isText := it.value.(string)
	if !isText {
		r.wrong(it, field, "must be an expression in quotes, and not %s", shown(it.value))
		return nil
	}
	wrong := func(m *expression.Error) {
		r.at(it, func() int { return it.inString(m.Offset) }, field, m.Problem)
	}
	parsed, err := expression.Parse(text)
	if err != nil {
		wrong(err.(*expression.Error))
		return nil
	}
	if incomplete {
		return nil
	}
	program, err := parsed.Compile(scope)
	if err != nil {
		for _, m := range err.(expression.Errors) {
			wrong(m)
		}
		return nil
	}
	return program
}
