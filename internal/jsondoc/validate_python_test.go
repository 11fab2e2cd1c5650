package jsondoc_test

import (
	"bytes"
	"encoding/base64"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"libobe/internal/jsondoc"
	"libobe/test/tools"
)

// verdictProgram is a Python program that reads lines with a text in base64 each, and
// prints for each whether json.loads accepts it: one character per text.
const verdictProgram = `
import base64, json, sys
if hasattr(sys, "set_int_max_str_digits"):
    sys.set_int_max_str_digits(0)
sys.setrecursionlimit(100000)
answer = []
for line in sys.stdin.buffer:
    try:
        json.loads(base64.b64decode(line).decode("utf-8"))
        answer.append("+")
    except ValueError:
        answer.append("-")
print("".join(answer))
`

// pythonVerdicts returns Python's verdict on each text. Without Python the test is
// skipped, except in CI.
func pythonVerdicts(t *testing.T, texts [][]byte) string {
	t.Helper()
	name := os.Getenv("PYTHON")
	if name == "" {
		name = "python3"
	}
	path, err := exec.LookPath(name)
	if err != nil {
		tools.Missing(t, "there is no Python to compare with: "+err.Error())
	}
	var input bytes.Buffer
	for _, text := range texts {
		input.WriteString(base64.StdEncoding.EncodeToString(text))
		input.WriteByte('\n')
	}
	var problems strings.Builder
	command := exec.Command(path, "-I", "-c", verdictProgram)
	command.Stdin, command.Stderr = &input, &problems
	output, err := command.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, problems.String())
	}
	answer := strings.TrimSpace(string(output))
	if len(answer) != len(texts) {
		t.Fatalf("%d verdicts on %d texts", len(answer), len(texts))
	}
	return answer
}

// generator generates texts that are JSON or almost JSON.
type generator struct{ *rand.Rand }

func (g generator) pick(from ...string) string { return from[g.IntN(len(from))] }

func (g generator) space() string {
	if g.IntN(4) > 0 {
		return ""
	}
	return g.pick(" ", "\n", "\t", "\r", "  ", "\r\n")
}

func (g generator) digits() string {
	n := 1 + g.IntN(3)
	if g.IntN(20) == 0 {
		n = 30
	}
	var b strings.Builder
	for range n {
		b.WriteByte(byte('0' + g.IntN(10)))
	}
	return b.String()
}

func (g generator) number() string {
	text := g.pick("", "", "-") + strconv.Itoa(g.IntN(3)*g.IntN(100_000))
	if g.IntN(3) == 0 {
		text += "." + g.digits()
	}
	if g.IntN(4) == 0 {
		text += g.pick("e", "E") + g.pick("", "+", "-") + g.digits()
	}
	return text
}

func (g generator) quoted() string {
	var b strings.Builder
	b.WriteByte('"')
	for range g.IntN(6) {
		b.WriteString(g.pick("a", "command", " ", "'", "/", "\x7f", "ü", "€", "\U0001f600", "\ufeff", "\u2028", "\uffff",
			`\"`, `\\`, `\/`, `\b`, `\f`, `\n`, `\r`, `\t`, `\u0000`, `\u00FC`, `\uD83D\uDE00`, `\ud800`, `\udc00`, `\ud800\ud800`))
	}
	b.WriteByte('"')
	return b.String()
}

func (g generator) value(depth int) string {
	n := 10
	if depth == 0 {
		n = 7 // no container
	}
	switch g.IntN(n) {
	case 0:
		return g.pick("null", "true", "false")
	case 1:
		return g.pick("NaN", "Infinity", "-Infinity")
	case 2, 3, 4:
		return g.number()
	case 5, 6:
		return g.quoted()
	case 7, 8:
		return "[" + g.list(func() string { return g.value(depth - 1) }) + "]"
	default:
		return "{" + g.list(func() string {
			return g.quoted() + g.space() + ":" + g.space() + g.value(depth-1)
		}) + "}"
	}
}

func (g generator) list(member func() string) string {
	var members []string
	for range g.IntN(4) {
		members = append(members, g.space()+member()+g.space())
	}
	return strings.Join(members, ",") + g.space()
}

// fragments are inserted into texts, which may make them invalid.
var fragments = []string{
	",", ":", "[", "]", "{", "}", `"`, `\`, "'", "-", "+", ".", "e", "E", "0", "1", "00", "-0", "1e5", ".5", "0x1", "_", "/", "//", "#",
	"null", "true", "false", "NaN", "nan", "Infinity", "-Infinity", "inf", "None", "True", "undefined", `""`, `"a":`, "[]", "{}",
	`\u`, `\u12`, `\ud800`, `\x41`, `\'`, " ", "\t", "\n", "\r", "\f", "\v", "\x00", "\x1f", "\x7f", "\u00a0", "\u0085", "\u2028", "\ufeff",
	"\x80", "\xbf", "\xc0", "\xc0\x80", "\xc2", "\xe0", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf5", "\xff",
}

// mutate changes a text in some places.
func (g generator) mutate(text []byte) []byte {
	for range 1 + g.IntN(3) {
		i := g.IntN(len(text) + 1)
		j := min(len(text), i+g.IntN(4))
		var between string
		switch g.IntN(6) {
		case 0: // truncate
			text = text[:i]
			continue
		case 1: // remove
		case 2: // repeat
			between = string(text[i:j]) + string(text[i:j])
		case 3: // change a bit
			if i < len(text) {
				text = bytes.Clone(text)
				text[i] ^= 1 << g.IntN(8)
			}
			continue
		case 4: // replace
			between = fragments[g.IntN(len(fragments))]
		default: // insert
			between = fragments[g.IntN(len(fragments))]
			j = i
		}
		text = append(append(bytes.Clone(text[:i]), between...), text[j:]...)
	}
	return text
}

func TestValidateAgreesWithPython(t *testing.T) {
	const generated = 100_000
	var texts [][]byte
	for _, text := range valid {
		texts = append(texts, []byte(text))
	}
	for _, c := range invalid {
		texts = append(texts, []byte(c.text))
	}
	g := generator{rand.New(rand.NewPCG(61981, 1))}
	fixed := len(texts)
	for len(texts) < fixed+generated {
		text := []byte(g.space() + g.value(3) + g.space())
		if g.IntN(10) == 0 {
			text = bytes.Clone(texts[g.IntN(fixed)])
		}
		if len(text) > 1000 {
			continue
		}
		if g.IntN(4) > 0 {
			text = g.mutate(text)
		}
		texts = append(texts, text)
	}
	answer := pythonVerdicts(t, texts)
	for i, text := range texts {
		if err := jsondoc.Validate(text); (err == nil) != (answer[i] == '+') {
			t.Errorf("%q: %v, and the verdict of Python is %c", text, err, answer[i])
		}
	}
	// Both kinds of texts must be frequent, or the comparison tests little.
	if accepted := strings.Count(answer, "+"); accepted < generated/4 || accepted > generated*3/4 {
		t.Errorf("Python accepted %d texts of %d", accepted, len(texts))
	}
}
