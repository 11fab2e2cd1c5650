package nats

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"libobe/internal/systemtest"
	"libobe/internal/systemtest/natsserver"
)

// attempt is a command that was answered with an error, or with nothing.
type attempt struct {
	number int64
	error  string
}

// again asks with new commands until one is answered, and returns its result and the commands that failed before.
func again(t testing.TB, i instrument, command string) (result, []attempt) {
	t.Helper()
	var failed []attempt
	for limit := time.Now().Add(systemtest.Timeout); time.Now().Before(limit); {
		w := newWork(command)
		text := w.text(t)
		reply, err := i.ask(text, systemtest.Timeout)
		if err != nil {
			t.Fatalf("a gateway that lives gave no reply: %v", err)
		}
		if f := failureOf(reply); f.Error != "" {
			failed = append(failed, attempt{w.Number, f.Error})
			time.Sleep(5 * time.Millisecond) // as an instrument does that tries again
			continue
		}
		r, err := w.resultOf(text, reply)
		if err != nil {
			t.Fatal(err)
		}
		return r, failed
	}
	t.Fatalf("no command was answered any more; the last error was %q", failed[len(failed)-1].error)
	return result{}, nil
}

// neverExecuted checks that commands whose reply says that they were not sent were not executed.
func neverExecuted(t testing.TB, d *designer, failed []attempt) {
	t.Helper()
	for _, a := range failed {
		if d.times(a.number) > 0 && surelyNotExecuted(a.error) {
			t.Errorf("command %d was executed, and its reply says %q", a.number, a.error)
		}
	}
}

// TestServerKilled: the NATS server is killed before, while and after a command is executed. Before: the command fails
// at once, and is never executed. While: it fails at once, and was executed once. After: the run continues.
func TestServerKilled(t *testing.T) {
	t.Parallel()
	server := natsserver.Start(t)
	d := startServer(t, "designer")
	working, proceed := make(chan int64, 100), make(chan struct{})
	d.began = func(w work) {
		if w.Command == "held" {
			working <- w.Number
			<-proceed
		}
	}
	address := pair(t, server.URL(), "obe.killed", d.address)
	i := instruments["libobe kept"](t, address)
	defer i.close()
	const rounds = 5
	refused, slowest := 0, time.Duration(0)
	timed := func(text []byte) failure {
		t.Helper()
		began := time.Now()
		f := mustFail(t, i, string(text), systemtest.Timeout)
		slowest = max(slowest, time.Since(began))
		return f
	}
	run := newWork("newrun").do(t, i)
	var failed []attempt
	for range rounds {
		// Before.
		server.Kill()
		var before []*work
		for range 3 {
			w := newWork("work")
			timed(w.text(t))
			before = append(before, w)
		}
		server.Restart()
		r, more := again(t, i, "work")
		if r.Run != run.Run {
			t.Errorf("the run is %d, not %d", r.Run, run.Run)
		}
		failed = append(failed, more...)
		for _, w := range before {
			if n := d.times(w.Number); n != 0 {
				t.Errorf("a command of the time without a NATS server was executed %d times", n)
			}
			refused++
		}
		// While.
		held := newWork("held")
		done := make(chan failure, 1)
		go func() {
			reply, err := i.ask(held.text(t), systemtest.Timeout)
			if err != nil {
				t.Errorf("held: %v", err)
			}
			done <- failureOf(reply)
		}()
		if number := <-working; number != held.Number {
			t.Fatalf("command %d is executed, not %d", number, held.Number)
		}
		server.Kill()
		began := time.Now()
		f := <-done
		if f.Error == "" || time.Since(began) > systemtest.Soon {
			t.Errorf("the command that was being executed ended after %v with %q", time.Since(began), f.Error)
		}
		slowest = max(slowest, time.Since(began))
		server.Restart()
		proceed <- struct{}{}
		r, more = again(t, i, "work")
		if r.Run != run.Run {
			t.Errorf("the run is %d, not %d", r.Run, run.Run)
		}
		failed = append(failed, more...)
		if n := d.times(held.Number); n != 1 {
			t.Errorf("the command that was being executed was executed %d times", n)
		}
		// After.
		newWork("work").do(t, i)
		server.Kill()
		server.Restart()
		r, more = again(t, i, "work")
		if r.Run != run.Run {
			t.Errorf("the run is %d, not %d", r.Run, run.Run)
		}
		failed = append(failed, more...)
	}
	neverExecuted(t, d, failed)
	executed, repeated := d.all()
	if repeated != 0 {
		t.Errorf("%d commands were executed more than once", repeated)
	}
	t.Logf("%d kills: %d commands before, none executed; %d while, each executed once; %d more failed while gateways reconnected; "+
		"%d executed, none twice; the slowest failure took %v", 3*rounds, refused, rounds, len(failed), executed, slowest.Round(time.Millisecond))
}

// TestServerKilledAtRandom: the NATS server is killed at any moment of a stream of commands of several instruments.
func TestServerKilledAtRandom(t *testing.T) {
	t.Parallel()
	server := natsserver.Start(t)
	d := startServer(t, "designer")
	address := pair(t, server.URL(), "obe.random", d.address)
	const clients, kills = 4, 25
	over := make(chan struct{})
	var mu sync.Mutex
	var failed []attempt
	answered := map[int64]bool{}
	var all sync.WaitGroup
	names := slices.Sorted(func(yield func(string) bool) {
		for name := range instruments {
			if !yield(name) {
				return
			}
		}
	})
	for c := range clients {
		all.Go(func() {
			i := instruments[names[c%len(names)]](t, address)
			defer i.close()
			for {
				select {
				case <-over:
					return
				default:
				}
				w := newWork("newrun")
				w.Want = rand.IntN(2000)
				text := w.text(t)
				reply, err := i.ask(text, systemtest.Timeout)
				if err != nil {
					t.Errorf("a gateway that lives gave no reply: %v", err)
					return
				}
				f := failureOf(reply)
				mu.Lock()
				if f.Error != "" {
					failed = append(failed, attempt{w.Number, f.Error})
				} else if _, err := w.resultOf(text, reply); err != nil {
					t.Error(err)
				} else {
					answered[w.Number] = true
				}
				mu.Unlock()
				if f.Error != "" {
					time.Sleep(time.Millisecond) // as an instrument does that tries again
				}
			}
		})
	}
	probe := instruments["libobe"](t, address)
	defer probe.close()
	for range kills {
		_, more := again(t, probe, "newrun")
		mu.Lock()
		failed = append(failed, more...)
		mu.Unlock()
		time.Sleep(time.Duration(rand.IntN(30_000)) * time.Microsecond) // any moment
		server.Kill()
		server.Restart()
	}
	_, more := again(t, probe, "newrun")
	close(over)
	all.Wait()
	failed = append(failed, more...)
	neverExecuted(t, d, failed)
	for number := range answered {
		if n := d.times(number); n != 1 {
			t.Errorf("command %d was answered, and executed %d times", number, n)
		}
	}
	executed, repeated := d.all()
	if repeated != 0 {
		t.Errorf("%d commands were executed more than once", repeated)
	}
	t.Logf("%d kills at random among commands of %d instruments: %d answered, %d failed, %d executed, none twice",
		kills, clients, len(answered), len(failed), executed)
}

// TestStoppedServer: the NATS server stops as in a debugger while requests of 1 MB are under way. Each of them ends at
// its deadline. What the system had already taken comes when the server continues, and is not executed.
func TestStoppedServer(t *testing.T) {
	server := natsserver.Start(t)
	d := startServer(t, "designer")
	back(t, server.URL(), "obe.stopped", d.address)
	const clients, limit = 20, 2 * time.Second
	address := front(t, server.URL(), "obe.stopped", "--timeout", limit.String()).address
	i := instruments["original"](t, address)
	newWork("newrun").do(t, i)
	pad := strings.Repeat("p", 1_000_000)
	for round := range 2 {
		stop(t, server)
		var all sync.WaitGroup
		var mu sync.Mutex
		var earliest, latest time.Duration
		numbers := map[int64]string{}
		for range clients {
			all.Go(func() {
				w := newWork("work")
				w.Pad = pad
				began := time.Now()
				reply, err := i.ask(w.text(t), limit+systemtest.Timeout)
				took := time.Since(began)
				if err != nil {
					t.Errorf("the gateway gave no reply: %v", err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				f := failureOf(reply)
				if f.Error == "" {
					t.Errorf("a stopped server answered %.100s", reply)
				}
				numbers[w.Number] = f.Error
				latest = max(latest, took)
				if earliest == 0 || took < earliest {
					earliest = took
				}
			})
		}
		all.Wait()
		if latest > limit+systemtest.Soon/2 {
			t.Errorf("a command ended after %v; the limit is %v", latest, limit)
		}
		server.Continue()
		_, failed := again(t, i, "newrun")
		late := 0
		for number, told := range numbers {
			if d.times(number) != 0 {
				late++
				t.Errorf("a command was executed after its instrument had been told %q", told)
			}
		}
		t.Logf("round %d: %d commands of 1 MB ended after %v to %v with a limit of %v; %d executed later; %d more failed after that",
			round+1, clients, earliest.Round(time.Millisecond), latest.Round(time.Millisecond), limit, late, len(failed))
	}
}

// TestSuspendedDesigner: the gateway of a designer is stopped, as by a laptop that is closed. The commands that come
// meanwhile end at their deadline, and are not executed when it continues.
func TestSuspendedDesigner(t *testing.T) {
	server := natsserver.Start(t)
	d := startServer(t, "designer")
	b := back(t, server.URL(), "obe.suspended", d.address)
	const commands, limit = 10, time.Second
	i := instruments["original"](t, front(t, server.URL(), "obe.suspended", "--timeout", limit.String()).address)
	run := newWork("newrun").do(t, i)
	for range 2 {
		if err := b.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		b.awaitStop()
		var all sync.WaitGroup
		var sent []*work
		for k := range commands {
			w := newWork("work")
			if k%2 == 0 {
				w.Command = "newrun"
			}
			sent = append(sent, w)
			all.Go(func() { mustFailure(t, i, w) })
		}
		all.Wait()
		if err := b.cmd.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		if r := newWork("work").do(t, i); r.Run != run.Run {
			t.Errorf("the run %d became %d", run.Run, r.Run)
		}
		for _, w := range sent {
			if n := d.times(w.Number); n != 0 {
				t.Errorf("command %d (%s) was executed after its instrument had been told that it failed", w.Number, w.Command)
			}
		}
	}
	t.Logf("%d commands came while the gateway of the designer was stopped: none was executed when it continued", 2*commands)
}

// TestClusterOfThree: one server of a cluster after the other is killed. The run survives, and no command is executed
// twice.
func TestClusterOfThree(t *testing.T) {
	t.Parallel()
	ports, routes := [3]int{}, []string{}
	for k := range ports {
		ports[k] = natsserver.FreePort(t)
		routes = append(routes, fmt.Sprintf("nats://127.0.0.1:%d", natsserver.FreePort(t)))
	}
	var servers []*natsserver.Server
	var urls []string
	for k, port := range ports {
		servers = append(servers, natsserver.StartAt(t, port, fmt.Sprintf("server_name: n%d\ncluster { name: lab, listen: %q, routes: [%s] }",
			k, strings.TrimPrefix(routes[k], "nats://"), strings.Join(routes, ", "))))
		urls = append(urls, fmt.Sprintf("127.0.0.1:%d", port))
	}
	d := startServer(t, "designer")
	all := "nats://" + strings.Join(urls, ",")
	back(t, all, "obe.cluster", d.address)
	for _, server := range servers {
		awaitDesigners(t, server.URL(), "obe.cluster", 1)
	}
	var fronts []instrument
	for _, server := range servers {
		// Each begins with another server of the cluster, and knows all. A command that a server passes on to the one that
		// was just killed is lost, and has the time limit.
		at := front(t, server.URL()+","+strings.Join(urls, ","), "obe.cluster", "--timeout", "3s").address
		fronts = append(fronts, instruments["libobe kept"](t, at))
	}
	var failed []attempt
	longest := time.Duration(0)
	answered := 0
	for round := range 2 {
		for k, server := range servers {
			run := newWork("newrun").do(t, fronts[k])
			for _, i := range fronts {
				again(t, i, "newrun") // pinned
			}
			_ = run
			server.Kill()
			for _, i := range fronts {
				began := time.Now()
				_, more := again(t, i, "work")
				longest = max(longest, time.Since(began))
				failed = append(failed, more...)
				for range 50 {
					newWork("work").do(t, i)
					answered++
				}
			}
			server.Restart()
			_ = round
		}
	}
	for _, i := range fronts {
		i.close()
	}
	neverExecuted(t, d, failed)
	executed, repeated := d.all()
	if repeated != 0 {
		t.Errorf("%d commands were executed more than once", repeated)
	}
	t.Logf("6 kills in a cluster of three with 3 fronts: %d commands answered with one server gone, %d failed first; the longest gap was %v; %d executed, none twice",
		answered, len(failed), longest.Round(time.Millisecond), executed)
}

// TestStaleCommand: a NATS server of a cluster stops with a newrun that it has not passed on. The gateway goes to
// another server, and begins a run there. When the first one continues, its newrun is not executed: it would throw away
// what the new run has measured.
func TestStaleCommand(t *testing.T) {
	t.Parallel()
	routes := []string{fmt.Sprintf("127.0.0.1:%d", natsserver.FreePort(t)), fmt.Sprintf("127.0.0.1:%d", natsserver.FreePort(t))}
	var servers []*natsserver.Server
	for k, route := range routes {
		servers = append(servers, natsserver.Start(t, fmt.Sprintf("server_name: n%d\ncluster { name: lab, listen: %q, routes: [ \"nats://%s\", \"nats://%s\" ] }",
			k, route, routes[0], routes[1])))
	}
	stopped, other := servers[0], servers[1]
	d := startServer(t, "designer")
	back(t, other.URL(), "obe.stale", d.address)
	awaitDesigners(t, stopped.URL(), "obe.stale", 1)
	line := newCable(t, strings.TrimPrefix(stopped.URL(), "nats://"))
	f := front(t, "nats://"+line.address(), "obe.stale", "--timeout", "1s") // it learns of the other server from this one
	i := instruments["original"](t, f.address)
	newWork("newrun").do(t, i)
	conn := connect(t, stopped.URL(), nats.NoReconnect())
	stop(t, stopped)
	stale := newWork("newrun")
	told := mustFail(t, i, string(stale.text(t)), systemtest.Timeout)
	line.unplug()
	var run result
	await(t, "the gateway goes to another server", func() bool {
		w := newWork("newrun")
		text := w.text(t)
		reply, err := i.ask(text, systemtest.Timeout)
		if err != nil || failureOf(reply).Error != "" {
			return false
		}
		run, err = w.resultOf(text, reply)
		return err == nil
	})
	newWork("work").do(t, i)
	stopped.Continue()
	// What the stopped server had is on its way when it answers to another connection, at the latest when it has done so
	// many times.
	for k := range 200 {
		if _, err := conn.Request(fmt.Sprintf("nobody.%d", k), nil, systemtest.Timeout); !errors.Is(err, nats.ErrNoResponders) {
			t.Fatalf("the server that continues: %v", err)
		}
		if r := newWork("work").do(t, i); r.Run != run.Run {
			t.Fatalf("the run %d became the run %d; the stale newrun has the number %d, and its instrument was told %q", run.Run, r.Run, stale.Number, told.Error)
		}
	}
	if n := d.times(stale.Number); n != 0 {
		t.Errorf("the stale newrun was executed %d times", n)
	}
	t.Log("1 newrun of a NATS server that was stopped, and continued after the gateway had left it: not executed; 201 commands of the run after it")
}

// cable is a TCP connection between two places, that can be cut and healed.
type cable struct {
	listener net.Listener
	to       string

	mu    sync.Mutex
	state cableState
	conns map[net.Conn]bool // true: that of the side which connected
}

type cableState int

const (
	whole  cableState = iota
	cut               // connections are reset, and new ones, too
	silent            // nothing arrives any more
)

func newCable(t testing.TB, to string) *cable {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cable{listener: listener, to: to, conns: map[net.Conn]bool{}}
	go c.accept()
	t.Cleanup(func() {
		listener.Close()
		c.set(cut)
	})
	return c
}

func (c *cable) address() string { return c.listener.Addr().String() }

func (c *cable) set(state cableState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if state != silent { // what got stuck is lost
		for conn := range c.conns {
			_ = conn.(*net.TCPConn).SetLinger(0)
			conn.Close()
		}
		clear(c.conns)
	}
	c.state = state
}

// unplug ends the connections of the side that connected. What it has sent still arrives.
func (c *cable) unplug() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn, connected := range c.conns {
		if connected {
			conn.Close()
			delete(c.conns, conn)
		}
	}
	c.state = cut
}

func (c *cable) now() cableState {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

func (c *cable) accept() {
	for {
		near, err := c.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", c.to)
		if err != nil || c.now() == cut {
			near.Close()
			if err == nil {
				far.Close()
			}
			continue
		}
		c.mu.Lock()
		c.conns[near], c.conns[far] = true, false
		c.mu.Unlock()
		go c.carry(near, far)
		go c.carry(far, near)
	}
}

func (c *cable) carry(from, to net.Conn) {
	defer from.Close()
	defer to.Close()
	buffer := make([]byte, 1<<16)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		if c.now() == silent {
			continue
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// TestLeafCut: a lab has a leaf node. While its cable to the hub is cut, the lab's own instruments work on with the
// lab's designer; what needs the hub fails with a sentence; and all works again when the cable is healed.
func TestLeafCut(t *testing.T) {
	t.Parallel()
	leafPort := natsserver.FreePort(t)
	hub := natsserver.Start(t, fmt.Sprintf("server_name: hub\nleafnodes { listen: \"127.0.0.1:%d\", no_advertise: true }", leafPort))
	line := newCable(t, fmt.Sprintf("127.0.0.1:%d", leafPort))
	leaf := natsserver.Start(t, fmt.Sprintf("server_name: leaf\nping_interval: \"1s\"\nping_max: 1\nleafnodes { reconnect: \"1s\", remotes: [ { url: \"nats-leaf://%s\" } ] }", line.address()))
	near, far := startServer(t, "near"), startServer(t, "far")
	back(t, leaf.URL(), "obe.lab1.near", near.address)
	back(t, hub.URL(), "obe.hub.far", far.address)
	awaitDesigners(t, hub.URL(), "obe.lab1.near", 1)
	awaitDesigners(t, leaf.URL(), "obe.hub.far", 1)
	const limit = "1s"
	open := func(url, subject string) instrument {
		return instruments["libobe"](t, front(t, url, subject, "--timeout", limit).address)
	}
	local := open(leaf.URL(), "obe.lab1.near")
	across := []struct {
		i instrument
		d *designer
	}{{open(leaf.URL(), "obe.hub.far"), far}, {open(hub.URL(), "obe.lab1.near"), near}}
	newWork("newrun").do(t, local)
	for _, a := range across {
		newWork("newrun").do(t, a.i)
	}
	worked, failedCount := 0, 0
	for _, state := range []cableState{cut, silent, cut} {
		line.set(state)
		for range 30 {
			newWork("work").do(t, local)
			worked++
		}
		for _, a := range across {
			var failed []attempt
			for range 3 {
				w := newWork("work")
				text := w.text(t)
				f := mustFail(t, a.i, string(text), systemtest.Timeout)
				failed = append(failed, attempt{w.Number, f.Error})
			}
			failedCount += len(failed)
			for _, f := range failed {
				if a.d.times(f.number) != 0 {
					t.Errorf("a command crossed a cut cable: %s", f.error)
				}
			}
			t.Logf("state %d: %q", state, failed[0].error)
		}
		for range 30 {
			newWork("work").do(t, local)
			worked++
		}
		line.set(whole)
		for _, a := range across {
			_, failed := again(t, a.i, "newrun")
			neverExecuted(t, a.d, failed)
			for range 10 {
				newWork("work").do(t, a.i)
			}
		}
	}
	for _, d := range []*designer{near, far} {
		if _, repeated := d.all(); repeated != 0 {
			t.Errorf("%d commands were executed more than once", repeated)
		}
	}
	t.Logf("the cable was cut 3 times (once without a word): %d commands in the lab answered, %d across failed, none of them executed", worked, failedCount)
}

// TestStreamOverCommands: a stream that keeps the commands, and acknowledges them, changes no reply.
func TestStreamOverCommands(t *testing.T) {
	t.Parallel()
	server := natsserver.Start(t, natsserver.JetStream(t))
	conn := connect(t, server.URL())
	js, err := conn.JetStream()
	if err != nil {
		t.Fatal(err)
	}
	for _, quiet := range []bool{false, true} {
		t.Run(fmt.Sprintf("no_ack=%t", quiet), func(t *testing.T) {
			if _, err := js.AddStream(&nats.StreamConfig{Name: "OBE", Subjects: []string{"obe.>"}, NoAck: quiet, Storage: nats.MemoryStorage}); err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := js.DeleteStream("OBE"); err != nil {
					t.Error(err)
				}
			}()
			d := startServer(t, "designer")
			subject := fmt.Sprintf("obe.stream%t", quiet)
			back(t, server.URL(), subject, d.address)
			f := front(t, server.URL(), subject)
			i := instruments["libobe kept"](t, f.address)
			defer i.close()
			const commands = 200
			newWork("newrun").do(t, i)
			for k := range commands - 1 {
				w := newWork("work")
				if k%20 == 0 {
					w.Hold = 5 // the stream's acknowledgement comes first
				}
				if k%50 == 0 {
					w.Pad, w.Want = strings.Repeat("p", 2_000_000), 2_000_000
				}
				w.do(t, i)
			}
			for range 50 {
				newWork("newrun").do(t, i)
			}
			if !quiet {
				f.find("stream")
			}
			executed, repeated := d.all()
			if executed != commands+50 || repeated != 0 {
				t.Errorf("%d commands executed, %d of them more than once", executed, repeated)
			}
			info, err := js.StreamInfo("OBE")
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("no_ack=%t: %d commands answered with their own replies; the stream has %d messages", quiet, executed, info.State.Msgs)
			// Without a designer the stream is the only one that answers.
			absent := front(t, server.URL(), subject+".nobody", "--timeout", "1s")
			lonely := instruments["libobe"](t, absent.address)
			defer lonely.close()
			fail := mustFail(t, lonely, `{"command": "newrun"}`, systemtest.Timeout)
			t.Logf("no designer, no_ack=%t: %q", quiet, fail.Error)
		})
	}
}
