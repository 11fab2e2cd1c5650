package memory

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

// arena is how much address space Go reserves at a time (heapArenaBytes in Go's
// runtime).
const arena = 4 << 20

// probe returns an error if the system refuses n bytes.
func probe(n int) error {
	block, err := windows.VirtualAlloc(0, uintptr(n), windows.MEM_RESERVE|windows.MEM_COMMIT, windows.PAGE_READWRITE)
	if err != nil {
		return err
	}
	return windows.VirtualFree(block, 0, windows.MEM_RELEASE)
}

var globalMemoryStatus = windows.NewLazySystemDLL("kernel32.dll").NewProc("GlobalMemoryStatusEx")

// canReuse reports whether Go can reuse n bytes of its heap whose memory it has returned
// to the system. Go commits them then, and ends the process if that fails.
func canReuse(n int) bool {
	var status struct { // MEMORYSTATUSEX
		size, load                                                uint32
		physical, availablePhysical, commit, availableCommit      uint64
		addresses, availableAddresses, availableExtendedAddresses uint64
	}
	status.size = uint32(unsafe.Sizeof(status))
	ok, _, _ := globalMemoryStatus.Call(uintptr(unsafe.Pointer(&status)))
	return ok != 0 && status.availableCommit > 2*uint64(n)
}
