package acceptor

import (
	"errors"
	"io"
	"net"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// limit is how long anything may take on a busy machine.
const limit = 60 * time.Second

// failing is a listener whose first attempts to accept a connection fail.
type failing struct {
	net.Listener
	failures int
}

var errNoDescriptor = errors.New("too many open files")

func (f *failing) Accept() (net.Conn, error) {
	if f.failures > 0 {
		f.failures--
		return nil, errNoDescriptor
	}
	return f.Listener.Accept()
}

// start serves on a listener, and returns a function that closes it and waits for its end.
func start(t *testing.T, l net.Listener, failed func(error), serve func(net.Conn, int64)) (*Acceptor, func()) {
	t.Helper()
	a := New(l, failed)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		a.Serve(serve)
	}()
	stop := func() {
		a.Close()
		select {
		case <-ended:
		case <-time.After(limit):
			t.Error("Serve does not end")
		}
	}
	t.Cleanup(stop)
	return a, stop
}

func listen(t *testing.T, network, address string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func dial(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	conn, err := net.Dial(l.Addr().Network(), l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(limit))
	return conn
}

// Failures to accept are told, and connections after them are served, with their numbers.
func TestServeGoesOnAfterFailures(t *testing.T) {
	l := &failing{listen(t, "tcp", "127.0.0.1:0"), 2}
	told := make(chan error, 10)
	numbers := make(chan int64, 10)
	a, _ := start(t, l, func(err error) { told <- err }, func(conn net.Conn, number int64) {
		numbers <- number
		_, _ = io.WriteString(conn, "x")
	})
	for want := int64(1); want <= 3; want++ {
		if got, err := io.ReadAll(dial(t, l)); string(got) != "x" || err != nil {
			t.Errorf("received %q, %v", got, err)
		}
		if got := <-numbers; got != want {
			t.Errorf("the number %d, want %d", got, want)
		}
	}
	if a.Accepted() != 3 || len(told) != 2 {
		t.Errorf("%d accepted, %d failures told", a.Accepted(), len(told))
	}
	if err := <-told; !errors.Is(err, errNoDescriptor) || !strings.Contains(err.Error(), "could not be accepted") {
		t.Error(err)
	}
}

// Close ends the connections and waits until they are not served any more. It ends the pause
// after a failure, too.
func TestClose(t *testing.T) {
	l := listen(t, "tcp", "127.0.0.1:0")
	served := make(chan bool, 10)
	over := make(chan bool, 10)
	a, stop := start(t, l, func(error) {}, func(conn net.Conn, _ int64) {
		served <- true
		_, _ = io.Copy(io.Discard, conn)
		over <- true
	})
	var clients []net.Conn
	for range 5 {
		clients = append(clients, dial(t, l))
		<-served
	}
	stop()
	if len(over) != 5 {
		t.Errorf("Close did not wait: %d of 5 ended", len(over))
	}
	for _, client := range clients {
		if got, err := io.ReadAll(client); len(got) > 0 || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	}
	if !a.Closed() || a.Context().Err() == nil {
		t.Error("it is not closed")
	}
	late, other := net.Pipe()
	if a.Add(late) {
		t.Error("a connection was added after Close")
	}
	if _, err := other.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("it was not closed: %v", err)
	}

	began := time.Now()
	told := make(chan error, 1)
	_, stop = start(t, &failing{listen(t, "tcp", "127.0.0.1:0"), 1 << 30}, func(err error) {
		select {
		case told <- err:
		default:
		}
	}, nil)
	<-told
	stop()
	if took := time.Since(began); took > limit/2 {
		t.Errorf("it took %v", took)
	}
}

// A reset is one for the peer, and not an end.
func TestReset(t *testing.T) {
	l := listen(t, "tcp", "127.0.0.1:0")
	start(t, l, func(error) {}, func(conn net.Conn, _ int64) {
		_, _ = conn.Read(make([]byte, 1))
		Reset(conn)
	})
	client := dial(t, l)
	_, _ = io.WriteString(client, "x")
	// In Wine, some resets arrive as an end.
	if _, err := io.ReadAll(client); err == nil && runtime.GOOS != "windows" {
		t.Error("the client sees an end")
	}
}

// Two clients of a Unix-domain socket have two names, although neither has an address.
func TestNames(t *testing.T) {
	networks := map[string]string{"tcp": "127.0.0.1:0"}
	if runtime.GOOS != "windows" {
		networks["unix"] = filepath.Join(t.TempDir(), "socket")
	}
	for network, address := range networks {
		l := listen(t, network, address)
		got := make(chan [2]string, 2)
		start(t, l, func(error) {}, func(conn net.Conn, number int64) {
			peer, local := Names(conn, number)
			got <- [2]string{peer, local}
		})
		client := dial(t, l)
		one := <-got
		dial(t, l)
		two := <-got
		want := [2]string{client.LocalAddr().String(), l.Addr().String()}
		if network == "unix" {
			want = [2]string{"unix:" + address + "#1", "unix:" + address}
		}
		if one != want || two[0] == one[0] || two[1] != one[1] {
			t.Errorf("%q and %q, want %q", one, two, want)
		}
	}
}
