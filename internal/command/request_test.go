package command_test

import (
	"errors"
	"strings"
	"testing"

	"libobe/internal/command"
	"libobe/internal/jsondoc"
	"libobe/internal/socket"
)

// object returns a document; the text "" is nil.
func object(t *testing.T, text string) *jsondoc.Document {
	t.Helper()
	if text == "" {
		return nil
	}
	d, err := jsondoc.Parse([]byte(text))
	must(t, err)
	return d
}

func TestNewAcceptsAnyNameInUTF8(t *testing.T) {
	for _, name := range []string{"", "ready", "unknown", "\x00\n\"", "é😀", strings.Repeat("x", 1<<20)} {
		d, err := command.New(name)
		must(t, err)
		if got, err := d.String("/command"); got != name || err != nil {
			t.Errorf("%.20q is read back as %.20q (%v)", name, got, err)
		}
		if n, err := d.Count(""); n != 1 || err != nil {
			t.Errorf("%.20q: %d members (%v)", name, n, err)
		}
	}
	for _, name := range []string{"\xff", "a\xed\xa0\x80", "é"[:1]} {
		if d, err := command.New(name); d != nil || !errors.Is(err, jsondoc.ErrText) {
			t.Errorf("%q: %v, %v", name, d, err)
		}
	}
}

func TestRequestOfEveryCommand(t *testing.T) {
	for _, k := range commands {
		for fields, want := range map[string]string{
			"":                                  `{"command": "` + k.name + `"}`,
			"{}":                                `{"command": "` + k.name + `"}`,
			`{"command": "x", "command": null}`: `{"command": "` + k.name + `"}`,
			` {"a": [1.0,2], "b": {"command": 1}, "command": {}} `: `{"command": "` + k.name + `", "a": [1.0,2], "b": {"command": 1}}`,
			`{"a": 1, "\u0061": 2}`:                                `{"command": "` + k.name + `", "a": 2}`,
		} {
			r, err := command.Request(k.name, object(t, fields))
			if err != nil {
				t.Errorf("%s with %s: %v", k.name, fields, err)
			} else if got := string(r.Text()); got != want {
				t.Errorf("%s with %s: %s, want %s", k.name, fields, got, want)
			}
		}
		for _, fields := range []string{"[]", "1", `"x"`, "null", "true"} {
			if r, err := command.Request(k.name, object(t, fields)); r != nil || !errors.Is(err, jsondoc.ErrType) {
				t.Errorf("%s with %s: %v, %v", k.name, fields, r, err)
			}
		}
	}
}

func TestUnknownCommandsAreRefused(t *testing.T) {
	reply := object(t, `"OK"`)
	for _, name := range []string{"", "Ready", "ready ", "command", "wait_ready", "\xff", strings.Repeat("é", 10_000)} {
		_, request := command.Request(name, nil)
		for what, err := range map[string]error{"Request": request, "Check": command.Check(name, reply), "CheckKind": command.CheckKind(name, reply)} {
			if !errors.Is(err, socket.ErrArgument) || errors.Is(err, command.ErrReply) || len(err.Error()) > 500 {
				t.Errorf("%s of %.20q: %.600v", what, name, err)
			}
		}
	}
}

// A pickiness in fields is normalized as GoodSet does, but only as a member of goodset.
func TestPickinessOfRequests(t *testing.T) {
	for pickiness, want := range map[string]string{
		"4": "4", "4.0": "4", "40e-1": "4", "-0.0": "0", "0": "0", "-3.0": "-3", "9007199254740991.0": "9007199254740991",
		"0.5": "0.5", "0.50": "0.50", "-0.5": "-0.5", "9007199254740992": "9007199254740992", "9007199254740992.0": "9007199254740992.0",
		"1e300": "1e300", "-1e300": "-1e300", "1e999": "1e999", "NaN": "NaN", "-Infinity": "-Infinity",
		"1" + strings.Repeat("0", 400): "1" + strings.Repeat("0", 400),
		"null":                         "null", `"4.0"`: `"4.0"`, "[4.0]": "[4.0]", `{"pickiness": 4.0}`: `{"pickiness": 4.0}`,
	} {
		r, err := command.Request("goodset", object(t, `{"a": 4.0, "pickiness": `+pickiness+`}`))
		must(t, err)
		if got := string(r.Text()); got != `{"command": "goodset", "a": 4.0, "pickiness": `+want+`}` {
			t.Errorf("pickiness %.40s is sent as %.100s", pickiness, got)
		}
		r, err = command.Request("optset", object(t, `{"pickiness": `+pickiness+`}`))
		must(t, err)
		if got := string(r.Text()); got != `{"command": "optset", "pickiness": `+pickiness+`}` {
			t.Errorf("pickiness %.40s of optset is sent as %.100s", pickiness, got)
		}
	}
}
