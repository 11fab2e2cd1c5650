package transport

import (
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// noSignal: the system has no such flag; SO_NOSIGPIPE is set on each socket.
const (
	noSignal    = 0
	tcpKeepIdle = unix.TCP_KEEPALIVE
)

func zoneIndex(zone string) uint32 {
	if i, err := net.InterfaceByName(zone); err == nil {
		return uint32(i.Index)
	}
	return 0
}

func prepare(fd descriptor) error {
	unix.CloseOnExec(fd)
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_NOSIGPIPE, 1)
	return unix.SetNonblock(fd, true)
}

func sysSocket(family int) (descriptor, error) {
	fd, err := unix.Socket(family, unix.SOCK_STREAM, 0)
	if err != nil {
		return 0, err
	}
	if err := prepare(fd); err != nil {
		sysClose(fd)
		return 0, err
	}
	return fd, nil
}

func sysSend(fd descriptor, p []byte) (int, error) {
	return unix.SendmsgN(fd, p, nil, nil, noSignal)
}

func sysReceive(fd descriptor, p []byte) (int, error) { return unix.Read(fd, p) }

func sysPeek(fd descriptor) (int, error) {
	var one [1]byte
	n, _, err := unix.Recvfrom(fd, one[:], unix.MSG_PEEK)
	return n, err
}

// limitRetransmission bounds how long the system repeats what the peer does not confirm,
// during which it does not ask as keepalive does.
func limitRetransmission(fd descriptor, seconds int) {
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_RXT_CONNDROPTIME, 2*seconds)
}

// There is no way to ignore a peer.
func sysIgnorePeer(descriptor) {}
func sysHeedPeer(descriptor)   {}

func sysAccept(fd descriptor) (descriptor, netip.AddrPort, error) {
	for {
		conn, sa, err := syscall.Accept(fd)
		switch err {
		case nil:
			if err := prepare(conn); err != nil {
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

// sysRandom returns why the system has no random numbers.
func sysRandom() error { return nil }

// NewWaker makes a Waker.
func NewWaker() (*Waker, error) {
	var fds [2]int
	if err := unix.Pipe(fds[:]); err != nil {
		return nil, systemError("pipe", err)
	}
	for _, fd := range fds {
		unix.CloseOnExec(fd)
		if err := unix.SetNonblock(fd, true); err != nil {
			sysClose(fds[0])
			sysClose(fds[1])
			return nil, systemError("fcntl", err)
		}
	}
	return &Waker{fds[0], fds[1]}, nil
}

// Poller waits for many descriptors at once, each known by a number of the
// caller's. One goroutine waits; all other methods are for any.
type Poller struct {
	fd     descriptor
	waker  *Waker
	events [64]unix.Kevent_t
	numbers
}

// NewPoller makes a Poller. The number 0 is for its own wake-up.
func NewPoller() (*Poller, error) {
	fd, err := unix.Kqueue()
	if err != nil {
		return nil, systemError("kqueue", err)
	}
	unix.CloseOnExec(fd)
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

func (p *Poller) change(fd descriptor, filter, flags int) error {
	var event unix.Kevent_t
	unix.SetKevent(&event, fd, filter, flags)
	_, err := unix.Kevent(p.fd, []unix.Kevent_t{event}, nil, nil)
	return err
}

func (p *Poller) add(fd descriptor, id uint64) error { return p.watch(fd, id, Readable) }

func (p *Poller) watch(fd descriptor, id uint64, what Interest) error {
	p.numbers.set(fd, id)
	for _, one := range []struct {
		interest Interest
		filter   int
	}{{Readable, unix.EVFILT_READ}, {Writable, unix.EVFILT_WRITE}} {
		if what&one.interest == 0 {
			_ = p.change(fd, one.filter, unix.EV_DELETE) // it may not be there
		} else if err := p.change(fd, one.filter, unix.EV_ADD); err != nil {
			return systemError("kevent", err)
		}
	}
	return nil
}

func (p *Poller) remove(fd descriptor) {
	_ = p.change(fd, unix.EVFILT_READ, unix.EV_DELETE)
	_ = p.change(fd, unix.EVFILT_WRITE, unix.EV_DELETE)
}

// Wait appends the numbers of what is ready, as Watch asked, to ready, at most 64 of them.
// It returns none when the time is over or Wake was called.
func (p *Poller) Wait(ready []uint64, w Wait) ([]uint64, error) {
	for {
		var timeout *unix.Timespec
		if ms := w.milliseconds(); ms >= 0 {
			t := unix.NsecToTimespec(int64(ms) * 1e6)
			timeout = &t
		}
		n, err := unix.Kevent(p.fd, nil, p.events[:], timeout)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return ready, systemError("kevent", err)
		}
		for _, e := range p.events[:n] {
			id, known := p.numbers.get(int(e.Ident))
			if !known {
				continue
			}
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
