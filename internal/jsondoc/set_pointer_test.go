package jsondoc

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// set is a literal implementation of the rule for pointers. value is not nil.
func (t *tree) set(pointer string, value *tree) error {
	if _, err := t.at(pointer); errors.Is(err, ErrPointer) {
		return err
	}
	tokens := strings.Split(pointer, "/")[1:]
	for i := range tokens {
		tokens[i] = strings.ReplaceAll(strings.ReplaceAll(tokens[i], "~1", "/"), "~0", "~")
	}
	for n, token := range tokens {
		at := -1
		switch t.kind {
		case Object:
			for i, key := range t.keys {
				if key == token {
					at = i
				}
			}
		case Array:
			if token == "-" {
				token = strconv.Itoa(len(t.elements))
			}
			i, err := strconv.Atoi(token)
			if err != nil || strconv.Itoa(i) != token || i < 0 || i > len(t.elements) {
				return ErrNotFound
			}
			if i < len(t.elements) {
				at = i
			}
		default:
			return ErrType
		}
		last := n == len(tokens)-1
		switch {
		case last && at >= 0:
			t.elements[at] = value
		case at >= 0:
			t = t.elements[at]
		default:
			if slices.Contains(tokens[n+1:], "-") {
				return ErrNotFound
			}
			for _, inside := range slices.Backward(tokens[n+1:]) {
				value = &tree{kind: Object, keys: []string{inside}, elements: []*tree{value}}
			}
			if t.kind == Object {
				t.keys = append(t.keys, token)
			}
			t.elements = append(t.elements, value)
			return nil
		}
	}
	return nil
}

// randomText returns a text that contains containers of all sizes.
func randomText(random *rand.Rand, depth int) string {
	n := random.IntN(4)
	if random.IntN(5) == 0 {
		n = random.IntN(60)
	}
	object := random.IntN(2) == 0
	items := make([]string, n)
	for i := range items {
		switch {
		case depth > 0 && random.IntN(3) > 0:
			items[i] = randomText(random, depth-1)
		case random.IntN(12) == 0:
			items[i] = `"` + strings.Repeat(`]},[{\"`, random.IntN(60)) + `"`
		default:
			items[i] = strconv.Itoa(random.IntN(1e5))
		}
		if object {
			keys := []string{`"k%d"`, `"\u006b%d"`, `"%d"`, `"a\/\n~%d"`, `"😀\"%d"`, `"-"`, `""`}
			key := keys[random.IntN(len(keys))]
			if strings.Contains(key, "%") {
				key = fmt.Sprintf(key, random.IntN(n+1))
			}
			items[i] = key + " :" + items[i]
		}
	}
	if object {
		return "{" + strings.Join(items, " ,\t") + "}"
	}
	return "[\n" + strings.Join(items, ",") + "]"
}

// randomPointer returns a pointer that often leads somewhere.
func randomPointer(random *rand.Rand, t *tree) string {
	pointer := ""
	for {
		stop := random.IntN(6) == 0
		if stop || len(t.elements) == 0 {
			odd := []string{"", "/-", "/0", "/" + strconv.Itoa(len(t.elements)), "/1", "/01", "/+1", "/k1", "/new/é", "/~01/~1", "/-/-", "/a/-", "/0/0", "/~2"}
			return pointer + odd[random.IntN(len(odd))]
		}
		i := random.IntN(len(t.elements))
		if t.kind == Object {
			pointer += pointerTo(t.keys[i])
		} else {
			pointer += "/" + strconv.Itoa(i)
		}
		t = t.elements[i]
	}
}

// Items are set and read by pointer in any order; at any time the document equals a simple
// tree. The function is long because it contains all steps.
func TestDocumentIsATree(t *testing.T) {
	for s := range uint64(60) {
		random := rand.New(rand.NewPCG(s, 13))
		text := randomText(random, 4)
		d, want := parse(t, text), decode([]byte(text))
		for step := range 200 {
			pointer := randomPointer(random, want)
			said := func(err error) string { return fmt.Sprintf("%d, step %d, %q: %v", s, step, pointer, err) }
			switch random.IntN(8) {
			case 0: // read
				tryAll(t, d, pointer)
				found, err := want.at(pointer)
				kind, got := d.Type(pointer)
				if !errors.Is(got, err) || err == nil && kind != found.kind {
					t.Fatalf("%s: type %v, want %v", said(got), kind, err)
				}
				count, got := d.Count(pointer)
				if err == nil && (found.kind == Object || found.kind == Array) && (got != nil || count != len(found.elements)) {
					t.Fatalf("%s: count %d, want %d", said(got), count, len(found.elements))
				}
				if part, got := d.JSON(pointer); !errors.Is(got, err) || err == nil && !reflect.DeepEqual(decode(part), found) {
					t.Fatalf("%s: %s", said(got), part)
				}
			case 1:
				if random.IntN(10) == 0 && !reflect.DeepEqual(decode(d.Text()), want) {
					t.Fatalf("%s\ngot  %s", said(nil), d.Text())
				}
			case 2: // a plain member
				key := "k" + strconv.Itoa(random.IntN(9))
				err := d.SetInt(key, int64(step))
				if (err == nil) != (want.kind == Object) || err != nil && !errors.Is(err, ErrType) {
					t.Fatalf("%s: a plain key", said(err))
				}
				if err == nil {
					must(t, want.set("/"+key, decode([]byte(strconv.Itoa(step)))))
				}
			default:
				if pointer == "" {
					continue // a plain member
				}
				value := strconv.Itoa(step)
				if random.IntN(4) == 0 {
					value = randomText(random, 2)
				}
				wanted := want.set(pointer, decode([]byte(value)))
				before := ""
				if wanted != nil && random.IntN(9) == 0 {
					before = string(d.Text())
				}
				if err := d.SetJSON(pointer, []byte(value)); !errors.Is(err, wanted) || err != nil && wanted == nil {
					t.Fatalf("%s, want %v", said(err), wanted)
				}
				if before != "" && string(d.Text()) != before {
					t.Fatalf("%s: a failure changed the text", said(nil))
				}
			}
		}
		if got := decode(d.Text()); !reflect.DeepEqual(got, want) {
			t.Fatalf("%d: got %s", s, d.Text())
		}
	}
}

// The rule, by examples.
func TestItemsAreSetByPointer(t *testing.T) {
	for _, test := range []struct {
		text, key, want string
		err             error
	}{
		{`{}`, "/a", `{"a": 1}`, nil},
		{`{}`, "/a/b/c", `{"a": {"b": {"c": 1}}}`, nil},
		{`{"a":{"b":2}}`, "/a/b", `{"a": {"b": 1}}`, nil},
		{`{"a":{"b":2},"c":[ ]}`, "/a/d", `{"a": {"b": 2, "d": 1}, "c": [ ]}`, nil},
		{`[5, 6,7]`, "/1", `[5, 1, 7]`, nil},
		{`[]`, "/0", `[1]`, nil},
		{` [] `, "/-", `[1]`, nil},
		{`[[], {}]`, "/0/-", `[[1], {}]`, nil},
		{`[[], {}]`, "/1/-", `[[], {"-": 1}]`, nil},
		{`[]`, "/-/x", `[{"x": 1}]`, nil},
		{`{}`, "/0", `{"0": 1}`, nil},
		{`{}`, "/", `{"": 1}`, nil},
		{`{}`, "//", `{"": {"": 1}}`, nil},
		{`{}`, "/~1x", `{"/x": 1}`, nil},
		{`{}`, "/~01", `{"~1": 1}`, nil},
		{`{}`, "~2", `{"~2": 1}`, nil},
		{`{}`, "a/b", `{"a/b": 1}`, nil},
		{`{}`, "", `{"": 1}`, nil},
		{`{"a": 1, "a": {}}`, "/a/b", `{"a": 1, "a": {"b": 1}}`, nil},
		{`{"o": {"a": 3, "a": 4}}`, "/o/a", `{"o": {"a": 3, "a": 1}}`, nil},
		{`{"\u0061\"": {}}`, `/a"/é`, `{"\u0061\"": {"é": 1}}`, nil},
		{`{"a": null}`, "/a/b", ``, ErrType},
		{`{"a": {"b": "text"}}`, "/a/b/c/d", ``, ErrType},
		{`3`, "/a", ``, ErrType},
		{`"text"`, "a", ``, ErrType},
		{`[1]`, "a", ``, ErrType},
		{`[1]`, "/2", ``, ErrNotFound},
		{`[1]`, "/2/a", ``, ErrNotFound},
		{`[1]`, "/00", ``, ErrNotFound},
		{`[1]`, "/-1", ``, ErrNotFound},
		{`[1]`, "/18446744073709551616", ``, ErrNotFound},
		{`{}`, "/list/-", ``, ErrNotFound},
		{`{}`, "/~2", ``, ErrPointer},
		{`{}`, "/a~", ``, ErrPointer},
		{`{}`, "/\xff", ``, ErrText},
	} {
		d := parse(t, test.text)
		err := d.SetInt(test.key, 1)
		if !errors.Is(err, test.err) {
			t.Errorf("%q in %s: %v, want %v", test.key, test.text, err, test.err)
		}
		if test.err != nil {
			test.want = test.text
		}
		if got := string(d.Text()); got != test.want {
			t.Errorf("%q in %s:\ngot  %s\nwant %s", test.key, test.text, got, test.want)
		}
	}
}

func TestErrorsOfSettingNameThePart(t *testing.T) {
	d := parse(t, `{"a": {"b": 1.5}, "list": [1, 2], "n": null}`)
	for pointer, want := range map[string]string{
		"/a/b/c":   `wrong type: the value at "/a/b" is a real number, not an object or array (cannot set "/a/b/c")`,
		"/a/b/c/d": `wrong type: the value at "/a/b" is a real number, not an object or array (cannot set "/a/b/c/d")`,
		"/n/x":     `wrong type: the value at "/n" is null, not an object or array (cannot set "/n/x")`,
		"/list/5":  `not found: element 5 of an array of 2 elements (cannot set "/list/5")`,
		"/list/x":  `not found: "x" is not an array index (cannot set "/list/x")`,
		"/new/-":   `not found: there is no array to append to; set an empty one first (cannot set "/new/-")`,
		"/~2":      `invalid JSON pointer "/~2": ~ must be followed by 0 or 1`,
	} {
		if err := d.SetNull(pointer); err == nil || err.Error() != want {
			t.Errorf("%q:\ngot  %v\nwant %s", pointer, err, want)
		}
	}
	if err := parse(t, "true").SetNull("/x"); err == nil || !strings.Contains(err.Error(), "the message is a boolean, not an object or array") {
		t.Error(err)
	}
}

// Whatever is set, the text is not nested too deep.
func TestDepthOfWhatIsSet(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("/0", n) }
	nested := func(n int) []byte { return []byte(strings.Repeat("[", n) + strings.Repeat("]", n)) }
	for parents := MaxDepth - 3; parents <= MaxDepth+1; parents++ {
		for name, set := range map[string]func(d *Document) (depth int, err error){
			"a number":       func(d *Document) (int, error) { return 0, d.SetDouble(deep(parents), 1) },
			"numbers":        func(d *Document) (int, error) { return 1, d.SetDoubles(deep(parents), []float64{1}) },
			"rows":           func(d *Document) (int, error) { return 2, d.SetMatrix(deep(parents), []float64{1}, 1, 1) },
			"empty rows":     func(d *Document) (int, error) { return 2, d.SetMatrix(deep(parents), nil, 2, 0) },
			"no rows":        func(d *Document) (int, error) { return 1, d.SetMatrix(deep(parents), nil, 0, 2) },
			"a text":         func(d *Document) (int, error) { return 0, d.SetJSON(deep(parents), []byte(`"["`)) },
			"a text of two":  func(d *Document) (int, error) { return 2, d.SetJSON(deep(parents), nested(2)) },
			"a text of many": func(d *Document) (int, error) { return MaxDepth, d.SetJSON(deep(parents), nested(MaxDepth)) },
		} {
			d := parse(t, "{}")
			depth, err := set(d)
			if fits := parents+depth <= MaxDepth; fits != (err == nil) {
				t.Errorf("%s inside %d: %v", name, parents, err)
			}
			var syntax *SyntaxError
			if err != nil && !errors.Is(err, ErrDepth) && !errors.As(err, &syntax) {
				t.Errorf("%s inside %d: %v", name, parents, err)
			}
			must(t, Validate(d.Text()))
			if err != nil && string(d.Text()) != "{}" {
				t.Errorf("%s inside %d left %.100s", name, parents, d.Text())
			}
		}
	}
}

// While one goroutine sets items inside a large array, others read them.
func TestReadersAndAWriterInside(t *testing.T) {
	const rows, rounds = 200, 3000
	d := parse(t, `{"rows": [`+strings.Repeat(`{"n": 0, "text": "`+strings.Repeat("x", 400)+`"}, `, rows-1)+`{"n": 0}]}`)
	var threads sync.WaitGroup
	for range 3 {
		threads.Go(func() {
			for last := int64(0); last < rounds; {
				v, err := d.Int("/rows/7/n")
				if err != nil || v < last {
					t.Errorf("%d after %d, %v", v, last, err)
					return
				}
				last = v
				if n, err := d.Count("/rows"); n < rows || err != nil {
					t.Errorf("%d rows, %v", n, err)
				}
				if last%256 == 0 {
					if err := Validate(d.Text()); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	for i := int64(1); i <= rounds; i++ {
		must(t, d.SetInt("/rows/7/n", i))
		must(t, d.SetInt(fmt.Sprintf("/rows/%d/n", i%rows/2*2), i))
		if i%100 == 0 {
			must(t, d.SetNull("/rows/-"))
		}
	}
	threads.Wait()
}

func FuzzSetPointer(f *testing.F) {
	for _, text := range []string{`{}`, `[]`, `{"a": {"b": [1, {"c": 2}]}, "a": [3]}`, `[[[]], "` + strings.Repeat("x", 300) + `"]`, `{"é\"": {"~": 1, "/": 2}}`, `7`} {
		for _, pointer := range []string{"/a", "/a/b/-", "/0/0/0", "/-", "/~0", "/é\"/~1", "/a/b/1/c/d", "/~", "/01", "//"} {
			f.Add(text, pointer, "/a/0", `{"x": [1]}`)
		}
	}
	f.Fuzz(func(t *testing.T, text, first, second, value string) {
		want, v := decode([]byte(text)), decode([]byte(value))
		if want == nil || v == nil || Validate([]byte(text)) != nil || Validate([]byte(value)) != nil {
			return
		}
		d := FromValid([]byte(text))
		changed := false
		for _, pointer := range []string{first, second, first} {
			if !strings.HasPrefix(pointer, "/") || strings.Count(pointer, "/") > 100 {
				continue
			}
			err := d.SetJSON(pointer, []byte(value))
			var syntax *SyntaxError
			if errors.Is(err, ErrText) || errors.As(err, &syntax) {
				continue
			}
			wanted := want.set(pointer, decode([]byte(value)))
			if !errors.Is(err, wanted) || err != nil && wanted == nil {
				t.Fatalf("%q: %v, want %v", pointer, err, wanted)
			}
			changed = changed || err == nil
		}
		got := d.Text()
		if err := Validate(got); err != nil {
			t.Fatalf("%v: %s", err, got)
		}
		if !changed && string(got) != text {
			t.Fatalf("failures changed %q to %q", text, got)
		}
		if !reflect.DeepEqual(decode(got), want) {
			t.Fatalf("got %s", got)
		}
	})
}
