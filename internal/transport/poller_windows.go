package transport

import (
	"slices"
	"sync"
	"unsafe"
)

// Poller waits for many descriptors at once, each known by an id that the caller
// chooses, other than 0. One goroutine at a time may call Wait; any goroutine may call
// the other methods.
type Poller struct {
	waker *Waker // registered with the id 0

	mu         sync.Mutex
	registered map[descriptor]registration
	changed    bool // fds is out of date
	waiting    bool
	waits      int       // how many have ended
	waitEnded  sync.Cond // signals a change of waits

	// Used only by the goroutine in Wait.
	fds       []pollFd
	nextStart int // where the next Wait begins to report, so that each has its turn
}

// registration is what is waited for on a descriptor.
type registration struct {
	id     uint64
	events int16
}

const (
	pollReadable = 0x0100 | 0x0200 // POLLRDNORM, POLLRDBAND
	pollWritable = 0x0010          // POLLWRNORM
	pollError    = 0x0001          // POLLERR
)

// pollFd is a WSAPOLLFD.
type pollFd struct {
	fd      descriptor
	events  int16
	revents int16
}

// NewPoller creates a Poller.
func NewPoller() (*Poller, error) {
	waker, err := NewWaker()
	if err != nil {
		return nil, err
	}
	p := &Poller{waker: waker, registered: map[descriptor]registration{}}
	p.waitEnded.L = &p.mu
	return p, p.add(waker.fd, 0)
}

// pollerOf maps each registered descriptor to its *Poller.
var pollerOf sync.Map

// unregister removes a descriptor that is about to be closed from its Poller.
func unregister(fd descriptor) {
	if p, found := pollerOf.Load(fd); found {
		p.(*Poller).remove(fd)
	}
}

func (p *Poller) add(fd descriptor, id uint64) error { return p.watch(fd, id, Readable) }

func (p *Poller) watch(fd descriptor, id uint64, what Interest) error {
	r := registration{id: id}
	if what&Readable != 0 {
		r.events |= pollReadable
	}
	if what&Writable != 0 {
		r.events |= pollWritable
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.registered[fd] = r
	pollerOf.Store(fd, p)
	p.changed = true
	if p.waiting {
		p.waker.Wake() // the wait in progress does not include it
	}
	return nil
}

// remove also ends the wait in progress: once the descriptor is closed, the system may
// reuse its number for another socket anywhere in the process. (The server of Wine 8
// crashes if it is asked about a socket that is just being created.)
func (p *Poller) remove(fd descriptor) {
	p.mu.Lock()
	defer p.mu.Unlock()
	pollerOf.Delete(fd)
	if _, known := p.registered[fd]; !known {
		return
	}
	delete(p.registered, fd)
	p.changed = true
	if p.waiting {
		p.waker.Wake()
	}
	for current := p.waits; p.waiting && p.waits == current; {
		p.waitEnded.Wait()
	}
}

// Wait appends the ids of the ready descriptors to ready, at most 64 of them. It may
// append none: after the deadline of w, at the end of a slice (waitSlice), or if Wake was
// called.
func (p *Poller) Wait(ready []uint64, w Wait) ([]uint64, error) {
	p.begin()
	slice := w.nextSlice()
	err := wsaPoll(p.fds, slice.milliseconds())
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting = false
	p.waits++
	p.waitEnded.Broadcast()
	if err != nil {
		return ready, systemError("WSAPoll", withText(err))
	}
	found := 0
	for i := range p.fds {
		at := (p.nextStart + i) % len(p.fds)
		f := &p.fds[at]
		if f.revents == 0 {
			continue
		}
		f.revents = 0
		r, known := p.registered[f.fd]
		switch {
		case !known:
		case r.id == 0:
			p.waker.Drain()
		case found == maxEvents:
			p.nextStart = at
			return ready, nil
		default:
			ready = append(ready, r.id)
			found++
		}
	}
	return ready, nil
}

// begin begins a wait for what is registered now.
func (p *Poller) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting = true
	if !p.changed {
		return
	}
	p.fds, p.changed = p.appendFds(p.fds[:0]), false
}

// appendFds appends what is registered to fds. mu is held.
func (p *Poller) appendFds(fds []pollFd) []pollFd {
	for fd, r := range p.registered {
		fds = append(fds, pollFd{fd: fd, events: r.events})
	}
	return fds
}

// ready reports whether a Wait would return an id at once. It holds mu, so that no
// descriptor is removed and closed in the meantime.
func (p *Poller) ready() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	fds := p.appendFds(nil)
	return wsaPoll(fds, 0) == nil && slices.ContainsFunc(fds, func(f pollFd) bool {
		return f.revents != 0 && p.registered[f.fd].id != 0
	})
}

// wsaPoll is WSAPoll, which sets revents. Before Windows 10 version 2004 it does not
// notice that a connection attempt failed, which does not matter here.
func wsaPoll(fds []pollFd, milliseconds int) error {
	n, _, err := wsaPollProc.Call(uintptr(unsafe.Pointer(&fds[0])), uintptr(len(fds)), uintptr(milliseconds))
	if int32(n) < 0 {
		return err
	}
	return nil
}

// Close frees the Poller. No Wait may be in progress.
func (p *Poller) Close() { p.waker.Close() }
