package trace

import (
	"errors"
	"syscall"
	"testing"
)

func TestDiskFull(t *testing.T) {
	for _, limit := range []int64{1, unlimited} {
		if err := Write("/dev/full", limit, record("1")); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("limit %d: %v", limit, err)
		}
	}
	must(t, Write("/dev/null", 1, record("1")))
}
