// Package test contains the tests that cross languages. Its Go tests build C and C++
// programs (directories c, cpp), and run them with the library. It also contains tests in
// Python.
package test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"libobe/test/tools"
)

func TestMain(m *testing.M) {
	// Go reuses the result of a test if no file that the test reads has changed. It does
	// not see what the compilers read, so each such file is touched here.
	for _, dir := range []string{"c", "cpp", "instruments", "../examples", "../bench", "../capi", "../include", "../internal", "../Makefile", "../go.mod"} {
		_ = filepath.WalkDir(dir, func(path string, _ fs.DirEntry, _ error) error {
			_, err := os.Stat(path)
			return err
		})
	}
	// The programs wait about half of the time, so twice as many as processors run at a time.
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		_ = flag.Set("test.parallel", fmt.Sprint(2*runtime.GOMAXPROCS(0)))
	}
	os.Exit(m.Run())
}

// hangs is how long a program may run. It is far more than the slowest, go test for a package in
// Wine, needs on a busy machine, and detects only a program that hangs; what has to happen in time is
// checked by the programs themselves.
const hangs = 20 * time.Minute

// sanitizers build a program that ends at the first error that AddressSanitizer or
// UndefinedBehaviorSanitizer finds. The programs pass NULL on purpose, to see it refused.
var sanitizers = []string{"-fsanitize=address,undefined", "-fno-sanitize=nonnull-attribute", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"}

// tool returns the path of a program that a test needs. If it is missing, the test is
// skipped, or fails if CI=true.
func tool(t *testing.T, name string) string {
	t.Helper()
	return tools.Path(t, name)
}

// envOr returns an environment variable, or a default if it is not set or empty.
func envOr(name, byDefault string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return byDefault
}

// command runs a program that must succeed.
func command(t *testing.T, name string, args ...string) {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// buildPath returns the path of a file in the directory for what is built: BUILD if that is
// set, as test/run does, else build.
func buildPath(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(envOr("BUILD", filepath.Join("..", "build")), name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// upToDate are the libraries that make has brought up to date: those for Windows, and the
// others. The lock is held while make runs, because two of them would write the same files.
// lockBuild does the same for other processes, such as another step of test/run.
var upToDate [2]struct {
	sync.Mutex
	names map[string]bool
}

// lockBuild waits until no other process of these tests runs make in the build directory.
func lockBuild(t *testing.T) (unlock func()) {
	t.Helper()
	err := os.MkdirAll(buildPath(t, ""), 0o755)
	var file *os.File
	if err == nil {
		file, err = os.OpenFile(buildPath(t, "make.lock"), os.O_CREATE|os.O_RDWR, 0o644)
	}
	if err == nil {
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX)
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() { _ = file.Close() }
}

// library runs make for a library in the build directory and returns its path.
func library(t *testing.T, name string) string {
	t.Helper()
	path := buildPath(t, name)
	made := &upToDate[0]
	if strings.HasPrefix(name, "windows/") {
		made = &upToDate[1]
	}
	made.Lock()
	defer made.Unlock()
	if !made.names[name] {
		unlock := lockBuild(t)
		defer unlock()
		command(t, "env", "-u", "MAKEFLAGS", "-u", "MAKELEVEL", tool(t, "make"), "-s", "-C", "..", "BUILD="+buildPath(t, ""), path)
		if made.names == nil {
			made.names = map[string]bool{}
		}
		made.names[name] = true
	}
	return path
}

// strict are the compiler's flags for every C program. No warning is tolerated.
var strict = []string{"-std=c99", "-g", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I../include", "-pthread"}

// compile builds the program c/NAME.c and returns its path. extra are more arguments,
// such as libraries.
func compile(t *testing.T, name string, extra ...string) string {
	t.Helper()
	return compileWith(t, envOr("CC", "cc"), name, extra...)
}

func compileWith(t *testing.T, compiler, name string, extra ...string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), name)
	command(t, tool(t, compiler), slices.Concat(strict, []string{"-o", program, filepath.Join("c", name+".c")}, extra)...)
	return program
}

// against returns the arguments that link a program with a shared library.
func against(path string) []string {
	return []string{path, "-Wl,-rpath," + filepath.Dir(path)}
}

// result is how a program ended.
type result struct {
	status int // -1: by a signal
	stdout string
	stderr string
}

// run runs a program. If it hangs, its process group is killed, because Go's runtime does not
// detect a deadlock when it is in a library.
func run(t *testing.T, env []string, program string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), hangs)
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
		t.Fatalf("%s did not end within %v\n%s%s", filepath.Base(program), hangs, &stdout, &stderr)
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	t.Logf("%s %s (%v of processor time)\n%s", filepath.Base(program), strings.Join(args, " "), cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime(), &stdout)
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// succeed runs a program that must exit with 0, print a line for each of its tests, and
// nothing else.
func succeed(t *testing.T, env []string, program string, args ...string) {
	t.Helper()
	got := run(t, env, program, args...)
	if got.status != 0 || got.stderr != "" {
		t.Fatalf("exit status %d\n%s", got.status, got.stderr)
	}
	for _, line := range strings.Split(strings.TrimSuffix(got.stdout, "\n"), "\n") {
		if !strings.Contains(line, " ... ") || !strings.HasSuffix(line, " ms") {
			t.Errorf("this line is not the result of a test: %q", line)
		}
	}
}
