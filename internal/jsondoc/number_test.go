package jsondoc

import (
	"errors"
	"math"
	"math/bits"
	"math/rand"
	"slices"
	"strconv"
	"strings"
	"testing"

	"libobe/internal/memory"
)

// pythonRepr returns Python's repr of a double, by means of strconv.
func pythonRepr(v float64) string {
	switch {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 0):
		return strings.Replace(strconv.FormatFloat(v, 'g', -1, 64), "+Inf", "Infinity", 1)
	}
	if a := math.Abs(v); a != 0 && (a >= 1e16 || a < 1e-4) {
		return strconv.FormatFloat(v, 'e', -1, 64)
	}
	s := strconv.FormatFloat(v, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// eachDouble calls f with doubles of every class: the limits, all powers of two and ten with
// their neighbours, and n times random ones.
func eachDouble(n int, f func(v float64)) {
	edges := []float64{0, math.Copysign(0, -1), 1, 0.1, 0.3, 1e23, 9007199254740993, 5e-324, 2.2250738585072011e-308,
		2.2250738585072014e-308, math.MaxFloat64, math.NaN(), math.Inf(1), 123456789012345680, 1e15, 1e16, 1e17, 1e-4, 1e-5, 0.00012345, 4.35, 2.5}
	for _, v := range edges {
		f(v)
	}
	around := func(v float64) {
		f(v)
		f(-v)
		f(math.Nextafter(v, 0))
		f(math.Nextafter(v, math.Inf(1)))
	}
	for e := -1074; e < 1024; e++ {
		around(math.Ldexp(1, e))
	}
	for e := -324; e <= 308; e++ {
		v, _ := strconv.ParseFloat("1e"+strconv.Itoa(e), 64)
		around(v)
	}
	r := rand.New(rand.NewSource(1))
	for range n {
		f(math.Float64frombits(r.Uint64()))
		f(r.Float64())
		f(math.Float64frombits(r.Uint64() >> 12)) // subnormal
		f(float64(r.Int63n(1e6)) / 1000)
		f(float64(r.Int63()))
		f(float64(r.Int63()>>10) / 4)                                       // often the midpoint of two decimals
		f(math.Ldexp(float64(r.Int63()>>(10+r.Intn(53))), r.Intn(200)-100)) // often a midpoint, or whole
	}
}

func TestDoublesAreWrittenAsPythonDoesAndReadBackBitEqual(t *testing.T) {
	var buf []byte
	n := 200_000
	if testing.Short() {
		n = 10_000
	}
	eachDouble(n, func(v float64) {
		buf = AppendDouble(buf[:0], v)
		want := pythonRepr(v)
		if v == math.Inf(-1) {
			want = "-Infinity"
		}
		if string(buf) != want {
			t.Fatalf("%x is written %s, want %s", math.Float64bits(v), buf, want)
		}
		got, end, ok := readDouble(append(buf, ", 1"...), 0)
		same := math.Float64bits(got) == math.Float64bits(v) || v != v && got != got
		if !ok || end != len(buf) || !same {
			t.Fatalf("%s reads back as %v (%v, up to %d)", buf, got, ok, end)
		}
	})
}

func TestNumbersOfAnyLengthAreReadCorrectlyRounded(t *testing.T) {
	r := rand.New(rand.NewSource(2))
	digits := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte('0' + r.Intn(10))
		}
		if b[0] == '0' && n > 1 {
			b[0] = '1'
		}
		return string(b)
	}
	check := func(s string) {
		want, _ := strconv.ParseFloat(s, 64)
		got, end, ok := readDouble([]byte(s), 0)
		if !ok || end != len(s) || math.Float64bits(got) != math.Float64bits(want) {
			t.Fatalf("%s is read as %v (%v, up to %d), want %v", s, got, ok, end, want)
		}
	}
	for _, s := range []string{"1e999", "-1e999", "1e-999", "0e999999999999999999999", "9007199254740993", "9007199254740992.5",
		"18446744073709551615", "18446744073709551616", "0.000000000000000000000000000000012345678901234567", "1e400000000000000000000",
		"179769313486231580793728971405301e276", "179769313486231580793728971405303415079934132710037826936173778980444968292764750946649017977587207096330286416692887910946555547851940402630657488671505820681908902000708383676273854845817711531764475730270069855571366959622842914819860834936475292719074168444365510704342711559699508093042880",
		"2.4703282292062327208051355972886e-324", "2.2250738585072011e-308", "4.9406564584124654e-324", "100000000000000016777215", "100000000000000016777216"} {
		check(s)
	}
	for range 300_000 {
		s := digits(1 + r.Intn(22))
		if r.Intn(2) == 0 {
			s += "." + digits(1+r.Intn(22))
		}
		switch r.Intn(4) {
		case 0:
			s += "e" + strconv.Itoa(r.Intn(700)-350)
		case 1:
			s += "E+" + strconv.Itoa(r.Intn(30))
		}
		check(s)
		check("-" + s)
	}
	// The midpoint of two doubles, exactly and one digit off.
	for range 20_000 {
		m := 1<<53 + uint64(r.Int63n(1<<53))
		half := strconv.FormatUint(m, 10) + ".5"
		check(half)
		check(half + "0000000000000000000000000001")
		check(strconv.FormatUint(m, 10) + ".4999999999999999999999999999")
	}
}

func TestOtherValuesAreNotNumbers(t *testing.T) {
	for _, s := range []string{"true", "null", `"1"`, "[1]", "-", "Inf"} {
		if v, _, ok := readDouble([]byte(s), 0); ok {
			t.Errorf("%s is read as %v", s, v)
		}
	}
}

func BenchmarkFormat(b *testing.B) {
	v := randomDoubles(1_000_000)
	var buf []byte
	for b.Loop() {
		buf = appendList(buf[:0], v)
	}
	b.SetBytes(int64(len(buf)))
}

func BenchmarkFormatSplit(b *testing.B) {
	v := randomDoubles(1_000_000)
	var buf []byte
	for b.Loop() {
		buf = AppendDoubles(buf[:0], v)
	}
	b.SetBytes(int64(len(buf)))
}

func BenchmarkRead(b *testing.B) {
	text := append(AppendDoubles(nil, randomDoubles(1_000_000)), ' ')
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		for i := 1; i < len(text)-2; i += 2 {
			_, i, _ = readDouble(text, i)
		}
	}
}

func randomDoubles(n int) []float64 {
	r := rand.New(rand.NewSource(3))
	v := make([]float64, n)
	for i := range v {
		v[i] = r.Float64()
	}
	return v
}

// The numbers of a list are written in blocks and over the ends of those before them, so lists
// of all lengths and with all classes of neighbours are compared with single numbers.
func TestListsAreWrittenLikeSingleNumbers(t *testing.T) {
	var values []float64
	eachDouble(200, func(v float64) { values = append(values, v) })
	r := rand.New(rand.NewSource(4))
	r.Shuffle(len(values), func(i, j int) { values[i], values[j] = values[j], values[i] })
	var want []byte
	for n := 0; len(values) > 0; n++ {
		list := values[:min(n%70, len(values))]
		values = values[len(list):]
		want = want[:0]
		for i, v := range list {
			if i > 0 {
				want = append(want, ", "...)
			}
			want = AppendDouble(want, v)
		}
		if got := appendList([]byte("x"), list); string(got[1:]) != string(want) {
			t.Fatalf("%x is written\n%s, want\n%s", list, got[1:], want)
		}
	}
}

func TestArraysFormattedInParallelAreTheSame(t *testing.T) {
	for _, n := range []int{0, 1, 2, minPerGoroutine, 2*minPerGoroutine - 1, 2 * minPerGoroutine, 5*minPerGoroutine + 3} {
		v := randomDoubles(n)
		if n > 5 {
			v[3], v[n/2], v[n-1] = -2.2250738585072014e-308, math.Inf(-1), math.NaN()
		}
		got := string(AppendDoubles([]byte("x"), v))
		if want := "x[" + string(appendList(nil, v)) + "]"; got != want {
			t.Fatalf("an array of %d is formatted differently in parallel", n)
		}
	}
	long := slices.Repeat([]float64{-2.2250738585072014e-308}, 4*minPerGoroutine)
	var got []byte
	taken := allocated(func() { got = appendParts(nil, long, 3) })
	if want := "[" + string(appendList(nil, long)) + "]"; string(got) != want || taken > len(want)+slack {
		t.Fatalf("%d long numbers are formatted differently in parallel, or %d bytes are allocated", len(long), taken)
	}
}

// There may be many rows, and adding one must not move those before it.
func TestMatrixIsWrittenInFewAllocations(t *testing.T) {
	const rows, cols = 5000, 4
	long := make([]float64, rows*cols)
	for i := range long {
		long[i] = -2.2250738585072014e-308 // longer than a typical number
	}
	for name, values := range map[string][]float64{"typical": randomDoubles(rows * cols), "long": long} {
		if n := testing.AllocsPerRun(1, func() { AppendMatrix(nil, values, rows, cols) }); n > 20 {
			t.Errorf("%s numbers: %v allocations for %d rows", name, n, rows)
		}
	}
}

// A size that overflows an int is refused.
func TestGrowRefusesMoreThanAnInt(t *testing.T) {
	refused := func(name string, f func()) {
		defer func() {
			if err, _ := recover().(error); !errors.Is(err, memory.ErrMemory) {
				t.Errorf("%s: %v", name, err)
			}
		}()
		f()
	}
	refused("bytes", func() { grow(nil, math.MaxInt) })
	refused("bytes after others", func() { grow(make([]byte, 100), math.MaxInt-100) })
	refused("the maximum", func() { grow(nil, math.MaxInt64/maxNumberLen*maxNumberLen) })
	if bits.UintSize == 32 {
		refused("numbers", func() { grow(nil, maxNumberLen*100_000_000) })
		refused("rows", func() { AppendMatrix(nil, nil, 1<<30, 0) })
	}
}

// A list of long numbers is not moved for each of them, and never without memory.Make.
func TestGrowDoublesTheCapacity(t *testing.T) {
	long := slices.Repeat([]float64{-2.2250738585072014e-308}, 10_000)
	for _, n := range []int{1, 2, 100, len(long)} {
		if allocations := testing.AllocsPerRun(1, func() { AppendDoubles(nil, long[:n]) }); allocations > 3 {
			t.Errorf("%d numbers: %v allocations", n, allocations)
		}
	}
	for capacity := range 1500 {
		if text := appendList(make([]byte, 0, capacity), long[:50]); len(text) != 50*maxNumberLen-len(", ") {
			t.Errorf("%d bytes after a capacity of %d", len(text), capacity)
		}
	}
	full := make([]byte, 1000)
	if grown := grow(full, 1); cap(grown) < 2000 || len(grown) != 1000 {
		t.Errorf("%d of %d bytes", len(grown), cap(grown))
	}
	text := AppendDoubles(make([]byte, 0, 5), []float64{1, 2})
	if string(text) != "[1.0, 2.0]" {
		t.Errorf("%s", text)
	}
}
