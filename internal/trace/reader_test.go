package trace

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"libobe/internal/jsondoc"
	"libobe/internal/systemtest"
)

// header is the first line of a file.
const header = `{"trace":"obe","version":1,"time":"2026-03-04T05:06:07.123456Z","pid":1}` + "\n"

// openTrace opens a trace until the end of the test.
func openTrace(t testing.TB, path string) *Reader {
	t.Helper()
	r, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// bodies returns the bodies of the messages up to the end of a trace.
func bodies(t testing.TB, r *Reader) (all []string) {
	t.Helper()
	for {
		entry, err := r.Next()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(entry.Body))
	}
}

func expectBodies(t testing.TB, r *Reader, want ...string) {
	t.Helper()
	if got := bodies(t, r); !slices.Equal(got, want) {
		t.Errorf("the messages are %q, want %q", got, want)
	}
}

// traceFile writes a file and returns its path.
func traceFile(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(systemtest.TempDir(t), "t.jsonl")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func appendTo(t testing.TB, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err == nil {
		_, err = f.WriteString(text)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// What Write has written is what a reader gets.
func TestReadWhatWasWritten(t *testing.T) {
	path := filepath.Join(systemtest.TempDir(t), "t.jsonl")
	long := `"` + strings.Repeat("ü", MaxBody) + `"`
	records := []Record{
		{Time: time.Date(2026, 3, 4, 5, 6, 7, 123456000, time.UTC), Process: 42, Role: "server", Direction: Received,
			Peer: "unix:/a \"b\"\n", Local: "[::1]:61981", Elapsed: 1235 * time.Microsecond, Connection: 1 << 40, Body: []byte(`{"a": [1, "ü\n"], "b": NaN}`)},
		record(`[NaN, -Infinity, 1e999, 123456789012345678901234567890]`),
		record(" {\"a\":\t1} \t"),
		record(`"\ud800"`),
		record(long),
	}
	for _, r := range records {
		must(t, Write(path, unlimited, r))
	}
	reader := openTrace(t, path)
	for i, want := range records {
		got, err := reader.Next()
		must(t, err)
		size := len(want.Body)
		if i == len(records)-1 {
			want.Body = want.Body[:MaxBody-1]
			if !got.Cut || got.Elapsed != 0 {
				t.Error("the long message is not cut")
			}
		}
		if !got.Time.Equal(want.Time.Truncate(time.Microsecond)) || got.Process != want.Process || got.Role != want.Role || got.Direction != want.Direction ||
			got.Peer != want.Peer || got.OnConnection() != want.OnConnection() || got.Elapsed != want.Elapsed || got.Size != int64(size) || !bytes.Equal(got.Body, want.Body) {
			t.Errorf("message %d is %.300q, want %.300q", i, fmt.Sprint(got), fmt.Sprint(want))
		}
		if got.Place() != fmt.Sprintf("%s, line %d", path, i+2) {
			t.Errorf("message %d is at %s", i, got.Place())
		}
	}
	expectBodies(t, reader)
}

// Members and lines that are not known are skipped, and so is a damaged line, which is
// counted. A file may be a part of a trace.
func TestReadWhatIsNotKnown(t *testing.T) {
	r := openTrace(t, traceFile(t, `{"direction":"sent","later":{"a":[1]},"body":1,"more":2}`+"\n"+
		header+
		`{"time":"2026-03-04T05:06:07.123456Z","event":"connected"}`+"\n"+
		`[1]`+"\n\n"+
		`{"time":"2026-03-04T05:0{"direction":"sent","body":2}`+"\n"+
		`{"direction":"sent","body":3}`+"\r\n"+
		`{"direction":"sent","cut":true,"body":4}`+"\n"+
		`{"direction":"sent","body":5`))
	expectBodies(t, r, "1", "3")
	if r.Damaged() != 3 { // the empty line, too
		t.Errorf("%d lines are damaged", r.Damaged())
	}
	if !r.Incomplete() {
		t.Error("the last line is complete")
	}
}

func TestReadNoTrace(t *testing.T) {
	for text, want := range map[string]error{
		"x": ErrNotTrace, "\n": ErrNotTrace, "{}\n": ErrNotTrace, "{\n": ErrNotTrace, `{"trace":"other"}` + "\n": ErrNotTrace, "\x00x": ErrNotTrace, "\x00\n": ErrNotTrace,
		"\xef\xbb\xbfx": ErrNotTrace, "\xff\xfe{\x00": ErrNotTrace, strings.Repeat("\x00", maxLine+1): ErrNotTrace,
		`{"trace":"obe","version":2}` + "\n": ErrVersion, `{"trace":"obe"}` + "\n": ErrVersion, header + strings.Replace(header, "1", "3", 1): ErrVersion,
		"{" + strings.Repeat(" ", maxLine): ErrNotTrace,
	} {
		path := traceFile(t, text)
		_, err := openTrace(t, path).Next()
		if !errors.Is(err, want) || !strings.HasPrefix(err.Error(), path) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.30q: %v", text, err)
		}
	}
	for _, path := range []string{systemtest.TempDir(t), filepath.Join(systemtest.TempDir(t), "missing")} {
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%v", err)
		}
	}
	for _, text := range []string{"", "{", header, "\x00", "\xef\xbb", "\xef\xbb\xbf" + header} {
		expectBodies(t, openTrace(t, traceFile(t, text)))
	}
}

// After a power failure a line can be cut, or consist of zeros. The line that was appended then
// is the beginning of the next run, and is not lost with the rest.
func TestReadAfterPowerFailure(t *testing.T) {
	one, two := string(record("1").append(nil)), string(record("2").append(nil))
	for text, want := range map[string][]string{
		header + one[:40] + two:                  {"2"},
		header + one[:len(one)-1] + two:          {"2"},
		header + strings.Repeat("\x00", 9) + two: {"2"},
		header + one[:40] + "\n" + two:           {"2"},
		header[:20] + one + two:                  {"1", "2"},
		header[:20] + header + one:               {"1"},
		header[:20] + "\n" + one:                 {"1"},
		one[:40] + "\n" + two:                    {"2"},
		strings.Repeat("\x00", 9) + one + two:    {"1", "2"},
		header + one[:40] + one[:40] + two:       {"2"},
		// A message can have the members of a line.
		header + strings.Replace(one, `"body":1`, `"body":{"time":"2026","direction":"sent","body":7}`, 1)[1:]: nil,
	} {
		r := openTrace(t, traceFile(t, text))
		expectBodies(t, r, want...)
		if r.Damaged() != 1 {
			t.Errorf("%q: %d lines are damaged", text, r.Damaged())
		}
	}
}

// A line that no version can have written is skipped as well, however long it is.
func TestReadLongLine(t *testing.T) {
	one, two := string(record("1").append(nil)), string(record("2").append(nil))
	r := openTrace(t, traceFile(t, one+`{"`+strings.Repeat("x", 2*maxLine)+`":1}`+"\n"+two))
	expectBodies(t, r, "1", "2")
	if r.Damaged() != 1 {
		t.Errorf("%d lines are damaged", r.Damaged())
	}
}

// A writer renames the target of a symbolic link, and the reader finds it there.
func TestReadLinkAfterRotation(t *testing.T) {
	path := filepath.Join(systemtest.TempDir(t), "t.jsonl")
	link := filepath.Join(systemtest.TempDir(t), "link.jsonl")
	if err := os.Symlink(path, link); err != nil {
		t.Skip("no symbolic links:", err)
	}
	limit := int64(len(record("0").appendFirst(nil)) + 2*len(record("0").append(nil)))
	for i := range 4 {
		must(t, Write(link, limit, record(fmt.Sprint(i))))
	}
	expectBodies(t, openTrace(t, link), "0", "1", "2", "3")
}

// What is not a file is not the renamed file, although it has its name.
func TestReadBesideOtherThings(t *testing.T) {
	path := traceFile(t, header+string(record("1").append(nil)))
	must(t, os.Mkdir(path+".1", 0o700))
	expectBodies(t, openTrace(t, path), "1")
	must(t, os.Remove(path+".1"))
	if err := os.Symlink(path, path+".1"); err != nil {
		t.Skip("no symbolic links:", err)
	}
	expectBodies(t, openTrace(t, path), "1")
}

// One pass reads the renamed file before the file itself.
func TestReadAfterRotation(t *testing.T) {
	path := filepath.Join(systemtest.TempDir(t), "t.jsonl")
	limit := int64(len(record("0").appendFirst(nil)) + 2*len(record("0").append(nil)))
	for i := range 6 {
		must(t, Write(path, limit, record(fmt.Sprint(i))))
	}
	expectBodies(t, openTrace(t, path), "2", "3", "4", "5")
	expectBodies(t, openTrace(t, path+".1"), "2", "3")
}

// follow sends the body of each message, and then the error with which Follow ended.
func follow(t *testing.T, r *Reader) (messages chan string, stop func(error)) {
	ctx, cancel := context.WithCancelCause(context.Background())
	messages = make(chan string, 1000) // more than a test has
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			entry, err := r.Follow(ctx)
			text := fmt.Sprint(err)
			if err == nil {
				text = string(entry.Body)
			}
			messages <- text
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		cancel(nil)
		<-done
	})
	return messages, cancel
}

// await expects the next messages.
func await(t *testing.T, messages chan string, want ...string) {
	t.Helper()
	for _, w := range want {
		select {
		case got := <-messages:
			if got != w {
				t.Fatalf("the next message is %q, want %q", got, w)
			}
		case <-time.After(systemtest.Timeout):
			t.Fatalf("the message %q does not come", w)
		}
	}
}

// A reader that follows waits in an empty file, and for the rest of a line, and it continues
// in the next file and in a file that replaces this one.
func TestFollow(t *testing.T) {
	path := traceFile(t, "")
	messages, stop := follow(t, openTrace(t, path))
	await(t, messages) // nothing yet
	appendTo(t, path, header[:20])
	appendTo(t, path, header[20:]+`{"direction":"sent",`)
	appendTo(t, path, `"body":1}`+"\n")
	await(t, messages, "1")
	must(t, Write(path, unlimited, record("2")))
	await(t, messages, "2")
	must(t, Write(path, 1, record("3"))) // renames it
	await(t, messages, "3")
	must(t, os.Remove(path))
	must(t, Write(path, unlimited, record("4")))
	await(t, messages, "4")
	must(t, os.WriteFile(path, []byte(`{"trace":"obe","version":7}`+"\n"), 0o600))
	if text := <-messages; !strings.Contains(text, "another version") {
		t.Errorf("the error is %s", text)
	}
	stop(nil)
}

// A file that was emptied is read from its beginning.
func TestFollowEmptied(t *testing.T) {
	path := filepath.Join(systemtest.TempDir(t), "t.jsonl")
	must(t, Write(path, unlimited, record("1")))
	r := openTrace(t, path)
	expectBodies(t, r, "1")
	must(t, os.Truncate(path, 0))
	must(t, r.refresh())
	must(t, Write(path, unlimited, record("2")))
	expectBodies(t, r, "2")
}

// The context ends a wait, with its cause.
func TestFollowEnds(t *testing.T) {
	messages, stop := follow(t, openTrace(t, traceFile(t, header)))
	why := errors.New("enough")
	stop(why)
	select {
	case text := <-messages:
		if text != "enough" {
			t.Errorf("the error is %s", text)
		}
	case <-time.After(systemtest.Timeout):
		t.Error("the wait does not end")
	}
}

// A reader that falls behind while files are renamed loses none of the files that still exist.
func TestFollowBehind(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows does not replace a file that is being read")
	}
	path := filepath.Join(systemtest.TempDir(t), "t.jsonl")
	must(t, Write(path, unlimited, record("1")))
	r := openTrace(t, path)
	for _, body := range []string{"2", "3"} {
		must(t, Write(path, 1, record(body))) // renames it
	}
	messages, _ := follow(t, r)
	await(t, messages, "1", "2", "3")
}

// A thread has opened the file, and writes its line when the reader is already in the next
// file. The reader gets that line before those that the thread has written later.
func TestFollowLateLine(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("on Windows a reader closes the file that it has left, which could not be replaced otherwise")
	}
	path := filepath.Join(systemtest.TempDir(t), "t.jsonl")
	must(t, Write(path, unlimited, record("1")))
	late, err := open(path)
	must(t, err)
	defer late.close()
	r := openTrace(t, path)
	must(t, Write(path, 1, record("2"))) // renames the file
	messages, _ := follow(t, r)
	await(t, messages, "1", "2")
	must(t, late.append(record("3").append(nil)))
	await(t, messages, "3")
	must(t, late.append(record("4").append(nil)))
	must(t, Write(path, unlimited, record("5")))
	await(t, messages, "4", "5")
}

// Threads write, and rename the file again and again, while a reader follows. It gets each
// message once, in the order of its thread.
func TestFollowWriters(t *testing.T) {
	const threads, each = 4, 50
	path := traceFile(t, "")
	messages, _ := follow(t, openTrace(t, path))
	taken := make(chan struct{})
	for i := range threads {
		go func() {
			for n := range each {
				limit := int64(unlimited)
				if n%10 == 9 && i == 0 {
					limit = 1
				}
				if err := Write(path, limit, record(fmt.Sprintf(`"%d %d"`, i, n))); err != nil {
					t.Error(err)
				}
				<-taken
			}
		}()
	}
	next := [threads]int{}
	for range threads * each {
		var i, n int
		select {
		case text := <-messages:
			if _, err := fmt.Sscanf(text, `"%d %d"`, &i, &n); err != nil {
				t.Fatalf("the message %q", text)
			}
		case <-time.After(systemtest.Timeout):
			t.Fatalf("after %v the messages end", next)
		}
		if n != next[i] {
			t.Fatalf("the next message of thread %d is %d, want %d", i, n, next[i])
		}
		next[i]++
		taken <- struct{}{}
	}
}

// Whatever a file contains, a reader ends, what it returns is JSON, and it returns the same if
// the file is written in two parts.
func FuzzReader(f *testing.F) {
	whole := string(record(`{"command": "newdat", "y": NaN}`).append(nil))
	for _, text := range []string{"", header, header + whole, whole + header + whole[:40], header + `{"direction":"sent","cut":true,"body":"[1"}` + "\n"} {
		f.Add([]byte(text), 30)
	}
	f.Fuzz(func(t *testing.T, text []byte, cut int) {
		read := func(r *Reader) (all []string, err error) {
			for {
				entry, err := r.Next()
				if err == io.EOF {
					return all, nil
				}
				if err != nil {
					return all, err
				}
				if !entry.Cut && jsondoc.Validate(entry.Body) != nil {
					t.Errorf("the body %q", entry.Body)
				}
				all = append(all, string(entry.Body))
			}
		}
		path := traceFile(t, string(text))
		want, wantErr := read(openTrace(t, path))
		cut = min(max(cut, 0), len(text))
		parts := traceFile(t, string(text[:cut]))
		r := openTrace(t, parts)
		got, err := read(r)
		if err == nil {
			appendTo(t, parts, string(text[cut:]))
			var more []string
			more, err = read(r)
			got = append(got, more...)
		}
		if !slices.Equal(got, want) || (err == nil) != (wantErr == nil) {
			t.Errorf("in two parts %q, %v; at once %q, %v", got, err, want, wantErr)
		}
	})
}

// How fast a trace is read.
func BenchmarkRead(b *testing.B) {
	line := record(`{"command": "newdat", "x": [2.87], "y": 51732.25, "s": 227.4}`).append(nil)
	path := traceFile(b, header+strings.Repeat(string(line), 1000))
	b.SetBytes(int64(1000 * len(line)))
	for b.Loop() {
		r, err := Open(path)
		if err != nil || len(bodies(b, r)) != 1000 {
			b.Fatal(err)
		}
		r.Close()
	}
}
