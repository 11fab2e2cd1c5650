package socket_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"libobe/internal/socket"
	"libobe/internal/transport"
)

// severalClient is a client of a name with several addresses.
func severalClient(t *testing.T, at []netip.AddrPort, options ...string) *socket.Client {
	t.Helper()
	c, err := socket.NewClient("lab-pc", 61981)
	must(t, err)
	t.Cleanup(c.Free)
	set(t, c, options...)
	c.ResolveTo(at...)
	return c
}

// An address that does not answer gets its share of the time, and no more.
func TestSilentAddressIsPassedOver(t *testing.T) {
	full, noServer := fullServer(t), vacant(t)
	for name, before := range map[string][]netip.AddrPort{
		"one":          {full},
		"two":          {full, full},
		"and a vacant": {noServer, full},
	} {
		for _, persistent := range []string{"persistent=0", "persistent=1"} {
			for _, secure := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, %s, TLS: %v", name, persistent, secure), func(t *testing.T) {
					t.Parallel()
					var s *socket.Server
					options := []string{persistent}
					if secure {
						a := newAuthority(t)
						s = newServer(t, a.sign(nil).options()...)
						options = append(options, "tls_ca="+a.file, "tls_server_name=127.0.0.1")
					} else {
						s = newServer(t)
					}
					echo(t, s)
					c := severalClient(t, slices.Concat(before, []netip.AddrPort{s.Addr(), noServer}), options...)
					began := time.Now()
					expectTcmd(t, c, "1", "1")
					if took := time.Since(began); took < socket.FirstShare {
						t.Errorf("the silent address got %v", took)
					}
					expectStats(t, c, "connections_opened=1")
					c.Free()
					eventually(t, "the connection is closed", func() bool { return stat(t, s, "connections_open") == 0 })
					expectStats(t, s, "messages_received=1", "connections_opened=1")
				})
			}
		}
	}
}

// A short timeout is also divided.
func TestSharesOfAShortTimeout(t *testing.T) {
	s := newServer(t)
	echo(t, s)
	c := severalClient(t, []netip.AddrPort{fullServer(t), s.Addr()})
	reply, err := c.TcmdBody([]byte("1"), 2*socket.FirstShare-1)
	must(t, err)
	if string(reply) != "1" {
		t.Errorf("the reply is %q", reply)
	}
}

// If all addresses are silent, the call ends at its deadline, and the error lists them.
func TestAllAddressesAreSilent(t *testing.T) {
	full := fullServer(t)
	many := slices.Repeat([]netip.AddrPort{full}, 20)
	for _, secure := range []string{"tls=0", "tls=1"} {
		for _, timeout := range []time.Duration{0, 10 * time.Millisecond, 3 * socket.FirstShare} {
			t.Run(fmt.Sprint(secure, ", ", timeout), func(t *testing.T) {
				t.Parallel()
				c := severalClient(t, many, secure)
				for name, call := range map[string]func() error{
					"tcmd": func() error { _, err := c.TcmdBody([]byte("1"), timeout); return err },
					"send": func() error { return c.Send([]byte("1"), timeout) },
				} {
					began := time.Now()
					err := call()
					if took := time.Since(began); took < timeout || took > timeout+soon {
						t.Errorf("%s: timed out after %v of %v", name, took, timeout)
					}
					expectSaid(t, err, socket.ErrTimeout, name+" lab-pc:61981: timed out: no connection", full.String()+": no answer")
					if tried := strings.Count(err.Error(), "no answer"); timeout > socket.FirstShare && tried < 2 {
						t.Errorf("only one address was tried: %v", err)
					}
					if len(err.Error()) > 400 {
						t.Errorf("the error is long: %v", err)
					}
				}
				expectStats(t, c, "connections_opened=0", "connections_open=0", "messages_sent=0")
			})
		}
	}
}

// One address that failed and one that is silent: the error is a timeout, and lists
// both.
func TestErrorNamesAllAddresses(t *testing.T) {
	full, noServer, unreachable := fullServer(t), vacant(t), netip.MustParseAddrPort("255.255.255.255:1")
	for _, c := range []struct {
		at    []netip.AddrPort
		kind  error
		parts []string
	}{
		{[]netip.AddrPort{noServer}, transport.ErrRefused, []string{noServer.String() + ": connect: connection refused", "wait_ready"}},
		{[]netip.AddrPort{noServer, unreachable}, transport.ErrRefused, []string{noServer.String() + ": connect: connection refused; 255.255.255.255:1: connect: "}},
		{[]netip.AddrPort{unreachable, noServer}, transport.ErrRefused, []string{"lab-pc:61981: 255.255.255.255:1: connect: "}},
		{[]netip.AddrPort{unreachable, unreachable}, transport.ErrUnreachable, nil},
		{slices.Repeat([]netip.AddrPort{noServer}, 20), transport.ErrRefused, []string{"and 16 more"}},
		{[]netip.AddrPort{full, noServer}, socket.ErrTimeout, []string{full.String() + ": no answer; " + noServer.String() + ": connect: connection refused"}},
		{[]netip.AddrPort{}, transport.ErrUnreachable, []string{"no address"}},
	} {
		client := severalClient(t, c.at)
		_, err := client.TcmdBody([]byte("1"), 8*socket.FirstShare)
		expectSaid(t, err, c.kind, c.parts...)
		if c.kind != transport.ErrRefused && strings.Contains(err.Error(), "wait_ready") {
			t.Errorf("the error names wait_ready: %v", err)
		}
	}
}

func TestConnectingToSeveralAddressesIsWoken(t *testing.T) {
	many := slices.Repeat([]netip.AddrPort{fullServer(t)}, 20)
	for _, wake := range []struct {
		name string
		call func(*socket.Client)
		want error
	}{
		{"Cancel", (*socket.Client).Cancel, socket.ErrCancelled},
		{"Close", func(c *socket.Client) { _ = c.Close() }, socket.ErrClosed},
		{"Free", (*socket.Client).Free, socket.ErrClosed},
	} {
		for _, after := range []time.Duration{0, moment, socket.FirstShare + moment} {
			for _, options := range [][]string{nil, {"persistent=1"}, {"tls=1"}} {
				t.Run(fmt.Sprint(wake.name, " after ", after, options), func(t *testing.T) {
					t.Parallel()
					c := severalClient(t, many, options...)
					done := start(func() error { _, err := c.TcmdBody([]byte("1"), socket.Forever); return err })
					begun(t, c, 1)
					time.Sleep(after) // during an attempt; any other moment is right, too
					wake.call(c)
					expectError(t, await(t, done), wake.want)
					if wake.want == socket.ErrCancelled {
						_, err := c.TcmdBody([]byte("1"), 0)
						expectError(t, err, socket.ErrTimeout)
					}
				})
			}
		}
	}
}

// wait_ready neither stays with a silent address, nor ignores one whose server has yet to
// start.
func TestWaitReadyTriesAllAddresses(t *testing.T) {
	full := fullServer(t)
	for name, place := range map[string]int{"first": 0, "last": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := vacant(t)
			c := severalClient(t, slices.Insert([]netip.AddrPort{full}, place, at))
			done := waitReady(c)
			begun(t, c, 1)
			time.Sleep(2 * socket.FirstShare) // in the second round
			s, err := socket.NewServer(at.Addr().String(), int(at.Port()))
			must(t, err)
			t.Cleanup(s.Free)
			echo(t, s)
			must(t, await(t, done))
			expectStats(t, c, "connections_opened=1")
		})
	}
}

func TestWaitReadyOfSeveralSilentAddressesTimesOut(t *testing.T) {
	full, noServer := fullServer(t), vacant(t)
	for _, at := range [][]netip.AddrPort{{full, full}, {full, noServer}, {noServer, noServer}} {
		for _, timeout := range []time.Duration{0, short, 2 * socket.FirstShare} {
			c := severalClient(t, at)
			began := time.Now()
			expectSaid(t, c.WaitReady(timeout), socket.ErrTimeout, at[0].String())
			if took := time.Since(began); took < timeout || took > timeout+soon {
				t.Errorf("timed out after %v of %v", took, timeout)
			}
		}
	}
}
