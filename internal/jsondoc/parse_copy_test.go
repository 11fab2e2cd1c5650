package jsondoc

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// expectSameParse parses a text in parts, and wants what Parse says of it.
func expectSameParse(t *testing.T, text []byte, offsets ...int) {
	t.Helper()
	want, wantErr := Parse(bytes.Clone(text))
	got, err := parseParts(text, offsets)
	if fmt.Sprint(err) != fmt.Sprint(wantErr) {
		t.Fatalf("%.2000q, divided at %v: %v, want %v", text, offsets, err, wantErr)
	}
	if err == nil && !bytes.Equal(got.Text(), want.Text()) {
		t.Fatalf("%.2000q, divided at %v: another text", text, offsets)
	}
}

// numbersInTexts are texts in which numbers stand in arrays, and what looks so elsewhere. They are repeated where there is a %s.
var numbersInTexts = []string{
	`{"command": "data", "x": [%s 1]}`, `[[%s 1], {"y": [%s 2]}, "%s"]`, `"[%s 1]"`, `{"x": "[", "y": 1, %s: 2}`, `{"x": %s 2}`, `[%s]`, `%s`,
	`[%s 1, "a", %s 1]`, `[%s NaN, %s -Infinity]`, `{"a": [%s "\", %s"]}`, `[[%s 1], [%s 2] %s]`,
}

// randomList returns about n bytes of randomNumbers, with a comma at the end.
func randomList(random *rand.Rand, n int) string {
	return strings.TrimRight(string(randomNumbers(random, n)[1:]), " ]") + ","
}

// Where a text is divided makes no difference.
func TestParsePartsAsAWhole(t *testing.T) {
	random := rand.New(rand.NewPCG(21, 22))
	count := 20_000
	if testing.Short() {
		count = 2000
	}
	for i := range count {
		text := []byte(strings.ReplaceAll(numbersInTexts[i%len(numbersInTexts)], "%s", randomList(random, 100+random.IntN(600))))
		a, b := random.IntN(len(text)+1), random.IntN(len(text)+1)
		expectSameParse(t, text)
		expectSameParse(t, text, a)
		expectSameParse(t, text, min(a, b), max(a, b))
	}
}

// A text that is divided among CPUs, and an error in each of its parts.
func TestParseCopyOfALongText(t *testing.T) {
	text := append(append([]byte(`{"x": `), AppendDoubles(nil, randomDoubles(4*minParse/20))...), '}')
	for at := 5; at < len(text); at += len(text) / 7 {
		changed := bytes.Clone(text)
		changed[at] = 'x'
		_, err := ParseCopy(changed)
		if want := Validate(changed); fmt.Sprint(err) != fmt.Sprint(want) || want == nil {
			t.Errorf("an error at byte %d: %v, want %v", at, err, want)
		}
	}
	d, err := ParseCopy(text)
	if err != nil || !bytes.Equal(d.Text(), text) {
		t.Errorf("another text (%v)", err)
	}
}

func FuzzParseParts(f *testing.F) {
	random := rand.New(rand.NewPCG(23, 24))
	for _, form := range numbersInTexts {
		f.Add([]byte(strings.ReplaceAll(form, "%s", randomList(random, 200))), uint16(150), uint16(300))
	}
	f.Fuzz(func(t *testing.T, text []byte, first, second uint16) {
		a, b := int(first)%(len(text)+1), int(second)%(len(text)+1)
		expectSameParse(t, text, min(a, b), max(a, b))
		expectSameParse(t, text, a)
	})
}

// randomNumbers returns an array of about n bytes: numbers of all forms, some long, with white space of all kinds, and in
// half of them an error at a random place.
func randomNumbers(random *rand.Rand, n int) []byte {
	var b strings.Builder
	pick := func(from ...string) { b.WriteString(from[random.IntN(len(from))]) }
	digits := func() {
		for range 1 + random.IntN(1+[]int{2, 20, 200}[random.IntN(3)]) {
			b.WriteByte(byte('0' + random.IntN(10)))
		}
	}
	separators := [][]string{{","}, {", "}, {",\n    "}, {",", ", ", " ,", "\t,\r\n", ",                      "}}[random.IntN(4)]
	b.WriteString("[0")
	for b.Len() < n {
		pick(separators...)
		if random.IntN(3) == 0 {
			b.WriteString("-")
		}
		if random.IntN(4) == 0 {
			b.WriteString("0")
		} else {
			b.WriteByte(byte('1' + random.IntN(9)))
			digits()
		}
		if random.IntN(3) > 0 {
			b.WriteString(".")
			digits()
		}
		if random.IntN(4) == 0 {
			pick("e", "E", "e-", "E+")
			digits()
		}
	}
	pick("]", " ]", ", NaN]", ", -Infinity]", ", null]", ", [1]]", "")
	text := []byte(b.String())
	if random.IntN(2) == 0 {
		const wrong = "0123456789.-+eE, \t\n\r[]{}\"xN\x00\x0b\x1f/:\x80\xff"
		at := random.IntN(len(text))
		switch random.IntN(3) {
		case 0:
			text[at] = wrong[random.IntN(len(wrong))]
		case 1:
			text = append(text[:at], text[at+1:]...)
		default:
			text = append(text[:at+1], text[at:]...)
			text[at] = wrong[random.IntN(len(wrong))]
		}
	}
	return text
}
