package transport

import (
	"runtime"
	"time"
)

// Spin is for waits of one kind, such as those of one client for its replies, or for
// room for its commands. A thread that sleeps may go on tens of microseconds after its
// bytes are there, longer than all the rest of an exchange inside one machine; so a
// wait may look again and again for a moment before it sleeps. Whether that is faster
// depends on the machine and on what else runs there: where both sides must share a
// processor, who looks is in the peer's way (BENCHMARKS.md). So every now and then some
// waits are a trial: of these, some sleep at once and some look first, and those until
// the next trial do what was faster. The nil Spin never looks twice. One wait uses it
// at a time.
type Spin struct {
	looks bool                         // what the last trial was for
	left  int                          // waits until the next one
	vain  int                          // looks in vain since the last one, less those that were not
	tried int                          // waits of the trial under way
	took  [2 * spinTrial]time.Duration // how long they took, first those that slept
}

const (
	// spinLooks is how often a wait looks before it sleeps, for about 50 µs. It is no
	// time, since to read a clock costs a part of a look.
	spinLooks = 128
	// spinTrial is how many waits of a trial sleep, and how many look: few enough that
	// the 99th percentile of all waits does not show them.
	spinTrial = 5
	// spinAsleep and spinAwake are how many waits there are between two trials, while
	// they sleep and while they look. Where looking is right, a trial costs more.
	spinAsleep = 512
	spinAwake  = 4096
	// spinMost is what the longest wait of a trial counts for: a thread may be held up by
	// what has nothing to do with it.
	spinMost = 200 * time.Microsecond
	// spinVain is how many looks in vain, beyond those that were not, end the looking.
	spinVain = 16
)

// spins says whether waits look: on one processor the peer could not work meanwhile,
// and only on Linux is it measured.
var spins = runtime.GOOS == "linux" && runtime.NumCPU() > 1

// spinning is one wait; the zero value sleeps at once.
type spinning struct {
	spin  *Spin
	looks int       // still to be made
	began time.Time // of a wait of a trial
}

func (s *Spin) begin() spinning {
	switch {
	case s == nil || !spins:
		return spinning{}
	case s.left == 0 && s.tried < spinTrial:
		return spinning{spin: s, began: time.Now()}
	case s.left == 0:
		return spinning{spin: s, looks: spinLooks, began: time.Now()}
	}
	s.left--
	if !s.looks {
		return spinning{}
	}
	return spinning{spin: s, looks: spinLooks}
}

// patience is how long the next look waits, in milliseconds, and whether it is one
// that does not.
func (p *spinning) patience(w Wait) (milliseconds int, looking bool) {
	if p.again() {
		return 0, true
	}
	return w.milliseconds(), false
}

// again reports whether to look once more before sleeping.
func (p *spinning) again() bool {
	if p.looks == 0 {
		return false
	}
	if p.looks--; p.looks > 0 {
		return true
	}
	p.spin.inVain()
	if p.began.IsZero() || p.spin.left > 0 {
		p.spin = nil // it belongs to no trial, or to one that is over
	}
	return false
}

// found ends a wait that got what it waited for.
func (p *spinning) found() {
	switch {
	case p.spin == nil:
	case p.began.IsZero():
		p.spin.vain = max(p.spin.vain-1, 0)
	default:
		p.spin.try(time.Since(p.began))
	}
}

// inVain counts a wait that looked for nothing: the peer may be one that takes longer.
func (s *Spin) inVain() {
	if s.vain++; s.vain == spinVain {
		s.decide(false)
	}
}

// try takes the time of a wait of a trial, and decides when it was the last one. What
// is hardly faster is not worth the processor's time.
func (s *Spin) try(took time.Duration) {
	s.took[s.tried] = took
	if s.tried++; s.tried == len(s.took) {
		s.decide(sum(s.took[spinTrial:]) < sum(s.took[:spinTrial])*7/8)
	}
}

func (s *Spin) decide(looks bool) {
	s.looks, s.left, s.vain, s.tried = looks, spinAsleep, 0, 0
	if looks {
		s.left = spinAwake
	}
}

// sum adds the times of waits up, of which none counts for more than spinMost.
func sum(d []time.Duration) (total time.Duration) {
	for _, took := range d {
		total += min(took, spinMost)
	}
	return total
}
