package main

import (
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"libobe/internal/systemtest"
	"libobe/internal/systemtest/natsserver"
)

// endTime is how long a subcommand may take to end.
const endTime = 200 * time.Millisecond

func median(durations []time.Duration) time.Duration {
	slices.Sort(durations)
	return durations[len(durations)/2]
}

// baseline returns how long this machine takes, as busy as it is, to end a program that does
// nothing about a signal, and to report that.
func baseline(t *testing.T) time.Duration {
	t.Helper()
	var took []time.Duration
	for range 5 {
		p := startCommand(t, "sleep", "1000")
		began := time.Now()
		p.signal(t, syscall.SIGTERM)
		p.wait()
		took = append(took, time.Since(began))
	}
	return median(took)
}

// crowd opens connections, of which each second one has sent half a message and each fifth
// one a whole one.
func crowd(t *testing.T, at string) {
	t.Helper()
	for i := range 100 {
		conn := connect(t, at)
		switch {
		case i%5 == 0:
			if got := exchange(t, conn, framed(`{"command": "ready"}`)); got != `"OK"` {
				t.Errorf("the reply is %s", got)
			}
		case i%2 == 0:
			if _, err := io.WriteString(conn, framed(`{"command": "ready"}`)[:15]); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// A signal ends each subcommand that waits within 0.2 s, whatever its connections do.
func TestEndsSoonAfterASignal(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows cannot send a signal to a process")
	}
	ok := answer(t, func(string) []byte { return []byte(`"OK"`) })
	run := writeTrace(t, `{"command": "newrun"}`, `{"command": "newdat", "y": 1}`)
	directory := systemtest.TempDir(t)
	// Each process has its own server, which knows no message of an earlier one.
	afterAsked := func(reply []byte, args ...string) func() *process {
		return func() *process {
			at, asked := askedServer(t, reply)
			words := slices.Clone(args)
			words[slices.Index(words, "ADDRESS")] = at
			p := start(t, words...)
			<-asked
			return p
		}
	}
	listening := func(crowded bool, args ...string) func() *process {
		return func() *process {
			p := start(t, args...)
			if at := p.address(); crowded {
				crowd(t, at)
			}
			return p
		}
	}
	nats := natsserver.Start(t)
	subjects := 0
	carrying := func(to string) func() *process {
		return func() *process {
			subjects++ // each process has its own
			subject := fmt.Sprint("obe.end", subjects)
			silent, asked := askedServer(t, nil)
			ends := map[string]*process{}
			ends["front"] = start(t, "gateway", "--listen", ":0", "--nats", nats.URL(), "--subject", subject)
			at := ends["front"].address()
			ends["back"] = gatewayTo(t, "--to", silent, "--nats", nats.URL(), "--subject", subject)
			if _, err := io.WriteString(connect(t, at), framed(`{"command": "newrun"}`)); err != nil {
				t.Fatal(err)
			}
			<-asked
			return ends[to]
		}
	}
	line := write(t, "line.toml", lineExperiment)
	simulating := func(args ...string) func() *process {
		return func() *process {
			f := startFakeDesigner(t)
			p := start(t, append([]string{"simulate", line, f.at}, args...)...)
			<-f.asked
			return p
		}
	}
	record := []string{"record", "--listen", ":0", "--to", ok, "--out", filepath.Join(directory, "run.jsonl")}
	asServer := []string{"replay", run, "--as-server", "--listen", ":0"}
	scenarios := map[string]func() *process{
		"call that waits":             afterAsked(nil, "call", "ADDRESS", "x"),
		"call --repeat":               afterAsked([]byte(`"OK"`), "call", "ADDRESS", "x", "--repeat", "1000000000"),
		"call --repeat that waits":    afterAsked(nil, "call", "ADDRESS", "x", "--repeat", "5"),
		"ready --wait":                afterAsked(nil, "ready", "ADDRESS", "--wait", "1000"),
		"replay that waits":           afterAsked(nil, "replay", run, "--to", "ADDRESS"),
		"listen":                      listening(false, "listen", ":0"),
		"listen to many":              listening(true, "listen", ":0"),
		"record":                      listening(false, record...),
		"record of many":              listening(true, record...),
		"replay --as-server":          listening(false, asServer...),
		"design":                      listening(false, "design", lorentzianFile, ":0"),
		"design for many":             listening(true, "design", lorentzianFile, ":0"),
		"simulate that waits":         afterAsked(nil, "simulate", line, "ADDRESS"),
		"simulate while it measures":  simulating("--dwell", "1000"),
		"simulate while it stops":     simulating("--stall", "1000", "--measurements", "1"),
		"simulate without a pause":    simulating("--measurements", "1000000"),
		"gateway --listen that waits": carrying("front"),
		"gateway --to that waits":     carrying("back"),
		"gateway without NATS": func() *process {
			p := start(t, "gateway", "--to", ok, "--nats", "nats://"+unusedAddress(t), "--subject", "obe.a")
			p.stderr.find("cannot be reached")
			return p
		},
		"gateway --spawn with a designer": func() *process {
			subjects++
			lab := fmt.Sprint("obe.lab", subjects)
			p := gatewayTo(t, "--spawn", binary+" design "+line+" {address} --record "+directory+"/{1}.jsonl", "--nats", nats.URL(), "--subject", lab+".*")
			_, at := gatewayListen(t, "--nats", nats.URL(), "--subject", lab+".a")
			obe(t, "", "call", at, "newrun").check(t, result{stdout: "OK"})
			return p
		},
		"metrics that are not read": func() *process {
			p, url := startMeasured(t, "listen", ":0")
			p.address()
			stallReaders(t, url, 4)
			return p
		},
		// The first attempt shows that the program has begun.
		"ready --wait for none": func() *process {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			p := start(t, "ready", l.Addr().String(), "--wait", "1000")
			conn, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			l.Close()
			conn.Close()
			return p
		},
	}
	floor := baseline(t)
	for name, begin := range scenarios {
		var took []time.Duration
		for range 3 {
			for s, want := range map[syscall.Signal]int{syscall.SIGINT: exitInterrupt, syscall.SIGTERM: exitTerminate} {
				p := begin()
				began := time.Now()
				p.signal(t, s)
				if status := p.wait(); status != want {
					t.Errorf("%s, %v: exit status %d", name, s, status)
				}
				took = append(took, time.Since(began))
			}
		}
		if m := median(took); m > endTime+2*floor {
			t.Errorf("%s ended after %v (median), and sleep after %v", name, m, floor)
		}
	}
}

// The end of the reader of the output ends what prints each message.
func TestEndsSoonAfterTheOutput(t *testing.T) {
	at := answer(t, func(string) []byte { return []byte(`"OK"`) })
	var floor time.Duration
	if runtime.GOOS != "windows" {
		floor = baseline(t)
	}
	for name, args := range map[string][]string{
		"listen": {"listen", ":0"},
		"record": {"record", "--listen", ":0", "--to", at},
	} {
		var took []time.Duration
		for range 5 {
			cmd := exec.Command(binary, args...)
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			stderr, err := cmd.StderrPipe()
			if err == nil {
				err = cmd.Start()
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = cmd.Process.Kill() })
			_, listening, _ := strings.Cut(readLines(t, "stderr", stderr).find("listening on "), "listening on ")
			listening, _, _ = strings.Cut(listening, ",")
			stdout.Close()
			conn := connect(t, listening)
			began := time.Now()
			// The program may end before it has answered.
			_, _ = io.WriteString(conn, framed(`{"command": "ready"}`))
			_ = cmd.Wait()
			took = append(took, time.Since(began))
			if status := cmd.ProcessState.ExitCode(); status != exitPipe {
				t.Errorf("%s: exit status %d", name, status)
			}
		}
		if m := median(took); m > endTime+2*floor {
			t.Errorf("%s ended after %v (median), and sleep after %v", name, m, floor)
		}
	}
}
