package jsondoc_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"libobe/internal/jsondoc"
)

// valid are texts that Python's json.loads accepts.
var valid = []string{
	`null`, `true`, `false`, `0`, `-0`, `""`, `[]`, `{}`,
	` null`, "null ", " \t\r\n[ \t\r\n] \t\r\n", "\n{\n}\n", "[\n1\n,\n2\n]", "{ \"a\" : 1 , \"b\" : 2 }",

	`1`, `-1`, `10`, `1234567890`, `123456789012345678901234567890`, `0.5`, `-0.0`, `1.25`, `1e5`, `1E5`, `1e+5`, `1e-5`,
	`0e0`, `0.0e-0`, `1.5e300`, `1e999`, `-1e999`, `1e-999`, `12345678.12345678e12345678`,
	`NaN`, `Infinity`, `-Infinity`, `[NaN, Infinity, -Infinity]`, `{"x": NaN}`, `[NaN]`, `[-Infinity]`, `[1,NaN,2]`,
	`[0,-0,1,-1,1.5,2e3,-4E-5]`, "[1 ,2\t,3\n,4\r]", "[ 1,\n\t 2, \r3]", `[12345678,123456789,1234567,0.12345678]`, `[[1,2],[3,4]]`,
	strings.Repeat("9", 5000), "0." + strings.Repeat("0", 5000) + "1", "[" + strings.Repeat("1,", 5000) + "1]",

	`"a"`, `"ab cd"`, `"\"\\\/\b\f\n\r\t"`, `"\u0000"`, `"\u00fc\uABCD\uabcd"`, `"\ud800"`, `"\udc00\ud800"`, `"\ud83d\ude00"`,
	"\"\x7f\"", "\"ü\"", "\"\u07ff\u0800\uffff\"", "\"\U00010000\U0010ffff\"", "\"\ufeff\"", "\"\u2028\"",
	`"12345678"`, `"1234567\n"`, `"12345678\n"`, `"` + strings.Repeat("x", 5000) + `"`, `"'"`, `"//"`,

	`["a"]`, `["a","b"]`, `[[]]`, `[[],[]]`, `[{}]`, `[{},[]]`, `[null,true,false]`, `[1,"a",null,{"b":[2]}]`,
	`{"a":1}`, `{"a":1,"b":2}`, `{"a":1,"a":2}`, `{"":0}`, `{"a":{}}`, `{"a":[]}`, `{"a":{"b":{"c":[1,{"d":null}]}}}`,
	`{"a":-1}`, `{"a":0,"b":1.5e3}`, `{"a":12345678}`, `{"\u0061":"\u0061"}`, "{\"ü\":\"ü\"}", `{"a":true,"b":false,"c":null}`,
	`{"command": "goodset", "pickiness": 4}`, `{"command": "newdat", "x": [2.5], "y": -1e-05, "s": 0.1}`, `"OK"`,
}

// invalid are texts that it rejects, with the offset of the first wrong byte. That
// is the length of the text where more was expected.
var invalid = []struct {
	text   string
	offset int64
}{
	// The end of the text in every state.
	{``, 0}, {` `, 1}, {"\n\r\t ", 4}, // a value
	{`[`, 1}, {`[ `, 2}, {`{`, 1}, {`{ `, 2}, // the first of an array or object
	{`[1,`, 3}, {`[1, `, 4}, {`{"a":1,`, 7}, {`{"a":1, `, 8}, // the next
	{`{"a"`, 4}, {`{"a" `, 5}, {`{"a":`, 5}, {`{"a": `, 6}, // colon and value
	{`[1`, 2}, {`[[]`, 3}, {`[1 `, 3}, {`{"a":1`, 6}, {`{"a":{}`, 7}, {`{"a":{} `, 8}, // comma or end
	{`"`, 1}, {`"ab`, 3}, {`"12345678`, 9}, {`{"a`, 3}, {`"\`, 2}, // string and escape
	{`"\u`, 3}, {`"\u1`, 4}, {`"\u12`, 5}, {`"\u123`, 6}, {`"\u1234`, 7},
	{"\"\xc3", 2}, {"\"\xe2", 2}, {"\"\xe2\x82", 3}, {"\"\xf0", 2}, {"\"\xf0\x90", 3}, {"\"\xf0\x90\x80", 4}, // UTF-8
	{`t`, 1}, {`tru`, 3}, {`f`, 1}, {`fals`, 4}, {`n`, 1}, {`nul`, 3}, {`N`, 1}, {`Na`, 2}, {`I`, 1}, {`Infinit`, 7}, {`-I`, 2}, {`-Infinit`, 8}, // literals
	{`-`, 1}, {`1.`, 2}, {`0.`, 2}, {`1e`, 2}, {`0e`, 2}, {`1.5E`, 4}, {`1e+`, 3}, {`1e-`, 3}, // numbers
	{`[-`, 2}, {`[0.`, 3}, {`[1,2e`, 5}, {`[0`, 2}, {`[1.5`, 4}, {`[1e5`, 4},

	// Numbers.
	{`+1`, 0}, {`.5`, 0}, {`01`, 1}, {`-01`, 2}, {`00`, 1}, {`0123`, 1}, {`--1`, 1}, {`- 1`, 1}, {`1.e5`, 2}, {`1.x`, 2}, {`1..2`, 2},
	{`1.5.5`, 3}, {`1e5.5`, 3}, {`1ee5`, 2}, {`1e+-5`, 3}, {`1e 5`, 2}, {`0x10`, 1}, {`1_000`, 1}, {`1,000`, 1}, {`1 000`, 2}, {`1f`, 1}, {`1-1`, 1},
	{`[01]`, 2}, {`[1 2]`, 3}, {`[1.]`, 3}, {`[.5]`, 1}, {`[+1]`, 1}, {`[1,+2]`, 3}, {`[1, .5]`, 4}, {`[12345678x]`, 9}, {`[1,2,x]`, 5}, {`[1, 2,	x]`, 7},
	{`[0x]`, 2}, {`[-a]`, 2}, {`[1e]`, 3}, {`[1,-]`, 4}, {`[1-2]`, 2}, {"1\x00", 1}, {"12345678\xff", 8}, {`1/2`, 1}, {`1:2`, 1},

	// Literals.
	{`nan`, 1}, {`NAN`, 1}, {`Nan`, 2}, {`inf`, 0}, {`Inf`, 3}, {`infinity`, 0}, {`INFINITY`, 1}, {`+Infinity`, 0}, {`-inf`, 1}, {`-NaN`, 1}, {`- Infinity`, 1},
	{`True`, 0}, {`False`, 0}, {`None`, 1}, {`TRUE`, 0}, {`undefined`, 0}, {`truex`, 4}, {`nulll`, 4}, {`nullnull`, 4}, {`true false`, 5}, {`NaNa`, 3},
	{`NaN1`, 3}, {`tru e`, 3}, {`Infinity1`, 8}, {`-Infinity-`, 9}, {`[nil]`, 2}, {`[tru]`, 4},

	// Strings.
	{`'a'`, 0}, {"`a`", 0}, {`"a"b`, 3}, {`"a" "b"`, 4}, {`"a""b"`, 3}, {"\"\x00\"", 1}, {"\"\x1f\"", 1}, {"\"\n\"", 1}, {"\"\t\"", 1}, {"\"1234567\r\"", 8},
	{"\"12345678\n\"", 9}, {`"\x41"`, 2}, {`"\'"`, 2}, {`"\0"`, 2}, {`"\U0041"`, 2}, {`"\ "`, 2}, {"\"\\\n\"", 2}, {`"\u12"`, 5}, {`"\u 123"`, 3}, {`"\uGGGG"`, 3},
	{`"\u123g"`, 6}, {`"\u+123"`, 3}, {`"\ud83d\u"`, 9}, {`"\ud83d\x"`, 8}, {"\"\\\xff\"", 2}, {"\"\\u\xc3\xbc\"", 3},

	// Arrays and objects.
	{`]`, 0}, {`}`, 0}, {`,`, 0}, {`:`, 0}, {`[]]`, 2}, {`{}}`, 2}, {`[}`, 1}, {`{]`, 1}, {`[,]`, 1}, {`[,1]`, 1}, {`[1,]`, 3}, {`[1,,2]`, 3}, {`[1;2]`, 2}, {`[1:2]`, 2},
	{`[1}`, 2}, {`[1,}`, 3}, {`[[1}]`, 3}, {`["a" "b"]`, 5}, {`["a":1]`, 4}, {`[] []`, 3}, {`[]1`, 2}, {`{}{}`, 2}, {`{},{}`, 2}, {`[...]`, 1}, {`[1,2`, 4},
	{`{,}`, 1}, {`{1:2}`, 1}, {`{a:1}`, 1}, {`{'a':1}`, 1}, {`{null:1}`, 1}, {`{"a"}`, 4}, {`{"a",1}`, 4}, {`{"a" 1}`, 5}, {`{"a":}`, 5}, {`{"a"::1}`, 5}, {`{"a"=1}`, 4},
	{`{"a":1,}`, 7}, {`{"a":1,,"b":2}`, 7}, {`{"a":1 "b":2}`, 7}, {`{"a":1;"b":2}`, 6}, {`{"a":1]`, 6}, {`{"a":1:2}`, 6}, {`{"a":1,2}`, 7}, {`{"a":1,"b"}`, 10},
	{`{"a":[1}`, 7}, {`{"a":{"b":1]}`, 11}, {`{"a":0 1}`, 7}, {`{[]:1}`, 1}, {`{{}:1}`, 1}, {`{"a":1.}`, 7}, {`{"a":1,"b":2`, 12},

	// Texts that are not JSON at all.
	{"\ufeff1", 0}, {"\xef", 0}, {"1\ufeff", 1}, {"\xff\xfe1\x00", 0}, {"\x001", 0}, {"1\x00", 1}, {"\x00", 0}, {"\v1", 0}, {"\f1", 0}, {"1\f", 1}, {"\u00a01", 0},
	{"1\u00a0", 1}, {"\u20281", 0}, {"\x851", 0}, {"[1,\f2]", 3}, {"[\u00a01]", 1}, {"/**/1", 0}, {"1//", 1}, {"[1,/**/2]", 3}, {"#1", 0}, {"ü", 0}, {"١", 0},
	{"[1\x00]", 2}, {"{}\x1a", 2}, {"{\"a\"\f:1}", 4}, {"<a/>", 0}, {"\x80", 0}, {"[\xff]", 1}, {"{\xff}", 1}, {"@", 0},
}

// offset returns the offset of a *SyntaxError, or -1 without an error.
func offset(t *testing.T, err error) int64 {
	t.Helper()
	if err == nil {
		return -1
	}
	var syntax *jsondoc.SyntaxError
	if !errors.As(err, &syntax) {
		t.Fatalf("%v is a %T, want a *SyntaxError", err, err)
	}
	return syntax.Offset
}

// feed validates a text in parts.
func feed(parts ...[]byte) error {
	var c jsondoc.Validator
	last := len(parts) - 1
	for _, p := range parts[:last] {
		if err := c.Feed(p, false); err != nil {
			return err
		}
	}
	return c.Feed(parts[last], true)
}

// expectOffset checks where a text is invalid (-1: nowhere), which must be the same
// however the text is divided into parts.
func expectOffset(t *testing.T, text string, want int64) {
	t.Helper()
	whole := jsondoc.Validate([]byte(text))
	if got := offset(t, whole); got != want {
		t.Errorf("Validate(%.100q) reports byte %d (%v), want %d", text, got, whole, want)
		return
	}
	step := 1 + len(text)/200
	for i := 0; i <= len(text); i += step {
		if err := feed([]byte(text[:i]), []byte(text[i:])); fmt.Sprint(err) != fmt.Sprint(whole) {
			t.Errorf("%.100q divided at %d: %v; whole: %v", text, i, err, whole)
		}
	}
	var single [][]byte
	for _, b := range []byte(text) {
		single = append(single, []byte{b}, nil)
	}
	if err := feed(append(single, nil)...); fmt.Sprint(err) != fmt.Sprint(whole) {
		t.Errorf("%.100q byte by byte: %v; whole: %v", text, err, whole)
	}
}

func TestValidateAcceptsWhatPythonAccepts(t *testing.T) {
	for _, text := range valid {
		expectOffset(t, text, -1)
	}
}

func TestValidateReportsTheFirstWrongByte(t *testing.T) {
	for _, c := range invalid {
		expectOffset(t, c.text, c.offset)
		if c.offset < 0 || c.offset > int64(len(c.text)) {
			t.Errorf("%q: %d is not an offset in it", c.text, c.offset)
		}
	}
}

// The text around a value does not change whether it is valid.
func TestValidateIsTheSameInsideOtherValues(t *testing.T) {
	for _, around := range []string{"[%s]", "[1,%s]", `{"a":%s}`, "[[%s],2]", ` %s `, "{\"a\":[%s],\"b\":1}"} {
		before, _, _ := strings.Cut(around, "%s")
		for _, text := range valid {
			if err := jsondoc.Validate([]byte(strings.Replace(around, "%s", text, 1))); err != nil {
				t.Errorf("%.100q inside %q: %v", text, around, err)
			}
		}
		for _, c := range invalid {
			if c.offset == int64(len(c.text)) || strings.ContainsAny(c.text[c.offset:c.offset+1], ",:]}") {
				continue // the text after it may make it valid
			}
			if got := offset(t, jsondoc.Validate([]byte(strings.Replace(around, "%s", c.text, 1)))); got != c.offset+int64(len(before)) {
				t.Errorf("%q inside %q: error at %d, want %d", c.text, around, got, c.offset+int64(len(before)))
			}
		}
	}
}

func TestValidateLimitsDepth(t *testing.T) {
	const most = jsondoc.MaxDepth
	for _, c := range []struct {
		open, close string // as many levels as close has bytes
	}{
		{"[", "]"},
		{`{"a":`, "}"},
		{`[{"a":`, "}]"},
	} {
		n := most / len(c.close)
		expectOffset(t, strings.Repeat(c.open, n)+"1"+strings.Repeat(c.close, n), -1)
		for _, deeper := range []string{"[]", "{}", `["a"]`} {
			expectOffset(t, strings.Repeat(c.open, n)+deeper+strings.Repeat(c.close, n), int64(n*len(c.open)))
		}
	}
	err := jsondoc.Validate([]byte(strings.Repeat("[", most+1)))
	if err == nil || !strings.Contains(err.Error(), "deeper than 512") {
		t.Errorf("the error does not contain the depth: %v", err)
	}
	// The depth is limited, not the number of containers.
	expectOffset(t, "["+strings.Repeat("[],{},", 2*most)+"[]]", -1)
}

// A closing bracket has to match the opening one at any depth.
func TestValidateMatchesBrackets(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		var open, close strings.Builder
		ends := make([]byte, jsondoc.MaxDepth)
		for i := range ends {
			if random.IntN(2) == 0 {
				open.WriteString("[")
				ends[len(ends)-1-i] = ']'
			} else {
				open.WriteString(`{"a":`)
				ends[len(ends)-1-i] = '}'
			}
		}
		close.Write(ends)
		if err := jsondoc.Validate([]byte(open.String() + "1" + close.String())); err != nil {
			t.Fatal(err)
		}
		i := random.IntN(len(ends))
		ends[i] ^= ']' ^ '}'
		want := int64(open.Len() + 1 + i)
		if got := offset(t, jsondoc.Validate([]byte(open.String()+"1"+string(ends)))); got != want {
			t.Errorf("a wrong bracket at %d is reported at %d", want, got)
		}
	}
}

// viable reports whether there is a UTF-8 text that begins with p.
func viable(p []byte) bool {
	if utf8.Valid(p) {
		return true
	}
	// The limits of the ranges of a continuation byte.
	for _, b := range []byte{0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf} {
		for n := 1; n <= 3; n++ {
			end := bytes.Repeat([]byte{0x80}, n)
			end[0] = b
			if utf8.Valid(append(bytes.Clone(p), end...)) {
				return true
			}
		}
	}
	return false
}

// expectUTF8 compares where a string of these bytes is invalid with package utf8.
func expectUTF8(t *testing.T, sequence ...byte) {
	t.Helper()
	text := append(append([]byte{'"'}, sequence...), '"')
	want := int64(-1)
	for i, b := range text[1:] {
		ends := b == '"' && utf8.Valid(text[1:1+i])
		if ends && i == len(sequence) {
			break
		}
		if ends || b == '\\' {
			return // the rest is not in the string
		}
		if b < 0x20 || !viable(text[1:i+2]) {
			want = int64(i + 1)
			break
		}
	}
	if got := offset(t, jsondoc.Validate(text)); got != want {
		t.Errorf("%q: error at %d, want %d", text, got, want)
	}
}

func TestValidateUTF8(t *testing.T) {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	// The second byte depends on the first (RFC 3629); the others do not.
	second := []byte{0x22, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff}
	later := []byte{0x22, 0x7f, 0x80, 0xbf, 0xc0}
	for _, a := range every {
		expectUTF8(t, a)
		for _, b := range every {
			expectUTF8(t, a, b)
		}
		if a < 0xe0 {
			continue
		}
		for _, b := range second {
			for _, c := range later {
				expectUTF8(t, a, b, c)
				for _, d := range later {
					expectUTF8(t, a, b, c, d)
				}
			}
		}
	}
	// At any offset in the eight bytes that are examined together, and divided.
	for n := range 17 {
		for _, c := range []struct {
			bytes string
			at    int // of the error; -1: valid
		}{
			{"ü", -1}, {"€", -1}, {"\U00010000", -1}, {"\x80", 0}, {"\xc0\x80", 0}, {"\xe0\x80\x80", 1}, {"\xed\xa0\x80", 1},
			{"\xf0\x80\x80\x80", 1}, {"\xf4\x90\x80\x80", 1}, {"\xf5\x80\x80\x80", 0}, {"\xc3x", 1}, {"\xe2\x82x", 2},
		} {
			want := int64(-1)
			if c.at >= 0 {
				want = int64(1 + n + c.at)
			}
			expectOffset(t, `"`+strings.Repeat("x", n)+c.bytes+`xxxxxxxx"`, want)
			if c.at < 0 {
				expectOffset(t, `{"`+strings.Repeat("x", n)+c.bytes+`":[`+strings.Repeat("1", n+1)+`]}`, want)
			}
		}
	}
}

// Each byte that ends a run of plain ones is found at any offset in the eight bytes that
// are examined together.
func TestValidateFindsSpecialBytesAtAnyOffset(t *testing.T) {
	expect := func(text string, want int) {
		t.Helper()
		if got := offset(t, jsondoc.Validate([]byte(text))); got != int64(want) {
			t.Errorf("%q: error at %d, want %d", text, got, want)
		}
	}
	for n := range 25 {
		run, number := strings.Repeat("~", n), strings.Repeat("7", n+1)
		for b := range 256 {
			text := `"` + run + string([]byte{byte(b)})
			switch {
			case b == '"':
				expect(text, -1)
			case b == '\\':
				expect(text+`n"`, -1)
			case b >= 0x20 && b < 0x80:
				expect(text+`"`, -1)
			case b >= 0xc2 && b <= 0xf4:
				expect(text+`"`, n+2)
			default:
				expect(text+`"`, n+1)
			}
			text = "[" + number + string([]byte{byte(b)})
			switch {
			case strings.IndexByte("0123456789 \t\r\n", byte(b)) >= 0:
				expect(text+"]", -1)
			case b == ',' || b == '.' || b|0x20 == 'e':
				expect(text+"1]", -1)
			case b == ']':
				expect(text, -1)
			default:
				expect(text+"]", n+2)
			}
		}
	}
}

func TestSyntaxErrorTexts(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{``, "invalid JSON at byte 0: unexpected end of text, expected a value"},
		{`{"a" 1}`, "invalid JSON at byte 5: unexpected '1', expected ':'"},
		{`[1 2]`, "invalid JSON at byte 3: unexpected '2', expected ',' or ']'"},
		{`{"a":1 2}`, "unexpected '2', expected ',' or '}'"},
		{`1 2`, "unexpected '2', expected ',' or the end of the text"},
		{"\"\n\"", "control character 0x0a in a string"},
		{"\"\xff\"", "byte 0xff is not UTF-8"},
		{"\xef\xbb\xbf1", "byte order mark"},
		{"\xfe", "byte 0xfe"},
		{`{'a':1}`, "unexpected '\\'', expected a key in quotes or '}'"},
		{`"\u12`, "unexpected end of text, expected a hexadecimal digit"},
	} {
		if err := jsondoc.Validate([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v; want %q", c.text, err, c.want)
		}
	}
}

func TestValidatorKeepsItsError(t *testing.T) {
	var c jsondoc.Validator
	first := c.Feed([]byte(`[1,]`), false)
	if offset(t, first) != 3 {
		t.Fatal(first)
	}
	for _, last := range []bool{false, true} {
		if err := c.Feed([]byte(`1]`), last); err != first {
			t.Errorf("then: %v, want the first error", err)
		}
	}
}

func TestValidateAllocatesNothing(t *testing.T) {
	text := []byte(`{"a": [` + strings.Repeat(`1.5, "ü\u00fc", {"b": [NaN]}, `, 1000) + `1]}`)
	if n := testing.AllocsPerRun(10, func() {
		if err := jsondoc.Validate(text); err != nil {
			t.Fatal(err)
		}
	}); n > 1 {
		t.Errorf("%v allocations for a text of %d bytes", n, len(text))
	}
}

// FuzzValidate: the result does not depend on how the text is divided. For texts
// without NaN and Infinity it is the result of encoding/json.
func FuzzValidate(f *testing.F) {
	for i, text := range valid {
		f.Add([]byte(text), uint(i))
	}
	for i, c := range invalid {
		f.Add([]byte(c.text), uint(i))
	}
	f.Fuzz(func(t *testing.T, text []byte, cut uint) {
		before := string(text)
		whole := jsondoc.Validate(text)
		at := offset(t, whole)
		if at > int64(len(text)) {
			t.Errorf("the error is at byte %d of %d", at, len(text))
		}
		i := int(cut % uint(len(text)+1))
		j := i + (len(text)-i)/2
		if err := feed(text[:i], text[i:j], text[j:]); fmt.Sprint(err) != fmt.Sprint(whole) {
			t.Errorf("divided at %d and %d: %v; whole: %v", i, j, err, whole)
		}
		if string(text) != before {
			t.Error("Validate changed the text")
		}
		if !utf8.Valid(text) || bytes.Contains(text, []byte("N")) || bytes.Contains(text, []byte("I")) ||
			whole != nil && strings.Contains(whole.Error(), "nested deeper") {
			return
		}
		if want := standardOffset(t, text); at != want {
			t.Errorf("error at %d (%v), and in encoding/json at %d", at, whole, want)
		}
	})
}

// standardOffset returns the offset where encoding/json rejects a text, or -1 if it
// accepts it.
func standardOffset(t *testing.T, text []byte) int64 {
	t.Helper()
	var any json.RawMessage
	// The space distinguishes an error at the last byte from one at the end.
	err := json.Unmarshal(append(bytes.Clone(text), ' '), &any)
	var syntax *json.SyntaxError
	switch {
	case err == nil:
		return -1
	case !errors.As(err, &syntax):
		t.Fatal(err)
	case strings.HasPrefix(err.Error(), "unexpected end"):
		return int64(len(text))
	}
	return syntax.Offset - 1 // it counts the bytes read
}
