package socket_test

import (
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"libobe/internal/socket"
	"libobe/internal/transport"
)

// exchangeAt exchanges messages between a client and a server at an address.
func exchangeAt(t *testing.T, host string) *socket.Server {
	t.Helper()
	s := newServerAt(t, host)
	echo(t, s)
	c, err := socket.NewClient(host, int(s.Addr().Port()))
	must(t, err)
	t.Cleanup(c.Free)
	expectTcmd(t, c, "1", "1")
	return s
}

func TestIPv4Loopback(t *testing.T) {
	for _, host := range []string{"", "127.0.0.1"} {
		if s := exchangeAt(t, host); s.Addr().Addr() != netip.MustParseAddr("127.0.0.1") {
			t.Errorf("%q is %v", host, s.Addr())
		}
	}
}

func TestIPv6Loopback(t *testing.T) {
	if l, err := net.Listen("tcp", "[::1]:0"); err != nil {
		t.Skip("this machine has no IPv6: ", err)
	} else {
		l.Close()
	}
	for _, host := range []string{"::1", "[::1]"} {
		if s := exchangeAt(t, host); s.Addr().Addr() != netip.IPv6Loopback() {
			t.Errorf("%q is %v", host, s.Addr())
		}
	}
	// The unspecified address includes the interfaces of both IP versions.
	s := newServerAt(t, "::")
	echo(t, s)
	for _, host := range []string{"::1", "127.0.0.1"} {
		c, err := socket.NewClient(host, int(s.Addr().Port()))
		must(t, err)
		expectTcmd(t, c, "1", "1")
		c.Free()
	}
}

func TestLocalhostByName(t *testing.T) {
	if s := exchangeAt(t, "localhost"); !s.Addr().Addr().IsLoopback() {
		t.Errorf("localhost is %v", s.Addr())
	}
	// A name may have several addresses, and the server may listen on a later one.
	ips, err := net.LookupIP("localhost")
	must(t, err)
	s := newServerAt(t, ips[len(ips)-1].String())
	echo(t, s)
	c, err := socket.NewClient("localhost", int(s.Addr().Port()))
	must(t, err)
	t.Cleanup(c.Free)
	expectTcmd(t, c, "1", "1")
}

func TestServerAtTheLoopbackAddressIsNotExposed(t *testing.T) {
	s := newServer(t)
	addresses, err := net.InterfaceAddrs()
	must(t, err)
	for _, a := range addresses {
		ip := a.(*net.IPNet).IP
		if ip.IsLoopback() || ip.To4() == nil {
			continue
		}
		if c, err := net.Dial("tcp", netip.AddrPortFrom(netip.MustParseAddr(ip.String()), s.Addr().Port()).String()); err == nil {
			c.Close()
			t.Errorf("the server can be reached at %v", ip)
		}
	}
}

func TestUnknownName(t *testing.T) {
	// No system resolves an invalid name.
	c, err := socket.NewClient("not..a.name", 1)
	must(t, err)
	defer c.Free()
	_, err = tcmd(c, "1")
	expectSaid(t, err, transport.ErrUnreachable, "not..a.name")
	expectSaid(t, c.WaitReady(testTimeout), transport.ErrUnreachable, "not..a.name")
	_, err = socket.NewServer("not..a.name", 0)
	expectSaid(t, err, transport.ErrUnreachable, "not..a.name")
}

// A broadcast address cannot be connected to, and no packet leaves the machine.
func TestUnreachableAddress(t *testing.T) {
	c, err := socket.NewClient("255.255.255.255", 1)
	must(t, err)
	defer c.Free()
	if c.Address() != "255.255.255.255:1" {
		t.Errorf("the address is %s", c.Address())
	}
	_, err = tcmd(c, "1")
	expectError(t, err, transport.ErrUnreachable)
	// An unreachable network may become reachable.
	expectError(t, c.WaitReady(short), socket.ErrTimeout)
	expectStats(t, c, "connections_opened=0", "connections_open=0")
}

// An error message contains the operation, the peer and the cause.
func TestErrorsNameOperationPeerAndCause(t *testing.T) {
	noServer, silent := vacant(t), listen(t).at()
	refused, quiet := newClient(t, noServer), newClient(t, silent)
	s := newServer(t)
	p := dial(t, s)
	p.send("1")
	m := expectMessage(t, s, "1")
	reply(t, m, "1")
	for _, c := range []struct {
		name string
		call func() error
		peer string
		text string
	}{
		{"send", func() error { return refused.Send([]byte("1"), testTimeout) }, noServer.String(), "connect: connection refused"},
		{"tcmd", func() error { _, err := tcmd(refused, "1"); return err }, noServer.String(), "connect: connection refused"},
		{"wait_ready", func() error { return refused.WaitReady(0) }, noServer.String(), "connect: connection refused"},
		{"receive", func() error { _, err := refused.Receive(nil, testTimeout); return err }, noServer.String(), "no connection is open"},
		{"send", func() error { return refused.Send([]byte("[1,]"), testTimeout) }, noServer.String(), "invalid JSON at byte 3"},
		{"tcmd", func() error { _, err := quiet.TcmdBody([]byte("1"), 0); return err }, silent.String(), "timed out"},
		{"receive", func() error { _, err := s.Receive(nil, 0); return err }, s.Addr().String(), "timed out"},
		{"send", func() error { return s.Send([]byte("1"), testTimeout) }, s.Addr().String(), "no message to answer"},
		{"reply", func() error { return m.Reply([]byte("1"), testTimeout) }, p.LocalAddr().String(), "answered already"},
	} {
		t.Run(c.name+" "+c.text, func(t *testing.T) {
			err := c.call()
			if err == nil {
				t.Fatal("no error")
			}
			pattern := fmt.Sprintf(`^%s %s: .*%s`, c.name, regexp.QuoteMeta(c.peer), regexp.QuoteMeta(c.text))
			if !regexp.MustCompile(pattern).MatchString(err.Error()) {
				t.Errorf("the error %q is not like %q", err, pattern)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("the error %q has several lines", err)
			}
		})
	}
}

// The error distinguishes a server of this program at the address from one of another
// program.
func TestAddressInUseByThisProgram(t *testing.T) {
	s := newServer(t)
	port := int(s.Addr().Port())
	for _, host := range []string{"", "127.0.0.1", "0.0.0.0"} {
		_, err := socket.NewServer(host, port)
		if err == nil || !strings.Contains(err.Error(), "this program already has a server there") {
			t.Errorf("%q: the error is %v", host, err)
		}
	}
	s.Free()
	again, err := socket.NewServer("", port)
	must(t, err)
	again.Free()

	other, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer other.Close()
	_, err = socket.NewServer("", other.Addr().(*net.TCPAddr).Port)
	expectError(t, err, transport.ErrInUse)
	if !strings.Contains(err.Error(), "by another server") {
		t.Errorf("the error is %v", err)
	}
}
