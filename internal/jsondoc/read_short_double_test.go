package jsondoc

import (
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// compareShort wants readShortDouble to give what readDouble gives, or nothing, and reports which.
func compareShort(t *testing.T, text string) bool {
	t.Helper()
	padded := []byte(text + strings.Repeat("9", shortSpace))
	got, end, ok := readShortDouble(padded, 0, powers())
	if !ok {
		return false
	}
	want, wantEnd, wantOK := readDouble(padded, 0)
	if !wantOK || math.Float64bits(got) != math.Float64bits(want) || end != wantEnd {
		t.Fatalf("%q: %v, to byte %d; readDouble: %v, to byte %d, %v", text, got, end, want, wantEnd, wantOK)
	}
	return true
}

// Numbers of the usual forms are read by readShortDouble, and rightly; others are not.
func TestReadShortDouble(t *testing.T) {
	for _, text := range []string{
		"0,", "-0,", "7,", "1234567,", "0.0,", "-0.0,", "0.1,", "-12.5,", "2870.123456,", "1.5,", "0.12345678,", "0.123456789,",
		"0.1234567890123456,", "0.12345678901234567,", "0.123456789012345678,", "9.999999999999999999,", "1234567.890123456789,",
		"0.000000000000000000,", "0.000000000000000001,",
	} {
		if !compareShort(t, text) {
			t.Errorf("%q is not read", text)
		}
	}
	for _, text := range []string{
		"12345678,", "0.1234567890123456789,", "1e5,", "1.5e5,", "1 ,", "1.5 ,", "1.5]", "1]", "-,", ".5,", "-.5,", "1.,", "x,", ",", "NaN,", "-Infinity,", `"1",`,
		"12345678.5,", "1.12345678901234567890123456789,", "1.x,", "123456x,",
	} {
		if compareShort(t, text) {
			t.Errorf("%q is read", text)
		}
	}
	random := rand.New(rand.NewPCG(5, 6))
	read := 0
	const count = 200_000
	for range count {
		number := (random.Float64() - 0.3) * math.Pow(10, float64(random.IntN(9)-2))
		if compareShort(t, strconv.FormatFloat(number, 'f', random.IntN(19)-1, 64)+",") {
			read++
		}
	}
	if read < count/2 {
		t.Errorf("%d of %d random numbers are read", read, count)
	}
}

// What is no number is not read, wherever it differs from one.
func FuzzReadShortDouble(f *testing.F) {
	for _, text := range []string{"0.5,", "-12.25,", "123,", "0.1234567890123456789,", "1.2.3,"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { compareShort(t, text) })
}
