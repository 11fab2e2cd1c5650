package vector

import (
	"math"

	"golang.org/x/sys/cpu"
)

var hasAVX = cpu.X86.HasAVX2

// whole is how many of n numbers are worked on in blocks of four.
func whole(n int) int {
	if !hasAVX {
		return 0
	}
	return n &^ 3
}

// The functions return how many numbers they have worked on, from the first.

func addBlocks(target, x, y []float64) int {
	n := whole(len(target))
	if n > 0 {
		addAVX(&target[0], &x[0], &y[0], n)
	}
	return n
}

func subtractBlocks(target, x, y []float64) int {
	n := whole(len(target))
	if n > 0 {
		subtractAVX(&target[0], &x[0], &y[0], n)
	}
	return n
}

func multiplyBlocks(target, x, y []float64) int {
	n := whole(len(target))
	if n > 0 {
		multiplyAVX(&target[0], &x[0], &y[0], n)
	}
	return n
}

func divideBlocks(target, x, y []float64) int {
	n := whole(len(target))
	if n > 0 {
		divideAVX(&target[0], &x[0], &y[0], n)
	}
	return n
}

func addNumberBlocks(target, x []float64, v float64) int {
	n := whole(len(target))
	if n > 0 {
		addNumberAVX(&target[0], &x[0], v, n)
	}
	return n
}

func multiplyNumberBlocks(target, x []float64, v float64) int {
	n := whole(len(target))
	if n > 0 {
		multiplyNumberAVX(&target[0], &x[0], v, n)
	}
	return n
}

func divideNumberBlocks(target, x []float64, v float64) int {
	n := whole(len(target))
	if n > 0 {
		divideNumberAVX(&target[0], &x[0], v, n)
	}
	return n
}

func subtractFromBlocks(target, y []float64, u float64) int {
	n := whole(len(target))
	if n > 0 {
		subtractFromAVX(&target[0], &y[0], u, n)
	}
	return n
}

func divideIntoBlocks(target, y []float64, u float64) int {
	n := whole(len(target))
	if n > 0 {
		divideIntoAVX(&target[0], &y[0], u, n)
	}
	return n
}

func sqrtBlocks(target, x []float64) int {
	n := whole(len(target))
	if n > 0 {
		sqrtAVX(&target[0], &x[0], n)
	}
	return n
}

func expBlocks(target, x []float64) int {
	n := whole(len(target))
	if n > 0 {
		expAVX(&target[0], &x[0], n, &expNumbers)
	}
	return n
}

func logBlocks(target, x []float64) int {
	n := whole(len(target))
	if n > 0 {
		logAVX(&target[0], &x[0], n, &logNumbers)
	}
	return n
}

// expNumbers are the numbers in exp: its limit, those of k and r, and the coefficients of odd and even powers.
var expNumbers = [15]float64{
	-700, 1 / math.Ln2, 0.5, log2High, log2Low, 1, 0,
	1. / 6, 1. / 120, 1. / 5040, 1. / 362880,
	1. / 24, 1. / 720, 1. / 40320, 1. / 3628800,
}

// logNumbers are the numbers in log: those of k and m, and the coefficients of the series.
var logNumbers = [14]float64{
	log2High, log2Low, 1, 1 << 52, 1<<52 + 1023, math.Float64frombits(sqrtHalf),
	1. / 3, 1. / 5, 1. / 7, 1. / 9, 1. / 11, 1. / 13, 1. / 15, 1. / 17,
}

//go:noescape
func addAVX(target, x, y *float64, n int)

//go:noescape
func subtractAVX(target, x, y *float64, n int)

//go:noescape
func multiplyAVX(target, x, y *float64, n int)

//go:noescape
func divideAVX(target, x, y *float64, n int)

//go:noescape
func addNumberAVX(target, x *float64, v float64, n int)

//go:noescape
func multiplyNumberAVX(target, x *float64, v float64, n int)

//go:noescape
func divideNumberAVX(target, x *float64, v float64, n int)

//go:noescape
func subtractFromAVX(target, y *float64, u float64, n int)

//go:noescape
func divideIntoAVX(target, y *float64, u float64, n int)

//go:noescape
func sqrtAVX(target, x *float64, n int)

//go:noescape
func expAVX(target, x *float64, n int, c *[15]float64)

//go:noescape
func logAVX(target, x *float64, n int, c *[14]float64)
