package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"libobe/internal/socket"
)

// limit is how long anything may take on a busy machine.
const limit = 60 * time.Second

// binary is the path of the program: the one that OBE_TEST_PROGRAM names, because Wine has no
// Go, or that TestMain builds.
var binary = os.Getenv("OBE_TEST_PROGRAM")

func TestMain(m *testing.M) {
	os.Exit(func() int {
		if binary != "" {
			return m.Run()
		}
		directory, err := os.MkdirTemp("", "obe")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(directory)
		binary = filepath.Join(directory, "obe")
		if runtime.GOOS == "windows" {
			binary += ".exe"
		}
		if err := build(binary, testPage); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

// testPage stands for the page of obe watch, which needs npm.
const testPage = "<!doctype html><title>test</title>"

// build builds the program with a page, or without one for "", whether or not the page was
// built in this directory.
func build(to, page string) error {
	index := ""
	if page != "" {
		index = to + ".html"
		if err := os.WriteFile(index, []byte(page), 0o600); err != nil {
			return err
		}
	}
	overlaid, err := filepath.Abs("../../internal/monitor/page/dist/index.html")
	if err != nil {
		return err
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {overlaid: index}})
	if err == nil {
		err = os.WriteFile(to+".json", overlay, 0o600)
	}
	if err != nil {
		return err
	}
	build := exec.Command(cmp.Or(os.Getenv("GO"), "go"), "build", "-overlay", to+".json", "-o", to, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

// result is what a process left.
type result struct {
	stdout, stderr string
	status         int
}

// obe runs the program until it ends.
func obe(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	err := cmd.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		t.Fatal(err)
	}
	if ctx.Err() != nil {
		t.Fatalf("obe %s did not end\n%s", strings.Join(args, " "), stderr.String())
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// process is the program while it runs.
type process struct {
	t              *testing.T
	cmd            *exec.Cmd
	stdin          io.WriteCloser
	stdout, stderr *lines
	ended          chan struct{}
	state          *os.ProcessState // once it has ended
}

// lines yields the lines of a stream as they come.
type lines struct {
	t    *testing.T
	name string
	next chan string
	seen []string // that were taken from next
}

// start runs the program in the background. It is killed at the end of the test.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	return startCommand(t, binary, args...)
}

// startCommand is start for another program, which runs this one.
func startCommand(t *testing.T, name string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(name, args...), ended: make(chan struct{})}
	stdin, err1 := p.cmd.StdinPipe()
	stdout, err2 := p.cmd.StdoutPipe()
	stderr, err3 := p.cmd.StderrPipe()
	if err := errors.Join(err1, err2, err3, p.cmd.Start()); err != nil {
		t.Fatal(err)
	}
	p.stdin, p.stdout, p.stderr = stdin, readLines(t, "stdout", stdout), readLines(t, "stderr", stderr)
	go func() {
		p.state, _ = p.cmd.Process.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
	})
	return p
}

func readLines(t *testing.T, name string, stream io.Reader) *lines {
	l := &lines{t: t, name: name, next: make(chan string, 1024)}
	go func() {
		defer close(l.next)
		for r := bufio.NewReader(stream); ; {
			line, err := r.ReadString('\n')
			if line != "" {
				l.next <- strings.TrimSuffix(line, "\n")
			}
			if err != nil {
				return
			}
		}
	}()
	return l
}

// line waits for the next line.
func (l *lines) line() string {
	l.t.Helper()
	select {
	case line, ok := <-l.next:
		if !ok {
			l.t.Fatalf("%s ended after %q", l.name, l.seen)
		}
		l.seen = append(l.seen, line)
		return line
	case <-time.After(limit):
		l.t.Fatalf("no line on %s after %q", l.name, l.seen)
	}
	return ""
}

// find waits for the next line that contains a text.
func (l *lines) find(text string) string {
	l.t.Helper()
	for {
		if line := l.line(); strings.Contains(line, text) {
			return line
		}
	}
}

// had waits for a line that contains a text, unless it was taken already.
func (l *lines) had(text string) {
	l.t.Helper()
	if !slices.ContainsFunc(l.seen, func(line string) bool { return strings.Contains(line, text) }) {
		l.find(text)
	}
}

// rest waits for the end of the stream and returns its remaining lines.
func (l *lines) rest() (all []string) {
	l.t.Helper()
	for after := time.After(limit); ; {
		select {
		case line, ok := <-l.next:
			if !ok {
				return all
			}
			all = append(all, line)
		case <-after:
			l.t.Fatalf("%s did not end", l.name)
		}
	}
}

// wait waits for the end of the process and returns its exit status.
func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.ended:
		return p.state.ExitCode()
	case <-time.After(limit):
		p.t.Fatal("the process did not end")
	}
	return -1
}

// answer runs a server that answers each message with what a function returns, and nothing
// for nil. It returns the server's address.
func answer(t *testing.T, reply func(body string) []byte) string {
	t.Helper()
	server, err := socket.NewServer("", 0)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(func(m *socket.Message) {
			if body := reply(string(m.Body)); body != nil {
				_ = m.Reply(body, limit)
			}
		}, nil)
	}()
	t.Cleanup(func() {
		server.Free()
		<-ended
	})
	return server.Name()
}

// unusedAddress returns an address on which nothing listens.
func unusedAddress(t *testing.T) string {
	t.Helper()
	server, err := socket.NewServer("", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Free()
	return server.Name()
}

// check compares what a process left. A text of want has to be part of what was printed, and
// an empty one means that nothing was.
func (r result) check(t *testing.T, want result) {
	t.Helper()
	matches := func(got, want string) bool { return got == want || want != "" && strings.Contains(got, want) }
	if r.status != want.status || !matches(r.stdout, want.stdout) || !matches(r.stderr, want.stderr) {
		t.Errorf("exit status %d, stdout %q, stderr %q;\nwant        %d, %q, %q", r.status, r.stdout, r.stderr, want.status, want.stdout, want.stderr)
	}
}

// startInto starts a program whose standard output is a file, and returns the lines of its
// standard error. It is killed at the end of the test.
func startInto(t *testing.T, cmd *exec.Cmd, output *os.File) *lines {
	t.Helper()
	cmd.Stdout = output
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return readLines(t, "stderr", stderr)
}

// askedServer returns the address of a server that sends the same reply to each message, or
// none if it is nil, and a channel that has a value when it was asked.
func askedServer(t *testing.T, reply []byte) (at string, asked chan bool) {
	t.Helper()
	asked = make(chan bool, 1)
	return answer(t, func(string) []byte {
		select {
		case asked <- true:
		default:
		}
		return reply
	}), asked
}

// startUnread starts the program with a standard output that no program reads.
func startUnread(t *testing.T, args ...string) (cmd *exec.Cmd, stderr *lines) {
	t.Helper()
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out.Close()
	defer in.Close()
	cmd = exec.Command(binary, args...)
	return cmd, startInto(t, cmd, in)
}

// endsUnread waits for the end of such a program, which has the status of a closed output.
func endsUnread(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	_ = cmd.Wait()
	if status := cmd.ProcessState.ExitCode(); status != exitPipe {
		t.Errorf("exit status %d", status)
	}
}
