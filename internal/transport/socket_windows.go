package transport

import (
	"errors"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

type descriptor = windows.Handle

// Constants that package windows does not define.
const (
	fionbio          = 0x8004667e // FIONBIO
	soError          = 0x1007     // SO_ERROR
	exclusiveAddrUse = ^0x4       // SO_EXCLUSIVEADDRUSE
	listenBacklog    = 0x7fffffff // SOMAXCONN: as many as the system allows
	sdBoth           = 2          // SD_BOTH
	msgPeek          = 0x2        // MSG_PEEK
	sioTCPInitialRTO = 0x98000011 // SIO_TCP_INITIAL_RTO
	noRetransmitSyn  = 0xfe       // TCP_INITIAL_RTO_NO_SYN_RETRANSMISSIONS
	unspecifiedRTT   = 0xffff     // TCP_INITIAL_RTO_UNSPECIFIED_RTT
)

var (
	ws2          = windows.NewLazySystemDLL("ws2_32.dll")
	selectProc   = ws2.NewProc("select")
	wsaPollProc  = ws2.NewProc("WSAPoll")
	ioctlSocket  = ws2.NewProc("ioctlsocket")
	startWinsock = sync.OnceValue(func() error {
		var data windows.WSAData
		return windows.WSAStartup(0x202, &data)
	})
)

// maxIOSize is how many bytes one call moves. Windows copies a whole send of any size into
// its own memory while there is any room, and fails with WSAENOBUFS if that is not
// enough.
const maxIOSize = 1 << 20

func sysRead(fd descriptor, p []byte) (int, error) { return receive(fd, p, 0) }

func receive(fd descriptor, p []byte, flags uint32) (int, error) {
	var n uint32
	buf := wsaBuf(p)
	err := windows.WSARecv(fd, &buf, 1, &n, &flags, nil, nil)
	if err == nil && n == 0 && isWine() && wasReset(fd) {
		err = windows.WSAECONNRESET
	}
	return int(n), withText(err)
}

// isWine reports whether the system is Wine.
var isWine = sync.OnceValue(func() bool {
	return windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil
})

// wasReset reports whether a stream that has ended was reset. In Wine only WSAPoll reports
// that; in Windows the receive does.
func wasReset(fd descriptor) bool {
	fds := []pollFd{{fd: fd, events: pollReadable}}
	return wsaPoll(fds, 0) == nil && fds[0].revents&pollError != 0
}

func sysWrite(fd descriptor, head, body []byte) (int, error) {
	var bufs [2]windows.WSABuf
	count := 0
	for _, p := range [][]byte{head, body} {
		if len(p) > 0 {
			bufs[count] = wsaBuf(p)
			count++
		}
	}
	var n uint32
	err := windows.WSASend(fd, &bufs[0], uint32(count), &n, 0, nil, nil)
	if err != nil && !isAgain(err) {
		// If the connection attempt failed, its error is the cause of this one.
		if earlier := sysConnectError(fd); earlier != nil {
			err = earlier
		}
	}
	return int(n), withText(err)
}

func wsaBuf(p []byte) windows.WSABuf {
	return windows.WSABuf{Len: uint32(min(len(p), maxIOSize)), Buf: &p[0]}
}

func sysPending(fd descriptor) (data, ended bool) {
	var one [1]byte
	n, err := receive(fd, one[:], msgPeek)
	return n > 0, n == 0 && err == nil || err != nil && !isAgain(err)
}

func sysClose(fd descriptor) {
	unregister(fd)
	shutdownFds.Delete(fd)
	_ = windows.Closesocket(fd)
}

// sysCloseSocket closes a connection or a listener.
func sysCloseSocket(fd descriptor) { sysClose(fd) }

// shutdownFds is the set of descriptors that were shut down and are not closed yet.
var shutdownFds sync.Map

// sysShutdownWrite ends this side's direction.
func sysShutdownWrite(fd descriptor) { _ = windows.Shutdown(fd, windows.SHUT_WR) }

// sysShutdown also ends the waits for fd; see waitSlice.
func sysShutdown(fd descriptor) {
	shutdownFds.Store(fd, nil)
	_ = windows.Shutdown(fd, sdBoth)
}

func sysSockaddr(at netip.AddrPort) (family int32, address windows.Sockaddr) {
	if at.Addr().Is4() {
		return windows.AF_INET, &windows.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}
	}
	six := &windows.SockaddrInet6{Port: int(at.Port()), Addr: at.Addr().As16()}
	if zone := at.Addr().Zone(); zone != "" {
		six.ZoneId = zoneIndex(zone)
	}
	return windows.AF_INET6, six
}

// zoneIndex accepts the name of an interface or, as Windows writes zones, its number.
func zoneIndex(zone string) uint32 {
	if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
		return uint32(n)
	}
	if i, err := net.InterfaceByName(zone); err == nil {
		return uint32(i.Index)
	}
	return 0
}

func addrPort(sa windows.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *windows.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *windows.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr), uint16(sa.Port))
	}
	return netip.AddrPort{}
}

func sysLocal(fd descriptor) netip.AddrPort {
	sa, err := windows.Getsockname(fd)
	if err != nil {
		return netip.AddrPort{}
	}
	return addrPort(sa)
}

func sysPeer(fd descriptor) netip.AddrPort {
	sa, err := windows.Getpeername(fd)
	if err != nil {
		return netip.AddrPort{}
	}
	return addrPort(sa)
}

// Windows has no way to ignore a peer.
func sysIgnorePeer(descriptor) {}
func sysHeedPeer(descriptor)   {}

// sysNoDelay turns Nagle's algorithm off: a frame is a single write. Like every option, it
// is set if possible: a refusal by the system is not worth a connection.
func sysNoDelay(fd descriptor) {
	_ = windows.SetsockoptInt(fd, windows.IPPROTO_TCP, windows.TCP_NODELAY, 1)
}

// sysKeepAlive makes the system probe the peer after d of silence, and end the connection
// after about twice d without an answer; 0 turns that off.
func sysKeepAlive(fd descriptor, d time.Duration) {
	keepAlive := 0
	if d > 0 {
		keepAlive = 1
		seconds := max(1, int(d.Seconds()))
		_ = windows.SetsockoptInt(fd, windows.IPPROTO_TCP, windows.TCP_KEEPIDLE, seconds)
		_ = windows.SetsockoptInt(fd, windows.IPPROTO_TCP, windows.TCP_KEEPINTVL, max(1, seconds/4))
		_ = windows.SetsockoptInt(fd, windows.IPPROTO_TCP, windows.TCP_KEEPCNT, 4)
	}
	_ = windows.SetsockoptInt(fd, windows.SOL_SOCKET, windows.SO_KEEPALIVE, keepAlive)
}

// inheritOptions copies the options of a listener to an accepted connection. Windows is
// not documented to do so.
func inheritOptions(conn, listener descriptor) {
	for _, o := range []struct{ level, name int }{
		{windows.IPPROTO_TCP, windows.TCP_NODELAY},
		{windows.IPPROTO_TCP, windows.TCP_KEEPIDLE},
		{windows.IPPROTO_TCP, windows.TCP_KEEPINTVL},
		{windows.IPPROTO_TCP, windows.TCP_KEEPCNT},
		{windows.SOL_SOCKET, windows.SO_KEEPALIVE},
	} {
		if value, err := windows.GetsockoptInt(listener, o.level, o.name); err == nil {
			_ = windows.SetsockoptInt(conn, o.level, o.name, value)
		}
	}
}

// setNonblock makes a socket non-blocking.
func setNonblock(fd descriptor) error {
	on := uint32(1)
	if r, _, err := ioctlSocket.Call(uintptr(fd), fionbio, uintptr(unsafe.Pointer(&on))); r != 0 {
		return err
	}
	return nil
}

// sysLookupRoom returns nil: Windows does not run out of sockets.
func sysLookupRoom() error { return nil }

func sysSocket(family, kind int32) (descriptor, error) {
	if err := startWinsock(); err != nil {
		return 0, err
	}
	fd, err := windows.WSASocket(family, kind, 0, nil, 0, windows.WSA_FLAG_OVERLAPPED|windows.WSA_FLAG_NO_HANDLE_INHERIT)
	if err != nil {
		return 0, withText(err)
	}
	if err := setNonblock(fd); err != nil {
		sysClose(fd)
		return 0, withText(err)
	}
	return fd, nil
}

func sysConnect(to netip.AddrPort) (descriptor, error) {
	family, sa := sysSockaddr(to)
	fd, err := sysSocket(family, windows.SOCK_STREAM)
	if err != nil {
		return 0, err
	}
	if to.Addr().IsLoopback() {
		disableSynRetries(fd)
	}
	if err = windows.Connect(fd, sa); err == nil || isAgain(err) {
		return fd, nil
	}
	sysClose(fd)
	return 0, withText(err)
}

// disableSynRetries makes a connection attempt inside this machine fail at the first
// refusal. By default Windows tries three times, for two seconds.
func disableSynRetries(fd descriptor) {
	retransmit := struct {
		roundTrip       uint16
		retransmissions uint8
	}{unspecifiedRTT, noRetransmitSyn}
	if _, _, build := windows.RtlGetNtVersionNumbers(); build < 16299 {
		retransmit.retransmissions = 1 // the fewest that the first versions of Windows 10 accept
	}
	var n uint32
	_ = windows.WSAIoctl(fd, sioTCPInitialRTO, (*byte)(unsafe.Pointer(&retransmit)), uint32(unsafe.Sizeof(retransmit)), nil, 0, &n, nil, 0)
}

// sysConnectError returns the error of a connection attempt, nil if there is none so far.
func sysConnectError(fd descriptor) error {
	code, err := windows.GetsockoptInt(fd, windows.SOL_SOCKET, soError)
	if err == nil && code != 0 {
		err = syscall.Errno(code)
	}
	return withText(err)
}

func sysListen(at netip.AddrPort) (descriptor, error) {
	family, sa := sysSockaddr(at)
	fd, err := sysSocket(family, windows.SOCK_STREAM)
	if err != nil {
		return 0, systemError("socket", err)
	}
	// Without this, another program could bind the same port on one of several
	// interfaces and receive clients. The price, as Microsoft documents: a restarted
	// server may be refused its port while clients of its last run keep connections
	// open. Closed connections, in TIME_WAIT, do not matter.
	_ = windows.SetsockoptInt(fd, windows.SOL_SOCKET, exclusiveAddrUse, 1)
	sysNoDelay(fd) // see inheritOptions
	if family == windows.AF_INET6 && at.Addr().IsUnspecified() {
		_ = windows.SetsockoptInt(fd, windows.IPPROTO_IPV6, windows.IPV6_V6ONLY, 0)
	}
	if err = windows.Bind(fd, sa); err != nil {
		err = bindError(err)
	} else if err = windows.Listen(fd, listenBacklog); err != nil {
		err = systemError("listen", withText(err))
	}
	if err != nil {
		sysClose(fd)
		return 0, err
	}
	return fd, nil
}

// sysRandom returns nil: the system always provides random numbers.
func sysRandom() error { return nil }

// sysAccept accepts a connection into a socket that it creates first. A socket that
// accept creates would be inherited by programs that the host program starts, until
// SetHandleInformation is called.
func sysAccept(fd descriptor) (descriptor, netip.AddrPort, error) {
	for {
		if err := waitFor(fd, forReading, NoWait); err != nil {
			if errors.Is(err, ErrTimeout) {
				err = windows.WSAEWOULDBLOCK
			}
			return 0, netip.AddrPort{}, err
		}
		family := int32(windows.AF_INET)
		if sysLocal(fd).Addr().Is6() {
			family = windows.AF_INET6
		}
		conn, err := sysSocket(family, windows.SOCK_STREAM)
		if err != nil {
			return 0, netip.AddrPort{}, err
		}
		if err = acceptInto(fd, conn); err != nil {
			sysClose(conn)
			if err == windows.WSAECONNRESET || err == windows.ERROR_NETNAME_DELETED || err == windows.ERROR_OPERATION_ABORTED {
				continue // the client closed it before it was accepted
			}
			return 0, netip.AddrPort{}, withText(err)
		}
		inheritOptions(conn, fd)
		return conn, sysPeer(conn), nil
	}
}

// accepting is the memory that AcceptEx writes to, also after it has returned. It is not a
// local variable, because Go moves stacks.
var accepting struct {
	sync.Mutex
	overlapped windows.Overlapped
	n          uint32
	addresses  [2 * addressLength]byte
}

// acceptEvent returns the event in accepting, which AcceptEx sets and resets.
var acceptEvent = sync.OnceValues(func() (windows.Handle, error) { return windows.CreateEvent(nil, 1, 0, nil) })

// acceptWait is how long the system may take to accept a waiting connection.
const acceptWait = 10 * time.Millisecond

// addressLength is the length of the longest address, with what AcceptEx adds.
const addressLength = 28 + 16

// acceptInto accepts a connection into a new socket, without waiting for one.
func acceptInto(listener, conn descriptor) error {
	io := &accepting
	io.Lock()
	defer io.Unlock()
	done, err := acceptEvent()
	if err != nil {
		return err
	}
	io.overlapped = windows.Overlapped{HEvent: done}
	err = windows.AcceptEx(listener, conn, &io.addresses[0], 0, addressLength, addressLength, &io.n, &io.overlapped)
	if err == windows.ERROR_IO_PENDING {
		// Either the client closed the connection that waitFor saw, or this is Wine, where
		// another process completes the call.
		if event, _ := windows.WaitForSingleObject(done, uint32(acceptWait.Milliseconds())); event != windows.WAIT_OBJECT_0 {
			_ = windows.CancelIoEx(listener, &io.overlapped)
		}
		err = windows.GetOverlappedResult(listener, &io.overlapped, &io.n, true)
	}
	if err != nil {
		return err
	}
	return windows.Setsockopt(conn, windows.SOL_SOCKET, windows.SO_UPDATE_ACCEPT_CONTEXT, (*byte)(unsafe.Pointer(&listener)), int32(unsafe.Sizeof(listener)))
}
