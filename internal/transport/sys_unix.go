//go:build linux || darwin

package transport

import (
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

type descriptor = int

const (
	forReading = unix.POLLIN
	forWriting = unix.POLLOUT
)

func isAgain(err error) bool {
	return err == unix.EAGAIN || err == unix.EINTR || err == unix.EINPROGRESS
}

func isNotConnected(err error) bool { return err == unix.ENOTCONN }

// errNobody is what connecting says where nobody listens.
const errNobody = unix.ECONNREFUSED

func kindOf(err error) error {
	switch err {
	case unix.ECONNREFUSED:
		return ErrRefused
	case unix.ECONNRESET, unix.EPIPE, unix.ECONNABORTED:
		return ErrReset
	case unix.EHOSTUNREACH, unix.ENETUNREACH, unix.ENETDOWN, unix.EHOSTDOWN, unix.EADDRNOTAVAIL, unix.EAFNOSUPPORT, unix.ETIMEDOUT:
		return ErrUnreachable
	case unix.EADDRINUSE:
		return ErrInUse
	case unix.EACCES, unix.EPERM:
		return ErrPermission
	case unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM:
		return ErrExhausted
	}
	return nil
}

// waitFor waits until fd is ready for what is asked.
func waitFor(fd descriptor, what int16, w Wait) error {
	waker, other := -1, -1 // which poll ignores
	if w.Waker != nil {
		waker = w.Waker.r
	}
	if w.Yield != nil {
		other = w.Yield.fd
	}
	spin := w.Spin.begin()
	for {
		patience, looking := spin.patience(w)
		call := poll
		if patience != 0 {
			call = blockingPoll
		}
		found, err := call(fd, what, waker, other, patience)
		switch {
		case err == unix.EINTR:
			continue
		case err != 0:
			return systemError("poll", err)
		// The descriptor comes first: what is there is taken before a wake-up.
		case found&pollReady != 0:
			spin.found()
			return nil
		case found&pollWoken != 0:
			return ErrWoken
		case found&pollOther != 0:
			return ErrYield
		case !looking && w.milliseconds() == 0:
			return ErrTimeout
		}
	}
}

// What poll finds, added up.
const (
	pollReady = 1 << iota // fd is ready
	pollWoken             // waker can be read
	pollOther             // other can be read
)

// poll waits until fd is ready for what is asked, or waker or other can be read.
func poll(fd descriptor, what int16, waker, other descriptor, milliseconds int) (found int, err unix.Errno) {
	fds := [3]unix.PollFd{{Fd: int32(fd), Events: what}, {Fd: int32(waker), Events: unix.POLLIN}, {Fd: int32(other), Events: unix.POLLIN}}
	if _, err := unix.Poll(fds[:], milliseconds); err != nil {
		return 0, err.(unix.Errno)
	}
	for i := range fds {
		if fds[i].Revents != 0 {
			found |= 1 << i
		}
	}
	return found, 0
}

// blockingPoll is poll where that may wait; see WaitWith.
var blockingPoll = poll

// mostAtOnce is how many bytes one call moves: macOS refuses 2 GiB and more.
const mostAtOnce = 1 << 30

func sysRead(fd descriptor, p []byte) (int, error) {
	p = p[:min(len(p), mostAtOnce)]
	for {
		n, err := sysReceive(fd, p)
		if err != unix.EINTR {
			return max(n, 0), err
		}
	}
}

// sysWrite never raises SIGPIPE, which belongs to the host program.
func sysWrite(fd descriptor, head, body []byte) (int, error) {
	body = body[:min(len(body), mostAtOnce)]
	for {
		var n int
		var err error
		switch {
		case len(head) == 0:
			n, err = sysSend(fd, body)
		case len(body) == 0:
			n, err = sysSend(fd, head)
		case len(head)+len(body) <= small:
			// One copy costs less than a message of two parts.
			var frame [small]byte
			n, err = sysSend(fd, frame[:copy(frame[copy(frame[:], head):], body)+len(head)])
		default:
			n, err = unix.SendmsgBuffers(fd, [][]byte{head, body}, nil, nil, noSignal)
		}
		if err != unix.EINTR {
			return max(n, 0), err
		}
	}
}

// small is the size up to which a frame is copied together.
const small = 2048

func sysPending(fd descriptor) (data, ended bool) {
	n, err := sysPeek(fd)
	return n > 0, n == 0 && err == nil || err != nil && !isAgain(err)
}

func sysClose(fd descriptor) { _ = unix.Close(fd) }

// sysCloseSocket closes a connection or a listener. It is shut down first: a child of
// fork that was not told of it has the same socket open, and without that the peer
// would see no end, and a listener would go on listening. (Not a listener on macOS,
// which refuses to shut one down.)
func sysCloseSocket(fd descriptor) {
	sysShutdown(fd)
	sysClose(fd)
}

// sysFinish ends this side's direction.
func sysFinish(fd descriptor) { _ = unix.Shutdown(fd, unix.SHUT_WR) }

func sysShutdown(fd descriptor) { _ = unix.Shutdown(fd, unix.SHUT_RDWR) }

func sysSockaddr(at netip.AddrPort) (family int, address unix.Sockaddr) {
	if at.Addr().Is4() {
		return unix.AF_INET, &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}
	}
	six := &unix.SockaddrInet6{Port: int(at.Port()), Addr: at.Addr().As16()}
	if zone := at.Addr().Zone(); zone != "" {
		six.ZoneId = zoneIndex(zone)
	}
	return unix.AF_INET6, six
}

// addrPort is for addresses that package syscall has read: package unix asks the
// system about the protocol as well, each time.
func addrPort(sa syscall.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *syscall.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *syscall.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr), uint16(sa.Port))
	}
	return netip.AddrPort{}
}

func sysLocal(fd descriptor) netip.AddrPort {
	sa, err := syscall.Getsockname(fd)
	if err != nil {
		return netip.AddrPort{}
	}
	return addrPort(sa)
}

func sysPeer(fd descriptor) netip.AddrPort {
	sa, err := syscall.Getpeername(fd)
	if err != nil {
		return netip.AddrPort{}
	}
	return addrPort(sa)
}

// sysTune sets what it can: an option that the system refuses costs speed or
// patience, and never a connection.
func sysTune(fd descriptor, t SocketOptions) {
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	sysKeepAlive(fd, t.KeepAlive)
}

// sysKeepAlive makes the system ask for the peer after d of silence, and give the
// connection up after about twice d. It does not set TCP_USER_TIMEOUT, which also ends a
// connection to a peer that is there and too busy to read.
func sysKeepAlive(fd descriptor, d time.Duration) {
	keepAlive := 0
	if d > 0 {
		keepAlive = 1
		seconds := max(1, int(d.Seconds()))
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, tcpKeepIdle, seconds)
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, max(1, seconds/4))
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 4)
		limitRetransmission(fd, seconds)
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, keepAlive)
}

func sysConnect(to netip.AddrPort, t SocketOptions) (descriptor, error) {
	family, sa := sysSockaddr(to)
	fd, err := sysSocket(family)
	if err != nil {
		return 0, err
	}
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	err = unix.Connect(fd, sa)
	if err == nil || isAgain(err) {
		return fd, nil
	}
	sysClose(fd)
	return 0, err
}

// lookupDescriptors is how many descriptors a look-up of a name has open at a time: one
// file, or a socket for each family of addresses.
const lookupDescriptors = 2

// sysLookupRoom returns why this process cannot open the descriptors of a look-up.
func sysLookupRoom() error {
	for range lookupDescriptors {
		fd, err := sysSocket(unix.AF_INET)
		if err != nil {
			return err
		}
		defer sysClose(fd)
	}
	return nil
}

// sysConnectError returns the error of a connection attempt, nil while there is
// none.
func sysConnectError(fd descriptor) error {
	code, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && code != 0 {
		err = unix.Errno(code)
	}
	return err
}

// listenBacklog is how many clients may wait to be accepted; the system lowers
// it to its own limit.
const listenBacklog = 4096

func sysListen(at netip.AddrPort) (descriptor, error) {
	family, sa := sysSockaddr(at)
	fd, err := sysSocket(family)
	if err != nil {
		return 0, systemError("socket", err)
	}
	// On Unix this lets a server come back while connections of its last run
	// are in TIME_WAIT; it does not let two servers share a port.
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	if family == unix.AF_INET6 && at.Addr().IsUnspecified() {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0)
	}
	if err = unix.Bind(fd, sa); err != nil {
		err = systemError("bind", err)
	} else if err = unix.Listen(fd, listenBacklog); err != nil {
		err = systemError("listen", err)
	}
	if err != nil {
		sysClose(fd)
		return 0, err
	}
	return fd, nil
}

// Waker ends the waits of other threads that were given it, until Drain.
type Waker struct{ r, w descriptor }

// Wake ends the waits under way and those to come.
func (k *Waker) Wake() {
	one := [8]byte{1}
	for {
		// A full pipe or counter wakes as well, so that EAGAIN is no failure.
		if _, err := unix.Write(k.w, one[:]); err != unix.EINTR {
			return
		}
	}
}

// Drain makes later waits last again.
func (k *Waker) Drain() {
	var sink [64]byte
	for {
		n, err := unix.Read(k.r, sink[:])
		if err == unix.EINTR {
			continue
		}
		if err != nil || n < len(sink) {
			return
		}
	}
}

// Close frees the descriptors. No wait may be under way.
func (k *Waker) Close() {
	sysClose(k.r)
	if k.w != k.r {
		sysClose(k.w)
	}
}
