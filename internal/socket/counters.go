package socket

import (
	"fmt"
	"sync/atomic"

	"libobe/internal/excerpt"
)

// counters count the events of a socket since it was created.
type counters struct {
	connectionsOpened, connectionsOpen                                               atomic.Int64
	messagesSent, messagesReceived, bytesSent, bytesReceived                         atomic.Int64
	droppedMalformed, droppedJSON, droppedTooLarge, droppedMemory, droppedIncomplete atomic.Int64
	droppedTimeout, droppedUnanswered, droppedReset, evicted                         atomic.Int64
	droppedNotAllowed, droppedTLS, droppedUnread                                     atomic.Int64
	outgoing                                                                         atomic.Int64
	traceFailed                                                                      atomic.Int64
}

// Stat is one row of the table of counters, from which the documentation is also
// generated.
type Stat struct {
	Name string
	Doc  string
	// Falls reports whether it can also become smaller.
	Falls bool
	of    func(*counters) *atomic.Int64 // nil for a counter of the process
}

// OfProcess reports whether a counter is one of the whole process. The C ABI, which has
// the table of handles, reads it.
func (s Stat) OfProcess() bool { return s.of == nil }

// The counters of the process.
const (
	LiveSockets  = "live_sockets"
	LiveMessages = "live_messages"
)

// Stats are all counters, in the order of the documentation.
var Stats = []Stat{
	{"connections_opened", "Connections opened or accepted.", false, func(c *counters) *atomic.Int64 { return &c.connectionsOpened }},
	{"connections_open", "Connections that are currently open.", true, func(c *counters) *atomic.Int64 { return &c.connectionsOpen }},
	{"messages_sent", "Complete messages sent.", false, func(c *counters) *atomic.Int64 { return &c.messagesSent }},
	{"messages_received", "Complete and valid messages received.", false, func(c *counters) *atomic.Int64 { return &c.messagesReceived }},
	{"bytes_sent", "Bytes sent, headers included.", false, func(c *counters) *atomic.Int64 { return &c.bytesSent }},
	{"bytes_received", "Bytes received, headers included.", false, func(c *counters) *atomic.Int64 { return &c.bytesReceived }},
	{"dropped_malformed", "Server: connections closed for a header that is not ten digits.", false, func(c *counters) *atomic.Int64 { return &c.droppedMalformed }},
	{"dropped_json", "Server: connections closed for a body that is not JSON.", false, func(c *counters) *atomic.Int64 { return &c.droppedJSON }},
	{"dropped_too_large", "Server: connections closed for a message beyond max_message.", false, func(c *counters) *atomic.Int64 { return &c.droppedTooLarge }},
	{"dropped_memory", "Server: connections closed because there was not enough memory for their message.", false, func(c *counters) *atomic.Int64 { return &c.droppedMemory }},
	{"dropped_incomplete", "Server: connections that the peer closed inside a message.", false, func(c *counters) *atomic.Int64 { return &c.droppedIncomplete }},
	{"dropped_timeout", "Server: connections closed for a message slower than message_timeout_ms.", false, func(c *counters) *atomic.Int64 { return &c.droppedTimeout }},
	{"dropped_unanswered", "Server: connections closed because their message was received and not answered.", false, func(c *counters) *atomic.Int64 { return &c.droppedUnanswered }},
	{"dropped_reset", "Server: connections that broke between messages.", false, func(c *counters) *atomic.Int64 { return &c.droppedReset }},
	{"dropped_not_allowed", "Server: connections closed because of their address; see the option allow.", false, func(c *counters) *atomic.Int64 { return &c.droppedNotAllowed }},
	{"dropped_tls", "Server: connections closed because the client does not speak TLS, or its certificate is not accepted.", false, func(c *counters) *atomic.Int64 { return &c.droppedTLS }},
	{"dropped_unread", "Server: connections closed because the client did not read a whole reply: it closed the connection, or was slower than message_timeout_ms, or the call that sent the reply ended early.", false, func(c *counters) *atomic.Int64 { return &c.droppedUnread }},
	{"outgoing_bytes", "Server: bytes of replies that the library currently holds for clients that read slowly; see outgoing_limit.", true, func(c *counters) *atomic.Int64 { return &c.outgoing }},
	{"evicted", "Server: idle connections closed to make room for new ones.", false, func(c *counters) *atomic.Int64 { return &c.evicted }},
	{"trace_failed", "Messages that could not be written to the trace; the property trace_error contains the reason.", false, func(c *counters) *atomic.Int64 { return &c.traceFailed }},
	{LiveSockets, "Process: clients and servers that were created and not freed. The handle may be NULL.", true, nil},
	{LiveMessages, "Process: messages that were created or received and not freed, including requests that a handler is processing. The handle may be NULL.", true, nil},
}

// Stat returns a counter by its name.
func (c *core) Stat(name string) (int64, error) {
	for _, s := range Stats {
		if s.Name == name && !s.OfProcess() {
			return s.of(&c.counters).Load(), nil
		}
	}
	return 0, fmt.Errorf("%w: there is no counter %s", ErrArgument, excerpt.Quote(name))
}
