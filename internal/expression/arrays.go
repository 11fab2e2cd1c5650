package expression

import (
	"math"

	"libobe/internal/vector"
)

// The loops over arrays. An operand is an array x or y, or the number u or v in the place of
// an array that is nil. A target may be one of the operands. All arrays have one length; the
// reslicing tells the compiler so, which then leaves out the checks of indexes.

func (o *operation) arrays(target, x, y []float64, u, v float64) {
	switch o.op {
	case opAdd:
		add(target, x, y, u, v)
	case opSubtract:
		subtract(target, x, y, u, v)
	case opMultiply:
		multiply(target, x, y, u, v)
	case opDivide:
		divide(target, x, y, u, v)
	case opNegate:
		x = x[:len(target)]
		for i := range target {
			target[i] = -x[i]
		}
	case opAbs:
		x = x[:len(target)]
		for i := range target {
			target[i] = math.Abs(x[i])
		}
	case opSqrt:
		vector.Sqrt(target, x)
	case opExp:
		x = x[:len(target)]
		for i := range target {
			target[i] = math.Exp(x[i])
		}
	case opOne:
		x = x[:len(target)]
		for i := range target {
			target[i] = o.one(x[i])
		}
	default:
		o.twoArrays(target, x, y, u, v)
	}
}

func add(target, x, y []float64, u, v float64) {
	switch {
	case x == nil:
		vector.AddNumber(target, y, u)
	case y == nil:
		vector.AddNumber(target, x, v)
	default:
		vector.Add(target, x, y)
	}
}

func subtract(target, x, y []float64, u, v float64) {
	switch {
	case x == nil:
		vector.SubtractFrom(target, u, y)
	case y == nil:
		vector.AddNumber(target, x, -v)
	default:
		vector.Subtract(target, x, y)
	}
}

func multiply(target, x, y []float64, u, v float64) {
	switch {
	case x == nil:
		vector.MultiplyNumber(target, y, u)
	case y == nil:
		vector.MultiplyNumber(target, x, v)
	default:
		vector.Multiply(target, x, y)
	}
}

func divide(target, x, y []float64, u, v float64) {
	switch {
	case x == nil:
		vector.DivideInto(target, u, y)
	case y == nil:
		vector.DivideNumber(target, x, v)
	default:
		vector.Divide(target, x, y)
	}
}

// twoArrays calls a function of two arguments.
func (o *operation) twoArrays(target, x, y []float64, u, v float64) {
	switch {
	case x == nil:
		y = y[:len(target)]
		for i := range target {
			target[i] = o.two(u, y[i])
		}
	case y == nil:
		x = x[:len(target)]
		for i := range target {
			target[i] = o.two(x[i], v)
		}
	default:
		x, y = x[:len(target)], y[:len(target)]
		for i := range target {
			target[i] = o.two(x[i], y[i])
		}
	}
}

func whereArray(target, c, a, b []float64, constant, u, v float64) {
	for i := range target {
		condition, yes, no := constant, u, v
		if c != nil {
			condition = c[i]
		}
		if a != nil {
			yes = a[i]
		}
		if b != nil {
			no = b[i]
		}
		target[i] = where(condition, yes, no)
	}
}

func copyArray(target, x []float64, u float64) {
	if x != nil {
		copy(target, x)
		return
	}
	for i := range target {
		target[i] = u
	}
}
