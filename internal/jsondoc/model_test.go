package jsondoc

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// model is a simple implementation of an object: its members in order.
type model struct {
	keys   []string // encoded
	values []string
}

func (m *model) index(key string) int {
	for i := len(m.keys) - 1; i >= 0; i-- {
		var k string
		d := FromValid([]byte(m.keys[i]))
		if k, _ = d.String(""); k == key {
			return i
		}
	}
	return -1
}

func (m *model) set(key, value string) {
	if i := m.index(key); i >= 0 {
		m.values[i] = value
		return
	}
	m.keys = append(m.keys, string(AppendString(nil, key)))
	m.values = append(m.values, value)
}

func (m *model) text(colon, comma string) string {
	var s strings.Builder
	for i, k := range m.keys {
		if i > 0 {
			s.WriteString(comma)
		}
		s.WriteString(k + colon + m.values[i])
	}
	return "{" + s.String() + "}"
}

// Members are set, read, and the text is asked for in any order; at any time the document
// equals a plain list of members.
func TestDocumentIsAListOfMembers(t *testing.T) {
	for s := range uint64(20) {
		random := rand.New(rand.NewPCG(s, 1))
		m := &model{}
		spellings := []string{`"%d"`, `"\u006b%d"`, `"a\/\n%d"`, `"\ud83d\ude00%d"`, `"😀%d"`, `"\ud800%d"`}
		keys := []string{"%d", "k%d", "a/\n%d", "😀%d", "\ufffd%d", "\"\\%d"}
		different := 1 + random.IntN(40)
		for range random.IntN(60) {
			i := random.IntN(len(spellings))
			m.keys = append(m.keys, fmt.Sprintf(spellings[i], random.IntN(different)))
			m.values = append(m.values, strconv.Itoa(random.IntN(1000)))
		}
		d := parse(t, " \n"+m.text(" :", " ,\t")+" ")
		written := false
		for step := range 300 {
			written = written || d.keys != nil
			key := fmt.Sprintf(keys[random.IntN(len(keys))], random.IntN(different))
			switch random.IntN(8) {
			case 0, 1, 2:
				value := strconv.Itoa(random.IntN(100000))
				if random.IntN(20) == 0 {
					value = `[` + strings.Repeat("1, ", random.IntN(900)) + `{"a": 2}]`
				}
				must(t, d.SetJSON(key, []byte(value)))
				m.set(key, value)
			case 3:
				other := &model{}
				for i := range random.IntN(5) {
					other.keys = append(other.keys, string(AppendString(nil, key+strconv.Itoa(i%3))))
					other.values = append(other.values, strconv.Itoa(random.IntN(9)))
					m.set(key+strconv.Itoa(i%3), other.values[i])
				}
				must(t, d.SetAll(parse(t, other.text(":", ","))))
			case 4:
				if random.IntN(10) == 0 {
					if got, want := string(d.Text()), m.text(": ", ", "); written && got != want {
						t.Fatalf("%d, step %d:\ngot  %s\nwant %s", s, step, got, want)
					}
				}
			case 5:
				if n, err := d.Count(""); random.IntN(10) == 0 && (n != len(m.keys) || err != nil) {
					t.Fatalf("%d, step %d: %d members, %v; want %d", s, step, n, err, len(m.keys))
				}
			default:
				pointer := pointerTo(key)
				got, err := d.JSON(pointer)
				if i := m.index(key); i < 0 && !errors.Is(err, ErrNotFound) || i >= 0 && string(got) != m.values[i] {
					t.Fatalf("%d, step %d: %q is %s, %v; want member %d of\n%s", s, step, key, got, err, i, m.text(":", ","))
				}
			}
		}
		for i, k := range m.keys {
			got, err := d.Key("", i)
			want, _ := FromValid([]byte(k)).String("")
			if got != want || err != nil {
				t.Fatalf("%d: key %d is %q, %v; want %q", s, i, got, err, want)
			}
		}
	}
}

// Every item of every container is found, in any order, before and after it is cached.
// The function is long because it also generates the document and walks over it.
func TestItemsAreFoundInAnyOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	left := 0
	var build func(depth int) string
	build = func(depth int) string {
		n := 1 + random.IntN(9)
		if random.IntN(4) == 0 {
			n = random.IntN(400)
		}
		n = min(n, left)
		left -= n
		items := make([]string, n)
		object := random.IntN(2) == 0
		for i := range items {
			switch {
			case depth > 0 && random.IntN(9) == 0:
				items[i] = build(depth - 1)
			case random.IntN(30) == 0:
				items[i] = `"` + strings.Repeat(`]},[{\"`, random.IntN(200)) + `"`
			default:
				items[i] = strconv.Itoa(random.IntN(1e6))
			}
			if object {
				items[i] = fmt.Sprintf(`"k%d":`, i) + items[i]
			}
		}
		if object {
			return "{" + strings.Join(items, ",") + "}"
		}
		return "[" + strings.Join(items, " , ") + "]"
	}
	for range 8 {
		left = 2000
		d := parse(t, "["+build(4)+","+build(4)+"]")
		type found struct{ pointer, text string }
		var all []found
		var walk func(pointer string, text []byte)
		walk = func(pointer string, text []byte) {
			all = append(all, found{pointer, string(text)})
			if text[0] != '{' && text[0] != '[' {
				return
			}
			i := 0
			for it := newIterator(text, 0); it.next(); i++ {
				token := strconv.Itoa(i)
				if it.object {
					token = string(text[it.key+1 : it.keyEnd-1])
				}
				walk(pointer+"/"+token, text[it.value:it.valueEnd()])
			}
			if n, err := d.Count(pointer); n != i || err != nil {
				t.Fatalf("%s: %d items, %v; want %d", pointer, n, err, i)
			}
			if _, err := d.JSON(pointer + "/" + strconv.Itoa(i)); !errors.Is(err, ErrNotFound) {
				t.Fatalf("%s: an item after the last one: %v", pointer, err)
			}
		}
		walk("", d.Text())
		var threads sync.WaitGroup
		for thread := range uint64(4) {
			threads.Go(func() {
				order := slices.Clone(all)
				if thread > 0 {
					rand.New(rand.NewPCG(thread, 3)).Shuffle(len(order), func(i, k int) { order[i], order[k] = order[k], order[i] })
				}
				for _, f := range order {
					if got, err := d.JSON(f.pointer); string(got) != f.text || err != nil {
						t.Errorf("%s: %.100s, %v; want %.100s", f.pointer, got, err, f.text)
						return
					}
				}
			})
		}
		threads.Wait()
	}
}

// While one goroutine sets members, others read each member with its old or its new value.
func TestReadersAndAWriter(t *testing.T) {
	d := parse(t, `{"long": [`+strings.Repeat("7, ", 2000)+`7]}`)
	const n = 3000
	var threads sync.WaitGroup
	for range 3 {
		threads.Go(func() {
			last := int64(0)
			for last < n {
				if v, err := d.Int("/long/1999"); v != 7 || err != nil {
					t.Errorf("%d, %v", v, err)
					return
				}
				v, err := d.Int("/n")
				if err != nil && !errors.Is(err, ErrNotFound) || v < last && err == nil {
					t.Errorf("%d after %d, %v", v, last, err)
					return
				}
				last = max(last, v)
				if last%64 == 0 {
					if err := Validate(d.Text()); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	for i := int64(1); i <= n; i++ {
		must(t, d.SetInt("n", i))
		must(t, d.SetInt(fmt.Sprint("other ", i%100), i))
	}
	threads.Wait()
}
