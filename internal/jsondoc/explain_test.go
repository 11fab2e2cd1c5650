package jsondoc

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// reads are all functions that read a value.
var reads = map[string]func(d *Document, pointer string) error{
	"Type":   func(d *Document, p string) error { _, err := d.Type(p); return err },
	"Count":  func(d *Document, p string) error { _, err := d.Count(p); return err },
	"Key":    func(d *Document, p string) error { _, err := d.Key(p, 0); return err },
	"Double": func(d *Document, p string) error { _, err := d.Double(p); return err },
	"Int":    func(d *Document, p string) error { _, err := d.Int(p); return err },
	"Bool":   func(d *Document, p string) error { _, err := d.Bool(p); return err },
	"String": func(d *Document, p string) error { _, err := d.String(p); return err },
	"JSON":   func(d *Document, p string) error { _, err := d.JSON(p); return err },
	"Doubles": func(d *Document, p string) error {
		_, err := d.Doubles(p, nil)
		return err
	},
	"Matrix": func(d *Document, p string) error { _, _, err := d.Matrix(p, nil); return err },
}

// An error of reading an error reply contains the reply, and other errors are unchanged.
func TestExplain(t *testing.T) {
	for text, explained := range map[string]bool{
		`{"error": "no laser"}`:        true,
		` {"a": 1, "\u0065rror":null}`: true,
		`{"error": {"code": 5}}`:       true,
		`{"Error": "no laser"}`:        false,
		`{"a": {"error": 1}}`:          false,
		`[{"error": 1}]`:               false,
		`"error"`:                      false,
		`{}`:                           false,
	} {
		d := FromValid([]byte(text))
		for name, read := range reads {
			err := read(d, "/spectrum")
			got := d.Explain(err)
			if !errors.Is(got, ErrNotFound) || !strings.HasPrefix(got.Error(), err.Error()) {
				t.Errorf("%s of %s: %v becomes %v", name, text, err, got)
			}
			if quoted := strings.HasSuffix(got.Error(), "; the message is "+text); quoted != explained || !explained && got != err {
				t.Errorf("%s of %s: %v", name, text, got)
			}
		}
	}
	d := FromValid([]byte(`{"error": [1, {"big": 1` + strings.Repeat("0", 400) + `}]}`))
	_, _, rows := d.Matrix("/error", nil)
	for _, err := range []error{d.Explain(rows), d.Explain(reads["Bool"](d, ""))} {
		if !errors.Is(err, ErrType) || !strings.Contains(err.Error(), `; the message is {"error": [1, `) {
			t.Error(err)
		}
	}
	_, large := d.Int("/error/1/big")
	_, malformed := d.Int("error")
	size := &SizeError{Rows: 1, Cols: 1}
	for _, err := range []error{nil, large, malformed, size, fmt.Errorf("another")} {
		if got := d.Explain(err); got != err {
			t.Errorf("%v becomes %v", err, got)
		}
	}
}

// Of a long reply the error contains 200 bytes, or a little less if that is inside a
// character.
func TestExplainLongReply(t *testing.T) {
	for shift := range 4 {
		text := `{"error": "` + strings.Repeat("x", shift) + strings.Repeat("𝄞", 1000) + `"}`
		d := FromValid([]byte(text))
		got := d.Explain(ErrNotFound).Error()
		quoted, size, found := strings.Cut(strings.TrimPrefix(got, ErrNotFound.Error()+"; the message is "), "…")
		if !found || !utf8.ValidString(got) || !strings.HasPrefix(text, quoted) || len(quoted) <= 200-utf8.UTFMax || len(quoted) > 200 || size != fmt.Sprintf(" (%d bytes)", len(text)) {
			t.Errorf("shift %d: %q", shift, got)
		}
	}
}

// An open document is explained as well, and stays usable.
func TestExplainOpenDocument(t *testing.T) {
	d := FromValid([]byte(`{}`))
	if err := d.SetInt("a", 1); err != nil {
		t.Fatal(err)
	}
	if err := d.Explain(ErrType); err != ErrType {
		t.Error(err)
	}
	if err := errors.Join(d.SetString("error", "x"), d.SetString("error", "no laser")); err != nil {
		t.Fatal(err)
	}
	if err := d.Explain(ErrType); !strings.HasSuffix(err.Error(), `; the message is {"a": 1, "error": "no laser"}`) {
		t.Error(err)
	}
	list := FromValid([]byte(`[{"error": 1}]`))
	if err := list.SetString("/0/error", "x"); err != nil || list.Explain(ErrType) != ErrType {
		t.Errorf("an open array: %v, %v", err, list.Explain(ErrType))
	}
	if err := d.SetInt("b", 2); err != nil || string(d.Text()) != `{"a": 1, "error": "no laser", "b": 2}` {
		t.Errorf("%s, %v", d.Text(), err)
	}
}
