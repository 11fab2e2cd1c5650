package gateway

import (
	"context"
	"sync"
	"testing"
	"time"

	"libobe/internal/systemtest"
	"libobe/internal/systemtest/natsserver"
)

// events notes what a link tells.
type events struct {
	mu    sync.Mutex
	texts map[Event][]string
	count map[Event]int
	came  chan struct{} // closed at the next event
}

func newEvents() *events {
	return &events{texts: map[Event][]string{}, count: map[Event]int{}, came: make(chan struct{})}
}

func (e *events) take(event Event, text string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.count[event]++
	if text != "" {
		e.texts[event] = append(e.texts[event], text)
	}
	close(e.came)
	e.came = make(chan struct{})
}

// told returns the texts of an event.
func (e *events) told(event Event) []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]string(nil), e.texts[event]...)
}

// counted returns how often an event came.
func (e *events) counted(event Event) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.count[event]
}

// await waits until an event has come n times.
func (e *events) await(t testing.TB, event Event, n int) {
	t.Helper()
	limit := time.After(systemtest.Timeout)
	for {
		e.mu.Lock()
		count, came := e.count[event], e.came
		e.mu.Unlock()
		if count >= n {
			return
		}
		select {
		case <-came:
		case <-limit:
			t.Fatalf("event %s came %d times, not %d", event, count, n)
		}
	}
}

// newLink returns a link to a server, that is connected.
func newLink(t testing.TB, server *natsserver.Server) *Link {
	t.Helper()
	return newLinkTo(t, Config{URL: server.URL()})
}

func newLinkTo(t testing.TB, c Config) *Link {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), systemtest.Timeout)
	defer cancel()
	c.Name = t.Name()
	l, err := Connect(ctx, c)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(l.Close)
	if err := l.WaitConnected(ctx); err != nil {
		t.Fatal(err)
	}
	return l
}

// serve serves a subject.
func serve(t testing.TB, l *Link, subject string, handle func(*Request)) *Service {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), systemtest.Timeout)
	defer cancel()
	s, err := l.Serve(ctx, ServeConfig{Subject: subject, Handle: handle})
	if err != nil {
		t.Fatalf("serve: %v", err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// echo answers each command with its own body.
func echo(t testing.TB, l *Link, subject string) *Service {
	t.Helper()
	return serve(t, l, subject, func(r *Request) {
		if err := r.Respond(r.Body); err != nil {
			t.Errorf("respond: %v", err)
		}
	})
}

// ask sends a command, with a deadline after which a test has failed.
func ask(l *Link, subject, body string) (*Answer, error) {
	return l.Ask(context.Background(), Ask{Subject: subject, Body: []byte(body), Deadline: time.Now().Add(systemtest.Timeout)})
}

// next returns what comes next from a channel.
func next[T any](t testing.TB, c <-chan T) (value T) {
	t.Helper()
	select {
	case value = <-c:
	case <-time.After(2 * systemtest.Timeout):
		t.Fatal("nothing came")
	}
	return value
}
