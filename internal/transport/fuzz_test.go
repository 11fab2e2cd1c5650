package transport_test

import (
	"errors"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"libobe/internal/transport"
)

// hostName matches what a host may be other than a numeric address.
var hostName = regexp.MustCompile(`^[!-~]{1,255}$`)

// FuzzParseAddress checks that an accepted address is the same after it was written and
// parsed again, and that the error for any other is a single line without a password.
func FuzzParseAddress(f *testing.F) {
	for _, host := range []string{"", "127.0.0.1", "::1", "[::1]", "::ffff:10.1.2.3", "fe80::1%lo", "localhost", "lab-pc.example.org", "user:secret@host", "a\x00b",
		"[]", "[[::1]]", "127.0.0.1:61981", "http://x/", "unix:/run/obe.sock", "unix:", "unix:relative", "unix:/a\x00", "ü", "\xff", "0127.0.0.1", "1", "::ffff:1.2.3.4%x"} {
		f.Add(host, 61981)
	}
	f.Add("127.0.0.1", 0)
	f.Add("127.0.0.1", -1)
	f.Add("", 65536)
	f.Fuzz(func(t *testing.T, host string, port int) {
		a, err := transport.ParseAddress(host, port)
		if err != nil {
			text := err.Error()
			if !errors.Is(err, transport.ErrAddress) || len(text) > 600 || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
				t.Fatalf("%q, %d: %v (%q)", host, port, err, text)
			}
			// An address written like a URL, with a password.
			if secret, _, found := strings.Cut(host, "@"); found && !strings.HasPrefix(host, "unix:/") && len(secret) > 16 && strings.Contains(text, secret) {
				t.Fatalf("%q: the error contains the secret: %s", host, text)
			}
			return
		}
		if strings.Contains(host, "@") && !strings.HasPrefix(host, "unix:/") {
			t.Fatalf("%q is accepted as an address", host)
		}
		if path, ok := strings.CutPrefix(host, "unix:"); ok {
			if a.Path != path || a.String() != host || !strings.HasPrefix(path, "/") || strings.Contains(path, "\x00") {
				t.Fatalf("%q is %q", host, a)
			}
			return
		}
		if port < 0 || port > 65535 || int(a.Port) != port {
			t.Fatalf("port %d is %d", port, a.Port)
		}
		left, right, err := net.SplitHostPort(a.String())
		if err != nil || right != strconv.Itoa(port) {
			t.Fatalf("%q is written %q: %v", host, a, err)
		}
		again, err := transport.ParseAddress(left, port)
		if err != nil || again.String() != a.String() {
			t.Fatalf("%q is written %q, and that is parsed as %q (%v)", host, a, again, err)
		}
		ip, err := netip.ParseAddr(left)
		if err != nil {
			if !hostName.MatchString(host) || strings.ContainsAny(host, "@:/[] ") {
				t.Fatalf("%q is accepted as a host name", host)
			}
			return // a name is not looked up here
		}
		at, err := a.Resolve(transport.NoWait, nil)
		if want := netip.AddrPortFrom(ip.Unmap(), uint16(port)); err != nil || len(at) != 1 || at[0] != want {
			t.Fatalf("%q resolves to %v (%v), want %v", host, at, err, want)
		}
	})
}
