package transport_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"libobe/internal/systemtest"
	"libobe/internal/transport"
)

func TestParseAddress(t *testing.T) {
	long := strings.Repeat("a", 256)
	for _, c := range []struct {
		host string
		port int
		want string // as text; "": refused
	}{
		{"", 61981, "127.0.0.1:61981"},
		{"127.0.0.1", 0, "127.0.0.1:0"},
		{"0.0.0.0", 65535, "0.0.0.0:65535"},
		{"::1", 5, "[::1]:5"},
		{"[::1]", 5, "[::1]:5"},
		{"::", 5, "[::]:5"},
		{"::ffff:127.0.0.1", 5, "[::ffff:127.0.0.1]:5"},
		{"fe80::1%lo", 5, "[fe80::1%lo]:5"},
		{"fe80::1%Ethernet 2", 5, "[fe80::1%Ethernet 2]:5"},
		{"localhost", 5, "localhost:5"},
		{"lab-pc.example.org", 5, "lab-pc.example.org:5"},
		{"x", 1, "x:1"},

		{"", -1, ""}, {"", 65536, ""}, {"", math.MaxInt, ""}, {"127.0.0.1", -61981, ""},
		{"127.0.0.1\x00", 5, ""}, {"\x00", 5, ""}, {"a\x00b", 5, ""},
		{" 127.0.0.1", 5, ""}, {"127.0.0.1 ", 5, ""}, {"two words", 5, ""}, {"tab\there", 5, ""}, {"line\n", 5, ""},
		{"http://localhost", 5, ""}, {"localhost/", 5, ""}, {"localhost:61981", 5, ""}, {"127.0.0.1:61981", 5, ""}, {"[::1]:61981", 5, ""},
		{"]::1[", 5, ""}, {"[127.0.0.1", 5, ""}, {"[::1", 5, ""}, {"::1]", 5, ""}, {"[[::1]]", 5, ""}, {"[]", 5, ""}, {":::", 5, ""},
		{"fe80::1%", 5, ""}, {"fe80::1%[", 5, ""}, {"fe80::1%lo]", 5, ""}, {"fe80::1%l\x00o", 5, ""}, {"fe80::1%lo\n", 5, ""}, {"fe80::1%\xff", 5, ""},
		{long, 5, ""},
		{"127.000.000.001", 5, ""}, {"192.168.010.001", 5, ""}, {"00.0.0.0", 5, ""}, {"127.0.0.01", 5, ""}, {"0127.0.0.1", 5, ""},
		{"127.1", 5, ""}, {"1", 5, ""}, {"2130706433", 5, ""}, {"256.1.1.1", 5, ""}, {"1.2.3.4.5", 5, ""}, {"127.0.0.1.", 5, ""}, {".", 5, ""}, {"0256.1.1.1", 5, ""},
		{"fe80::1", 5, ""}, {"[fe80::1]", 5, ""}, {"febf::1", 5, ""},
		{"fec0::1", 5, "[fec0::1]:5"}, {"10.0.0.0", 5, "10.0.0.0:5"}, {"lab-007", 5, "lab-007:5"}, {"10.0.0.lab", 5, "10.0.0.lab:5"}, {"0x7f.1", 5, "0x7f.1:5"},
	} {
		a, err := transport.ParseAddress(c.host, c.port)
		switch {
		case c.want == "":
			if !errors.Is(err, transport.ErrAddress) {
				t.Errorf("ParseAddress(%q, %d) = %v, %v; want ErrAddress", c.host, c.port, a, err)
			} else if len(err.Error()) > 250 || strings.ContainsAny(err.Error(), "\x00\n") {
				t.Errorf("ParseAddress(%q, %d): the error text is %q", c.host, c.port, err)
			}
		case err != nil || a.String() != c.want:
			t.Errorf("ParseAddress(%q, %d) = %v, %v; want %s", c.host, c.port, a, err, c.want)
		}
	}
}

// The error for an address that is nearly right shows how to write it.
func TestParseAddressNamesTheRemedy(t *testing.T) {
	for host, text := range map[string]string{
		"127.000.000.001": "write 127.0.0.1",
		"192.168.010.000": "write 192.168.10.0",
		"256.000.000.001": "four numbers from 0 to 255",
		"127.1":           "four numbers from 0 to 255",
		"fe80::1":         "fe80::1%eth0, or on Windows fe80::1%12",
		"[fe80::a:1]":     "fe80::a:1%eth0",
	} {
		_, err := transport.ParseAddress(host, 5)
		expectError(t, err, transport.ErrAddress)
		if !strings.Contains(err.Error(), text) {
			t.Errorf("%q: the error %q does not contain %q", host, err, text)
		}
	}
}

// The error for a network interface that this machine does not have names it.
func TestUnknownInterface(t *testing.T) {
	a, err := transport.ParseAddress("fe80::1%no-such", 5)
	must(t, err)
	at, err := a.Resolve(transport.NoWait, nil)
	must(t, err)
	_, dial := a.Dial(at[0], 0)
	_, listen := a.Listen(at[0], 0)
	for _, err := range []error{dial, listen} {
		expectError(t, err, transport.ErrUnreachable)
		if !strings.Contains(err.Error(), "no-such") {
			t.Errorf("the error %q does not name the interface", err)
		}
	}
}

func TestResolveOfLiterals(t *testing.T) {
	for host, want := range map[string]string{
		"": "127.0.0.1:5", "10.1.2.3": "10.1.2.3:5", "::1": "[::1]:5", "[::1]": "[::1]:5", "::ffff:10.1.2.3": "10.1.2.3:5", "fe80::1%lo": "[fe80::1%lo]:5",
	} {
		a, err := transport.ParseAddress(host, 5)
		must(t, err)
		// A literal needs no look-up, and so no time.
		got, err := a.Resolve(transport.NoWait, nil)
		if err != nil || len(got) != 1 || got[0].String() != want {
			t.Errorf("%q resolves to %v, %v; want %s", host, got, err, want)
		}
	}
}

func TestResolveOfNames(t *testing.T) {
	a, err := transport.ParseAddress("localhost", 5)
	must(t, err)
	got, err := a.Resolve(within(testTimeout), nil)
	must(t, err)
	four := 0
	for i, at := range got {
		if !at.Addr().IsLoopback() || at.Port() != 5 {
			t.Errorf("localhost is %v", at)
		}
		if at.Addr().Is4() {
			if four++; four != i+1 {
				t.Errorf("an IPv4 address is not before the others: %v", got)
			}
		}
	}
	if !slices.Contains(got, netip.MustParseAddrPort("127.0.0.1:5")) {
		t.Errorf("localhost is %v", got)
	}

	// An invalid name is not looked up.
	a, err = transport.ParseAddress("not..a.name", 5)
	must(t, err)
	_, err = a.Resolve(within(testTimeout), nil)
	expectError(t, err, transport.ErrUnreachable)
	var dns *net.DNSError
	if !errors.As(err, &dns) || !strings.Contains(err.Error(), "not..a.name") {
		t.Errorf("the error is %v", err)
	}
}

func TestResolveInterrupted(t *testing.T) {
	a, err := transport.ParseAddress("localhost", 5)
	must(t, err)
	_, err = a.Resolve(transport.NoWait, nil)
	expectError(t, err, transport.ErrTimeout)
	// Where both are ready, either may be the result.
	done := make(chan struct{})
	close(done)
	if _, err = a.Resolve(within(testTimeout), done); err != nil {
		expectError(t, err, transport.ErrWoken)
	}
}

func TestListen(t *testing.T) {
	l := listen(t)
	at := l.Addr()
	if at.Addr() != loopback.Addr() || at.Port() == 0 {
		t.Errorf("listens on %v", at)
	}
	_, err := transport.Listen(at, 0)
	expectError(t, err, transport.ErrInUse)
	expectError(t, err, systemtest.ErrInUse)

	// 192.0.2.0/24 is reserved for documentation; no machine has such an address.
	_, err = transport.Listen(netip.MustParseAddrPort("192.0.2.1:0"), 0)
	expectError(t, err, transport.ErrUnreachable)

	if !systemtest.MayListenAnywhere() {
		_, err = transport.Listen(netip.MustParseAddrPort("127.0.0.1:1"), 0)
		expectError(t, err, transport.ErrPermission)
	}
}

// A server can listen on its port again at once, although it closed its connections first.
func TestListenAgain(t *testing.T) {
	l, err := transport.Listen(loopback, 0)
	must(t, err)
	for range 5 {
		client, err := transport.Dial(l.Addr(), 0)
		must(t, err)
		server := accept(t, l)
		must(t, server.Close())
		expectReadEnd(t, client)
		must(t, client.Close())
		l.Close()
		l, err = transport.Listen(l.Addr(), 0)
		must(t, err)
	}
	l.Close()
}

func expectReadEnd(t *testing.T, c *transport.Conn) {
	t.Helper()
	c.SetReadWait(within(testTimeout))
	if err := readOne(c); err == nil || errors.Is(err, transport.ErrTimeout) {
		t.Fatalf("the connection has not ended: %v", err)
	}
}

func TestIPv6(t *testing.T) {
	l, err := transport.Listen(netip.MustParseAddrPort("[::1]:0"), 0)
	if errors.Is(err, transport.ErrUnreachable) {
		t.Skip("this machine has no IPv6: ", err)
	}
	must(t, err)
	defer l.Close()
	client, err := transport.Dial(l.Addr(), 0)
	must(t, err)
	defer client.Close()
	server := accept(t, l)
	if server.Remote() != client.Local() || !server.Remote().Addr().Is6() {
		t.Errorf("from %v to %v", client.Local(), server.Remote())
	}
	_, err = client.Write([]byte("x"))
	must(t, err)
	must(t, readOne(server))
}

// A connection to a port where no server is listening may be connected to itself, if the
// system chooses that very port for the client. It would read its own command as the
// reply. TestSelfConnectWithOnePort does not depend on chance.
func TestDialNeverConnectsToItself(t *testing.T) {
	// Linux assigns its ports in order, with small random steps, so that each attempt has
	// a chance of about one in five.
	const attempts = 25
	for range attempts {
		at := nextPort(t)
		for passed, dials := false, 0; !passed && dials < near; dials++ {
			c, err := transport.Dial(at, 0)
			if err == nil {
				if _, err = c.Write([]byte("x")); err == nil {
					t.Fatalf("%v is connected to %v", c.Local(), c.Remote())
				}
				passed = c.Local().Port() > at.Port()
				must(t, c.Close())
			}
			expectError(t, err, transport.ErrRefused)
		}
	}
}

// near is how many ports before a given one count as close to it.
const near = 1000

// nextPort returns a vacant address whose port the system will soon choose for
// connections to it.
func nextPort(t *testing.T) netip.AddrPort {
	t.Helper()
	const tries = 10_000 // many ports are in use after a busy minute
	for range tries {
		// Linux assigns even ports to connections.
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 2*(16500+rand.IntN(13_900))))
		if err != nil {
			continue
		}
		at := l.Addr().(*net.TCPAddr).AddrPort()
		c, err := net.Dial("tcp", at.String())
		must(t, err)
		chosen := c.LocalAddr().(*net.TCPAddr).AddrPort()
		c.Close()
		l.Close()
		if d := int(at.Port()) - int(chosen.Port()); d > 0 && d < near {
			return at
		}
	}
	t.Skip("this system does not assign its ports in order")
	panic("unreachable")
}
