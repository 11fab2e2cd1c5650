package transport

import (
	"fmt"
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

// What package windows has no name for.
const (
	nonBlocking     = 0x8004667e // FIONBIO
	sockError       = 0x1007     // SO_ERROR
	exclusive       = ^0x4       // SO_EXCLUSIVEADDRUSE
	listenBacklog   = 0x7fffffff // SOMAXCONN: as many as the system allows
	shutBoth        = 2          // SD_BOTH
	peek            = 0x2        // MSG_PEEK
	firstRoundTrip  = 0x98000011 // SIO_TCP_INITIAL_RTO
	noRetransmitSyn = 0xfe       // TCP_INITIAL_RTO_NO_SYN_RETRANSMISSIONS
	defaultTime     = 0xffff     // TCP_INITIAL_RTO_UNSPECIFIED_RTT
)

var (
	ws2         = windows.NewLazySystemDLL("ws2_32.dll")
	selectProc  = ws2.NewProc("select")
	wsaPoll     = ws2.NewProc("WSAPoll")
	ioctlSocket = ws2.NewProc("ioctlsocket")
	start       = sync.OnceValue(func() error {
		var data windows.WSAData
		return windows.WSAStartup(0x202, &data)
	})
)

// mostAtOnce is how many bytes one call moves. Windows takes a send of any size
// whole while there is any room, into memory of its own, and fails with
// WSAENOBUFS if it has not got that much.
const mostAtOnce = 1 << 20

func sysRead(fd descriptor, p []byte) (int, error) { return receive(fd, p, 0) }

func receive(fd descriptor, p []byte, flags uint32) (int, error) {
	var n uint32
	buf := buffer(p)
	err := windows.WSARecv(fd, &buf, 1, &n, &flags, nil, nil)
	if err == nil && n == 0 && isWine() && broken(fd) {
		err = windows.WSAECONNRESET
	}
	return int(n), inWords(err)
}

// isWine reports whether this is no Windows but Wine.
var isWine = sync.OnceValue(func() bool {
	return windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil
})

// broken reports whether a stream that has ended was cut off. A receive in Wine
// does not say so, only WSAPoll; in Windows the receive does.
func broken(fd descriptor) bool {
	fds := []pollFd{{fd: fd, events: pollReadable}}
	return poll(fds, 0) == nil && fds[0].revents&pollError != 0
}

func sysWrite(fd descriptor, head, body []byte) (int, error) {
	var bufs [2]windows.WSABuf
	count := 0
	for _, p := range [][]byte{head, body} {
		if len(p) > 0 {
			bufs[count] = buffer(p)
			count++
		}
	}
	var n uint32
	err := windows.WSASend(fd, &bufs[0], uint32(count), &n, 0, nil, nil)
	if err != nil && !isAgain(err) {
		// The failure of a connection attempt is more to the point than that of
		// the send which it is the cause of.
		if earlier := sysConnectError(fd); earlier != nil {
			err = earlier
		}
	}
	return int(n), inWords(err)
}

func buffer(p []byte) windows.WSABuf {
	return windows.WSABuf{Len: uint32(min(len(p), mostAtOnce)), Buf: &p[0]}
}

func sysPending(fd descriptor) (data, ended bool) {
	var one [1]byte
	n, err := receive(fd, one[:], peek)
	return n > 0, n == 0 && err == nil || err != nil && !isAgain(err)
}

func sysClose(fd descriptor) {
	forget(fd)
	shut.Delete(fd)
	_ = windows.Closesocket(fd)
}

// sysCloseSocket closes a connection or a listener.
func sysCloseSocket(fd descriptor) { sysClose(fd) }

// shut holds the descriptors that were shut down and are not closed yet.
var shut sync.Map

// sysFinish ends this side's direction.
func sysFinish(fd descriptor) { _ = windows.Shutdown(fd, windows.SHUT_WR) }

// sysShutdown ends what waits for fd; waitFor says how.
func sysShutdown(fd descriptor) {
	shut.Store(fd, nil)
	_ = windows.Shutdown(fd, shutBoth)
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

// zoneIndex takes the name of an interface or, as Windows writes zones, its number.
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

// There is no way to ignore a peer.
func sysIgnorePeer(descriptor) {}
func sysHeedPeer(descriptor)   {}

// sysTune sets what it can: an option that the system refuses costs speed or
// patience, and never a connection.
func sysTune(fd descriptor, t SocketOptions) {
	_ = windows.SetsockoptInt(fd, windows.IPPROTO_TCP, windows.TCP_NODELAY, 1)
	sysKeepAlive(fd, t.KeepAlive)
}

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

// inheritTuning gives a connection the tuning of its listener; nobody promises
// that Windows does.
func inheritTuning(conn, listener descriptor) {
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

func prepare(fd descriptor) error {
	on := uint32(1)
	if r, _, err := ioctlSocket.Call(uintptr(fd), nonBlocking, uintptr(unsafe.Pointer(&on))); r != 0 {
		return err
	}
	return nil
}

// sysLookupRoom returns nil: Windows does not run out of sockets.
func sysLookupRoom() error { return nil }

func sysSocket(family, kind int32) (descriptor, error) {
	if err := start(); err != nil {
		return 0, err
	}
	fd, err := windows.WSASocket(family, kind, 0, nil, 0, windows.WSA_FLAG_OVERLAPPED|windows.WSA_FLAG_NO_HANDLE_INHERIT)
	if err != nil {
		return 0, inWords(err)
	}
	if err := prepare(fd); err != nil {
		sysClose(fd)
		return 0, inWords(err)
	}
	return fd, nil
}

func sysConnect(to netip.AddrPort, t SocketOptions) (descriptor, error) {
	family, sa := sysSockaddr(to)
	fd, err := sysSocket(family, windows.SOCK_STREAM)
	if err != nil {
		return 0, err
	}
	sysTune(fd, SocketOptions{})
	if to.Addr().IsLoopback() {
		refuseAtOnce(fd)
	}
	if err = windows.Connect(fd, sa); err == nil || isAgain(err) {
		return fd, nil
	}
	sysClose(fd)
	return 0, inWords(err)
}

// refuseAtOnce lets a connection attempt fail when this machine says that nobody
// listens. Windows would ask three times, for two seconds.
func refuseAtOnce(fd descriptor) {
	retransmit := struct {
		roundTrip       uint16
		retransmissions uint8
	}{defaultTime, noRetransmitSyn}
	if _, _, build := windows.RtlGetNtVersionNumbers(); build < 16299 {
		retransmit.retransmissions = 1 // the fewest that Windows 10 knew in its first versions
	}
	var n uint32
	_ = windows.WSAIoctl(fd, firstRoundTrip, (*byte)(unsafe.Pointer(&retransmit)), uint32(unsafe.Sizeof(retransmit)), nil, 0, &n, nil, 0)
}

// sysConnectError returns the error of a connection attempt, nil while there is
// none.
func sysConnectError(fd descriptor) error {
	code, err := windows.GetsockoptInt(fd, windows.SOL_SOCKET, sockError)
	if err == nil && code != 0 {
		err = syscall.Errno(code)
	}
	return inWords(err)
}

func sysListen(at netip.AddrPort) (descriptor, error) {
	family, sa := sysSockaddr(at)
	fd, err := sysSocket(family, windows.SOCK_STREAM)
	if err != nil {
		return 0, systemError("socket", err)
	}
	// Without this another program could bind the same port at one of several
	// interfaces and take clients. The price, as Microsoft documents it: a server
	// that comes back may be refused its port while clients of its last run keep
	// connections open. Those that are closed, in TIME_WAIT, are no obstacle.
	_ = windows.SetsockoptInt(fd, windows.SOL_SOCKET, exclusive, 1)
	if family == windows.AF_INET6 && at.Addr().IsUnspecified() {
		_ = windows.SetsockoptInt(fd, windows.IPPROTO_IPV6, windows.IPV6_V6ONLY, 0)
	}
	if err = windows.Bind(fd, sa); err != nil {
		err = bindError(err)
	} else if err = windows.Listen(fd, listenBacklog); err != nil {
		err = systemError("listen", inWords(err))
	}
	if err != nil {
		sysClose(fd)
		return 0, err
	}
	return fd, nil
}

// bindError explains what is puzzling to people: Windows sets ranges of ports
// aside, for Hyper-V most often, also among those that belong to nobody.
func bindError(err error) error {
	words := inWords(err)
	if err == windows.WSAEACCES {
		words = fmt.Errorf("%w (another program has the port to itself, or Windows has set it aside: netsh interface ipv4 show excludedportrange protocol=tcp)", words)
	}
	return systemError("bind", words)
}

// sysRandom returns why the system has no random numbers.
func sysRandom() error { return nil }

// sysAccept accepts a connection into a socket that it has made before. A socket that
// accept makes is inherited by the programs which the host program starts, until
// SetHandleInformation has been called.
func sysAccept(fd descriptor) (descriptor, netip.AddrPort, error) {
	for {
		if err := waitFor(fd, forReading, NoWait); err != nil {
			if err == ErrTimeout {
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
				continue // it left before it was accepted
			}
			return 0, netip.AddrPort{}, inWords(err)
		}
		inheritTuning(conn, fd)
		return conn, sysPeer(conn), nil
	}
}

// accepting is what AcceptEx writes to, also after it has returned. It is no local
// variable, since Go moves stacks.
var accepting struct {
	sync.Mutex
	overlapped windows.Overlapped
	n          uint32
	addresses  [2 * addressLength]byte
}

// accepted returns the event of accepting, which AcceptEx sets and resets.
var accepted = sync.OnceValues(func() (windows.Handle, error) { return windows.CreateEvent(nil, 1, 0, nil) })

// acceptWait is how long the system may take for a connection that is there.
const acceptWait = 10 * time.Millisecond

// addressLength is that of the longest address, and what AcceptEx wants beyond.
const addressLength = 28 + 16

// acceptInto accepts a connection into a new socket, without waiting for one.
func acceptInto(listener, conn descriptor) error {
	io := &accepting
	io.Lock()
	defer io.Unlock()
	done, err := accepted()
	if err != nil {
		return err
	}
	io.overlapped = windows.Overlapped{HEvent: done}
	err = windows.AcceptEx(listener, conn, &io.addresses[0], 0, addressLength, addressLength, &io.n, &io.overlapped)
	if err == windows.ERROR_IO_PENDING {
		// Either the connection that waitFor saw has left, or this is Wine, where another
		// process completes the call.
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
