//go:build unix

package trace

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"libobe/internal/systemtest"
)

// promptly runs f, and fails the test if f blocks.
func promptly(t *testing.T, what string, f func() error) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-time.After(systemtest.Timeout):
		t.Fatalf("%s blocks the call", what)
		panic("unreachable")
	}
}

// A pipe accepts lines while a process reads from it. A pipe without a reader, or a full
// one, delays no call for long and raises no signal.
func TestPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	must(t, syscall.Mkfifo(path, 0o600))
	write := func(body string) func() error {
		return func() error { return Write(path, 1, record(body)) }
	}
	if err := promptly(t, "a pipe without a reader", write("1")); !errors.Is(err, errNoReader) {
		t.Errorf("a pipe without a reader: %v", err)
	}
	if err := CheckPath(path); !errors.Is(err, errNoReader) {
		t.Errorf("a pipe without a reader: %v", err)
	}
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_NONBLOCK, 0)
	must(t, err)
	must(t, CheckPath(path))
	must(t, promptly(t, "a pipe", write("1")))
	text := make([]byte, 1000)
	n, err := syscall.Read(fd, text)
	must(t, err)
	if want := string(record("1").append(nil)); n < 100 || string(text[n-12:n]) != want[len(want)-12:] {
		t.Errorf("the pipe contains %q", text[:n])
	}
	large := `"` + strings.Repeat("x", MaxBody-2) + `"`
	if err := promptly(t, "a full pipe", write(large)); !errors.Is(err, errSlow) || !strings.Contains(err.Error(), "cut after") {
		t.Errorf("a full pipe: %v", err)
	}
	if err := promptly(t, "a full pipe", write("1")); !errors.Is(err, errSlow) {
		t.Errorf("a full pipe: %v", err)
	}

	// The reader closes the pipe after the writer has opened it.
	f, err := open(path)
	must(t, err)
	defer f.close()
	must(t, syscall.Close(fd))
	if err := f.append([]byte("x\n")); !errors.Is(err, errNoReader) {
		t.Errorf("a pipe whose reader has closed it: %v", err)
	}
}

// Lines longer than the capacity of a pipe stay whole, from several threads at once.
func TestLongLinesInPipe(t *testing.T) {
	const threads, each = 4, 5
	path := filepath.Join(t.TempDir(), "pipe")
	must(t, syscall.Mkfifo(path, 0o600))
	// A reader that can also write sees no end when no thread has the pipe open.
	reader, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	defer reader.Close()
	body := `"` + strings.Repeat("x", 100_000) + `"`
	var written atomic.Int64
	var all sync.WaitGroup
	for range threads {
		all.Go(func() {
			for range each {
				// On a busy machine the reader may be too slow; a line that is not cut is whole.
				for try := 0; try < 100; try++ {
					err := Write(path, unlimited, record(body))
					if err == nil {
						written.Add(1)
						break
					}
					if !errors.Is(err, errSlow) {
						t.Error(err)
					}
					if strings.Contains(err.Error(), "cut after") {
						return
					}
				}
			}
		})
	}
	lines := make(chan int)
	go func() {
		n := 0
		scanner := bufio.NewScanner(reader)
		scanner.Buffer(nil, 10<<20)
		for scanner.Scan() && scanner.Text() != "end" {
			if json.Valid(scanner.Bytes()) {
				n++
			}
		}
		if err := scanner.Err(); err != nil {
			t.Error(err)
		}
		lines <- n
	}()
	all.Wait()
	_, err = reader.WriteString("\nend\n")
	must(t, err)
	if got, want := <-lines, int(written.Load()); got < want-threads || want == 0 {
		t.Errorf("%d lines are whole, %d were written", got, want)
	}
}

// A stopped process that holds the lock delays no call for long. Lines go to the full file,
// up to a quarter beyond its limit, and are dropped after that.
func TestLockHeldByOther(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.jsonl")
	must(t, Write(path, unlimited, record("1")))
	other, err := os.Open(path)
	must(t, err)
	defer other.Close()
	must(t, syscall.Flock(int(other.Fd()), syscall.LOCK_EX))
	info, err := other.Stat()
	must(t, err)
	two := info.Size() + int64(len(record("2").append(nil)))
	must(t, Write(path, two-1, record("2")))
	if got := lines(t, path); len(got) != 2 {
		t.Errorf("%d lines", len(got))
	}
	if err := Write(path, two, record("3")); !errors.Is(err, errRotationStalled) {
		t.Errorf("beyond a quarter of the limit: %v, want %v", err, errRotationStalled)
	}
	must(t, syscall.Flock(int(other.Fd()), syscall.LOCK_UN))
	must(t, Write(path, 1, record("3")))
	if got := lines(t, path); len(got) != 1 {
		t.Errorf("%d lines after the rename", len(got))
	}
}

// A process that holds the lock of an empty file delays no call for long. The line is
// written without the first line, which does not follow later.
func TestEmptyFileLockedByOther(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.jsonl")
	other, err := os.Create(path)
	must(t, err)
	defer other.Close()
	must(t, other.Chmod(0o600))
	must(t, syscall.Flock(int(other.Fd()), syscall.LOCK_EX))
	want := string(record("1").append(nil))
	must(t, promptly(t, "a locked file", func() error { return Write(path, unlimited, record("1")) }))
	must(t, syscall.Flock(int(other.Fd()), syscall.LOCK_UN))
	must(t, Write(path, unlimited, record("1")))
	if got, err := os.ReadFile(path); err != nil || len(got) != 2*len(want) || bytes.Contains(got, []byte(`"trace"`)) {
		t.Errorf("%v: the file contains %s", err, got)
	}
}

// A second rename of the file that was already renamed does not rename the new file.
func TestAlreadyRenamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.jsonl")
	must(t, Write(path, unlimited, record("1")))
	first, err := open(path)
	must(t, err)
	second, err := open(path)
	must(t, err)
	defer second.close()
	renamed, err := first.rename(".1")
	if !renamed || err != nil {
		t.Fatal(renamed, err)
	}
	first.close()
	must(t, Write(path, unlimited, record("2")))
	if renamed, err = second.rename(".1"); !renamed || err != nil {
		t.Error(renamed, err)
	}
	if got := lines(t, path); len(got) != 1 || string(got[0].Body) != "2" {
		t.Errorf("the new file contains %+v", got)
	}
	if got := lines(t, path+".1"); len(got) != 1 || string(got[0].Body) != "1" {
		t.Errorf("the old file contains %+v", got)
	}
}

// The limit for file sizes does not end the process, as the system's signal would, and the
// part of a line that fits below it is removed.
func TestFileSizeLimit(t *testing.T) {
	if path := os.Getenv(worker); path != "" {
		must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 1000, Max: 1000}))
		for Write(path, unlimited, record("1")) == nil {
		}
		if err := Write(path, unlimited, record("1")); !errors.Is(err, errFull) {
			t.Errorf("%v", err)
		}
		before := lines(t, path)
		f, err := open(path)
		must(t, err)
		defer f.close()
		size := f.size
		// The check passes, as if another process had written after it.
		f.size = 0
		if err := f.append([]byte(strings.Repeat("x", 200))); err == nil {
			t.Error("half a line is not an error")
		}
		if info, err := os.Stat(path); err != nil || info.Size() != size {
			t.Errorf("half a line stays: %v", err)
		}
		// For a file at its limit the system accepts nothing, and sends a signal.
		must(t, os.Truncate(path, 1000))
		if err := f.append([]byte("x")); !errors.Is(err, errFull) {
			t.Errorf("past the limit: %v", err)
		}
		must(t, os.Truncate(path, size))
		if len(lines(t, path)) != len(before) {
			t.Error("the lines are not as before")
		}
		return
	}
	c := exec.Command(os.Args[0], "-test.run=^TestFileSizeLimit$")
	c.Env = append(os.Environ(), worker+"="+filepath.Join(t.TempDir(), "t.jsonl"))
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// No descriptor stays open, and none is inherited.
func TestDescriptors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.jsonl")
	f, err := open(path)
	must(t, err)
	flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(f.fd), syscall.F_GETFD, 0)
	if errno != 0 || flags&syscall.FD_CLOEXEC == 0 {
		t.Errorf("a program that this one starts would inherit the file: %v", errno)
	}
	f.close()
	for range 100 {
		_ = Write(path, 1, record("1"))
		_ = Write(filepath.Dir(path), 1, record("1"))
	}
	again, err := open(path)
	must(t, err)
	defer again.close()
	if again.fd != f.fd {
		t.Errorf("descriptor %d is the next free one, it was %d", again.fd, f.fd)
	}
}
