package test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// manualExamples returns the program of each manual page, as the formatter prints it, by
// the page's name.
func manualExamples(t *testing.T) map[string]string {
	t.Helper()
	pages, err := filepath.Glob("../packaging/man/*.[37]")
	if err != nil || len(pages) == 0 {
		t.Fatal(pages, err)
	}
	block := regexp.MustCompile(`(?s)\n\.SH EXAMPLES\n(?:.*?\n)?\.nf\n(.*?)\n\.fi\n`)
	characters := strings.NewReplacer(`\e`, `\`, `\-`, "-", `\&`, "", `\(aq`, "'", `\(ga`, "`", `\(ha`, "^", `\(ti`, "~")
	programs := map[string]string{}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		m := block.FindStringSubmatch(string(text))
		if m == nil {
			t.Errorf("%s has no example", page)
			continue
		}
		programs[strings.TrimSuffix(filepath.Base(page), filepath.Ext(page))] = characters.Replace(m[1]) + "\n"
	}
	return programs
}

// What each example prints. Those that are clients use the server that is the example for
// messages.
var exampleOutput = map[string]string{
	"libobe-create-and-free":      `^clients connect to port \d+\n$`,
	"libobe-build-messages":       `^\{"command": "scan", "frequencies": \[2\.86, 2\.87, 2\.88\], "laser": \{"power": 0\.25\}\}\n$`,
	"libobe-read-messages":        `^no gain; using 1\nleft: 2 numbers, the last is 2\n$`,
	"libobe-options-and-counters": `^0 clients were refused\n$`,
	"libobe-errors-and-version":   `^libobe [\d.]+\n-8015: .* at byte 8: .*\n$`,
	"libobe-send-and-receive":     `^\[2\.87\]\n$`,
	"libobe-commands":             `^2\.87\n0\.5\n1\n$`,
	"libobe":                      `^first parameter: 2\.87\n$`,
}

const exampleServerPage = "libobe-send-and-receive-messages"

// The programs of the manual pages compile without a warning, and run.
func TestManualExamples(t *testing.T) {
	t.Parallel()
	shipped := library(t, "libobe.so")
	programs := manualExamples(t)
	if len(programs) != len(exampleOutput)+1 || programs[exampleServerPage] == "" {
		t.Errorf("%d pages have an example, and the output of %d is known", len(programs), len(exampleOutput)+1)
	}
	// The examples use the default port, which another program may have.
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().(*net.TCPAddr)
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	compiled := func(page string) string {
		path := filepath.Join(directory, page)
		text := strings.ReplaceAll(programs[page], "OBE_DEFAULT_PORT", fmt.Sprint(address.Port))
		if err := os.WriteFile(path+".c", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		command(t, tool(t, envOr("CC", "cc")), slices.Concat(strict, []string{"-o", path, path + ".c"}, against(shipped))...)
		return path
	}
	server := exec.Command(compiled(exampleServerPage))
	server.Stderr = os.Stderr
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	check := func(page string) {
		t.Run(page, func(t *testing.T) {
			got := run(t, nil, compiled(page))
			if got.status != 0 || !regexp.MustCompile(exampleOutput[page]).MatchString(got.stdout) {
				t.Errorf("exit status %d, printed %q, want %s\n%s", got.status, got.stdout, exampleOutput[page], got.stderr)
			}
		})
	}
	check("libobe") // it waits until the server is ready
	for page := range exampleOutput {
		check(page)
	}
	if err := server.Process.Signal(syscall.SIGINT); err != nil {
		t.Error(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("the example's server ended with %v", err)
		}
	case <-time.After(time.Minute):
		_ = server.Process.Kill()
		t.Error("the example's server does not end on Ctrl-C")
	}
}
