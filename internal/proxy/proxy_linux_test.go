package proxy

import (
	"errors"
	"fmt"
	"net"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
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

// silentAddress returns an address that accepts no more connections: its queue is full.
func silentAddress(t *testing.T) string {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	var at unix.Sockaddr = &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
	if err := errors.Join(unix.Bind(fd, at), unix.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	if at, err = unix.Getsockname(fd); err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", at.(*unix.SockaddrInet4).Port)
	for range 10 {
		conn, err := net.DialTimeout("tcp", address, 20*time.Millisecond)
		if err != nil {
			return address
		}
		t.Cleanup(func() { conn.Close() })
	}
	t.Fatal("the queue is not full")
	return ""
}

// Addresses that do not answer leave time for the next one, and all together have no more
// time than one.
func TestAddressesShareTheTime(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	silent := silentAddress(t)
	// On a busy machine a connection can take some hundred milliseconds.
	conn, err := dialAny(t.Context(), limit/20, "tcp", []string{silent, silent, l.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	began := time.Now()
	if _, err := dialAny(t.Context(), limit/100, "tcp", []string{silent, silent, silent, silent, silent, silent, silent, silent, silent, silent}); err == nil {
		t.Error("a silent address accepted a connection")
	}
	if took := time.Since(began); took > limit/20 {
		t.Errorf("ten addresses took %v", took)
	}
}

// A connection to a server is made and refused as without connectEarly, over IPv4 and IPv6.
func TestConnectEarly(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		l, err := net.Listen("tcp", address)
		if err != nil && address != "127.0.0.1:0" {
			t.Log(err) // a machine without IPv6
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		conn, err := dialAny(t.Context(), limit, "tcp", []string{l.Addr().String()})
		if err != nil {
			t.Fatal(err)
		}
		server, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if conn.RemoteAddr().String() != l.Addr().String() || conn.LocalAddr().String() != server.RemoteAddr().String() {
			t.Errorf("%s: connected from %v to %v", address, conn.LocalAddr(), conn.RemoteAddr())
		}
		conn.Close()
		server.Close()
		l.Close()
		if _, err := dialAny(t.Context(), limit, "tcp", []string{l.Addr().String()}); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%s: %v", address, err)
		}
	}
}
