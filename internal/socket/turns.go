package socket

import (
	"slices"
	"sync"
)

// turns decides which of a server's receiving calls may use the poller and read from
// connections. It is the leader/followers pattern: one call at a time is the leader and
// does this work for all connections; the others are followers and park. When the
// leader has its message, or its time is over, it steps down and promotes the follower
// that has waited longest.
//
// All methods require the mutex that vacant.L is; follow unlocks it while it parks.
type turns struct {
	leader    *call     // nil: none
	vacant    sync.Cond // signalled when the leader steps down
	followers []*call   // in order of arrival
}

// led reports whether a call leads.
func (t *turns) led() bool { return t.leader != nil }

// follow parks until the call is promoted. Another call may lead before the promoted
// one runs, which then follows again, before all others: it has waited longest.
func (t *turns) follow(c *call, again bool) error {
	if again {
		t.followers = slices.Insert(t.followers, 0, c)
	} else {
		t.followers = append(t.followers, c)
	}
	t.vacant.L.Unlock()
	err := c.park(c.promoted)
	t.vacant.L.Lock()
	if err != nil && !t.removeFollower(c) {
		// It was promoted at the same moment: promote the next one instead.
		<-c.promoted
		t.promote()
	}
	return err
}

// lead starts the turn of a call as the leader. No other call may lead.
func (t *turns) lead(c *call) { t.leader = c }

// stepDown ends the leader's turn and promotes a follower.
func (t *turns) stepDown() {
	t.leader = nil
	t.vacant.Broadcast()
	t.promote()
}

// promote wakes the first follower, if there is one, to lead.
func (t *turns) promote() {
	if len(t.followers) > 0 {
		first := t.followers[0]
		t.followers = t.followers[1:]
		first.promoted <- struct{}{}
	}
}

// removeFollower reports whether the call was still a follower.
func (t *turns) removeFollower(c *call) bool {
	place := slices.Index(t.followers, c)
	if place < 0 {
		return false
	}
	t.followers = slices.Delete(t.followers, place, place+1)
	return true
}

// waitUntilVacant returns when no call leads.
func (t *turns) waitUntilVacant() {
	for t.led() {
		t.vacant.Wait()
	}
}
