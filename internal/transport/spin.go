package transport

import "runtime"

// Spin is for waits of one kind, such as those of one client for its replies, or for
// room for its commands. A thread that sleeps goes on tens of microseconds after its
// bytes are there, longer than all the rest of an exchange inside one machine
// (BENCHMARKS.md). So a wait first looks again and again for a moment; where that was
// in vain, the waits that follow sleep at once. The nil Spin never looks twice. One
// wait uses it at a time.
type Spin struct {
	sleeps int // how many of the next waits sleep at once
	pause  int // how many were to do so after the last that looked in vain
}

const (
	// spinLooks is how often a wait looks before it sleeps, for about 50 µs. It is no
	// time, since to read a clock costs a part of a look.
	spinLooks = 128
	// spinPause is the most waits that sleep at once after one that looked in vain, so
	// that slow peers, and busy machines, cost next to no processor time.
	spinPause = 127
)

// spins says whether waits look: on one processor the peer could not work meanwhile,
// and only on Linux is it measured.
var spins = runtime.GOOS == "linux" && runtime.NumCPU() > 1

// spinning is one wait; the zero value sleeps at once.
type spinning struct {
	spin  *Spin
	looks int // still to be made
}

func (s *Spin) begin() spinning {
	switch {
	case s == nil || !spins:
		return spinning{}
	case s.sleeps > 0:
		s.sleeps--
		return spinning{}
	}
	return spinning{s, spinLooks}
}

// again reports whether to look once more before sleeping.
func (p *spinning) again() bool {
	if p.looks > 0 {
		p.looks--
		return true
	}
	if p.spin != nil {
		p.spin.pause = min(2*p.spin.pause+1, spinPause)
		p.spin.sleeps = p.spin.pause
		p.spin = nil
	}
	return false
}

// patience is how long the next look waits, in milliseconds, and whether it is one
// that does not.
func (p *spinning) patience(w Wait) (milliseconds int, looking bool) {
	if p.again() {
		return 0, true
	}
	return w.milliseconds(), false
}

// found ends a wait that was worth it.
func (p *spinning) found() {
	if p.spin != nil {
		p.spin.pause /= 2
	}
}
