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

// startWine makes a Windows of 64 bits, of this test alone, and returns the program
// that runs others in it. The environment is that of Wine from now on, and what has
// it ends with the test.
func startWine(t *testing.T) string {
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
	endWith(t, folder)
	toolOf(t, triple64, "gcc")
	start := exec.Command("./start_wine", folder)
	var said strings.Builder
	start.Stderr = &said
	settings, err := start.Output()
	if err != nil {
		t.Fatalf("start_wine: %v\n%s", err, &said)
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

// endWith removes the folder of a Wine, and all that runs in it, at the end of the
// test, even if that is interrupted or killed.
func endWith(t *testing.T, folder string) {
	t.Helper()
	keeper := exec.Command("./end_wine", folder)
	keeper.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // an interrupt is not for it
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
		if _, err := os.Stat(folder); !os.IsNotExist(err) {
			t.Errorf("%s is still there: %v", folder, err)
		}
	})
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
