package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"libobe/internal/excerpt"
)

// ErrAddress is a text that cannot be an address.
var ErrAddress = errors.New("not an address")

// Address is where a socket listens or connects to, before its name is looked
// up. The empty host is the loopback address, in both roles.
type Address struct {
	Host string
	Port uint16
	Path string // not empty: a Unix-domain socket, and nothing else counts
}

// ParseAddress takes an IPv4 or IPv6 literal or a host name, and a port; or
// unix:/path, with a port that is ignored.
func ParseAddress(host string, port int) (Address, error) {
	if likeURL(host) {
		// A password may stand in it, and error texts are shown and kept.
		return Address{}, fmt.Errorf("%w: there is an @ or a // in it; this protocol has no URLs, user names and passwords, so give the host alone", ErrAddress)
	}
	if path, ok := strings.CutPrefix(host, unixPrefix); ok {
		return Address{Path: path}, checkPath(path)
	}
	if inner, ok := strings.CutPrefix(host, "["); ok && strings.HasSuffix(inner, "]") && strings.Contains(inner, ":") {
		host = strings.TrimSuffix(inner, "]")
	}
	a := Address{Host: host, Port: uint16(port)}
	if port < 0 || port > 65535 {
		return a, fmt.Errorf("%w: port %d is outside 0..65535", ErrAddress, port)
	}
	if at, ok := a.literal(); ok {
		if ip := at.Addr(); ip.Is6() && ip.IsLinkLocalUnicast() && ip.Zone() == "" {
			return a, fmt.Errorf("%w: the link-local address %s needs its network interface: %s%%eth0, or on Windows %s%%12", ErrAddress, ip, ip, ip)
		}
		return a, nil
	}
	switch plain := WithoutZeros(host); {
	case plain != "":
		return a, fmt.Errorf("%w: %s has leading zeros, which some systems read as octal; write %s", ErrAddress, excerpt.Quote(host), plain)
	case onlyNumbers(host):
		return a, fmt.Errorf("%w: %s is not an IPv4 address; one is four numbers from 0 to 255, such as 192.168.1.5", ErrAddress, excerpt.Quote(host))
	case strings.IndexByte(host, 0) >= 0:
		return a, fmt.Errorf("%w: there is a NUL inside %s", ErrAddress, excerpt.Quote(host))
	case strings.Contains(host, ":"):
		return a, fmt.Errorf("%w: %s is no IPv6 address, and a port is an argument of its own", ErrAddress, excerpt.Quote(host))
	case len(host) > 255 || strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || r > '~' || r == '/' || r == '[' || r == ']' }):
		return a, fmt.Errorf("%w: %s is neither an IP address nor a host name", ErrAddress, excerpt.Quote(host))
	}
	return a, nil
}

// onlyNumbers reports whether a text has nothing but digits and dots, as no host name
// has. Systems disagree about which addresses other than a.b.c.d these are.
func onlyNumbers(host string) bool {
	return host != "" && strings.Trim(host, "0123456789.") == ""
}

// WithoutZeros returns an IPv4 address that is written with leading zeros, as front
// panels do, without them. It returns the empty text for all others.
func WithoutZeros(host string) string {
	fields := strings.Split(host, ".")
	for i, field := range fields {
		if fields[i] = strings.TrimLeft(field, "0"); fields[i] == "" && field != "" {
			fields[i] = "0"
		}
	}
	plain := strings.Join(fields, ".")
	if ip, err := netip.ParseAddr(plain); err != nil || !ip.Is4() || plain == host {
		return ""
	}
	return plain
}

// likeURL reports whether a text looks like the address of another protocol. The path
// of a Unix-domain socket may have an @.
func likeURL(host string) bool {
	path, ok := strings.CutPrefix(host, unixPrefix+"/")
	return ok && strings.HasPrefix(path, "/") || !ok && (strings.Contains(host, "@") || strings.Contains(host, "//"))
}

// String returns the address as people write it, host:port or unix:/path.
func (a Address) String() string {
	if a.Path != "" {
		return unixPrefix + a.Path
	}
	host := a.Host
	if host == "" {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, fmt.Sprint(a.Port))
}

// literal returns the address if it needs no look-up.
func (a Address) literal() (netip.AddrPort, bool) {
	if a.Host == "" {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), a.Port), true
	}
	ip, err := netip.ParseAddr(a.Host)
	if err != nil || strings.ContainsFunc(ip.Zone(), unfitForZone) {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(ip.Unmap(), a.Port), true
}

// unfitForZone tells what no name of a network interface has (Windows' names have
// spaces, and letters of all languages), since netip takes every text for a zone;
// with a bracket, an address could not be read back as it is written.
func unfitForZone(r rune) bool {
	return r == '[' || r == ']' || r == utf8.RuneError || unicode.IsControl(r)
}

// Dial begins a connection to at, which is one of those that Resolve gave. See
// the function Dial.
func (a Address) Dial(at netip.AddrPort, tuning SocketOptions) (*Conn, error) {
	if a.Path != "" {
		return dialUnix(a.Path)
	}
	if err := checkZone(at); err != nil {
		return nil, err
	}
	return Dial(at, tuning)
}

// Listen listens at at, which is one of those that Resolve gave. See the function
// Listen.
func (a Address) Listen(at netip.AddrPort, tuning SocketOptions) (*Listener, error) {
	if a.Path != "" {
		return listenUnix(a.Path)
	}
	if err := checkZone(at); err != nil {
		return nil, err
	}
	return Listen(at, tuning)
}

// checkZone returns an error if an address is of a network interface that this machine
// does not have. The system would say that there is an invalid argument.
func checkZone(at netip.AddrPort) error {
	if zone := at.Addr().Zone(); zone != "" && zoneIndex(zone) == 0 {
		return &SystemError{Call: "find the network interface " + excerpt.Quote(zone), Err: errors.New("there is none of that name"), kind: ErrUnreachable}
	}
	return nil
}

// Resolve returns the addresses behind a, IPv4 first, since that is all that
// an original server listens on; a path is its own, and known without one. A name
// is looked up by the system; done, if not nil, ends that early.
func (a Address) Resolve(wait Wait, done <-chan struct{}) ([]netip.AddrPort, error) {
	if a.Path != "" {
		return []netip.AddrPort{{}}, nil
	}
	if at, ok := a.literal(); ok {
		return []netip.AddrPort{at}, nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	if !wait.Deadline.IsZero() {
		ctx, cancel = context.WithDeadline(context.Background(), wait.Deadline)
	}
	defer cancel()
	type answer struct {
		ips []netip.Addr
		err error
	}
	answers := make(chan answer, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				answers <- answer{err: fmt.Errorf("look up %s: %v", a.Host, p)}
			}
		}()
		ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", a.Host)
		answers <- answer{ips, err}
	}()
	select {
	case got := <-answers:
		if ctx.Err() != nil {
			return nil, ErrTimeout
		}
		if got.err != nil {
			// A resolver that cannot open its files reports that there is no such host.
			if err := sysLookupRoom(); err != nil {
				return nil, systemError("look up "+a.Host, err)
			}
			return nil, &SystemError{Call: "look up " + a.Host, Err: got.err, kind: ErrUnreachable}
		}
		var four, six []netip.AddrPort
		for _, ip := range got.ips {
			if ip = ip.Unmap(); ip.Is4() {
				four = append(four, netip.AddrPortFrom(ip, a.Port))
			} else {
				six = append(six, netip.AddrPortFrom(ip, a.Port))
			}
		}
		return append(four, six...), nil
	case <-ctx.Done():
		return nil, ErrTimeout
	case <-done:
		return nil, ErrWoken
	}
}
