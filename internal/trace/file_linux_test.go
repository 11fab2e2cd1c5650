package trace

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
)

// A failed write is an error without a signal, which would end a host program that is not
// written in Go. A write first checks the limit for file sizes; here the file reaches the
// limit after that.
func TestNoSignals(t *testing.T) {
	if os.Getenv(worker) == "" {
		c := exec.Command(os.Args[0], "-test.run=^TestNoSignals$")
		c.Env = append(os.Environ(), worker+"="+t.TempDir())
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	pipe, path := filepath.Join(os.Getenv(worker), "pipe"), filepath.Join(os.Getenv(worker), "t.jsonl")
	must(t, syscall.Mkfifo(pipe, 0o600))
	reader, err := syscall.Open(pipe, syscall.O_RDONLY|syscall.O_NONBLOCK, 0)
	must(t, err)
	toPipe, err := open(pipe)
	must(t, err)
	must(t, syscall.Close(reader))
	must(t, os.WriteFile(path, make([]byte, 1000), 0o600))
	toFile, err := open(path)
	must(t, err)
	toFile.size = 0
	must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 1000, Max: 1000}))

	// The last of the three signals arrives after the others, if these were raised.
	arrived := make(chan os.Signal, 3)
	signal.Notify(arrived, syscall.SIGPIPE, syscall.SIGXFSZ, syscall.SIGWINCH)
	if err := toPipe.append([]byte("x\n")); !errors.Is(err, errNoReader) {
		t.Errorf("a pipe whose reader has closed it: %v", err)
	}
	if err := toFile.append([]byte("x\n")); !errors.Is(err, errFull) {
		t.Errorf("a file at its limit: %v", err)
	}
	must(t, syscall.Kill(os.Getpid(), syscall.SIGWINCH))
	if first := <-arrived; first != syscall.SIGWINCH {
		t.Errorf("the signal %v", first)
	}
	// No signal stays blocked.
	raised := make(chan os.Signal, 1)
	signal.Notify(raised, syscall.SIGPIPE)
	must(t, syscall.Kill(os.Getpid(), syscall.SIGPIPE))
	<-raised
}
