package transport

import (
	"slices"
	"testing"
)

// looks makes waits that find what they wait for at their look number found (0: they
// do not), and returns how often each looked.
func looks(s *Spin, waits, found int) (made []int) {
	for range waits {
		n := 0
		for wait := s.begin(); wait.again(); {
			if n++; n == found {
				wait.found()
				break
			}
		}
		made = append(made, n)
	}
	return made
}

func TestSpin(t *testing.T) {
	was := spins
	defer func() { spins = was }()
	spins = true

	var s Spin
	expect := func(what string, got, want []int) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("%s: the looks were %v, want %v", what, got, want)
		}
	}
	all := spinLooks
	expect("found each time", looks(&s, 3, 5), []int{5, 5, 5})
	expect("found at the last look", looks(&s, 2, all), []int{all, all})
	expect("in vain, the pauses grow", looks(&s, 12, 0), []int{all, 0, all, 0, 0, 0, all, 0, 0, 0, 0, 0})
	looks(&s, 2000, 0)
	in := 0
	for _, n := range looks(&s, 10*(spinPause+1), 0) {
		if n > 0 {
			in++
		}
	}
	if in != 10 {
		t.Errorf("in vain for long: %d of %d waits looked, want 10", in, 10*(spinPause+1))
	}
	if last := looks(&s, 10*(spinPause+1), 1); last[len(last)-1] != 1 {
		t.Errorf("it never looks again")
	}
	looks(&s, 10, 1)
	expect("once in vain after a long time of success", looks(&s, 1, 0), []int{all})
	expect("and a short pause", looks(&s, 3, 1), []int{0, 1, 1})

	expect("no Spin", looks(nil, 2, 1), []int{0, 0})
	spins = false
	expect("one processor", looks(&Spin{}, 2, 1), []int{0, 0})
}
