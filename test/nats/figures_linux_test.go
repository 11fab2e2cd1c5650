package nats

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"libobe/internal/systemtest/natsserver"
)

var figures = flag.Bool("figures", false, "measure, and print a table in Markdown; nothing else should run meanwhile")

// table is what was measured, in Markdown.
type table struct{ rows []string }

func (f *table) add(what, value, goal string) {
	f.rows = append(f.rows, fmt.Sprintf("| %s | %s | %s |", what, value, goal))
}

func (f *table) print() {
	fmt.Fprintf(os.Stdout, "\n| figure | measured | goal |\n|---|---|---|\n%s\n", strings.Join(f.rows, "\n"))
}

// TestFigures measures what gateways cost.
func TestFigures(t *testing.T) {
	if !*figures {
		t.Skip("go test -run TestFigures -figures measures what gateways cost, for some minutes")
	}
	var f table
	defer f.print()
	t.Run("latency", func(t *testing.T) { latency(t, &f) })
	t.Run("throughput", func(t *testing.T) { throughput(t, &f) })
	t.Run("large", func(t *testing.T) { large(t, &f) })
	t.Run("idle", func(t *testing.T) { idle(t, &f) })
	t.Run("designers", func(t *testing.T) { designers(t, &f) })
	t.Run("connections", func(t *testing.T) { connections(t, &f) })
	t.Run("leaf", func(t *testing.T) { leaf(t, &f) })
	t.Run("stream", func(t *testing.T) { stream(t, &f) })
}

// quantile returns a quantile of sorted durations.
func quantile(sorted []time.Duration, q float64) time.Duration {
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

// latency measures round trips through gateways and directly, by turns.
func latency(t *testing.T, f *table) {
	const rounds, warm = 5000, 500
	server := natsserver.Start(t)
	d := startJournal(t, "libobe", "")
	for _, way := range []struct {
		name, client, subject string
		flags                 []string
	}{
		{"kept connections", "libobe kept", "obe.kept", []string{"--persistent"}},
		{"a connection for each command", "original", "obe.single", nil},
	} {
		paths := []instrument{
			instruments[way.client](t, d.address),
			instruments[way.client](t, pair(t, server.URL(), way.subject, d.address, way.flags...)),
		}
		var took [2][]time.Duration
		for k := range rounds + warm {
			for p, i := range paths {
				w := newWork("newrun")
				began := time.Now()
				w.do(t, i)
				if k >= warm {
					took[p] = append(took[p], time.Since(began))
				}
			}
		}
		for p, i := range paths {
			i.close()
			slices.Sort(took[p])
		}
		for _, q := range []struct {
			name, goal string
			at         float64
		}{{"median", "350 µs", 0.5}, {"p99", "1 ms", 0.99}} {
			direct, through := quantile(took[0], q.at), quantile(took[1], q.at)
			f.add(fmt.Sprintf("added latency, %s, %s of %d", way.name, q.name, rounds),
				fmt.Sprintf("%d µs (%d µs, directly %d µs)", (through-direct).Microseconds(), through.Microseconds(), direct.Microseconds()), "≤ "+q.goal)
		}
	}
}

// throughput measures 64 instruments on 8 subjects, and the processor time of each part for a command.
func throughput(t *testing.T, f *table) {
	const subjects, instrumentsOfEach, period = 8, 8, 6 * time.Second
	server := natsserver.Start(t)
	d := startJournal(t, "libobe", "")
	parts := map[string][]*process{"the designer": {d.process}}
	var open []instrument
	for k := range subjects {
		subject := fmt.Sprintf("obe.lab%d.nv", k)
		b := back(t, server.URL(), subject, d.address, "--persistent")
		at := front(t, server.URL(), subject)
		parts["fronts"] = append(parts["fronts"], at.process)
		parts["backs"] = append(parts["backs"], b.process)
		for range instrumentsOfEach {
			open = append(open, instruments["libobe kept"](t, at.address))
		}
	}
	measure := func(what, goal string, open []instrument) {
		var over atomic.Bool
		var commands atomic.Int64
		var all sync.WaitGroup
		for _, i := range open {
			all.Go(func() {
				for !over.Load() {
					newWork("newrun").do(t, i)
					commands.Add(1)
				}
			})
		}
		time.Sleep(time.Second) // until all are under way
		used := func(part []*process) (sum time.Duration) {
			for _, p := range part {
				sum += p.cpuTime()
			}
			return sum
		}
		before := map[string]time.Duration{}
		for name, part := range parts {
			before[name] = used(part)
		}
		natsBefore := cpuTimeOf(t, server)
		first, began := commands.Load(), time.Now()
		time.Sleep(period) // the time that is measured
		n, took := commands.Load()-first, time.Since(began)
		nats := cpuTimeOf(t, server) - natsBefore
		costs := []string{fmt.Sprintf("nats-server %.0f µs", float64(nats.Microseconds())/float64(n))}
		for _, name := range []string{"fronts", "backs", "the designer"} {
			costs = append(costs, fmt.Sprintf("%s %.0f µs", name, float64((used(parts[name])-before[name]).Microseconds())/float64(n)))
		}
		over.Store(true)
		all.Wait()
		f.add(what, fmt.Sprintf("%.0f commands/s", float64(n)/took.Seconds()), goal)
		f.add("processor time for a command, of the row before", strings.Join(costs, ", "), "")
	}
	measure("64 instruments on 8 subjects, two cores", "≥ 5,000", open)
	for _, i := range open {
		i.close()
	}
	var directly []instrument
	for range len(open) {
		directly = append(directly, instruments["libobe kept"](t, d.address))
	}
	measure("the same without gateways", "", directly)
	for _, i := range directly {
		i.close()
	}
}

// large measures replies of 16 MB.
func large(t *testing.T, f *table) {
	const size, rounds = 16_000_000, 15
	for _, limit := range []string{"1MB", "8MB"} {
		server := natsserver.Start(t, "max_payload: "+limit)
		d := startJournal(t, "libobe", "")
		paths := []instrument{
			instruments["libobe kept"](t, d.address),
			instruments["libobe kept"](t, pair(t, server.URL(), "obe.large", d.address, "--persistent")),
		}
		var took [2][]time.Duration
		for k := range rounds + 2 {
			for p, i := range paths {
				w := newWork("newrun")
				w.Want = size
				text := w.text(t)
				began := time.Now()
				reply, err := i.ask(text, time.Minute)
				end := time.Since(began)
				if err != nil || len(reply) < size {
					t.Fatalf("%v, %d bytes: %.200s", err, len(reply), reply)
				}
				if k >= 2 {
					took[p] = append(took[p], end)
				}
			}
		}
		rate := [2]float64{}
		for p, i := range paths {
			i.close()
			slices.Sort(took[p])
			rate[p] = size / 1e6 / quantile(took[p], 0.5).Seconds()
		}
		f.add("a reply of 16 MB, max_payload "+limit, fmt.Sprintf("%.0f MB/s (directly %.0f MB/s), the designer included", rate[1], rate[0]), "≥ 100 MB/s")
	}
}

// idle measures the memory of gateways with 1,000 instruments that have asked once, and wait.
func idle(t *testing.T, f *table) {
	const count = 1000
	server := natsserver.Start(t)
	d := startJournal(t, "libobe", "")
	b := back(t, server.URL(), "obe.idle", d.address, "--persistent")
	at := front(t, server.URL(), "obe.idle")
	empty := at.memory()
	for range count {
		i := instruments["libobe kept"](t, at.address)
		defer i.close()
		newWork("newrun").do(t, i)
	}
	f.add("memory of a gateway with 1,000 idle instruments", fmt.Sprintf("%.1f MB (with none %.1f MB); the other gateway %.1f MB; %d descriptors",
		mb(at.memory()), mb(empty), mb(b.memory()), at.descriptors()), "≤ 64 MB")
	// Gateways of their own.
	const gateways = 20
	before := memoryOf(t, server)
	sum, own := int64(0), int64(0)
	for k := range gateways {
		subject := fmt.Sprintf("obe.many%d", k)
		b, at := back(t, server.URL(), subject, d.address), front(t, server.URL(), subject)
		i := instruments["libobe"](t, at.address)
		newWork("newrun").do(t, i)
		i.close()
		sum += b.memory() + at.memory()
		own += b.private() + at.private()
	}
	f.add(fmt.Sprintf("memory of a gateway with one instrument, mean of %d", 2*gateways), fmt.Sprintf("%.1f MB, of which %.1f MB are not shared with other gateways",
		mb(sum/(2*gateways)), mb(own/(2*gateways))), "")
	f.add("nats-server, for each gateway", fmt.Sprintf("%.0f kB", float64(memoryOf(t, server)-before)/(2*gateways)/1e3), "")
}

func mb(bytes int64) float64 { return float64(bytes) / 1e6 }

// connections measures the memory of nats-server for connections as those of gateways.
func connections(t *testing.T, f *table) {
	const count = 2000
	server := natsserver.Start(t)
	first := connect(t, server.URL())
	before := memoryOf(t, server)
	for k := range count {
		conn := connect(t, server.URL())
		subject := fmt.Sprintf("obe.lab%d.nv", k)
		for _, at := range []string{subject + "._who", subject + "._" + nats.NewInbox()[7:], nats.NewInbox() + ".*"} {
			if _, err := conn.Subscribe(at, func(*nats.Msg) {}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := conn.QueueSubscribe(subject, "obe", func(m *nats.Msg) { _ = m.Respond(m.Data) }); err != nil {
			t.Fatal(err)
		}
		if err := conn.Flush(); err != nil {
			t.Fatal(err)
		}
		if _, err := first.Request(subject, []byte("{}"), time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	f.add("nats-server, for each of 2,000 connections with 4 subscriptions", fmt.Sprintf("%.0f kB, together %.0f MB",
		float64(memoryOf(t, server)-before)/count/1e3, mb(memoryOf(t, server))), "")
}

// leaf measures what a subscription at the hub costs a leaf node.
func leaf(t *testing.T, f *table) {
	const count = 20_000
	port := natsserver.FreePort(t)
	hub := natsserver.Start(t, fmt.Sprintf("leafnodes { listen: \"127.0.0.1:%d\", no_advertise: true }", port))
	lab := natsserver.Start(t, fmt.Sprintf("leafnodes { remotes: [ { url: \"nats-leaf://127.0.0.1:%d\" } ] }", port))
	at, from := connect(t, hub.URL()), connect(t, lab.URL())
	subscribe := func(subject string) {
		t.Helper()
		if _, err := at.Subscribe(subject, func(m *nats.Msg) { _ = m.Respond(m.Data) }); err != nil {
			t.Fatal(err)
		}
	}
	arrived := func(subject string) {
		t.Helper()
		await(t, "the interest in "+subject, func() bool {
			_, err := from.Request(subject, nil, time.Second)
			return err == nil
		})
	}
	subscribe("obe.first")
	arrived("obe.first")
	before := memoryOf(t, lab)
	began := time.Now()
	for k := range count {
		subscribe(fmt.Sprintf("obe.lab%d.nv%d", k/100, k%100))
	}
	subscribe("obe.last")
	arrived("obe.last")
	f.add("leaf node, for each of 20,000 subscriptions at the hub", fmt.Sprintf("%.2f kB; they were there after %v",
		float64(memoryOf(t, lab)-before)/count/1e3, time.Since(began).Round(10*time.Millisecond)), "")
}

// stream measures how many lines a second one stream keeps.
func stream(t *testing.T, f *table) {
	const count, size = 100_000, 400
	server := natsserver.Start(t, natsserver.JetStream(t))
	js, err := connect(t, server.URL()).JetStream(nats.PublishAsyncMaxPending(1000))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.AddStream(&nats.StreamConfig{Name: "LOG", Subjects: []string{"obe.*.*.log"}}); err != nil {
		t.Fatal(err)
	}
	line := []byte(strings.Repeat("x", size))
	began := time.Now()
	for k := range count {
		if _, err := js.PublishAsync(fmt.Sprintf("obe.lab%d.nv.log", k%100), line); err != nil {
			t.Fatal(err)
		}
	}
	<-js.PublishAsyncComplete()
	f.add("one stream in files, lines of 400 bytes with acknowledgements", fmt.Sprintf("%.0f lines/s", count/time.Since(began).Seconds()), "")
}

// designers measures the memory of obe design.
func designers(t *testing.T, f *table) {
	const count, measurements = 10, 200
	for _, particles := range []int{10_000, 100_000} {
		var all []*process
		for range count {
			p := start(t, "obe design", obeProgram, "design", experimentFile, ":0", "--stay")
			i := instruments["libobe kept"](t, listening(p))
			mustAnswer(t, i, fmt.Sprintf(`{"command": "newrun", "particles": %d}`, particles))
			for range measurements {
				mustAnswer(t, i, `{"command": "optset"}`)
				mustAnswer(t, i, `{"command": "newdat", "x": [2.5], "y": [0.97], "s": [0.005]}`)
			}
			i.close()
			all = append(all, p)
		}
		sum, own := int64(0), int64(0)
		for _, p := range all {
			sum += p.memory()
			own += p.private()
		}
		f.add(fmt.Sprintf("memory of obe design with %d particles, mean of %d", particles, count),
			fmt.Sprintf("%.1f MB, of which %.1f MB are not shared", mb(sum/count), mb(own/count)), "")
	}
}
