package jsondoc

const (
	// maxNumberLen is the longest that a number can be, with its separator:
	// "-2.2250738585072014e-308, ".
	maxNumberLen = 26
	// typicalNumberLen is the length of most numbers, with their separator.
	typicalNumberLen = 22
	// blockLen is how many numbers are converted to digits before these are written.
	blockLen = 16
	// listSpace is the space after typical numbers that appendList requires.
	listSpace = (maxNumberLen-typicalNumberLen)*blockLen + numberSpace
)

// AppendDoubles appends an array of numbers. A long one is divided among CPUs.
func AppendDoubles(dst []byte, values []float64) []byte {
	parts := workers(len(values))
	if parts == 1 {
		return append(appendList(append(grow(dst, typicalNumberLen*int64(len(values))+listSpace), '['), values), ']')
	}
	return appendParts(dst, values, parts)
}

// appendParts formats the parts of an array in parallel. Each has space for numbers of
// the maximum length, which costs no memory until it is written to. Then the parts are
// moved together.
func appendParts(dst []byte, values []float64, parts int) []byte {
	dst = append(grow(dst, maxNumberLen*int64(len(values))+numberSpace*int64(parts)), '[')
	begin := func(i int) int { return int(int64(len(values)) * int64(i) / int64(parts)) }
	space := func(i int) int { return len(dst) + maxNumberLen*begin(i) + numberSpace*i }
	texts := make([][]byte, parts)
	parallel(parts, func(i int) {
		from, to := space(i), space(i+1)
		texts[i] = appendList(dst[:from:to], values[begin(i):begin(i+1)])[from:]
	})
	for i, text := range texts {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(dst, text...)
	}
	return append(dst, ']')
}

// appendList appends numbers without brackets. It allocates more space if they are longer
// than typical ones.
func appendList(dst []byte, values []float64) []byte {
	if len(values) == 0 {
		return dst
	}
	table := powers()
	var decimals [blockLen]decimal
	for i := 0; i < len(values); i += blockLen {
		block := values[i:min(i+blockLen, len(values))]
		if cap(dst)-len(dst) < maxNumberLen*len(block)+numberSpace {
			dst = grow(dst, maxNumberLen*int64(len(values)-i)+numberSpace)
		}
		shortestDecimals(decimals[:], block, table)
		dst = dst[:putDoubles(dst[:cap(dst)], len(dst), decimals[:], block)]
	}
	return dst[:len(dst)-len(", ")]
}

// AppendMatrix appends an array of rows, each an array of cols numbers. values
// contains them row by row.
func AppendMatrix(dst []byte, values []float64, rows, cols int) []byte {
	dst = append(grow(dst, typicalNumberLen*int64(len(values))+int64(len("[], "))*int64(rows)+listSpace), '[')
	for r := range rows {
		if r > 0 {
			dst = append(dst, ", "...)
		}
		dst = AppendDoubles(dst, values[r*cols:(r+1)*cols])
	}
	return append(dst, ']')
}
