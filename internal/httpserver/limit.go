package httpserver

import (
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

const (
	// maxRefusals is how many connections are told at a time that they are too many. Others are
	// closed.
	maxRefusals = 32
	// refusalTime bounds how long that takes.
	refusalTime = time.Second
)

// limited is a listener that refuses connections beyond a number with a sentence. The one of
// golang.org/x/net/netutil leaves them waiting.
type limited struct {
	net.Listener
	refusal        string
	room, refusals chan struct{}
}

// Limit returns a listener that accepts up to Room(most) connections at a time, and refuses others
// with a sentence.
func Limit(l net.Listener, most int, refusal string) net.Listener {
	return &limited{l, refusal, make(chan struct{}, Room(most)), make(chan struct{}, Room(maxRefusals))}
}

// Room returns a number of connections, or less if that is more than one of four descriptors: the
// others are left for what the program does.
func Room(most int) int { return min(most, max(1, descriptors()/4)) }

// Accept returns the next connection for which there is room.
func (l *limited) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case l.room <- struct{}{}:
			return &limitedConn{Conn: conn, release: func() { <-l.room }}, nil
		default:
		}
		select {
		case l.refusals <- struct{}{}:
			go func() {
				refuse(conn, l.refusal)
				<-l.refusals
			}()
		default:
			conn.Close()
		}
	}
}

// refuse answers a request with a sentence. A client may take what comes before it has sent
// one for a fault, and if bytes that were not read reset the connection, the answer could be lost.
func refuse(conn net.Conn, sentence string) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(refusalTime))
	if _, err := conn.Read(make([]byte, MaxHeader)); err != nil {
		return
	}
	_, err := fmt.Fprintf(conn, "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s\n", len(sentence)+1, sentence)
	if half, ok := conn.(interface{ CloseWrite() error }); ok && err == nil && half.CloseWrite() == nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(conn, MaxHeader))
	}
}

// limitedConn makes room for another connection when it is closed.
type limitedConn struct {
	net.Conn
	once    sync.Once
	release func()
}

// Close closes the connection.
func (c *limitedConn) Close() error {
	defer c.once.Do(c.release)
	return c.Conn.Close()
}
