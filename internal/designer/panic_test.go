package designer_test

import (
	"reflect"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"libobe/internal/designer"
)

// failing is a model that panics at its n-th prediction.
type failing struct {
	lorentzian
	rest *atomic.Int64
}

func (f failing) Predict(channel int, x []float64, p [][]float64, from, to int, out []float64) {
	if f.rest.Add(-1) == 0 {
		panic("the model fails")
	}
	f.lorentzian.Predict(channel, x, p, from, to, out)
}

// TestPanic: a panic of the model reaches the caller of Add and Good, also if it happened in another goroutine. Afterwards
// the posterior is as before, or Status and Std say that it cannot be trusted.
func TestPanic(t *testing.T) {
	if runtime.GOMAXPROCS(0) < 2 {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	}
	cfg := dip(3)
	cfg.Particles = 60_000 // so many that workers predict
	cfg.Draws = 600
	model := failing{rest: &atomic.Int64{}}
	cfg.Model = model
	m := designer.Measurement{X: []float64{2.3}, Y: []float64{0.95}} // a surprise, which is taken in parts
	prior := mustNew(t, cfg).Std()
	before, interrupted := 0, 0
	for n := int64(1); ; n = n + n/4 + 1 {
		d := mustNew(t, cfg)
		particles, weights := clone(d.Particles()), append([]float64(nil), d.Weights()...)
		model.rest.Store(n)
		fault := faultOf(func() error { return d.Add(m) })
		if model.rest.Load() > 0 { // it has made all its predictions
			break
		}
		if !strings.Contains(fault, "the model fails") {
			t.Fatalf("at prediction %d Add ends with %q", n, fault)
		}
		if status := d.Status(); status.Trusted {
			before++
			if !reflect.DeepEqual(particles, d.Particles()) || !reflect.DeepEqual(weights, d.Weights()) {
				t.Errorf("after a panic at prediction %d the posterior is another one", n)
			}
			continue
		}
		interrupted++
		for k, s := range d.Std() {
			if s < 0.9*prior[k] {
				t.Errorf("after a panic at prediction %d the standard deviation of parameter %d is %v", n, k, s)
			}
		}
		model.rest.Store(-1) // it works again
		if err := d.Add(m); err != nil || d.Status().Trusted {
			t.Errorf("the next measurement: %v; trusted: %v", err, d.Status().Trusted)
		}
	}
	if before == 0 || interrupted == 0 {
		t.Errorf("%d posteriors were as before, and %d were not trusted", before, interrupted)
	}

	d := mustNew(t, cfg)
	particles := clone(d.Particles())
	model.rest.Store(100)
	fault := faultOf(func() error {
		_, err := d.Good(1)
		return err
	})
	if !strings.Contains(fault, "the model fails") || !d.Status().Trusted || !reflect.DeepEqual(particles, d.Particles()) {
		t.Errorf("Good ends with %q; trusted: %v", fault, d.Status().Trusted)
	}
}

// faultOf returns the text of the panic that ends f, "" if none does.
func faultOf(f func() error) (text string) {
	defer func() {
		switch fault := recover().(type) {
		case nil:
		case error:
			text = fault.Error()
		case string:
			text = fault
		}
	}()
	if err := f(); err != nil {
		return "no panic, but " + err.Error()
	}
	return ""
}

func clone(values [][]float64) (copies [][]float64) {
	for _, v := range values {
		copies = append(copies, append([]float64(nil), v...))
	}
	return copies
}
