package jsondoc

import (
	"bytes"
	"testing"
)

// FuzzPython: any text is taken here exactly if Python's json takes it, and then
// every value in it is the same.
func FuzzPython(f *testing.F) {
	for _, c := range accepted {
		f.Add([]byte(c.text))
	}
	for _, c := range refused {
		f.Add([]byte(c.text))
	}
	for _, c := range undecided {
		f.Add([]byte(c.text))
	}
	f.Add([]byte(`{"command": "newdat", "x": [2.45, NaN], "y": [[1, 2], [3, -Infinity]], "a/b": {"~": "\u0041\ud800"}, "x": 1e999}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		// Every value is compared: for texts that have many it takes long.
		const most, brackets = 4000, 200
		if len(text) > most || bytes.Count(text, []byte("["))+bytes.Count(text, []byte("{")) > brackets {
			return
		}
		a := consult(t).ask(t, "read", bytes.Clone(text))
		d, err := Parse(text)
		if (err != nil) != (a.Error != "") {
			t.Fatalf("here %v, in Python %q\nof %q", err, a.Error, text)
		}
		if err == nil {
			agree(t, d, a)
		}
	})
}

// FuzzPythonDocuments is the same with documents that Python makes of a number,
// and spoils or not: they have more in them than bytes that change at random.
func FuzzPythonDocuments(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(1_000_000+seed, seed%2 == 0)
	}
	f.Fuzz(func(t *testing.T, seed uint64, spoil bool) {
		word := "document"
		if spoil {
			word = "mutated"
		}
		a := consult(t).ask(t, word, seed)
		d, err := Parse(a.Text)
		if (err != nil) != (a.Error != "") {
			t.Fatalf("here %v, in Python %q\nof %q", err, a.Error, a.Text)
		}
		if err == nil {
			agree(t, d, a)
		}
	})
}
