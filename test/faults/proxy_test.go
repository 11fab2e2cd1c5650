//go:build linux

package faults_test

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// proxy is between clients and a server, and causes faults in each direction.
// (Shopify/toxiproxy depends on fifteen modules, Prometheus and a web router among them, and
// can neither cut a connection at a given byte after the beginning of a fault, nor reset it
// in one direction at such a byte.)
type proxy struct {
	listener *net.TCPListener
	server   string
	up, down direction // of commands, of replies

	mu    sync.Mutex
	conns []*net.TCPConn
}

// fault is what happens in one direction. The zero value is no fault.
type fault struct {
	latency time.Duration // before each piece
	jitter  time.Duration // additional random delay, up to this
	piece   int           // bytes per write; 0: as they were read
	closing time.Duration // delay of the end of the stream

	ends  end // how the connection ends when after bytes have passed
	after int
}

// end is how a connection ends for both sides.
type end int

const (
	never end = iota
	cut       // closed
	reset
	blackHole // open, but nothing is forwarded
)

// direction is the stream of all connections in one direction.
type direction struct {
	mu     sync.Mutex
	fault  fault
	passed int // bytes since the fault began
	random *rand.Rand
	ended  atomic.Int64 // connections that were cut or reset here
}

// suffer begins a fault.
func (d *direction) suffer(f fault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fault, d.passed = f, 0
}

// pass returns how many of n bytes are forwarded next, after which delay, and how the
// connection then ends.
func (d *direction) pass(n int) (size int, delay time.Duration, ends end) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.fault
	size, delay = n, f.latency
	if f.jitter > 0 {
		delay += time.Duration(d.random.Int64N(int64(f.jitter)))
	}
	if f.piece > 0 {
		size = min(size, f.piece)
	}
	if f.ends != never {
		size = max(min(size, f.after-d.passed), 0)
	}
	d.passed += size
	if f.ends != never && d.passed >= f.after {
		ends = f.ends
	}
	return size, delay, ends
}

func (d *direction) closing() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.fault.closing
}

func newProxy(t *testing.T, server string) *proxy {
	t.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	must(t, err)
	p := &proxy{listener: l, server: server}
	p.up.random, p.down.random = rand.New(rand.NewPCG(1, 1)), rand.New(rand.NewPCG(2, 2))
	var all sync.WaitGroup
	all.Go(func() {
		for {
			client, err := l.AcceptTCP()
			if err != nil {
				return
			}
			upstream, err := net.Dial("tcp", server)
			if err != nil {
				client.Close()
				continue
			}
			s := upstream.(*net.TCPConn)
			p.mu.Lock()
			p.conns = append(p.conns, client, s)
			p.mu.Unlock()
			all.Go(func() { p.up.carry(s, client) })
			all.Go(func() { p.down.carry(client, s) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		p.closeAll()
		all.Wait()
	})
	return p
}

func (p *proxy) port() int { return p.listener.Addr().(*net.TCPAddr).Port }

// closeAll closes all connections.
func (p *proxy) closeAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.Close()
	}
	p.conns = nil
}

// carry forwards bytes from one side to the other until one of them ends, or a fault ends
// the connection.
func (d *direction) carry(to, from *net.TCPConn) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		for chunk := buffer[:n]; len(chunk) > 0; {
			size, delay, ends := d.pass(len(chunk))
			time.Sleep(delay)
			if _, err := to.Write(chunk[:size]); err != nil {
				from.Close()
				return
			}
			chunk = chunk[size:]
			switch ends {
			case blackHole:
				_, _ = io.Copy(io.Discard, from)
				from.Close()
				to.Close()
				return
			case reset:
				_ = to.SetLinger(0)
				_ = from.SetLinger(0)
				fallthrough
			case cut:
				to.Close()
				from.Close()
				d.ended.Add(1)
				return
			}
		}
		switch {
		case err == nil:
		case errors.Is(err, net.ErrClosed):
			return // the other direction has closed both
		case err != io.EOF:
			_ = to.SetLinger(0)
			to.Close()
			return
		default:
			time.Sleep(d.closing())
			_ = to.CloseWrite()
			return
		}
	}
}
