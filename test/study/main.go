// study measures how far the results of the designer can be trusted: it makes many runs of the experiments in
// examples/experiments with true values that are known, and counts how far the estimates are from these, beside
// optbayesexpt on the same samples. It prints tables in Markdown, and which goals hold. "make study" runs it.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
)

func main() {
	var p plan
	var only string
	var verbose bool
	var results string
	flag.IntVar(&p.samples, "samples", 1000, "number of runs of each experiment")
	flag.IntVar(&p.measurements, "measurements", 200, "number of measurements in a run")
	flag.Uint64Var(&p.seed, "seed", 1, "where the random numbers begin")
	flag.IntVar(&p.particles, "particles", 0, "number of particles, 0 for that of each experiment")
	flag.IntVar(&p.workers, "jobs", runtime.NumCPU(), "number of runs at a time")
	flag.StringVar(&p.checkout, "optbayesexpt", "", "directory of a checkout of optbayesexpt, to compare with")
	flag.IntVar(&p.beside, "beside", 0, "in how many samples of each experiment optbayesexpt runs, too, which takes most of the time; 0: in all")
	flag.StringVar(&p.python, "python", "python3", "a Python 3.11 or later that has numpy, for optbayesexpt")
	flag.BoolVar(&p.even, "even", true, "compare with evenly spaced settings")
	flag.StringVar(&only, "only", "", "the name of one experiment")
	flag.BoolVar(&verbose, "verbose", false, "print runs that are lost, far off, or not to trust, to stderr")
	flag.StringVar(&results, "results", "", "a file that keeps the results, so that a study that was ended continues")
	flag.Parse()
	if results != "" {
		var err error
		if p.kept, err = keep(results); err != nil {
			fmt.Fprintln(os.Stderr, "study:", err)
			os.Exit(2)
		}
	}
	ok, err := all(os.Stdout, p, only, verbose)
	if err != nil {
		fmt.Fprintln(os.Stderr, "study:", err)
		os.Exit(2)
	}
	if !ok {
		os.Exit(1)
	}
}

// all makes the study and reports whether all goals hold.
func all(w io.Writer, p plan, only string, verbose bool) (bool, error) {
	if p.checkout == "" {
		fmt.Fprintln(os.Stderr, "OPTBAYESEXPT, a checkout of optbayesexpt, is not given: the study runs without it.")
	}
	ok := true
	for _, part := range []struct {
		title  string
		cases  func(top string) ([]studied, error)
		share  int // of the samples
		judge  func([]*runs) []*goal
		evenly bool
	}{
		{"All assumptions are true", fine, 1, goals, p.even},
		{"An assumption is not true", violated, 5, goalsViolated, false},
	} {
		cases, err := part.cases(".")
		if err != nil {
			return false, err
		}
		now := p
		now.samples, now.even = max(1, p.samples/part.share), part.evenly
		var done []*runs
		for i := range cases {
			s := &cases[i]
			if only != "" && only != s.name {
				continue
			}
			r, err := s.study(now, progress(s.name, now.samples))
			if err != nil {
				return false, err
			}
			if verbose {
				r.explain(os.Stderr)
			}
			done = append(done, r)
		}
		if len(done) == 0 {
			continue
		}
		fmt.Fprintf(w, "%s: seed %d, %d measurements", part.title, p.seed, p.measurements)
		if v := done[0].version; v.Original != "" {
			fmt.Fprintf(w, ", optbayesexpt %s with numpy %s in the first %d samples", v.Original, v.Numpy, now.besides())
		}
		fmt.Fprint(w, ".\n\n")
		writeRuns(w, done)
		fmt.Fprintln(w)
		writeParameters(w, done)
		fmt.Fprintln(w)
		for _, g := range part.judge(done) {
			ok = g.print(w) && ok
		}
		fmt.Fprintln(w)
	}
	return ok, nil
}

// explain prints the runs that need an explanation.
func (r *runs) explain(w io.Writer) {
	for i := range r.ours {
		o, of := &r.ours[i], r.samples[i]
		lost, confident := r.lost(o, of.truth), o.confident(of.truth)
		if lost || confident || !o.Trusted {
			fmt.Fprintf(w, "%s, sample %d: lost %v, confident %v, trusted %v, %s\n  truth %.6g\n  mean  %.6g\n  std   %.3g\n",
				r.name, of.number, lost, confident, o.Trusted, o.Failed, of.truth, o.Mean, o.Std)
			for _, why := range o.Why {
				fmt.Fprintln(w, "  "+why)
			}
		}
	}
}
