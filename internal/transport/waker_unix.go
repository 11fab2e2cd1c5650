//go:build linux || darwin

package transport

import "golang.org/x/sys/unix"

// Waker ends the waits of the threads that wait with it, until Drain. It is readable
// while it is woken.
type Waker struct{ r, w descriptor }

// Wake ends the waits in progress and later ones, until Drain.
func (k *Waker) Wake() {
	one := [8]byte{1}
	for {
		// A full pipe or counter wakes as well, so that EAGAIN is not a failure.
		if _, err := unix.Write(k.w, one[:]); err != unix.EINTR {
			return
		}
	}
}

// Drain resets the Waker: later waits block again.
func (k *Waker) Drain() {
	var sink [64]byte
	for {
		n, err := unix.Read(k.r, sink[:])
		if err == unix.EINTR {
			continue
		}
		if err != nil || n < len(sink) {
			return
		}
	}
}

// Close frees the descriptors. No wait may be in progress.
func (k *Waker) Close() {
	sysClose(k.r)
	if k.w != k.r {
		sysClose(k.w)
	}
}
