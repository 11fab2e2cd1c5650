package vector

import "math"

func sqrt(x float64) float64 { return math.Sqrt(x) }

// The logarithm of 2 in two parts, so that a whole number times the first is exact.
const log2High, log2Low = 6.93147180369123816490e-01, 1.90821492927058770002e-10

// exp is the exponential as Exp computes it, in the same order of operations as the vector instructions.
func exp(x float64) float64 {
	if !(x >= -700) {
		return 0
	}
	// x = k log 2 + r
	k := math.Floor(x*(1/math.Ln2) + 0.5)
	r := x - k*log2High - k*log2Low
	// Taylor's series: the first term that is left out is 2e-13, for |r| = log(2)/2.
	square := r * r
	even := 1 + square*(1./2+square*(1./24+square*(1./720+square*(1./40320+square*(1./3628800)))))
	odd := r * (1 + square*(1./6+square*(1./120+square*(1./5040+square*(1./362880)))))
	return (even + odd) * math.Float64frombits(uint64(int64(k)+1023)<<52)
}

// normal reports whether a number is positive and has a logarithm that vector instructions compute.
func normal(x float64) bool { return x >= 0x1p-1022 && x <= math.MaxFloat64 }

const sqrtHalf = 0x3fe6a09e667f3bcd // the bits of √½

// log is the logarithm as Log computes it, in the same order of operations as the vector instructions.
func log(x float64) float64 {
	if !normal(x) {
		return math.Log(x)
	}
	// x = 2^k m, m from √½ to √2
	u := math.Float64bits(x) + (0x3ff0000000000000 - sqrtHalf)
	k := float64(u>>52) - 1023
	m := math.Float64frombits(u&(1<<52-1) + sqrtHalf)
	// log m = 2 atanh s. Of its series, the first term that is left out is 1e-14 of the sum, for m = √2.
	s := (m - 1) / (m + 1)
	z := s * s
	series := 1 + z*(1./3+z*(1./5+z*(1./7+z*(1./9+z*(1./11+z*(1./13+z*(1./15+z*(1./17))))))))
	return k*log2High + (2*s*series + k*log2Low)
}
