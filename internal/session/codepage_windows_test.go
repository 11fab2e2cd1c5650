package session

import (
	"strconv"
	"testing"

	"golang.org/x/sys/windows"
)

// The system's code page is the one with which Windows converts texts.
func TestSystemCodePageIsThatOfWindows(t *testing.T) {
	s := newCodePageSession(t, "system")
	number := windows.GetACP()
	const utf8 = 65001
	if number == utf8 {
		if s.currentCodePage() != nil {
			t.Errorf("the code page is %s", s.currentCodePage().name)
		}
		return
	}
	if got, want := s.currentCodePage().name, strconv.Itoa(int(number)); got != want {
		t.Fatalf("the code page is %s, want %s", got, want)
	}
	for b := 0x80; b <= 0xff; b++ {
		coded := []byte{byte(b)}
		var wide [2]uint16
		const strict = 8 // MB_ERR_INVALID_CHARS
		n, err := windows.MultiByteToWideChar(number, strict, &coded[0], 1, &wide[0], 2)
		got, failure := s.Decode("op", "text", coded)
		if failure != nil || err != nil || wide[0] < 0xa0 {
			continue // the byte is not a character in one of the two
		}
		if want := windows.UTF16ToString(wide[:n]); string(got) != want {
			t.Errorf("byte 0x%02x is %q, want %q", b, got, want)
		}
	}
}
