package test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// required returns the path of a program that a test cannot do without, and of
// which the Debian package is named.
func required(t *testing.T, name, pack string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is not installed; it is in Debian's package %s", name, pack)
	}
	return path
}

// toolOf returns the path of a tool of MinGW.
func toolOf(t *testing.T, triple, name string) string {
	t.Helper()
	pack := "gcc-mingw-w64"
	if name == "g++" {
		pack = "g++-mingw-w64"
	}
	return required(t, triple+"-"+name, pack)
}

const (
	triple64 = "x86_64-w64-mingw32"
	triple32 = "i686-w64-mingw32"
)

// wine is a Windows of 64 bits to run programs in, of this test alone.
type wine struct {
	loader string
	env    []string
}

// newWine makes one. All that runs in it ends with the test.
func newWine(t *testing.T) *wine {
	t.Helper()
	loader, server := required(t, "wine", "wine64 and wine"), required(t, "wineserver", "wine64 and wine")
	// Not in a folder for temporary files, which may be memory: it takes 700 MB.
	folder, err := filepath.Abs("../build")
	if err == nil {
		err = os.MkdirAll(folder, 0o755)
	}
	if err == nil {
		folder, err = os.MkdirTemp(folder, "wine-")
	}
	if err != nil {
		t.Fatal(err)
	}
	w := &wine{loader, []string{"WINEPREFIX=" + folder, "WINEARCH=win64", "WINEDEBUG=-all", "DISPLAY=",
		"WINEDLLOVERRIDES=mscoree,mshtml="}} // which Wine would offer to install
	t.Cleanup(func() {
		for _, end := range []string{"-k", "-w"} {
			cmd := exec.Command(server, end)
			cmd.Env = append(os.Environ(), w.env...)
			_ = cmd.Run() // fails if nothing runs any more
		}
		// What was about to start in that moment has a server of its own.
		killWith(w.env[0])
		if err := os.RemoveAll(folder); err != nil {
			t.Error(err)
		}
	})
	// Its services stay, and must not have the output of any test.
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	for _, args := range [][]string{{server, "-p"}, {loader, "wineboot", "-i"}} {
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		cmd.Env = append(os.Environ(), w.env...)
		if err := cmd.Run(); err != nil {
			t.Fatalf("%s: %v", strings.Join(args, " "), err)
		}
	}
	// Wine 8 lacks a library that Go needs.
	command(t, toolOf(t, triple64, "gcc"), "-shared", "-O2", "-Wall", "-Wextra", "-Werror", "-o",
		filepath.Join(folder, "drive_c/windows/system32/bcryptprimitives.dll"), "c/bcryptprimitives.c", "-ladvapi32")
	return w
}

// killWith ends all processes that have a variable in their environment.
func killWith(variable string) {
	all, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range all {
		environ, _ := os.ReadFile(path)
		if !slices.Contains(strings.Split(string(environ), "\x00"), variable) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// compileWindows builds a program for 64-bit Windows in a folder of its own, in
// which the DLLs lie that are named, and returns its path.
func compileWindows(t *testing.T, compiler string, dlls []string, args ...string) string {
	t.Helper()
	folder := t.TempDir()
	for _, dll := range dlls {
		if err := os.Symlink(dll, filepath.Join(folder, filepath.Base(dll))); err != nil {
			t.Fatal(err)
		}
	}
	program := filepath.Join(folder, "program.exe")
	command(t, toolOf(t, triple64, compiler), slices.Concat([]string{"-O2", "-Wall", "-Wextra", "-Werror", "-I../include", "-static",
		"-o", program}, args, dlls, []string{"-lpthread", "-lws2_32", "-lpsapi"})...)
	return program
}

// strictWindows are the compiler's flags for C programs: those of strict, with
// the names that GNU adds to the C library, since MinGW hides them otherwise.
var strictWindows = []string{"-std=gnu99", "-Wpedantic"}

// startServer starts a program that serves: the last word of its first line is
// its port. ended waits for its end, which must be a good one.
func startServer(t *testing.T, env []string, program string, args ...string) (port string, ended func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	done := false
	t.Cleanup(func() {
		cancel()
		if !done {
			_ = cmd.Wait()
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if words := strings.Fields(line); len(words) > 0 {
		port = words[len(words)-1]
	} else {
		t.Fatalf("%s does not tell its port: %v", filepath.Base(program), err)
	}
	return port, func() {
		t.Helper()
		done = true
		if err := cmd.Wait(); err != nil {
			t.Errorf("the server: %v", err)
		}
	}
}
