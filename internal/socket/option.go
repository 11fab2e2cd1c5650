package socket

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"libobe/internal/transport"
	"libobe/internal/wire"
)

// settings are the options of one socket.
type settings struct {
	timeout        time.Duration // negative: none
	persistent     bool
	lateReply      bool
	maxMessage     int64
	maxConnections int
	messageTimeout time.Duration // negative: none
	oneWay         bool
	noDelay        bool
	keepAlive      time.Duration // 0: off
}

func defaults(role Role) *settings {
	s := &settings{
		timeout:        60 * time.Second,
		maxMessage:     64 << 20,
		maxConnections: 1024,
		messageTimeout: 30 * time.Second,
		noDelay:        true,
		keepAlive:      60 * time.Second,
	}
	if role == RoleServer {
		s.timeout = -1
	}
	return s
}

// Option is one row of the table of options, from which the documentation is
// generated too.
type Option struct {
	Name    string
	Default string
	Doc     string
	get     func(*settings) string
	set     func(*settings, string) error // nil: a fact that can only be read
}

// Options are all options, in the order of the documentation.
var Options = []Option{
	{
		Name: "timeout_ms", Default: "60000 (client), -1 (server)",
		Doc: "The timeout in milliseconds of a call that asks for the handle's default; -1 is for ever.",
		get: func(s *settings) string { return formatMilliseconds(s.timeout) },
		set: func(s *settings, v string) error { return parseMilliseconds(v, &s.timeout) },
	}, {
		Name: "persistent", Default: "0",
		Doc: "Client: 1 keeps the connection open from one message to the next. Only for servers built on libobe: a Python optbayesexpt server reads one message from each connection.",
		get: func(s *settings) string { return formatSwitch(s.persistent) },
		set: func(s *settings, v string) error { return parseSwitch(v, &s.persistent) },
	}, {
		Name: "late_reply", Default: "0",
		Doc: "Client: 1 keeps the connection of a command that was sent and got no reply in time, for obe_receive to go on waiting; obe_close gives the reply up, and so does the next command.",
		get: func(s *settings) string { return formatSwitch(s.lateReply) },
		set: func(s *settings, v string) error { return parseSwitch(v, &s.lateReply) },
	}, {
		Name: "max_message", Default: "67108864",
		Doc: "The largest message sent or taken, in bytes; at most 9999999999.",
		get: func(s *settings) string { return strconv.FormatInt(s.maxMessage, 10) },
		set: func(s *settings, v string) (err error) {
			s.maxMessage, err = parseInteger(v, 1, min(wire.MaxLength, math.MaxInt-64))
			return err
		},
	}, {
		Name: "max_connections", Default: "1024",
		Doc: "Server: how many connections are open at once; when all are taken, the one idle longest gives way to a new one.",
		get: func(s *settings) string { return strconv.Itoa(s.maxConnections) },
		set: func(s *settings, v string) error {
			n, err := parseInteger(v, 1, 1_000_000)
			s.maxConnections = int(n)
			return err
		},
	}, {
		Name: "message_timeout_ms", Default: "30000",
		Doc: "Server: the longest time in milliseconds from the first byte of a message to its last, and for sending a reply; a slower connection is closed. -1 is no limit.",
		get: func(s *settings) string { return formatMilliseconds(s.messageTimeout) },
		set: func(s *settings, v string) error { return parseMilliseconds(v, &s.messageTimeout) },
	}, {
		Name: "one_way", Default: "0",
		Doc: "Server: 1 keeps a connection open whose message was received and not answered, for clients that only report.",
		get: func(s *settings) string { return formatSwitch(s.oneWay) },
		set: func(s *settings, v string) error { return parseSwitch(v, &s.oneWay) },
	}, {
		Name: "nodelay", Default: "1",
		Doc: "TCP_NODELAY on new connections: 1 sends at once, 0 lets the system gather small writes.",
		get: func(s *settings) string { return formatSwitch(s.noDelay) },
		set: func(s *settings, v string) error { return parseSwitch(v, &s.noDelay) },
	}, {
		Name: "keepalive", Default: "60",
		Doc: "Seconds of silence on a kept connection after which the system asks whether the peer is still there; 0 never asks.",
		get: func(s *settings) string { return strconv.Itoa(int(s.keepAlive / time.Second)) },
		set: func(s *settings, v string) error {
			n, err := parseInteger(v, 0, 32767)
			s.keepAlive = time.Duration(n) * time.Second
			return err
		},
	}, {
		Name: "local", Default: "read only",
		Doc: "This side's address: the server's listener, or the client's connection; empty when there is none.",
	}, {
		Name: "peer", Default: "read only",
		Doc: "The other side's address: of the client's connection, or of the connection of the server's last message; empty when there is none.",
	},
}

func option(name string) (Option, error) {
	for _, o := range Options {
		if o.Name == name {
			return o, nil
		}
	}
	return Option{}, fmt.Errorf("%w: there is no option %s", ErrArgument, transport.Quote(name))
}

func formatSwitch(on bool) string {
	if on {
		return "1"
	}
	return "0"
}

func parseSwitch(v string, on *bool) error {
	switch v {
	case "0", "1":
		*on = v == "1"
		return nil
	}
	return fmt.Errorf("%w: %s is neither 0 nor 1", ErrArgument, transport.Quote(v))
}

func formatMilliseconds(d time.Duration) string {
	if d < 0 {
		return "-1"
	}
	return strconv.FormatInt(d.Milliseconds(), 10)
}

func parseMilliseconds(v string, d *time.Duration) error {
	n, err := parseInteger(v, -1, math.MaxInt64/int64(time.Millisecond))
	if err != nil {
		return err
	}
	*d = time.Duration(n) * time.Millisecond
	if n < 0 {
		*d = -1
	}
	return nil
}

func parseInteger(v string, lowest, highest int64) (int64, error) {
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < lowest || n > highest {
		return 0, fmt.Errorf("%w: %s is not a whole number from %d to %d", ErrArgument, transport.Quote(v), lowest, highest)
	}
	return n, nil
}
