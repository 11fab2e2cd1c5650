package transport

import (
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	noSignal    = 0 // there is no such flag; SO_NOSIGPIPE is set on each socket
	tcpKeepIdle = unix.TCP_KEEPALIVE
)

// setNonblock makes a descriptor non-blocking, not inherited, and free of SIGPIPE.
func setNonblock(fd descriptor) error {
	unix.CloseOnExec(fd)
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_NOSIGPIPE, 1)
	return unix.SetNonblock(fd, true)
}

func sysSocket(family int) (descriptor, error) {
	fd, err := unix.Socket(family, unix.SOCK_STREAM, 0)
	if err != nil {
		return 0, err
	}
	if err := setNonblock(fd); err != nil {
		sysClose(fd)
		return 0, err
	}
	return fd, nil
}

func sysStartConnect(fd descriptor, to netip.AddrPort) error {
	_, sa := sysSockaddr(to)
	return unix.Connect(fd, sa)
}

func sysLocal(fd descriptor) netip.AddrPort {
	sa, err := syscall.Getsockname(fd)
	if err != nil {
		return netip.AddrPort{}
	}
	return addrPort(sa)
}

func sysShutdown(fd descriptor) { _ = unix.Shutdown(fd, unix.SHUT_RDWR) }

func closeDescriptor(fd descriptor) { sysClose(fd) }

func sysSend(fd descriptor, p []byte) (int, error) {
	return unix.SendmsgN(fd, p, nil, nil, noSignal)
}

func sysReceive(fd descriptor, p []byte) (int, error) { return unix.Read(fd, p) }

func sysPeek(fd descriptor) (int, error) {
	var one [1]byte
	n, _, err := unix.Recvfrom(fd, one[:], unix.MSG_PEEK)
	return n, err
}

// limitRetransmission bounds how long the system retransmits unacknowledged data, during
// which it sends no keepalive probes.
func limitRetransmission(fd descriptor, seconds int) {
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_RXT_CONNDROPTIME, 2*seconds)
}

// macOS has no way to ignore a peer.
func sysIgnorePeer(descriptor) {}
func sysHeedPeer(descriptor)   {}

func sysAccept(fd descriptor) (descriptor, netip.AddrPort, error) {
	for {
		conn, sa, err := syscall.Accept(fd)
		switch err {
		case nil:
			if err := setNonblock(conn); err != nil {
				sysCloseSocket(conn)
				return 0, netip.AddrPort{}, err
			}
			return conn, addrPort(sa), nil
		case unix.EINTR, unix.ECONNABORTED:
			continue
		}
		return 0, netip.AddrPort{}, err
	}
}

// sysRandom returns nil: the system always provides random numbers.
func sysRandom() error { return nil }
