package expression

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"libobe/internal/excerpt"
	"libobe/internal/suggest"
)

// Scope gives the names of an expression their meaning. A name has one meaning at most, and
// is in the form of Normalize.
type Scope struct {
	// Constants are the names with a known value.
	Constants map[string]float64
	// Settings and Parameters are the names whose values an Evaluator receives, in the order
	// in which it receives them.
	Settings, Parameters []string
}

// names returns all names, in an order that does not change.
func (s Scope) names() []string {
	all := slices.Concat(s.Parameters, s.Settings, slices.Sorted(maps.Keys(s.Constants)))
	return append(all, "pi")
}

// Program is a compiled expression. It does not change, and any number of goroutines may
// use it, each with its own Evaluator.
type Program struct {
	scope Scope
	graph *graph
	root  int
	// The same expression for the two directions of evaluation.
	overParticles, overSettings *code
}

// maxErrors is how many unknown names of an expression are told. To find the nearest known
// name takes time, and a hostile expression may have thousands.
const maxErrors = 20

// Compile gives the names a meaning. The error is an Errors with the unknown names, the first
// 20 if there are more.
//
// What the expression computes from numbers and constants alone is computed here, once. What
// depends on settings alone is computed once per setting, what depends on parameters alone
// once per particle, and what occurs several times once.
func (e *Expression) Compile(scope Scope) (*Program, error) {
	g := &graph{index: map[key]int{}}
	var unknown Errors
	root := g.add(e, e.root, scope, &unknown)
	if unknown != nil {
		return nil, unknown
	}
	return newProgram(g, root, scope), nil
}

// Number returns the program of a number, as if an expression had been compiled.
func Number(v float64, scope Scope) *Program {
	g := &graph{index: map[key]int{}}
	return newProgram(g, g.number(v), scope)
}

func newProgram(g *graph, root int, scope Scope) *Program {
	return &Program{
		scope: scope, graph: g, root: root,
		overParticles: g.emit(root, ofParameters),
		overSettings:  g.emit(root, ofSettings),
	}
}

// UsesSetting reports whether the value depends on setting k of the scope.
func (p *Program) UsesSetting(k int) bool { return p.uses(ofSettings, k) }

// UsesParameter reports whether the value depends on parameter k of the scope.
func (p *Program) UsesParameter(k int) bool { return p.uses(ofParameters, k) }

func (p *Program) uses(class class, k int) bool {
	reached := p.graph.reach(p.root)
	return slices.ContainsFunc(reached, func(i int) bool {
		v := p.graph.values[i]
		return v.kind == valueVariable && v.class == class && v.variable == k
	})
}

// add adds a tree to the graph, and its unknown names to unknown.
func (g *graph) add(e *Expression, n *node, scope Scope, unknown *Errors) int {
	args := make([]int, len(n.args))
	for i, a := range n.args {
		args[i] = g.add(e, a, scope, unknown)
	}
	switch n.kind {
	case kindNumber:
		return g.number(n.value)
	case kindName:
		return g.name(e, n, scope, unknown)
	case kindNegate:
		return g.operate("negate", operation{op: opNegate}, args...)
	case kindCompare:
		return g.operate(n.name, operation{op: opTwo, two: n.two}, args...)
	case kindPower:
		return g.power(args[0], args[1])
	case kindCall:
		return g.call(n.function, args)
	}
	binary := map[nodeKind]op{kindAdd: opAdd, kindSubtract: opSubtract, kindMultiply: opMultiply, kindDivide: opDivide}
	return g.operate(operators[n.kind].symbol, operation{op: binary[n.kind]}, args...)
}

func (g *graph) name(e *Expression, n *node, scope Scope, unknown *Errors) int {
	if n.name == "pi" {
		return g.number(math.Pi)
	}
	if v, found := scope.Constants[n.name]; found {
		return g.number(v)
	}
	if k := slices.Index(scope.Settings, n.name); k >= 0 {
		return g.variable(ofSettings, k)
	}
	if k := slices.Index(scope.Parameters, n.name); k >= 0 {
		return g.variable(ofParameters, k)
	}
	if len(*unknown) == maxErrors {
		return g.number(0)
	}
	const shown = 20 // names in an error
	names := scope.names()
	known := "known are " + strings.Join(names[:min(shown, len(names))], ", ")
	if len(names) > shown {
		known += ", …"
	}
	problem := fmt.Sprintf("unknown name %s%s", excerpt.Quote(n.name), meant(suggest.Nearest(n.name, names), known))
	*unknown = append(*unknown, &Error{e.text, n.at, problem})
	return g.number(0)
}

func (g *graph) call(f *Function, args []int) int {
	switch f.Name {
	case "where":
		return g.operate(f.Name, operation{op: opWhere}, args...)
	case "abs":
		return g.operate(f.Name, operation{op: opAbs}, args...)
	case "sqrt":
		return g.sqrt(args[0])
	case "exp":
		return g.operate(f.Name, operation{op: opExp}, args...)
	}
	if f.one != nil {
		return g.operate(f.Name, operation{op: opOne, one: f.one}, args...)
	}
	left := args[0]
	for _, right := range args[1:] {
		left = g.operate(f.Name, operation{op: opTwo, two: f.two}, left, right)
	}
	return left
}

func (g *graph) sqrt(a int) int { return g.operate("sqrt", operation{op: opSqrt}, a) }

// power returns a^b. Small whole exponents are products, which take 1 ns instead of the 30
// ns of math.Pow, and differ from it by one unit in the last place at most.
func (g *graph) power(a, b int) int {
	multiply := func(a, b int) int { return g.operate(" * ", operation{op: opMultiply}, a, b) }
	if e := g.values[b]; e.kind == valueNumber && g.values[a].kind != valueNumber {
		product := -1
		switch math.Abs(e.number) {
		case 1:
			product = a
		case 2:
			product = multiply(a, a)
		case 3:
			product = multiply(multiply(a, a), a)
		case 4:
			square := multiply(a, a)
			product = multiply(square, square)
		}
		switch {
		case product >= 0 && e.number > 0:
			return product
		case product >= 0:
			return g.operate(" / ", operation{op: opDivide}, g.number(1), product)
		case e.number == 0.5:
			return g.sqrt(a)
		}
	}
	return g.operate("^", operation{op: opTwo, two: math.Pow}, a, b)
}
