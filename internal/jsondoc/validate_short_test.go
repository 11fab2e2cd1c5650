package jsondoc

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// validateLong is Validate without isShort.
func validateLong(text []byte) error {
	var v Validator
	return v.Feed(text, true)
}

// Usual messages are found to be valid at once, and whatever is found so is valid.
func TestIsShort(t *testing.T) {
	usual := []string{
		`"OK"`, ` {"command": "goodset", "pickiness": 4} `, "[]", "{}", "[[], {}]", "7", "-0", "-1.5e-3", "[0.25, 1E+5,\n NaN, Infinity]",
		`{"command": "newdat", "x": [2.5], "y": [0.75, -3], "s": [0.1]}`, `{"a": {"b": [true, false, null]}, "c": "\" \\ \/ \n"}`, `""`, "[[[[1]]], 2]",
		`{"error": "no such command", "command": "x"}`,
	}
	for _, text := range usual {
		if !isShort([]byte(text)) {
			t.Errorf("%s is not found to be valid", text)
		}
	}
	const bytes = `[]{}",:\ tfnNI0123456789-+.eE` + "\n\x00\x1f\x7f\x80\xc3\xff"
	random := rand.New(rand.NewPCG(7, 8))
	valid := 0
	for range 500_000 {
		text := []byte(usual[random.IntN(len(usual))])
		for range 1 + random.IntN(2) {
			at := random.IntN(len(text))
			switch random.IntN(3) {
			case 0:
				text[at] = bytes[random.IntN(len(bytes))]
			case 1:
				text = append(text[:at], text[at+1:]...)
			default:
				text = append(text[:at+1], text[at:]...)
				text[at] = bytes[random.IntN(len(bytes))]
			}
			if len(text) == 0 {
				break
			}
		}
		if !isShort(text) {
			continue
		}
		valid++
		if err := validateLong(text); err != nil {
			t.Fatalf("%q is found to be valid: %v", text, err)
		}
	}
	if valid < 20_000 {
		t.Errorf("%d of the changed messages are valid", valid)
	}
	for _, text := range []string{strings.Repeat("[", 64) + strings.Repeat("]", 64), `"ä"`, `"\u0041"`, `"` + strings.Repeat("a", maxShort) + `"`, "-Infinity"} {
		if isShort([]byte(text)) || Validate([]byte(text)) != nil {
			t.Errorf("%.100s: this is left to the Validator, and valid", text)
		}
	}
}

// What isShort takes for valid is valid.
func FuzzIsShort(f *testing.F) {
	for _, text := range []string{`{"command": "newdat", "x": [2.5]}`, "[1, [2, {}], {\"a\": -0.5e+3}]", `"\n"`, "NaN", "[1,]", "{,}"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if isShort(text) {
			if err := validateLong(text); err != nil {
				t.Error(err)
			}
		}
	})
}
