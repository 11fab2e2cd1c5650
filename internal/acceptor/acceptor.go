// Package acceptor accepts the connections of the tool's servers: the proxy of obe record
// and the stand-in of obe listen. It knows nothing of what is sent on them.
//
// The one thing to know first: each connection is served in a goroutine, and Close ends all
// connections that were added and waits for those goroutines. Add is also for connections
// that a server opens itself.
package acceptor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Acceptor accepts the connections of a listener.
type Acceptor struct {
	listener net.Listener
	failed   func(error)
	ctx      context.Context // ends with Close
	cancel   context.CancelFunc

	accepted atomic.Int64
	serving  atomic.Int64
	running  sync.WaitGroup
	idle     chan func() // goroutines that wait for work

	mu   sync.Mutex
	open map[net.Conn]bool // nil once Close was called
}

// New returns an Acceptor for a listener, which it closes in the end. failed is called when a
// connection could not be accepted, such as for a lack of descriptors.
func New(listener net.Listener, failed func(error)) *Acceptor {
	a := &Acceptor{listener: listener, failed: failed, open: map[net.Conn]bool{}, idle: make(chan func())}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	return a
}

// Context returns a context that ends with Close.
func (a *Acceptor) Context() context.Context { return a.ctx }

// Closed reports whether Close was called.
func (a *Acceptor) Closed() bool { return a.ctx.Err() != nil }

// Accepted returns how many connections were accepted.
func (a *Acceptor) Accepted() int64 { return a.accepted.Load() }

// Serving returns how many of them are open.
func (a *Acceptor) Serving() int64 { return a.serving.Load() }

// pause is how long no connection is accepted after a failure.
const pause = 50 * time.Millisecond

// Serve accepts connections until Close is called. It calls serve in a goroutine for each,
// with the number of the connection, from 1, and closes the connection after that.
func (a *Acceptor) Serve(serve func(conn net.Conn, number int64)) {
	for {
		conn, err := a.listener.Accept()
		if err != nil {
			if a.Closed() || errors.Is(err, net.ErrClosed) {
				return
			}
			a.failed(fmt.Errorf("a connection could not be accepted: %w", err))
			select {
			case <-a.ctx.Done():
				return
			case <-time.After(pause):
				continue
			}
		}
		if !a.Add(conn) {
			return
		}
		number := a.accepted.Add(1)
		a.running.Add(1)
		a.serving.Add(1)
		a.Run(func() {
			defer a.running.Done()
			defer a.serving.Add(-1)
			defer a.Remove(conn)
			serve(conn, number)
		})
	}
}

// Run calls f in a goroutine, if possible one that did the same before: the stack of a new
// one has to grow first.
func (a *Acceptor) Run(f func()) {
	select {
	case a.idle <- f:
		return
	default:
	}
	go func() {
		for {
			f()
			select {
			case f = <-a.idle:
			case <-a.ctx.Done():
				return
			}
		}
	}()
}

// Add makes Close close a connection. If Close was called already, Add closes it and reports
// false.
func (a *Acceptor) Add(conn net.Conn) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.open == nil {
		conn.Close()
		return false
	}
	a.open[conn] = true
	return true
}

// Remove closes a connection that was added.
func (a *Acceptor) Remove(conn net.Conn) {
	conn.Close()
	a.mu.Lock()
	delete(a.open, conn)
	a.mu.Unlock()
}

// Close ends all connections and waits for the calls of serve. The peers see their ends.
func (a *Acceptor) Close() {
	a.cancel()
	a.listener.Close()
	a.mu.Lock()
	for conn := range a.open {
		conn.Close()
	}
	a.open = nil
	a.mu.Unlock()
	a.running.Wait()
}

// Reset closes a connection with a reset. On a Unix-domain socket there is none, and the
// peer sees an end.
func Reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	conn.Close()
}

// Names returns the addresses of a connection's two sides as text. The peer of a Unix-domain
// socket has none: the path of the socket stands for it, with the number of the connection,
// because two clients would be one otherwise.
func Names(conn net.Conn, number int64) (peer, local string) {
	if conn.LocalAddr().Network() == "unix" {
		local = "unix:" + conn.LocalAddr().String()
		return fmt.Sprintf("%s#%d", local, number), local
	}
	return conn.RemoteAddr().String(), conn.LocalAddr().String()
}
