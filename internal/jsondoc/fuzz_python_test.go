package jsondoc

import (
	"bytes"
	"testing"
)

// FuzzPython: a text is accepted here if and only if Python's json accepts it, and then
// every value in it is the same.
func FuzzPython(f *testing.F) {
	for _, c := range accepted {
		f.Add([]byte(c.text))
	}
	for _, c := range rejected {
		f.Add([]byte(c.text))
	}
	for _, c := range disputed {
		f.Add([]byte(c.text))
	}
	f.Add([]byte(`{"command": "newdat", "x": [2.45, NaN], "y": [[1, 2], [3, -Infinity]], "a/b": {"~": "\u0041\ud800"}, "x": 1e999}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		// Every value is compared, which takes long for texts with many values.
		const maxSize, maxBrackets = 4000, 200
		if len(text) > maxSize || bytes.Count(text, []byte("["))+bytes.Count(text, []byte("{")) > maxBrackets {
			return
		}
		a := pythonOracle(t).ask(t, "read", bytes.Clone(text))
		d, err := Parse(text)
		if (err != nil) != (a.Error != "") {
			t.Fatalf("here %v, in Python %q\ntext %q", err, a.Error, text)
		}
		if err == nil {
			agree(t, d, a)
		}
	})
}

// FuzzPythonDocuments is the same with documents that Python generates from a seed, and
// may damage. They have more structure than random bytes.
func FuzzPythonDocuments(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(1_000_000+seed, seed%2 == 0)
	}
	f.Fuzz(func(t *testing.T, seed uint64, damage bool) {
		word := "document"
		if damage {
			word = "mutated"
		}
		a := pythonOracle(t).ask(t, word, seed)
		d, err := Parse(a.Text)
		if (err != nil) != (a.Error != "") {
			t.Fatalf("here %v, in Python %q\ntext %q", err, a.Error, a.Text)
		}
		if err == nil {
			agree(t, d, a)
		}
	})
}
