package transport_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"libobe/internal/systemtest"
	"libobe/internal/transport"
)

// expectReady waits until a poller has returned exactly these ids, in any order and in
// one or several waits.
func expectReady(t *testing.T, p *transport.Poller, want ...uint64) {
	t.Helper()
	var got []uint64
	for end := time.Now().Add(testTimeout); len(got) < len(want) && time.Now().Before(end); {
		ready, err := p.Wait(nil, within(testTimeout))
		must(t, err)
		for _, id := range ready {
			if !slices.Contains(got, id) {
				got = append(got, id)
			}
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Fatalf("ready are %v, want %v", got, want)
	}
}

func expectNothingReady(t *testing.T, p *transport.Poller) {
	t.Helper()
	if ready, err := p.Wait(nil, transport.NoWait); err != nil || len(ready) > 0 {
		t.Fatalf("ready are %v, %v; want nothing", ready, err)
	}
}

func TestPoller(t *testing.T) {
	p := newPoller(t)
	expectNothingReady(t, p)
	a, fromA := connect(t)
	b, fromB := connect(t)
	// Ids may be larger than 32 bits.
	const idA, idB = 1<<40 | 7, 1<<63 | 1<<31
	must(t, p.Add(a, idA))
	must(t, p.Add(b, idB))
	expectNothingReady(t, p)

	_, err := fromA.Write([]byte("x"))
	must(t, err)
	expectReady(t, p, idA)
	expectReady(t, p, idA) // until it is read
	must(t, fromB.CloseWrite())
	expectReady(t, p, idA, idB)
	must(t, readOne(a))
	p.Remove(b)
	expectNothingReady(t, p)

	// Wait appends to its argument.
	must(t, fromA.Close())
	expectReady(t, p, idA)
	ready, err := p.Wait([]uint64{1, 2}, within(testTimeout))
	if err != nil || !slices.Equal(ready, []uint64{1, 2, idA}) {
		t.Errorf("%v, %v", ready, err)
	}
	p.Remove(a)
	must(t, p.Add(a, 9))
	expectReady(t, p, 9)
	// A closed connection is not reported.
	must(t, a.Close())
	expectNothingReady(t, p)
	expectError(t, p.Add(a, 9), transport.ErrClosed)
	p.Remove(a)
}

func TestPollerListener(t *testing.T) {
	p, l := newPoller(t), listen(t)
	expectError(t, l.Accept(new(transport.Conn)), transport.ErrTimeout)
	must(t, p.AddListener(l, 1))
	expectNothingReady(t, p)
	for range 2 {
		c, err := transport.Dial(l.Addr(), 0)
		must(t, err)
		defer c.Close()
	}
	for range 2 {
		expectReady(t, p, 1)
		var c transport.Conn
		must(t, l.Accept(&c))
		must(t, c.Close())
	}
	expectError(t, l.Accept(new(transport.Conn)), transport.ErrTimeout)
	c, err := transport.Dial(l.Addr(), 0)
	must(t, err)
	defer c.Close()
	expectReady(t, p, 1)
	p.RemoveListener(l)
	expectNothingReady(t, p)
	must(t, p.AddListener(l, 2))
	expectReady(t, p, 2)
}

// If more are ready than one wait returns, the next wait returns the others.
func TestPollerWithManyReady(t *testing.T) {
	const n = 150
	p := newPoller(t)
	var want []uint64
	for i := range uint64(n) {
		c, peer := connect(t)
		must(t, p.Add(c, 10+i))
		_, err := peer.Write([]byte("x"))
		must(t, err)
		want = append(want, 10+i)
	}
	expectReady(t, p, want...)
}

func TestPollerWake(t *testing.T) {
	p := newPoller(t)
	for range 3 {
		done := start(func() error {
			ready, err := p.Wait(nil, transport.Wait{})
			if len(ready) > 0 {
				t.Errorf("woken with %v", ready)
			}
			return err
		})
		blocks(t, done)
		p.Wake()
		must(t, await(t, done))
	}
	// A wake-up before the wait is not lost, and ends only one wait.
	p.Wake()
	p.Wake()
	must(t, await(t, start(func() error { _, err := p.Wait(nil, transport.Wait{}); return err })))
	began := time.Now()
	ready, err := p.Wait(nil, within(moment))
	if err != nil || len(ready) > 0 || time.Since(began) < moment {
		t.Errorf("%v, %v after %v", ready, err, time.Since(began))
	}
}

// A connection that is added during a wait is part of that wait.
func TestPollerAddDuringWait(t *testing.T) {
	p := newPoller(t)
	done := start(func() []uint64 {
		for {
			ready, err := p.Wait(nil, transport.Wait{})
			if err != nil || len(ready) > 0 {
				return ready
			}
		}
	})
	blocks(t, done)
	c, peer := connect(t)
	must(t, p.Add(c, 5))
	_, err := peer.Write([]byte("x"))
	must(t, err)
	if ready := await(t, done); !slices.Equal(ready, []uint64{5}) {
		t.Errorf("ready are %v", ready)
	}
}

func TestPollerDeadlines(t *testing.T) {
	p := newPoller(t)
	for _, d := range []time.Duration{-time.Hour, 0, 100 * time.Microsecond, 1500 * time.Microsecond, moment} {
		began := time.Now()
		_, err := p.Wait(nil, within(d))
		took := time.Since(began)
		if err != nil || took < d || took > max(d, 0)+promptTimeout {
			t.Errorf("a wait of %v: %v after %v", d, err, took)
		}
	}
}

func TestWaker(t *testing.T) {
	c, p := connect(t)
	w := newWaker(t)
	c.SetReadWait(transport.Wait{Waker: w})
	for range 3 {
		done := start(func() error { return readOne(c) })
		blocks(t, done)
		w.Wake()
		expectError(t, await(t, done), transport.ErrWoken)
		// It stays woken until Drain, also for waits that begin later.
		expectError(t, readOne(c), transport.ErrWoken)
		w.Drain()
	}
	w.Drain()
	// Available data is read before a wake-up counts.
	w.Wake()
	_, err := p.Write([]byte("x"))
	must(t, err)
	poller := newPoller(t)
	must(t, poller.Add(c, 1))
	expectReady(t, poller, 1)
	must(t, readOne(c))
	expectError(t, readOne(c), transport.ErrWoken)
	w.Drain()
	// A deadline holds as well.
	wait := within(moment)
	wait.Waker = w
	c.SetReadWait(wait)
	expectError(t, readOne(c), transport.ErrTimeout)
}

func TestWakerEndsSeveralWaits(t *testing.T) {
	const waits = 8
	w := newWaker(t)
	var done [waits]<-chan error
	for i := range done {
		c, _ := connect(t)
		c.SetReadWait(transport.Wait{Waker: w})
		done[i] = start(func() error { return readOne(c) })
	}
	// Any number of threads may wake it, any number of times.
	var all sync.WaitGroup
	for range waits {
		all.Go(func() {
			for range 10_000 {
				w.Wake()
			}
		})
	}
	all.Wait()
	for _, d := range done {
		expectError(t, await(t, d), transport.ErrWoken)
	}
	w.Drain()
	c, _ := connect(t)
	wait := within(moment)
	wait.Waker = w
	c.SetReadWait(wait)
	expectError(t, readOne(c), transport.ErrTimeout)
}

func TestClosingFreesDescriptors(t *testing.T) {
	before := systemtest.Descriptors(t)
	for range 10 {
		w, err := transport.NewWaker()
		must(t, err)
		p, err := transport.NewPoller()
		must(t, err)
		l, err := transport.Listen(loopback, 0)
		must(t, err)
		must(t, p.AddListener(l, 1))
		c, err := transport.Dial(l.Addr(), 0)
		must(t, err)
		must(t, c.Close())
		l.Close()
		p.Close()
		w.Close()
		if c, err := transport.Dial(vacant(t), 0); err == nil {
			c.Close()
		}
	}
	if after := systemtest.Descriptors(t); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

func TestPollerWatch(t *testing.T) {
	p := newPoller(t)
	c, other := connect(t)
	must(t, p.Watch(c, 7, transport.Writable))
	expectReady(t, p, 7)
	_, err := other.Write([]byte("x"))
	must(t, err)
	must(t, p.Watch(c, 7, transport.Readable))
	expectReady(t, p, 7)
	must(t, readOne(c))
	expectNothingReady(t, p)
	must(t, p.Watch(c, 7, transport.Readable|transport.Writable))
	expectReady(t, p, 7)
	must(t, p.Watch(c, 7, 0))
	expectNothingReady(t, p)
	must(t, p.Watch(c, 7, 0))
	// It can be added again, and its end is reported.
	must(t, p.Watch(c, 8, transport.Readable))
	expectNothingReady(t, p)
	must(t, other.Close())
	expectReady(t, p, 8)
}

// A wait with Yield ends when the poller is ready, and not before.
func TestWaitYields(t *testing.T) {
	p := newPoller(t)
	full, _ := connect(t)
	fill(t, full)
	c, other := connect(t)
	must(t, p.Add(c, 7))
	wait := within(testTimeout)
	wait.Yield = p
	done := start(func() error { return full.WaitWritable(wait) })
	blocks(t, done)
	_, err := other.Write([]byte("x"))
	must(t, err)
	expectError(t, await(t, done), transport.ErrYield)
	must(t, readOne(c))
	wait.Deadline = time.Now().Add(3 * moment)
	expectError(t, full.WaitWritable(wait), transport.ErrTimeout)
}
