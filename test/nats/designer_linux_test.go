package nats

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"libobe/internal/socket"
	"libobe/internal/systemtest"
	"libobe/internal/systemtest/natsserver"
)

// work is a command of these tests. Each has a number of its own, which the reply repeats.
type work struct {
	Command string `json:"command"` // "newrun" begins a run
	Number  int64  `json:"number"`
	Hold    int    `json:"hold,omitempty"` // how long the designer works on it, in milliseconds
	Want    int    `json:"want,omitempty"` // how many bytes of padding the reply has
	Pad     string `json:"pad,omitempty"`
}

// result is the reply to it.
type result struct {
	Number   int64  `json:"number"`
	Designer string `json:"designer"`
	Run      int64  `json:"run"`    // the number of the newrun that began the designer's run
	Length   int    `json:"length"` // of the command
	Pad      string `json:"pad,omitempty"`
}

var lastNumber atomic.Int64

// newWork returns a command with a number of its own.
func newWork(command string) *work { return &work{Command: command, Number: lastNumber.Add(1)} }

func (w *work) text(t testing.TB) []byte {
	t.Helper()
	text, err := json.Marshal(w)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// do asks for the work, and checks that the reply is the one to it.
func (w *work) do(t testing.TB, i instrument) result {
	t.Helper()
	text := w.text(t)
	reply := mustAnswer(t, i, string(text))
	r, err := w.resultOf(text, reply)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// resultOf reads the reply to the work.
func (w *work) resultOf(text, reply []byte) (result, error) {
	var r result
	if err := json.Unmarshal(reply, &r); err != nil {
		return r, fmt.Errorf("the reply to %.80s is %.200s: %w", text, reply, err)
	}
	if r.Number != w.Number || r.Length != len(text) || len(r.Pad) != w.Want || strings.Trim(r.Pad, "r") != "" {
		return r, fmt.Errorf("the reply to %.80s (%d bytes) is %.200s: it is not the one to this command", text, len(text), reply)
	}
	return r, nil
}

// designer is a server that does the work, in this process, and counts how often it did each.
type designer struct {
	name    string
	address string
	began   func(work) // called before a command is worked on; may be nil

	mu       sync.Mutex
	run      int64
	executed map[int64]int
	journal  *os.File // to which each execution is written
	died     string   // why the server ended, as the Python original does; "" while it lives
}

func newDesigner(name string) *designer { return &designer{name: name, executed: map[int64]int{}} }

// times returns how often a command was executed.
func (d *designer) times(number int64) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.executed[number]
}

// all returns how many commands were executed, and how many of them more than once.
func (d *designer) all() (commands, repeated int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, n := range d.executed {
		if n > 1 {
			repeated++
		}
	}
	return len(d.executed), repeated
}

// alive returns an error if the server has ended as the Python original does.
func (d *designer) alive() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.died != "" {
		return fmt.Errorf("the designer died: %s", d.died)
	}
	return nil
}

// answer executes a command.
func (d *designer) answer(body []byte) []byte {
	var w work
	if err := json.Unmarshal(body, &w); err != nil {
		return []byte(fmt.Sprintf(`{"error": %q}`, err))
	}
	d.mu.Lock()
	d.executed[w.Number]++
	if w.Command == "newrun" {
		d.run = w.Number
	}
	r := result{Number: w.Number, Designer: d.name, Run: d.run, Length: len(body), Pad: strings.Repeat("r", w.Want)}
	if d.journal != nil {
		fmt.Fprintf(d.journal, "%d %d\n", w.Number, time.Now().UnixNano())
	}
	d.mu.Unlock()
	if d.began != nil {
		d.began(w)
	}
	time.Sleep(time.Duration(w.Hold) * time.Millisecond)
	reply, err := json.Marshal(r)
	if err != nil {
		return []byte(`{"error": "the reply is no JSON"}`)
	}
	return reply
}

// serveOriginal serves as the Python original: one connection after the other, one message on each, and its end if a
// connection ends before a whole message.
func (d *designer) serveOriginal(listener net.Listener) {
	defer listener.Close()
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		body, err := readFrame(conn)
		if err != nil {
			d.mu.Lock()
			d.died = fmt.Sprintf("a connection ended inside a message: %v", err)
			d.mu.Unlock()
			conn.Close()
			return
		}
		reply := d.answer(body)
		header := fmt.Sprintf("%010d", len(reply))
		_, _ = conn.Write([]byte(header))
		_, _ = conn.Write(reply)
		conn.Close()
	}
}

// startOriginal starts a designer that serves as the Python original.
func startOriginal(t testing.TB, name string) *designer {
	t.Helper()
	d := newDesigner(name)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d.address = listener.Addr().String()
	go d.serveOriginal(listener)
	t.Cleanup(func() { listener.Close() })
	return d
}

// startServer starts a designer on libobe's server.
func startServer(t testing.TB, name string) *designer {
	t.Helper()
	d := newDesigner(name)
	server, err := d.listen("127.0.0.1", 0)
	if err != nil {
		t.Fatal(err)
	}
	d.address = server.Name()
	done := make(chan error, 1)
	go func() { done <- d.serve(server) }()
	t.Cleanup(func() {
		server.Free()
		<-done
	})
	return d
}

func (d *designer) listen(host string, port int) (*socket.Server, error) {
	server, err := socket.NewServer(host, port)
	if err != nil {
		return nil, err
	}
	if err := server.SetOption("max_message", "200000000"); err != nil {
		return nil, err
	}
	return server, server.SetOption("max_connections", "4096")
}

func (d *designer) serve(server *socket.Server) error {
	var never atomic.Int32
	return server.Serve(func(m *socket.Message) { _ = m.Reply(d.answer(m.Body), systemtest.Timeout) }, &never)
}

// peerVariable is set in the environment of this program when it is to be a designer.
const peerVariable = "OBE_NATS_PEER"

// peerMain is a designer in a process of its own, that may be killed. Its journal has each execution.
func peerMain() int {
	fail := func(err error) int {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	d := newDesigner(strconv.Itoa(os.Getpid()))
	var err error
	if os.Args[2] != "" {
		if d.journal, err = os.OpenFile(os.Args[2], os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600); err != nil {
			return fail(err)
		}
	}
	if os.Getenv(peerVariable) == "original" {
		listener, err := net.Listen("tcp", os.Args[1])
		if err != nil {
			return fail(err)
		}
		fmt.Fprintf(os.Stderr, "listening on %s\n", listener.Addr())
		d.serveOriginal(listener)
		return fail(d.alive())
	}
	host, text, err := net.SplitHostPort(os.Args[1])
	if err != nil {
		return fail(err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return fail(err)
	}
	server, err := d.listen(host, port)
	if err != nil {
		return fail(err)
	}
	fmt.Fprintf(os.Stderr, "listening on %s\n", server.Name())
	return fail(d.serve(server))
}

// designerProcess is a designer that can be killed.
type designerProcess struct {
	*process
	kind, address, journal string
}

// startProcess starts a designer in a process of its own. Kind is "original" or "libobe".
func startProcess(t testing.TB, kind string) *designerProcess {
	t.Helper()
	return startJournal(t, kind, filepath.Join(systemtest.TempDir(t), "journal"))
}

// startJournal is startProcess with the path of the journal; "" for none.
func startJournal(t testing.TB, kind, journal string) *designerProcess {
	t.Helper()
	d := &designerProcess{kind: kind, address: fmt.Sprintf("127.0.0.1:%d", natsserver.FreePort(t)), journal: journal}
	d.process = &process{t: t}
	d.restart()
	return d
}

// restart starts it again after it was killed, at the same address.
func (d *designerProcess) restart() {
	d.t.Helper()
	program, err := os.Executable()
	if err != nil {
		d.t.Fatal(err)
	}
	cmd := exec.Command(program, d.address, d.journal)
	cmd.Env = append(os.Environ(), peerVariable+"="+d.kind)
	d.process = startCommand(d.t, "designer at "+d.address, cmd)
	d.find("listening on ")
}

// execution is a line of a journal.
type execution struct {
	number int64
	at     time.Time
}

// executions returns what a designer has executed, in all its lives.
func (d *designerProcess) executions() []execution {
	d.t.Helper()
	text, err := os.ReadFile(d.journal)
	if err != nil {
		d.t.Fatal(err)
	}
	var all []execution
	for line := range strings.Lines(string(text)) {
		var number, at int64
		if _, err := fmt.Sscan(line, &number, &at); err != nil {
			d.t.Fatalf("%s has the line %q", d.journal, line)
		}
		all = append(all, execution{number, time.Unix(0, at)})
	}
	return all
}
