package session

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"libobe/internal/socket"
)

// posts counts the posts of a notifier. A test waits for each.
type posts chan struct{}

func (p posts) post() bool {
	p <- struct{}{}
	return true
}

func (p posts) await(t *testing.T) {
	t.Helper()
	select {
	case <-p:
	case <-time.After(testTimeout):
		t.Fatal("nothing was posted")
	}
}

func (p posts) expectNone(t *testing.T) {
	t.Helper()
	if len(p) > 0 {
		t.Error("posted once more")
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// One post for each message, also if several are there, on one connection or on several.
func TestNotifyOncePerMessage(t *testing.T) {
	server, newClient := newPair(t)
	p := make(posts, 100)
	must(t, server.Notify(p.post))
	a, b := newClient(), newClient()
	for range 20 {
		must(t, a.Send([]byte("1"), testTimeout))
		must(t, b.Send([]byte("2"), testTimeout))
		for range 2 {
			p.await(t)
			_, err := server.Receive(testTimeout)
			must(t, err)
			must(t, server.Send([]byte(`"OK"`), testTimeout))
		}
		p.expectNone(t)
	}
	// A call that receives without a message, or is cancelled, leads to no post.
	if _, err := server.Receive(0); !errors.Is(err, socket.ErrTimeout) {
		t.Error(err)
	}
	server.Cancel()
	must(t, a.Send([]byte("3"), testTimeout))
	p.await(t)
	if _, err := server.Receive(0); err != nil {
		t.Errorf("a message that was announced is not there: %v", err)
	}
	p.expectNone(t)
}

// No post after Notify or Free has returned, whatever arrives at the same moment.
func TestNoPostAfterTheEnd(t *testing.T) {
	for _, end := range []func(s *Session) error{
		func(s *Session) error { return s.Notify(nil) },
		func(s *Session) error { s.Free(); return nil },
	} {
		for range 20 {
			server, newClient := newPair(t)
			var ended atomic.Bool
			var wg sync.WaitGroup
			must(t, server.Notify(func() bool {
				if ended.Load() {
					t.Error("posted after the end")
				}
				return true
			}))
			for range 3 {
				client := newClient()
				wg.Go(func() { _ = client.Send([]byte("1"), testTimeout) })
			}
			must(t, end(server))
			ended.Store(true)
			wg.Wait()
			server.Free()
			if err := server.Notify(func() bool { return true }); !errors.Is(err, socket.ErrClosed) {
				t.Error(err)
			}
		}
	}
}

// Free may come between two steps of Notify on another thread.
func TestFreeDuringNotify(t *testing.T) {
	server, newClient := newPair(t)
	must(t, server.Notify(func() bool { return true }))
	n := server.notifier
	must(t, newClient().Send([]byte("1"), testTimeout))
	server.Free()
	if err := n.replace(func() bool { return true }); !errors.Is(err, socket.ErrClosed) {
		t.Error(err)
	}
	if n.isWanted() {
		t.Error("it can post after Free")
	}
}

// A post that fails is the last one, until another one is set.
func TestPostThatFails(t *testing.T) {
	server, newClient := newPair(t)
	first, second := make(posts, 100), make(posts, 100)
	must(t, server.Notify(func() bool { first.post(); return false }))
	client := newClient()
	must(t, client.Send([]byte("1"), testTimeout))
	first.await(t)
	must(t, server.Notify(second.post))
	second.await(t) // the message is still there
	first.expectNone(t)
	if err := client.Notify(second.post); !errors.Is(err, socket.ErrState) {
		t.Error(err)
	}
}

// However often it is set, there is one goroutine, and a server that receives in the meantime
// loses nothing.
func TestNotifyWhileReceiving(t *testing.T) {
	server, newClient := newPair(t)
	client := newClient()
	var posted atomic.Int32
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 200 {
			_ = server.Notify(func() bool { posted.Add(1); return true })
			_ = server.Notify(nil)
		}
	}()
	for range 50 {
		must(t, client.Send([]byte("1"), testTimeout))
		_, err := server.Receive(testTimeout)
		must(t, err)
		must(t, server.Send([]byte("2"), testTimeout))
		_, err = client.Receive(testTimeout)
		must(t, err)
	}
	<-done
}
