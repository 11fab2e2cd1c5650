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

// onNewThread calls f on a separate thread, as LabVIEW may.
func onNewThread(f func() error) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
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

// One loop replies to the message that it received, regardless of the threads on which its
// calls are made, and although it does not reply to some commands.
func TestServerAnswersOnAnyThread(t *testing.T) {
	const clients, commands = 4, 50
	server, newClient := newPair(t)
	var serving, calling sync.WaitGroup
	serving.Go(func() {
		for i := 0; ; i++ {
			err := onNewThread(func() error { _, err := server.Receive(testTimeout); return err })
			if errors.Is(err, socket.ErrClosed) {
				return
			}
			if err != nil {
				t.Error(err)
				return
			}
			if i%7 == 3 {
				continue // the server closes the connection of this client
			}
			body, err := server.Text("get_text")
			if err == nil {
				err = onNewThread(func() error { return server.Send(body, testTimeout) })
			}
			if err != nil && !errors.Is(err, socket.ErrClosed) { // the last client may have given up
				t.Error(err)
			}
		}
	})
	for g := range clients {
		c := newClient()
		calling.Go(func() {
			replied := 0
			for i := range commands {
				body := fmt.Sprintf("[%d]", g*commands+i)
				_, err := c.Tcmd([]byte(body), 200*time.Millisecond)
				if err != nil {
					continue
				}
				if replied++; text(t, c) != body {
					t.Errorf("the reply to %s was %s", body, text(t, c))
				}
			}
			if replied < commands/2 {
				t.Errorf("%d of %d commands got a reply", replied, commands)
			}
		})
	}
	calling.Wait()
	server.Free()
	serving.Wait()
}

// A server may send several messages to the client whose message it received, and none to
// another client.
func TestServerSendsTwice(t *testing.T) {
	server, newClient := newPair(t)
	c := newClient()
	if err := server.Send([]byte("1"), testTimeout); !errors.Is(err, socket.ErrState) {
		t.Errorf("a reply without a request: %v", err)
	}
	if err := c.Send([]byte("0"), testTimeout); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Receive(testTimeout); err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{"1", "2"} {
		if err := server.Send([]byte(body), testTimeout); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Receive(testTimeout); err != nil || text(t, c) != body {
			t.Errorf("%v", err)
		}
	}
}

// A reply from one of two loops that share a handle is an error, so that it never reaches the
// client of the other loop.
func TestTwoLoopsOnOneHandle(t *testing.T) {
	// Two receives at the same time reveal two loops. Only waiting makes it likely that both
	// have begun before the first message arrives.
	for pause := time.Millisecond; ; pause *= 2 {
		server, newClient := newPair(t)
		received := make(chan error, 2)
		for range 2 {
			go func() { _, err := server.Receive(testTimeout); received <- err }()
		}
		time.Sleep(pause)
		var clients []*Session
		for range 2 {
			c := newClient()
			clients = append(clients, c)
			if err := c.Send([]byte("1"), testTimeout); err != nil {
				t.Fatal(err)
			}
			if err := <-received; err != nil {
				t.Fatal(err)
			}
		}
		if err := server.Send([]byte("2"), testTimeout); err == nil && pause < testTimeout/4 {
			continue
		} else if !errors.Is(err, socket.ErrState) {
			t.Errorf("the reply from one of two loops: %v", err)
		}
		for _, c := range clients {
			if _, err := c.Receive(0); err == nil {
				t.Error("a client received a reply")
			}
		}
		return
	}
}
