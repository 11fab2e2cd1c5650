//go:build linux

package faults_test

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"libobe/internal/socket"
)

const (
	// kills is how often each side is killed.
	kills = 250
	// lifetime is the longest time from the first message of a victim to its kill.
	lifetime = 10 * time.Millisecond
	// seed makes the times of the kills the same in each run, except for scheduling.
	seed = 20
)

// padding returns the padding of message id. Some messages are larger than the system's
// buffers, so that a kill interrupts them.
func padding(id int) int {
	return []int{0, 12_000_000, 100, 10_000}[id%4]
}

// victimServer serves at a port and prints the number of each message before it replies. A
// line is written to the pipe completely or not at all.
func victimServer() {
	port, err := strconv.Atoi(os.Getenv("PORT"))
	fatal(err)
	s, err := socket.NewServer("", port)
	fatal(err)
	fmt.Println("port", s.Addr().Port())
	fatal(s.Serve(func(m *socket.Message) {
		id, err := number(m.Body)
		fatal(err)
		fmt.Println("delivered", id)
		_ = m.Reply(body(id, padding(id+1)), testTimeout)
	}, nil))
}

// victimClient sends one message after another, and prints the number of each one whose
// reply it has received.
func victimClient() {
	port, err := strconv.Atoi(os.Getenv("PORT"))
	fatal(err)
	id, err := strconv.Atoi(os.Getenv("FIRST"))
	fatal(err)
	c, err := socket.NewClient("", port)
	fatal(err)
	fatal(c.SetOption("persistent", os.Getenv("KEPT")))
	for ; ; id++ {
		fatal(exchange(c, id, padding(id), testTimeout))
		fmt.Println("answered", id)
	}
}

// victim is a process that is killed.
type victim struct {
	lines *bufio.Scanner
	kill  func()
	wait  func()
	ids   []int // the numbers in its lines, except the first line
}

// start starts a victim, waits for its first line, and returns the number in that line.
func start(t *testing.T, name string, settings ...string) (*victim, int) {
	t.Helper()
	command := process(name, settings...)
	out, err := command.StdoutPipe()
	must(t, err)
	must(t, command.Start())
	v := &victim{
		lines: bufio.NewScanner(out),
		kill:  func() { _ = command.Process.Kill() },
		wait:  sync.OnceFunc(func() { _ = command.Wait() }),
	}
	t.Cleanup(func() {
		v.kill()
		v.wait()
	})
	if !v.lines.Scan() {
		t.Fatalf("the %s did not begin", name)
	}
	return v, v.line(t)
}

func (v *victim) line(t *testing.T) int {
	t.Helper()
	_, text, _ := strings.Cut(v.lines.Text(), " ")
	id, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("a victim printed: %s", v.lines.Text())
	}
	return id
}

// rest reads the rest of the victim's output and waits for its end, after which its port is
// free.
func (v *victim) rest(t *testing.T) []int {
	t.Helper()
	for v.lines.Scan() {
		v.ids = append(v.ids, v.line(t))
	}
	v.wait()
	return v.ids
}

// lastingPort returns a free port outside the range from which the system chooses the ports
// of clients: it stays free while its server is down.
func lastingPort(t *testing.T) int {
	t.Helper()
	for {
		port := 61_000 + rand.IntN(4_000)
		s, err := socket.NewServer("", port)
		if err == nil {
			s.Free()
			return port
		}
		if got := name(err); got != "OBE_E_IN_USE" {
			t.Fatal(err)
		}
	}
}

// A client whose server is killed and started again gets the right reply to each command, or
// an error. No command is delivered twice.
func TestServerIsKilled(t *testing.T) {
	random := rand.New(rand.NewPCG(seed, 1))
	port := lastingPort(t)
	delivered, replied, failed := map[int]int{}, []int{}, map[string]int{}
	id := 0
	for _, option := range []string{"persistent=0", "persistent=1"} {
		c := newClient(t, port, option)
		for range kills / 2 {
			v, _ := start(t, "victim server", fmt.Sprint("PORT=", port))
			id++
			if err := exchange(c, id, 0, testTimeout); err != nil && option == "persistent=0" {
				t.Fatalf("the exchange with a new server: %v", err)
			} else if err == nil {
				replied = append(replied, id)
			}
			time.AfterFunc(time.Duration(random.Int64N(int64(lifetime))), v.kill)
			for {
				id++
				err := exchange(c, id, padding(id), testTimeout)
				if err == nil {
					replied = append(replied, id)
					continue
				}
				failed[name(err)]++
				if !slices.Contains([]string{"OBE_E_PEER_CLOSED", "OBE_E_RESET", "OBE_E_REFUSED"}, name(err)) {
					t.Fatalf("message %d ended with %s: %v", id, name(err), err)
				}
				break
			}
			for _, id := range v.rest(t) {
				delivered[id]++
			}
		}
	}
	for id, n := range delivered {
		if n != 1 {
			t.Errorf("message %d was delivered %d times", id, n)
		}
	}
	for _, id := range replied {
		if delivered[id] != 1 {
			t.Errorf("message %d has a reply, but was delivered %d times", id, delivered[id])
		}
	}
	t.Logf("%d kills, %d messages, %d replies, failures %v", kills, id, len(replied), failed)
	if failed["OBE_E_REFUSED"] > kills/2 {
		t.Error("most kills happened between two exchanges")
	}
}

// A server whose clients are killed continues. It receives each message completely, and once.
func TestClientIsKilled(t *testing.T) {
	for shapeName, run := range shapes {
		for mode, option := range modes {
			t.Run(shapeName+"/"+mode, func(t *testing.T) {
				random := rand.New(rand.NewPCG(seed, 2))
				s := newService(t, run)
				honest := newClient(t, s.port(), "persistent=1")
				const each = 1_000_000 // more than one victim sends
				answered, last := 0, 0
				for i := range (kills + 3) / 4 {
					first := (i + 1) * each
					before := s.stat("bytes_received")
					v, _ := start(t, "victim client", fmt.Sprint("PORT=", s.port()), fmt.Sprint("FIRST=", first),
						"KEPT="+strings.TrimPrefix(option, "persistent="))
					v.ids = []int{first}
					if i%2 == 0 {
						time.Sleep(time.Duration(random.Int64N(int64(lifetime))))
					} else {
						// Within a long message, as far as the system's buffers permit.
						bytes := before + random.Int64N(4<<20)
						eventually(t, "the victim has sent enough", func() bool { return s.stat("bytes_received") >= bytes })
					}
					v.kill()
					ids := v.rest(t)
					for k, id := range ids {
						if id != first+k {
							t.Fatalf("after the reply to message %d came the reply to %d", first+k-1, id)
						}
						if n := s.delivered(id); n != 1 {
							t.Errorf("message %d has a reply, but was delivered %d times", id, n)
						}
					}
					answered += len(ids)
					last++
					if err := exchange(honest, last, 0, testTimeout); err != nil {
						t.Fatalf("the exchange after a kill: %v", err)
					}
				}
				honest.Free()
				eventually(t, "the server has closed all connections", func() bool { return s.stat("connections_open") == 0 })
				cutShort := s.stat("dropped_incomplete")
				t.Logf("%d replies, %d kills within a message", answered, cutShort)
				if cutShort == 0 {
					t.Error("no kill happened within a message")
				}
			})
		}
	}
}

// The port of a killed server can be used again at once. A port in use has its own status.
func TestPortOfAKilledServer(t *testing.T) {
	v, port := start(t, "victim server", "PORT=0")
	if err := exchange(newClient(t, port, "persistent=1"), 1, 0, testTimeout); err != nil {
		t.Fatal(err)
	}
	s, err := socket.NewServer("", port)
	if err == nil {
		s.Free()
	}
	if got := name(err); got != "OBE_E_IN_USE" {
		t.Fatalf("a second server at the port: %s (%v)", got, err)
	}
	v.kill()
	v.rest(t)
	eventually(t, "the port is free again", func() bool {
		s, err := socket.NewServer("", port)
		if err == nil {
			s.Free()
		} else if got := name(err); got != "OBE_E_IN_USE" {
			t.Fatal(errors.Join(errors.New(got), err))
		}
		return err == nil
	})
}
