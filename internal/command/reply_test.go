package command_test

import (
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"libobe/internal/command"
	"libobe/internal/jsondoc"
	"libobe/internal/systemtest"
)

var hugeInteger = "1" + strings.Repeat("0", 400)

// replies are replies with the kinds of answers that they are, and whether they are an
// array.
var replies = []struct {
	reply             string
	ok, numbers, rows bool
	array             bool
}{
	{`"OK"`, true, false, false, false},
	{" \n\"\\u004f\\u004B\" ", true, false, false, false},
	{`"ok"`, false, false, false, false},
	{`"OK!"`, false, false, false, false},
	{`""`, false, false, false, false},
	{`{"error": "no such command"}`, false, false, false, false},
	{"null", false, false, false, false},
	{"1", false, false, false, false},
	{"NaN", false, false, false, false},
	{"[]", false, true, true, true},
	{" [\n] ", false, true, true, true},
	{"[1]", false, true, false, true},
	{"[1,-2.5e3 , NaN,Infinity,-Infinity]", false, true, false, true},
	{"[1e999, 1e-999]", false, true, false, true},
	{"[" + hugeInteger + "]", false, false, false, true},
	{"[[1], [" + hugeInteger + "]]", false, false, false, true},
	{"[[]]", false, false, true, true},
	{"[[], []]", false, false, true, true},
	{"[[1, 2], [3, NaN]]", false, false, true, true},
	{"[[1, 2], [3]]", false, false, false, true},
	{"[[1], []]", false, false, false, true},
	{"[1, [2]]", false, false, false, true},
	{"[[1], 2]", false, false, false, true},
	{"[[[1]]]", false, false, false, true},
	{"[null]", false, false, false, true},
	{"[true]", false, false, false, true},
	{`["OK"]`, false, false, false, true},
	{`[1, "2, 3", 4]`, false, false, false, true},
	{`[[1], ["2"]]`, false, false, false, true},
	{`[{"a": 1}]`, false, false, false, true},
	{`[[1], [false]]`, false, false, false, true},
	{strings.Repeat("[", jsondoc.MaxDepth) + strings.Repeat("]", jsondoc.MaxDepth), false, false, false, true},
	{strings.Repeat(`{"a":`, jsondoc.MaxDepth) + "1" + strings.Repeat("}", jsondoc.MaxDepth), false, false, false, false},
}

func TestCheckOfEveryCommand(t *testing.T) {
	for _, k := range commands {
		for _, r := range replies {
			answers, kind := r.numbers, r.array
			switch k.name {
			case "ready", "newrun", "newdat", "done":
				answers, kind = r.ok, r.ok
			case "getcov", "getpar", "getset":
				answers = r.rows
			}
			d := object(t, r.reply)
			for what, c := range map[string]struct {
				err  error
				want bool
			}{"Check": {command.Check(k.name, d), answers}, "CheckKind": {command.CheckKind(k.name, d), kind}} {
				switch {
				case c.want && c.err == nil:
				case c.want || !errors.Is(c.err, command.ErrReply):
					t.Errorf("%s of %.60s as the answer of %s: %v", what, r.reply, k.name, c.err)
				case !strings.HasPrefix(c.err.Error(), k.name+": ") || !strings.Contains(c.err.Error(), r.reply[:min(len(r.reply), 200)]):
					t.Errorf("%s of %.60s as the answer of %s, without the reply: %v", what, r.reply, k.name, c.err)
				case len(c.err.Error()) > 500:
					t.Errorf("%s of %.60s: %d bytes of error text", what, r.reply, len(c.err.Error()))
				}
			}
		}
	}
}

// Check and the functions that read numbers agree.
func TestCheckAgreesWithReading(t *testing.T) {
	dst := make([]float64, 100)
	for _, r := range replies {
		d := object(t, r.reply)
		_, err := d.Doubles("", dst)
		if checked := command.Check("optset", d); (err == nil) != (checked == nil) {
			t.Errorf("%.60s: as numbers %v, checked %v", r.reply, err, checked)
		}
		_, _, err = d.Matrix("", dst)
		if checked := command.Check("getset", d); (err == nil) != (checked == nil) {
			t.Errorf("%.60s: as rows %v, checked %v", r.reply, err, checked)
		}
	}
}

func TestErrorsContainUpTo200BytesOfTheReply(t *testing.T) {
	for _, c := range []struct {
		text  string
		whole bool
	}{
		{`"` + strings.Repeat("x", 198) + `"`, true},
		{`"` + strings.Repeat("x", 199) + `"`, false},
		{`"` + strings.Repeat("é", 99) + `"`, true},
		{`"x` + strings.Repeat("😀", 1000) + `"`, false},
	} {
		for _, name := range []string{"ready", "optset", "getset"} {
			err := command.Check(name, object(t, c.text))
			if !errors.Is(err, command.ErrReply) {
				t.Fatal(err)
			}
			_, rest, _ := strings.Cut(err.Error(), "unexpected reply: ")
			shown, _, cut := strings.Cut(rest, "… (")
			if cut == c.whole || !utf8.ValidString(rest) || c.whole && !strings.HasPrefix(rest, c.text+" instead of") ||
				cut && (len(shown) > 200 || len(shown) <= 200-utf8.UTFMax || !strings.HasPrefix(c.text, shown)) {
				t.Errorf("%s: %q", name, err.Error())
			}
		}
	}
}

// Check allocates no memory for numbers, and its time is linear in the reply.
func TestCheckIsLinearAndAllocatesNoNumbers(t *testing.T) {
	large := func(row string, n int) *jsondoc.Document {
		return object(t, "["+strings.Repeat(row+",", n-1)+row+"]")
	}
	for name, c := range map[string]struct {
		command, item string
	}{
		"numbers":        {"optset", "1.5"},
		"short numbers":  {"optset", "1"},
		"long numbers":   {"optset", strings.Repeat("1234567890", 20)},
		"rows":           {"getset", "[1,2,3]"},
		"empty rows":     {"getset", "[]"},
		"wrong rows":     {"getset", "1"},
		"wrong elements": {"optset", "[1]"},
		"null":           {"optset", "null"},
		"OK":             {"ready", "1"},
	} {
		const size = 256 << 10
		n := size / len(c.item)
		check := func(d *jsondoc.Document) (best time.Duration) {
			best = time.Hour
			for range 3 {
				began := systemtest.CPUTime(t)
				_ = command.Check(c.command, d)
				best = min(best, systemtest.CPUTime(t)-began)
			}
			return best
		}
		small, whole := large(c.item, n/16), large(c.item, n)
		_ = command.Check(c.command, small) // computes the powers of ten
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_ = command.Check(c.command, whole)
		runtime.ReadMemStats(&after)
		if taken := after.TotalAlloc - before.TotalAlloc; taken > 64<<10 {
			t.Errorf("%s: %d bytes allocated for a reply of %d", name, taken, size)
		}
		// Quadratic time would be 256 times as long.
		if s, w := check(small), check(whole); w > 100*s+50*time.Millisecond {
			t.Errorf("%s: %v, and %v for a reply 16 times as long", name, s, w)
		}
	}
}
