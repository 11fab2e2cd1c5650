package transport

import (
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

// waitSlice is the longest single wait in the system. On Windows a shutdown by another
// thread does not end a wait, so waitFor checks for one from time to time. It also
// checks for a wake-up, whose datagram a firewall may have dropped. Otherwise the
// datagram ends a wait at once.
const waitSlice = 100 * time.Millisecond

// yieldSlice is the longest single wait with Yield: select cannot wait for a Poller.
const yieldSlice = 10 * time.Millisecond

// nextSlice returns the next slice of the wait.
func (w Wait) nextSlice() Wait {
	end := time.Now().Add(waitSlice)
	if w.Yield != nil {
		end = time.Now().Add(yieldSlice)
	}
	if !w.Deadline.IsZero() && w.Deadline.Before(end) {
		return w
	}
	return Wait{Deadline: end}
}

// waitFor waits until fd is ready for reading or writing. It uses select: before
// Windows 10 version 2004, WSAPoll does not notice that a connection attempt failed.
func waitFor(fd descriptor, what direction, w Wait) error {
	for {
		var readable, writable, failed *fdSet
		if what == forWriting {
			writable, failed = writable.add(fd), failed.add(fd)
		} else {
			readable = readable.add(fd)
		}
		if w.Waker != nil {
			readable = readable.add(w.Waker.fd)
		}
		slice := w.nextSlice()
		if err := selectFds(readable, writable, failed, slice.milliseconds()); err != nil {
			return systemError("select", withText(err))
		}
		if _, ended := shutdownFds.Load(fd); ended {
			return systemError("select", withText(windows.WSAESHUTDOWN))
		}
		switch {
		// The descriptor comes first: available data is read before a wake-up counts.
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

// fdSet is an fd_set of at most two descriptors; nil is the empty one.
type fdSet struct {
	count uint32
	fds   [2]descriptor
}

func (s *fdSet) add(fd descriptor) *fdSet {
	if s == nil {
		s = &fdSet{}
	}
	s.fds[s.count] = fd
	s.count++
	return s
}

func (s *fdSet) has(fd descriptor) bool {
	return s != nil && (s.count > 0 && s.fds[0] == fd || s.count > 1 && s.fds[1] == fd)
}

// selectFds is the system's select: it leaves the ready descriptors in the sets.
func selectFds(readable, writable, failed *fdSet, milliseconds int) error {
	limit := windows.Timeval{Sec: int32(milliseconds / 1000), Usec: int32(milliseconds % 1000 * 1000)}
	n, _, err := selectProc.Call(0, uintptr(unsafe.Pointer(readable)), uintptr(unsafe.Pointer(writable)), uintptr(unsafe.Pointer(failed)), uintptr(unsafe.Pointer(&limit)))
	if int32(n) < 0 {
		return err
	}
	return nil
}
