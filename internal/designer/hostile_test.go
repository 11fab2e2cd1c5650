package designer_test

import (
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"libobe/internal/designer"
)

// measure makes measurements of a sample of find_peak at the settings that the designer chooses. Settings and values are
// multiplied by scale, the noise is multiplied by wrong before it is reported.
func measure(t testing.TB, d *designer.Designer, model designer.Model, truth []float64, noise, reported float64, n int) []designer.Measurement {
	t.Helper()
	var p [][]float64
	for _, v := range truth {
		p = append(p, []float64{v})
	}
	r := rand.New(rand.NewPCG(11, 12))
	var all []designer.Measurement
	for range n {
		x, err := d.Good(4)
		if err != nil {
			t.Fatal(err)
		}
		y := make([]float64, 1)
		model.Predict(0, x, p, 0, 1, y)
		y[0] += noise * r.NormFloat64()
		m := designer.Measurement{X: x, Y: y, S: []float64{reported}}
		if err := d.Add(m); err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	return all
}

// far returns the largest deviation from the truth, in standard deviations.
func far(d *designer.Designer, truth []float64) float64 {
	mean, std := d.Mean(), d.Std()
	largest := 0.0
	for k, v := range truth {
		largest = max(largest, math.Abs(mean[k]-v)/std[k])
	}
	return largest
}

func TestDeterministic(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	var want []float64
	for _, cores := range []int{1, 2, 5} {
		runtime.GOMAXPROCS(cores)
		cfg := dip(1)
		cfg.Particles = 20_000 // enough for several goroutines
		cfg.Knobs = [][]float64{spaced(1.5, 3.5, 3000)}
		d := mustNew(t, cfg)
		measure(t, d, cfg.Model, []float64{2.3, 0.05, 0.03}, 0.005, 0.005, 25)
		got := append(append(d.Mean(), d.Std()...), d.Best()...)
		if want == nil {
			want = got
		} else if !reflect.DeepEqual(got, want) {
			t.Errorf("with GOMAXPROCS %d: %v, with 1: %v", cores, got, want)
		}
	}
}

// TestReplay: measurements alone, without the choices of settings between them, lead to the same posterior, in less than
// a second for 200.
func TestReplay(t *testing.T) {
	cfg := dip(2)
	d := mustNew(t, cfg)
	all := measure(t, d, cfg.Model, []float64{2.3, 0.05, 0.03}, 0.005, 0.005, 200)
	again := mustNew(t, cfg)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	start := threadTime()
	for _, m := range all {
		if err := again.Add(m); err != nil {
			t.Fatal(err)
		}
	}
	if took := threadTime() - start; took > time.Second {
		t.Errorf("200 measurements took %v", took)
	}
	if !reflect.DeepEqual(d.Mean(), again.Mean()) || !reflect.DeepEqual(d.Cov(), again.Cov()) {
		t.Errorf("mean %v ± %v, again %v ± %v", d.Mean(), d.Std(), again.Mean(), again.Std())
	}
}

// TestUnits: the same experiment in other units has the same result in these units. The factors are powers of two, so
// that rounding is the same.
func TestUnits(t *testing.T) {
	const xScale, yScale = 1024, 1. / 32
	cfg := dip(3)
	d := mustNew(t, cfg)
	all := measure(t, d, cfg.Model, []float64{2.3, 0.05, 0.03}, 0.005, 0.005, 60)
	other := cfg
	other.Parameters = parameters(uniform{1.5 * xScale, 3.5 * xScale}, uniform{0.02 * yScale, 0.1 * yScale}, uniform{0.01 * xScale, 0.05 * xScale})
	other.Channels = fixedNoise(0.005 * yScale)
	other.Knobs = [][]float64{nil}
	for _, x := range cfg.Knobs[0] {
		other.Knobs[0] = append(other.Knobs[0], x*xScale)
	}
	other.Model = function(func(x []float64, p [][]float64, i int) float64 {
		var y [1]float64
		one := [][]float64{{p[0][i] / xScale}, {p[1][i] / yScale}, {p[2][i] / xScale}}
		lorentzian{}.Predict(0, []float64{x[0] / xScale}, one, 0, 1, y[:])
		return y[0] * yScale
	})
	scaled := mustNew(t, other)
	for _, m := range all {
		mustAdd(t, scaled, m.X[0]*xScale, m.Y[0]*yScale, 0)
	}
	mean, want := scaled.Mean(), d.Mean()
	std, wantStd := scaled.Std(), d.Std()
	for k, scale := range []float64{xScale, yScale, xScale} {
		// The logarithms of depth and width differ by a constant, whose rounding may decide a move: not the same bits.
		if math.Abs(mean[k]/scale-want[k]) > 0.2*wantStd[k] || math.Abs(std[k]/scale/wantStd[k]-1) > 0.2 {
			t.Errorf("parameter %d: %v ± %v, in other units %v ± %v", k, want[k], wantStd[k], mean[k]/scale, std[k]/scale)
		}
	}
}

// TestSplit: a measurement y ± s is two of y ± √2 s, and the order does not matter.
func TestSplit(t *testing.T) {
	cfg := designer.Config{Parameters: parameters(normal{0, 1}, normal{0, 3}), Model: linear, Particles: 20_000,
		Channels: []designer.Channel{{Name: "signal", Noise: 1, Reported: true, NoiseParameter: designer.NoNoiseParameter}}}
	r := rand.New(rand.NewPCG(1, 2))
	var x, y []float64
	for i := range 40 {
		x = append(x, -1+float64(i%21)/10)
		y = append(y, 0.3-2*x[i]+0.1*r.NormFloat64())
	}
	whole, split, reversed := mustNew(t, cfg), mustNew(t, cfg), mustNew(t, cfg)
	for i := range x {
		mustAdd(t, whole, x[i], y[i], 0.1)
		mustAdd(t, split, x[i], y[i], 0.1*math.Sqrt2)
		mustAdd(t, split, x[i], y[i], 0.1*math.Sqrt2)
		j := len(x) - 1 - i
		mustAdd(t, reversed, x[j], y[j], 0.1)
	}
	for k := range 2 {
		agree(t, "split", split.Mean()[k], split.Std()[k], whole.Mean()[k], whole.Std()[k])
		agree(t, "reversed", reversed.Mean()[k], reversed.Std()[k], whole.Mean()[k], whole.Std()[k])
	}
}

func TestRefuse(t *testing.T) {
	cfg := dip(4)
	cfg.Channels[0].Reported = true
	d := mustNew(t, cfg)
	before := d.Mean()
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		name    string
		x, y, s []float64
		want    string
	}{
		{"no setting", nil, []float64{1}, []float64{1}, "1 knobs"},
		{"two settings", []float64{1, 2}, []float64{1}, []float64{1}, "1 knobs"},
		{"setting NaN", []float64{nan}, []float64{1}, []float64{1}, "finite"},
		{"no value", []float64{2}, nil, []float64{1}, "1 channels"},
		{"value NaN", []float64{2}, []float64{nan}, []float64{1}, "finite"},
		{"value infinite", []float64{2}, []float64{-inf}, []float64{1}, "finite"},
		{"no noise", []float64{2}, []float64{1}, nil, "reported"},
		{"noise 0", []float64{2}, []float64{1}, []float64{0}, "positive"},
		{"noise negative", []float64{2}, []float64{1}, []float64{-1}, "positive"},
		{"noise NaN", []float64{2}, []float64{1}, []float64{nan}, "positive"},
		{"noise infinite", []float64{2}, []float64{1}, []float64{inf}, "positive"},
		{"noise too small", []float64{2}, []float64{1}, []float64{1e-200}, "square"},
		{"value too far", []float64{2}, []float64{1e300}, []float64{1}, "too many s away"},
	} {
		err := d.Add(designer.Measurement{X: c.x, Y: c.y, S: c.s})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: the error is %v; it should contain %q", c.name, err, c.want)
		}
	}
	if !reflect.DeepEqual(d.Mean(), before) || d.Measurements() != 0 {
		t.Error("a refused measurement changed the posterior")
	}
	for _, pickiness := range []float64{nan, -1} {
		if _, err := d.Good(pickiness); err == nil {
			t.Errorf("pickiness %v was accepted", pickiness)
		}
	}
	if x, err := d.Good(inf); err != nil || math.IsNaN(x[0]) {
		t.Errorf("pickiness infinity: %v, %v", x, err)
	}
}

func TestRefuseConfig(t *testing.T) {
	for name, change := range map[string]func(*designer.Config){
		"no parameters":   func(c *designer.Config) { c.Parameters = nil },
		"no channels":     func(c *designer.Config) { c.Channels = nil },
		"no model":        func(c *designer.Config) { c.Model = nil },
		"no prior":        func(c *designer.Config) { c.Parameters[1].Prior = nil },
		"no knobs":        func(c *designer.Config) { c.Knobs = nil },
		"an empty knob":   func(c *designer.Config) { c.Knobs = [][]float64{{}} },
		"a knob with NaN": func(c *designer.Config) { c.Knobs = [][]float64{{math.NaN()}} },
		"particles -1":    func(c *designer.Config) { c.Particles = -1 },
		"many particles":  func(c *designer.Config) { c.Particles = math.MaxInt },
		"one draw":        func(c *designer.Config) { c.Draws = 1 },
		"noise 0":         func(c *designer.Config) { c.Channels[0].Noise = 0 },
		"noise parameter": func(c *designer.Config) { c.Channels[0].NoiseParameter = 3 },
		"prior of NaN":    func(c *designer.Config) { c.Parameters[0].Prior = normal{math.NaN(), 1} },
		"bounds reversed": func(c *designer.Config) { c.Parameters[0].Prior = uniform{2, 1} },
		"too many settings": func(c *designer.Config) {
			many := make([]float64, 100_000)
			c.Knobs = [][]float64{many, many, many, many}
		},
	} {
		cfg := dip(1)
		change(&cfg)
		if _, err := designer.New(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestInvalidModel: particles for which the model is not finite have no weight, and are counted.
func TestInvalidModel(t *testing.T) {
	root := function(func(x []float64, p [][]float64, i int) float64 { return math.Sqrt(p[0][i]) + 0*x[0] })
	d := mustNew(t, designer.Config{Parameters: parameters(uniform{-9, 9}), Model: root, Channels: fixedNoise(0.2)})
	r := rand.New(rand.NewPCG(3, 4))
	mustAdd(t, d, 0, 2+0.2*r.NormFloat64(), 0)
	if s := d.Status(); s.Invalid < 4000 || s.Invalid > 6000 || len(s.Warnings) == 0 {
		t.Errorf("%d particles are invalid: %q", s.Invalid, s.Warnings)
	}
	for range 50 {
		mustAdd(t, d, 0, 2+0.2*r.NormFloat64(), 0)
	}
	if far(d, []float64{4}) > 5 || math.IsNaN(d.Mean()[0]) {
		t.Errorf("%v ± %v, the truth is 4", d.Mean(), d.Std())
	}
	none := mustNew(t, designer.Config{Parameters: parameters(uniform{-9, -1}), Model: root, Channels: fixedNoise(0.2)})
	none.Best()
	if err := none.Add(designer.Measurement{X: []float64{0}, Y: []float64{2}}); err == nil || !strings.Contains(err.Error(), "no finite value") {
		t.Errorf("a model that is nowhere finite: %v", err)
	}
}

func TestFewParticles(t *testing.T) {
	truth := []float64{2.3, 0.05, 0.03}
	for _, particles := range []int{1, 2, 3, 10, 100} {
		cfg := dip(5)
		cfg.Particles = particles
		d := mustNew(t, cfg)
		measure(t, d, cfg.Model, truth, 0.005, 0.005, 100)
		if z := far(d, truth); !(z < 5) {
			t.Errorf("%d particles: %v ± %v, %v standard deviations off; %+v", particles, d.Mean(), d.Std(), z, d.Status())
		}
		if particles < 30 && d.Status().Trusted {
			t.Errorf("%d particles are trusted", particles)
		}
	}
}

// TestNothingToLearn: a model without information, and a single setting.
func TestNothingToLearn(t *testing.T) {
	d := mustNew(t, designer.Config{
		Parameters: parameters(uniform{0, 1}), Channels: fixedNoise(1), Knobs: [][]float64{{3}},
		Model: function(func([]float64, [][]float64, int) float64 { return 7 }),
	})
	for range 100 {
		if x, err := d.Good(4); err != nil || x[0] != 3 {
			t.Fatalf("the only setting is 3, chosen was %v, %v", x, err)
		}
		mustAdd(t, d, 3, 7, 0)
	}
	if s := d.Std()[0]; math.Abs(s-1/math.Sqrt(12)) > 0.01 || !d.Status().Trusted {
		t.Errorf("the standard deviation is %v; %+v", s, d.Status())
	}
}

// TestWrongNoise: the reported noise is a tenth of the real one.
func TestWrongNoise(t *testing.T) {
	truth := []float64{2.3, 0.05, 0.03}
	cfg := dip(6)
	cfg.Channels[0].Noise = 0.0005
	d := mustNew(t, cfg)
	measure(t, d, cfg.Model, truth, 0.005, 0, 200)
	if z := far(d, truth); !(z < 5) {
		t.Errorf("%v ± %v, %v standard deviations off", d.Mean(), d.Std(), z)
	}
	if s := d.Status(); s.Trusted || s.Enlarged < 5 || s.Enlarged > 15 {
		t.Errorf("the noise is 10 times as large as reported: %+v", s)
	}
}

// TestBeyondThePrior: the true centre is outside its prior.
func TestBeyondThePrior(t *testing.T) {
	for _, centre := range []float64{3.52, 3.55} {
		truth := []float64{centre, 0.08, 0.05}
		cfg := dip(7)
		d := mustNew(t, cfg)
		measure(t, d, cfg.Model, truth, 0.005, 0.005, 200)
		if z := far(d, truth[:1]); !(z < 5) {
			t.Errorf("centre %v: %v ± %v, %v standard deviations off; %+v", centre, d.Mean(), d.Std(), z, d.Status())
		}
		if d.Status().Trusted {
			t.Errorf("centre %v: %v ± %v is trusted", centre, d.Mean(), d.Std())
		}
	}
}

// TestOutlier: one measurement is 100 standard deviations off.
func TestOutlier(t *testing.T) {
	truth := []float64{2.3, 0.05, 0.03}
	for _, sign := range []float64{-1, 1} {
		cfg := dip(8)
		d := mustNew(t, cfg)
		measure(t, d, cfg.Model, truth, 0.005, 0.005, 100)
		mustAdd(t, d, 2.31, 1+sign*0.5, 0)
		if s := d.Status(); s.Trusted || !strings.Contains(strings.Join(s.Warnings, " "), "last measurement") {
			t.Errorf("after an outlier: %+v", s)
		}
		measure(t, d, cfg.Model, truth, 0.005, 0.005, 100)
		if z := far(d, truth); !(z < 5) {
			t.Errorf("%v ± %v, %v standard deviations off", d.Mean(), d.Std(), z)
		}
	}
}

// TestOutlierAmongRepeats: an outlier makes the estimated noise larger, and the mean at its setting looks right.
func TestOutlierAmongRepeats(t *testing.T) {
	for _, outlier := range []bool{false, true} {
		d := mustNew(t, designer.Config{
			Parameters: parameters(uniform{-5, 5}, uniform{0.01, 2}), Knobs: [][]float64{{1, 2}}, Particles: 2000, Seed: 4,
			Channels: []designer.Channel{{Name: "signal", NoiseParameter: 1}},
			Model:    function(func(x []float64, p [][]float64, i int) float64 { return p[0][i] * x[0] }),
		})
		r := rand.New(rand.NewPCG(4, 4))
		for i := range 100 {
			y := 0.1 * r.NormFloat64()
			if outlier && i == 50 {
				y += 2
			}
			mustAdd(t, d, float64(1+i%2), y, 0)
		}
		s := d.Status()
		if told := strings.Contains(strings.Join(s.Warnings, " "), "A measurement at the setting [1]"); s.Trusted == outlier || told != outlier {
			t.Errorf("outlier %v: %v ± %v, %+v", outlier, d.Mean(), d.Std(), s)
		}
		if z := far(d, []float64{0, 0.1}); !(z < 5) {
			t.Errorf("outlier %v: %v ± %v", outlier, d.Mean(), d.Std())
		}
	}
}

// TestMany: the time of a measurement does not grow with their number, if settings are repeated.
func TestMany(t *testing.T) {
	truth := []float64{2.3, 0.05, 0.03}
	cfg := dip(9)
	cfg.Particles = 500
	d := mustNew(t, cfg)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	start := threadTime()
	measure(t, d, cfg.Model, truth, 0.005, 0.005, 10_000)
	took := threadTime() - start
	if z := far(d, truth); !(z < 5) {
		t.Errorf("%v ± %v, %v standard deviations off", d.Mean(), d.Std(), z)
	}
	if took > 20*time.Second {
		t.Errorf("10,000 measurements took %v", took)
	}
}

// TestManySettings: each measurement is at another setting.
func TestManySettings(t *testing.T) {
	cfg := dip(10)
	cfg.Particles = 2000
	d := mustNew(t, cfg)
	r := rand.New(rand.NewPCG(1, 1))
	truth := [][]float64{{2.3}, {0.05}, {0.03}}
	y := make([]float64, 1)
	largest := time.Duration(0)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for i := range 3000 {
		x := []float64{2.2 + 0.2*r.Float64()}
		cfg.Model.Predict(0, x, truth, 0, 1, y)
		y[0] += 0.005 * r.NormFloat64()
		if i%500 == 499 {
			y[0] += 0.2 // an outlier, after which there is a search
		}
		start := threadTime()
		if err := d.Add(designer.Measurement{X: x, Y: y}); err != nil {
			t.Fatal(err)
		}
		largest = max(largest, threadTime()-start)
	}
	if largest > 5*time.Second {
		t.Errorf("a measurement took %v", largest)
	}
	if z := far(d, []float64{2.3, 0.05, 0.03}); !(z < 5) {
		t.Errorf("%v ± %v, %v standard deviations off", d.Mean(), d.Std(), z)
	}
	t.Logf("the slowest measurement took %v of CPU time", largest)
}

func TestChannels(t *testing.T) {
	cfg := designer.Config{
		Parameters: parameters(uniform{-5, 5}, uniform{-5, 5}, logUniform{0.01, 1}),
		Model:      twoChannels{}, Knobs: [][]float64{spaced(-1, 1, 11), {0, 1}},
		Channels: []designer.Channel{
			{Name: "first", Noise: 1, Reported: true, NoiseParameter: designer.NoNoiseParameter},
			{Name: "second", NoiseParameter: 2},
		},
		Cost: func(from, to []float64) float64 { return 1 + math.Abs(to[0]-from[0]) },
	}
	d := mustNew(t, cfg)
	truth := []float64{1.2, -3.4, 0.3}
	r := rand.New(rand.NewPCG(9, 9))
	for range 200 {
		x := d.Best()
		y := []float64{truth[0]*x[0] + 0.5*r.NormFloat64(), truth[1]*x[1] + 0.3*r.NormFloat64()}
		if err := d.Add(designer.Measurement{X: x, Y: y, S: []float64{0.5}}); err != nil {
			t.Fatal(err)
		}
	}
	if z := far(d, truth); !(z < 5) || d.Std()[0] > 0.2 || d.Std()[1] > 0.2 {
		t.Errorf("%v ± %v, the truth is %v", d.Mean(), d.Std(), truth)
	}
}

// twoChannels: each channel depends on one parameter and one knob.
type twoChannels struct{}

func (twoChannels) Predict(channel int, x []float64, p [][]float64, from, to int, out []float64) {
	for i := from; i < to; i++ {
		out[i-from] = p[channel][i] * x[channel]
	}
}

// TestSubset: of too many settings, some are compared, and the status says so.
func TestSubset(t *testing.T) {
	cfg := designer.Config{
		Parameters: parameters(uniform{-5, 5}), Channels: fixedNoise(1),
		Knobs: [][]float64{spaced(0, 1, 1000), spaced(0, 1, 1000)},
		Model: function(func(x []float64, p [][]float64, i int) float64 { return p[0][i] * x[0] }),
	}
	d := mustNew(t, cfg)
	if x := d.Best(); x[0] < 0.99 {
		t.Errorf("the best setting is about 1, chosen was %v", x)
	}
	if count, subset := d.Settings(); count != 1_000_000 || !subset || len(d.Status().Warnings) != 1 {
		t.Errorf("%d settings, subset %v, %q", count, subset, d.Status().Warnings)
	}
	x := make([]float64, 2)
	d.Setting(999_000, x)
	if x[0] != 1 || x[1] != 0 {
		t.Errorf("setting 999,000 is %v", x)
	}
}

// manyLorentzian predicts for many settings at once.
type manyLorentzian struct{ lorentzian }

func (m manyLorentzian) PredictMany(channel int, settings, p [][]float64, out []float64) {
	count := len(settings[0])
	one := make([]float64, len(p[0]))
	for j, x := range settings[0] {
		m.Predict(channel, []float64{x}, p, 0, len(one), one)
		for i, v := range one {
			out[i*count+j] = v
		}
	}
}

// TestManyModel: a model that predicts for many settings at once leads to the same choices.
func TestManyModel(t *testing.T) {
	cfg := dip(10)
	cfg.Particles = 2000
	one := mustNew(t, cfg)
	cfg.Model = manyLorentzian{}
	many := mustNew(t, cfg)
	truth := []float64{2.3, 0.05, 0.03}
	a := measure(t, one, cfg.Model, truth, 0.005, 0.005, 30)
	b := measure(t, many, cfg.Model, truth, 0.005, 0.005, 30)
	if !reflect.DeepEqual(a, b) || !reflect.DeepEqual(one.Best(), many.Best()) {
		t.Error("the choices differ")
	}
}
