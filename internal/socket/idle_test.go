package socket_test

import (
	"fmt"
	"math"
	"net"
	"runtime"
	"testing"

	"libobe/internal/socket"
)

// An idle connection of a server takes little memory, whatever it was used for.
func TestMemoryOfIdleConnections(t *testing.T) {
	const (
		batches = 5
		batch   = 100 // as many can wait to be accepted
	)
	most := int64(260)
	if runtime.GOOS != "linux" {
		most = 600 // with what the poller keeps of each
	}
	command := frame(`{"command": "goodset"}`)
	for _, use := range []struct {
		name  string
		parts []string // sent one after the other
	}{
		{"one command", []string{command}},
		{"a command in two parts", []string{command[:20], command[20:]}},
		{"commands that wait for the reply", []string{command + command + command[:5], command[5:]}},
	} {
		t.Run(use.name, func(t *testing.T) {
			s := newServer(t)
			settle(t)
			var clients []net.Conn
			sent := int64(0)
			send := func(part string) {
				for _, c := range clients[len(clients)-batch:] {
					_, err := c.Write([]byte(part))
					must(t, err)
				}
				sent += int64(batch * len(part))
			}
			least := int64(math.MaxInt64)
			for i := range 1 + batches {
				for range batch {
					c, err := net.Dial("tcp", s.Name())
					must(t, err)
					defer c.Close()
					clients = append(clients, c)
				}
				before := liveHeap()
				for _, part := range use.parts {
					send(part)
					exchangeAll(t, s, sent)
				}
				if i > 0 { // the first ones also take what the server keeps once
					least = min(least, liveHeap()-before) // the others may take what is needed elsewhere
				}
			}
			expectStats(t, s, fmt.Sprintf("connections_open=%d", len(clients)))
			if each := least / batch; each > most {
				t.Errorf("each takes %d bytes, and should take at most %d", each, most)
			}
		})
	}
}

// exchangeAll answers until the server has received that many bytes, and has no message.
func exchangeAll(t *testing.T, s *socket.Server, bytes int64) {
	t.Helper()
	var dst [100]byte
	for {
		_, err := s.Receive(dst[:], 0)
		if err == nil {
			must(t, s.Send([]byte("1"), testTimeout))
			continue
		}
		expectError(t, err, socket.ErrTimeout)
		received, err := s.Stat("bytes_received")
		must(t, err)
		if received == bytes {
			return
		}
	}
}

// liveHeap returns the bytes of the heap that are in use.
func liveHeap() int64 {
	runtime.GC()
	runtime.GC() // what a sync.Pool had is freed by the second one
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
