// Package socket implements the two roles of the OBE protocol, [Client] and
// [Server], with deadlines, cancellation and any number of threads.
//
// It is not the framing (package wire), the system calls (package transport) or
// the protocol's commands (package command), and none of its goroutines does a caller's
// work in the background.
//
// The one thing to know first: every call runs on the caller's thread and does its own
// socket work there (package transport explains why). The calls of one socket share its
// core: the options, the counters, and the calls in flight, so that Cancel and Close can
// wake them. A client's calls take turns on its one connection (client.go). Of a server's
// receiving calls one at a time polls all connections for the others (leader.go). How a
// server knows which message a Send answers is in pairing.go, and what it does with
// replies that a client is slow to read in outgoing.go.
package socket

import (
	"crypto/tls"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"libobe/internal/jsondoc"
	"libobe/internal/transport"
	"libobe/internal/wire"
)

// DefaultPort is the port of the protocol.
const DefaultPort = 61981

// Special values of a timeout. All others are durations.
const (
	Forever time.Duration = -1 * time.Millisecond
	Default time.Duration = -2 * time.Millisecond // the option timeout_ms
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

// core is the common part of a Client and a Server.
type core struct {
	counters  counters
	settings  atomic.Pointer[settings] // replaced as a whole
	configure func(transport.Credentials) (*tls.Config, error)
	traceErr  atomic.Pointer[error] // why a message was last missing from the trace

	mu        sync.Mutex
	closed    bool
	frozen    bool // the first call has begun: options marked beforeFirstUse are fixed
	calls     []*call
	freeCalls []*call            // ended calls, to be used again
	wakers    []*transport.Waker // wakers that no call holds
}

func (c *core) options() *settings { return c.settings.Load() }

// freeze fixes the options that are set before the first use, and builds the TLS
// configuration from them. core.mu is held.
func (c *core) freeze() error {
	changed := *c.options()
	if changed.identity.Enabled() {
		config, err := c.configure(changed.identity)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrState, withOptionNames(err))
		}
		changed.tls = config
		c.settings.Store(&changed)
	}
	c.frozen = true
	return nil
}

// markClosed ends the calls in flight, prevents further ones and closes the wakers of
// ended calls. It reports whether it is the first to do so.
func (c *core) markClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.closed = true
	c.interrupt(ErrClosed)
	for _, w := range c.wakers {
		w.Close()
	}
	c.wakers = nil
	return true
}

// setOption implements SetOption of both roles.
func (c *core) setOption(name, value string) error {
	o, err := option(name)
	if err != nil {
		return err
	}
	if o.set == nil {
		return fmt.Errorf("%w: option %s is read-only", ErrArgument, name)
	}
	if o.check != nil {
		if err := o.check(value); err != nil {
			return fmt.Errorf("option %s: %w", name, err)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if o.beforeFirstUse && c.frozen {
		return fmt.Errorf("%w: option %s must be set before the first message; this socket was already used", ErrState, name)
	}
	changed := *c.options()
	if err := o.set(&changed, value); err != nil {
		return fmt.Errorf("option %s: %w", name, err)
	}
	c.settings.Store(&changed)
	return nil
}

// getOption implements Option of both roles. The properties are those that are not
// stored in settings.
func (c *core) getOption(name string, properties map[string]func() string) (string, error) {
	o, err := option(name)
	if err != nil {
		return "", err
	}
	if name == "trace_error" {
		return c.traceError(), nil
	}
	if o.get == nil {
		return properties[name](), nil
	}
	return o.get(c.options()), nil
}

// newReader returns a frameReader.
func newReader() *frameReader {
	r := &frameReader{}
	r.init()
	return r
}

// frameReader reads frames and checks the JSON of the bodies.
type frameReader struct {
	wire.Reader
	validator *jsondoc.Validator // of a body of which a part has arrived; nil: none
}

func (r *frameReader) init() { r.Check = r.check }

// isIdle reports whether the reader can read the frames of another stream.
func (r *frameReader) isIdle() bool { return !r.InFrame() && r.validator == nil }

func (r *frameReader) check(part []byte, last bool) error {
	if last && r.validator == nil {
		return jsondoc.Validate(part) // most bodies arrive in one part
	}
	if r.validator == nil {
		r.validator = &jsondoc.Validator{}
	}
	err := r.validator.Feed(part, last)
	if last || err != nil {
		r.validator = nil
	}
	return err
}
