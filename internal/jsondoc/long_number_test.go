package jsondoc

import (
	"math"
	"math/big"
	"math/rand"
	"strconv"
	"strings"
	"testing"
	"time"
)

// midpoint returns the exact midpoint of the double v and the next larger one.
func midpoint(v float64) string {
	low := new(big.Float).SetPrec(4000).SetFloat64(v)
	high := new(big.Float).SetPrec(4000)
	if next := math.Nextafter(v, math.Inf(1)); math.IsInf(next, 0) {
		high.SetMantExp(big.NewFloat(1), 1024)
	} else {
		high.SetFloat64(next)
	}
	sum := new(big.Float).SetPrec(4000).Add(low, high)
	text := sum.Quo(sum, big.NewFloat(2)).Text('e', 1100)
	mantissa, exponent, _ := strings.Cut(text, "e")
	return strings.TrimRight(mantissa, "0") + "e" + exponent
}

// numberClasses returns numbers of each class that is read by a separate path.
func numberClasses() map[string][]string {
	r := rand.New(rand.NewSource(7))
	many := func(f func() string) []string {
		all := make([]string, 1000)
		for i := range all {
			all[i] = f()
		}
		return all
	}
	digits := func(n int) string {
		b := []byte{byte('1' + r.Intn(9))}
		for len(b) < n {
			b = append(b, byte('0'+r.Intn(10)))
		}
		return string(b)
	}
	subnormal := func() float64 { return math.Float64frombits(r.Uint64() >> 12) }
	any := func() float64 { return math.Float64frombits(r.Uint64() % (0x7ff << 52)) }
	return map[string][]string{
		"17 digits":                  many(func() string { return strconv.FormatFloat(r.Float64(), 'g', -1, 64) }),
		"any bits":                   many(func() string { return strconv.FormatFloat(any(), 'e', -1, 64) }),
		"smallest":                   {"5e-324"},
		"subnormal":                  many(func() string { return strconv.FormatFloat(subnormal(), 'e', -1, 64) }),
		"underflow":                  many(func() string { return digits(17) + "e-" + strconv.Itoa(345+r.Intn(400)) }),
		"near the largest":           many(func() string { return "1." + digits(16) + "e308" }),
		"overflow":                   many(func() string { return digits(17) + "e" + strconv.Itoa(300+r.Intn(400)) }),
		"20 digits":                  many(func() string { return digits(20) + "e" + strconv.Itoa(r.Intn(600)-320) }),
		"20 digits, subnormal":       many(func() string { return digits(20) + "e-" + strconv.Itoa(328+r.Intn(14)) }),
		"20 digits, midpoint":        many(func() string { return strconv.FormatUint(1<<63+1<<10+uint64(r.Int63())>>11<<11, 10) + ".0" }),
		"20 digits of a midpoint":    many(func() string { return cutDigits(midpoint(any()), 20) }),
		"25 digits of a midpoint":    many(func() string { return cutDigits(midpoint(any()), 25) }),
		"50 digits of a midpoint":    many(func() string { return cutDigits(midpoint(any()), 50) }),
		"200 digits, random":         many(func() string { return digits(200) }),
		"midpoint, up to 767 digits": many(func() string { return midpoint(subnormal()) }),
		"100,000 digits":             {digits(100_000)},
		"100,000 digits, midpoint":   {midpoint(subnormal())[:700] + digits(99_300)},
	}
}

// cutDigits truncates a number in scientific notation to n digits.
func cutDigits(s string, n int) string {
	mantissa, exponent, _ := strings.Cut(s, "e")
	return mantissa[:min(len(mantissa), n+1)] + "e" + exponent
}

// checkNumber compares a number with that of strconv, which is right up to 800 digits.
func checkNumber(t *testing.T, s string) {
	t.Helper()
	want, _ := strconv.ParseFloat(s, 64)
	for _, sign := range []string{"", "-"} {
		text := sign + s
		got, end, ok := readDouble([]byte(text), 0)
		if !ok || end != len(text) || math.Float64bits(got) != math.Float64bits(want) {
			t.Fatalf("%s is read as %v (%v, up to %d), want %v", text, got, ok, end, want)
		}
		want = -want
	}
}

func TestNumbersOfEveryClassAreReadCorrectlyRounded(t *testing.T) {
	for _, numbers := range numberClasses() {
		for _, s := range numbers {
			if len(s) < 800 {
				checkNumber(t, s)
			}
		}
	}
	rounds := 15_000
	if testing.Short() {
		rounds = 5_000
	}
	r := rand.New(rand.NewSource(8))
	bits := func() float64 {
		v := r.Uint64() % (0x7ff << 52)
		switch r.Intn(8) {
		case 0: // subnormal, of any size
			v = v & (1<<52 - 1) >> r.Intn(52)
		case 1: // near the largest one
			v = v&(1<<52-1) | 0x7fe<<52
		case 2: // around the smallest normal one
			v = 1<<52 + uint64(r.Intn(100)) - 50
		case 3: // around a power of two
			v = v&(0x7ff<<52) + uint64(r.Intn(8)) - 4
			v = min(v, 0x7ff<<52-1)
		}
		return math.Float64frombits(v)
	}
	for range rounds {
		// With any number of digits, and with random digits after them.
		s := strconv.FormatFloat(bits(), 'e', r.Intn(26), 64)
		checkNumber(t, s)
		mantissa, exponent, _ := strings.Cut(s, "e")
		if !strings.Contains(mantissa, ".") {
			mantissa += "."
		}
		checkNumber(t, mantissa+strconv.FormatUint(r.Uint64(), 10)+"e"+exponent)
	}
	// The midpoint of two doubles: truncated anywhere, exact, and one digit more.
	for range rounds / 20 {
		middle := midpoint(bits())
		mantissa, exponent, _ := strings.Cut(middle, "e")
		for range 10 {
			checkNumber(t, cutDigits(middle, 1+r.Intn(len(mantissa))))
		}
		for n := 17; n < 45; n++ {
			checkNumber(t, cutDigits(middle, n))
		}
		checkNumber(t, middle)
		if !strings.Contains(mantissa, ".") {
			mantissa += "."
		}
		checkNumber(t, mantissa+"000000000000000000000000001e"+exponent)
		if last := len(mantissa) - 1; mantissa[last] > '0' {
			checkNumber(t, mantissa[:last]+string(mantissa[last]-1)+"9999999999e"+exponent)
		}
	}
}

// The digit that decides the rounding may be anywhere, also in numbers of more digits than
// strconv reads.
func TestLastDigitOfALongNumberDecides(t *testing.T) {
	for _, v := range []float64{0, 5e-324, 1e-323, 2.2250738585072011e-308, 0.1, 1, 1e22, 1e23, 9007199254740992, 1e300, math.MaxFloat64} {
		even, next := v, math.Nextafter(v, math.Inf(1))
		if math.Float64bits(v)&1 == 1 {
			even = next
		}
		mantissa, exponent, _ := strings.Cut(midpoint(v), "e")
		x, _ := strconv.Atoi(exponent)
		if !strings.Contains(mantissa, ".") {
			mantissa += "."
		}
		zeros := strings.Repeat("0", 5000)
		whole := strings.Replace(mantissa, ".", "", 1)
		last := len(whole) - 1
		for s, want := range map[string]float64{
			mantissa + zeros + "e" + exponent:                                                                                                 even,
			mantissa + zeros + "1e" + exponent:                                                                                                next,
			"0." + zeros + whole + "e" + strconv.Itoa(x+5001):                                                                                 even,
			"0." + zeros + whole + zeros + "1e" + strconv.Itoa(x+5001):                                                                        next,
			whole + zeros + "e" + strconv.Itoa(x-len(whole)+1-5000):                                                                           even,
			whole + zeros + zeros[:7] + "1.0e" + strconv.Itoa(x-len(whole)-5007):                                                              next,
			whole + zeros + "." + zeros + "1E" + strconv.Itoa(x-len(whole)+1-5000):                                                            next,
			whole + zeros + "." + zeros + "e" + strconv.Itoa(x-len(whole)+1-5000):                                                             even,
			strings.TrimPrefix(whole[:last]+string(whole[last]-1), "0") + strings.Repeat("9", 5000) + "e" + strconv.Itoa(x-len(whole)+1-5000): v,
		} {
			got, end, ok := readDouble([]byte(s), 0)
			if !ok || end != len(s) || math.Float64bits(got) != math.Float64bits(want) {
				t.Errorf("the midpoint of %v and %v, as %.20s… of %d digits, is read as %v (%v, up to %d), want %v", v, next, s, len(s), got, ok, end, want)
			}
		}
	}
}

// timeReads reads each of the numbers and returns the shortest time in ns per number and
// per character. Some clocks only tick every 15 ms.
func timeReads(numbers []string) (each, character float64) {
	const tries, minTime = 3, 50 * time.Millisecond
	size, texts := 0, make([][]byte, len(numbers))
	for i, s := range numbers {
		texts[i] = []byte(s)
		size += len(s)
	}
	best := math.Inf(1)
	for rounds, try := 1, 0; try < tries; {
		begin := time.Now()
		for range rounds {
			for _, text := range texts {
				readDouble(text, 0)
			}
		}
		if took := time.Since(begin); took >= minTime {
			best = min(best, float64(took)/float64(rounds))
			try++
		} else {
			rounds *= 2
		}
	}
	return best / float64(len(numbers)), best / float64(size)
}

// No number is slow: one of up to 20 digits takes at most 20 times as long as one of 17,
// and a digit of a long number at most 20 times as long as a digit of a short one.
func TestEveryNumberIsReadQuickly(t *testing.T) {
	classes := numberClasses()
	usual, usualCharacter := timeReads(classes["17 digits"])
	for name, numbers := range classes {
		each, character := timeReads(numbers)
		t.Logf("%s: %.0f ns each, %.2f ns a character", name, each, character)
		if len(numbers[0]) < 30 && each > 20*usual {
			t.Errorf("%s: %.0f ns each, and %.0f for 17 digits", name, each, usual)
		}
		if character > 20*usualCharacter {
			t.Errorf("%s: %.2f ns a character, and %.2f in a number of 17 digits", name, character, usualCharacter)
		}
		text := []byte(numbers[len(numbers)-1])
		if n := testing.AllocsPerRun(10, func() { readDouble(text, 0) }); n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkNumber(b *testing.B) {
	for name, numbers := range numberClasses() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			texts := make([][]byte, len(numbers))
			size := 0
			for i, s := range numbers {
				texts[i] = []byte(s + ",")
				size += len(s)
			}
			i := 0
			for b.Loop() {
				readDouble(texts[i%len(texts)], 0)
				i++
			}
			per := float64(b.Elapsed().Nanoseconds()) / float64(b.N)
			b.ReportMetric(per/(float64(size)/float64(len(numbers))), "ns/char")
		})
	}
}
