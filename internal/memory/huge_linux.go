package memory

import "golang.org/x/sys/unix"

// useHugePages asks the system for huge pages where a block is. Most distributions use them only where they are asked for. A
// system without them refuses, which changes nothing. The huge pages at the ends contain other parts of Go's heap, too.
func useHugePages(address, size uintptr) {
	from := address &^ (hugePage - 1)
	to := (address + size + hugePage - 1) &^ (hugePage - 1)
	_, _, _ = unix.Syscall(unix.SYS_MADVISE, from, to-from, unix.MADV_HUGEPAGE)
}
