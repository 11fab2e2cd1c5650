package experiment

import (
	"math"
	"slices"

	"libobe/internal/excerpt"
)

func (r *reader) settings(tree *item, e *Experiment) {
	r.named(tree, "settings", maxKnobs, func(it *item, name string, label Label) {
		s := Setting{Label: label}
		switch {
		case it == nil:
		case it.member("values") != nil:
			s.Listed = true
			for _, key := range []string{"min", "max", "steps", "scale"} {
				if other := it.member(key); other != nil {
					r.wrongKey(other, join(name, key), "a knob with values has no %s", key)
				}
			}
			s.Values, _ = r.list(it, name, "values")
		default:
			s.Values, s.Logarithmic = r.rangeOf(it, name)
		}
		if s.Values != nil {
			s.Min, s.Max = slices.Min(s.Values), slices.Max(s.Values)
		}
		e.Settings = append(e.Settings, s)
	})
}

// rangeOf returns the values of a knob from min to max.
func (r *reader) rangeOf(it *item, name string) (values []float64, logarithmic bool) {
	r.required(it, name, "; a knob has min, max and steps, or values", "min", "max", "steps")
	switch scale := r.text(it, name, "scale"); scale {
	case "logarithmic":
		logarithmic = true
	case "", "linear":
	default:
		r.wrong(it.member("scale"), join(name, "scale"), `must be "linear" or "logarithmic", and not %s`, excerpt.Quote(scale))
	}
	low, ok1 := r.number(it, name, "min")
	high, ok2 := r.number(it, name, "max")
	steps, ok3 := r.whole(it, name, "steps", 2, maxSteps)
	if !ok1 || !ok2 || !r.ordered(it, name, low, high) {
		return nil, logarithmic
	}
	if logarithmic && low <= 0 {
		r.wrong(it.member("min"), join(name, "min"), "must be greater than 0 on a logarithmic scale, and not %v", low)
		return nil, logarithmic
	}
	if !ok3 {
		return nil, logarithmic
	}
	values = make([]float64, steps)
	for i := range values {
		share := float64(i) / float64(steps-1)
		if logarithmic {
			values[i] = low * math.Exp(share*math.Log(high/low))
		} else {
			values[i] = low + share*(high-low)
		}
	}
	values[steps-1] = high
	return values, logarithmic
}
