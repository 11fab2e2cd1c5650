package experiment

import "libobe/internal/expression"

// Experiment is a file that was read and checked. It does not change.
type Experiment struct {
	// File is the name of the file, as Parse received it.
	File               string
	Title, Description string
	// Particles is the number of guesses that represent the posterior.
	Particles int
	// Seed is where the random numbers begin, if HasSeed; otherwise the file leaves it open.
	Seed    uint64
	HasSeed bool
	// Settings are the knobs, Parameters the unknown numbers, Constants the known ones, and
	// Channels what a measurement yields, each in the order of the file. Their slices must
	// not be changed.
	Settings   []Setting
	Parameters []Parameter
	Constants  []Constant
	Channels   []Channel
	Design     Design

	source source
	tree   *item
}

// Label is what the file says about something for people.
type Label struct {
	Name, Unit, Description string
}

// Setting is a knob of the instrument.
type Setting struct {
	Label
	// Values are the possible values. Those of a range are ascending, from Min to Max; those
	// of a list are in the order of the file.
	Values []float64
	// Min and Max are the smallest and the largest of them.
	Min, Max float64
	// Listed says that the file lists the values; otherwise it has a range.
	Listed bool
	// Logarithmic says that the values of a range have equal ratios and not equal distances.
	Logarithmic bool
}

// Parameter is an unknown number.
type Parameter struct {
	Label
	Prior *Prior
}

// Constant is a known number.
type Constant struct {
	Name  string
	Value float64
}

// Channel is one of the values that a measurement yields.
type Channel struct {
	Label
	// Model predicts the value without noise. Its scope has the settings and parameters of the
	// experiment in their order. Experiment.Predict evaluates it.
	Model *expression.Program
	// Expression is the model as the file has it.
	Expression string
	Noise      Noise

	evaluators *pool
}

// NoiseKind says where the standard deviation of a measurement is from.
type NoiseKind int

// The kinds of noise.
const (
	// FixedNoise is a number in the file.
	FixedNoise NoiseKind = iota
	// ReportedNoise is what the instrument reports with each measurement.
	ReportedNoise
	// EstimatedNoise is a parameter.
	EstimatedNoise
)

// Noise is the standard deviation of a single measurement of a channel. The noise has a
// normal distribution.
type Noise struct {
	Kind NoiseKind
	// Std is positive: the standard deviation of FixedNoise, and that of ReportedNoise before
	// the first report.
	Std float64
	// Parameter is the index of the parameter that is the standard deviation, of EstimatedNoise.
	// Its prior allows no value below 0.
	Parameter int
}

// Design says how settings are chosen.
type Design struct {
	// Pickiness is the exponent of the utility in the probability of a setting, at least 0.
	Pickiness float64
	// Draws is the number of particles that predict the measurement at each setting, at least 2.
	Draws int

	cost       *expression.Program // nil if a change of the setting takes no time
	evaluators *pool
}

// Knobs returns the values of each knob. The caller must not change them.
func (e *Experiment) Knobs() [][]float64 {
	knobs := make([][]float64, len(e.Settings))
	for i := range e.Settings {
		knobs[i] = e.Settings[i].Values
	}
	return knobs
}

// combinations returns how many settings there are.
func (e *Experiment) combinations() int {
	product := 1
	for i := range e.Settings {
		product *= len(e.Settings[i].Values)
	}
	return product
}

// ParameterNames returns the names of the parameters.
func (e *Experiment) ParameterNames() []string {
	names := make([]string, len(e.Parameters))
	for i := range e.Parameters {
		names[i] = e.Parameters[i].Name
	}
	return names
}
