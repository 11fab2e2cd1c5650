//go:build unix

package gateway

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"libobe/internal/systemtest"
	"libobe/internal/systemtest/natsserver"
)

// A NATS server that has stopped reading: 20 commands of 1 MB end at their deadlines. Those that are said not to be
// sent are never delivered, and none is delivered twice.
func TestStoppedServer(t *testing.T) {
	server := natsserver.Start(t)
	asker, answerer := newLink(t, server), newLink(t, server)
	var delivered [21]atomic.Int32
	serve(t, answerer, "obe.nv3", func(r *Request) {
		delivered[r.Body[0]].Add(1)
		_ = r.Respond([]byte("{}"))
	})
	server.Stop()
	const patience = 300 * time.Millisecond
	var all sync.WaitGroup
	var unsent [20]atomic.Bool
	var longest atomic.Int64
	for i := range 20 {
		all.Go(func() {
			body := make([]byte, asker.single())
			body[0] = byte(i)
			deadline := time.Now().Add(patience)
			_, err := asker.Ask(context.Background(), Ask{Subject: "obe.nv3", Body: body, Deadline: deadline})
			if late := int64(time.Since(deadline)); late > longest.Load() {
				longest.Store(late)
			}
			if !errors.Is(err, ErrTimeout) {
				t.Errorf("command %d: %v", i, err)
			}
			unsent[i].Store(err != nil && strings.Contains(err.Error(), "not sent"))
		})
	}
	all.Wait()
	t.Logf("the last command ended %v after its deadline", time.Duration(longest.Load()))
	if late := time.Duration(longest.Load()); late > 2*time.Second {
		t.Errorf("a command ended %v after its deadline", late)
	}
	begin := time.Now()
	if !asker.Connected() || asker.MaxPayload() == 0 || time.Since(begin) > time.Second {
		t.Errorf("the state of the link took %v", time.Since(begin))
	}
	server.Continue()
	if _, err := ask(asker, "obe.nv3", "\x14last"); err != nil {
		t.Fatal(err)
	}
	sent := 0
	for i := range 20 {
		n := delivered[i].Load()
		if n > 1 || n == 1 && unsent[i].Load() {
			t.Errorf("command %d: delivered %d times, not sent: %v", i, n, unsent[i].Load())
		}
		sent += int(n)
	}
	if sent == 20 {
		t.Error("all commands were sent: this test shows nothing")
	}
	t.Logf("%d of 20 commands were delivered", sent)
	nothingLeft(t, asker)
}

// A NATS server that does not read for longer than a write may take: what is under way ends, and when the server reads
// again, the link is there again.
func TestLongStoppedServer(t *testing.T) {
	server := natsserver.Start(t)
	told := newEvents()
	asker, answerer := newLinkTo(t, Config{URL: server.URL(), Events: told.take}), newLink(t, server)
	serve(t, answerer, "obe.nv3", func(r *Request) { _ = r.Respond([]byte("{}")) })
	server.Stop()
	body := make([]byte, asker.single())
	results := make(chan error, 20)
	for range 20 {
		go func() {
			_, err := asker.Ask(context.Background(), Ask{Subject: "obe.nv3", Body: body, Deadline: time.Now().Add(systemtest.Timeout)})
			results <- err
		}()
	}
	kinds := map[error]int{}
	for range 20 {
		err := next(t, results)
		for _, kind := range []error{ErrBroken, ErrDisconnected} {
			if errors.Is(err, kind) {
				kinds[kind]++
			}
		}
	}
	if kinds[ErrBroken]+kinds[ErrDisconnected] != 20 || kinds[ErrDisconnected] == 0 {
		t.Errorf("the commands ended with %v", kinds)
	}
	told.await(t, EventDisconnected, 1)
	server.Continue()
	told.await(t, EventReconnected, 1)
	awaitDesigner(t, asker, "obe.nv3")
	if _, err := ask(asker, "obe.nv3", "{}"); err != nil {
		t.Error(err)
	}
	nothingLeft(t, asker)
}

// A link to a stopped server can be closed.
func TestCloseOfStoppedServer(t *testing.T) {
	server := natsserver.Start(t)
	l := newLink(t, server)
	service := echo(t, l, "obe.nv3")
	server.Stop()
	defer server.Continue()
	for range 20 {
		go func() {
			_, _ = l.Ask(context.Background(), Ask{Subject: "obe.nv3", Body: make([]byte, l.single()), Deadline: time.Now().Add(systemtest.Timeout)})
		}()
	}
	for limit := time.Now().Add(systemtest.Soon); l.out.bytes.Load() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatal("nothing waits for the stopped server")
		}
	}
	begin := time.Now()
	service.Close()
	l.Close()
	if took := time.Since(begin); took > systemtest.Soon {
		t.Errorf("Close took %v", took)
	}
}
