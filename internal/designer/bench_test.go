package designer_test

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"libobe/internal/designer"
	file "libobe/internal/experiment"
)

// dipOfFile is dip, with the model as an expression from the file of the gallery, as obe design has it.
func dipOfFile(b *testing.B, seed uint64) designer.Config {
	file, err := file.Load("../../examples/experiments/lorentzian.toml")
	if err != nil {
		b.Fatal(err)
	}
	cfg := dip(seed)
	cfg.Model = file
	return cfg
}

// BenchmarkRounds measures rounds of Good and Add, in CPU time of one thread: runs of find_peak of 200 rounds each.
func BenchmarkRounds(b *testing.B) {
	var times []time.Duration
	for b.Loop() {
		times = append(times, rounds(b, uint64(len(times)), 200)...)
	}
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2].Nanoseconds())/1e6, "ms-median")
	b.ReportMetric(float64(times[len(times)*99/100].Nanoseconds())/1e6, "ms-p99")
	b.ReportMetric(float64(times[len(times)-1].Nanoseconds())/1e6, "ms-max")
}

// BenchmarkLarge is a round of 100,000 particles and 10,000 settings, in elapsed time with all cores.
func BenchmarkLarge(b *testing.B) {
	cfg := dipOfFile(b, 1)
	cfg.Particles = 100_000
	cfg.Knobs = [][]float64{spaced(1.5, 3.5, 10_000)}
	d := mustNew(b, cfg)
	truth := [][]float64{{2.3}, {0.05}, {0.03}}
	r := rand.New(rand.NewPCG(1, 2))
	y := make([]float64, 1)
	for b.Loop() {
		x, err := d.Good(4)
		if err != nil {
			b.Fatal(err)
		}
		cfg.Model.Predict(0, x, truth, 0, 1, y)
		y[0] += 0.005 * r.NormFloat64()
		if err := d.Add(designer.Measurement{X: x, Y: y}); err != nil {
			b.Fatal(err)
		}
	}
}

// rounds makes measurements of a sample of find_peak with the given number, at the settings that the designer chooses, and
// returns the CPU times of Good and Add.
func rounds(b *testing.B, sample uint64, measurements int) []time.Duration {
	runtime.LockOSThread() // for threadTime
	defer runtime.UnlockOSThread()
	r := rand.New(rand.NewPCG(sample, 99))
	cfg := dipOfFile(b, sample)
	var truth [][]float64
	for _, p := range cfg.Parameters {
		truth = append(truth, []float64{p.Prior.Sample(r)})
	}
	d := mustNew(b, cfg)
	var times []time.Duration
	y := make([]float64, 1)
	for range measurements {
		start := threadTime()
		x, err := d.Good(4)
		if err != nil {
			b.Fatal(err)
		}
		took := threadTime() - start
		cfg.Model.Predict(0, x, truth, 0, 1, y)
		y[0] += cfg.Channels[0].Noise * r.NormFloat64()
		start = threadTime()
		if err := d.Add(designer.Measurement{X: x, Y: y}); err != nil {
			b.Fatal(err)
		}
		times = append(times, took+threadTime()-start)
	}
	return times
}
