package session

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"libobe/internal/socket"
)

// elsewhere makes a call on a separate thread, as LabVIEW may.
func elsewhere(f func() error) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		result <- f()
	}()
	return <-result
}

func newPair(t *testing.T) (server *Session, newClient func() *Session) {
	t.Helper()
	server, err := NewServer("", 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Free)
	port, err := server.Port()
	if err != nil {
		t.Fatal(err)
	}
	return server, func() *Session {
		t.Helper()
		c, err := NewClient("", port)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Free)
		return c
	}
}

// One loop answers each message itself, whatever threads its calls are made on, and
// though it leaves some commands unanswered.
func TestServerAnswersOnAnyThread(t *testing.T) {
	const clients, commands = 4, 50
	server, newClient := newPair(t)
	var serving, asking sync.WaitGroup
	serving.Go(func() {
		for i := 0; ; i++ {
			err := elsewhere(func() error { _, err := server.Receive(patience); return err })
			if errors.Is(err, socket.ErrClosed) {
				return
			}
			if err != nil {
				t.Error(err)
				return
			}
			if i%7 == 3 {
				continue // its client is told with the end of its connection
			}
			body, err := server.Text()
			if err == nil {
				err = elsewhere(func() error { return server.Send(body, patience) })
			}
			if err != nil {
				t.Error(err)
			}
		}
	})
	for g := range clients {
		c := newClient()
		asking.Go(func() {
			answered := 0
			for i := range commands {
				body := fmt.Sprintf("[%d]", g*commands+i)
				_, err := c.Tcmd([]byte(body), 200*time.Millisecond)
				if err != nil {
					continue
				}
				if answered++; text(t, c) != body {
					t.Errorf("%s was answered %s", body, text(t, c))
				}
			}
			if answered < commands/2 {
				t.Errorf("%d of %d commands were answered", answered, commands)
			}
		})
	}
	asking.Wait()
	server.Free()
	serving.Wait()
}

// A server may say more to the client whose message it answered, and nothing to
// another.
func TestServerSendsTwice(t *testing.T) {
	server, newClient := newPair(t)
	c := newClient()
	if err := server.Send([]byte("1"), patience); !errors.Is(err, socket.ErrState) {
		t.Errorf("an answer to nothing: %v", err)
	}
	if err := c.Send([]byte("0"), patience); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Receive(patience); err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{"1", "2"} {
		if err := server.Send([]byte(body), patience); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Receive(patience); err != nil || text(t, c) != body {
			t.Errorf("%v", err)
		}
	}
}

// Two loops that share a handle are told so; no answer goes to another's client.
func TestTwoLoopsOnOneHandle(t *testing.T) {
	// Two calls that receive at the same time show that there are two loops. That both
	// have begun before the first message comes can only be waited for.
	for pause := time.Millisecond; ; pause *= 2 {
		server, newClient := newPair(t)
		received := make(chan error, 2)
		for range 2 {
			go func() { _, err := server.Receive(patience); received <- err }()
		}
		time.Sleep(pause)
		var clients []*Session
		for range 2 {
			c := newClient()
			clients = append(clients, c)
			if err := c.Send([]byte("1"), patience); err != nil {
				t.Fatal(err)
			}
			if err := <-received; err != nil {
				t.Fatal(err)
			}
		}
		if err := server.Send([]byte("2"), patience); err == nil && pause < patience/4 {
			continue
		} else if !errors.Is(err, socket.ErrState) {
			t.Errorf("an answer of one of two loops: %v", err)
		}
		for _, c := range clients {
			if _, err := c.Receive(0); err == nil {
				t.Error("a client has an answer")
			}
		}
		return
	}
}
