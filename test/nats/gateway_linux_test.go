package nats

import (
	"strings"
	"testing"
)

// gateway is a process of obe gateway.
type gateway struct {
	*process
	address string // that a front listens at
}

// front starts the gateway beside instruments.
func front(t testing.TB, url, subject string, more ...string) *gateway {
	t.Helper()
	return frontAt(t, "127.0.0.1:0", url, subject, more...)
}

func frontAt(t testing.TB, address, url, subject string, more ...string) *gateway {
	t.Helper()
	g := &gateway{process: start(t, "front of "+subject, obeProgram,
		append([]string{"gateway", "--listen", address, "--nats", url, "--subject", subject}, more...)...)}
	g.address = listening(g.process)
	return g
}

// listening waits for the line with the address of a program that listens.
func listening(p *process) string {
	p.t.Helper()
	_, at, _ := strings.Cut(p.find("listening on "), "listening on ")
	at, _, _ = strings.Cut(at, ",")
	at, _, _ = strings.Cut(at, " ")
	return at
}

// back starts the gateway beside a designer, and waits until it serves the subject.
func back(t testing.TB, url, subject, to string, more ...string) *gateway {
	t.Helper()
	g := startBack(t, url, subject, append([]string{"--to", to}, more...)...)
	awaitDesigners(t, url, subject, 1)
	return g
}

// startBack starts it, and does not wait.
func startBack(t testing.TB, url, subject string, more ...string) *gateway {
	t.Helper()
	return &gateway{process: start(t, "back of "+subject, obeProgram,
		append([]string{"gateway", "--nats", url, "--subject", subject}, more...)...)}
}

// pair starts both gateways of a subject, and returns the address for instruments.
func pair(t testing.TB, url, subject, to string, more ...string) string {
	t.Helper()
	back(t, url, subject, to, more...)
	return front(t, url, subject).address
}
