//go:build unix

package trace

import (
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

// another is a user that is not the one of the tests.
const another = 65534

// giveAway makes files those of another user, which only root can.
func giveAway(t *testing.T, paths ...string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can make files of another user")
	}
	for _, path := range paths {
		must(t, os.Lchown(path, another, another))
	}
}

// expectRefusal expects that neither Check nor Write takes the path, and why, and that
// the file which the path leads to is as it was.
func expectRefusal(t *testing.T, path, leadsTo, why string) {
	t.Helper()
	before, existed := os.ReadFile(leadsTo)
	for _, err := range []error{Check(path), Write(path, unlimited, record("1")), Write(path, 1, record("1"))} {
		if err == nil || !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), why) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
	after, exists := os.ReadFile(leadsTo)
	if string(after) != string(before) || (exists == nil) != (existed == nil) {
		t.Errorf("%s: the file has %q after %q (%v, before %v)", leadsTo, after, before, exists, existed)
	}
}

// Who puts a file of his own where the trace is expected does not read it.
func TestFileOfAnotherUser(t *testing.T) {
	folder := t.TempDir()
	for _, mode := range []fs.FileMode{0o600, 0o644, 0o666} {
		path := filepath.Join(folder, mode.String())
		must(t, os.WriteFile(path, []byte("{}\n"), mode))
		giveAway(t, path)
		expectRefusal(t, path, path, "belongs to user 65534")
	}
	pipe := filepath.Join(folder, "pipe")
	must(t, syscall.Mkfifo(pipe, 0o666))
	giveAway(t, pipe)
	fd, err := syscall.Open(pipe, syscall.O_RDONLY|syscall.O_NONBLOCK, 0)
	must(t, err)
	defer syscall.Close(fd)
	for _, err := range []error{Check(pipe), Write(pipe, unlimited, record("1"))} {
		if !errors.Is(err, fs.ErrPermission) {
			t.Errorf("a pipe of another user: %v", err)
		}
	}
}

// A file that others can write to, or have linked there, may be read by them, or be a
// file that is not for a trace at all.
func TestFileThatOthersReach(t *testing.T) {
	folder := t.TempDir()
	for _, mode := range []fs.FileMode{0o602, 0o620, 0o666} {
		path := filepath.Join(folder, mode.String())
		must(t, os.WriteFile(path, nil, 0o600))
		must(t, os.Chmod(path, mode))
		expectRefusal(t, path, path, "chmod go-w")
	}
	path, other := filepath.Join(folder, "t.jsonl"), filepath.Join(folder, "own")
	must(t, os.WriteFile(other, []byte("{}\n"), 0o644))
	must(t, os.Link(other, path))
	expectRefusal(t, path, other, "hard link")

	// Who makes his own file readable has decided so.
	must(t, os.Remove(path))
	must(t, Check(other))
	must(t, Write(other, unlimited, record("1")))
	facts, err := os.Stat(other)
	must(t, err)
	if facts.Mode().Perm() != 0o644 || len(lines(t, other)) != 2 {
		t.Errorf("mode %v", facts.Mode())
	}
}

// The links of another user are not followed, wherever they are in the path and whether
// or not there is a file behind them.
func TestLinkOfAnotherUser(t *testing.T) {
	folder := t.TempDir()
	file, missing := filepath.Join(folder, "own"), filepath.Join(folder, "missing")
	must(t, os.WriteFile(file, []byte("{}\n"), 0o600))
	inside := filepath.Join(folder, "folder")
	must(t, os.Mkdir(inside, 0o700))
	links := map[string]string{"to-file": file, "to-nothing": missing, "to-null": "/dev/null", "to-folder": inside, "relative": "own"}
	for name, to := range links {
		must(t, os.Symlink(to, filepath.Join(folder, name)))
	}
	// A link of this user that leads to one of another.
	must(t, os.Symlink("to-file", filepath.Join(folder, "twice")))
	for name := range links {
		giveAway(t, filepath.Join(folder, name))
	}
	for name, to := range map[string]string{"to-file": file, "to-nothing": missing, "relative": file, "twice": file,
		"to-null": missing, "to-folder/t.jsonl": filepath.Join(inside, "t.jsonl")} {
		expectRefusal(t, filepath.Join(folder, name), to, "symbolic link of user 65534")
	}
}

// A link of this user's own is followed and stays, and what is behind it is renamed.
func TestRotationBehindALink(t *testing.T) {
	here, there := t.TempDir(), t.TempDir()
	file := filepath.Join(there, "t.jsonl")
	must(t, os.Symlink(there, filepath.Join(here, "folder")))
	must(t, os.Symlink("folder/t.jsonl", filepath.Join(here, "inner")))
	path := filepath.Join(here, "outer")
	must(t, os.Symlink(filepath.Join(here, "inner"), path))

	must(t, Check(path)) // there is no file behind it yet
	must(t, Write(path, unlimited, record("1")))
	must(t, Write(path, 1, record("2")))
	must(t, Write(path, unlimited, record("3")))
	for p, want := range map[string]int{file: 2, file + ".1": 1, path: 2} {
		if got := lines(t, p); len(got) != want {
			t.Errorf("%s has %d lines, want %d", p, len(got), want)
		}
	}
	for folder, want := range map[string]int{here: 3, there: 2} {
		if names, err := os.ReadDir(folder); err != nil || len(names) != want {
			t.Errorf("%s has %v, %v", folder, names, err)
		}
	}
	if facts, err := os.Lstat(path); err != nil || facts.Mode().Type() != fs.ModeSymlink {
		t.Errorf("the link is %v, %v", facts, err)
	}

	loop := filepath.Join(here, "loop")
	must(t, os.Symlink("loop", loop))
	if err := Check(loop); !errors.Is(err, syscall.ELOOP) {
		t.Errorf("a link to itself: %v", err)
	}
}

// What the process has open already, such as /dev/stderr, is written to, whatever it is,
// and never renamed.
func TestStandardError(t *testing.T) {
	if os.Getenv(worker) != "" {
		must(t, Check("/dev/stderr"))
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
	folder := t.TempDir()
	file, err := os.Create(filepath.Join(folder, "log"))
	must(t, err)
	defer file.Close()
	run(file)
	if got := lines(t, file.Name()); len(got) != 3 {
		t.Errorf("%d lines", len(got))
	}
	if names, err := os.ReadDir(folder); err != nil || len(names) != 1 {
		t.Errorf("there are %v, %v", names, err)
	}
	reader, writer, err := os.Pipe()
	must(t, err)
	defer reader.Close()
	run(writer)
	must(t, writer.Close())
	text := make([]byte, 10_000)
	n, err := reader.Read(text)
	if err != nil || strings.Count(string(text[:n]), "\n") != 3 {
		t.Errorf("the pipe has %q, %v", text[:n], err)
	}
}
