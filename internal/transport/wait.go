package transport

import (
	"sync/atomic"
	"time"
)

// Wait specifies how long a blocking operation may wait, and what ends it early. The zero
// value waits forever.
type Wait struct {
	Deadline time.Time // zero: none
	Waker    *Waker    // nil: none
	Spin     *Spin     // nil: block at once
	Yield    *Poller   // ends the wait with ErrYield when it is ready; nil: none

	// Woken, if not nil, is true once Waker is woken. It costs less to read than Waker,
	// for an operation that makes progress without waiting.
	Woken *atomic.Bool
}

// immediate is the deadline of an operation that must not wait.
var immediate = time.Unix(1, 0)

// NoWait is the Wait of a non-blocking operation.
var NoWait = Wait{Deadline: immediate}

// nonblocking reports whether the operation must not wait.
func (w *Wait) nonblocking() bool { return w.Deadline.Equal(immediate) }

// grace is how long a write that never had to wait may continue after its deadline. So a
// write without time to wait still sends what the system accepts at once.
const grace = 5 * time.Millisecond

// err returns why an operation that makes progress without waiting must end, or nil if it
// may continue.
func (w *Wait) err() error {
	switch {
	case w.Woken != nil && w.Woken.Load():
		return ErrWoken
	case w.Deadline.IsZero(), w.nonblocking(), time.Now().Before(w.Deadline.Add(grace)):
		return nil
	}
	return ErrTimeout
}

// milliseconds returns the time left as a timeout of poll: rounded up, so that a wait
// never ends before its deadline; -1 is forever.
func (w *Wait) milliseconds() int {
	if w.Deadline.IsZero() {
		return -1
	}
	if w.nonblocking() {
		return 0
	}
	left := time.Until(w.Deadline)
	if left <= 0 {
		return 0
	}
	const longest = 1 << 30
	return int(min((left+time.Millisecond-1)/time.Millisecond, longest))
}
