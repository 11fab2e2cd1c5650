package trace

import (
	"strings"
	"testing"
)

// A line that has to fit is cut as any other, whatever its characters become in a string.
func TestLine(t *testing.T) {
	for name, text := range map[string]string{
		"short":   `[1]`,
		"ASCII":   `"` + strings.Repeat("a", 5000) + `"`,
		"escapes": `[` + strings.Repeat(`"\\",`, 1000) + `1]`,
		"del":     `"` + strings.Repeat("\x7f", 5000) + `"`,
		"wide":    `"` + strings.Repeat("é", 2500) + `"`,
	} {
		r := record(text)
		whole := len(r.append(nil))
		for _, most := range []int{whole, whole - 1, 2000, 400, 0} {
			line, err := r.Line(most)
			if err != nil {
				t.Fatal(err)
			}
			lines := NewLines("stream")
			e, err := lines.Parse(line[:len(line)-1])
			if err != nil || e == nil {
				t.Fatalf("%s in %d bytes: %v, %v: %q", name, most, e, err, line)
			}
			if e.Cut != (most < whole) || e.Size != int64(len(text)) || !strings.HasPrefix(text, string(e.Body)) {
				t.Errorf("%s in %d bytes: cut %v, size %d, body %.20q", name, most, e.Cut, e.Size, e.Body)
			}
			if most >= 400 && len(line) > most {
				t.Errorf("%s: %d bytes, and not %d", name, len(line), most)
			}
			if name == "ASCII" && most == 2000 && len(e.Body) < 500 {
				t.Errorf("%d bytes of the body are left", len(e.Body))
			}
		}
	}
}

// Whatever is in a stream is skipped, from the first line on.
func TestLinesGarbage(t *testing.T) {
	lines := NewLines("stream")
	good := strings.TrimSpace(string(record("[1]").append(nil)))
	found := 0
	for _, line := range []string{"", "hello", `{"a":1}`, "[1,2]", good[:40], good, "\x00\x00", `{"trace":"obe","version":1}`, good + good, good, "null", "\xff\xfe"} {
		e, err := lines.Parse([]byte(line))
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if e != nil {
			found++
			if string(e.Body) != "[1]" || e.Path != "stream" {
				t.Errorf("%q: %+v", line, e)
			}
		}
	}
	if found != 2 || lines.Damaged() != 6 {
		t.Errorf("%d messages, and %d damaged lines", found, lines.Damaged())
	}
	if _, err := lines.Parse([]byte(`{"trace":"obe","version":2}`)); err == nil || !strings.Contains(err.Error(), "version 2") {
		t.Errorf("another version: %v", err)
	}
}
