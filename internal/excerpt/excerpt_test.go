package excerpt

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestQuote(t *testing.T) {
	for _, s := range []string{"", "key", "a\"b\n\xff", strings.Repeat("x", maxQuoted)} {
		if got := Quote(s); strings.Contains(got, "…") || Quote([]byte(s)) != got {
			t.Errorf("%q is quoted as %s", s, got)
		}
	}
	if got, want := Quote(strings.Repeat("x", maxQuoted+1)), `"`+strings.Repeat("x", maxQuoted)+`"… (81 bytes)`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestCutEndsAtARuneBoundary(t *testing.T) {
	for _, r := range []string{"a", "é", "€", "😀"} {
		s := strings.Repeat(r, 100)
		for n := range 20 {
			got := Cut(s, n)
			text, size, _ := strings.Cut(got, "…")
			if !utf8.ValidString(got) || len(text) > n || len(text) <= n-len(r) || !strings.HasPrefix(s, text) || size == "" {
				t.Errorf("%s cut at %d: %q", r, n, got)
			}
		}
	}
	if got := Cut("short", 5); got != "short" {
		t.Errorf("a text that fits becomes %q", got)
	}
	if got := Cut(strings.Repeat("\x80", 9), 8); got != strings.Repeat("\x80", 8)+"… (9 bytes)" {
		t.Errorf("a text that is not UTF-8 becomes %q", got)
	}
}
