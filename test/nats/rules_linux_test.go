package nats

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"libobe/internal/systemtest"
	"libobe/internal/systemtest/natsserver"
)

// TestTwoDesigners: a second designer at a subject is refused.
func TestTwoDesigners(t *testing.T) {
	t.Parallel()
	server := natsserver.Start(t)
	first, second := startServer(t, "first"), startServer(t, "second")
	address := pair(t, server.URL(), "obe.two", first.address)
	const attempts = 5
	for range attempts {
		refused := startBack(t, server.URL(), "obe.two", "--to", second.address)
		refused.find("in use")
		if status := refused.status(); status != 2 {
			t.Errorf("the second designer's gateway ended with %d, not 2\n%s", status, refused.tail(5))
		}
	}
	i := instruments["libobe"](t, address)
	defer i.close()
	for range 20 {
		if r := newWork("newrun").do(t, i); r.Designer != "first" {
			t.Errorf("%s answered", r.Designer)
		}
	}
	t.Logf("%d second designers refused; 20 commands answered by the first", attempts)
}

// TestTwoDesignersAtOnce: two designers that start at a subject at the same time do not share a run: either one of them
// is refused, or each command of a run goes to the designer that began it.
func TestTwoDesignersAtOnce(t *testing.T) {
	t.Parallel()
	server := natsserver.Start(t)
	commands, refused := 0, 0
	const rounds = 5
	for round := range rounds {
		subject := fmt.Sprintf("obe.race%d", round)
		var backs []*gateway
		for k := range 2 {
			backs = append(backs, startBack(t, server.URL(), subject, "--to", startServer(t, strconv.Itoa(k)).address))
		}
		i := instruments["libobe kept"](t, front(t, server.URL(), subject).address)
		for range 10 {
			run, _ := again(t, i, "newrun")
			for range 10 {
				if r := newWork("work").do(t, i); r.Run != run.Run || r.Designer != run.Designer {
					t.Errorf("a command of the run %d at %s was executed in the run %d at %s", run.Run, run.Designer, r.Run, r.Designer)
				}
				commands++
			}
		}
		i.close()
		for _, b := range backs {
			select {
			case <-b.ended:
				refused++
			default:
			}
		}
	}
	t.Logf("%d times two designers at once, of which %d were refused: %d commands, each at the designer of its run", rounds, refused, commands)
}

// TestQueue: several designers share a subject. A run stays with the designer that began it, which begins none of
// another instrument meanwhile. When that one is killed, commands of the run fail, and no other designer gets one;
// newrun begins at another.
func TestQueue(t *testing.T) {
	t.Parallel()
	server := natsserver.Start(t)
	const subject, queue = "obe.shared", "designers"
	const fronts = 3
	const count = fronts + 1
	var designers []*designer
	backs := map[string]*gateway{}
	for k := range count {
		d := startServer(t, fmt.Sprintf("d%d", k))
		designers = append(designers, d)
		backs[d.name] = startBack(t, server.URL(), subject, "--to", d.address, "--queue", queue)
	}
	awaitDesigners(t, server.URL(), subject, count)
	open := make([]instrument, fronts)
	for k := range open {
		open[k] = instruments["libobe"](t, front(t, server.URL(), subject).address)
		defer open[k].close()
	}
	var all sync.WaitGroup
	runs := make([]result, fronts)
	for k, i := range open {
		all.Go(func() {
			if f := mustFail(t, i, string(newWork("work").text(t)), systemtest.Timeout); !strings.Contains(f.Error, "newrun") {
				t.Errorf("a command before newrun failed with %q", f.Error)
			}
			runs[k] = newWork("newrun").do(t, i)
			for range 50 {
				if r := newWork("work").do(t, i); r.Designer != runs[k].Designer || r.Run != runs[k].Run {
					t.Errorf("a command of the run %d at %s was executed in the run %d at %s", runs[k].Run, runs[k].Designer, r.Run, r.Designer)
				}
			}
		})
	}
	all.Wait()
	gone := runs[0].Designer
	backs[gone].kill()
	awaitDesigners(t, server.URL(), subject, count-1)
	lost, kept := 0, 0
	for k, i := range open {
		for range 10 {
			w := newWork("work")
			if k > 0 {
				if r := w.do(t, i); r.Run != runs[k].Run {
					t.Errorf("the run %d became %d", runs[k].Run, r.Run)
				}
				kept++
				continue
			}
			f := mustFail(t, i, string(w.text(t)), systemtest.Timeout)
			if !strings.Contains(f.Error, "newrun") {
				t.Errorf("a command of a lost run failed with %q", f.Error)
			}
			for _, d := range designers {
				if d.times(w.Number) != 0 {
					t.Errorf("%s executed a command of a run that %s held", d.name, gone)
				}
			}
			lost++
		}
	}
	if r, failed := again(t, open[0], "newrun"); len(failed) != 0 || slices.ContainsFunc(runs, func(other result) bool { return other.Designer == r.Designer }) {
		t.Errorf("the new run is at %s, after %v; the runs were at %v", r.Designer, failed, runs)
	}
	newWork("work").do(t, open[0])
	// All designers have a run now.
	more := instruments["libobe"](t, front(t, server.URL(), subject).address)
	defer more.close()
	f := mustFail(t, more, string(newWork("newrun").text(t)), systemtest.Timeout)
	for k, i := range open[1:] {
		if r := newWork("work").do(t, i); r.Run != runs[k+1].Run {
			t.Errorf("the run %d became %d", runs[k+1].Run, r.Run)
		}
	}
	for _, d := range designers {
		if _, repeated := d.all(); repeated != 0 {
			t.Errorf("%s executed %d commands more than once", d.name, repeated)
		}
	}
	t.Logf("%d runs at %d designers; one killed: %d commands of its run failed, none went to another designer; %d commands of other runs answered; without a free designer: %q",
		fronts, count, lost, kept, f.Error)
}

// TestPinnedDesignerKilled: the gateway of the only designer is killed and started again: the run is lost, and the
// instrument is told.
func TestPinnedDesignerKilled(t *testing.T) {
	t.Parallel()
	server := natsserver.Start(t)
	const subject, rounds = "obe.pinned", 5
	i := instruments["libobe kept"](t, front(t, server.URL(), subject).address)
	defer i.close()
	for range rounds {
		d := startServer(t, "designer")
		b := back(t, server.URL(), subject, d.address)
		private := awaitDesigners(t, server.URL(), subject, 1)[0]
		newWork("newrun").do(t, i)
		newWork("work").do(t, i)
		b.kill()
		awaitGone(t, server.URL(), private)
		w := newWork("work")
		f := mustFail(t, i, string(w.text(t)), systemtest.Timeout)
		fresh := startServer(t, "fresh")
		b = back(t, server.URL(), subject, fresh.address)
		for range 5 {
			f = mustFail(t, i, string(newWork("work").text(t)), systemtest.Timeout)
			if !strings.Contains(f.Error, "newrun") {
				t.Errorf("a command of a lost run failed with %q", f.Error)
			}
		}
		if executed, _ := fresh.all(); executed != 0 {
			t.Errorf("a fresh designer executed %d commands of a lost run", executed)
		}
		if r := newWork("newrun").do(t, i); r.Designer != "fresh" {
			t.Errorf("%s answered", r.Designer)
		}
		newWork("work").do(t, i)
		b.kill()
	}
	t.Logf("%d times the designer of a run was killed and a fresh one started: %d commands failed, none was executed by the fresh one", rounds, 6*rounds)
}

// TestPermissions: what a NATS server denies is told, at once, and without a password.
func TestPermissions(t *testing.T) {
	t.Parallel()
	const password = "horse-battery"
	server := natsserver.Start(t, `authorization { users: [
		{ user: lab1, password: "`+password+`", permissions: { publish: ["obe.lab1.>", "_INBOX.>"], subscribe: ["obe.lab1.>", "_INBOX.>"], allow_responses: true } }
		{ user: lab2, password: "`+password+`", permissions: { publish: ["obe.lab2.>", "_INBOX.>"], subscribe: ["obe.lab2.>", "_INBOX.>"], allow_responses: true } }
		{ user: deaf, password: "`+password+`", permissions: { publish: [">"], subscribe: { deny: [">"] } } }
	] }`)
	as := func(user string) string { return strings.Replace(server.URL(), "://", "://"+user+":"+password+"@", 1) }
	d := startServer(t, "designer")
	serving := back(t, as("lab1"), "obe.lab1.nv", d.address)
	mine := front(t, as("lab1"), "obe.lab1.nv", "--timeout", "5s")
	newWork("newrun").do(t, instruments["libobe"](t, mine.address))

	processes := []*process{serving.process, mine.process}
	other := front(t, as("lab2"), "obe.lab1.nv", "--timeout", "5s")
	processes = append(processes, other.process)
	i := instruments["libobe"](t, other.address)
	const commands = 3
	for range commands {
		began := time.Now()
		f := mustFail(t, i, string(newWork("newrun").text(t)), systemtest.Timeout)
		if took := time.Since(began); took > systemtest.Soon || !strings.Contains(f.Error, "denies") {
			t.Errorf("a command without permission failed after %v with %q", took, f.Error)
		}
		t.Logf("%q", f.Error)
	}
	if executed, _ := d.all(); executed != 1 {
		t.Errorf("%d commands were executed, not 1", executed)
	}
	gateways := 0
	for _, url := range []string{as("lab2"), as("deaf"), strings.Replace(as("lab1"), "horse", "mule", 1), server.URL()} {
		for _, role := range []string{"--to", "--listen"} {
			if url == as("lab2") && role == "--listen" {
				continue // the NATS server tells it at the first command
			}
			at := d.address
			if role == "--listen" {
				at = "127.0.0.1:0"
			}
			refused := startBack(t, url, "obe.lab1.other", role, at)
			if status := refused.status(); status == 0 || refused.wrote("panic") {
				t.Errorf("a gateway without permission ended with %d", status)
			}
			processes = append(processes, refused.process)
			gateways++
			t.Logf("%s: %q", role, refused.tail(1))
		}
	}
	for _, p := range processes {
		if p.wrote("battery") {
			t.Errorf("%s wrote the password", p.name)
		}
	}
	t.Logf("%d commands and %d gateways without permission refused; %d processes wrote no password", commands, gateways, len(processes))
}

// TestPayloadLimits: messages are larger than what the NATS server takes at once, in both directions, before a run and
// in one; and too large for the gateway.
func TestPayloadLimits(t *testing.T) {
	t.Parallel()
	for _, limit := range []string{"64KB", "1MB", "8MB"} {
		t.Run(limit, func(t *testing.T) {
			server := natsserver.Start(t, "max_payload: "+limit)
			d := startServer(t, "designer")
			i := instruments["libobe"](t, pair(t, server.URL(), "obe.large", d.address))
			defer i.close()
			commands := 0
			for _, command := range []string{"newrun", "work"} {
				for _, size := range []int{60_000, 65_536, 1_044_000, 1_048_576, 3_000_000, 16_000_000} {
					for _, w := range []*work{{Pad: strings.Repeat("p", size)}, {Want: size}} {
						w.Command, w.Number = command, lastNumber.Add(1)
						w.do(t, i)
						commands++
					}
				}
			}
			if executed, repeated := d.all(); executed != commands || repeated != 0 {
				t.Errorf("%d of %d commands executed, %d more than once", executed, commands, repeated)
			}
			t.Logf("max_payload %s: %d commands with 60 kB to 16 MB in either direction", limit, commands)
		})
	}
	t.Run("too large", func(t *testing.T) {
		server := natsserver.Start(t)
		d := startServer(t, "designer")
		i := instruments["libobe"](t, pair(t, server.URL(), "obe.large", d.address))
		defer i.close()
		newWork("newrun").do(t, i)
		w := newWork("work")
		w.Want = 64<<20 + 1000
		f := mustFail(t, i, string(w.text(t)), systemtest.Timeout)
		if n := d.times(w.Number); n != 1 {
			t.Errorf("it was executed %d times", n)
		}
		newWork("work").do(t, i)
		t.Logf("a reply of more than 64 MiB: %q", f.Error)
	})
}

// TestRequestWithoutHeaders: a request of any NATS client is served.
func TestRequestWithoutHeaders(t *testing.T) {
	t.Parallel()
	server := natsserver.Start(t)
	d := startServer(t, "designer")
	back(t, server.URL(), "obe.plain", d.address)
	conn := connect(t, server.URL())
	request := func(w *work) *nats.Msg {
		t.Helper()
		m, err := conn.Request("obe.plain", w.text(t), systemtest.Timeout)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	for range 50 {
		w := newWork("newrun")
		if _, err := w.resultOf(w.text(t), request(w).Data); err != nil {
			t.Error(err)
		}
	}
	large := newWork("newrun")
	large.Want = 3_000_000
	m := request(large)
	if status := m.Header.Get("Obe-Status"); status != "TOO_LARGE" {
		t.Errorf("a reply that is too large for a request without headers has the status %q: %.100s", status, m.Data)
	}
	t.Logf("50 requests without headers; too large: %q", m.Data)
}

// TestWildcard: one gateway serves all experiments of a lab, each with the designer of its name.
func TestWildcard(t *testing.T) {
	t.Parallel()
	server := natsserver.Start(t)
	directory := systemtest.TempDir(t)
	designers := map[string]*designer{}
	names := []string{"nv1", "nv2", "rabi_3"}
	for _, name := range names {
		d := newDesigner(name)
		designers[name] = d
		listener, err := d.listen("unix:"+filepath.Join(directory, name+".sock"), 0)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- d.serve(listener) }()
		t.Cleanup(func() {
			listener.Free()
			<-done
		})
	}
	startBack(t, server.URL(), "obe.lab1.*", "--to", "unix:"+directory+"/{1}.sock")
	awaitDesigners(t, server.URL(), "obe.lab1.nv1", 1)
	var all sync.WaitGroup
	for _, name := range names {
		address := front(t, server.URL(), "obe.lab1."+name).address
		all.Go(func() {
			i := instruments["libobe"](t, address)
			defer i.close()
			for k := range 50 {
				w := newWork("work")
				if k == 0 {
					w.Command = "newrun"
				}
				if k == 30 {
					w.Pad, w.Want = strings.Repeat("p", 2_000_000), 2_000_000
				}
				if r := w.do(t, i); r.Designer != name {
					t.Errorf("%s answered a command to %s", r.Designer, name)
				}
			}
		})
	}
	all.Wait()
	for _, wrong := range []string{"obe.lab1.nobody", "obe.lab2.nv1"} {
		i := instruments["libobe"](t, front(t, server.URL(), wrong).address)
		f := mustFail(t, i, string(newWork("newrun").text(t)), systemtest.Timeout)
		t.Logf("%s: %q", wrong, f.Error)
		i.close()
	}
	// A name that leads out of the directory.
	conn := connect(t, server.URL())
	for _, name := range []string{"/../nv1", "..", "-x", "nv1\x00", "$HOME"} {
		m, err := conn.Request("obe.lab1."+name, newWork("newrun").text(t), systemtest.Soon)
		if err == nil && m.Header.Get("Obe-Status") == "" {
			t.Errorf("%q was answered with %.100s", name, m.Data)
		}
	}
	for _, name := range names {
		if executed, repeated := designers[name].all(); executed != 50 || repeated != 0 {
			t.Errorf("%s executed %d commands, %d of them more than once", name, executed, repeated)
		}
	}
	t.Log("3 experiments, 50 commands each at the designer of their name; 7 wrong names refused")
}

// children returns the processes that a process has started, with their command lines.
func children(t testing.TB, parent int) map[int]string {
	t.Helper()
	found := map[int]string{}
	all, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range all {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		_, rest, _ := strings.Cut(string(text), ") ")
		fields := strings.Fields(rest)
		if len(fields) < 2 || fields[0] == "Z" || fields[1] != strconv.Itoa(parent) {
			continue
		}
		line, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			t.Fatal(err)
		}
		found[pid] = strings.ReplaceAll(string(line), "\x00", " ")
	}
	return found
}

// await polls until a condition holds.
func await(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for limit := time.Now().Add(systemtest.Timeout); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("%s: it did not happen", what)
		}
	}
}

// TestSpawn: a gateway starts a designer for each experiment at its first command. A killed one is told, an idle one is
// ended, and all end with the gateway.
func TestSpawn(t *testing.T) {
	t.Parallel()
	server := natsserver.Start(t)
	directory := systemtest.TempDir(t)
	experiment, err := os.ReadFile(experimentFile)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"nv1", "nv2", "nv3"}
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(directory, name+".toml"), experiment, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	spawn := fmt.Sprintf("'%s' design '%s/{1}.toml' {address} --stay", obeProgram, directory)
	b := startBack(t, server.URL(), "obe.lab1.*", "--spawn", spawn, "--idle", "3s")
	awaitDesigners(t, server.URL(), "obe.lab1.nv1", 1)
	if n := len(children(t, b.cmd.Process.Pid)); n != 0 {
		t.Errorf("%d designers run before the first command", n)
	}
	var all sync.WaitGroup
	open := map[string]instrument{}
	for _, name := range names {
		open[name] = instruments["libobe"](t, front(t, server.URL(), "obe.lab1."+name).address)
	}
	talk := func(name string) {
		mustAnswer(t, open[name], `{"command": "newrun", "seed": 1}`)
		for range 20 {
			var setting []float64
			if err := json.Unmarshal(mustAnswer(t, open[name], `{"command": "optset"}`), &setting); err != nil {
				t.Error(err)
				return
			}
			mustAnswer(t, open[name], fmt.Sprintf(`{"command": "newdat", "x": [%g], "y": [0.99], "s": [0.005]}`, setting[0]))
		}
	}
	for _, name := range names {
		all.Go(func() { talk(name) })
	}
	all.Wait()
	running := children(t, b.cmd.Process.Pid)
	if len(running) != len(names) {
		t.Fatalf("%d designers run: %v", len(running), running)
	}
	// One is killed.
	for pid, line := range running {
		if strings.Contains(line, "nv1.toml") {
			if process, err := os.FindProcess(pid); err != nil || process.Kill() != nil {
				t.Fatalf("%d could not be killed", pid)
			}
			await(t, "a killed designer ends", func() bool { return len(children(t, b.cmd.Process.Pid)) == len(names)-1 })
		}
	}
	for range 3 {
		f := mustFail(t, open["nv1"], `{"command": "getmean"}`, systemtest.Timeout)
		if !strings.Contains(f.Error, "newrun") {
			t.Errorf("a command of a run whose designer was killed failed with %q", f.Error)
		}
	}
	talk("nv1")
	talk("nv2")
	// An experiment without a file.
	unknown := instruments["libobe"](t, front(t, server.URL(), "obe.lab1.unknown").address)
	defer unknown.close()
	f := mustFail(t, unknown, `{"command": "newrun"}`, systemtest.Timeout)
	t.Logf("without a file: %q", f.Error)
	// Idle ones end. Their run is lost, and told.
	await(t, "idle designers end", func() bool { return len(children(t, b.cmd.Process.Pid)) == 0 })
	f = mustFail(t, open["nv2"], `{"command": "getmean"}`, systemtest.Timeout)
	t.Logf("after idling: %q", f.Error)
	talk("nv2")
	running = children(t, b.cmd.Process.Pid)
	if len(running) != 1 {
		t.Errorf("%d designers run, not 1", len(running))
	}
	// All end with the gateway, even if it is killed.
	b.kill()
	for pid := range running {
		await(t, "the designers of a killed gateway end", func() bool {
			_, err := os.Stat(fmt.Sprintf("/proc/%d", pid))
			return err != nil
		})
	}
	for _, i := range open {
		i.close()
	}
	t.Log("3 designers started at their first command; one killed: 3 commands failed and newrun started it again; all ended when idle, and with the gateway")
}
