package jsondoc

import "golang.org/x/sys/cpu"

// hasVectors is whether the functions in assembly work. With them strings are validated ten times as fast, and arrays of
// numbers three times (BenchmarkValidate), and read twice as fast (BenchmarkArray). Tests change it.
var hasVectors = cpu.X86.HasAVX2 && cpu.X86.HasBMI1 && cpu.X86.HasBMI2

// classify stores the classes of the bytes of p, for as many whole blocks as there are in p and m, and returns their number.
func classify(p []byte, m []masks) int {
	n := min(len(p)/blockSize, len(m))
	if n > 0 {
		classifyAVX(&p[0], n, &m[0])
	}
	return n
}

// plainBlocks returns how many bytes at the beginning of p are plain bytes of a string, in whole blocks only.
func plainBlocks(p []byte) int {
	n := len(p) &^ (blockSize - 1)
	if n == 0 {
		return 0
	}
	return plainAVX(&p[0], n)
}

// unbracketedBlocks returns how many bytes at the beginning of p are neither brackets nor braces nor quotes, in whole blocks only.
func unbracketedBlocks(p []byte) int {
	n := len(p) &^ (blockSize - 1)
	if n == 0 {
		return 0
	}
	return unbracketedAVX(&p[0], n)
}

//go:noescape
func classifyAVX(p *byte, blocks int, m *masks)

//go:noescape
func plainAVX(p *byte, n int) int

//go:noescape
func unbracketedAVX(p *byte, n int) int
