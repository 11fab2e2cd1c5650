package experiment

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
)

// BenchmarkPredict measures a prediction of each experiment of the gallery: for 10,000
// particles as newdat needs it, and for 60 as goodset does at each setting.
func BenchmarkPredict(b *testing.B) {
	files, _ := filepath.Glob(gallery + "/*.toml")
	for _, file := range files {
		e, err := Load(file)
		if err != nil {
			b.Fatal(err)
		}
		r := rand.New(rand.NewPCG(1, 2))
		const most = 10_000
		var particles [][]float64
		for _, p := range e.Parameters {
			column := make([]float64, most)
			for i := range column {
				column[i] = p.Prior.Sample(r)
			}
			particles = append(particles, column)
		}
		var setting []float64
		for _, values := range e.Knobs() {
			setting = append(setting, values[len(values)/3])
		}
		out := make([]float64, most)
		for _, n := range []int{most, 60} {
			b.Run(fmt.Sprintf("%s/%d", filepath.Base(file), n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					e.Predict(0, setting, particles, 0, n, out)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/value")
			})
		}
	}
}
