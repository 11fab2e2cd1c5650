package vector

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// hard are numbers at which operations differ most easily.
var hard = []float64{0, math.Copysign(0, -1), 1, -1, math.Inf(1), math.Inf(-1), math.NaN(), math.MaxFloat64, 5e-324, -700, -701, -60, -1e-300}

func array(r *rand.Rand, n int) []float64 {
	values := make([]float64, n)
	for i := range values {
		if r.IntN(4) == 0 {
			values[i] = hard[r.IntN(len(hard))]
		} else {
			values[i] = -math.Exp(20*r.NormFloat64()) * math.Copysign(1, r.NormFloat64())
		}
	}
	return values
}

// TestSameAsScalar: each number of an array is what Go computes, to the last bit, at all lengths, and nothing is written
// beyond the target.
func TestSameAsScalar(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 70 {
		x, y := array(r, n), array(r, n)
		v := array(r, 1)[0]
		for name, op := range map[string]struct {
			array  func(target []float64)
			scalar func(x, y float64) float64
		}{
			"x + y": {func(t []float64) { Add(t, x, y) }, func(x, y float64) float64 { return x + y }},
			"x + v": {func(t []float64) { AddNumber(t, x, v) }, func(x, _ float64) float64 { return x + v }},
			"x - y": {func(t []float64) { Subtract(t, x, y) }, func(x, y float64) float64 { return x - y }},
			"v - y": {func(t []float64) { SubtractFrom(t, v, y) }, func(_, y float64) float64 { return v - y }},
			"x y":   {func(t []float64) { Multiply(t, x, y) }, func(x, y float64) float64 { return x * y }},
			"x v":   {func(t []float64) { MultiplyNumber(t, x, v) }, func(x, _ float64) float64 { return x * v }},
			"x / y": {func(t []float64) { Divide(t, x, y) }, func(x, y float64) float64 { return x / y }},
			"x / v": {func(t []float64) { DivideNumber(t, x, v) }, func(x, _ float64) float64 { return x / v }},
			"v / y": {func(t []float64) { DivideInto(t, v, y) }, func(_, y float64) float64 { return v / y }},
			"√x":    {func(t []float64) { Sqrt(t, x) }, func(x, _ float64) float64 { return math.Sqrt(x) }},
			"log x": {func(t []float64) { Log(t, x) }, func(x, _ float64) float64 { return log(x) }},
			"exp x": {func(t []float64) { Exp(t, x) }, func(x, _ float64) float64 { return exp(x) }},
		} {
			if name == "exp x" {
				for i := range x {
					x[i] = min(x[i], 700) // NaN stays
				}
			}
			room := make([]float64, n+4)
			op.array(room[:n])
			for i := range n {
				want := op.scalar(x[i], y[i])
				if math.Float64bits(room[i]) != math.Float64bits(want) && !(math.IsNaN(room[i]) && math.IsNaN(want)) {
					t.Fatalf("%s of %v, %v (v is %v), number %d of %d: %v, not %v", name, x[i], y[i], v, i, n, room[i], want)
				}
			}
			for _, beyond := range room[n:] {
				if beyond != 0 {
					t.Fatalf("%s: something is written beyond %d numbers", name, n)
				}
			}
		}
	}
}

func TestTargetIsOperand(t *testing.T) {
	x := []float64{1, 2, 3, 4, 5, 6, 7}
	Multiply(x, x, x)
	Subtract(x, x, x[:7])
	for i, v := range x {
		if v != 0 {
			t.Errorf("number %d is %v", i, v)
		}
	}
	one := []float64{1, 1, 1, 1, 1, 0, 1}
	Log(one, one)
	Exp(one, one)
	for i, v := range one {
		if i == 5 && v != 0 || i != 5 && v != 1 {
			t.Errorf("exp(log(number %d)) is %v", i, v)
		}
	}
}

func TestExp(t *testing.T) {
	var x []float64
	for v := 700.0; v > -700; v -= 0.01713 {
		x = append(x, v)
	}
	got := make([]float64, len(x))
	Exp(got, x)
	for i, v := range x {
		if want := math.Exp(v); math.Abs(got[i]/want-1) > 1e-12 {
			t.Fatalf("exp(%v) = %v, want %v", v, got[i], want)
		}
	}
	Exp(got[:5], []float64{0, math.Inf(-1), math.NaN(), -701, 0})
	for i, want := range []float64{1, 0, 0, 0, 1} {
		if got[i] != want {
			t.Errorf("number %d is %v, not %v", i, got[i], want)
		}
	}
}

func TestLog(t *testing.T) {
	x := []float64{1, math.Sqrt2, math.Sqrt(0.5), math.Nextafter(1, 0), math.Nextafter(1, 2), math.MaxFloat64, 0x1p-1022}
	for v := 1e-300; v < 1e300; v *= 1.0171 {
		x = append(x, v, 1+1e3*v/(1+1e6*v))
	}
	got := make([]float64, len(x))
	Log(got, x)
	for i, v := range x {
		if want := math.Log(v); math.Abs(got[i]-want) > 1e-12*math.Abs(want) {
			t.Fatalf("log(%v) = %v, want %v", v, got[i], want)
		}
	}
	for _, v := range []float64{0, -1, 5e-324, math.Inf(1), math.NaN()} {
		Log(got[:5], []float64{1, 1, v, 1, 1})
		if want := math.Log(v); got[2] != want && want == want || got[2] == got[2] && want != want {
			t.Errorf("log(%v) = %v, want %v", v, got[2], want)
		}
	}
}

// BenchmarkArrays compares arrays with loops in Go, for as many numbers as a block of an expression has.
func BenchmarkArrays(b *testing.B) {
	const n = 512
	r := rand.New(rand.NewPCG(1, 2))
	x, y, target := make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range x {
		x[i], y[i] = -30*r.Float64(), 1+r.Float64()
	}
	for _, op := range []struct {
		name        string
		array, loop func()
	}{
		{"add", func() { Add(target, x, y) }, func() {
			for i := range target {
				target[i] = x[i] + y[i]
			}
		}},
		{"divide", func() { Divide(target, x, y) }, func() {
			for i := range target {
				target[i] = x[i] / y[i]
			}
		}},
		{"exp", func() { Exp(target, x) }, func() {
			for i := range target {
				target[i] = math.Exp(x[i])
			}
		}},
		{"log", func() { Log(target, y) }, func() {
			for i := range target {
				target[i] = math.Log(y[i])
			}
		}},
	} {
		for i, f := range []func(){op.array, op.loop} {
			b.Run(fmt.Sprintf("%s/%s", op.name, []string{"array", "loop"}[i]), func(b *testing.B) {
				for b.Loop() {
					f()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/value")
			})
		}
	}
}
