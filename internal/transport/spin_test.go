package transport

import (
	"slices"
	"testing"
	"time"
)

// runWaits runs n waits. Each gets what it waits for in its iteration number hitAt, or
// while it is blocked if it spins less often or hitAt is 0. It returns how many
// iterations each wait spun.
func runWaits(s *Spin, n, hitAt int) (iterations []int) {
	for range n {
		spun := 0
		wait := s.begin()
		for wait.spinAgain() {
			if spun++; spun == hitAt {
				break
			}
		}
		wait.hit()
		iterations = append(iterations, spun)
	}
	return iterations
}

// runTrial runs the waits of a trial, with these durations of the waits that block at
// once and of those that spin, until it is decided.
func runTrial(t *testing.T, s *Spin, blocking, spinning time.Duration) {
	t.Helper()
	for i := range 2 * samplesPerMode {
		if i > samplesPerMode && s.left > 0 {
			return // it is decided: spinning is not faster
		}
		wait := s.begin()
		if wait.began.IsZero() {
			t.Fatalf("wait %d does not belong to a trial", i)
		}
		took := blocking
		if spins := wait.spinAgain(); spins {
			took = spinning
		} else if i >= samplesPerMode {
			t.Fatalf("wait %d of a trial does not spin", i)
		}
		wait.began = time.Now().Add(-took)
		if i%samplesPerMode == 0 {
			wait.began = wait.began.Add(-time.Second) // this one was delayed
		}
		wait.hit()
	}
}

func repeated(n, iterations int) []int { return slices.Repeat([]int{iterations}, n) }

func expectIterations(t *testing.T, got, want []int) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("the iterations of %d waits are %v, want %v", len(want), slices.Compact(got), slices.Compact(want))
	}
}

func TestSpin(t *testing.T) {
	before := spinEnabled
	defer func() { spinEnabled = before }()
	spinEnabled = true
	const fast, slow = 10 * time.Microsecond, 60 * time.Microsecond

	t.Run("spinning is faster", func(t *testing.T) {
		var s Spin
		runTrial(t, &s, slow, fast)
		expectIterations(t, runWaits(&s, resampleMost, 7), repeated(resampleMost, 7))
		runTrial(t, &s, slow, fast)
	})
	for name, spinning := range map[string]time.Duration{"is slower": 2 * slow, "makes no difference": slow, "is hardly faster": slow * 9 / 10} {
		t.Run("spinning "+name, func(t *testing.T) {
			var s Spin
			runTrial(t, &s, slow, spinning)
			expectIterations(t, runWaits(&s, resampleAfterBlock, 7), repeated(resampleAfterBlock, 0))
			runTrial(t, &s, slow, fast)
			expectIterations(t, runWaits(&s, 1, 7), repeated(1, 7))
		})
	}
	t.Run("a trial ends as soon as spinning is not faster", func(t *testing.T) {
		var s Spin
		for range samplesPerMode + 1 {
			wait := s.begin()
			wait.began = time.Now().Add(-fast)
			if wait.iterations > 0 {
				wait.began = time.Now().Add(-sampleCap)
			}
			wait.hit()
		}
		expectIterations(t, runWaits(&s, resampleAfterBlock, 7), repeated(resampleAfterBlock, 0))
	})
	t.Run("misses", func(t *testing.T) {
		var s Spin
		runTrial(t, &s, slow, fast)
		expectIterations(t, runWaits(&s, maxMisses, 0), repeated(maxMisses, spinIterations-1))
		expectIterations(t, runWaits(&s, resampleAfterBlock, 0), repeated(resampleAfterBlock, 0))
		runTrial(t, &s, slow, fast)
	})
	t.Run("a trial of waits that time out", func(t *testing.T) {
		var s Spin
		runWaits(&s, samplesPerMode, 0)
		for range maxMisses {
			spun := false
			for wait := s.begin(); wait.spinAgain(); {
				spun = true
			}
			if !spun {
				t.Error("a wait of the trial does not spin")
			}
		}
		expectIterations(t, runWaits(&s, resampleAfterBlock, 0), repeated(resampleAfterBlock, 0))
	})
	t.Run("misses and hits", func(t *testing.T) {
		var s Spin
		runTrial(t, &s, slow, fast)
		for range resampleMost / 2 {
			expectIterations(t, runWaits(&s, 1, 0), repeated(1, spinIterations-1))
			expectIterations(t, runWaits(&s, 1, 3), repeated(1, 3))
		}
	})
	t.Run("trials with the same result become rarer", func(t *testing.T) {
		var s Spin
		for _, waits := range []int{512, 1024, 2048, 4096, 4096} {
			runTrial(t, &s, fast, slow)
			expectIterations(t, runWaits(&s, waits, 7), repeated(waits, 0))
		}
		runTrial(t, &s, slow, fast)
		runWaits(&s, resampleMost, 7)
		runTrial(t, &s, fast, slow)
		expectIterations(t, runWaits(&s, resampleAfterBlock, 7), repeated(resampleAfterBlock, 0))
		runTrial(t, &s, fast, slow)
	})
	t.Run("no Spin", func(t *testing.T) { expectIterations(t, runWaits(nil, 2, 1), repeated(2, 0)) })
	t.Run("one CPU", func(t *testing.T) {
		spinEnabled = false
		expectIterations(t, runWaits(&Spin{}, 20, 1), repeated(20, 0))
	})
}
