package jsondoc

import (
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// All memory that a function allocates, including memory that is garbage afterwards, is a
// small multiple of the text. The documents are those that need most.
// The function is long because it is mostly tables.
func TestMemoryIsBoundedByTheText(t *testing.T) {
	const size = 128 << 10
	many := func(open, item, end string) string { return open + strings.Repeat(item, size/len(item)) + end }
	var keys strings.Builder
	keys.WriteString(`{"s":0`)
	for i := 0; keys.Len() < size; i++ {
		keys.WriteString(`,"` + strconv.FormatInt(int64(i), 36) + `":0`)
	}
	keys.WriteByte('}')
	dst := make([]float64, size)
	into := make([]byte, 2*size)
	reading := map[string]func(d *Document, pointer string){
		"Type":    func(d *Document, p string) { _, _ = d.Type(p) },
		"Count":   func(d *Document, p string) { _, _ = d.Count(p) },
		"Key":     func(d *Document, p string) { _, _ = d.Key(p, 0) },
		"ReadKey": func(d *Document, p string) { _, _ = d.ReadKey(p, 1000, into) },
		"Double":  func(d *Document, p string) { _, _ = d.Double(p) },
		"Int":     func(d *Document, p string) { _, _ = d.Int(p) },
		"Bool":    func(d *Document, p string) { _, _ = d.Bool(p) },
		"String":  func(d *Document, p string) { _, _ = d.String(p) },
		"read":    func(d *Document, p string) { _, _ = d.ReadString(p, into) },
		"JSON":    func(d *Document, p string) { _, _ = d.JSON(p) },
		"Doubles": func(d *Document, p string) { _, _ = d.Doubles(p, dst) },
		"count":   func(d *Document, p string) { _, _ = d.Doubles(p, nil) },
		"check":   func(d *Document, p string) { _ = d.CheckDoubles(p); _ = d.CheckMatrix(p) },
		"Matrix":  func(d *Document, p string) { _, _, _ = d.Matrix(p, dst) },
	}
	writing := map[string]func(d *Document, text string) *Document{
		"a number":        func(d *Document, text string) *Document { _ = d.SetDouble("s", 1); return d },
		"a string":        func(d *Document, text string) *Document { _ = d.SetString("s", text); return d },
		"a text":          func(d *Document, text string) *Document { _ = d.SetJSON("s", []byte(text)); return d },
		"a number inside": func(d *Document, text string) *Document { _ = d.SetDouble("/s/0", 1); return d },
		"an element":      func(d *Document, text string) *Document { _ = d.SetDouble("/1000", 1); return d },
		"elements appended": func(d *Document, text string) *Document {
			_ = errors.Join(d.SetNull("/s/-"), d.SetNull("/-"))
			return d
		},
		"all": func(d *Document, _ string) *Document {
			all, _ := newCommand("newrun")
			_ = all.SetAll(d)
			return all
		},
	}
	for name, text := range map[string]string{
		"equal keys":      many(`{`, `"":0,`, `"s":1}`),
		"different keys":  keys.String(),
		"keys of escapes": many(`{`, `"\u0000":0,`, `"s":0}`),
		"a long key":      many(`{"`, `\n`, `":0}`),
		"a long string":   many(`{"s":"`, `\n`, `"}`),
		"a short escape":  many(`{"s":"\n`, `x`, `"}`),
		"digits":          many(`{"s":`, `1`, `}`),
		"commas":          many(`{"s":[`, `0,`, `0]}`),
		"rows":            many(`[`, `[0],`, `[0]]`),
		"empty objects":   many(`{"s":[`, `{},`, `{}]}`),
		"deep":            many(`[`, strings.Repeat("[", 500)+"0"+strings.Repeat("]", 500)+",", `0]`),
	} {
		for _, pointer := range []string{"", "/s", "/0", "/s/1000"} {
			for function, read := range reading {
				d := FromValid([]byte(text))
				// Several times, so that the cache counts too.
				taken := allocated(func() {
					for range 4 {
						read(d, pointer)
					}
				})
				most := 2 * len(text)
				switch function {
				case "String", "Key":
					most = 6 * len(text) // four results
				case "Double":
					most = 9 * len(text) // four numbers of many digits
				}
				if taken > most+slack {
					t.Errorf("%s of %s at %q allocates %.1f times the text", function, name, pointer, float64(taken)/float64(len(text)))
				}
			}
		}
		for function, write := range writing {
			if function == "all" && (name == "keys of escapes" || name == "equal keys") {
				continue // values that replace the same member again and again become garbage
			}
			var all int
			taken := allocated(func() {
				d := write(FromValid([]byte(text)), text)
				all = max(len(text), len(d.Text()))
			})
			if taken > 7*all+slack {
				t.Errorf("%s set in %s allocates %.1f times the text", function, name, float64(taken)/float64(all))
			}
		}
	}
}

// Items that are set deep inside and in many places keep a small multiple of the text in
// memory.
func TestMemoryWhileItemsAreSetInside(t *testing.T) {
	long := strings.Repeat("k", 500)
	nested := func(key, innermost string) string {
		return strings.Repeat(`{"`+key+`":`, 500) + innermost + strings.Repeat("}", 500)
	}
	for name, test := range map[string]struct {
		text    string
		pointer func(i int) string
	}{
		"rows of a text":    {`[` + strings.Repeat(`{"text":"`+strings.Repeat("x", 250)+`"},`, 2000) + `{}]`, func(i int) string { return fmt.Sprintf("/%d/k", i%2000) }},
		"rows of members":   {`[` + strings.Repeat(`{`+strings.Repeat(`"a":1,`, 45)+`"b":1},`, 2000) + `{}]`, func(i int) string { return fmt.Sprintf("/%d/k", i%2000) }},
		"rows of numbers":   {`[` + strings.Repeat(`[`+strings.Repeat(`1,`, 140)+`1],`, 2000) + `[]]`, func(i int) string { return fmt.Sprintf("/%d/-", i%2000) }},
		"a deep text":       {nested("k", `{"x":"`+strings.Repeat("x", 300_000)+`"}`), func(i int) string { return strings.Repeat("/k", 1+i%500) + "/y" }},
		"at the deepest":    {nested("k", `{"x":"`+strings.Repeat("x", 300_000)+`"}`), func(i int) string { return strings.Repeat("/k", 500) + "/y" }},
		"deep in long keys": {nested(long, `{}`), func(i int) string { return strings.Repeat("/"+long, 1+i%500) + "/x" }},
	} {
		heap := func() int {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return int(m.HeapAlloc)
		}
		before := heap()
		d := parse(t, test.text)
		for i := range 2500 {
			must(t, d.SetInt(test.pointer(i), int64(i)))
		}
		held := heap() - before
		if size := len(d.Text()); held > 6*size {
			t.Errorf("%s: %.1f times the text", name, float64(held)/float64(size))
		} else {
			t.Logf("%s: %.1f times the text", name, float64(held)/float64(size))
		}
	}
}

// slack is memory that does not depend on the text.
const slack = 32 << 10

// allocated returns how many bytes a function allocates.
func allocated(do func()) int {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return int(after.TotalAlloc - before.TotalAlloc)
}
