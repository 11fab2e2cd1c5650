//go:build linux

package faults_test

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"libobe/internal/socket"
)

const (
	silent     = 1000 // connections that never send
	slow       = 1000 // that send a byte a second
	garbage    = 500  // that send something that is not a frame, once a second
	announcers = 200  // that send the header of the largest message, and a part of it

	// slowdown is the factor by which a flood may increase the 99th percentile of the
	// duration of an honest client's exchanges.
	slowdown = 10
	// floodMemory is by how much a flood may increase the memory of the server. The
	// largest message has 64 MiB: all announced messages together have 12.5 GiB.
	floodMemory = 32 << 20

	rounds = 5
	// period is the duration of each measurement, without and with a flood. Each attacker
	// acts once a second, so at least once in it.
	period  = 1200 * time.Millisecond
	pace    = time.Millisecond // between two exchanges: an instrument would measure
	largest = 64 << 20
)

// floodCounters are the counters that show whether the flood arrived.
var floodCounters = []string{"connections_opened", "dropped_malformed", "evicted"}

// floodedServer serves in a shape. For each line of its input it prints its counters.
func floodedServer() {
	s, err := socket.NewServer("", 0)
	fatal(err)
	fatal(s.SetOption("max_connections", os.Getenv("CONNECTIONS")))
	fmt.Println(s.Addr().Port())
	go shapes[os.Getenv("SHAPE")](s, func(text []byte) []byte { return text })
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		for _, name := range floodCounters {
			n, err := s.Stat(name)
			fatal(err)
			fmt.Println(n)
		}
	}
}

// A flood delays honest clients little, and uses little memory of the server. If there are
// more connections than max_connections, those of the flood evict each other; otherwise all
// of them stay open.
func TestFlood(t *testing.T) {
	const attackers = silent + slow + garbage + announcers
	needDescriptors(t, 2*attackers)
	for shape, connections := range map[string]int{"loop": 1024, "serve": 2 * attackers} {
		t.Run(fmt.Sprint(shape, ", at most ", connections), func(t *testing.T) {
			server := process("flooded server", "SHAPE="+shape, fmt.Sprint("CONNECTIONS=", connections))
			in, err := server.StdinPipe()
			must(t, err)
			out, err := server.StdoutPipe()
			must(t, err)
			must(t, server.Start())
			t.Cleanup(func() {
				_ = server.Process.Kill()
				_ = server.Wait()
			})
			lines := bufio.NewReader(out)
			number := func() (n int) {
				if _, err := fmt.Fscanln(lines, &n); err != nil {
					t.Fatal(err)
				}
				return n
			}
			port := number()
			honest := []*honestClient{
				{mode: "one-shot", Client: newClient(t, port, "persistent=0")},
				{mode: "kept", Client: newClient(t, port, "persistent=1")},
			}
			measure(t, honest, 0) // the server also allocates here what it needs once
			before, most := resident(t, server.Process.Pid), int64(0)
			for range rounds {
				measure(t, honest, 0)
				stop := flood(t, port)
				measure(t, honest, 1)
				most = max(most, resident(t, server.Process.Pid))
				stop()
			}
			for _, c := range honest {
				// Other programs on the machine disturb some of the rounds, and a server that a flood
				// holds up is slow in all: the best of these is compared with the median of the others.
				slices.Sort(c.percentiles[0])
				quiet, flooded := c.percentiles[0][len(c.percentiles[0])/2], slices.Min(c.percentiles[1])
				t.Logf("%s: the 99th percentile is %v, flooded %v (of %v)", c.mode, quiet, flooded, c.percentiles)
				if flooded > slowdown*quiet {
					t.Errorf("%s: flooded, the 99th percentile is %v, and %v otherwise", c.mode, flooded, quiet)
				}
			}
			t.Logf("resident: %d KiB before, %d KiB flooded", before>>10, most>>10)
			if most-before > floodMemory {
				t.Errorf("the flood increased the memory of the server by %d KiB", (most-before)>>10)
			}
			_, err = fmt.Fprintln(in)
			must(t, err)
			got := map[string]int{}
			for _, name := range floodCounters {
				got[name] = number()
			}
			t.Log(got)
			if got["connections_opened"] < rounds*attackers || got["dropped_malformed"] < rounds*garbage || (got["evicted"] == 0) != (connections > attackers) {
				t.Errorf("the flood did not arrive: %v", got)
			}
		})
	}
}

// honestClient is a client whose exchanges are timed.
type honestClient struct {
	*socket.Client
	mode        string
	sent        int
	percentiles [2][]time.Duration // the 99th of each period, without and with a flood
}

// measure measures exchanges of each client in turn for a period.
func measure(t *testing.T, clients []*honestClient, flooded int) {
	t.Helper()
	took := make([][]time.Duration, len(clients))
	for end := time.Now().Add(period); time.Now().Before(end); {
		for i, c := range clients {
			time.Sleep(pace)
			c.sent++
			began := time.Now()
			if err := exchange(c.Client, c.sent, 0, testTimeout); err != nil {
				t.Fatalf("an honest client, %s: %v", c.mode, err)
			}
			took[i] = append(took[i], time.Since(began))
		}
	}
	for i, c := range clients {
		slices.Sort(took[i])
		c.percentiles[flooded] = append(c.percentiles[flooded], took[i][len(took[i])*99/100])
	}
}

// needDescriptors raises the limit of descriptors of this process to n if it is lower.
func needDescriptors(t *testing.T, n uint64) {
	t.Helper()
	var limit syscall.Rlimit
	must(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	if limit.Cur < n {
		limit.Cur, limit.Max = n, max(limit.Max, n)
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
			t.Fatalf("the test needs %d descriptors (ulimit -n): %v", n, err)
		}
	}
}

// flood starts a flood from a separate process and returns when each of its connections is
// open; stop ends it. Real attackers have their own CPUs. Here they get the time that the
// server and the honest clients leave.
func flood(t *testing.T, port int) (stop func()) {
	t.Helper()
	c := process("attackers", fmt.Sprint("PORT=", port))
	nice(t, c)
	out, err := c.StdoutPipe()
	must(t, err)
	must(t, c.Start())
	stop = sync.OnceFunc(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	t.Cleanup(stop)
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "begun\n" {
		t.Fatalf("the flood did not begin: %q, %v", line, err)
	}
	return stop
}

// nice gives a process a low CPU priority.
func nice(t *testing.T, c *exec.Cmd) {
	t.Helper()
	path, err := exec.LookPath("nice")
	must(t, err)
	c.Path, c.Args = path, append([]string{path, "-n", "10"}, c.Args...)
}

func attackers() {
	port := os.Getenv("PORT")
	var begun sync.WaitGroup
	attack := func(n int, opening, beat string) {
		for i := range n {
			begun.Add(1)
			started := sync.OnceFunc(begun.Done)
			first := time.Duration(i) * time.Second / time.Duration(n)
			go attacker(port, first, started, opening, beat)
		}
	}
	attack(silent, "", "")
	attack(slow, "0", "0")
	attack(garbage, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "")
	attack(announcers, fmt.Sprintf(`%010d"%s`, largest, strings.Repeat("x", 1000)), "x")
	begun.Wait()
	fmt.Println("begun")
	select {}
}

// attacker connects after a delay, sends opening, and then beat once a second. When the
// server closes the connection, it connects again about a second later.
func attacker(port string, first time.Duration, begun func(), opening, beat string) {
	time.Sleep(first)
	for {
		c, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", port), testTimeout)
		fatal(err)
		_, err = c.Write([]byte(opening))
		begun()
		for err == nil {
			_ = c.SetReadDeadline(time.Now().Add(time.Second))
			if _, err = c.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
				_, err = c.Write([]byte(beat))
			}
		}
		c.Close()
		time.Sleep(time.Second/2 + rand.N(time.Second))
	}
}

// resident returns the resident memory of a process, in bytes.
func resident(t *testing.T, pid int) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	must(t, err)
	var size, pages int64
	if _, err := fmt.Sscan(string(text), &size, &pages); err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}
