package nats

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"testing"
	"time"

	"libobe/internal/socket"
	"libobe/internal/systemtest"
	"libobe/internal/wire"
)

// instrument sends commands, each with a limit of time.
type instrument interface {
	ask(body []byte, limit time.Duration) ([]byte, error)
	close()
}

// instruments are the clients of the protocol, by name.
var instruments = map[string]func(t testing.TB, address string) instrument{
	"original":           func(_ testing.TB, address string) instrument { return original{address: address} },
	"original in pieces": func(_ testing.TB, address string) instrument { return original{address: address, pieces: true} },
	"libobe":             func(t testing.TB, address string) instrument { return newLibobe(t, address, false) },
	"libobe kept":        func(t testing.TB, address string) instrument { return newLibobe(t, address, true) },
}

// original does as the Python original: a connection for each message, and headers and bodies with a write each. In
// pieces it writes bytes of both together, in the least convenient way.
type original struct {
	address string
	pieces  bool
}

func (o original) close() {}

func (o original) ask(body []byte, limit time.Duration) ([]byte, error) {
	conn, err := net.DialTimeout("tcp", o.address, limit)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(limit))
	header := wire.Header(len(body))
	parts := [][]byte{header[:], body}
	if o.pieces {
		parts = [][]byte{header[:3], append(append([]byte{}, header[3:]...), body[:len(body)/2]...), body[len(body)/2:]}
	}
	for _, part := range parts {
		if _, err := conn.Write(part); err != nil {
			return nil, err
		}
	}
	return readFrame(conn)
}

// readFrame reads a message as the original does, and refuses a header that the original could not read.
func readFrame(conn io.Reader) ([]byte, error) {
	var header [wire.HeaderLength]byte
	if _, err := io.ReadFull(conn, header[:]); err != nil {
		return nil, err
	}
	size, err := strconv.Atoi(string(header[:]))
	if err != nil {
		return nil, fmt.Errorf("bad header %q", header)
	}
	body := make([]byte, size)
	_, err = io.ReadFull(conn, body)
	return body, err
}

func writeFrame(conn io.Writer, body []byte) error {
	header := wire.Header(len(body))
	_, err := conn.Write(append(header[:], body...))
	return err
}

// libobe is libobe's own client.
type libobe struct{ *socket.Client }

func newLibobe(t testing.TB, address string, kept bool) instrument {
	t.Helper()
	host, port := split(t, address)
	client, err := socket.NewClient(host, port)
	if err != nil {
		t.Fatal(err)
	}
	if kept {
		if err := client.SetOption("persistent", "1"); err != nil {
			t.Fatal(err)
		}
	}
	return libobe{client}
}

func (l libobe) close() { l.Free() }

func (l libobe) ask(body []byte, limit time.Duration) ([]byte, error) {
	return l.TcmdBody(body, limit)
}

func split(t testing.TB, address string) (host string, port int) {
	t.Helper()
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	if port, err = strconv.Atoi(text); err != nil {
		t.Fatal(err)
	}
	return host, port
}

// failure is a reply that says that the command failed.
type failure struct {
	Error   string `json:"error"`
	Command string `json:"command"`
}

// failureOf returns the failure that a reply tells, and "" for a reply that tells none.
func failureOf(reply []byte) failure {
	var f failure
	if json.Unmarshal(reply, &f) != nil {
		return failure{}
	}
	return f
}

// mustFail asks, and expects a reply that tells why the command failed.
func mustFail(t testing.TB, i instrument, body string, limit time.Duration) failure {
	t.Helper()
	reply, err := i.ask([]byte(body), limit)
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	f := failureOf(reply)
	var command struct{ Command string }
	if err := json.Unmarshal([]byte(body), &command); err != nil {
		t.Fatal(err)
	}
	if f.Error == "" || f.Command != command.Command {
		t.Fatalf("%.100s was answered with %.300s, not with an error", body, reply)
	}
	return f
}

// mustFailure is mustFail for a command of these tests, on any goroutine.
func mustFailure(t testing.TB, i instrument, w *work) failure {
	t.Helper()
	reply, err := i.ask(w.text(t), systemtest.Timeout)
	f := failureOf(reply)
	if err != nil || f.Error == "" {
		t.Errorf("command %d: %v, and the reply %.200s, not an error", w.Number, err, reply)
	}
	return f
}

// mustAnswer asks, and expects a reply.
func mustAnswer(t testing.TB, i instrument, body string) []byte {
	t.Helper()
	reply, err := i.ask([]byte(body), systemtest.Timeout)
	if err != nil {
		t.Fatalf("%.100s: %v", body, err)
	}
	if f := failureOf(reply); f.Error != "" {
		t.Fatalf("%.100s was answered with the error %q", body, f.Error)
	}
	return reply
}

// timedOut reports whether an instrument gave up by itself.
func timedOut(err error) bool {
	var timeout net.Error
	return errors.Is(err, socket.ErrTimeout) || errors.As(err, &timeout) && timeout.Timeout()
}
