package main

import (
	"fmt"
	"io"
)

// A goal is a promise about all experiments, and where it does not hold.
type goal struct {
	text    string
	not     []string
	unknown bool
}

func (g *goal) want(ok bool, format string, args ...any) {
	if !ok {
		g.not = append(g.not, fmt.Sprintf(format, args...))
	}
}

// compare wants the median errors of our runs to be at most those of others.
func (g *goal) compare(r *runs, others []outcome, name string, parameters ...int) {
	if others == nil {
		g.unknown = true
		return
	}
	quotient, deviation := r.quotient(r.ours, others, parameters...)
	g.want(quotient <= 1+3*deviation, "%s: %.2f ± %.2f times", name, quotient, deviation)
}

// goals judges the runs of experiments whose assumptions are true.
func goals(all []*runs) []*goal {
	normalShares := &goal{text: "68.3, 95.4 and 99.7 % of true values within 1, 2 and 3 σ, within the statistical error, or the share that the posterior itself expects where it is not normal"}
	beyond := &goal{text: "at most 0.1 % beyond 5 σ"}
	lost := &goal{text: "at most 1 % lost"}
	confident := &goal{text: "no lost run that is confident"}
	original := &goal{text: "a median error of at most that of optbayesexpt, within 3 standard deviations of their quotient"}
	even := &goal{text: "the same beside evenly spaced settings, in the geometric mean over the parameters of an experiment"}
	for _, r := range all {
		c := r.count(r.ours)
		n := len(r.ours)
		lost.want(c.lost*100 <= n, "%s: %d of %d", r.name, c.lost, n)
		confident.want(c.confident == 0, "%s: %d of %d", r.name, c.confident, n)
		confident.want(c.failed == 0, "%s: %d runs failed", r.name, c.failed)
		for k := range r.Parameters {
			name := r.name + ", " + r.Parameters[k].Name
			t := r.tally(r.ours, k)
			for i, p := range normal {
				normalShares.want(t.agrees(t.within[i], p) || t.agrees(t.within[i], t.expected[i]), "%s: %.1f %% within %d σ, the posteriors expect %.1f %%",
					name, t.share(t.within[i]), i+1, 100*t.expected[i])
			}
			beyond.want(t.beyond*1000 <= n, "%s: %d of %d", name, t.beyond, n)
			original.compare(r, r.theirs, name, k)
		}
		// Settings that tell most about all parameters together may tell less about one of them.
		all := make([]int, len(r.Parameters))
		for k := range all {
			all[k] = k
		}
		even.compare(r, r.even, r.name, all...)
	}
	return []*goal{normalShares, beyond, lost, confident, original, even}
}

// goalsViolated judges the runs of experiments whose assumptions are not true.
func goalsViolated(all []*runs) []*goal {
	told := &goal{text: "where an assumption is not true, no run that is trusted and more than 5 σ off in any parameter"}
	far := &goal{text: "where an assumption is not true, at most 1 % of all runs more than 5 σ off in any parameter"}
	for _, r := range all {
		silent, wrong := 0, 0
		for i := range r.ours {
			o := &r.ours[i]
			if o.confident(r.samples[i].truth) {
				wrong++
				if o.Trusted {
					silent++
				}
			}
		}
		told.want(silent == 0, "%s: %d of %d", r.name, silent, len(r.ours))
		far.want(wrong*100 <= len(r.ours), "%s: %d of %d", r.name, wrong, len(r.ours))
	}
	return []*goal{told, far}
}

// print prints a goal and returns whether it holds.
func (g *goal) print(w io.Writer) bool {
	switch {
	case g.unknown:
		fmt.Fprintf(w, "- %s: not measured\n", g.text)
	case len(g.not) == 0:
		fmt.Fprintf(w, "- %s: **holds**\n", g.text)
	default:
		fmt.Fprintf(w, "- %s: **does not hold**\n", g.text)
		for _, where := range g.not {
			fmt.Fprintf(w, "  - %s\n", where)
		}
	}
	return g.unknown || len(g.not) == 0
}
