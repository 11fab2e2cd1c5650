package expression

import (
	"fmt"
	"slices"
	"strings"

	"libobe/internal/excerpt"
	"libobe/internal/suggest"
)

const (
	// MaxLength is the largest length of an expression in bytes.
	MaxLength = 10_000
	// MaxDepth is how deep parentheses, signs and powers may be nested.
	MaxDepth = 200
)

// Expression is an expression whose names have no meaning yet.
type Expression struct {
	text string
	root *node
}

// Parse reads an expression. The error is an *Error, that of the first mistake.
func Parse(text string) (*Expression, error) {
	if len(text) > MaxLength {
		return nil, &Error{text, MaxLength, fmt.Sprintf("the expression is longer than %d bytes", MaxLength)}
	}
	p := parser{text: text}
	root, err := p.parse()
	if err != nil {
		return nil, err
	}
	return &Expression{text, root}, nil
}

// String returns the expression with the fewest parentheses and one space on each side of
// an operator. It parses to the same expression.
func (e *Expression) String() string {
	var out strings.Builder
	e.root.print(&out, levelComparison)
	return out.String()
}

// parser is a parser by recursive descent.
type parser struct {
	text  string
	now   token
	next  int    // where the token after now begins
	last  string // the token before now, for errors
	depth int
}

func (p *parser) parse() (root *node, err error) {
	// A mistake ends the parser from any depth.
	defer func() {
		switch mistake := recover().(type) {
		case nil:
		case *Error:
			root, err = nil, mistake
		default:
			panic(mistake)
		}
	}()
	p.advance()
	if p.now.kind == tokenEnd {
		p.fail(p.now.at, "the expression is empty")
	}
	root = p.comparison()
	if p.now.kind != tokenEnd {
		p.unexpected()
	}
	return root, nil
}

func (p *parser) fail(at int, format string, arguments ...any) {
	panic(&Error{p.text, at, fmt.Sprintf(format, arguments...)})
}

func (p *parser) advance() {
	p.last = p.now.text
	now, next, err := scan(p.text, p.next)
	if err != nil {
		panic(err)
	}
	p.now, p.next = now, next
}

func (p *parser) is(symbol string) bool { return p.now.kind == tokenSymbol && p.now.text == symbol }

// unexpected fails where an operator or the end is right.
func (p *parser) unexpected() {
	switch {
	case p.is(")"):
		p.fail(p.now.at, `unexpected ")"; it has no "("`)
	case p.is(","):
		p.fail(p.now.at, `unexpected ","; the decimal point is "."`)
	}
	p.fail(p.now.at, "an operator is missing before %s, such as * for a product", excerpt.Quote(p.now.text))
}

// deeper counts the levels of recursion; the result ends one.
func (p *parser) deeper(at int) func() {
	if p.depth++; p.depth > MaxDepth {
		p.fail(at, "the expression is nested deeper than %d levels", MaxDepth)
	}
	return func() { p.depth-- }
}

func (p *parser) comparison() *node {
	left := p.sum()
	operator := func() int {
		if p.now.kind != tokenSymbol {
			return -1
		}
		return slices.IndexFunc(comparisons, func(c comparison) bool { return c.symbol == p.now.text })
	}
	i := operator()
	if i < 0 {
		return left
	}
	n := &node{kind: kindCompare, name: p.now.text, two: comparisons[i].holds, at: p.now.at}
	p.advance()
	n.args = []*node{left, p.sum()}
	if operator() >= 0 {
		p.fail(p.now.at, "comparisons cannot be chained; write (a < b) * (b < c)")
	}
	return n
}

func (p *parser) sum() *node {
	left := p.product()
	for p.is("+") || p.is("-") {
		left = p.binary(left, p.product)
	}
	return left
}

func (p *parser) product() *node {
	left := p.signed()
	for p.is("*") || p.is("/") {
		left = p.binary(left, p.signed)
	}
	return left
}

func (p *parser) binary(left *node, right func() *node) *node {
	n := &node{kind: operatorKinds[p.now.text], at: p.now.at}
	p.advance()
	n.args = []*node{left, right()}
	return n
}

func (p *parser) signed() *node {
	if !p.is("-") && !p.is("+") {
		return p.power()
	}
	sign := p.now
	defer p.deeper(sign.at)()
	p.advance()
	operand := p.signed()
	if sign.text == "+" {
		return operand
	}
	return &node{kind: kindNegate, at: sign.at, args: []*node{operand}}
}

func (p *parser) power() *node {
	base := p.atom()
	if !p.is("^") {
		return base
	}
	defer p.deeper(p.now.at)()
	return p.binary(base, p.signed)
}

func (p *parser) atom() *node {
	t := p.now
	switch {
	case t.kind == tokenNumber:
		p.advance()
		return &node{kind: kindNumber, value: t.number, at: t.at}
	case t.kind == tokenName:
		p.advance()
		if p.is("(") {
			return p.call(t)
		}
		if f := lookUp(t.text); f != nil {
			p.fail(t.at, "%s is a function; write %s", f.Name, f.Usage())
		}
		return &node{kind: kindName, name: t.text, at: t.at}
	case p.is("("):
		defer p.deeper(t.at)()
		p.advance()
		inner := p.comparison()
		p.closing(t)
		return inner
	case t.kind == tokenEnd:
		p.fail(t.at, "unexpected end after %s; a number, a name or a parenthesis is missing", excerpt.Quote(p.last))
	case p.last == "":
		p.fail(t.at, "unexpected %s at the beginning; a number, a name or a parenthesis is missing", excerpt.Quote(t.text))
	}
	p.fail(t.at, "unexpected %s after %s; a number, a name or a parenthesis is missing", excerpt.Quote(t.text), excerpt.Quote(p.last))
	return nil
}

// closing takes the ")" of an open parenthesis.
func (p *parser) closing(open token) {
	switch {
	case p.is(")"):
		p.advance()
	case p.now.kind == tokenEnd || p.is(","):
		e := Error{Text: p.text, Offset: open.at}
		place, _, _ := strings.Cut(e.Error(), ":")
		p.fail(p.now.at, `missing ")" for the "(" at %s`, place)
	default:
		p.unexpected()
	}
}

// call reads the arguments of a function; now is its "(".
func (p *parser) call(name token) *node {
	open := p.now
	defer p.deeper(open.at)()
	f := lookUp(name.text)
	if f == nil {
		p.fail(name.at, "unknown function %s%s", excerpt.Quote(name.text), meant(suggest.Nearest(name.text, functionNames()), "the functions are "+strings.Join(functionNames(), " ")))
	}
	p.advance()
	n := &node{kind: kindCall, function: f, at: name.at}
	if !p.is(")") {
		n.args = append(n.args, p.comparison())
		for p.is(",") {
			p.advance()
			n.args = append(n.args, p.comparison())
		}
	}
	p.closing(open)
	if got, want := len(n.args), len(f.Arguments); got < want || got > want && !f.variadic() {
		more := ""
		if f.variadic() {
			more = " or more"
		}
		p.fail(name.at, "%s takes %s%s, as in %s, and not %d", f.Name, count(want, "argument"), more, f.Usage(), got)
	}
	return n
}

// Usage returns an example of a call, such as "atan2(y, x)".
func (f *Function) Usage() string { return f.Name + "(" + strings.Join(f.Arguments, ", ") + ")" }

// meant ends the sentence about an unknown name.
func meant(nearest, otherwise string) string {
	if nearest == "" {
		return "; " + otherwise
	}
	return fmt.Sprintf("; did you mean %q?", nearest)
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
