//go:build unix

package socket_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"

	"libobe/internal/socket"
)

const exhausted = "OBE_TEST_EXHAUSTED"

// A server without free descriptors neither fails nor uses CPU time while it waits for
// some, and then continues. The limit is that of the process, so the test runs in a
// separate one.
func TestServerOutOfDescriptors(t *testing.T) {
	if os.Getenv(exhausted) == "" {
		command := exec.Command(os.Args[0], "-test.run=^TestServerOutOfDescriptors$", "-test.v")
		// The race detector would let it sleep for a second at the end.
		command.Env = append(os.Environ(), exhausted+"=1", "GORACE=atexit_sleep_ms=0")
		if output, err := command.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, output)
		}
		return
	}
	const clients, free = 8, 3
	s := newServer(t)
	var peers []*plain
	for i := range clients {
		peers = append(peers, dial(t, s))
		peers[i].send(number(i))
	}
	release := takeDescriptorsBut(t, free)
	var taken []*socket.Message
	for range free {
		taken = append(taken, receiveMessage(t, s))
	}

	// The others have to wait: the accepted ones wait for their replies.
	expectIdle(t, func() {
		_, err := s.ReceiveMessage(10 * moment)
		expectError(t, err, socket.ErrTimeout)
	})
	expectStats(t, s, fmt.Sprint("connections_opened=", free), fmt.Sprint("connections_open=", free))

	// The server notices when a descriptor becomes free elsewhere.
	done := start(func() *socket.Message {
		m, err := s.ReceiveMessage(testTimeout)
		if err != nil {
			t.Error(err)
		}
		return m
	})
	begun(t, s, 1)
	release()
	taken = append(taken, await(t, done))
	if t.Failed() {
		return
	}

	// Once answered, they are idle, and are evicted for the others one by one.
	for _, m := range taken {
		reply(t, m, string(m.Body))
	}
	var all sync.WaitGroup
	for range clients - len(taken) {
		m := receiveMessage(t, s)
		all.Go(func() {
			if err := m.Reply(m.Body, testTimeout); err != nil {
				t.Error(err)
			}
		})
		all.Wait()
	}
	for i, p := range peers {
		p.expect(number(i))
	}
	expectStats(t, s, fmt.Sprint("evicted=", clients-len(taken)))
}

// takeDescriptorsBut opens files until only n descriptors are left. The function that it
// returns closes one file.
func takeDescriptorsBut(t *testing.T, n int) (release func()) {
	t.Helper()
	var limit syscall.Rlimit
	must(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	limit.Cur = min(limit.Cur, 256)
	must(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit))
	var files []*os.File
	for {
		f, err := os.Open(os.DevNull)
		if errors.Is(err, syscall.EMFILE) {
			break
		}
		must(t, err)
		files = append(files, f)
	}
	release = func() {
		must(t, files[0].Close())
		files = files[1:]
	}
	for range n {
		release()
	}
	t.Cleanup(func() {
		for _, f := range files {
			f.Close()
		}
	})
	return release
}
