// Package socket has the two roles of the OBE protocol, [Client] and [Server],
// with deadlines, cancellation and any number of threads.
//
// Every call is made on the caller's thread and does its own socket work there
// (package transport says why). What the calls of one socket share is in base:
// the options, the counters, and the calls in flight, so that Cancel and Close
// can wake them.
package socket

import (
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"libobe/internal/jsondoc"
	"libobe/internal/transport"
	"libobe/internal/wire"
)

// DefaultPort is the port of the protocol.
const DefaultPort = 61981

// Timeouts with a meaning of their own; others are durations.
const (
	Forever time.Duration = -1 * time.Millisecond
	Default time.Duration = -2 * time.Millisecond
)

// What a call can fail with, besides *jsondoc.SyntaxError, the errors of package
// wire and those of package transport; use errors.Is.
var (
	ErrArgument   = errors.New("invalid argument")
	ErrState      = errors.New("not possible now")
	ErrTimeout    = errors.New("timed out")
	ErrCancelled  = errors.New("cancelled")
	ErrClosed     = errors.New("closed by this side")
	ErrPeerClosed = errors.New("closed by the peer")
	ErrBusy       = errors.New("busy")
	ErrBuffer     = errors.New("buffer too small")
)

// Role is which side of the protocol a socket is on.
type Role int

// The two roles.
const (
	RoleClient Role = iota
	RoleServer
)

// Socket is what a Client and a Server have in common.
type Socket interface {
	Send(body []byte, timeout time.Duration) error
	Receive(dst []byte, timeout time.Duration) (int, error)
	Close() error
	Cancel()
	Free()
	SetOption(name, value string) error
	Option(name string) (string, error)
	Stat(name string) (int64, error)
}

// call is one operation in flight.
type call struct {
	op       string
	timeout  time.Duration // as asked for, for the text of an error
	began    time.Time     // zero: there is neither a timeout nor a trace
	deadline time.Time     // zero: none
	done     chan struct{} // closed when the call is to end early
	cause    error         // why; set before done is closed
	over     atomic.Bool   // done is closed; cheaper to ask
	waker    *transport.Waker
	turn     chan struct{} // a follower's call to lead; see Server
	place    int           // where it stands in base.flight
	share    time.Duration // of the next attempt to connect; see Client.open
	header   [wire.HeaderLength]byte
}

// ended returns why the call is to end early, if it is.
func (c *call) ended() error {
	if c.over.Load() {
		return c.cause
	}
	return nil
}

// park waits until signal can be received from, or the call ends.
func (c *call) park(signal <-chan struct{}) error {
	select {
	case <-signal:
		return nil
	default:
	}
	var over <-chan time.Time
	if !c.deadline.IsZero() {
		timer := time.NewTimer(time.Until(c.deadline))
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-signal:
		return nil
	case <-c.done:
		return c.cause
	case <-over:
		return ErrTimeout
	}
}

// rest lets d pass, unless the call ends before.
func (c *call) rest(d time.Duration) error {
	over := make(chan struct{})
	timer := time.AfterFunc(d, func() { close(over) })
	defer timer.Stop()
	return c.park(over)
}

// base is what both roles have.
type base struct {
	counters  counters
	settings  atomic.Pointer[settings] // replaced as a whole
	configure func(transport.Credentials) (*tls.Config, error)
	untraced  atomic.Pointer[error] // why a message was last missing in the trace

	mu     sync.Mutex
	closed bool
	used   bool // early options hold
	flight []*call
	spare  []*call            // ended ones
	wakers []*transport.Waker // those that no call has
}

func (b *base) options() *settings { return b.settings.Load() }

// begin registers a call. Each begin has its end.
func (b *base) begin(op string, timeout time.Duration) (*call, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, ErrClosed
	}
	if !b.used {
		if err := b.use(); err != nil {
			return nil, fmt.Errorf("%s: %w", op, err)
		}
	}
	if timeout == Default {
		timeout = b.options().timeout
	}
	var c *call
	if last := len(b.spare) - 1; last >= 0 {
		c, b.spare = b.spare[last], b.spare[:last]
	} else {
		c = &call{done: make(chan struct{}), turn: make(chan struct{}, 1)}
	}
	c.op, c.timeout, c.began, c.deadline, c.share = op, timeout, time.Time{}, time.Time{}, 0
	if timeout >= 0 || b.options().trace != "" {
		c.began = time.Now()
	}
	if timeout >= 0 {
		c.deadline = c.began.Add(timeout)
	}
	c.place = len(b.flight)
	b.flight = append(b.flight, c)
	return c, nil
}

// use makes of the early options what they stand for. base.mu is held.
func (b *base) use() error {
	changed := *b.options()
	if changed.identity.Enabled() {
		config, err := b.configure(changed.identity)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrState, err)
		}
		changed.tls = config
		b.settings.Store(&changed)
	}
	b.used = true
	return nil
}

// spares is how many calls and wakers are kept for later.
const spares = 4

func (b *base) end(c *call) {
	b.mu.Lock()
	defer b.mu.Unlock()
	last := len(b.flight) - 1
	moved := b.flight[last]
	b.flight[c.place], moved.place = moved, c.place
	b.flight = b.flight[:last]
	if c.cause != nil {
		c.done, c.cause = make(chan struct{}), nil
		c.over.Store(false)
		if c.waker != nil {
			c.waker.Drain()
		}
	}
	if c.waker != nil && len(b.wakers) < spares && !b.closed {
		b.wakers = append(b.wakers, c.waker)
	} else if c.waker != nil {
		c.waker.Close()
	}
	c.waker = nil
	if len(b.spare) < spares {
		b.spare = append(b.spare, c)
	}
}

// addWaker makes a waker for later.
func (b *base) addWaker() error {
	waker, err := transport.NewWaker()
	if err == nil {
		b.wakers = append(b.wakers, waker)
	}
	return err
}

// wait returns the Wait of a call for an operation of package transport.
func (b *base) wait(c *call) (transport.Wait, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c.waker == nil {
		if len(b.wakers) == 0 {
			if err := b.addWaker(); err != nil {
				return transport.Wait{}, err
			}
		}
		last := len(b.wakers) - 1
		c.waker, b.wakers = b.wakers[last], b.wakers[:last]
		if c.cause != nil {
			c.waker.Wake()
		}
	}
	return transport.Wait{Deadline: c.deadline, Waker: c.waker, Woken: &c.over}, nil
}

// looking is wait for operations that may look before they sleep, unless the call is
// not to wait at all.
func (c *call) looking(wait transport.Wait, spin *transport.Spin) transport.Wait {
	if c.timeout != 0 {
		wait.Spin = spin
	}
	return wait
}

// interrupt ends the calls in flight. The caller holds b.mu.
func (b *base) interrupt(cause error) {
	for _, c := range b.flight {
		if c.cause == nil {
			c.cause = cause
			c.over.Store(true)
			close(c.done)
			if c.waker != nil {
				c.waker.Wake()
			}
		}
	}
}

// shut ends the calls in flight for good and frees the wakers of past ones. It
// reports whether it is the first to do so.
func (b *base) shut() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.closed = true
	b.interrupt(ErrClosed)
	for _, w := range b.wakers {
		w.Close()
	}
	b.wakers = nil
	return true
}

// lock is a mutex that a call waits for within its own limits. Who waits longest
// has it next.
type lock struct {
	mu      sync.Mutex
	held    bool
	waiting []chan struct{}
}

// lock also fails when the call was ended before, together with the one that held
// the lock, say.
func (l *lock) lock(c *call) error {
	err := l.wait(c)
	if err == ErrTimeout {
		return fmt.Errorf("%w: another call uses this socket and did not end in time", ErrBusy)
	}
	if err == nil {
		if err = c.ended(); err != nil {
			l.unlock()
		}
	}
	return err
}

func (l *lock) wait(c *call) error {
	l.mu.Lock()
	if !l.held {
		l.held = true
		l.mu.Unlock()
		return nil
	}
	given := make(chan struct{}, 1)
	l.waiting = append(l.waiting, given)
	l.mu.Unlock()
	err := c.park(given)
	if err != nil {
		l.mu.Lock()
		place := slices.Index(l.waiting, given)
		if place >= 0 {
			l.waiting = slices.Delete(l.waiting, place, place+1)
		}
		l.mu.Unlock()
		if place < 0 {
			l.unlock() // it was given in the same moment
		}
	}
	return err
}

func (l *lock) unlock() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) > 0 {
		l.waiting[0] <- struct{}{}
		l.waiting = l.waiting[1:]
		return
	}
	l.held = false
}

// explain gives an error of a call its sentence: the operation, the peer, the
// cause.
func (c *call) explain(peer string, err error) error {
	switch {
	case errors.Is(err, transport.ErrWoken):
		err = c.ended()
	case errors.Is(err, transport.ErrClosed):
		if err = c.ended(); err == nil {
			err = ErrClosed
		}
	case errors.Is(err, transport.ErrTimeout):
		err = ErrTimeout
	}
	if peer != "" {
		peer = " " + peer
	}
	return fmt.Errorf("%s%s: %w", c.op, peer, err)
}

// frames returns a frame reader that checks the bodies.
func frames() *wire.Reader {
	r := &wire.Reader{}
	var check jsondoc.Validator
	r.Check = func(part []byte, last bool) error {
		err := check.Feed(part, last)
		if last || err != nil {
			check = jsondoc.Validator{}
		}
		return err
	}
	return r
}

// encode checks the body that the call is to send and makes its header.
func (c *call) encode(body []byte, limit int64) (head []byte, err error) {
	if err = wire.CheckLength(int64(len(body)), limit); err != nil {
		return nil, err
	}
	if err = jsondoc.Validate(body); err != nil {
		return nil, err
	}
	c.header = wire.Header(len(body))
	return c.header[:], nil
}

// setOption is SetOption of both roles.
func (b *base) setOption(name, value string) error {
	o, err := option(name)
	if err != nil {
		return err
	}
	if o.set == nil {
		return fmt.Errorf("%w: option %s can only be read", ErrArgument, name)
	}
	if o.check != nil {
		if err := o.check(value); err != nil {
			return fmt.Errorf("option %s: %w", name, err)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if o.early && b.used {
		return fmt.Errorf("%w: option %s is set before the first message; this socket was used already", ErrState, name)
	}
	changed := *b.options()
	if err := o.set(&changed, value); err != nil {
		return fmt.Errorf("option %s: %w", name, err)
	}
	b.settings.Store(&changed)
	return nil
}

// getOption is Option of both roles; facts are those that are no setting.
func (b *base) getOption(name string, facts map[string]func() string) (string, error) {
	o, err := option(name)
	if err != nil {
		return "", err
	}
	if name == "trace_error" {
		return b.traceError(), nil
	}
	if o.get == nil {
		return facts[name](), nil
	}
	return o.get(b.options()), nil
}
