package transport

import (
	"net"
	"net/netip"
	"sync"
	"unsafe"

	"golang.org/x/sys/windows"
)

type descriptor = windows.Handle

const (
	pollReadNormal  = 0x0100
	pollReadBand    = 0x0200
	pollWriteNormal = 0x0010
	forReading      = pollReadNormal | pollReadBand
	forWriting      = pollWriteNormal

	nonBlocking = 0x8004667e // FIONBIO
	noHandles   = 0x80       // WSA_FLAG_NO_HANDLE_INHERIT
	overlapped  = 0x01       // WSA_FLAG_OVERLAPPED
	sockError   = 0x1007     // SO_ERROR
	exclusive   = ^0x4       // SO_EXCLUSIVEADDRUSE
	keepIdle    = 0x03       // TCP_KEEPALIVE
	keepCount   = 0x10       // TCP_KEEPCNT
	keepBetween = 0x11       // TCP_KEEPINTVL
	shutBoth    = 2          // SD_BOTH
	peek        = 0x2        // MSG_PEEK
)

var (
	ws2         = windows.NewLazySystemDLL("ws2_32.dll")
	wsaPoll     = ws2.NewProc("WSAPoll")
	acceptProc  = ws2.NewProc("accept")
	ioctlSocket = ws2.NewProc("ioctlsocket")
	start       = sync.OnceValue(func() error {
		var data windows.WSAData
		return windows.WSAStartup(0x202, &data)
	})
)

type pollFd struct {
	fd      descriptor
	events  int16
	revents int16
}

// ForgetsClosed says whether a Poller forgets by itself what is closed.
const ForgetsClosed = false

func isAgain(err error) bool { return err == windows.WSAEWOULDBLOCK || err == windows.WSAEINTR }

func isNotConnected(err error) bool { return err == windows.WSAENOTCONN }

// errNobody is what connecting says where nobody listens.
const errNobody = windows.WSAECONNREFUSED

func kindOf(err error) error {
	switch err {
	case windows.WSAECONNREFUSED:
		return ErrRefused
	case windows.WSAECONNRESET, windows.WSAECONNABORTED, windows.WSAENETRESET, windows.WSAESHUTDOWN:
		return ErrReset
	case windows.WSAEHOSTUNREACH, windows.WSAENETUNREACH, windows.WSAENETDOWN, windows.WSAEHOSTDOWN, windows.WSAEADDRNOTAVAIL, windows.WSAEAFNOSUPPORT, windows.WSAETIMEDOUT:
		return ErrUnreachable
	case windows.WSAEADDRINUSE:
		return ErrInUse
	case windows.WSAEACCES:
		return ErrPermission
	case windows.WSAEMFILE, windows.WSAENOBUFS:
		return ErrExhausted
	}
	return nil
}

func poll(fds []pollFd, milliseconds int) (int, error) {
	n, _, err := wsaPoll.Call(uintptr(unsafe.Pointer(&fds[0])), uintptr(len(fds)), uintptr(milliseconds))
	if int32(n) < 0 {
		return 0, err
	}
	return int(n), nil
}

// connectSlice is how long one poll for writing lasts: before Windows 10 version
// 2004, WSAPoll does not notice that a connection attempt failed, and the caller
// looks itself.
const connectSlice = 250

// waitFor waits until fd is ready for what is asked; for writing it may return
// before.
func waitFor(fd descriptor, what int16, w Wait) error {
	fds := [2]pollFd{{fd: fd, events: what}}
	n := 1
	if w.Waker != nil {
		fds[1] = pollFd{fd: w.Waker.fd, events: forReading}
		n = 2
	}
	for {
		ms := w.milliseconds()
		sliced := what == forWriting && (ms < 0 || ms > connectSlice)
		if sliced {
			ms = connectSlice
		}
		ready, err := poll(fds[:n], ms)
		switch {
		case err != nil:
			return systemError("WSAPoll", err)
		// The descriptor comes first: what is there is taken before a wake-up.
		case fds[0].revents != 0:
			return nil
		case ready > 0:
			return ErrWoken
		case sliced:
			return nil
		case w.milliseconds() == 0:
			return ErrTimeout
		}
	}
}

func sysRead(fd descriptor, p []byte) (int, error) { return receive(fd, p, 0) }

func receive(fd descriptor, p []byte, flags uint32) (int, error) {
	var n uint32
	buf := windows.WSABuf{Len: uint32(min(len(p), 1<<30)), Buf: &p[0]}
	err := windows.WSARecv(fd, &buf, 1, &n, &flags, nil, nil)
	return int(n), err
}

func sysWrite(fd descriptor, head, body []byte) (int, error) {
	var bufs [2]windows.WSABuf
	count := 0
	for _, p := range [][]byte{head, body} {
		if len(p) > 0 {
			bufs[count] = windows.WSABuf{Len: uint32(min(len(p), 1<<30)), Buf: &p[0]}
			count++
		}
	}
	var n uint32
	err := windows.WSASend(fd, &bufs[0], uint32(count), &n, 0, nil, nil)
	return int(n), err
}

func sysPending(fd descriptor) (data, ended bool) {
	var one [1]byte
	n, err := receive(fd, one[:], peek)
	return n > 0, n == 0 && err == nil || err != nil && !isAgain(err)
}

func sysClose(fd descriptor) { _ = windows.Closesocket(fd) }

func sysShutdown(fd descriptor) { _ = windows.Shutdown(fd, shutBoth) }

func sysSockaddr(at netip.AddrPort) (family int32, address windows.Sockaddr) {
	if at.Addr().Is4() {
		return windows.AF_INET, &windows.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}
	}
	six := &windows.SockaddrInet6{Port: int(at.Port()), Addr: at.Addr().As16()}
	if i, err := net.InterfaceByName(at.Addr().Zone()); err == nil {
		six.ZoneId = uint32(i.Index)
	}
	return windows.AF_INET6, six
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

// sysTune sets what it can: an option that the system refuses costs speed or
// patience, and never a connection.
func sysTune(fd descriptor, t Tuning) {
	noDelay, keepAlive := 0, 0
	if t.NoDelay {
		noDelay = 1
	}
	_ = windows.SetsockoptInt(fd, windows.IPPROTO_TCP, windows.TCP_NODELAY, noDelay)
	if t.KeepAlive > 0 {
		keepAlive = 1
		seconds := max(1, int(t.KeepAlive.Seconds()))
		_ = windows.SetsockoptInt(fd, windows.IPPROTO_TCP, keepIdle, seconds)
		_ = windows.SetsockoptInt(fd, windows.IPPROTO_TCP, keepBetween, max(1, seconds/4))
		_ = windows.SetsockoptInt(fd, windows.IPPROTO_TCP, keepCount, 4)
	}
	_ = windows.SetsockoptInt(fd, windows.SOL_SOCKET, windows.SO_KEEPALIVE, keepAlive)
}

func prepare(fd descriptor) error {
	on := uint32(1)
	if r, _, err := ioctlSocket.Call(uintptr(fd), nonBlocking, uintptr(unsafe.Pointer(&on))); r != 0 {
		return err
	}
	return nil
}

func sysSocket(family, kind int32) (descriptor, error) {
	if err := start(); err != nil {
		return 0, err
	}
	fd, err := windows.WSASocket(family, kind, 0, nil, 0, overlapped|noHandles)
	if err != nil {
		return 0, err
	}
	if err := prepare(fd); err != nil {
		sysClose(fd)
		return 0, err
	}
	return fd, nil
}

func sysConnect(to netip.AddrPort, t Tuning) (descriptor, error) {
	family, sa := sysSockaddr(to)
	fd, err := sysSocket(family, windows.SOCK_STREAM)
	if err != nil {
		return 0, err
	}
	sysTune(fd, t)
	if err = windows.Connect(fd, sa); err == nil || isAgain(err) {
		return fd, nil
	}
	sysClose(fd)
	return 0, err
}

// sysConnectError returns the error of a connection attempt, nil while there is
// none.
func sysConnectError(fd descriptor) error {
	code, err := windows.GetsockoptInt(fd, windows.SOL_SOCKET, sockError)
	if err == nil && code != 0 {
		err = windows.Errno(code)
	}
	return err
}

// listenBacklog is SOMAXCONN: as many as the system allows.
const listenBacklog = 0x7fffffff

func sysListen(at netip.AddrPort) (descriptor, error) {
	family, sa := sysSockaddr(at)
	fd, err := sysSocket(family, windows.SOCK_STREAM)
	if err != nil {
		return 0, systemError("socket", err)
	}
	// Without this another program could bind the same port and take clients.
	_ = windows.SetsockoptInt(fd, windows.SOL_SOCKET, exclusive, 1)
	if err = windows.Bind(fd, sa); err != nil {
		err = systemError("bind", err)
	} else if err = windows.Listen(fd, listenBacklog); err != nil {
		err = systemError("listen", err)
	}
	if err != nil {
		sysClose(fd)
		return 0, err
	}
	return fd, nil
}

func sysAccept(fd descriptor) (descriptor, netip.AddrPort, error) {
	for {
		r, _, err := acceptProc.Call(uintptr(fd), 0, 0)
		conn := descriptor(r)
		if conn == windows.InvalidHandle {
			if err == windows.WSAECONNRESET {
				continue // it left before it was accepted
			}
			return 0, netip.AddrPort{}, err
		}
		if err := prepare(conn); err != nil {
			sysClose(conn)
			return 0, netip.AddrPort{}, err
		}
		remote := netip.AddrPort{}
		if sa, err := windows.Getpeername(conn); err == nil {
			remote = addrPort(sa)
		}
		return conn, remote, nil
	}
}

// Waker ends the waits of other threads that were given it, until Drain. It is a
// datagram socket that is connected to itself: WSAPoll takes nothing but sockets.
type Waker struct{ fd descriptor }

// NewWaker makes a Waker.
func NewWaker() (*Waker, error) {
	fd, err := sysSocket(windows.AF_INET, windows.SOCK_DGRAM)
	if err != nil {
		return nil, systemError("socket", err)
	}
	err = windows.Bind(fd, &windows.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	if err == nil {
		_, self := sysSockaddr(sysLocal(fd))
		err = windows.Connect(fd, self)
	}
	if err != nil {
		sysClose(fd)
		return nil, systemError("bind", err)
	}
	return &Waker{fd}, nil
}

// Wake ends the waits under way and those to come.
func (k *Waker) Wake() { _, _ = sysWrite(k.fd, []byte{1}, nil) }

// Drain makes later waits last again.
func (k *Waker) Drain() {
	var sink [64]byte
	for {
		if _, err := sysRead(k.fd, sink[:]); err != nil {
			return
		}
	}
}

// Close frees the descriptors. No wait may be under way.
func (k *Waker) Close() { sysClose(k.fd) }

// Poller waits for many descriptors at once, each known by a number of the
// caller's. One goroutine waits; all other methods are for any.
type Poller struct {
	waker *Waker

	mu      sync.Mutex
	ids     map[descriptor]uint64
	changed bool
	fds     []pollFd // of the waiting goroutine
	first   int      // where the next Wait begins to report, so that all have their turn
}

// NewPoller makes a Poller. The number 0 is for its own wake-up.
func NewPoller() (*Poller, error) {
	waker, err := NewWaker()
	if err != nil {
		return nil, err
	}
	p := &Poller{waker: waker, ids: map[descriptor]uint64{}}
	return p, p.add(waker.fd, 0)
}

func (p *Poller) add(fd descriptor, id uint64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ids[fd] = id
	p.changed = true
	return nil
}

func (p *Poller) remove(fd descriptor) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.ids, fd)
	p.changed = true
}

// mostReady is how many numbers one Wait gives.
const mostReady = 64

// Wait appends the numbers of what is readable to ready, at most 64 of them.
// It returns none when the time is over or Wake was called.
func (p *Poller) Wait(ready []uint64, w Wait) ([]uint64, error) {
	p.mu.Lock()
	if p.changed {
		p.fds, p.changed = p.fds[:0], false
		for fd := range p.ids {
			p.fds = append(p.fds, pollFd{fd: fd, events: forReading})
		}
	}
	p.mu.Unlock()
	if _, err := poll(p.fds, w.milliseconds()); err != nil {
		return ready, systemError("WSAPoll", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	found := 0
	for i := range p.fds {
		at := (p.first + i) % len(p.fds)
		f := &p.fds[at]
		if f.revents == 0 {
			continue
		}
		f.revents = 0
		id, known := p.ids[f.fd]
		switch {
		case !known:
		case id == 0:
			p.waker.Drain()
		case found == mostReady:
			p.first = at
			return ready, nil
		default:
			ready = append(ready, id)
			found++
		}
	}
	return ready, nil
}

// Close frees the Poller. No wait may be under way.
func (p *Poller) Close() { p.waker.Close() }
