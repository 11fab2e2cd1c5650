//go:build linux

// Package faults_test exposes sockets to the faults of unattended operation: networks that
// lose, delay and cut connections, peers that are killed, floods, and a machine without
// memory or descriptors. Each message has a number and a checksum, so that a lost, repeated,
// truncated or swapped message is noticed.
package faults_test

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"libobe/capi/status"
	"libobe/internal/socket"
	"libobe/internal/systemtest"
)

const (
	testTimeout = systemtest.Timeout
	// hangs is how long a program may run that a test has started.
	hangs = 10 * time.Minute
	// grace is the accepted delay of a call after its deadline.
	grace = 50 * time.Millisecond
)

// role is the environment variable that names one of roles. A process with it plays that
// role instead of running the tests: a socket that is killed, limited or measured from
// outside needs a separate process.
const role = "OBE_FAULTS_ROLE"

var roles = map[string]func(){
	"attackers":      attackers,
	"deluge":         deluge,
	"flooded server": floodedServer,
	"network down":   networkDown,
	"no descriptors": noDescriptors,
	"victim server":  victimServer,
	"victim client":  victimClient,
}

func TestMain(m *testing.M) {
	if f := roles[os.Getenv(role)]; f != nil {
		f()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// process prepares this program in a role. settings are environment variables, name=value.
// The process is killed when the test ends, however that happens.
func process(name string, settings ...string) *exec.Cmd {
	c := exec.Command(os.Args[0])
	c.Env = append(append(os.Environ(), role+"="+name), settings...)
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return c
}

// fatal ends a process in a role if there is an error. Its parent shows the output.
func fatal(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// body returns message number id, with this many bytes of padding.
func body(id, padding int) []byte {
	text := bytes.Repeat([]byte{byte('a' + id%26)}, padding)
	return fmt.Appendf(nil, `{"id": %d, "sum": %d, "padding": "%s"}`, id, checksum(id, text), text)
}

func checksum(id int, padding []byte) uint32 {
	return crc32.Update(crc32.ChecksumIEEE([]byte(strconv.Itoa(id))), crc32.IEEETable, padding)
}

// number returns the number of a message after checking its checksum.
func number(text []byte) (id int, err error) {
	head, padding, _ := bytes.Cut(text, []byte(`"padding": "`))
	padding, whole := bytes.CutSuffix(padding, []byte(`"}`))
	var sum uint32
	_, err = fmt.Sscanf(string(head), `{"id": %d, "sum": %d, `, &id, &sum)
	if err != nil || !whole || sum != checksum(id, padding) {
		return 0, fmt.Errorf("%.60q, of %d bytes, is not the message that was sent: %v", text, len(text), err)
	}
	return id, nil
}

// service is a server that replies to each message with a message of the same number, and
// records which messages it received.
type service struct {
	*socket.Server
	t     *testing.T
	mu    sync.Mutex
	times map[int]int // how often each message was received
	ended chan struct{}
}

// A shape is a way to serve: a loop of receive and send, or a handler. It returns when the
// server is freed.
type shape func(s *socket.Server, answer func([]byte) []byte)

var shapes = map[string]shape{
	"loop": func(s *socket.Server, answer func([]byte) []byte) {
		buffer := make([]byte, 16<<20)
		for {
			n, err := s.Receive(buffer, socket.Forever)
			if errors.Is(err, socket.ErrClosed) {
				return
			}
			if err == nil {
				// The client may have disconnected in the meantime.
				_ = s.Send(answer(buffer[:n]), testTimeout)
			}
		}
	},
	"serve": func(s *socket.Server, answer func([]byte) []byte) {
		_ = s.Serve(func(m *socket.Message) { _ = m.Reply(answer(m.Body), testTimeout) }, nil)
	},
}

func newService(t *testing.T, run shape) *service {
	t.Helper()
	server, err := socket.NewServer("", 0)
	must(t, err)
	s := &service{Server: server, t: t, times: map[int]int{}, ended: make(chan struct{})}
	go func() {
		defer close(s.ended)
		run(server, s.answer)
	}()
	t.Cleanup(func() {
		server.Free()
		<-s.ended
		for id, n := range s.times {
			if n > 1 {
				t.Errorf("message %d was delivered %d times", id, n)
			}
		}
	})
	return s
}

func (s *service) answer(text []byte) []byte {
	id, err := number(text)
	if err != nil {
		s.t.Error(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.times[id]++
	return body(id, 0)
}

func (s *service) delivered(id int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.times[id]
}

func (s *service) port() int { return int(s.Addr().Port()) }

func (s *service) stat(name string) int64 {
	s.t.Helper()
	n, err := s.Stat(name)
	must(s.t, err)
	return n
}

func newClient(t *testing.T, port int, options ...string) *socket.Client {
	t.Helper()
	c, err := socket.NewClient("", port)
	must(t, err)
	t.Cleanup(c.Free)
	for _, o := range options {
		name, value, _ := strings.Cut(o, "=")
		must(t, c.SetOption(name, value))
	}
	return c
}

// exchange sends message id and receives the reply. The reply to another message is an
// error.
func exchange(c *socket.Client, id, padding int, timeout time.Duration) error {
	reply, err := c.TcmdBody(body(id, padding), timeout)
	if err != nil {
		return err
	}
	got, err := number(reply)
	if err == nil && got != id {
		err = fmt.Errorf("message %d got the reply to %d", id, got)
	}
	return err
}

// name returns the name of an error's status in the C ABI.
func name(err error) string {
	row, _ := status.Find(status.Of(err))
	return row.Name
}

// eventually waits for a condition by polling it.
func eventually(t *testing.T, what string, happened func() bool) {
	t.Helper()
	must(t, until(what, happened))
}

// until is eventually for a process in a role.
func until(what string, happened func() bool) error {
	for end := time.Now().Add(testTimeout); !happened(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			return fmt.Errorf("not within %v: %s", testTimeout, what)
		}
	}
	return nil
}

// queued returns how long this thread has waited for a processor since it began, so that a
// delay by other programs can be told from one of the library. Linux counts it.
func queued(t *testing.T) time.Duration {
	t.Helper()
	text, err := os.ReadFile("/proc/thread-self/schedstat")
	must(t, err)
	var running, waiting int64
	_, err = fmt.Sscan(string(text), &running, &waiting)
	must(t, err)
	return time.Duration(waiting)
}

// witness measures how late this machine wakes up a thread that only sleeps. A call that
// is not later than that is not at fault.
type witness struct {
	mu    sync.Mutex
	due   time.Time
	spans []span // the sleeps so far
	stop  chan struct{}
}

type span struct {
	end  time.Time
	late time.Duration
}

func newWitness(t *testing.T) *witness {
	w := &witness{due: time.Now(), stop: make(chan struct{})}
	t.Cleanup(func() { close(w.stop) })
	go func() {
		for {
			w.mu.Lock()
			w.due = time.Now().Add(time.Millisecond)
			w.mu.Unlock()
			select {
			case <-w.stop:
				return
			case <-time.After(time.Millisecond):
			}
			w.mu.Lock()
			w.spans = append(w.spans, span{time.Now(), time.Since(w.due)})
			w.mu.Unlock()
		}
	}()
	return w
}

// late returns the greatest lateness since a time.
func (w *witness) late(since time.Time) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	most := time.Since(w.due)
	for i := len(w.spans) - 1; i >= 0 && w.spans[i].end.After(since); i-- {
		most = max(most, w.spans[i].late)
	}
	return max(most, 0)
}
