package transport

import (
	"runtime"
	"time"
)

// Spin decides whether a wait polls for a moment before it blocks (adaptive spinning). It
// serves waits of one kind, such as those of one client for its replies. A blocked thread
// may resume tens of microseconds after its bytes arrived, longer than the rest of an
// exchange inside one machine. Whether spinning is faster depends on the machine and its
// load: where both sides share a CPU, the spinner starves its peer (BENCHMARKS.md). So
// Spin measures from time to time: of the waits of a trial, some block at once and some
// spin first. Until the next trial, waits use the faster mode. A nil Spin never spins.
// Only one wait at a time may use it.
type Spin struct {
	spins       bool // the result of the last trial
	left        int  // waits until the next trial
	afterBlock  int  // from the last decision to the next trial, if it was to block; 0: it was to spin
	misses      int  // since the last decision: spins without a result, less those with one
	sampleCount int  // of the trial in progress
	// The durations of the waits of a trial, first of those that blocked at once.
	samples [2 * samplesPerMode]time.Duration
}

const (
	// spinIterations is how often a wait polls before it blocks, for about 50 µs in all.
	// It is not a time, because reading the clock costs a good part of an iteration.
	spinIterations = 128
	// samplesPerMode is how many waits of a trial block, and how many spin: few enough
	// that they do not show in the 99th percentile of 1000 waits. With 5 that of kept
	// exchanges with obe_serve was 130 µs, with 3 it is 50 µs.
	samplesPerMode = 3
	// resampleAfterBlock is how many waits there are between a trial after which waits block
	// and the next one. If that has the same result, there are twice as many, up to
	// resampleMost, since a trial costs time, and a spin starves a peer on the same CPU.
	// After a trial that leads to spinning there are resampleMost.
	resampleAfterBlock = 512
	resampleMost       = 4096
	// sampleCap is the most that a sample counts for: something unrelated may have
	// delayed the thread.
	sampleCap = 200 * time.Microsecond
	// maxMisses is how many net misses switch spinning off. With 3 fewer exchanges in a
	// second were measured than with 16.
	maxMisses = 16
)

// spinEnabled is whether waits may spin. With a single CPU the peer could not run in the
// meantime. Spinning was measured on Linux only.
var spinEnabled = runtime.GOOS == "linux" && runtime.NumCPU() > 1

// spinWait is the spinning of one wait; the zero value blocks at once.
type spinWait struct {
	spin       *Spin
	iterations int       // left
	began      time.Time // of a sample; zero: this wait is not one
}

func (s *Spin) begin() spinWait {
	switch {
	case s == nil || !spinEnabled:
		return spinWait{}
	case s.left == 0 && s.sampleCount < samplesPerMode:
		return spinWait{spin: s, began: time.Now()}
	case s.left == 0:
		return spinWait{spin: s, iterations: spinIterations, began: time.Now()}
	}
	s.left--
	if !s.spins {
		return spinWait{}
	}
	return spinWait{spin: s, iterations: spinIterations}
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
	if p.began.IsZero() || p.spin.left > 0 {
		p.spin = nil // this wait is not a sample, or its trial has just been decided
	}
	return false
}

// hit ends a wait that got what it waited for.
func (p *spinWait) hit() {
	switch {
	case p.spin == nil:
	case p.began.IsZero():
		p.spin.misses = max(p.spin.misses-1, 0)
	default:
		p.spin.record(time.Since(p.began))
	}
}

// miss counts a wait that spun without a result: this peer may need longer to reply.
func (s *Spin) miss() {
	if s.misses++; s.misses == maxMisses {
		s.decide(false)
	}
}

// record adds a sample, and decides after the last one of a trial. A small advantage is
// not worth the CPU time.
func (s *Spin) record(sample time.Duration) {
	s.samples[s.sampleCount] = sample
	if s.sampleCount++; s.sampleCount <= samplesPerMode {
		return
	}
	// A sum only grows, so that a trial in which spinning is slower ends early: its spins take
	// the time of a peer on the same CPU.
	faster := cappedSum(s.samples[samplesPerMode:s.sampleCount]) < cappedSum(s.samples[:samplesPerMode])*7/8
	if !faster || s.sampleCount == len(s.samples) {
		s.decide(faster)
	}
}

func (s *Spin) decide(spins bool) {
	s.spins, s.misses, s.sampleCount = spins, 0, 0
	if spins {
		s.left, s.afterBlock = resampleMost, 0
	} else {
		s.afterBlock = min(max(2*s.afterBlock, resampleAfterBlock), resampleMost)
		s.left = s.afterBlock
	}
}

// cappedSum adds samples up, each at most sampleCap.
func cappedSum(samples []time.Duration) (total time.Duration) {
	for _, sample := range samples {
		total += min(sample, sampleCap)
	}
	return total
}
