package nats

import (
	"net"
	"testing"
	"time"

	"libobe/internal/systemtest"
)

// rawConn is a connection of the test, to do with it what no client does.
type rawConn struct{ *net.TCPConn }

func dialRaw(t testing.TB, address string) *rawConn {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, systemtest.Timeout)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(systemtest.Timeout))
	return &rawConn{conn.(*net.TCPConn)}
}

func (c *rawConn) close() { c.Close() }

// reset ends the connection as that of a killed process with unread data.
func (c *rawConn) reset() {
	_ = c.SetLinger(0)
	c.Close()
}

// dialSoon connects to what may be gone.
func dialSoon(address string) (*net.TCPConn, error) {
	conn, err := net.DialTimeout("tcp", address, systemtest.Soon)
	if err != nil {
		return nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(systemtest.Timeout))
	return conn.(*net.TCPConn), nil
}
