package transport

import (
	"errors"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Poller waits for many descriptors at once, each known by an id that the caller
// chooses, other than 0. One goroutine at a time may call Wait; any goroutine may call
// the other methods.
type Poller struct {
	fd     descriptor
	waker  *Waker // registered with the id 0
	spin   Spin
	events [maxEvents]unix.EpollEvent
}

// NewPoller creates a Poller.
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

// epollPoll is epollWait with a timeout of 0. It does not wait, so Go's scheduler is not
// informed, as for the calls of socket_linux.go.
func epollPoll(fd int, events []unix.EpollEvent) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), 0, 0, 0)
	return int(n), errno
}

// blockingEpollWait is epollWait for calls that may block; see SetWaitFunctions.
var blockingEpollWait = epollWait

// SetWaitFunctions replaces poll(2) and epoll_wait(2) in calls that may block. It must
// come before the first wait. The garbage collectors of some languages stop every thread
// and assume that its stack pointer is inside the stack that the thread began with, but
// Go code runs on other stacks. Package capi can call C, and so wait on the thread's own
// stack.
func SetWaitFunctions(poll func(fd int, events int16, waker, yield, milliseconds int) (found int, err syscall.Errno),
	epollWait func(fd int, events []unix.EpollEvent, milliseconds int) (n int, err syscall.Errno)) {
	blockingPoll, blockingEpollWait = poll, epollWait
}

// Wait appends the ids of the ready descriptors to ready, at most 64 of them. It appends
// none after the deadline of w, or if Wake was called.
func (p *Poller) Wait(ready []uint64, w Wait) ([]uint64, error) {
	var spin spinWait
	if !w.nonblocking() {
		spin = p.spin.begin()
	}
	for {
		timeout, spinning := spin.pollTimeout(w)
		var n int
		var err unix.Errno
		if timeout == 0 {
			n, err = epollPoll(p.fd, p.events[:])
		} else {
			n, err = blockingEpollWait(p.fd, p.events[:], timeout)
		}
		if err == unix.EINTR || err == 0 && n == 0 && spinning {
			continue
		}
		if err != 0 {
			return ready, systemError("epoll_wait", err)
		}
		if n > 0 {
			spin.hit()
		}
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

// Close frees the Poller. No Wait may be in progress.
func (p *Poller) Close() {
	p.waker.Close()
	sysClose(p.fd)
}
