// Package test holds the tests that cross languages: C programs in c, which are
// built and run against the library by these Go tests, and tests in Python.
package test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	// Go takes a test's earlier result if nothing has changed that it reads.
	// The compilers that it starts read more: have Go notice that too.
	for _, dir := range []string{"c", "cpp", "../examples", "../capi", "../include", "../internal", "../Makefile", "../go.mod"} {
		_ = filepath.WalkDir(dir, func(path string, _ fs.DirEntry, _ error) error {
			_, err := os.Stat(path)
			return err
		})
	}
	os.Exit(m.Run())
}

// tool returns the path of a program that a test needs. One that is missing
// skips the test, and fails it where every tool has to be there.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not installed", name)
		}
		t.Skipf("%s is not installed", name)
	}
	return path
}

// variable returns a variable of the environment, or what holds without it.
func variable(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

// command runs a program that has to succeed.
func command(t *testing.T, name string, args ...string) {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

var making sync.Map // the libraries that are up to date

// library has make bring a library of the build folder up to date, and returns
// its path.
func library(t *testing.T, name string) string {
	t.Helper()
	target := filepath.Join("build", name)
	path, err := filepath.Abs(filepath.Join("..", target))
	if err != nil {
		t.Fatal(err)
	}
	if _, made := making.Load(name); !made {
		command(t, "env", "-u", "MAKEFLAGS", "-u", "MAKELEVEL", tool(t, "make"), "-s", "-C", "..", target)
		making.Store(name, true)
	}
	return path
}

// strict are the compiler's flags for every C program: there is nothing to warn
// of.
var strict = []string{"-std=c99", "-g", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I../include", "-pthread"}

// compile builds the program c/NAME.c and returns its path. extra are further
// arguments, such as what it is linked with.
func compile(t *testing.T, name string, extra ...string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), name)
	args := append(append([]string{}, strict...), "-o", program, filepath.Join("c", name+".c"))
	command(t, tool(t, variable("CC", "cc")), append(args, extra...)...)
	return program
}

// against are the arguments that link a program with a shared library.
func against(path string) []string {
	return []string{path, "-Wl,-rpath," + filepath.Dir(path)}
}

// result is how a program ended.
type result struct {
	status int // -1: by a signal
	stdout string
	stderr string
}

// run runs a program, whose group of processes is killed when the limit is
// over: in a library, Go's runtime has no deadlock detector.
func run(t *testing.T, limit time.Duration, env []string, program string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 10 * time.Second
	err := cmd.Run()
	if ctx.Err() != nil {
		t.Fatalf("%s did not end within %v\n%s%s", filepath.Base(program), limit, &stdout, &stderr)
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	t.Logf("%s %s\n%s", filepath.Base(program), strings.Join(args, " "), &stdout)
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// succeed runs a program that has to end well and without a word of complaint,
// its own or the library's.
func succeed(t *testing.T, limit time.Duration, env []string, program string, args ...string) {
	t.Helper()
	got := run(t, limit, env, program, args...)
	if got.status != 0 || got.stderr != "" {
		t.Fatalf("exit status %d\n%s", got.status, got.stderr)
	}
	for _, line := range strings.Split(strings.TrimSuffix(got.stdout, "\n"), "\n") {
		if !strings.Contains(line, " ... ") || !strings.HasSuffix(line, " ms") {
			t.Errorf("a line that is no test's: %q", line)
		}
	}
}
