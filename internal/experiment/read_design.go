package experiment

import (
	"libobe/internal/expression"
)

func (r *reader) design(tree *item, e *Experiment) {
	e.Design = Design{Pickiness: DefaultPickiness, Draws: DefaultDraws}
	it := r.table(tree, "design")
	if it == nil {
		return
	}
	r.unknown(it, "design", fieldsOf("design"))
	if v, ok := r.number(it, "design", "pickiness"); ok {
		if v < 0 {
			r.wrong(it.member("pickiness"), "design.pickiness", "must be 0 or more, and not %v", v)
		}
		e.Design.Pickiness = v
	}
	if v, ok := r.whole(it, "design", "draws", 2, maxDraws); ok {
		e.Design.Draws = int(v)
	}
	if cost := it.member("cost"); cost != nil {
		r.cost(cost, e)
	}
}

// before is the end of the name of a knob's value before a change.
const before = "_before"

// cost reads how long a change of the setting takes.
func (r *reader) cost(it *item, e *Experiment) {
	const field = "design.cost"
	scope := e.scope()
	scope.Parameters = nil
	knobs := len(scope.Settings)
	for _, name := range scope.Settings[:knobs] {
		if other := r.names[name+before]; other != "" {
			r.wrong(it, field, "the name of %s is that of the knob %s before a change; choose another one", other, name)
			return
		}
		scope.Settings = append(scope.Settings, name+before)
	}
	_, isText := it.value.(string)
	v, isNumber := numberIn(it.value)
	switch {
	case isText:
		e.Design.cost = r.compile(it, field, scope, knobs == 0)
	case !isNumber || !(v >= 0 && v <= maxMagnitude):
		r.wrong(it, field, "must be a number from 0 to %g or an expression in quotes, and not %s", maxMagnitude, shown(it.value))
	case v > 0:
		e.Design.cost = expression.Number(v, scope)
	}
	if e.Design.cost != nil {
		e.Design.evaluators = newPool(e.Design.cost, 0, 2*knobs)
	}
}
