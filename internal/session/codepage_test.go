package session

import (
	"errors"
	"strings"
	"testing"

	"libobe/internal/jsondoc"
	"libobe/internal/socket"
)

// newCodePageSession returns a session whose texts are in a code page.
func newCodePageSession(t *testing.T, name string) *Session {
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

func TestDecodeAndEncode(t *testing.T) {
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
		s := newCodePageSession(t, name)
		if got, err := s.Decode("op", "text", []byte(c.coded)); err != nil || string(got) != c.text {
			t.Errorf("%s: decoded %q, %v", name, got, err)
		}
		if got, err := s.Encode([]byte(c.text)); err != nil || string(got) != c.coded {
			t.Errorf("%s: encoded %q, %v", name, got, err)
		}
	}
}

func TestCharacterThatTheCodePageLacks(t *testing.T) {
	s := newCodePageSession(t, "1252")
	if _, err := s.Encode([]byte("a✓")); !errors.Is(err, jsondoc.ErrRange) || !strings.Contains(err.Error(), "U+2713") {
		t.Error(err)
	}
	if got := string(s.EncodeLossy("µ✓ a")); got != "\xb5? a" {
		t.Errorf("%q", got)
	}
	if got := string(s.encodeJSON([]byte(`"µ✓😀"`))); got != `"`+"\xb5"+`\u2713\ud83d\ude00"` {
		t.Errorf("%q", got)
	}
}

// In some code pages the second byte of a character may be a backslash.
func TestJSONIsReadableByteByByte(t *testing.T) {
	s := newCodePageSession(t, "932")
	if got := string(s.encodeJSON([]byte(`"温表"`))); got != `"`+"\x89\xb7"+`\u8868"` {
		t.Errorf("%q", got)
	}
}

func TestBytesThatAreNotText(t *testing.T) {
	for page, coded := range map[string]string{"932": "ab\xff", "874": "ab\xdb", "936": "ab\xff"} {
		_, err := newCodePageSession(t, page).Decode("send", "json", []byte(coded))
		if !errors.Is(err, ErrEncoding) || !strings.Contains(err.Error(), "character 3 of json") {
			t.Errorf("%s: %v", page, err)
		}
	}
}

func TestCodePageHint(t *testing.T) {
	s := newCodePageSession(t, "utf-8")
	_, err := s.Tcmd([]byte("\"\xb5\""), 0)
	var syntax *jsondoc.SyntaxError
	if !errors.As(err, &syntax) || !strings.Contains(err.Error(), "set the option codepage") {
		t.Error(err)
	}
	if _, err = s.Tcmd([]byte(`{`), 0); err == nil || strings.Contains(err.Error(), "codepage") {
		t.Errorf("the hint does not apply to this error: %v", err)
	}
}

func TestUnknownCodePage(t *testing.T) {
	s := newCodePageSession(t, "1252")
	for _, name := range []string{"", "437", "utf8", "CP1252"} {
		if err := s.SetOption(CodePage, name); !errors.Is(err, socket.ErrArgument) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if s.currentCodePage().name != "1252" {
		t.Error("an unknown name changed the code page")
	}
}

// The code page of this system is one of those in the table.
func TestSystemCodePage(t *testing.T) {
	s := newCodePageSession(t, "system")
	if got, err := s.Decode("op", "text", []byte("plain")); err != nil || string(got) != "plain" {
		t.Errorf("%q, %v", got, err)
	}
}

// Without a code page, a text that is not UTF-8 is an error in every place that reads it.
func TestInvalidEncoding(t *testing.T) {
	s := newCodePageSession(t, "utf-8")
	const invalid = "\xb5"
	for name, err := range map[string]error{
		"option":  s.SetOption("trace", invalid),
		"pointer": s.ReadValue("get_int", []byte(invalid), nil),
	} {
		if !errors.Is(err, ErrEncoding) || !strings.Contains(err.Error(), "set the option codepage") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := s.BeginCommand("command_new", []byte(invalid)); !errors.Is(err, jsondoc.ErrText) || !strings.Contains(err.Error(), "set the option codepage") {
		t.Errorf("command: %v", err)
	}
}

// In a code page, an invalid text is an error before the value or the command is used.
func TestInvalidTextInCodePage(t *testing.T) {
	s := newCodePageSession(t, "932")
	invalid := []byte("\xff")
	_, tcmd := s.Tcmd(invalid, 0)
	for name, err := range map[string]error{
		"tcmd":        tcmd,
		"send":        s.Send(invalid, 0),
		"newrun":      s.NewRun(invalid, 0),
		"command_new": s.BeginCommand("command_new", invalid),
		"set_int":     s.SetMember("set_int", invalid, nil),
		"set_string":  s.SetTextMember("set_string", nil, "text", invalid, nil),
	} {
		if !errors.Is(err, ErrEncoding) || !strings.HasPrefix(err.Error(), name+": ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The size of a message is that of its text in the code page.
func TestSizeInCodePage(t *testing.T) {
	s := newEchoClient(t)
	if err := s.SetOption(CodePage, "1252"); err != nil {
		t.Fatal(err)
	}
	const sent = "\"\xb5\""
	if size, err := s.Tcmd([]byte(sent), testTimeout); err != nil || size != len(sent) || text(t, s) != sent {
		t.Errorf("size %d, text %q, %v", size, text(t, s), err)
	}
}
