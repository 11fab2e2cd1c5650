// Package natsserver builds and runs NATS servers for tests, as processes that can be killed, stopped and started
// again at the same port.
package natsserver

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"libobe/internal/systemtest"
)

// Server is a NATS server on the loopback interface.
type Server struct {
	Port int

	t       testing.TB
	program string
	config  string // path of its configuration
	log     string // path of what it writes
	process *exec.Cmd
	ended   chan struct{} // closed when the process has ended
}

// Start starts a server with these lines in its configuration, and waits until clients can connect. It ends with the
// test.
func Start(t testing.TB, lines ...string) *Server {
	t.Helper()
	return StartAt(t, FreePort(t), lines...)
}

// StartAt starts a server at a port.
func StartAt(t testing.TB, port int, lines ...string) *Server {
	t.Helper()
	directory := systemtest.TempDir(t)
	s := &Server{
		Port: port, t: t, program: Program(t),
		config: filepath.Join(directory, "nats.conf"), log: filepath.Join(directory, "nats.log"),
	}
	s.Configure(lines...)
	s.Restart()
	t.Cleanup(func() {
		s.Kill()
		if t.Failed() {
			text, _ := os.ReadFile(s.log)
			t.Logf("nats-server at %d wrote:\n%s", port, text)
		}
	})
	return s
}

// JetStream is the line of a configuration that lets the server keep streams.
func JetStream(t testing.TB) string {
	t.Helper()
	return fmt.Sprintf("jetstream { store_dir: %q }", filepath.Join(systemtest.TempDir(t), "jetstream"))
}

// Configure replaces the configuration, for the next start.
func (s *Server) Configure(lines ...string) {
	s.t.Helper()
	text := fmt.Sprintf("listen: 127.0.0.1:%d\nlogtime: false\n%s\n", s.Port, strings.Join(lines, "\n"))
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// URL returns the address for clients, without a user.
func (s *Server) URL() string { return fmt.Sprintf("nats://127.0.0.1:%d", s.Port) }

// Restart starts the server, at its port, after Kill.
func (s *Server) Restart() {
	s.t.Helper()
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	s.process = exec.Command(s.program, "-c", s.config)
	s.process.Stdout, s.process.Stderr = log, log
	endWithParent(s.process)
	if err := s.process.Start(); err != nil {
		s.t.Fatalf("start nats-server: %v", err)
	}
	process, ended := s.process, make(chan struct{})
	s.ended = ended
	go func() {
		_ = process.Wait()
		close(ended)
	}()
	for limit := time.Now().Add(systemtest.Timeout); ; {
		if s.answers() {
			return
		}
		select {
		case <-ended:
			text, _ := os.ReadFile(s.log)
			s.t.Fatalf("nats-server at %d ended when it was started; it wrote:\n%s", s.Port, text)
		case <-time.After(5 * time.Millisecond): // a server tells no other process that it is ready
		}
		if time.Now().After(limit) {
			text, _ := os.ReadFile(s.log)
			s.t.Fatalf("nats-server at %d does not answer; it wrote:\n%s", s.Port, text)
		}
	}
}

// answers reports whether a client gets the server's first line.
func (s *Server) answers() bool {
	conn, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", s.Port), systemtest.Soon)
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(systemtest.Soon))
	first := make([]byte, len("INFO "))
	n, _ := conn.Read(first)
	return strings.HasPrefix("INFO ", string(first[:n])) && n > 0
}

// Kill kills the server, as a power failure does, and waits until it has ended.
func (s *Server) Kill() {
	if err := s.process.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.t.Errorf("kill nats-server: %v", err)
	}
	<-s.ended
}

// Log returns what the server has written.
func (s *Server) Log() string {
	text, _ := os.ReadFile(s.log)
	return string(text)
}

// FreePort returns a port of the loopback interface where nothing listens. It is none that the system gives to
// connections, so that it is still free when a server is started there again.
func FreePort(t testing.TB) int {
	t.Helper()
	for range 1000 {
		port := 20000 + rand.IntN(12000)
		if listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			_ = listener.Close()
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

var program struct {
	once sync.Once
	path string
	err  error
}

// Program returns the path of the program nats-server, built by the first test that needs it.
func Program(t testing.TB) string {
	t.Helper()
	program.once.Do(func() { program.path, program.err = Build(runtime.GOOS, runtime.GOARCH) })
	if program.err != nil {
		t.Fatal(program.err)
	}
	return program.path
}

// Build builds nats-server for a system into the directory build, unless it is there, and returns its path. The name has
// its version. A test that runs on that system, without Go, finds it there.
func Build(goos, goarch string) (string, error) {
	root, err := root()
	if err != nil {
		return "", err
	}
	module := filepath.Join(root, "test", "nats")
	text, err := os.ReadFile(filepath.Join(module, "go.mod"))
	if err != nil {
		return "", err
	}
	version := regexp.MustCompile(`github\.com/nats-io/nats-server/v2 (v\S+)`).FindSubmatch(text)
	if version == nil {
		return "", fmt.Errorf("%s does not name nats-server", filepath.Join(module, "go.mod"))
	}
	path := filepath.Join(root, "build", "nats-server-"+string(version[1]))
	if goos == "windows" {
		path += ".exe"
	}
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	// The tests of several packages may build it at the same time.
	unfinished := fmt.Sprintf("%s.%d", path, os.Getpid())
	defer os.Remove(unfinished)
	command := exec.Command("go", "build", "-C", module, "-o", unfinished, "github.com/nats-io/nats-server/v2")
	command.Env = append(command.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0")
	if output, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build nats-server: %v\n%s", err, output)
	}
	if err := os.Rename(unfinished, path); err != nil {
		if _, other := os.Stat(path); other == nil {
			return path, nil
		}
		return "", err
	}
	return path, nil
}

// root returns the directory of the source.
func root() (string, error) {
	directory, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		text, err := os.ReadFile(filepath.Join(directory, "go.mod"))
		if err == nil && regexp.MustCompile(`(?m)^module libobe$`).Match(text) {
			return directory, nil
		}
		parent := filepath.Dir(directory)
		if parent == directory {
			return "", errors.New("the test does not run in the source of libobe")
		}
		directory = parent
	}
}

// PID returns the number of the server's process, to measure it.
func (s *Server) PID() int { return s.process.Process.Pid }
