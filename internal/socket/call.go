package socket

import (
	"fmt"
	"sync/atomic"
	"time"

	"libobe/internal/jsondoc"
	"libobe/internal/transport"
	"libobe/internal/wire"
)

// call is one operation in flight. A call sleeps in one of three ways: it polls
// descriptors (transport.Wait with a Waker), it parks until another goroutine
// signals a channel, or it sleeps for a time. All three end at the deadline and when
// the call is interrupted.
type call struct {
	op       string
	timeout  time.Duration // as the caller passed it, for error texts
	began    time.Time     // zero if there is neither a timeout nor a trace
	deadline time.Time     // zero: none
	done     chan struct{} // closed to interrupt the call
	cause    error         // why it is interrupted; set before done is closed
	over     atomic.Bool   // done is closed; cheaper to read
	waker    *transport.Waker
	index    int    // in core.calls
	head     []byte // the frame that the call sends, or its beginning; see encode
	rest     []byte // of the frame
	frame    [coalesceMax]byte

	promoted chan struct{} // signals a follower to lead; see turns

	brief      bool          // a client's connection is closed after the reply
	untilReady bool          // a client's wait_ready: see Client.open
	share      time.Duration // of the next connection attempt; see Client.open
}

func newCall() *call {
	return &call{done: make(chan struct{}), promoted: make(chan struct{}, 1)}
}

// begin registers a call. Each begin is followed by one end.
func (c *core) begin(op string, timeout time.Duration) (*call, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.register(op, timeout)
}

// register implements begin. core.mu is held.
func (c *core) register(op string, timeout time.Duration) (*call, error) {
	if c.closed {
		return nil, ErrClosed
	}
	if !c.frozen {
		if err := c.freeze(); err != nil {
			return nil, fmt.Errorf("%s: %w", op, err)
		}
	}
	if timeout == Default {
		timeout = c.options().timeout
	}
	var call *call
	if last := len(c.freeCalls) - 1; last >= 0 {
		call, c.freeCalls = c.freeCalls[last], c.freeCalls[:last]
	} else {
		call = newCall()
	}
	call.op, call.timeout, call.began, call.deadline = op, timeout, time.Time{}, time.Time{}
	call.brief, call.untilReady, call.share = false, false, 0
	if timeout >= 0 || c.options().trace != "" {
		call.began = time.Now()
	}
	if timeout >= 0 {
		call.deadline = call.began.Add(timeout)
	}
	call.index = len(c.calls)
	c.calls = append(c.calls, call)
	return call, nil
}

// maxFree is how many ended calls, and how many wakers, a socket keeps.
const maxFree = 4

func (c *core) end(call *call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unregister(call)
}

// unregister implements end. core.mu is held.
func (c *core) unregister(call *call) {
	last := len(c.calls) - 1
	moved := c.calls[last]
	c.calls[call.index], moved.index = moved, call.index
	c.calls = c.calls[:last]
	if call.cause != nil {
		call.done, call.cause = make(chan struct{}), nil
		call.over.Store(false)
		if call.waker != nil {
			call.waker.Drain()
		}
	}
	if call.waker != nil && len(c.wakers) < maxFree && !c.closed {
		c.wakers = append(c.wakers, call.waker)
	} else if call.waker != nil {
		call.waker.Close()
	}
	call.waker, call.rest = nil, nil
	if len(c.freeCalls) < maxFree {
		c.freeCalls = append(c.freeCalls, call)
	}
}

// addWaker adds a new waker to the free ones.
func (c *core) addWaker() error {
	waker, err := transport.NewWaker()
	if err == nil {
		c.wakers = append(c.wakers, waker)
	}
	return err
}

// wait returns the Wait that a call passes to operations of package transport.
func (c *core) wait(call *call) (transport.Wait, error) {
	if call.waker == nil { // no other goroutine sets it
		if err := c.takeWaker(call); err != nil {
			return transport.Wait{}, err
		}
	}
	return transport.Wait{Deadline: call.deadline, Waker: call.waker, Woken: &call.over}, nil
}

func (c *core) takeWaker(call *call) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.wakers) == 0 {
		if err := c.addWaker(); err != nil {
			return err
		}
	}
	last := len(c.wakers) - 1
	call.waker, c.wakers = c.wakers[last], c.wakers[:last]
	if call.cause != nil {
		call.waker.Wake()
	}
	return nil
}

// interrupt ends the calls in flight. core.mu is held.
func (c *core) interrupt(cause error) {
	for _, call := range c.calls {
		if call.cause == nil {
			call.cause = cause
			call.over.Store(true)
			close(call.done)
			if call.waker != nil {
				call.waker.Wake()
			}
		}
	}
}

// withSpin allows wait to spin before it sleeps, unless the call is a poll.
func (c *call) withSpin(wait transport.Wait, spin *transport.Spin) transport.Wait {
	if c.timeout != 0 {
		wait.Spin = spin
	}
	return wait
}

// ended returns why the call is interrupted, or nil.
func (c *call) ended() error {
	if c.over.Load() {
		return c.cause
	}
	return nil
}

// park waits until it can receive from signal, or the call ends.
func (c *call) park(signal <-chan struct{}) error {
	select {
	case <-signal:
		return nil
	default:
	}
	var expired <-chan time.Time
	if !c.deadline.IsZero() {
		timer := time.NewTimer(time.Until(c.deadline))
		defer timer.Stop()
		expired = timer.C
	}
	select {
	case <-signal:
		return nil
	case <-c.done:
		return c.cause
	case <-expired:
		return ErrTimeout
	}
}

// sleep returns after d, or earlier with an error if the call ends.
func (c *call) sleep(d time.Duration) error {
	elapsed := make(chan struct{})
	timer := time.AfterFunc(d, func() { close(elapsed) })
	defer timer.Stop()
	return c.park(elapsed)
}

const (
	// maxPollTime ends a call with timeout 0 that still finds data to read but no
	// complete message.
	maxPollTime = 4 * time.Millisecond
	// maxRead is the size of one read. A call checks its deadline between two reads, and
	// validates that much JSON in less than a millisecond.
	maxRead = 256 << 10
)

// due returns why a call that could continue without waiting must end: it was
// interrupted, or its deadline has passed. A call checks both when it waits; with a
// peer that sends without a pause it never waits.
func (c *call) due() error {
	switch {
	case c.over.Load():
		return transport.ErrWoken
	case c.deadline.IsZero():
		return nil
	}
	limit := c.deadline
	if c.timeout == 0 {
		limit = limit.Add(maxPollTime)
	}
	if time.Now().Before(limit) {
		return nil
	}
	return ErrTimeout
}

// coalesceMax is the size of the largest frame that is copied into one piece: one copy costs
// less than a system call with two pieces.
const coalesceMax = 2048

// encode validates the body that the call sends and makes its frame, which is head and rest.
func (c *call) encode(body []byte, limit int64) error {
	if err := wire.CheckLength(int64(len(body)), limit); err != nil {
		return err
	}
	if err := jsondoc.Validate(body); err != nil {
		return err
	}
	header := wire.Header(len(body))
	c.head, c.rest = append(c.frame[:0], header[:]...), body
	if len(header)+len(body) <= len(c.frame) {
		c.head, c.rest = append(c.head, body...), nil
	}
	return nil
}
