package memory

import "golang.org/x/sys/windows"

// arena is how much Go takes from the system at once (heapArenaBytes in Go's
// runtime).
const arena = 4 << 20

func ask(n int) error {
	block, err := windows.VirtualAlloc(0, uintptr(n), windows.MEM_RESERVE|windows.MEM_COMMIT, windows.PAGE_READWRITE)
	if err != nil {
		return err
	}
	return windows.VirtualFree(block, 0, windows.MEM_RELEASE)
}
