package experiment

import (
	"fmt"
	"slices"
	"strings"

	"libobe/internal/excerpt"
	"libobe/internal/expression"
	"libobe/internal/suggest"
)

// The key of a noise that the instrument reports.
const untilReported = "until_reported"

func (r *reader) noise(tree *item, e *Experiment) {
	all := tree.member("noise")
	isChannel := func(name string) bool {
		return slices.ContainsFunc(e.Channels, func(c Channel) bool { return c.Name == name })
	}
	switch {
	case all == nil && r.noiseMisplaced:
	case all == nil:
		r.wrongKey(nil, "", "noise is missing; write the standard deviation of a measurement, such as noise = 0.005, the name of a parameter, or {%s = 0.005}", untilReported)
	case !all.isTable() || all.member(untilReported) != nil && !isChannel(untilReported):
		n := r.noiseOf(all, "noise", e)
		for i := range e.Channels {
			e.Channels[i].Noise = n
		}
	default:
		for i := range e.Channels {
			c := &e.Channels[i]
			at := slices.IndexFunc(all.table, func(it *item) bool { return expression.Normalize(it.key) == c.Name })
			if at < 0 {
				r.wrongKey(all, "noise", "the channel %q is missing", c.Name)
				continue
			}
			c.Noise = r.noiseOf(all.table[at], join("noise", c.Name), e)
		}
		for _, it := range all.table {
			if !isChannel(expression.Normalize(it.key)) {
				r.wrongKey(it, join("noise", it.key), "there is no such channel%s", r.nearestChannel(it.key, e))
			}
		}
	}
}

func (r *reader) nearestChannel(name string, e *Experiment) string {
	names := make([]string, len(e.Channels))
	for i := range e.Channels {
		names[i] = e.Channels[i].Name
	}
	if nearest := suggest.Nearest(name, names); nearest != "" {
		return fmt.Sprintf("; did you mean %q?", nearest)
	}
	return "; the channels are " + excerpt.Message(strings.Join(names, ", "))
}

func (r *reader) noiseOf(it *item, field string, e *Experiment) (n Noise) {
	if it.isTable() {
		r.unknown(it, field, fieldsOf("noise"))
		r.required(it, field, "", untilReported)
		std, _ := r.positive(it, field, untilReported)
		return Noise{Kind: ReportedNoise, Std: std}
	}
	name, isText := it.value.(string)
	if _, isNumber := numberIn(it.value); isNumber {
		if v, ok := r.numberOf(it, field); ok && r.isPositive(it, field, v) {
			n.Std = v
		}
		return n
	}
	const right = "must be a number, {until_reported = number} or the name of a parameter, and not "
	if !isText {
		r.wrong(it, field, "%s", right+shown(it.value))
		return n
	}
	k := slices.Index(e.ParameterNames(), expression.Normalize(name))
	switch {
	case k < 0 && name == "reported":
		r.wrong(it, field, "a reported noise also needs the standard deviation before the first report: {%s = 0.005}", untilReported)
		return n
	case k < 0:
		names := e.ParameterNames()
		known := "the parameters are " + excerpt.Message(strings.Join(names, ", "))
		if nearest := suggest.Nearest(name, names); nearest != "" {
			known = fmt.Sprintf("did you mean %q?", nearest)
		}
		r.wrong(it, field, "%s; %s", right+excerpt.Quote(name), known)
		return n
	}
	if p := e.Parameters[k].Prior; p != nil && p.min < 0 {
		r.wrong(it, field, "the prior of %s allows values below 0, and a standard deviation has none", name)
	}
	return Noise{Kind: EstimatedNoise, Parameter: k}
}
