package session

import (
	"errors"
	"strings"
	"testing"

	"libobe/internal/jsondoc"
	"libobe/internal/socket"
)

// in returns a session whose texts are in a code page.
func in(t *testing.T, name string) *Session {
	t.Helper()
	s, err := NewClient("", 61981)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Free)
	if err := s.SetOption(CodePage, name); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPages(t *testing.T) {
	for name, c := range map[string]struct{ text, coded string }{
		"utf-8": {"µ", "\xc2\xb5"},
		"65001": {"µ", "\xc2\xb5"},
		"1252":  {"5 µm €", "5 \xb5m \x80"},
		"1251":  {"ток", "\xf2\xee\xea"},
		"932":   {"表 a\\b", "\x95\x5c a\\b"},
		"936":   {"温度", "\xce\xc2\xb6\xc8"},
		"949":   {"온도", "\xbf\xc2\xb5\xb5"},
		"950":   {"功", "\xa5\x5c"},
	} {
		s := in(t, name)
		if got, err := s.Decode("op", "text", []byte(c.coded)); err != nil || string(got) != c.text {
			t.Errorf("%s: decoded %q, %v", name, got, err)
		}
		if got, err := s.Encode([]byte(c.text)); err != nil || string(got) != c.coded {
			t.Errorf("%s: encoded %q, %v", name, got, err)
		}
	}
}

func TestCharacterThatThePageLacks(t *testing.T) {
	s := in(t, "1252")
	if _, err := s.Encode([]byte("a✓")); !errors.Is(err, jsondoc.ErrRange) || !strings.Contains(err.Error(), "U+2713") {
		t.Error(err)
	}
	if got := string(s.EncodeLoosely("µ✓ a")); got != "\xb5? a" {
		t.Errorf("%q", got)
	}
	if got := string(s.json([]byte(`"µ✓😀"`))); got != `"`+"\xb5"+`\u2713\ud83d\ude00"` {
		t.Errorf("%q", got)
	}
}

// In some pages the second byte of a character may be a backslash or a quote.
func TestJSONIsReadableByteByByte(t *testing.T) {
	s := in(t, "932")
	if got := string(s.json([]byte(`"温表"`))); got != `"`+"\x89\xb7"+`\u8868"` {
		t.Errorf("%q", got)
	}
}

func TestBytesThatAreNoText(t *testing.T) {
	for page, coded := range map[string]string{"932": "ab\xff", "874": "ab\xdb", "936": "ab\xff"} {
		_, err := in(t, page).Decode("send", "json", []byte(coded))
		if !errors.Is(err, ErrPage) || !strings.Contains(err.Error(), "character 3 of json") {
			t.Errorf("%s: %v", page, err)
		}
	}
}

func TestHint(t *testing.T) {
	s := in(t, "utf-8")
	_, err := s.Tcmd([]byte("\"\xb5\""), 0)
	var syntax *jsondoc.SyntaxError
	if !errors.As(err, &syntax) || !strings.Contains(err.Error(), "set the option codepage") {
		t.Error(err)
	}
	if _, err = s.Tcmd([]byte(`{`), 0); err == nil || strings.Contains(err.Error(), "codepage") {
		t.Errorf("a hint that does not help: %v", err)
	}
}

func TestUnknownPage(t *testing.T) {
	s := in(t, "1252")
	for _, name := range []string{"", "437", "utf8", "CP1252"} {
		if err := s.SetOption(CodePage, name); !errors.Is(err, socket.ErrArgument) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if s.codePage().name != "1252" {
		t.Error("a wrong name has changed the page")
	}
}

// The system's own page is one of those known, whichever it is.
func TestSystemPage(t *testing.T) {
	s := in(t, "system")
	if got, err := s.Decode("op", "text", []byte("plain")); err != nil || string(got) != "plain" {
		t.Errorf("%q, %v", got, err)
	}
}
