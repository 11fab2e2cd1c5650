package main

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"

	"libobe/internal/designer"
	"libobe/internal/experiment"
)

// TestAgainstImportanceSampling compares the posteriors of runs of each experiment with those that are computed otherwise:
// by importance sampling from a wider distribution.
func TestAgainstImportanceSampling(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes 20 s of a processor")
	}
	cases, err := fine("../..")
	if err != nil {
		t.Fatal(err)
	}
	const seed = 3
	var compared, squares, ratios float64
	for i := range cases {
		s := &cases[i]
		s.Particles = 4000
		for number := range uint64(3) {
			of := s.draw(seed, number, 100)
			d, err := s.begin(&of, seed)
			if err != nil {
				t.Fatal(err)
			}
			all := s.adapt(t, d, &of)
			mean, std, effective := s.importance(d, all)
			if trusted := d.Status().Trusted; effective < 1000 || !trusted {
				t.Logf("%s, sample %d: only %.0f samples count, or the standard deviations are enlarged: trusted %v", s.name, number, effective, trusted)
				continue
			}
			for k, m := range d.Mean() {
				off, ratio := (m-mean[k])/std[k], d.Std()[k]/std[k]
				compared++
				squares += off * off
				ratios += ratio
				if math.Abs(off) > 0.6 || ratio < 0.75 || ratio > 1.33 {
					t.Errorf("%s, sample %d, %s: %v ± %v, by importance sampling %v ± %v", s.name, number, s.Parameters[k].Name, m, d.Std()[k], mean[k], std[k])
				}
			}
		}
	}
	off, ratio := math.Sqrt(squares/compared), ratios/compared
	t.Logf("%.0f parameters: the means are %.3f σ off (root mean square), the standard deviations are %.3f times as large in the mean", compared, off, ratio)
	if compared < 40 || off > 0.15 || math.Abs(ratio-1) > 0.03 {
		t.Error("the posteriors differ")
	}
}

// adapt makes the measurements of a sample at the settings that the designer chooses.
func (s *studied) adapt(t *testing.T, d *designer.Designer, of *sample) []designer.Measurement {
	var all []designer.Measurement
	for n := range of.noise {
		x, err := d.Good(s.Design.Pickiness)
		if err != nil {
			t.Fatal(err)
		}
		m := s.measure(of, n, x)
		if err := d.Add(m); err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	return all
}

// importance returns the moments of a posterior, and how many of the samples that they are from count. The samples are
// from Student's t distribution with 4 degrees of freedom, whose tails are wider than those of a posterior, with the
// moments of the designer.
func (s *studied) importance(d *designer.Designer, all []designer.Measurement) (mean, std []float64, effective float64) {
	const samples, freedom = 40_000, 4
	r := rand.New(rand.NewPCG(1, 2))
	count := len(s.Parameters)
	cov := mat.NewSymDense(count, nil)
	centre := d.Mean()
	for a, row := range d.Cov() {
		for b := range a + 1 {
			cov.SetSym(a, b, 1.5*row[b])
		}
	}
	var cholesky mat.Cholesky
	if !cholesky.Factorize(cov) {
		return nil, nil, 0
	}
	var lower mat.TriDense
	cholesky.LTo(&lower)
	values := make([][]float64, count)
	for k := range values {
		values[k] = make([]float64, samples)
	}
	log := make([]float64, samples)
	z := make([]float64, count)
	for i := range samples {
		chi, squares := 0.0, 0.0
		for range freedom {
			v := r.NormFloat64()
			chi += v * v
		}
		for k := range z {
			z[k] = r.NormFloat64() / math.Sqrt(chi/freedom)
			squares += z[k] * z[k]
		}
		log[i] = 0.5 * float64(freedom+count) * math.Log1p(squares/freedom)
		for k := range z {
			v := centre[k]
			for l := range k + 1 {
				v += lower.At(k, l) * z[l]
			}
			values[k][i] = v
			log[i] += s.Parameters[k].Prior.LogDensity(v)
		}
	}
	out := make([]float64, samples)
	for _, m := range all {
		for channel, ch := range s.Channels {
			s.Predict(channel, m.X, values, 0, samples, out)
			for i, f := range out {
				sigma := ch.Noise.Std
				if ch.Noise.Kind == experiment.EstimatedNoise {
					sigma = values[ch.Noise.Parameter][i]
				}
				off := (m.Y[channel] - f) / sigma
				log[i] -= 0.5*off*off + math.Log(sigma)
			}
		}
	}
	largest := math.Inf(-1)
	for _, l := range log {
		if l > largest {
			largest = l
		}
	}
	var sum, squares float64
	for i, l := range log {
		w := math.Exp(l - largest)
		if !(w > 0) {
			w = 0
		}
		log[i] = w
		sum += w
		squares += w * w
	}
	for _, v := range values {
		var m, q float64
		for i, w := range log {
			m += w / sum * v[i]
		}
		for i, w := range log {
			q += w / sum * (v[i] - m) * (v[i] - m)
		}
		mean, std = append(mean, m), append(std, math.Sqrt(q))
	}
	return mean, std, sum * sum / squares
}
