package jsondoc

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

func parse(t *testing.T, text string) *Document {
	t.Helper()
	d, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newCommand returns the document {"command": name}.
func newCommand(name string) (*Document, error) {
	d := FromValid([]byte("{}"))
	return d, d.SetString("command", name)
}

func TestMembersKeepTheOrderInWhichTheyWereSet(t *testing.T) {
	d, err := newCommand("newdat")
	must(t, err)
	must(t, d.SetDoubles("x", []float64{2.45, 25}))
	must(t, d.SetInt("n", math.MinInt64))
	must(t, d.SetDouble("y", 25))
	must(t, d.SetBool("ok", true))
	must(t, d.SetNull("none"))
	must(t, d.SetString("say", "a\"b\\c\n\x00é\U0001f600"))
	must(t, d.SetMatrix("m", []float64{1, 2, 3, 4, 5, 6}, 2, 3))
	must(t, d.SetJSON("raw", []byte(` {"a": [1, 25.0]} `)))
	must(t, d.SetInt("x", 7))
	want := `{"command": "newdat", "x": 7, "n": -9223372036854775808, "y": 25.0, "ok": true, "none": null, ` +
		`"say": "a\"b\\c\n\u0000é😀", "m": [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], "raw":  {"a": [1, 25.0]} }`
	if got := string(d.Text()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if err := Validate(d.Text()); err != nil {
		t.Error(err)
	}
	if got, err := d.String("/say"); err != nil || got != "a\"b\\c\n\x00é\U0001f600" {
		t.Errorf("read back as %q, %v", got, err)
	}
}

func TestMembersOfAParsedDocumentCanBeSet(t *testing.T) {
	d := parse(t, ` {"a": 1, "b": [2], "a": 3} `)
	if v, err := d.Int("/a"); v != 3 || err != nil {
		t.Errorf("of equal keys the last one counts: %d, %v", v, err)
	}
	must(t, d.SetInt("a", 4))
	must(t, d.SetInt("c", 5))
	if got, want := string(d.Text()), `{"a": 1, "b": [2], "a": 4, "c": 5}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if err := parse(t, "[1]").SetInt("a", 1); !errors.Is(err, ErrType) {
		t.Errorf("a member of an array: %v", err)
	}
}

func TestReceivedBytesAreUnchanged(t *testing.T) {
	const text = "\n {\"a\" : 1e5,\t\"b\":25.0, \"big\": 123456789012345678901234567890} \r\n"
	d := parse(t, text)
	if got, err := d.JSON(""); string(got) != text || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	for pointer, want := range map[string]string{"/a": "1e5", "/b": "25.0", "/big": "123456789012345678901234567890"} {
		if got, err := d.JSON(pointer); string(got) != want || err != nil {
			t.Errorf("%s: %s, %v", pointer, got, err)
		}
	}
}

// The document and the pointers of RFC 6901, section 5.
func TestPointersOfRFC6901(t *testing.T) {
	d := parse(t, `{"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5, "k\"l": 6, " ": 7, "m~n": 8}`)
	for pointer, want := range map[string]string{
		"/foo": `["bar", "baz"]`, "/foo/0": `"bar"`, "/": "0", "/a~1b": "1", "/c%d": "2", "/e^f": "3", "/g|h": "4",
		"/i\\j": "5", "/k\"l": "6", "/ ": "7", "/m~0n": "8",
	} {
		if got, err := d.JSON(pointer); string(got) != want || err != nil {
			t.Errorf("%s: %s, %v; want %s", pointer, got, err, want)
		}
	}
	for pointer, want := range map[string]error{
		"foo": ErrPointer, "/m~2n": ErrPointer, "/m~": ErrPointer, "/foo/2": ErrNotFound, "/foo/-": ErrNotFound, "/foo/00": ErrNotFound,
		"/foo/+1": ErrNotFound, "/foo/": ErrNotFound, "/foo/0/x": ErrNotFound, "/bar": ErrNotFound, "/foo/99999999999999999999": ErrNotFound,
	} {
		if _, err := d.JSON(pointer); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", pointer, err, want)
		}
	}
}

func TestTypesAndCounts(t *testing.T) {
	d := parse(t, `{"o": {"x": 1, "y": [1, {"a": "]"}]}, "a": [1, [2, 3], "]\\\"["], "e": [ ], "s": "", "i": -0, "r": 1E2, "n": NaN, "m": -Infinity, "t": true, "z": null}`)
	for pointer, want := range map[string]Type{"": Object, "/o": Object, "/a": Array, "/s": String, "/i": Integer, "/r": Real,
		"/n": Real, "/m": Real, "/t": Bool, "/z": Null, "/a/2": String} {
		if got, err := d.Type(pointer); got != want || err != nil {
			t.Errorf("%s: %v, %v; want %v", pointer, got, err, want)
		}
	}
	for pointer, want := range map[string]int{"": 10, "/o": 2, "/o/y": 2, "/a": 3, "/e": 0} {
		if got, err := d.Count(pointer); got != want || err != nil {
			t.Errorf("%s: %d, %v; want %d", pointer, got, err, want)
		}
	}
	if _, err := d.Count("/s"); !errors.Is(err, ErrType) {
		t.Errorf("count of a string: %v", err)
	}
	if key, err := d.Key("/o", 1); key != "y" || err != nil {
		t.Errorf("second key %q, %v", key, err)
	}
	if _, err := d.Key("/o", 2); !errors.Is(err, ErrNotFound) {
		t.Errorf("third key: %v", err)
	}
}

func TestIntegersAndRealsAreDistinct(t *testing.T) {
	d := parse(t, `{"i": 25, "r": 25.0, "big": 9223372036854775808, "low": -9223372036854775808, "huge": 1`+strings.Repeat("0", 400)+`, "inf": 1e999, "s": "1"}`)
	if v, err := d.Int("/low"); v != math.MinInt64 || err != nil {
		t.Errorf("%d, %v", v, err)
	}
	for pointer, want := range map[string]error{"/r": ErrType, "/big": ErrRange, "/huge": ErrRange, "/s": ErrType} {
		if _, err := d.Int(pointer); !errors.Is(err, want) {
			t.Errorf("int of %s: %v, want %v", pointer, err, want)
		}
	}
	for pointer, want := range map[string]float64{"/i": 25, "/big": 9223372036854775808, "/inf": math.Inf(1)} {
		if v, err := d.Double(pointer); v != want || err != nil {
			t.Errorf("double of %s: %v, %v", pointer, v, err)
		}
	}
	if _, err := d.Double("/huge"); !errors.Is(err, ErrRange) {
		t.Errorf("double of a huge integer: %v", err)
	}
	if _, err := d.Double("/s"); !errors.Is(err, ErrType) {
		t.Errorf("double of a string: %v", err)
	}
}

func TestArraysAreReadIntoTheCallersMemory(t *testing.T) {
	huge := strings.Repeat("0", 400)
	d := parse(t, `{"v": [ 1, 2.5 ,NaN,-Infinity], "e": [ ], "w": [1, "x"], "q": [1, true], "n": [[1], 2], "m": [[1, 2], [3, 4], [5, 6]], "r": [[1, 2], [3]], "z": [[], []], "o": [[1], ["a"]], "b": [[1], [null]], "h": [1, 1`+huge+`], "k": [[1], [1`+huge+`]]}`)
	v := make([]float64, 5)
	n, err := d.Doubles("/v", v)
	if n != 4 || err != nil || v[0] != 1 || v[1] != 2.5 || !math.IsNaN(v[2]) || v[3] != math.Inf(-1) {
		t.Errorf("%d, %v, %v", n, err, v)
	}
	if n, err := d.Doubles("/e", nil); n != 0 || err != nil {
		t.Errorf("empty: %d, %v", n, err)
	}
	var size *SizeError
	untouched := []float64{9, 9, 9}
	if _, err := d.Doubles("/v", untouched); !errors.As(err, &size) || size.Rows != 4 || !slices.Equal(untouched, []float64{9, 9, 9}) {
		t.Errorf("too small: %v, %v", err, untouched)
	}
	for _, pointer := range []string{"/w", "/q", "/n", "/m", ""} {
		for _, dst := range [][]float64{nil, make([]float64, 9)} {
			if _, err := d.Doubles(pointer, dst); !errors.Is(err, ErrType) {
				t.Errorf("doubles of %s into %d: %v", pointer, len(dst), err)
			}
		}
	}
	for pointer, want := range map[string]error{"/v": nil, "/e": nil, "/w": ErrType, "/q": ErrType, "/n": ErrType, "/m": ErrType, "": ErrType, "/x": ErrNotFound, "/h": ErrRange} {
		if err := d.CheckDoubles(pointer); !errors.Is(err, want) {
			t.Errorf("check of the doubles %s: %v, want %v", pointer, err, want)
		}
	}
	for pointer, want := range map[string]error{"/m": nil, "/e": nil, "/z": nil, "/r": ErrType, "/v": ErrType, "/n": ErrType, "/o": ErrType, "/b": ErrType, "/x": ErrNotFound, "": ErrType, "/k": ErrRange} {
		if err := d.CheckMatrix(pointer); !errors.Is(err, want) {
			t.Errorf("check of the matrix %s: %v, want %v", pointer, err, want)
		}
	}
	m := make([]float64, 6)
	rows, cols, err := d.Matrix("/m", m)
	if rows != 3 || cols != 2 || err != nil || !slices.Equal(m, []float64{1, 2, 3, 4, 5, 6}) {
		t.Errorf("%d x %d, %v, %v", rows, cols, err, m)
	}
	if _, _, err := d.Matrix("/m", m[:5]); !errors.As(err, &size) || size.Rows != 3 || size.Cols != 2 {
		t.Errorf("too small: %v", err)
	}
	if rows, cols, err := d.Matrix("/z", nil); rows != 2 || cols != 0 || err != nil {
		t.Errorf("empty rows: %d x %d, %v", rows, cols, err)
	}
	if _, _, err := d.Matrix("/r", nil); !errors.Is(err, ErrType) || !strings.Contains(err.Error(), "row 1") {
		t.Errorf("ragged: %v", err)
	}
	for _, pointer := range []string{"/v", "/n", "/o", "/b"} {
		if _, _, err := d.Matrix(pointer, m); !errors.Is(err, ErrType) {
			t.Errorf("matrix of %s: %v", pointer, err)
		}
	}
}

func TestLargeArraysAreReadTheSame(t *testing.T) {
	for _, n := range []int{minPerGoroutine, 2 * minPerGoroutine, 5*minPerGoroutine + 7} {
		want := randomDoubles(n)
		for _, separator := range []string{", ", ",", " ,\n\t "} {
			text := strings.ReplaceAll(string(AppendDoubles(nil, want)), ", ", separator)
			got := make([]float64, n)
			if k, err := parse(t, text).Doubles("", got); k != n || err != nil || !slices.Equal(got, want) {
				t.Fatalf("%d numbers, %q between them: %d, %v", n, separator, k, err)
			}
		}
		bad := strings.Replace(string(AppendDoubles(nil, want)), ", ", ", null, ", 1)
		if _, err := parse(t, bad).Doubles("", make([]float64, n+1)); !errors.Is(err, ErrType) || !strings.Contains(err.Error(), "element 1 ") {
			t.Errorf("a null among %d: %v", n, err)
		}
	}
}

func TestSurrogates(t *testing.T) {
	d := parse(t, `["\ud83d\ude00", "\ud800", "\ud800\ud83d\ude00", "\udc00x", "\ud800\u0041", "\u0000\/\b\f"]`)
	for i, want := range []string{"😀", "\ufffd", "\ufffd😀", "\ufffdx", "\ufffdA", "\x00/\b\f"} {
		if got, err := d.String("/" + string(rune('0'+i))); got != want || err != nil {
			t.Errorf("%d: %q, %v; want %q", i, got, err, want)
		}
	}
}

func TestInvalidKeysAndValuesCannotBeSet(t *testing.T) {
	d, err := newCommand("x")
	must(t, err)
	if err := d.SetString("a", "b\xff"); !errors.Is(err, ErrText) {
		t.Errorf("a string that is not UTF-8: %v", err)
	}
	if err := d.SetInt("\xff", 1); !errors.Is(err, ErrText) {
		t.Errorf("a key that is not UTF-8: %v", err)
	}
	var syntax *SyntaxError
	for _, text := range []string{"", "1,2", "{", "1}", strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth)} {
		if err := d.SetJSON("a", []byte(text)); !errors.As(err, &syntax) {
			t.Errorf("%.10q: %v", text, err)
		}
	}
	deepest := strings.Repeat("[", MaxDepth-1) + strings.Repeat("]", MaxDepth-1)
	must(t, d.SetJSON("a", []byte(deepest)))
	must(t, Validate(d.Text()))
}

// pointerTo returns the pointer to a member of the outermost object.
func pointerTo(key string) string {
	return "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
}

// plain returns what the functions that set a member take as its key.
func plain(key string) string {
	if strings.HasPrefix(key, "/") {
		return pointerTo(key)
	}
	return key
}

func TestMembers(t *testing.T) {
	for text, want := range map[string]string{
		` { "a" : [1, {"b": "}"}] , "a":"x\",", "c\u0061": NaN } `: `"a"=[1, {"b": "}"}];"a"="x\",";"c\u0061"=NaN;`,
		`{}`: "", ` [1, {"a": 1}]`: "", `"a"`: "", `1`: "",
	} {
		got := ""
		for key, value := range Members([]byte(text)) {
			got += string(key) + "=" + string(value) + ";"
		}
		if got != want {
			t.Errorf("%s has the members %s, want %s", text, got, want)
		}
	}
	for key := range Members([]byte(`{"a": 1, "b": 2}`)) {
		if string(key) != `"a"` {
			t.Errorf("after a break comes %s", key)
		}
		break
	}
}

// A copy is validated as the text is, wherever its parts end.
func TestParseCopy(t *testing.T) {
	array := "[" + strings.Repeat("1.25, ", 50_000) + "2]"
	for _, text := range []string{"", "1", "[", array, array[:copyPart], array[:copyPart-1] + "x" + array[copyPart:], array[:2*copyPart] + "x" + array[2*copyPart:], array + "1"} {
		want := Validate([]byte(text))
		given := []byte(text)
		d, err := ParseCopy(given)
		if fmt.Sprint(err) != fmt.Sprint(want) {
			t.Errorf("%d bytes: %v, want %v", len(text), err, want)
		}
		if err == nil {
			clear(given)
			if got := string(d.Text()); got != text {
				t.Errorf("%d bytes: the copy is another text, of %d bytes", len(text), len(got))
			}
		}
	}
}
