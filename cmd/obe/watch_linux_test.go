package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"libobe/internal/systemtest"
)

// A named pipe that no program writes to is told, and a signal ends the wait for one.
func TestWatchANamedPipe(t *testing.T) {
	pipe := filepath.Join(systemtest.TempDir(t), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	const told = "is a pipe: the page begins when a program opens it to write"
	p := start(t, "watch", "--no-open", pipe)
	p.stderr.find(told)
	p.interrupt(t)
	if status := p.wait(); status != exitInterrupt {
		t.Errorf("exit status %d", status)
	}
	r := newRecordedRun(t)
	r.measure(1, 3)
	text, err := os.ReadFile(r.path)
	if err != nil {
		t.Fatal(err)
	}
	p = start(t, "watch", "--no-open", pipe)
	p.stderr.find(told)
	writer, err := os.OpenFile(pipe, os.O_WRONLY, 0) // waits for the reader
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	if _, err := writer.Write(text); err != nil {
		t.Fatal(err)
	}
	until(t, p.stdout.line(), func(f *snapshot) bool { return f.measurements() == 3 })
	p.stop(t)
}
