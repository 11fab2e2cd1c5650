package jsondoc

// readNumbers reads numbers at text[i], each of which a comma follows, into dst, and returns how many, and where the next
// one begins or the white space before it. It ends before what it does not read: NaN and Infinity, more than 19 digits after
// leading zeros or 24 in all, an exponent near the limits of a double, a comma after white space, the last numbers of a
// text, and what is no number. It gives what readDouble gives, in less than half the time of readShortDouble
// (BenchmarkArray): it has no branch that depends on how many digits a number has.
func readNumbers(text []byte, i int, dst []float64, table *powerTable) (count, end int) {
	last := len(text) - vectorSpace
	if i < vectorBefore || i > last || len(dst) == 0 {
		return 0, i
	}
	return readAVX(&text[0], i, last, &dst[0], len(dst), &table[-lowestPower])
}

// readAVX reads up to n numbers, and begins none after text[last]. one is the power 10^0 in the table of the powers.
//
//go:noescape
func readAVX(text *byte, i, last int, dst *float64, n int, one *power) (count, end int)
