//go:build linux

package faults_test

import (
	"net"
	"testing"
	"time"
	"unsafe"

	"libobe/internal/transport"
)

// stepped returns a time as it is if the system's clock was stepped by d since it
// was taken: its reading of the clock on the wall is wrong by as much, its monotonic
// one is right. The clock itself is the whole machine's, and cannot be stepped for
// one process: a time namespace has none of its own, and Go asks the kernel without
// the C library that faketime stands in for.
func stepped(t *testing.T, at time.Time, d time.Duration) time.Time {
	t.Helper()
	// A time with a monotonic reading has seconds from bit 30 on (package time).
	wall := (*uint64)(unsafe.Pointer(&at))
	*wall += uint64(int64(d/time.Second) << 30)
	if now := time.Now(); at.Round(0).Sub(now.Round(0)).Abs() < d.Abs()/2 || at.Sub(now).Abs() > patience {
		t.Fatal("a time is not made as this test believes")
	}
	return at
}

// A wait ends at its time also if the clock is stepped meanwhile.
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
	watch := time.AfterFunc(patience, func() {
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
					t.Errorf("a poll of nothing: %v, %v", ready, err)
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
