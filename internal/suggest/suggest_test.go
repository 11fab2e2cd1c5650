package suggest

import (
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	known := []string{"centre", "depth", "width", "T2", "γ", "min", "max"}
	for name, want := range map[string]string{
		"centr": "centre", "center": "centre", "cnetre": "centre", "Centre": "centre", "dpeth": "depth", "wdht": "",
		"t2": "T2", "g": "", "mni": "min", "MIN": "min", "Γ": "γ", "mix": "min", "completely": "", "": "", "T1": "T2",
		strings.Repeat("x", 1_000_000): "",
	} {
		if got := Nearest(name, known); got != want {
			t.Errorf("%.20q: %q, not %q", name, got, want)
		}
	}
	if got := Nearest("x", nil); got != "" {
		t.Error(got)
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"", "ab", 2}, {"ab", "ba", 1}, {"abc", "abc", 0}, {"kitten", "sitting", 3}, {"µs", "ms", 1}} {
		if got := distance([]rune(c.a), []rune(c.b)); got != c.want {
			t.Errorf("%q, %q: %d, not %d", c.a, c.b, got, c.want)
		}
	}
}
