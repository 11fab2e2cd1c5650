package jsondoc

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// compareReading wants readPart to give the same with vector instructions as without, of any text.
func compareReading(t *testing.T, part []byte) {
	t.Helper()
	n := countElements(part)
	got, want := sentinels(n+1), sentinels(n+1)
	gotErr := readPart(part, got[:n], 7)
	var wantErr error
	withoutVectors(func() { wantErr = readPart(part, want[:n], 7) })
	if fmt.Sprint(gotErr) != fmt.Sprint(wantErr) || !sameBits(got, want) {
		t.Fatalf("%q: %v, the portable code says %v; %v and %v", part, gotErr, wantErr, got, want)
	}
	if err := readPart(part, nil, 7); fmt.Sprint(err) != fmt.Sprint(wantErr) {
		t.Fatalf("%q, only checked: %v, the portable code says %v", part, err, wantErr)
	}
}

// Lists of numbers of all forms, in half of which is an error, are read as the portable code reads them.
func TestReadNumbersAsPortably(t *testing.T) {
	if !hasVectors {
		t.Skip("this processor has no AVX2")
	}
	random := rand.New(rand.NewPCG(11, 12))
	count := 40_000
	if testing.Short() {
		count = 10_000
	}
	for range count {
		text := randomNumbers(random, 200+random.IntN(600))
		compareReading(t, text[1:])
	}
}

// Each pair of bytes, at each place of a number of each form, is read as the portable code reads it.
func TestReadNumbersPairs(t *testing.T) {
	if !hasVectors {
		t.Skip("this processor has no AVX2")
	}
	const bytes = "01259.-+eE, \t\n\r[]{}\"/:xNI\x00\x1f\x7f\x80\xff"
	before, after := strings.Repeat("1.5, ", 10), ", "+strings.Repeat("-2.25, ", 10)
	for _, number := range []string{"1234", "-0.8444218515250481", "0.0001234", "12.5e-7", "-3E+15", "1e300"} {
		for at := len(before) - 2; at <= len(before)+len(number)+1; at++ {
			for _, a := range []byte(bytes) {
				for _, b := range []byte(bytes) {
					changed := []byte(before + number + after)
					changed[at], changed[at+1] = a, b
					compareReading(t, changed)
				}
			}
		}
	}
}

// compareWithParseFloat reads one number as part of a list, wants what strconv.ParseFloat says, and returns whether
// readNumbers read it.
func compareWithParseFloat(t *testing.T, number string) bool {
	t.Helper()
	const before = "1.5, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5, "
	text := []byte(before + number + ", 2.5" + strings.Repeat(" ", vectorSpace))
	var got [2]float64
	count, end := readNumbers(text, len(before), got[:1], powers())
	want, _ := strconv.ParseFloat(number, 64)
	if count == 1 && (math.Float64bits(got[0]) != math.Float64bits(want) || end != len(before)+len(number)+len(", ")) {
		t.Fatalf("%s: %v, to byte %d, want %v", number, got[0], end-len(before), want)
	}
	if err := readPart(text[len(before):], got[:], 0); err == nil && math.Float64bits(got[0]) != math.Float64bits(want) {
		t.Fatalf("%s: %v in a list, want %v", number, got[0], want)
	}
	return count == 1
}

// Numbers of the usual forms are read, and rightly; others are left.
func TestReadNumbers(t *testing.T) {
	if !hasVectors {
		t.Skip("this processor has no AVX2")
	}
	for _, number := range []string{
		"0", "-0", "7", "-7", "123456789012345678", "0.0", "-0.0", "0.5", "-0.1", "12.5", "0.1234567890123456789", "9.999999999999999999",
		"0.00001234567890123456789", "0.00000000000000000000001", "9007199254740993.0", "123456789012345678.9", "0e5", "-0.0E-7",
		"1e5", "1E+05", "-1e-005", "1.5e288", "1.7e-306", "9999999999999999999e288", "1e-307", "9007199254740993e0", "1e22", "1e23",
	} {
		if !compareWithParseFloat(t, number) {
			t.Errorf("%s is left", number)
		}
	}
	for _, number := range []string{
		"1234567890123456789", "1.2345678901234567890", "0.000000000000000000000001", "1e289", "1e-308", "5e-324", "1e0001", "1e999",
		strings.Repeat("1", 31), strings.Repeat("1", 32), strings.Repeat("1", 40), "0." + strings.Repeat("1", 30), "0." + strings.Repeat("1", 31),
	} {
		if compareWithParseFloat(t, number) {
			t.Errorf("%s is read", number)
		}
	}
	for _, other := range []string{"NaN", "-Infinity", "null", `"1"`, `"1.5`, "[1", "1 ", "-", "", " 1", "1e", "1e+", "1.5x", "x.5"} {
		text := []byte(strings.Repeat(" ", vectorBefore) + other + "," + strings.Repeat("1", vectorSpace))
		var got [1]float64
		if count, end := readNumbers(text, vectorBefore, got[:], powers()); count != 0 || end != vectorBefore {
			t.Errorf("%q is read as %v", other, got)
		}
	}
}

// Doubles of every class, as they are written with different precisions.
func TestReadNumbersEachDouble(t *testing.T) {
	if !hasVectors {
		t.Skip("this processor has no AVX2")
	}
	n := 20_000
	if testing.Short() {
		n = 5_000
	}
	random := rand.New(rand.NewPCG(13, 14))
	read, all := 0, 0
	count := func(number string) {
		all++
		if compareWithParseFloat(t, number) {
			read++
		}
	}
	eachDouble(n, func(v float64) {
		if v-v != 0 {
			return
		}
		count(pythonRepr(v))
		count(strconv.FormatFloat(v, 'e', random.IntN(20), 64))
		if math.Abs(v) < 1e15 {
			count(strconv.FormatFloat(v, 'f', random.IntN(22), 64))
		}
	})
	if read < all/2 {
		t.Errorf("%d of %d numbers are read", read, all)
	}
}

// Midpoints of two doubles, which round to even, and their neighbours.
func TestReadNumbersTies(t *testing.T) {
	if !hasVectors {
		t.Skip("this processor has no AVX2")
	}
	random := rand.New(rand.NewPCG(15, 16))
	power := uint64(1) // 5^e
	for e := range 24 {
		for range 500 {
			// w times 5^e has 54 bits, the last of which is 1.
			w := (1<<53/power + random.Uint64N(1<<53/power+1)) | 1
			for near := w - 1; near <= w+1; near++ {
				compareWithParseFloat(t, fmt.Sprintf("%de%d", near, e))
			}
			if e > 4 {
				continue
			}
			// So has odd, which is w / 5^e.
			odd := 1<<53 + random.Uint64N(1<<53) | 1
			for near := odd*power - 1; near <= odd*power+1; near++ {
				compareWithParseFloat(t, fmt.Sprintf("%de-%d", near, e))
				if digits := strconv.FormatUint(near, 10); e > 0 {
					compareWithParseFloat(t, digits[:len(digits)-e]+"."+digits[len(digits)-e:])
				}
			}
		}
		power *= 5
	}
}

// Any text is read as the portable code reads it.
func FuzzReadNumbers(f *testing.F) {
	if !hasVectors {
		f.Skip("this processor has no AVX2")
	}
	random := rand.New(rand.NewPCG(17, 18))
	for range 20 {
		f.Add(randomNumbers(random, 300))
	}
	f.Fuzz(func(t *testing.T, text []byte) { compareReading(t, text) })
}
