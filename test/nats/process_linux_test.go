package nats

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"libobe/internal/systemtest"
)

// process is a program while it runs, with what it has written.
type process struct {
	t     testing.TB
	name  string
	cmd   *exec.Cmd
	ended chan struct{}

	mu      sync.Mutex
	lines   []string
	written chan struct{} // closed at the next line
}

// keptLines is how many lines of a process are kept; the first are among them.
const keptLines = 2000

// start runs a program in the background. It is killed at the end of the test, and with this process.
func start(t testing.TB, name, program string, args ...string) *process {
	t.Helper()
	return startCommand(t, name, exec.Command(program, args...))
}

func startCommand(t testing.TB, name string, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{t: t, name: name, cmd: cmd, ended: make(chan struct{}), written: make(chan struct{})}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = write, write
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	err = cmd.Start()
	write.Close()
	if err != nil {
		read.Close()
		t.Fatalf("%s: %v", name, err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer read.Close()
		scanner := bufio.NewScanner(read)
		scanner.Buffer(nil, 1<<20)
		for scanner.Scan() {
			p.add(scanner.Text())
		}
	}()
	go func() {
		_ = cmd.Wait()
		<-done
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%s wrote:\n%s", name, p.tail(40))
		}
	})
	return p
}

func (p *process) add(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.lines) == keptLines {
		p.lines = append(p.lines[:keptLines/2], p.lines[keptLines/2+1:]...)
	}
	p.lines = append(p.lines, line)
	close(p.written)
	p.written = make(chan struct{})
}

// tail returns the last lines that the process wrote.
func (p *process) tail(n int) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines[max(0, len(p.lines)-n):], "\n")
}

// find waits for a line that has a text, and returns it.
func (p *process) find(text string) string {
	p.t.Helper()
	limit := time.After(systemtest.Timeout)
	for {
		p.mu.Lock()
		lines, written := p.lines, p.written
		for _, line := range lines {
			if strings.Contains(line, text) {
				p.mu.Unlock()
				return line
			}
		}
		p.mu.Unlock()
		select {
		case <-written:
		case <-p.ended:
			if p.wrote(text) {
				continue
			}
			p.t.Fatalf("%s ended (%v) and did not write %q", p.name, p.cmd.ProcessState, text)
		case <-limit:
			p.t.Fatalf("%s did not write %q", p.name, text)
		}
	}
}

// wrote reports whether a line has a text.
func (p *process) wrote(text string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, line := range p.lines {
		if strings.Contains(line, text) {
			return true
		}
	}
	return false
}

// kill ends the process at once, and waits until it has ended.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// status waits for the end of the process, and returns its exit status.
func (p *process) status() int {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(systemtest.Timeout):
		p.t.Fatalf("%s did not end", p.name)
	}
	return p.cmd.ProcessState.ExitCode()
}

// descriptors returns how many descriptors the process has open.
func (p *process) descriptors() int {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatalf("%s: %v", p.name, err)
	}
	return len(entries)
}

// memory returns the resident memory of the process in bytes.
func (p *process) memory() int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatalf("%s: %v", p.name, err)
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 { // it has ended
		p.t.Fatalf("%s has no memory: it has ended", p.name)
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		p.t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// private returns the memory in bytes that the process does not share with others that run the same program.
func (p *process) private() int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatalf("%s: %v", p.name, err)
	}
	var sum int64
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) == 3 && strings.HasPrefix(fields[0], "Private_") {
			kB, err := strconv.ParseInt(fields[1], 10, 64)
			if err != nil {
				p.t.Fatal(err)
			}
			sum += kB * 1024
		}
	}
	return sum
}

// awaitStop waits until the process has stopped: SIGSTOP reaches it a moment later.
func (p *process) awaitStop() {
	p.t.Helper()
	await(p.t, p.name+" stops", func() bool {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
		if err != nil {
			p.t.Fatalf("%s: %v", p.name, err)
		}
		_, state, _ := strings.Cut(string(text), ") ")
		return strings.HasPrefix(state, "T")
	})
}

// cpuTime returns how much CPU time the process has used.
func (p *process) cpuTime() time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatalf("%s: %v", p.name, err)
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		p.t.Fatalf("%s has no times: %q", p.name, text)
	}
	var ticks int64
	for _, field := range fields[11:13] { // utime and stime, in hundredths of a second
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			p.t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// write writes a file of the test, and returns its path.
func write(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(systemtest.TempDir(t), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
