package transport

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	noSignal    = unix.MSG_NOSIGNAL
	tcpKeepIdle = unix.TCP_KEEPIDLE
)

// The system calls of an exchange that do not wait are made without informing Go's
// scheduler. That saves 140 instructions each, and delays a garbage collection no longer
// than other code does. Here they also allocate no memory, unlike those in package unix.

// rawSyscallMax is how many bytes such a call may move.
const rawSyscallMax = 64 << 10

func sysSocket(family int) (descriptor, error) {
	fd, _, errno := unix.RawSyscall(unix.SYS_SOCKET, uintptr(family), unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(fd), nil
}

// rawAddress is a socket address as the system has it, for IPv6, or for IPv4, which needs
// less.
type rawAddress struct{ unix.RawSockaddrInet6 }

func (a *rawAddress) inet4() *unix.RawSockaddrInet4 {
	return (*unix.RawSockaddrInet4)(unsafe.Pointer(a))
}

// set sets the address and returns its size.
func (a *rawAddress) set(at netip.AddrPort) (size uintptr) {
	port := (*[2]byte)(unsafe.Pointer(&a.Port)) // the same place for both
	binary.BigEndian.PutUint16(port[:], at.Port())
	if at.Addr().Is4() {
		a.Family, a.inet4().Addr = unix.AF_INET, at.Addr().As4()
		return unix.SizeofSockaddrInet4
	}
	a.Family, a.Addr = unix.AF_INET6, at.Addr().As16()
	if zone := at.Addr().Zone(); zone != "" {
		a.Scope_id = zoneIndex(zone)
	}
	return unix.SizeofSockaddrInet6
}

func (a *rawAddress) addrPort() netip.AddrPort {
	port := binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&a.Port))[:])
	switch a.Family {
	case unix.AF_INET:
		return netip.AddrPortFrom(netip.AddrFrom4(a.inet4().Addr), port)
	case unix.AF_INET6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr), port)
	}
	return netip.AddrPort{}
}

func sysStartConnect(fd descriptor, to netip.AddrPort) error {
	var a rawAddress
	size := a.set(to)
	if _, _, errno := unix.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&a)), size); errno != 0 {
		return errno
	}
	return nil
}

func sysLocal(fd descriptor) netip.AddrPort {
	var a rawAddress
	size := uint32(unsafe.Sizeof(a))
	if _, _, errno := unix.RawSyscall(unix.SYS_GETSOCKNAME, uintptr(fd), uintptr(unsafe.Pointer(&a)), uintptr(unsafe.Pointer(&size))); errno != 0 {
		return netip.AddrPort{}
	}
	return a.addrPort()
}

func sysShutdown(fd descriptor) {
	_, _, _ = unix.RawSyscall(unix.SYS_SHUTDOWN, uintptr(fd), unix.SHUT_RDWR, 0)
}

// closeDescriptor is sysClose for a socket, which closes without waiting.
func closeDescriptor(fd descriptor) { _, _, _ = unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0) }

// sysSend is send(2): the form in package unix does not return the number of bytes.
func sysSend(fd descriptor, p []byte) (int, error) {
	return rawIO(unix.SYS_SENDTO, fd, p, noSignal)
}

// sysReceive is recv(2), a shorter path through the kernel than read(2).
func sysReceive(fd descriptor, p []byte) (int, error) {
	return rawIO(unix.SYS_RECVFROM, fd, p, 0)
}

// sysPeek returns 1 if data is available, and does not consume it.
func sysPeek(fd descriptor) (int, error) {
	var one [1]byte
	return rawIO(unix.SYS_RECVFROM, fd, one[:], unix.MSG_PEEK)
}

func rawIO(call uintptr, fd descriptor, p []byte, flags uintptr) (int, error) {
	var n uintptr
	var errno unix.Errno
	if len(p) <= rawSyscallMax {
		n, _, errno = unix.RawSyscall6(call, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), flags, 0, 0)
	} else {
		n, _, errno = unix.Syscall6(call, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), flags, 0, 0)
	}
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// limitRetransmission bounds how long the system retransmits unacknowledged data, during
// which it sends no keepalive probes: 13 s and ten intervals instead of 15 minutes. Linux
// before 6.15 does not support it.
func limitRetransmission(fd descriptor, seconds int) {
	const longest = 120
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_RTO_MAX_MS, 1000*min(max(1, seconds/5), longest))
}

// dropAll is a packet filter that drops every packet.
var dropAll = unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 0}

// sysIgnorePeer makes the system drop the peer's packets, until sysHeedPeer. Without it, a
// server that answers between the last check of a connection attempt and its close
// accepts a connection without a message. Of 5,300 attempts established within 15 ms
// around their deadline, 9 did so without it, and of 8,000 none with it.
func sysIgnorePeer(fd descriptor) {
	_ = unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &dropAll})
}

// sysHeedPeer ends sysIgnorePeer. The peer retransmits the dropped packets.
func sysHeedPeer(fd descriptor) {
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0)
}

// sysAccept accepts a connection, which inherits the listener's options.
func sysAccept(fd descriptor) (descriptor, netip.AddrPort, error) {
	for {
		var a rawAddress
		size := uint32(unsafe.Sizeof(a))
		conn, _, errno := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(fd), uintptr(unsafe.Pointer(&a)), uintptr(unsafe.Pointer(&size)), unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0, 0)
		switch errno {
		case 0:
			return int(conn), a.addrPort(), nil
		case unix.EINTR, unix.ECONNABORTED:
			continue
		}
		return 0, netip.AddrPort{}, errno
	}
}

// sysRandom returns why the system provides no random numbers, without which crypto/tls
// ends the process: a sandbox may forbid the call. A system without the call has a file
// instead.
func sysRandom() error {
	var one [1]byte
	for {
		_, err := unix.Getrandom(one[:], 0)
		switch err {
		case unix.EINTR:
		case nil, unix.ENOSYS:
			return nil
		default:
			return systemError("getrandom", err)
		}
	}
}
