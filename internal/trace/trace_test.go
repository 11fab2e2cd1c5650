package trace

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"libobe/internal/systemtest"
)

const worker = "OBE_TEST_TRACE_WORKER"

// unlimited is a limit that no file reaches.
const unlimited = math.MaxInt64

// line is a record as a reader decodes it.
type line struct {
	Time      time.Time       `json:"time"`
	PID       int             `json:"pid"`
	Role      string          `json:"role"`
	Direction string          `json:"direction"`
	Peer      string          `json:"peer"`
	Local     string          `json:"local"`
	Size      int             `json:"size"`
	Duration  float64         `json:"duration_ms"`
	Number    int64           `json:"connection"`
	Cut       bool            `json:"cut"`
	Body      json.RawMessage `json:"body"`
}

func record(body string) Record {
	return Record{Time: time.Now(), Process: 7, Role: "client", Direction: Sent, Peer: "127.0.0.1:1", Local: "127.0.0.1:2", Connection: 3, Body: []byte(body)}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// lines reads a file, which must begin with one first line, and returns its messages.
func lines(t *testing.T, path string) (all []line) {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	if len(text) == 0 || text[len(text)-1] != '\n' {
		t.Fatalf("%s does not end with a complete line", path)
	}
	first, messages, _ := bytes.Cut(text, []byte("\n"))
	if !bytes.HasPrefix(first, []byte(`{"trace":"obe","version":1,"time":"`)) {
		t.Fatalf("%s begins with %.200q", path, first)
	}
	for l := range bytes.Lines(messages) {
		var r line
		decoder := json.NewDecoder(bytes.NewReader(l))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&r); err != nil || decoder.More() {
			t.Fatalf("%s: the line %.200q: %v", path, l, err)
		}
		all = append(all, r)
	}
	return all
}

func TestRecord(t *testing.T) {
	path := filepath.Join(systemtest.TempDir(t), "t.jsonl")
	r := Record{
		Time: time.Date(2026, 3, 4, 5, 6, 7, 123456789, time.FixedZone("", 3600)), Process: 42, Role: "server",
		Direction: Received, Peer: "unix:/a \"b\"\n", Local: "[::1]:61981", Elapsed: 1234567 * time.Nanosecond, Connection: 7, Body: []byte(`{"a": [1, "ü\n"]}`),
	}
	must(t, Write(path, unlimited, r))
	got, err := os.ReadFile(path)
	must(t, err)
	const want = `{"trace":"obe","version":1,"time":"2026-03-04T04:06:07.123456Z","pid":42}` + "\n" +
		`{"time":"2026-03-04T04:06:07.123456Z","pid":42,"role":"server","direction":"received",` +
		`"peer":"unix:/a \"b\"\n","local":"[::1]:61981","size":18,"duration_ms":1.235,"connection":7,"body":{"a": [1, "ü\n"]}}` + "\n"
	if string(got) != want {
		t.Errorf("the line is\n%swant\n%s", got, want)
	}
	info, err := os.Stat(path)
	must(t, err)
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("others can read the trace: %v", info.Mode())
	}
}

// A body may contain line ends between its values; a record is still one line.
func TestLineEnds(t *testing.T) {
	path := filepath.Join(systemtest.TempDir(t), "t.jsonl")
	body := "{\r\n  \"a\":\n1}\n"
	must(t, Write(path, unlimited, record(body)))
	must(t, Write(path, unlimited, record("2")))
	got := lines(t, path)
	if len(got) != 2 || got[0].Size != len(body) || string(got[1].Body) != "2" {
		t.Fatalf("%+v", got)
	}
	var value map[string]int
	if err := json.Unmarshal(got[0].Body, &value); err != nil || value["a"] != 1 {
		t.Errorf("the body is %s, %v", got[0].Body, err)
	}
}

func TestLargeBodies(t *testing.T) {
	path := filepath.Join(systemtest.TempDir(t), "t.jsonl")
	whole := `"` + strings.Repeat("x", MaxBody-2) + `"`
	// The byte at MaxBody is the second of a ü.
	cut := `"` + strings.Repeat("ü", MaxBody) + `"`
	worst := `"` + strings.Repeat(`\"`, MaxBody) + `"`
	for _, body := range []string{whole, cut, worst} {
		must(t, Write(path, unlimited, record(body)))
	}
	got := lines(t, path)
	if got[0].Cut || string(got[0].Body) != whole || got[0].Size != MaxBody {
		t.Errorf("a body of MaxBody bytes is not complete: cut %v, %d of %d bytes", got[0].Cut, len(got[0].Body), got[0].Size)
	}
	for i, body := range []string{cut, worst} {
		l := got[i+1]
		var shown string
		must(t, json.Unmarshal(l.Body, &shown))
		if !l.Cut || l.Size != len(body) || !strings.HasPrefix(body, shown) || len(shown) < MaxBody-1 || len(shown) > MaxBody {
			t.Errorf("cut %v, size %d, %d bytes shown", l.Cut, l.Size, len(shown))
		}
	}
	deleted := `"` + strings.Repeat("\x7f", 2*MaxBody) + `"`
	for _, body := range []string{worst, deleted} {
		if n := int64(len(record(body).append(nil))); n > MinLimit {
			t.Errorf("a line of %d bytes is beyond MinLimit", n)
		}
	}
}

func TestRotation(t *testing.T) {
	path := filepath.Join(systemtest.TempDir(t), "t.jsonl")
	must(t, Write(path, unlimited, record("0")))
	limit := int64(len(record("0").appendFirst(nil)) + 3*len(record("0").append(nil)))
	for i := 1; i < 8; i++ {
		must(t, Write(path, limit, record(fmt.Sprint(i))))
	}
	var bodies []string
	for _, p := range []string{path + ".1", path} {
		info, err := os.Stat(p)
		must(t, err)
		if info.Size() > limit {
			t.Errorf("%s has %d bytes, the limit is %d", p, info.Size(), limit)
		}
		for _, l := range lines(t, p) {
			bodies = append(bodies, string(l.Body))
		}
	}
	if got := strings.Join(bodies, " "); got != "3 4 5 6 7" {
		t.Errorf("the files contain %s", got)
	}
	names, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*"))
	must(t, err)
	if len(names) != 2 {
		t.Errorf("the directory contains %v", names)
	}
}

// After the file was moved or removed, a new one is created.
func TestFileMovedOrRemoved(t *testing.T) {
	path := filepath.Join(systemtest.TempDir(t), "t.jsonl")
	must(t, Write(path, unlimited, record("1")))
	must(t, os.Rename(path, path+".away"))
	must(t, Write(path, unlimited, record("2")))
	must(t, os.Remove(path))
	must(t, Write(path, unlimited, record("3")))
	if got := lines(t, path); len(got) != 1 || string(got[0].Body) != "3" {
		t.Errorf("%+v", got)
	}
}

func TestFailures(t *testing.T) {
	dir := systemtest.TempDir(t)
	missing := filepath.Join(dir, "missing", "t.jsonl")
	for _, c := range []struct {
		path string
		want error
	}{
		{missing, fs.ErrNotExist},
		{dir, nil},
		{"", nil},
	} {
		err := Write(c.path, unlimited, record("1"))
		if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), "could not be written") || !strings.Contains(err.Error(), c.path) {
			t.Errorf("%q: %v", c.path, err)
		}
	}
	must(t, os.Mkdir(filepath.Dir(missing), 0o700))
	must(t, Write(missing, unlimited, record("1")))

	// A file that cannot be renamed does not grow further.
	full := filepath.Join(dir, "t.jsonl")
	must(t, os.MkdirAll(filepath.Join(full+".1", "taken"), 0o700))
	must(t, Write(full, 1, record("1")))
	for range 3 {
		if err := Write(full, 1, record("2")); err == nil {
			t.Error("a line was appended to a full file")
		}
	}
	if got := lines(t, full); len(got) != 1 {
		t.Errorf("the full file has %d lines", len(got))
	}
}

const (
	workerProcesses = 4
	workerThreads   = 4
	linesPerThread  = 150
)

// writeFromThreads is what each worker process does.
func writeFromThreads(t *testing.T, path string, limit int64, padding string) {
	var all sync.WaitGroup
	for i := range workerThreads {
		all.Go(func() {
			for n := range linesPerThread {
				err := Write(path, limit, record(fmt.Sprintf(`["%d.%d.%d", "%s"]`, os.Getpid(), i, n, padding)))
				if err != nil && !(limit == rotating && errors.Is(err, errRotationStalled)) {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

// runWorkers runs the worker processes of TestThreadsAndProcesses.
func runWorkers(t *testing.T, path string, environment ...string) {
	t.Helper()
	var all sync.WaitGroup
	for range workerProcesses {
		all.Go(func() {
			c := exec.Command(os.Args[0], "-test.run=^TestThreadsAndProcesses$")
			c.Env = append(append(os.Environ(), worker+"="+path), environment...)
			if out, err := c.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	all.Wait()
}

// countUniqueLines returns the number of lines in the files, each of which must be unique.
func countUniqueLines(t *testing.T, paths ...string) int {
	t.Helper()
	seen := map[string]int{}
	for _, path := range paths {
		for _, l := range lines(t, path) {
			seen[id(t, l)]++
		}
	}
	for name, n := range seen {
		if n != 1 {
			t.Errorf("%s was written %d times", name, n)
		}
	}
	return len(seen)
}

// Threads and processes write to one file: it contains each line once and complete, and
// the files stay within their limit.
func TestThreadsAndProcesses(t *testing.T) {
	if path := os.Getenv(worker); path != "" {
		if os.Getenv(worker+"_LIMIT") == "" {
			writeFromThreads(t, path, unlimited, strings.Repeat("x", 5000))
		} else {
			writeFromThreads(t, path, rotating, "")
		}
		return
	}
	path := filepath.Join(systemtest.TempDir(t), "t.jsonl")
	runWorkers(t, path)
	if got, want := countUniqueLines(t, path), workerProcesses*workerThreads*linesPerThread; got != want {
		t.Errorf("the file contains %d lines of %d", got, want)
	}

	// Rotation drops old lines. While one thread renames the file, the others may write a
	// quarter more, and each one line beyond that.
	path = filepath.Join(systemtest.TempDir(t), "t.jsonl")
	runWorkers(t, path, worker+"_LIMIT=1")
	for _, p := range []string{path, path + ".1"} {
		info, err := os.Stat(p)
		must(t, err)
		if most := int64(rotating + rotating/4 + workerProcesses*workerThreads*300); info.Size() > most {
			t.Errorf("%s has %d bytes, wanted at most %d", p, info.Size(), most)
		}
	}
	// This would be less if a thread that means the old file renamed the new one.
	if got, least := countUniqueLines(t, path, path+".1"), rotating/300; got < least {
		t.Errorf("only %d lines are left, wanted at least %d", got, least)
	}
}

// rotating is a limit that a few hundred lines reach.
const rotating = 100_000

// id returns the name of a line written by a worker.
func id(t *testing.T, l line) string {
	t.Helper()
	var body []string
	must(t, json.Unmarshal(l.Body, &body))
	return body[0]
}

// What a message costs.
func BenchmarkWrite(b *testing.B) {
	path := filepath.Join(systemtest.TempDir(b), "t.jsonl")
	r := record(`{"command": "newdat", "x": [2.87], "y": 51732.25, "s": 227.4}`)
	for b.Loop() {
		if err := Write(path, unlimited, r); err != nil {
			b.Fatal(err)
		}
	}
}
