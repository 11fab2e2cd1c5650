package expression

import (
	"strconv"
	"strings"
)

type nodeKind int

const (
	kindNumber nodeKind = iota
	kindName
	kindNegate
	kindAdd
	kindSubtract
	kindMultiply
	kindDivide
	kindPower
	kindCompare
	kindCall
)

var operatorKinds = map[string]nodeKind{"+": kindAdd, "-": kindSubtract, "*": kindMultiply, "/": kindDivide, "^": kindPower}

// The strength of operators: an operand that is weaker is printed in parentheses.
const (
	levelComparison = iota
	levelSum
	levelProduct
	levelSigned
	levelPower
	levelAtom
)

// operators has, for each kind, the symbol, its level, and the levels that its operands need.
var operators = map[nodeKind]struct {
	symbol             string
	level, left, right int
}{
	kindAdd:      {" + ", levelSum, levelSum, levelProduct},
	kindSubtract: {" - ", levelSum, levelSum, levelProduct},
	kindMultiply: {" * ", levelProduct, levelProduct, levelSigned},
	kindDivide:   {" / ", levelProduct, levelProduct, levelSigned},
	kindPower:    {"^", levelPower, levelAtom, levelSigned},
}

// node is a node of the tree of an expression.
type node struct {
	kind     nodeKind
	at       int                        // the byte in the text; of an operator, its symbol
	value    float64                    // of a number, finite and not negative
	name     string                     // of a name, and the symbol of a comparison
	two      func(a, b float64) float64 // of a comparison
	function *Function                  // of a call
	args     []*node
}

// each calls f for all nodes, operands from left to right.
func (n *node) each(f func(*node)) {
	f(n)
	for _, a := range n.args {
		a.each(f)
	}
}

// print writes the node, in parentheses if it is weaker than level.
func (n *node) print(out *strings.Builder, level int) {
	parenthesised := func(own int, write func()) {
		if own < level {
			out.WriteByte('(')
			defer out.WriteByte(')')
		}
		write()
	}
	switch n.kind {
	case kindNumber:
		out.WriteString(strconv.FormatFloat(n.value, 'g', -1, 64))
	case kindName:
		out.WriteString(n.name)
	case kindNegate:
		parenthesised(levelSigned, func() {
			out.WriteByte('-')
			n.args[0].print(out, levelSigned)
		})
	case kindCompare:
		parenthesised(levelComparison, func() {
			n.args[0].print(out, levelSum)
			out.WriteString(" " + n.name + " ")
			n.args[1].print(out, levelSum)
		})
	case kindCall:
		out.WriteString(n.function.Name + "(")
		for i, a := range n.args {
			if i > 0 {
				out.WriteString(", ")
			}
			a.print(out, levelComparison)
		}
		out.WriteByte(')')
	default:
		o := operators[n.kind]
		parenthesised(o.level, func() {
			n.args[0].print(out, o.left)
			out.WriteString(o.symbol)
			n.args[1].print(out, o.right)
		})
	}
}
