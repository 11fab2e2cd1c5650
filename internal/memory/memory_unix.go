//go:build linux || darwin

package memory

import (
	"math/bits"

	"golang.org/x/sys/unix"
)

// arena is how much Go takes from the system at once: 64 MiB where addresses have
// 64 bits, else 4 (heapArenaBytes in Go's runtime).
const arena = 4 << 20 << (4 * (bits.UintSize / 64))

func ask(n int) error {
	block, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return err
	}
	return unix.Munmap(block)
}

// usable reports whether n bytes of Go's heap whose memory the system has back can be
// used again without asking. Their addresses stay mapped.
func usable(int) bool { return true }
