package trace

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"
)

// What a line contains is what FirstFields and Fields describe, in their order.
func TestFieldsAreThoseOfALine(t *testing.T) {
	var first, documented []string
	for _, f := range FirstFields {
		if f.Type == "" || f.Doc == "" {
			t.Errorf("the field %s is not described", f.Name)
		}
		first = append(first, f.Name)
	}
	if got := members(t, record("1").appendFirst(nil)); !slices.Equal(got, first) {
		t.Errorf("the first line has the members %q; documented are %q", got, first)
	}
	for _, f := range Fields {
		if f.Type == "" || f.Doc == "" {
			t.Errorf("the field %s is not described", f.Name)
		}
		documented = append(documented, f.Name)
	}
	long := record(`"` + string(bytes.Repeat([]byte("x"), MaxBody)) + `"`)
	if got := members(t, long.append(nil)); !slices.Equal(got, documented) {
		t.Errorf("a line with a long body has the members %q; documented are %q", got, documented)
	}
	whole := slices.DeleteFunc(documented, func(name string) bool { return name == "cut" })
	if got := members(t, record("[1]").append(nil)); !slices.Equal(got, whole) {
		t.Errorf("a line has the members %q; documented are %q", got, whole)
	}
}

// members returns the names of a line's members, in their order.
func members(t *testing.T, line []byte) (names []string) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(line))
	if start, err := d.Token(); err != nil || start != json.Delim('{') {
		t.Fatalf("a line begins with %v, %v", start, err)
	}
	for d.More() {
		name, err := d.Token()
		must(t, err)
		names = append(names, name.(string))
		var value json.RawMessage
		must(t, d.Decode(&value))
	}
	return names
}
