package expression

import (
	"math"
	"slices"
)

// class says what a value depends on.
type class uint8

const (
	ofSettings class = 1 << iota
	ofParameters
)

type valueKind uint8

const (
	valueNumber valueKind = iota
	valueVariable
	valueOperation
)

// value is a node of the graph of an expression: a tree in which equal branches are one.
type value struct {
	kind     valueKind
	class    class
	number   float64
	variable int // its index in the settings or parameters
	operation
	args [3]int // indexes of values, -1 for none; always of earlier values
}

// operation is what one instruction does.
type operation struct {
	op  op
	one func(float64) float64
	two func(a, b float64) float64
}

type op uint8

const (
	opAdd op = iota
	opSubtract
	opMultiply
	opDivide
	opNegate
	opAbs
	opSqrt
	opExp
	opOne // any function of one argument
	opTwo // any function of two arguments
	opWhere
)

// key identifies values that are equal. The name stands for a function, since functions
// cannot be compared.
type key struct {
	kind  valueKind
	class class
	bits  uint64 // of a number, or the index of a variable
	name  string
	args  [3]int
}

type graph struct {
	values []value
	index  map[key]int
}

func (g *graph) intern(k key, v value) int {
	if i, found := g.index[k]; found {
		return i
	}
	g.values = append(g.values, v)
	g.index[k] = len(g.values) - 1
	return len(g.values) - 1
}

func (g *graph) number(v float64) int {
	return g.intern(key{kind: valueNumber, bits: math.Float64bits(v)}, value{kind: valueNumber, number: v})
}

func (g *graph) variable(class class, k int) int {
	return g.intern(key{kind: valueVariable, class: class, bits: uint64(k)}, value{kind: valueVariable, class: class, variable: k})
}

// operate returns the value of an operation, which is a number if its operands are.
func (g *graph) operate(name string, o operation, args ...int) int {
	if o.op == opAdd || o.op == opMultiply { // a + b is b + a
		slices.Sort(args)
	}
	v := value{kind: valueOperation, operation: o, args: [3]int{-1, -1, -1}}
	constant := true
	var numbers [3]float64
	for i, a := range args {
		v.args[i] = a
		v.class |= g.values[a].class
		numbers[i] = g.values[a].number
		constant = constant && g.values[a].kind == valueNumber
	}
	if constant {
		return g.number(o.compute(numbers))
	}
	return g.intern(key{kind: valueOperation, name: name, args: v.args}, v)
}

// reach returns the values that a value depends on and the value itself, in an order in
// which each one comes after its operands.
func (g *graph) reach(root int) (values []int) {
	needed := make([]bool, len(g.values))
	needed[root] = true
	for i := root; i >= 0; i-- {
		if !needed[i] {
			continue
		}
		values = append(values, i)
		if g.values[i].kind == valueOperation {
			for _, a := range g.values[i].args {
				if a >= 0 {
					needed[a] = true
				}
			}
		}
	}
	slices.Reverse(values)
	return values
}

// compute returns the value of the operation for one set of operands.
func (o *operation) compute(a [3]float64) float64 {
	switch o.op {
	case opAdd:
		return a[0] + a[1]
	case opSubtract:
		return a[0] - a[1]
	case opMultiply:
		return a[0] * a[1]
	case opDivide:
		return a[0] / a[1]
	case opNegate:
		return -a[0]
	case opAbs:
		return math.Abs(a[0])
	case opSqrt:
		return math.Sqrt(a[0])
	case opExp:
		return math.Exp(a[0])
	case opOne:
		return o.one(a[0])
	case opTwo:
		return o.two(a[0], a[1])
	}
	return where(a[0], a[1], a[2])
}

func where(c, a, b float64) float64 {
	switch {
	case c != c:
		return c
	case c != 0:
		return a
	}
	return b
}
