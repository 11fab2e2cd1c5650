package socket

import (
	"fmt"
	"sync/atomic"

	"libobe/internal/excerpt"
)

// counters are what a socket has done since it was made.
type counters struct {
	connectionsOpened, connectionsOpen                                               atomic.Int64
	messagesSent, messagesReceived, bytesSent, bytesReceived                         atomic.Int64
	droppedMalformed, droppedJSON, droppedTooLarge, droppedMemory, droppedIncomplete atomic.Int64
	droppedTimeout, droppedUnanswered, droppedReset, evicted                         atomic.Int64
	droppedNotAllowed, droppedTLS, droppedUnread                                     atomic.Int64
	outgoing                                                                         atomic.Int64
	traceFailed                                                                      atomic.Int64
}

// Stat is one row of the table of counters, from which the documentation is
// generated too.
type Stat struct {
	Name string
	Doc  string
	of   func(*counters) *atomic.Int64
}

// Stats are all counters, in the order of the documentation.
var Stats = []Stat{
	{"connections_opened", "Connections made or accepted.", func(c *counters) *atomic.Int64 { return &c.connectionsOpened }},
	{"connections_open", "Connections open now.", func(c *counters) *atomic.Int64 { return &c.connectionsOpen }},
	{"messages_sent", "Messages sent whole.", func(c *counters) *atomic.Int64 { return &c.messagesSent }},
	{"messages_received", "Messages received whole and valid.", func(c *counters) *atomic.Int64 { return &c.messagesReceived }},
	{"bytes_sent", "Bytes sent, headers included.", func(c *counters) *atomic.Int64 { return &c.bytesSent }},
	{"bytes_received", "Bytes received, headers included.", func(c *counters) *atomic.Int64 { return &c.bytesReceived }},
	{"dropped_malformed", "Server: connections closed for a header that is not ten digits.", func(c *counters) *atomic.Int64 { return &c.droppedMalformed }},
	{"dropped_json", "Server: connections closed for a body that is not JSON.", func(c *counters) *atomic.Int64 { return &c.droppedJSON }},
	{"dropped_too_large", "Server: connections closed for a message beyond max_message.", func(c *counters) *atomic.Int64 { return &c.droppedTooLarge }},
	{"dropped_memory", "Server: connections closed because the system had no memory for their message.", func(c *counters) *atomic.Int64 { return &c.droppedMemory }},
	{"dropped_incomplete", "Server: connections that the peer ended inside a message.", func(c *counters) *atomic.Int64 { return &c.droppedIncomplete }},
	{"dropped_timeout", "Server: connections closed for a message slower than message_timeout_ms.", func(c *counters) *atomic.Int64 { return &c.droppedTimeout }},
	{"dropped_unanswered", "Server: connections closed because their message was received and not answered.", func(c *counters) *atomic.Int64 { return &c.droppedUnanswered }},
	{"dropped_reset", "Server: connections that broke between messages.", func(c *counters) *atomic.Int64 { return &c.droppedReset }},
	{"dropped_not_allowed", "Server: connections closed because of where they came from; see the option allow.", func(c *counters) *atomic.Int64 { return &c.droppedNotAllowed }},
	{"dropped_tls", "Server: connections closed because the client speaks no TLS, or is not who it must be.", func(c *counters) *atomic.Int64 { return &c.droppedTLS }},
	{"dropped_unread", "Server: connections closed because the client did not take the whole of a reply: it left, or was slower than message_timeout_ms, or the call that sent the reply ended early.", func(c *counters) *atomic.Int64 { return &c.droppedUnread }},
	{"outgoing_bytes", "Server: bytes of replies that the library holds now for clients that read slowly; see outgoing_limit.", func(c *counters) *atomic.Int64 { return &c.outgoing }},
	{"evicted", "Server: idle connections closed to make room for new ones.", func(c *counters) *atomic.Int64 { return &c.evicted }},
	{"trace_failed", "Messages that could not be written to the trace; the option trace_error has the reason.", func(c *counters) *atomic.Int64 { return &c.traceFailed }},
}

// Stat returns a counter by its name.
func (b *base) Stat(name string) (int64, error) {
	for _, s := range Stats {
		if s.Name == name {
			return s.of(&b.counters).Load(), nil
		}
	}
	return 0, fmt.Errorf("%w: there is no counter %s", ErrArgument, excerpt.Quote(name))
}
