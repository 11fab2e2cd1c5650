package transport

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
)

// A listener of package net: its address, a connection through it, and the error of an
// address that is in use.
func TestListenNet(t *testing.T) {
	addresses := []Address{{}, {Host: "::1"}, {Host: "localhost"}}
	if runtime.GOOS != "windows" {
		addresses = append(addresses, Address{Path: filepath.Join(t.TempDir(), "socket")})
	}
	for _, a := range addresses {
		l, err := a.ListenNet()
		if errors.Is(err, ErrUnreachable) && a.Host == "::1" {
			continue // a machine without IPv6
		}
		if err != nil {
			t.Fatal(a, err)
		}
		client, err := net.Dial(l.Addr().Network(), l.Addr().String())
		if err != nil {
			t.Fatal(a, err)
		}
		server, err := l.Accept()
		if err != nil {
			t.Fatal(a, err)
		}
		if _, err := io.WriteString(server, "x"); err != nil {
			t.Error(a, err)
		}
		server.Close()
		if got, err := io.ReadAll(client); string(got) != "x" || err != nil {
			t.Errorf("%v: received %q, %v", a, got, err)
		}
		client.Close()
		taken := a
		if tcp, ok := l.Addr().(*net.TCPAddr); ok {
			taken.Port = uint16(tcp.Port)
		}
		if _, err := taken.ListenNet(); !errors.Is(err, ErrInUse) {
			t.Errorf("%v, in use: %v", taken, err)
		}
		l.Close()
		if _, err := os.Stat(a.Path); a.Path != "" && !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the socket's file: %v", err)
		}
	}
	if _, err := (Address{Host: "192.0.2.1"}).ListenNet(); !errors.Is(err, ErrUnreachable) {
		t.Errorf("an address of another machine: %v", err)
	}
}

// A socket's file whose server has ended without removing it is replaced.
func TestListenNetReplacesAStaleSocket(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no Unix-domain sockets")
	}
	a := Address{Path: filepath.Join(t.TempDir(), "socket")}
	old, err := net.Listen("unix", a.Path)
	if err != nil {
		t.Fatal(err)
	}
	old.(*net.UnixListener).SetUnlinkOnClose(false)
	old.Close()
	l, err := a.ListenNet()
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(a.Path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("its mode is %v, %v", info.Mode(), err)
	}
	l.Close()
}

// 0.0.0.0 is every IPv4 address, as for Listen, and no address of IPv6.
func TestListenNetOnIPv4(t *testing.T) {
	l, err := Address{Host: "0.0.0.0"}.ListenNet()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	at := l.Addr().(*net.TCPAddr)
	if at.IP.To4() == nil {
		t.Errorf("it listens on %v", at)
	}
	if conn, err := net.Dial("tcp6", net.JoinHostPort("::1", strconv.Itoa(at.Port))); err == nil {
		conn.Close()
		t.Error("a client has connected over IPv6")
	}
	conn, err := net.Dial("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(at.Port)))
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}
