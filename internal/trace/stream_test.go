package trace

import (
	"bytes"
	"errors"
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

// full writes only the first bytes of what it gets while room is positive.
type full struct {
	bytes.Buffer
	room int
}

func (f *full) Write(p []byte) (int, error) {
	n := min(len(p), max(f.room, 0))
	f.room -= n
	f.Buffer.Write(p[:n])
	if n < len(p) {
		return n, errors.New("no space left on device")
	}
	return n, nil
}

// When a disk was full, the lines after it are whole.
func TestStreamAfterAFullDisk(t *testing.T) {
	one := record("[1]")
	line := string(one.append(nil))
	for cut := range len(line) + 1 {
		first := len(one.appendFirst(nil))
		out := &full{room: first + cut}
		s := Stream{To: out}
		if err := s.Write(one); (err == nil) != (cut == len(line)) {
			t.Fatal(err)
		}
		if s.Write(one) == nil {
			t.Fatal("the disk is not full")
		}
		out.room = 1 << 20
		must(t, s.Write(one))
		must(t, s.Write(one))
		want := line[:cut] + line + line
		if cut > 0 && cut < len(line) {
			want = line[:cut] + "\n" + line + line
		}
		if got := out.String()[first:]; got != want {
			t.Errorf("after %d bytes the stream is %q", cut, got)
		}
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
