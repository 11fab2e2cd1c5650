package main

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"libobe/internal/systemtest/natsserver"
)

// gatewayTo starts a gateway beside a designer, and waits until it serves.
func gatewayTo(t *testing.T, args ...string) *process {
	t.Helper()
	p := start(t, append([]string{"gateway"}, args...)...)
	p.stderr.find("serving ")
	return p
}

// gatewayListen starts a gateway beside instruments, and returns its address.
func gatewayListen(t *testing.T, args ...string) (p *process, at string) {
	t.Helper()
	p = start(t, append([]string{"gateway", "--listen", ":0"}, args...)...)
	return p, p.address()
}

// A run goes through two gateways as it would without them: with an instrument and a designer of this tool.
func TestGatewayCarriesARun(t *testing.T) {
	nats := natsserver.Start(t)
	file := write(t, "line.toml", lineExperiment)
	_, designer := design(t, file, ":0", "--stay")
	for _, kept := range []bool{false, true} {
		to := []string{"--to", designer, "--nats", nats.URL(), "--subject", "obe.lab1.nv3"}
		if kept {
			to = append(to, "--persistent")
		}
		back := gatewayTo(t, to...)
		front, at := gatewayListen(t, "--nats", nats.URL()+"/obe.lab1.nv3")
		got := obe(t, "", "simulate", file, at, "--measurements", "20", "--seed", "1")
		direct := obe(t, "", "simulate", file, designer, "--measurements", "20", "--seed", "1")
		if got.status != exitOK || got.stdout == "" || got.stdout != direct.stdout {
			t.Errorf("through gateways: %+v\ndirectly: %+v", got, direct)
		}
		obe(t, "", "call", at, "getpars").check(t, result{`"command": "getpars"`, "the server answered with an error", exitAnswer})
		for _, p := range []*process{front, back} {
			p.signal(t, syscall.SIGTERM)
			if status := p.wait(); status != exitTerminate {
				t.Errorf("exit status %d", status)
			}
		}
		if said := strings.Join(append(front.stderr.rest(), back.stderr.rest()...), "\n"); said != "" {
			t.Errorf("it says %s", said)
		}
	}
}

// The command line says what is missing, and what does not belong together.
func TestGatewayMistakes(t *testing.T) {
	t.Setenv(natsVariable, "")
	nats := "--nats nats://127.0.0.1:1 "
	used := answer(t, func(string) []byte { return nil })
	for args, want := range map[string]string{
		nats + "--subject a":                                         "say which end this is",
		nats + "--listen :0":                                         "--subject is missing",
		"--listen :0 --subject a":                                    "--nats is missing, and so is the variable OBE_NATS",
		nats + "--listen :0 --to :1 --subject a":                     "--listen and --to",
		nats + "--to :1 --spawn x --subject a":                       "exclude each other",
		nats + "--listen x --subject a":                              "--listen: an address has a port",
		nats + "--listen " + used + " --subject a":                   "address already in use",
		nats + "--to x --subject a":                                  "--to: an address has a port",
		nats + "--to :0 --subject a":                                 "port 0 is for servers",
		nats + "--listen :0 --subject a.*":                           "it has a *",
		nats + "--listen :0 --subject a..b":                          "a name is empty",
		nats + "--to :1 --subject a.>":                               "> is not possible",
		nats + "--to :1 --subject a.*":                               "--to needs {1}",
		nats + "--to unix:/run/{1} --subject a":                      "{1} stands for the * of --subject",
		nats + "--to :1 --subject a --queue a.b":                     "--queue is a name",
		nats + "--to :1 --subject a --queue=":                        "--queue is a name",
		nats + "--listen :0 --subject a --queue b":                   "--queue is for --to and --spawn, and has no effect with --listen",
		nats + "--listen :0 --subject a --persistent":                "--persistent is for --to and --spawn",
		nats + "--to :1 --subject a --allow 127.0.0.1":               "--allow is for --listen",
		nats + "--to :1 --subject a --listen-tls":                    "--listen-tls is for --listen",
		nats + "--listen :0 --subject a --to-tls-ca x":               "--to-tls is for --to",
		nats + "--to :1 --subject a --idle 5s":                       "--idle is for --spawn and --queue",
		nats + "--to :1 --subject a --queue b --idle 0":              "--idle must be more than 0",
		nats + "--listen :0 --subject a --timeout 0":                 "--timeout must be more than 0",
		nats + "--listen :0 --subject a --max-message 0":             "--max-message",
		nats + "--listen :0 --subject a --max-message 99999999999":   "--max-message",
		nats + "--listen :0 --subject a --allow x":                   "--allow",
		nats + "--listen :0 --subject a --listen-tls":                "certificate file",
		nats + "--listen :0 --subject a --credentials x --nkey y":    "--credentials and --nkey exclude each other",
		nats + "--listen :0 --subject a --credentials=":              "--credentials is empty",
		nats + "--listen :0 --subject a --credentials /no/such/file": "/no/such/file",
		nats + "--listen :0 --subject a --tls-cert x":                "--tls-cert and --tls-key belong together",
		nats + "--listen :0 --subject a --tls-ca /no/such/file":      "/no/such/file",
		nats + "--spawn obe --subject a":                             "one part of --subject has to be *",
		nats + "--spawn obe --subject a.*":                           "--spawn: it needs either {address} or {port}",
		"--nats nats://h/b --listen :0 --subject a":                  "the subject of the URL is b, and that of --subject a",
		"--nats http://h --listen :0 --subject a":                    "--nats: the address of a NATS server begins with nats://",
		nats + "--listen :0 --subject a x":                           "unknown command",
	} {
		got := obe(t, "", append([]string{"gateway"}, strings.Fields(args)...)...)
		if got.status != exitUsage || got.stdout != "" || !strings.Contains(got.stderr, want) {
			t.Errorf("%s: exit status %d, %q, want %q", args, got.status, got.stderr, want)
		}
	}
}

// A NATS server that is not there is waited for, and told.
func TestGatewayWaitsForNATS(t *testing.T) {
	nats := natsserver.Start(t)
	nats.Kill()
	designer := answer(t, echo)
	back := start(t, "gateway", "--to", designer, "--nats", nats.URL(), "--subject", "obe.a")
	back.stderr.find("cannot be reached")
	_, at := gatewayListen(t, "--nats", nats.URL(), "--subject", "obe.a")
	obe(t, "", "call", at, "optset").check(t, result{"there is no connection to the NATS server", "the server answered with an error", exitAnswer})
	nats.Restart()
	back.stderr.find("serving ")
	for end := time.Now().Add(limit); ; {
		got := obe(t, "", "call", at, "[1]")
		if got.status == exitOK && got.stdout == "[1]\n" {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%+v", got)
		}
	}
}

// A second designer at a subject is refused, and several share one.
func TestGatewayInUse(t *testing.T) {
	nats := natsserver.Start(t)
	designer := answer(t, echo)
	args := []string{"--to", designer, "--nats", nats.URL(), "--subject", "obe.a"}
	gatewayTo(t, args...)
	obe(t, "", append([]string{"gateway"}, args...)...).check(t, result{"", "obe gateway: obe.a is in use: another designer's gateway serves it", exitUsage})
	args[len(args)-1] = "obe.b"
	for range 2 {
		gatewayTo(t, append(args, "--queue", "designers")...)
	}
	_, at := gatewayListen(t, "--nats", nats.URL(), "--subject", "obe.b")
	obe(t, "", "call", at, "optset").check(t, result{"begin with newrun", "the server answered", exitAnswer})
	obe(t, "", "call", at, "newrun").check(t, result{stdout: "newrun"})
	obe(t, "", "call", at, "optset").check(t, result{stdout: "optset"})
}

// User and password are in a variable, and in no text.
func TestGatewayKeepsThePassword(t *testing.T) {
	nats := natsserver.Start(t, `authorization { users: [{user: "ann", password: "s3cret"}] }`)
	t.Setenv(natsVariable, strings.Replace(nats.URL(), "//", "//ann:s3cret@", 1))
	designer := answer(t, echo)
	back := start(t, "gateway", "--to", designer, "--subject", "obe.a")
	front := start(t, "gateway", "--listen", ":0", "--subject", "obe.a")
	said := back.stderr.find("serving ") + front.stderr.find("listening on ")
	_, at, _ := strings.Cut(said, "listening on ")
	at, _, _ = strings.Cut(at, ",")
	obe(t, "", "call", at, "[1]").check(t, result{stdout: "[1]\n"})
	nats.Kill()
	got := obe(t, "", "call", at, "[1]")
	got.check(t, result{"there is no connection", "the server answered with an error", exitAnswer})
	said += got.stdout + got.stderr
	t.Setenv(natsVariable, strings.Replace(nats.URL(), "//", "//ann:wr0ng@", 1))
	nats.Restart()
	got = obe(t, "", "gateway", "--listen", ":0", "--subject", "obe.a")
	got.check(t, result{"", "refuses the user", exitUsage})
	said += got.stderr + obe(t, "", "gateway", "--help").stdout
	for _, p := range []*process{front, back} {
		_ = p.cmd.Process.Kill()
		said += strings.Join(p.stderr.rest(), "\n")
	}
	for _, secret := range []string{"s3cret", "wr0ng"} {
		if strings.Contains(said, secret) {
			t.Errorf("the password is in: %s", said)
		}
	}
}

// Connections of instruments and to the designer may have TLS, and instruments may be refused by their address.
func TestGatewayTLS(t *testing.T) {
	nats := natsserver.Start(t)
	cert, key := certificate(t)
	designer := start(t, "design", write(t, "line.toml", lineExperiment), ":0", "--tls-cert", cert, "--tls-key", key)
	gatewayTo(t, "--to", designer.address(), "--to-tls-ca", cert, "--nats", nats.URL(), "--subject", "obe.a")
	_, at := gatewayListen(t, "--nats", nats.URL(), "--subject", "obe.a", "--listen-tls-cert", cert, "--listen-tls-key", key)
	obe(t, "", "call", at, "newrun", "--tls-ca", cert).check(t, result{stdout: "\"OK\"\n"})
	_, at = gatewayListen(t, "--nats", nats.URL(), "--subject", "obe.a", "--allow", "192.0.2.1")
	if got := obe(t, "", "call", at, "newrun"); got.status != exitNoAnswer {
		t.Errorf("%+v", got)
	}
}

// A designer for each experiment is started by a command, and ends with the gateway, also when that is killed.
func TestGatewayStartsDesigners(t *testing.T) {
	nats := natsserver.Start(t)
	file := write(t, "nv3.toml", lineExperiment)
	pattern := strings.Replace(file, "nv3.toml", "{1}.toml", 1)
	spawn := []string{"--spawn", fmt.Sprintf("'%s' design '%s' {address}", binary, pattern), "--nats", nats.URL(), "--subject", "obe.lab1.*"}
	if runtime.GOOS == "windows" {
		spawn[1] = fmt.Sprintf(`"%s" design "%s" {address}`, binary, pattern)
	}
	_, at := gatewayListen(t, "--nats", nats.URL(), "--subject", "obe.lab1.nv3")
	_, other := gatewayListen(t, "--nats", nats.URL(), "--subject", "obe.lab1.nv4")
	end := []func(*process){func(p *process) { _ = p.cmd.Process.Kill() }}
	if runtime.GOOS != "windows" {
		end = append(end, func(p *process) { p.signal(t, syscall.SIGTERM) })
	}
	for _, kill := range end {
		gateway := gatewayTo(t, spawn...)
		obe(t, "", "call", at, "newrun").check(t, result{stdout: "\"OK\"\n"})
		obe(t, "", "call", other, "newrun").check(t, result{"could not be started", "cannot read the experiment", exitAnswer})
		started := gateway.stderr.find("nv3: its designer was started in ")
		pid := regexp.MustCompile(`process (\d+)`).FindStringSubmatch(started)
		if pid == nil {
			t.Fatal(started)
		}
		kill(gateway)
		gateway.wait()
		obe(t, "", "call", at, "getmean").check(t, result{"the designer that held this run is gone; begin with newrun", "the server answered", exitAnswer})
		if runtime.GOOS != "linux" {
			continue
		}
		for end := time.Now().Add(limit); ; time.Sleep(time.Millisecond) { // it is no child of this process
			line, err := os.ReadFile("/proc/" + pid[1] + "/cmdline")
			if err != nil || !bytes.Contains(line, []byte("nv3.toml")) {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("the designer, process %s, goes on after its gateway has ended: %q", pid[1], line)
			}
		}
	}
}

// The designers do not get the password of the NATS server.
func TestGatewayEnvironmentOfDesigners(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no sh")
	}
	nats := natsserver.Start(t)
	script := write(t, "designer.sh", `test -z "$OBE_NATS" || echo "it has the password"; echo "for $1"; exec sleep 1000`)
	t.Setenv(natsVariable, nats.URL())
	gateway := gatewayTo(t, "--spawn", "sh "+script+" {1} {address}", "--subject", "obe.*")
	_, at := gatewayListen(t, "--subject", "obe.a", "--timeout", "1s")
	obe(t, "", "call", at, "newrun").check(t, result{"no reply from obe.a in time", "the server answered", exitAnswer})
	if line := gateway.stderr.find("a: "); !strings.Contains(line, "a: for a") {
		t.Error(line)
	}
}
