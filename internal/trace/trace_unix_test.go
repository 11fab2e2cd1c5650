//go:build unix

package trace

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	must(t, syscall.Mkfifo(path, 0o600))
	done := make(chan error, 1)
	write := func() { done <- Write(path, unlimited, record("1")) }
	expect := func(with string) {
		t.Helper()
		select {
		case err := <-done:
			if err == nil {
				t.Errorf("a pipe %s took a line", with)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("a pipe %s makes the call wait", with)
		}
	}
	go write()
	expect("without a reader")
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_NONBLOCK, 0)
	must(t, err)
	defer syscall.Close(fd)
	go write()
	expect("with a reader")
}

// Somebody who has the lock and is stopped delays nobody for long. The lines go to the
// file that is full, up to a quarter beyond its limit, and then are given up.
func TestLockTaken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.jsonl")
	must(t, Write(path, unlimited, record("1")))
	other, err := os.Open(path)
	must(t, err)
	defer other.Close()
	must(t, syscall.Flock(int(other.Fd()), syscall.LOCK_EX))
	facts, err := other.Stat()
	must(t, err)
	one := facts.Size()
	must(t, Write(path, 2*one-one/4, record("2")))
	if got := lines(t, path); len(got) != 2 {
		t.Errorf("%d lines", len(got))
	}
	if err := Write(path, 2*one, record("3")); !errors.Is(err, errStuck) {
		t.Errorf("beyond a quarter of the limit: %v, want %v", err, errStuck)
	}
	must(t, syscall.Flock(int(other.Fd()), syscall.LOCK_UN))
	must(t, Write(path, 1, record("3")))
	if got := lines(t, path); len(got) != 1 {
		t.Errorf("%d lines after the rename", len(got))
	}
}

// A second one who means to rename the file that another has renamed leaves the
// new one alone.
func TestRenamedAlready(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.jsonl")
	must(t, Write(path, unlimited, record("1")))
	first, _, err := open(path)
	must(t, err)
	second, _, err := open(path)
	must(t, err)
	defer second.close()
	renamed, err := first.rename(path, path+".1")
	if !renamed || err != nil {
		t.Fatal(renamed, err)
	}
	first.close()
	must(t, Write(path, unlimited, record("2")))
	if renamed, err = second.rename(path, path+".1"); !renamed || err != nil {
		t.Error(renamed, err)
	}
	if got := lines(t, path); len(got) != 1 || string(got[0].Body) != "2" {
		t.Errorf("the new file has %+v", got)
	}
	if got := lines(t, path+".1"); len(got) != 1 || string(got[0].Body) != "1" {
		t.Errorf("the old file has %+v", got)
	}
}

// The limit for the size of files is no failure that ends the process, as the
// system would have it; and what it lets through of a line is taken back.
func TestFileSizeLimit(t *testing.T) {
	if path := os.Getenv(worker); path != "" {
		must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 1000, Max: 1000}))
		for Write(path, unlimited, record("1")) == nil {
		}
		if err := Write(path, unlimited, record("1")); !errors.Is(err, errFull) {
			t.Errorf("%v", err)
		}
		before := lines(t, path)
		f, size, err := open(path)
		must(t, err)
		defer f.close()
		// Past the check, since another process wrote in between, say.
		if err := f.append([]byte(strings.Repeat("x", 200)), 0); err == nil {
			t.Error("half a line is no failure")
		}
		if facts, err := os.Stat(path); err != nil || facts.Size() != size {
			t.Errorf("half a line stays: %v", err)
		}
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

// Nothing is left open, and nothing is inherited.
func TestDescriptors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.jsonl")
	f, _, err := open(path)
	must(t, err)
	flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(f), syscall.F_GETFD, 0)
	if errno != 0 || flags&syscall.FD_CLOEXEC == 0 {
		t.Errorf("a program that this one starts would have the file: %v", errno)
	}
	f.close()
	for range 100 {
		_ = Write(path, 1, record("1"))
		_ = Write(filepath.Dir(path), 1, record("1"))
	}
	again, _, err := open(path)
	must(t, err)
	defer again.close()
	if again != f {
		t.Errorf("descriptor %d is the next free one, it was %d", again, f)
	}
}
