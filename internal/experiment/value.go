package experiment

import (
	"math"
)

// number reads a number. It returns false if the field is not there or not valid.
func (r *reader) number(table *item, name, key string) (float64, bool) {
	it := table.member(key)
	if it == nil {
		return 0, false
	}
	return r.numberOf(it, join(name, key))
}

func (r *reader) numberOf(it *item, field string) (float64, bool) {
	v, isNumber := numberIn(it.value)
	switch {
	case !isNumber:
		r.wrong(it, field, "must be a number, and not %s", shown(it.value))
	case !(math.Abs(v) <= maxMagnitude):
		r.wrong(it, field, "must be a number from %g to %g, and not %v", -maxMagnitude, maxMagnitude, v)
	default:
		return v, true
	}
	return 0, false
}

func numberIn(value any) (float64, bool) {
	switch v := value.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

// positive reads a number that is greater than 0.
func (r *reader) positive(table *item, name, key string) (float64, bool) {
	v, ok := r.number(table, name, key)
	if ok && !r.isPositive(table.member(key), join(name, key), v) {
		return 0, false
	}
	return v, ok
}

func (r *reader) isPositive(it *item, field string, v float64) bool {
	const smallest = 1 / maxMagnitude
	if v < smallest {
		r.wrong(it, field, "must be greater than 0, and not %v", v)
		return false
	}
	return true
}

// whole reads a whole number from low to high, which may be written as 1e4.
func (r *reader) whole(table *item, name, key string, low, high int64) (int64, bool) {
	it := table.member(key)
	if it == nil {
		return 0, false
	}
	v, ok := it.value.(int64)
	if f, isFloat := it.value.(float64); isFloat && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		v, ok = int64(f), true
	}
	if !ok || v < low || v > high {
		r.wrong(it, join(name, key), "must be a whole number from %d to %d, and not %s", low, high, shown(it.value))
		return 0, false
	}
	return v, true
}

func (r *reader) text(table *item, name, key string) string {
	it := table.member(key)
	if it == nil {
		return ""
	}
	v, ok := it.value.(string)
	if !ok {
		r.wrong(it, join(name, key), "must be a text in quotes, and not %s", shown(it.value))
	}
	most := maxText
	if key == "description" {
		most = maxDescription
	}
	if len(v) > most {
		r.wrong(it, join(name, key), "must have at most %d bytes, and not %d", most, len(v))
	}
	return v
}

// list reads numbers.
func (r *reader) list(table *item, name, key string) ([]float64, bool) {
	it := table.member(key)
	if it == nil {
		return nil, false
	}
	field := join(name, key)
	all, isList := it.value.([]any)
	switch {
	case !isList:
		r.wrong(it, field, "must be a list of numbers, such as [1, 2, 5], and not %s", shown(it.value))
		return nil, false
	case len(all) == 0 || len(all) > maxValues:
		r.wrong(it, field, "must have from 1 to %d numbers, and not %d", maxValues, len(all))
		return nil, false
	}
	values := make([]float64, len(all))
	for i := range all {
		v, ok := numberIn(all[i])
		if !ok || !(math.Abs(v) <= maxMagnitude) {
			r.wrong(it, field, "must have numbers from %g to %g only; number %d is %s", -maxMagnitude, maxMagnitude, i+1, shown(all[i]))
			return nil, false
		}
		values[i] = v
	}
	return values, true
}

// required notes a mistake for each key that a table lacks.
func (r *reader) required(table *item, name, because string, keys ...string) {
	for _, key := range keys {
		if table.member(key) == nil {
			r.wrongKey(table, name, "%q is missing%s", key, because)
		}
	}
}

// ordered notes a mistake if min is not less than max.
func (r *reader) ordered(table *item, name string, low, high float64) bool {
	if low < high {
		return true
	}
	r.wrong(table.member("min"), join(name, "min"), "must be less than max, which is %v, and not %v", high, low)
	return false
}
