package main

import (
	"bytes"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"libobe/internal/command"
	"libobe/internal/socket"
	"libobe/internal/systemtest"
)

// interrupt is Ctrl-C.
func (p *process) interrupt(t *testing.T) { p.signal(t, syscall.SIGINT) }

func (p *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("Windows cannot send a signal to a process")
	}
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// A signal ends a command that waits soon, with the status of a shell, and prints nothing.
func TestSignals(t *testing.T) {
	// A process does not inherit what is handled, but what is ignored, such as SIGHUP by nohup.
	handled := make(chan os.Signal, 1)
	signal.Notify(handled, syscall.SIGINT, syscall.SIGHUP)
	defer signal.Stop(handled)
	silent, asked := askedServer(t, nil)
	fastest := time.Hour
	for s, want := range map[syscall.Signal]int{syscall.SIGINT: exitInterrupt, syscall.SIGTERM: exitTerminate, syscall.SIGHUP: 129} {
		for _, args := range [][]string{{"call", silent, "x"}, {"ready", silent, "--wait", "1000"}} {
			p := start(t, args...)
			<-asked
			began := time.Now()
			p.signal(t, s)
			if status := p.wait(); status != want {
				t.Errorf("%v after %v: exit status %d", s, args, status)
			}
			fastest = min(fastest, time.Since(began))
			if printed := append(p.stdout.rest(), p.stderr.rest()...); printed != nil {
				t.Errorf("%v after %v: %q", s, args, printed)
			}
		}
	}
	// One of six, on a busy machine.
	if fastest > 200*time.Millisecond {
		t.Errorf("the fastest ended after %v", fastest)
	}
}

// After nohup, the end of the terminal is not the end of the program.
func TestNohup(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no nohup")
	}
	silent, asked := askedServer(t, nil)
	p := startCommand(t, "sh", "-c", `trap "" HUP; exec "$0" call "$1" x`, binary, silent)
	<-asked
	p.signal(t, syscall.SIGHUP)
	p.signal(t, syscall.SIGTERM)
	if status := p.wait(); status != exitTerminate {
		t.Error(status)
	}
}

// A signal ends the wait for the standard input.
func TestSignalWhileReading(t *testing.T) {
	p := start(t, "call", "-", "--timeout", "1")
	// The handler is there before the arguments are read; stdin is never written. What is
	// sent earlier ends the process by the signal itself, which is -1.
	p.signal(t, syscall.SIGTERM)
	if status := p.wait(); status != exitTerminate && status != -1 {
		t.Error(status, p.stderr.rest())
	}
}

// When the reader of the output has ended, the status is that of SIGPIPE.
func TestClosedOutput(t *testing.T) {
	at := answer(t, func(string) []byte { return []byte(`"OK"`) })
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	var stderr bytes.Buffer
	for _, args := range [][]string{{"call", at, "x"}, {"call", at, "x", "--repeat", "3"}, {"--help"}} {
		cmd := exec.Command(binary, args...)
		cmd.Stdout, cmd.Stderr = w, &stderr
		_ = cmd.Run()
		if status := cmd.ProcessState.ExitCode(); status != exitPipe || stderr.Len() > 0 {
			t.Errorf("%q: %d, %s", args, status, stderr.String())
		}
	}
}

// A full disk is told.
func TestFullOutput(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	var stderr bytes.Buffer
	cmd := exec.Command(binary, "call", answer(t, echo), "x")
	cmd.Stdout, cmd.Stderr = full, &stderr
	_ = cmd.Run()
	if status := cmd.ProcessState.ExitCode(); status != exitAnswer || !strings.Contains(stderr.String(), "cannot write the result") {
		t.Error(status, stderr.String())
	}
}

// The help begins with what the command does, and an example that its own parser accepts.
func TestHelp(t *testing.T) {
	root := newRoot(newApp(nil, nil, nil))
	for _, cmd := range append(documented(root), root) {
		args := append(strings.Fields(cmd.CommandPath())[1:], "--help")
		got := obe(t, "", args...)
		lines := strings.SplitN(got.stdout, "\n", 4)
		if got.status != exitOK || got.stderr != "" || len(lines) < 4 || lines[0] != cmd.Short+"." || lines[1] != "" || !strings.HasPrefix(lines[2], "  obe ") {
			t.Errorf("%q: %+v", args, got)
		}
		if strings.HasSuffix(cmd.Short, ".") || cmd.Long == "" {
			t.Errorf("%s: %q", cmd.Name(), cmd.Short)
		}
		for line := range strings.Lines(got.stdout) {
			if len([]rune(line)) > 101 {
				t.Errorf("%q: %s", args, line)
			}
		}
		// Flags that an example or the text names exist.
		known := map[string]bool{"--help": true}
		cmd.Flags().VisitAll(func(flag *pflag.Flag) { known["--"+flag.Name] = true })
		for _, word := range strings.FieldsFunc(cmd.Long+" "+cmd.Example, func(r rune) bool { return r != '-' && (r < 'a' || r > 'z') }) {
			if strings.HasPrefix(word, "--") && !known[word] && cmd.HasParent() {
				t.Errorf("the help of %s names %s", cmd.Name(), word)
			}
		}
	}
	if got := obe(t, "", "--version"); got != (result{stdout: "obe " + version + "\n"}) {
		t.Errorf("%+v", got)
	}
}

// Each TLS option of the library has its flag.
func TestTLSFlags(t *testing.T) {
	for _, option := range socket.Options {
		if !strings.HasPrefix(option.Name, "tls") {
			continue
		}
		for _, role := range []socket.Role{socket.RoleClient, socket.RoleServer} {
			flags := pflag.NewFlagSet("", pflag.ContinueOnError)
			addTLSFlags(flags, "to-", role)
			found := flags.Lookup("to-"+strings.ReplaceAll(option.Name, "_", "-")) != nil
			if found == (role == socket.RoleServer && strings.HasPrefix(option.Doc, "Client: ")) {
				t.Errorf("%s: %v in role %v", option.Name, found, role)
			}
		}
	}
}

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{"30": 30 * time.Second, "0.5": time.Second / 2, "500ms": time.Second / 2, "2m": 2 * time.Minute, "0": 0} {
		var d duration
		if err := d.Set(text); err != nil || time.Duration(d) != want {
			t.Errorf("%q is %v, %v", text, time.Duration(d), err)
		}
	}
	for _, text := range []string{"", "-1", "-1s", "x", ".", "1 s", "1e3", "99999999999"} {
		if d := new(duration); d.Set(text) == nil {
			t.Errorf("%q is %v", text, time.Duration(*d))
		}
	}
}

// Shells complete commands, members and flags.
func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if got := obe(t, "", "completion", shell); got.status != exitOK || !strings.Contains(got.stdout, "__complete") {
			t.Errorf("%s: %+v", shell, got)
		}
	}
	for _, test := range []struct {
		args []string
		want []string
	}{
		{[]string{""}, []string{"call", "ready"}},
		{[]string{"call", ""}, names(command.Commands())},
		{[]string{"call", ":5", "goodset", ""}, []string{"pickiness="}},
		{[]string{"call", "newdat", ""}, []string{"x=", "y=", "s="}},
		{[]string{"ready", ""}, nil},
		{[]string{"ready", "--wa"}, []string{"--wait"}},
	} {
		got := obe(t, "", append([]string{cobra.ShellCompRequestCmd}, test.args...)...)
		var found []string
		for line := range strings.Lines(got.stdout) {
			found = append(found, strings.Split(strings.TrimSpace(line), "\t")[0])
		}
		for _, want := range test.want {
			if !slices.Contains(found, want) {
				t.Errorf("%q completes %q, without %s", test.args, found, want)
			}
		}
		if test.want == nil && len(found) != 1 { // the directive
			t.Errorf("%q completes %q", test.args, found)
		}
	}
}

func names(commands []command.Command) (all []string) {
	for _, c := range commands {
		all = append(all, c.Name)
	}
	return all
}

// The manual pages are those of the help.
func TestManualIsFresh(t *testing.T) {
	pages, err := manual(newRoot(newApp(nil, nil, nil)))
	if err != nil {
		t.Fatal(err)
	}
	const directory = "../../packaging/man"
	found, err := filepath.Glob(directory + "/*.1")
	if err != nil || len(found) != len(pages) || len(pages) < 3 {
		t.Error(found, len(pages), err)
	}
	for name, page := range pages {
		if old, err := os.ReadFile(filepath.Join(directory, name)); err != nil || !bytes.Equal(old, page) {
			t.Errorf("stale, run make generate: %s (%v)", name, err)
		}
	}
}

// Errors about flags say in plain words what is wrong.
func TestFlagErrors(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"call x --repeat 1e9", `obe call: --repeat: "1e9" is not a whole number`},
		{"call x --repeat 99999999999999999999", `obe call: --repeat: "99999999999999999999" is too large`},
		{"call x --tls=5", `obe call: --tls: "5" is neither true nor false`},
		{"call x --timeout never", `obe call: invalid argument "never" for "--timeout" flag: a duration is 500ms, 30s, 2m or a number of seconds, and not negative`},
		{"replay x --list --run 1", "obe replay: --list and --run exclude each other"},
		{"replay x --list --all", "obe replay: --all and --list exclude each other"},
		{"replay x --list --persistent", "obe replay: --list and --persistent exclude each other"},
		{"replay x --list --timeout 1", "obe replay: --list and --timeout exclude each other"},
		{"replay x --list --tls", "obe replay: --list and --tls exclude each other"},
		{"replay x --dry-run --tls-ca f", "obe replay: --dry-run and --tls-ca exclude each other"},
		{"replay x --dry-run --persistent", "obe replay: --dry-run and --persistent exclude each other"},
		{"replay x --as-server --all", "obe replay: --all and --as-server exclude each other"},
		{"replay x --as-server --persistent", "obe replay: --as-server and --persistent exclude each other"},
		{"replay x --to :1 --listen :0", "obe replay: --listen is for --as-server; to send the run to a server, use --to"},
		{"ready --wait 1 --timeout 1", "obe ready: --timeout and --wait exclude each other"},
		{"replay x --list --dry-run --to :1", "obe replay: --dry-run and --list and --to exclude each other"},
	} {
		got := obe(t, "", strings.Fields(c.args)...)
		if got.status != exitUsage || got.stderr != c.want+"\n" {
			t.Errorf("%s: exit status %d, %q", c.args, got.status, got.stderr)
		}
	}
}

// A trace that cannot be written does not fail a command, but the user is told.
func TestTraceError(t *testing.T) {
	at := answer(t, func(string) []byte { return []byte(`"OK"`) })
	t.Setenv("OBE_TRACE", filepath.Join(systemtest.TempDir(t), "missing", "t.jsonl"))
	obe(t, "", "call", at, "newrun").check(t, result{`"OK"`, "obe call: the trace could not be written: ", exitOK})
	t.Setenv("OBE_TRACE", filepath.Join(systemtest.TempDir(t), "t.jsonl"))
	obe(t, "", "call", at, "newrun").check(t, result{`"OK"`, "", exitOK})
}

// What cobra says of a command line is in plain words, and a misspelled word is an error, also
// where cobra's own commands would print a help and end with 0.
func TestMistakesOfTheCommandLine(t *testing.T) {
	for args, want := range map[string]string{
		"call":                "obe call: an argument is missing: obe call [ADDRESS] COMMAND|JSON|- [key=value]...",
		"ready :5 x":          "obe ready: too many arguments: obe ready [ADDRESS]",
		"replay":              "obe replay: an argument is missing: obe replay FILE",
		"replay a b":          "obe replay: too many arguments: obe replay FILE",
		"redy":                `obe: unknown command "redy": did you mean ready?`,
		"rea":                 `obe: unknown command "rea": did you mean ready?`,
		"re":                  `obe: unknown command "re": did you mean ready or record or replay?`,
		"nope":                `obe: unknown command "nope" for "obe"`,
		"record x":            `obe record: unknown command "x" for "obe record"`,
		"help nope":           `unknown command "nope" for "obe"`,
		"help call x":         `unknown command "x" for "obe call"`,
		"help redy":           `unknown command "redy": did you mean ready?`,
		"completion tcsh":     `unknown command "tcsh" for "obe completion"`,
		"completion bash zsh": `unknown command "zsh" for "obe completion bash"`,
	} {
		got := obe(t, "", strings.Fields(args)...)
		if got.status != exitUsage || got.stdout != "" || !strings.Contains(got.stderr, want) || strings.Contains(got.stderr, `\t`) {
			t.Errorf("%s: status %d, %q, %q", args, got.status, got.stdout, got.stderr)
		}
	}
	for args, want := range map[string]string{
		"help":            "Commands:",
		"help call":       "--repeat",
		"completion":      "Commands:",
		"completion bash": "# bash completion",
	} {
		got := obe(t, "", strings.Fields(args)...)
		if got.status != exitOK || !strings.Contains(got.stdout, want) || got.stderr != "" {
			t.Errorf("%s: status %d, %q, %q", args, got.status, got.stdout, got.stderr)
		}
	}
}
