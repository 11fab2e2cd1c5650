package expression

import (
	"math/rand/v2"
	"testing"
)

// BenchmarkLorentzian measures a Lorentzian at one setting for 10,000 particles, and at 200
// settings for 50, beside loops in Go. It has seven operations for each value, of which two
// are divisions.
func BenchmarkLorentzian(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	column := func(n int, low, high float64) []float64 {
		values := make([]float64, n)
		for i := range values {
			values[i] = low + (high-low)*r.Float64()
		}
		return values
	}
	particles := func(n int) [][]float64 {
		return [][]float64{column(n, 1.5, 3.5), column(n, 0.01, 0.1), column(n, 0.003, 0.05)}
	}
	e := mustCompile(b, lorentzian, lorentzianScope).NewEvaluator()
	const n = 10_000
	many, few := particles(n), particles(50)
	settings := [][]float64{column(200, 1.5, 3.5)}
	dst := make([]float64, n)
	report := func(b *testing.B) { b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/value") }
	b.Run("AtSetting", func(b *testing.B) {
		setting := []float64{2.4}
		for b.Loop() {
			e.AtSetting(dst, setting, many)
		}
		report(b)
	})
	b.Run("AtSettingInGo", func(b *testing.B) {
		for b.Loop() {
			loop(dst, 2.4, many)
		}
		report(b)
	})
	b.Run("AtParticles", func(b *testing.B) {
		for b.Loop() {
			e.AtParticles(dst, settings, few, 200, 50)
		}
		report(b)
	})
	b.Run("AtParticlesInGo", func(b *testing.B) {
		for b.Loop() {
			for i := range 50 {
				c, d, w := few[0][i], few[1][i], few[2][i]
				row := dst[i*200 : (i+1)*200]
				for j, frequency := range settings[0] {
					u := (frequency - c) * 2 / w
					row[j] = 1 - d/(1+u*u)
				}
			}
		}
		report(b)
	})
}

//go:noinline
func loop(dst []float64, frequency float64, particles [][]float64) {
	c, d, w := particles[0][:len(dst)], particles[1][:len(dst)], particles[2][:len(dst)]
	for i := range dst {
		u := (frequency - c[i]) * 2 / w[i]
		dst[i] = 1 - d[i]/(1+u*u)
	}
}

func BenchmarkCompile(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		mustCompile(b, lorentzian, lorentzianScope).NewEvaluator()
	}
}
