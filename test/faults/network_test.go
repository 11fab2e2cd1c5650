//go:build linux

package faults_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"libobe/internal/socket"
	"libobe/internal/wire"
)

const (
	// long is the timeout of an exchange that must succeed, or fail at once.
	long = 10 * time.Second
	// short is the timeout of an exchange that must time out.
	short = 60 * time.Millisecond
)

var modes = map[string]string{"one-shot": "persistent=0", "kept": "persistent=1"}

// network is a client, a server, and a faulty network between them.
type network struct {
	t       *testing.T
	service *service
	proxy   *proxy
	client  *socket.Client
	witness *witness
	id      int
}

// everywhere runs a test for each way to serve and to connect, with faults on the way of
// the command (up) and on the way of the reply.
func everywhere(t *testing.T, test func(n *network, d *direction, up bool)) {
	for shapeName, run := range shapes {
		for mode, option := range modes {
			for _, up := range []bool{true, false} {
				way := map[bool]string{true: "command", false: "reply"}[up]
				t.Run(shapeName+"/"+mode+"/"+way, func(t *testing.T) {
					t.Parallel()
					n := &network{t: t, service: newService(t, run), witness: newWitness(t)}
					n.proxy = newProxy(t, n.service.Addr().String())
					n.client = newClient(t, n.proxy.port(), option)
					d := &n.proxy.down
					if up {
						d = &n.proxy.up
					}
					n.works()
					test(n, d, up)
					n.client.Free()
					n.proxy.closeAll()
					eventually(t, "the server has closed all connections", func() bool {
						return n.service.stat("connections_open") == 0
					})
				})
			}
		}
	}
}

// exchange makes an exchange that must end with one of the statuses want, and in time. It
// returns the number of the message.
func (n *network) exchange(timeout time.Duration, want ...string) int {
	n.t.Helper()
	n.id++
	began := time.Now()
	err := exchange(n.client, n.id, 0, timeout)
	took := time.Since(began)
	if !slices.Contains(want, name(err)) {
		n.t.Fatalf("message %d ended with %s (%v), want %v", n.id, name(err), err, want)
	}
	if late := n.witness.late(began); took > timeout+grace+late {
		n.t.Errorf("a timeout of %v ended after %v, while this machine was %v late", timeout, took, late)
	}
	if errors.Is(err, socket.ErrTimeout) && took < timeout {
		n.t.Errorf("a timeout of %v ended after %v", timeout, took)
	}
	return n.id
}

// works checks that an undisturbed exchange succeeds.
func (n *network) works() {
	n.t.Helper()
	n.proxy.up.suffer(fault{})
	n.proxy.down.suffer(fault{})
	n.expectDelivered(n.exchange(long, "OBE_OK"), 1, 1)
}

func (n *network) expectDelivered(id, least, most int) {
	n.t.Helper()
	if got := n.service.delivered(id); got < least || got > most {
		n.t.Errorf("message %d was delivered %d times, want %d to %d", id, got, least, most)
	}
}

// comesOnce waits for a message whose exchange timed out: it may still be on its way.
func (n *network) comesOnce(id int) {
	n.t.Helper()
	eventually(n.t, fmt.Sprintf("message %d was delivered", id), func() bool { return n.service.delivered(id) > 0 })
	n.expectDelivered(id, 1, 1)
}

// An exchange over a slow network succeeds.
func TestSlowNetwork(t *testing.T) {
	for what, f := range map[string]fault{
		"latency":            {latency: 20 * time.Millisecond},
		"jitter":             {jitter: 20 * time.Millisecond, piece: 7},
		"one byte at a time": {piece: 1},
		"jittering bytes":    {piece: 1, jitter: time.Millisecond},
		"slow close":         {closing: 100 * time.Millisecond},
	} {
		t.Run(what, func(t *testing.T) {
			everywhere(t, func(n *network, d *direction, _ bool) {
				for range 3 {
					d.suffer(f)
					n.expectDelivered(n.exchange(long, "OBE_OK"), 1, 1)
				}
				n.works()
			})
		})
	}
}

// An exchange with more latency than the timeout ends with OBE_E_TIMEOUT. Its late reply does
// not answer a later command.
func TestLatencyBeyondTheDeadline(t *testing.T) {
	everywhere(t, func(n *network, d *direction, up bool) {
		for range 2 {
			d.suffer(fault{latency: 10 * short})
			id := n.exchange(short, "OBE_E_TIMEOUT")
			n.works()
			if !up {
				n.comesOnce(id)
			}
		}
	})
}

// The network stops forwarding after some bytes.
func TestBlackHole(t *testing.T) {
	everywhere(t, func(n *network, d *direction, up bool) {
		for _, after := range []int{0, 5, wire.HeaderLength, 20} {
			d.suffer(fault{ends: blackHole, after: after})
			id := n.exchange(short, "OBE_E_TIMEOUT")
			n.works()
			if up {
				n.expectDelivered(id, 0, 0)
			} else {
				n.comesOnce(id)
			}
		}
	})
}

// ends makes exchanges in which one direction ends after each possible number of bytes of a
// frame, the whole frame included.
func ends(t *testing.T, how end, atOnce string) {
	everywhere(t, func(n *network, d *direction, up bool) {
		const first = 100 // so that all numbers have three digits
		n.id = first
		length := wire.HeaderLength + len(body(first, 0))
		part := 0
		for after := 0; after <= length; after++ {
			d.suffer(fault{ends: how, after: after})
			// Checksums differ in their number of digits.
			want := []string{atOnce}
			rest := wire.HeaderLength + len(body(n.id+1, 0)) - after
			switch {
			case rest > 0 && after > 0:
				part++
			case rest <= 0 && (up || how == reset):
				// The reply may arrive before the end of the connection.
				want = []string{atOnce, "OBE_OK"}
			case rest <= 0:
				want = []string{"OBE_OK"}
			}
			before := d.ended.Load()
			id := n.exchange(long, want...)
			// A command that is sent while a persistent connection ends fails, because it
			// must not be sent twice. So this waits for the end before the next command.
			eventually(t, "the connection has ended", func() bool { return d.ended.Load() > before })
			n.works()
			switch {
			case up && rest > 0:
				n.expectDelivered(id, 0, 0)
			case up && how == reset:
				n.expectDelivered(id, 0, 1)
			default:
				n.expectDelivered(id, 1, 1)
			}
		}
		if part < length-5 {
			t.Fatalf("only %d of %d lengths were tested", part, length)
		}
		if !up {
			part = 0
		}
		eventually(t, fmt.Sprintf("%d connections are counted as ended within a message", part), func() bool {
			return n.service.stat("dropped_incomplete") == int64(part)
		})
	})
}

func TestCutAfterEachByte(t *testing.T) { ends(t, cut, "OBE_E_PEER_CLOSED") }

func TestResetAfterEachByte(t *testing.T) { ends(t, reset, "OBE_E_RESET") }
