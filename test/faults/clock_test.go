//go:build linux

package faults_test

import (
	"net"
	"testing"
	"time"
	"unsafe"

	"libobe/internal/transport"
)

// stepped returns a time as if the system's clock was stepped by d after the time was read:
// its wall clock reading is wrong by d, its monotonic reading is right. The clock belongs to
// the whole machine and cannot be stepped for one process: a time namespace has no separate
// wall clock, and Go calls the kernel directly, so faketime, which replaces functions of the C
// library, has no effect.
func stepped(t *testing.T, at time.Time, d time.Duration) time.Time {
	t.Helper()
	// A time with a monotonic reading has seconds from bit 30 on (package time).
	wall := (*uint64)(unsafe.Pointer(&at))
	*wall += uint64(int64(d/time.Second) << 30)
	if now := time.Now(); at.Round(0).Sub(now.Round(0)).Abs() < d.Abs()/2 || at.Sub(now).Abs() > testTimeout {
		t.Fatal("time.Time is not laid out as this test assumes")
	}
	return at
}

// A wait ends at its deadline even if the clock is stepped in the meantime.
func TestClockIsStepped(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	poller, err := transport.NewPoller()
	must(t, err)
	defer poller.Close()
	conn, err := transport.Dial(l.Addr().(*net.TCPAddr).AddrPort(), 0)
	must(t, err)
	defer conn.Close()
	witness := newWitness(t)
	watch := time.AfterFunc(testTimeout, func() {
		conn.Close()
		poller.Wake()
	})
	defer watch.Stop()
	for _, step := range []time.Duration{-time.Hour, time.Hour, 100_000 * time.Hour} {
		for what, wait := range map[string]func(transport.Wait) error{
			"a read": func(w transport.Wait) error {
				conn.SetReadWait(w)
				_, err := conn.Read(make([]byte, 1))
				return err
			},
			"a poll": func(w transport.Wait) error {
				if ready, err := poller.Wait(nil, w); err != nil || len(ready) > 0 {
					t.Errorf("a poll without events: %v, %v", ready, err)
				}
				return transport.ErrTimeout
			},
		} {
			began := time.Now()
			err := wait(transport.Wait{Deadline: stepped(t, began.Add(short), step)})
			took := time.Since(began)
			if err != transport.ErrTimeout || took < short || took > short+grace+witness.late(began) {
				t.Fatalf("%s of %v ended after %v with %v when the clock was stepped by %v", what, short, took, err, step)
			}
		}
	}
}
