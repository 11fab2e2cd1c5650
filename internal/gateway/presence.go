package gateway

import (
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	// presenceInterval is how often the asker of a command that is under way looks whether its designer is still there.
	presenceInterval = 2 * time.Second
	// absences is how often in succession it is not, before the command ends. A designer that has lost its connection
	// to NATS is usually back by then, and sends its reply.
	absences = 3
)

// presence is whether the designer of a command is there, to end a command early whose designer was killed: no reply
// comes then, and the asker would wait until its deadline.
type presence struct {
	asked  atomic.Bool // from then on, "no responders" is about the designer, and not about the command
	absent atomic.Bool // there was no designer when it was last asked for
}

// watch looks whether the designer of a command to a private subject is there. It returns what ends that.
func (l *Link) watch(c *call) (stop func() bool) {
	streak := 0
	var timer *time.Timer
	timer = time.AfterFunc(time.Hour, func() {
		if c.presence.absent.Swap(false) {
			streak++
		} else {
			streak = 0
		}
		if streak == absences {
			c.finish(nil, failf(ErrBroken, "the designer at %s has gone while the command was under way: whether it was executed is not known", c.subject))
			return
		}
		c.presence.asked.Store(true)
		l.out.put(l.question(c)) // without room for it, the next one tells
		timer.Reset(l.presence)
	})
	timer.Reset(l.presence)
	return timer.Stop
}

// question returns an acknowledgement of no part. A designer ignores it; without one the NATS server answers.
func (l *Link) question(c *call) *outgoing {
	return &outgoing{
		msg: &nats.Msg{
			Subject: c.subject, Reply: l.inbox + c.key,
			Header: nats.Header{HeaderID: {c.id}, HeaderEpoch: {l.epoch(c.generation)}, HeaderAck: {"0"}},
		},
		generation: c.generation,
	}
}
