// Package proxy forwards connections between clients and a server, and passes the messages
// in them to a recorder. It is what obe record does.
//
// The one thing to know first: bytes are forwarded as they come and are never changed or
// held back, whether or not they are a message. A [tap] reads along. What one side does to
// its connection, the proxy does to the other one: an end (FIN) is forwarded as an end, a
// reset as a reset, and silence is silence. There is one exception: the connection to the
// server is made when the first byte of a client arrives, because optbayesexpt ends
// when a connection closes without a message.
//
// It uses package net and not package transport, whose connections wait in a thread each
// and have neither half-closes nor resets.
package proxy

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"libobe/internal/acceptor"
)

// Config is what a proxy needs.
type Config struct {
	Listener net.Listener
	// Dial connects to the server.
	Dial func(context.Context) (net.Conn, error)
	// Record is called with each complete message, in the order in which they became
	// complete, and before its last bytes are forwarded. It must not wait.
	Record func(Message)
	// Tell is called with what people should know: a kind of event, and a sentence.
	Tell func(Event, string)
}

// Event is a kind of event.
type Event int

// The kinds of events.
const (
	ServerMissing Event = iota // a connection to the server failed
	NotFrames                  // bytes that are not messages
	NotJSON                    // a message whose body is not JSON
	Cut                        // a connection that ended inside a message
	AcceptFailed
	Loop // the server is this proxy
)

// Message is one message.
type Message struct {
	Body   []byte    // the recorder may keep it
	Length int64     // of the body; Body is only the beginning of one that is longer than a trace holds
	Time   time.Time // when it was complete
	Took   time.Duration
	// Reply: it is from the server; Took is then since the beginning of the client's last
	// message, otherwise since its own beginning.
	Reply       bool
	Peer, Local string // the addresses of the client, and of this proxy for it
	Connection  int64  // the number of the client's connection, from 1
}

// Proxy is a proxy that serves.
type Proxy struct {
	config      Config
	connections *acceptor.Acceptor
	own         sync.Map // the connections to the server, by the addresses of their ends
}

// Dialer returns a Dial for a server at the first of some addresses that accepts a
// connection. An address that does not answer leaves the later ones their part of
// connectTimeout.
func Dialer(network string, addresses ...string) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) { return dialAny(ctx, connectTimeout, network, addresses) }
}

func dialAny(ctx context.Context, limit time.Duration, network string, addresses []string) (conn net.Conn, err error) {
	end := time.Now().Add(limit)
	for i, address := range addresses {
		dialer := net.Dialer{Timeout: time.Until(end) / time.Duration(len(addresses)-i), KeepAlive: -1, Control: connectEarly}
		if conn, err = dialer.DialContext(ctx, network, address); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

// connectTimeout bounds how long a connection to the server may take. The client waits
// meanwhile with its own limit; a message must not arrive long after that.
const connectTimeout = 10 * time.Second

// probing makes the system probe whether a silent peer is still there, as libobe does by
// default.
var probing = net.KeepAliveConfig{Enable: true, Idle: 60 * time.Second, Interval: 15 * time.Second, Count: 4}

// probeAfter is how old a connection is when probing begins: the system calls would take a
// tenth of the time of a connection for one message.
const probeAfter = 5 * time.Second

// probe makes the system probe both peers.
func (l *link) probe() {
	for _, conn := range []net.Conn{l.client, l.server} {
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetKeepAliveConfig(probing) // without it, a lost peer is noticed later
		}
	}
}

// New returns a proxy for a listener, which it closes in the end.
func New(config Config) *Proxy {
	failed := func(err error) { config.Tell(AcceptFailed, err.Error()) }
	return &Proxy{config: config, connections: acceptor.New(config.Listener, failed)}
}

// Connections returns how many connections clients have made.
func (p *Proxy) Connections() int64 { return p.connections.Accepted() }

// Open returns how many connections of clients are open.
func (p *Proxy) Open() int64 { return p.connections.Serving() }

// Serve accepts connections until Close is called.
func (p *Proxy) Serve() { p.connections.Serve(p.serve) }

// Close ends all connections and waits for them. The peers see their ends.
func (p *Proxy) Close() { p.connections.Close() }

// closeWrite ends this side's direction of a connection.
func closeWrite(conn net.Conn) error {
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// bufferSize is how much is read and forwarded at once: as much as a small window of TCP.
const bufferSize = 64 << 10

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// link is the two connections between which bytes are forwarded.
type link struct {
	proxy          *Proxy
	client, server net.Conn
	peer, local    string
	number         int64 // of the client's connection
	// began is when the client's last message began, in nanoseconds since start.
	began atomic.Int64
	start time.Time

	asked, replied chan struct{} // closed at the ends of the two directions
}

func (p *Proxy) serve(client net.Conn, number int64) {
	buffer := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buffer)
	n, err := client.Read(buffer[:])
	if n == 0 {
		if err != io.EOF && !p.connections.Closed() {
			acceptor.Reset(client)
		}
		return
	}
	l := &link{proxy: p, client: client, start: time.Now(), asked: make(chan struct{}), replied: make(chan struct{})}
	l.number = number
	l.peer, l.local = acceptor.Names(client, number)
	if _, isOwn := p.own.Load([2]string{l.peer, l.local}); isOwn {
		p.config.Tell(Loop, "the server's address is that of this proxy itself; compare --to with --listen")
		acceptor.Reset(client)
		return
	}
	l.server, err = p.config.Dial(p.connections.Context())
	if err != nil {
		if !p.connections.Closed() {
			p.config.Tell(ServerMissing, "no connection to the server; start it, or compare --to with its address: "+err.Error())
			acceptor.Reset(client)
		}
		return
	}
	if !p.connections.Add(l.server) {
		return
	}
	own := [2]string{l.server.LocalAddr().String(), l.server.RemoteAddr().String()}
	p.own.Store(own, nil)
	defer p.own.Delete(own)
	defer p.connections.Remove(l.server)

	request := l.tap(false)
	failed := l.pass(l.server, request, buffer[:n])
	p.connections.Run(func() {
		buffer := buffers.Get().(*[bufferSize]byte)
		defer buffers.Put(buffer)
		l.forward(client, l.server, l.tap(true), buffer[:], l.replied, l.asked)
	})
	defer time.AfterFunc(probeAfter, l.probe).Stop()
	if failed == nil {
		l.forward(l.server, client, request, buffer[:], l.asked, l.replied)
	} else {
		close(l.asked)
		l.abortAfter(l.replied)
	}
	<-l.replied
}

// tap returns a tap for one direction.
func (l *link) tap(reply bool) *tap {
	return &tap{tell: l.proxy.config.Tell, who: l.who(reply), emit: func(m Message) {
		m.Reply, m.Peer, m.Local, m.Connection = reply, l.peer, l.local, l.number
		began := m.Time.Add(-m.Took)
		if reply {
			if asked := l.began.Load(); asked > 0 {
				m.Took = m.Time.Sub(l.start) - time.Duration(asked)
			}
		} else {
			l.began.Store(max(int64(began.Sub(l.start)), 1))
		}
		l.proxy.config.Record(m)
	}}
}

func (l *link) who(reply bool) string {
	if reply {
		return "the server, in a reply to " + l.peer
	}
	return l.peer
}

// pass forwards bytes.
func (l *link) pass(dst net.Conn, t *tap, p []byte) error {
	t.feed(p)
	_, err := dst.Write(p)
	return err
}

// forward forwards from src to dst until src ends. It closes done, and other is that of the
// other direction.
func (l *link) forward(dst, src net.Conn, t *tap, buffer []byte, done chan<- struct{}, other <-chan struct{}) {
	defer func() {
		if !l.proxy.connections.Closed() {
			t.end()
		}
	}()
	for {
		n, err := src.Read(buffer)
		if n > 0 && l.pass(dst, t, buffer[:n]) != nil {
			// dst has closed or reset its connection, and takes nothing more.
			close(done)
			l.abortAfter(other)
			return
		}
		if err != nil {
			if err != io.EOF || closeWrite(dst) != nil || awaitReset(src) {
				l.abort()
			}
			close(done)
			return
		}
	}
}

// lastWords is how long the bytes that a side has sent before it reset its connection may
// take to the other one, which may read nothing.
const lastWords = 100 * time.Millisecond

// abortAfter resets both connections when the other direction has ended, too.
func (l *link) abortAfter(other <-chan struct{}) {
	select {
	case <-other:
	case <-time.After(lastWords):
	}
	l.abort()
}

// abort resets both connections, unless Close was called: then they end.
func (l *link) abort() {
	if !l.proxy.connections.Closed() {
		acceptor.Reset(l.client)
		acceptor.Reset(l.server)
	}
}
