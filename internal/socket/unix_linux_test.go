package socket_test

import (
	"testing"

	"golang.org/x/sys/unix"

	"libobe/internal/socket"
)

// A client waits for room in the accept queue of a Unix-domain socket, as the system does
// for TCP.
func TestUnixFullQueue(t *testing.T) {
	path := socketPath(t)
	streamSocket := func() int {
		t.Helper()
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		must(t, err)
		t.Cleanup(func() { unix.Close(fd) })
		return fd
	}
	listener := streamSocket()
	must(t, unix.Bind(listener, &unix.SockaddrUnix{Name: path}))
	must(t, unix.Listen(listener, 0))
	for err := error(nil); err != unix.EAGAIN; {
		if err = unix.Connect(streamSocket(), &unix.SockaddrUnix{Name: path}); err != nil && err != unix.EAGAIN {
			t.Fatal(err)
		}
	}
	c := unixClient(t, path)
	err := c.Send([]byte(`1`), moment)
	expectSaid(t, err, socket.ErrTimeout, "the server's accept queue full")
	done := start(func() error { return c.Send([]byte(`1`), testTimeout) })
	begun(t, c, 1)
	c.Cancel()
	expectError(t, await(t, done), socket.ErrCancelled)

	done = start(func() error { return c.Send([]byte(`2`), testTimeout) })
	begun(t, c, 1)
	must(t, unix.Listen(listener, 100))
	must(t, await(t, done))
}
