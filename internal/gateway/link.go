// Package gateway carries commands and their replies over NATS. A command is a request at a subject. It is delivered
// at most once, and never later: nothing is kept for a connection to come.
package gateway

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"libobe/internal/excerpt"
)

// Event is a kind of what happens on a link outside a call, to count. The texts are for people.
type Event string

// The events.
const (
	EventUnreachable  Event = "unreachable"  // the NATS server could not be reached; it is tried again
	EventConnected    Event = "connected"    // the first connection
	EventDisconnected Event = "disconnected" // the connection broke
	EventReconnected  Event = "reconnected"  // there is a connection again
	EventPermission   Event = "permission"   // the NATS server denied a publication or a subscription
	EventStream       Event = "stream"       // a JetStream stream acknowledges commands; told once for each subject
	EventForeign      Event = "foreign"      // a message that is no reply to a waiting command was thrown away: late, or not ours
	EventIncomplete   Event = "incomplete"   // a message in parts was dropped, since parts are missing
	EventExpired      Event = "expired"      // a command was not passed on, since its asker had stopped waiting
	EventError        Event = "error"        // what else nats.go reports
)

// Config is how a link is made.
type Config struct {
	URL         string // nats://[user:password@]host[:port][,…]; tls:// insists on TLS; without a subject
	Name        string // of the connection, shown by the NATS server
	Credentials string // path of a .creds file
	NKey        string // path of a file with the seed of an nkey
	TLSCA       string // path of certificates that may sign the server's, in place of the system's
	TLSCert     string // path of the own certificate
	TLSKey      string // path of its key
	InboxPrefix string // first names of the subjects of replies; empty: _INBOX
	// Events is called from any goroutine, may be nil, and must not block. A text never has a secret. An event with
	// an empty text is only to be counted.
	Events func(Event, string)
}

const (
	// connectTimeout is how long a NATS server may take to accept a connection.
	connectTimeout = 5 * time.Second
	// flushTimeout is after how long a NATS server that does not read is left.
	flushTimeout = 5 * time.Second
	// pingInterval is how often a silent NATS server is asked for a sign of life; the third time without one it is left.
	pingInterval = 10 * time.Second
	// The wait before the next attempt to connect is doubled from the first to the longest, and then varied, so that
	// many gateways do not come at the same time.
	firstWait   = 50 * time.Millisecond
	longestWait = 4 * time.Second
	// maxTold is how many different things are told once.
	maxTold = 1000
)

// Link is one connection to NATS, that reconnects for ever.
//
// Its own state says whether there is a connection: to ask nats.go can take as long as a write to a NATS server that
// does not read.
type Link struct {
	config     Config
	address    string // for people
	options    []nats.Option
	servers    string // for nats.go
	inbox      string // with the final dot
	conn       atomic.Pointer[nats.Conn]
	maxPayload atomic.Int64
	out        queue
	parts      assemblies
	epochs     epochs
	clock      atomic.Uint64 // counts commands that were refused as late and were not
	presence   time.Duration // presenceInterval; tests have less
	closed     chan struct{}
	ends       sync.WaitGroup // of the goroutine that publishes

	mu          sync.Mutex
	connected   bool
	before      bool          // there was a connection
	generation  uint64        // counts connections
	changed     chan struct{} // closed when connected changes
	cause       string        // why there is no connection
	ended       bool          // by Close
	nextToken   uint64
	calls       map[string]*call // by the token of their inbox
	flows       map[string]*call // replies that go out in parts, by Obe-Id
	services    map[*Service]struct{}
	reconnected []func()
	denied      map[string]string // what the NATS server said, by subject
	told        map[string]bool   // what is not told again
	denials     func(string)      // is called with each subject that this user may not publish to; may be nil
}

// Connect connects. A server that is not there is no error: it is told, and the link tries again until Close. Refused
// credentials, certificates and files are errors.
func Connect(ctx context.Context, c Config) (*Link, error) {
	servers, address, user, err := parseURL(c.URL)
	if err != nil {
		return nil, err
	}
	prefix := c.InboxPrefix
	if prefix == "" {
		prefix = "_INBOX"
	}
	if err := checkInboxPrefix(prefix); err != nil {
		return nil, err
	}
	l := &Link{
		config: c, servers: servers, address: address, inbox: prefix + "." + rand.Text() + ".",
		closed: make(chan struct{}), changed: make(chan struct{}), cause: "not connected yet", presence: presenceInterval,
		calls: map[string]*call{}, flows: map[string]*call{}, services: map[*Service]struct{}{},
		denied: map[string]string{}, told: map[string]bool{},
	}
	l.out.init()
	l.parts.init(l.event)
	options, err := fileOptions(c)
	if err != nil {
		return nil, err
	}
	l.options = append(append(options, user...), l.connOptions(prefix)...)
	conn, err := l.dial(ctx)
	if err != nil {
		return nil, err
	}
	if err := l.adopt(conn); err != nil {
		conn.Close()
		return nil, err
	}
	l.ends.Add(1)
	go l.publishAll()
	return l, nil
}

// dial connects, or returns a connection that goes on trying.
func (l *Link) dial(ctx context.Context) (*nats.Conn, error) {
	type result struct {
		conn *nats.Conn
		err  error
	}
	attempt := func(options ...nats.Option) (*nats.Conn, error) {
		ready := make(chan result, 1)
		go func() {
			conn, err := nats.Connect(l.servers, append(options, l.options...)...)
			ready <- result{conn, err}
		}()
		select {
		case r := <-ready:
			return r.conn, r.err
		case <-ctx.Done():
			go func() {
				if r := <-ready; r.err == nil {
					r.conn.Close()
				}
			}()
			return nil, fmt.Errorf("connect to the NATS server at %s: %w", l.address, context.Cause(ctx))
		}
	}
	conn, err := attempt()
	if err == nil || ctx.Err() != nil {
		return conn, err
	}
	if refused := l.refusal(err); refused != nil {
		return nil, refused
	}
	l.unreachable(err)
	return attempt(nats.RetryOnFailedConnect(true))
}

// refusal returns the error of a connection that a later attempt does not make either, or nil.
func (l *Link) refusal(err error) error {
	switch {
	case isUserRefused(err):
		return failf(ErrPermission, "the NATS server at %s refuses the user (%s): check the user, its password, or its credentials file", l.address, reason(err))
	case errors.Is(err, nats.ErrNkeysNotSupported):
		return failf(ErrPermission, "the NATS server at %s knows no nkeys: use what its administrator gave", l.address)
	case errors.Is(err, nats.ErrSecureConnWanted):
		return failf(ErrPermission, "the NATS server at %s does not speak TLS: write nats:// in place of tls://, without files for TLS, or configure its tls section", l.address)
	case errors.Is(err, nats.ErrTLS), strings.Contains(err.Error(), "tls: "): // the latter: told after the handshake
		return failf(ErrPermission, "TLS with the NATS server at %s: %s", l.address, reason(err))
	}
	if strings.HasPrefix(err.Error(), "nats: no nkey seed found") || strings.HasPrefix(err.Error(), "nkeys: ") {
		return failf(ErrArgument, "the file of credentials: %s", reason(err))
	}
	return nil
}

// isUserRefused reports whether a NATS server does not take the user.
func isUserRefused(err error) bool {
	return errors.Is(err, nats.ErrAuthorization) || errors.Is(err, nats.ErrAuthExpired) || errors.Is(err, nats.ErrAuthRevoked) ||
		errors.Is(err, nats.ErrAccountAuthExpired)
}

// reason returns the text of an error of nats.go for people.
func reason(err error) string { return excerpt.Message(strings.TrimPrefix(err.Error(), "nats: ")) }

// connOptions returns the options of every connection.
func (l *Link) connOptions(prefix string) []nats.Option {
	return []nats.Option{
		nats.Name(l.config.Name),
		nats.CustomInboxPrefix(prefix),
		nats.Timeout(connectTimeout),
		nats.FlusherTimeout(flushTimeout),
		nats.PingInterval(pingInterval),
		nats.MaxReconnects(-1),
		nats.IgnoreAuthErrorAbort(),
		nats.ReconnectBufSize(-1), // nothing is sent later
		// What could not be written is lost: the commands under way end with the connection, and not by their deadlines.
		nats.ReconnectOnFlusherError(),
		nats.CustomReconnectDelay(func(attempts int) time.Duration {
			// That a NATS server answered, and refused the user, nats.go tells in no other way before the first connection.
			if conn := l.conn.Load(); conn != nil && conn.LastError() != nil {
				l.unreachable(conn.LastError())
			}
			wait := min(firstWait<<min(attempts-1, 10), longestWait)
			return wait/2 + mathrand.N(wait)
		}),
		nats.ConnectHandler(l.up),
		nats.ReconnectHandler(l.up),
		nats.DisconnectErrHandler(l.down),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { l.unreachable(err) }),
		nats.ErrorHandler(l.asyncError),
		nats.ClosedHandler(l.lost),
	}
}

// adopt makes a connection that of the link.
func (l *Link) adopt(conn *nats.Conn) error {
	if _, err := conn.Subscribe(l.inbox+"*", l.receive); err != nil {
		return failf(ErrDisconnected, "subscribe to replies at the NATS server at %s: %s", l.address, reason(err))
	}
	l.conn.Store(conn)
	if !conn.IsConnected() {
		return nil
	}
	if denied := l.flush(conn, l.inbox+"*"); denied != nil {
		return denied
	}
	l.up(conn)
	return nil
}

// flush waits until the NATS server has all subscriptions, and returns an error if it denied one of them.
func (l *Link) flush(conn *nats.Conn, subjects ...string) error {
	if err := conn.FlushTimeout(connectTimeout); err != nil {
		return nil // the connection broke, or will: it is told
	}
	// A denial has arrived before the answer to the flush, but is told on another goroutine.
	last := violation.FindStringSubmatch(fmt.Sprint(conn.LastError()))
	l.mu.Lock()
	defer l.mu.Unlock()
	if last != nil && last[1] == "Subscription" {
		l.denied[last[2]] = excerpt.Message(last[0])
	}
	for _, subject := range subjects {
		if text, found := l.denied[subject]; found {
			return failf(ErrPermission, "the NATS server at %s denies this user the subscription to %s (%s): its administrator can allow it", l.address, subject, text)
		}
	}
	return nil
}

// up is called when there is a connection.
func (l *Link) up(conn *nats.Conn) {
	if l.conn.Load() != conn {
		return // not adopted yet
	}
	largest := conn.MaxPayload()
	l.mu.Lock()
	if l.connected || l.ended {
		l.mu.Unlock()
		return
	}
	l.maxPayload.Store(largest)
	event, text := EventReconnected, "connected to the NATS server at %s again"
	if !l.before {
		event, text = EventConnected, "connected to the NATS server at %s"
	}
	l.connected, l.before, l.cause = true, true, ""
	l.generation++
	clear(l.denied)
	maps.DeleteFunc(l.told, func(what string, _ bool) bool { return strings.HasPrefix(what, "unreachable ") })
	close(l.changed)
	l.changed = make(chan struct{})
	calls := l.reconnected
	l.mu.Unlock()
	l.event(event, fmt.Sprintf(text, l.address))
	if event == EventReconnected {
		for _, f := range calls {
			go f()
		}
	}
}

// down is called when the connection broke. It ends at once what is under way.
func (l *Link) down(conn *nats.Conn, err error) {
	cause := "the NATS server closed the connection"
	if err != nil {
		cause = reason(err)
	}
	l.mu.Lock()
	if l.conn.Load() != conn || !l.connected {
		l.mu.Unlock()
		return
	}
	l.connected, l.cause = false, cause
	close(l.changed)
	l.changed = make(chan struct{})
	l.mu.Unlock()
	l.parts.clear()
	l.endCalls(func(c *call) error {
		if !c.sent.Load() {
			return l.notSent(c.subject)
		}
		return failf(ErrBroken, "the connection to the NATS server at %s broke (%s) while a command to %s was under way: whether it was executed is not known", l.address, cause, c.subject)
	})
	l.event(EventDisconnected, fmt.Sprintf("the connection to the NATS server at %s broke: %s", l.address, cause))
}

// lost is called when nats.go has closed a connection, which it does without Close where a NATS server sends an error
// that it does not know.
func (l *Link) lost(conn *nats.Conn) {
	if l.conn.Load() != conn || l.isClosed() {
		return
	}
	err := conn.LastError()
	l.down(conn, err)
	if err != nil {
		l.event(EventError, fmt.Sprintf("the NATS server at %s ended the connection: %s", l.address, reason(err)))
	}
	go l.redial()
}

// redial replaces a connection that nats.go has closed.
func (l *Link) redial() {
	for wait := firstWait; ; wait = min(2*wait, longestWait) {
		select {
		case <-l.closed:
			return
		case <-time.After(wait/2 + mathrand.N(wait)):
		}
		conn, err := nats.Connect(l.servers, append([]nats.Option{nats.RetryOnFailedConnect(true)}, l.options...)...)
		if err == nil {
			if err = l.adopt(conn); err == nil {
				l.mu.Lock()
				services := make([]*Service, 0, len(l.services))
				for s := range l.services {
					services = append(services, s)
				}
				l.mu.Unlock()
				for _, s := range services {
					_ = s.subscribe(conn)
				}
				if l.isClosed() {
					conn.Close()
				}
				return
			}
			conn.Close()
		}
		l.unreachable(err)
	}
}

// unreachable tells that an attempt to connect failed, once for each reason until there is a connection.
func (l *Link) unreachable(err error) {
	text := reason(err)
	l.mu.Lock()
	l.cause = text
	l.mu.Unlock()
	withoutPorts := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, text)
	switch {
	case !l.once("unreachable " + strings.ToLower(withoutPorts)):
		text = ""
	case isUserRefused(err):
		text = fmt.Sprintf("the NATS server at %s refuses the user (%s): check the user, its password, or its credentials file; it is tried again", l.address, text)
	default:
		text = fmt.Sprintf("the NATS server at %s cannot be reached (%s): it is tried again until it is there", l.address, text)
	}
	l.event(EventUnreachable, text)
}

// once reports whether something is to be told, since it was not yet.
func (l *Link) once(what string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.told[what] || len(l.told) >= maxTold {
		return false
	}
	l.told[what] = true
	return true
}

var violation = regexp.MustCompile(`Permissions Violation for (Publish|Subscription) to "([^"]+)"`)

// asyncError is called for what a NATS server says without a question.
func (l *Link) asyncError(_ *nats.Conn, sub *nats.Subscription, err error) {
	if l.isClosed() {
		return
	}
	match := violation.FindStringSubmatch(err.Error())
	switch {
	case match == nil && errors.Is(err, nats.ErrSlowConsumer):
		subject := ""
		if sub != nil {
			subject = " at " + sub.Subject
		}
		l.event(EventError, fmt.Sprintf("messages%s were lost: they came faster than they were taken", subject))
		return
	case match == nil && !l.Connected():
		l.unreachable(err)
		return
	case match == nil:
		l.event(EventError, fmt.Sprintf("the NATS server at %s: %s", l.address, reason(err)))
		return
	}
	what, subject := match[1], match[2]
	text := excerpt.Message(match[0])
	if strings.HasPrefix(subject, micro.APIPrefix+".") {
		l.noServices()
		return
	}
	if what == "Publish" {
		told := ""
		if !strings.HasPrefix(subject, jetStreamAPI) { // else who asked JetStream tells what that means
			told = l.publishDenied(subject)
		}
		l.event(EventPermission, told)
		l.mu.Lock()
		denials := l.denials
		l.mu.Unlock()
		if denials != nil {
			denials(subject)
		}
		l.endCalls(func(c *call) error {
			if c.subject != subject {
				return nil
			}
			return l.denial(subject)
		})
		return
	}
	l.mu.Lock()
	l.denied[subject] = text
	l.mu.Unlock()
	l.event(EventPermission, fmt.Sprintf("the NATS server at %s denies this user the subscription to %s", l.address, subject))
	if subject == l.inbox+"*" {
		l.endCalls(func(*call) error { return l.inboxDenial() })
	}
}

// publishDenied returns the text that tells of a denied publication once.
func (l *Link) publishDenied(subject string) string {
	if strings.HasPrefix(subject, "_") { // each command has its own inbox
		if !l.once("denied replies") {
			return ""
		}
		return fmt.Sprintf("the NATS server at %s denies this user to publish replies, to %s: its administrator can allow it with allow_responses, without a limit of their number", l.address, subject)
	}
	if !l.once("denied " + subject) {
		return ""
	}
	return fmt.Sprintf("the NATS server at %s denies this user to publish to %s", l.address, subject)
}

// noServices tells once that services of NATS are not permitted.
func (l *Link) noServices() {
	text := ""
	if l.once("no services") {
		text = fmt.Sprintf("the NATS server at %s denies this user the services of NATS at %s.>: obe status finds this gateway only with its --subject", l.address, micro.APIPrefix)
	}
	l.event(EventPermission, text)
}

func (l *Link) denial(subject string) error {
	return failf(ErrPermission, "the NATS server at %s denies this user to publish to %s: its administrator can allow it", l.address, subject)
}

func (l *Link) inboxDenial() error {
	return failf(ErrPermission, "the NATS server at %s denies this user the subscription to %s*, where replies come: its administrator can allow it", l.address, l.inbox)
}

// notSent is the error of a command for which there is no connection.
func (l *Link) notSent(subject string) error {
	l.mu.Lock()
	cause := l.cause
	l.mu.Unlock()
	if cause != "" {
		cause = " (" + cause + ")"
	}
	return failf(ErrDisconnected, "there is no connection to the NATS server at %s%s: the command to %s was not sent; it can be sent again", l.address, cause, subject)
}

func (l *Link) event(e Event, text string) {
	if l.config.Events != nil {
		l.config.Events(e, text)
	}
}

func (l *Link) isClosed() bool {
	select {
	case <-l.closed:
		return true
	default:
		return false
	}
}

// Close ends all that waits on the link with ErrClosed.
func (l *Link) Close() {
	l.mu.Lock()
	if l.ended {
		l.mu.Unlock()
		return
	}
	l.ended, l.connected, l.cause = true, false, "it was closed"
	close(l.changed)
	l.changed = make(chan struct{})
	close(l.closed)
	l.mu.Unlock()
	l.parts.clear()
	l.endCalls(func(c *call) error {
		return failf(ErrClosed, "the connection to the NATS server at %s was closed while a command to %s was under way", l.address, c.subject)
	})
	// A NATS server that does not read holds it up.
	ready := make(chan struct{})
	go func() {
		defer close(ready)
		l.ends.Wait()
		l.conn.Load().Close()
	}()
	select {
	case <-ready:
	case <-time.After(time.Second):
	}
}

// Conn returns the connection, for JetStream and services. After a reconnection it may be another one.
func (l *Link) Conn() *nats.Conn { return l.conn.Load() }

// MaxPayload returns the largest payload of one NATS message, 0 before the first connection.
func (l *Link) MaxPayload() int64 { return l.maxPayload.Load() }

// Address returns the server's address as configured, without user and password.
func (l *Link) Address() string { return l.address }

// Connected reports whether there is a connection now.
func (l *Link) Connected() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.connected
}

// WaitConnected waits until there is a connection.
func (l *Link) WaitConnected(ctx context.Context) error {
	for {
		l.mu.Lock()
		connected, ended, changed, cause := l.connected, l.ended, l.changed, l.cause
		l.mu.Unlock()
		switch {
		case connected:
			return nil
		case ended:
			return failf(ErrClosed, "the connection to the NATS server at %s was closed", l.address)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return failf(ErrDisconnected, "there is no connection to the NATS server at %s (%s): %v", l.address, cause, context.Cause(ctx))
		}
	}
}

// OnReconnect calls f after each reconnection, on a goroutine of its own.
func (l *Link) OnReconnect(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reconnected = append(l.reconnected, f)
}
