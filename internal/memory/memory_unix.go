//go:build linux || darwin

package memory

import (
	"math/bits"

	"golang.org/x/sys/unix"
)

// arena is how much address space Go reserves at a time: 64 MiB with 64-bit addresses,
// otherwise 4 MiB (heapArenaBytes in Go's runtime).
const arena = 4 << 20 << (4 * (bits.UintSize / 64))

// probe returns an error if the system refuses n bytes.
func probe(n int) error {
	block, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return err
	}
	return unix.Munmap(block)
}

// canReuse reports whether Go can reuse n bytes of its heap whose memory it has returned
// to the system. Here it can, because their addresses stay mapped.
func canReuse(int) bool { return true }
