package transport

import (
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// direction is what a wait is for.
type direction bool

const (
	forReading direction = false
	forWriting direction = true
)

// slice is how long the system waits at once. A shutdown by another thread ends no
// wait on Windows, so that waitFor looks for itself from time to time; and so does
// everybody for a Waker whose datagram some firewall took. What must end at once
// ends by the datagram.
const slice = 100 * time.Millisecond

// yieldSlice is that of a wait with Yield: a Poller is no socket that select takes.
const yieldSlice = 10 * time.Millisecond

// part is the next slice of the wait.
func (w Wait) part() Wait {
	end := time.Now().Add(slice)
	if w.Yield != nil {
		end = time.Now().Add(yieldSlice)
	}
	if !w.Deadline.IsZero() && w.Deadline.Before(end) {
		return w
	}
	return Wait{Deadline: end}
}

// waitFor waits until fd is ready for what is asked. It does so with select:
// before Windows 10 version 2004, WSAPoll does not notice that a connection
// attempt failed.
func waitFor(fd descriptor, what direction, w Wait) error {
	for {
		var readable, writable, failed *sockets
		if what == forWriting {
			writable, failed = writable.with(fd), failed.with(fd)
		} else {
			readable = readable.with(fd)
		}
		if w.Waker != nil {
			readable = readable.with(w.Waker.fd)
		}
		if err := ready(readable, writable, failed, w.part().milliseconds()); err != nil {
			return systemError("select", inWords(err))
		}
		if _, ended := shut.Load(fd); ended {
			return systemError("select", inWords(windows.WSAESHUTDOWN))
		}
		switch {
		// The descriptor comes first: what is there is taken before a wake-up.
		case readable.has(fd) || writable.has(fd) || failed.has(fd):
			return nil
		case w.Waker != nil && (readable.has(w.Waker.fd) || w.Waker.woken.Load()):
			return ErrWoken
		case w.Yield != nil && w.Yield.ready():
			return ErrYield
		case w.milliseconds() == 0:
			return ErrTimeout
		}
	}
}

// sockets is an fd_set, of two at most; an empty one is nil.
type sockets struct {
	count uint32
	of    [2]descriptor
}

func (s *sockets) with(fd descriptor) *sockets {
	if s == nil {
		s = &sockets{}
	}
	s.of[s.count] = fd
	s.count++
	return s
}

func (s *sockets) has(fd descriptor) bool {
	return s != nil && (s.count > 0 && s.of[0] == fd || s.count > 1 && s.of[1] == fd)
}

// ready is the system's select: it leaves in the sets what is ready.
func ready(readable, writable, failed *sockets, milliseconds int) error {
	limit := windows.Timeval{Sec: int32(milliseconds / 1000), Usec: int32(milliseconds % 1000 * 1000)}
	n, _, err := selectProc.Call(0, uintptr(unsafe.Pointer(readable)), uintptr(unsafe.Pointer(writable)), uintptr(unsafe.Pointer(failed)), uintptr(unsafe.Pointer(&limit)))
	if int32(n) < 0 {
		return err
	}
	return nil
}

// Waker ends the waits of other threads that were given it, until Drain. It is a
// datagram socket that is connected to itself: select takes nothing but sockets.
type Waker struct {
	fd    descriptor
	woken atomic.Bool // a datagram is there, or under way
}

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
	return &Waker{fd: fd}, nil
}

// Wake ends the waits under way and those to come.
func (k *Waker) Wake() {
	if !k.woken.Swap(true) {
		_, _ = sysWrite(k.fd, []byte{1}, nil)
	}
}

// Drain makes later waits last again.
func (k *Waker) Drain() {
	// There is one datagram for each time that it was woken. It may still be
	// under way; what is not there after a second has never been sent.
	if k.woken.Swap(false) {
		_ = waitFor(k.fd, forReading, Wait{Deadline: time.Now().Add(time.Second)})
		var sink [1]byte
		_, _ = sysRead(k.fd, sink[:])
	}
}

// Close frees the descriptors. No wait may be under way.
func (k *Waker) Close() { sysClose(k.fd) }
