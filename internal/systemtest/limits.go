package systemtest

import "time"

// The limits of the tests, also for busy machines and with the race detector.
const (
	// Timeout is how long an event may take that has to happen. A test waits that long only
	// if it fails. It is less than the default of message_timeout_ms, 30 s, after which a
	// server closes a connection that nothing else has closed.
	Timeout = 25 * time.Second
	// Soon is how long "at once" may take.
	Soon = 5 * time.Second
)
