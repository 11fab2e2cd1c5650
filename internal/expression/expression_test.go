package expression

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

func mustParse(t testing.TB, text string) *Expression {
	t.Helper()
	e, err := Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return e
}

func mustCompile(t testing.TB, text string, scope Scope) *Program {
	t.Helper()
	p, err := mustParse(t, text).Compile(scope)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return p
}

var lorentzianScope = Scope{Constants: map[string]float64{"baseline": 1}, Settings: []string{"frequency"}, Parameters: []string{"centre", "depth", "width"}}

const lorentzian = "baseline - depth / (1 + ((frequency - centre) * 2 / width)^2)"

// Every mistake is told with its place and what would be right.
func TestErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", `character 1: the expression is empty`},
		{" \n ", `character 4: the expression is empty`},
		{"1 +", `character 4: unexpected end after "+"; a number, a name or a parenthesis is missing`},
		{"(depth", `character 7: missing ")" for the "(" at character 1`},
		{"1 + sin(depth", `character 14: missing ")" for the "(" at character 8`},
		{"(depth, 1)", `character 7: missing ")" for the "(" at character 1`},
		{"depth)", `character 6: unexpected ")"; it has no "("`},
		{"2,5 * depth", `character 2: unexpected ","; the decimal point is "."`},
		{"2 depth", `character 3: an operator is missing before "depth", such as * for a product`},
		{"2depth", `character 2: an operator is missing after "2", such as * for a product`},
		{"2(depth)", `character 2: an operator is missing before "(", such as * for a product`},
		{"depth(2)", `character 1: unknown function "depth"; the functions are where sin cos tan asin acos atan atan2 sinh cosh tanh exp log log10 sqrt cbrt abs sign floor erf gamma min max hypot`},
		{"sni(2)", `character 1: unknown function "sni"; did you mean "sin"?`},
		{"ln(2)", `character 1: unknown function "ln"; the functions are where sin cos tan asin acos atan atan2 sinh cosh tanh exp log log10 sqrt cbrt abs sign floor erf gamma min max hypot`},
		{"sin + 1", `character 1: sin is a function; write sin(x)`},
		{"1 + atan2", `character 5: atan2 is a function; write atan2(y, x)`},
		{"sin()", `character 1: sin takes 1 argument, as in sin(x), and not 0`},
		{"atan2(1)", `character 1: atan2 takes 2 arguments, as in atan2(y, x), and not 1`},
		{"min(1)", `character 1: min takes 2 arguments or more, as in min(a, b), and not 1`},
		{"where(1, 2, 3, 4)", `character 1: where takes 3 arguments, as in where(c, a, b), and not 4`},
		{"1 + * 2", `character 5: unexpected "*" after "+"; a number, a name or a parenthesis is missing`},
		{"* 2", `character 1: unexpected "*" at the beginning; a number, a name or a parenthesis is missing`},
		{"sin(1,)", `character 7: unexpected ")" after ","; a number, a name or a parenthesis is missing`},
		{"depth**2", `character 6: unexpected "**"; the power is ^, as in x^2`},
		{"depth = 2", `character 7: unexpected "="; the comparison is ==`},
		{"0 < depth < 1", `character 11: comparisons cannot be chained; write (a < b) * (b < c)`},
		{"depth²", `character 6: unexpected "²"; the power is ^, as in x^2`},
		{"1 − depth", `character 3: unexpected "−"; the minus sign is -`},
		{"1 $ 2", `character 3: unexpected "$"`},
		{"2 * ŀ", `character 5: the name "ŀ" has a letter that stands for "l·"`},
		{"1.2.3", `character 4: "1.2." has a second decimal point`},
		{"1e + 2", `character 3: the exponent of "1e" has no digits`},
		{"1e999", `character 1: "1e999" is too large; the largest number is about 1.8e308`},
		{"depth \xff", `character 7: the text is not UTF-8`},
		{"centr + depht", "character 1: unknown name \"centr\"; did you mean \"centre\"?\ncharacter 9: unknown name \"depht\"; did you mean \"depth\"?"},
		{"γ * banana", "character 1: unknown name \"γ\"; known are centre, depth, width, frequency, baseline, pi\ncharacter 5: unknown name \"banana\"; known are centre, depth, width, frequency, baseline, pi"},
		{"Pi", `character 1: unknown name "Pi"; did you mean "pi"?`},
		{strings.Repeat("(", 1000), "character 201: the expression is nested deeper than 200 levels"},
		{strings.Repeat("-", 1000) + "1", "character 201: the expression is nested deeper than 200 levels"},
		{"1" + strings.Repeat("^1", 1000), "character 402: the expression is nested deeper than 200 levels"},
		{strings.Repeat("1+", 1_000_000), "character 10001: the expression is longer than 10000 bytes"},
		{strings.Repeat("x", 100), fmt.Sprintf("character 1: the name %q… (100 bytes) is longer than 64 bytes", strings.Repeat("x", 80))},
	} {
		e, err := Parse(c.text)
		if err == nil {
			_, err = e.Compile(lorentzianScope)
		}
		if err == nil || err.Error() != c.want {
			t.Errorf("%.40q:\n got %v\nwant %s", c.text, err, c.want)
		}
	}
}

// A name has one spelling, whatever the keyboard.
func TestNames(t *testing.T) {
	for _, c := range []struct{ written, known string }{{"µ", "μ"}, {"Ω", "Ω"}, {"e\u0301tat", "état"}, {"T2", "T2"}, {"_x", "_x"}, {"名前", "名前"}} {
		p := mustCompile(t, c.written+" * 2", Scope{Parameters: []string{Normalize(c.known)}})
		if got := evaluateOne(t, p, map[string]float64{Normalize(c.known): 21}); got != 42 {
			t.Errorf("%q is %v", c.written, got)
		}
	}
	if _, err := mustParse(t, "t2").Compile(Scope{Parameters: []string{"T2"}}); err == nil {
		t.Error("t2 is T2")
	}
	for name, want := range map[string]string{
		"centre": "", "µ": "", "T2": "", "": "is empty", "2x": "must begin with a letter or _", "a b": `must consist of letters, digits and _, without " "`,
		"sin": "is a function; choose another name", "pi": "is the number π; choose another name", "a\xff": "is not UTF-8",
		strings.Repeat("x", 65): "is longer than 64 bytes", "T₂": `must consist of letters, digits and _, without "₂"`, "ŀ": `has a letter that stands for "l·"`, "\ufdfa": `has a letter that stands for "صلى الله عليه وسلم"`, "ｓｉｎ": "is a function; choose another name",
	} {
		if got := CheckName(name); got != want {
			t.Errorf("%q: %q, not %q", name, got, want)
		}
	}
}

// Many settings, many particles and more than one block have the values of a loop in Go.
func TestBothDirections(t *testing.T) {
	r := rand.New(rand.NewPCG(16, 3))
	p := mustCompile(t, lorentzian, lorentzianScope)
	for _, size := range []struct{ m, n int }{{1, 1}, {0, 3}, {3, 0}, {7, 3}, {511, 2}, {512, 2}, {513, 3}, {3, 1500}, {1500, 3}} {
		settings := [][]float64{make([]float64, size.m)}
		particles := [][]float64{make([]float64, size.n), make([]float64, size.n), make([]float64, size.n)}
		for _, column := range append(settings, particles...) {
			for i := range column {
				column[i] = 0.1 + r.Float64()
			}
		}
		e := p.NewEvaluator()
		rows := make([]float64, size.m*size.n)
		e.AtParticles(rows, settings, particles, size.m, size.n)
		column := make([]float64, size.n)
		for j, frequency := range settings[0] {
			e.AtSetting(column, []float64{frequency}, particles)
			for i := range column {
				u := (frequency - particles[0][i]) * 2 / particles[2][i]
				want := 1 - particles[1][i]/(1+u*u)
				if column[i] != want || rows[i*size.m+j] != want {
					t.Fatalf("%v: setting %d, particle %d: %v and %v, not %v", size, j, i, column[i], rows[i*size.m+j], want)
				}
			}
		}
	}
}

// Random programs have the same values, bit for bit, in blocks, in both directions, and for
// one value at a time.
func TestBlocksAgreeWithSingleValues(t *testing.T) {
	r := rand.New(rand.NewPCG(16, 4))
	const m, n = 5, 6
	random := func(columns, length int) (all [][]float64) {
		for range columns {
			column := make([]float64, length)
			for i := range column {
				column[i] = r.NormFloat64() * 3
			}
			all = append(all, column)
		}
		return all
	}
	equal := func(a, b float64) bool { return a == b || a != a && b != b }
	for range 3000 {
		tree := randomTree(r, 1+r.IntN(6))
		p, err := (&Expression{root: tree}).Compile(randomScope)
		if err != nil {
			t.Fatal(err)
		}
		settings, particles := random(2, m), random(3, n)
		rows, column := make([]float64, m*n), make([]float64, n)
		e := p.NewEvaluator()
		e.AtParticles(rows, settings, particles, m, n)
		for j := range m {
			setting := []float64{settings[0][j], settings[1][j]}
			e.AtSetting(column, setting, particles)
			for i := range n {
				names := map[string]float64{"k": 0.75, "s": setting[0], "t": setting[1], "a": particles[0][i], "b": particles[1][i], "c": particles[2][i], "pi": math.Pi}
				want := tree.walk(names)
				if !equal(column[i], rows[i*m+j]) || math.Abs(column[i]-want) > 1e-9*math.Abs(want) && !hasPower(tree) {
					t.Fatalf("%s at setting %d, particle %d: %v and %v, not %v", &Expression{root: tree}, j, i, column[i], rows[i*m+j], want)
				}
			}
		}
		if t.Failed() {
			return
		}
	}
}

// walk evaluates a tree without a program.
func (n *node) walk(names map[string]float64) float64 {
	var a []float64
	for _, arg := range n.args {
		a = append(a, arg.walk(names))
	}
	switch n.kind {
	case kindNumber:
		return n.value
	case kindName:
		return names[n.name]
	case kindNegate:
		return -a[0]
	case kindAdd:
		return a[0] + a[1]
	case kindSubtract:
		return a[0] - a[1]
	case kindMultiply:
		return a[0] * a[1]
	case kindDivide:
		return a[0] / a[1]
	case kindPower:
		return math.Pow(a[0], a[1])
	case kindCompare:
		return n.two(a[0], a[1])
	}
	if n.function.Name == "where" {
		return where(a[0], a[1], a[2])
	}
	if n.function.one != nil {
		return n.function.one(a[0])
	}
	v := a[0]
	for _, w := range a[1:] {
		v = n.function.two(v, w)
	}
	return v
}

// hasPower reports whether a tree has a power, which the program may compute as a product: a
// difference in the last place can grow.
func hasPower(n *node) bool {
	found := false
	n.each(func(n *node) { found = found || n.kind == kindPower })
	return found
}

// What does not depend on parameters, or not on settings, is not computed for each value.
func TestHoisting(t *testing.T) {
	p := mustCompile(t, "sin(2*pi*s)*exp(-a)*cos(s*a) + sin(2*pi*s)", Scope{Settings: []string{"s"}, Parameters: []string{"a"}})
	c := p.overParticles
	if got := []int{len(c.rowStage), len(c.blockStage), len(c.bodyStage)}; !reflect.DeepEqual(got, []int{2, 2, 5}) {
		t.Errorf("%d instructions", got)
	}
	for text, want := range map[string]float64{"2*pi": 2 * math.Pi, "-2^2": -4, "k/3": 0.25, "where(1 < 2, 3, 4)": 3, "gamma(5)": 24, "max(1, 5, 2)": 5, "1/0": math.Inf(1)} {
		if v := rootOf(mustCompile(t, text, randomScope)); v.kind != valueNumber || math.Abs(v.number-want) > 1e-12 {
			t.Errorf("%s: %+v", text, v)
		}
	}
	if v := rootOf(mustCompile(t, "a - a", randomScope)); v.kind == valueNumber {
		t.Error("a - a is constant; it is not, if a is infinite")
	}
	if p := mustCompile(t, "s * b", randomScope); !p.UsesSetting(0) || p.UsesSetting(1) || p.UsesParameter(0) || !p.UsesParameter(1) || p.UsesParameter(2) {
		t.Error("s * b does not use s and b")
	}
}

func rootOf(p *Program) value { return p.graph.values[p.root] }

// A wrong length is a mistake of the program that calls, and never reads other memory.
func TestLengths(t *testing.T) {
	e := mustCompile(t, "s * a", Scope{Settings: []string{"s"}, Parameters: []string{"a"}}).NewEvaluator()
	two := make([]float64, 2)
	for name, call := range map[string]func(){
		"no setting":     func() { e.AtSetting(two, nil, [][]float64{two}) },
		"no column":      func() { e.AtSetting(two, two[:1], nil) },
		"a short column": func() { e.AtSetting(two, two[:1], [][]float64{two[:1]}) },
		"a short result": func() { e.AtParticles(two[:1], [][]float64{two}, [][]float64{two[:1]}, 2, 1) },
		"short settings": func() { e.AtParticles(two, [][]float64{two[:1]}, [][]float64{two[:1]}, 2, 1) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			call()
		}()
	}
}

func TestNoAllocations(t *testing.T) {
	for _, text := range []string{lorentzian, "where(frequency < centre, exp(-width), min(depth, 1, 2)) + cbrt(frequency)^width"} {
		e := mustCompile(t, text, lorentzianScope).NewEvaluator()
		particles := [][]float64{make([]float64, 2000), make([]float64, 2000), make([]float64, 2000)}
		dst, setting := make([]float64, 2000), []float64{1}
		if n := testing.AllocsPerRun(5, func() { e.AtSetting(dst, setting, particles) }); n != 0 {
			t.Errorf("AtSetting: %v allocations", n)
		}
		settings, few := [][]float64{make([]float64, 1000)}, [][]float64{{1, 2}, {3, 4}, {5, 6}}
		if n := testing.AllocsPerRun(5, func() { e.AtParticles(dst, settings, few, 1000, 2) }); n != 0 {
			t.Errorf("AtParticles: %v allocations", n)
		}
	}
}

// The printed form of a tree parses to the same tree.
func TestPrintedForm(t *testing.T) {
	r := rand.New(rand.NewPCG(16, 5))
	for range 5000 {
		tree := randomTree(r, 1+r.IntN(6))
		text := (&Expression{root: tree}).String()
		if again := mustParse(t, text); !same(tree, again.root) {
			t.Fatalf("%s is parsed as %s", text, again)
		}
	}
	for text, want := range map[string]string{"1-(2-3)": "1 - (2 - 3)", "(1-2)-3": "1 - 2 - 3", "-(x^2)": "-x^2", "(-x)^2": "(-x)^2", "(a<b)*c": "(a < b) * c", "2^(-x)": "2^-x", "a*(b*c)": "a * (b * c)", "+(1e21)": "1e+21"} {
		if got := mustParse(t, text).String(); got != want {
			t.Errorf("%s: %s, not %s", text, got, want)
		}
	}
}

func same(a, b *node) bool {
	if a.kind != b.kind || a.name != b.name || a.value != b.value || a.function != b.function || len(a.args) != len(b.args) {
		return false
	}
	for i := range a.args {
		if !same(a.args[i], b.args[i]) {
			return false
		}
	}
	return true
}

// FuzzParse: no text makes the parser panic, an error points into the text, and the printed
// form of an expression parses to the same expression, compiles and evaluates.
func FuzzParse(f *testing.F) {
	for _, text := range []string{lorentzian, "where(s < 0, 0, -a^-2) + µ", "sin(1e5, .5)", "((", "1 <= 2", "min(a, b, c)", "2^3^-4", "a\xff", "--1", "5.e-3*b==t", "x²"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := Parse(text)
		if err != nil {
			var mistake *Error
			if !errors.As(err, &mistake) || mistake.Offset < 0 || mistake.Offset > len(text) || err.Error() == "" {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		printed := e.String()
		if len(printed) > MaxLength {
			return // spaces and normal forms can be longer
		}
		again, err := Parse(printed)
		if err != nil || !same(e.root, again.root) {
			t.Fatalf("%q is printed as %q: %v", text, printed, err)
		}
		p, err := e.Compile(randomScope)
		var all Errors
		if err != nil {
			if !errors.As(err, &all) {
				t.Fatal(err)
			}
			return
		}
		evaluateOne(t, p, map[string]float64{"s": 1, "t": 2, "a": 3, "b": 4, "c": 5})
	})
}
