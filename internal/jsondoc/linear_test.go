package jsondoc

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Setting n members, reading n keys and reading n elements by pointer takes time linear in
// the text for all of them: at most half a second here. If each member takes time linear in
// the text, it takes minutes. The function is long because of its table.
func TestWorkOnADocumentIsLinear(t *testing.T) {
	const n = 100_000
	const testTimeout = time.Minute
	number := func(t *testing.T, d *Document, want int, pointer string) {
		t.Helper()
		if v, err := d.Int(pointer); v != int64(want) || err != nil {
			t.Fatalf("%s: %d, %v; want %d", pointer, v, err, want)
		}
	}
	join := func(n int, item func(i int) string) string {
		items := make([]string, n)
		for i := range items {
			items[i] = item(i)
		}
		return strings.Join(items, ",")
	}
	member := func(i int) string { return fmt.Sprintf(`"k%d":%d`, i, i) }
	shuffled := rand.New(rand.NewPCG(1, 1)).Perm(n)
	orders := map[string]func(i int) int{
		"in order":        func(i int) int { return i },
		"in random order": func(i int) int { return shuffled[i] },
	}
	type test struct {
		name string
		text string
		do   func(t *testing.T, d *Document, i int)
	}
	tests := []test{
		{"members are set", `{}`, func(t *testing.T, d *Document, i int) { must(t, d.SetInt("k"+strconv.Itoa(i), int64(i))) }},
		{"members are replaced", `{` + join(n, member) + `}`, func(t *testing.T, d *Document, i int) { must(t, d.SetInt("k"+strconv.Itoa(i), 7)) }},
		{"one member is replaced", `{` + join(n, member) + `}`, func(t *testing.T, d *Document, i int) { must(t, d.SetString("k7", "text")) }},
		{"members are set and read", `{"x":[` + join(n, strconv.Itoa) + `]}`, func(t *testing.T, d *Document, i int) {
			must(t, d.SetInt("k"+strconv.Itoa(i), int64(i)))
			number(t, d, i, "/k"+strconv.Itoa(i))
			number(t, d, i, "/x/"+strconv.Itoa(i))
		}},
		{"members are set inside", `{"a":{"o":{}}}`, func(t *testing.T, d *Document, i int) {
			must(t, d.SetInt("/a/o/k"+strconv.Itoa(i), int64(i)))
			number(t, d, i, "/a/o/k"+strconv.Itoa(i))
		}},
		{"members are replaced inside", `{"o":{` + join(n, member) + `}}`, func(t *testing.T, d *Document, i int) { must(t, d.SetInt("/o/k"+strconv.Itoa(shuffled[i]), 7)) }},
		{"elements are appended", `{"x":[]}`, func(t *testing.T, d *Document, i int) {
			must(t, d.SetInt("/x/-", int64(i)))
			if count, err := d.Count("/x"); count != i+1 || err != nil {
				t.Fatal(count, err)
			}
			number(t, d, i, "/x/"+strconv.Itoa(i))
		}},
		{"elements are replaced", `[` + join(n, strconv.Itoa) + `]`, func(t *testing.T, d *Document, i int) {
			must(t, d.SetInt("/"+strconv.Itoa(shuffled[i]), int64(i)))
			number(t, d, i, "/"+strconv.Itoa(shuffled[i]))
		}},
		{"one member inside is replaced", `{"o":{` + join(n, member) + `}}`, func(t *testing.T, d *Document, i int) { must(t, d.SetString("/o/k7", "text")) }},
		{"rows are built", `{"rows":[]}`, func(t *testing.T, d *Document, i int) {
			must(t, d.SetInt("/rows/"+strconv.Itoa(i)+"/x", int64(i)))
			must(t, d.SetDouble("/rows/"+strconv.Itoa(i)+"/y", 0.5))
			number(t, d, i, "/rows/"+strconv.Itoa(i)+"/x")
		}},
		{"long rows in turn", `[` + strings.Repeat(`{"text":"`+strings.Repeat("x", 300)+`"},`, 9999) + `{}]`, func(t *testing.T, d *Document, i int) {
			must(t, d.SetInt(fmt.Sprintf("/%d/k%d", shuffled[i]%10000, i), int64(i)))
		}},
		{"two objects in turn", `{}`, func(t *testing.T, d *Document, i int) {
			must(t, d.SetInt("/a/k"+strconv.Itoa(i), int64(i)))
			must(t, d.SetInt("/b/c/k"+strconv.Itoa(i), int64(i)))
			must(t, d.SetInt("k"+strconv.Itoa(i), int64(i)))
		}},
		{"equal keys", `{` + strings.Repeat(`"":0,`, n) + `"":1}`, func(t *testing.T, d *Document, i int) { number(t, d, 1, "/") }},
	}
	// Each array is a short scan, and contains all arrays inside it.
	const depth = 100
	deep := strings.Repeat("["+strings.Repeat("0,", 600), depth) + "[" + join(n, strconv.Itoa) + "]" + strings.Repeat("]", depth)
	tests = append(tests, test{"an array deep inside", deep, func(t *testing.T, d *Document, i int) {
		if i < n/50 {
			number(t, d, n-1-i, strings.Repeat("/600", depth)+"/"+strconv.Itoa(n-1-i))
		}
	}})
	const levels = 250
	nested := strings.Repeat(`{"k":`, levels) + `"` + strings.Repeat("x", 1000) + `"` + strings.Repeat("}", levels)
	tests = append(tests, test{"an item of which many parents are missing", `{}`, func(t *testing.T, _ *Document, i int) {
		if i < 65 {
			must(t, FromValid([]byte(nested)).SetNull(strings.Repeat("/k", levels-1)+strings.Repeat("/new", levels)))
		}
	}})
	for order, at := range orders {
		tests = append(tests,
			test{"members " + order, `{` + join(n, member) + `}`, func(t *testing.T, d *Document, i int) { number(t, d, at(i), "/k"+strconv.Itoa(at(i))) }},
			test{"members inside " + order, `[{"o":{` + join(n, member) + `}}]`, func(t *testing.T, d *Document, i int) { number(t, d, at(i), "/0/o/k"+strconv.Itoa(at(i))) }},
			test{"keys " + order, `{` + join(n, member) + `}`, func(t *testing.T, d *Document, i int) {
				if key, err := d.Key("", at(i)); key != "k"+strconv.Itoa(at(i)) || err != nil {
					t.Fatal(key, err)
				}
				if count, err := d.Count(""); count != n || err != nil {
					t.Fatal(count, err)
				}
			}},
			test{"rows " + order, `{"rows":[` + join(n, func(i int) string { return fmt.Sprintf(`{"x":%d,"y":0.5}`, i) }) + `]}`,
				func(t *testing.T, d *Document, i int) { number(t, d, at(i), fmt.Sprintf("/rows/%d/x", at(i))) }},
			test{"two arrays in turn " + order, `{"a":[` + join(n, strconv.Itoa) + `],"b":[` + join(n, strconv.Itoa) + `]}`, func(t *testing.T, d *Document, i int) {
				number(t, d, at(i), "/a/"+strconv.Itoa(at(i)))
				number(t, d, at(i), "/b/"+strconv.Itoa(at(i)))
			}},
			test{"columns of a table " + order, `[` + strings.Repeat(`[`+join(n/50, strconv.Itoa)+`],`, 50) + `[]]`, func(t *testing.T, d *Document, i int) {
				number(t, d, at(i)/50, fmt.Sprintf("/%d/%d", at(i)%50, at(i)/50))
			}},
			test{"an array in an array " + order, `[[[[` + join(n, strconv.Itoa) + `]],0]]`, func(t *testing.T, d *Document, i int) { number(t, d, at(i), "/0/0/0/"+strconv.Itoa(at(i))) }},
		)
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := parse(t, test.text)
			began := time.Now()
			for i := range n {
				if test.do(t, d, i); i%64 == 0 && time.Since(began) > testTimeout {
					t.Fatalf("after %v only %d of %d are done", testTimeout, i, n)
				}
			}
			t.Log(time.Since(began))
		})
	}
}

// Errors contain only the beginning of long pointers and keys.
func TestErrorsAreShort(t *testing.T) {
	long := strings.Repeat("é", 500_000)
	d := parse(t, `{"`+long+`": {"a": [1, "x"], "m": [[1], [2, 3]], "i": 12345678901234567890123, "h": 1`+strings.Repeat("0", 400)+`}, "s": "`+long+`"}`)
	at := "/" + long
	set, err := newCommand(long)
	must(t, err)
	dst := make([]float64, 9)
	for name, do := range map[string]func() error{
		"not a pointer":    func() error { _, err := d.Int(long); return err },
		"a wrong escape":   func() error { _, err := d.Int(at + "~2"); return err },
		"no member":        func() error { _, err := d.Int("/x" + long); return err },
		"no member inside": func() error { _, err := d.Int(at + "/" + long); return err },
		"not an index":     func() error { _, err := d.Int(at + "/a/" + long); return err },
		"beyond the end":   func() error { _, err := d.Int(at + "/a/9"); return err },
		"below a number":   func() error { _, err := d.Int(at + "/i/" + long); return err },
		"a type":           func() error { _, err := d.Int(at); return err },
		"a large integer":  func() error { _, err := d.Int(at + "/i"); return err },
		"a huge integer":   func() error { _, err := d.Double(at + "/h"); return err },
		"a boolean":        func() error { _, err := d.Bool(at); return err },
		"a string":         func() error { _, err := d.String(at); return err },
		"a number":         func() error { _, err := d.Double(at); return err },
		"a count":          func() error { _, err := d.Count(at + "/i"); return err },
		"a key":            func() error { _, err := d.Key(at+"/i", 0); return err },
		"a key beyond":     func() error { _, err := d.Key(at, 9); return err },
		"numbers":          func() error { _, err := d.Doubles(at+"/a", dst); return err },
		"rows":             func() error { _, _, err := d.Matrix(at+"/a", dst); return err },
		"ragged rows":      func() error { _, _, err := d.Matrix(at+"/m", dst); return err },
		"rows of texts":    func() error { _, _, err := parse(t, `{"`+long+`": [["a"]]}`).Matrix(at, dst); return err },
		"a key to set":     func() error { return set.SetInt(long+"\xff", 1) },
		"a text to set":    func() error { return set.SetString(long, "\xff") },
	} {
		err := do()
		if err == nil || len(err.Error()) > 600 || strings.Contains(err.Error(), "�") {
			t.Errorf("%s: %.700v", name, err)
		}
	}
}
