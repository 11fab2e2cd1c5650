package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"libobe/internal/standin"
	"libobe/internal/systemtest"
	"libobe/internal/trace"
	"libobe/internal/wire"
)

// address waits for the line that has the address of a listening program.
func (p *process) address() string {
	p.t.Helper()
	_, at, _ := strings.Cut(p.stderr.find("listening on "), "listening on ")
	at, _, _ = strings.Cut(at, ",")
	return at
}

// write writes a file of the test, and returns its path.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(systemtest.TempDir(t), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// writeTrace writes a trace of commands that got the reply "OK".
func writeTrace(t *testing.T, commands ...string) string {
	t.Helper()
	path := filepath.Join(systemtest.TempDir(t), "run.jsonl")
	text := `{"trace":"obe","version":1}` + "\n"
	for _, body := range commands {
		text += fmt.Sprintf(`{"role":"server","direction":"received","size":%d,"body":%s}`+"\n"+`{"role":"server","direction":"sent","body":"OK"}`+"\n", len(body), body)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func framed(body string) string {
	header := wire.Header(len(body))
	return string(header[:]) + body
}

// connect connects without the library.
func connect(t *testing.T, address string) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(limit))
	t.Cleanup(func() { conn.Close() })
	return conn.(*net.TCPConn)
}

// exchange sends bytes, and returns the reply to one message.
func exchange(t *testing.T, conn net.Conn, text string) string {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	reader := wire.Reader{Limit: 1 << 20}
	body, err := reader.Next(conn, nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// messages reads a trace, each message as direction, body.
func messages(t *testing.T, path string) (all []string) {
	t.Helper()
	reader, err := trace.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	for {
		entry, err := reader.Next()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(entry.Direction)+" "+string(entry.Body))
	}
}

func TestListenAnswersOKAndEndsAfterDone(t *testing.T) {
	p := start(t, "listen", ":0")
	at := p.address()
	obe(t, "", "call", at, "newdat", "x=[1.5]").check(t, result{stdout: `"OK"`})
	obe(t, "", "call", at, "done").check(t, result{stdout: `"OK"`})
	if status := p.wait(); status != 0 {
		t.Errorf("exit status %d", status)
	}
	printed := strings.Join(p.stdout.rest(), "\n") + "\n"
	want := []string{`received {"command": "newdat", "x": [1.5]}`, `sent "OK"`, `received {"command": "done"}`, `sent "OK"`}
	// The output is a trace.
	if got := messages(t, write(t, "run.jsonl", printed)); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("printed are %q", got)
	}
}

func TestListenStays(t *testing.T) {
	p := start(t, "listen", ":0", "--stay", "--quiet")
	at := p.address()
	for range 2 {
		obe(t, "", "call", at, "done").check(t, result{stdout: `"OK"`})
	}
	p.interrupt(t)
	if status := p.wait(); status != exitInterrupt {
		t.Errorf("exit status %d", status)
	}
	if printed := p.stdout.rest(); printed != nil {
		t.Errorf("printed is %q", printed)
	}
}

// isReset reports whether the peer has reset a connection.
func isReset(err error) bool {
	const windowsReset = syscall.Errno(10054) // WSAECONNRESET
	return errors.Is(err, syscall.ECONNRESET) || runtime.GOOS == "windows" && errors.Is(err, windowsReset)
}

const faults = `
[[answer]]
command = "slow"
delay = "300ms"
[[answer]]
command = "silence"
fault = "silence"
[[answer]]
command = "close"
fault = "close"
[[answer]]
command = "reset"
fault = "reset"
[[answer]]
command = "garbage"
fault = "garbage"
[[answer]]
command = "half"
fault = "half"
reply = [2.87]
[[answer]]
command = "stall"
fault = "stall"
json = '[2.87]'
[[answer]]
command = "raw"
raw = "         4\"OK\""
`

// Each fault, as a client sees it: the bytes, and then silence, an end or a reset.
func TestListenHasEveryFault(t *testing.T) {
	p := start(t, "listen", ":0", "--script", write(t, "faults.toml", faults))
	at := p.address()
	for _, c := range []struct{ command, bytes, then string }{
		{"silence", "", "silence"},
		{"close", "", "end"},
		{"reset", "", "reset"},
		{"garbage", "this is not a message\r\n", "silence"},
		{"half", `0000000006[2.`, "end"},
		{"stall", `0000000006[2.`, "silence"},
		{"raw", `         4"OK"`, "silence"},
		{"other", framed(`"OK"`), "silence"},
	} {
		conn := connect(t, at)
		if _, err := io.WriteString(conn, framed(`{"command": "`+c.command+`"}`)); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(c.bytes))
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != c.bytes {
			t.Errorf("%s: got %q, %v", c.command, got, err)
		}
		if c.then == "silence" {
			_ = conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		}
		_, err := conn.Read(make([]byte, 1))
		then := map[bool]string{errors.Is(err, os.ErrDeadlineExceeded): "silence", err == io.EOF: "end", isReset(err): "reset"}[true]
		if then != c.then {
			t.Errorf("%s: then %v", c.command, err)
		}
	}
	began := time.Now()
	if got := exchange(t, connect(t, at), framed(`{"command": "slow"}`)); got != `"OK"` || time.Since(began) < 300*time.Millisecond {
		t.Errorf("the slow answer is %s after %v", got, time.Since(began))
	}
}

// One client that has no answer yet, or sent half a message, delays no other.
func TestListenServesManyClients(t *testing.T) {
	p := start(t, "listen", ":0", "--script", write(t, "faults.toml", faults))
	at := p.address()
	waiting, half := connect(t, at), connect(t, at)
	_, err1 := io.WriteString(waiting, framed(`{"command": "silence"}`))
	_, err2 := io.WriteString(half, "0000000")
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	persistent := connect(t, at)
	for range 3 {
		if got := exchange(t, persistent, framed(`{"command": "newrun"}`)); got != `"OK"` {
			t.Errorf("the answer is %s", got)
		}
	}
	// What is not a message ends its connection.
	wrong := connect(t, at)
	if _, err := io.WriteString(wrong, "GET / HTTP/1.1\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	_, _ = io.ReadAll(wrong)
	p.stderr.find(`malformed frame header: "GET / HTTP" is not a length of ten digits; the connection is closed`)
	if err := half.Close(); err != nil {
		t.Fatal(err)
	}
	p.stderr.find("the connection ended inside a message")
}

const twoSettings = `
[[answer]]
command = "optset"
sequence = [[2.86], [2.87]]
then = "error"
`

func TestListenExpects(t *testing.T) {
	path := write(t, "replies.toml", twoSettings)
	call := func(at string, commands ...string) {
		for _, command := range commands {
			obe(t, "", "call", at, command)
		}
	}
	for _, c := range []struct {
		flag     string
		commands []string
		status   int
		stderr   string
	}{
		{"--expect", []string{"optset", "optset", "done"}, 0, ""},
		{"--expect", []string{"optset", "done"}, 1, "replies.toml:2: 1 of 2 answers to \"optset\""},
		{"--expect", []string{"done"}, 1, "the script was not used up:"},
		{"--expect", []string{"optset", "optset", "optset", "done"}, 1, "1 message came, unexpected, cut or not valid"},
		{"--until-used", []string{"optset", "optset"}, 0, ""},
		{"--until-used", []string{"optset", "done"}, 1, "the script was not used up:"},
	} {
		p := start(t, "listen", ":0", "--script", path, c.flag, "--quiet")
		call(p.address(), c.commands...)
		status, printed := p.wait(), strings.Join(p.stderr.rest(), "\n")
		if status != c.status || !strings.Contains(printed, c.stderr) || c.stderr == "" && printed != "" {
			t.Errorf("%s after %v: exit status %d, and printed is\n%s", c.flag, c.commands, status, printed)
		}
	}
	// What is not a message, or not a whole one, is not expected, either. How a client ends its
	// connection after a message is its own business.
	for bytes, want := range map[string]int{"": 0, "0000": 1, "0000000001x": 1} {
		p := start(t, "listen", ":0", "--script", path, "--expect", "--quiet")
		at := p.address()
		conn := connect(t, at)
		for range 2 {
			exchange(t, conn, framed(`{"command": "optset"}`))
		}
		if _, err := io.WriteString(conn, bytes); err != nil {
			t.Fatal(err)
		}
		_ = conn.CloseWrite()
		_, _ = io.ReadAll(conn) // until it is read
		call(at, "done")
		if status := p.wait(); status != want {
			t.Errorf("after %q: exit status %d", bytes, status)
		}
	}
	for _, used := range []int{1, 2} {
		p := start(t, "listen", ":0", "--script", path, "--expect", "--quiet")
		call(p.address(), []string{"optset", "optset"}[:used]...)
		p.signal(t, syscall.SIGTERM)
		if status := p.wait(); status != 2-used {
			t.Errorf("SIGTERM after %d of 2: exit status %d", used, status)
		}
	}
	obe(t, "", "listen", ":0", "--script", path, "--expect", "--timeout", "0.05").check(t, result{status: 1, stderr: "2 of 2 answers"})
	obe(t, "", "listen", ":0", "--timeout", "0.05").check(t, result{stderr: "listening on 127.0.0.1:"})
}

// The end of one client is not the end while the answer to another one is delayed.
func TestListenEndsAfterADelayedAnswer(t *testing.T) {
	path := write(t, "replies.toml", "[[answer]]\ncommand = 'slow'\ndelay = '500ms'\nreply = 'late'\n")
	p := start(t, "listen", ":0", "--script", path, "--until-used")
	at := p.address()
	slow := connect(t, at)
	if _, err := io.WriteString(slow, framed(`{"command": "slow"}`)); err != nil {
		t.Fatal(err)
	}
	p.stdout.find(`"slow"`)
	obe(t, "", "call", at, "other").check(t, result{stdout: `"OK"`})
	if got := exchange(t, slow, ""); got != `"late"` {
		t.Error(got)
	}
	slow.Close()
	if status := p.wait(); status != exitOK {
		t.Errorf("exit status %d: %s", status, p.stderr.rest())
	}
}

// A failed output is told, whatever the script says: what was printed is not whole.
func TestListenExpectsWithAFullOutput(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	cmd := exec.Command(binary, "listen", ":0", "--script", write(t, "replies.toml", "[[answer]]\ntimes = 1\n"), "--expect")
	lines := startInto(t, cmd, full)
	_, at, _ := strings.Cut(lines.find("listening on "), "listening on ")
	if _, err := io.WriteString(connect(t, at), framed(`"x"`)); err != nil {
		t.Fatal(err)
	}
	lines.find("cannot write the result")
	_ = cmd.Wait()
	if status := cmd.ProcessState.ExitCode(); status != exitAnswer {
		t.Errorf("exit status %d", status)
	}
}

func TestListenAndRecordRefuse(t *testing.T) {
	taken := answer(t, func(string) []byte { return nil })
	directory := systemtest.TempDir(t)
	for _, c := range []struct {
		args   []string
		stderr string
	}{
		{[]string{"listen", taken}, "another program uses " + taken + " already: end it, or let the system choose a free port with :0"},
		{[]string{"record", "--listen", taken}, "another program uses " + taken + " already"},
		{[]string{"listen", ":0", "--expect"}, "add --script FILE"},
		{[]string{"listen", ":0", "--script", filepath.Join(directory, "none.toml")}, "no such file"},
		{[]string{"listen", ":0", "--script", write(t, "wrong.toml", "[[answer]]\ncomand = 1")}, `wrong.toml:2: "answer.comand" is not a key of a script; an entry has command, `},
		{[]string{"listen", ":0", "--script", write(t, "large.toml", strings.Repeat("#", maxScript+1))}, "has more than 64 MiB, which no script has"},
		{[]string{"listen", "nonsense"}, "nonsense"},
		{[]string{"listen", ":0", "--script", ""}, "--script is empty, and needs the name of a file"},
		{[]string{"record", "--listen", ":0", "--out", ""}, "--out is empty, and needs the name of a file"},
		{[]string{"record", "--listen", ":0", "--to", "localhost:0"}, "--to: port 0 is for --listen; the proxy needs the port of the server"},
		{[]string{"record"}, "--listen is missing: obe record --listen ADDRESS"},
		{[]string{"record", "--listen", "nonsense"}, "--listen: "},
		{[]string{"record", "--listen", ":0", "--to", "nonsense"}, "--to: "},
		{[]string{"record", "--listen", ":61981"}, "--listen and --to are both 127.0.0.1:61981"},
		{[]string{"record", "--listen", ":0", "--out", directory}, "--out: "},
		{[]string{"record", "--listen", ":0", "--out", filepath.Join(directory, "none", "run.jsonl")}, "no such file or directory"},
	} {
		if runtime.GOOS == "windows" && strings.Contains(c.stderr, "no such file") {
			continue // other words
		}
		obe(t, "", c.args...).check(t, result{status: exitUsage, stderr: c.stderr})
	}
}

func TestListenTellsOfATooLargeMessage(t *testing.T) {
	p := start(t, "listen", ":0")
	if _, err := io.WriteString(connect(t, p.address()), "0999999999"); err != nil {
		t.Fatal(err)
	}
	p.stderr.find("a message of more than 64 MiB, the largest that a server takes by default; the connection is closed")
}

func TestListenOnAUnixSocket(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no Unix-domain sockets")
	}
	path := "unix:" + filepath.Join(systemtest.TempDir(t), "s")
	p := start(t, "listen", path)
	if at := p.address(); at != path {
		t.Errorf("the address is %s", at)
	}
	obe(t, "", "call", path, "done").check(t, result{stdout: `"OK"`})
	p.wait()
	if _, err := os.Stat(strings.TrimPrefix(path, "unix:")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket's file is still there: %v", err)
	}
}

func TestMessagesForPeople(t *testing.T) {
	var lines messageLines
	at := time.Date(2026, 3, 4, 5, 6, 7, 89e6, time.Local)
	for _, c := range []struct {
		message standin.Message
		want    string
	}{
		{standin.Message{Time: at, Peer: "127.0.0.1:50000", Body: []byte("{\n\x7f}")}, `05:06:07.089  127.0.0.1:50000  {\n\x7f}`},
		{standin.Message{Time: at, Peer: "127.0.0.1:5", Sent: true, Body: []byte("[1]")}, `05:06:07.089  127.0.0.1:5        -> [1]`},
		{standin.Message{Time: at, Peer: "127.0.0.1:5", Sent: true, Fault: "close"}, `05:06:07.089  127.0.0.1:5        -> fault: close`},
	} {
		if got := lines.format(c.message); got != c.want {
			t.Errorf("the line is\n%s, and not\n%s", got, c.want)
		}
	}
	if got := lines.format(standin.Message{Body: make([]byte, 1<<20)}); len(got) > 2000 {
		t.Errorf("the line of a long message has %d bytes", len(got))
	}
}
