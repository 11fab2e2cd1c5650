//go:build !amd64

package vector

func addBlocks(_, _, _ []float64) int                    { return 0 }
func subtractBlocks(_, _, _ []float64) int               { return 0 }
func multiplyBlocks(_, _, _ []float64) int               { return 0 }
func divideBlocks(_, _, _ []float64) int                 { return 0 }
func addNumberBlocks(_, _ []float64, _ float64) int      { return 0 }
func multiplyNumberBlocks(_, _ []float64, _ float64) int { return 0 }
func divideNumberBlocks(_, _ []float64, _ float64) int   { return 0 }
func subtractFromBlocks(_, _ []float64, _ float64) int   { return 0 }
func divideIntoBlocks(_, _ []float64, _ float64) int     { return 0 }
func sqrtBlocks(_, _ []float64) int                      { return 0 }
func expBlocks(_, _ []float64) int                       { return 0 }
func logBlocks(_, _ []float64) int                       { return 0 }
