package jsondoc

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestAddMissing(t *testing.T) {
	for _, c := range []struct{ own, other, want string }{
		{`{}`, `{}`, `{}`},
		{`{"a": 1}`, `{}`, `{"a": 1}`},
		{`{}`, `{"b":2}`, `{"b": 2}`},
		{`{"a": 1}`, ` { "b" : [ 1,2 ] , "c":{"d": NaN} } `, `{"a": 1, "b": [ 1,2 ], "c": {"d": NaN}}`},
		{`{"a": 1, "b": 2}`, `{"b": 3, "a": 4, "c": 5}`, `{"a": 1, "b": 2, "c": 5}`},
		{`{"a": 1}`, `{"b": 2, "b": 3, "\u0062": 4}`, `{"a": 1, "b": 4}`},
		{`{"a": 1}`, `{"\u0061": 2, "": 3}`, `{"a": 1, "": 3}`},
		{`{"\u0061": 1}`, `{"a": 2}`, `{"\u0061": 1}`},
		{`{"a": 1, "a": 2}`, `{"a": 3, "b": 4}`, `{"a": 1, "a": 2, "b": 4}`},
		{`{"µ": 1}`, `{"µ": 2, "\u00b5": 3, "\ud83d\ude00": 4, "😀": 5}`, `{"µ": 1, "\ud83d\ude00": 5}`},
	} {
		d, other := FromValid([]byte(c.own)), FromValid([]byte(c.other))
		if err := d.AddMissing(other); err != nil || string(d.Text()) != c.want || string(other.Text()) != c.other {
			t.Errorf("%s with %s is %s, %v; want %s", c.own, c.other, d.Text(), err, c.want)
		}
		// A second time it changes nothing.
		if err := d.AddMissing(other); err != nil || string(d.Text()) != c.want {
			t.Errorf("%s again with %s is %s, %v", c.want, c.other, d.Text(), err)
		}
	}
	for _, c := range [][2]string{{`{}`, `[]`}, {`{}`, `"x"`}, {`[]`, `{}`}} {
		d := FromValid([]byte(c[0]))
		if err := d.AddMissing(FromValid([]byte(c[1]))); !errors.Is(err, ErrType) || string(d.Text()) != c[0] {
			t.Errorf("%s with %s is %s, %v", c[0], c[1], d.Text(), err)
		}
	}
}

// Members that were set, and replaced, without asking for the text in between.
func TestAddMissingToOpenDocument(t *testing.T) {
	d := FromValid([]byte(`{}`))
	for _, v := range []int64{1, 2, 3} {
		if err := errors.Join(d.SetInt("a", v), d.SetInt("b", v)); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.AddMissing(FromValid([]byte(`{"b": [0], "c": 1, "c": 2}`))); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(d.SetInt("c", 4), d.SetInt("d", 5)); err != nil {
		t.Fatal(err)
	}
	if got, want := string(d.Text()), `{"a": 3, "b": 3, "c": 4, "d": 5}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Replaced values on both sides are moved while members are added.
func TestAddMissingWhileValuesMove(t *testing.T) {
	long := strings.Repeat("x", 5000)
	var other strings.Builder
	other.WriteString(`{"b": 0`)
	for i := range 2000 {
		fmt.Fprintf(&other, `, "k%d": "%s", "b": %d, "z": %d`, i%3, strings.Repeat("y", i%50), i, i)
	}
	other.WriteString("}")
	d := FromValid([]byte(`{"a": 1, "b": 2, "z": 3}`))
	if err := errors.Join(d.SetString("/o/p", "q"), d.SetString("/o/p", "r"), d.SetString("a", long)); err != nil {
		t.Fatal(err)
	}
	if err := d.AddMissing(FromValid([]byte(other.String()))); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(`{"a": "%s", "b": 2, "z": 3, "o": {"p": "r"}, "k0": "%s", "k1": "%s", "k2": "%s"}`,
		long, strings.Repeat("y", 1998%50), strings.Repeat("y", 1999%50), strings.Repeat("y", 1997%50))
	if got := string(d.Text()); got != want {
		t.Errorf("got %.200s… (%d bytes), want %d bytes", got, len(got), len(want))
	}
}

// The time for many members is linear, whether they are new or not.
func TestAddMissingManyMembers(t *testing.T) {
	const n = 200_000
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, `, "k%d": %d`, i, i)
	}
	object := "{" + text.String()[2:] + "}"
	for _, own := range []string{`{"a": 1}`, object} {
		d := FromValid([]byte(own))
		if err := d.AddMissing(FromValid([]byte(object))); err != nil {
			t.Fatal(err)
		}
		want := object
		if own != object {
			want = `{"a": 1` + text.String() + "}"
		}
		if string(d.Text()) != want {
			t.Errorf("wrong text of %d bytes, want %d", len(d.Text()), len(want))
		}
	}
}
