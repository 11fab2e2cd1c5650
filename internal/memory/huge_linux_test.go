package memory

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"
	"unsafe"
)

// flags returns what the system notes of the memory at an address, as in /proc/self/smaps.
func flags(t *testing.T, address uintptr) string {
	file, err := os.Open("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	inside := false
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var from, to uintptr
		if n, _ := fmt.Sscanf(lines.Text(), "%x-%x ", &from, &to); n == 2 {
			inside = from <= address && address < to
		}
		if found, ok := strings.CutPrefix(lines.Text(), "VmFlags:"); ok && inside {
			return found + " "
		}
	}
	t.Fatal("the address is in no line of smaps")
	return ""
}

// The system is asked for huge pages for large blocks, and for those only.
func TestHugePages(t *testing.T) {
	if _, err := os.Stat("/sys/kernel/mm/transparent_hugepage"); err != nil {
		t.Skip("this system has no huge pages")
	}
	asked := func(n int) bool {
		block, err := Make[byte](n, n)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(flags(t, uintptr(unsafe.Pointer(&block[n/2]))), " hg ")
	}
	if asked(100 << 10) {
		t.Error("huge pages for 100 kB")
	}
	if !asked(20 << 20) {
		t.Error("none for 20 MB")
	}
}
