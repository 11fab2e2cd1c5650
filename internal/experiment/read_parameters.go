package experiment

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"libobe/internal/excerpt"
)

func (r *reader) parameters(tree *item, e *Experiment) {
	r.named(tree, "parameters", maxParameters, func(it *item, name string, label Label) {
		p := Parameter{Label: label}
		if it != nil {
			p.Prior = r.prior(it, name)
		}
		e.Parameters = append(e.Parameters, p)
	})
}

// priorFields has the fields that each kind of prior needs and may have.
var priorFields = map[PriorKind]struct{ needs, may []string }{
	Uniform:    {[]string{"min", "max"}, nil},
	Normal:     {[]string{"mean", "std"}, []string{"min", "max"}},
	LogUniform: {[]string{"min", "max"}, nil},
	HalfNormal: {[]string{"std"}, nil},
	List:       {[]string{"values"}, []string{"weights"}},
}

// prior returns the prior of a parameter, or nil if it has a mistake.
func (r *reader) prior(it *item, name string) *Prior {
	kind := PriorKind(r.text(it, name, "prior"))
	fields, known := priorFields[kind]
	given := it.member("prior")
	switch {
	case given == nil:
		r.wrongKey(it, name, `"prior" is missing; it is one of %s`, priorNames())
		return nil
	case !known:
		if text, isText := given.value.(string); isText {
			r.wrong(given, join(name, "prior"), "must be one of %s, and not %s", priorNames(), excerpt.Quote(text))
		}
		return nil
	}
	before := len(r.found)
	r.required(it, name, fmt.Sprintf("; a %s prior needs it", kind), fields.needs...)
	for _, key := range []string{"min", "max", "mean", "std", "values", "weights"} {
		if other := it.member(key); other != nil && !slices.Contains(fields.needs, key) && !slices.Contains(fields.may, key) {
			r.wrongKey(other, join(name, key), "a %s prior has no %s; it has %s", kind, key, strings.Join(append(fields.needs, fields.may...), ", "))
		}
	}
	var p *Prior
	switch kind {
	case Uniform, LogUniform:
		low, ok1 := r.number(it, name, "min")
		high, ok2 := r.number(it, name, "max")
		if !ok1 || !ok2 || !r.ordered(it, name, low, high) {
			return nil
		}
		p = newUniform(low, high)
		if kind == LogUniform {
			if !r.isPositive(it.member("min"), join(name, "min"), low) {
				return nil
			}
			p = newLogUniform(low, high)
		}
	case Normal:
		p = r.normal(it, name)
	case HalfNormal:
		if std, ok := r.positive(it, name, "std"); ok {
			p = newHalfNormal(std)
		}
	case List:
		p = r.listPrior(it, name)
	}
	if len(r.found) > before {
		return nil
	}
	return p
}

func priorNames() string {
	quoted := make([]string, len(priorKinds))
	for i, k := range priorKinds {
		quoted[i] = fmt.Sprintf("%q", k)
	}
	return strings.Join(quoted, ", ")
}

func (r *reader) normal(it *item, name string) *Prior {
	mean, ok1 := r.number(it, name, "mean")
	std, ok2 := r.positive(it, name, "std")
	bound := func(key string, without float64) (float64, bool) {
		if it.member(key) == nil {
			return without, true
		}
		return r.number(it, name, key)
	}
	low, ok3 := bound("min", math.Inf(-1))
	high, ok4 := bound("max", math.Inf(1))
	if !ok1 || !ok2 || !ok3 || !ok4 || !r.ordered(it, name, low, high) {
		return nil
	}
	// A smaller share could hardly be what was meant.
	const smallest = 1e-9
	p, share := newNormal(mean, std, low, high)
	if !(share >= smallest) {
		r.wrongKey(it, name, "from min to max there is almost nothing of a normal distribution with mean %v and std %v", mean, std)
	}
	return p
}

func (r *reader) listPrior(it *item, name string) *Prior {
	values, ok := r.list(it, name, "values")
	if !ok {
		return nil
	}
	weights := slices.Repeat([]float64{1}, len(values))
	if it.member("weights") != nil {
		if weights, ok = r.list(it, name, "weights"); !ok {
			return nil
		}
	}
	given, field := it.member("weights"), join(name, "weights")
	switch {
	case len(weights) != len(values):
		r.wrong(given, field, "must have a number for each of the %d values, and not %d", len(values), len(weights))
		return nil
	case slices.Min(weights) < 0 || slices.Max(weights) <= 0:
		r.wrong(given, field, "must not have a number below 0, and one above 0 at least")
		return nil
	}
	sorted := slices.Sorted(slices.Values(values))
	if unique := slices.Compact(sorted); len(unique) < len(values) {
		r.wrong(it.member("values"), join(name, "values"), "must be different values; one of them is there twice")
		return nil
	}
	return newList(values, weights)
}
