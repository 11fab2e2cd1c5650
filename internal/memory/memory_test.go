package memory

import (
	"errors"
	"math"
	"testing"
)

func TestRoom(t *testing.T) {
	for _, n := range []int{0, 1, large - 1, large, 100 << 20} {
		if err := Room(n); err != nil {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	if err := Room(math.MaxInt - arena); !errors.Is(err, ErrMemory) {
		t.Errorf("the whole address space: %v", err)
	}
}

func TestNeed(t *testing.T) {
	Need(1 << 20)
	defer func() {
		if err, _ := recover().(error); !errors.Is(err, ErrMemory) {
			t.Errorf("the panic is %v", err)
		}
	}()
	Need(math.MaxInt - arena)
}
