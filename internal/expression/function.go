package expression

import "math"

// Function describes a function that expressions can call.
type Function struct {
	Name string
	// Arguments are the names of the arguments. min and max take two or more.
	Arguments []string
	// Doc says what it returns.
	Doc string

	one func(float64) float64
	two func(a, b float64) float64
}

// variadic reports whether a function takes more arguments than it lists, from the left:
// f(a, b, c) is f(f(a, b), c).
func (f *Function) variadic() bool { return f.Name == "min" || f.Name == "max" }

var (
	x  = []string{"x"}
	ab = []string{"a", "b"}
)

// functions is the one table of all functions.
var functions = []Function{
	{"where", []string{"c", "a", "b"}, "`a` if `c` is not 0, otherwise `b`: `where(t < 0, 0, exp(-t/T1))`. If `c` is not a number, neither is the result", nil, nil},
	{"sin", x, "sine of an angle in radians", math.Sin, nil},
	{"cos", x, "cosine of an angle in radians", math.Cos, nil},
	{"tan", x, "tangent of an angle in radians", math.Tan, nil},
	{"asin", x, "arc sine, in radians", math.Asin, nil},
	{"acos", x, "arc cosine, in radians", math.Acos, nil},
	{"atan", x, "arc tangent, in radians", math.Atan, nil},
	{"atan2", []string{"y", "x"}, "angle of the point (x, y) from the x axis, in radians, from -π to π", nil, math.Atan2},
	{"sinh", x, "hyperbolic sine", math.Sinh, nil},
	{"cosh", x, "hyperbolic cosine", math.Cosh, nil},
	{"tanh", x, "hyperbolic tangent", math.Tanh, nil},
	{"exp", x, "e to the power `x`", math.Exp, nil},
	{"log", x, "natural logarithm", math.Log, nil},
	{"log10", x, "logarithm to base 10", math.Log10, nil},
	{"sqrt", x, "square root", math.Sqrt, nil},
	{"cbrt", x, "cube root, also of a negative number", math.Cbrt, nil},
	{"abs", x, "absolute value", math.Abs, nil},
	{"sign", x, "-1, 0 or 1", sign, nil},
	{"floor", x, "largest whole number that is not greater than `x`", math.Floor, nil},
	{"erf", x, "error function", math.Erf, nil},
	{"gamma", x, "gamma function; `gamma(n + 1)` is n!", math.Gamma, nil},
	{"min", ab, "the smallest of two or more numbers", nil, func(a, b float64) float64 { return min(a, b) }},
	{"max", ab, "the largest of two or more numbers", nil, func(a, b float64) float64 { return max(a, b) }},
	{"hypot", ab, "√(a² + b²)", nil, math.Hypot},
}

// Functions returns all functions, for documents.
func Functions() []Function { return append([]Function(nil), functions...) }

var functionByName = func() map[string]*Function {
	m := map[string]*Function{}
	for i := range functions {
		m[functions[i].Name] = &functions[i]
	}
	return m
}()

func lookUp(name string) *Function { return functionByName[name] }

func functionNames() []string {
	names := make([]string, len(functions))
	for i := range functions {
		names[i] = functions[i].Name
	}
	return names
}

func sign(v float64) float64 {
	switch {
	case v > 0:
		return 1
	case v < 0:
		return -1
	}
	return v // 0, or not a number
}

// comparison is an operator that compares.
type comparison struct {
	symbol string
	holds  func(a, b float64) float64
}

var comparisons = []comparison{
	{"<", func(a, b float64) float64 { return truth(a < b) }},
	{"<=", func(a, b float64) float64 { return truth(a <= b) }},
	{">", func(a, b float64) float64 { return truth(a > b) }},
	{">=", func(a, b float64) float64 { return truth(a >= b) }},
	{"==", func(a, b float64) float64 { return truth(a == b) }},
	{"!=", func(a, b float64) float64 { return truth(a != b) }},
}

func truth(holds bool) float64 {
	if holds {
		return 1
	}
	return 0
}
