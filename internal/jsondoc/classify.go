package jsondoc

// masks has a bit for each of 64 bytes, for each class of bytes in arrays of numbers. The lowest bit is the first byte.
// The order is that of classify_amd64.s.
type masks struct {
	exponent uint64 // e and E
	digit    uint64
	point    uint64
	minus    uint64
	comma    uint64
	plus     uint64
	space    uint64 // and tab, and line ends
	zero     uint64 // a digit, too
}

// blockSize is how many bytes masks are of.
const blockSize = 64
