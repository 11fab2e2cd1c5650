package gateway

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// epochMessage is a command of a link, sent at a time of its clock in milliseconds.
func epochMessage(epoch string, sent int64) *nats.Msg {
	return &nats.Msg{Header: nats.Header{HeaderEpoch: {epoch}, HeaderSent: {strconv.FormatInt(sent, 10)}}}
}

// A command of an earlier connection of a link is late once one of a later connection has come. Links do not concern
// each other, and their number is bounded.
func TestEpochsOfConnections(t *testing.T) {
	var e epochs
	now := time.Now()
	for _, c := range []struct {
		epoch string
		late  bool
	}{
		{"a 1 0", false}, {"a 1 0", false}, {"a 3 0", false}, {"a 1 0", true}, {"a 2 0", true}, {"a 3 0", false}, {"b 1 0", false},
		{"a 2 0", true}, {"", false}, {"a", false}, {"a x 0", false}, {"a -1 0", false}, {"a 1 x", false},
		{"a 99999999999999999999 0", false}, {"a 4 0", false}, {"a 3 0", true},
	} {
		if _, late := e.check(&nats.Msg{Header: nats.Header{HeaderEpoch: {c.epoch}}}, time.Minute, now); (late != "") != c.late {
			t.Errorf("a command of %q is late: %q", c.epoch, late)
		}
	}
	if _, late := e.check(&nats.Msg{}, time.Minute, now); late != "" {
		t.Errorf("a command without headers is late: %s", late)
	}
	for i := range 2 * maxEpochs {
		e.check(epochMessage(fmt.Sprintf("link%d 1 0", i), 0), time.Minute, now)
	}
	if len(e.links) > maxEpochs {
		t.Errorf("%d links are kept", len(e.links))
	}
}

// A command that was under way for longer than its asker waits is late, whatever the difference of the clocks. A clock
// that was set makes one command late, and none after its asker has learned that.
func TestEpochsOfTime(t *testing.T) {
	for _, difference := range []int64{0, 86_400_000, -86_400_000} {
		var e epochs
		began := time.Now()
		for _, c := range []struct {
			name            string
			sent, came      int64 // milliseconds after the beginning, on one clock
			set             int64 // how much the asker's clock was set forward before
			clock           int
			timeout         time.Duration
			late            bool
			youngest, older time.Duration // limits of the age
		}{
			{name: "the first, which is compared with nothing", sent: 0, came: 30, timeout: time.Second},
			{name: "a quick one", sent: 100, came: 101, timeout: time.Second},
			{name: "a slower one", sent: 200, came: 300, timeout: time.Second, youngest: 98, older: 100},
			{name: "a late one", sent: 1000, came: 3000, timeout: time.Second, late: true, youngest: 1990, older: 2000},
			{name: "the same, of one who waits longer", sent: 1000, came: 3000, timeout: 3 * time.Second, youngest: 1990, older: 2000},
			{name: "the same, of one who does not tell", sent: 1000, came: 3000, youngest: 1990, older: 2000},
			{name: "an hour later: clocks may run apart", sent: 3_600_000, came: 3_600_600, timeout: time.Second, older: 0},
			{name: "the clock was set back", sent: 3_601_000, came: 3_601_001, set: -10_000, timeout: time.Second, late: true, youngest: 9000, older: 10_000},
			{name: "its asker says so", sent: 3_602_000, came: 3_602_001, set: -10_000, clock: 1, timeout: time.Second},
			{name: "an older one is not compared", sent: 3_600_999, came: 3_602_001, set: 0, clock: 0, timeout: time.Second},
			{name: "a late one after that", sent: 3_603_000, came: 3_606_000, set: -10_000, clock: 1, timeout: time.Second, late: true, youngest: 2990, older: 3000},
			{name: "the clock was set forward", sent: 3_607_000, came: 3_607_001, set: 10_000, clock: 1, timeout: time.Second},
		} {
			now := began.Add(time.Duration(c.came) * time.Millisecond)
			m := epochMessage(fmt.Sprintf("a 1 %d", c.clock), began.UnixMilli()+c.sent+c.set+difference)
			age, late := e.check(m, c.timeout, now)
			if (late != "") != c.late || age < c.youngest*time.Millisecond || age > c.older*time.Millisecond {
				t.Errorf("difference %d: %s: age %v, late %q", difference, c.name, age, late)
			}
		}
	}
}
