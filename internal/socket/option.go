package socket

import (
	"crypto/tls"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"libobe/internal/excerpt"
	"libobe/internal/trace"
	"libobe/internal/transport"
	"libobe/internal/wire"
)

// settings are the options of one socket.
type settings struct {
	timeout        time.Duration // negative: forever
	persistent     bool
	lateReply      bool
	fields         fields
	maxMessage     int64
	maxConnections int
	messageTimeout time.Duration // negative: none
	outgoingLimit  int64
	oneWay         bool
	keepAlive      time.Duration // 0: off
	trace          string        // absolute path of the file; empty: off
	traceRefused   error         // why nothing is written to a file that the environment names
	traceLimit     int64
	identity       transport.Credentials
	allow          []netip.Prefix // nil: any address

	tls *tls.Config // built from identity at the first use; nil: none
}

func defaults(role Role) *settings {
	s := &settings{
		timeout:        60 * time.Second,
		maxMessage:     64 << 20,
		maxConnections: 1024,
		messageTimeout: 30 * time.Second,
		outgoingLimit:  64 << 20,
		keepAlive:      60 * time.Second,
		traceLimit:     100 << 20,
	}
	s.traceFromEnvironment()
	if role == RoleServer {
		s.timeout = -1
	}
	return s
}

// Option is one row of the table of options and properties, from which the
// documentation is also generated.
type Option struct {
	Name     string
	Type     string // of the value, for a reader: "whole number"
	Unit     string // of a number; "" for any other value
	Default  string // required unless ReadOnly
	Doc      string // names a function without a prefix, as in "receive"; begins with "Client: " or "Server: " if the option is for one role
	ReadOnly bool   // a property
	Private  bool   // for the bindings; not documented

	get            func(*settings) string        // nil: a property that is not stored in settings
	check          func(value string) error      // nil: none. Called without a lock: it may wait for the disk
	set            func(*settings, string) error // nil if ReadOnly
	beforeFirstUse bool                          // can be set only before the first call
}

// BeforeFirstUse reports whether an option can be set only before the first call that
// opens a connection or reads from one.
func (o Option) BeforeFirstUse() bool { return o.beforeFirstUse }

// maxBody is the largest body. It is a little less than the largest int, so that the
// length of a whole frame, and of a text with a terminating NUL, is also an int.
const maxBody = min(wire.MaxLength, math.MaxInt-64)

// Options are all options and properties, in the order of the documentation.
var Options = []Option{
	{
		Name: "timeout_ms", Type: "whole number", Unit: "milliseconds", Default: "60000 (client), -1 (server)",
		Doc: "The timeout in milliseconds of a call that requests the handle's default; -1 is forever.",
		get: func(s *settings) string { return formatMilliseconds(s.timeout) },
		set: func(s *settings, v string) error { return parseMilliseconds(v, &s.timeout) },
	}, {
		Name: "persistent", Type: "0 or 1", Default: "0",
		Doc: "Client: 1 keeps the connection open from one message to the next. Only for servers built on libobe: a Python optbayesexpt server reads one message from each connection.",
		get: func(s *settings) string { return formatSwitch(s.persistent) },
		set: func(s *settings, v string) error { return parseSwitch(v, &s.persistent) },
	}, {
		Name: "late_reply", Type: "0 or 1", Default: "0", Private: true,
		Doc: "Client: 1 keeps the connection of a command that was sent and got no reply in time, so that receive can continue to wait; close abandons the reply, and so does the next message.",
		get: func(s *settings) string { return formatSwitch(s.lateReply) },
		set: func(s *settings, v string) error { return parseSwitch(v, &s.lateReply) },
	}, {
		Name: "fields", Type: "JSON object", Default: "none",
		Doc:   "Client: a JSON object, such as {\"instrument\": \"left\"}, whose members are sent with each command of the protocol: by the functions for the commands, by query and by wait_ready. So several instruments can share a server. The command's own members come first and have precedence. Messages that the program builds are sent unchanged. A member command is an error. Empty sends no further members.",
		get:   func(s *settings) string { return s.fields.text },
		check: checkFields, set: setFields,
	}, {
		Name: "max_message", Type: "whole number", Unit: "bytes", Default: "67108864",
		Doc: "The largest message that is sent or accepted, in bytes; at most 9999999999, and 2147483583 in a 32-bit process.",
		get: func(s *settings) string { return strconv.FormatInt(s.maxMessage, 10) },
		set: func(s *settings, v string) (err error) {
			s.maxMessage, err = parseInteger(v, 1, maxBody)
			return err
		},
	}, {
		Name: "max_connections", Type: "whole number", Unit: "connections", Default: "1024",
		Doc: "Server: the largest number of open connections. A new connection beyond it evicts the one that has been idle longest. A client that has closed and whose message receive returned and send has not answered does not count.",
		get: func(s *settings) string { return strconv.Itoa(s.maxConnections) },
		set: func(s *settings, v string) error {
			n, err := parseInteger(v, 1, 1_000_000)
			s.maxConnections = int(n)
			return err
		},
	}, {
		Name: "message_timeout_ms", Type: "whole number", Unit: "milliseconds", Default: "30000",
		Doc: "Server: the longest time in milliseconds from the first byte of a message to its last, and for sending a reply; a slower connection is closed. -1 means no limit.",
		get: func(s *settings) string { return formatMilliseconds(s.messageTimeout) },
		set: func(s *settings, v string) error { return parseMilliseconds(v, &s.messageTimeout) },
	}, {
		Name: "outgoing_limit", Type: "whole number", Unit: "bytes", Default: "67108864",
		Doc: "Server: how many bytes of replies the library may hold, for all clients that read slowly together, while other clients need the server. A call that sends more than that waits; with 0 every call waits.",
		get: func(s *settings) string { return strconv.FormatInt(s.outgoingLimit, 10) },
		set: func(s *settings, v string) (err error) {
			s.outgoingLimit, err = parseInteger(v, 0, math.MaxInt64)
			return err
		},
	}, {
		Name: "one_way", Type: "0 or 1", Default: "0",
		Doc: "Server: 1 keeps a connection open after its message was received, even without a reply, and reads its next message at once, for clients that only report. A reply is still possible but not required: such a connection can be evicted.",
		get: func(s *settings) string { return formatSwitch(s.oneWay) },
		set: func(s *settings, v string) error { return parseSwitch(v, &s.oneWay) },
	}, {
		Name: "keepalive", Type: "whole number", Unit: "seconds", Default: "60",
		Doc: "Seconds without traffic after which the system probes whether the peer is still there (TCP keepalive); four unanswered probes, a quarter of this time apart, end the connection. So a waiting call fails after twice this time if a cable was cut, or 13 s after that if its own message was not acknowledged (Linux before 6.15: after 15 minutes). 0 sends no probes.",
		get: func(s *settings) string { return strconv.Itoa(int(s.keepAlive / time.Second)) },
		set: func(s *settings, v string) error {
			n, err := parseInteger(v, 0, 32767)
			s.keepAlive = time.Duration(n) * time.Second
			return err
		},
	}, {
		Name: "tls", Type: "0 or 1", Default: "0", beforeFirstUse: true,
		Doc: "1 encrypts with TLS 1.3, and so does any other tls_ option that is set. A client then accepts servers whose certificate the system trusts, unless tls_ca is set. The tls options and allow must be set before the first message.",
		get: func(s *settings) string { return formatSwitch(s.identity.On) },
		set: func(s *settings, v string) error { return parseSwitch(v, &s.identity.On) },
	}, {
		Name: "tls_cert", Type: "path", Default: "none", beforeFirstUse: true,
		Doc: "Path of a PEM file with this side's certificate and any intermediate certificates. A server with TLS needs one; a client needs one if the server sets tls_ca.",
		get: func(s *settings) string { return s.identity.Certificate.Path },
		set: func(s *settings, v string) error {
			return s.readPEM(&s.identity.Certificate, v, "CERTIFICATE", transport.Credentials.CheckKeyPair)
		},
	}, {
		Name: "tls_key", Type: "path", Default: "none", beforeFirstUse: true,
		Doc: "Path of a PEM file with the unencrypted private key of tls_cert.",
		get: func(s *settings) string { return s.identity.Key.Path },
		set: func(s *settings, v string) error {
			return s.readPEM(&s.identity.Key, v, "PRIVATE KEY", transport.Credentials.CheckKeyPair)
		},
	}, {
		Name: "tls_ca", Type: "path", Default: "none", beforeFirstUse: true,
		Doc: "Path of a PEM file with the certificates of the authorities that sign the peers' certificates. A client then trusts these instead of the system's; a server then accepts only clients with such a certificate. A file with a damaged block is an error.",
		get: func(s *settings) string { return s.identity.Authorities.Path },
		set: func(s *settings, v string) error {
			return s.readPEM(&s.identity.Authorities, v, "CERTIFICATE", transport.Credentials.CheckRoots)
		},
	}, {
		Name: "tls_server_name", Type: "text", Default: "the address", beforeFirstUse: true,
		Doc: "Client: the name or IP address that the server's certificate must be valid for; by default the address that the client was created with.",
		get: func(s *settings) string { return s.identity.ServerName },
		set: func(s *settings, v string) error {
			s.identity.ServerName = v
			return nil
		},
	}, {
		Name: "allow", Type: "addresses and ranges, separated by commas or spaces", Default: "any address", beforeFirstUse: true,
		Doc: "Server: the IP addresses and ranges, such as 127.0.0.1, 192.168.1.0/24, fd00::/8, from which connections are accepted; others are closed at once and counted. Empty allows any address. Unix-domain sockets are not affected.",
		get: func(s *settings) string { return formatRanges(s.allow) },
		set: func(s *settings, v string) (err error) {
			s.allow, err = parseRanges(v)
			return err
		},
	}, {
		Name: "trace", Type: "path", Default: "OBE_TRACE of the environment, or empty",
		Doc:   "The path of a file to which every message is written, as a line of JSON; empty turns the trace off. The file is opened at once, and created if it is missing. One that cannot be opened, that another user owns or can write to, or that has something else than a trace, is an error. For a path from OBE_TRACE, that error is in trace_error instead.",
		get:   func(s *settings) string { return s.trace },
		check: checkTrace, set: setTrace,
	}, {
		Name: "trace_limit", Type: "whole number", Unit: "bytes", Default: "OBE_TRACE_LIMIT of the environment, or 104857600",
		Doc: "The size in bytes at which the trace file is renamed, with .1 appended to its name, and a new one is started; at least 4194304.",
		get: func(s *settings) string { return strconv.FormatInt(s.traceLimit, 10) },
		set: func(s *settings, v string) error {
			n, err := parseInteger(v, trace.MinLimit, math.MaxInt64)
			if err == nil {
				s.traceLimit = n
			}
			return err
		},
	}, {
		Name: "trace_error", Type: "text", ReadOnly: true,
		Doc: "Why a message was last missing from the trace; empty if none was.",
	}, {
		Name: "local", Type: "address", ReadOnly: true,
		Doc: "This side's address: that of the server's listener or of the client's connection; empty if there is none.",
	}, {
		Name: "peer", Type: "address", ReadOnly: true,
		Doc: "The other side's address: that of the client's connection, or of the connection of the server's last message, by whichever function it was received; empty if there is none. If several threads receive from a server, its last message is that of the calling thread.",
	},
}

func option(name string) (Option, error) {
	for _, o := range Options {
		if o.Name == name {
			return o, nil
		}
	}
	return Option{}, fmt.Errorf("%w: there is no option %s", ErrArgument, excerpt.Quote(name))
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
	return fmt.Errorf("%w: %s is neither 0 nor 1", ErrArgument, excerpt.Quote(v))
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
		return 0, fmt.Errorf("%w: %s is not a whole number from %d to %d", ErrArgument, excerpt.Quote(v), lowest, highest)
	}
	return n, nil
}

// readPEM reads a PEM file into one of the files of s.identity, and checks them together.
func (s *settings) readPEM(file *transport.File, path, wanted string, check func(transport.Credentials) error) (err error) {
	if *file, err = transport.ReadPEM(path, wanted); err == nil {
		err = check(s.identity)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrArgument, withOptionNames(err))
	}
	return nil
}

func formatRanges(ranges []netip.Prefix) string {
	texts := make([]string, len(ranges))
	for i, r := range ranges {
		if texts[i] = r.String(); r.IsSingleIP() {
			texts[i] = r.Addr().String()
		}
	}
	return strings.Join(texts, ", ")
}

// parseRanges parses addresses and CIDR ranges, separated by commas or spaces. An
// IPv4 range may be written as an IPv4-mapped IPv6 one.
func parseRanges(v string) (ranges []netip.Prefix, err error) {
	for _, text := range strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == ' ' }) {
		r, err := netip.ParsePrefix(text)
		if err != nil {
			var single netip.Addr
			if single, err = netip.ParseAddr(text); err == nil && single.Zone() == "" {
				r = netip.PrefixFrom(single, single.BitLen())
			}
		}
		if strings.Contains(text, "@") {
			// The text before it may be a password, and error texts are logged.
			return nil, fmt.Errorf("%w: it contains an @, which is not part of an IP address or range", ErrArgument)
		}
		single, bits, isRange := strings.Cut(text, "/")
		if plain := transport.WithoutZeros(single); plain != "" {
			if isRange {
				plain += "/" + bits
			}
			return nil, fmt.Errorf("%w: %s has leading zeros, which some systems read as octal; write %s", ErrArgument, excerpt.Quote(text), excerpt.Quote(plain))
		}
		if err != nil || !r.IsValid() {
			return nil, fmt.Errorf("%w: %s is neither an IP address nor a range such as 192.168.1.0/24", ErrArgument, excerpt.Quote(text))
		}
		const mapped = 96 // bits before an IPv4 address in IPv6
		if r.Addr().Is4In6() && r.Bits() >= mapped {
			r = netip.PrefixFrom(r.Addr().Unmap(), r.Bits()-mapped)
		}
		ranges = append(ranges, r.Masked())
	}
	if v != "" && len(ranges) == 0 {
		return nil, fmt.Errorf("%w: %s contains no address; leave the option empty to allow any", ErrArgument, excerpt.Quote(v))
	}
	return ranges, nil
}

// allowed reports whether a server accepts connections from an address.
func (s *settings) allowed(from netip.Addr) bool {
	from = from.Unmap().WithZone("")
	return slices.ContainsFunc(s.allow, func(r netip.Prefix) bool { return r.Contains(from) })
}
