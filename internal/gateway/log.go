package gateway

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"libobe/internal/command"
	"libobe/internal/jsondoc"
	"libobe/internal/recorder"
	"libobe/internal/trace"
)

// Log records what a gateway carries: each command and its reply become lines of a trace at LogSubject, which a
// JetStream stream keeps. It never delays a command: what cannot be recorded is lost, counted and told.
//
// What the ends call, and when:
//
//   - The back, when it passes a command on to the designer: x := log.Command(Call{…}), with Client: request.From and
//     Shared: service.Instance() with the wildcard replaced, if --queue is given, else empty. Then x.Reply(body) with
//     the designer's reply. Of a command that is not passed on (busy, expired, refused since several designers share
//     the subject) nothing is recorded.
//     request.Recorded = x.Kept() tells the front that it need not record them, too.
//   - The front, when a command has ended, so that it knows who answered, and unless answer.Recorded is set:
//     x := log.Command(Call{…}), with Received as the command came, Client: the same text as Ask.From, and Shared:
//     answer.Server if answer.Queue is not empty, or that of the pin. Then x.Reply(body) with the designer's reply.
//   - Both: x.Refuse(sentence) if it is certain that the designer did not execute the command (ErrNoDesigner, ErrBusy,
//     ErrDisconnected, a run that is lost, a server that refused the connection). A replay leaves such a command out.
//     Neither Reply nor Refuse after a timeout or a broken connection: it is not known, and a replay decides.
//
// All methods may be called from any goroutine, also of a nil *Log, which records nothing.
type Log struct {
	config   LogConfig
	link     *Link
	recorder *recorder.Recorder[logged]
	writer   string // begins the identities of the messages
	messages atomic.Int64
	calls    atomic.Int64

	ctx    context.Context // of all that waits for the NATS server
	cancel context.CancelFunc

	mu     sync.Mutex
	broken context.Context // ends when the connection that there is now has broken
	end    context.CancelFunc
	places map[string]*place // by subject of the lines
	known  map[string]bool   // streams that keep lines, and were told
	denied map[string]bool   // subjects that this user may not publish to
	cut    bool              // it was told that messages are cut
}

// place is what is known of where the lines of a subject are kept.
type place struct {
	limit   int       // bytes of a message that the stream takes; 0: all that the NATS server takes
	noAck   bool      // the stream acknowledges nothing
	kept    bool      // the last message was acknowledged
	missing bool      // there is no stream
	silent  bool      // JetStream did not answer for long: it is not waited for again
	sought  time.Time // when the stream was looked for
	told    string    // what was told of it
}

// Role is which end records.
type Role string

// The roles, as a trace has them. With both, a reader of the trace recognises what both have recorded.
const (
	RoleFront Role = "client"
	RoleBack  Role = "proxy"
)

// LogConfig is how a Log is made.
type LogConfig struct {
	Link    Config // of a connection of its own, so that a large message of the record delays no command
	Subject string // of the commands, with the wildcard if there is one
	Role    Role
	// Events is called when something about the record should be known; it is not Link.Events, which would tell of the
	// same NATS server twice.
	Events func(Event, string)
}

// The events of a record.
const (
	EventRecord Event = "record" // where the record is kept
	EventLost   Event = "lost"   // lines are missing in the record
	EventCut    Event = "cut"    // of a message only the beginning is recorded
)

// logged is a line that waits.
type logged struct {
	subject string // where it is published
	record  trace.Record
}

func sizeOfLogged(l *logged) int { return int(unsafe.Sizeof(*l)) + len(l.record.Body) }

var errLogSlow = errors.New("the NATS server takes the record too slowly, or is away for a long time")

// OpenLog connects, and finds or creates the stream that keeps the lines. Only refused credentials, certificates and
// files are errors; without a stream, or without JetStream, that is told, and tried again.
func OpenLog(ctx context.Context, c LogConfig) (*Log, error) {
	events := c.Events
	c.Link.Events = func(event Event, text string) {
		if event == EventPermission {
			events(event, text)
		}
	}
	link, err := Connect(ctx, c.Link)
	if err != nil {
		return nil, err
	}
	l := &Log{config: c, link: link, writer: nuid.Next()}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.broken, l.end = context.WithCancel(l.ctx)
	link.mu.Lock()
	link.denials = l.deny
	link.mu.Unlock()
	link.OnReconnect(func() {
		l.mu.Lock()
		missing := false
		for _, p := range l.places {
			missing = missing || p.missing
			p.missing, p.silent = false, false
		}
		l.denied = nil
		l.end()
		l.broken, l.end = context.WithCancel(l.ctx)
		l.mu.Unlock()
		if missing {
			_, _ = l.findStream(LogSubject(c.Subject)) // it was told
		}
	})
	l.recorder = recorder.New(recorder.Config[logged]{
		Size: sizeOfLogged, Write: l.write, Slow: errLogSlow,
		Lost: func(err error) { c.Events(EventLost, "the record lacks messages, and the run goes on: "+err.Error()) },
	})
	go func() {
		if link.WaitConnected(l.ctx) == nil {
			_, _ = l.findStream(LogSubject(c.Subject)) // it was told
		}
	}()
	return l, nil
}

// deny notes a subject that this user may not publish to. JetStream's own subjects are told by findStream.
func (l *Log) deny(subject string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.denied == nil {
		l.denied = map[string]bool{}
	}
	l.denied[subject] = true
}

func (l *Log) isDenied(subject string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.denied[subject]
}

// Call is a command as a gateway has seen it.
type Call struct {
	Subject  string // of the commands, without a wildcard
	Shared   string // private subject of the designer that has the command, if several share Subject; else empty
	Client   string // who asked: host:port; empty: not known
	Received time.Time
	Body     []byte // is not changed after the call
}

// Logged is a command in the record, which may get its reply.
type Logged struct {
	log  *Log
	call Call
	line logged // that of the command, without its body
}

// logScheme begins the address of a designer in a record.
const logScheme = "nats:"

// unknownClient is the address of a client that does not tell its own.
const unknownClient = "nats"

// clientName returns the address of an instrument for a record, which is read elsewhere: there, an address of the
// machine itself means nothing.
func clientName(peer string) string {
	at, err := netip.ParseAddrPort(peer)
	if err == nil && !at.Addr().Unmap().IsLoopback() {
		return peer
	}
	host, hostErr := os.Hostname()
	switch {
	case hostErr != nil:
		return peer
	case err != nil: // on a Unix-domain socket
		return host
	}
	return net.JoinHostPort(host, strconv.Itoa(int(at.Port())))
}

// Command records a command.
func (l *Log) Command(c Call) *Logged {
	if l == nil {
		return nil
	}
	client, server := cmp.Or(strings.ToValidUTF8(c.Client, "\uFFFD"), unknownClient), logScheme+cmp.Or(c.Shared, c.Subject)
	x := &Logged{log: l, call: c, line: logged{LogSubject(c.Subject), trace.Record{
		Time: c.Received, Process: os.Getpid(), Role: string(l.config.Role), Direction: trace.Received, Peer: client, Local: server,
		Connection: l.calls.Add(1), // each command has one, so that its reply is found
	}}}
	if l.config.Role == RoleFront {
		x.line.record.Direction, x.line.record.Peer, x.line.record.Local = trace.Sent, server, client
	}
	x.add(x.line, c.Body)
	return x
}

// Reply records the designer's reply, as it came just now.
func (x *Logged) Reply(body []byte) {
	if x == nil {
		return
	}
	line := x.line
	line.record.Elapsed = time.Since(x.call.Received)
	// That both lines tell the same beginning belongs to how a reader finds the command of a reply.
	line.record.Time = x.call.Received.Add(line.record.Elapsed)
	line.record.Direction = trace.Sent
	if x.line.record.Direction == trace.Sent {
		line.record.Direction = trace.Received
	}
	x.add(line, body)
}

// Kept reports whether the command is in the record, as far as is known: nothing says that there is no room, no stream or
// no permission.
func (x *Logged) Kept() bool {
	if x == nil || x.log.recorder.IsFull() {
		return false
	}
	l := x.log
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.place(x.line.subject).missing && !l.denied[x.line.subject]
}

// Refuse records that the command was certainly not executed, and why.
func (x *Logged) Refuse(sentence string) {
	if x == nil {
		return
	}
	name := ""
	if jsondoc.Validate(x.call.Body) == nil {
		name, _ = jsondoc.FromValid(x.call.Body).String("/command")
	}
	x.Reply(command.ErrorReply(name, sentence))
}

// add queues a line with a body, of which no more is kept than a trace has.
func (x *Logged) add(line logged, body []byte) {
	if line.record.Body = body; len(body) > trace.MaxBody {
		line.record.Body, line.record.Length = bytes.Clone(body[:trace.MaxBody+1]), int64(len(body))
	}
	x.log.recorder.Add(line)
}

// LogCounts are the numbers of lines of a Log.
type LogCounts struct {
	Written int64 `json:"written"` // acknowledged by the stream
	Lost    int64 `json:"lost"`
	Waiting int64 `json:"waiting"`
}

// Counts returns the numbers so far.
func (l *Log) Counts() LogCounts {
	if l == nil {
		return LogCounts{}
	}
	written, lost, waiting := l.recorder.Counts()
	return LogCounts{written, lost, waiting}
}

// How long Close waits for acknowledgements, and then for a call into the connection that the NATS server blocks.
const (
	closeTime = 2 * time.Second
	stuckTime = time.Second
)

// Close records what waits, for a moment, and ends. It returns the numbers, and why the first line was lost. slow is
// called if it takes long, with how many lines are not certainly recorded.
func (l *Log) Close(slow func(left int64)) (counts LogCounts, first error) {
	if l == nil {
		return LogCounts{}, nil
	}
	defer l.link.Close()
	time.AfterFunc(closeTime, l.cancel)
	type result struct {
		written, lost int64
		first         error
	}
	ended, tooSlow := make(chan result, 1), make(chan int64, 1)
	go func() {
		written, lost, first := l.recorder.Close(func(left int64) { tooSlow <- left })
		ended <- result{written, lost, first}
	}()
	stuck := time.After(closeTime + stuckTime)
	for {
		select {
		case left := <-tooSlow:
			slow(left)
		case r := <-ended:
			l.cancel()
			return LogCounts{Written: r.written, Lost: r.lost}, r.first
		case <-stuck:
			counts := l.Counts()
			return LogCounts{Written: counts.Written, Lost: counts.Lost + counts.Waiting}, errLogSlow
		}
	}
}

// How many bytes of lines are published as one message if there are several, and how many messages at once.
const (
	maxLogMessage   = 128 << 10
	logConcurrently = 64
	// logHeaders is more than the headers of a message take.
	logHeaders = 512
	// leastLine is more than a line takes of whose body nothing is left.
	leastLine = 4096
)

// write publishes lines, those of each subject in their order and one message after the other, since an acknowledged
// message may be followed by a lost one but never the other way round.
func (l *Log) write(lines []logged) (written int, err error) {
	if l.link.WaitConnected(l.ctx) != nil {
		return 0, errEnded
	}
	bySubject := map[string][]*trace.Record{}
	for i := range lines {
		bySubject[lines[i].subject] = append(bySubject[lines[i].subject], &lines[i].record)
	}
	var mu sync.Mutex
	var running sync.WaitGroup
	free := make(chan struct{}, logConcurrently)
	for subject, records := range bySubject {
		free <- struct{}{}
		running.Go(func() {
			n, why := l.publishAll(subject, records)
			mu.Lock()
			written += n
			if err == nil {
				err = why
			}
			mu.Unlock()
			<-free
		})
	}
	running.Wait()
	return written, err
}

var errEnded = errors.New("the program ended before the NATS server had acknowledged it")

// publishAll publishes the lines of a subject, and returns how many the stream has acknowledged, and why the first of
// the others was lost.
func (l *Log) publishAll(subject string, records []*trace.Record) (written int, first error) {
	var text []byte
	count := 0
	flush := func() {
		if count > 0 {
			if err := l.publish(subject, text); err == nil {
				written += count
			} else if first == nil {
				first = err
			}
		}
		text, count = nil, 0
	}
	for _, record := range records {
		room := l.room(subject)
		line, err := l.line(record, room)
		if err != nil {
			if first == nil {
				first = err
			}
			continue
		}
		if len(text)+len(line) > min(maxLogMessage, room) {
			flush()
		}
		text = append(text, line...)
		count++
	}
	flush()
	return written, first
}

// maxPlaces is how many subjects of a record are known at a time.
const maxPlaces = 4096

// place returns what is known of a subject. l.mu is held.
func (l *Log) place(subject string) *place {
	p := l.places[subject]
	if p != nil {
		return p
	}
	if l.places == nil || len(l.places) == maxPlaces {
		l.places = map[string]*place{}
	}
	p = &place{}
	if whole := l.places[LogSubject(l.config.Subject)]; whole != nil { // a stream that keeps all keeps this one
		p.limit, p.noAck = whole.limit, whole.noAck
	}
	l.places[subject] = p
	return p
}

// room returns how many bytes of lines fit into a message.
func (l *Log) room(subject string) int {
	room := int(l.link.MaxPayload())
	l.mu.Lock()
	defer l.mu.Unlock()
	if limit := l.place(subject).limit; limit > 0 && limit < room {
		room = limit
	}
	return max(room-logHeaders, leastLine)
}

// line returns a record as a line, cut if it does not fit into so many bytes.
func (l *Log) line(record *trace.Record, room int) ([]byte, error) {
	isWhole := len(record.Body) <= trace.MaxBody
	if isWhole {
		if err := jsondoc.Validate(record.Body); err != nil {
			return nil, fmt.Errorf("a message of %s is not JSON: %w", record.Peer, err)
		}
	}
	line, err := record.Line(room)
	if err == nil && !isWhole {
		if err = jsondoc.Validate(line); err != nil {
			err = fmt.Errorf("a message of %s is not UTF-8: %w", record.Peer, err)
		}
	}
	if err != nil || !isWhole || len(record.Body) < room-leastLine {
		return line, err
	}
	l.mu.Lock()
	tell := !l.cut
	l.cut = true
	l.mu.Unlock()
	if tell {
		l.config.Events(EventCut, fmt.Sprintf("messages beyond %d bytes are recorded with their beginning only, since NATS takes no more: set max_payload: 8MB in the NATS server's configuration, and no smaller max_msg_size of the stream", room-leastLine))
	}
	return line, nil
}

// How often and how long a message is tried.
const (
	ackTimeout   = 5 * time.Second
	ackSilence   = 3                      // attempts without an answer although there is a connection, until that is told
	ackAttempts  = 24                     // such attempts until the message is lost
	publishPause = 250 * time.Millisecond // after a failure
	electionTime = 30 * time.Second       // how long a cluster may be without a leader of its streams
	seekInterval = 10 * time.Second       // between two searches for a stream
)

// HeaderTrace is the version of the trace format, in each message of a record.
const HeaderTrace = "Obe-Trace"

// publish publishes a message until it is acknowledged, and returns why it is lost. While there is no connection it
// waits. A message that was published again has the same identity, by which the stream and readers recognise it.
func (l *Log) publish(subject string, text []byte) error {
	m := nats.NewMsg(subject)
	m.Data = text
	m.Header.Set(jetstream.MsgIDHeader, l.writer+"-"+strconv.FormatInt(l.messages.Add(1), 10))
	m.Header.Set(HeaderTrace, strconv.Itoa(trace.Version))
	unanswered, since := 0, time.Time{}
	for {
		if l.isDenied(subject) {
			return fmt.Errorf("the NATS server does not permit this user to publish to %s: its administrator can allow it", subject)
		}
		stream, err := l.publishOnce(m)
		if l.ctx.Err() != nil && err != nil {
			return errEnded
		}
		var refused *jetstream.APIError
		switch {
		case err == nil:
			l.acknowledged(subject, stream)
			return nil
		case errors.Is(err, jetstream.ErrNoStreamResponse):
			if since.IsZero() {
				since = time.Now()
			}
			definite, err := l.findStream(subject)
			if err == nil {
				err = fmt.Errorf("no stream answers at %s", subject)
			}
			// A cluster that elects a leader does not answer; what was there is waited for.
			if definite || time.Since(since) > electionTime {
				l.giveUp(subject)
				return err
			}
		case errors.As(err, &refused):
			return refusal(subject, refused)
		case errors.Is(err, context.DeadlineExceeded):
			switch unanswered++; unanswered {
			case ackSilence:
				l.config.Events(EventRecord, fmt.Sprintf("the stream that keeps %s has acknowledged nothing for %v, and messages wait: is its disk too slow, or was it stopped?", subject, ackSilence*ackTimeout))
			case ackAttempts:
				return fmt.Errorf("the stream that keeps %s acknowledges nothing", subject)
			}
			continue
		case errors.Is(err, jetstream.ErrInvalidJSAck):
			return fmt.Errorf("another program answers at %s in a stream's place", subject)
		case errors.Is(err, nats.ErrMaxPayload): // another NATS server of the cluster takes less
			return err
		}
		select { // there is no connection, or no leader
		case <-time.After(publishPause):
		case <-l.ctx.Done():
		}
	}
}

// publishOnce publishes a message, and returns the stream that keeps it, if that tells.
func (l *Log) publishOnce(m *nats.Msg) (stream string, err error) {
	l.mu.Lock()
	broken, noAck := l.broken, l.place(m.Subject).noAck
	l.mu.Unlock()
	ctx, cancel := context.WithTimeout(broken, ackTimeout)
	defer cancel()
	if noAck {
		if err := l.link.Conn().PublishMsg(m); err != nil {
			return "", err
		}
		return "", l.link.Conn().FlushWithContext(ctx)
	}
	js, err := jetstream.New(l.link.Conn())
	if err != nil {
		return "", err
	}
	ack, err := js.PublishMsg(ctx, m, jetstream.WithRetryAttempts(0))
	if err != nil {
		return "", err
	}
	return ack.Stream, nil
}

// acknowledged notes that a stream keeps the lines of a subject, and tells it where JetStream could not be asked.
func (l *Log) acknowledged(subject, stream string) {
	l.mu.Lock()
	p := l.place(subject)
	p.kept, p.missing, p.silent = true, false, false
	isNew := stream != "" && !l.known[stream]
	l.mu.Unlock()
	if isNew {
		l.noteStream(stream)
		l.tellPlace(subject, "recorded in the stream "+stream)
	}
}

// giveUp notes that no stream keeps the lines of a subject.
func (l *Log) giveUp(subject string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.place(subject)
	p.kept, p.missing, p.silent = false, true, true
}

// noteStream notes a stream that was told.
func (l *Log) noteStream(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known == nil || len(l.known) == maxStreams {
		l.known = map[string]bool{}
	}
	l.known[name] = true
}

// maxStreams is how many streams of a record are known by name.
const maxStreams = 1024

// refusal says why a stream does not take a line.
func refusal(subject string, refused *jetstream.APIError) error {
	return fmt.Errorf("the stream that keeps %s refuses: %s; look at its limits with nats stream info, and at the disk of the NATS server", subject, refused.Description)
}

// findStream looks for the stream of a subject and creates one if there is none. It tells what it found when that
// changes. It is an error if there is no stream, also if a search found none a moment ago; definite says that waiting
// does not help.
func (l *Log) findStream(subject string) (definite bool, err error) {
	missing := fmt.Errorf("no JetStream stream keeps %s", subject)
	l.mu.Lock()
	p := l.place(subject)
	recently := p.missing && time.Since(p.sought) < seekInterval
	if !recently {
		p.sought = time.Now()
	}
	l.mu.Unlock()
	if recently {
		return true, missing
	}
	ctx, cancel := context.WithTimeout(l.ctx, apiTimeout)
	defer cancel()
	js, err := jetstream.New(l.link.Conn())
	if err != nil {
		return true, err
	}
	streams, err := streamsOf(ctx, js, subject)
	if err == nil {
		for _, info := range streams {
			if covers(info.Config.Subjects, subject) {
				l.use(subject, info, "recorded in the stream "+info.Config.Name)
				return false, nil
			}
		}
		err = l.createStream(ctx, js, subject)
	}
	if err == nil || !l.link.Connected() || l.ctx.Err() != nil {
		return false, nil
	}
	why, text := streamError(l.link, err), "not recorded, since no stream keeps %s: %v"
	l.mu.Lock()
	definite = !p.kept
	if isUnanswered(err) {
		definite = definite && (p.silent || l.mayNotAsk())
		text = "which stream keeps %s is not known, and a message that none acknowledges is lost: %v"
	}
	p.missing = definite
	l.mu.Unlock()
	if definite {
		l.tellPlace(subject, fmt.Sprintf(text, subject, why))
	}
	return definite, fmt.Errorf("%w: %w", missing, why)
}

// mayNotAsk reports whether the NATS server has denied a question to JetStream. l.mu is held.
func (l *Log) mayNotAsk() bool {
	for subject := range l.denied {
		if strings.HasPrefix(subject, jetStreamAPI) {
			return true
		}
	}
	return false
}

// use notes which stream keeps the lines of a subject, and tells it with a text.
func (l *Log) use(subject string, info *jetstream.StreamInfo, text string) {
	c := &info.Config
	l.mu.Lock()
	p := l.place(subject)
	p.missing, p.noAck, p.limit = false, c.NoAck, max(0, int(c.MaxMsgSize))
	l.mu.Unlock()
	l.noteStream(c.Name)
	if c.NoAck {
		text += "; it acknowledges nothing (no_ack), so that a loss is not noticed: nats stream edit " + c.Name + " --ack"
	}
	if c.Retention != jetstream.LimitsPolicy {
		text += "; it removes lines that were read, or that are not waited for: its retention should be limits"
	}
	l.tellPlace(subject, text)
}

// tellPlace tells where the lines of a subject are kept, if that is new.
func (l *Log) tellPlace(subject, text string) {
	l.mu.Lock()
	p := l.place(subject)
	isNew := p.told != text
	p.told = text
	l.mu.Unlock()
	if isNew {
		l.config.Events(EventRecord, text)
	}
}

// subjectsOverlap is JetStream's code of a stream whose subjects another stream has already.
const subjectsOverlap jetstream.ErrorCode = 10065

// createStream creates a stream for the whole record, or where streams keep a part of it, for one subject.
func (l *Log) createStream(ctx context.Context, js jetstream.JetStream, subject string) error {
	whole := LogSubject(l.config.Subject)
	for _, each := range []string{whole, subject} {
		err := l.create(ctx, js, each, streamName(each))
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // of a stream for other subjects
			err = l.create(ctx, js, each, fmt.Sprintf("%s_%08x", streamName(each), crc32.ChecksumIEEE([]byte(each))))
		}
		var refused *jetstream.APIError
		if !errors.As(err, &refused) || refused.ErrorCode != subjectsOverlap {
			return err
		}
	}
	if subject == whole {
		return nil // there are streams for some of the subjects, and each gets one when it has a message
	}
	return fmt.Errorf("other streams keep parts of %s", whole)
}

func (l *Log) create(ctx context.Context, js jetstream.JetStream, subject, name string) error {
	stream, err := js.CreateStream(ctx, jetstream.StreamConfig{
		Name: name, Description: "Runs recorded by obe gateway", Subjects: []string{subject},
		Storage: jetstream.FileStorage, Compression: jetstream.S2Compression, AllowDirect: true,
		Discard: jetstream.DiscardNew, // a run that lacks its beginning is worth nothing, and the loss is noticed
	})
	if err != nil {
		return err
	}
	l.use(subject, stream.CachedInfo(), fmt.Sprintf("recorded in the stream %s, which was created for it and has no limits: "+
		"nats stream edit %[1]s --max-bytes 10GB sets one, and --replicas 3 keeps it when one server of a cluster is lost", name))
	return nil
}

// streamName returns the name of a stream for a subject.
func streamName(subject string) string {
	name := strings.TrimSuffix(subject, LogSubject(""))
	return "OBE_LOG_" + strings.NewReplacer(".", "_", "*", "ALL").Replace(name)
}
