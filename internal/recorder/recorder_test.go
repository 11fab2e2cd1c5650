package recorder

import (
	"errors"
	"testing"
)

var errSlow = errors.New("slow")

// What does not fit is told once each time that it begins, and room that comes is used.
func TestFull(t *testing.T) {
	blocked, told := make(chan bool), make(chan error, 10)
	r := New(Config[int]{
		Size: func(n *int) int { return *n }, Slow: errSlow, Lost: func(err error) { told <- err },
		Write: func(items []int) (int, error) { <-blocked; return len(items), nil },
	})
	written := int64(0)
	for round := range 2 {
		r.Add(MaxQueued + 1)
		for range 100 {
			r.Add(1)
		}
		if err := <-told; err != errSlow {
			t.Error(err)
		}
		written++
		if _, lost, waiting := r.Counts(); lost != int64(round+1)*100 || waiting != 1 {
			t.Errorf("round %d: %d lost, %d wait", round, lost, waiting)
		}
		blocked <- true
		for _, _, waiting := r.Counts(); waiting > 0; _, _, waiting = r.Counts() {
		}
	}
	close(blocked)
	if w, lost, first := r.Close(func(int64) {}); w != written || lost != 200 || first != errSlow || len(told) != 0 {
		t.Errorf("%d written, %d lost, %v; told %d times more", w, lost, first, len(told))
	}
}

// Each write that loses items is told, and what is added after the end is lost.
func TestFailedWrites(t *testing.T) {
	why := errors.New("why")
	told := make(chan error, 10)
	r := New(Config[int]{
		Size: func(*int) int { return 1 }, Slow: errSlow, Lost: func(err error) { told <- err },
		Write: func(items []int) (int, error) { return len(items) - 1, why },
	})
	for range 3 {
		r.Add(1)
		if err := <-told; err != why {
			t.Error(err)
		}
	}
	r.Close(func(int64) {})
	r.Add(1)
	if written, lost, waiting := r.Counts(); written != 0 || lost != 4 || waiting != 0 {
		t.Errorf("%d written, %d lost, %d wait", written, lost, waiting)
	}
}
