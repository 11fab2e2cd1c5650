package socket

import (
	"time"

	"libobe/internal/transport"
)

const (
	// pollLimit ends a call with timeout 0 that still finds something to read and no
	// message.
	pollLimit = 4 * time.Millisecond
	// readAtOnce is how much one read takes: between two reads a call looks at its
	// deadline, and the check of so much JSON takes less than a millisecond.
	readAtOnce = 256 << 10
)

// due returns why a call that could continue at once must end: it was cancelled, or
// its deadline has passed. Peers that always have something to say would otherwise
// keep it from its wait, which is what looks at both.
func (c *call) due() error {
	switch {
	case c.over.Load():
		return transport.ErrWoken
	case c.deadline.IsZero():
		return nil
	}
	limit := c.deadline
	if c.timeout == 0 {
		limit = limit.Add(pollLimit)
	}
	if time.Now().Before(limit) {
		return nil
	}
	return transport.ErrTimeout
}
