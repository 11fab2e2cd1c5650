package test

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// exchangeCosts is what one exchange costs the process of each side: a command of 38 bytes and
// a reply of 20, on one CPU, where no wait spins. docs/performance.md says what the
// instructions are for. Those of the caller's thread count.
var exchangeCosts = []struct {
	side, mode   string
	instructions float64
	systemCalls  map[string]float64
}{
	{"client", "oneshot", 8970, map[string]float64{"socket": 1, "connect": 1, "getsockname": 1, "sendto": 1, "poll": 1, "recvfrom": 1, "shutdown": 1, "close": 1}},
	{"client", "kept", 6900, map[string]float64{"recvfrom": 2, "sendto": 1, "poll": 1}},
	{"server", "kept", 8020, map[string]float64{"epoll_wait": 1, "recvfrom": 1, "sendto": 1}},
}

// ofRuntime are the system calls that Go's runtime makes now and then, and those with which
// the program reads its orders.
var ofRuntime = regexp.MustCompile(`^(futex|.*nanosleep|madvise|mmap|munmap|mprotect|rt_sig.*|sigaltstack|tgkill|getpid|gettid|sched_.*|clone.*|epoll_pwait|restart_syscall|brk|set_robust_list|rseq|read|write|exit.*)$`)

// An exchange makes the system calls that are listed, and takes at most a tenth more
// instructions.
func TestCostOfAnExchange(t *testing.T) {
	t.Parallel()
	if runtime.GOARCH != "amd64" {
		t.Skip("the counts are those of amd64")
	}
	program := filepath.Join(t.TempDir(), "exchange")
	flags := []string{"-std=c99", "-D_GNU_SOURCE", "-O2", "-I../include", "-pthread", "../bench/exchange.c", "../bench/common.c", "-o", program}
	command(t, tool(t, envOr("CC", "cc")), append(flags, against(library(t, "libobe.so"))...)...)
	for _, want := range exchangeCosts {
		t.Run(want.side+" "+want.mode, func(t *testing.T) {
			t.Parallel()
			few, many := countSystemCalls(t, program, want.side, want.mode, exchanges), countSystemCalls(t, program, want.side, want.mode, 2*exchanges)
			for name := range many {
				// One in twenty may differ: the other side was slow.
				n := math.Round((many[name]-few[name])/exchanges*10) / 10
				if n != want.systemCalls[name] && !ofRuntime.MatchString(name) {
					t.Errorf("%v of %s, want %v", n, name, want.systemCalls[name])
				}
			}
			for name := range want.systemCalls {
				if many[name] == 0 {
					t.Errorf("no %s", name)
				}
			}
			least, most := 0.8*want.instructions, 1.1*want.instructions
			n := countOfExchange(t, least, most, func(count int) float64 { return countInstructions(t, program, want.side, want.mode, count) })
			t.Logf("%.0f instructions", n)
			if n > most {
				t.Errorf("%.0f instructions, want at most %.0f", n, most)
			}
			if n < least {
				t.Errorf("%.0f instructions: lower the bound, which is %.0f", n, most)
			}
		})
	}
}

// exchanges are made in one run, and twice as many in another one, so that what a process does
// at its start and end does not count.
const exchanges = 200

// countOfExchange returns the count of one exchange. On a busy machine a thread may be stopped
// for so long that Go's scheduler takes a longer path. So the least count of up to attempts
// runs matters.
func countOfExchange(t *testing.T, least, most float64, count func(exchanges int) float64) (n float64) {
	const attempts = 5
	few, many := math.Inf(1), math.Inf(1)
	for range attempts {
		few, many = min(few, count(exchanges)), min(many, count(2*exchanges))
		if n = (many - few) / exchanges; least <= n && n <= most {
			break
		}
		t.Logf("%.0f instructions in a run", n)
	}
	return n
}

func countSystemCalls(t *testing.T, program, side, mode string, count int) map[string]float64 {
	out := filepath.Join(t.TempDir(), "calls")
	exchange(t, program, side, mode, count, tool(t, "strace"), "-f", "-qq", "-c", "-U", "name,calls", "-o", out)
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) == 2 && fields[0] != "total" {
			if n, err := strconv.ParseFloat(fields[1], 64); err == nil {
				counts[fields[0]] = n
			}
		}
	}
	return counts
}

// countInstructions returns the instructions of the thread that makes the exchanges, which are
// more than those of any other. Callgrind does not survive the signals by which Go preempts
// goroutines.
func countInstructions(t *testing.T, program, side, mode string, count int) (instructions float64) {
	out := filepath.Join(t.TempDir(), "callgrind")
	exchange(t, program, side, mode, count, "env", "GODEBUG=asyncpreemptoff=1", tool(t, "valgrind"), "-q", "--tool=callgrind", "--separate-threads=yes", "--callgrind-out-file="+out)
	paths, err := filepath.Glob(out + "-*")
	if err != nil || len(paths) == 0 {
		t.Fatalf("callgrind has written no file (%v)", err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if total := totalsLine.FindSubmatch(text); total != nil {
			n, _ := strconv.ParseFloat(string(total[1]), 64)
			instructions = max(instructions, n)
		}
	}
	return instructions
}

var totalsLine = regexp.MustCompile(`(?m)^totals: (\d+)$`)

// exchange lets two processes make exchanges, one side with the library, under the program
// with which args begin, the other one in plain C.
func exchange(t *testing.T, program, side, mode string, count int, args ...string) {
	t.Helper()
	kinds := map[string]string{"client": "c", "server": "c"}
	kinds[side] = "obe"
	processes := map[string]*ordered{}
	for s := range maps.Keys(kinds) {
		line := []string{program}
		if s == side {
			line = append(args, program)
		}
		processes[s] = startOrdered(t, line)
	}
	var port int
	if _, err := fmt.Sscanf(processes["server"].ask(t, "serve "+kinds["server"]+" "+mode), `{"port": %d}`, &port); err != nil {
		t.Fatal(err)
	}
	processes["client"].ask(t, fmt.Sprintf("client %s %s %d %d", kinds["client"], mode, port, count))
	for _, p := range processes {
		p.end(t)
	}
}

// ordered is a process of bench/exchange.c, on one CPU.
type ordered struct {
	cmd     *exec.Cmd
	orders  io.WriteCloser
	answers *bufio.Reader
	stderr  strings.Builder
}

func startOrdered(t *testing.T, line []string) *ordered {
	t.Helper()
	p := &ordered{cmd: exec.Command(tool(t, "taskset"), append([]string{"-c", firstCPU(t)}, line...)...)}
	p.cmd.Stderr = &p.stderr
	var out io.Reader
	var err error
	if p.orders, err = p.cmd.StdinPipe(); err == nil {
		if out, err = p.cmd.StdoutPipe(); err == nil {
			err = p.cmd.Start()
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	p.answers = bufio.NewReader(out)
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	return p
}

// ask returns the answer to an order. The program has an alarm, so it does not hang.
func (p *ordered) ask(t *testing.T, order string) string {
	t.Helper()
	_, err := fmt.Fprintln(p.orders, order)
	answer, readErr := p.answers.ReadString('\n')
	if err = cmp.Or(err, readErr); err != nil {
		_ = p.cmd.Wait()
		t.Fatalf("%s: %v\n%s", order, err, &p.stderr)
	}
	return strings.TrimSpace(answer)
}

func (p *ordered) end(t *testing.T) {
	t.Helper()
	_ = p.orders.Close()
	if err := p.cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, &p.stderr)
	}
}

// firstCPU returns the first CPU that this process may use.
func firstCPU(t *testing.T) string {
	t.Helper()
	var cpus unix.CPUSet
	if err := unix.SchedGetaffinity(0, &cpus); err != nil {
		t.Fatal(err)
	}
	cpu := 0
	for !cpus.IsSet(cpu) {
		cpu++
	}
	return strconv.Itoa(cpu)
}
