//go:build linux || darwin

package transport

import (
	"net"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

type descriptor = int

// maxIOSize is how many bytes one call moves: macOS refuses 2 GiB and more.
const maxIOSize = 1 << 30

func sysRead(fd descriptor, p []byte) (int, error) {
	p = p[:min(len(p), maxIOSize)]
	for {
		n, err := sysReceive(fd, p)
		if err != unix.EINTR {
			return max(n, 0), err
		}
	}
}

// sysWrite never raises SIGPIPE: signals belong to the host program.
func sysWrite(fd descriptor, head, body []byte) (int, error) {
	body = body[:min(len(body), maxIOSize)]
	for {
		var n int
		var err error
		switch {
		case len(head) == 0:
			n, err = sysSend(fd, body)
		case len(body) == 0:
			n, err = sysSend(fd, head)
		default:
			n, err = unix.SendmsgBuffers(fd, [][]byte{head, body}, nil, nil, noSignal)
		}
		if err != unix.EINTR {
			return max(n, 0), err
		}
	}
}

func sysPending(fd descriptor) (data, ended bool) {
	n, err := sysPeek(fd)
	return n > 0, n == 0 && err == nil || err != nil && !isAgain(err)
}

func sysClose(fd descriptor) { _ = unix.Close(fd) }

// sysCloseSocket closes a connection or a listener. It shuts the socket down first: a
// forked child may have it open, and without that the peer would see no end, and a
// listener would continue to listen. (macOS refuses to shut a listener down.)
func sysCloseSocket(fd descriptor) {
	sysShutdown(fd)
	closeDescriptor(fd)
}

// sysShutdownWrite ends this side's direction.
func sysShutdownWrite(fd descriptor) { _ = unix.Shutdown(fd, unix.SHUT_WR) }

func zoneIndex(zone string) uint32 {
	if i, err := net.InterfaceByName(zone); err == nil {
		return uint32(i.Index)
	}
	return 0
}

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

// addrPort converts an address that package syscall read: package unix would also query
// the protocol, with a further system call each time.
func addrPort(sa syscall.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *syscall.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *syscall.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr), uint16(sa.Port))
	}
	return netip.AddrPort{}
}

func sysPeer(fd descriptor) netip.AddrPort {
	sa, err := syscall.Getpeername(fd)
	if err != nil {
		return netip.AddrPort{}
	}
	return addrPort(sa)
}

// sysNoDelay turns Nagle's algorithm off: a frame is a single write. Like every option, it
// is set if possible: a refusal by the system is not worth a connection.
func sysNoDelay(fd descriptor) {
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
}

// sysKeepAlive makes the system probe the peer after d of silence, and end the connection
// after about twice d without an answer; 0 turns that off. It does not set
// TCP_USER_TIMEOUT, which also ends a connection to a live peer that is too busy to read.
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

func sysConnect(to netip.AddrPort) (descriptor, error) {
	family := unix.AF_INET
	if !to.Addr().Is4() {
		family = unix.AF_INET6
	}
	fd, err := sysSocket(family)
	if err != nil {
		return 0, err
	}
	err = sysStartConnect(fd, to)
	if err == nil || isAgain(err) {
		return fd, nil
	}
	sysClose(fd)
	return 0, err
}

// lookupDescriptors is how many descriptors the look-up of a name has open at a time: one
// file, or one socket for each address family.
const lookupDescriptors = 2

// sysLookupRoom returns why this process cannot open the descriptors that a look-up needs.
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

// sysConnectError returns the error of a connection attempt, nil if there is none so far.
func sysConnectError(fd descriptor) error {
	code, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && code != 0 {
		err = unix.Errno(code)
	}
	return err
}

// listenBacklog is how many clients may wait to be accepted; the system lowers it to its
// limit.
const listenBacklog = 4096

func sysListen(at netip.AddrPort) (descriptor, error) {
	family, sa := sysSockaddr(at)
	fd, err := sysSocket(family)
	if err != nil {
		return 0, systemError("socket", err)
	}
	// On Unix this lets a server restart while connections of its last run are in
	// TIME_WAIT. It does not let two servers share a port.
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	sysNoDelay(fd) // accepted connections inherit it
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
