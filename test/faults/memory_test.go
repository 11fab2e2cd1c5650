//go:build linux

package faults_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"libobe/capi/status"
	"libobe/internal/socket"
)

// medium is the text of a message so short that the library does not ask the system
// whether there is memory for it.
var medium = strings.Repeat("x", 1_000_000)

// A message that is larger than the remaining memory fails with OBE_E_MEMORY; a server
// closes its connection. It never ends the host program. After each failure, small messages
// still work.
func TestAddressSpaceRunsOut(t *testing.T) {
	program := buildHost(t, "memory")
	for _, left := range []int{-1, 32, 96, 256} {
		t.Run(fmt.Sprint(left, " MiB"), func(t *testing.T) {
			peer, err := socket.NewServer("", 0)
			must(t, err)
			t.Cleanup(peer.Free)
			long := body(1, 40<<20)
			part := fmt.Appendf(nil, `%010d"%s`, len(medium)+2, medium)
			go shapes["serve"](peer, func(text []byte) []byte {
				if string(text) == `"long"` {
					return long[:len(long):len(long)]
				}
				return text
			})
			host, lines, stderr := startHost(t, program, fmt.Sprint(peer.Addr().Port()), fmt.Sprint(left))
			got := map[string]int{}
			port := 0
			for port == 0 && lines.Scan() {
				text := lines.Text()
				call, value := text[:strings.LastIndex(text, " ")], text[strings.LastIndex(text, " ")+1:]
				n, err := strconv.Atoi(value)
				must(t, err)
				if call == "port" {
					port = n
					break
				}
				row, _ := status.Find(status.Code(n))
				want := []string{"OBE_OK", "OBE_E_MEMORY"}
				if left < 0 || strings.HasSuffix(call, "small") {
					want = want[:1]
				}
				if !slices.Contains(want, row.Name) {
					t.Errorf("%s: %s, want %v", call, row.Name, want)
				}
				got[row.Name]++
			}
			if port == 0 {
				_ = host.Wait()
				t.Fatalf("the host program ended: %v\n%.2000s", host.ProcessState, stderr)
			}
			c := newClient(t, port)
			for range 3 {
				_, err := c.TcmdBody(long, testTimeout)
				got["its client: "+name(err)]++
				if _, err := c.TcmdBody([]byte(`"small"`), testTimeout); err != nil {
					t.Errorf("a small message: %v\n%.2000s", err, stderr)
				}
			}
			// Many messages that are small, but never complete.
			for range 300 {
				p, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), testTimeout)
				must(t, err)
				defer p.Close()
				_, _ = p.Write(part)
			}
			if _, err := c.TcmdBody([]byte(`"small"`), testTimeout); err != nil {
				t.Errorf("a small message: %v\n%.2000s", err, stderr)
			}
			_, err = c.TcmdBody([]byte(`"."`), testTimeout)
			must(t, err)
			for lines.Scan() {
				if call, value, _ := strings.Cut(lines.Text(), " "); call == "dropped_memory" {
					got[call], err = strconv.Atoi(value)
					must(t, err)
				}
			}
			if err := host.Wait(); err != nil || stderr.Len() > 0 {
				t.Errorf("the host program: %v\n%.2000s", err, stderr)
			}
			t.Log(got)
			// The client's long messages are refused where there is no memory for them.
			if dropped, refused := got["dropped_memory"], 3-got["its client: OBE_OK"]; left < 0 && dropped != 0 || left == 32 && dropped < refused || refused < 0 {
				t.Errorf("%d messages were refused, and dropped_memory is %d", refused, dropped)
			}
			switch failed := got["OBE_E_MEMORY"]; {
			case left < 0 && failed > 0, left == 32 && failed == 0:
				t.Errorf("%d calls failed for lack of memory", failed)
			}
		})
	}
}

// With address space for two messages of 60 MB, many of them can be used one after another:
// memory that was freed in Go's heap counts as free. One may be refused occasionally, when a
// small block splits the free memory.
func TestMemoryThatIsFreeAgainCounts(t *testing.T) {
	const rounds = 6 // ROUNDS in c/sequence.c
	program := buildHost(t, "sequence")
	peer, err := socket.NewServer("", 0)
	must(t, err)
	t.Cleanup(peer.Free)
	long := body(1, 60_000_000)
	go shapes["serve"](peer, func([]byte) []byte { return long[:len(long):len(long)] })
	host, lines, stderr := startHost(t, program, fmt.Sprint(peer.Addr().Port()))
	got := map[string]int{}
	for lines.Scan() {
		var call string
		var n int
		if _, err := fmt.Sscan(lines.Text(), &call, &n); err != nil {
			t.Fatal(err)
		}
		if call != "port" {
			row, _ := status.Find(status.Code(n))
			got[call+" "+row.Name]++
			continue
		}
		go func() {
			c := newClient(t, n)
			for range rounds {
				_, _ = c.TcmdBody(long, testTimeout) // the host program counts those that arrive
			}
			if _, err := c.TcmdBody([]byte(`"."`), testTimeout); err != nil {
				t.Errorf("the last message: %v", err)
			}
		}()
	}
	if err := host.Wait(); err != nil || stderr.Len() > 0 {
		t.Errorf("the host program: %v\n%.2000s", err, stderr)
	}
	for _, call := range []string{"tcmd_message", "message_new", "receive_message", "reply"} {
		if got[call+" OBE_OK"] < rounds-1 {
			t.Errorf("%s succeeded %d times of %d: %v", call, got[call+" OBE_OK"], rounds, got)
		}
	}
}

// startHost starts a host program and returns its standard output, by lines, and its
// standard error. A program that does not end is killed.
func startHost(t *testing.T, program string, arguments ...string) (host *exec.Cmd, lines *bufio.Scanner, stderr *bytes.Buffer) {
	t.Helper()
	host, stderr = exec.Command(program, arguments...), &bytes.Buffer{}
	host.Stderr = stderr
	out, err := host.StdoutPipe()
	must(t, err)
	must(t, host.Start())
	watch := time.AfterFunc(hangs, func() { _ = host.Process.Kill() })
	t.Cleanup(func() { watch.Stop() })
	return host, bufio.NewScanner(out), stderr
}

// buildHost builds a program of directory c with the shipped library.
func buildHost(t *testing.T, name string) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	must(t, err)
	build := os.Getenv("BUILD")
	if build == "" {
		build = filepath.Join(root, "build")
	}
	compiler := os.Getenv("CC")
	if compiler == "" {
		compiler = "cc"
	}
	program := filepath.Join(t.TempDir(), name)
	for _, command := range [][]string{
		{"env", "-u", "MAKEFLAGS", "-u", "MAKELEVEL", "make", "-s", "-C", root, "BUILD=" + build, filepath.Join(build, "libobe.so")},
		{compiler, "-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I" + filepath.Join(root, "include"), "-o", program, "c/" + name + ".c",
			"-L" + build, "-lobe", "-Wl,-rpath," + build},
	} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(command, " "), err, out)
		}
	}
	return program
}
