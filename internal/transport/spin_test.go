package transport

import (
	"slices"
	"testing"
	"time"
)

// waits makes waits that get what they wait for at their look number found, and in
// sleep if they look less often or found is 0; it returns how often each looked.
func waits(s *Spin, n, found int) (looked []int) {
	for range n {
		looks := 0
		wait := s.begin()
		for wait.again() {
			if looks++; looks == found {
				break
			}
		}
		wait.found()
		looked = append(looked, looks)
	}
	return looked
}

// trial makes the waits of a trial, of which those that sleep and those that look are
// to take these times.
func trial(t *testing.T, s *Spin, asleep, awake time.Duration) {
	t.Helper()
	for i := range 2 * spinTrial {
		wait := s.begin()
		if wait.began.IsZero() {
			t.Fatalf("wait %d belongs to no trial", i)
		}
		took := asleep
		if looks := wait.again(); looks {
			took = awake
		} else if i >= spinTrial {
			t.Fatalf("wait %d of a trial sleeps", i)
		}
		wait.began = time.Now().Add(-took)
		if i%spinTrial == 0 {
			wait.began = wait.began.Add(-time.Second) // this one was held up
		}
		wait.found()
	}
}

func all(n, looks int) []int { return slices.Repeat([]int{looks}, n) }

func TestSpin(t *testing.T) {
	was := spins
	defer func() { spins = was }()
	spins = true
	const quick, slow = 10 * time.Microsecond, 60 * time.Microsecond
	expect := func(t *testing.T, got, want []int) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("the looks of %d waits were %v, want %v", len(want), slices.Compact(got), slices.Compact(want))
		}
	}

	t.Run("looking is faster", func(t *testing.T) {
		var s Spin
		trial(t, &s, slow, quick)
		expect(t, waits(&s, spinAwake, 7), all(spinAwake, 7))
		trial(t, &s, slow, quick)
	})
	for name, awake := range map[string]time.Duration{"is slower": 2 * slow, "makes no difference": slow, "is hardly faster": slow * 9 / 10} {
		t.Run("looking "+name, func(t *testing.T) {
			var s Spin
			trial(t, &s, slow, awake)
			expect(t, waits(&s, spinAsleep, 7), all(spinAsleep, 0))
			trial(t, &s, slow, quick)
			expect(t, waits(&s, 1, 7), all(1, 7))
		})
	}
	t.Run("in vain", func(t *testing.T) {
		var s Spin
		trial(t, &s, slow, quick)
		expect(t, waits(&s, spinVain, 0), all(spinVain, spinLooks-1))
		expect(t, waits(&s, spinAsleep, 0), all(spinAsleep, 0))
		trial(t, &s, slow, quick)
	})
	t.Run("a trial of waits that time out", func(t *testing.T) {
		var s Spin
		waits(&s, spinTrial, 0)
		for range spinVain {
			looked := false
			for wait := s.begin(); wait.again(); {
				looked = true
			}
			if !looked {
				t.Error("a wait of the trial does not look")
			}
		}
		expect(t, waits(&s, spinAsleep, 0), all(spinAsleep, 0))
	})
	t.Run("now and then in vain", func(t *testing.T) {
		var s Spin
		trial(t, &s, slow, quick)
		for range spinAwake / 2 {
			expect(t, waits(&s, 1, 0), all(1, spinLooks-1))
			expect(t, waits(&s, 1, 3), all(1, 3))
		}
	})
	t.Run("no Spin", func(t *testing.T) { expect(t, waits(nil, 2, 1), all(2, 0)) })
	t.Run("one processor", func(t *testing.T) {
		spins = false
		expect(t, waits(&Spin{}, 20, 1), all(20, 0))
	})
}
