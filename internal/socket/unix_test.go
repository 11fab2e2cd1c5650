//go:build unix

package socket_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"libobe/internal/socket"
	"libobe/internal/transport"
)

func unixServer(t *testing.T, path string, options ...string) *socket.Server {
	t.Helper()
	s, err := socket.NewServer("unix:"+path, 0)
	must(t, err)
	t.Cleanup(s.Free)
	set(t, s, options...)
	return s
}

func unixClient(t *testing.T, path string, options ...string) *socket.Client {
	t.Helper()
	c, err := socket.NewClient("unix:"+path, 0)
	must(t, err)
	t.Cleanup(c.Free)
	set(t, c, options...)
	return c
}

func TestUnixExchange(t *testing.T) {
	for _, persistent := range []string{"persistent=0", "persistent=1"} {
		path := socketPath(t)
		s := unixServer(t, path, "allow=10.0.0.1")
		echo(t, s)
		c := unixClient(t, path, persistent)
		for _, body := range []string{`1`, vast} {
			if got, err := tcmd(c, body); err != nil || got != body {
				t.Fatalf("%d bytes came back as %d, %v", len(body), len(got), err)
			}
		}
		expectStats(t, s)
		s.Free()
		if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("a freed server leaves its file: %v", err)
		}
	}
}

func TestUnixTLS(t *testing.T) {
	a := newAuthority(t)
	path := socketPath(t)
	echo(t, unixServer(t, path, a.sign(nil).options()...))
	expectTcmd(t, unixClient(t, path, "tls_ca="+a.file, "tls_server_name=instrument.test"), `1`, `1`)
	_, err := tcmd(unixClient(t, path, "tls_ca="+a.file), `1`)
	expectSaid(t, err, socket.ErrState, "the server name (tls_server_name) is missing")
}

func TestUnixWaitReady(t *testing.T) {
	path := socketPath(t)
	c := unixClient(t, path)
	_, err := tcmd(c, `1`)
	expectSaid(t, err, transport.ErrRefused, "tcmd unix:"+path+": connect: no such file or directory", "no server is listening there")
	ready := start(func() error { return c.WaitReady(testTimeout) })
	begun(t, c, 1)
	echo(t, unixServer(t, path))
	must(t, await(t, ready))
}

func TestUnixNames(t *testing.T) {
	path := socketPath(t)
	s, c := unixServer(t, path), unixClient(t, path, "persistent=1")
	send(t, c, `1`)
	expectReceive(t, s, `1`)
	for _, side := range []testSocket{s, c} {
		for _, name := range []string{"local", "peer"} {
			if got, err := side.Option(name); err != nil || got != "unix:"+path {
				t.Errorf("%s is %q, %v", name, got, err)
			}
		}
	}
	if s.Addr().Port() != 0 {
		t.Errorf("the port is %d", s.Addr().Port())
	}
	_, err := s.Receive(nil, 0)
	expectSaid(t, err, socket.ErrTimeout, "receive unix:"+path)
}

func TestUnixMode(t *testing.T) {
	path := socketPath(t)
	unixServer(t, path)
	info, err := os.Lstat(path)
	must(t, err)
	if info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("the mode is %v", info.Mode())
	}
}

func TestUnixStaleFileIsReplaced(t *testing.T) {
	path := socketPath(t)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	must(t, err)
	l.SetUnlinkOnClose(false)
	must(t, l.Close())
	echo(t, unixServer(t, path))
	expectTcmd(t, unixClient(t, path), `1`, `1`)
}

func TestUnixLiveServerStays(t *testing.T) {
	path := socketPath(t)
	s := unixServer(t, path)
	_, err := socket.NewServer("unix:"+path, 0)
	expectSaid(t, err, transport.ErrInUse, "unix:"+path, "this program already has a server there")
	// The attempt opened a connection without a message, which does no harm.
	echo(t, s)
	expectTcmd(t, unixClient(t, path), `1`, `1`)
	expectStats(t, s)
}

func TestUnixServersThatStartTogether(t *testing.T) {
	path := socketPath(t)
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	must(t, err)
	stale.SetUnlinkOnClose(false)
	must(t, stale.Close())
	const many = 20
	results := make(chan *socket.Server, many)
	for range many {
		go func() {
			s, err := socket.NewServer("unix:"+path, 0)
			if err != nil && !errors.Is(err, transport.ErrInUse) {
				t.Error(err)
			}
			results <- s
		}()
	}
	var alive *socket.Server
	for range many {
		if s := await(t, results); s != nil {
			t.Cleanup(s.Free)
			if alive != nil {
				t.Error("two servers have the same path")
			}
			alive = s
		}
	}
	echo(t, alive)
	expectTcmd(t, unixClient(t, path), `1`, `1`)
}

// The library does not remove a file that is not a socket, nor one that has replaced its
// socket.
func TestUnixForeignFileStays(t *testing.T) {
	path := socketPath(t)
	must(t, os.WriteFile(path, []byte("precious"), 0o600))
	_, err := socket.NewServer("unix:"+path, 0)
	expectSaid(t, err, transport.ErrInUse, "not a socket")
	must(t, os.Remove(path))
	s := unixServer(t, path)
	must(t, os.Remove(path))
	must(t, os.WriteFile(path, []byte("precious"), 0o600))
	s.Free()
	if text, err := os.ReadFile(path); err != nil || string(text) != "precious" {
		t.Errorf("the file has %q, %v", text, err)
	}
}

// Any user may lock a directory like /tmp, forever.
func TestUnixLockedDirectory(t *testing.T) {
	path := socketPath(t)
	dir, err := os.Open(filepath.Dir(path))
	must(t, err)
	defer dir.Close()
	must(t, syscall.Flock(int(dir.Fd()), syscall.LOCK_EX))
	s, err := socket.NewServer("unix:"+path, 0)
	must(t, err)
	s.Free()
}

func TestUnixPaths(t *testing.T) {
	for path, message := range map[string]string{
		"":                             "absolute path",
		"relative":                     "absolute path",
		"@abstract":                    "pass the host alone",
		"//host/s":                     "pass the host alone",
		"/a\x00b":                      "NUL",
		"/" + strings.Repeat("x", 107): "the system allows at most",
	} {
		for _, make := range []func() error{
			func() error { _, err := socket.NewServer("unix:"+path, 0); return err },
			func() error { _, err := socket.NewClient("unix:"+path, 0); return err },
		} {
			expectSaid(t, make(), socket.ErrArgument, message)
		}
	}
	_, err := socket.NewServer("unix:"+filepath.Join(filepath.Dir(socketPath(t)), "nowhere", "s"), 0)
	var system *transport.SystemError
	if !errors.As(err, &system) || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("a directory that does not exist: %v", err)
	}
}
