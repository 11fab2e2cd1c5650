package gateway

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// A large message goes in parts. The first is small. The receiver acknowledges it when it has room for the whole, and
// each part after it but the last, which the reply acknowledges. So only a few large messages are under way to one
// receiver, with only so many bytes each, and a NATS server need not keep what a slow reader has not taken: it ends the
// connection of a reader for which it keeps too much.

const (
	// partReserve is what a NATS server's limit leaves for headers.
	partReserve = 4096
	// maxPart is the size of a part with its headers, where the NATS server takes that. It takes 10 s, partTimeout, at
	// 26 kB/s.
	maxPart = 256 << 10
	// firstPart is the size of the first part, and of the largest message that does not go in parts. As many as there
	// may be commands under way fit into what a NATS server keeps for a reader, 64 MB.
	firstPart = 32 << 10
	// window is how many bytes of a message are under way without an acknowledgement.
	window = 2 << 20
	// maxParts is more than the parts of any message.
	maxParts = 1 << 20
)

const (
	// maxOpen is how many messages in parts may have begun, and maxAdmitted how many of them come at the same time.
	maxOpen     = 1024
	maxAdmitted = 8
	// maxAdmittedBytes is how large those may be together; one alone may be larger.
	maxAdmittedBytes = 256 << 20
	// partTimeout is how long the next part of an admitted message may take.
	partTimeout = 10 * time.Second
	// openTimeout is how long a message waits until it is admitted, unless its sender waits shorter.
	openTimeout = 2 * time.Minute
)

// single returns the largest body that can go in one message, in bytes.
func (l *Link) single() int {
	limit := l.maxPayload.Load()
	if limit <= 0 {
		limit = 1 << 20 // as NATS servers are configured
	}
	return int(max(limit-partReserve, limit/2))
}

// partSize returns the size of a part, in bytes.
func (l *Link) partSize() int { return min(l.single(), maxPart-partReserve) }

// whole returns the largest body that goes in one message where it could go in parts.
func (l *Link) whole() int { return min(l.single(), firstPart) }

// sendParts sends a body in parts and waits for the acknowledgements that it needs. It ends without an error when the
// call has ended.
func (l *Link) sendParts(w *wait, body []byte, message func(header nats.Header, part []byte) *outgoing) error {
	size, part := len(body), l.partSize()
	first := min(firstPart, part)
	count := 1 + (size-first+part-1)/part
	total := strconv.Itoa(size)
	ahead := int64(max(1, window/part))
	for i := 1; i <= count; i++ {
		n := part
		if i == 1 {
			n = first
		}
		n = min(n, len(body))
		header := make(nats.Header, 5)
		header[HeaderPart] = []string{fmt.Sprintf("%d/%d", i, count)}
		header[HeaderSize] = []string{total}
		if err := l.send(w, message(header, body[:n])); err != nil {
			return err
		}
		body = body[n:]
		for {
			select {
			case <-w.call.done:
				return nil
			default:
			}
			acked := w.call.acked.Load()
			if i == count || acked >= 1 && int64(i)-acked < ahead {
				break
			}
			if err := w.wait(w.call.wake); err != nil {
				return err
			}
		}
	}
	return nil
}

// ack acknowledges parts up to the n-th, or says why no more are to be sent.
func (l *Link) ack(m *nats.Msg, n int, status, sentence string) {
	header := nats.Header{HeaderAck: {strconv.Itoa(n)}, HeaderID: m.Header[HeaderID]}
	if status != "" {
		header[HeaderStatus] = []string{status}
	}
	l.out.put(&outgoing{msg: &nats.Msg{Subject: m.Reply, Header: header, Data: []byte(sentence)}})
}

// assembly is a message of which parts have come.
type assembly struct {
	next, count int
	size, came  int64
	parts       [][]byte
	admitted    bool
	expires     time.Time // when the sender stops waiting; zero: not known
	timer       *time.Timer
	receiver    receiver
}

// receiver is what waits for a message in parts.
type receiver struct {
	ack  func(n int)     // tells the sender that parts up to the n-th have come
	gone func(err error) // the message will not come
}

// assemblies has the messages of a link of which parts have come. Memory grows with what has come, not with what the
// sender says will come.
type assemblies struct {
	event func(Event, string)

	mu       sync.Mutex
	open     map[string]*assembly
	waiting  []string // keys of messages that are not admitted yet, in order
	admitted int
	bytes    int64 // of the admitted messages, as their senders say
}

func (a *assemblies) init(event func(Event, string)) {
	a.event, a.open = event, map[string]*assembly{}
}

// take takes a part of the message with the key. It returns the whole message with its last part. A part that belongs to
// no message is thrown away. expires is when the sender stops waiting, if known.
func (a *assemblies) take(key string, m *nats.Msg, limit int64, expires time.Time, r receiver) []byte {
	body, err := a.add(key, m, limit, expires, r)
	if err != nil {
		r.gone(err)
	}
	return body
}

func (a *assemblies) add(key string, m *nats.Msg, limit int64, expires time.Time, r receiver) ([]byte, error) {
	index, count, size, valid := partOf(m)
	a.mu.Lock()
	defer a.mu.Unlock()
	o := a.open[key]
	if o == nil {
		if !valid || index != 1 {
			return nil, nil // of a message that was dropped before
		}
		return nil, a.begin(key, m, count, size, limit, expires, r)
	}
	if !valid || index != o.next || count != o.count || size != o.size || !o.admitted || o.came+int64(len(m.Data)) > o.size {
		a.remove(key, o)
		err := failf(ErrBroken, "what came after part %d of %d of a message of %d bytes is not its next part", o.next-1, o.count, o.size)
		a.event(EventIncomplete, "a message in parts was dropped: "+err.Error())
		return nil, err
	}
	o.parts = append(o.parts, m.Data)
	o.came += int64(len(m.Data))
	o.next++
	if index < count {
		o.timer.Reset(o.within(partTimeout))
		o.receiver.ack(index)
		return nil, nil
	}
	a.remove(key, o)
	if o.came != o.size {
		err := failf(ErrBroken, "a message in parts has %d bytes, not %d", o.came, o.size)
		a.event(EventIncomplete, "a message in parts was dropped: "+err.Error())
		return nil, err
	}
	return slices.Concat(o.parts...), nil
}

// begin takes the first part of a message.
func (a *assemblies) begin(key string, m *nats.Msg, count int, size, limit int64, expires time.Time, r receiver) error {
	if size > limit {
		return failf(ErrTooLarge, "a message of %d bytes is larger than the %d that are allowed: raise max_message", size, limit)
	}
	if len(m.Data) > firstPart {
		return failf(ErrArgument, "the first part of a message has %d bytes, more than %d", len(m.Data), firstPart)
	}
	if len(a.open) >= maxOpen {
		return failf(ErrBusy, "%d large messages come already: try again later", maxOpen)
	}
	o := &assembly{
		next: 2, count: count, size: size, came: int64(len(m.Data)), parts: [][]byte{m.Data}, expires: expires, receiver: r,
	}
	a.open[key] = o
	o.timer = time.AfterFunc(o.within(openTimeout), func() { a.expire(key, o) })
	a.waiting = append(a.waiting, key)
	a.admit()
	return nil
}

// within returns a time, or until when the sender waits, if that is shorter.
func (o *assembly) within(d time.Duration) time.Duration {
	if o.expires.IsZero() {
		return d
	}
	return min(d, time.Until(o.expires))
}

// admit lets as many messages come as there is room for.
func (a *assemblies) admit() {
	for len(a.waiting) > 0 {
		o := a.open[a.waiting[0]]
		if o != nil {
			if a.admitted > 0 && (a.admitted >= maxAdmitted || a.bytes+o.size > maxAdmittedBytes) {
				return
			}
			o.admitted = true
			a.admitted++
			a.bytes += o.size
			o.timer.Reset(o.within(partTimeout))
			o.receiver.ack(1)
		}
		a.waiting = slices.Delete(a.waiting, 0, 1)
	}
}

// remove forgets a message.
func (a *assemblies) remove(key string, o *assembly) {
	o.timer.Stop()
	delete(a.open, key)
	if !o.admitted {
		a.waiting = slices.DeleteFunc(a.waiting, func(other string) bool { return other == key })
		return
	}
	a.admitted--
	a.bytes -= o.size
	a.admit()
}

// expire drops a message whose next part has not come in time.
func (a *assemblies) expire(key string, o *assembly) {
	a.mu.Lock()
	current := a.open[key] == o
	if current {
		a.remove(key, o)
	}
	a.mu.Unlock()
	if !current {
		return
	}
	err := failf(ErrBroken, "part %d of %d of a message of %d bytes did not come in time", o.next, o.count, o.size)
	if !o.admitted {
		err = failf(ErrBusy, "a message of %d bytes found no room beside other large ones in time: try again later", o.size)
	}
	a.event(EventIncomplete, "a message in parts was dropped: "+err.Error())
	o.receiver.gone(err)
}

// drop forgets a message that is not needed any more.
func (a *assemblies) drop(key string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if o := a.open[key]; o != nil {
		a.remove(key, o)
	}
}

// clear drops all: the connection broke, and the missing parts with it.
func (a *assemblies) clear() {
	a.mu.Lock()
	dropped := len(a.open)
	for _, o := range a.open {
		o.timer.Stop()
	}
	clear(a.open)
	a.waiting, a.admitted, a.bytes = nil, 0, 0
	a.mu.Unlock()
	for range dropped {
		a.event(EventIncomplete, "a message in parts was dropped: the connection to the NATS server ended")
	}
}

// partOf returns which part of how many a message is, and the size of the whole.
func partOf(m *nats.Msg) (index, count int, size int64, valid bool) {
	first, last, found := strings.Cut(m.Header.Get(HeaderPart), "/")
	if !found {
		return 0, 0, 0, false
	}
	index, err := strconv.Atoi(first)
	if err != nil {
		return 0, 0, 0, false
	}
	if count, err = strconv.Atoi(last); err != nil {
		return 0, 0, 0, false
	}
	if size, err = strconv.ParseInt(m.Header.Get(HeaderSize), 10, 64); err != nil {
		return 0, 0, 0, false
	}
	valid = index >= 1 && index <= count && count >= 2 && count <= maxParts && size >= int64(count) && len(m.Data) > 0 && int64(len(m.Data)) < size
	return index, count, size, valid
}
