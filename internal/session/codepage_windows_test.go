package session

import (
	"strconv"
	"testing"

	"golang.org/x/sys/windows"
)

// The system's page is the one that Windows converts by.
func TestSystemPageIsThatOfWindows(t *testing.T) {
	s := in(t, "system")
	number := windows.GetACP()
	const utf8 = 65001
	if number == utf8 {
		if s.codePage() != nil {
			t.Errorf("the page is %s", s.codePage().name)
		}
		return
	}
	if got, want := s.codePage().name, strconv.Itoa(int(number)); got != want {
		t.Fatalf("the page is %s, want %s", got, want)
	}
	for b := 0x80; b <= 0xff; b++ {
		coded := []byte{byte(b)}
		var wide [2]uint16
		const strict = 8 // MB_ERR_INVALID_CHARS
		n, err := windows.MultiByteToWideChar(number, strict, &coded[0], 1, &wide[0], 2)
		got, failure := s.Decode("op", "text", coded)
		if failure != nil || err != nil || wide[0] < 0xa0 {
			continue // one of the two has no character there
		}
		if want := windows.UTF16ToString(wide[:n]); string(got) != want {
			t.Errorf("byte 0x%02x is %q, want %q", b, got, want)
		}
	}
}
