package main

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"libobe/internal/designer"
)

// A plan is how much is to be studied.
type plan struct {
	samples, measurements int
	seed                  uint64
	particles             int // 0: as the file says
	workers               int
	even                  bool // also from evenly spaced settings
	python, checkout      string
	beside                int   // in how many samples optbayesexpt runs, too; 0: all
	kept                  *kept // nil to keep no results
}

// besides returns in how many samples optbayesexpt runs.
func (p *plan) besides() int {
	switch {
	case p.checkout == "":
		return 0
	case p.beside > 0:
		return min(p.beside, p.samples)
	}
	return p.samples
}

// runs are the outcomes of the samples of one experiment; even and theirs are nil if they are not asked for. theirs may be
// of the first samples only.
type runs struct {
	*studied
	samples            []sample
	ours, even, theirs []outcome
	version            versions
}

// study makes the runs of an experiment, and calls progress after each sample.
func (s *studied) study(p plan, progress func()) (*runs, error) {
	r := &runs{studied: s, samples: make([]sample, p.samples), ours: make([]outcome, p.samples)}
	if p.even {
		r.even = make([]outcome, p.samples)
	}
	if n := p.besides(); n > 0 {
		r.theirs = make([]outcome, n)
	}
	if p.particles > 0 {
		s.Particles = p.particles
	}
	var next atomic.Int64
	var wait sync.WaitGroup
	errors := make([]error, p.workers)
	for worker := range p.workers {
		wait.Go(func() { errors[worker] = r.work(p, &next, worker == 0, progress) })
	}
	wait.Wait()
	for _, err := range errors {
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return r, nil
}

// work makes the runs of samples that no other worker has taken.
func (r *runs) work(p plan, next *atomic.Int64, first bool, progress func()) error {
	var o *original
	if p.checkout != "" {
		var err error
		if o, err = r.start(p.python, p.checkout); err != nil {
			return err
		}
		defer o.end()
		if first {
			r.version = o.version
		}
	}
	for i := int(next.Add(1)) - 1; i < p.samples; i = int(next.Add(1)) - 1 {
		r.samples[i] = r.draw(p.seed, uint64(i)+1, p.measurements)
		with := o
		if i >= len(r.theirs) {
			with = nil
		}
		done := p.kept.find(r.name, i)
		more, err := r.sample(p, &r.samples[i], with, &done)
		if err == nil && more {
			err = p.kept.add(r.name, i, done)
		}
		if err != nil {
			return err
		}
		r.ours[i] = *done.Ours
		if p.even {
			r.even[i] = *done.Even
		}
		if with != nil {
			r.theirs[i] = *done.Theirs
		}
		progress()
	}
	return nil
}

// sample makes the runs of a sample that are not done yet, and reports whether there were any.
func (s *studied) sample(p plan, of *sample, o *original, done *results) (more bool, err error) {
	for _, one := range []struct {
		outcome **outcome
		asked   bool
		run     func(*designer.Designer) (outcome, error)
	}{
		{&done.Theirs, o != nil, func(d *designer.Designer) (outcome, error) { return o.run(of, p.seed, d.Particles()) }},
		{&done.Ours, true, func(d *designer.Designer) (outcome, error) { return s.run(of, d, false), nil }},
		{&done.Even, p.even, func(d *designer.Designer) (outcome, error) { return s.run(of, d, true), nil }},
	} {
		if !one.asked || *one.outcome != nil {
			continue
		}
		d, err := s.begin(of, p.seed)
		if err != nil {
			return more, err
		}
		result, err := one.run(d)
		if err != nil {
			return more, err
		}
		*one.outcome, more = &result, true
	}
	return more, nil
}

// progress returns a function that is called after each of count samples, and prints a line to stderr now and then.
func progress(name string, count int) func() {
	var done atomic.Int64
	var printed atomic.Int64
	began := time.Now()
	return func() {
		n := done.Add(1)
		elapsed := time.Since(began)
		if second := int64(elapsed.Seconds()) / 10; printed.Swap(second) != second || int(n) == count {
			left := time.Duration(float64(elapsed) / float64(n) * float64(count-int(n)))
			fmt.Fprintf(os.Stderr, "%s: %d of %d samples, %v left\n", name, n, count, left.Round(time.Second))
		}
	}
}
