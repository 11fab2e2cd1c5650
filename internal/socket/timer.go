package socket

import (
	"container/list"
	"time"
)

// stopwatch measures the sum of several periods. A server's runs only while a call
// leads: a client is not to blame for the time in which no call receives.
type stopwatch struct {
	total time.Duration // of the ended periods
	since time.Time     // when the current period began; zero: it is stopped
}

// start starts the stopwatch unless it runs.
func (w *stopwatch) start() {
	if w.since.IsZero() {
		w.since = time.Now()
	}
}

func (w *stopwatch) stop() { w.total, w.since = w.elapsed(), time.Time{} }

func (w *stopwatch) elapsed() time.Duration {
	if w.since.IsZero() {
		return w.total
	}
	return w.total + time.Since(w.since)
}

// timer measures how long a connection takes for a message, or to read its replies.
type timer struct {
	place *list.Element // in timers.running; nil: it is stopped
}

func (t *timer) isRunning() bool { return t.place != nil }

// runningTimer is what is known of a timer that runs.
type runningTimer struct {
	conn  *serverConn
	began time.Duration // on the stopwatch
}

// timers are the running timers of one kind. They have the same limit, so the one that
// was started first expires first. core.mu guards them.
type timers struct {
	watch   *stopwatch
	running list.List // of runningTimer, the one that was started first is first
}

func (q *timers) len() int { return q.running.Len() }

// start starts a timer of a connection unless it runs.
func (q *timers) start(t *timer, c *serverConn) {
	if !t.isRunning() {
		t.place = q.running.PushBack(runningTimer{c, q.watch.elapsed()})
	}
}

// stop stops a timer if it runs.
func (q *timers) stop(t *timer) {
	if t.isRunning() {
		q.running.Remove(t.place)
		t.place = nil
	}
}

// expire calls drop, which stops the timer, for each connection whose timer has reached
// the limit. It returns how long the next one has left, if a timer still runs. A
// negative limit means no limit.
func (q *timers) expire(limit time.Duration, drop func(*serverConn)) (left time.Duration, running bool) {
	if limit < 0 {
		return 0, false
	}
	for q.len() > 0 {
		oldest := q.running.Front().Value.(runningTimer)
		if left = limit - (q.watch.elapsed() - oldest.began); left > 0 {
			return left, true
		}
		drop(oldest.conn)
	}
	return 0, false
}
