package main

import (
	"fmt"
	"io"
)

// writeRuns writes the table of runs: a row for each experiment.
func writeRuns(w io.Writer, all []*runs) {
	fmt.Fprint(w, "| experiment | samples | lost | of these confident | told not to trust | samples of optbayesexpt | lost by it | of these confident | its exceptions | lost with evenly spaced settings |\n")
	fmt.Fprint(w, "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, r := range all {
		ours, theirs, even := r.count(r.ours), r.count(r.theirs), r.count(r.even)
		fmt.Fprintf(w, "| %s | %d | %d | %d | %d | %s | %s | %s | %s | %s |\n", r.name, len(r.ours), ours.lost, ours.confident, ours.distrusted,
			known(r.theirs, "%d", len(r.theirs)), known(r.theirs, "%d", theirs.lost), known(r.theirs, "%d", theirs.confident), known(r.theirs, "%d", theirs.failed), known(r.even, "%d", even.lost))
	}
}

// writeParameters writes the table of parameters.
func writeParameters(w io.Writer, all []*runs) {
	fmt.Fprint(w, "| experiment | parameter | 1 σ | 2 σ | 3 σ | expected | beyond 5 σ | optbayesexpt: 1 σ | 2 σ | 3 σ | beyond 5 σ | error / optbayesexpt's | error / evenly spaced |\n")
	fmt.Fprint(w, "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, r := range all {
		for k := range r.Parameters {
			name := r.name
			if k > 0 {
				name = ""
			}
			t, theirs := r.tally(r.ours, k), r.tally(r.theirs, k)
			fmt.Fprintf(w, "| %s | %s | %.1f | %.1f | %.1f | %.1f, %.1f, %.1f | %d | %s | %s | %s | %s | %s | %s |\n", name, r.Parameters[k].Name,
				t.share(t.within[0]), t.share(t.within[1]), t.share(t.within[2]), 100*t.expected[0], 100*t.expected[1], 100*t.expected[2], t.beyond,
				known(r.theirs, "%.1f", theirs.share(theirs.within[0])), known(r.theirs, "%.1f", theirs.share(theirs.within[1])),
				known(r.theirs, "%.1f", theirs.share(theirs.within[2])), known(r.theirs, "%d", theirs.beyond),
				r.compared(r.theirs, k), r.compared(r.even, k))
		}
	}
}

// compared formats the quotient of median errors, if the other runs were made.
func (r *runs) compared(others []outcome, k int) string {
	if others == nil {
		return "–"
	}
	quotient, deviation := r.quotient(r.ours, others, k)
	return fmt.Sprintf("%.2f ± %.2f", quotient, deviation)
}

// known formats a value, if the runs that it comes from were made.
func known(outcomes []outcome, format string, value any) string {
	if outcomes == nil {
		return "–"
	}
	return fmt.Sprintf(format, value)
}
