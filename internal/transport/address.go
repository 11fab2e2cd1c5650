package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"libobe/internal/excerpt"
)

// ErrAddress reports a text that is not an address.
var ErrAddress = errors.New("not an address")

// Address is the address that a socket listens on or connects to, before its host name
// is looked up. An empty host is the loopback address, for clients and servers.
type Address struct {
	Host string
	Port uint16
	Path string // of a Unix-domain socket, which has no host and port; empty: TCP
}

// ParseAddress accepts an IPv4 or IPv6 literal or a host name, and a port; or
// unix:/path, with a port that is ignored.
func ParseAddress(host string, port int) (Address, error) {
	if looksLikeURL(host) {
		// It may contain a password, and error messages are shown and logged.
		return Address{}, fmt.Errorf("%w: it contains an @ or a //; this protocol has no URLs, user names or passwords, so pass the host alone", ErrAddress)
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
			return a, fmt.Errorf("%w: the link-local address %s needs its network interface, such as %s%%eth0, or on Windows %s%%12", ErrAddress, ip, ip, ip)
		}
		return a, nil
	}
	switch plain := WithoutZeros(host); {
	case plain != "":
		return a, fmt.Errorf("%w: %s has leading zeros, which some systems read as octal; write %s", ErrAddress, excerpt.Quote(host), plain)
	case onlyDigits(host):
		return a, fmt.Errorf("%w: %s is not an IPv4 address, which is four numbers from 0 to 255, such as 192.168.1.5", ErrAddress, excerpt.Quote(host))
	case strings.IndexByte(host, 0) >= 0:
		return a, fmt.Errorf("%w: %s contains a NUL byte", ErrAddress, excerpt.Quote(host))
	case strings.Contains(host, ":"):
		return a, fmt.Errorf("%w: %s is not an IPv6 address; pass a port separately", ErrAddress, excerpt.Quote(host))
	case len(host) > 255 || strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || r > '~' || r == '/' || r == '[' || r == ']' }):
		return a, fmt.Errorf("%w: %s is neither an IP address nor a host name", ErrAddress, excerpt.Quote(host))
	}
	return a, nil
}

// onlyDigits reports whether a text consists of digits and dots, which is not a host
// name. Systems disagree about which address such a text means, unless it is a.b.c.d.
func onlyDigits(host string) bool {
	return host != "" && strings.Trim(host, "0123456789.") == ""
}

// WithoutZeros returns an IPv4 address without leading zeros, which front panels of
// instruments show. It returns "" for any text that is not an address with them.
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

// looksLikeURL reports whether a text looks like a URL. The path of a Unix-domain socket
// may contain an @.
func looksLikeURL(host string) bool {
	path, ok := strings.CutPrefix(host, unixPrefix+"/")
	return ok && strings.HasPrefix(path, "/") || !ok && (strings.Contains(host, "@") || strings.Contains(host, "//"))
}

// String returns the address as host:port or unix:/path.
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

// addressText returns an address, or the path of a Unix-domain socket, as text. An IPv4
// peer has the same text whether the listener is for IPv4 or for both versions of IP.
func addressText(at netip.AddrPort, path string) string {
	if path != "" {
		return unixPrefix + path
	}
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port()).String()
}

// literal returns the address if it is not a name to look up.
func (a Address) literal() (netip.AddrPort, bool) {
	if a.Host == "" {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), a.Port), true
	}
	ip, err := netip.ParseAddr(a.Host)
	if err != nil || strings.ContainsFunc(ip.Zone(), invalidZoneRune) {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(ip.Unmap(), a.Port), true
}

// invalidZoneRune reports whether a character cannot be in the name of a network
// interface: netip accepts any text as a zone. Names in Windows have spaces, and letters
// of all languages. A bracket would make the text of the address ambiguous.
func invalidZoneRune(r rune) bool {
	return r == '[' || r == ']' || r == utf8.RuneError || unicode.IsControl(r)
}

// Dial begins a connection to at, which is one of the addresses that Resolve returned.
// See the function Dial.
func (a Address) Dial(at netip.AddrPort, keepAlive time.Duration) (*Conn, error) {
	if a.Path != "" {
		return dialUnix(a.Path)
	}
	if err := checkZone(at); err != nil {
		return nil, err
	}
	return Dial(at, keepAlive)
}

// DialBrief is Dial for a brief connection; see the function DialBrief. A Unix-domain socket
// has no such options.
func (a Address) DialBrief(at netip.AddrPort, keepAlive time.Duration) (*Conn, error) {
	if a.Path != "" {
		return dialUnix(a.Path)
	}
	if err := checkZone(at); err != nil {
		return nil, err
	}
	return DialBrief(at, keepAlive)
}

// Listen listens on at, which is one of the addresses that Resolve returned. See the
// function Listen.
func (a Address) Listen(at netip.AddrPort, keepAlive time.Duration) (*Listener, error) {
	if a.Path != "" {
		return listenUnix(a.Path)
	}
	if err := checkZone(at); err != nil {
		return nil, err
	}
	return Listen(at, keepAlive)
}

// checkZone returns an error if an address names a network interface that this machine
// does not have. The system would report an invalid argument.
func checkZone(at netip.AddrPort) error {
	if zone := at.Addr().Zone(); zone != "" && zoneIndex(zone) == 0 {
		return &SystemError{Call: "find the network interface " + excerpt.Quote(zone), Err: errors.New("this machine has no such interface"), kind: ErrUnreachable}
	}
	return nil
}

// Fixed returns what Resolve returns if that is not a name to look up, and otherwise nil.
func (a Address) Fixed() []netip.AddrPort {
	if a.Path != "" {
		return []netip.AddrPort{{}}
	}
	if at, ok := a.literal(); ok {
		return []netip.AddrPort{at}
	}
	return nil
}

// Resolve returns the addresses of a host, IPv4 first, because the reference
// implementation (Python optbayesexpt) listens only on these. For a Unix-domain socket
// it returns one zero address. The system looks a name up, at most until wait.Deadline;
// a receive from done, if not nil, ends that early.
func (a Address) Resolve(wait Wait, done <-chan struct{}) ([]netip.AddrPort, error) {
	if fixed := a.Fixed(); fixed != nil {
		return fixed, nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	if !wait.Deadline.IsZero() {
		ctx, cancel = context.WithDeadline(context.Background(), wait.Deadline)
	}
	defer cancel()
	type result struct {
		ips []netip.Addr
		err error
	}
	results := make(chan result, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				results <- result{err: fmt.Errorf("look up %s: %v", a.Host, p)}
			}
		}()
		ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", a.Host)
		results <- result{ips, err}
	}()
	select {
	case got := <-results:
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
		return ipv4First(got.ips, a.Port), nil
	case <-ctx.Done():
		return nil, ErrTimeout
	case <-done:
		return nil, ErrWoken
	}
}

func ipv4First(ips []netip.Addr, port uint16) []netip.AddrPort {
	var four, six []netip.AddrPort
	for _, ip := range ips {
		if ip = ip.Unmap(); ip.Is4() {
			four = append(four, netip.AddrPortFrom(ip, port))
		} else {
			six = append(six, netip.AddrPortFrom(ip, port))
		}
	}
	return append(four, six...)
}
