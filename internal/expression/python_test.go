package expression

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"

	"libobe/test/tools"
)

//go:embed testdata/oracle.py
var oracleProgram string

// question is an expression in Python, with the values of its names.
type question struct {
	Text   string             `json:"text"`
	Names  map[string]float64 `json:"names"`
	Direct bool               `json:"direct"` // with Python's operators, and not with functions in their place
}

// askPython stores Python's answers to all questions in answers. One process answers all.
func askPython(t *testing.T, questions []question, answers any) {
	t.Helper()
	name := os.Getenv("PYTHON")
	if name == "" {
		name = "python3"
	}
	in, err := json.Marshal(questions)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(name, "-c", oracleProgram)
	cmd.Stdin = bytes.NewReader(in)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if cmd.Process == nil {
		tools.Missing(t, "there is no Python to compare with: "+err.Error())
	}
	if err != nil {
		t.Fatal(err, stderr.String())
	}
	if err := json.Unmarshal(out, answers); err != nil {
		t.Fatal(err)
	}
}

// randomNames are the names in random expressions.
var randomScope = Scope{Constants: map[string]float64{"k": 0.75}, Settings: []string{"s", "t"}, Parameters: []string{"a", "b", "c"}}

// randomTree returns a random tree of at most a depth.
func randomTree(r *rand.Rand, depth int) *node {
	if depth == 0 || r.IntN(8) == 0 {
		switch r.IntN(3) {
		case 0:
			numbers := []float64{0, 0.5, 1, 2, 3, 4, 10, 1e-3, 1e5, math.Round(r.Float64()*1e4) / 1e3}
			return &node{kind: kindNumber, value: numbers[r.IntN(len(numbers))]}
		default:
			return &node{kind: kindName, name: []string{"k", "s", "t", "a", "b", "c", "pi"}[r.IntN(7)]}
		}
	}
	operands := func(n int) (args []*node) {
		for range n {
			args = append(args, randomTree(r, depth-1))
		}
		return args
	}
	switch r.IntN(12) {
	case 0:
		return &node{kind: kindNegate, args: operands(1)}
	case 1:
		c := comparisons[r.IntN(len(comparisons))]
		return &node{kind: kindCompare, name: c.symbol, two: c.holds, args: operands(2)}
	case 2, 3, 4:
		f := &functions[r.IntN(len(functions))]
		n := len(f.Arguments)
		if f.variadic() {
			n += r.IntN(3)
		}
		return &node{kind: kindCall, function: f, args: operands(n)}
	}
	kinds := []nodeKind{kindAdd, kindSubtract, kindMultiply, kindDivide, kindPower}
	return &node{kind: kinds[r.IntN(len(kinds))], args: operands(2)}
}

// python writes a tree for the oracle, with a function for each operator.
func (n *node) python() string {
	args := make([]string, len(n.args))
	for i, a := range n.args {
		args[i] = a.python()
	}
	name := ""
	switch n.kind {
	case kindNumber:
		return fmt.Sprintf("Value(%g)", n.value)
	case kindName:
		return n.name
	case kindNegate:
		return "(-" + args[0] + ")"
	case kindCompare:
		name = map[string]string{"<": "lt", "<=": "le", ">": "gt", ">=": "ge", "==": "eq", "!=": "ne"}[n.name]
	case kindCall:
		name = n.function.Name
	default:
		name = map[nodeKind]string{kindAdd: "add", kindSubtract: "sub", kindMultiply: "mul", kindDivide: "div", kindPower: "pow"}[n.kind]
	}
	return name + "(" + strings.Join(args, ", ") + ")"
}

// evaluateOne returns the value of a program for one setting and one particle, and checks
// that both directions agree.
func evaluateOne(t *testing.T, p *Program, names map[string]float64) float64 {
	t.Helper()
	columns := func(list []string) (columns [][]float64, row []float64) {
		for _, name := range list {
			columns = append(columns, []float64{names[name]})
			row = append(row, names[name])
		}
		return columns, row
	}
	settings, setting := columns(p.scope.Settings)
	particles, _ := columns(p.scope.Parameters)
	var one, other [1]float64
	e := p.NewEvaluator()
	e.AtSetting(one[:], setting, particles)
	e.AtParticles(other[:], settings, particles, 1, 1)
	if math.Float64bits(one[0]) != math.Float64bits(other[0]) && one[0] == one[0] {
		t.Errorf("AtSetting returned %v, and AtParticles %v", one[0], other[0])
	}
	return one[0]
}

// Random expressions have the values of Python's math, within the rounding errors.
func TestPythonRandomExpressions(t *testing.T) {
	r := rand.New(rand.NewPCG(16, 1))
	var questions []question
	var got []float64
	for range 5000 {
		tree := randomTree(r, 1+r.IntN(4))
		names := map[string]float64{"k": randomScope.Constants["k"]}
		for _, name := range append(randomScope.Settings, randomScope.Parameters...) {
			names[name] = r.NormFloat64() * math.Pow(10, float64(r.IntN(4)-1))
		}
		text := (&Expression{root: tree}).String()
		e, err := Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		p, err := e.Compile(randomScope)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		questions = append(questions, question{Text: tree.python(), Names: names})
		got = append(got, evaluateOne(t, p, names))
	}
	var answers [][2]*float64
	askPython(t, questions, &answers)
	compared := 0
	for i, a := range answers {
		value, bound := *a[0], a[1]
		if bound == nil {
			continue // undefined, or not in Python
		}
		compared++
		if d := math.Abs(got[i] - value); !(d <= *bound) {
			t.Errorf("%s with %v is %v, and in Python %v ± %.3g", questions[i].Text, questions[i].Names, got[i], value, *bound)
		}
	}
	if compared < len(answers)/2 {
		t.Errorf("only %d of %d expressions could be compared", compared, len(answers))
	}
	t.Logf("%d of %d expressions compared", compared, len(answers))
}

// The binding of operators is that of Python, where ^ is **.
func TestPythonPrecedence(t *testing.T) {
	texts := []string{
		"-a^2", "-2^2", "2^-1", "2^3^2", "-a^-b", "a-b-c", "a/b/c", "a/b*c", "a*b/c", "a-b+c", "-a*b", "a*-b", "--a", "+a", "-+-a",
		"a--b", "a^2*b", "a*b^2", "2*a^2/b^2", "1-a/(1+b^2)", "-(a+b)^2", "a<b", "a+1<b*2", "(a<b)+(b<c)", "a==b", "a!=b", "(a<=b)>=c",
		"where(a<b, 1, 2)*3", "2^a^b", ".5+5.", "1e3+1E-3+1.5e+2", "min(a, b, c)-max(a,b)", "atan2(a, b)", "pi/2",
		"a*b+c*a-b/c", "-a-b", "(-a)^2", "(a^b)^c", "a^(b^c)", "sqrt(a^2+b^2)", "2^-a^2", "2^-2^2",
	}
	values := map[string]float64{"a": 1.7, "b": 2.3, "c": 0.6, "s": 0, "t": 0}
	var questions []question
	var got []float64
	for _, text := range texts {
		p := mustCompile(t, text, randomScope)
		questions = append(questions, question{strings.ReplaceAll(text, "^", "**"), values, true})
		got = append(got, evaluateOne(t, p, values))
	}
	var answers []*float64
	askPython(t, questions, &answers)
	for i, a := range answers {
		if a == nil || math.Abs(got[i]-*a) > 1e-14*math.Abs(*a) {
			t.Errorf("%s is %v, not %v", texts[i], got[i], a)
		}
	}
}

// Each function has Python's values over its whole range, and where Python raises an error,
// the value is not finite. The last places of Go's Pow and Gamma are less exact for very large and
// very small results.
func TestPythonFunctions(t *testing.T) {
	r := rand.New(rand.NewPCG(16, 2))
	special := []float64{0, 1, -1, 0.5, -0.5, 2, -2, 3, 1e-300, 1e300, -1e300, 709, -750, 171.5, -1.5, math.Pi}
	var questions []question
	var got []float64
	for i := range functions {
		f := &functions[i]
		call := f.Usage()
		p := mustCompile(t, call, Scope{Parameters: f.Arguments})
		for j := range 300 {
			names := map[string]float64{}
			for _, a := range f.Arguments {
				if names[a] = r.NormFloat64() * math.Pow(10, float64(r.IntN(5)-2)); j < 100 {
					names[a] = special[r.IntN(len(special))]
				}
			}
			questions = append(questions, question{call, names, true})
			got = append(got, evaluateOne(t, p, names))
		}
	}
	var answers []*float64
	askPython(t, questions, &answers)
	for i, a := range answers {
		q := questions[i]
		switch {
		case a == nil && !math.IsNaN(got[i]) && !math.IsInf(got[i], 0):
			t.Errorf("%s with %v is %v, and an error in Python", q.Text, q.Names, got[i])
		case a != nil && got[i] != *a && !(math.Abs(got[i]-*a) <= 2e-15*(1+math.Abs(math.Log(math.Abs(*a)))/32)*math.Abs(*a)):
			t.Errorf("%s with %v is %v, and in Python %v (relative %.2g)", q.Text, q.Names, got[i], *a, got[i] / *a - 1)
		}
	}
}
