package test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"libobe/internal/socket"
)

// exampleServer is a server that a test has started.
type exampleServer struct {
	*exec.Cmd
	port int
}

// compileExample builds a program of examples/c and returns its path.
func compileExample(t *testing.T, name string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), name)
	args := append(slices.Clone(strict), "-o", program, "../examples/c/"+name+".c")
	command(t, tool(t, envOr("CC", "cc")), append(append(args, against(library(t, "libobe.so"))...), "-lm")...)
	return program
}

// startExample starts a server that prints its port in its first line.
func startExample(t *testing.T, program string) *exampleServer {
	t.Helper()
	s := &exampleServer{Cmd: exec.Command(program, "--port", "0")}
	s.Stderr = os.Stderr
	s.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := s.StdoutPipe()
	if err == nil {
		err = s.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	kill := time.AfterFunc(hangs, func() { _ = s.Process.Kill() })
	t.Cleanup(func() {
		kill.Stop()
		_ = s.Process.Kill()
		_ = s.Wait()
	})
	if _, err := fmt.Fscanf(bufio.NewReader(out), "port %d\n", &s.port); err != nil {
		t.Fatalf("the server does not print its port: %v", err)
	}
	return s
}

// ends returns how long a server takes to exit, which it must do with status 0.
func (s *exampleServer) ends(t *testing.T) time.Duration {
	t.Helper()
	began := time.Now()
	if err := s.Wait(); err != nil {
		t.Fatalf("the server: %v", err)
	}
	return time.Since(began)
}

// late returns how late this machine now ends a program that sleeps as long as the server
// does.
func late(t *testing.T) time.Duration {
	t.Helper()
	began := time.Now()
	command(t, "sleep", "0.1")
	return time.Since(began) - 100*time.Millisecond
}

// ask sends ready to a server until it fails, from several clients, and counts the
// replies.
func (s *exampleServer) ask(t *testing.T, replies *atomic.Int64) (wait func()) {
	t.Helper()
	var asking sync.WaitGroup
	for range 4 {
		client, err := socket.NewClient("", s.port)
		if err == nil {
			err = client.SetOption("persistent", "1")
		}
		if err != nil {
			t.Fatal(err)
		}
		asking.Go(func() {
			defer client.Free()
			for {
				body, err := client.TcmdBody([]byte(`{"command": "ready"}`), hangs)
				if err != nil {
					return
				}
				if string(body) != `"OK"` {
					t.Errorf("the reply is %s", body)
				}
				replies.Add(1)
			}
		})
	}
	return asking.Wait
}

// On a signal the server in C exits with status 0 and at once, while nothing arrives and in
// the middle of requests.
func TestServerExampleEndsOnASignal(t *testing.T) {
	const atOnce = 300 * time.Millisecond // the flag is looked at every 100 ms
	program := compileExample(t, "server")
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		for _, asked := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v, asked %v", signal, asked), func(t *testing.T) {
				fastest := time.Hour
				for try := 0; try < 10 && fastest > atOnce; try++ { // other programs may slow it down
					s := startExample(t, program)
					var replies atomic.Int64
					wait := func() {}
					if asked {
						wait = s.ask(t, &replies)
						for deadline := time.Now().Add(hangs); replies.Load() < 100; time.Sleep(time.Millisecond) {
							if time.Now().After(deadline) {
								t.Fatal("no replies arrive")
							}
						}
					}
					if err := s.Process.Signal(signal); err != nil {
						t.Fatal(err)
					}
					fastest = min(fastest, max(s.ends(t)-late(t), 0))
					wait()
				}
				if fastest > atOnce {
					t.Errorf("it exits after %v", fastest)
				}
				t.Log(fastest)
			})
		}
	}
}

// explainsItsCommandLine checks that an example prints its usage under the name it was called
// by, and that a faulty command line is an error with one sentence.
func explainsItsCommandLine(t *testing.T, program string) {
	t.Helper()
	if got := run(t, nil, program, "--help"); got.status != 0 || !strings.HasPrefix(got.stdout, "usage: "+program+" [--port PORT]") {
		t.Errorf("exit status %d\n%s%s", got.status, got.stdout, got.stderr)
	}
	for _, args := range [][]string{{"abc"}, {"61981"}, {"--port"}, {"--port", "61982x"}, {"--port", "-1"}, {"--port", "65536"}, {"--port", "999999999999"}, {"--port", "1", "--help"}} {
		got := run(t, nil, program, args...)
		if got.status != 2 || got.stdout != "" || !strings.HasPrefix(got.stderr, program+": ") || strings.Count(got.stderr, "\n") != 1 {
			t.Errorf("%q: exit status %d\n%s%s", args, got.status, got.stdout, got.stderr)
		}
	}
}

// tellsWhatIsWrong checks the error replies of the small servers.
func (s *exampleServer) tellsWhatIsWrong(t *testing.T) {
	t.Helper()
	client, err := socket.NewClient("", s.port)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Free()
	for _, c := range [][2]string{
		{`{"command": "goodset"}`, "send newrun first"},
		{`{"command": "getmean"}`, "send newrun first"},
		{`{"command": "newrun"}`, "OK"},
		{`{"command": "goodset"}`, "[28"},
		{`{"command": "newdat", "x": [2870], "y": [1]}`, "/s/0|list s "},
		{`{"command": "goodsett"}`, "known are ready, newrun, optset, goodset, newdat, getmean, getstd, getcon and done"},
	} {
		body, err := client.TcmdBody([]byte(c[0]), hangs)
		if err != nil || !slices.ContainsFunc(strings.Split(c[1], "|"), func(said string) bool { return strings.Contains(string(body), said) }) {
			t.Errorf("%s: %s, %v", c[0], body, err)
		}
	}
}

// The instrument finds the dip with the server, which exits after the command done.
func TestExamplesInC(t *testing.T) {
	t.Parallel()
	program, instrument := compileExample(t, "server"), compileExample(t, "instrument")
	explainsItsCommandLine(t, program)
	explainsItsCommandLine(t, instrument)
	server := startExample(t, program)
	server.tellsWhatIsWrong(t)
	if got := run(t, nil, instrument, "--port", fmt.Sprint(server.port), "--seed", "1"); got.status != 0 || !strings.Contains(got.stdout, "estimate") {
		t.Errorf("exit status %d\n%s%s", got.status, got.stdout, got.stderr)
	}
	server.ends(t)
}

// The examples in C build for Windows, where Ctrl-C is handled in another way.
func TestExamplesInCForWindows(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"server", "instrument"} {
		compileWindows(t, "gcc", []string{built(t, "obe64.dll")}, "-std=c99", "-Wpedantic", "../examples/c/"+name+".c")
	}
}
