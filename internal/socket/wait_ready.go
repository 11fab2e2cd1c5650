package socket

import (
	"errors"
	"fmt"
	"net"
	"time"

	"libobe/internal/jsondoc"
	"libobe/internal/transport"
	"libobe/internal/wire"
)

// WaitReady sends {"command": "ready"}, with the members of the option fields, until the
// server sends any reply, and tries again while no server is listening. It never opens a connection without sending a
// whole message.
func (c *Client) WaitReady(timeout time.Duration) error {
	call, err := c.begin("wait_ready", timeout)
	if err != nil {
		return err
	}
	defer c.end(call)
	call.untilReady = true
	request := jsondoc.FromValid([]byte(`{"command": "ready"}`))
	if err := c.AddFields(request); err != nil {
		return call.wrap(c.address.String(), err)
	}
	interval := 5 * time.Millisecond
	for {
		err = c.exchange(call, request.Text(), nil, func([]byte) error { return nil })
		if err == nil {
			return nil
		}
		if !isNotUpYet(err) {
			return call.wrap(c.address.String(), err)
		}
		ended := call.sleep(interval)
		interval = min(2*interval, 100*time.Millisecond)
		if ended == ErrTimeout {
			ended = fmt.Errorf("%w: no server answered within %d ms; the last attempt: %w", ErrTimeout, call.timeout.Milliseconds(), err)
		}
		if ended != nil {
			return call.wrap(c.address.String(), ended)
		}
	}
}

// isNotUpYet reports whether an error may mean that the server has not started yet.
func isNotUpYet(err error) bool {
	var name *net.DNSError
	if errors.As(err, &name) && name.IsNotFound {
		return false // the name is wrong, and trying again does not help
	}
	for _, kind := range []error{transport.ErrRefused, transport.ErrReset, transport.ErrUnreachable, ErrPeerClosed, wire.ErrIncomplete} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}
