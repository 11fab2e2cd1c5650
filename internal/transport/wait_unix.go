//go:build linux || darwin

package transport

import "golang.org/x/sys/unix"

// direction is what a wait is for: the events of poll.
type direction = int16

const (
	forReading direction = unix.POLLIN
	forWriting direction = unix.POLLOUT
)

// waitFor waits until fd is ready for reading or writing, as events asks.
func waitFor(fd descriptor, events direction, w Wait) error {
	waker, yield := -1, -1 // which poll ignores
	if w.Waker != nil {
		waker = w.Waker.r
	}
	if w.Yield != nil {
		yield = w.Yield.fd
	}
	spin := w.Spin.begin()
	for {
		timeout, spinning := spin.pollTimeout(w)
		call := poll
		if timeout != 0 {
			call = blockingPoll
		}
		found, err := call(fd, events, waker, yield, timeout)
		switch {
		case err == unix.EINTR:
			continue
		case err != 0:
			return systemError("poll", err)
		// The descriptor comes first: available data is read before a wake-up counts.
		case found&pollReady != 0:
			spin.hit()
			return nil
		case found&pollWoken != 0:
			return ErrWoken
		case found&pollYield != 0:
			return ErrYield
		case !spinning && w.milliseconds() == 0:
			return ErrTimeout
		}
	}
}

// The flags that poll returns.
const (
	pollReady = 1 << iota // fd is ready
	pollWoken             // waker is readable
	pollYield             // yield is readable
)

// poll waits until fd is ready, or waker or yield is readable.
func poll(fd descriptor, events int16, waker, yield descriptor, milliseconds int) (found int, err unix.Errno) {
	fds := [3]unix.PollFd{{Fd: int32(fd), Events: events}, {Fd: int32(waker), Events: unix.POLLIN}, {Fd: int32(yield), Events: unix.POLLIN}}
	if _, err := unix.Poll(fds[:], milliseconds); err != nil {
		return 0, err.(unix.Errno)
	}
	for i := range fds {
		if fds[i].Revents != 0 {
			found |= 1 << i
		}
	}
	return found, 0
}

// blockingPoll is poll for calls that may block; see SetWaitFunctions.
var blockingPoll = poll

// pollTimeout returns the timeout of the next poll, in milliseconds, and whether that
// poll belongs to the spinning.
func (p *spinWait) pollTimeout(w Wait) (milliseconds int, spinning bool) {
	if p.spinAgain() {
		return 0, true
	}
	return w.milliseconds(), false
}
