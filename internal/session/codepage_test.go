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
}

// codePageTexts have a text for each code page, with its bytes there.
var codePageTexts = map[string]struct{ text, coded string }{
	"874":  {"สวัสดี", "\xca\xc7\xd1\xca\xb4\xd5"},
	"932":  {"温度 表", "\x89\xb7\x93\x78 \x95\x5c"}, // the last byte is a backslash
	"936":  {"温度", "\xce\xc2\xb6\xc8"},
	"949":  {"온도", "\xbf\xc2\xb5\xb5"},
	"950":  {"溫度 功", "\xb7\xc5\xab\xd7 \xa5\x5c"}, // the same
	"1250": {"řád °", "\xf8\xe1d \xb0"},
	"1251": {"ток µ", "\xf2\xee\xea \xb5"},
	"1252": {"µm °C €", "\xb5m \xb0C \x80"},
	"1253": {"Ω µ", "\xd9 \xb5"},
	"1254": {"ş °", "\xfe \xb0"},
	"1255": {"אב", "\xe0\xe1"},
	"1256": {"اب", "\xc7\xc8"},
	"1257": {"š µ", "\xf0 \xb5"},
	"1258": {"₫ °", "\xfe \xb0"},
}

func TestTextsOfEveryCodePage(t *testing.T) {
	for page := range leadBytes {
		c, ok := codePageTexts[page]
		if !ok {
			t.Fatalf("there is no text for code page %s", page)
		}
		s := newCodePageSession(t, page)
		if got, err := s.Decode("op", "text", []byte(c.coded)); err != nil || string(got) != c.text {
			t.Errorf("%s: decoded %q, %v", page, got, err)
		}
		if got, err := s.Encode([]byte(c.text)); err != nil || string(got) != c.coded {
			t.Errorf("%s: encoded %q, %v", page, got, err)
		}
	}
}

// A JSON text may be in UTF-8, as Flatten To JSON writes it, in the code page, or both.
func TestJSONOfEveryCodePage(t *testing.T) {
	const flattened = `{"µ": "°C Ток 温度 表 😀 \\ \" é"}`
	for page, c := range codePageTexts {
		s := newCodePageSession(t, page)
		for _, j := range []struct{ text, want string }{
			{flattened, flattened},
			{`{"` + c.coded + `": "` + c.coded + `"}`, `{"` + c.text + `": "` + c.text + `"}`},
			{`["` + c.coded + `", ` + flattened + `, "\\` + c.coded + `\""]`, `["` + c.text + `", ` + flattened + `, "\\` + c.text + `\""]`},
			{`{"a` + c.coded + `": ` + flattened, `{"a` + c.text + `": ` + flattened}, // not JSON
			{`"` + c.coded, `"` + c.text},
			{c.coded, c.text},
		} {
			if got, err := s.DecodeJSON("op", "json", []byte(j.text)); err != nil || string(got) != j.want {
				t.Errorf("%s: %q became %q, %v", page, j.text, got, err)
			}
		}
		if got, err := s.DecodeJSON("op", "json", []byte(`"`+c.coded+`\`)); err != nil || string(got) != `"`+c.text+`\` {
			t.Errorf("%s: a text that ends in an escape: %q, %v", page, got, err)
		}
		if got := string(s.EncodeJSON([]byte(`"µ ° ток 表 😀\n"`))); got != `"\u00b5 \u00b0 \u0442\u043e\u043a \u8868 \ud83d\ude00\n"` {
			t.Errorf("%s: %q", page, got)
		}
	}
}

// Two bytes of a code page can be UTF-8. In JSON they are taken as that, in any other text not.
func TestCodePageThatIsUTF8ByChance(t *testing.T) {
	s := newCodePageSession(t, "936")
	const coded = "\xc5\xb7"
	if got, err := s.DecodeJSON("op", "json", []byte(`"`+coded+`"`)); err != nil || string(got) != `"ŷ"` {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := s.Decode("op", "text", []byte(coded)); err != nil || string(got) != "欧" {
		t.Errorf("%q, %v", got, err)
	}
}

// A byte of a string that is in neither encoding is an error, counted in characters.
func TestJSONInNeitherEncoding(t *testing.T) {
	s := newCodePageSession(t, "932")
	_, err := s.DecodeJSON("tcmd", "json", []byte(`{"µ": "`+"\x95\x5cb\xff"+`"}`))
	if !errors.Is(err, ErrEncoding) || !strings.Contains(err.Error(), "character 10 of json") {
		t.Error(err)
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
		"set_string":  s.SetString("set_string", nil, invalid),
		"set_json":    s.SetJSON("set_json", nil, invalid),
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
	const sent, held = "\"\xb5\"", `"\u00b5"`
	if size, err := s.Tcmd([]byte(sent), testTimeout); err != nil || size != len(held) || text(t, s) != held {
		t.Errorf("size %d, text %q, %v", size, text(t, s), err)
	}
}
