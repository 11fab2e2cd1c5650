package jsondoc

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// listOf returns the text that Doubles reads as the list of numbers of an array, or nil if
// the text is not an array.
func listOf(text string) []byte {
	b := []byte(text)
	if Validate(b) != nil || typeAt(b, valueStart(b)) != Array {
		return nil
	}
	i := valueStart(b)
	return b[i+1 : i+bytes.IndexByte(b[i:], ']')]
}

// expectSameParts reads a list as a whole and in parts. The results must be the same, except
// for numbers before an error.
func expectSameParts(t *testing.T, list []byte, offsets ...int) {
	t.Helper()
	n := countElements(list)
	whole, parts := sentinels(n+1), sentinels(n+1)
	list = list[:len(list):len(list)]
	want, got := readPart(list, whole[:n], 0), readParts(list, parts[:n], offsets)
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("%.200q, divided at %v: %v, want %v", list, offsets, got, want)
	}
	if want == nil && !sameBits(parts, whole) || parts[n] != sentinel {
		t.Fatalf("%.200q, divided at %v: different numbers", list, offsets)
	}
	if checked := readParts(list, nil, offsets); fmt.Sprint(checked) != fmt.Sprint(want) {
		t.Fatalf("%.200q, divided at %v, only checked: %v, want %v", list, offsets, checked, want)
	}
}

// dividedLists are arrays that may be misread when they are divided at a comma.
var dividedLists = []string{
	`[1,2,3]`, `[1e5,2e-5,3E+5,-1.5e308]`, `[ 1 , 2 ,	3 ]`, `["1e,2e,3e"]`, `["1e+,2e-,3.,-,+"]`, `[1,"2,3,4",5]`, `["1 2 3 4 5 6,7"]`, `["1x2x3x4,5"]`,
	`["a,b","c,d",1]`, `[1,2,"\",3,\"",4]`, `[[1,2],[3,4]]`, `[1,{"a":1,"b":2},3]`, `[1,null,true]`, `["-,-I,-Infinit,N,Na,Infinit"]`, `["t,f,n,{,["]`,
	`["1,2]",3]`, `[NaN,Infinity,-Infinity]`, `["00000000000000000000000001,0.,0.e,00000000000000000000000.5"]`, `["a,1x2x3x4x5"]`, `["a,1 2 3 4 5"]`, `[]`, `[1]`, `[",,,,,,"]`, `[1,2,3,",1,2,3,"]`,
	`[1,9` + strings.Repeat("9", 400) + `,"a,b"]`, `["` + strings.Repeat("1", 50) + `e,` + strings.Repeat("1", 50) + `e-,2"]`,
}

func FuzzReadParts(f *testing.F) {
	for _, text := range dividedLists {
		f.Add(text, uint16(3), uint16(9))
	}
	f.Fuzz(func(t *testing.T, text string, first, second uint16) {
		if list := listOf(text); list != nil {
			a, b := int(first)%(len(list)+1), int(second)%(len(list)+1)
			expectSameParts(t, list, min(a, b), max(a, b))
			expectSameParts(t, list, a)
		}
		// No text may be read beyond its end, or written beyond dst.
		piece := []byte(text)[:len(text):len(text)]
		dst := sentinels(countElements(piece) + 1)
		_ = readPart(piece, dst[:len(dst)-1], 0)
		if dst[len(dst)-1] != sentinel {
			t.Fatalf("%.200q: written beyond the end", text)
		}
		for i := range piece[:min(len(piece), 100)] {
			readDouble(piece, i)
		}
	})
}

// Neither the numbers nor the error depend on where a list is divided.
func TestListsCanBeDividedAnywhere(t *testing.T) {
	for _, text := range dividedLists {
		list := listOf(text)
		if list == nil {
			t.Fatalf("%q is not an array", text)
		}
		for i := range len(list) + 1 {
			expectSameParts(t, list, i)
			for j := i; j <= len(list); j += 1 + len(list)/20 {
				expectSameParts(t, list, i, j)
			}
		}
		all := make([]int, len(list))
		for i := range all {
			all[i] = i
		}
		expectSameParts(t, list, all...)
	}
}

// Arrays that are read in parallel and contain other values than numbers.
func TestLargeArraysOfOtherValuesAreTypeErrors(t *testing.T) {
	const commas = 2 * minPerGoroutine // enough for two goroutines
	numbers := strings.Repeat("1.5,", commas)
	for name, inside := range map[string]string{
		"commas": strings.Repeat(",", commas), "exponents": strings.Repeat("1e,", commas), "signs": strings.Repeat("1e+,-,", commas),
		"numbers": numbers, "without commas": strings.Repeat("1 2 3 4 5x", commas) + numbers, "points": strings.Repeat("1.,", commas),
		"numbers, and some without commas": numbers + strings.Repeat("1x2 3", commas),
	} {
		t.Run(name, func(t *testing.T) { largeArrays(t, inside, numbers, commas) })
	}
}

func largeArrays(t *testing.T, inside, numbers string, commas int) {
	for text, index := range map[string]int{
		`["` + inside + `"]`: 0, `[1,2,"` + inside + `"]`: 2, `["` + inside + `",` + numbers + `1]`: 0, `[` + numbers + `"` + inside + `"]`: commas,
		`[` + numbers + `"` + inside + `",` + numbers + `1]`: commas, `[` + numbers + `{"a":"` + inside + `"}]`: commas, `[` + numbers + `["` + inside + `"]]`: commas,
	} {
		d, err := Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf("element %d is ", index)
		for _, size := range []int{0, 3 * commas, 10 * commas} {
			if n, err := d.Doubles("", make([]float64, size)); !errors.Is(err, ErrType) || !strings.Contains(err.Error(), want) {
				t.Errorf("%.20s…, into %d: %d (%.200v), want %s", text, size, n, err, want)
			}
		}
	}
	row := "[" + numbers + "1]"
	for text, good := range map[string]bool{`[["` + inside + `"]]`: false, `[` + row + `,["` + inside + `"]]`: false, `[` + row + `,` + row + `]`: true} {
		d, err := Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = d.Matrix("", make([]float64, 3*commas))
		if good && err != nil || !good && !errors.Is(err, ErrType) {
			t.Errorf("%.20s… as a matrix: %.200v", text, err)
		}
	}
}

// The first error is returned, also if a later part fails too.
func TestFirstErrorOfAListIsReturned(t *testing.T) {
	numbers := strings.Repeat("1.5,", 5*minPerGoroutine)
	huge := "1" + strings.Repeat("0", 400)
	for _, c := range []struct {
		text string
		want error
	}{{"[" + huge + "," + numbers + "null]", ErrRange}, {"[null," + numbers + huge + "]", ErrType}} {
		d, err := Parse([]byte(c.text))
		if err != nil {
			t.Fatal(err)
		}
		other := []error{ErrRange, ErrType}
		other = slices.DeleteFunc(other, func(err error) bool { return err == c.want })
		if _, err := d.Doubles("", make([]float64, 6*minPerGoroutine)); !errors.Is(err, c.want) || errors.Is(err, other[0]) {
			t.Errorf("%v, want %v", err, c.want)
		}
	}
}
