package proxy

import (
	"net"
	"syscall"
	"testing"
	"time"
)

// A side that has ended its direction, and then resets the connection, resets it for the other
// side, which has not sent anything that would tell.
func TestAResetAfterAnEnd(t *testing.T) {
	for _, fromClient := range []bool{true, false} {
		s := newServer(t)
		address, _ := start(t, s.Addr().String())
		client := dial(t, address)
		send(t, client, frame(command))
		conn := s.accept()
		expect(t, conn, frame(command))
		leaving, staying := client, conn
		if !fromClient {
			leaving, staying = conn, client
		}
		_ = leaving.CloseWrite()
		expectEnd(t, staying, "", false)
		end(leaving, true)
		for begin := time.Now(); ; time.Sleep(time.Millisecond) {
			if gone(staying) {
				break
			}
			if time.Since(begin) > limit {
				t.Fatalf("from the client %v: the other side does not learn of the reset", fromClient)
			}
		}
	}
}

// gone reports whether a connection is over, without using it.
func gone(conn *net.TCPConn) (over bool) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return true
	}
	_ = raw.Control(func(fd uintptr) {
		cause, err := syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_ERROR)
		over = err != nil || cause != 0
	})
	return over
}
