//go:build !amd64

package jsondoc

// There are no vector instructions for other processors: the portable code does all.
const hasVectors = false

func classify(_ []byte, _ []masks) int { return 0 }
func plainBlocks(_ []byte) int         { return 0 }
func unbracketedBlocks(_ []byte) int   { return 0 }
