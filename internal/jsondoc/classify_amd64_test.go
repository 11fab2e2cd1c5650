package jsondoc

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// withoutVectors calls f with the portable code only.
func withoutVectors(f func()) {
	defer func(before bool) { hasVectors = before }(hasVectors)
	hasVectors = false
	f()
}

// outcome returns what a validator says of the first parts of a text, and of all of it.
func outcome(text []byte, cut int) string {
	var v Validator
	first := v.Feed(text[:cut], false)
	at := v.state
	return fmt.Sprint(first, at, v.depth, v.Feed(text[cut:], true))
}

// compareVectors wants the vector instructions to say the same as the portable code, of a text in one part and in two.
func compareVectors(t *testing.T, text []byte, cut int) {
	t.Helper()
	got := outcome(text, 0) + outcome(text, cut)
	want := ""
	withoutVectors(func() { want = outcome(text, 0) + outcome(text, cut) })
	if got != want {
		t.Fatalf("%q, cut at %d: %s, the portable code says %s", text, cut, got, want)
	}
}

// The vector instructions find what the portable code finds, in arrays of numbers.
func TestVectorsNumbers(t *testing.T) {
	if !hasVectors {
		t.Skip("this processor has no AVX2")
	}
	random := rand.New(rand.NewPCG(1, 2))
	count := 200_000
	if testing.Short() {
		count = 20_000
	}
	for range count {
		text := randomNumbers(random, 200+random.IntN(1000))
		compareVectors(t, text, random.IntN(len(text)+1))
	}
}

// Each pair of bytes, at each place of a block and across its end, is judged as the portable code judges it.
func TestVectorsPairs(t *testing.T) {
	if !hasVectors {
		t.Skip("this processor has no AVX2")
	}
	const bytes = "0129.-+eE, \t\n\r[]{}\"\\/:xNI\x00\x1f\x7f\x80\xc3\xff"
	numbers := "[" + strings.Repeat("1.5e3, ", 40) + "2]"
	plain := `"` + strings.Repeat("a line of text ", 20) + `"`
	for _, text := range []string{numbers, plain} {
		for at := 100; at < 100+2*blockSize; at++ {
			for _, a := range []byte(bytes) {
				for _, b := range []byte(bytes) {
					changed := []byte(text)
					changed[at], changed[at+1] = a, b
					compareVectors(t, changed, 90)
				}
			}
		}
	}
}

// The classes of all bytes, at all places.
func TestClassify(t *testing.T) {
	if !hasVectors {
		t.Skip("this processor has no AVX2")
	}
	classes := map[string]func(*masks) uint64{
		"eE": func(m *masks) uint64 { return m.exponent }, "0123456789": func(m *masks) uint64 { return m.digit },
		".": func(m *masks) uint64 { return m.point }, "-": func(m *masks) uint64 { return m.minus },
		",": func(m *masks) uint64 { return m.comma }, "+": func(m *masks) uint64 { return m.plus },
		" \t\n\r": func(m *masks) uint64 { return m.space }, "0": func(m *masks) uint64 { return m.zero },
	}
	text := make([]byte, 2*blockSize)
	for b := range 256 {
		for at := range text {
			for i := range text {
				text[i] = byte(b + 1)
			}
			text[at] = byte(b)
			var m [2]masks
			if n := classify(text, m[:]); n != 2 {
				t.Fatal(n)
			}
			for class, of := range classes {
				for i := range text {
					if got, want := of(&m[i/blockSize])>>(i%blockSize)&1 == 1, strings.IndexByte(class, text[i]) >= 0; got != want {
						t.Fatalf("%q at %d: %v, want %v in %q", text[i], i, got, want, class)
					}
				}
			}
		}
	}
}

// Brackets, braces and quotes are found among all other bytes, at all places.
func TestNextBracketOrQuote(t *testing.T) {
	others := make([]byte, 0, 256)
	for b := range 256 {
		if strings.IndexByte(`"[]{}`, byte(b)) < 0 {
			others = append(others, byte(b))
		}
	}
	for at := range 3 * blockSize {
		for n := at + 1; n < 4*blockSize; n += 7 {
			for _, b := range []byte(`"[]{}`) {
				text := make([]byte, n)
				for i := range text {
					text[i] = others[(i+at)%len(others)]
				}
				text[at] = b
				if got := nextBracketOrQuote(text, 0); got != at {
					t.Fatalf("%q of %d bytes: %d, want %d", b, n, got, at)
				}
			}
		}
	}
}

// Any text is judged as the portable code judges it.
func FuzzVectors(f *testing.F) {
	if !hasVectors {
		f.Skip("this processor has no AVX2")
	}
	random := rand.New(rand.NewPCG(3, 4))
	for range 20 {
		f.Add(randomNumbers(random, 300), 100)
	}
	f.Add([]byte(`{"text": "`+strings.Repeat("a line of text, ", 20)+`"}`), 50)
	f.Fuzz(func(t *testing.T, text []byte, cut int) {
		compareVectors(t, text, max(0, min(cut, len(text))))
	})
}
