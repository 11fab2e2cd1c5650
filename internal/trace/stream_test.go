package trace

import (
	"bytes"
	"strings"
	"testing"
)

func TestStreamBeginsLikeAFile(t *testing.T) {
	var out bytes.Buffer
	s := Stream{To: &out}
	one := record("[1]")
	for range 2 {
		must(t, s.Write(one))
	}
	lines := strings.SplitAfter(out.String(), "\n")
	want := string(one.append(nil))
	if len(lines) != 4 || !strings.HasPrefix(lines[0], `{"trace":"obe","version":1,`) || lines[1] != want || lines[2] != want {
		t.Errorf("the stream is %q", lines)
	}
}

// Of a message that never was in memory as a whole, a record has the first bytes.
func TestLengthOfABodyThatIsNotWhole(t *testing.T) {
	r := record(`"` + strings.Repeat("x", MaxBody) + "more")
	r.Length = 5_000_000_000
	line := string(r.append(nil))
	if !strings.Contains(line, `"size":5000000000,`) || !strings.HasSuffix(line, `"cut":true,"body":"\"`+strings.Repeat("x", MaxBody-1)+"\"}\n") {
		t.Errorf("the line is %.200s", line)
	}
}
