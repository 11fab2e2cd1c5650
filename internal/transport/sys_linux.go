package transport

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	noSignal    = unix.MSG_NOSIGNAL
	tcpKeepIdle = unix.TCP_KEEPIDLE
)

func zoneIndex(zone string) uint32 {
	if i, err := net.InterfaceByName(zone); err == nil {
		return uint32(i.Index)
	}
	return 0
}

func sysSocket(family int) (descriptor, error) {
	return unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
}

// brief is how many bytes a system call on a non-blocking descriptor may move
// and still be made without telling Go's scheduler. That saves a fifth of a
// microsecond, and a collection of garbage waits for it for no longer than for
// any other piece of code.
const brief = 64 << 10

// sysSend is send(2), which package unix has in a form only that does not tell how
// much was taken.
func sysSend(fd descriptor, p []byte) (int, error) {
	return transferred(unix.SYS_SENDTO, fd, p, noSignal)
}

// sysReceive is recv(2), a shorter way than read(2) in the system.
func sysReceive(fd descriptor, p []byte) (int, error) {
	return transferred(unix.SYS_RECVFROM, fd, p, 0)
}

// sysPeek returns 1 if there is something to read, which it leaves there.
func sysPeek(fd descriptor) (int, error) {
	var one [1]byte
	return transferred(unix.SYS_RECVFROM, fd, one[:], unix.MSG_PEEK)
}

func transferred(call uintptr, fd descriptor, p []byte, flags uintptr) (int, error) {
	var n uintptr
	var errno unix.Errno
	if len(p) <= brief {
		n, _, errno = unix.RawSyscall6(call, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), flags, 0, 0)
	} else {
		n, _, errno = unix.Syscall6(call, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), flags, 0, 0)
	}
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// limitRetransmission bounds how long the system repeats what the peer does not confirm,
// during which it does not ask as keepalive does: 13 s and ten intervals, instead of a
// quarter of an hour. Linux before 6.15 does not know it.
func limitRetransmission(fd descriptor, seconds int) {
	const most = 120
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_RTO_MAX_MS, 1000*min(max(1, seconds/5), most))
}

// ignoreAll is a packet filter that lets nothing pass.
var ignoreAll = unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 0}

// sysIgnorePeer makes the system drop what comes from the peer, until sysHeedPeer.
// Without it, a server that answers between the last look at a connection attempt and
// its close accepts a connection without a message: 9 of 5,300 did that were established
// within 15 ms around their deadline, and with it none of 8,000.
func sysIgnorePeer(fd descriptor) {
	_ = unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &ignoreAll})
}

// sysHeedPeer ends sysIgnorePeer. The peer repeats what was dropped.
func sysHeedPeer(fd descriptor) {
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0)
}

// sysAccept takes a connection, which has the listener's tuning: Linux passes
// it on.
func sysAccept(fd descriptor) (descriptor, netip.AddrPort, error) {
	for {
		conn, sa, err := syscall.Accept4(fd, unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
		switch err {
		case nil:
			return conn, addrPort(sa), nil
		case unix.EINTR, unix.ECONNABORTED:
			continue
		}
		return 0, netip.AddrPort{}, err
	}
}

// sysRandom returns why the system has no random numbers, without which crypto/tls
// ends the process: a sandbox may forbid them. A system that does not know the call has
// a file instead.
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

// NewWaker makes a Waker.
func NewWaker() (*Waker, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, systemError("eventfd", err)
	}
	return &Waker{fd, fd}, nil
}

// Poller waits for many descriptors at once, each known by a number of the
// caller's. One goroutine waits; all other methods are for any.
type Poller struct {
	fd     descriptor
	waker  *Waker
	spin   Spin
	events [64]unix.EpollEvent
}

// NewPoller makes a Poller. The number 0 is for its own wake-up.
func NewPoller() (*Poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, systemError("epoll_create", err)
	}
	waker, err := NewWaker()
	if err != nil {
		sysClose(fd)
		return nil, err
	}
	p := &Poller{fd: fd, waker: waker}
	if err := p.add(waker.r, 0); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

func (p *Poller) add(fd descriptor, id uint64) error {
	return p.control(unix.EPOLL_CTL_ADD, fd, id, Readable)
}

func (p *Poller) watch(fd descriptor, id uint64, what Interest) error {
	err := p.control(unix.EPOLL_CTL_MOD, fd, id, what)
	if errors.Is(err, unix.ENOENT) {
		err = p.control(unix.EPOLL_CTL_ADD, fd, id, what)
	}
	return err
}

func (p *Poller) control(op int, fd descriptor, id uint64, what Interest) error {
	event := unix.EpollEvent{Fd: int32(id), Pad: int32(id >> 32)}
	if what&Readable != 0 {
		event.Events |= unix.EPOLLIN | unix.EPOLLRDHUP
	}
	if what&Writable != 0 {
		event.Events |= unix.EPOLLOUT
	}
	if err := unix.EpollCtl(p.fd, op, fd, &event); err != nil {
		return systemError("epoll_ctl", err)
	}
	return nil
}

func (p *Poller) remove(fd descriptor) {
	_ = unix.EpollCtl(p.fd, unix.EPOLL_CTL_DEL, fd, nil)
}

func epollWait(fd int, events []unix.EpollEvent, milliseconds int) (int, unix.Errno) {
	n, err := unix.EpollWait(fd, events, milliseconds)
	if err != nil {
		return 0, err.(unix.Errno)
	}
	return n, 0
}

// blockingEpollWait is epollWait where that may wait; see WaitWith.
var blockingEpollWait = epollWait

// WaitWith replaces poll(2) and epoll_wait(2) where they may wait, before anything
// waits. The garbage collectors of some languages stop every thread, and take its stack
// pointer for one into the stack that it began with. Go's code has other stacks. Package
// capi, which can call C, has functions that wait on the thread's own one.
func WaitWith(poll func(fd int, events int16, waker, other, milliseconds int) (found int, err syscall.Errno),
	epollWait func(fd int, events []unix.EpollEvent, milliseconds int) (n int, err syscall.Errno)) {
	blockingPoll, blockingEpollWait = poll, epollWait
}

// Wait appends the numbers of what is ready, as Watch asked, to ready, at most 64 of them.
// It returns none when the time is over or Wake was called.
func (p *Poller) Wait(ready []uint64, w Wait) ([]uint64, error) {
	var spin spinning
	if !w.Deadline.Equal(past) {
		spin = p.spin.begin()
	}
	for {
		patience, looking := spin.patience(w)
		call := epollWait
		if patience != 0 {
			call = blockingEpollWait
		}
		n, err := call(p.fd, p.events[:], patience)
		if err == unix.EINTR || err == 0 && n == 0 && looking {
			continue
		}
		if err != 0 {
			return ready, systemError("epoll_wait", err)
		}
		spin.found()
		for _, e := range p.events[:n] {
			id := uint64(uint32(e.Fd)) | uint64(uint32(e.Pad))<<32
			if id == 0 {
				p.waker.Drain()
				continue
			}
			ready = append(ready, id)
		}
		return ready, nil
	}
}

// Close frees the Poller. No wait may be under way.
func (p *Poller) Close() {
	p.waker.Close()
	sysClose(p.fd)
}
