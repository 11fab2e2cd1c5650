package trace

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"libobe/internal/systemtest"
)

// CheckContinue refuses the files in which a message would be lost for readers, and no others.
func TestCheckContinue(t *testing.T) {
	const first = `{"trace":"obe","version":1,"time":"2026-03-04T05:06:07.000000Z","pid":5}` + "\n"
	for text, want := range map[string]error{
		"":                                     nil,
		first:                                  nil,
		first + "damaged":                      nil,
		first[:20]:                             nil,
		`{"t`:                                  nil,
		"\xef\xbb\xbf" + first:                 nil,
		"\x00\x00\x00" + first:                 nil,
		"x,y\n1,2\n":                           ErrNotTrace,
		"hello":                                ErrNotTrace,
		"\n":                                   ErrNotTrace,
		"{}":                                   ErrNotTrace,
		`{"name": 5`:                           ErrNotTrace,
		`{"trace":"other","version":1}` + "\n": ErrNotTrace,
		`{"trace":"obe","version":2}` + "\n":   ErrVersion,
	} {
		path := filepath.Join(systemtest.TempDir(t), "file")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		err := CheckContinue(path)
		if !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("%q: %v, and not %v", text, err, want)
		}
		if got, _ := os.ReadFile(path); string(got) != text {
			t.Errorf("%q has become %q", text, got)
		}
		// It is true what CheckContinue says.
		if err := Write(path, MinLimit, Record{Role: "proxy", Direction: Sent, Body: []byte("[]")}); err != nil {
			t.Fatal(err)
		}
		reader, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if entry, err := reader.Next(); (err == nil && string(entry.Body) == "[]") != (want == nil) {
			t.Errorf("%q: a message was appended, and read as %v, %v", text, entry, err)
		} else if want == nil {
			if _, err := reader.Next(); err != io.EOF {
				t.Errorf("%q: %v after the message", text, err)
			}
		}
		reader.Close()
	}
	if err := CheckContinue(filepath.Join(systemtest.TempDir(t), "missing", "file")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing directory: %v", err)
	}
}
