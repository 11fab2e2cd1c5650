package transport

import (
	"errors"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"time"
)

func listenerOf(t *testing.T, p *Poller, id uint64) *Listener {
	t.Helper()
	l, err := Listen(netip.MustParseAddrPort("127.0.0.1:0"), 0)
	if err == nil {
		err = p.AddListener(l, id)
	}
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// A listener that was closed without RemoveListener must not end every wait at once.
func TestPollerUnregistersClosedListener(t *testing.T) {
	p, err := NewPoller()
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	listenerOf(t, p, 1).Close()
	const waits = 10
	short := 0
	for range waits {
		began := time.Now()
		ready, err := p.Wait(nil, Wait{Deadline: began.Add(20 * time.Millisecond)})
		if err != nil || len(ready) > 0 {
			t.Fatalf("%v, %v", ready, err)
		}
		if time.Since(began) < 10*time.Millisecond {
			short++
		}
	}
	if short > 1 {
		t.Errorf("%d of %d waits ended at once", short, waits)
	}
	// Others are still reported.
	l := listenerOf(t, p, 2)
	defer l.Close()
	c, err := Dial(l.Addr(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if ready, err := p.Wait(nil, Wait{Deadline: time.Now().Add(25 * time.Second)}); err != nil || len(ready) != 1 || ready[0] != 2 {
		t.Errorf("%v, %v", ready, err)
	}
}

// No wait includes a removed descriptor, so that it can be closed.
func TestRemoveEndsTheWait(t *testing.T) {
	p, err := NewPoller()
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	l := listenerOf(t, p, 1)
	defer l.Close()
	done, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		for err := error(nil); ; _, err = p.Wait(nil, Wait{}) {
			select {
			case <-done:
				ended <- err
				return
			default:
			}
		}
	}()
	for i := range 200 {
		if err := p.AddListener(l, 1); err != nil {
			t.Fatal(err)
		}
		for waits := false; !waits; {
			p.mu.Lock()
			waits = p.waiting && !p.changed
			p.mu.Unlock()
			runtime.Gosched()
		}
		p.RemoveListener(l)
		p.mu.Lock()
		if p.waiting && slices.ContainsFunc(p.fds, func(f pollFd) bool { return f.fd == l.fd }) {
			t.Errorf("round %d: the wait in progress includes a removed descriptor", i)
		}
		p.mu.Unlock()
	}
	close(done)
	p.Wake()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A wake-up ends a wait, if later, even if its datagram is lost.
func TestWakerWithLostDatagram(t *testing.T) {
	waker, err := NewWaker()
	if err != nil {
		t.Fatal(err)
	}
	defer waker.Close()
	never, err := NewWaker()
	if err != nil {
		t.Fatal(err)
	}
	defer never.Close()
	limit := Wait{Deadline: time.Now().Add(25 * time.Second), Waker: waker}
	time.AfterFunc(10*time.Millisecond, func() { waker.woken.Store(true) })
	if err := waitFor(never.fd, forReading, limit); !errors.Is(err, ErrWoken) {
		t.Errorf("%v", err)
	}

	p, err := NewPoller()
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	p.waker.woken.Store(true)
	if ready, err := p.Wait(nil, limit); err != nil || len(ready) > 0 || !time.Now().Before(limit.Deadline) {
		t.Errorf("%v, %v", ready, err)
	}
}
