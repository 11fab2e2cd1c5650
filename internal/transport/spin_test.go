package transport

import (
	"slices"
	"testing"
	"time"
)

const (
	fast   = 10 * time.Microsecond
	medium = 40 * time.Microsecond
	slow   = 60 * time.Microsecond
)

// wait is one wait that takes this long. It gets what it waits for in its iteration
// hitAt, or while it is blocked if it spins less often or hitAt is 0. It returns how
// many iterations it spun.
func wait(s *Spin, hitAt int, took time.Duration) (spun int) {
	w := s.begin()
	for w.spinAgain() {
		if spun++; spun == hitAt {
			break
		}
	}
	if w.spin != nil && w.began != 0 {
		w.took(took)
	}
	return spun
}

// expectWaits expects that n waits spin this often.
func expectWaits(t *testing.T, s *Spin, n, hitAt int, took time.Duration, iterations int) {
	t.Helper()
	for i := range n {
		if got := wait(s, hitAt, took); got != iterations {
			t.Fatalf("wait %d of %d spun %d times, not %d", i, n, got, iterations)
		}
	}
}

// expectTrial expects that waits block and are timed, and that a trial follows that
// fails after so many misses.
func expectTrial(t *testing.T, s *Spin, blocking time.Duration, misses int) {
	t.Helper()
	expectWaits(t, s, blockedWaits, 0, blocking, 0)
	expectWaits(t, s, misses, 0, blocking, spinIterations-1)
}

// proven is how many hits a trial needs until spinning ends only after maxMisses.
const proven = (maxMisses-trialMisses)*missWeight + timedHits

// spinning returns a Spin whose waits spin, after that many hits.
func spinning(t *testing.T) *Spin {
	t.Helper()
	s := &Spin{}
	expectWaits(t, s, blockedWaits, 0, slow, 0)
	expectWaits(t, s, proven, 7, fast, 7)
	return s
}

func TestSpin(t *testing.T) {
	before := spinEnabled
	defer func() { spinEnabled = before }()
	spinEnabled = true

	t.Run("spinning is faster", func(t *testing.T) {
		s := spinning(t)
		expectWaits(t, s, waitsPerTrial-proven, 7, fast, 7)
		expectWaits(t, s, blockedWaits, 0, slow, 0)
		expectWaits(t, s, waitsPerTrial, 7, fast, 7)
	})
	t.Run("one of the waits that block is delayed", func(t *testing.T) {
		for _, delayed := range []time.Duration{0, time.Second} {
			s := &Spin{}
			wait(s, 0, delayed)
			expectWaits(t, s, blockedWaits-1, 0, slow, 0)
			expectWaits(t, s, waitsPerTrial, 7, medium, 7)
		}
	})
	for name, took := range map[string]time.Duration{"is slower": 2 * slow, "makes no difference": slow, "is hardly faster": slow * 9 / 10} {
		t.Run("spinning "+name, func(t *testing.T) {
			s := &Spin{}
			expectWaits(t, s, blockedWaits, 0, slow, 0)
			expectWaits(t, s, trialMisses, 7, took, 7)
			expectWaits(t, s, firstPause, 7, took, 0)
			expectWaits(t, s, blockedWaits, 0, slow, 0)
			expectWaits(t, s, waitsPerTrial, 7, fast, 7)
		})
	}
	t.Run("after a trial that failed, the next one comes later", func(t *testing.T) {
		s := &Spin{}
		for _, pause := range []int{2048, 4096, 8192, 8192} {
			expectTrial(t, s, slow, trialMisses)
			expectWaits(t, s, pause, 7, fast, 0)
		}
		expectWaits(t, s, blockedWaits, 0, slow, 0)
		expectWaits(t, s, proven, 7, fast, 7)
		expectWaits(t, s, maxMisses, 0, slow, spinIterations-1)
		expectWaits(t, s, firstPause, 7, fast, 0)
		expectTrial(t, s, slow, trialMisses)
	})
	t.Run("misses end spinning", func(t *testing.T) {
		s := spinning(t)
		expectWaits(t, s, maxMisses, 0, slow, spinIterations-1)
		expectWaits(t, s, firstPause, 0, slow, 0)
		expectTrial(t, s, slow, trialMisses)
	})
	t.Run("fewer misses than hits by the weight do not", func(t *testing.T) {
		s := spinning(t)
		for range (waitsPerTrial - proven) / (missWeight + 1) {
			expectWaits(t, s, 1, 0, slow, spinIterations-1)
			expectWaits(t, s, missWeight, 3, fast, 3)
		}
	})
	t.Run("waits without a result", func(t *testing.T) {
		s := &Spin{}
		for range 2 * blockedWaits { // they time out while they block, and do not count
			if w := s.begin(); w.spinAgain() {
				t.Fatal("a wait spins that is not compared with any")
			}
		}
		expectWaits(t, s, blockedWaits, 0, slow, 0)
		for range trialMisses {
			w := s.begin()
			for w.spinAgain() {
			}
		}
		expectWaits(t, s, firstPause, 7, fast, 0)
	})
	t.Run("spinning is faster although waits that block are short", func(t *testing.T) {
		s := &Spin{}
		expectWaits(t, s, blockedWaits, 0, 2*fast, 0)
		expectWaits(t, s, waitsPerTrial, 7, fast, 7)
	})
	t.Run("a wait that hits is timed", func(t *testing.T) {
		s := &Spin{}
		for range blockedWaits {
			w := s.begin()
			w.began -= time.Hour
			w.hit()
		}
		if !slices.ContainsFunc(s.blocked[:], func(d time.Duration) bool { return d >= time.Hour }) {
			t.Errorf("the waits took %v, and not an hour", s.blocked)
		}
	})
	t.Run("no Spin", func(t *testing.T) { expectWaits(t, nil, 2, 1, fast, 0) })
	t.Run("one CPU", func(t *testing.T) {
		spinEnabled = false
		expectWaits(t, &Spin{}, 20, 1, fast, 0)
	})
}
