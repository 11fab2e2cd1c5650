package transport

import (
	"runtime"
	"slices"
	"time"
)

// Spin decides whether a wait polls for a moment before it blocks (adaptive spinning). It
// serves waits of one kind, such as those of one client for its replies. A blocked thread
// may resume tens of microseconds after its bytes arrived, longer than the rest of an
// exchange inside one machine. Whether spinning is faster depends on the machine and its
// load: where both sides share a CPU, the spinner starves its peer (BENCHMARKS.md). So
// each spin is compared with some waits that blocked at once. A nil Spin never spins.
// Only one wait at a time may use it.
type Spin struct {
	spins   bool
	left    int                         // waits until some block at once and are timed
	blocked [blockedWaits]time.Duration // how long these took
	count   int                         // of these
	typical time.Duration               // their median
	misses  int                         // of spins: missWeight for each, less one for each hit
	pause   int                         // the waits that block after the last trial, if it failed
}

const (
	// spinIterations is how often a wait polls before it blocks, for about 50 µs in all.
	// It is not a time, because reading the clock costs a good part of an iteration.
	spinIterations = 128
	// blockedWaits is how many waits spins are compared with. The median of three does not
	// depend on one that something unrelated delayed.
	blockedWaits = 3
	// waitsPerTrial is how many waits spin until waits that block are timed again.
	waitsPerTrial = 4096
	// A spin that is not faster by an eighth is a miss, and missWeight hits make up for it. Waits
	// stop spinning after trialMisses at the beginning of a trial, and after maxMisses later.
	missWeight  = 4
	trialMisses = 3
	maxMisses   = 8
	// timedHits is how many hits there are for one that is timed, while there are no misses. One that
	// is not timed counts as faster.
	timedHits = 8
	// firstPause is how many waits block after a trial that failed. After the next one there are
	// twice as many, up to maxPause, so that few spins are in the slowest hundredth of the waits.
	firstPause = 2048
	maxPause   = 8192
)

// spinEnabled is whether waits may spin. With a single CPU the peer could not run in the
// meantime. Spinning was measured on Linux only.
var spinEnabled = runtime.GOOS == "linux" && runtime.NumCPU() > 1

// spinWait is the spinning of one wait; the zero value blocks at once.
type spinWait struct {
	spin       *Spin         // nil: how long it takes does not matter
	iterations int           // left
	began      time.Duration // on the clock of spinTime; 0: not timed
}

// start is when the clock of spinTime began.
var start = time.Now()

// spinTime reads one clock of the system, and time.Now two.
func spinTime() time.Duration { return time.Since(start) }

func (s *Spin) begin() spinWait {
	switch {
	case s == nil || !spinEnabled:
		return spinWait{}
	case s.left == 0:
		return spinWait{spin: s, began: spinTime()}
	}
	s.left--
	if !s.spins {
		return spinWait{}
	}
	w := spinWait{spin: s, iterations: spinIterations}
	if s.misses > 0 || s.left%timedHits == 0 {
		w.began = spinTime()
	}
	return w
}

// spinAgain counts an iteration and reports whether to poll once more before blocking.
func (p *spinWait) spinAgain() bool {
	if p.iterations == 0 {
		return false
	}
	if p.iterations--; p.iterations > 0 {
		return true
	}
	p.spin.miss()
	p.spin = nil
	return false
}

// hit ends a wait that got what it waited for.
func (p *spinWait) hit() {
	if p.spin != nil && p.began != 0 {
		p.took(spinTime() - p.began)
	}
}

func (p *spinWait) took(t time.Duration) {
	switch s := p.spin; {
	case p.iterations == 0:
		s.record(t)
	case t >= s.typical*7/8: // a small advantage is not worth the CPU time
		s.miss()
	case s.misses > 0:
		s.misses--
	default:
		s.pause = 0
	}
}

// record adds a wait that blocked at once. After the last of them waits spin, if it is
// time for a trial.
func (s *Spin) record(t time.Duration) {
	s.blocked[s.count] = t
	if s.count++; s.count < blockedWaits {
		return
	}
	s.count = 0
	slices.Sort(s.blocked[:])
	s.typical = s.blocked[blockedWaits/2]
	if !s.spins {
		s.misses = (maxMisses - trialMisses) * missWeight
	}
	s.spins, s.left = true, waitsPerTrial
}

// miss counts a spin that found nothing, or was not faster than blocking.
func (s *Spin) miss() {
	if s.misses += missWeight; s.misses < maxMisses*missWeight {
		return
	}
	s.spins = false
	s.pause = min(max(2*s.pause, firstPause), maxPause)
	s.left = s.pause
}
