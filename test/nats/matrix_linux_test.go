package nats

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"libobe/internal/systemtest"
	"libobe/internal/systemtest/natsserver"
)

// sizes are the bytes of padding of a command and of its reply: small, as large as the NATS server takes in one
// message, and larger.
var sizes = []struct{ pad, want int }{
	{0, 0}, {1, 1}, {100_000, 0}, {0, 100_000}, {1_040_000, 1_040_000}, {1<<20 - 1, 0}, {0, 1 << 20}, {3_000_000, 0}, {0, 3_000_000},
	{2_500_000, 2_500_000},
}

// exchangeAll sends commands of all sizes, and returns how many.
func exchangeAll(t *testing.T, i instrument) int64 {
	t.Helper()
	n := int64(1)
	run := newWork("newrun").do(t, i)
	ask := func(w *work) {
		t.Helper()
		if r := w.do(t, i); r.Run != run.Run {
			t.Fatalf("command %d was executed in the run %d, not %d", w.Number, r.Run, run.Run)
		}
		n++
	}
	for range 20 {
		ask(newWork("work"))
	}
	for _, size := range sizes {
		w := newWork("work")
		w.Pad, w.Want = strings.Repeat("p", size.pad), size.want
		ask(w)
	}
	odd := newWork("work")
	odd.Pad = "\u00e9\u4e16\U0001f600 \"\\ \u2028"
	ask(odd)
	return n
}

// TestExchanges: every instrument reaches every designer through two gateways, with commands and replies of all sizes,
// each executed once, and answered with the reply to it.
func TestExchanges(t *testing.T) {
	t.Parallel()
	server := natsserver.Start(t)
	designers := []struct {
		name  string
		start func(testing.TB, string) *designer
		flags []string
	}{
		{"original", startOriginal, nil},
		{"libobe", startServer, nil},
		{"libobe-kept", startServer, []string{"--persistent"}},
	}
	for _, kind := range designers {
		t.Run(kind.name, func(t *testing.T) {
			d := kind.start(t, kind.name)
			address := pair(t, server.URL(), "obe."+kind.name, d.address, kind.flags...)
			var sent int64
			for _, name := range slices.Sorted(maps.Keys(instruments)) {
				i := instruments[name](t, address)
				n := exchangeAll(t, i)
				i.close()
				t.Logf("%s to %s: %d commands answered", name, kind.name, n)
				sent += n
			}
			if err := d.alive(); err != nil {
				t.Error(err)
			}
			executed, repeated := d.all()
			if int64(executed) != sent || repeated != 0 {
				t.Errorf("%d commands were sent, %d executed, %d of them more than once", sent, executed, repeated)
			}
			t.Logf("to %s: %d commands, each executed once", kind.name, sent)
		})
	}
}

// experimentFile is the file of an experiment that lives in the sources.
const experimentFile = "../../examples/experiments/lorentzian.toml"

// designCommands is a conversation with obe design.
func designCommands() []string {
	commands := []string{
		`{"command": "ready"}`, `{"command": "newrun", "seed": 7, "particles": 60000}`, `{"command": "describe"}`, `{"command": "getset"}`,
	}
	for k := range 10 {
		commands = append(commands, `{"command": "optset"}`,
			fmt.Sprintf(`{"command": "newdat", "x": [%g], "y": [%g], "s": [0.005]}`, 1.6+0.17*float64(k), 1-0.01*float64(k%3)))
	}
	return append(commands, `{"command": "goodset"}`, `{"command": "getmean"}`, `{"command": "getstd"}`, `{"command": "getcov"}`,
		`{"command": "getpar"}`, `{"command": "nonsense"}`, `{"command": "newdat", "x": [1]}`)
}

// startDesign starts obe design, and returns its address.
func startDesign(t testing.TB, more ...string) string {
	t.Helper()
	return listening(start(t, "obe design", obeProgram, append([]string{"design", experimentFile, ":0", "--stay"}, more...)...))
}

// TestDesignerBehindGateways: obe design answers through gateways, byte by byte, what it answers directly, for every
// instrument.
func TestDesignerBehindGateways(t *testing.T) {
	t.Parallel()
	server := natsserver.Start(t)
	for k, flags := range [][]string{nil, {"--persistent"}} {
		directly := instruments["libobe kept"](t, startDesign(t))
		defer directly.close()
		address := pair(t, server.URL(), fmt.Sprintf("obe.design%d", k), startDesign(t), flags...)
		for _, name := range slices.Sorted(maps.Keys(instruments)) {
			i := instruments[name](t, address)
			largest := 0
			for _, command := range designCommands() {
				want, err := directly.ask([]byte(command), systemtest.Timeout)
				if err != nil {
					t.Fatal(err)
				}
				reply, err := i.ask([]byte(command), systemtest.Timeout)
				if err != nil {
					t.Fatalf("%s: %s: %v", name, command, err)
				}
				if !bytes.Equal(reply, want) {
					t.Errorf("%s: %s: the reply is %.200s, not %.200s", name, command, reply, want)
				}
				largest = max(largest, len(reply))
			}
			i.close()
			t.Logf("%s %v: %d replies of obe design equal those without gateways; the largest has %d bytes", name, flags, len(designCommands()), largest)
		}
	}
}

// TestSimulatedInstrument: obe simulate finds through gateways exactly what it finds directly.
func TestSimulatedInstrument(t *testing.T) {
	t.Parallel()
	server := natsserver.Start(t)
	simulate := func(address string, more ...string) string {
		t.Helper()
		out, err := exec.Command(obeProgram, append([]string{"simulate", experimentFile, address, "--seed", "3", "--measurements", "60"}, more...)...).Output()
		if err != nil {
			t.Fatalf("obe simulate: %v\n%s", err, out)
		}
		return string(out)
	}
	want := simulate(startDesign(t))
	address := pair(t, server.URL(), "obe.simulated", startDesign(t), "--persistent")
	for _, flags := range [][]string{nil, {"--persistent"}} {
		if got := simulate(address, flags...); got != want {
			t.Errorf("obe simulate %v printed\n%s\nthrough gateways, and directly\n%s", flags, got, want)
		}
	}
	t.Log("2 runs of 60 measurements through gateways equal the direct one")
}

// TestExamplesInC: the instrument and the server in C work through gateways as they are.
func TestExamplesInC(t *testing.T) {
	t.Parallel()
	library, err := filepath.Abs(cmp.Or(os.Getenv("OBE_LIBRARY"), "../../build/libobe.so"))
	if err == nil {
		_, err = os.Stat(library)
	}
	if err != nil {
		t.Fatalf("%v: make builds the library", err)
	}
	directory := systemtest.TempDir(t)
	for _, name := range []string{"instrument", "server"} {
		cc := exec.Command(cmp.Or(os.Getenv("CC"), "cc"), "-std=c99", "-I../../include", "-o", filepath.Join(directory, name),
			"../../examples/c/"+name+".c", library, "-Wl,-rpath,"+filepath.Dir(library), "-lm")
		if out, err := cc.CombinedOutput(); err != nil {
			t.Fatalf("cc: %v\n%s", err, out)
		}
	}
	server := natsserver.Start(t)
	port := natsserver.FreePort(t)
	start(t, "server in C", filepath.Join(directory, "server"), "--port", fmt.Sprint(port))
	address := pair(t, server.URL(), "obe.c", fmt.Sprintf("127.0.0.1:%d", port), "--persistent")
	_, at := split(t, address)
	instrument := start(t, "instrument in C", filepath.Join(directory, "instrument"), "--port", fmt.Sprint(at), "--seed", "1")
	if status := instrument.status(); status != 0 {
		t.Errorf("the instrument in C ended with %d", status)
	}
	t.Log("more than 400 commands of the instrument in C, with the server in C")
}

// faults is the script of a server that fails in every way, and what its instrument is told.
var faults = []struct{ name, answer string }{
	{"half", `fault = "half"`}, {"garbage", `fault = "garbage"`}, {"close", `fault = "close"`}, {"reset", `fault = "reset"`},
	{"notjson", `raw = "0000000004nope"`}, {"header", `raw = "12ab567890xx"`}, {"huge", `raw = "9999999999x"`},
	{"silence", `fault = "silence"`}, {"stall", `fault = "stall"`},
}

// TestFaultsOfTheServer: whatever a server does, its instrument gets a reply that says so, and the next command works.
func TestFaultsOfTheServer(t *testing.T) {
	t.Parallel()
	server := natsserver.Start(t)
	script := ""
	for _, fault := range faults {
		script += fmt.Sprintf("[[answer]]\ncommand = %q\n%s\n", fault.name, fault.answer)
	}
	count := 0
	for k, flags := range [][]string{nil, {"--persistent"}} {
		listen := start(t, "obe listen", obeProgram, "listen", ":0", "--script", write(t, "faults.toml", script), "--stay", "--quiet")
		subject := fmt.Sprintf("obe.faults%d", k)
		back(t, server.URL(), subject, listening(listen), flags...)
		gateway := front(t, server.URL(), subject, "--timeout", "1s")
		for _, name := range slices.Sorted(maps.Keys(instruments)) {
			i := instruments[name](t, gateway.address)
			for _, fault := range faults {
				began := time.Now()
				f := mustFail(t, i, fmt.Sprintf(`{"command": %q}`, fault.name), systemtest.Timeout)
				if took := time.Since(began); took > time.Second+systemtest.Soon {
					t.Errorf("%s: it took %v", fault.name, took)
				}
				if reply := mustAnswer(t, i, `{"command": "optset"}`); string(reply) != `"OK"` {
					t.Errorf("after %s the reply is %s", fault.name, reply)
				}
				if k == 0 && name == "libobe" {
					t.Logf("%s: %q", fault.name, f.Error)
				}
				count++
			}
			i.close()
		}
		if listen.wrote("unexpected") {
			t.Error(listen.tail(5))
		}
	}
	t.Logf("%d faults of a server, each told in a reply, and each followed by a command that worked", count)
}

// TestOriginalSurvives: an original dies of half a message and of a connection without one. Whatever instruments do
// before a gateway, it lives.
func TestOriginalSurvives(t *testing.T) {
	t.Parallel()
	server := natsserver.Start(t)
	d := startOriginal(t, "original")
	address := pair(t, server.URL(), "obe.original", d.address)
	count := 0
	for range 10 {
		for _, text := range []string{"", "00000", "0000000020", "0000000020{\"command\":", "garbage that is no header", "9999999999x", "0000000004nope", "0000000000", "-000000004", "GET / HTTP/1.1\r\n\r\n"} {
			for _, leave := range []func(*rawConn){(*rawConn).close, (*rawConn).reset} {
				conn := dialRaw(t, address)
				_, _ = conn.Write([]byte(text))
				leave(conn)
				count++
			}
		}
		newWork("newrun").do(t, original{address: address})
	}
	if err := d.alive(); err != nil {
		t.Error(err)
	}
	if executed, _ := d.all(); executed != 10 {
		t.Errorf("%d commands were executed, not 10", executed)
	}
	t.Logf("%d broken messages, of which the designer got none; 10 commands answered between them", count)
}
