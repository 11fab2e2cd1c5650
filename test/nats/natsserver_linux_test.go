package nats

import (
	"errors"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"libobe/internal/systemtest"
	"libobe/internal/systemtest/natsserver"
)

// connect connects the test itself to a NATS server.
func connect(t testing.TB, url string, options ...nats.Option) *nats.Conn {
	t.Helper()
	options = append([]nats.Option{nats.Name("test"), nats.MaxReconnects(-1), nats.ReconnectWait(20 * time.Millisecond)}, options...)
	conn, err := nats.Connect(url, options...)
	if err != nil {
		t.Fatalf("connect to %s: %v", url, err)
	}
	t.Cleanup(conn.Close)
	return conn
}

// awaitDesigners waits until so many designers answer at a subject, for a client of the NATS server at url.
func awaitDesigners(t testing.TB, url, subject string, want int) []string {
	t.Helper()
	conn := connect(t, url)
	inbox := conn.NewInbox()
	answers, err := conn.SubscribeSync(inbox)
	if err != nil {
		t.Fatal(err)
	}
	var servers []string
	for limit := time.Now().Add(systemtest.Timeout); time.Now().Before(limit); {
		if err := conn.PublishRequest(subject+"._who", inbox, nil); err != nil && conn.IsConnected() {
			t.Fatal(err)
		}
		servers = nil
		for again := time.Now().Add(200 * time.Millisecond); len(servers) < want; {
			m, err := answers.NextMsg(time.Until(again))
			if err != nil {
				break
			}
			if server := m.Header.Get("Obe-Server"); server != "" {
				servers = append(servers, server)
			} else if m.Header.Get("Status") == "503" {
				time.Sleep(5 * time.Millisecond) // there is no event for an interest that comes
				break
			}
		}
		if len(servers) == want {
			return servers
		}
	}
	t.Fatalf("%d designers answer at %s, not %d", len(servers), subject, want)
	return nil
}

// awaitGone waits until the NATS server knows that a gateway was killed. A command that comes before that waits for its
// deadline.
func awaitGone(t testing.TB, url, private string) {
	t.Helper()
	conn := connect(t, url)
	await(t, private+" is gone", func() bool {
		_, err := conn.Request(private, nil, 100*time.Millisecond)
		return errors.Is(err, nats.ErrNoResponders)
	})
}

// processOf returns the process of a NATS server, to measure it.
func processOf(t testing.TB, s *natsserver.Server) *process {
	t.Helper()
	return &process{t: t, name: "nats-server", cmd: &exec.Cmd{Process: &os.Process{Pid: s.PID()}}}
}

func cpuTimeOf(t testing.TB, s *natsserver.Server) time.Duration { return processOf(t, s).cpuTime() }

func memoryOf(t testing.TB, s *natsserver.Server) int64 { return processOf(t, s).memory() }

// stop stops a NATS server as a debugger does, and waits until it has stopped.
func stop(t testing.TB, s *natsserver.Server) {
	t.Helper()
	s.Stop()
	processOf(t, s).awaitStop()
}
