package socket_test

import (
	"errors"
	"math"
	"math/big"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"libobe/internal/socket"
	"libobe/internal/wire"
)

// whole contains the options that are whole numbers, and their ranges.
var whole = map[string][2]int64{
	"timeout_ms": {-1, 9223372036854}, "message_timeout_ms": {-1, 9223372036854}, "max_message": {1, min(wire.MaxLength, math.MaxInt-64)}, "max_connections": {1, 1_000_000},
	"keepalive": {0, 32767}, "persistent": {0, 1}, "late_reply": {0, 1}, "one_way": {0, 1}, "tls": {0, 1},
}

var integer = regexp.MustCompile(`^[+-]?[0-9]+$`)

// FuzzOption: an option accepts the values of its range only, returns a value that can
// be set again, and keeps its value after an error. Options that are paths are left out,
// since random files would be read and written.
func FuzzOption(f *testing.F) {
	for name, limits := range whole {
		for _, value := range []string{"0", "1", "-1", "+5", "007", "", " 1", "1 ", "1e3", "0x10", "9999999999", "99999999999999999999", "-0", "\u0661"} {
			f.Add(name, value)
		}
		f.Add(name, big.NewInt(limits[1]).String())
		f.Add(name, big.NewInt(limits[1]+1).String())
		f.Add(name, big.NewInt(limits[0]-1).String())
	}
	for _, value := range []string{"", "127.0.0.1", "127.0.0.1, 192.168.1.0/24 fd00::/8", "::ffff:10.0.0.0/104", "10.1.2.3/8", "10.0.0.0/33", "fe80::1%lo", "1.2.3", "0.0.0.0/0",
		"::/0", "localhost", "1.2.3.4/", ","} {
		f.Add("allow", value)
	}
	for _, value := range []string{"", " ", "{}", ` {"a": [1, {}], "\u0061": NaN} `, `{"command": 1}`, `{"\u0063ommand": 1}`, "[]", "{", `{"a": "` + "\xff" + `"}`, "{\"a\n\": 1}"} {
		f.Add("fields", value)
	}
	f.Add("tls_server_name", "server.example")
	f.Add("local", "1")
	f.Add("no such option", "1")
	f.Fuzz(func(t *testing.T, name, value string) {
		switch name {
		case "trace", "tls_cert", "tls_key", "tls_ca":
			return
		}
		server, client := newServer(t), newClient(t, netip.MustParseAddrPort("127.0.0.1:1"))
		defer server.Free()
		defer client.Free()
		for _, s := range []testSocket{server, client} {
			before, unknown := s.Option(name)
			err := s.SetOption(name, value)
			after, _ := s.Option(name)
			if err != nil {
				text := err.Error()
				if !errors.Is(err, socket.ErrArgument) || len(text) > 600 || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
					t.Fatalf("%q = %q: %q", name, value, text)
				}
				if after != before {
					t.Fatalf("%q = %q was refused, and it is %q after %q", name, value, after, before)
				}
			} else {
				if unknown != nil {
					t.Fatalf("%q, which cannot be asked for (%v), was set", name, unknown)
				}
				if err := s.SetOption(name, after); err != nil {
					t.Fatalf("%q = %q is returned as %q, which is refused: %v", name, value, after, err)
				}
				if again, _ := s.Option(name); again != after {
					t.Fatalf("%q = %q is %q, and that is %q", name, value, after, again)
				}
			}
			if limits, ok := whole[name]; ok {
				checkWhole(t, name, value, after, limits, err)
			}
			if name == "fields" && err == nil && after != value {
				t.Fatalf("fields %q is returned as %q", value, after)
			}
			if name == "allow" {
				checkRanges(t, value, after, err)
			}
		}
	})
}

// checkWhole compares an option that is a whole number with its range.
func checkWhole(t *testing.T, name, value, after string, limits [2]int64, err error) {
	t.Helper()
	n, fits := new(big.Int), false
	if integer.MatchString(value) {
		n.SetString(value, 10)
		fits = n.Cmp(big.NewInt(limits[0])) >= 0 && n.Cmp(big.NewInt(limits[1])) <= 0
	}
	if limits == [2]int64{0, 1} {
		fits = value == "0" || value == "1"
	}
	if fits != (err == nil) || fits && after != n.String() {
		t.Fatalf("%s = %q: %v, and it is %q; the range is %v", name, value, err, after, limits)
	}
}

// checkRanges checks that an accepted list consists of addresses and ranges, and that the
// returned value is accepted, too.
func checkRanges(t *testing.T, value, after string, err error) {
	t.Helper()
	if err != nil {
		return
	}
	given, taken := strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' }), strings.Fields(strings.ReplaceAll(after, ",", " "))
	if len(given) != len(taken) {
		t.Fatalf("%q is returned as %q", value, after)
	}
	for i, text := range given {
		single, err := netip.ParseAddr(text)
		if err != nil {
			p, err := netip.ParsePrefix(text)
			if err != nil {
				t.Fatalf("%q in %q was accepted", text, value)
			}
			single = p.Addr()
		}
		r, err := netip.ParsePrefix(taken[i])
		if err != nil {
			one := netip.MustParseAddr(taken[i])
			r = netip.PrefixFrom(one, one.BitLen())
		}
		if !r.Contains(single) && !r.Contains(single.Unmap()) {
			t.Fatalf("%q became %q, where it is not in", text, taken[i])
		}
	}
}
