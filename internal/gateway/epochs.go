package gateway

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	// maxEpochs is of how many links something is known.
	maxEpochs = 4096
	// inexact is how much longer a command may have been under way than the comparison says.
	inexact = 50 * time.Millisecond
	// drift is how much two clocks may run apart, as a share of the time.
	drift = 200e-6
)

// epochs is what is known of the links from which commands came, to recognise commands that are not to be executed any
// more. A NATS server that was stopped, as a virtual machine is that moves, passes on what it had when it continues; so
// does the system of a designer that was suspended.
//
// A command that was sent on an earlier connection of its link than another that came is one: its asker has an error
// since that connection broke, and it would come between later commands. So is one that was under way for longer than
// its asker waits. How long that is, is compared with the command that was under way for the shortest time, since the
// clocks of two machines differ. If a clock was set, a command is refused though it is not late. Its asker says so in
// the next one, and the comparison begins anew.
type epochs struct {
	mu    sync.Mutex
	links map[string]*epoch
}

// epoch is what is known of a link.
type epoch struct {
	generation, clock uint64        // of the last command; see Link.epoch
	compared          bool          // there is a shortest time
	shortest          time.Duration // from the asker's clock to this one
	at                time.Time     // when that was measured
}

// epoch returns the text of HeaderEpoch for a command: what the link is called, how many connections it has had, and
// how often a command was refused as late that was not.
func (l *Link) epoch(generation uint64) string {
	return fmt.Sprintf("%s %d %d", strings.TrimSuffix(l.inbox, "."), generation, l.clock.Load())
}

// sent returns the text of HeaderSent.
func sent() string { return strconv.FormatInt(time.Now().UnixMilli(), 10) }

// check returns how long a command was under way, as far as that is known, and why it is not to be executed any more,
// or "". timeout is how long its asker waits, 0 if that is not known.
func (e *epochs) check(m *nats.Msg, timeout time.Duration, now time.Time) (age time.Duration, late string) {
	fields := strings.Fields(headerText(m, HeaderEpoch))
	if len(fields) != 3 {
		return 0, ""
	}
	generation, err := strconv.ParseUint(fields[1], 10, 64)
	if err != nil {
		return 0, ""
	}
	clock, err := strconv.ParseUint(fields[2], 10, 64)
	if err != nil {
		return 0, ""
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	known := e.links[fields[0]]
	if known == nil {
		known = e.add(fields[0])
	}
	if generation < known.generation {
		return 0, "it came after its sender had connected to NATS again"
	}
	known.generation = generation
	if clock > known.clock {
		known.clock, known.compared = clock, false
	}
	at, err := strconv.ParseInt(m.Header.Get(HeaderSent), 10, 64)
	if err != nil || clock < known.clock {
		return 0, ""
	}
	took := time.Duration(now.UnixMilli()-at) * time.Millisecond
	least := known.shortest + time.Duration(drift*float64(now.Sub(known.at)))
	if !known.compared || took < least {
		known.compared, known.shortest, known.at = true, took, now
		return 0, ""
	}
	age = took - least
	if timeout > 0 && age >= timeout-min(inexact, timeout/10) {
		return age, fmt.Sprintf("it came %v after it was sent, and its sender waits for %v", age.Round(time.Millisecond), timeout)
	}
	return age, ""
}

// add begins to know a link. Some other one is forgotten if there are too many.
func (e *epochs) add(link string) *epoch {
	if e.links == nil {
		e.links = map[string]*epoch{}
	}
	if len(e.links) >= maxEpochs {
		for other := range e.links {
			delete(e.links, other)
			break
		}
	}
	known := &epoch{}
	e.links[link] = known
	return known
}
