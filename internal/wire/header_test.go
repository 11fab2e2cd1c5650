package wire_test

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"libobe/internal/wire"
)

func TestParseHeader(t *testing.T) {
	const malformed = -1
	for _, c := range []struct {
		name   string
		header string
		want   int64
	}{
		{"zero-padded", "0000000019", 19},
		{"no padding needed", "1234567890", 1234567890},
		{"zero", "0000000000", 0},
		{"largest", "9999999999", wire.MaxLength},
		{"leading spaces", "        19", 19},
		{"one digit after spaces", "         4", 4},
		{"trailing spaces", "19        ", 19},
		{"spaces on both sides", "    19    ", 19},
		{"spaces, then zeros", "     00019", 19},
		{"zero among spaces", "    0     ", 0},

		{"all spaces", "          ", malformed},
		{"space between digits", "00000 0019", malformed},
		{"plus", "+000000004", malformed},
		{"minus", "-000000004", malformed},
		{"plus after spaces", "        +4", malformed},
		{"underscore between digits, which Python accepts", "00000000_4", malformed},
		{"underscore in front", "_000000004", malformed},
		{"letters", "abcdefghij", malformed},
		{"letter at the end", "000000004x", malformed},
		{"hexadecimal", "0x00000004", malformed},
		{"point", "4.0       ", malformed},
		{"exponent", "4e0       ", malformed},
		{"quote, which peers before June 2019 sent", `"000000000`, malformed},
		{"quotes", `""""""""""`, malformed},
		{"start of a JSON text", `{"command"`, malformed},
		{"tabs for zeros", "\t\t\t\t\t\t\t\t\t4", malformed},
		{"newline at the end", "000000004\n", malformed},
		{"carriage return in front", "\r000000004", malformed},
		{"vertical tab and form feed", "\v\f00000004", malformed},
		{"file separator", "\x1c000000004", malformed},
		{"NUL for zeros", "\x00\x00\x00\x00\x00\x00\x00\x00\x004", malformed},
		{"NUL at the end", "000000004\x00", malformed},
		{"byte below the digits", "000000000/", malformed},
		{"byte above the digits", "000000000:", malformed},
		{"Arabic digits", "٤٤٤٤٤", malformed},
		{"no-break space in front", "\u00a000000004", malformed},
		{"high bytes", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", malformed},

		{"nothing", "", malformed},
		{"nine digits", "000000004", malformed},
		{"eleven digits", "00000000004", malformed},
		{"more digits than an int64 has", strings.Repeat("9", 40), malformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := wire.ParseHeader([]byte(c.header))
			if c.want == malformed {
				if !errors.Is(err, wire.ErrMalformed) {
					t.Fatalf("ParseHeader(%q) = %d, %v; want ErrMalformed", c.header, got, err)
				}
				if shown := fmt.Sprintf("%q", c.header); !strings.Contains(err.Error(), shown) {
					t.Errorf("the error does not contain the header %s: %v", shown, err)
				}
				return
			}
			if err != nil || got != c.want {
				t.Fatalf("ParseHeader(%q) = %d, %v; want %d", c.header, got, err, c.want)
			}
		})
	}
}

func TestHeaderRoundTrip(t *testing.T) {
	lengths := []int{0, 1, 9, 10, 19, 99, 1 << 16, 1<<31 - 1}
	if strconv.IntSize == 64 {
		large := int64(wire.MaxLength)
		lengths = append(lengths, int(large), int(large-1), int(large/10))
	}
	for _, n := range lengths {
		h := wire.Header(n)
		if want := fmt.Sprintf("%010d", n); string(h[:]) != want {
			t.Errorf("Header(%d) = %q, want %q", n, h, want)
		}
		if got, err := wire.ParseHeader(h[:]); err != nil || got != int64(n) {
			t.Errorf("ParseHeader(Header(%d)) = %d, %v", n, got, err)
		}
	}
}

func TestCheckLength(t *testing.T) {
	for _, c := range []struct {
		n, limit int64
		ok       bool
	}{
		{0, 0, true}, {1, 0, false},
		{100, 100, true}, {101, 100, false},
		{wire.MaxLength, wire.MaxLength, wire.MaxLength <= math.MaxInt},
		// Ten digits cannot announce more, whatever the limit.
		{wire.MaxLength + 1, wire.MaxLength + 1, false},
	} {
		err := wire.CheckLength(c.n, c.limit)
		if c.ok && err != nil || !c.ok && !errors.Is(err, wire.ErrTooLarge) {
			t.Errorf("CheckLength(%d, %d) = %v, want ok: %v", c.n, c.limit, err, c.ok)
		}
	}
}

// wellFormed matches a valid header, independently of the code under test.
var wellFormed = regexp.MustCompile(`^ *([0-9]+) *$`)

// naiveHeader is a simple, slow ParseHeader.
func naiveHeader(h []byte) (n int64, ok bool) {
	digits := wellFormed.FindSubmatch(h)
	if len(h) != wire.HeaderLength || digits == nil {
		return 0, false
	}
	n, err := strconv.ParseInt(string(digits[1]), 10, 64)
	return n, err == nil
}

func FuzzHeader(f *testing.F) {
	for _, h := range []string{
		"0000000019", "9999999999", "0000000000", "         4", "4         ", "          ", "+000000004",
		"00000000_4", `"000000000`, "\t\t\t\t\t\t\t\t\t4", "000000004\x00", "0000", "00000000004", "٤٤٤٤٤",
	} {
		f.Add([]byte(h))
	}
	f.Fuzz(func(t *testing.T, h []byte) {
		before := string(h)
		got, err := wire.ParseHeader(h)
		want, ok := naiveHeader(h)
		if (err == nil) != ok || got != want {
			t.Errorf("ParseHeader(%q) = %d, %v; want %d, %v", h, got, err, want, ok)
		}
		if err != nil && !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("ParseHeader(%q) fails with %v, which is not ErrMalformed", h, err)
		}
		if string(h) != before {
			t.Errorf("ParseHeader changed its argument from %q to %q", before, h)
		}
		if err == nil && strconv.IntSize == 64 {
			if again := wire.Header(int(got)); string(again[:]) != fmt.Sprintf("%010d", got) {
				t.Errorf("Header(%d) = %q", got, again)
			}
		}
	})
}
