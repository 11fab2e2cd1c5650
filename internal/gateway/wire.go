package gateway

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"libobe/internal/excerpt"
)

// The headers of a message. Each is optional: a message without headers is a command, too.
const (
	HeaderID       = "Obe-Id"       // 128 random bits in hexadecimal, for each command; copied into the reply
	HeaderServer   = "Obe-Server"   // private subject of the instance that answered
	HeaderStatus   = "Obe-Status"   // name of a status: the body is a sentence that says why there is no reply
	HeaderTimeout  = "Obe-Timeout"  // milliseconds that the asker still waits
	HeaderPart     = "Obe-Part"     // "2/5": the second of five parts of a message
	HeaderSize     = "Obe-Size"     // bytes of the whole message, in each part
	HeaderFrom     = "Obe-From"     // who asks, for the record: the host of the instrument, with a port
	HeaderGateway  = "Obe-Gateway"  // the gateway that asks: the same text at each start of it
	HeaderRun      = "Obe-Run"      // the run of a designer that shares the subject with others: in its replies, and in commands
	HeaderRecorded = "Obe-Recorded" // in a reply: the designer's side has recorded the command and the reply
	HeaderQueue    = "Obe-Queue"    // in a reply: the name of the queue group, if several designers share the subject
	HeaderEpoch    = "Obe-Epoch"    // of a command: what the asker's link is called, and two numbers; see Link.epoch
	HeaderSent     = "Obe-Sent"     // of a command: when it was sent, in milliseconds on the asker's clock
	HeaderLate     = "Obe-Late"     // with HeaderStatus: the command was refused since it was late
	HeaderAck      = "Obe-Ack"      // number of the last part that came; with HeaderStatus, send no more
)

// The statuses of HeaderStatus: those of the library, without their prefix.
const (
	StatusArgument   = "ARGUMENT"
	StatusBusy       = "BUSY"
	StatusTooLarge   = "TOO_LARGE"
	StatusTimeout    = "TIMEOUT"
	StatusRefused    = "REFUSED"
	StatusState      = "STATE"
	StatusPeerClosed = "PEER_CLOSED"
	StatusReset      = "RESET"
	StatusFrame      = "FRAME"
	StatusJSON       = "JSON"
	StatusPermission = "PERMISSION"
	StatusInternal   = "INTERNAL"
)

// DefaultMaxMessage is the largest message in bytes where nothing else is configured, that of the library.
const DefaultMaxMessage = 64 << 20

// The errors of a command. Each error has the subject, the cause and the remedy in its text.
var (
	// ErrNoDesigner: no designer's gateway has subscribed to the subject. The command was not executed.
	ErrNoDesigner = errors.New("no designer listens")
	// ErrBroken: the connection broke while the command was under way. Whether it was executed is not known.
	ErrBroken = errors.New("the connection to the NATS server broke")
	// ErrDisconnected: there is no connection to the NATS server. The command was not sent.
	ErrDisconnected = errors.New("not connected to the NATS server")
	// ErrTimeout: no reply by the deadline. Whether the command was executed is not known.
	ErrTimeout = errors.New("no reply in time")
	// ErrBusy: too many commands wait. The command was not executed.
	ErrBusy = errors.New("busy")
	// ErrPermission: the NATS server refuses the user, or what the user wants to do.
	ErrPermission = errors.New("permission denied")
	// ErrTooLarge: a command or its reply is larger than what is allowed there.
	ErrTooLarge = errors.New("message too large")
	// ErrArgument: a subject, an address or a file of the configuration cannot be used.
	ErrArgument = errors.New("invalid argument")
	// ErrClosed: the link was closed.
	ErrClosed = errors.New("the link is closed")
)

// linkError is an error with a sentence of its own, and one of the kinds above.
type linkError struct {
	kind error
	text string
}

func (e *linkError) Error() string { return e.text }
func (e *linkError) Unwrap() error { return e.kind }

func failf(kind error, format string, arguments ...any) error {
	return &linkError{kind, fmt.Sprintf(format, arguments...)}
}

// StatusError is an answer that is no reply: the other side could not get or send one.
type StatusError struct {
	Status   string // one of the Status constants, or one of a later version
	Sentence string
	Server   string // private subject of the instance that answered, if it said so
}

// Error returns the sentence.
func (e *StatusError) Error() string { return e.Sentence }

// Is makes errors.Is find ErrBusy, ErrTooLarge, ErrTimeout and ErrPermission also where the other side told them.
func (e *StatusError) Is(target error) bool {
	switch e.Status {
	case StatusBusy:
		return target == ErrBusy
	case StatusTooLarge:
		return target == ErrTooLarge
	case StatusTimeout:
		return target == ErrTimeout
	case StatusPermission:
		return target == ErrPermission
	}
	return false
}

// statusOf returns the status that tells the other side of an error.
func statusOf(err error) string {
	switch {
	case errors.Is(err, ErrTooLarge):
		return StatusTooLarge
	case errors.Is(err, ErrBusy):
		return StatusBusy
	case errors.Is(err, ErrArgument):
		return StatusArgument
	}
	return StatusReset
}

// maxSentence is how many bytes of the other side's sentence are kept.
const maxSentence = 1000

// statusError returns the status of a message, or nil.
func statusError(m *nats.Msg) error {
	status := m.Header.Get(HeaderStatus)
	if status == "" {
		return nil
	}
	e := &StatusError{Status: excerpt.Cut(status, 40), Sentence: excerpt.Cut(m.Data, maxSentence), Server: m.Header.Get(HeaderServer)}
	if e.Sentence == "" {
		e.Sentence = "the designer's gateway answers " + e.Status
	}
	return e
}

// maxSubject is the longest subject of commands, in bytes. Private subjects are longer.
const maxSubject = 200

// CheckSubject says what is wrong with a subject of commands. With wildcard, one of its names may be *.
func CheckSubject(subject string, wildcard bool) error {
	wrong := func(why string) error {
		return failf(ErrArgument, "subject %s: %s; a subject is names with dots between them, such as obe.lab1.nv3", excerpt.Quote(subject), why)
	}
	if subject == "" {
		return wrong("it is empty")
	}
	if len(subject) > maxSubject {
		return wrong(fmt.Sprintf("it is longer than %d bytes", maxSubject))
	}
	names := strings.Split(subject, ".")
	wildcards := 0
	for i, name := range names {
		switch {
		case name == "":
			return wrong("a name is empty")
		case name == "*":
			wildcards++
		case name == ">" || strings.ContainsAny(name, "*>"):
			return wrong("* is a whole name or none, and > is not possible")
		case name[0] == '_' || name[0] == '$':
			return wrong(fmt.Sprintf("no name may begin with %c", name[0]))
		case name == "log" && i == len(names)-1:
			return wrong("its last name may not be log, where traces are")
		}
		for _, c := range name {
			if c <= ' ' || c == 0x7f {
				return wrong("it has a space or a control character")
			}
		}
	}
	switch {
	case wildcards > 0 && !wildcard:
		return wrong("it has a *, which is for designers of several experiments only")
	case wildcards > 1:
		return wrong("it has more than one *")
	}
	return nil
}

// matches reports whether a concrete subject is one that the subject of a service means, and not a reserved one.
func matches(service, subject string) bool {
	if service == subject {
		return true
	}
	before, after, wildcard := strings.Cut(service, "*")
	if !wildcard || len(subject) <= len(before)+len(after) || !strings.HasPrefix(subject, before) || !strings.HasSuffix(subject, after) {
		return false
	}
	return CheckSubject(subject, false) == nil && !strings.Contains(subject[len(before):len(subject)-len(after)], ".")
}

// WhoSubject is where instances that serve the subject tell their private subjects.
func WhoSubject(subject string) string { return subject + "._who" }

// LogSubject is where the trace of the subject's commands is published.
func LogSubject(subject string) string { return subject + ".log" }

// maxHeader is how many bytes of a text in a header are kept.
const maxHeader = 200

// headerText returns a text that another program has put into a header.
func headerText(m *nats.Msg, name string) string { return excerpt.Cut(m.Header.Get(name), maxHeader) }

// withoutLast returns a subject without its last name.
func withoutLast(subject string) string {
	if i := strings.LastIndexByte(subject, '.'); i >= 0 {
		return subject[:i]
	}
	return subject
}

// newID returns 128 random bits in hexadecimal.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: it ends the program where the system has no random numbers
	return hex.EncodeToString(b[:])
}

// maxWait is the longest time that another program can demand.
const maxWait = 7 * 24 * time.Hour

// timeout returns how long the asker waits, 0 if it did not tell.
func timeout(m *nats.Msg) time.Duration {
	ms, err := strconv.ParseInt(m.Header.Get(HeaderTimeout), 10, 64)
	if err != nil || ms <= 0 {
		return 0
	}
	return min(time.Duration(min(ms, maxWait.Milliseconds()))*time.Millisecond, maxWait)
}

// noResponders reports whether a NATS server says that there is no subscription.
func noResponders(m *nats.Msg) bool { return len(m.Data) == 0 && m.Header.Get("Status") == "503" }
