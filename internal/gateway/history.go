package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"libobe/internal/trace"
)

// History reads the record of a subject back, in its order from the first line. After the end of what was there it can
// follow what comes. It goes on where it was after the connection or the NATS server has failed.
//
// The one thing to know first: it is own code in place of the ordered consumer of package jetstream, whose Next cannot
// be ended while it waits for a NATS server that is away.
type History struct {
	link    *Link
	subject string // of the lines
	lines   *trace.Lines
	seen    recentIDs

	stream   string
	created  time.Time // the stream; another one of the same name begins anew
	next     uint64    // sequence of the next message in the stream, at least
	last     uint64    // sequence of the last message in the stream when the history was opened
	consumer jetstream.Consumer
	messages jetstream.MessagesContext // nil: to be opened
	counted  uint64                    // messages that the consumer has delivered

	rest  []byte // lines of the last message that are still to be read
	ended bool   // all that was there when the history was opened was read
}

// ErrNoRecord reports that no stream keeps the record of a subject.
var ErrNoRecord = errors.New("there is no record")

// How a history is read.
const (
	historyMessages  = 256     // that are asked for at once
	historyBytes     = 8 << 20 // of them, unless one is larger
	historyHeartbeat = time.Second
	historyExpiry    = 10 * time.Second
	historyPause     = 500 * time.Millisecond // after a failure
)

// OpenHistory opens the record of a subject. name is where it is, for people. It waits for the NATS server until the
// context ends.
func OpenHistory(ctx context.Context, link *Link, subject, name string) (*History, error) {
	h := &History{link: link, subject: LogSubject(subject), lines: trace.NewLines(name), next: 1}
	if err := link.WaitConnected(ctx); err != nil {
		return nil, err
	}
	if err := h.open(ctx); err != nil {
		h.Close()
		return nil, err
	}
	return h, nil
}

// open finds the stream, and asks for what follows the last message that was read.
func (h *History) open(ctx context.Context) error {
	h.close()
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	js, err := jetstream.New(h.link.Conn())
	if err != nil {
		return err
	}
	streams, err := streamsOf(ctx, js, h.subject)
	if err != nil {
		return streamError(h.link, err)
	}
	if len(streams) == 0 {
		return fmt.Errorf("%w: no JetStream stream at %s keeps %s", ErrNoRecord, h.link.Address(), h.subject)
	}
	// There is one, unless two were made in the same moment, which then have the same lines.
	info := slices.MinFunc(streams, func(a, b *jetstream.StreamInfo) int {
		if isSame := a.Config.Name == h.stream; isSame != (b.Config.Name == h.stream) {
			return map[bool]int{true: -1, false: 1}[isSame]
		}
		return a.Created.Compare(b.Created)
	})
	switch {
	case h.stream == "":
		h.last = info.State.LastSeq
	case !info.Created.Equal(h.created):
		h.next = 1
	}
	h.stream, h.created = info.Config.Name, info.Created
	h.consumer, err = js.CreateConsumer(ctx, h.stream, jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: h.next, FilterSubject: h.subject,
		AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, Replicas: 1, InactiveThreshold: time.Minute,
	})
	if err != nil {
		return streamError(h.link, err)
	}
	h.ended = h.ended || h.consumer.CachedInfo().NumPending == 0
	size := max(historyBytes, 2*int(h.link.MaxPayload()))
	h.messages, err = h.consumer.Messages(jetstream.PullMaxMessagesWithBytesLimit(historyMessages, size), jetstream.PullExpiry(historyExpiry),
		jetstream.PullHeartbeat(historyHeartbeat), jetstream.WithMessagesErrOnMissingHeartbeat(true))
	h.counted = 0
	if err != nil {
		return streamError(h.link, err)
	}
	return nil
}

// close ends what open has begun. The NATS server forgets the consumer by itself.
func (h *History) close() {
	if h.messages != nil {
		h.messages.Stop()
		h.messages = nil
	}
}

// Close ends the reading.
func (h *History) Close() { h.close() }

// Damaged returns how many lines were skipped because they are not JSON.
func (h *History) Damaged() int { return h.lines.Damaged() }

// Incomplete reports whether the end of the last line is missing: never, since a message comes whole or not at all.
func (h *History) Incomplete() bool { return false }

// Next returns the next message, or io.EOF after those that were there when the history was opened.
func (h *History) Next() (*trace.Entry, error) { return h.read(context.Background(), true) }

// Follow is Next, but waits for a message. It returns the cause if the context ends.
func (h *History) Follow(ctx context.Context) (*trace.Entry, error) { return h.read(ctx, false) }

func (h *History) read(ctx context.Context, toEnd bool) (*trace.Entry, error) {
	for {
		for len(h.rest) > 0 {
			line, rest, _ := bytes.Cut(h.rest, []byte("\n"))
			h.rest = rest
			if entry, err := h.lines.Parse(line); err != nil || entry != nil {
				return entry, err
			}
		}
		if toEnd && h.ended {
			return nil, io.EOF
		}
		if err := h.receive(ctx, toEnd); err != nil {
			return nil, err
		}
	}
}

// receive waits for a message, and opens the history again if need be. toEnd makes it give up when the NATS server is
// away for long.
func (h *History) receive(ctx context.Context, toEnd bool) error {
	for attempt := 0; ; attempt++ {
		err := h.receiveOnce(ctx, toEnd)
		if err == nil {
			return nil
		}
		h.close()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if toEnd && attempt == historyAttempts {
			return err
		}
		select {
		case <-time.After(historyPause):
		case <-ctx.Done():
		}
	}
}

// historyAttempts is how often a read up to the end is tried again without a message in between.
const historyAttempts = 20

// errGap reports messages that were lost on a connection that broke.
var errGap = errors.New("messages are missing")

func (h *History) receiveOnce(ctx context.Context, toEnd bool) error {
	if h.messages == nil {
		if err := h.open(ctx); err != nil {
			return err
		}
		if toEnd && h.ended {
			return nil
		}
	}
	option := jetstream.NextContext(ctx)
	if toEnd { // what was there may have been removed since
		option = jetstream.NextMaxWait(2 * historyHeartbeat)
	}
	m, err := h.messages.Next(option)
	if err != nil {
		return err
	}
	meta, err := m.Metadata()
	if err != nil {
		return err
	}
	if h.counted++; meta.Sequence.Consumer != h.counted {
		return errGap
	}
	h.next = meta.Sequence.Stream + 1
	if meta.Sequence.Stream >= h.last || meta.NumPending == 0 {
		h.ended = true
	}
	if id := m.Headers().Get(jetstream.MsgIDHeader); id == "" || h.seen.add(id) {
		h.rest = bytes.TrimSuffix(m.Data(), []byte("\n"))
		if version := m.Headers().Get(HeaderTrace); version != "" && version != strconv.Itoa(trace.Version) {
			h.rest = fmt.Appendf(nil, "{\"trace\":%q,\"version\":%s}\n%s", trace.Name, version, h.rest)
		}
	}
	return nil
}

// recentIDs are the identities of the last messages. A message that was published again long after the first time is
// in a stream twice: the stream itself recognises that for some minutes only.
type recentIDs struct {
	known map[string]bool
	order []string // a ring
	next  int
}

// maxRecentIDs is more than may be published between the two.
const maxRecentIDs = 4096

// add reports whether an identity is new.
func (r *recentIDs) add(id string) bool {
	if r.known[id] {
		return false
	}
	if r.known == nil {
		r.known, r.order = map[string]bool{}, make([]string, maxRecentIDs)
	}
	delete(r.known, r.order[r.next])
	r.known[id], r.order[r.next] = true, id
	r.next = (r.next + 1) % maxRecentIDs
	return true
}
