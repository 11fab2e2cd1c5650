package jsondoc

import (
	"bufio"
	"bytes"
	_ "embed"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"libobe/test/tools"
)

// oracle is a Python process that reports how its json module reads a text. The
// requests to it are in testdata/oracle.py.
type oracle struct {
	mu  sync.Mutex
	in  io.Writer
	out *bufio.Reader
	err bytes.Buffer
}

//go:embed testdata/oracle.py
var oracleProgram string

var theOracle = sync.OnceValues(func() (*oracle, error) {
	name := os.Getenv("PYTHON")
	if name == "" {
		name = "python3"
	}
	o := &oracle{}
	cmd := exec.Command(name, "-c", oracleProgram)
	cmd.Stderr = &o.err
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	o.in, o.out = in, bufio.NewReader(out)
	return o, cmd.Start() // it ends when the tests end, with its standard input
})

// pythonOracle returns the oracle. Without Python the test is skipped, except in CI.
func pythonOracle(t *testing.T) *oracle {
	t.Helper()
	o, err := theOracle()
	if err != nil {
		tools.Missing(t, "there is no Python to compare with: "+err.Error())
	}
	return o
}

// answer is a reply of the oracle.
type answer struct {
	Text   []byte      // of a document that it generated
	Error  string      // why the text is not JSON
	Nodes  []node      // every value in the text
	Probes [][2]string // pointers, each with the type of the value there, or why there is no value
	// Numbers as the bits of doubles.
	Doubles []string
	Reprs   []string
}

// node is a value in a text. A double is its bits in hexadecimal, or "overflow" for an
// integer that is larger than any double.
type node struct {
	Pointer  string
	Type     string
	Count    int
	Keys     []string
	Doubles  *[]string // nil unless all elements are numbers
	Matrix   *[]string // nil unless all elements are arrays of numbers of one length
	Cols     int
	Range    bool // an element, or an element of an element, is an integer that overflows
	Spelling string
	Double   string
	Text     string
	Truth    bool
}

func (o *oracle) ask(t *testing.T, word string, arguments ...any) answer {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	line := word
	for _, a := range arguments {
		if b, ok := a.([]byte); ok {
			a = base64.StdEncoding.EncodeToString(b)
		}
		line += fmt.Sprint(" ", a)
	}
	if _, err := io.WriteString(o.in, line+"\n"); err != nil {
		t.Fatalf("%v; %s", err, o.err.String())
	}
	reply, err := o.out.ReadBytes('\n')
	if err != nil {
		t.Fatalf("%v; %s", err, o.err.String())
	}
	var a answer
	must(t, json.Unmarshal(reply, &a))
	return a
}

// hex64 returns the bits of a double in the format of the oracle.
func hex64(v float64) string { return fmt.Sprintf("%016x", math.Float64bits(v)) }

// canonicalNaN is the NaN of C, Python and numpy; JSON has no others.
var canonicalNaN = math.Float64frombits(0x7ff8000000000000)

func hexAll(values []float64) []string {
	s := make([]string, len(values))
	for i, v := range values {
		s[i] = hex64(v)
	}
	return s
}

func littleEndian(values []float64) []byte {
	var b []byte
	for _, v := range values {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	return b
}

// agree checks that a document contains the values that the oracle found in its text,
// and no value at other pointers.
func agree(t *testing.T, d *Document, a answer) {
	t.Helper()
	for _, n := range a.Nodes {
		if problem := n.difference(d); problem != "" {
			t.Fatalf("at %q: %s\nin %q", n.Pointer, problem, clip(d.Text()))
		}
	}
	for _, probe := range a.Probes {
		kind, err := d.Type(probe[0])
		var got string
		switch {
		case errors.Is(err, ErrNotFound):
			got = "missing"
		case errors.Is(err, ErrPointer):
			got = "invalid"
		case err == nil:
			got = kind.String()
		default:
			got = err.Error()
		}
		if got != probe[1] {
			t.Fatalf("the pointer %q leads to %q, and to %q in Python\nin %q", probe[0], got, probe[1], clip(d.Text()))
		}
	}
}

func clip(text []byte) []byte { return text[:min(len(text), 1000)] }

// difference describes how the value in a document differs from the node, or is empty. It
// reads the value as every type, and expects an error unless the value has that type.
// It is long because it has a paragraph for each getter.
func (n node) difference(d *Document) (problem string) {
	differ := func(format string, args ...any) {
		if problem == "" {
			problem = fmt.Sprintf(format, args...)
		}
	}
	kind, err := d.Type(n.Pointer)
	if kind.String() != n.Type || err != nil {
		differ("the type is %v (%v), want %s", kind, err, n.Type)
	}
	if raw, err := d.JSON(n.Pointer); err != nil || n.Pointer != "" && (Validate(raw) != nil || len(bytes.TrimSpace(raw)) != len(raw)) {
		differ("the text is %q (%v)", raw, err)
	} else if n.Spelling != "" && n.Pointer != "" && string(raw) != n.Spelling {
		differ("the number is spelled %q, want %q", raw, n.Spelling)
	}

	count, err := d.Count(n.Pointer)
	switch {
	case n.Type != "object" && n.Type != "array":
		if !errors.Is(err, ErrType) {
			differ("the count is %d (%v)", count, err)
		}
	case count != n.Count || err != nil:
		differ("the count is %d (%v), want %d", count, err, n.Count)
	}
	for i, want := range n.Keys {
		if key, err := d.Key(n.Pointer, i); key != want || err != nil {
			differ("key %d is %q (%v), want %q", i, key, err, want)
		}
	}
	if key, err := d.Key(n.Pointer, len(n.Keys)); n.Type == "object" && !errors.Is(err, ErrNotFound) || n.Type != "object" && !errors.Is(err, ErrType) {
		differ("key %d is %q (%v)", len(n.Keys), key, err)
	}

	v, err := d.Double(n.Pointer)
	switch {
	case n.Double == "":
		if !errors.Is(err, ErrType) {
			differ("the double is %v (%v)", v, err)
		}
	case n.Double == "overflow":
		if !errors.Is(err, ErrRange) {
			differ("the double is %v (%v), but the integer is too large", v, err)
		}
	case hex64(v) != n.Double || err != nil:
		differ("the double is %s (%v), want %s", hex64(v), err, n.Double)
	}
	i, err := d.Int(n.Pointer)
	want, tooLarge := strconv.ParseInt(n.Spelling, 10, 64)
	switch {
	case n.Type != "integer":
		if !errors.Is(err, ErrType) {
			differ("the integer is %d (%v)", i, err)
		}
	case tooLarge != nil:
		if !errors.Is(err, ErrRange) {
			differ("the integer is %d (%v), and does not fit in 64 bits", i, err)
		}
	case i != want || err != nil:
		differ("the integer is %d (%v), want %d", i, err, want)
	}
	if s, err := d.String(n.Pointer); n.Type == "string" && (s != n.Text || err != nil) || n.Type != "string" && !errors.Is(err, ErrType) {
		differ("the string is %q (%v), want %q", s, err, n.Text)
	}
	if b, err := d.Bool(n.Pointer); n.Type == "bool" && (b != n.Truth || err != nil) || n.Type != "bool" && !errors.Is(err, ErrType) {
		differ("the truth value is %v (%v), want %v", b, err, n.Truth)
	}
	if p := n.listDiffers(d); p != "" {
		differ("%s", p)
	}
	if p := n.matrixDiffers(d); p != "" {
		differ("%s", p)
	}
	return problem
}

const sentinel = 123.456

// sentinels returns an array of n sentinels.
func sentinels(n int) []float64 { return slices.Repeat([]float64{sentinel}, n) }

func untouched(v []float64) bool {
	return !slices.ContainsFunc(v, func(x float64) bool { return x != sentinel })
}

func (n node) listDiffers(d *Document) string {
	dst := sentinels(n.Count + 1)
	got, err := d.Doubles(n.Pointer, dst)
	if checked := d.CheckDoubles(n.Pointer); fmt.Sprint(checked) != fmt.Sprint(err) {
		return fmt.Sprintf("checked: %v, read: %v", checked, err)
	}
	switch {
	case n.Doubles == nil:
		if !errors.Is(err, ErrType) && !(n.Range && errors.Is(err, ErrRange)) || !untouched(dst[n.Count:]) {
			return fmt.Sprintf("read as %d numbers (%v)", got, err)
		}
		return ""
	case slices.Contains(*n.Doubles, "overflow"):
		if !errors.Is(err, ErrRange) {
			return fmt.Sprintf("read as %d numbers (%v), one of which is too large for a double", got, err)
		}
		return ""
	case got != n.Count || err != nil || !slices.Equal(hexAll(dst[:got]), *n.Doubles) || !untouched(dst[got:]):
		return fmt.Sprintf("read as %d numbers, %v (%v); want %d, %v", got, hexAll(dst), err, n.Count, *n.Doubles)
	case n.Count == 0:
		return ""
	}
	small := sentinels(n.Count - 1)
	var size *SizeError
	if _, err := d.Doubles(n.Pointer, small); !errors.As(err, &size) || size.Rows != n.Count || !untouched(small) {
		return fmt.Sprintf("read into too small an array: %v, %v", err, small)
	}
	return ""
}

func (n node) matrixDiffers(d *Document) string {
	if n.Matrix == nil {
		if rows, cols, err := d.Matrix(n.Pointer, sentinels(100)); !errors.Is(err, ErrType) && !(n.Range && errors.Is(err, ErrRange)) {
			return fmt.Sprintf("read as %d x %d numbers (%v)", rows, cols, err)
		} else if checked := d.CheckMatrix(n.Pointer); fmt.Sprint(checked) != fmt.Sprint(err) {
			return fmt.Sprintf("checked: %v, read: %v", checked, err)
		}
		return ""
	}
	dst := sentinels(n.Count*n.Cols + 1)
	rows, cols, err := d.Matrix(n.Pointer, dst)
	if checked := d.CheckMatrix(n.Pointer); fmt.Sprint(checked) != fmt.Sprint(err) {
		return fmt.Sprintf("checked: %v, read: %v", checked, err)
	}
	switch {
	case slices.Contains(*n.Matrix, "overflow"):
		if !errors.Is(err, ErrRange) {
			return fmt.Sprintf("read as %d x %d numbers (%v), one of which is too large for a double", rows, cols, err)
		}
		return ""
	case rows != n.Count || cols != n.Cols || err != nil || !slices.Equal(hexAll(dst[:rows*cols]), *n.Matrix) || !untouched(dst[rows*cols:]):
		return fmt.Sprintf("read as %d x %d numbers, %v (%v); want %d x %d, %v", rows, cols, hexAll(dst), err, n.Count, n.Cols, *n.Matrix)
	case rows*cols == 0:
		return ""
	}
	small := sentinels(rows*cols - 1)
	var size *SizeError
	if _, _, err := d.Matrix(n.Pointer, small); !errors.As(err, &size) || size.Rows != rows || size.Cols != cols || !untouched(small) {
		return fmt.Sprintf("read into too small an array: %v, %v", err, small)
	}
	return ""
}

// reduced returns n, or a tenth of it in a short run.
func reduced(n int) int {
	if testing.Short() {
		return n / 10
	}
	return n
}

func TestPythonDocumentsAreReadTheSame(t *testing.T) {
	o := pythonOracle(t)
	for seed := range reduced(300) {
		a := o.ask(t, "document", seed)
		if a.Error != "" {
			t.Fatalf("the oracle generated %q, which it cannot read: %s", a.Text, a.Error)
		}
		d, err := Parse(a.Text)
		if err != nil {
			t.Fatalf("%v\nin %q", err, a.Text)
		}
		agree(t, d, a)
		if text, err := d.JSON(""); !bytes.Equal(text, a.Text) || err != nil {
			t.Fatalf("the whole text is %q (%v), want %q", text, err, a.Text)
		}
	}
}

func TestTextsThatPythonRejectsAreRejected(t *testing.T) {
	o := pythonOracle(t)
	rejected, accepted := 0, 0
	for seed := range reduced(1000) {
		a := o.ask(t, "mutated", seed)
		d, err := Parse(a.Text)
		if (err != nil) != (a.Error != "") {
			t.Fatalf("here %v, in Python %q\ntext %q", err, a.Error, a.Text)
		}
		if err != nil {
			rejected++
			continue
		}
		accepted++
		agree(t, d, a)
	}
	if rejected < reduced(1000)/10 || accepted < reduced(1000)/10 {
		t.Errorf("%d texts were rejected and %d accepted: that tests little", rejected, accepted)
	}
}

func TestNumbersOfPythonAreReadBitEqual(t *testing.T) {
	o := pythonOracle(t)
	for seed, n := range []int{reduced(10_000), 2*minPerGoroutine + 4000} { // the second is read in parallel
		a := o.ask(t, "numbers", seed, n)
		d, err := Parse(a.Text)
		must(t, err)
		got := make([]float64, len(a.Doubles))
		if k, err := d.Doubles("", got); k != len(got) || err != nil {
			t.Fatalf("%d numbers (%v), want %d", k, err, len(got))
		}
		spellings := strings.Split(string(a.Text[1:len(a.Text)-1]), ", ")
		for i, want := range a.Doubles {
			if hex64(got[i]) != want {
				t.Fatalf("number %d, %s, is read as %s in an array, want %s", i, spellings[i], hex64(got[i]), want)
			}
			one, err := Parse([]byte(spellings[i]))
			must(t, err)
			if v, err := one.Double(""); hex64(v) != want || err != nil {
				t.Fatalf("%s is read as %s (%v), want %s", spellings[i], hex64(v), err, want)
			}
		}
	}
}

// The exponent compensates the digits, or a digit far to the right decides the rounding.
func TestNumbersOfManyDigitsAreReadBitEqual(t *testing.T) {
	o := pythonOracle(t)
	var spellings []string
	for _, n := range []int{10, 300, 790, 799, 800, 801, 1000, 5000, 20_000, 123_456} {
		zeros := strings.Repeat("0", n)
		for _, format := range []string{"1%se-%d", "0.%s1e%d", "12345678901234567890123%s.5e-%d", "-0.%s12345678901234567890123e%d", "0.%s5e-%d",
			"9007199254740993%s1e-%d", "9007199254740992.%s1e%[2]d", "1%s.%[1]s1e-%d", "4.9%se-%d", "1e-%[2]d"} {
			spellings = append(spellings, fmt.Sprintf(format, zeros, n))
		}
	}
	for _, s := range spellings {
		text := []byte("[" + s + "]")
		d, err := Parse(text)
		must(t, err)
		for _, node := range o.ask(t, "read", text).Nodes {
			if problem := node.difference(d); problem != "" {
				t.Errorf("%.25s… (%d bytes) …%s: %.200s", s, len(s), s[strings.IndexByte(s, 'e'):], problem)
				break
			}
		}
	}
}

func TestNumbersAreWrittenAsPythonWritesThem(t *testing.T) {
	o := pythonOracle(t)
	var values []float64
	eachDouble(reduced(8000), func(v float64) { values = append(values, v) })
	if !testing.Short() && len(values) < 2*minPerGoroutine {
		t.Fatalf("%d numbers are too few to be formatted in parallel", len(values))
	}
	a := o.ask(t, "dumps", littleEndian(values))
	if got := AppendDoubles(nil, values); !bytes.Equal(got, a.Text) {
		i := 0
		for i < min(len(got), len(a.Text)) && got[i] == a.Text[i] {
			i++
		}
		t.Errorf("from byte %d on: %.80s, in Python %.80s", i, got[i:], a.Text[i:])
	}
	for i, v := range values {
		want := strings.NewReplacer("nan", "NaN", "inf", "Infinity").Replace(a.Reprs[i])
		if got := string(AppendDouble(nil, v)); got != want {
			t.Fatalf("%x is written %s, in Python %s", math.Float64bits(v), got, want)
		}
	}
	for _, cols := range []int{1, 3, 1000, 2*minPerGoroutine + 1} {
		part := values[:len(values)/cols*cols]
		if cols == 1 {
			part = values[:1000]
		}
		a := o.ask(t, "dumps", littleEndian(part), cols)
		if got := AppendMatrix(nil, part, len(part)/cols, cols); !bytes.Equal(got, a.Text) {
			t.Errorf("rows of %d are written differently in Python", cols)
		}
	}
}

// ---- documents that are built ----

// builder sets members of a document and records the expected nodes.
type builder struct {
	*rand.Rand
	d    *Document
	keys []string // in order, including duplicates
	want map[string][]node
}

// put records the nodes of the value of a member. The pointers of the nodes are relative
// to that value.
func (b *builder) put(key string, nodes ...node) {
	pointer := pointerTo(key)
	for i := range nodes {
		nodes[i].Pointer = pointer + nodes[i].Pointer
	}
	if _, there := b.want[key]; !there {
		b.keys = append(b.keys, key)
	}
	b.want[key] = nodes
}

var hostile = []string{"", "a", "b", "x", "command", "~", "/", "~1", "~0", "a/b", "m~n", `"`, `\`, `\"`, "\x00", "\x1f\x7f", "\n\r\t\b\f", "é",
	"\u2028\ufeff\ufffd\uffff", "0", "-1", "😀", "\U0010ffff", `\u0041`, "{", "}", "[", "]", ",", ":"}

func (b *builder) text() string {
	if b.Intn(2) == 0 {
		return hostile[b.Intn(len(hostile))]
	}
	var s strings.Builder
	for range b.Intn(10) {
		s.WriteString(hostile[b.Intn(len(hostile))])
		plane := b.Intn(17)
		r := rune(plane<<16 + b.Intn(1<<16))
		if r >= 0xd800 && r < 0xe000 {
			r = rune(b.Intn(0x80))
		}
		s.WriteRune(r)
	}
	return s.String()
}

func (b *builder) double() float64 {
	switch b.Intn(6) {
	case 0:
		v := math.Float64frombits(b.Uint64())
		if v != v {
			return canonicalNaN
		}
		return v
	case 1:
		return math.Float64frombits(b.Uint64()>>12) * float64(1-2*b.Intn(2))
	case 2:
		edges := []float64{0, math.Copysign(0, -1), 5e-324, 2.2250738585072011e-308, 2.2250738585072014e-308, math.MaxFloat64, -math.MaxFloat64,
			canonicalNaN, math.Inf(1), math.Inf(-1), 1e16, 9007199254740993, 1e-5, 1e-4, 123456789012345680}
		return edges[b.Intn(len(edges))]
	case 3:
		return float64(b.Intn(2000) - 1000)
	}
	return b.NormFloat64()
}

func (b *builder) doubles(n int) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = b.double()
	}
	return v
}

// number returns the node of a double.
func number(pointer string, v float64) node {
	return node{Pointer: pointer, Type: "real", Spelling: string(AppendDouble(nil, v)), Double: hex64(v)}
}

// list returns the nodes of an array of numbers.
func list(pointer string, values []float64) []node {
	bits := hexAll(values)
	nodes := []node{{Pointer: pointer, Type: "array", Count: len(values), Doubles: &bits}}
	if len(values) == 0 {
		nodes[0].Matrix = &[]string{}
	}
	if len(values) < 100 {
		for i, v := range values {
			nodes = append(nodes, number(fmt.Sprint(pointer, "/", i), v))
		}
	}
	return nodes
}

// set sets a random member to a random value.
func (b *builder) set(t *testing.T, o *oracle) {
	key := b.text()
	switch b.Intn(9) {
	case 0:
		v := b.double()
		must(t, b.d.SetDouble(plain(key), v))
		b.put(key, number("", v))
	case 1:
		edges := []int64{0, 1, -1, 25, math.MaxInt64, math.MinInt64, 1<<53 + 1, b.Int63(), -b.Int63()}
		v := edges[b.Intn(len(edges))]
		must(t, b.d.SetInt(plain(key), v))
		b.put(key, node{Type: "integer", Spelling: strconv.FormatInt(v, 10), Double: hex64(float64(v))})
	case 2:
		v := b.Intn(2) == 0
		must(t, b.d.SetBool(plain(key), v))
		b.put(key, node{Type: "bool", Truth: v})
	case 3:
		must(t, b.d.SetNull(plain(key)))
		b.put(key, node{Type: "null"})
	case 4, 5:
		v := b.text()
		must(t, b.d.SetString(plain(key), v))
		b.put(key, node{Type: "string", Text: v})
	case 6:
		v := b.doubles(b.Intn(8) * b.Intn(15))
		must(t, b.d.SetDoubles(plain(key), v))
		b.put(key, list("", v)...)
	case 7:
		rows, cols := b.Intn(5), b.Intn(5)
		v := b.doubles(rows * cols)
		must(t, b.d.SetMatrix(plain(key), v, rows, cols))
		bits := hexAll(v)
		top := node{Type: "array", Count: rows, Matrix: &bits}
		if rows == 0 {
			top.Doubles = &[]string{}
		} else {
			top.Cols = cols
		}
		nodes := []node{top}
		for r := range rows {
			nodes = append(nodes, list(fmt.Sprint("/", r), v[r*cols:(r+1)*cols])...)
		}
		b.put(key, nodes...)
	case 8:
		a := o.ask(t, "document", b.Intn(1<<30))
		must(t, b.d.SetJSON(plain(key), a.Text))
		b.put(key, a.Nodes...)
	}
}

// expected returns the nodes that the oracle should find.
func (b *builder) expected() []node {
	nodes := []node{{Type: "object", Count: len(b.keys), Keys: slices.Clone(b.keys)}}
	done := map[string]bool{}
	for _, key := range b.keys {
		if !done[key] {
			nodes = append(nodes, b.want[key]...)
		}
		done[key] = true
	}
	return nodes
}

// startFrom starts with a document that the oracle generated.
func (b *builder) startFrom(t *testing.T, a answer) {
	d, err := Parse(a.Text)
	must(t, err)
	b.d = d
	key := ""
	for _, n := range a.Nodes {
		if n.Pointer == "" {
			b.keys = slices.Clone(n.Keys)
			continue
		}
		token, _, deeper := strings.Cut(n.Pointer[1:], "/")
		if !deeper {
			key = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		}
		b.want[key] = append(b.want[key], n)
	}
}

func TestPythonReadsBuiltDocumentsTheSame(t *testing.T) {
	o := pythonOracle(t)
	for seed := range reduced(120) {
		b := &builder{Rand: rand.New(rand.NewSource(int64(seed))), d: FromValid([]byte("{}")), want: map[string][]node{}}
		if seed%3 == 0 {
			if a := o.ask(t, "document", seed); a.Nodes[0].Type == "object" {
				b.startFrom(t, a)
			}
		}
		for range b.Intn(12) {
			b.set(t, o)
			if b.Intn(4) == 0 {
				_ = b.d.Text() // so that the next member is set on a closed document
			}
		}
		// Read here while the document is open, then by Python, and here again.
		for _, n := range b.expected()[1:] {
			if problem := n.difference(b.d); problem != "" {
				t.Fatalf("seed %d at %q: %s\nin %q", seed, n.Pointer, problem, clip(b.d.Text()))
			}
		}
		a := o.ask(t, "read", b.d.Text())
		if a.Error != "" {
			t.Fatalf("Python cannot read %q: %s", clip(b.d.Text()), a.Error)
		}
		want := b.expected()
		for i, n := range a.Nodes {
			if i >= len(want) || fmt.Sprint(flatten(n)) != fmt.Sprint(flatten(want[i])) {
				t.Fatalf("seed %d: value %d is in Python\n%v\nwant\n%v\nin %q", seed, i, flatten(n), flatten(want[min(i, len(want)-1)]), clip(b.d.Text()))
			}
		}
		if len(a.Nodes) != len(want) {
			t.Fatalf("%d values in Python, want %d, in %q", len(a.Nodes), len(want), clip(b.d.Text()))
		}
		agree(t, b.d, a)
	}
}

// flatten formats a node, following its pointers.
func flatten(n node) string {
	of := func(p *[]string) string {
		if p == nil {
			return "none"
		}
		return fmt.Sprintf("%q", *p)
	}
	numbers, rows := of(n.Doubles), of(n.Matrix)
	n.Doubles, n.Matrix = nil, nil
	return fmt.Sprintf("%q %s %s", []any{n}, numbers, rows)
}
