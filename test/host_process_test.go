package test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
)

// The library leaves the signals, the signal masks, the alternate stacks and the output of
// its host process as they are.
func TestHostProcessUntouched(t *testing.T) {
	t.Parallel()
	succeed(t, nil, compile(t, "host_process", "-ldl"), library(t, "test/libobe.so"))
}

// A trace that the environment sets, of several processes with several threads each,
// contains every message once, on each side.
func TestTrace(t *testing.T) {
	t.Parallel()
	const processes, threads, count = 3, 4, 100
	program := compile(t, "trace", against(library(t, "test/libobe.so"))...)
	path := filepath.Join(t.TempDir(), "t.jsonl")
	runTraced := func(trace, failed string) {
		if got := run(t, []string{"OBE_TRACE=" + trace}, program, strconv.Itoa(count), failed); got.status != 0 || got.stdout+got.stderr != "" {
			t.Errorf("exit status %d\n%s%s", got.status, got.stdout, got.stderr)
		}
	}
	var all sync.WaitGroup
	for range processes {
		all.Go(func() { runTraced(path, "none") })
	}
	all.Wait()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	first, messages, _ := bytes.Cut(text, []byte("\n"))
	if !bytes.HasPrefix(first, []byte(`{"trace":"obe","version":1,`)) {
		t.Errorf("the trace begins with %s", first)
	}
	for line := range bytes.Lines(messages) {
		var r struct{ Role, Direction, Body string }
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		seen[fmt.Sprint(r.Role, " ", r.Direction, " ", r.Body)]++
	}
	for message, n := range seen {
		if n != 1 {
			t.Errorf("the trace contains %s %d times", message, n)
		}
	}
	if want := 4 * processes * threads * count; len(seen) != want {
		t.Errorf("the trace contains %d messages, want %d", len(seen), want)
	}
	for _, bad := range []string{"/dev/full", filepath.Join(path, "missing")} {
		runTraced(bad, "all")
	}
}
