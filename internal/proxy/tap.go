package proxy

import (
	"bytes"
	"fmt"
	"time"

	"libobe/internal/excerpt"
	"libobe/internal/jsondoc"
	"libobe/internal/trace"
	"libobe/internal/wire"
)

// tap finds the messages in the bytes of one direction of a connection. Of a long body it
// keeps only as much as a trace does, so its memory is bounded.
type tap struct {
	emit func(Message)
	tell func(Event, string)
	who  string // sends the bytes, for people

	header  [wire.HeaderLength]byte
	have    int   // bytes of the header that have arrived
	length  int64 // of the body
	arrived int64 // bytes of the body
	body    []byte
	check   jsondoc.Validator
	wrong   error     // of check
	began   time.Time // when the first byte of the message arrived
	lost    bool      // the bytes are not messages, so the rest cannot be any
}

// kept is how many bytes of a body are kept: enough for a trace to see that there are more.
const kept = trace.MaxBody + 1

// feed reads the next bytes.
func (t *tap) feed(p []byte) {
	now := time.Now()
	for len(p) > 0 && !t.lost {
		if t.have == 0 {
			t.began = now
		}
		if t.have < len(t.header) {
			n := copy(t.header[t.have:], p)
			t.have += n
			p = p[n:]
			if t.have < len(t.header) {
				return
			}
			if t.begin(); t.lost {
				return
			}
		}
		part := p[:min(int64(len(p)), t.length-t.arrived)]
		p = p[len(part):]
		t.arrived += int64(len(part))
		last := t.arrived == t.length
		if room := kept - len(t.body); room > 0 {
			t.body = append(t.body, part[:min(room, len(part))]...)
		}
		if t.wrong == nil {
			t.wrong = t.check.Feed(part, last)
		}
		if last {
			t.complete(now)
		}
	}
}

// begin reads a complete header.
func (t *tap) begin() {
	length, err := wire.ParseHeader(t.header[:])
	if err != nil {
		t.lost = true
		hint := ""
		if t.header[0] == 0x16 && t.header[1] == 3 {
			hint = " (this is TLS, which cannot be read here)"
		}
		t.tell(NotFrames, fmt.Sprintf("%s sends bytes that are not messages, which begin with ten digits: %s%s; they are forwarded and not recorded", t.who, excerpt.Quote(t.header[:]), hint))
		return
	}
	t.length, t.body = length, t.body[:0]
	t.check, t.wrong = jsondoc.Validator{}, nil
}

// maxIdle is the largest memory for bodies that a tap keeps between two messages.
const maxIdle = 64 << 10

func (t *tap) complete(now time.Time) {
	t.have, t.arrived = 0, 0
	if t.wrong != nil {
		t.tell(NotJSON, fmt.Sprintf("a message of %s is not JSON: %v; it is forwarded and not recorded", t.who, t.wrong))
	} else {
		m := Message{Body: bytes.Clone(t.body), Time: now, Took: now.Sub(t.began)}
		if t.length > int64(len(t.body)) {
			m.Length = t.length
		}
		t.emit(m)
	}
	if cap(t.body) > maxIdle {
		t.body = nil
	}
}

// end is the end of the direction.
func (t *tap) end() {
	if t.have > 0 && !t.lost {
		t.tell(Cut, fmt.Sprintf("a message of %s ended after %d bytes", t.who, int64(t.have)+t.arrived))
	}
}
