//go:build unix

package trace

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// otherUser is a user other than that of the tests.
const otherUser = 65534

// giveAway changes the owner of files to another user, which only root can do.
func giveAway(t *testing.T, paths ...string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can change the owner of a file")
	}
	for _, path := range paths {
		must(t, os.Lchown(path, otherUser, otherUser))
	}
}

// expectRefusal expects that CheckPath and Write refuse the path for a reason, and that
// the file which the path leads to is unchanged.
func expectRefusal(t *testing.T, path, leadsTo, why string) {
	t.Helper()
	before, existed := os.ReadFile(leadsTo)
	for _, err := range []error{CheckPath(path), Write(path, unlimited, record("1")), Write(path, 1, record("1"))} {
		if err == nil || !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), why) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
	after, exists := os.ReadFile(leadsTo)
	if string(after) != string(before) || (exists == nil) != (existed == nil) {
		t.Errorf("%s: the file contains %q, and contained %q (%v, before %v)", leadsTo, after, before, exists, existed)
	}
}

// A user cannot read the trace by creating a file where it is expected.
func TestFileOfAnotherUser(t *testing.T) {
	dir := t.TempDir()
	for _, mode := range []fs.FileMode{0o600, 0o644, 0o666} {
		path := filepath.Join(dir, mode.String())
		must(t, os.WriteFile(path, []byte("{}\n"), mode))
		giveAway(t, path)
		expectRefusal(t, path, path, "belongs to user 65534")
	}
	pipe := filepath.Join(dir, "pipe")
	must(t, syscall.Mkfifo(pipe, 0o666))
	giveAway(t, pipe)
	fd, err := syscall.Open(pipe, syscall.O_RDONLY|syscall.O_NONBLOCK, 0)
	must(t, err)
	defer syscall.Close(fd)
	for _, err := range []error{CheckPath(pipe), Write(pipe, unlimited, record("1"))} {
		if !errors.Is(err, fs.ErrPermission) {
			t.Errorf("a pipe of another user: %v", err)
		}
	}
}

// A file that other users can write to or have linked may be readable for them, or may not
// be meant for a trace at all.
func TestFileAccessibleToOthers(t *testing.T) {
	dir := t.TempDir()
	for _, mode := range []fs.FileMode{0o602, 0o620, 0o666} {
		path := filepath.Join(dir, mode.String())
		must(t, os.WriteFile(path, nil, 0o600))
		must(t, os.Chmod(path, mode))
		expectRefusal(t, path, path, "chmod go-w")
	}
	path, other := filepath.Join(dir, "t.jsonl"), filepath.Join(dir, "own")
	must(t, os.WriteFile(other, nil, 0o644))
	must(t, os.Link(other, path))
	expectRefusal(t, path, other, "hard link")

	// A user may make their own file readable for others.
	must(t, os.Remove(path))
	must(t, CheckPath(other))
	must(t, Write(other, unlimited, record("1")))
	info, err := os.Stat(other)
	must(t, err)
	if info.Mode().Perm() != 0o644 || len(lines(t, other)) != 1 {
		t.Errorf("mode %v", info.Mode())
	}
}

// Links of another user are not followed, anywhere in the path, and whether or not their
// target exists.
func TestLinkOfAnotherUser(t *testing.T) {
	dir := t.TempDir()
	file, missing := filepath.Join(dir, "own"), filepath.Join(dir, "missing")
	must(t, os.WriteFile(file, []byte("{}\n"), 0o600))
	inside := filepath.Join(dir, "directory")
	must(t, os.Mkdir(inside, 0o700))
	links := map[string]string{"to-file": file, "to-nothing": missing, "to-null": "/dev/null", "to-directory": inside, "relative": "own"}
	for name, to := range links {
		must(t, os.Symlink(to, filepath.Join(dir, name)))
	}
	// A link of this user to a link of the other user.
	must(t, os.Symlink("to-file", filepath.Join(dir, "twice")))
	for name := range links {
		giveAway(t, filepath.Join(dir, name))
	}
	for name, to := range map[string]string{"to-file": file, "to-nothing": missing, "relative": file, "twice": file,
		"to-null": missing, "to-directory/t.jsonl": filepath.Join(inside, "t.jsonl")} {
		expectRefusal(t, filepath.Join(dir, name), to, "symbolic link of user 65534")
	}
}

// This user's own link is followed and stays; its target is renamed.
func TestRotationBehindLink(t *testing.T) {
	here, there := t.TempDir(), t.TempDir()
	file := filepath.Join(there, "t.jsonl")
	must(t, os.Symlink(there, filepath.Join(here, "directory")))
	must(t, os.Symlink("directory/t.jsonl", filepath.Join(here, "inner")))
	path := filepath.Join(here, "outer")
	must(t, os.Symlink(filepath.Join(here, "inner"), path))

	must(t, CheckPath(path)) // its target does not exist yet
	must(t, Write(path, unlimited, record("1")))
	must(t, Write(path, 1, record("2")))
	must(t, Write(path, unlimited, record("3")))
	for p, want := range map[string]int{file: 2, file + ".1": 1, path: 2} {
		if got := lines(t, p); len(got) != want {
			t.Errorf("%s has %d lines, want %d", p, len(got), want)
		}
	}
	for dir, want := range map[string]int{here: 3, there: 2} {
		if names, err := os.ReadDir(dir); err != nil || len(names) != want {
			t.Errorf("%s contains %v, %v", dir, names, err)
		}
	}
	if info, err := os.Lstat(path); err != nil || info.Mode().Type() != fs.ModeSymlink {
		t.Errorf("the link is %v, %v", info, err)
	}

	loop := filepath.Join(here, "loop")
	must(t, os.Symlink("loop", loop))
	if err := CheckPath(loop); !errors.Is(err, syscall.ELOOP) {
		t.Errorf("a link to itself: %v", err)
	}
}

// A file that the process already has open, such as /dev/stderr, is accepted whatever it
// is, and never renamed.
func TestStandardError(t *testing.T) {
	if os.Getenv(worker) != "" {
		must(t, CheckPath("/dev/stderr"))
		for range 3 {
			must(t, Write("/dev/stderr", 1, record("1")))
		}
		return
	}
	if runtime.GOOS != "linux" {
		t.Skip("the tests of /dev/stderr are for Linux")
	}
	run := func(stderr *os.File) {
		t.Helper()
		c := exec.Command(os.Args[0], "-test.run=^TestStandardError$")
		c.Env = append(os.Environ(), worker+"=1")
		c.Stderr = stderr
		if out, err := c.Output(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	}
	dir := t.TempDir()
	file, err := os.Create(filepath.Join(dir, "log"))
	must(t, err)
	defer file.Close()
	run(file)
	// Three messages without a first line, which only a file that the library opens has.
	if text, err := os.ReadFile(file.Name()); err != nil || bytes.Count(text, []byte(`{"time":`)) != 3 || bytes.Count(text, []byte("\n")) != 3 {
		t.Errorf("%v: the file contains %s", err, text)
	}
	if names, err := os.ReadDir(dir); err != nil || len(names) != 1 {
		t.Errorf("the directory contains %v, %v", names, err)
	}
	reader, writer, err := os.Pipe()
	must(t, err)
	defer reader.Close()
	run(writer)
	must(t, writer.Close())
	text := make([]byte, 10_000)
	n, err := reader.Read(text)
	if err != nil || strings.Count(string(text[:n]), "\n") != 3 {
		t.Errorf("the pipe contains %q, %v", text[:n], err)
	}
}
