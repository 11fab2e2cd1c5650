package test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// toolOf returns the path of a tool of MinGW.
func toolOf(t *testing.T, triple, name string) string {
	t.Helper()
	return tool(t, triple+"-"+name)
}

const (
	triple64 = "x86_64-w64-mingw32"
	triple32 = "i686-w64-mingw32"
)

// startWine starts a separate 64-bit Wine for this test and returns the loader of Windows
// programs. It sets the environment of the test accordingly. All processes with that
// environment are killed at the end of the test.
func startWine(t *testing.T) string {
	t.Helper()
	loader, server := tool(t, "wine"), tool(t, "wineserver")
	// Not in the directory for temporary files, which may be in memory: Wine needs 700 MB.
	directory := buildPath(t, "")
	err := os.MkdirAll(directory, 0o755)
	if err == nil {
		directory, err = os.MkdirTemp(directory, "wine-")
	}
	if err != nil {
		t.Fatal(err)
	}
	endWith(t, directory)
	toolOf(t, triple64, "gcc")
	start := exec.Command("./start_wine", directory)
	var stderr strings.Builder
	start.Stderr = &stderr
	settings, err := start.Output()
	if err != nil {
		t.Fatalf("start_wine: %v\n%s", err, &stderr)
	}
	for line := range strings.Lines(string(settings)) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		t.Setenv(name, value)
	}
	t.Cleanup(func() {
		if out, err := exec.Command(server, "-k").CombinedOutput(); err != nil {
			t.Errorf("Wine ended before its test: %v\n%s", err, out)
		}
	})
	return loader
}

// endWith kills all processes of a Wine and removes its directory at the end of the test,
// even if the test is interrupted or killed.
func endWith(t *testing.T, directory string) {
	t.Helper()
	keeper := exec.Command("./end_wine", directory)
	keeper.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // it must not get the interrupt from the terminal
	end, err := keeper.StdinPipe()
	if err == nil {
		err = keeper.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = end.Close()
		if err := keeper.Wait(); err != nil {
			t.Errorf("end_wine: %v", err)
		}
		if _, err := os.Stat(directory); !os.IsNotExist(err) {
			t.Errorf("%s was not removed: %v", directory, err)
		}
	})
}

// compileWindows builds a program for 64-bit Windows in a new directory with the named DLLs,
// and returns its path.
func compileWindows(t *testing.T, compiler string, dlls []string, args ...string) string {
	t.Helper()
	directory := t.TempDir()
	for _, dll := range dlls {
		if err := os.Symlink(dll, filepath.Join(directory, filepath.Base(dll))); err != nil {
			t.Fatal(err)
		}
	}
	program := filepath.Join(directory, "program.exe")
	command(t, toolOf(t, triple64, compiler), slices.Concat([]string{"-O2", "-Wall", "-Wextra", "-Werror", "-I../include", "-static",
		"-o", program}, args, dlls, []string{"-lpthread", "-lws2_32", "-lpsapi"})...)
	return program
}

// strictWindows are the compiler's flags for C programs: those of strict, but with GNU
// extensions, because MinGW hides some functions of POSIX otherwise.
var strictWindows = []string{"-std=gnu99", "-Wpedantic"}

// startServer starts a server program. The last word of its first line is its port. ended
// waits for the program to end, which must succeed.
func startServer(t *testing.T, env []string, program string, args ...string) (port string, ended func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), hangs)
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 10 * time.Second
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
		t.Fatalf("%s did not print its port: %v", filepath.Base(program), err)
	}
	return port, func() {
		t.Helper()
		done = true
		if err := cmd.Wait(); err != nil {
			t.Errorf("the server: %v", err)
		}
	}
}
