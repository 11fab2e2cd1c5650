package socket

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestStopwatchAddsPeriodsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w stopwatch
		expect := func(want time.Duration) {
			t.Helper()
			if got := w.elapsed(); got != want {
				t.Errorf("elapsed is %v, want %v", got, want)
			}
		}
		time.Sleep(time.Second)
		expect(0)
		w.start()
		time.Sleep(time.Second)
		w.start() // no change
		expect(time.Second)
		w.stop()
		time.Sleep(time.Hour)
		w.stop() // no change
		expect(time.Second)
		w.start()
		time.Sleep(time.Minute)
		expect(time.Minute + time.Second)
	})
}

func newTimers(n int) (*timers, []*serverConn) {
	q := &timers{watch: &stopwatch{}}
	q.watch.start()
	conns := make([]*serverConn, n)
	for i := range conns {
		conns[i] = &serverConn{}
	}
	return q, conns
}

func TestTimersExpireInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, conns := newTimers(3)
		var dropped []*serverConn
		drop := func(c *serverConn) {
			dropped = append(dropped, c)
			q.stop(&c.partial)
		}
		expect := func(left time.Duration, running bool, want ...*serverConn) {
			t.Helper()
			dropped = nil
			if l, r := q.expire(10*time.Second, drop); l != left || r != running || !slices.Equal(dropped, want) {
				t.Errorf("%v left, %v, %d dropped; want %v, %v, %d", l, r, len(dropped), left, running, len(want))
			}
		}
		expect(0, false)
		for _, c := range conns {
			q.start(&c.partial, c)
			time.Sleep(time.Second)
		}
		q.start(&conns[0].partial, conns[0]) // it runs already
		expect(7*time.Second, true)
		q.stop(&conns[1].partial)
		q.stop(&conns[1].partial)
		time.Sleep(7 * time.Second)
		expect(2*time.Second, true, conns[0])
		q.start(&conns[0].partial, conns[0])
		time.Sleep(time.Minute)
		expect(0, false, conns[2], conns[0])
		if q.len() != 0 || conns[0].partial.isRunning() {
			t.Error("a timer still runs")
		}
	})
}

func TestTimersDoNotExpireWhileStopwatchIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, conns := newTimers(1)
		q.start(&conns[0].partial, conns[0])
		q.watch.stop()
		time.Sleep(time.Hour)
		left, running := q.expire(time.Second, func(*serverConn) { t.Error("it has expired") })
		if left != time.Second || !running {
			t.Errorf("%v left, %v", left, running)
		}
	})
}

func TestNegativeLimitNeverExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, conns := newTimers(1)
		q.start(&conns[0].partial, conns[0])
		time.Sleep(time.Hour)
		if _, running := q.expire(-1, func(*serverConn) { t.Error("it has expired") }); running {
			t.Error("the poll would end for a timer without a limit")
		}
	})
}
