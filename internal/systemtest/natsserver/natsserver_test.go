package natsserver

import "testing"

// A server is there when Start returns, is gone after Kill, and is there again after Restart, at the same port.
func TestServer(t *testing.T) {
	s := Start(t, JetStream(t))
	if !s.answers() {
		t.Fatal("no server after Start")
	}
	s.Kill()
	if s.answers() {
		t.Fatal("a server after Kill")
	}
	s.Restart()
	if !s.answers() {
		t.Fatal("no server after Restart")
	}
}
