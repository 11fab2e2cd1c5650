package experiment

import "fmt"

// Table describes a table of the file, for the reader and for docs/reference/experiment.md.
type Table struct {
	// Name is the table's, such as "settings.NAME"; "" for the top of the file.
	Name string
	// Doc says what the table is for, in Markdown.
	Doc string
	// Fields are the keys that have a meaning. A table without fields has names that the file
	// chooses.
	Fields []Field
}

// Field describes a value of a table.
type Field struct {
	Name, Type string
	// Default is what applies without the field; "" if the field is required, "-" if nothing does.
	Default string
	// Doc says what the value is, in Markdown.
	Doc string
	// Override says whether newrun may replace the value.
	Override bool
}

// Tables returns all tables.
func Tables() []Table { return append([]Table(nil), tables...) }

const (
	number    = "number"
	whole     = "whole number"
	text      = "text"
	numbers   = "list of numbers"
	formula   = "expression"
	noiseType = "number, text or table"
)

const optional = "-"

var labels = []Field{
	{"unit", text, optional, "the unit, such as `\"GHz\"`; it is shown, and nothing is converted", false},
	{"description", text, optional, "what it is, in some words", false},
}

var tables = []Table{
	{"", "What concerns the whole experiment. These fields stand before the first table.", []Field{
		{"title", text, optional, "the name of the experiment", false},
		{"description", text, optional, "what is measured, and how", false},
		{"particles", whole, "10000", "how many guesses of the parameters represent what is known. More parameters and wider priors need more", true},
		{"seed", whole, optional, "where the random numbers begin: equal seeds and equal measurements give equal results. Without it each run differs", true},
		{"noise", noiseType, optional, "the noise of all channels, see `[noise]`", true},
	}},
	{"settings.NAME", "A knob of the instrument. The settings that a designer chooses from are all combinations of the values of all knobs. " +
		"`x` of `newdat`, and the replies of `goodset` and `optset`, have a number for each knob, in the order of the file.", append([]Field{
		{"min", number, "", "the smallest value", true},
		{"max", number, "", "the largest value", true},
		{"steps", whole, "", "how many values there are from `min` to `max`, both included", true},
		{"scale", text, `"linear"`, "`\"linear\"` for equal distances, `\"logarithmic\"` for equal ratios", false},
		{"values", numbers, optional, "the values, instead of `min`, `max`, `steps` and `scale`", true},
	}, labels...)},
	{"parameters.NAME", "An unknown number. `getmean`, `getstd`, `getcov` and `getpar` have the parameters in the order of the file. " +
		"The true value must be possible under the prior: no other value is considered.", append([]Field{
		{"prior", text, "", "what is known before the first measurement: `\"uniform\"` (needs `min` and `max`), `\"normal\"` (`mean` and `std`; `min` and `max` cut it off), " +
			"`\"log-uniform\"` (`min` and `max`, for a positive number of unknown magnitude), `\"half-normal\"` (`std`, for a number that is not negative), `\"list\"` (`values`, and `weights`)", false},
		{"min", number, optional, "the smallest possible value", true},
		{"max", number, optional, "the largest possible value", true},
		{"mean", number, optional, "of a normal distribution", true},
		{"std", number, optional, "standard deviation of a normal distribution", true},
		{"values", numbers, optional, "the possible values", true},
		{"weights", numbers, "all equal", "how probable each of `values` is, in proportion", true},
	}, labels...)},
	{"constants", "Known numbers that expressions may use: `splitting = 2.16`.", nil},
	{"model", "The channels: what a measurement yields. The name is the channel's, and the value an expression, or a table " +
		"`[model.NAME]` with the fields below. `y` and `s` of `newdat` have a number for each channel, in the order of the file.", append([]Field{
		{"expression", formula, "", "the value that the instrument would measure without noise, from settings, parameters and constants", false},
	}, labels...)},
	{"noise", "The standard deviation of a single measurement of each channel, in the channel's unit: a number; or the name of a parameter, which is then " +
		"estimated; or a table with the field below, if `s` of `newdat` has it. In the first two cases `s` is ignored. " +
		"`noise = 0.005` at the top of the file is for all channels, `[noise]` has a value for each channel.", []Field{
		{"until_reported", number, "", "the standard deviation is `s` of `newdat`, and this number before the first `newdat`: `noise = {until_reported = 0.005}`", true},
	}},
	{"design", "How settings are chosen. The method is always the same, [the expected information](../explain/designer.md#the-choice-of-settings); the " +
		"commands `optset` and `goodset` choose the best setting, or draw one.", []Field{
		{"pickiness", number, "4", "of `goodset`, if the command has none: 0 draws all settings alike, a large number prefers the most informative ones", true},
		{"draws", whole, "60", "how many guesses are compared at each setting", true},
		{"cost", "number or expression", "0", "how long a change of the setting takes, in units of the time of a measurement: a number for each change, or an expression " +
			"of the knobs and constants, where `NAME_before` is the value before the change: `abs(field - field_before) / 0.1`. Settings are preferred whose information per time is large. A cost that is negative or not a number counts as 0", true},
	}},
}

// fieldsOf returns the fields of a table.
func fieldsOf(table string) []Field {
	for _, t := range tables {
		if t.Name == table {
			return t.Fields
		}
	}
	panic("no table " + table)
}

// maxRequested bounds the particles that newrun asks for, and the combinations of all knobs.
// The program that sends it is not the one that chose the machine.
const maxRequested = 1_000_000

// What bounds the memory and time of a file from another person.
const (
	MaxParticles  = 10_000_000
	maxNumbers    = 100_000_000 // particles times parameters
	MaxSettings   = 10_000_000  // combinations of all knobs
	maxSteps      = 1_000_000
	maxValues     = 100_000 // in a list
	maxKnobs      = 10
	maxParameters = 50
	maxChannels   = 50
	maxConstants  = 1000
	maxDraws      = 100_000

	maxText        = 200 // bytes of a title or a unit
	maxDescription = 10_000
	// maxMagnitude keeps squares and differences finite.
	maxMagnitude = 1e150
)

// Limits returns sentences about the limits, for documents.
func Limits() []string {
	return []string{
		fmt.Sprintf("A file has %d KiB at most.", MaxSize>>10),
		fmt.Sprintf("There are at most %d knobs, %d parameters, %d channels and %d constants.", maxKnobs, maxParameters, maxChannels, maxConstants),
		fmt.Sprintf("A knob has at most %d steps, a list at most %d values, and all knobs together %d combinations.", maxSteps, maxValues, MaxSettings),
		fmt.Sprintf("A title and a unit have at most %d bytes, and a description %d.", maxText, maxDescription),
		fmt.Sprintf("There are at most %d particles, and %d divided by the number of parameters.", MaxParticles, maxNumbers),
		fmt.Sprintf("`newrun` can ask for at most %d particles and combinations of all knobs, or as many as the file has.", maxRequested),
		fmt.Sprintf("A number is between -%g and %[1]g.", maxMagnitude),
	}
}

// What applies if the file says nothing else.
const (
	DefaultParticles = 10_000
	DefaultDraws     = 60
	DefaultPickiness = 4
)
