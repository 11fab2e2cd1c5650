package main

import (
	"bytes"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strconv"
	"testing"
)

// The study with fewer samples, measurements and particles. STUDY_SAMPLES is a number of samples for the whole one, without
// optbayesexpt.
func quick() plan {
	p := plan{samples: 40, measurements: 100, particles: 2000, seed: 1, workers: runtime.NumCPU()}
	if n, _ := strconv.Atoi(os.Getenv("STUDY_SAMPLES")); n > 0 {
		p.samples, p.measurements, p.particles = n, 200, 0
	}
	return p
}

func (p *plan) whole() bool { return p.particles == 0 }

// TestTrust: where all assumptions are true, as many true values are within 1, 2 and 3 standard deviations as the
// posteriors expect, and runs are neither lost nor told not to trust. The bounds are 4 standard deviations of the binomial
// distribution, of independent samples: the parameters of a sample are not.
func TestTrust(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes half a minute of a processor")
	}
	p := quick()
	cases, err := fine("../..")
	if err != nil {
		t.Fatal(err)
	}
	var within, expected [3]float64
	samples, lost, distrusted := 0, 0, 0
	for i := range cases {
		s := &cases[i]
		if s.name == "rabi" && !p.whole() {
			continue // it has so many settings that it takes half of the time
		}
		r, err := s.study(p, func() {})
		if err != nil {
			t.Fatal(err)
		}
		c := r.count(r.ours)
		samples, lost, distrusted = samples+len(r.ours), lost+c.lost, distrusted+c.distrusted
		if c.confident > 0 || c.failed > 0 {
			t.Errorf("%s: %d runs are lost and confident, %d failed", s.name, c.confident, c.failed)
		}
		for k := range s.Parameters {
			tally := r.tally(r.ours, k)
			for n := range within {
				within[n] += float64(tally.within[n]) / float64(len(s.Parameters))
				expected[n] += tally.expected[n] * float64(tally.runs) / float64(len(s.Parameters))
			}
			if tally.beyond > 0 {
				t.Errorf("%s: %d runs are more than 5 standard deviations off in %s", s.name, tally.beyond, s.Parameters[k].Name)
			}
		}
	}
	total := float64(samples)
	for n := range within {
		share := expected[n] / total
		t.Logf("within %d σ: %.1f %%, the posteriors expect %.1f %%, a normal distribution has %.1f %%", n+1, 100*within[n]/total, 100*share, 100*normal[n])
		if deviation := math.Sqrt(share * (1 - share) / total); math.Abs(within[n]/total-share) > 4*deviation || math.Abs(share-normal[n]) > 0.02 {
			t.Errorf("%.1f %% are within %d standard deviations, the posteriors expect %.1f %%", 100*within[n]/total, n+1, 100*share)
		}
	}
	t.Logf("%d of %d lost, %d told not to trust", lost, samples, distrusted)
	if lost*20 > samples {
		t.Errorf("%d of %d runs are lost", lost, samples)
	}
	if distrusted*20 > samples {
		t.Errorf("%d of %d runs are told not to trust a right result", distrusted, samples)
	}
}

// TestViolated: where an assumption is not true, hardly a run is certain of a wrong value without a warning.
func TestViolated(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes half a minute of a processor")
	}
	p := quick()
	p.samples = max(1, p.samples/4)
	cases, err := violated("../..")
	if err != nil {
		t.Fatal(err)
	}
	runs, silent := 0, 0
	for i := range cases {
		r, err := cases[i].study(p, func() {})
		if err != nil {
			t.Fatal(err)
		}
		trusted := 0
		for i := range r.ours {
			o := &r.ours[i]
			runs++
			if o.Trusted {
				trusted++
			}
			if o.Trusted && o.confident(r.samples[i].truth) {
				silent++
				t.Logf("%s, sample %d: %v ± %v, the truth is %v", r.name, i+1, o.Mean, o.Std, r.samples[i].truth)
			}
		}
		t.Logf("%s: %d of %d trusted", r.name, trusted, len(r.ours))
	}
	if silent*20 > runs {
		t.Errorf("%d of %d runs are certain of a wrong value without a warning", silent, runs)
	}
}

// TestKept: a study that was ended, while it wrote a line, continues with what is not done yet, and has the same results.
func TestKept(t *testing.T) {
	cases, err := fine("../..")
	if err != nil {
		t.Fatal(err)
	}
	s := &cases[0]
	path := filepath.Join(t.TempDir(), "results")
	study := func(p plan) (*runs, int) {
		t.Helper()
		before, err := os.ReadFile(path)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		if p.kept, err = keep(path); err != nil {
			t.Fatal(err)
		}
		defer p.kept.file.Close()
		r, err := s.study(p, func() {})
		if err != nil {
			t.Fatal(err)
		}
		after, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return r, bytes.Count(after, []byte("\n")) - bytes.Count(before, []byte("\n"))
	}
	p := plan{samples: 3, measurements: 20, particles: 500, seed: 1, workers: 2}
	first, written := study(p)
	if written != 3 {
		t.Errorf("%d lines for 3 samples", written)
	}
	text, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, text[:len(text)-10], 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	second, written := study(p)
	if written != 1 {
		t.Errorf("%d lines for the sample whose line was cut off", written)
	}
	p.samples, p.even = 4, true
	third, written := study(p)
	if written != 4 {
		t.Errorf("%d lines for evenly spaced settings in each of 4 samples", written)
	}
	if !reflect.DeepEqual(first.ours, second.ours) || !reflect.DeepEqual(first.ours, third.ours[:3]) || len(third.even) != 4 {
		t.Errorf("%+v\n%+v\n%+v", first.ours, second.ours, third.ours)
	}
	p.kept = nil
	if afresh, err := s.study(p, func() {}); err != nil || !reflect.DeepEqual(afresh.ours, third.ours) || !reflect.DeepEqual(afresh.even, third.even) {
		t.Errorf("%v\n%+v\n%+v", err, afresh, third)
	}
}

// TestQuotient: the errors of one designer are half of those of the other, which are from 1 to 100 times as large in some
// samples as in others. The statistical error of the quotient is right: it is 5 times off in none of 20 such studies, and
// about 1 in the mean.
func TestQuotient(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	squares := 0.0
	const studies = 20
	for range studies {
		r := &runs{}
		var theirs []outcome
		for range 200 {
			scale := math.Exp(random.Float64() * math.Log(100))
			r.samples = append(r.samples, sample{truth: []float64{0, 0}})
			r.ours = append(r.ours, outcome{Mean: []float64{scale * random.NormFloat64(), 0.5 * scale * random.NormFloat64()}})
			theirs = append(theirs, outcome{Mean: []float64{scale * random.NormFloat64(), 2 * scale * random.NormFloat64()}})
		}
		theirs = theirs[:150]
		theirs[7] = outcome{Failed: "an exception"}
		quotient, deviation := r.quotient(r.ours, theirs, 0, 1)
		z := (quotient - 0.5) / deviation
		squares += z * z
		if math.Abs(z) > 5 {
			t.Errorf("%v ± %v", quotient, deviation)
		}
	}
	if z := math.Sqrt(squares / studies); z < 0.5 || z > 1.6 {
		t.Errorf("the quotients are %v of their statistical errors off", z)
	}
	r := &runs{samples: []sample{{truth: []float64{0}}}, ours: []outcome{{Mean: []float64{1}}}}
	if quotient, _ := r.quotient(r.ours, []outcome{{Failed: "an exception"}}, 0); !math.IsNaN(quotient) {
		t.Errorf("all others failed, and the quotient is %v", quotient)
	}
}
