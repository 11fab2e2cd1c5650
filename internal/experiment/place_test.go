package experiment

import (
	"fmt"
	"strings"
	"testing"
)

// The place of a mistake in a string of several lines is right in a file from Windows.
func TestPlaceInWindowsLines(t *testing.T) {
	text := strings.Replace(small, `"a * x"`, "\"\"\"\na *\n\tx \\\n  + µ\n\"\"\"", 1)
	for _, end := range []string{"\n", "\r\n"} {
		_, err := Parse("test.toml", []byte(strings.ReplaceAll(text, "\n", end)))
		if want := `test.toml:14:5: model.y: unknown name "μ"; known are a, x, pi`; fmt.Sprint(err) != want {
			t.Errorf("%q: %v", end, err)
		}
	}
}
