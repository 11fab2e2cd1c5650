package script

import (
	"strings"
	"testing"
	"time"

	"libobe/internal/jsondoc"
)

const example = `# replies.toml
[[answer]]
command = "optset"
sequence = [[2.86], [2.87]]

[[answer]]
command = "newdat"
match = {x = [25], note = {who = "me"}}
delay = "20ms"
times = 2
then = "error"

[[answer]]
command = "getmean"
json_sequence = ['[NaN, 1]', '{"b": 1, "a": null}']
then = "next"

[[answer]]
command = "getmean"
fault = "half"
reply = [1, 25.0, true, {b = "x", a = nan}]

[[answer]]
command = "getcov"
raw = "         4\"OK\""

[[answer]]
command = "getset"
times = 0

[otherwise]
fault = "silence"
`

func mustParse(t *testing.T, text string) *Script {
	t.Helper()
	s, err := Parse("replies.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// is compares an answer; a body that begins with ^ is a beginning.
func is(t *testing.T, got Answer, action Action, body string) {
	t.Helper()
	if got.Action != action || string(got.Body) != body && !(body != "" && body[0] == '^' && strings.HasPrefix(string(got.Body), body[1:])) {
		t.Errorf("the answer is %q %s, and not %q %s", got.Action, got.Body, action, body)
	}
}

func TestAnswersInTheOrderOfTheScript(t *testing.T) {
	s := mustParse(t, example)
	optset := []byte(`{"command": "optset"}`)
	is(t, s.Answer(optset), Reply, "[[2.86]"[1:])
	is(t, s.Answer(optset), Reply, "[2.87]")
	is(t, s.Answer(optset), Reply, "[2.87]") // it repeats the last

	if left := s.Left(); len(left) != 4 || left[0] != `replies.toml:6: 2 of 2 answers to "newdat" with {"note": {"who": "me"}, "x": [25]}` {
		t.Errorf("left is %q", left)
	}
	newdat := []byte(`{"more": 1, "x": [25.0], "note": {"who": "me", "at": 3}, "command": "newdat"}`)
	if a := s.Answer(newdat); a.Delay != 20*time.Millisecond {
		t.Errorf("the delay is %v", a.Delay)
	}
	is(t, s.Answer([]byte(`{"command": "newdat", "x": [25, 1], "note": {"who": "me"}}`)), Silence, `"OK"`)
	is(t, s.Answer(newdat), Reply, `"OK"`)
	third := s.Answer(newdat)
	is(t, third, Reply, `{"error": "replies.toml:6 expects no more than 2 such messages", "command": "newdat"}`)
	if third.Unexpected == "" {
		t.Error("the third newdat is expected")
	}

	getmean := []byte(`{"command": "getmean"}`)
	is(t, s.Answer(getmean), Reply, "[NaN, 1]")
	is(t, s.Answer(getmean), Reply, `{"b": 1, "a": null}`)
	is(t, s.Answer(getmean), Half, `[1, 25.0, true, {"a": NaN, "b": "x"}]`)
	is(t, s.Answer([]byte(`{"command": "getcov"}`)), Raw, `         4"OK"`)
	is(t, s.Answer([]byte(`"OK"`)), Silence, `"OK"`)
	is(t, s.Answer([]byte(`[1]`)), Silence, `"OK"`)
	if left := s.Left(); len(left) != 0 {
		t.Errorf("left is %q", left)
	}
	if a := s.Answer([]byte(`{"command": "getset"}`)); a.Unexpected != "replies.toml:27 expects no such message" {
		t.Errorf("getset is answered with %+v", a)
	}
}

func TestUsedUp(t *testing.T) {
	s := mustParse(t, "[[answer]]\nsequence = [1, 2]\n[[answer]]\ntimes = 0\n")
	for i := range 4 {
		if got, want := s.UsedUp(), len(s.Left()) == 0; got != want || got != (i >= 2) {
			t.Errorf("after %d messages: %v; left is %q", i, got, s.Left())
		}
		s.Answer([]byte("0"))
	}
	if n := testing.AllocsPerRun(10, func() { s.UsedUp() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if !(*Script)(nil).UsedUp() {
		t.Error("no script has nothing left")
	}
}

func TestWithoutAScriptEveryAnswerIsOK(t *testing.T) {
	var s *Script
	is(t, s.Answer([]byte(`{"command": "anything"}`)), Reply, `"OK"`)
	if s.Left() != nil {
		t.Error("something is left of no script")
	}
}

// Editors on Windows begin a text with a byte order mark, and end its lines with CR LF.
func TestAScriptFromWindows(t *testing.T) {
	s := mustParse(t, "\xef\xbb\xbf[[answer]]\r\nreply = 1\r\n")
	is(t, s.Answer([]byte("0")), Reply, "1")
	_, err := Parse("s.toml", []byte("\xef\xbb\xbf[[answer]]\r\ndelay = ''\r\n"))
	if err == nil || !strings.HasPrefix(err.Error(), "s.toml:2: delay is ") {
		t.Error(err)
	}
}

func TestMatchesByValue(t *testing.T) {
	for _, c := range []struct {
		match, message string
		want           bool
	}{
		{`{a = 1}`, `{"a": 1}`, true},
		{`{a = 1}`, `{"a": 1.0}`, true},
		{`{a = 1.0}`, `{"a": 1}`, true},
		{`{a = 1}`, `{"a": 1.5}`, false},
		{`{a = 1}`, `{"a": "1"}`, false},
		{`{a = 1}`, `{"b": 1}`, false},
		{`{a = 9007199254740993}`, `{"a": 9007199254740992}`, false},
		{`{a = nan}`, `{"a": NaN}`, true},
		{`{a = inf}`, `{"a": 1e999}`, true},
		{`{a = true}`, `{"a": true}`, true},
		{`{a = true}`, `{"a": 1}`, false},
		{`{a = "x"}`, `{"a": "\u0078"}`, true},
		{`{a = []}`, `{"a": []}`, true},
		{`{a = []}`, `{"a": {}}`, false},
		{`{a = {}}`, `{"a": {"b": 1}}`, true},
		{`{a = {}}`, `{"a": []}`, false},
		{`{"a/b~c" = 1}`, `{"a/b~c": 1}`, true},
		{`{a = 1}`, `{"a": 2, "a": 1}`, true}, // as in Python, the last one counts
		{`{a = 1}`, `[1]`, false},
	} {
		s := mustParse(t, "[[answer]]\nmatch = "+c.match+"\nreply = \"yes\"")
		if got := string(s.Answer([]byte(c.message)).Body) == `"yes"`; got != c.want {
			t.Errorf("%s matches %s: %v", c.match, c.message, got)
		}
	}
}

func TestErrorsNameFileLineAndWhatIsRight(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "s.toml: the script is empty; an entry begins with a line [[answer]]"},
		{"\n[[answer]]\ncomand = 'x'", `s.toml:3: "answer.comand" is not a key of a script; an entry has command, match, `},
		{"[[answers]]\n", `s.toml:1: "answers" is not a key of a script; a script has tables [[answer]] and [otherwise]`},
		{"answer = 1", "s.toml:1: a script has tables [[answer]] and [otherwise]"},
		{"\nanswer = [{times = 1}, {fault = 'x'}]", "s.toml:2: fault is one of "},
		{"[[answer]]\ncommand = 3", `s.toml:2: command is the name of a command, such as "optset"`},
		{"[[answer]]\n\nmatch = 3", "s.toml:3: match is members that a message must have, such as {x = [2.5]}"},
		{"[[answer]]\ntimes = -1", "s.toml:2: times is a number from 0 to 1000000"},
		{"[[answer]]\ntimes = 'a'", "s.toml:2: times is how many messages the entry answers, 0 or more"},
		{"[[answer]]\ntimes = 0\nreply = 1", "s.toml:2: times = 0 expects no such message, so the entry has no answer"},
		{"[[answer]]\ntimes = 0\nthen = 'next'", `s.toml:3: after times = 0, then is "error"`},
		{"[[answer]]\n[[answer]]\nthen = 'x'", `s.toml:3: then is "repeat", "next" or "error", and not "x"`},
		{"[[answer]]\ndelay = '5'", `s.toml:2: delay is a time such as "200ms" or "1.5s", and not "5"`},
		{"[[answer]]\nfault = 'x'", `s.toml:2: fault is one of "silence", "close", "reset", "garbage", "half" or "stall", and not "x"`},
		{"[[answer]]\nfault = 'close'\nreply = 1", `s.toml:3: an entry with fault = "close" sends no reply, so it has no reply`},
		{"[[answer]]\nreply = 1\njson = '1'", "s.toml:3: an entry has one of reply, json, sequence, json_sequence and raw, and this one has reply and json"},
		{"[[answer]]\nreply = 1\nraw = '1'", "s.toml:3: an entry has one of reply,"},
		{"[[answer]]\njson = '{'", `s.toml:2: json: "{": invalid JSON at byte 1: `},
		{"[[answer]]\nsequence = []", "s.toml:2: sequence has no reply; it is a list of replies, such as [[2.86], [2.87]]"},
		{"[[answer]]\nsequence = [1]\ntimes = 2", "s.toml:3: times is for an entry with one answer; the length of a sequence says"},
		{"\n[[Answer]]", `s.toml:2: "Answer" is not a key of a script; a script has tables [[answer]] and [otherwise]`},
		{"[[answer]]\n[[answer]]\n\nCommand = 'x'", `s.toml:4: "answer.Command" is not a key of a script; an entry has command, match, `},
		{"\nanswer = [{reply = 1, Reply = 2}]", `s.toml:2: "answer.Reply" is not a key of a script; `},
		{"[otherwise]\nFault = 'close'", `s.toml:2: "otherwise.Fault" is not a key of a script; `},
		{"\xff\xfe[\x00[\x00", "s.toml: the text is in UTF-16; save the file as UTF-8"},
		{"[[answer]]\nreply = 99999999999999999999", "s.toml:2: decimal number is too large to fit in a 64-bit signed integer"},
		{"[[answer]]\nreply = 1e999", "s.toml:2: unable to parse float"},
		{"[[answer]]\nreply = 2026-01-01", "s.toml:2: reply: JSON has no dates and times; write it in quotes"},
		{"[[answer]]\n[answer.match]\nx = [07:32:00]", "s.toml:2: match: JSON has no dates and times; write it in quotes"},
		{"[[answer]]\ncommand = ", "s.toml:2: "},
		{"[otherwise]\ncommand = 'x'", "s.toml:2: [otherwise] is for all messages that no [[answer]] matches, and has no such key"},
		{"[otherwise]\nsequence = [1]", "s.toml:2: [otherwise] is for all messages"},
		{"[[answer]]\nreply = " + strings.Repeat("[", 600) + strings.Repeat("]", 600), "s.toml:2: reply: nested deeper than 512 levels"},
	} {
		_, err := Parse("s.toml", []byte(c.text))
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("the error of %q is\n%v, and not\n%s", c.text, err, c.want)
		}
	}
}

// FuzzScript checks that a script of any text is refused with the file's name, or answers
// any message with a valid one.
func FuzzScript(f *testing.F) {
	f.Add([]byte(example), []byte(`{"command": "optset"}`))
	f.Add([]byte("[[answer]]\n[answer.match]\nx.y = 1\n[answer.match.z]\na = [{}]"), []byte(`{"x": {"y": 1}}`))
	f.Add([]byte("answer = [{reply = 1}, {times = 0}]\notherwise = {raw = ''}"), []byte(`1`))
	f.Fuzz(func(t *testing.T, text, message []byte) {
		if jsondoc.Validate(message) != nil {
			message = []byte(`{"command": "newdat", "x": [1.5]}`)
		}
		s, err := Parse("name", text)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "name:") || strings.Contains(err.Error(), "\n") {
				t.Fatalf("the error is %q", err)
			}
			return
		}
		for range 3 {
			a := s.Answer(message)
			if a.Action == Reply || a.Action == Half || a.Action == Stall {
				if err := jsondoc.Validate(a.Body); err != nil {
					t.Fatalf("the answer %q: %v", a.Body, err)
				}
			}
		}
		s.Left()
	})
}
