package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"libobe/internal/command"
	"libobe/internal/jsondoc"
	"libobe/internal/replay"
	"libobe/internal/socket"
	"libobe/internal/systemtest"
)

// record starts a proxy to an address that records in a file.
func startRecord(t *testing.T, to string) (p *process, at, path string) {
	t.Helper()
	path = filepath.Join(systemtest.TempDir(t), "run.jsonl")
	p = start(t, "record", "--listen", ":0", "--to", to, "--out", path)
	return p, p.address(), path
}

// stop ends a proxy as Ctrl-C does, and returns what it said.
func (p *process) stop(t *testing.T) string {
	t.Helper()
	p.interrupt(t)
	if status := p.wait(); status != exitInterrupt {
		t.Errorf("exit status %d", status)
	}
	return strings.Join(p.stderr.rest(), "\n")
}

// newTestClient returns a client of the library.
func newTestClient(t *testing.T, address string, options ...string) *socket.Client {
	t.Helper()
	at, err := parseAddress(address)
	if err != nil {
		t.Fatal(err)
	}
	client, err := socket.NewClient(at.host, at.port)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Free)
	for i := 0; i < len(options); i += 2 {
		if err := client.SetOption(options[i], options[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	return client
}

// replies are plausible replies to all commands.
func replies(body string) []byte {
	name, _ := jsondoc.FromValid([]byte(body)).String("/command")
	for _, c := range command.Commands() {
		switch {
		case c.Name != name:
		case c.Result == "":
			return []byte(`"OK"`)
		case c.Shape != "":
			return []byte(`[[1.5, NaN], [25, 1e-7]]`)
		default:
			return []byte(`[2.87, -Infinity]`)
		}
	}
	return []byte(`{"error": "unknown"}`)
}

// All commands, in both styles of connections: the client gets the very bytes of the
// server, and the trace has them all.
func TestRecordEveryCommand(t *testing.T) {
	for _, persistent := range []string{"0", "1"} {
		p, at, path := startRecord(t, answer(t, replies))
		client := newTestClient(t, at, "persistent", persistent)
		var want []string
		for _, c := range command.Commands() {
			body := `{"command": "` + c.Name + `", "x": [1.5, 25]}`
			got, err := client.TcmdBody([]byte(body), limit)
			if err != nil || !bytes.Equal(got, replies(body)) {
				t.Errorf("%s: %s, %v", c.Name, got, err)
			}
			want = append(want, "received "+body, "sent "+string(replies(body)))
		}
		client.Free()
		connections := map[string]string{"0": "13 connections", "1": "1 connection"}[persistent]
		if said := p.stop(t); !strings.HasSuffix(said, fmt.Sprintf("%d messages of %s are in %s", len(want), connections, path)) {
			t.Errorf("it said\n%s", said)
		}
		if got := messages(t, path); !slices.Equal(got, want) {
			t.Errorf("persistent %s: recorded are\n%s", persistent, strings.Join(got, "\n"))
		}
	}
}

// The messages are in the file soon, and not only when the proxy ends.
func TestRecordWritesMeanwhile(t *testing.T) {
	_, at, path := startRecord(t, answer(t, replies))
	obe(t, "", "call", at, "getmean").check(t, result{stdout: "[2.87, -Infinity]"})
	want := []string{`received {"command": "getmean"}`, "sent [2.87, -Infinity]"}
	for end := time.Now().Add(limit); ; time.Sleep(time.Millisecond) {
		got := messages(t, path)
		if slices.Equal(got, want) {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("recorded are %q", got)
		}
	}
	obe(t, "", "replay", path, "--all", "--dry-run").check(t, result{"", "no run", exitUsage})
}

func TestRecordAHundredClients(t *testing.T) {
	const clients, exchanges = 100, 10
	p, at, path := startRecord(t, answer(t, func(body string) []byte { return []byte(body) }))
	var all sync.WaitGroup
	for i := range clients {
		client := newTestClient(t, at, "persistent", strconv.Itoa(i%2))
		all.Go(func() {
			for n := range exchanges {
				body := fmt.Sprintf(`{"client": %d, "n": %d}`, i, n)
				if got, err := client.TcmdBody([]byte(body), limit); err != nil || string(got) != body {
					t.Errorf("client %d: %s, %v", i, got, err)
				}
			}
		})
	}
	all.Wait()
	p.stop(t)
	count := map[string]int{}
	for _, message := range messages(t, path) {
		count[message]++
	}
	for i := range clients {
		for n := range exchanges {
			body := fmt.Sprintf(`{"client": %d, "n": %d}`, i, n)
			if count["received "+body] != 1 || count["sent "+body] != 1 {
				t.Fatalf("%s: %d received and %d sent", body, count["received "+body], count["sent "+body])
			}
		}
	}
	if len(count) != 2*clients*exchanges {
		t.Errorf("%d messages are recorded", len(count))
	}
}

// Without --out the trace is printed; a reader that ends, ends the proxy.
func TestRecordToTheStandardOutput(t *testing.T) {
	at := answer(t, replies)
	p := start(t, "record", "--listen", ":0", "--to", at)
	obe(t, "", "call", p.address(), "getmean").check(t, result{stdout: "[2.87, -Infinity]"})
	p.stdout.find(`{"trace":"obe","version":1,`)
	p.stdout.find(`"role":"proxy","direction":"received","peer":"127.0.0.1:`)
	p.stdout.find(`"body":[2.87, -Infinity]}`)
	if said := p.stop(t); !strings.Contains(said, "2 messages of 1 connection are in the standard output") {
		t.Error(said)
	}

	cmd, lines := startUnread(t, "record", "--listen", ":0", "--to", at)
	line := lines.find("listening on ")
	proxy := regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(line)
	// The recorder ends when it cannot write the command, so this call may not get its reply.
	obe(t, "", "call", proxy, "getmean")
	endsUnread(t, cmd)
}

// A reader that has stopped holds up neither the run nor the end, and what it may lack is told.
func TestRecordToAReaderThatHasStopped(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot be interrupted alone")
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd := exec.Command(binary, "record", "--listen", ":0", "--to", answer(t, echo))
	lines := startInto(t, cmd, w)
	w.Close()
	at := regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(lines.find("listening on "))
	conn, body := connect(t, at), `"`+strings.Repeat("x", 1<<20-10)+`"` // more than a pipe holds
	if got := exchange(t, conn, framed(body)); got != body {
		t.Errorf("the reply has %d bytes", len(got))
	}
	_ = cmd.Process.Signal(syscall.SIGINT)
	lines.find("the standard output takes the messages too slowly: up to 2 messages are missing there")
	_ = cmd.Wait()
	if status := cmd.ProcessState.ExitCode(); status != exitInterrupt {
		t.Errorf("exit status %d", status)
	}
}

// A signal ends the proxy soon, whatever its connections do, and the file has whole lines.
func TestRecordEndsAtASignal(t *testing.T) {
	for s, want := range map[syscall.Signal]int{syscall.SIGINT: exitInterrupt, syscall.SIGTERM: exitTerminate} {
		arrived := make(chan struct{})
		p, at, path := startRecord(t, answer(t, func(body string) []byte {
			if strings.Contains(body, "silence") {
				close(arrived)
				return nil
			}
			return []byte(`"OK"`)
		}))
		waiting, half := connect(t, at), connect(t, at)
		_, _ = io.WriteString(half, "0000000021{")
		_, _ = io.WriteString(waiting, framed(`{"command": "silence"}`))
		if got := exchange(t, connect(t, at), framed(`"hello"`)); got != `"OK"` {
			t.Error(got)
		}
		<-arrived
		began := time.Now()
		p.signal(t, s)
		if status := p.wait(); status != want || time.Since(began) > limit/10 {
			t.Errorf("%v: exit status %d after %v", s, status, time.Since(began))
		}
		if got := messages(t, path); len(got) != 3 {
			t.Errorf("recorded are %q", got)
		}
	}
}

// The run continues when the disk is full; the loss is told once, and counted.
func TestRecordWithAFullDisk(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no limit for the size of files")
	}
	path := filepath.Join(systemtest.TempDir(t), "run.jsonl")
	server := answer(t, func(string) []byte { return []byte(`"OK"`) })
	shell := exec.Command("sh", "-c", `ulimit -f 8 && exec "$0" "$@"`, binary, "record", "--listen", ":0", "--to", server, "--out", path)
	stderr, err := shell.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = shell.Process.Kill() })
	lines := readLines(t, "stderr", stderr)
	at := regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(lines.find("listening on "))
	client := newTestClient(t, at, "persistent", "1")
	const exchanges = 100
	for range exchanges {
		if got, err := client.TcmdBody([]byte(`{"command": "newdat", "x": [2.87]}`), limit); err != nil || string(got) != `"OK"` {
			t.Fatalf("%s, %v", got, err)
		}
	}
	if line := lines.find("could not be recorded, and the run goes on"); !strings.Contains(line, "size limit") {
		t.Error(line)
	}
	_ = shell.Process.Signal(syscall.SIGINT)
	said := lines.rest()
	_ = shell.Wait()
	if status := shell.ProcessState.ExitCode(); status != exitInterrupt {
		t.Errorf("exit status %d", status)
	}
	recorded := len(messages(t, path))
	found := regexp.MustCompile(`(\d+) messages are missing there; the first one: .*size limit`).FindStringSubmatch(strings.Join(said, "\n"))
	if found == nil || recorded < 2 {
		t.Fatalf("%d messages are recorded, and it said %q", recorded, said)
	}
	if lost, _ := strconv.Atoi(found[1]); recorded+lost != 2*exchanges {
		t.Errorf("%d messages are recorded, and %d of %d are lost", recorded, lost, 2*exchanges)
	}
}

// The same without --out, into a file.
func TestRecordToAFullOutput(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot be interrupted alone")
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	cmd := exec.Command(binary, "record", "--listen", ":0", "--to", answer(t, replies))
	lines := startInto(t, cmd, full)
	at := regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(lines.find("listening on "))
	obe(t, "", "call", at, "getmean").check(t, result{stdout: "[2.87, -Infinity]"})
	lines.find("could not be recorded, and the run goes on: ")
	obe(t, "", "call", at, "getmean").check(t, result{stdout: "[2.87, -Infinity]"})
	_ = cmd.Process.Signal(syscall.SIGINT)
	said := strings.Join(lines.rest(), "\n")
	_ = cmd.Wait()
	if status := cmd.ProcessState.ExitCode(); status != exitInterrupt {
		t.Errorf("exit status %d", status)
	}
	if !strings.Contains(said, "0 messages of 2 connections are in the standard output") || !strings.Contains(said, "4 messages are missing there; the first one: ") {
		t.Errorf("it said\n%s", said)
	}
}

// A message that is larger than the memory allowed for it passes, and the trace has its
// beginning and its size.
func TestRecordStreamsLargeMessages(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the peak of the memory is read from /proc")
	}
	const size = 300 << 20
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	received := make(chan int64, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		n, _ := io.Copy(io.Discard, io.LimitReader(conn, int64(size+10)))
		_, _ = io.WriteString(conn, framed(`"OK"`))
		received <- n
	}()
	p, at, path := startRecord(t, l.Addr().String())
	conn := connect(t, at)
	part := bytes.Repeat([]byte("x"), 1<<20)
	head := framed("")[:0] + fmt.Sprintf("%010d\"", size)
	if _, err := io.WriteString(conn, head); err != nil {
		t.Fatal(err)
	}
	for left := size - 2; left > 0; {
		n, err := conn.Write(part[:min(left, len(part))])
		if err != nil {
			t.Fatal(err)
		}
		left -= n
	}
	if got := exchange(t, conn, `"`); got != `"OK"` {
		t.Error(got)
	}
	if n := <-received; n != size+10 {
		t.Errorf("the server received %d bytes", n)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	peak, _ := strconv.Atoi(regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindStringSubmatch(string(status))[1])
	if peak > 64<<10 {
		t.Errorf("the proxy has used %d kB", peak)
	}
	p.stop(t)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(text, fmt.Appendf(nil, `"size":%d,`, size)) || !bytes.Contains(text, []byte(`"cut":true`)) || len(text) > 3<<20 {
		t.Errorf("the trace has %d bytes and begins with %.400s", len(text), text)
	}
}

// What a client sends that is no message is forwarded, and told.
func TestRecordTellsOfBytesThatAreNotMessages(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p, at, _ := startRecord(t, l.Addr().String())
	conn := connect(t, at)
	hello := "\x16\x03\x01\x00\xf0\x01\x00\x00\xec\x03\x03" // of TLS
	if _, err := io.WriteString(conn, hello); err != nil {
		t.Fatal(err)
	}
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	got := make([]byte, len(hello))
	if _, err := io.ReadFull(server, got); err != nil || string(got) != hello {
		t.Errorf("the server received %q, %v", got, err)
	}
	p.stderr.find("(this is TLS, which cannot be read here); they are forwarded and not recorded")
	if said := p.stop(t); !strings.Contains(said, "0 messages of 1 connection are in ") {
		t.Error(said)
	}
}

// Both sides may be Unix-domain sockets, or either one.
func TestRecordBetweenUnixSockets(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no Unix-domain sockets")
	}
	directory := systemtest.TempDir(t)
	server, between, path := "unix:"+filepath.Join(directory, "server"), "unix:"+filepath.Join(directory, "proxy"), filepath.Join(directory, "run.jsonl")
	behind := start(t, "listen", server)
	behind.address()
	p := start(t, "record", "--listen", between, "--to", server, "--out", path)
	if at := p.address(); at != between {
		t.Errorf("the address is %s", at)
	}
	obe(t, "", "call", between, "done").check(t, result{stdout: `"OK"`})
	if status := behind.wait(); status != 0 {
		t.Errorf("the server's exit status is %d", status)
	}
	p.stop(t)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := messages(t, path); len(got) != 2 || !strings.Contains(string(text), `"peer":"`+between+`#1","local":"`+between+`"`) {
		t.Errorf("recorded is\n%s", text)
	}
	obe(t, "", "record", "--listen", server, "--to", server).check(t, result{status: exitUsage, stderr: "--listen and --to are both unix:"})
}

// Clients on a Unix-domain socket have no addresses, and each has its own replies nevertheless.
func TestClientsOnAUnixSocketAreToldApart(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no Unix-domain sockets")
	}
	directory := systemtest.TempDir(t)
	script := write(t, "replies.toml", "[[answer]]\ncommand = 'slow'\ndelay = '300ms'\nreply = 'slow'\n[otherwise]\nreply = 'fast'\n")
	server, between, path := "unix:"+filepath.Join(directory, "server"), "unix:"+filepath.Join(directory, "proxy"), filepath.Join(directory, "run.jsonl")
	behind := start(t, "listen", server, "--script", script)
	behind.address()
	p := start(t, "record", "--listen", between, "--to", server, "--out", path)
	p.address()
	slow := start(t, "call", between, "slow")
	printed := []string{behind.stdout.find(`"slow"`)}
	obe(t, "", "call", between, "fast").check(t, result{stdout: `"fast"`})
	slow.wait()
	printed = append(printed, behind.stdout.line(), behind.stdout.line(), behind.stdout.line())
	p.stop(t)
	for _, trace := range []string{path, write(t, "listen.jsonl", strings.Join(printed, "\n")+"\n")} {
		recording, err := replay.Load(trace)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range recording.Exchanges {
			if x.Reply == nil || string(x.Reply.Body) != `"`+x.Name+`"` {
				t.Errorf("%s: the reply to %s is %v", trace, x.Name, x.Reply)
			}
		}
		if n := len(recording.Exchanges); n != 2 {
			t.Errorf("%s: %d exchanges", trace, n)
		}
	}
}

// With few descriptors, which the connections use up, no message is lost: it is written when
// a descriptor is free.
func TestRecordWithFewDescriptors(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no limit of descriptors")
	}
	path := filepath.Join(systemtest.TempDir(t), "run.jsonl")
	server := answer(t, func(string) []byte { return []byte(`"OK"`) })
	p := startCommand(t, "sh", "-c", `ulimit -n 20 && exec "$0" "$@"`, binary, "record", "--listen", ":0", "--to", server, "--out", path)
	at := p.address()
	first := connect(t, at)
	if got := exchange(t, first, framed(`"first"`)); got != `"OK"` {
		t.Error(got)
	}
	var others []net.Conn
	for range 40 {
		others = append(others, connect(t, at)) // each has one descriptor of the proxy until it sends something
	}
	p.stderr.find("too many open files")
	if got := exchange(t, first, framed(`"last"`)); got != `"OK"` {
		t.Error(got)
	}
	time.Sleep(200 * time.Millisecond) // for attempts to write it, which fail
	for _, conn := range others {
		conn.Close()
	}
	said := p.stop(t)
	if strings.Contains(said, "missing") || strings.Contains(said, "could not be recorded") {
		t.Errorf("it said\n%s", said)
	}
	if got := strings.Join(messages(t, path), "\n"); !strings.Contains(got, "received \"first\"\nsent \"OK\"") || !strings.Contains(got, "received \"last\"\nsent \"OK\"") {
		t.Errorf("recorded are\n%s", got)
	}
}

// A file that is not a trace stays as it is: no reader could read what is appended to it.
func TestRecordToAFileThatIsNoTrace(t *testing.T) {
	for text, want := range map[string]string{
		"x,y\n1,2\n":                          "this is not a trace",
		"{\"trace\":\"obe\",\"version\":2}\n": "this trace has another version",
	} {
		path := filepath.Join(systemtest.TempDir(t), "results.csv")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		p := start(t, "record", "--listen", ":0", "--out", path)
		if status := p.wait(); status != exitUsage {
			t.Errorf("exit status %d", status)
		}
		if said := strings.Join(p.stderr.rest(), "\n"); !strings.Contains(said, want) || !strings.Contains(said, "choose another file, or remove this one") {
			t.Errorf("it said %q", said)
		}
		if got, err := os.ReadFile(path); string(got) != text {
			t.Errorf("the file has %q, %v", got, err)
		}
	}
}
