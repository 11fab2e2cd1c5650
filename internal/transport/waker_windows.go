package transport

import (
	"sync/atomic"
	"time"

	"golang.org/x/sys/windows"
)

// Waker ends the waits of the threads that wait with it, until Drain. It is a datagram
// socket that is connected to itself: select accepts only sockets.
type Waker struct {
	fd    descriptor
	woken atomic.Bool // a datagram has arrived, or is in flight
}

// NewWaker creates a Waker.
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

// Wake ends the waits in progress and later ones, until Drain.
func (k *Waker) Wake() {
	if !k.woken.Swap(true) {
		_, _ = sysWrite(k.fd, []byte{1}, nil)
	}
}

// Drain resets the Waker: later waits block again.
func (k *Waker) Drain() {
	// Each wake-up sent one datagram. It may still be in flight; one that does not
	// arrive within a second was lost.
	if k.woken.Swap(false) {
		_ = waitFor(k.fd, forReading, Wait{Deadline: time.Now().Add(time.Second)})
		var sink [1]byte
		_, _ = sysRead(k.fd, sink[:])
	}
}

// Close frees the descriptor. No wait may be in progress.
func (k *Waker) Close() { sysClose(k.fd) }
