package jsondoc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// tree is a text that encoding/json read token by token, so that members with equal keys
// are all in it.
type tree struct {
	kind     Type
	keys     []string
	elements []*tree // of an array, or the values of the members
	text     string  // of a number or a string
	truth    bool
}

// decode returns nil for a text that encoding/json rejects.
func decode(text []byte) *tree {
	if !json.Valid(text) {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	t := decodeValue(dec)
	if _, err := dec.Token(); err != io.EOF {
		return nil
	}
	return t
}

func decodeValue(dec *json.Decoder) *tree {
	token, err := dec.Token()
	if err != nil {
		panic(err) // it was valid
	}
	t := &tree{}
	switch v := token.(type) {
	case nil:
		t.kind = Null
	case bool:
		t.kind, t.truth = Bool, v
	case string:
		t.kind, t.text = String, v
	case json.Number:
		t.kind, t.text = Integer, v.String()
		if strings.ContainsAny(t.text, ".eE") {
			t.kind = Real
		}
	case json.Delim:
		t.kind = Array
		if v == '{' {
			t.kind = Object
		}
		for dec.More() {
			if t.kind == Object {
				key, _ := dec.Token()
				t.keys = append(t.keys, key.(string))
			}
			t.elements = append(t.elements, decodeValue(dec))
		}
		_, _ = dec.Token()
	}
	return t
}

// at looks up a pointer literally as in RFC 6901: it validates the whole pointer, divides
// it at the slashes, and replaces ~1 and then ~0.
func (t *tree) at(pointer string) (*tree, error) {
	if pointer != "" && pointer[0] != '/' {
		return nil, ErrPointer
	}
	for _, after := range strings.Split(pointer, "~")[1:] {
		if after == "" || after[0] != '0' && after[0] != '1' {
			return nil, ErrPointer
		}
	}
	for _, token := range strings.Split(pointer, "/")[1:] {
		token = strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
		var found *tree
		if t.kind == Array {
			for i := range t.elements {
				if token == strconv.Itoa(i) {
					found = t.elements[i]
				}
			}
		}
		for i, key := range t.keys {
			if key == token {
				found = t.elements[i]
			}
		}
		if found == nil {
			return nil, ErrNotFound
		}
		t = found
	}
	return t, nil
}

// withoutSpecials replaces the numbers that encoding/json rejects.
var withoutSpecials = strings.NewReplacer("-Infinity", "-1.5", "Infinity", "1.5", "NaN", "2.5")

func FuzzParse(f *testing.F) {
	for _, c := range accepted {
		f.Add([]byte(c.text), "/0")
	}
	for _, c := range rejected {
		if len(c.text) < 1000 {
			f.Add([]byte(c.text), "")
		}
	}
	for _, c := range disputed {
		f.Add([]byte(c.text), "/0")
	}
	f.Add([]byte(`{"command": "newdat", "x": [2.45], "y": [[1, 2], [3, 4]], "a/b": {"~": "\u0041"}}`), "/a~1b/~0")
	f.Add([]byte(`{"a": 1, "a": [true, null], "\u0061": {"b": 2}}`), "/a/b")
	f.Add([]byte(`{"m": 1, `+strings.Repeat(`"long": [1, 2, 3], `, 300)+`"m": 2}`), "/m")
	f.Fuzz(func(t *testing.T, text []byte, pointer string) {
		original := bytes.Clone(text)
		d, err := Parse(text)
		if !bytes.Equal(text, original) {
			t.Fatal("parsing changed the text")
		}
		naive := decode(text)
		if err != nil {
			var syntax *SyntaxError
			if !errors.As(err, &syntax) || syntax.Offset < 0 || syntax.Offset > int64(len(text)) {
				t.Fatalf("%q: %v", text, err)
			}
			if naive != nil && utf8.Valid(text) && !tooDeep(text) {
				t.Fatalf("%q: %v, but it is JSON", text, err)
			}
			return
		}
		if naive == nil && decode([]byte(withoutSpecials.Replace(string(text)))) == nil {
			t.Fatalf("%q was accepted, but it is not JSON", text)
		}
		pointers := []string{pointer, ""}
		if naive != nil {
			pointers = append(pointers, naive.pointers("", 20)...)
		}
		for _, p := range pointers {
			tryAll(t, d, p)
			if naive != nil {
				compare(t, d, naive, p)
			}
		}
		if whole, err := d.JSON(""); !bytes.Equal(whole, original) || err != nil {
			t.Fatalf("the whole text is %q (%v), want %q", whole, err, original)
		}
	})
}

func tooDeep(text []byte) bool {
	return bytes.Count(text, []byte("["))+bytes.Count(text, []byte("{")) > MaxDepth
}

// pointers returns up to most pointers to values.
func (t *tree) pointers(at string, most int) []string {
	var all []string
	for i, e := range t.elements {
		token := strconv.Itoa(i)
		if t.kind == Object {
			token = strings.ReplaceAll(strings.ReplaceAll(t.keys[i], "~", "~0"), "/", "~1")
		}
		all = append(append(all, at+"/"+token), e.pointers(at+"/"+token, most-len(all))...)
		if len(all) >= most {
			return all[:most]
		}
	}
	return all
}

// tryAll calls every getter and checks what is true for any text.
func tryAll(t *testing.T, d *Document, p string) {
	t.Helper()
	kind, missing := d.Type(p)
	raw, err := d.JSON(p)
	if (err == nil) != (missing == nil) {
		t.Fatalf("%q has the type %v (%v) and the text %q (%v)", p, kind, missing, raw, err)
	}
	errs := map[string]error{}
	var count int
	count, errs["count"] = d.Count(p)
	_, errs["key"] = d.Key(p, 0)
	_, errs["key -1"] = d.Key(p, -1)
	_, errs["double"] = d.Double(p)
	_, errs["int"] = d.Int(p)
	_, errs["bool"] = d.Bool(p)
	_, errs["string"] = d.String(p)
	_, errs["doubles"] = d.Doubles(p, nil)
	_, _, errs["matrix"] = d.Matrix(p, make([]float64, 4))
	if missing != nil {
		for name, err := range errs {
			if fmt.Sprint(err) != fmt.Sprint(missing) {
				t.Fatalf("%s of %q: %v, and its type: %v", name, p, err, missing)
			}
		}
		return
	}
	if p != "" {
		one, err := Parse(raw)
		if err != nil {
			t.Fatalf("the text at %q is %q: %v", p, raw, err)
		}
		if k, _ := one.Type(""); k != kind {
			t.Fatalf("the text at %q is %q, with type %v instead of %v", p, raw, k, kind)
		}
	}
	holds := func(name string, types ...Type) {
		t.Helper()
		if !slices.Contains(types, kind) && !errors.Is(errs[name], ErrType) {
			t.Fatalf("%s of a %v: %v", name, kind, errs[name])
		}
		if slices.Contains(types, kind) && errors.Is(errs[name], ErrType) {
			t.Fatalf("%s of a %v: %v", name, kind, errs[name])
		}
	}
	holds("count", Object, Array)
	holds("key", Object)
	holds("double", Integer, Real)
	holds("int", Integer)
	holds("bool", Bool)
	holds("string", String)
	if kind != Array && !errors.Is(errs["doubles"], ErrType) || kind != Array && !errors.Is(errs["matrix"], ErrType) {
		t.Fatalf("a %v as numbers: %v, %v", kind, errs["doubles"], errs["matrix"])
	}
	if kind == Object && (errs["key"] == nil) != (count > 0) {
		t.Fatalf("first key of %d: %v", count, errs["key"])
	}
	if kind == Object && !errors.Is(errs["key -1"], ErrNotFound) {
		t.Fatalf("key -1: %v", errs["key -1"])
	}
}

// compare compares a value with that of encoding/json.
func compare(t *testing.T, d *Document, naive *tree, p string) {
	t.Helper()
	want, wantErr := naive.at(p)
	kind, err := d.Type(p)
	if wantErr != nil {
		if !errors.Is(err, wantErr) {
			t.Fatalf("%q: %v (%v), want %v", p, kind, err, wantErr)
		}
		return
	}
	if err != nil || kind != want.kind {
		t.Fatalf("%q has type %v (%v), want %v", p, kind, err, want.kind)
	}
	switch kind {
	case Object, Array:
		if n, err := d.Count(p); n != len(want.elements) || err != nil {
			t.Fatalf("%q counts %d (%v), want %d", p, n, err, len(want.elements))
		}
		for i, key := range want.keys {
			if got, err := d.Key(p, i); got != key || err != nil {
				t.Fatalf("key %d of %q is %q (%v), want %q", i, p, got, err, key)
			}
		}
	case String:
		if s, err := d.String(p); s != want.text || err != nil {
			t.Fatalf("%q is %q (%v), want %q", p, s, err, want.text)
		}
	case Integer, Real:
		if raw, _ := d.JSON(p); string(bytes.TrimSpace(raw)) != want.text {
			t.Fatalf("%q is %q, want %q", p, raw, want.text)
		}
		v, err := strconv.ParseFloat(want.text, 64)
		got, gotErr := d.Double(p)
		if kind == Integer && err != nil {
			if !errors.Is(gotErr, ErrRange) {
				t.Fatalf("%q as a double: %v (%v)", p, got, gotErr)
			}
		} else if gotErr != nil || math.Float64bits(got) != math.Float64bits(v) {
			t.Fatalf("%q as a double: %v (%v), want %v", p, got, gotErr, v)
		}
		i, err := strconv.ParseInt(want.text, 10, 64)
		if n, gotErr := d.Int(p); kind == Integer && ((err == nil) != (gotErr == nil) || err == nil && n != i) {
			t.Fatalf("%q as an integer: %d (%v), want %d (%v)", p, n, gotErr, i, err)
		}
	case Bool:
		if b, err := d.Bool(p); b != want.truth || err != nil {
			t.Fatalf("%q is %v (%v)", p, b, err)
		}
	}
}

func FuzzPointer(f *testing.F) {
	const rfc = `{"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5, "k\"l": 6, " ": 7, "m~n": 8}`
	for _, p := range []string{"", "/", "//", "/foo", "/foo/0", "/foo/00", "/foo/+1", "/foo/-", "/foo/1/0", "/foo/9223372036854775808", "/a~1b", "/m~0n",
		"/~01", "/~", "/~2", "foo", "/foo/~2", "/foo/0~", "/k\"l", "/i\\j", "/ ", "/\xff", "/foo/\u0661", "/c%d", "/foo/1_0", "/foo/0x1"} {
		f.Add(p, "key", rfc)
		f.Add(p, "", `{"foo": [[0, 1], {"a": [[[]]]}]}`)
		f.Add(p, "/", "{}")
		f.Add(p, "~1/", `[[1, [2]], {"": {"": {"": 0}}}, "x"]`)
	}
	f.Fuzz(func(t *testing.T, pointer, key, text string) {
		d, err := Parse([]byte(text))
		naive := decode([]byte(text))
		if err != nil || naive == nil {
			return
		}
		tryAll(t, d, pointer)
		compare(t, d, naive, pointer)
		if naive.kind != Object || !utf8.ValidString(key) {
			return
		}
		// The same while the document is open.
		if err := d.SetJSON(plain(key), []byte(" [1, {\"~/\": 2}]\n")); err != nil {
			t.Fatal(err)
		}
		escaped := pointerTo(key)
		for _, p := range []string{escaped, escaped + "/1/~0~1", escaped + pointer, pointer} {
			tryAll(t, d, p)
		}
		if v, err := d.Int(escaped + "/1/~0~1"); v != 2 || err != nil {
			t.Fatalf("set under %q and read at %q: %d, %v", key, escaped, v, err)
		}
		built := decode(d.Text())
		if built == nil {
			t.Fatalf("%q became %q", text, d.Text())
		}
		for _, p := range []string{pointer, escaped, escaped + pointer} {
			compare(t, d, built, p)
		}
	})
}

// naiveNumbers reads a list of numbers by dividing it at the commas. ok is false if it
// contains another value, wide is true if it contains an integer that overflows.
func naiveNumbers(list string) (v []float64, wide, ok bool) {
	if strings.Trim(list, " \t\r\n") == "" {
		return nil, false, true
	}
	for _, s := range strings.Split(list, ",") {
		s = strings.Trim(s, " \t\r\n")
		x, err := strconv.ParseFloat(s, 64)
		switch s {
		case "NaN":
			x, err = canonicalNaN, nil
		case "Infinity":
			x, err = math.Inf(1), nil
		case "-Infinity":
			x, err = math.Inf(-1), nil
		default:
			if !json.Valid([]byte(s)) || errors.Is(err, strconv.ErrSyntax) {
				return nil, false, false
			}
			wide = wide || err != nil && !strings.ContainsAny(s, ".eE")
		}
		v = append(v, x)
	}
	return v, wide, true
}

func sameBits(a, b []float64) bool {
	return slices.EqualFunc(a, b, func(x, y float64) bool { return math.Float64bits(x) == math.Float64bits(y) })
}

func FuzzDoubles(f *testing.F) {
	for i, s := range []string{"", " ", "1", "1, 2.5,-3e5", "NaN,Infinity,-Infinity", "0.1 ,\n0.2\t,\r0.3", "-0,-0.0,0e5", "123456789012345678901234567890",
		"9007199254740993,9007199254740992.5", "1e999,-1e999,1e-999", "5e-324,2.2250738585072011e-308,1.7976931348623157e308", "1, null", "[1]", "1, \"2\"",
		"0.000000000000000000000000000000012345678901234567", "1" + strings.Repeat("0", 309), "true", "1 2", "1,,2", "NaN0", "-NaN", "{}", "12345678,1234567890123456",
		"18446744073709551615,18446744073709551616,18446744073709551617", "4.35,0.3,1e23,100000000000000016777215"} {
		f.Add(s, uint16(1))
		if i%5 == 3 {
			f.Add(s, uint16(2*minPerGoroutine))
		}
	}
	f.Fuzz(func(t *testing.T, list string, times uint16) {
		n := 1
		if 8*len(list) < int(times) { // often enough to be read in parallel, but not too often
			n = int(times)
		}
		want, wide, ok := naiveNumbers(list)
		if n > 1 {
			want = slices.Repeat(want, n)
			if strings.Trim(list, " \t\r\n") == "" {
				ok = false
			}
			list = strings.Repeat(list+",", n-1) + list
		}
		d, err := Parse([]byte("[" + list + "]"))
		if err != nil {
			if ok {
				t.Fatalf("%.100q: %v", list, err)
			}
			return
		}
		dst := sentinels(len(want) + 1)
		got, err := d.Doubles("", dst)
		switch {
		case !ok:
			if !errors.Is(err, ErrType) && !errors.Is(err, ErrRange) {
				t.Fatalf("%.100q: %d (%v)", list, got, err)
			}
		case wide:
			if !errors.Is(err, ErrRange) {
				t.Fatalf("%.100q contains an integer that is larger than any double: %d (%v)", list, got, err)
			}
		case err != nil || got != len(want) || !sameBits(dst[:got], want) || dst[got] != sentinel:
			t.Fatalf("%.100q: %d, %v (%v), want %v", list, got, dst[:min(9, len(dst))], err, want[:min(9, len(want))])
		case got > 0:
			short := sentinels(got - 1)
			var size *SizeError
			if _, err := d.Doubles("", short); !errors.As(err, &size) || size.Rows != got || !untouched(short) {
				t.Fatalf("%.100q into too small an array: %v", list, err)
			}
		}
		for i, x := range want[:min(len(want), 3)] {
			if v, err := d.Double("/" + strconv.Itoa(i)); ok && !wide && (err != nil || math.Float64bits(v) != math.Float64bits(x)) {
				t.Fatalf("%.100q, number %d: %v (%v), want %v", list, i, v, err, x)
			}
		}
	})
}

func FuzzMatrix(f *testing.F) {
	for _, s := range []string{"", "1", "1,2;3,4", "1,2;3", ";", ";;", "1;", "NaN;Infinity", "1,[2];3", "1,\"]\";2,3", " 1 , 2 ; 3,4", "null;1", "{};1", "1e5;2E-5;0.1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, rows string) {
		text, all, cols, ok, wide := "[", []float64(nil), -1, true, false
		lists := strings.Split(rows, ";")
		if rows == "" {
			lists = nil
		}
		for i, list := range lists {
			row, w, good := naiveNumbers(list)
			if ok = ok && good && (i == 0 || len(row) == cols); ok {
				all, cols, wide = append(all, row...), len(row), wide || w
			}
			if i > 0 {
				text += ","
			}
			text += "[" + list + "]"
		}
		d, err := Parse([]byte(text + "]"))
		if err != nil {
			if ok {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		cols = max(cols, 0)
		dst := sentinels(len(all) + 1)
		r, c, err := d.Matrix("", dst)
		switch {
		case !ok:
			if !errors.Is(err, ErrType) && !errors.Is(err, ErrRange) {
				var size *SizeError // the rows have one length; their elements are not checked then
				if !errors.As(err, &size) {
					t.Fatalf("%q: %d x %d (%v)", text, r, c, err)
				}
			}
		case wide:
			if !errors.Is(err, ErrRange) {
				t.Fatalf("%q contains an integer that is larger than any double: %d x %d (%v)", text, r, c, err)
			}
		case err != nil || r != len(lists) || c != cols || !sameBits(dst[:r*c], all) || dst[r*c] != sentinel:
			t.Fatalf("%q: %d x %d, %v (%v), want %d x %d, %v", text, r, c, dst, err, len(lists), cols, all)
		case r*c > 0:
			short := sentinels(r*c - 1)
			var size *SizeError
			if _, _, err := d.Matrix("", short); !errors.As(err, &size) || size.Rows != r || size.Cols != c || !untouched(short) {
				t.Fatalf("%q into too small an array: %v", text, err)
			}
		}
	})
}

func FuzzAppendDouble(f *testing.F) {
	eachDouble(0, func(v float64) {
		if exponent := math.Float64bits(v) >> 52 & 0x7ff; exponent%64 < 2 {
			f.Add(math.Float64bits(v))
		}
	})
	f.Fuzz(func(t *testing.T, bits uint64) {
		v := math.Float64frombits(bits)
		want := pythonRepr(v)
		if v == math.Inf(-1) {
			want = "-Infinity"
		}
		text := AppendDouble([]byte("["), v)
		if string(text[1:]) != want {
			t.Fatalf("%x is written %s, want %s", bits, text[1:], want)
		}
		if v != v {
			bits = math.Float64bits(canonicalNaN)
		}
		got, end, ok := readDouble(append(text, ']'), 1)
		if !ok || end != len(text) || math.Float64bits(got) != bits {
			t.Fatalf("%s reads back as %x (%v), want %x", text[1:], math.Float64bits(got), ok, bits)
		}
	})
}

func FuzzString(f *testing.F) {
	for _, s := range hostile {
		f.Add(s, "key")
		f.Add("text", s)
	}
	f.Add("\xff", "a")
	f.Add("a\xed\xa0\x80", "a")
	f.Add("12345678\x1f", "1234567\"")
	f.Fuzz(func(t *testing.T, text, key string) {
		d := FromValid([]byte("{}"))
		err := d.SetString(plain(key), text)
		if valid := utf8.ValidString(text) && utf8.ValidString(key); valid != (err == nil) || err != nil && !errors.Is(err, ErrText) {
			t.Fatalf("%q under %q: %v", text, key, err)
		}
		if err != nil {
			if got := string(d.Text()); got != "{}" {
				t.Fatalf("a failure left %q", got)
			}
			return
		}
		pointer := pointerTo(key)
		for range 2 { // while open, and closed
			if got, err := d.String(pointer); got != text || err != nil {
				t.Fatalf("%q reads back as %q (%v)", text, got, err)
			}
			if got, err := d.Key("", 0); got != key || err != nil {
				t.Fatalf("the key %q reads back as %q (%v)", key, got, err)
			}
		}
		if err := Validate(d.Text()); err != nil {
			t.Fatal(err)
		}
		var m map[string]string
		if err := json.Unmarshal(d.Text(), &m); err != nil || len(m) != 1 || m[key] != text {
			t.Fatalf("encoding/json reads %q in %q (%v)", m, d.Text(), err)
		}
		// A second set keeps one member.
		if err := d.SetString(plain(key), text+"x"); err != nil {
			t.Fatal(err)
		}
		if n, err := d.Count(""); n != 1 || err != nil {
			t.Fatalf("%d members (%v) in %q", n, err, d.Text())
		}
	})
}
